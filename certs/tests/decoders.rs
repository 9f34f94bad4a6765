//! Every decoder of signed things, fed with damaged bytes: none panics, and what is accepted is the only encoding of what
//! it says. Seeds are valid objects; each case damages one of them in up to four places, or cuts it.

use ogic_certs::checkpoint::{Checkpoint, Heads, Origin};
use ogic_certs::cose::{Payload, Sign1, Signed};
use ogic_certs::event::{
    Approval, Body, Detail, DocumentRef, FieldValue, HeadAt, Header, Kind, StepTimes, Terms,
};
use ogic_certs::evidence::{Check, Evidence, Input, Judgement, VerifyRequest};
use ogic_certs::extract::Extract;
use ogic_certs::merkle::{Tree, empty_root};
use ogic_certs::receipt::ReceiptFrame;
use ogic_certs::record::{HeadLeaf, Leaf, NoticeLeaf, Record};
use ogic_certs::reference::Reference;
use ogic_certs::refusal::{Refusal, VerdictNotice};
use ogic_certs::registry::Registry;
use ogic_certs::testing::{Federation, agency};
use ogic_certs::token::{EnrolAnswer, EnrolRequest};
use ogic_certs::{CaseId, Code, Digest, EventId, Role, Timestamp, cbor};
use proptest::prelude::*;
use proptest::sample::Index;

const NOW: Timestamp = Timestamp::from_ms_clamped(1_795_576_800_000);

/// A decoder that gives back the bytes of what it read.
type Again = fn(&[u8]) -> Option<Vec<u8>>;

fn again<T: Payload>(bytes: &[u8]) -> Option<Vec<u8>> {
    T::decode(bytes).ok().map(|value| value.encode())
}

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

fn head() -> HeadAt {
    HeadAt { seq: 7, record: digest("record") }
}

fn terms() -> Terms {
    Terms {
        grantee: agency("health.gov.example"),
        read: true,
        steps: vec!["medical".to_owned()],
        purpose: "examination".to_owned(),
        ground: "section 23".to_owned(),
        performer: "clinic".to_owned(),
        deadline: Some(NOW),
        expires: NOW,
    }
}

fn document() -> DocumentRef {
    DocumentRef {
        sha256: digest("d"),
        root: digest("r"),
        bytes: 70_000,
        label: "medical-certificate".to_owned(),
        media_type: "application/pdf".to_owned(),
    }
}

fn header() -> Header {
    Header {
        case: Some(CaseId(digest("case"))),
        head: Some(head()),
        kind: Kind::Step,
        step: Some("medical".to_owned()),
        created: NOW,
        body_bytes: 100,
        commitment: digest("body"),
        approval: Some(digest("approval")),
        grant: Some(EventId(digest("grant"))),
        code: 1,
        times: StepTimes { received: Some(NOW), started: None, ended: Some(NOW) },
    }
}

fn body() -> Body {
    Body {
        fields: vec![
            ("class".to_owned(), FieldValue::Text("B".to_owned())),
            ("fit".to_owned(), FieldValue::Bool(true)),
            ("age".to_owned(), FieldValue::Int(-40)),
        ],
        documents: vec![document()],
        detail: Detail::Share(terms()),
    }
}

fn evidence() -> Evidence {
    Evidence {
        requester: agency("transport.gov.example"),
        nonce: [3; 16],
        event: EventId(digest("event")),
        approval: None,
        at: NOW,
        time_source: "system".to_owned(),
        policy: digest("policy"),
        mandate: Some((agency("health.gov.example"), Role::Official("physician-1".to_owned()))),
        judgement: Judgement { code: Some(Code::CertificateRevoked), ..Judgement::PASSED },
        checks: vec![Check { name: "seal".to_owned(), section: "RFC 5280 6.1".to_owned(), held: true }],
        inputs: vec![Input::carried("crl", b"bytes"), Input { bytes: None, ..Input::carried("event", b"e") }],
    }
}

fn receipt_frame() -> Vec<u8> {
    let mut tree = Tree::new();
    let record = Record {
        case: CaseId(digest("case")),
        seq: 0,
        prev: Digest::ZERO,
        received: NOW,
        event: EventId(digest("event")),
    };
    let leaves = [Leaf::Record(record), Leaf::Notice(NoticeLeaf { digest: digest("notice"), received: NOW })];
    for leaf in &leaves {
        tree.push(leaf.digest());
    }
    let head = HeadLeaf { case: record.case, seq: 0, record: record.digest(), index: 0 };
    let heads = ogic_certs::checkpoint::HeadsTree::new(vec![head]).unwrap();
    let shown = vec![(0, leaves[0])];
    ReceiptFrame::build(&tree, 2, vec![1, 2, 3], shown, &heads, &[record.case]).unwrap().encode()
}

