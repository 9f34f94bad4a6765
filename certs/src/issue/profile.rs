//! The profile: which extensions a certificate or CRL of each kind has. There is no way to ask for others.

use crate::certificate::{Certificate, DistinguishedName, KeyUsage, Usage, id};
use crate::crl::Reason;
use crate::der::{self, tag};
use crate::key::PublicKey;
use crate::{AgencyId, Identity, Role};

/// A key identifier: the first 160 bits of the SHA-256 of the SubjectPublicKeyInfo (RFC 7093 2, method 4).
pub(super) fn key_id(key: &PublicKey) -> Vec<u8> {
    key.digest().as_bytes().iter().take(20).copied().collect()
}

/// The key identifier that an authority's certificate gives itself, which is what verifiers look for.
pub(super) fn key_id_of(certificate: &Certificate) -> Vec<u8> {
    certificate.extensions().subject_key_id.clone().unwrap_or_else(|| key_id(certificate.public_key()))
}

/// Extensions of an authority, constrained to `host` if one is given.
pub(super) fn authority(
    key: &PublicKey,
    issuer_key_id: Vec<u8>,
    path_len: Option<u8>,
    host: Option<&AgencyId>,
) -> Vec<u8> {
    let is_ca = der::element(tag::BOOLEAN, &[&[0xff]]);
    let path_len = path_len.map(|len| der::integer(&[len])).unwrap_or_default();
    let usage = KeyUsage(KeyUsage::KEY_CERT_SIGN.0 | KeyUsage::CRL_SIGN.0);
    let constraints = host.map(|host| extension(&id::NAME_CONSTRAINTS, true, &only_below(host)));
    der::sequence(&[
        &extension(&id::BASIC_CONSTRAINTS, true, &der::sequence(&[&is_ca, &path_len])),
        &extension(&id::KEY_USAGE, true, &der::named_bits(usage.0)),
        &subject_key_id(key),
        &authority_key_id(&issuer_key_id),
        &constraints.unwrap_or_default(),
    ])
}

/// Extensions of a certificate that speaks for `identity`.
pub(super) fn leaf(
    identity: &Identity,
    key: &PublicKey,
    issuer_key_id: Vec<u8>,
    subject: &DistinguishedName,
) -> Vec<u8> {
    let uri = der::element(tag::primitive(6), &[identity.to_string().as_bytes()]);
    let (usages, critical) = usages(&identity.role);
    let oids: Vec<u8> = usages.iter().flat_map(|usage| der::element(tag::OID, &[&usage.oid()])).collect();
    der::sequence(&[
        &extension(&id::BASIC_CONSTRAINTS, true, &der::sequence(&[])),
        &extension(&id::KEY_USAGE, true, &der::named_bits(KeyUsage::DIGITAL_SIGNATURE.0)),
        &extension(&id::EXTENDED_KEY_USAGE, critical, &der::sequence(&[&oids])),
        // RFC 5280 4.1.2.6: critical when the subject is empty.
        &extension(&id::SUBJECT_ALT_NAME, subject.is_empty(), &der::sequence(&[&uri])),
        &subject_key_id(key),
        &authority_key_id(&issuer_key_id),
    ])
}

/// Extensions of a complete CRL (RFC 5280 5.2.1 and 5.2.3).
pub(super) fn crl(issuer_key_id: Vec<u8>, number: u64) -> Vec<u8> {
    der::sequence(&[
        &authority_key_id(&issuer_key_id),
        &extension(&id::CRL_NUMBER, false, &der::integer(&number.to_be_bytes())),
    ])
}

/// The reason of a CRL entry (RFC 5280 5.3.1).
pub(super) fn reason(reason: Reason) -> Vec<u8> {
    extension(&id::REASON_CODE, false, &der::element(tag::ENUMERATED, &[&[reason.number()]]))
}

/// What each role's key is for, and whether the extension is critical. One use a role, so that no key of one role can
/// stand in for another even at a verifier that knows nothing of our names.
pub(crate) fn usages(role: &Role) -> (&'static [Usage], bool) {
    match role {
        Role::Node => (&[Usage::ServerAuth, Usage::ClientAuth], false),
        Role::Seal | Role::Official(_) | Role::Registry | Role::Authority => {
            (&[Usage::DocumentSigning], false)
        }
        Role::Ttp => (&[Usage::Dvcs], false),
        // RFC 3161 2.3: critical, and alone.
        Role::Tsa => (&[Usage::TimeStamping], true),
        Role::Ocsp => (&[Usage::OcspSigning], false),
    }
}

/// Name constraints that permit the URI hosts `host` and `.host`, and exclude every name of the other forms that RFC
/// 5280 4.2.1.10 gives a meaning: an e-mail address, a DNS name, a directory name, an IPv4 or IPv6 address.
fn only_below(host: &AgencyId) -> Vec<u8> {
    let subtree = |base: &[u8]| der::sequence(&[base]);
    let uri = |text: &str| subtree(&der::element(tag::primitive(6), &[text.as_bytes()]));
    let permitted = [uri(host.as_str()), uri(&format!(".{host}"))].concat();
    let excluded = [
        subtree(&der::element(tag::primitive(1), &[])),
        subtree(&der::element(tag::primitive(2), &[])),
        subtree(&der::element(tag::constructed(4), &[&der::sequence(&[])])),
        subtree(&der::element(tag::primitive(7), &[&[0; 8]])),
        subtree(&der::element(tag::primitive(7), &[&[0; 32]])),
    ]
    .concat();
    der::sequence(&[
        &der::element(tag::constructed(0), &[&permitted]),
        &der::element(tag::constructed(1), &[&excluded]),
    ])
}

fn subject_key_id(key: &PublicKey) -> Vec<u8> {
    extension(&id::SUBJECT_KEY_ID, false, &der::element(tag::OCTET_STRING, &[&key_id(key)]))
}

fn authority_key_id(issuer_key_id: &[u8]) -> Vec<u8> {
    let key_id = der::element(tag::primitive(0), &[issuer_key_id]);
    extension(&id::AUTHORITY_KEY_ID, false, &der::sequence(&[&key_id]))
}

/// One extension; `critical` is written only when it is TRUE (X.690 11.5).
pub(crate) fn extension(oid: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { der::element(tag::BOOLEAN, &[&[0xff]]) } else { Vec::new() };
    der::sequence(&[&der::element(tag::OID, &[oid]), &critical, &der::element(tag::OCTET_STRING, &[value])])
}
