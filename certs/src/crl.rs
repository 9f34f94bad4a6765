//! Certificate revocation lists (RFC 5280 5), read strictly beside their bytes. Reading judges form alone; who signed
//! and whether it is fresh is judged by `path`.
//!
//! Complete lists of their issuer only, so far: a list with a critical extension that says otherwise is unusable
//! ([`Crl::usable`]), never ignored.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use x509_parser::prelude::{CertificateRevocationList, FromDer};

use crate::certificate::{DistinguishedName, Extension, id, read_extensions};
use crate::der::{self, Reader, tag};
use crate::key::PublicKey;
use crate::{Code, Digest, Problem, Result, Timestamp};

/// Largest list: about 100 000 entries. Checked before anything is parsed and before the signature.
pub const CRL_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Longest CRL number and serial number, in octets (RFC 5280 5.2.3, 4.1.2.2).
const NUMBER_BYTES_MAX: usize = 21;
/// How many unknown critical extensions are remembered by name.
const NAMED_MAX: usize = 8;

/// Why a certificate was revoked (RFC 5280 5.3.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reason {
    /// No reason given.
    Unspecified = 0,
    /// The private key is, or may be, known to another.
    KeyCompromise = 1,
    /// The same of an authority's key.
    CaCompromise = 2,
    /// The subject's name or other data changed.
    AffiliationChanged = 3,
    /// Another certificate took its place.
    Superseded = 4,
    /// It is no longer needed.
    CessationOfOperation = 5,
    /// Suspended; a later list may leave it out again.
    CertificateHold = 6,
    /// Only in delta lists: no longer on hold.
    RemoveFromCrl = 8,
    /// A privilege was withdrawn.
    PrivilegeWithdrawn = 9,
    /// The same as a key compromise, of an attribute authority.
    AaCompromise = 10,
}

impl Reason {
    const ALL: [Self; 10] = [
        Self::Unspecified,
        Self::KeyCompromise,
        Self::CaCompromise,
        Self::AffiliationChanged,
        Self::Superseded,
        Self::CessationOfOperation,
        Self::CertificateHold,
        Self::RemoveFromCrl,
        Self::PrivilegeWithdrawn,
        Self::AaCompromise,
    ];

    /// The number of the standard.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The reason of a number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.number() == number)
    }

    /// The reason in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "key-compromise",
            Self::CaCompromise => "ca-compromise",
            Self::AffiliationChanged => "affiliation-changed",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessation-of-operation",
            Self::CertificateHold => "certificate-hold",
            Self::RemoveFromCrl => "remove-from-crl",
            Self::PrivilegeWithdrawn => "privilege-withdrawn",
            Self::AaCompromise => "aa-compromise",
        }
    }

    const fn is_compromise(self) -> bool {
        matches!(self, Self::KeyCompromise | Self::CaCompromise | Self::AaCompromise)
    }
}

/// One revoked certificate, as an authority writes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Revoked {
    /// [`crate::certificate::Certificate::serial`] of the certificate.
    pub serial: Vec<u8>,
    /// From when on.
    pub at: Timestamp,
    /// Why.
    pub reason: Reason,
}

/// A parsed CRL. Cheap to clone.
#[derive(Clone)]
pub struct Crl(Arc<Inner>);

struct Inner {
    der: Vec<u8>,
    digest: Digest,
    tbs: Range<usize>,
    algorithm: Vec<u8>,
    signature: Vec<u8>,
    issuer: DistinguishedName,
    this_update: Timestamp,
    next_update: Option<Timestamp>,
    number: Option<u64>,
    entries: BTreeMap<Vec<u8>, (Timestamp, Reason)>,
    unknown_critical: Vec<String>,
}