/// Name, valid bytes, decoder.
fn seeds() -> Vec<(&'static str, Vec<u8>, Again)> {
    let mut federation = Federation::new(1, NOW);
    let seal = federation.signer("ogic://transport.gov.example/seal");
    federation.signer("ogic://ttp.gov.example/ttp");
    let registry = federation.registry();
    let origin = Origin { agency: agency("transport.gov.example"), log: [9; 16], generation: 1 };
    let checkpoint = Checkpoint { origin, size: 0, root: empty_root(), heads: Heads::none() };
    let request = VerifyRequest {
        nonce: [1; 16],
        header: vec![1],
        approval: Some(vec![2]),
        documents: vec![document()],
        certificates: vec![vec![3]],
    };
    let refusal = Refusal {
        subject: digest("subject"),
        code: Code::GrantRevoked,
        field: "grant".to_owned(),
        head: Some(head()),
        at: NOW,
    };
    let notice = VerdictNotice {
        case: CaseId(digest("case")),
        event: EventId(digest("event")),
        judgement: Judgement::PASSED,
        head: head(),
        at: NOW,
        evidence: Some(vec![1]),
    };
    let reference = Reference {
        case: CaseId(digest("case")),
        home: agency("transport.gov.example"),
        grant: EventId(digest("grant")),
        terms: terms(),
        issued: NOW,
        service: digest("service"),
        head: head(),
        opening: vec![1],
    };
    let approval = Approval {
        case: Some(CaseId(digest("case"))),
        kind: Kind::Step,
        step: Some("medical".to_owned()),
        commitment: digest("body"),
    };
    let enrol = EnrolRequest { secret: [5; 16].into(), requests: vec![vec![1, 2]] };
    let answer =
        EnrolAnswer { certificates: vec![vec![1]], root: vec![2], registry: vec![3], crls: vec![vec![4]] };
    let signed = Signed::sign(header(), &seal).unwrap();
    vec![
        ("event header", header().encode(), again::<Header>),
        ("approval", approval.encode(), again::<Approval>),
        ("reference", reference.encode(), again::<Reference>),
        ("refusal", refusal.encode(), |bytes| {
            // A code of a newer release is read as the general one, so that only known ones come back as they were.
            let read = Refusal::decode(bytes).ok()?;
            if read.code == Code::ProtocolViolation { None } else { Some(read.encode()) }
        }),
        ("verdict notice", notice.encode(), again::<VerdictNotice>),
        ("evidence", evidence().encode(), again::<Evidence>),
        ("registry", registry.value().encode(), again::<Registry>),
        ("checkpoint", checkpoint.encode(), again::<Checkpoint>),
        ("body", body().to_blob(&[7; 32]), |bytes| {
            let salt = bytes.first_chunk::<32>()?;
            Body::from_blob(bytes, Kind::Share).ok().map(|body| body.to_blob(salt))
        }),
        ("verify request", cbor::encode(&request.to_value()), |bytes| {
            let value = cbor::decode(bytes, &cbor::Limits::FRAME, "verify request").ok()?;
            VerifyRequest::from_value(value).ok().map(|request| cbor::encode(&request.to_value()))
        }),
        ("enrol request", enrol.encode().to_vec(), |bytes| {
            EnrolRequest::decode(bytes).ok().map(|request| request.encode().to_vec())
        }),
        ("enrol answer", answer.encode(), |bytes| {
            EnrolAnswer::decode(bytes).ok().map(|answer| answer.encode())
        }),
        ("receipt frame", receipt_frame(), |bytes| {
            ReceiptFrame::decode(bytes).ok().map(|frame| frame.encode())
        }),
        ("extract", Extract::new(vec![1], seal.chain(), [&federation.crl()]).encode().unwrap(), |bytes| {
            Extract::decode(bytes).ok().and_then(|extract| extract.encode().ok())
        }),
        ("signed object", signed.bytes().to_vec(), |bytes| {
            Sign1::parse_any(bytes).ok().map(|signed| signed.bytes().to_vec())
        }),
        ("signed registry", registry.bytes().to_vec(), |bytes| {
            Sign1::parse_any(bytes).ok().map(|signed| signed.bytes().to_vec())
        }),
    ]
}

#[test]
fn undamaged_seeds_come_back_as_they_were() {
    for (name, bytes, again) in seeds() {
        assert_eq!(again(&bytes).as_deref(), Some(bytes.as_slice()), "{name}");
    }
}

#[test]
fn every_cut_is_refused() {
    for (name, bytes, again) in seeds() {
        for end in 0..bytes.len() {
            assert_eq!(again(&bytes[..end]), None, "{name} cut to {end}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn damaged_bytes_are_refused_or_mean_only_themselves(
        which in any::<Index>(),
        edits in proptest::collection::vec((any::<Index>(), any::<u8>()), 1..4),
        splice in proptest::option::of((any::<Index>(), proptest::collection::vec(any::<u8>(), 0..6))),
    ) {
        thread_local!(static SEEDS: Vec<(&'static str, Vec<u8>, Again)> = seeds());
        SEEDS.with(|seeds| {
            let (name, bytes, again) = &seeds[which.index(seeds.len())];
            let mut damaged = bytes.clone();
            for (at, byte) in edits {
                let at = at.index(damaged.len());
                damaged[at] = byte;
            }
            if let Some((at, inserted)) = splice {
                let at = at.index(damaged.len());
                damaged.splice(at..at, inserted);
            }
            if let Some(encoded) = again(&damaged) {
                prop_assert_eq!(encoded, damaged, "{}", name);
            }
            Ok(())
        })?;
    }
}
