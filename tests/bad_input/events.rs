//! Rows of events and notices: what a member's own stream may bring. Each is refused with a signed refusal that names it,
//! or ends the connection if no honest peer sends it.

use ogic_certs::cbor::Value;
use ogic_certs::cose::{Payload, Signed, Signer};
use ogic_certs::event::{Approval, Body, Detail, FieldValue, HeadAt, Header, Kind as EventKind};
use ogic_certs::reference::Reference;
use ogic_certs::refusal::VerdictNotice;
use ogic_certs::{CaseId, Code, Digest, EventId};
use ogic_certs::{cose::Kind, event::Terms, evidence::Judgement};
use ogic_node::exchange::message::{Carried, Message};
use ogic_node::exchange::session::StreamKind::{Control, Events};

use crate::federation::forge::{Envelope, Root, agency, flipped_bytes, now};
use crate::federation::peer::Told;
use crate::federation::{HEALTH, TRANSPORT};
use crate::stage::{Draft, ROGUE, Stage};
use crate::{Input, Row};

pub(crate) fn rows(stage: &Stage) -> Vec<Row> {
    [envelopes(stage), signers(stage), bodies(stage), acts(stage), notices(stage)]
        .into_iter()
        .flatten()
        .collect()
}

/// An event that is refused by its id, which is the digest of its header's bytes.
fn event(name: &'static str, carried: Carried, code: Code) -> Row {
    let subject = EventId::of(&carried.header).0;
    Row::new(name, Input::Refusable(Message::Event(carried), subject), Told::Refusal(code))
}

fn notice(name: &'static str, bytes: Vec<u8>, code: Code) -> Row {
    let subject = Digest::of(&bytes);
    Row::new(name, Input::Refusable(Message::Notice(bytes), subject), Told::Refusal(code))
}

/// COSE whose parts are not as PROTOCOL.md says (RFC 9052).
fn envelopes(stage: &Stage) -> Vec<Row> {
    let header = |name, edit: &dyn Fn(Envelope) -> Envelope, code| {
        let draft = stage.draft();
        let bytes = edit(Envelope::of(&draft.header, &stage.seal)).sign(&stage.seal);
        event(name, Carried { header: bytes, body: draft.body, approval: None }, code)
    };
    let draft = stage.draft();
    let bytes = |name, header: Vec<u8>, code| {
        event(name, Carried { header, body: draft.body.clone(), approval: None }, code)
    };
    let x5t = |hash: i64, length: usize| Value::Array(vec![Value::Nint(hash), Value::Bytes(vec![1; length])]);
    let honest = draft.clone().sealed(&stage.seal).header;
    let mut flipped = honest.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let envelope = Envelope::of(&draft.header, &stage.seal);
    vec![
        bytes("no COSE", b"not an event".to_vec(), Code::Malformed),
        bytes("nothing", Vec::new(), Code::Malformed),
        bytes("half a header", honest[..honest.len() / 2].to_vec(), Code::Malformed),
        bytes("a byte after the envelope", [honest.as_slice(), &[0]].concat(), Code::Malformed),
        header("another tag", &|e| e.change(|e| e.tag = 0xd1), Code::Malformed),
        bytes("no tag", honest[1..].to_vec(), Code::Malformed),
        header("no alg", &|e| e.without(1), Code::Malformed),
        header("RSA as alg", &|e| e.with(1, Value::Nint(-257)), Code::AlgorithmRefused),
        header("an alg that is not the key's", &|e| e.with(1, Value::Nint(-7)), Code::AlgorithmRefused),
        header("alg as text", &|e| e.with(1, "EdDSA".into()), Code::AlgorithmRefused),
        header("no content type", &|e| e.without(3), Code::Malformed),
        header("an unknown content type", &|e| e.with(3, "text/plain".into()), Code::KindMismatch),
        header("no x5t", &|e| e.without(34), Code::Malformed),
        header("x5t under SHA-1", &|e| e.with(34, x5t(-14, 20)), Code::Malformed),
        header("a short x5t", &|e| e.with(34, x5t(-16, 31)), Code::Malformed),
        header("a critical header", &|e| e.with(2, Value::Array(vec![1.into()])), Code::Malformed),
        header("an unknown header", &|e| e.with(99, 1.into()), Code::Malformed),
        header("a chain where none travels", &|e| e.with(33, Value::Array(Vec::new())), Code::Malformed),
        header(
            "an unprotected entry",
            &|e| e.change(|e| e.unprotected = Value::Map(vec![(1.into(), Value::Nint(-8))])),
            Code::Malformed,
        ),
        header("a nil payload", &|e| e.change(|e| e.payload = Value::Null), Code::Malformed),
        header("an empty payload", &|e| e.change(|e| e.payload = Value::Bytes(Vec::new())), Code::Malformed),
        header(
            "a payload with a float",
            &|e| e.change(|e| e.payload = Value::Bytes(vec![0xf9, 0x3c, 0x00])),
            Code::Malformed,
        ),
        bytes("no signature", envelope.close(&[]), Code::SignatureInvalid),
        bytes("a signature of zeros", envelope.close(&[0; 64]), Code::SignatureInvalid),
        bytes("a signature with one bit changed", flipped, Code::SignatureInvalid),
        bytes(
            "a header with a word more",
            envelope.change(|e| e.payload = Value::Bytes(with_more(&draft.header))).sign(&stage.seal),
            Code::Malformed,
        ),
    ]
}