impl Crl {
    /// Reads one list and nothing after it. [`Code::TooLarge`] above 4 MiB, [`Code::Malformed`] for what is no CRL.
    pub fn from_der(bytes: &[u8]) -> Result<Self> {
        const FIELD: &str = "CRL";
        if bytes.len() > CRL_BYTES_MAX {
            return Err(Problem::new(Code::TooLarge, FIELD)
                .found(format!("{} bytes", bytes.len()))
                .expected(format!("at most {CRL_BYTES_MAX}")));
        }
        let mut outer = Reader::whole_sequence(bytes, FIELD)?;
        let tbs_element = outer.element(tag::SEQUENCE)?;
        let algorithm = outer.read(tag::SEQUENCE)?;
        let signature = outer.octets_of_bits()?;
        outer.end()?;

        let mut tbs = Reader::new(tbs_element.content, FIELD);
        let version = tbs.optional(tag::INTEGER)?;
        if !matches!(version, None | Some([1])) {
            return Err(tbs.malformed("version 1 or 2"));
        }
        if tbs.read(tag::SEQUENCE)? != algorithm {
            return Err(tbs.malformed("the same algorithm inside and outside of the signed part"));
        }
        let issuer = DistinguishedName::from_element(tbs.element(tag::SEQUENCE)?)?;
        let this_update = tbs.time()?;
        let next_update = if tbs.next_is_time() { Some(tbs.time()?) } else { None };
        let mut unknown_critical = Vec::new();
        let entries = match tbs.optional(tag::SEQUENCE)? {
            Some(content) => read_entries(Reader::new(content, "CRL entry"), &mut unknown_critical)?,
            None => BTreeMap::new(),
        };
        let mut number = None;
        if let Some(content) = tbs.optional(tag::constructed(0))? {
            for Extension { oid, critical, value } in read_extensions(content, FIELD)? {
                match <[u8; 3]>::try_from(oid) {
                    // 5.2.3: never critical; a list that has it otherwise is not of this profile.
                    Ok(id::CRL_NUMBER) if !critical => number = Some(read_number(value)?),
                    Ok(id::AUTHORITY_KEY_ID | id::ISSUER_ALT_NAME) => {}
                    _ if critical => unknown_critical.push(der::dotted(oid)),
                    _ => {}
                }
            }
        }
        tbs.end()?;
        let (rest, _) = CertificateRevocationList::from_der(bytes)
            .map_err(|error| Problem::new(Code::Malformed, FIELD).found(format!("x509-parser: {error}")))?;
        Reader::new(rest, FIELD).end()?;

        let content_bytes = Reader::new(bytes, FIELD).read(tag::SEQUENCE)?.len();
        let start = bytes.len().saturating_sub(content_bytes);
        Ok(Self(Arc::new(Inner {
            der: bytes.to_vec(),
            digest: Digest::of(bytes),
            tbs: start..start + tbs_element.whole.len(),
            algorithm: algorithm.to_vec(),
            signature: signature.to_vec(),
            issuer,
            this_update,
            next_update,
            number,
            entries,
            unknown_critical,
        })))
    }

    /// The bytes as they were received.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// SHA-256 of the bytes.
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// Who issued it, and whose certificates it lists.
    pub fn issuer(&self) -> &DistinguishedName {
        &self.0.issuer
    }

    /// When it was issued.
    pub fn this_update(&self) -> Timestamp {
        self.0.this_update
    }

    /// When the next will be issued at the latest; without it the list is never fresh.
    pub fn next_update(&self) -> Option<Timestamp> {
        self.0.next_update
    }

    /// The CRL number; numbers above 64 bits count as the greatest.
    pub fn number(&self) -> Option<u64> {
        self.0.number
    }

    /// How many certificates it lists.
    pub fn len(&self) -> usize {
        self.0.entries.len()
    }

    /// Whether it lists none.
    pub fn is_empty(&self) -> bool {
        self.0.entries.is_empty()
    }

