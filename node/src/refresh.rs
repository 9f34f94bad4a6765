//! Keeping registry and revocation lists fresh: asked of the authority, or of any peer while the authority is away.
//!
//! What comes is checked whole, persisted, and only then used. Whoever holds a registry answers others by
//! [`newer_registry`].

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ogic_certs::trust::Trust;
use ogic_certs::{AgencyId, Code, Digest, Problem, Result, Timestamp};

use crate::acceptance::{self, Accepted};
use crate::exchange::link::Link;
use crate::exchange::quic::{Clock, Endpoint};
use crate::exchange::request::{Answer, Request};
use crate::exchange::trust::SharedTrust;
use crate::folder::Folder;

/// How long an answer may wait for something newer, in milliseconds.
const WAIT_MS: u64 = 25_000;
/// How long the authority has to be reached before peers are asked, in milliseconds.
const REACH_MS: u64 = 2_000;
/// The first pause after a failure, and the longest, in milliseconds.
const PAUSE_MS: (u64, u64) = (250, 30_000);

/// Keeps a [`SharedTrust`] fresh. Cheap to clone: all clones show the same state.
#[derive(Clone)]
pub struct Refresher(Arc<Inner>);

struct Inner {
    folder: Folder,
    trust: SharedTrust,
    authority: AgencyId,
    clock: Clock,
    state: Mutex<State>,
}

/// How the last refresh went.
#[derive(Clone, Default, Debug)]
pub struct State {
    /// When somebody last answered, with something newer or not.
    pub answered: Option<Timestamp>,
    /// Who it was.
    pub from: Option<AgencyId>,
    /// What went wrong since.
    pub problem: Option<Problem>,
}

impl Refresher {
    /// Keeps `trust` fresh and `folder` up to date with it.
    pub fn new(folder: Folder, trust: SharedTrust, clock: Clock) -> Self {
        let authority = trust.current().pin().authority.clone();
        Self(Arc::new(Inner { folder, trust, authority, clock, state: Mutex::default() }))
    }

    /// How the last refresh went.
    pub fn state(&self) -> State {
        self.lock().clone()
    }

    /// Asks until the task is aborted.
    pub async fn run(self, endpoint: Endpoint) {
        let mut failures = 0_u32;
        loop {
            match self.once(&endpoint).await {
                Ok(from) => {
                    failures = 0;
                    let now = (self.0.clock)();
                    *self.lock() = State { answered: Some(now), from: Some(from), problem: None };
                }
                Err(problem) => {
                    tracing::info!(%problem, "registry not refreshed");
                    self.lock().problem = Some(problem);
                    let pause = PAUSE_MS.0.saturating_mul(1 << failures.min(16)).min(PAUSE_MS.1);
                    failures = failures.saturating_add(1);
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                }
            }
        }
    }

    /// Asks the authority, or else every connected peer in turn; the answer may take a while to come. Says who answered.
    async fn once(&self, endpoint: &Endpoint) -> Result<AgencyId> {
        let first = match endpoint.reach(&self.0.authority, REACH_MS).await {
            Ok(link) => match self.ask(&link, WAIT_MS).await {
                Ok(()) => return Ok(self.0.authority.clone()),
                Err(problem) => problem,
            },
            Err(problem) => problem,
        };
        for link in endpoint.links() {
            if *link.peer() == self.0.authority {
                continue;
            }
            // No waiting here: the authority may be back any moment.
            match self.ask(&link, 0).await {
                Ok(()) if self.is_fresh() => return Err(first),
                Ok(()) => {}
                Err(problem) => tracing::debug!(peer = %link.peer(), %problem, "peer has no newer registry"),
            }
        }
        Err(first)
    }

    fn is_fresh(&self) -> bool {
        let trust = self.0.trust.current();
        (self.0.clock)() <= trust.fresh_until()
    }

    async fn ask(&self, link: &Link, wait_ms: u64) -> Result<()> {
        let have = self.0.trust.current().registry().version;
        let (answer, _) = link.request(Request::Registry { have, wait_ms }).await?;
        let Answer::Registry { registry, crls } = answer else {
            return Err(Problem::new(Code::ProtocolViolation, "answer").expected("a registry"));
        };
        self.take(registry, crls).await
    }

    /// Checks, persists, uses.
    async fn take(&self, registry: Option<Vec<u8>>, crls: Vec<Vec<u8>>) -> Result<()> {
        let this = Arc::clone(&self.0);
        let taken = tokio::task::spawn_blocking(move || this.take(registry.as_deref(), &crls)).await;
        taken.map_err(|error| Problem::new(Code::Internal, "refresh").found(error.to_string()))?
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is replaced whole, so that a panic elsewhere cannot have left it half-written.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn take(&self, registry: Option<&[u8]>, crls: &[Vec<u8>]) -> Result<()> {
        let held = self.trust.current();
        let bytes = registry.unwrap_or_else(|| held.signed_registry().bytes());
        let now = (self.clock)();
        let accepted = acceptance::accept(bytes, crls, Some(&held), held.pin(), now)?;
        if is_held(&accepted, &held) {
            return Ok(());
        }
        // A crash between the two leaves newer lists beside an older registry, which is as good as before.
        self.folder.put_crls(&accepted.crls)?;
        self.folder.put_registry(&accepted.registry)?;
        let version = accepted.registry.value().version;
        self.trust.replace(accepted.into_trust()?);
        tracing::info!(version, "registry refreshed");
        Ok(())
    }
}

fn is_held(accepted: &Accepted, held: &Trust) -> bool {
    let digests = |crls: &[ogic_certs::crl::Crl]| {
        crls.iter().map(ogic_certs::crl::Crl::digest).collect::<BTreeSet<Digest>>()
    };
    accepted.registry.digest() == held.signed_registry().digest()
        && digests(&accepted.crls) == digests(held.crls())
}

impl fmt::Debug for Refresher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Refresher({} from {})", self.0.folder.path().display(), self.0.authority)
    }
}

/// The answer to a peer that holds version `have`: the newer registry with its lists, at once or when it comes within
/// `wait_ms`; else the lists alone.
pub async fn newer_registry(trust: &SharedTrust, have: u64, wait_ms: u64) -> Answer {
    let mut changes = trust.subscribe();
    let newer = changes.wait_for(|trust| trust.registry().version > have);
    // Elapsed or not, what is held now is the answer; the sender lives in `trust`.
    let _ = tokio::time::timeout(Duration::from_millis(wait_ms.min(WAIT_MS)), newer).await;
    let trust = trust.current();
    let registry = (trust.registry().version > have).then(|| trust.signed_registry().bytes().to_vec());
    Answer::Registry { registry, crls: trust.crls().iter().map(|crl| crl.der().to_vec()).collect() }
}
