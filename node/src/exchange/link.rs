//! A link: one live connection with one peer, as daemons hold it.
//!
//! Sending never waits; asking does, within a deadline. The tasks that move a link's bytes are in `pump` and `serve`.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use ogic_certs::certificate::Certificate;
use ogic_certs::trust::Trust;
use ogic_certs::{AgencyId, Code, Problem, Result, Timestamp};
use tokio::sync::{Notify, watch};

use super::close::{WITHOUT_FAULT, close_with, problem_of};
use super::message::Message;
use super::peers::ProcessId;
use super::quic::{Clock, lock};
use super::session::{Session, StreamKind};
use super::trust::SharedTrust;

/// For how long a check of the peer's certificates counts, unless the trust is replaced before.
pub const CHECK_MS: u64 = 1_000;

/// Which link of this process: a number that is not used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LinkId(pub u64);

/// A live connection with one peer. Cheap to clone.
#[derive(Clone)]
pub struct Link(Arc<Inner>);

pub(super) struct Inner {
    id: LinkId,
    peer: AgencyId,
    quic: quinn::Connection,
    /// Whether this side dialled.
    dialled: bool,
    /// When the handshake began, as far as this side can know.
    began: Instant,
    chain: Vec<Certificate>,
    trust: SharedTrust,
    clock: Clock,
    /// The protocol's state; never held over an await.
    session: Mutex<Session>,
    /// One for each stream kind: there is something to write.
    to_write: [Notify; 2],
    ready: watch::Sender<Option<(Instant, Timestamp)>>,
    /// Which run of the peer is at the other end, as its hello told.
    process: OnceLock<ProcessId>,
    /// Requests that are being asked or answered.
    busy: watch::Sender<usize>,
    /// The last check that held: under which trust, and when.
    checked: Mutex<Option<(Arc<Trust>, Timestamp)>>,
    /// Its end has been told; changed under the exchange's registering lock alone.
    ended: AtomicBool,
    /// Why this side closed it.
    reason: OnceLock<Problem>,
}

/// What a link is made of.
pub(super) struct Parts {
    pub(super) id: LinkId,
    pub(super) quic: quinn::Connection,
    pub(super) dialled: bool,
    pub(super) began: Instant,
    pub(super) chain: Vec<Certificate>,
    pub(super) trust: SharedTrust,
    pub(super) clock: Clock,
    pub(super) session: Session,
}

impl Link {
    pub(super) fn new(parts: Parts) -> Self {
        Self(Arc::new(Inner {
            id: parts.id,
            peer: parts.session.peer().clone(),
            quic: parts.quic,
            dialled: parts.dialled,
            began: parts.began,
            chain: parts.chain,
            trust: parts.trust,
            clock: parts.clock,
            session: Mutex::new(parts.session),
            to_write: Default::default(),
            ready: watch::Sender::new(None),
            process: OnceLock::new(),
            busy: watch::Sender::new(0),
            checked: Mutex::default(),
            ended: AtomicBool::new(false),
            reason: OnceLock::new(),
        }))
    }

    /// Which link this is.
    pub fn id(&self) -> LinkId {
        self.0.id
    }

    /// The peer, as its certificate says.
    pub fn peer(&self) -> &AgencyId {
        &self.0.peer
    }

    /// The chain that the peer presented, leaf first.
    pub fn chain(&self) -> &[Certificate] {
        &self.0.chain
    }

    /// Since when it is ready.
    pub fn since(&self) -> Option<Timestamp> {
        self.0.ready.borrow().map(|(_, at)| at)
    }

    /// How far the peer's clock was ahead of ours at its hello, in milliseconds.
    pub fn skew_ms(&self) -> Option<i64> {
        lock(&self.0.session).skew_ms()
    }

    /// The peer's address.
    pub fn remote_address(&self) -> std::net::SocketAddr {
        self.0.quic.remote_address()
    }

    /// Whether it has not ended.
    pub fn is_open(&self) -> bool {
        self.0.quic.close_reason().is_none()
    }

    /// Queues messages in order on one of the two streams and returns at once; the caller's window is the bound. A peer
    /// that has not read for so long that the queue is full is let go: [`Code::LimitReached`]. A message that fits into no
    /// frame is [`Code::TooLarge`] and harms nothing else.
    pub fn send(&self, kind: StreamKind, messages: &[Message]) -> Result<()> {
        if let Some(error) = self.0.quic.close_reason() {
            return Err(self.why(&error));
        }
        let outcome = lock(&self.0.session).send(kind, messages);
        self.to_write(kind).notify_one();
        if let Err(problem) = &outcome
            && problem.code == Code::LimitReached
        {
            self.close(problem.clone());
        }
        outcome
    }

