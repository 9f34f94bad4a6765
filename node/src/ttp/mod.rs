//! The trusted third party: verifies for others and answers with signed evidence.
//!
//! It judges by its own anchors and revocation data, never by another agency's word. Begin with [`judge::judge`].

mod findings;
pub mod judge;
pub mod policy;

pub use judge::{judge, replay};

#[cfg(test)]
mod tests;
