//! Tokens and redemptions: KNOWN-FAULTS 1, 3, 4 and 5.

use ogic_certs::cose::Signed;
use ogic_certs::crl::{Crl, Reason};
use ogic_certs::registry::Level;
use zeroize::Zeroizing;

use crate::authority::attempts::TRIES_MAX;
use crate::authority::office::BACKDATE_MS;
use crate::authority::redeem::TTL_MS_MAX;
use crate::log::Disk;
use crate::log::disk::{Failure, Op};

use super::*;

#[test]
fn a_newcomer_gets_what_its_token_says_and_is_listed() {
    let mut office = office();
    let token = token(&mut office, "transport.gov.example", Role::Node);
    assert_eq!((token.version_min, token.roles.clone()), (1, vec![Role::Node, Role::Seal]));
    assert_eq!(token.root, office.book().charter().root.digest());
    let answer = enrol(&mut office, &token, &["n", "s"], NOW).unwrap();
    let certificates: Vec<Certificate> =
        answer.certificates.iter().map(|der| Certificate::from_der(der).unwrap()).collect();
    let identities: Vec<String> = certificates.iter().map(|c| c.identity().unwrap().to_string()).collect();
    assert_eq!(identities, ["ogic://transport.gov.example/node", "ogic://transport.gov.example/seal"]);
    assert_eq!(certificates[0].not_before().secs(), NOW.minus_ms(BACKDATE_MS).secs());
    assert_eq!(certificates[0].not_after().secs(), NOW.plus_ms(60 * DAY_MS).secs());
    let registry = Signed::<Registry>::parse(&answer.registry).unwrap();
    assert_eq!(registry.value().version, 2);
    let member = registry.value().member(&agency("transport.gov.example")).unwrap();
    assert_eq!((member.level, member.name_en.as_str()), (Level::Federal, "transport"));
    assert_eq!(Crl::from_der(&answer.crls[0]).unwrap().number(), Some(1));
}

#[test]
fn what_a_third_party_gets_counts_with_its_key_alone() {
    let mut office = office();
    let token = token(&mut office, "ttp.gov.example", Role::Ttp);
    enrol(&mut office, &token, &["ttp node", "ttp"], NOW).unwrap();
    let identity = Identity::parse("ogic://ttp.gov.example/ttp").unwrap();
    assert!(registry(&office).lists(&identity, &key("ttp").public().digest()));
    assert_eq!(registry(&office).member(&agency("ttp.gov.example")).unwrap().level, Level::Service);
    office.revoke(call("r"), &Target::Identity(identity.clone()), Reason::KeyCompromise, NOW).unwrap();
    assert!(!registry(&office).lists(&identity, &key("ttp").public().digest()));
}

#[test]
fn tokens_that_are_not_made() {
    let node = || ask("health.gov.example", Role::Node);
    for (name, ask, code) in [
        ("outside_of_the_federation", ask("health.other.example", Role::Node), Code::ValueRefused),
        ("looks_like_the_federation", ask("evilgov.example", Role::Node), Code::ValueRefused),
        ("the_federation_itself", ask("gov.example", Role::Node), Code::ValueRefused),
        ("the_authority_itself", ask("authority.gov.example", Role::Node), Code::ValueRefused),
        ("a_seal_alone", ask("health.gov.example", Role::Seal), Code::ValueRefused),
        ("registry_role", ask("health.gov.example", Role::Registry), Code::ValueRefused),
        (
            "official_of_no_member",
            ask("health.gov.example", Role::Official("x".to_owned())),
            Code::AgencyUnknown,
        ),
        ("no_time", Ask { ttl_ms: 0, ..node() }, Code::ValueRefused),
        ("too_much_time", Ask { ttl_ms: TTL_MS_MAX + 1, ..node() }, Code::ValueRefused),
        ("its_own_parent", Ask { parent: Some(agency("health.gov.example")), ..node() }, Code::ValueRefused),
        ("parent_elsewhere", Ask { parent: Some(agency("a.other.example")), ..node() }, Code::ValueRefused),
        ("empty_name", Ask { names: Some((String::new(), "x".to_owned())), ..node() }, Code::ValueRefused),
        (
            "name_with_a_line_break",
            Ask { names: Some(("a\nb".to_owned(), "x".to_owned())), ..node() },
            Code::ValueRefused,
        ),
    ] {
        let mut office = office();
        let problem = office.token(call(name), &ask, NOW).expect_err(name);
        assert_eq!(problem.code, code, "{name}: {problem}");
        assert_eq!(office.book().tokens().count(), 0, "{name}");
    }
}

