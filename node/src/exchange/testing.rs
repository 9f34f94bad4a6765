//! For the exchange's own tests: a federation whose clock stands still, endpoints on loopback, a face that records, and
//! raw QUIC connections that may say anything.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ogic_certs::certificate::Certificate;
use ogic_certs::cose::Signer;
use ogic_certs::key::SigningKey;
use ogic_certs::testing::{Federation, agency};
use ogic_certs::token::{EnrolAnswer, EnrolRequest};
use ogic_certs::trust::Trust;
use ogic_certs::{AgencyId, Code, Identity, Problem, Result, Timestamp, issue};
use tokio::sync::mpsc;

use super::face::{BoxFuture, Face, Reply};
use super::link::{Link, LinkId};
use super::message::{Hello, Message};
use super::quic::{Clock, Config, Endpoint};
use super::request::Request;
use super::tls::{Credentials, client_config};
use super::trust::SharedTrust;
use super::verifier::ServerVerifier;

pub(super) const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const HOUR_MS: u64 = 3_600_000;

/// The authority's side, and the clock of all.
pub(super) struct World {
    pub(super) federation: Federation,
    now: Arc<AtomicU64>,
}

impl World {
    pub(super) fn new() -> Self {
        let now = Timestamp::from_ms_clamped(1_800_000_000_000);
        Self { federation: Federation::new(7, now), now: Arc::new(AtomicU64::new(now.ms())) }
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_ms_clamped(self.now.load(Ordering::SeqCst))
    }

    pub(super) fn pass_ms(&self, ms: u64) {
        self.now.fetch_add(ms, Ordering::SeqCst);
    }

    pub(super) fn clock(&self) -> Clock {
        let now = Arc::clone(&self.now);
        Arc::new(move || Timestamp::from_ms_clamped(now.load(Ordering::SeqCst)))
    }

    /// What a member trusts after its next refresh.
    pub(super) fn trust(&mut self) -> Trust {
        let (registry, crl) = (self.federation.registry(), self.federation.crl());
        Trust::new(Arc::new(registry), vec![crl], self.federation.pin()).unwrap()
    }

    pub(super) fn signer(&mut self, name: &str) -> Signer {
        self.federation.signer(&format!("ogic://{name}/node"))
    }

    /// A node certificate valid from `from_ms` before now to `to_ms` after it; negative numbers turn the direction.
    pub(super) fn odd_signer(&mut self, name: &str, from_ms: i64, to_ms: i64) -> Signer {
        // Makes it a member, with a certificate that is not used.
        self.signer(name);
        let at = |ms: i64| Timestamp::from_ms_clamped(self.now().ms().saturating_add_signed(ms));
        let key = SigningKey::from_seed(&[name.len() as u8 ^ 0x55; 32]).unwrap();
        let identity = Identity::parse(&format!("ogic://{name}/node")).unwrap();
        let der = self.federation.with_issuer(|issuer| {
            issue::leaf(issuer, &identity, key.public(), [9; 16], at(from_ms), at(to_ms)).unwrap()
        });
        Signer::new(key, Certificate::from_der(&der).unwrap(), vec![self.federation.root().clone()]).unwrap()
    }

    /// A member's node. Its peers learn its address by [`World::list`].
    pub(super) fn node(&mut self, name: &str) -> Node {
        let signer = self.signer(name);
        self.node_with(name, signer)
    }

    pub(super) fn node_with(&mut self, name: &str, signer: Signer) -> Node {
        let trust = SharedTrust::new(self.trust());
        let node = self.start(name, signer, trust, false);
        self.list(&node);
        node
    }

    pub(super) fn start(&self, name: &str, signer: Signer, trust: SharedTrust, enrols: bool) -> Node {
        let (happened, events) = mpsc::unbounded_channel();
        let face = Arc::new(Recorder {
            agency: agency(name),
            clock: self.clock(),
            happened,
            answer: Mutex::new(Box::new(|_, _| Err(Problem::new(Code::NotFound, "test")))),
        });
        let config =
            Config { enrols, clock: self.clock(), ..Config::new(LOOPBACK, signer.clone(), trust.clone(), 7) };
        let endpoint = Endpoint::start(config, Arc::clone(&face) as Arc<dyn Face>).unwrap();
        Node { agency: agency(name), signer, trust, endpoint, face, events }
    }

    /// Lists the node's address in the registry from its next version on.
    pub(super) fn list(&mut self, node: &Node) {
        let address = node.address().to_string();
        self.federation.edit_member(&node.agency, |member| member.endpoints = vec![address]);
    }

    /// Gives every node the newest registry and CRL.
    pub(super) fn refresh(&mut self, nodes: &[&Node]) {
        for node in nodes {
            node.trust.replace(self.trust());
        }
    }

    /// Two connected nodes; the first has dialled.
    pub(super) async fn pair(&mut self, first: &str, second: &str) -> (Node, Node) {
        let (mut a, mut b) = (self.node(first), self.node(second));
        self.refresh(&[&a, &b]);
        a.endpoint.want(&b.agency);
        a.connected(&b.agency).await;
        b.connected(&a.agency).await;
        (a, b)
    }
}

/// An endpoint with the face behind it.
pub(super) struct Node {
    pub(super) agency: AgencyId,
    pub(super) signer: Signer,
    pub(super) trust: SharedTrust,
    pub(super) endpoint: Endpoint,
    pub(super) face: Arc<Recorder>,
    events: mpsc::UnboundedReceiver<Happened>,
}