/// The header's map with an unknown key.
fn with_more(header: &Header) -> Vec<u8> {
    let mut bytes = header.encode();
    bytes[0] += 1;
    bytes.extend_from_slice(&[0x0c, 0xf6]);
    bytes
}

/// Seals and kinds that do not count here.
fn signers(stage: &Stage) -> Vec<Row> {
    // Each in a case of its own: where a refusal may pass by itself, what follows in that case waits behind it.
    let by = |name: &'static str, signer: &Signer, code| {
        let case = CaseId(Digest::of(name.as_bytes()));
        event(name, stage.draft().header(|header| header.case = Some(case)).sealed(signer), code)
    };
    // Certificates travel before what they sign; these come with the event, so that the seal itself is judged.
    let shown = |name, signer: Signer, code| {
        let chain = signer.chain().map(|certificate| certificate.der().to_vec()).collect();
        let taken = Row::new(name, Input::Messages(Events, vec![Message::Certificates(chain)]), Told::Taken);
        [taken, by(name, &signer, code)]
    };
    let seal = format!("ogic://{ROGUE}/seal");
    let mut rows = vec![by(
        "a seal whose certificate never came",
        &stage.root.signer(&seal, -2..2),
        Code::CertificateUnknown,
    )];
    rows.extend(shown("a node's key", stage.node.clone(), Code::RoleNotAllowed));
    rows.extend(shown("a self-signed seal", Root::self_signed(&seal), Code::TrustUndecidable));
    let stranger = Root::stranger().signer(&seal, -1..1);
    rows.extend(shown("a seal under another root", stranger, Code::TrustUndecidable));
    rows.extend(shown("an expired seal", stage.root.signer(&seal, -10..-1), Code::CertificateExpired));
    rows.extend(shown("a revoked seal", stage.revoked.1.clone(), Code::CertificateRevoked));
    rows.extend(shown(
        "the seal of another member",
        stage.root.signer(&format!("ogic://{HEALTH}/seal"), -1..1),
        Code::IdentityMismatch,
    ));
    rows.extend(shown(
        "the home's own seal",
        stage.root.signer(&format!("ogic://{TRANSPORT}/seal"), -1..1),
        Code::IdentityMismatch,
    ));
    rows.extend(shown(
        "a seal of no member",
        stage.root.signer("ogic://stranger.gov.example/seal", -1..1),
        Code::AgencyUnknown,
    ));
    let as_event = |kind: Kind, payload: &[u8]| {
        let bytes = Envelope::raw(kind, payload, &stage.seal).sign(&stage.seal);
        Carried { header: bytes, body: stage.draft().body, approval: None }
    };
    let header = stage.draft().header.encode();
    rows.extend([
        event("a checkpoint for an event", as_event(Kind::Checkpoint, &header), Code::KindMismatch),
        event("a receipt's refusal for an event", as_event(Kind::Refusal, &header), Code::KindMismatch),
        event("an approval for an event", as_event(Kind::Approval, &header), Code::KindMismatch),
        event("a reference for an event", as_event(Kind::Reference, &header), Code::KindMismatch),
    ]);
    rows
}