/// KNOWN-FAULTS 1, 3 and 4: nothing is issued that a token does not say.
#[test]
fn redemptions_that_are_refused_issue_nothing() {
    type Edit = fn(&mut EnrolRequest, &mut Timestamp);
    let table: [(&str, Edit, Code); 10] = [
        ("unknown_secret", |r, _| r.secret = Zeroizing::new([1; 16]), Code::TokenRefused),
        ("no_requests", |r, _| r.requests.clear(), Code::TokenRefused),
        ("one_request_too_few", |r, _| drop(r.requests.pop()), Code::TokenRefused),
        ("one_request_too_many", |r, _| r.requests.push(requests(&["c"]).remove(0)), Code::TokenRefused),
        ("expired", |_, at| *at = at.plus_ms(TTL_MS), Code::TokenExpired),
        ("one_key_for_two_roles", |r, _| r.requests[1] = r.requests[0].clone(), Code::KeyRefused),
        (
            "key_of_another_agency",
            |r, _| r.requests = requests(&["transport.gov.example seal", "b"]),
            Code::KeyRefused,
        ),
        (
            "key_of_another_role",
            |r, _| r.requests = requests(&["a", "transport.gov.example node"]),
            Code::KeyRefused,
        ),
        ("no_proof_of_possession", |r, _| *r.requests[0].last_mut().unwrap() ^= 1, Code::SignatureInvalid),
        ("garbage", |r, _| r.requests[0] = vec![0x30, 0x00], Code::Malformed),
    ];
    for (name, edit, code) in table {
        let mut office = office();
        join(&mut office, "transport.gov.example");
        let token = token(&mut office, "health.gov.example", Role::Node);
        let (before, version) = (issued(&office), registry(&office).version);
        let mut request = EnrolRequest { secret: token.secret.clone(), requests: requests(&["a", "b"]) };
        let mut at = NOW;
        edit(&mut request, &mut at);
        let problem = office.enrol(SOURCE, &request, at, serials(7)).expect_err(name);
        assert_eq!(problem.code, code, "{name}: {problem}");
        assert_eq!((issued(&office), registry(&office).version), (before, version), "{name}");
        assert!(enrol(&mut office, &token, &["a", "b"], NOW).is_ok(), "{name}: the token is still good");
    }
}

/// KNOWN-FAULTS 4: the same keys get the same certificates, others nothing.
#[test]
fn a_token_is_good_once() {
    let mut office = office();
    let token = token(&mut office, "health.gov.example", Role::Node);
    let first = enrol(&mut office, &token, &["a", "b"], NOW).unwrap();
    let count = issued(&office);
    for (keys, outcome) in
        [(["a", "b"], None), (["b", "a"], Some(Code::TokenSpent)), (["a", "c"], Some(Code::TokenSpent))]
    {
        match (enrol(&mut office, &token, &keys, NOW.plus_ms(90 * DAY_MS)), outcome) {
            (Ok(again), None) => assert_eq!(again.certificates, first.certificates),
            (Err(problem), Some(code)) => assert_eq!(problem.code, code, "{keys:?}"),
            (other, _) => panic!("{keys:?}: {other:?}"),
        }
        assert_eq!(issued(&office), count, "{keys:?}");
    }
}

