//! What others say over a connection: frames in any pieces, requests and answers, and what a newcomer is given.

use data_encoding::BASE64URL_NOPAD;
use ogic_certs::cbor::{self, Limits};
use ogic_certs::cose::Signed;
use ogic_certs::record::Record;
use ogic_certs::testing::agency;
use ogic_certs::token::{EnrolAnswer, EnrolRequest, Token};
use ogic_certs::{Code, Digest, issue};
use ogic_node::desk::{Work, check};
use ogic_node::exchange::frame::{self, FRAME_BYTES_MAX, FrameReader, LENGTH_BYTES};
use ogic_node::exchange::message::{Hello, Message};
use ogic_node::exchange::request::{Answer, REGISTRY_ANSWER_BYTES_MAX, Request};
use ogic_node::exchange::session::{Session, SessionEvent, StreamKind};
use ogic_node::ttp;

use super::{fine, held, signed};
use crate::dice::Dice;
use crate::ground::GROUND;
use crate::story::NOW;

/// However the bytes are cut on their way, the same messages arrive.
pub(super) fn frame(bytes: &[u8]) -> bool {
    let (messages, code) = read([bytes]);
    let mut dice = Dice::new(bytes.iter().fold(7, |sum: u64, byte| sum.wrapping_mul(31) ^ u64::from(*byte)));
    let (mut rest, mut pieces) = (bytes, Vec::new());
    while !rest.is_empty() {
        let most = if dice.once_in(4) { rest.len() } else { 64 };
        let (piece, after) = rest.split_at(1 + dice.below(most.min(rest.len())));
        pieces.push(piece);
        rest = after;
    }
    assert!(read(pieces.iter().copied()) == (messages.clone(), code), "cut otherwise, other messages");
    if !messages.is_empty() {
        let packed = frame::pack(&messages).expect("what came in a frame fits into one");
        assert!(read(packed.iter().map(Vec::as_slice)) == (messages.clone(), None), "packed otherwise");
    }
    let mut bag = GROUND.bag.clone();
    for message in &messages {
        let work =
            fine(check::message(&GROUND.trust, &agency("transport.gov.example"), message, &mut bag, NOW));
        if work.flatten().is_some_and(|work| !matches!(work, Work::Unfit { .. })) {
            held(bytes);
        }
    }
    session(&pieces, StreamKind::Control, None);
    session(&pieces, StreamKind::Events, Some(&hello()));
    !messages.is_empty()
}

/// The messages until the first error.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Message>, Option<Code>) {
    let (mut reader, mut messages) = (FrameReader::new(FRAME_BYTES_MAX), Vec::new());
    for piece in pieces {
        let pushed = reader.push(piece);
        loop {
            match reader.next() {
                Ok(Some(some)) => {
                    assert!(!some.is_empty());
                    messages.extend(some);
                }
                Ok(None) => break,
                Err(problem) => {
                    fine::<()>(Err(problem.clone()));
                    return (messages, Some(problem.code));
                }
            }
        }
        pushed.expect("the reader would have said so");
        assert!(reader.pending_bytes() < FRAME_BYTES_MAX + LENGTH_BYTES);
    }
    (messages, None)
}

fn hello() -> Hello {
    Hello {
        agency: agency("health.gov.example"),
        origin: String::new(),
        size: 0,
        checkpoint: None,
        registry: 1,
        features: Vec::new(),
        clock: NOW,
    }
}

/// A connection on one of whose streams these bytes arrive: messages come after a hello alone, and an error is the end.
fn session(pieces: &[&[u8]], stream: StreamKind, greeting: Option<&Hello>) {
    let ours = Hello { agency: agency("transport.gov.example"), ..hello() };
    let mut session =
        Session::new(agency("health.gov.example"), ours, NOW).expect("a hello fits into a frame");
    if let Some(hello) = greeting {
        session.handle_opened(StreamKind::Control.byte()).expect("the first stream");
        let hello = frame::pack(&[Message::Hello(hello.clone())]).expect("a frame").concat();
        session.handle_bytes(StreamKind::Control, &hello, NOW).expect("a hello");
    }
    session.handle_opened(stream.byte()).expect("the first of its kind");
    let broken = pieces.iter().any(|piece| fine(session.handle_bytes(stream, piece, NOW)).is_none());
    assert!(!broken || session.handle_timeout(NOW).is_err(), "alive after an error");
    let mut greeted = false;
    while let Some(event) = session.poll_event() {
        match event {
            SessionEvent::Ready(hello) => {
                assert_eq!(hello.agency, *session.peer());
                greeted = true;
            }
            _ => assert!(greeted, "messages before the hello"),
        }
    }
    while session.poll_transmit().is_some() {}
}