/// What a face was told.
#[derive(Debug)]
pub(super) enum Happened {
    Connected(AgencyId, Link),
    Disconnected(AgencyId, LinkId, Problem),
    Received(AgencyId, Vec<Message>),
}

impl Node {
    pub(super) fn address(&self) -> SocketAddr {
        self.endpoint.local_addr().unwrap()
    }

    pub(super) async fn happened(&mut self) -> Happened {
        soon(self.events.recv()).await.unwrap()
    }

    pub(super) fn nothing_happened(&mut self) -> bool {
        self.events.try_recv().is_err()
    }

    pub(super) async fn connected(&mut self, peer: &AgencyId) -> Link {
        loop {
            if let Happened::Connected(who, link) = self.happened().await
                && who == *peer
            {
                return link;
            }
        }
    }

    pub(super) async fn disconnected(&mut self, peer: &AgencyId) -> (LinkId, Problem) {
        loop {
            if let Happened::Disconnected(who, link, problem) = self.happened().await
                && who == *peer
            {
                return (link, problem);
            }
        }
    }

    /// Messages of `peer` until there are `count`.
    pub(super) async fn received(&mut self, peer: &AgencyId, count: usize) -> Vec<Message> {
        let mut all = Vec::new();
        while all.len() < count {
            if let Happened::Received(who, messages) = self.happened().await
                && who == *peer
            {
                all.extend(messages);
            }
        }
        all
    }

    pub(super) fn answer(
        &self,
        answer: impl FnMut(&AgencyId, Request) -> Result<Reply> + Send + 'static,
    ) -> &Self {
        *self.face.answer.lock().unwrap() = Box::new(answer);
        self
    }

    /// A connection that this node's key has made, with nobody behind it.
    pub(super) async fn raw(&self, to: &Self) -> quinn::Connection {
        raw(Some(&self.signer), to, super::tls::ALPN_EXCHANGE).await.unwrap()
    }
}

type Answering = Box<dyn FnMut(&AgencyId, Request) -> Result<Reply> + Send>;

/// A face that tells its test what happens.
pub(super) struct Recorder {
    agency: AgencyId,
    clock: Clock,
    happened: mpsc::UnboundedSender<Happened>,
    answer: Mutex<Answering>,
}

impl Recorder {
    fn tell(&self, what: Happened) {
        // A test that has seen enough has dropped the other end.
        let _ = self.happened.send(what);
    }
}

pub(super) fn hello_of(agency: &AgencyId, clock: Timestamp) -> Hello {
    Hello {
        agency: agency.clone(),
        origin: String::new(),
        size: 0,
        checkpoint: None,
        registry: 1,
        features: Vec::new(),
        clock,
    }
}

impl Face for Recorder {
    fn agency(&self) -> AgencyId {
        self.agency.clone()
    }

    fn hello(&self, _peer: &AgencyId) -> Hello {
        hello_of(&self.agency, (self.clock)())
    }

    fn connected(&self, peer: &AgencyId, hello: Hello, link: Link) {
        assert_eq!(hello.agency, *peer);
        self.tell(Happened::Connected(peer.clone(), link));
    }

    fn disconnected(&self, peer: &AgencyId, link: LinkId, why: Problem) {
        self.tell(Happened::Disconnected(peer.clone(), link, why));
    }

    fn received(&self, peer: &AgencyId, _link: LinkId, messages: Vec<Message>) -> BoxFuture<'_, ()> {
        assert!(!messages.contains(&Message::Notice(b"panic".to_vec())), "asked to panic");
        self.tell(Happened::Received(peer.clone(), messages));
        Box::pin(std::future::ready(()))
    }

    fn request(&self, peer: &AgencyId, request: Request) -> BoxFuture<'_, Result<Reply>> {
        let reply = super::quic::lock(&self.answer)(peer, request);
        Box::pin(std::future::ready(reply))
    }

    fn enrol(&self, _from: SocketAddr, request: EnrolRequest) -> BoxFuture<'_, Result<EnrolAnswer>> {
        let answer = match request.secret.as_slice() {
            [7, ..] => Ok(EnrolAnswer {
                certificates: request.requests,
                root: b"root".to_vec(),
                registry: vec![1; 300_000],
                crls: Vec::new(),
            }),
            _ => Err(Problem::new(Code::TokenSpent, "token")),
        };
        Box::pin(std::future::ready(answer))
    }
}

/// A handshake with `to`, by whoever `signer` is, or by a stranger.
pub(super) async fn raw(signer: Option<&Signer>, to: &Node, alpn: &[u8]) -> Result<quinn::Connection> {
    let verifier = ServerVerifier::member(to.trust.clone(), to.agency.clone(), {
        let now = (to.face.clock)();
        Arc::new(move || now)
    });
    let verifier = Arc::new(verifier);
    let credentials = signer.map(|signer| Credentials::new(signer).unwrap());
    let config = client_config(credentials.as_ref(), Arc::clone(&verifier), alpn)?;
    let endpoint = quinn::Endpoint::client(LOOPBACK).unwrap();
    soon(super::dial::connect(&endpoint, config, to.address(), &to.agency, &verifier)).await
}

/// What must happen soon: a bound for tests, not a wait.
pub(super) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("within 20 s")
}

pub(super) const fn hours(count: u64) -> u64 {
    count * HOUR_MS
}