/// Bodies and approvals that are not what the header commits to, or no bodies.
fn bodies(stage: &Stage) -> Vec<Row> {
    let sealed = |draft: Draft| draft.sealed(&stage.seal);
    let body =
        |name, cbor: &[u8], code| event(name, sealed(stage.draft().body([&[9; 32], cbor].concat())), code);
    let other = Carried { body: stage.draft().body, ..sealed(stage.draft()) };
    let longer = {
        let carried = sealed(stage.draft());
        Carried { body: [carried.body.as_slice(), &[0]].concat(), ..carried }
    };
    let official = stage.root.signer(&format!("ogic://{ROGUE}/official/clerk-1"), -1..1);
    let approve = |draft: &Draft, step: Option<&str>| {
        let approval = Approval {
            case: draft.header.case,
            kind: draft.header.kind,
            step: step.map(str::to_owned),
            commitment: draft.header.commitment,
        };
        Signed::sign(approval, &official).unwrap()
    };
    let unnamed = {
        let draft = stage.draft();
        let approval = approve(&draft, None);
        Carried { approval: Some(approval.bytes().to_vec()), ..sealed(draft) }
    };
    let of_another = {
        let draft = stage.draft();
        let approval = approve(&draft, Some("medical"));
        let draft = draft.header(|header| header.approval = Some(approval.digest()));
        Carried { approval: Some(approval.bytes().to_vec()), ..sealed(draft) }
    };
    let missing = sealed(stage.draft().header(|header| header.approval = Some(Digest::of(b"an approval"))));
    let garbage = Carried { approval: Some(b"an approval".to_vec()), ..missing.clone() };
    vec![
        event("another body", other, Code::DigestMismatch),
        event("a longer body", longer, Code::DigestMismatch),
        body("a body that is no CBOR", b"text", Code::Malformed),
        body("a body without documents", &[0xa1, 0x01, 0xa0], Code::Malformed),
        body("a body with more", &[0xa3, 0x01, 0xa0, 0x02, 0x80, 0x07, 0xf6], Code::Malformed),
        body("a field twice", &[0xa2, 0x01, 0xa2, 0x61, 0x61, 1, 0x61, 0x61, 2, 0x02, 0x80], Code::Malformed),
        body(
            "a float for a field",
            &[0xa2, 0x01, 0xa1, 0x61, 0x61, 0xf9, 0x3c, 0, 0x02, 0x80],
            Code::Malformed,
        ),
        body("a list for a field", &[0xa2, 0x01, 0xa1, 0x61, 0x61, 0x80, 0x02, 0x80], Code::Malformed),
        body("documents of indefinite length", &[0xa2, 0x01, 0xa0, 0x02, 0x9f, 0xff], Code::Malformed),
        event("an approval that the header does not name", unnamed, Code::DigestMismatch),
        event("an approval that does not come", missing, Code::DigestMismatch),
        event("an approval of another act", of_another, Code::ApprovalInvalid),
        event("an approval that is no COSE", garbage, Code::Malformed),
    ]
}

/// Acts that are well made and not allowed.
fn acts(stage: &Stage) -> Vec<Row> {
    let header = |name, edit: &dyn Fn(&mut Header), code| {
        event(name, stage.draft().header(|header| edit(header)).sealed(&stage.seal), code)
    };
    let on_step = |step: &'static str| {
        move |header: &mut Header| {
            header.kind = EventKind::Step;
            header.step = Some(step.to_owned());
        }
    };
    let kinds = |name, detail: Detail, kind: EventKind, code: Code| {
        let draft = stage.draft().body(Body::of(detail).to_blob(&[8; 32]));
        let draft = draft.header(|header| {
            header.kind = kind;
            header.code = u64::from(kind == EventKind::Close);
        });
        event(name, draft.sealed(&stage.seal), code)
    };
    let terms = Terms {
        grantee: agency(HEALTH),
        read: true,
        steps: vec!["medical".to_owned()],
        purpose: "p".to_owned(),
        ground: "g".to_owned(),
        performer: "x".to_owned(),
        deadline: None,
        expires: now().plus_ms(86_400_000),
    };
    let open = {
        let detail = Detail::Open { service: Digest::of(b"service"), citizen: "p-9".to_owned() };
        let draft = stage.draft().body(Body::of(detail).to_blob(&[8; 32])).header(|header| {
            (header.case, header.head, header.grant) = (None, None, None);
            header.kind = EventKind::Open;
        });
        event("the opening of a case at another's home", draft.sealed(&stage.seal), Code::KindNotAllowed)
    };
    let unfit = {
        let mut body = Body::of(Detail::None);
        body.fields.push(("fit".to_owned(), FieldValue::Text("yes".to_owned())));
        let draft = stage.draft().body(body.to_blob(&[8; 32])).header(on_step("medical"));
        event("a field of another type than the form's", draft.sealed(&stage.seal), Code::ValueRefused)
    };
    vec![
        header("an unknown case", &|h| h.case = Some(CaseId(Digest::of(b"case"))), Code::CaseUnknown),
        header(
            "a head that is no record",
            &|h| h.head = Some(HeadAt { seq: 1, record: Digest::of(b"record") }),
            Code::HeadUnknown,
        ),
        header(
            "a head of the future",
            &|h| h.head = Some(HeadAt { seq: 99, record: Digest::of(b"record") }),
            Code::HeadUnknown,
        ),
        header("another step than the grant's", &on_step("decision"), Code::GrantTooNarrow).leaves(1),
        header("no grant", &|h| h.grant = None, Code::GrantMissing).leaves(1),
        // Tries alike of one agency on one case within a minute are one entry with a count.
        header("a grant that is none", &|h| h.grant = Some(EventId(Digest::of(b"g"))), Code::GrantMissing),
        header(
            "a step without its form",
            &|h| {
                on_step("medical")(h);
                h.code = 1;
            },
            Code::ValueRefused,
        ),
        unfit,
        open,
        kinds("a grant by a stranger", Detail::Share(terms), EventKind::Share, Code::KindNotAllowed),
        kinds(
            "the close of another's case",
            Detail::Close { reason: "x".to_owned() },
            EventKind::Close,
            Code::KindNotAllowed,
        ),
        kinds(
            "evidence by a stranger",
            Detail::Evidence { event: stage.grant, own: Judgement::PASSED, evidence: None },
            EventKind::Evidence,
            Code::KindNotAllowed,
        ),
        header("a kind that is reserved", &|h| h.kind = EventKind::Suspend, Code::KindNotAllowed),
    ]
}

