//! What is said over a connection, and what is said wrongly.

use ogic_certs::testing::agency;
use ogic_certs::{CaseId, Code, Digest, Problem};
use quinn::{ConnectionError, VarInt};

use super::super::face::Reply;
use super::super::frame::{framed, pack};
use super::super::message::Message;
use super::super::request::{Answer, Request};
use super::super::session::StreamKind::Events;
use super::super::testing::*;
use super::{A, B, C, certificate_request, notice};

/// What a member with a good certificate may say wrongly, and the code that it is let go with.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_breaks_the_protocol_ends_that_connection_alone() {
    let mut world = World::new();
    let (a, mut b) = world.pair(A, B).await;
    let c = world.node(C);
    world.refresh(&[&a, &b, &c]);
    let link = a.endpoint.link(&b.agency).unwrap();
    let hello = |name: &str| Message::Hello(hello_of(&agency(name), world.now()));
    let frames = |messages: &[Message]| pack(messages).unwrap().concat();
    let on = |kind: u8, bytes: Vec<u8>| [vec![kind], bytes].concat();
    let rows: Vec<(&str, Vec<Vec<u8>>, Code)> = vec![
        ("garbage", vec![b"GET / HTTP/1.1\r\n".to_vec()], Code::ProtocolViolation),
        ("garbage in a frame", vec![on(1, framed(&[0xff; 9]).unwrap())], Code::Malformed),
        ("length beyond the limit", vec![on(1, vec![0xff; 4])], Code::TooLarge),
        ("no hello first", vec![on(1, frames(&[notice(1)]))], Code::HelloExpected),
        ("another's hello", vec![on(1, frames(&[hello(A)]))], Code::IdentityMismatch),
        ("second hello", vec![on(1, frames(&[hello(C), hello(C)]))], Code::ProtocolViolation),
        (
            "hello among events",
            vec![on(1, frames(&[hello(C)])), on(2, frames(&[hello(C)]))],
            Code::ProtocolViolation,
        ),
        (
            "second control stream",
            vec![on(1, frames(&[hello(C)])), on(1, frames(&[hello(C)]))],
            Code::ProtocolViolation,
        ),
        (
            "a face that panics",
            vec![on(1, frames(&[hello(C), Message::Notice(b"panic".to_vec())]))],
            Code::Internal,
        ),
    ];
    for (name, streams, code) in rows {
        let connection = c.raw(&a).await;
        let mut open = Vec::new();
        for bytes in streams {
            let mut stream = connection.open_uni().await.unwrap();
            stream.write_all(&bytes).await.unwrap();
            open.push(stream);
        }
        let ConnectionError::ApplicationClosed(close) = soon(connection.closed()).await else {
            panic!("{name}: closed by the peer")
        };
        assert_eq!(close.error_code, VarInt::from_u64(code.number()).unwrap(), "{name}: {close}");
        link.send(Events, &[notice(7)]).unwrap();
        assert_eq!(b.received(&a.agency, 1).await, [notice(7)], "{name}");
    }
    // A stream that ends is no stream of a connection's life.
    let connection = c.raw(&a).await;
    let mut stream = connection.open_uni().await.unwrap();
    stream.write_all(&on(1, frames(&[hello(C)]))).await.unwrap();
    stream.finish().unwrap();
    let ended = super::super::close::problem_of(&soon(connection.closed()).await);
    assert_eq!(ended.code, Code::ProtocolViolation, "{ended}");
    assert!(link.is_open());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_answers_and_bodies() {
    let mut world = World::new();
    let (a, b) = world.pair(A, B).await;
    let document: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let held = document.clone();
    let case = CaseId(Digest::ZERO);
    b.answer(move |peer, request| {
        assert_eq!(*peer, agency(A));
        match request {
            Request::Document { offset, sha256, .. } if sha256 == Digest::ZERO => {
                let rest = held[offset as usize..].to_vec();
                Ok(Reply::document(rest.len() as u64, std::io::Cursor::new(rest)))
            }
            // The other digest stands for a document that is cut on the home's disk.
            Request::Document { .. } => Ok(Reply::document(1000, std::io::Cursor::new(vec![1; 10]))),
            Request::Service(_) => Ok(Reply::plain(Answer::Service(vec![5; 60_000]))),
            Request::Registry { .. } => Ok(Reply::plain(Answer::Registry {
                registry: Some(vec![1; 1 << 20]),
                crls: vec![vec![2; 1 << 20]],
            })),
            Request::Announce(_) => Ok(Reply::plain(Answer::Service(vec![]))),
            Request::Certificate(_) => panic!("asked to panic"),
            _ => Err(Problem::new(Code::GrantRevoked, "grant").found("for us alone")),
        }
    });
    let link = a.endpoint.link(&b.agency).unwrap();
    let ask = |request| soon(link.request(request));
    let of = |sha256, offset| Request::Document { sha256, case, grant: None, offset };

    let (answer, body) = ask(of(Digest::ZERO, 0)).await.unwrap();
    assert_eq!(answer, Answer::Document { bytes: 3_000_000 });
    assert!(body.unwrap().read_all(4_000_000).await.unwrap() == document);
    let (_, body) = ask(of(Digest::ZERO, 2_999_990)).await.unwrap();
    assert_eq!(body.unwrap().read_all(10).await.unwrap(), document[2_999_990..]);
    let (_, body) = ask(of(Digest::ZERO, 0)).await.unwrap();
    assert_eq!(body.unwrap().read_all(10).await.unwrap_err().code, Code::TooLarge);
    // Whether the answer arrives before its stream is reset, the body is not taken for whole.
    let cut = match ask(of(Digest::of(b"cut"), 0)).await {
        Ok((_, body)) => body.unwrap().read_all(4000).await.unwrap_err(),
        Err(problem) => problem,
    };
    assert_eq!(cut.code, Code::PeerUnreachable, "{cut}");

    let history = Request::History { case, grant: None, from: 0, purpose: "test".to_owned() };
    let refused = ask(history).await.unwrap_err();
    assert_eq!(refused, Problem::new(Code::GrantRevoked, "grant"), "nothing found here is told");
    assert_eq!(ask(Request::Announce(vec![1])).await.unwrap_err().code, Code::ProtocolViolation);
    assert!(ask(certificate_request()).await.is_err(), "a panic ends its stream");
    let (answer, _) = ask(Request::Registry { have: 0, wait_ms: 0 }).await.unwrap();
    assert!(matches!(answer, Answer::Registry { registry: Some(r), .. } if r.len() == 1 << 20));
    let many = (0..200).map(|_| {
        let link = link.clone();
        tokio::spawn(async move { link.request(Request::Service(Digest::ZERO)).await })
    });
    for asked in many.collect::<Vec<_>>() {
        assert_eq!(soon(asked).await.unwrap().unwrap().0, Answer::Service(vec![5; 60_000]));
    }
    assert!(link.is_open());
}