    /// Ends the connection; the peer is told code and field. The first reason is the one that counts.
    pub fn close(&self, problem: Problem) {
        close_with(&self.0.quic, self.0.reason.get_or_init(|| problem));
    }

    /// Ends the connection without anybody's fault.
    pub(super) fn close_without_fault(&self, why: &'static str) {
        self.0.reason.get_or_init(|| Problem::new(Code::PeerUnreachable, "connection").found(why));
        self.0.quic.close(quinn::VarInt::from_u32(WITHOUT_FAULT), why.as_bytes());
    }

    /// Waits for its end, and says why.
    pub async fn closed(&self) -> Problem {
        let error = self.0.quic.closed().await;
        self.why(&error)
    }

    /// Waits until the peer's hello has been accepted.
    pub(super) async fn ready(&self) -> Result<()> {
        let mut ready = self.0.ready.subscribe();
        tokio::select! {
            biased;
            _ = ready.wait_for(Option::is_some) => Ok(()),
            why = self.closed() => Err(why),
        }
    }

    /// The peer's hello has been accepted and the link is the peer's present one.
    pub(super) fn set_ready(&self) {
        self.0.ready.send_replace(Some((Instant::now(), (self.0.clock)())));
        StreamKind::ALL.into_iter().for_each(|kind| self.to_write(kind).notify_one());
    }

    pub(super) fn set_ended(&self) {
        self.0.ended.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.0.ended.load(Ordering::Relaxed)
    }

    /// Judges the peer's certificates by the present trust and time; what held within the last second holds.
    pub(super) fn check(&self) -> Result<()> {
        let (trust, now) = (self.0.trust.current(), (self.0.clock)());
        let mut checked = lock(&self.0.checked);
        if let Some((under, at)) = &*checked
            && Arc::ptr_eq(under, &trust)
            && *at <= now
            && now.since_ms(*at) < CHECK_MS
        {
            return Ok(());
        }
        let identity = trust.channel(&self.0.chain, now)?;
        if identity.agency != self.0.peer {
            return Err(Problem::new(Code::IdentityMismatch, "channel")
                .found(identity.to_string())
                .expected(self.0.peer.to_string()));
        }
        *checked = Some((trust, now));
        Ok(())
    }

    /// Waits until no request is being asked or answered.
    pub(super) async fn idle(&self) {
        // The sender lives as long as this link, so that the wait ends by the value alone.
        let _ = self.0.busy.subscribe().wait_for(|count| *count == 0).await;
    }

    /// Counts a request until it is dropped.
    pub(super) fn busy(&self) -> Busy {
        self.0.busy.send_modify(|count| *count += 1);
        Busy(self.clone())
    }

    /// What an error of QUIC means: our own reason, if it was us.
    pub(super) fn why(&self, error: &quinn::ConnectionError) -> Problem {
        match (error, self.0.reason.get()) {
            (quinn::ConnectionError::LocallyClosed, Some(reason)) => reason.clone(),
            _ => problem_of(error),
        }
    }

    pub(super) fn quic(&self) -> &quinn::Connection {
        &self.0.quic
    }

    pub(super) fn session(&self) -> std::sync::MutexGuard<'_, Session> {
        lock(&self.0.session)
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.0.clock)()
    }

    pub(super) fn trust(&self) -> &SharedTrust {
        &self.0.trust
    }

    pub(super) fn to_write(&self, kind: StreamKind) -> &Notify {
        let [control, events] = &self.0.to_write;
        match kind {
            StreamKind::Control => control,
            StreamKind::Events => events,
        }
    }

    pub(super) fn dialled(&self) -> bool {
        self.0.dialled
    }

    pub(super) fn began(&self) -> Instant {
        self.0.began
    }

    /// Which run of the peer is at the other end, if it told.
    pub(super) fn process(&self) -> Option<&ProcessId> {
        self.0.process.get()
    }

    pub(super) fn set_process(&self, process: ProcessId) {
        // There is one hello a connection.
        let _ = self.0.process.set(process);
    }

    /// When it became ready, on the clock that only goes forward.
    pub(super) fn ready_at(&self) -> Option<Instant> {
        self.0.ready.borrow().map(|(at, _)| at)
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({} with {}, {})", self.0.id.0, self.0.peer, self.0.quic.remote_address())
    }
}

/// A request that is being asked or answered; a link that another has replaced waits for it.
pub(super) struct Busy(Link);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.0.busy.send_modify(|count| *count -= 1);
    }
}
