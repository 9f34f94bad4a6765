//! What the authority answers over the exchange: registry, announcements, certificates, enrolment. It holds no case.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ogic_certs::cose::Signed;
use ogic_certs::registry::{Pin, Registry};
use ogic_certs::token::{EnrolAnswer, EnrolRequest};
use ogic_certs::trust::Trust;
use ogic_certs::{AgencyId, Code, Digest, Problem, Result, Timestamp};
use ring::rand::{SecureRandom, SystemRandom};

use super::office::Office;
use crate::exchange::face::{BoxFuture, Face, Reply};
use crate::exchange::link::{Link, LinkId};
use crate::exchange::message::{Hello, Message};
use crate::exchange::quic::Clock;
use crate::exchange::request::{Answer, Request};
use crate::exchange::trust::SharedTrust;
use crate::log::RealDisk;
use crate::refresh::newer_registry;

/// The desk, shared by the faces. A change is made by one caller at a time, off the runtime's threads, and its
/// registry is told before the caller is answered.
#[derive(Clone)]
pub struct Counter(Arc<Inner>);

struct Inner {
    agency: AgencyId,
    office: Mutex<Office<RealDisk>>,
    trust: SharedTrust,
    registry_key: Digest,
    clock: Clock,
}

impl Counter {
    /// A counter before `office`.
    pub fn new(office: Office<RealDisk>, registry_key: Digest, clock: Clock) -> Result<Self> {
        let trust = SharedTrust::new(trust_of(&office, registry_key)?);
        let agency = office.book().charter().authority.clone();
        Ok(Self(Arc::new(Inner { agency, office: Mutex::new(office), trust, registry_key, clock })))
    }

    /// What the authority's own channel trusts: its own registry.
    pub fn trust(&self) -> &SharedTrust {
        &self.0.trust
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        (self.0.clock)()
    }

    /// Looks at the desk.
    pub fn look<T>(&self, look: impl FnOnce(&Office<RealDisk>) -> T) -> T {
        look(&self.lock())
    }

    /// Lets the desk make a change; whatever registry and list it signed are in force when this returns.
    pub async fn change<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Office<RealDisk>, Timestamp) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let this = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let mut office = this.lock();
            let outcome = act(&mut office, this.now());
            this.publish(&office)?;
            outcome
        });
        done.await.map_err(|error| Problem::new(Code::Internal, "authority").found(error.to_string()))?
    }

    fn publish(&self, office: &Office<RealDisk>) -> Result<()> {
        let held = self.0.trust.current();
        if office.registry()?.value().version > held.registry().version {
            self.0.trust.replace(trust_of(office, self.0.registry_key)?);
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Office<RealDisk>> {
        // The book is replaced whole after its commit, so that a panic elsewhere cannot have left it half-written.
        self.0.office.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Counter({})", self.0.agency)
    }
}

fn trust_of(office: &Office<RealDisk>, registry_key: Digest) -> Result<Trust> {
    let charter = office.book().charter();
    let registry: Signed<Registry> = office.registry()?.clone();
    let pin = Pin {
        authority: charter.authority.clone(),
        root: charter.root.digest(),
        signer: Some(registry_key),
        version_min: registry.value().version,
    };
    Trust::new(Arc::new(registry), vec![office.crl()?.clone()], pin)
}

/// Sixteen random bytes of the system.
pub fn random() -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .map(|()| bytes)
        .map_err(|_| Problem::new(Code::Internal, "randomness").found("the system gives none"))
}

impl Face for Counter {
    fn agency(&self) -> AgencyId {
        self.0.agency.clone()
    }

    fn hello(&self, _: &AgencyId) -> Hello {
        Hello {
            agency: self.0.agency.clone(),
            origin: String::new(),
            size: 0,
            checkpoint: None,
            registry: self.0.trust.current().registry().version,
            features: Vec::new(),
            clock: self.now(),
        }
    }

    fn connected(&self, peer: &AgencyId, _: Hello, link: Link) {
        tracing::info!(%peer, from = %link.remote_address(), "connected");
    }

    fn disconnected(&self, peer: &AgencyId, _: LinkId, why: Problem) {
        tracing::info!(%peer, %why, "disconnected");
    }

    fn received(&self, peer: &AgencyId, _: LinkId, messages: Vec<Message>) -> BoxFuture<'_, ()> {
        // Certificates may come from anybody; events and receipts are not for an authority, which holds no case.
        tracing::debug!(%peer, count = messages.len(), "messages passed over");
        Box::pin(std::future::ready(()))
    }

    fn request(&self, peer: &AgencyId, request: Request) -> BoxFuture<'_, Result<Reply, Problem>> {
        let peer = peer.clone();
        Box::pin(async move {
            let answer = match request {
                Request::Registry { have, wait_ms } => newer_registry(&self.0.trust, have, wait_ms).await,
                Request::Announce(bytes) => {
                    let from = peer.clone();
                    let changed = self.change(move |office, now| office.announce(&from, &bytes, now)).await;
                    match changed {
                        Ok(changed) => tracing::info!(%peer, changed, "announced"),
                        Err(problem) => {
                            tracing::warn!(%peer, %problem, "announcement refused");
                            return Err(problem);
                        }
                    }
                    Answer::Announced
                }
                Request::Certificate(digest) => {
                    let der =
                        self.look(|office| office.book().certificate(&digest).map(|c| c.der().to_vec()));
                    Answer::Certificate(der.ok_or_else(|| Problem::new(Code::NotFound, "certificate"))?)
                }
                Request::History { .. }
                | Request::Document { .. }
                | Request::Verify(_)
                | Request::Service(_) => {
                    return Err(Problem::new(Code::NotFound, "request").expected("what an authority answers"));
                }
            };
            Ok(Reply::plain(answer))
        })
    }

    fn enrol(&self, from: SocketAddr, request: EnrolRequest) -> BoxFuture<'_, Result<EnrolAnswer, Problem>> {
        Box::pin(async move {
            let enrolled =
                self.change(move |office, now| office.enrol(from.ip(), &request, now, random)).await;
            match &enrolled {
                Ok(answer) => tracing::info!(%from, certificates = answer.certificates.len(), "enrolled"),
                Err(problem) => tracing::warn!(%from, %problem, "enrolment refused"),
            }
            enrolled
        })
    }
}
