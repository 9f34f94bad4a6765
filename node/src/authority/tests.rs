//! The desk over a simulated disk: every decision by tables, crashes between any two steps.

use std::net::IpAddr;

use ogic_certs::announcement::Announcement;
use ogic_certs::certificate::Certificate;
use ogic_certs::checkpoint::Origin;
use ogic_certs::cose::{Signed, Signer};
use ogic_certs::crl::{Crl, Reason};
use ogic_certs::issue::{self, Issuer};
use ogic_certs::key::SigningKey;
use ogic_certs::registry::{Level, Registry};
use ogic_certs::testing::agency;
use ogic_certs::token::{EnrolAnswer, EnrolRequest, Token};
use ogic_certs::{AgencyId, Code, Digest, Identity, Result, Role, Timestamp};
use zeroize::Zeroizing;

use super::attempts::TRIES_MAX;
use super::book::Charter;
use super::founding;
use super::office::{BACKDATE_MS, Call, Keys, Office, TokenKey};
use super::redeem::{Ask, TTL_MS, TTL_MS_MAX};
use super::revoke::{Target, reason_of};
use crate::log::disk::{Failure, Op};
use crate::log::{Disk, SimDisk};

const NOW: Timestamp = Timestamp::from_ms_clamped(1_795_576_803_007);
const ORIGIN: &str = "authority.gov.example/log/00000000000000000000000000000001/1";
const DAY_MS: u64 = 86_400_000;
const SOURCE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

/// Random bytes that are none: a counter, hashed.
fn drawer(seed: u64) -> impl FnMut(&mut [u8]) -> Result<()> {
    let mut count = seed << 32;
    move |bytes: &mut [u8]| {
        for chunk in bytes.chunks_mut(32) {
            count += 1;
            chunk.copy_from_slice(&Digest::of(&count.to_be_bytes()).as_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

fn serials(seed: u64) -> impl FnMut() -> Result<[u8; 16]> {
    let mut draw = drawer(seed);
    move || {
        let mut serial = [0; 16];
        draw(&mut serial).map(|()| serial)
    }
}

/// The same keys whenever the process starts.
fn charter_and_keys() -> (Charter, Keys, Vec<Certificate>) {
    let (mut draw, id) = (drawer(1), agency("authority.gov.example"));
    let (root, certificate) = founding::root(&agency("gov.example"), NOW, &mut draw).unwrap();
    let issuer = Issuer { certificate: &certificate, key: &root };
    let mut own = |role| {
        let key = founding::key(&mut draw).unwrap();
        founding::own(&issuer, &id, role, key, NOW, &mut draw).unwrap()
    };
    let (node, registry) = (own(Role::Node), own(Role::Registry));
    let certificates = vec![node.certificate().clone(), registry.certificate().clone()];
    let charter = Charter {
        federation: agency("gov.example"),
        authority: id,
        name_en: "Authority".to_owned(),
        name_ru: "Удостоверяющий центр".to_owned(),
        root: certificate,
        endpoints: vec!["192.0.2.1:4433".to_owned()],
        certificate_life_ms: 60 * DAY_MS,
        registry_life_ms: DAY_MS,
        crl_life_ms: DAY_MS,
    };
    (charter, Keys { root, registry, tokens: TokenKey::new(&[9; 32]) }, certificates)
}

fn open(disk: &SimDisk) -> Result<Office<SimDisk>> {
    let (charter, keys, own) = charter_and_keys();
    let mut office = Office::open(disk.clone(), ORIGIN, charter, keys)?;
    if office.book().registry().is_none() {
        office.found(own, NOW)?;
    }
    Ok(office)
}

fn office() -> Office<SimDisk> {
    open(&SimDisk::new(1)).unwrap()
}

fn ask(id: &str, role: Role) -> Ask {
    Ask { agency: agency(id), role, names: None, level: None, parent: None, ttl_ms: TTL_MS }
}

fn call(key: &str) -> Call<'_> {
    Call { key, request: Digest::of(key.as_bytes()) }
}

fn token(office: &mut Office<SimDisk>, id: &str, role: Role) -> Token {
    let key = format!("token-{id}-{role}");
    office.token(call(&key), &ask(id, role), NOW).unwrap()
}

fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(Digest::of(name.as_bytes()).as_bytes()).unwrap()
}

fn requests(names: &[&str]) -> Vec<Vec<u8>> {
    names.iter().map(|name| issue::csr(&key(name)).unwrap()).collect()
}

fn enrol(office: &mut Office<SimDisk>, token: &Token, names: &[&str], at: Timestamp) -> Result<EnrolAnswer> {
    let request = EnrolRequest { secret: token.secret.clone(), requests: requests(names) };
    office.enrol(SOURCE, &request, at, serials(7))
}

/// A member whose keys are `<id> node` and `<id> seal`.
fn join(office: &mut Office<SimDisk>, id: &str) -> Vec<Signer> {
    let token = token(office, id, Role::Node);
    let names = [format!("{id} node"), format!("{id} seal")];
    let answer = enrol(office, &token, &[&names[0], &names[1]], NOW).unwrap();
    let certificates = answer.certificates.iter().map(|der| Certificate::from_der(der).unwrap());
    let root = Certificate::from_der(&answer.root).unwrap();
    names
        .iter()
        .zip(certificates)
        .map(|(name, c)| Signer::new(key(name), c, vec![root.clone()]).unwrap())
        .collect()
}

fn registry(office: &Office<SimDisk>) -> &Registry {
    office.registry().unwrap().value()
}

fn issued(office: &Office<SimDisk>) -> usize {
    office.book().issued().count()
}

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
