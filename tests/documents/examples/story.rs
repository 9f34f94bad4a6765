//! One case between two agencies, told from one seed.

use std::sync::LazyLock;

use ogic_certs::announcement::Announcement;
use ogic_certs::certificate::Certificate;
use ogic_certs::checkpoint::{Checkpoint, HeadsTree, Origin};
use ogic_certs::cose::{Signed, Signer};
use ogic_certs::custody::CustodyNotice;
use ogic_certs::event::{
    Approval, Body, Detail, DocumentRef, Event, FieldValue, HeadAt, Header, Kind, StepTimes, Terms,
};
use ogic_certs::evidence::{Check, Evidence, Input, Judgement};
use ogic_certs::merkle::{Tree, leaf_hash};
use ogic_certs::receipt::ReceiptFrame;
use ogic_certs::record::{AccessLeaf, HeadLeaf, Leaf, Record};
use ogic_certs::reference::Reference;
use ogic_certs::refusal::{Refusal, VerdictNotice};
use ogic_certs::registry::{Level, Pin, Registry};
use ogic_certs::service::ServiceText;
use ogic_certs::testing::{Federation, agency};
use ogic_certs::token::Token;
use ogic_certs::verdict::{SubIndication, Verdict};
use ogic_certs::{Code, Digest, Role, Timestamp};
use ogic_node::desk::{AccessFact, Fact};
use ogic_node::exchange::message::Carried;
use zeroize::Zeroizing;

/// 2026-11-25T03:20:03.000Z
pub(super) const NOW: Timestamp = Timestamp::from_ms_clamped(1_795_576_803_000);
pub(super) const MINUTE_MS: u64 = 60_000;
pub(super) const DAY_MS: u64 = 86_400_000;

/// The bytes of health's document.
pub(super) const DOCUMENT: &[u8] = b"%PDF-1.7 a medical certificate";

/// What the examples tell: transport opens a case and hands its medical step to health, which does it.
pub(super) struct Story {
    pub(super) registry: Signed<Registry>,
    pub(super) crl: Vec<u8>,
    pub(super) root: Certificate,
    pub(super) transport: Signer,
    pub(super) transport_official: Signer,
    pub(super) health: Signer,
    pub(super) physician: Signer,
    pub(super) ttp: Signer,
    pub(super) service: Signed<ServiceText>,
    pub(super) opening: Event,
    pub(super) share: Event,
    pub(super) step: Event,
    pub(super) record: Record,
    pub(super) prev: Record,
    pub(super) access: AccessFact,
    pub(super) reference: Signed<Reference>,
    pub(super) evidence: Signed<Evidence>,
    pub(super) verdict: Signed<VerdictNotice>,
    pub(super) refusal: Signed<Refusal>,
    pub(super) custody: Custody,
    pub(super) checkpoint: Signed<Checkpoint>,
    pub(super) receipt: ReceiptFrame,
    /// The same proof over all records of the case.
    pub(super) proof_of_case: ReceiptFrame,
    pub(super) head: HeadLeaf,
    pub(super) announcement: Signed<Announcement>,
    pub(super) token: Token,
    pub(super) document: DocumentRef,
    pub(super) pin: Pin,
}

/// The case changes its home: transport offers it to the city, which accepts; transport releases, the city takes.
pub(super) struct Custody {
    pub(super) offer: Event,
    pub(super) accept: Event,
    pub(super) release: Event,
    pub(super) taken: Event,
    /// Of the acceptance.
    pub(super) accepted: Record,
    /// What transport tells the city of the release.
    pub(super) notice: Signed<CustodyNotice>,
}

