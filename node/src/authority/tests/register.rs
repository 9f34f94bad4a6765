//! The registry's versions, renewals and announcements: KNOWN-FAULTS 6.

use ogic_certs::AgencyId;
use ogic_certs::announcement::Announcement;
use ogic_certs::checkpoint::Origin;
use ogic_certs::cose::Signed;
use ogic_certs::crl::Reason;

use super::*;

#[test]
fn registry_and_list_are_renewed_on_time_without_any_event() {
    let disk = SimDisk::new(1);
    let mut office = open(&disk).unwrap();
    let mut last = (registry(&office).version, office.crl().unwrap().number());
    assert!(!office.tick(NOW.plus_ms(DAY_MS / 2 - 1000)).unwrap());
    let mut now = NOW;
    for day in 0..8 {
        now = now.plus_ms(if day == 4 { 8 * DAY_MS } else { DAY_MS / 2 });
        if day == 4 {
            office = open(&disk).unwrap();
        }
        assert!(office.tick(now).unwrap(), "half-day {day}");
        assert!(!office.tick(now).unwrap(), "half-day {day}");
        let next = (registry(&office).version, office.crl().unwrap().number());
        assert!(next.0 > last.0 && next.1 > last.1, "half-day {day}");
        assert!(registry(&office).expires > now && office.crl().unwrap().next_update().unwrap() > now);
        last = next;
    }
    // The clock ran back: what is signed next is not older than what was.
    let (issued, target) = (
        registry(&office).issued,
        Target::Serial(join(&mut office, "a.gov.example")[0].certificate().serial().to_vec()),
    );
    office.revoke(call("back"), &target, Reason::Unspecified, NOW).unwrap();
    assert!(registry(&office).issued >= issued);
}

fn announcement(signer: &Signer, endpoints: &[&str], at: Timestamp) -> Vec<u8> {
    let log = Origin {
        agency: signer.certificate().identity().unwrap().agency.clone(),
        log: [5; 16],
        generation: 1,
    };
    let endpoints = endpoints.iter().map(|text| text.parse().unwrap()).collect();
    Signed::sign(Announcement { endpoints, log, at }, signer).unwrap().bytes().to_vec()
}

#[test]
fn a_move_is_a_new_version_at_once_and_logs_stay() {
    let mut office = office();
    let (id, signers) = (agency("transport.gov.example"), join(&mut office, "transport.gov.example"));
    let version = registry(&office).version;
    let first = announcement(&signers[1], &["192.0.2.7:1"], NOW);
    assert!(office.announce(&id, &first, NOW).unwrap());
    assert!(!office.announce(&id, &first, NOW).unwrap(), "nothing new");
    assert_eq!(registry(&office).version, version + 1);
    let moved = announcement(&signers[1], &["192.0.2.7:2", "192.0.2.8:2"], NOW.plus_ms(1));
    assert!(office.announce(&id, &moved, NOW).unwrap());
    let member = registry(&office).member(&id).unwrap();
    assert_eq!((member.endpoints.len(), member.logs.len()), (2, 1));
    assert_eq!(office.announce(&id, &first, NOW).unwrap_err().code, Code::ValueRefused, "an old one again");
}

#[test]
fn announcements_that_are_refused() {
    let mut office = office();
    let transport = join(&mut office, "transport.gov.example");
    let health = join(&mut office, "health.gov.example");
    let id: AgencyId = agency("transport.gov.example");
    let stranger = ogic_certs::testing::lone_signer("ogic://transport.gov.example/seal", 5);
    let mut broken = announcement(&transport[1], &[], NOW);
    *broken.last_mut().unwrap() ^= 1;
    let far = NOW.plus_ms(61 * DAY_MS);
    for (name, bytes, at, code) in [
        ("anothers", announcement(&health[1], &[], NOW), NOW, Code::IdentityMismatch),
        ("by_the_channel_key", announcement(&transport[0], &[], NOW), NOW, Code::RoleNotAllowed),
        ("by_a_strangers_key", announcement(&stranger, &[], NOW), NOW, Code::CertificateUnknown),
        ("broken_signature", broken, NOW, Code::SignatureInvalid),
        ("from_the_future", announcement(&transport[1], &[], NOW.plus_ms(600_000)), NOW, Code::ValueRefused),
        ("expired_seal", announcement(&transport[1], &[], far), far, Code::CertificateExpired),
        ("garbage", vec![0xd2, 0x80], NOW, Code::Malformed),
    ] {
        let version = registry(&office).version;
        let problem = office.announce(&id, &bytes, at).expect_err(name);
        assert_eq!(problem.code, code, "{name}: {problem}");
        assert_eq!(registry(&office).version, version, "{name}");
    }
    let target = Target::Serial(transport[1].certificate().serial().to_vec());
    office.revoke(call("r"), &target, Reason::KeyCompromise, NOW).unwrap();
    let problem = office.announce(&id, &announcement(&transport[1], &[], NOW), NOW).unwrap_err();
    assert_eq!(problem.code, Code::CertificateRevoked);
}

#[test]
fn a_restart_knows_all_that_was() {
    let disk = SimDisk::new(1);
    let mut office = open(&disk).unwrap();
    let signers = join(&mut office, "transport.gov.example");
    let id = agency("transport.gov.example");
    office.announce(&id, &announcement(&signers[1], &["192.0.2.7:1"], NOW), NOW).unwrap();
    let official = token(&mut office, "transport.gov.example", Role::Official("licensing-1".to_owned()));
    let version = registry(&office).version;
    enrol(&mut office, &official, &["official"], NOW).unwrap();
    assert_eq!(registry(&office).version, version, "an official changes nothing in the registry");
    let official = Identity::parse("ogic://transport.gov.example/official/licensing-1").unwrap();
    office.revoke(call("r"), &Target::Identity(official), Reason::AffiliationChanged, NOW).unwrap();
    let (registry_bytes, crl) = (office.registry().unwrap().digest(), office.crl().unwrap().digest());
    let reopened = open(&disk).unwrap();
    assert_eq!(reopened.registry().unwrap().digest(), registry_bytes);
    assert_eq!(reopened.crl().unwrap().digest(), crl);
    assert_eq!(issued(&reopened), issued(&office));
}
