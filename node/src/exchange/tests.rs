//! The shell over real sockets on 127.0.0.1.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use ogic_certs::cose::Signer;
use ogic_certs::testing::{Federation, agency};
use ogic_certs::token::Token;
use ogic_certs::{CaseId, Code, Digest, Problem, Role};
use quinn::{ConnectionError, VarInt};
use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;
use zeroize::Zeroizing;

use super::face::Reply;
use super::frame::{framed, pack};
use super::message::Message;
use super::peers::CONNECTIONS_PER_PEER_MAX;
use super::request::{Answer, Request};
use super::session::StreamKind::{Control, Events};
use super::testing::*;
use super::tls::{ALPN_ENROL, ALPN_EXCHANGE, Credentials, client_config};
use super::trust::SharedTrust;
use super::verifier::ServerVerifier;
use super::{dial, enrol};

const A: &str = "a.gov.example";
const B: &str = "b.gov.example";
const C: &str = "c.gov.example";

fn notice(n: usize) -> Message {
    Message::Notice(n.to_be_bytes().to_vec())
}

fn certificate_request() -> Request {
    Request::Certificate(Digest::ZERO)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_endpoints_connect_and_exchange() {
    let mut world = World::new();
    let (mut a, mut b) = world.pair(A, B).await;
    let (to_b, to_a) = (a.endpoint.link(&b.agency).unwrap(), b.endpoint.link(&a.agency).unwrap());
    let sent: Vec<Message> = (0..2000).map(notice).collect();
    sent.chunks(7).for_each(|some| to_b.send(Events, some).unwrap());
    to_a.send(Control, &[notice(1)]).unwrap();
    assert_eq!(b.received(&a.agency, 2000).await, sent);
    assert_eq!(a.received(&b.agency, 1).await, [notice(1)]);
    assert_eq!(to_b.skew_ms(), Some(0));
    assert_eq!(to_b.peer(), &b.agency);
    assert_eq!(to_b.chain()[0], *b.signer.certificate());

    b.endpoint.close().await;
    let (link, why) = a.disconnected(&b.agency).await;
    assert_eq!((link, why.code), (to_b.id(), Code::PeerUnreachable));
    assert!(to_b.send(Events, &[notice(2)]).is_err());
    assert_eq!(a.endpoint.problem(&b.agency).unwrap().code, Code::PeerUnreachable);
}

/// Whoever has a certificate that does not hold is refused, whichever side it is on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_that_do_not_hold_are_refused_on_both_sides() {
    type Make = fn(&mut World) -> Signer;
    // Name, how B's signer comes about, what A finds, what B is told.
    let rows: [(&str, Make, Code, Code); 5] = [
        (
            "unknown CA",
            |w| {
                w.signer(B);
                Federation::new(8, w.now()).signer(&format!("ogic://{B}/node"))
            },
            Code::TrustUndecidable,
            Code::PathInvalid,
        ),
        (
            "revoked",
            |w| {
                let signer = w.signer(B);
                w.federation.revoke(signer.certificate(), w.now().minus_ms(hours(1)));
                signer
            },
            Code::CertificateRevoked,
            Code::CertificateRevoked,
        ),
        (
            "expired",
            |w| w.odd_signer(B, -7_200_000, -3_600_000),
            Code::CertificateExpired,
            Code::CertificateExpired,
        ),
        (
            "not yet valid",
            |w| w.odd_signer(B, 3_600_000, 7_200_000),
            Code::CertificateExpired,
            Code::CertificateExpired,
        ),
        (
            "no member",
            |w| {
                let signer = w.signer(B);
                w.federation.remove_member(&agency(B));
                signer
            },
            Code::AgencyUnknown,
            Code::AgencyUnknown,
        ),
    ];
    for (name, make, found, told) in rows {
        let mut world = World::new();
        let mut a = world.node(A);
        let signer = make(&mut world);
        let trust = SharedTrust::new(world.trust());
        let mut b = world.start(B, signer, trust, false);
        world.refresh(&[&a, &b]);

        // B dials A, whose certificate is good: connected before it is judged, then refused.
        b.endpoint.set_addresses(&a.agency, vec![a.address()]);
        let refused = dial::dial(b.endpoint.exchange(), &a.agency, a.address()).await.expect_err(name);
        assert_eq!(refused.code, told, "{name}: {refused}");
        // A dials B.
        let refused = dial::dial(a.endpoint.exchange(), &b.agency, b.address()).await.expect_err(name);
        assert_eq!(refused.code, found, "{name}: {refused}");
        assert!(a.nothing_happened() && b.nothing_happened(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_not_the_expected_agency_is_refused() {
    let mut world = World::new();
    let (a, mut c) = (world.node(A), world.node(C));
    let b = world.node(B);
    world.refresh(&[&a, &b, &c]);
    // A is told that B is where C listens.
    let refused = dial::dial(a.endpoint.exchange(), &b.agency, c.address()).await.unwrap_err();
    assert_eq!(refused.code, Code::IdentityMismatch, "{refused}");
    assert!(c.nothing_happened());
    // A seal is no channel's identity: the client learns it by an alert.
    let seal = world.federation.signer(&format!("ogic://{B}/seal"));
    let connection = raw(Some(&seal), &a, ALPN_EXCHANGE).await.unwrap();
    let refused = super::close::problem_of(&soon(connection.closed()).await);
    assert_eq!(refused.code, Code::PathInvalid, "{refused}");
    // Nor is nothing at all.
    let connection = raw(None, &a, ALPN_EXCHANGE).await.unwrap();
    let refused = super::close::problem_of(&soon(connection.closed()).await);
    assert_eq!(refused.code, Code::CertificateUnknown, "{refused}");
    // Another protocol's name is refused within the handshake.
    assert!(raw(Some(&b.signer), &a, b"h3").await.is_err());
    assert!(raw(Some(&b.signer), &a, ALPN_ENROL).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_connections_the_one_of_the_lower_id_stays() {
    let mut world = World::new();
    let (mut a, mut b) = world.pair(A, B).await;
    let first = a.endpoint.link(&b.agency).unwrap();
    // B dials while A's connection is young: B itself sees that it is superfluous, or A does.
    let refused = dial::dial(b.endpoint.exchange(), &a.agency, a.address()).await.unwrap_err();
    assert_eq!(refused.code, Code::PeerUnreachable, "{refused}");
    assert_eq!(a.endpoint.link(&b.agency).unwrap().id(), first.id());
    first.send(Events, &[notice(1)]).unwrap();
    assert_eq!(b.received(&a.agency, 1).await, [notice(1)]);

    // The other way round: the lower id's takes over, after what was asked on the old one is answered.
    let (mut c, mut d) = world.pair(C, B2).await;
    let old = c.endpoint.link(&d.agency).unwrap();
    let new = dial::dial(d.endpoint.exchange(), &c.agency, c.address()).await.unwrap();
    let taken = c.connected(&d.agency).await;
    assert_ne!(taken.id(), old.id());
    assert_eq!(c.endpoint.link(&d.agency).unwrap().id(), taken.id());
    assert_eq!(d.endpoint.link(&c.agency).unwrap().id(), new.id());
    let (ended, _) = c.disconnected(&d.agency).await;
    assert_eq!(ended, old.id());
    taken.send(Events, &[notice(2)]).unwrap();
    assert_eq!(d.received(&c.agency, 1).await, [notice(2)]);
    assert!(a.nothing_happened());
}

const B2: &str = "b2.gov.example";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_dial_at_once_end_with_one_connection() {
    let mut world = World::new();
    let (mut a, mut b) = (world.node(A), world.node(B));
    world.refresh(&[&a, &b]);
    a.endpoint.want(&b.agency);
    b.endpoint.want(&a.agency);
    a.connected(&b.agency).await;
    b.connected(&a.agency).await;
    // Whichever it is, both speak over it, and what is sent arrives.
    let mut tries = 0;
    loop {
        let link = soon(a.endpoint.reach(&b.agency, 10_000)).await.unwrap();
        let asked = link.request(certificate_request()).await;
        match asked {
            Err(problem) if problem.code == Code::NotFound => break,
            _ => tries += 1,
        }
        assert!(tries < 5);
    }
    assert_eq!((a.endpoint.links().len(), b.endpoint.links().len()), (1, 1));
}

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
    let ended = super::close::problem_of(&soon(connection.closed()).await);
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_does_not_outlive_its_certificate() {
    let mut world = World::new();
    // Revoked while connected: the registry's refresh closes it.
    let (mut a, mut b) = world.pair(A, B).await;
    world.federation.revoke(b.signer.certificate(), world.now());
    world.refresh(&[&a]);
    let (_, why) = a.disconnected(&b.agency).await;
    assert_eq!(why.code, Code::CertificateRevoked, "{why}");
    let (_, why) = b.disconnected(&a.agency).await;
    assert_eq!(why.code, Code::CertificateRevoked, "{why}");

    // Expired while connected: the next request finds it.
    let signer = world.odd_signer(C, -3_600_000, 3_600_000);
    let mut c = world.node_with(C, signer);
    world.refresh(&[&a, &c]);
    c.endpoint.want(&a.agency);
    let link = c.connected(&a.agency).await;
    assert_eq!(soon(link.request(certificate_request())).await.unwrap_err().code, Code::NotFound);
    world.pass_ms(hours(2));
    assert!(soon(link.request(certificate_request())).await.is_err());
    let why = soon(link.closed()).await;
    assert_eq!(why.code, Code::CertificateExpired, "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_restarted_on_another_port_is_found() {
    let mut world = World::new();
    let a = world.node(A);
    let mut a = a;
    // B runs in a runtime of its own, and is killed with it: no goodbye reaches A.
    let other = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let b = {
        let _inside = other.enter();
        world.node(B)
    };
    let (b_agency, signer) = (b.agency.clone(), b.signer.clone());
    world.refresh(&[&a, &b]);
    a.endpoint.want(&b_agency);
    let old = a.connected(&b_agency).await;
    other.shutdown_background();
    drop(b);
    let trust = SharedTrust::new(world.trust());
    let mut b = world.start(B, signer, trust, false);
    world.list(&b);
    world.refresh(&[&a, &b]);
    let new = a.connected(&b_agency).await;
    assert_ne!(new.id(), old.id());
    b.connected(&a.agency).await;
    new.send(Events, &[notice(3)]).unwrap();
    assert_eq!(b.received(&a.agency, 1).await, [notice(3)]);
    soon(old.closed()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_died_is_started_again_on_its_port() {
    let mut world = World::new();
    let (mut a, mut b) = world.pair(A, B).await;
    let address = b.address();
    b.endpoint.exchange().quic().close(VarInt::from_u32(0), b"died");
    b.disconnected(&a.agency).await;
    a.connected(&b.agency).await;
    b.connected(&a.agency).await;
    assert_eq!((b.endpoint.restarts(), b.address()), (1, address));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_reach_enrolment_and_nothing_else() {
    let mut world = World::new();
    let signer = world.signer(A);
    let trust = SharedTrust::new(world.trust());
    let mut authority = world.start(A, signer, trust, true);
    let token = |secret: u8, root: Digest| Token {
        secret: Zeroizing::new([secret; 16]),
        address: authority.address().to_string(),
        authority: agency(A),
        root,
        version_min: 1,
        agency: agency(B),
        roles: vec![Role::Node],
    };
    let root = world.federation.root().digest();
    let join = |token: Token| {
        let clock = world.clock();
        async move { soon(enrol::join(&token, vec![vec![1, 2, 3]], clock)).await }
    };
    // The test's face answers with another root than the token's; everything before that held.
    assert_eq!(join(token(7, root)).await.unwrap_err().code, Code::DigestMismatch);
    assert_eq!(join(token(8, root)).await.unwrap_err().code, Code::TokenSpent);
    assert_eq!(join(token(7, Digest::ZERO)).await.unwrap_err().code, Code::PathInvalid);
    let other = Token { authority: agency(B), ..token(7, root) };
    assert!(matches!(join(other).await.unwrap_err().code, Code::IdentityMismatch | Code::PathInvalid));

    // The exchange wants an identity all the same.
    let connection = raw(None, &authority, ALPN_EXCHANGE).await.unwrap();
    let refused = super::close::problem_of(&soon(connection.closed()).await);
    assert_eq!(refused.code, Code::CertificateUnknown, "{refused}");
    // A request of the exchange is no enrolment, and long-lived streams are not to be had.
    let connection = raw(None, &authority, ALPN_ENROL).await.unwrap();
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    send.write_all(&framed(&certificate_request().encode()).unwrap()).await.unwrap();
    send.finish().unwrap();
    let answer = soon(recv.read_to_end(1000)).await.unwrap();
    assert!(
        matches!(Answer::decode(&answer[4..], 1000).unwrap(), Answer::Refused(p) if p.code == Code::Malformed)
    );
    soon(connection.closed()).await;
    assert!(authority.nothing_happened());

    // A member is served beside them.
    let mut b = world.node(B);
    world.refresh(&[&authority, &b]);
    b.endpoint.set_addresses(&authority.agency, vec![authority.address()]);
    b.endpoint.want(&authority.agency);
    b.connected(&authority.agency).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_window_of_large_messages_flows() {
    let mut world = World::new();
    let (a, mut b) = world.pair(A, B).await;
    let link = a.endpoint.link(&b.agency).unwrap();
    let large = Message::Receipts(vec![7; 200_000]);
    for _ in 0..40 {
        link.send(Events, std::slice::from_ref(&large)).unwrap();
    }
    assert_eq!(link.send(Events, &[Message::Receipts(vec![0; 300_000])]).unwrap_err().code, Code::TooLarge);
    assert_eq!(b.received(&a.agency, 40).await.len(), 40);
}

/// First packets of clients that never go on: `count` handshakes begun at a socket that answers nothing.
async fn first_packets(world: &World, node: &Node, count: usize) -> Vec<Vec<u8>> {
    let listener = tokio::net::UdpSocket::bind(LOOPBACK).await.unwrap();
    let verifier = ServerVerifier::member(node.trust.clone(), node.agency.clone(), world.clock());
    let config = client_config(None, Arc::new(verifier), ALPN_EXCHANGE).unwrap();
    let client = quinn::Endpoint::client(LOOPBACK).unwrap();
    let mut packets = Vec::new();
    for _ in 0..count {
        let begun = client.connect_with(config.clone(), listener.local_addr().unwrap(), A).unwrap();
        let mut packet = vec![0; 2000];
        let bytes = soon(listener.recv(&mut packet)).await.unwrap();
        packet.truncate(bytes);
        packets.push(packet);
        drop(begun);
    }
    packets
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_open_handshakes_and_mutated_packets_keep_nobody_out() {
    let mut world = World::new();
    let mut a = world.node(A);
    let mut b = world.node(B);
    world.refresh(&[&a, &b]);
    let packets = first_packets(&world, &a, 100).await;
    let flood = tokio::net::UdpSocket::bind(LOOPBACK).await.unwrap();
    for packet in &packets {
        flood.send_to(packet, a.address()).await.unwrap();
    }
    for (n, packet) in packets.iter().cycle().take(2000).enumerate() {
        let mut mutant = packet.clone();
        let at = (n * 7919) % mutant.len().min(80);
        mutant[at] ^= 1 << (n % 8);
        mutant.truncate(if n % 3 == 0 { n % 1200 } else { mutant.len() });
        flood.send_to(&mutant, a.address()).await.unwrap();
    }
    b.endpoint.want(&a.agency);
    b.connected(&a.agency).await;
    a.connected(&b.agency).await;
    let link = b.endpoint.link(&a.agency).unwrap();
    assert_eq!(soon(link.request(certificate_request())).await.unwrap_err().code, Code::NotFound);
    assert_eq!(a.endpoint.restarts(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_ticket_is_given_and_no_session_resumed() {
    let mut world = World::new();
    let (a, c) = (world.node(A), world.node(C));
    world.refresh(&[&a, &c]);
    let verifier = ServerVerifier::member(c.trust.clone(), a.agency.clone(), world.clock());
    // A client that would take tickets and send early data, if it got any.
    let mut tls = rustls::ClientConfig::builder_with_provider(super::verifier::provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(Credentials::new(&c.signer).unwrap().resolver());
    tls.alpn_protocols = vec![ALPN_EXCHANGE.to_vec()];
    tls.enable_early_data = true;
    let tickets = Arc::new(Tickets::default());
    tls.resumption = Resumption::store(Arc::clone(&tickets) as Arc<dyn ClientSessionStore>);
    let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(tls).unwrap();
    let config = quinn::ClientConfig::new(Arc::new(crypto));
    let client = quinn::Endpoint::client(LOOPBACK).unwrap();
    for round in 0..2 {
        let connecting = client.connect_with(config.clone(), a.address(), A).unwrap();
        let connecting =
            connecting.into_0rtt().err().unwrap_or_else(|| panic!("early data in round {round}"));
        let connection = soon(connecting).await.unwrap();
        // The server's hello comes after whatever tickets it would send.
        let mut control = soon(connection.accept_uni()).await.unwrap();
        let mut first = [0; 5];
        control.read_exact(&mut first).await.unwrap();
        assert_eq!(first[0], 1);
    }
    assert_eq!((tickets.given.load(Relaxed), tickets.asked.load(Relaxed)), (0, 2));
}

/// Counts what a client would keep.
#[derive(Default, Debug)]
struct Tickets {
    given: AtomicUsize,
    asked: AtomicUsize,
}

impl ClientSessionStore for Tickets {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, _: Tls13ClientSessionValue) {
        self.given.fetch_add(1, Relaxed);
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.asked.fetch_add(1, Relaxed);
        None
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewed_certificate_is_shown_from_the_next_connection_on() {
    let mut world = World::new();
    let (mut a, mut b) = world.pair(A, B).await;
    let renewed = world.signer(B);
    b.endpoint.renew(&renewed).unwrap();
    let old = a.endpoint.link(&b.agency).unwrap();
    assert_eq!(old.chain()[0], *b.signer.certificate());
    old.close(Problem::new(Code::PeerTimeout, "test"));
    assert_eq!(b.disconnected(&a.agency).await.1.code, Code::PeerTimeout);
    assert_eq!(a.connected(&b.agency).await.chain()[0], *renewed.certificate());
    assert_eq!(b.connected(&a.agency).await.peer(), &a.agency);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_of_one_peer_are_bounded() {
    let mut world = World::new();
    let (a, c) = (world.node(A), world.node(C));
    world.refresh(&[&a, &c]);
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS_PER_PEER_MAX {
        let connection = c.raw(&a).await;
        // That it has a hello says that it has been counted.
        soon(connection.accept_uni()).await.unwrap();
        held.push(connection);
    }
    let one_more = c.raw(&a).await;
    let refused = super::close::problem_of(&soon(one_more.closed()).await);
    assert_eq!(refused.code, Code::LimitReached, "{refused}");
    assert!(held.iter().all(|connection| connection.close_reason().is_none()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_cannot_be_reached_says_why() {
    let mut world = World::new();
    let (a, b) = (world.node(A), world.node(B));
    let unlisted = soon(a.endpoint.reach(&b.agency, 200)).await.unwrap_err();
    assert_eq!((unlisted.code, unlisted.field.as_str()), (Code::PeerUnreachable, "endpoint"), "{unlisted}");
    // It is listed later, and found without anybody's doing.
    world.refresh(&[&a, &b]);
    assert!(soon(a.endpoint.reach(&b.agency, 20_000)).await.is_ok());
}
