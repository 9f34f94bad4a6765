//! Rows of the channel: handshakes with certificates that do not count, hellos that are not the caller's, and bytes that
//! are no frame. Each face of the exchange refuses them alike.

use ogic_certs::cbor::{self, Value};
use ogic_certs::{Code, Digest};
use ogic_node::exchange::frame::{framed, pack};
use ogic_node::exchange::message::Message;
use ogic_node::exchange::session::StreamKind::{Control, Events};

use crate::federation::forge::{Root, agency};
use crate::federation::peer::{Caller, Told, hello};
use crate::federation::{AUTHORITY, HEALTH};
use crate::stage::{Face, ROGUE, Stage};
use crate::{Input, Row};

const ALPN: &[u8] = b"ogic/1";

pub(crate) fn rows(stage: &Stage, face: &Face<'_>) -> Vec<Row> {
    let mut rows = handshakes(stage, face);
    rows.extend(greetings(stage));
    rows.extend(frames(stage));
    if face.is_node() {
        // The others pass over what concerns no case, certificates included.
        let none = cbor::encode(&array_of(vec![array_of(vec![
            1.into(),
            array_of(vec![Value::Bytes(vec![0x30, 0])]),
        ])]));
        let bytes = Input::Bytes(Control, framed(&none).unwrap());
        rows.push(Row::closed("a certificate that is none", bytes, Code::Malformed));
    }
    rows
}

/// The alerts are those of RFC 8446 6.2.
fn handshakes(stage: &Stage, face: &Face<'_>) -> Vec<Row> {
    let node = format!("ogic://{ROGUE}/node");
    let alert =
        |name, caller: Option<Caller>, alert| Row::new(name, Input::Dial(caller, ALPN), Told::Alert(alert));
    let signed = |signer| Some(Caller::of(&signer));
    let long: Vec<Vec<u8>> = std::iter::repeat_n(stage.caller.chain[1].clone(), 9).collect();
    let long = Caller { chain: [vec![stage.caller.chain[0].clone()], long].concat(), ..stage.caller.clone() };
    let own = stage.root.signer(&format!("ogic://{}/node", face.agency), -1..1);
    let enrols = face.agency == AUTHORITY;
    let mut rows = vec![
        alert("a self-signed certificate", signed(Root::self_signed(&node)), 48),
        alert("a certificate under another root", signed(Root::stranger().signer(&node, -1..1)), 48),
        alert("an expired certificate", signed(stage.root.signer(&node, -10..-1)), 45),
        alert("a certificate of tomorrow", signed(stage.root.signer(&node, 1..10)), 45),
        alert("a revoked certificate", signed(stage.revoked.0.clone()), 44),
        alert("a seal on the channel", signed(stage.seal.clone()), 43),
        alert(
            "an agency that is no member",
            signed(stage.root.signer("ogic://stranger.gov.example/node", -1..1)),
            49,
        ),
        alert(
            "a certificate without its key",
            Some(Caller::mixed(&stage.node, &stage.root.signer(&format!("ogic://{HEALTH}/node"), -1..1))),
            51,
        ),
        alert(
            "bytes for a certificate",
            Some(Caller { chain: vec![vec![0x30; 64]], ..stage.caller.clone() }),
            46,
        ),
        alert("a chain of ten", Some(long), 46),
        Row::new("another protocol", Input::Dial(Some(stage.caller.clone()), b"h3"), Told::Alert(120)),
        Row::closed("the daemon's own identity", Input::Dial(signed(own), ALPN), Code::IdentityMismatch),
        Row::new("no QUIC at all", Input::Datagram(b"GET / HTTP/1.1\r\n\r\n".to_vec()), Told::Taken),
        Row::new("an empty datagram", Input::Datagram(Vec::new()), Told::Taken),
        Row::new("a long header of nothing", Input::Datagram(vec![0xff; 1200]), Told::Taken),
    ];
    rows.push(if enrols {
        // Strangers may enrol here, so that TLS lets them in; the exchange does not.
        Row::closed("no certificate", Input::Dial(None, ALPN), Code::CertificateUnknown)
    } else {
        alert("no certificate", None, 116)
    });
    if !enrols {
        let enrolment = Input::Dial(None, b"ogic-enrol/1");
        rows.push(Row::new("enrolment where nobody enrols", enrolment, Told::Alert(120)));
    }
    rows
}

