//! An agency's daemon: the shell around the desk. Threads, sockets, files and the clock are here and nowhere below.
//!
//! [`Node::start`] puts the parts together; [`Handle`] is what the local API works with. One thread writes
//! ([`writer`]), tasks verify, fetch, and ask the trusted third party ([`chores`]); none of them decides anything.

mod board;
mod changes;
mod chores;
mod custody;
mod documents;
mod face;
mod node;
mod remote;
mod timing;
mod writer;

pub use documents::{DOCUMENT_BYTES_MAX, Documents, Incoming};
pub use node::{Config, Handle, Node};
pub use remote::{CaseView, Entry};
pub use timing::{Part, Settlements, Spent, Timing};
pub use writer::NodeDesk;
