//! What a newcomer accepts of an authority, and what a crash in between leaves.

use ogic_certs::cose::Signer;
use ogic_certs::issue;
use ogic_certs::testing::{Federation, agency};
use tempfile::TempDir;

use super::*;

const NOW: Timestamp = Timestamp::from_ms_clamped(1_795_576_803_007);

fn seeds() -> impl FnMut() -> Result<Seed> {
    let mut count = 0;
    move || {
        count += 1;
        Ok(Zeroizing::new([count; 32]))
    }
}

/// A federation with another member, and a token for transport.
struct World {
    _scratch: TempDir,
    path: std::path::PathBuf,
    federation: Federation,
    other: Signer,
    token: Token,
}

impl World {
    fn new() -> Self {
        let scratch = TempDir::new().unwrap();
        let mut federation = Federation::new(1, NOW);
        let other = federation.signer("ogic://health.gov.example/seal");
        federation.add_member(&agency("transport.gov.example"), ogic_certs::registry::Level::Federal);
        let token = Token {
            secret: Zeroizing::new([7; 16]),
            address: "192.0.2.1:4433".to_owned(),
            authority: agency("authority.gov.example"),
            root: federation.root().digest(),
            version_min: 1,
            agency: agency("transport.gov.example"),
            roles: vec![Role::Node, Role::Seal],
        };
        let path = scratch.path().join("transport");
        Self { _scratch: scratch, path, federation, other, token }
    }

    /// What an honest authority answers.
    fn answer(&mut self, request: &EnrolRequest) -> EnrolAnswer {
        let certificates = request.requests.iter().zip(&self.token.roles).zip(1..).map(|((csr, role), n)| {
            let identity = Identity { agency: self.token.agency.clone(), role: role.clone() };
            self.issue(&identity, csr, n)
        });
        let certificates = certificates.collect();
        EnrolAnswer {
            certificates,
            root: self.federation.root().der().to_vec(),
            registry: self.federation.registry().bytes().to_vec(),
            crls: vec![self.federation.crl().der().to_vec()],
        }
    }

    fn issue(&self, identity: &Identity, csr: &[u8], serial: u8) -> Vec<u8> {
        let key = issue::read_csr(csr).unwrap();
        let (from, to) = (NOW.minus_ms(300_000), NOW.plus_ms(86_400_000));
        self.federation
            .with_issuer(|issuer| issue::leaf(issuer, identity, &key, [serial; 16], from, to))
            .unwrap()
    }
}

#[test]
fn an_honest_answer_is_kept_and_a_repetition_is_as_good() {
    let mut world = World::new();
    let newcomer = prepare(&world.path, &world.token, seeds()).unwrap();
    assert_eq!(prepare(&world.path, &world.token, seeds()).unwrap_err().code, Code::StoreLocked);
    let answer = world.answer(&newcomer.application.request);
    let joined = newcomer.keep(&world.token, &answer, NOW).unwrap();
    let (folder, request) = (newcomer.folder.clone(), newcomer.application.request.clone());
    drop(newcomer);
    assert_eq!(joined.identities[1].to_string(), "ogic://transport.gov.example/seal");
    assert_eq!(folder.signer("seal").unwrap().chain().count(), 2);
    assert_eq!(folder.trust().unwrap().registry().version, joined.version);
    assert!(folder.pinned().unwrap().unwrap().pin.signer.is_some());

    let again = prepare(&world.path, &world.token, || Ok(Zeroizing::new([99; 32]))).unwrap();
    assert_eq!(again.application.request, request, "for the keys that were made first");
    again.keep(&world.token, &answer, NOW).unwrap();
}