impl Custody {
    fn tell(transport: &Signer, city: &Signer, opening: &Event, last: &Record) -> Self {
        let case = last.case;
        let act = |kind, head: &Record, minutes: u64| Header {
            case: Some(case),
            head: Some(at(head)),
            ..header(kind, head.received.plus_ms(minutes * MINUTE_MS))
        };
        let record = |before: &Record, event: &Event| Record {
            case,
            seq: before.seq + 1,
            prev: before.digest(),
            received: event.header.value().created,
            event: event.id(),
        };
        let offered = Terms {
            grantee: agency("city.gov.example"),
            steps: Vec::new(),
            purpose: "the applicant has moved".to_owned(),
            performer: "service centre".to_owned(),
            deadline: None,
            ..terms()
        };
        let offer =
            seal(act(Kind::Offer, last, 5), &Body::of(Detail::Offer(offered)), "offer", transport, None);
        let offer_record = record(last, &offer);
        let accept = seal(
            Header { grant: Some(offer.id()), ..act(Kind::Accept, &offer_record, 1) },
            &Body::of(Detail::None),
            "accept",
            city,
            None,
        );
        let accepted = record(&offer_record, &accept);
        let detail =
            Detail::Release { to: agency("city.gov.example"), offer: offer.id(), accept: accept.id() };
        let release = seal(act(Kind::Release, &accepted, 0), &Body::of(detail), "release", transport, None);
        let released = record(&accepted, &release);
        let notice = CustodyNotice::of(
            &release,
            vec![accepted, released],
            opening.header.bytes().to_vec(),
            agency("city.gov.example"),
            released.received,
        );
        let notice = Signed::sign(notice, transport).expect("a custody notice");
        let detail =
            Detail::Taken { from: agency("transport.gov.example"), release: notice.bytes().to_vec() };
        let taken = seal(act(Kind::Taken, &released, 1), &Body::of(detail), "taken", city, None);
        Self { offer, accept, release, taken, accepted, notice }
    }
}

pub(super) static STORY: LazyLock<Story> = LazyLock::new(Story::tell);

/// Thirty-two bytes that stand for random ones.
pub(super) fn random(what: &str) -> [u8; 32] {
    *Digest::of_parts(&[b"example ", what.as_bytes()]).as_bytes()
}

pub(super) fn random_16(what: &str) -> [u8; 16] {
    random(what).first_chunk().copied().expect("16 of 32")
}

/// A document of one chunk.
pub(super) fn document_of(content: &[u8], label: &str) -> DocumentRef {
    DocumentRef {
        sha256: Digest::of(content),
        root: leaf_hash(content),
        bytes: content.len() as u64,
        label: label.to_owned(),
        media_type: "application/pdf".to_owned(),
    }
}

pub(super) fn origin_of(name: &str) -> Origin {
    Origin {
        agency: agency(name),
        log: *b"\0\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f",
        generation: 1,
    }
}

pub(super) fn terms() -> Terms {
    Terms {
        grantee: agency("health.gov.example"),
        read: true,
        steps: vec!["medical".to_owned()],
        purpose: "medical examination of the applicant".to_owned(),
        ground: "Road Safety Act, article 23".to_owned(),
        performer: "physicians".to_owned(),
        deadline: Some(NOW.plus_ms(10 * DAY_MS)),
        expires: NOW.plus_ms(30 * DAY_MS),
    }
}

/// Seals a body, with an official's approval if there is one.
pub(super) fn seal(
    header: Header,
    body: &Body,
    name: &str,
    seal: &Signer,
    official: Option<&Signer>,
) -> Event {
    let blob = body.to_blob(&random(name));
    let commitment = Digest::of(&blob);
    let approval = official.map(|official| {
        let approval =
            Approval { case: header.case, kind: header.kind, step: header.step.clone(), commitment };
        Signed::sign(approval, official).expect("an approval")
    });
    let approved = approval.as_ref().map(Signed::digest);
    let header = Header { body_bytes: blob.len() as u64, commitment, approval: approved, ..header };
    let header = Signed::sign(header, seal).expect("a header");
    Event::parse(header.bytes(), &blob, approval.as_ref().map(Signed::bytes))
        .expect("what was just made holds")
}

pub(super) fn header(kind: Kind, created: Timestamp) -> Header {
    Header {
        case: None,
        head: None,
        kind,
        step: None,
        created,
        body_bytes: 0,
        commitment: Digest::ZERO,
        approval: None,
        grant: None,
        code: 0,
        times: StepTimes::default(),
    }
}

pub(super) fn at(record: &Record) -> HeadAt {
    HeadAt { seq: record.seq, record: record.digest() }
}

