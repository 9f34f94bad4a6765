//! The endpoint: one UDP port over which a daemon is reached and reaches others.
//!
//! Holds no protocol of its own: who is let in stands in `accept`, who is dialled in `dial`, which connection stays in
//! `peers`. Begin with [`Endpoint::start`].

use std::collections::BTreeMap;
use std::fmt;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use ogic_certs::certificate::Certificate;
use ogic_certs::cose::Signer;
use ogic_certs::key::SigningKey;
use ogic_certs::{AgencyId, Code, Problem, Result, Role, Timestamp};
use quinn::crypto::HmacKey;
use quinn_proto::HashedConnectionIdGenerator;
use ring::hmac;
use tokio::sync::watch;

use super::accept::{self, Admission};
use super::close::WITHOUT_FAULT;
use super::dial;
use super::face::Face;
use super::link::{Link, LinkId, Parts};
use super::message::Hello;
use super::peers::{Peers, ProcessId};
use super::pump;
use super::session::Session;
use super::tls::{self, Credentials, MEMBER_WINDOW_BYTES};
use super::trust::SharedTrust;
use super::verifier::ClientVerifier;

/// Bytes wanted for each of the socket's buffers: with less, packets are dropped while hundreds of messages fly.
pub const SOCKET_BYTES: usize = 4 << 20;
/// How long an endpoint that closes waits for its peers to hear of it.
const CLOSE_MS_MAX: u64 = 2_000;
/// What it waits for connections whose handshake is done, beside their round trips: three times the longest that a peer may
/// hold back an acknowledgement (RFC 9000 18.2, `max_ack_delay`). Without any the close's own packets leave in this time.
const CLOSE_MS: u64 = 75;

/// Between two tries to bind the port again.
const RESTART_MS: u64 = 100;
/// Tries to bind the port again before the endpoint gives up.
const RESTART_TRIES_MAX: u32 = 300;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The system's clock.
pub fn system_clock() -> Clock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_ms_clamped(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    })
}

/// What an endpoint is started with.
#[derive(Clone)]
pub struct Config {
    /// The address to listen on; port 0 takes a free one.
    pub bind: SocketAddr,
    /// The daemon's `node` key and certificate, with the certificates above it up to the root.
    pub signer: Signer,
    /// Whom it trusts.
    pub trust: SharedTrust,
    /// Addresses from token or configuration, tried after the registry's.
    pub addresses: BTreeMap<AgencyId, Vec<SocketAddr>>,
    /// Whether strangers may enrol: at an authority alone.
    pub enrols: bool,
    /// The clock by which certificates are judged.
    pub clock: Clock,
    /// A number for the jitter of back-off, different in each process.
    pub seed: u64,
}

impl Config {
    /// A member's configuration: no strangers, the system's clock, addresses from the registry alone.
    pub fn new(bind: SocketAddr, signer: Signer, trust: SharedTrust, seed: u64) -> Self {
        Self { bind, signer, trust, addresses: BTreeMap::new(), enrols: false, clock: system_clock(), seed }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let identity = self.signer.certificate();
        f.debug_struct("Config")
            .field("bind", &self.bind)
            .field("certificate", identity)
            .finish_non_exhaustive()
    }
}

/// A running endpoint. Cheap to clone; it runs until [`Endpoint::close`].
#[derive(Clone)]
pub struct Endpoint(Arc<Exchange>);

impl Endpoint {
    /// Binds the port and begins to accept. Must be called within a tokio runtime. [`Code::ValueRefused`] if the address
    /// cannot be bound, [`Code::RoleNotAllowed`] for a signer that is not the face's agency's node.
    pub fn start(config: Config, face: Arc<dyn Face>) -> Result<Self> {
        let identity = config.signer.certificate().identity()?;
        let agency = face.agency();
        if identity.role != Role::Node || identity.agency != agency {
            return Err(Problem::new(Code::RoleNotAllowed, "node certificate")
                .found(identity.to_string())
                .expected(format!("ogic://{agency}/node")));
        }
        let credentials = Credentials::new(&config.signer)?;
        let resets = Resets::of(config.signer.key());
        let exchange = Exchange {
            agency,
            trust: config.trust,
            clock: config.clock,
            enrols: config.enrols,
            seed: config.seed,
            face,
            quic: RwLock::new(bind(config.bind, &resets)?),
            resets,
            process: ProcessId::from_seed(config.seed),
            credentials: RwLock::new(credentials.clone()),
            peers: Arc::default(),
            registering: Mutex::default(),
            admission: Arc::default(),
            links: AtomicU64::new(0),
            restarts: AtomicU64::new(0),
            closing: watch::Sender::new(false),
        };
        exchange.listen(&credentials)?;
        for (peer, addresses) in config.addresses {
            exchange.peers.set_addresses(&peer, addresses);
        }
        let exchange = Arc::new(exchange);
        tokio::spawn(accept::run(Arc::clone(&exchange)));
        Ok(Self(exchange))
    }

