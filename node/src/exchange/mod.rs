//! The exchange: what nodes say to each other over QUIC with mutual TLS, and how what must be said is not lost.
//!
//! Knows certificates and envelopes only, never a case, a store or a journal. The pure part takes time and seeds as
//! arguments: [`message`] and [`request`] (bytes), [`frame`], [`session`] (one connection), [`outbox`] (all peers).

pub mod backoff;
mod elements;
pub mod frame;
pub mod message;
pub mod outbox;
pub mod request;
pub mod session;
