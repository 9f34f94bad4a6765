//! The trusted third party: verifies for others and answers with signed evidence.
//!
//! It judges by its own anchors and revocation data, never by another agency's word. Begin with [`judge::judge`].

pub mod api;
pub mod archive;
pub mod face;
mod findings;
pub mod judge;
pub mod policy;
pub mod replay;
pub mod serve;

pub use judge::judge;
pub use replay::replay;
pub use serve::{Running, serve};

#[cfg(test)]
mod tests;