    /// The address that it listens on.
    pub fn local_addr(&self) -> Result<SocketAddr> {
        self.0.quic().local_addr().map_err(|error| socket_problem(&error))
    }

    /// The peer's present link, if it is ready.
    pub fn link(&self, peer: &AgencyId) -> Option<Link> {
        self.0.peers.current(peer)
    }

    /// Every present link.
    pub fn links(&self) -> Vec<Link> {
        self.0.peers.links()
    }

    /// Keeps a connection with this peer: dials it, with back-off, whenever there is none.
    pub fn want(&self, peer: &AgencyId) {
        if *peer != self.0.agency && self.0.peers.want(peer) {
            tokio::spawn(dial::keep(Arc::clone(&self.0), peer.clone()));
        }
    }

    /// Waits until there is a link with a wanted peer, at most `ms` milliseconds; the error is the last problem.
    pub async fn reach(&self, peer: &AgencyId, ms: u64) -> Result<Link> {
        self.want(peer);
        let mut ready = self.0.peers.subscribe();
        let reached = async {
            loop {
                ready.borrow_and_update();
                if let Some(link) = self.link(peer) {
                    return link;
                }
                // Its sender lives in the table of peers, which this endpoint holds.
                let _ = ready.changed().await;
            }
        };
        match tokio::time::timeout(Duration::from_millis(ms), reached).await {
            Ok(link) => Ok(link),
            Err(_) => Err(self.problem(peer).unwrap_or_else(|| {
                Problem::new(Code::PeerUnreachable, "connection").found(peer.to_string())
            })),
        }
    }

    /// Gives a peer's addresses beside the registry's.
    pub fn set_addresses(&self, peer: &AgencyId, addresses: Vec<SocketAddr>) {
        self.0.peers.set_addresses(peer, addresses);
    }

    /// Why a peer was not reached, or its last connection ended.
    pub fn problem(&self, peer: &AgencyId) -> Option<Problem> {
        self.0.peers.problem(peer)
    }

    /// How often the endpoint's own task died and was started again.
    pub fn restarts(&self) -> u64 {
        self.0.restarts.load(Ordering::Relaxed)
    }

    /// Uses a renewed certificate from the next connection on.
    pub fn renew(&self, signer: &Signer) -> Result<()> {
        let credentials = Credentials::new(signer)?;
        self.0.listen(&credentials)?;
        *self.0.credentials.write().unwrap_or_else(PoisonError::into_inner) = credentials;
        Ok(())
    }

    #[cfg(test)]
    pub(super) const fn exchange(&self) -> &Arc<Exchange> {
        &self.0
    }

    /// Closes every connection and the port. Dials end first, and nobody is waited for who has not finished a handshake:
    /// there is no peer yet who could hear of the end. QUIC keeps such a connection for three seconds, and the port with it
    /// if the process lives on.
    pub async fn close(&self) {
        self.0.closing.send_replace(true);
        let links = self.links();
        let slowest = links.iter().map(|link| link.quic().rtt()).max();
        for link in links {
            link.close_without_fault("closing");
        }
        let quic = self.0.quic();
        quic.close(quinn::VarInt::from_u32(WITHOUT_FAULT), b"closing");
        let _ = tokio::time::timeout(farewell(slowest.unwrap_or_default()), quic.wait_idle()).await;
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({})", self.0.agency)
    }
}

/// How long connections whose slowest round trip takes `rtt` last after their close: three probe timeouts (RFC 9000 10.2,
/// RFC 9002 6.2.1), whose variance is at most half a round trip as long as none was measured.
fn farewell(rtt: Duration) -> Duration {
    let round_trips = rtt.saturating_mul(9);
    round_trips.saturating_add(Duration::from_millis(CLOSE_MS)).min(Duration::from_millis(CLOSE_MS_MAX))
}