/// A crash after any file: the same join succeeds, with the same keys.
#[test]
fn a_crash_between_files_is_mended_by_the_same_join() {
    for last in [
        "keys/node.key",
        "keys/seal.key",
        "pin.toml",
        "certs/node.pem",
        "certs/seal.pem",
        "crl.der",
        "registry.cose",
    ] {
        let mut world = World::new();
        let newcomer = prepare(&world.path, &world.token, seeds()).unwrap();
        let answer = world.answer(&newcomer.application.request);
        newcomer.keep(&world.token, &answer, NOW).unwrap();
        let folder = newcomer.folder.clone();
        drop(newcomer);
        let order = [
            "keys/node.key",
            "keys/seal.key",
            "pin.toml",
            "certs/node.pem",
            "certs/seal.pem",
            "crl.der",
            "registry.cose",
        ];
        for file in order.iter().skip_while(|file| **file != last).skip(1) {
            std::fs::remove_file(folder.at(file)).unwrap();
        }
        let newcomer = prepare(&world.path, &world.token, seeds()).unwrap();
        let again = world.answer(&newcomer.application.request);
        newcomer.keep(&world.token, &again, NOW).unwrap_or_else(|p| panic!("after {last}: {p}"));
        assert!(folder.trust().is_ok() && folder.signer("node").is_ok(), "after {last}");
    }
}

#[test]
fn answers_of_which_nothing_is_kept() {
    type Edit = fn(&mut World, &mut EnrolAnswer, &EnrolRequest);
    let table: [(&str, Edit, Code); 11] = [
        ("another_root", |_, a, _| a.root = Federation::new(2, NOW).root().der().to_vec(), Code::PathInvalid),
        (
            "a_registry_of_another_federation",
            |_, a, _| a.registry = Federation::new(2, NOW).registry().bytes().to_vec(),
            Code::PathInvalid,
        ),
        ("a_registry_that_was_cut", |_, a, _| a.registry.truncate(100), Code::Malformed),
        ("an_old_registry", |w, _, _| w.token.version_min = 5, Code::RegistryRollback),
        (
            "a_list_of_another_federation",
            |_, a, _| a.crls = vec![Federation::new(2, NOW).crl().der().to_vec()],
            Code::PathInvalid,
        ),
        ("no_list", |_, a, _| a.crls.clear(), Code::TrustUndecidable),
        ("one_certificate_too_few", |_, a, _| drop(a.certificates.pop()), Code::ProtocolViolation),
        ("certificates_exchanged", |_, a, _| a.certificates.reverse(), Code::KeyRefused),
        (
            "anothers_certificate",
            |w, a, _| a.certificates[1] = w.other.certificate().der().to_vec(),
            Code::KeyRefused,
        ),
        (
            "our_key_under_anothers_name",
            |w, a, r| {
                let identity = Identity { agency: agency("health.gov.example"), role: Role::Seal };
                a.certificates[1] = w.issue(&identity, &r.requests[1], 9);
            },
            Code::IdentityMismatch,
        ),
        (
            "we_are_not_listed",
            |w, a, _| {
                w.federation.remove_member(&agency("transport.gov.example"));
                a.registry = w.federation.registry().bytes().to_vec();
            },
            Code::AgencyUnknown,
        ),
    ];
    for (name, edit, code) in table {
        let mut world = World::new();
        let newcomer = prepare(&world.path, &world.token, seeds()).unwrap();
        let mut answer = world.answer(&newcomer.application.request);
        edit(&mut world, &mut answer, &newcomer.application.request);
        let problem = newcomer.keep(&world.token, &answer, NOW).expect_err(name);
        assert_eq!(problem.code, code, "{name}: {problem}");
        for file in ["pin.toml", "certs", "crl.der", "registry.cose"] {
            assert!(!newcomer.folder.at(file).exists(), "{name}: {file}");
        }
    }
}

#[test]
fn a_folder_belongs_to_one_agency_of_one_federation() {
    let mut world = World::new();
    let newcomer = prepare(&world.path, &world.token, seeds()).unwrap();
    let answer = world.answer(&newcomer.application.request);
    newcomer.keep(&world.token, &answer, NOW).unwrap();
    drop(newcomer);
    type Edit = fn(&mut Token);
    let table: [(&str, Edit); 4] = [
        ("another_agency", |token| token.agency = agency("health.gov.example")),
        ("another_authority", |token| token.authority = agency("authority.other.example")),
        ("another_root", |token| token.root = Digest::ZERO),
        ("an_official", |token| token.roles = vec![Role::Official("x".to_owned())]),
    ];
    for (name, edit) in table {
        let mut token = world.token.clone();
        edit(&mut token);
        assert_eq!(
            prepare(&world.path, &token, seeds()).map(drop).expect_err(name).code,
            Code::ValueRefused,
            "{name}"
        );
    }
}
