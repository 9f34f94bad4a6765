//! Capsules: one file with a case's history, proofs, evidence and certificates, that verifies offline.
//!
//! PROTOCOL.md, "Capsule" and "Verification of a capsule", is the contract. [`Builder`] makes one from its parts;
//! [`examine()`] runs every check that needs no case model, and whoever has one folds what [`Contents`] holds. Nothing
//! here is trusted because a capsule carries it: trust is [`Given`].

mod build;
mod chain;
mod examine;
mod frame;
mod judge;
mod manifest;
mod proofs;
mod record;
mod report;

pub use build::Builder;
pub use examine::{Approved, Contents, Examined, Given, Recorded, examine};
pub use manifest::Manifest;
pub use report::{Finding, Report, Step, failed};

use crate::certificate::CERTIFICATE_BYTES_MAX;
use crate::cose::Kind;
use crate::crl::CRL_BYTES_MAX;
use crate::event::BODY_BYTES_MAX;
use crate::receipt::RECEIPT_BYTES_MAX;
use crate::record::Record;
use crate::{Code, Problem, Result};

/// How every capsule begins.
pub const MAGIC: &[u8; 15] = b"ogic capsule 1\n";
/// Most bytes of a capsule.
pub const CAPSULE_BYTES_MAX: usize = 1 << 30;
/// Most sections besides the manifest, which then stays within its 4 MiB.
pub const SECTIONS_MAX: usize = 64 << 10;
/// Most bytes of a document that a capsule carries; a larger one is named only.
pub const DOCUMENT_BYTES_MAX: usize = 256 << 20;
/// Most bytes of a record's section: the leaf, then header, body and approval.
pub const RECORD_BYTES_MAX: usize =
    Record::BYTES + 64 + Kind::Event.bytes_max() + BODY_BYTES_MAX + Kind::Approval.bytes_max();

/// What a section holds. The order of the numbers is the order of the sections.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Part {
    /// The service definition's COSE bytes; exactly one.
    Service = 1,
    /// A certificate, DER.
    Certificate = 2,
    /// A revocation list, DER.
    Crl = 3,
    /// The registry's COSE bytes; exactly one.
    Registry = 4,
    /// A record with its event; one or more, in order of sequence.
    Record = 5,
    /// A receipt frame over some of the records, with the case's head; one or more.
    Receipts = 6,
    /// A document's bytes.
    Document = 7,
    /// The manifest's COSE bytes; the last section.
    Manifest = 255,
}

impl Part {
    const ALL: [Self; 8] = [
        Self::Service,
        Self::Certificate,
        Self::Crl,
        Self::Registry,
        Self::Record,
        Self::Receipts,
        Self::Document,
        Self::Manifest,
    ];

    /// The number in the bytes.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The part of a number.
    pub fn from_number(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|part| u64::from(part.number()) == number)
    }

    /// The most bytes that a section of this kind may have.
    pub const fn bytes_max(self) -> usize {
        match self {
            Self::Service => Kind::Service.bytes_max(),
            Self::Certificate => CERTIFICATE_BYTES_MAX,
            Self::Crl => CRL_BYTES_MAX,
            Self::Registry => Kind::Registry.bytes_max(),
            Self::Record => RECORD_BYTES_MAX,
            Self::Receipts => RECEIPT_BYTES_MAX,
            Self::Document => DOCUMENT_BYTES_MAX,
            Self::Manifest => Kind::Capsule.bytes_max(),
        }
    }

    /// How findings name the section that is the `nth` of its kind, from 0. A record is named by its sequence.
    pub fn place(self, nth: usize) -> String {
        match self {
            Self::Service => "service".to_owned(),
            Self::Certificate => format!("certificate {}", nth + 1),
            Self::Crl => format!("CRL {}", nth + 1),
            Self::Registry => "registry".to_owned(),
            Self::Record => format!("record {nth}"),
            Self::Receipts => format!("receipts {}", nth + 1),
            Self::Document => format!("document {}", nth + 1),
            Self::Manifest => "manifest".to_owned(),
        }
    }

    fn check_bytes(self, length: usize) -> Result<()> {
        if length <= self.bytes_max() {
            return Ok(());
        }
        Err(Problem::new(Code::TooLarge, self.place(0))
            .found(format!("{length} bytes"))
            .expected(format!("at most {} bytes", self.bytes_max())))
    }
}

/// Names the sections of a list of kinds, one after another: what [`Part::place`] makes of each.
fn places(parts: impl Iterator<Item = Part>) -> Vec<String> {
    let mut counts = [0_usize; Part::ALL.len()];
    parts
        .map(|part| {
            let count = Part::ALL.iter().position(|one| *one == part).and_then(|at| counts.get_mut(at));
            let nth = count.map_or(0, |count| {
                *count += 1;
                *count - 1
            });
            part.place(nth)
        })
        .collect()
}