/// What all tasks of an endpoint share.
pub(super) struct Exchange {
    pub(super) agency: AgencyId,
    pub(super) trust: SharedTrust,
    pub(super) clock: Clock,
    pub(super) seed: u64,
    pub(super) peers: Arc<Peers>,
    pub(super) admission: Arc<Admission>,
    enrols: bool,
    face: Arc<dyn Face>,
    quic: RwLock<quinn::Endpoint>,
    resets: Resets,
    process: ProcessId,
    credentials: RwLock<Credentials>,
    /// Held while a link is made the present one and the face is told, so that the face learns of them in that order.
    registering: Mutex<()>,
    links: AtomicU64,
    restarts: AtomicU64,
    closing: watch::Sender<bool>,
}

impl Exchange {
    pub(super) fn face(&self) -> &dyn Face {
        &*self.face
    }

    pub(super) fn quic(&self) -> quinn::Endpoint {
        self.quic.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn credentials(&self) -> Credentials {
        self.credentials.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Waits until the endpoint is being closed.
    pub(super) async fn closing(&self) {
        let _ = self.closing.subscribe().wait_for(|closing| *closing).await;
    }

    /// Gives QUIC what it listens with.
    fn listen(&self, credentials: &Credentials) -> Result<()> {
        let verifier = ClientVerifier::new(self.trust.clone(), Arc::clone(&self.clock), !self.enrols);
        self.quic().set_server_config(Some(tls::server_config(credentials, verifier, self.enrols)?));
        Ok(())
    }

    /// Starts QUIC anew on the same port after its own task has died.
    pub(super) async fn restart(&self) -> Result<()> {
        let address = self.quic().local_addr().map_err(|error| socket_problem(&error))?;
        let replace = |quic| *self.quic.write().unwrap_or_else(PoisonError::into_inner) = quic;
        // The dead one holds the port until it and every connection over it are gone.
        replace(bind(SocketAddr::new(address.ip(), 0), &self.resets)?);
        for link in self.peers.links() {
            link.close_without_fault("the endpoint is started again");
        }
        let mut tries = 0;
        let quic = loop {
            match bind(address, &self.resets) {
                Ok(quic) => break quic,
                Err(problem) if tries == RESTART_TRIES_MAX => return Err(problem),
                Err(_) => tokio::time::sleep(Duration::from_millis(RESTART_MS)).await,
            }
            tries += 1;
        };
        replace(quic);
        self.restarts.fetch_add(1, Ordering::Relaxed);
        self.listen(&self.credentials())
    }

    /// Runs a connection whose handshake is done, in a task of its own, and returns its link at once.
    pub(super) fn run(
        self: &Arc<Self>,
        quic: quinn::Connection,
        chain: Vec<Certificate>,
        dialled: bool,
        began: Instant,
    ) -> Result<Link> {
        // Judged in the handshake already; the trust may have been replaced since.
        let identity = self.trust.current().channel(&chain, (self.clock)())?;
        let peer = identity.agency;
        if peer == self.agency {
            return Err(Problem::new(Code::IdentityMismatch, "channel")
                .found("our own identity")
                .expected("another agency"));
        }
        let entered = self.peers.enter(&peer)?;
        let mut hello = self.face.hello(&peer);
        hello.features.push(self.process.feature());
        let session = Session::new(peer.clone(), hello, (self.clock)())?;
        quic.set_receive_window(quinn::VarInt::from_u32(MEMBER_WINDOW_BYTES));
        let link = Link::new(Parts {
            id: LinkId(self.links.fetch_add(1, Ordering::Relaxed)),
            quic,
            dialled,
            began,
            chain,
            trust: self.trust.clone(),
            clock: Arc::clone(&self.clock),
            session,
        });
        let (exchange, running) = (Arc::clone(self), link.clone());
        tokio::spawn(async move {
            let _entered = entered;
            pump::run(exchange, running).await;
        });
        Ok(link)
    }

    /// A link's hello has been accepted: it becomes its peer's present one, or is superfluous.
    pub(super) fn ready(&self, link: &Link, hello: Hello) -> Result<()> {
        let replaced = {
            let _order = lock(&self.registering);
            if let Some(process) = ProcessId::of(&hello) {
                link.set_process(process);
            }
            if link.has_ended() {
                return Err(Problem::new(Code::PeerUnreachable, "connection").found("its end"));
            }
            let replaced = match self.peers.register(&self.agency, link) {
                Ok(replaced) => replaced,
                Err(problem) => {
                    link.close_without_fault("the other connection stays");
                    return Err(problem);
                }
            };
            tracing::info!(peer = %link.peer(), link = link.id().0, dialled = link.dialled(), "connected");
            self.face.connected(link.peer(), hello, link.clone());
            link.set_ready();
            replaced
        };
        self.peers.announce();
        match replaced {
            // Nobody is left who could finish what was asked on it: whoever waits asks again at once.
            Some(dead) if ProcessId::differ(dead.process(), link.process()) => {
                dead.close_without_fault("the peer was started again");
            }
            Some(replaced) => drop(tokio::spawn(pump::linger(replaced))),
            None => {}
        }
        Ok(())
    }

    /// A link has ended.
    pub(super) fn ended(&self, link: &Link, why: Problem) {
        tracing::info!(peer = %link.peer(), link = link.id().0, %why, "disconnected");
        let _order = lock(&self.registering);
        // A task of this link may be about to register it: from here on it cannot.
        link.set_ended();
        self.peers.unregister(link, &why);
        if link.ready_at().is_some() {
            self.face.disconnected(link.peer(), link.id(), why);
        }
    }
}

/// What lets a daemon that was killed tell its peers, at their next packet, that their connections with it are gone (RFC
/// 9000 10.3): without it they would hold dead ones until silence has lasted. It outlives the process since it follows
/// from the channel's private key, and like that nobody else knows it.
struct Resets {
    tokens: Arc<hmac::Key>,
    /// Marks the connection ids that are ours, of whichever run.
    ids: u64,
}

impl Resets {
    fn of(key: &SigningKey) -> Self {
        let pkcs8 = key.pkcs8_der();
        let secret = hmac::Key::new(hmac::HMAC_SHA256, &pkcs8);
        let derive = |what: &[u8]| hmac::sign(&secret, what);
        let tokens = hmac::Key::new(hmac::HMAC_SHA256, derive(b"ogic stateless reset 1").as_ref());
        let ids = derive(b"ogic connection ids 1");
        let ids = ids.as_ref().iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        Self { tokens: Arc::new(tokens), ids }
    }

    fn config(&self) -> quinn::EndpointConfig {
        let tokens: Arc<dyn HmacKey> = Arc::clone(&self.tokens) as _;
        let mut config = quinn::EndpointConfig::new(tokens);
        let ids = self.ids;
        config.cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(ids)));
        config
    }
}