fn greetings(stage: &Stage) -> Vec<Row> {
    let hello_of = |id: &str| Message::Hello(hello(&agency(id)));
    let first = |name, messages: &[Message], code| {
        Row::closed(name, Input::First(pack(messages).unwrap().concat()), code)
    };
    let again = hello_of(ROGUE);
    let mut early = hello(&stage.me);
    early.origin = "x".repeat(321);
    vec![
        first("a hello of another agency", &[hello_of(HEALTH)], Code::IdentityMismatch),
        first("a message before hello", &[Message::Notice(vec![1])], Code::HelloExpected),
        first("a hello with a long origin", &[Message::Hello(early)], Code::TooLarge),
        Row::closed("a second hello", Input::Messages(Control, vec![again.clone()]), Code::ProtocolViolation),
        Row::closed("a hello among events", Input::Messages(Events, vec![again]), Code::ProtocolViolation),
        Row::closed("a second control stream", Input::Stream(vec![1]), Code::ProtocolViolation),
        Row::closed("a stream of no kind", Input::Stream(vec![7]), Code::ProtocolViolation),
        Row::closed("the end of the control stream", Input::Finish, Code::ProtocolViolation),
    ]
}

fn frames(stage: &Stage) -> Vec<Row> {
    let bytes = |name, bytes: Vec<u8>, code| Row::closed(name, Input::Bytes(Control, bytes), code);
    let frame = |name, cbor: &[u8], code| bytes(name, framed(cbor).unwrap(), code);
    let array = |values: Vec<Value>| cbor::encode(&Value::Array(values));
    let receipts = |count: usize| vec![Value::Array(vec![Value::Uint(5), Value::Bytes(Vec::new())]); count];
    // The hello's map with its first key twice, and with its keys turned round.
    let hello = pack(&[Message::Hello(hello(&stage.me))]).unwrap().concat()[4..].to_vec();
    let with_key = |from: u8, to: u8| {
        let mut changed = hello.clone();
        let at = changed.windows(2).position(|pair| pair[0] == from && pair[1] & 0xe0 == 0x60).unwrap();
        changed[at] = to;
        changed
    };
    let mut deep = vec![0x81; 40];
    deep.push(0xf6);
    vec![
        bytes("a frame of 2^31 bytes", vec![0x80, 0, 0, 0, 0x81], Code::TooLarge),
        bytes("a frame one byte too long", vec![0, 4, 0, 1], Code::TooLarge),
        bytes("an empty frame", vec![0; 4], Code::Malformed),
        frame("text of another protocol", b"GET / HTTP/1.1\r\n\r\n", Code::Malformed),
        frame("no message", &[0x80], Code::Malformed),
        frame("513 messages", &array(receipts(513)), Code::TooLarge),
        frame("an array of indefinite length", &[0x9f, 0x82, 0x05, 0x40, 0xff], Code::Malformed),
        frame("a byte string of indefinite length", &[0x81, 0x82, 0x05, 0x5f, 0x40, 0xff], Code::Malformed),
        frame(
            "a length beyond the frame",
            &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            Code::Malformed,
        ),
        frame("bytes beyond the frame", &[0x81, 0x82, 0x05, 0x5a, 0x7f, 0xff, 0xff, 0xff], Code::Malformed),
        frame("a length in a long form", &[0x81, 0x82, 0x18, 0x05, 0x40], Code::Malformed),
        frame("a byte after the array", &[0x81, 0x82, 0x05, 0x40, 0x00], Code::Malformed),
        frame("a float", &[0x81, 0x82, 0xf9, 0x3c, 0x00, 0x40], Code::Malformed),
        frame("a tag", &[0x81, 0x82, 0x05, 0xc2, 0x40], Code::Malformed),
        frame("undefined", &[0x81, 0x82, 0x05, 0xf7], Code::Malformed),
        frame("text that is no UTF-8", &[0x81, 0x82, 0x05, 0x61, 0xff], Code::Malformed),
        frame("forty arrays in each other", &deep, Code::TooLarge),
        frame("twenty thousand items", &array(vec![Value::Null; 20_000]), Code::TooLarge),
        frame("a key twice", &with_key(2, 1), Code::Malformed),
        frame("keys out of order", &with_key(1, 3), Code::Malformed),
        frame("an unknown message", &array(vec![array_of(vec![9.into()])]), Code::Malformed),
        frame("a message with too little", &array(vec![array_of(vec![5.into()])]), Code::Malformed),
        frame(
            "65 certificates",
            &array(vec![array_of(vec![1.into(), array_of(vec![Value::Bytes(vec![0]); 65])])]),
            Code::TooLarge,
        ),
        frame(
            "a notice above its limit",
            &array(vec![array_of(vec![3.into(), Value::Bytes(vec![0; 65_537])])]),
            Code::TooLarge,
        ),
        frame(
            "a digest for a notice",
            &array(vec![array_of(vec![3.into(), Value::Text(Digest::ZERO.to_string())])]),
            Code::Malformed,
        ),
    ]
}

fn array_of(values: Vec<Value>) -> Value {
    Value::Array(values)
}
