//! Rows of requests: each on a stream of its own, refused there with a code, and the connection lives on.

use ogic_certs::announcement::Announcement;
use ogic_certs::cbor::{self, Value};
use ogic_certs::checkpoint::Origin;
use ogic_certs::cose::{Signed, Signer};
use ogic_certs::evidence::VerifyRequest;
use ogic_certs::{CaseId, Code, Digest, EventId, Timestamp};
use ogic_node::exchange::frame::framed;
use ogic_node::exchange::request::Request;

use crate::federation::HEALTH;
use crate::federation::forge::{Root, agency, flipped, now};
use crate::federation::peer::Told;
use crate::stage::{REVOKED, ROGUE, Stage};
use crate::{Input, Row};

fn ask(name: &'static str, request: &Request, code: Code) -> Row {
    Row::refused(name, framed(&request.encode()).unwrap(), code)
}

fn raw(name: &'static str, elements: Vec<Value>, code: Code) -> Row {
    Row::refused(name, framed(&cbor::encode(&Value::Array(elements))).unwrap(), code)
}

/// What no face takes for a request.
fn of_any() -> Vec<Row> {
    let frame = |name, cbor: &[u8], code| Row::refused(name, framed(cbor).unwrap(), code);
    let honest = framed(&Request::Registry { have: 0, wait_ms: 0 }.encode()).unwrap();
    vec![
        Row::refused("a request of 2^31 bytes", vec![0x80, 0, 0, 0, 0x83], Code::TooLarge),
        Row::refused("an empty stream", Vec::new(), Code::ProtocolViolation),
        Row::refused("half a request", honest[..honest.len() - 1].to_vec(), Code::ProtocolViolation),
        Row::refused("two requests", [honest.as_slice(), &honest].concat(), Code::ProtocolViolation),
        frame("a request that is text", b"GET / HTTP/1.1\r\n\r\n", Code::Malformed),
        frame("a request of indefinite length", &[0x9f, 0x03, 0x00, 0x00, 0xff], Code::Malformed),
        frame("a version that is a float", &[0x83, 0x03, 0xf9, 0, 0, 0x00], Code::Malformed),
        raw("an unknown request", vec![99.into()], Code::Malformed),
        raw("a request with more", vec![3.into(), 0.into(), 0.into(), 0.into()], Code::Malformed),
        raw("a wait of a day", vec![3.into(), 0.into(), 86_400_000.into()], Code::ValueRefused),
        raw("a digest of 31 bytes", vec![7.into(), Value::Bytes(vec![0; 31])], Code::Malformed),
        ask("a certificate that is not here", &Request::Certificate(Digest::ZERO), Code::NotFound),
    ]
}

pub(crate) fn of_a_node(stage: &Stage) -> Vec<Row> {
    let history =
        |case, grant, purpose: &str| Request::History { case, grant, from: 0, purpose: purpose.to_owned() };
    let document =
        |sha256, offset| Request::Document { sha256, case: stage.case, grant: Some(stage.grant), offset };
    let unknown = CaseId(Digest::of(b"case"));
    let grant = Some(stage.grant);
    let mut rows = of_any();
    rows.extend([
        ask("the history of no case", &history(unknown, grant, "test"), Code::CaseUnknown),
        ask("a history without a grant", &history(stage.case, None, "test"), Code::GrantMissing).leaves(1),
        ask(
            "a history under no grant",
            &history(stage.case, Some(EventId(Digest::ZERO)), "test"),
            Code::GrantMissing,
        ),
        ask(
            "a history for a purpose of a page",
            &history(stage.case, grant, &"p".repeat(1025)),
            Code::TooLarge,
        ),
        // The look was allowed and is registered; that nothing was there is another matter.
        ask("a document that the case does not have", &document(Digest::ZERO, 0), Code::DocumentMissing)
            .leaves(1),
        ask("a document from beyond its end", &document(stage.document, 1 << 40), Code::ValueRefused)
            .leaves(1),
        ask("a definition that is not here", &Request::Service(Digest::ZERO), Code::ServiceUnknown),
        ask("an announcement to a node", &Request::Announce(vec![0xd2]), Code::KindNotAllowed),
        ask("a question to a node", &Request::Verify(question(stage)), Code::KindNotAllowed),
    ]);
    rows
}

fn question(stage: &Stage) -> VerifyRequest {
    VerifyRequest {
        nonce: [1; 16],
        header: stage.draft().sealed(&stage.seal).header,
        approval: None,
        documents: Vec::new(),
        certificates: Vec::new(),
    }
}

/// A map on its way to a request.
type Entries = Vec<(Value, Value)>;