#[test]
fn sixty_four_redemptions_at_once_issue_once() {
    let shared = std::sync::Mutex::new(office());
    let token = token(&mut shared.lock().unwrap(), "health.gov.example", Role::Node);
    let before = issued(&shared.lock().unwrap());
    let answers: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..64)
            .map(|n| {
                let (shared, token) = (&shared, &token);
                scope.spawn(move || {
                    let keys = [format!("node {}", n % 4), format!("seal {}", n % 4)];
                    enrol(&mut shared.lock().unwrap(), token, &[&keys[0], &keys[1]], NOW)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(issued(&shared.lock().unwrap()), before + 2);
    // A quarter had the keys that came first, and all of those got the same answer.
    let mut good = answers.iter().flatten();
    let first = &good.next().unwrap().certificates;
    assert_eq!(1 + good.filter(|answer| answer.certificates == *first).count(), 16);
    assert!(answers.iter().filter_map(|a| a.as_ref().err()).all(|p| p.code == Code::TokenSpent));
}

/// A crash at every call of the disk during a redemption: the repetition gets certificates, and never two pairs.
#[test]
fn a_crash_anywhere_in_a_redemption_leaves_one_effect() {
    let (mut before_commit, mut after_commit) = (0, 0);
    for nth in 1.. {
        let disk = SimDisk::new(nth);
        let mut office = open(&disk).unwrap();
        let token = token(&mut office, "health.gov.example", Role::Node);
        let before = issued(&office);
        disk.arm(None, nth, Failure::Death);
        let first = enrol(&mut office, &token, &["a", "b"], NOW);
        let finished = first.is_ok();
        drop(office);
        disk.disarm();
        disk.crash();
        let mut office = open(&disk).unwrap();
        let found = issued(&office) - before;
        assert!(found == 0 && !finished || found == 2, "call {nth}: {found} certificates");
        *(if found == 0 { &mut before_commit } else { &mut after_commit }) += 1;
        let again = enrol(&mut office, &token, &["a", "b"], NOW).unwrap();
        assert_eq!(issued(&office), before + 2, "call {nth}");
        if let Ok(first) = first {
            assert_eq!(again.certificates, first.certificates);
            break;
        }
    }
    assert!(before_commit > 0 && after_commit > 0);
}

#[test]
fn nothing_is_answered_that_is_not_durable() {
    for op in [Op::WriteAt, Op::SyncData] {
        let disk = SimDisk::new(3);
        let mut office = open(&disk).unwrap();
        let token = token(&mut office, "health.gov.example", Role::Node);
        let before = issued(&office);
        disk.arm(Some(op), 1, Failure::Io);
        assert!(enrol(&mut office, &token, &["a", "b"], NOW).is_err(), "{op:?}");
        assert_eq!(issued(&office), before, "{op:?}");
        let problem = enrol(&mut office, &token, &["a", "b"], NOW).unwrap_err();
        assert_eq!(problem.code, Code::StoreReadOnly, "{op:?}: until a restart");
    }
}

#[test]
fn wrong_secrets_are_limited_and_right_ones_never() {
    let mut office = office();
    let token = token(&mut office, "health.gov.example", Role::Node);
    let wrong = EnrolRequest { secret: Zeroizing::new([0; 16]), requests: requests(&["a", "b"]) };
    let codes: Vec<Code> =
        (0..TRIES_MAX + 1).map(|_| office.enrol(SOURCE, &wrong, NOW, serials(7)).unwrap_err().code).collect();
    assert_eq!(codes.last(), Some(&Code::LimitReached));
    assert!(codes[..TRIES_MAX as usize].iter().all(|code| *code == Code::TokenRefused));
    assert!(enrol(&mut office, &token, &["a", "b"], NOW).is_ok());
}

/// KNOWN-FAULTS 5: restarts never repeat a serial number, even if the random numbers do.
#[test]
fn serial_numbers_never_repeat() {
    let disk = SimDisk::new(1);
    let mut seen = std::collections::BTreeSet::new();
    for n in 0..40 {
        let mut office = open(&disk).unwrap();
        let id = format!("agency-{n}.gov.example");
        let token = token(&mut office, &id, Role::Node);
        let names = [format!("{id} node"), format!("{id} seal")];
        let request =
            EnrolRequest { secret: token.secret.clone(), requests: requests(&[&names[0], &names[1]]) };
        // The generator begins anew after every restart.
        let answer = office.enrol(SOURCE, &request, NOW, serials(7)).unwrap();
        for der in answer.certificates {
            let serial = Certificate::from_der(&der).unwrap().serial().to_vec();
            assert!(serial.len() == 16 && serial[0] & 0x80 == 0);
            assert!(seen.insert(serial), "agency {n}");
        }
    }
    assert_eq!(seen.len(), 80);
}

#[test]
fn one_call_makes_one_token_across_restarts() {
    let disk = SimDisk::new(1);
    let first = token(&mut open(&disk).unwrap(), "health.gov.example", Role::Node);
    let mut office = open(&disk).unwrap();
    let again = token(&mut office, "health.gov.example", Role::Node);
    assert_eq!((&first, office.book().tokens().count()), (&again, 1));
    let other = Call { key: "token-health.gov.example-node", request: Digest::of(b"x") };
    let problem = office.token(other, &ask("mail.gov.example", Role::Node), NOW).unwrap_err();
    assert_eq!(problem.code, Code::KeyConflict);
    // The journal knows the secret's digest alone.
    for name in disk.names().unwrap() {
        let bytes = disk.contents(&name).unwrap();
        assert!(!bytes.windows(16).any(|window| window == again.secret.as_slice()), "{name}");
    }
}
