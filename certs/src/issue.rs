//! Issuing: certificates, requests and CRLs. The profile decides every field; a request gives only the key.
//!
//! What is written is read back by [`Certificate::from_der`] or [`Crl::from_der`] before it is returned, so that
//! nothing leaves here that a verifier of ours would refuse for its form. Times, serials and numbers are arguments.

mod profile;
mod request;

use crate::certificate::{Certificate, DistinguishedName, GeneralName, KeyUsage};
use crate::crl::{Crl, Reason, Revoked};
use crate::der::{self, tag};
use crate::key::{PublicKey, SigningKey};
use crate::{AgencyId, Code, Identity, Problem, Result, Timestamp};

#[cfg(test)]
pub(crate) use profile::extension;
pub(crate) use profile::usages;
pub use request::{CSR_BYTES_MAX, csr, read_csr};

/// Who signs: an authority's certificate and its key.
#[derive(Clone, Copy, Debug)]
pub struct Issuer<'a> {
    /// The authority's own certificate.
    pub certificate: &'a Certificate,
    /// Its key, which must be the certificate's.
    pub key: &'a SigningKey,
}

impl Issuer<'_> {
    /// RFC 5280 4.2.1.3 and 4.2.1.9, asked before signing rather than found out by every verifier.
    fn check(&self, usage: KeyUsage) -> Result<()> {
        let may = self.certificate.is_ca()
            && self.certificate.extensions().key_usage.is_none_or(|allowed| allowed.has(usage));
        if !may {
            return Err(
                Problem::new(Code::ValueRefused, "issuer").expected("the certificate of an authority")
            );
        }
        if self.key.public() != self.certificate.public_key() {
            return Err(
                Problem::new(Code::KeyRefused, "issuer").expected("the key of the issuer's certificate")
            );
        }
        Ok(())
    }
}

/// Makes 16 random bytes a serial number: positive and of one length (126 bits remain). Every function here does it to
/// the serial it is given; a certificate's [`Certificate::serial`] reads it back.
#[must_use]
pub const fn serial_number(random: [u8; 16]) -> [u8; 16] {
    let mut serial = random;
    serial[0] = serial[0] & 0x7f | 0x40;
    serial
}

/// A self-signed root of `federation`: CA:TRUE, keyCertSign and cRLSign.
pub fn root(
    key: &SigningKey,
    federation: &AgencyId,
    serial: [u8; 16],
    not_before: Timestamp,
    not_after: Timestamp,
) -> Result<Vec<u8>> {
    let subject = authority_name(federation)?;
    let fields = Fields { subject: &subject, public_key: key.public(), serial, not_before, not_after };
    let key_id = profile::key_id(key.public());
    fields.sign(&subject, key, &profile::authority(key.public(), key_id, None, None))
}

/// A certificate of `identity` for `public_key`: the profile of its role and nothing else. Under an issuer with name
/// constraints the subject is empty and the SAN critical, since such an issuer may not name a subject otherwise.
pub fn leaf(
    issuer: &Issuer<'_>,
    identity: &Identity,
    public_key: &PublicKey,
    serial: [u8; 16],
    not_before: Timestamp,
    not_after: Timestamp,
) -> Result<Vec<u8>> {
    issuer.check(KeyUsage::KEY_CERT_SIGN)?;
    if public_key == issuer.key.public() {
        return Err(
            Problem::new(Code::KeyRefused, "public key").expected("a key that is not the authority's")
        );
    }
    let constraints = &issuer.certificate.extensions().name_constraints;
    if let Some(constraints) = constraints {
        crate::path::permits(constraints, &GeneralName::Uri(identity.to_string()))?;
    }
    let subject = match constraints {
        None => DistinguishedName::common_name(&human_label(identity))?,
        Some(_) => DistinguishedName::empty(),
    };
    let fields = Fields { subject: &subject, public_key, serial, not_before, not_after };
    let extensions = profile::leaf(identity, public_key, profile::key_id_of(issuer.certificate), &subject);
    fields.sign(issuer.certificate.subject(), issuer.key, &extensions)
}

