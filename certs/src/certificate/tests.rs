//! Certificates that are cut, doubled, or not of version 3.

use super::*;
use crate::issue::extension;
use crate::key::SigningKey;

/// A certificate from raw parts; its signature is of no account here.
struct Parts {
    version: Vec<u8>,
    serial: Vec<u8>,
    inner_algorithm: Vec<u8>,
    validity: Vec<u8>,
    extensions: Vec<u8>,
    last: Vec<u8>,
    signature: Vec<u8>,
}

impl Parts {
    fn plain() -> Self {
        let time = |secs| der::time(Timestamp::from_secs_clamped(secs));
        let uri = der::element(tag::primitive(6), &[b"ogic://a.gov.example/seal"]);
        Self {
            version: der::element(tag::constructed(0), &[&der::integer(&[2])]),
            serial: der::integer(&[5]),
            inner_algorithm: algorithm(),
            validity: der::sequence(&[&time(1000), &time(2000)]),
            extensions: extension(&id::SUBJECT_ALT_NAME, false, &der::sequence(&[&uri])),
            last: Vec::new(),
            signature: der::bit_string(&[0; 64]),
        }
    }

    fn der(&self) -> Vec<u8> {
        let name = DistinguishedName::common_name("a").unwrap();
        let key = SigningKey::from_seed(&[1; 32]).unwrap();
        let tbs = der::sequence(&[
            &self.version,
            &self.serial,
            &self.inner_algorithm,
            name.der(),
            &self.validity,
            name.der(),
            key.public().spki_der(),
            &der::element(tag::constructed(3), &[&der::sequence(&[&self.extensions])]),
            &self.last,
        ]);
        der::sequence(&[&tbs, &algorithm(), &self.signature])
    }
}

fn algorithm() -> Vec<u8> {
    der::sequence(&[SigningKey::from_seed(&[1; 32]).unwrap().x509_algorithm()])
}

#[test]
fn form_is_strict() {
    type Edit = fn(&mut Parts);
    let version = |number| der::element(tag::constructed(0), &[&der::integer(&[number])]);
    assert_eq!(Parts { version: version(2), ..Parts::plain() }.der(), Parts::plain().der());
    let rows: [(&str, Edit, Option<Code>); 16] = [
        ("plain", |_| {}, None),
        ("version 1", |p| p.version.clear(), Some(Code::Malformed)),
        ("version 2", |p| p.version = vec![0xa0, 3, 2, 1, 1], Some(Code::Malformed)),
        ("version twice", |p| p.version = vec![0xa0, 6, 2, 1, 2, 2, 1, 2], Some(Code::Malformed)),
        ("serial of 20 octets", |p| p.serial = der::integer(&[0x7f; 20]), None),
        ("serial of 21 octets", |p| p.serial = der::integer(&[0x7f; 21]), Some(Code::Malformed)),
        ("serial not shortest", |p| p.serial = vec![2, 2, 0, 1], Some(Code::Malformed)),
        ("empty serial", |p| p.serial = vec![2, 0], Some(Code::Malformed)),
        (
            "other inner algorithm",
            |p| p.inner_algorithm = vec![0x30, 5, 6, 3, 0x2b, 0x65, 0x71],
            Some(Code::Malformed),
        ),
        ("one time", |p| p.validity = vec![0x30, 0], Some(Code::Malformed)),
        ("an extension twice", |p| p.extensions = p.extensions.repeat(2), Some(Code::Malformed)),
        ("no extension in the list", |p| p.extensions.clear(), Some(Code::Malformed)),
        (
            "no names in the SAN",
            |p| p.extensions = extension(&id::SUBJECT_ALT_NAME, false, &[0x30, 0]),
            Some(Code::Malformed),
        ),
        (
            "a name that is no IA5",
            |p| {
                let san = der::sequence(&[&der::element(tag::primitive(6), &["ogic://а.b/seal".as_bytes()])]);
                p.extensions = extension(&id::SUBJECT_ALT_NAME, false, &san);
            },
            Some(Code::Malformed),
        ),
        ("something after the extensions", |p| p.last = vec![5, 0], Some(Code::Malformed)),
        ("signature with unused bits", |p| p.signature = vec![3, 2, 1, 0], Some(Code::Malformed)),
    ];
    for (name, edit, code) in rows {
        let mut parts = Parts::plain();
        edit(&mut parts);
        assert_eq!(Certificate::from_der(&parts.der()).err().map(|problem| problem.code), code, "{name}");
    }
    let der = Parts::plain().der();
    assert_eq!(Certificate::from_der(&[&der[..], &[0]].concat()).unwrap_err().code, Code::Malformed);
    for len in 0..der.len() {
        assert_eq!(Certificate::from_der(&der[..len]).unwrap_err().code, Code::Malformed);
    }
    let large = Certificate::from_der(&vec![0x30; CERTIFICATE_BYTES_MAX + 1]);
    assert_eq!(large.unwrap_err().code, Code::TooLarge);
}

#[test]
fn broken_extensions_are_malformed() {
    for (name, oid, value) in [
        ("key usage without bits", id::KEY_USAGE, &[3, 1, 0][..]),
        ("key usage of an empty string", id::KEY_USAGE, &[3, 0]),
        ("basic constraints with a BOOLEAN of 01", id::BASIC_CONSTRAINTS, &[0x30, 3, 1, 1, 1]),
        ("negative path length", id::BASIC_CONSTRAINTS, &[0x30, 6, 1, 1, 0xff, 2, 1, 0xff]),
        ("trailing bytes", id::BASIC_CONSTRAINTS, &[0x30, 0, 0]),
        ("no usages", id::EXTENDED_KEY_USAGE, &[0x30, 0]),
        ("no subtrees", id::NAME_CONSTRAINTS, &[0x30, 0]),
        ("an empty list of subtrees", id::NAME_CONSTRAINTS, &[0x30, 2, 0xa0, 0]),
        ("a minimum", id::NAME_CONSTRAINTS, &[0x30, 10, 0xa0, 8, 0x30, 6, 0x82, 1, b'a', 0x80, 1, 1]),
        ("subject key identifier of another type", id::SUBJECT_KEY_ID, &[5, 0]),
    ] {
        let mut parts = Parts::plain();
        parts.extensions.extend(extension(&oid, true, value));
        let found = Certificate::from_der(&parts.der()).err().map(|problem| problem.code);
        assert_eq!(found, Some(Code::Malformed), "{name}");
    }
}

#[test]
fn pem_of_several_keeps_their_order() {
    let one = Certificate::from_der(&Parts::plain().der()).unwrap();
    let mut parts = Parts::plain();
    parts.serial = der::integer(&[6]);
    let other = Certificate::from_der(&parts.der()).unwrap();
    let text = format!("{}\n{}", one.to_pem(), other.to_pem());
    assert_eq!(Certificate::from_pem_many(&text).unwrap(), [one, other]);
    assert_eq!(Certificate::from_pem(&text).unwrap_err().code, Code::Malformed);
    assert_eq!(Certificate::from_pem_many("").unwrap(), []);
}
