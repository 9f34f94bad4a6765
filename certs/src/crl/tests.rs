//! Lists that are written, read back, damaged and too clever.

use proptest::prelude::*;

use super::*;
use crate::certificate::Certificate;
use crate::issue::{self, Issuer, extension};
use crate::key::SigningKey;
use crate::{AgencyId, der};

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs_clamped(secs)
}

fn revoked(serial: &[u8], secs: i64, reason: Reason) -> Revoked {
    Revoked { serial: serial.to_vec(), at: at(secs), reason }
}

fn authority() -> (Certificate, SigningKey) {
    let key = SigningKey::from_seed(&[1; 32]).unwrap();
    let federation = AgencyId::parse("gov.example", "t").unwrap();
    let der = issue::root(&key, &federation, [1; 16], at(0), at(9000)).unwrap();
    (Certificate::from_der(&der).unwrap(), key)
}

fn written(entries: &[Revoked]) -> Vec<u8> {
    let (certificate, key) = authority();
    issue::crl(&Issuer { certificate: &certificate, key: &key }, 7, at(1000), at(2000), entries).unwrap()
}

/// The signed part of a list with these extensions of its own and of its one entry; the signature is of no account.
fn with_extensions(list: &[u8], entry: &[u8]) -> Vec<u8> {
    let (certificate, key) = authority();
    let wrap =
        |extensions: &[u8]| if extensions.is_empty() { Vec::new() } else { der::sequence(&[extensions]) };
    let entry = der::sequence(&[&der::integer(&[9]), &der::time(at(5)), &wrap(entry)]);
    let explicit = if list.is_empty() { Vec::new() } else { der::element(0xa0, &[&wrap(list)]) };
    let algorithm = der::sequence(&[key.x509_algorithm()]);
    let tbs = der::sequence(&[
        &der::integer(&[1]),
        &algorithm,
        certificate.subject().der(),
        &der::time(at(1000)),
        &der::time(at(2000)),
        &der::sequence(&[&entry]),
        &explicit,
    ]);
    der::sequence(&[&tbs, &algorithm, &der::bit_string(&[0; 64])])
}

#[test]
fn reasons_round_trip() {
    for reason in Reason::ALL {
        assert_eq!(Reason::from_number(reason.number()), Some(reason));
    }
    assert_eq!(Reason::from_number(7), None);
}

#[test]
fn what_is_written_is_read_back() {
    let (certificate, key) = authority();
    let long = [0x40, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    let der =
        written(&[revoked(&long, 1500, Reason::KeyCompromise), revoked(&[2], 1600, Reason::Unspecified)]);
    let crl = Crl::from_der(&der).unwrap();
    assert_eq!(crl.issuer(), certificate.subject());
    assert_eq!((crl.number(), crl.this_update(), crl.next_update()), (Some(7), at(1000), Some(at(2000))));
    assert_eq!(crl.lookup(&long), Some((at(1500), Reason::KeyCompromise)));
    assert_eq!(crl.lookup(&[2]), Some((at(1600), Reason::Unspecified)));
    assert_eq!(crl.lookup(&[3]), None);
    assert_eq!(crl.len(), 2);
    assert_eq!(crl.usable(), Ok(()));
    assert_eq!(crl.verify_signed_by(key.public()), Ok(()));
    let other = SigningKey::from_seed(&[2; 32]).unwrap();
    assert_eq!(crl.verify_signed_by(other.public()).unwrap_err().code, Code::SignatureInvalid);
    assert!(Crl::from_der(&written(&[])).unwrap().is_empty());
}

#[test]
fn of_two_entries_for_one_serial_the_earlier_counts() {
    let der = written(&[revoked(&[2], 1600, Reason::Superseded), revoked(&[2], 1500, Reason::KeyCompromise)]);
    assert_eq!(Crl::from_der(&der).unwrap().lookup(&[2]), Some((at(1500), Reason::KeyCompromise)));
}

#[test]
fn a_list_that_says_otherwise_is_unusable_or_malformed() {
    // onlySomeReasons as an empty BIT STRING (RUSTSEC-2026-0104), and with one.
    let empty_reasons = extension(&[0x55, 0x1d, 28], true, &[0x30, 2, 0x83, 0]);
    let some_reasons = extension(&[0x55, 0x1d, 28], true, &[0x30, 4, 0x83, 2, 1, 6]);
    let delta = extension(&[0x55, 0x1d, 27], true, &[2, 1, 1]);
    let certificate_issuer = extension(&[0x55, 0x1d, 29], true, &[0x30, 0]);
    let reason = |value: &[u8]| extension(&id::REASON_CODE, false, value);
    let number = |value: &[u8]| extension(&id::CRL_NUMBER, false, value);
    for (name, list, entry, code) in [
        ("number", number(&[2, 1, 5]), vec![], None),
        ("no number", vec![], vec![], Some(Code::TrustUndecidable)),
        (
            "critical number",
            extension(&id::CRL_NUMBER, true, &[2, 1, 5]),
            vec![],
            Some(Code::TrustUndecidable),
        ),
        ("delta", delta, vec![], Some(Code::TrustUndecidable)),
        ("some reasons", some_reasons, vec![], Some(Code::TrustUndecidable)),
        ("entry of another issuer", vec![], certificate_issuer, Some(Code::TrustUndecidable)),
        ("reason 1", number(&[2, 1, 5]), reason(&[0x0a, 1, 1]), None),
        ("reason 7", vec![], reason(&[0x0a, 1, 7]), Some(Code::Malformed)),
        ("reason of two octets", vec![], reason(&[0x0a, 2, 1, 1]), Some(Code::Malformed)),
        ("empty reason", vec![], reason(&[0x0a, 0]), Some(Code::Malformed)),
        ("negative number", number(&[2, 1, 0x80]), vec![], Some(Code::Malformed)),
        ("number of 22 octets", number(&[&[2, 22], &[1; 22][..]].concat()), vec![], Some(Code::Malformed)),
        ("number twice", [number(&[2, 1, 5]), number(&[2, 1, 5])].concat(), vec![], Some(Code::Malformed)),
    ] {
        let found = Crl::from_der(&with_extensions(&list, &entry)).and_then(|crl| crl.usable());
        assert_eq!(found.err().map(|problem| problem.code), code, "{name}");
    }
    let crl = Crl::from_der(&with_extensions(&empty_reasons, &[]));
    assert!(crl.and_then(|crl| crl.usable()).is_err());
}

#[test]
fn size_is_bounded_before_anything_is_read() {
    assert_eq!(Crl::from_der(&vec![0x30; CRL_BYTES_MAX + 1]).unwrap_err().code, Code::TooLarge);
}

proptest! {
    #[test]
    fn damage_never_panics(place in 0_usize..400, value: u8, cut in 0_usize..400) {
        let mut der = written(&[revoked(&[2], 1600, Reason::Superseded)]);
        let len = der.len();
        der[place % len] = value;
        let _ = Crl::from_der(&der);
        let _ = Crl::from_der(&der[..cut % len]);
        // The same for a certificate.
        let (certificate, _) = authority();
        let mut der = certificate.der().to_vec();
        let len = der.len();
        der[place % len] = value;
        let _ = Certificate::from_der(&der);
        let _ = Certificate::from_der(&der[..cut % len]);
    }
}