/// Each bad request is refused on its own stream, and an honest one follows on the same connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_none_is_refused_alone() {
    let mut world = World::new();
    let a = world.node(A);
    let c = world.node(C);
    world.refresh(&[&a, &c]);
    a.answer(|_, _| Ok(Reply::plain(Answer::Service(vec![1]))));
    let connection = c.raw(&a).await;
    let mut control = connection.open_uni().await.unwrap();
    let hello = Message::Hello(hello_of(&c.agency, world.now()));
    control.write_all(&[&[1], pack(&[hello]).unwrap().concat().as_slice()].concat()).await.unwrap();
    let honest = framed(&Request::Service(Digest::ZERO).encode()).unwrap();
    for (name, bytes, expected) in [
        ("nothing", vec![], Some(Code::ProtocolViolation)),
        ("half a frame", honest[..9].to_vec(), Some(Code::ProtocolViolation)),
        ("garbage", framed(b"garbage").unwrap(), Some(Code::Malformed)),
        ("too large", vec![0xff; 8], Some(Code::TooLarge)),
        ("two requests", [honest.as_slice(), &honest].concat(), Some(Code::ProtocolViolation)),
        ("honest", honest.clone(), None),
    ] {
        for (bytes, expected) in [(&bytes, expected), (&honest, None)] {
            let (mut send, mut recv) = connection.open_bi().await.unwrap();
            send.write_all(bytes).await.unwrap();
            let _ = send.finish();
            let answer = soon(recv.read_to_end(1000)).await.unwrap();
            let answer = Answer::decode(&answer[4..], 1000).unwrap();
            match (answer, expected) {
                (Answer::Refused(problem), Some(code)) => assert_eq!(problem.code, code, "{name}"),
                (Answer::Service(_), None) => {}
                (answer, _) => panic!("{name}: {answer:?}"),
            }
        }
    }
}