    /// From when on, and why, the certificate of `serial` is revoked. For a compromised key this is the invalidity
    /// date if it lies before the revocation: what the key signed since then may be another's.
    pub fn lookup(&self, serial: &[u8]) -> Option<(Timestamp, Reason)> {
        self.0.entries.get(serial).copied()
    }

    /// Whether everything that it says is understood: an unknown critical extension, of the list or of any entry, makes
    /// it prove nothing (RFC 5280 5.2 and 5.3), and so does a missing number.
    pub fn usable(&self) -> Result<()> {
        let unusable = |found| {
            Err(Problem::new(Code::TrustUndecidable, "CRL")
                .found(found)
                .expected("a complete list of one issuer"))
        };
        if !self.0.unknown_critical.is_empty() {
            return unusable(format!("critical extensions {}", self.0.unknown_critical.join(", ")));
        }
        // RFC 5280 5.2.3: without a number nobody can tell whether an older list is played back.
        match self.0.number {
            Some(_) => Ok(()),
            None => unusable("no CRL number".to_owned()),
        }
    }

    /// Verifies its signature by the issuer's key; nothing else is judged.
    pub fn verify_signed_by(&self, issuer: &PublicKey) -> Result<()> {
        let tbs = self.0.der.get(self.0.tbs.clone()).unwrap_or_default();
        issuer.verify_x509(&self.0.algorithm, tbs, &self.0.signature)
    }
}

impl fmt::Debug for Crl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Crl({}, number {:?}, {})", self.0.issuer, self.0.number, self.0.this_update)
    }
}

fn read_entries(
    mut list: Reader<'_>,
    unknown_critical: &mut Vec<String>,
) -> Result<BTreeMap<Vec<u8>, (Timestamp, Reason)>> {
    let mut entries: BTreeMap<Vec<u8>, (Timestamp, Reason)> = BTreeMap::new();
    while !list.is_empty() {
        let mut entry = list.sequence()?;
        let serial = entry.integer()?;
        if serial.len() > NUMBER_BYTES_MAX {
            return Err(entry.malformed("a serial number of at most 20 octets"));
        }
        let mut since = entry.time()?;
        let mut reason = Reason::Unspecified;
        let mut invalid_since = None;
        if !entry.is_empty() {
            for Extension { oid, critical, value } in
                read_extensions(entry.element(tag::SEQUENCE)?.whole, "CRL entry")?
            {
                let mut value = Reader::new(value, "CRL entry");
                match <[u8; 3]>::try_from(oid) {
                    Ok(id::REASON_CODE) => {
                        reason = match value.read(tag::ENUMERATED)? {
                            [number] => Reason::from_number(*number),
                            _ => None,
                        }
                        .ok_or_else(|| value.malformed("a reason of RFC 5280 5.3.1"))?;
                        value.end()?;
                    }
                    Ok(id::INVALIDITY_DATE) => {
                        invalid_since = Some(value.time()?);
                        value.end()?;
                    }
                    _ if critical => {
                        let name = der::dotted(oid);
                        // A few are enough to say: a million entries must not make a million strings.
                        if unknown_critical.len() < NAMED_MAX && !unknown_critical.contains(&name) {
                            unknown_critical.push(name);
                        }
                    }
                    _ => {}
                }
            }
        }
        entry.end()?;
        if reason.is_compromise() {
            since = invalid_since.map_or(since, |earlier| earlier.min(since));
        }
        // Listed twice: the earlier date is the safe one.
        entries
            .entry(serial.to_vec())
            .and_modify(|known| {
                if since < known.0 {
                    *known = (since, reason);
                }
            })
            .or_insert((since, reason));
    }
    Ok(entries)
}

fn read_number(value: &[u8]) -> Result<u64> {
    let mut reader = Reader::new(value, "CRL number");
    let magnitude = reader.unsigned()?;
    reader.end()?;
    if magnitude.len() >= NUMBER_BYTES_MAX {
        return Err(reader.malformed("a number of at most 20 octets"));
    }
    Ok(der::big_endian(magnitude).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