/// References and verdict notices, and what is neither.
fn notices(stage: &Stage) -> Vec<Row> {
    let opening = |seal: &Signer| {
        let draft = stage.draft().header(|header| {
            (header.case, header.head, header.grant) = (None, None, None);
            header.kind = EventKind::Open;
        });
        draft.sealed(seal).header
    };
    let opened = opening(&stage.seal);
    let reference = |edit: &dyn Fn(&mut Reference)| {
        let mut reference = Reference {
            case: CaseId::opened_by(EventId::of(&opened)),
            home: agency(ROGUE),
            grant: EventId(Digest::of(b"grant")),
            terms: Terms {
                grantee: agency(TRANSPORT),
                read: true,
                steps: Vec::new(),
                purpose: "p".to_owned(),
                ground: "g".to_owned(),
                performer: "x".to_owned(),
                deadline: None,
                expires: now().plus_ms(86_400_000),
            },
            issued: now(),
            service: Digest::of(b"service"),
            head: stage.head,
            opening: opened.clone(),
        };
        edit(&mut reference);
        Signed::sign(reference, &stage.seal).unwrap()
    };
    let verdict = VerdictNotice {
        case: stage.case,
        event: stage.grant,
        judgement: Judgement::PASSED,
        head: stage.head,
        at: now(),
        evidence: None,
    };
    let flipped = crate::federation::forge::flipped(&reference(&|_| {}));
    let closes =
        |name, message: Message, code| Row::closed(name, Input::Messages(Events, vec![message]), code);
    vec![
        notice(
            "a reference for another agency",
            reference(&|r| r.terms.grantee = agency(HEALTH)).bytes().to_vec(),
            Code::IdentityMismatch,
        ),
        notice(
            "a reference to another's case",
            reference(&|r| r.home = agency(HEALTH)).bytes().to_vec(),
            Code::IdentityMismatch,
        ),
        notice("a reference with one bit changed", flipped, Code::SignatureInvalid),
        notice(
            "a reference to a case that the opening did not open",
            reference(&|r| r.case = stage.case).bytes().to_vec(),
            Code::DigestMismatch,
        ),
        notice(
            "a reference whose opening is another event",
            reference(&|r| r.opening = stage.draft().sealed(&stage.seal).header).bytes().to_vec(),
            Code::KindMismatch,
        ),
        notice(
            "a reference whose opening is no COSE",
            reference(&|r| r.opening = b"opening".to_vec()).bytes().to_vec(),
            Code::Malformed,
        ),
        notice(
            "a reference whose opening nobody sealed",
            reference(&|r| {
                r.opening = flipped_bytes(&opened);
                r.case = CaseId::opened_by(EventId::of(&r.opening));
            })
            .bytes()
            .to_vec(),
            Code::SignatureInvalid,
        ),
        notice(
            "a verdict on an event that was not sent",
            Signed::sign(verdict, &stage.seal).unwrap().bytes().to_vec(),
            Code::IdentityMismatch,
        ),
        closes("a notice that is no COSE", Message::Notice(b"notice".to_vec()), Code::Malformed),
        closes(
            "an event's header for a notice",
            Message::Notice(stage.draft().sealed(&stage.seal).header),
            Code::KindMismatch,
        ),
        closes("a receipt that is no frame", Message::Receipts(b"receipt".to_vec()), Code::Malformed),
        closes("a refusal that is no COSE", Message::Refusal(b"refusal".to_vec()), Code::Malformed),
        Row::closed(
            "a reference for a refusal",
            Input::Messages(Control, vec![Message::Refusal(reference(&|_| {}).bytes().to_vec())]),
            Code::KindMismatch,
        ),
    ]
}
