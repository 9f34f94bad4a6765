//! Identities, envelopes and proofs: what every participant signs and checks.
//!
//! No network, async, storage, clock or randomness of its own: time and random bytes come as arguments.
//! Begin with [`name`], then [`event`] and [`cose`]; docs/PROTOCOL.md gives the bytes.

pub mod announcement;
pub mod capsule;
pub mod cbor;
pub mod certificate;
pub mod checkpoint;
pub mod code;
pub mod cose;
pub mod crl;
pub mod custody;
mod der;
pub mod digest;
pub mod event;
pub mod evidence;
pub mod extract;
pub mod issue;
pub mod key;
pub mod merkle;
pub mod name;
pub mod opening;
pub mod path;
mod pem;
pub mod problem;
pub mod receipt;
pub mod record;
pub mod reference;
pub mod refusal;
pub mod registry;
pub mod service;
pub mod testing;
pub mod timestamp;
pub mod token;
pub mod trust;
pub mod verdict;

pub use code::{Code, Side};
pub use digest::{CaseId, Digest, EventId};
pub use name::{AgencyId, Identity, Role};
pub use problem::Problem;
pub use timestamp::Timestamp;

/// What a fallible function of this project returns.
pub type Result<T, E = Problem> = std::result::Result<T, E>;
