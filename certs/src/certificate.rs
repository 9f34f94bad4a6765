//! Certificates (RFC 5280 4) read strictly beside their bytes. Reading judges form alone; trust is `path`'s.
//!
//! Our own reader cuts the structure and the extensions that path validation rests on; x509-parser reads the same
//! bytes, and what either refuses is refused. An identity is an accessor, so that roots and foreign certificates
//! can be read too.

mod distinguished;
mod extension;
mod general_name;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use x509_parser::prelude::{FromDer, ParsedExtension, X509Certificate};

pub use distinguished::DistinguishedName;
pub use extension::{BasicConstraints, Extensions, KeyUsage, Usage};
pub(crate) use extension::{Extension, id, read_extensions};
pub use general_name::{GeneralName, NameConstraints};

use crate::der::{self, Reader, tag};
use crate::key::PublicKey;
use crate::{Code, Digest, Identity, Problem, Result, Timestamp, pem};

/// Largest certificate: ours take 500 bytes, the largest of public suites that must pass 3 KiB.
pub const CERTIFICATE_BYTES_MAX: usize = 16 * 1024;
/// Longest serial number, in octets of its DER content (RFC 5280 4.1.2.2).
pub const SERIAL_BYTES_MAX: usize = 20;

/// A parsed X.509 v3 certificate. Cheap to clone; equal when the bytes are.
#[derive(Clone)]
pub struct Certificate(Arc<Inner>);

struct Inner {
    der: Vec<u8>,
    digest: Digest,
    tbs: Range<usize>,
    algorithm: Vec<u8>,
    signature: Vec<u8>,
    serial: Vec<u8>,
    issuer: DistinguishedName,
    subject: DistinguishedName,
    not_before: Timestamp,
    not_after: Timestamp,
    public_key: PublicKey,
    extensions: Extensions,
    identity: Result<Identity>,
}

impl Certificate {
    /// Reads one certificate and nothing after it. [`Code::TooLarge`] above 16 KiB, [`Code::Malformed`] for anything
    /// that is not a v3 certificate in DER, [`Code::KeyRefused`] and [`Code::AlgorithmRefused`] for its key.
    pub fn from_der(der: &[u8]) -> Result<Self> {
        const FIELD: &str = "certificate";
        if der.len() > CERTIFICATE_BYTES_MAX {
            return Err(Problem::new(Code::TooLarge, FIELD)
                .found(format!("{} bytes", der.len()))
                .expected(format!("at most {CERTIFICATE_BYTES_MAX}")));
        }
        let mut outer = Reader::whole_sequence(der, FIELD)?;
        let tbs_element = outer.element(tag::SEQUENCE)?;
        let algorithm = outer.read(tag::SEQUENCE)?;
        let signature = outer.octets_of_bits()?;
        outer.end()?;

        let mut tbs = Reader::new(tbs_element.content, FIELD);
        let mut version = tbs.open(tag::constructed(0)).map_err(|problem| problem.expected("version 3"))?;
        if version.u64()? != 2 || !version.is_empty() {
            return Err(version.malformed("version 3"));
        }
        let serial = tbs.integer()?;
        if serial.len() > SERIAL_BYTES_MAX {
            return Err(tbs.malformed("a serial number of at most 20 octets"));
        }
        // RFC 5280 4.1.1.2: both must be the same, so that the signed one is the one that was used.
        if tbs.read(tag::SEQUENCE)? != algorithm {
            return Err(tbs.malformed("the same algorithm inside and outside of the signed part"));
        }
        let issuer = DistinguishedName::from_element(tbs.element(tag::SEQUENCE)?)?;
        let mut validity = tbs.sequence()?;
        let (not_before, not_after) = (validity.time()?, validity.time()?);
        validity.end()?;
        let subject = DistinguishedName::from_element(tbs.element(tag::SEQUENCE)?)?;
        let public_key = PublicKey::from_spki_der(tbs.element(tag::SEQUENCE)?.whole)?;
        for unique_id in [1, 2] {
            tbs.optional(tag::primitive(unique_id))?;
        }
        let list = match tbs.optional(tag::constructed(3))? {
            Some(content) => read_extensions(content, FIELD)?,
            None => Vec::new(),
        };
        let mut extensions = Extensions::from_list(&list)?;
        if subject.is_empty() {
            let named = list.iter().any(|one| one.oid == id::SUBJECT_ALT_NAME && one.critical);
            if !named || extensions.basic_constraints.is_some_and(|basic| basic.ca) {
                extensions.breaches.push("4.1.2.6: a subject without a name has a critical alternative name");
            }
        }
        tbs.end()?;
        second_reading(der)?;

        let identity = extensions.identity();
        // The signed part begins right after the outer header; nothing follows the outer content.
        let content_bytes = Reader::new(der, FIELD).read(tag::SEQUENCE)?.len();
        let start = der.len().saturating_sub(content_bytes);
        Ok(Self(Arc::new(Inner {
            der: der.to_vec(),
            digest: Digest::of(der),
            tbs: start..start + tbs_element.whole.len(),
            algorithm: algorithm.to_vec(),
            signature: signature.to_vec(),
            serial: serial.to_vec(),
            issuer,
            subject,
            not_before,
            not_after,
            public_key,
            extensions,
            identity,
        })))
    }

