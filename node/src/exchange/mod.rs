//! The exchange: what nodes say to each other over QUIC with mutual TLS, and how what must be said is not lost.
//!
//! Knows certificates and envelopes only, never a case, a store or a journal. The pure part takes time and seeds as
//! arguments: [`message`] and [`request`] (bytes), [`frame`], [`session`] (one connection), [`outbox`] (all peers). The
//! shell pumps it: begin with [`quic::Endpoint`] and [`face::Face`].

mod accept;
pub mod backoff;
mod close;
mod dial;
mod elements;
pub mod enrol;
pub mod face;
pub mod frame;
pub mod link;
pub mod message;
pub mod outbox;
mod peers;
mod pump;
pub mod quic;
pub mod request;
pub mod serve;
pub mod session;
mod streams;
pub mod tls;
pub mod trust;
mod verifier;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
