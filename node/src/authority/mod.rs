//! The certificate authority: enrols, issues, revokes, and keeps the registry.
//!
//! [`book`] is all that the authority knows, folded from its journal; what may change it is decided without I/O in
//! [`redeem`], [`revoke`] and [`register`]. [`office`] signs and commits, and only then answers. It never holds a private
//! key of anybody else, and never stands on the store of cases. Begin with [`book::Book`].

pub mod api;
pub mod attempts;
pub mod book;
pub mod entry;
pub mod face;
pub mod founding;
pub mod office;
pub mod premises;
pub mod redeem;
pub mod register;
pub mod revoke;
pub mod serve;

pub use book::{Book, Charter};
pub use entry::Entry;
pub use office::Office;
pub use premises::{Founded, Options, init};
pub use serve::{Running, serve};

#[cfg(test)]
mod tests;
