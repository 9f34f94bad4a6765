//! The judge by tables: one valid case, and each way in which one edit spoils it. Every evidence is replayed.

use ogic_certs::certificate::Certificate;
use ogic_certs::cose::{Payload, Signed, Signer};
use ogic_certs::crl::Crl;
use ogic_certs::event::{Approval, Body, Detail, DocumentRef, Header, Kind, StepTimes};
use ogic_certs::evidence::{Evidence, VerifyRequest};
use ogic_certs::registry::Registry;
use ogic_certs::testing::{Federation, agency, lone_signer};
use ogic_certs::trust::Trust;
use ogic_certs::verdict::{SubIndication, Verdict};
use ogic_certs::{CaseId, Code, Digest, EventId, Timestamp};

use super::{judge, replay};

const NOW: Timestamp = Timestamp::from_ms_clamped(1_795_576_803_007);
const DAY_MS: u64 = 86_400_000;

/// A federation, and an event of health that its official approved.
struct World {
    federation: Federation,
    node: Signer,
    seal: Signer,
    official: Signer,
    other_official: Signer,
    header: Header,
    approval: Approval,
    at: Timestamp,
    request: VerifyRequest,
}

impl World {
    fn new() -> Self {
        let mut federation = Federation::new(1, NOW);
        let node = federation.signer("ogic://health.gov.example/node");
        let seal = federation.signer("ogic://health.gov.example/seal");
        let official = federation.signer("ogic://health.gov.example/official/medical-1");
        let other_official = federation.signer("ogic://transport.gov.example/official/licensing-1");
        let blob = Body::of(Detail::None).to_blob(&[3; 32]);
        let case = CaseId::opened_by(EventId::of(b"an opening event"));
        let approval = Approval {
            case: Some(case),
            kind: Kind::Step,
            step: Some("medical".to_owned()),
            commitment: Digest::of(&blob),
        };
        let header = Header {
            case: Some(case),
            head: Some(ogic_certs::event::HeadAt { seq: 3, record: Digest::of(b"a record") }),
            kind: Kind::Step,
            step: Some("medical".to_owned()),
            created: NOW,
            body_bytes: blob.len() as u64,
            commitment: Digest::of(&blob),
            approval: None,
            grant: None,
            code: 1,
            times: StepTimes::default(),
        };
        let request = VerifyRequest {
            nonce: [7; 16],
            header: Vec::new(),
            approval: None,
            documents: Vec::new(),
            certificates: [&seal, &official].iter().map(|s| s.certificate().der().to_vec()).collect(),
        };
        let mut world =
            Self { federation, node, seal, official, other_official, header, approval, at: NOW, request };
        world.approve_by(&world.official.clone());
        world
    }

    /// Signs the approval, and the header that names it.
    fn approve_by(&mut self, official: &Signer) {
        let approval = Signed::sign(self.approval.clone(), official).unwrap();
        self.header.approval = Some(approval.digest());
        self.request.approval = Some(approval.bytes().to_vec());
        self.seal_by(&self.seal.clone());
    }

    fn seal_by(&mut self, signer: &Signer) {
        self.request.header = Signed::sign(self.header.clone(), signer).unwrap().bytes().to_vec();
    }

    fn give(&mut self, signer: &Signer) {
        self.request.certificates.push(signer.certificate().der().to_vec());
    }

    fn trust(&mut self) -> Trust {
        let (registry, crl) = (self.federation.registry(), self.federation.crl());
        Trust::new(registry.into(), vec![crl], self.federation.pin()).unwrap()
    }

    fn judge(&mut self) -> Evidence {
        let trust = self.trust();
        judge(&self.request, &agency("transport.gov.example"), &trust, self.at)
    }
}

#[test]
fn a_valid_event_passes_and_says_who_may_act() {
    let mut world = World::new();
    let evidence = world.judge();
    assert!(evidence.judgement.passed(), "{evidence:?}");
    assert!(evidence.checks.iter().all(|check| check.held));
    assert_eq!(
        evidence.mandate.map(|(agency, role)| format!("{agency} {role}")).as_deref(),
        Some("health.gov.example official/medical-1")
    );
    assert_eq!(evidence.event, EventId::of(&world.request.header));
    // Of the official's certificate and the seal's every check of RFC 5280 6.1 was made and is named.
    for section in
        ["RFC 9052 4.4", "RFC 5280 6.1.3 (a)(1)", "RFC 5280 6.1.3 (a)(2)", "RFC 5280 6.1.3 (a)(3), 6.3.3"]
    {
        let count = evidence.checks.iter().filter(|check| check.section == section).count();
        assert!(count >= 2, "{section}: {count}");
    }

    world.header.approval = None;
    world.request.approval = None;
    world.seal_by(&world.seal.clone());
    let evidence = world.judge();
    assert!(evidence.judgement.passed());
    assert_eq!(evidence.mandate.map(|(_, role)| role.to_string()).as_deref(), Some("seal"));
}

