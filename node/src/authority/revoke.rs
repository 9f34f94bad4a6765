//! Revocation: decided for an operator of the authority alone, recorded for good, and told by the next list at once.
//!
//! An expired certificate can be revoked, since old signatures rest on it; one that is revoked already stays as it was, and
//! the answer says so.

use ogic_certs::crl::{Reason, Revoked};
use ogic_certs::{Code, Identity, Problem, Result, Timestamp};

use super::book::{Book, Issued};

/// What an operator wants revoked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// Every certificate of this identity that still counts.
    Identity(Identity),
    /// The one certificate of this serial number.
    Serial(Vec<u8>),
}

/// What a revocation comes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Revocation {
    /// What is to be recorded; empty if all was revoked before.
    pub fresh: Vec<Revoked>,
    /// The newest certificate meant: its serial number, and since when it is revoked.
    pub serial: Vec<u8>,
    /// Since when.
    pub at: Timestamp,
}

impl Book {
    /// Decides what revoking `target` at `now` records.
    ///
    /// `NotFound` if nothing like it was issued here; `ValueRefused` for the authority's own certificates, which are
    /// replaced by a new key and not by a list that they sign themselves.
    pub fn decide_revoke(&self, target: &Target, reason: Reason, now: Timestamp) -> Result<Revocation> {
        let mut meant: Vec<&Issued> = match target {
            Target::Serial(serial) => self.issued_by_serial(serial).into_iter().collect(),
            Target::Identity(identity) => {
                self.issued().filter(|issued| issued.identity == *identity).collect()
            }
        };
        meant.sort_by_key(|issued| issued.certificate.not_before());
        let Some(newest) = meant.last().copied() else {
            return Err(Problem::new(Code::NotFound, "certificate").expected("one that was issued here"));
        };
        if newest.identity.agency == self.charter().authority {
            return Err(Problem::new(Code::ValueRefused, "certificate")
                .found(newest.identity.to_string())
                .expected("a member's certificate"));
        }
        let fresh = meant
            .iter()
            .filter(|issued| issued.revoked.is_none())
            .map(|issued| Revoked { serial: issued.certificate.serial().to_vec(), at: now, reason })
            .collect();
        Ok(Revocation {
            fresh,
            serial: newest.certificate.serial().to_vec(),
            at: newest.revoked.as_ref().map_or(now, |revoked| revoked.at),
        })
    }
}

/// The reasons that an operator may give, in words: those of RFC 5280 5.3.1 that fit a member's certificate.
const REASONS: [(&str, Reason); 6] = [
    ("unspecified", Reason::Unspecified),
    ("key-compromise", Reason::KeyCompromise),
    ("affiliation-changed", Reason::AffiliationChanged),
    ("superseded", Reason::Superseded),
    ("cessation-of-operation", Reason::CessationOfOperation),
    ("privilege-withdrawn", Reason::PrivilegeWithdrawn),
];

/// The reason of a word.
pub fn reason_of(word: &str) -> Result<Reason> {
    REASONS.iter().find(|(known, _)| *known == word).map(|(_, reason)| *reason).ok_or_else(|| {
        let words: Vec<&str> = REASONS.iter().map(|(word, _)| *word).collect();
        Problem::new(Code::ValueRefused, "reason").found(word).expected(words.join(", "))
    })
}