/// What cannot be read is judged, and the judgement kept: whoever asks gets his answer.
fn judged(name: &'static str, elements: Vec<Value>) -> Row {
    let request = framed(&cbor::encode(&Value::Array(elements))).unwrap();
    Row::new(name, Input::Request(request), Told::Taken).leaves(1)
}

pub(crate) fn of_the_third_party(stage: &Stage) -> Vec<Row> {
    let with = |edit: &dyn Fn(&mut Entries)| {
        let Value::Map(mut entries) = question(stage).to_value() else { panic!("a map") };
        edit(&mut entries);
        vec![5.into(), Value::Map(entries)]
    };
    let put = |key: u64, value: Value| {
        move |entries: &mut Entries| {
            entries.retain(|(known, _)| *known != Value::Uint(key));
            entries.push((Value::Uint(key), value.clone()));
        }
    };
    // Another question each, by its nonce.
    let asked = |nonce: u8, key: u64, value: Value| {
        with(&|entries| {
            put(1, Value::Bytes(vec![nonce; 16]))(entries);
            put(key, value.clone())(entries);
        })
    };
    let mut rows = of_any();
    rows.extend([
        raw("a question that is a number", vec![5.into(), 1.into()], Code::Malformed),
        raw("a short nonce", with(&put(1, Value::Bytes(vec![0; 15]))), Code::Malformed),
        raw("a question with more", with(&put(9, Value::Null)), Code::Malformed),
        raw(
            "17 certificates",
            with(&put(5, Value::Array(vec![Value::Bytes(vec![0x30]); 17]))),
            Code::TooLarge,
        ),
        judged("a header above its limit", asked(2, 2, Value::Bytes(vec![0; 4097]))),
        judged("a header that is no COSE", asked(3, 2, Value::Bytes(b"event".to_vec()))),
        judged("an approval that is no COSE", asked(4, 3, Value::Bytes(b"approval".to_vec()))),
        judged("a certificate that is none", asked(5, 5, Value::Array(vec![Value::Bytes(vec![0x30])]))),
        raw("an old nonce for another question", asked(5, 3, Value::Null), Code::KeyConflict),
        ask(
            "a history of the third party",
            &Request::History { case: stage.case, grant: None, from: 0, purpose: "x".to_owned() },
            Code::NotFound,
        ),
        ask("an announcement to the third party", &Request::Announce(vec![0xd2]), Code::NotFound),
        ask("a definition of the third party", &Request::Service(Digest::ZERO), Code::NotFound),
    ]);
    rows
}

pub(crate) fn of_the_authority(stage: &Stage) -> Vec<Row> {
    let announcement = |owner: &str, at: Timestamp| Announcement {
        endpoints: vec!["127.0.0.1:4720".parse().unwrap()],
        log: Origin { agency: agency(owner), log: [3; 16], generation: 1 },
        at,
    };
    let mine = || announcement(ROGUE, now());
    let signed = |value: Announcement, signer: &Signer| Signed::sign(value, signer).unwrap().bytes().to_vec();
    let announce = |name, bytes: Vec<u8>, code| ask(name, &Request::Announce(bytes), code);
    let nobody = Announcement { endpoints: vec!["0.0.0.0:4720".parse().unwrap()], ..mine() };
    let mut rows = of_any();
    rows.extend([
        announce("an announcement that is no COSE", b"announcement".to_vec(), Code::Malformed),
        announce(
            "an event for an announcement",
            stage.draft().sealed(&stage.seal).header,
            Code::KindMismatch,
        ),
        announce("an announcement by a node's key", signed(mine(), &stage.node), Code::RoleNotAllowed),
        announce(
            "an announcement by a key that was never certified",
            signed(mine(), &Root::self_signed(&format!("ogic://{ROGUE}/seal"))),
            Code::CertificateUnknown,
        ),
        announce(
            "an announcement with one bit changed",
            flipped(&Signed::sign(mine(), &stage.seal).unwrap()),
            Code::SignatureInvalid,
        ),
        announce(
            "an announcement of another agency's log",
            signed(announcement(HEALTH, now()), &stage.seal),
            Code::IdentityMismatch,
        ),
        announce(
            "another agency's announcement, revoked besides",
            signed(announcement(REVOKED, now()), &stage.revoked.1),
            Code::CertificateRevoked,
        ),
        announce(
            "an announcement of tomorrow",
            signed(announcement(ROGUE, now().plus_ms(86_400_000)), &stage.seal),
            Code::ValueRefused,
        ),
        announce("an address that nobody can dial", signed(nobody, &stage.seal), Code::ValueRefused),
        ask("a question to the authority", &Request::Verify(question(stage)), Code::NotFound),
        ask(
            "a history of the authority",
            &Request::History { case: stage.case, grant: None, from: 0, purpose: "x".to_owned() },
            Code::NotFound,
        ),
    ]);
    rows
}
