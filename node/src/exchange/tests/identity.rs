//! Who is let in and who is not: certificates, enrolment, renewal, tickets.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use ogic_certs::cose::Signer;
use ogic_certs::testing::{Federation, agency};
use ogic_certs::token::Token;
use ogic_certs::{Code, Digest, Problem, Role};
use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;
use zeroize::Zeroizing;

use super::super::frame::framed;
use super::super::request::Answer;
use super::super::testing::*;
use super::super::tls::{ALPN_ENROL, ALPN_EXCHANGE, Credentials};
use super::super::trust::SharedTrust;
use super::super::verifier::ServerVerifier;
use super::super::{dial, enrol};
use super::{A, B, C, certificate_request};

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
    let refused = super::super::close::problem_of(&soon(connection.closed()).await);
    assert_eq!(refused.code, Code::PathInvalid, "{refused}");
    // Nor is nothing at all.
    let connection = raw(None, &a, ALPN_EXCHANGE).await.unwrap();
    let refused = super::super::close::problem_of(&soon(connection.closed()).await);
    assert_eq!(refused.code, Code::CertificateUnknown, "{refused}");
    // Another protocol's name is refused within the handshake.
    assert!(raw(Some(&b.signer), &a, b"h3").await.is_err());
    assert!(raw(Some(&b.signer), &a, ALPN_ENROL).await.is_err());
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
    let refused = super::super::close::problem_of(&soon(connection.closed()).await);
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
async fn no_ticket_is_given_and_no_session_resumed() {
    let mut world = World::new();
    let (a, c) = (world.node(A), world.node(C));
    world.refresh(&[&a, &c]);
    let verifier = ServerVerifier::member(c.trust.clone(), a.agency.clone(), world.clock());
    // A client that would take tickets and send early data, if it got any.
    let mut tls = rustls::ClientConfig::builder_with_provider(super::super::verifier::provider())
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
