use super::*;
use crate::AgencyId;
use crate::cose::Signer;
use crate::evidence::Judgement;
use crate::testing::lone_signer as signer;

fn time(ms: u64) -> Timestamp {
    Timestamp::from_ms(ms, "t").unwrap()
}

fn seal() -> Signer {
    signer("ogic://transport.gov.example/seal", 1)
}

fn step_event(edit: impl FnOnce(&mut Header)) -> Event {
    let body = Body {
        fields: vec![
            ("age".to_owned(), FieldValue::Int(-3)),
            ("fit".to_owned(), FieldValue::Bool(true)),
            ("class".to_owned(), FieldValue::Text("B".to_owned())),
        ],
        documents: vec![DocumentRef {
            sha256: Digest::of(b"d"),
            root: Digest::of(b"r"),
            bytes: 1,
            label: "certificate.pdf".to_owned(),
            media_type: "application/pdf".to_owned(),
        }],
        detail: Detail::None,
    }
    .to_blob(&[9; SALT_BYTES]);
    let approval = Approval {
        case: Some(CaseId(Digest::of(b"case"))),
        kind: Kind::Step,
        step: Some("medical".to_owned()),
        commitment: Digest::of(&body),
    };
    let official = signer("ogic://health.gov.example/official/physician-1", 2);
    let approval = Signed::sign(approval, &official).unwrap();
    let mut header = Header {
        case: Some(CaseId(Digest::of(b"case"))),
        head: Some(HeadAt { seq: 4, record: Digest::of(b"record") }),
        kind: Kind::Step,
        step: Some("medical".to_owned()),
        created: time(1_795_576_803_007),
        body_bytes: body.len() as u64,
        commitment: Digest::of(&body),
        approval: Some(approval.digest()),
        grant: Some(EventId(Digest::of(b"grant"))),
        code: StepCode::Done.number(),
        times: StepTimes { started: Some(time(5)), ..StepTimes::default() },
    };
    edit(&mut header);
    Event { header: Signed::sign(header, &seal()).unwrap(), body, approval: Some(approval) }
}

#[test]
fn an_event_survives_the_wire() {
    let event = step_event(|_| {});
    let approval = event.approval.as_ref().map(|a| a.bytes().to_vec());
    let read = Event::parse(event.header.bytes(), &event.body, approval.as_deref()).unwrap();
    assert_eq!(read.header.value(), event.header.value());
    assert_eq!(read.id(), event.id());
    assert_eq!(read.case(), CaseId(Digest::of(b"case")));
    let body = read.read_body().unwrap();
    assert_eq!(body.documents.len(), 1);
    assert!(body.fields.contains(&("age".to_owned(), FieldValue::Int(-3))));
    assert!(read.header.verify_with(seal().certificate()).is_ok());
}

#[test]
fn each_broken_bond_is_named() {
    let event = step_event(|_| {});
    let approval = event.approval.as_ref().map(|a| a.bytes().to_vec());
    let parse = |body: &[u8], approval: Option<&[u8]>| {
        Event::parse(event.header.bytes(), body, approval).map(|_| ()).unwrap_err()
    };
    let mut other = event.body.clone();
    other[40] ^= 1;
    assert_eq!(parse(&other, approval.as_deref()).field, "commitment");
    assert_eq!(parse(&event.body[1..], approval.as_deref()).field, "body bytes");
    assert_eq!(parse(&event.body, None).field, "approval");
    let moved = step_event(|header| header.step = Some("decision".to_owned()));
    let problem =
        Event::parse(moved.header.bytes(), &moved.body, approval.as_deref()).map(|_| ()).unwrap_err();
    assert_eq!(problem.code, Code::ApprovalInvalid, "{problem}");
}

#[test]
fn headers_that_contradict_themselves_are_refused() {
    type Edit = fn(&mut Header);
    let rows: [(&str, Edit); 7] = [
        ("case without head", |h| h.head = None),
        ("head without case", |h| h.case = None),
        ("opening with a case", |h| h.kind = Kind::Open),
        ("empty body", |h| h.body_bytes = 32),
        ("body beyond the limit", |h| h.body_bytes = 65_537),
        ("unknown code", |h| h.code = 3),
        ("step event without step", |h| h.step = None),
    ];
    for (name, edit) in rows {
        let event = step_event(edit);
        let problem = Header::decode(event.header.envelope().payload()).expect_err(name);
        assert_eq!(problem.code, Code::ValueRefused, "{name}");
    }
}

#[test]
fn every_flipped_byte_of_a_header_is_noticed() {
    let event = step_event(|_| {});
    let approval = event.approval.as_ref().map(|a| a.bytes().to_vec());
    for at in 0..event.header.bytes().len() {
        let mut bytes = event.header.bytes().to_vec();
        bytes[at] ^= 1;
        let held = Event::parse(&bytes, &event.body, approval.as_deref())
            .and_then(|event| event.header.verify_with(seal().certificate()));
        assert!(held.is_err(), "byte {at}");
    }
}

#[test]
fn bodies_of_each_kind_round_trip() {
    let grantee = AgencyId::parse("health.gov.example", "id").unwrap();
    let terms = Terms {
        grantee,
        read: true,
        steps: vec!["medical".to_owned()],
        purpose: "examination".to_owned(),
        ground: "Act 196, section 23".to_owned(),
        performer: "clinic".to_owned(),
        deadline: None,
        expires: time(9),
    };
    for (kind, detail) in [
        (Kind::Note, Detail::None),
        (Kind::Open, Detail::Open { service: Digest::of(b"s"), citizen: "c-1".to_owned() }),
        (Kind::Share, Detail::Share(terms)),
        (Kind::Unshare, Detail::Unshare { grant: EventId(Digest::of(b"g")), reason: "done".to_owned() }),
        (
            Kind::Evidence,
            Detail::Evidence {
                event: EventId(Digest::of(b"e")),
                own: Judgement::PASSED,
                evidence: Some(vec![1]),
            },
        ),
        (Kind::Close, Detail::Close { reason: "fit to drive".to_owned() }),
    ] {
        let body = Body::of(detail);
        let blob = body.to_blob(&[0; SALT_BYTES]);
        assert_eq!(Body::from_blob(&blob, kind).unwrap(), body, "{kind:?}");
        let other = if kind == Kind::Close { Kind::Share } else { Kind::Close };
        assert!(Body::from_blob(&blob, other).is_err(), "{kind:?} read as {other:?}");
    }
}