impl Story {
    fn tell() -> Self {
        let mut federation = Federation::new(9162, NOW);
        let transport = federation.signer("ogic://transport.gov.example/seal");
        let transport_official = federation.signer("ogic://transport.gov.example/official/licensing-1");
        let health = federation.signer("ogic://health.gov.example/seal");
        let physician = federation.signer("ogic://health.gov.example/official/physician-1");
        let ttp = federation.signer("ogic://ttp.gov.example/ttp");
        federation.add_member(&agency("health.gov.example"), Level::Regional);
        federation.add_member(&agency("ttp.gov.example"), Level::Service);
        federation.edit_member(&agency("transport.gov.example"), |member| {
            member.name_en = "Transport Agency".to_owned();
            member.name_ru = "Агентство транспорта".to_owned();
            member.endpoints = vec!["192.0.2.7:4433".to_owned()];
            member.logs = vec![origin_of("transport.gov.example").to_string()];
            member.competences = vec![("driving-licence".to_owned(), "example".to_owned())];
        });
        let registry = federation.registry();
        let crl = federation.crl().der().to_vec();

        // Not listed by the registry of the examples above, which are older.
        let city = federation.signer("ogic://city.gov.example/seal");

        let text = "id = \"driving-licence\"\nversion = 1\n# …\n";
        let service =
            Signed::sign(ServiceText::new(text).expect("short text"), &transport).expect("a definition");
        let application = document_of(b"%PDF-1.7 an application", "application");
        let opening = seal(
            header(Kind::Open, NOW),
            &Body {
                fields: vec![("category".to_owned(), FieldValue::Text("B".to_owned()))],
                documents: vec![application],
                detail: Detail::Open { service: service.digest(), citizen: "c-7f3a91".to_owned() },
            },
            "opening",
            &transport,
            Some(&transport_official),
        );
        let case = opening.case();
        let opened = Record { case, seq: 0, prev: Digest::ZERO, received: NOW, event: opening.id() };

        let shared = NOW.plus_ms(MINUTE_MS);
        let share = seal(
            Header { case: Some(case), head: Some(at(&opened)), ..header(Kind::Share, shared) },
            &Body::of(Detail::Share(terms())),
            "share",
            &transport,
            None,
        );
        let prev = Record { case, seq: 1, prev: opened.digest(), received: shared, event: share.id() };
        let reference = Reference {
            case,
            home: agency("transport.gov.example"),
            grant: share.id(),
            terms: terms(),
            issued: shared,
            service: service.digest(),
            head: at(&prev),
            opening: opening.header.bytes().to_vec(),
        };
        let reference = Signed::sign(reference, &transport).expect("a reference");
        let access = AccessFact {
            case,
            at: NOW.plus_ms(2 * MINUTE_MS),
            salt: random("access"),
            who: agency("health.gov.example"),
            grant: Some(share.id()),
            purpose: "medical examination of the applicant".to_owned(),
            code: None,
            tries: 1,
        };

        let done = NOW.plus_ms(3 * MINUTE_MS);
        let document = document_of(DOCUMENT, "medical-certificate");
        let times = StepTimes { received: Some(shared), started: Some(access.at), ended: Some(done) };
        let step = seal(
            Header {
                case: Some(case),
                head: Some(at(&prev)),
                step: Some("medical".to_owned()),
                grant: Some(share.id()),
                code: 1,
                times,
                ..header(Kind::Step, done)
            },
            &Body {
                fields: vec![("fit".to_owned(), FieldValue::Bool(true))],
                documents: vec![document.clone()],
                detail: Detail::None,
            },
            "step",
            &health,
            Some(&physician),
        );
        let record = Record { case, seq: 2, prev: prev.digest(), received: done, event: step.id() };

        // The log of transport: opening, share, health's look, the step.
        let leaves = [
            Leaf::Record(opened),
            Leaf::Record(prev),
            Leaf::Access(access_leaf(&access)),
            Leaf::Record(record),
        ];
        let tree: Tree = leaves.iter().map(Leaf::digest).collect();
        let head = HeadLeaf { case, seq: 2, record: record.digest(), index: 3 };
        let heads = HeadsTree::new(vec![head]).expect("one head");
        let checkpoint = Checkpoint {
            origin: origin_of("transport.gov.example"),
            size: tree.size(),
            root: tree.root(),
            heads: heads.heads(),
        };
        let checkpoint = Signed::sign(checkpoint, &transport).expect("a checkpoint");
        let prove = |shown: Vec<(u64, Leaf)>| {
            let signed = checkpoint.bytes().to_vec();
            ReceiptFrame::build(&tree, tree.size(), signed, shown, &heads, &[case]).expect("a receipt")
        };
        let receipt = prove(vec![(3, Leaf::Record(record))]);
        let proof_of_case = prove(vec![(0, leaves[0]), (1, leaves[1]), (3, leaves[3])]);

        let approval = step.approval.as_ref().expect("the step is approved");
        let evidence = Evidence {
            requester: agency("transport.gov.example"),
            nonce: random_16("nonce"),
            event: step.id(),
            approval: Some(approval.digest()),
            at: done.plus_ms(900),
            time_source: "the clock of ttp.gov.example".to_owned(),
            policy: ogic_node::ttp::policy::digest(),
            mandate: Some((agency("health.gov.example"), Role::Official("physician-1".to_owned()))),
            judgement: Judgement::PASSED,
            checks: vec![
                Check {
                    name: "signature of the event".to_owned(),
                    section: "RFC 9052 4.4".to_owned(),
                    held: true,
                },
                Check {
                    name: "signature of the approval".to_owned(),
                    section: "RFC 9052 4.4".to_owned(),
                    held: true,
                },
            ],
            inputs: vec![
                Input::carried("approval", approval.bytes()),
                Input { kind: "registry".to_owned(), digest: registry.digest(), bytes: None },
            ],
        };
        let evidence = Signed::sign(evidence, &ttp).expect("evidence");
        let verdict = VerdictNotice {
            case,
            event: step.id(),
            judgement: Judgement {
                verdict: Verdict::TotalFailed,
                sub: Some(SubIndication::Revoked),
                code: Some(Code::CertificateRevoked),
            },
            head: HeadAt { seq: 3, record: Digest::of(b"the record of the evidence") },
            at: done.plus_ms(1_000),
            evidence: None,
        };
        let verdict = Signed::sign(verdict, &transport).expect("a verdict notice");
        let refusal = Refusal {
            subject: step.id().0,
            code: Code::GrantRevoked,
            field: "grant".to_owned(),
            head: None,
            at: done.plus_ms(5 * MINUTE_MS),
        };
        let refusal = Signed::sign(refusal, &transport).expect("a refusal");
        let custody = Custody::tell(&transport, &city, &opening, &record);
        let announcement = Announcement {
            endpoints: vec!["192.0.2.7:4433".parse().expect("an address")],
            log: origin_of("transport.gov.example"),
            at: NOW,
        };
        let announcement = Signed::sign(announcement, &transport).expect("an announcement");
        let token = Token {
            secret: Zeroizing::new(random_16("token")),
            address: "192.0.2.1:4433".to_owned(),
            authority: agency("authority.gov.example"),
            root: federation.root().digest(),
            version_min: 1,
            agency: agency("health.gov.example"),
            roles: vec![Role::Node, Role::Seal],
        };
        Self {
            registry,
            crl,
            root: federation.root().clone(),
            transport,
            transport_official,
            health,
            physician,
            ttp,
            service,
            opening,
            share,
            step,
            record,
            prev,
            access,
            reference,
            evidence,
            verdict,
            refusal,
            custody,
            checkpoint,
            receipt,
            proof_of_case,
            head,
            announcement,
            token,
            document,
            pin: federation.pin(),
        }
    }

    pub(super) fn carried(event: &Event) -> Carried {
        Carried {
            header: event.header.bytes().to_vec(),
            body: event.body.clone(),
            approval: event.approval.as_ref().map(|approval| approval.bytes().to_vec()),
        }
    }
}

/// The leaf that stands for an access entry.
pub(super) fn access_leaf(access: &AccessFact) -> AccessLeaf {
    let entry = Fact::Access(access.clone()).to_entry().expect("an entry");
    AccessLeaf::from_bytes(entry.leaf().expect("access has a leaf")).expect("a leaf that was just made")
}