#[test]
fn each_edit_spoils_it_in_its_own_way() {
    use SubIndication::*;
    use Verdict::{Indeterminate, TotalFailed};
    type Edit = fn(&mut World);
    let table: &[(&str, Edit, Verdict, SubIndication, Code)] = &[
        ("no_event", |w| w.request.header.clear(), TotalFailed, FormatFailure, Code::Malformed),
        (
            "an_approval_as_event",
            |w| w.request.header = w.request.approval.clone().unwrap(),
            TotalFailed,
            FormatFailure,
            Code::KindMismatch,
        ),
        (
            "broken_seal",
            |w| *w.request.header.last_mut().unwrap() ^= 1,
            TotalFailed,
            SigCryptoFailure,
            Code::SignatureInvalid,
        ),
        (
            "sealed_by_the_channel_key",
            |w| {
                let n = w.node.clone();
                w.give(&n);
                w.seal_by(&n);
            },
            TotalFailed,
            ChainConstraintsFailure,
            Code::RoleNotAllowed,
        ),
        (
            "sealed_by_an_official",
            |w| {
                let o = w.official.clone();
                w.seal_by(&o);
            },
            TotalFailed,
            ChainConstraintsFailure,
            Code::RoleNotAllowed,
        ),
        (
            "no_certificates",
            |w| w.request.certificates.clear(),
            Indeterminate,
            NoSigningCertificateFound,
            Code::CertificateUnknown,
        ),
        (
            "a_strangers_seal",
            |w| {
                let s = lone_signer("ogic://health.gov.example/seal", 9);
                w.give(&s);
                w.seal_by(&s);
            },
            Indeterminate,
            NoCertificateChainFound,
            Code::TrustUndecidable,
        ),
        (
            "revoked_seal",
            |w| {
                let c = w.seal.certificate().clone();
                w.federation.revoke(&c, NOW);
            },
            TotalFailed,
            Revoked,
            Code::CertificateRevoked,
        ),
        (
            "revoked_official",
            |w| {
                let c = w.official.certificate().clone();
                w.federation.revoke(&c, NOW.minus_ms(5000));
            },
            TotalFailed,
            Revoked,
            Code::CertificateRevoked,
        ),
        ("expired", |w| w.at = NOW.plus_ms(61 * DAY_MS), TotalFailed, Expired, Code::CertificateExpired),
        (
            "not_yet_valid",
            |w| w.at = NOW.minus_ms(3 * DAY_MS),
            TotalFailed,
            NotYetValid,
            Code::CertificateExpired,
        ),
        (
            "registry_and_list_past_their_life",
            |w| w.at = NOW.plus_ms(2 * DAY_MS),
            Indeterminate,
            TryLater,
            Code::RegistryExpired,
        ),
        (
            "agency_struck_from_the_registry",
            |w| w.federation.remove_member(&agency("health.gov.example")),
            TotalFailed,
            SigConstraintsFailure,
            Code::AgencyUnknown,
        ),
        (
            "approval_missing",
            |w| w.request.approval = None,
            Indeterminate,
            SignedDataNotFound,
            Code::ApprovalInvalid,
        ),
        (
            "another_approval",
            |w| *w.request.approval.as_mut().unwrap().last_mut().unwrap() ^= 1,
            TotalFailed,
            HashFailure,
            Code::DigestMismatch,
        ),
        (
            "approval_not_named",
            |w| {
                w.header.approval = None;
                let s = w.seal.clone();
                w.seal_by(&s);
            },
            TotalFailed,
            SigConstraintsFailure,
            Code::ApprovalInvalid,
        ),
        (
            "approval_of_another_step",
            |w| {
                w.approval.step = Some("exam".to_owned());
                let o = w.official.clone();
                w.approve_by(&o);
            },
            TotalFailed,
            SigConstraintsFailure,
            Code::ApprovalInvalid,
        ),
        (
            "approval_of_another_case",
            |w| {
                w.approval.case = None;
                let o = w.official.clone();
                w.approve_by(&o);
            },
            TotalFailed,
            SigConstraintsFailure,
            Code::ApprovalInvalid,
        ),
        (
            "approval_of_another_body",
            |w| {
                w.approval.commitment = Digest::ZERO;
                let o = w.official.clone();
                w.approve_by(&o);
            },
            TotalFailed,
            SigConstraintsFailure,
            Code::ApprovalInvalid,
        ),
        (
            "approved_by_the_seal",
            |w| {
                let s = w.seal.clone();
                w.approve_by(&s);
            },
            TotalFailed,
            ChainConstraintsFailure,
            Code::RoleNotAllowed,
        ),
        (
            "official_of_another_agency",
            |w| {
                let o = w.other_official.clone();
                w.give(&o);
                w.approve_by(&o);
            },
            TotalFailed,
            SigConstraintsFailure,
            Code::IdentityMismatch,
        ),
        (
            "broken_approval",
            |w| {
                let mut bytes = w.request.approval.clone().unwrap();
                *bytes.last_mut().unwrap() ^= 1;
                w.header.approval = Some(Digest::of(&bytes));
                w.request.approval = Some(bytes);
                let s = w.seal.clone();
                w.seal_by(&s);
            },
            TotalFailed,
            SigCryptoFailure,
            Code::SignatureInvalid,
        ),
        (
            "a_revocation_outweighs_a_missing_certificate",
            |w| {
                let c = w.official.certificate().clone();
                w.federation.revoke(&c, NOW);
                w.request.certificates.remove(0);
            },
            TotalFailed,
            Revoked,
            Code::CertificateRevoked,
        ),
    ];
    let mut wrong = Vec::new();
    for (name, edit, verdict, sub, code) in table {
        let mut world = World::new();
        edit(&mut world);
        let evidence = world.judge();
        let found = (evidence.judgement.verdict, evidence.judgement.sub, evidence.judgement.code);
        if found != (*verdict, Some(*sub), Some(*code)) {
            wrong.push((name, found));
        }
        assert_eq!(evidence.mandate, None, "{name}");
        assert!(evidence.checks.iter().any(|check| !check.held), "{name}");
        let root = world.federation.root().digest();
        let again = replay(&evidence, &root, |_| None);
        assert_eq!(again.as_ref().ok(), Some(&evidence.judgement), "{name}: {again:?}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_revocation_after_the_judgement_does_not_count() {
    let mut world = World::new();
    let certificate = world.official.certificate().clone();
    world.federation.revoke(&certificate, NOW.plus_ms(60_000));
    assert!(world.judge().judgement.passed());
}

#[test]
fn evidence_fits_its_envelope_and_replays_from_its_bytes() {
    let mut world = World::new();
    let document = DocumentRef {
        sha256: Digest::of(b"pdf"),
        root: Digest::of(b"root"),
        bytes: 3,
        label: "certificate".to_owned(),
        media_type: "application/pdf".to_owned(),
    };
    world.request.documents = vec![document; 32];
    let ttp = world.federation.signer("ogic://ttp.gov.example/ttp");
    let evidence = world.judge();
    assert!(evidence.judgement.passed());
    let signed = Signed::sign(evidence.clone(), &ttp).unwrap();
    assert!(signed.bytes().len() < 16 << 10, "{} bytes", signed.bytes().len());
    let read = Signed::<Evidence>::parse(signed.bytes()).unwrap();
    assert_eq!(*read.value(), evidence);
    let root = world.federation.root().digest();
    assert!(replay(read.value(), &root, |_| None).unwrap().passed());
    assert_eq!(
        replay(read.value(), &Digest::of(b"another root"), |_| None).unwrap_err().code,
        Code::PathInvalid
    );
}

#[test]
fn what_is_too_large_is_found_by_digest() {
    let mut world = World::new();
    for n in 0..700 {
        world
            .federation
            .add_member(&agency(&format!("agency-{n}.gov.example")), ogic_certs::registry::Level::Municipal);
    }
    let trust = world.trust();
    let evidence = judge(&world.request, &agency("transport.gov.example"), &trust, NOW);
    let root = world.federation.root().digest();
    assert_eq!(replay(&evidence, &root, |_| None).unwrap_err().code, Code::NotFound);
    let registry = trust.signed_registry().bytes().to_vec();
    let find = |digest: &Digest| (*digest == Digest::of(&registry)).then(|| registry.clone());
    assert!(replay(&evidence, &root, find).unwrap().passed());
    assert_eq!(replay(&evidence, &root, |_| Some(b"other".to_vec())).unwrap_err().code, Code::DigestMismatch);
}

/// A third party that lies is found out by its own inputs.
#[test]
fn evidence_that_does_not_follow_is_invalid() {
    type Edit = fn(&mut Evidence);
    let mut world = World::new();
    let certificate = world.official.certificate().clone();
    world.federation.revoke(&certificate, NOW);
    let (failed, root) = (world.judge(), world.federation.root().digest());
    let table: [(&str, Edit); 7] = [
        ("passed_all_the_same", |e| e.judgement = ogic_certs::evidence::Judgement::PASSED),
        ("a_check_that_was_not_made", |e| drop(e.checks.pop())),
        ("a_check_turned", |e| e.checks.iter_mut().for_each(|check| check.held = true)),
        ("a_mandate_made_up", |e| e.mandate = Some((agency("health.gov.example"), ogic_certs::Role::Seal))),
        ("about_another_event", |e| e.event = EventId::of(b"another")),
        ("without_its_list", |e| e.inputs.retain(|input| input.kind != "crl")),
        ("by_another_policy", |e| e.policy = Digest::ZERO),
    ];
    for (name, edit) in table {
        let mut evidence = failed.clone();
        edit(&mut evidence);
        let problem = replay(&evidence, &root, |_| None).expect_err(name);
        assert!(matches!(problem.code, Code::EvidenceInvalid | Code::TrustUndecidable), "{name}: {problem}");
    }
    // Its list exchanged for an older one of the same issuer does not lead to the verdict either.
    let mut older = Federation::new(1, NOW);
    older.signer("ogic://health.gov.example/node");
    let crl: Crl = older.crl();
    let mut evidence = failed;
    for input in evidence.inputs.iter_mut().filter(|input| input.kind == "crl") {
        *input = ogic_certs::evidence::Input::carried("crl", crl.der());
    }
    assert_eq!(replay(&evidence, &root, |_| None).unwrap_err().code, Code::EvidenceInvalid);
}

/// What was tried and of no use is not carried, and therefore must not show in the checks: found by `tests/fuzz`.
#[test]
fn certificates_of_no_use_leave_no_trace() {
    let stranger = Federation::new(77, NOW);
    let strangers_root = stranger.root().der().to_vec();
    type Edit = fn(&mut World);
    let rows: [(&str, Edit); 3] = [
        ("a valid event", |_| {}),
        ("a seal of another federation", |w| {
            let seal = Federation::new(78, NOW).signer("ogic://health.gov.example/seal");
            w.give(&seal);
            w.seal_by(&seal);
        }),
        ("an official of another federation", |w| {
            let official = Federation::new(78, NOW).signer("ogic://health.gov.example/official/medical-1");
            w.give(&official);
            w.approve_by(&official);
        }),
    ];
    for (name, edit) in rows {
        let mut world = World::new();
        edit(&mut world);
        let trust = world.trust();
        let without = judge(&world.request, &agency("transport.gov.example"), &trust, NOW);
        world.request.certificates.insert(0, strangers_root.clone());
        let with = judge(&world.request, &agency("transport.gov.example"), &trust, NOW);
        assert_eq!(with, without, "{name}");
        assert_eq!(replay(&with, &trust.pin().root, |_| None), Ok(with.judgement.clone()), "{name}");
    }
}

#[test]
fn strange_certificates_and_bytes_never_panic() {
    let mut world = World::new();
    let root = Certificate::from_der(world.federation.root().der()).unwrap();
    world.request.certificates.extend([Vec::new(), vec![0x30], root.der().to_vec()]);
    assert!(world.judge().judgement.passed());
    let whole = world.request.header.clone();
    let trust = world.trust();
    for end in 0..whole.len() {
        world.request.header.truncate(0);
        world.request.header.extend_from_slice(&whole[..end]);
        let evidence = judge(&world.request, &agency("transport.gov.example"), &trust, NOW);
        assert_eq!(evidence.judgement.verdict, Verdict::TotalFailed, "{end}");
        assert!(Evidence::decode(&evidence.encode()).is_ok());
    }
    let registry: &Registry = trust.registry();
    assert!(registry.version > 0);
}