/// A UDP socket with large buffers, and QUIC over it.
fn bind(address: SocketAddr, resets: &Resets) -> Result<quinn::Endpoint> {
    let socket = UdpSocket::bind(address).map_err(|error| socket_problem(&error))?;
    // Best effort: the system cuts what is asked for to its own limit.
    let _ = rustix::net::sockopt::set_socket_recv_buffer_size(&socket, SOCKET_BYTES);
    let _ = rustix::net::sockopt::set_socket_send_buffer_size(&socket, SOCKET_BYTES);
    quinn::Endpoint::new(resets.config(), None, socket, Arc::new(quinn::TokioRuntime))
        .map_err(|error| socket_problem(&error))
}

fn socket_problem(error: &std::io::Error) -> Problem {
    Problem::new(Code::ValueRefused, "listen address")
        .found(error.to_string())
        .expected("a free UDP port of this machine")
}

/// Locks what holds finished facts only, so that a panic elsewhere cannot have left it half-written.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_waits_as_long_as_its_slowest_peer_needs() {
        for (name, rtt_ms, waits_ms) in [
            ("nobody to wait for", 0, CLOSE_MS),
            ("a peer far away", 150, CLOSE_MS + 1_350),
            ("never longer than this", 60_000, CLOSE_MS_MAX),
        ] {
            assert_eq!(farewell(Duration::from_millis(rtt_ms)), Duration::from_millis(waits_ms), "{name}");
        }
        assert_eq!(farewell(Duration::MAX), Duration::from_millis(CLOSE_MS_MAX), "no overflow");
    }
}
