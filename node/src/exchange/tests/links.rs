//! Which connections there are, and that they come back.

use std::sync::Arc;

use ogic_certs::Code;
use ogic_certs::testing::agency;
use quinn::VarInt;

use super::super::dial;
use super::super::message::Message;
use super::super::peers::CONNECTIONS_PER_PEER_MAX;
use super::super::session::StreamKind::{Control, Events};
use super::super::testing::*;
use super::super::tls::{ALPN_EXCHANGE, client_config};
use super::super::trust::SharedTrust;
use super::super::verifier::ServerVerifier;
use super::{A, B, B2, C, certificate_request, notice};

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_dials_in_vain_closes_at_once() {
    let mut world = World::new();
    let (a, b) = world.pair(A, B).await;
    // It hears the first packet, and never answers.
    let silent = tokio::net::UdpSocket::bind(LOOPBACK).await.unwrap();
    a.endpoint.set_addresses(&agency(C), vec![silent.local_addr().unwrap()]);
    a.endpoint.want(&agency(C));
    soon(silent.recv_from(&mut [0; 2048])).await.unwrap();
    let began = std::time::Instant::now();
    a.endpoint.close().await;
    let took = began.elapsed();
    // A handshake that is given up lasts three seconds, and the close used to wait for two of them.
    assert!(took < std::time::Duration::from_millis(1_500), "{took:?}");
    // Who is connected has heard of it all the same.
    let mut b = b;
    let (_, why) = b.disconnected(&a.agency).await;
    assert_eq!(
        (why.code, why.found.as_deref()),
        (Code::PeerUnreachable, Some("closed by the peer: closing"))
    );
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
    let refused = super::super::close::problem_of(&soon(one_more.closed()).await);
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