/// The certificate of an authority that may speak for `host` and the agencies below it, and for nobody else: path
/// length 0, and critical name constraints with two permitted URI subtrees and every other form of name excluded.
pub fn constrained_ca(
    issuer: &Issuer<'_>,
    host: &AgencyId,
    public_key: &PublicKey,
    serial: [u8; 16],
    not_before: Timestamp,
    not_after: Timestamp,
) -> Result<Vec<u8>> {
    issuer.check(KeyUsage::KEY_CERT_SIGN)?;
    if public_key == issuer.key.public() {
        return Err(
            Problem::new(Code::KeyRefused, "public key").expected("a key that is not the authority's")
        );
    }
    let subject = authority_name(host)?;
    let fields = Fields { subject: &subject, public_key, serial, not_before, not_after };
    let key_id = profile::key_id_of(issuer.certificate);
    fields.sign(
        issuer.certificate.subject(),
        issuer.key,
        &profile::authority(public_key, key_id, Some(0), Some(host)),
    )
}

/// A complete CRL (RFC 5280 5) of the issuer, with its number and no distribution point.
pub fn crl(
    issuer: &Issuer<'_>,
    number: u64,
    this_update: Timestamp,
    next_update: Timestamp,
    revoked: &[Revoked],
) -> Result<Vec<u8>> {
    issuer.check(KeyUsage::CRL_SIGN)?;
    in_order(this_update, next_update, "CRL")?;
    let entries: Vec<u8> = revoked.iter().flat_map(crl_entry).collect();
    // RFC 5280 5.1.2.6: absent when nothing is revoked.
    let entries = if entries.is_empty() { entries } else { der::sequence(&[&entries]) };
    let extensions = profile::crl(profile::key_id_of(issuer.certificate), number);
    let tbs = der::sequence(&[
        &der::integer(&[1]),
        &der::sequence(&[issuer.key.x509_algorithm()]),
        issuer.certificate.subject().der(),
        &der::time(this_update),
        &der::time(next_update),
        &entries,
        &der::element(tag::constructed(0), &[&extensions]),
    ]);
    let crl = signed(&tbs, issuer.key)?;
    Crl::from_der(&crl)?;
    Ok(crl)
}

fn crl_entry(revoked: &Revoked) -> Vec<u8> {
    // RFC 5280 5.3.1: absent rather than unspecified.
    let extensions = match revoked.reason {
        Reason::Unspecified => Vec::new(),
        reason => der::sequence(&[&profile::reason(reason)]),
    };
    let serial = der::element(tag::INTEGER, &[&revoked.serial]);
    der::sequence(&[&serial, &der::time(revoked.at), &extensions])
}

/// The fields of a certificate that do not come from its extensions.
struct Fields<'a> {
    subject: &'a DistinguishedName,
    public_key: &'a PublicKey,
    serial: [u8; 16],
    not_before: Timestamp,
    not_after: Timestamp,
}

impl Fields<'_> {
    fn sign(&self, issuer: &DistinguishedName, key: &SigningKey, extensions: &[u8]) -> Result<Vec<u8>> {
        in_order(self.not_before, self.not_after, "validity")?;
        let tbs = der::sequence(&[
            &der::element(tag::constructed(0), &[&der::integer(&[2])]),
            &der::integer(&serial_number(self.serial)),
            &der::sequence(&[key.x509_algorithm()]),
            issuer.der(),
            &der::sequence(&[&der::time(self.not_before), &der::time(self.not_after)]),
            self.subject.der(),
            self.public_key.spki_der(),
            &der::element(tag::constructed(3), &[extensions]),
        ]);
        let certificate = signed(&tbs, key)?;
        Certificate::from_der(&certificate)?;
        Ok(certificate)
    }
}

/// `SIGNED` of X.509: the signed part, the algorithm, the signature.
fn signed(tbs: &[u8], key: &SigningKey) -> Result<Vec<u8>> {
    let (algorithm, signature) = key.sign_x509(tbs)?;
    Ok(der::sequence(&[tbs, &der::sequence(&[algorithm]), &der::bit_string(&signature)]))
}

fn in_order(first: Timestamp, last: Timestamp, field: &'static str) -> Result<()> {
    if first < last {
        Ok(())
    } else {
        Err(Problem::new(Code::ValueRefused, field)
            .found(format!("{first} to {last}"))
            .expected("an end after the beginning"))
    }
}

/// ub-common-name of RFC 5280, appendix A.1. A label is for people: what is longer is cut.
const COMMON_NAME_CHARS_MAX: usize = 64;

fn human_label(identity: &Identity) -> String {
    format!("{} {}", identity.agency, identity.role).chars().take(COMMON_NAME_CHARS_MAX).collect()
}

fn authority_name(of: &AgencyId) -> Result<DistinguishedName> {
    let label: String = format!("{of} authority").chars().take(COMMON_NAME_CHARS_MAX).collect();
    DistinguishedName::common_name(&label)
}

#[cfg(test)]
mod tests;