pub(super) fn exchange(bytes: &[u8]) -> bool {
    let mut accepted = false;
    if let Some(request) = fine(Request::decode(bytes)) {
        assert!(request.encode() == bytes, "another spelling of a request");
        if let Request::Verify(request) = &request {
            let requester = agency("transport.gov.example");
            let evidence = ttp::judge(request, &requester, &GROUND.trust, NOW);
            assert_eq!(evidence.nonce, request.nonce);
            if evidence.judgement.passed() {
                held(bytes);
            }
            // Whatever was asked, the answer can be judged again.
            let find = |digest: &Digest| {
                let registry = GROUND.whole.registry.bytes();
                let request = [Some(&request.header), request.approval.as_ref()].into_iter().flatten();
                let known = request
                    .chain(&request_certificates(bytes))
                    .map(Vec::as_slice)
                    .chain([registry])
                    .map(<[u8]>::to_vec)
                    .collect::<Vec<_>>();
                let lists = GROUND.trust.crls().iter().map(|list| list.der().to_vec());
                let anchors = GROUND.trust.anchors().iter().map(|anchor| anchor.certificate.der().to_vec());
                known.into_iter().chain(lists).chain(anchors).find(|one| Digest::of(one) == *digest)
            };
            let again = ttp::replay(&evidence, &GROUND.trust.pin().root, find);
            assert_eq!(again.as_ref(), Ok(&evidence.judgement), "evidence that cannot be judged again");
        }
        if let Request::Announce(announcement) = &request {
            signed::cose(announcement);
        }
        accepted = true;
    }
    for bytes_max in [FRAME_BYTES_MAX, REGISTRY_ANSWER_BYTES_MAX] {
        let Some(answer) = fine(Answer::decode(bytes, bytes_max)) else { continue };
        let is_general =
            matches!(&answer, Answer::Refused(problem) if problem.code == Code::ProtocolViolation);
        assert!(is_general || answer.encode() == bytes, "another spelling of an answer");
        if let Answer::History(page) = &answer {
            for entry in &page.entries {
                fine(Record::from_bytes(&entry.record));
                fine(entry.event.parse());
            }
        }
        accepted = true;
    }
    let message =
        fine(cbor::decode(bytes, &Limits::FRAME, "message")).and_then(|v| fine(Message::from_value(v)));
    if let Some(message) = message {
        assert!(message.encode() == bytes, "another spelling of a message");
        accepted = true;
    }
    accepted
}

fn request_certificates(bytes: &[u8]) -> Vec<Vec<u8>> {
    match Request::decode(bytes) {
        Ok(Request::Verify(request)) => request.certificates,
        _ => Vec::new(),
    }
}

/// Tokens as text and as what the text holds; requests and answers of enrolment.
pub(super) fn token(bytes: &[u8]) -> bool {
    let mut accepted = false;
    let encoded = format!("ogic1-{}", BASE64URL_NOPAD.encode(bytes));
    for text in std::str::from_utf8(bytes).ok().into_iter().chain([encoded.as_str()]) {
        if let Some(token) = fine(Token::from_text(text)) {
            assert_eq!(*token.to_text(), text.trim());
            accepted = true;
        }
    }
    if let Some(request) = fine(EnrolRequest::decode(bytes)) {
        assert!(request.encode().as_slice() == bytes, "another spelling of a request");
        request.requests.iter().for_each(|csr| drop(fine(issue::read_csr(csr))));
        accepted = true;
    }
    if let Some(answer) = fine(EnrolAnswer::decode(bytes)) {
        assert!(answer.encode() == bytes, "another spelling of an answer");
        fine(Signed::<ogic_certs::registry::Registry>::parse(&answer.registry));
        accepted = true;
    }
    accepted
}