    /// Reads every block `CERTIFICATE` of a PEM text, in order.
    pub fn from_pem_many(text: &str) -> Result<Vec<Self>> {
        pem::decode(text, "CERTIFICATE", "certificate")?.iter().map(|der| Self::from_der(der)).collect()
    }

    /// Reads the one block `CERTIFICATE` of a PEM text.
    pub fn from_pem(text: &str) -> Result<Self> {
        let mut all = Self::from_pem_many(text)?;
        match (all.pop(), all.is_empty()) {
            (Some(certificate), true) => Ok(certificate),
            _ => Err(Problem::new(Code::Malformed, "certificate").expected("one block CERTIFICATE")),
        }
    }

    /// One block `CERTIFICATE`.
    pub fn to_pem(&self) -> String {
        pem::encode(&self.0.der, "CERTIFICATE").to_string()
    }

    /// The bytes as they were received.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// SHA-256 of the bytes: COSE's `x5t`, and the name under which a certificate is stored.
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// Who the certificate speaks for: exactly one SAN, which is exactly one canonical `ogic://` URI. Anything else is
    /// [`Code::NameRefused`]; no other part of the certificate is ever read as an identity.
    pub fn identity(&self) -> Result<&Identity> {
        self.0.identity.as_ref().map_err(Clone::clone)
    }

    /// The checked public key.
    pub fn public_key(&self) -> &PublicKey {
        &self.0.public_key
    }

    /// The first moment of validity.
    pub fn not_before(&self) -> Timestamp {
        self.0.not_before
    }

    /// The last second of validity, which is included (RFC 5280 4.1.2.5).
    pub fn not_after(&self) -> Timestamp {
        self.0.not_after
    }

    /// The serial number: the content octets of its INTEGER, at most 20, compared as they are.
    pub fn serial(&self) -> &[u8] {
        &self.0.serial
    }

    /// The issuer's name.
    pub fn issuer(&self) -> &DistinguishedName {
        &self.0.issuer
    }

    /// The subject's name; empty if the certificate speaks by its SAN alone.
    pub fn subject(&self) -> &DistinguishedName {
        &self.0.subject
    }

    /// Everything that the extensions say.
    pub fn extensions(&self) -> &Extensions {
        &self.0.extensions
    }

    /// Whether basic constraints say that the subject is a certificate authority.
    pub fn is_ca(&self) -> bool {
        self.0.extensions.basic_constraints.is_some_and(|basic| basic.ca)
    }

    /// Whether issuer and subject are one name (RFC 5280 3.2 and 6.1).
    pub fn is_self_issued(&self) -> bool {
        self.0.issuer == self.0.subject
    }

    /// Whether its own key signed it, so that nobody else vouches for it. A link between two keys of one authority
    /// (RFC 4210 4.4) is self-issued, but the one key signed it for the other.
    pub fn is_self_signed(&self) -> bool {
        self.is_self_issued() && self.verify_signed_by(self.public_key()).is_ok()
    }

    /// Whether `at` lies within the validity, both edges included.
    pub fn is_valid_at(&self, at: Timestamp) -> bool {
        // notAfter names a whole second.
        self.0.not_before <= at && at < self.0.not_after.plus_ms(1000)
    }

    /// Verifies this certificate's signature by the issuer's key; nothing else is judged.
    pub fn verify_signed_by(&self, issuer: &PublicKey) -> Result<()> {
        let tbs = self.0.der.get(self.0.tbs.clone()).unwrap_or_default();
        issuer.verify_x509(&self.0.algorithm, tbs, &self.0.signature)
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.0.der == other.0.der
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.identity() {
            Ok(identity) => write!(f, "Certificate({identity:?}, {:?})", self.0.digest),
            Err(_) => write!(f, "Certificate({}, {:?})", self.0.subject, self.0.digest),
        }
    }
}

/// x509-parser must read the same bytes to their end, every extension that it knows included.
fn second_reading(der: &[u8]) -> Result<()> {
    let malformed = |what: String| Problem::new(Code::Malformed, "certificate").found(what);
    let (rest, certificate) =
        X509Certificate::from_der(der).map_err(|error| malformed(format!("x509-parser: {error}")))?;
    if !rest.is_empty() {
        return Err(malformed(format!("{} bytes after it", rest.len())));
    }
    let broken = certificate
        .extensions()
        .iter()
        .find(|extension| matches!(extension.parsed_extension(), ParsedExtension::ParseError { .. }));
    match broken {
        Some(extension) => {
            Err(malformed(format!("a broken extension {}", der::dotted(extension.oid.as_bytes()))))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
