//! Revocation: KNOWN-FAULTS 2 and 6.

use ogic_certs::crl::Reason;

use crate::authority::revoke::reason_of;

use super::*;

/// KNOWN-FAULTS 6: expired ones too, and nothing silently.
#[test]
fn revocation_is_recorded_told_at_once_and_never_silent() {
    let mut office = office();
    let members = join(&mut office, "transport.gov.example");
    let (serial, seal) = (members[1].certificate().serial().to_vec(), "ogic://transport.gov.example/seal");
    let version = registry(&office).version;
    let at = NOW.plus_ms(90 * DAY_MS);
    let target = Target::Identity(Identity::parse(seal).unwrap());
    let first = office.revoke(call("first"), &target, Reason::Superseded, at).unwrap();
    assert!(!first.already && first.at == at.ms() && first.crl_number == 2);
    assert_eq!(
        office.crl().unwrap().lookup(&serial).map(|(at, reason)| (at.secs(), reason)),
        Some((at.secs(), Reason::Superseded))
    );
    assert_eq!(registry(&office).version, version + 1);

    let later = at.plus_ms(1000);
    assert_eq!(office.revoke(call("first"), &target, Reason::Superseded, later).unwrap(), first);
    let again =
        office.revoke(call("second"), &Target::Serial(serial.clone()), Reason::KeyCompromise, later).unwrap();
    assert!(again.already && again.at == at.ms() && again.serials.is_empty());
    assert_eq!(registry(&office).version, version + 1);
    let other = Call { key: "first", request: Digest::of(b"another request") };
    assert_eq!(office.revoke(other, &target, Reason::Superseded, later).unwrap_err().code, Code::KeyConflict);
}

#[test]
fn revocations_that_are_refused() {
    let mut office = office();
    let own = Identity::parse("ogic://authority.gov.example/registry").unwrap();
    for (name, target, code) in [
        ("unknown_serial", Target::Serial(vec![1; 16]), Code::NotFound),
        ("unknown_identity", Target::Identity(Identity::parse("ogic://a.b/seal").unwrap()), Code::NotFound),
        ("the_authoritys_own", Target::Identity(own), Code::ValueRefused),
    ] {
        let problem = office.revoke(call(name), &target, Reason::Unspecified, NOW).expect_err(name);
        assert_eq!(problem.code, code, "{name}");
    }
    assert!(office.crl().unwrap().is_empty());
    assert_eq!(reason_of("key-compromise").unwrap(), Reason::KeyCompromise);
    assert_eq!(reason_of("because").unwrap_err().code, Code::ValueRefused);
}
