//! What the third party answers over the exchange: evidence, and the registry that it holds. It keeps no case.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ogic_certs::cose::{Signed, Signer};
use ogic_certs::evidence::{Evidence, VerifyRequest};
use ogic_certs::extract::Extract;
use ogic_certs::{AgencyId, Code, Problem, Result, Timestamp};
use tokio::sync::{mpsc, oneshot};

use super::archive::{Archive, BATCH_MAX, Kept};
use super::judge::judge;
use crate::exchange::face::{BoxFuture, Face, Reply};
use crate::exchange::link::{Link, LinkId};
use crate::exchange::message::{Hello, Message};
use crate::exchange::quic::Clock;
use crate::exchange::request::{Answer, Request};
use crate::exchange::trust::SharedTrust;
use crate::log::RealDisk;
use crate::refresh::newer_registry;

/// Evidence that waits for its commit: a bound, so that a flood waits at the door and not in memory.
const QUEUE_MAX: usize = 1024;

/// The bench of the third party, shared by the faces.
#[derive(Clone)]
pub struct Bench(Arc<Inner>);

struct Inner {
    agency: AgencyId,
    archive: Mutex<Archive<RealDisk>>,
    signer: Signer,
    trust: SharedTrust,
    clock: Clock,
    queue: mpsc::Sender<Waiting>,
}

/// Signed evidence, and who waits for it.
struct Waiting {
    signed: Signed<Evidence>,
    answer: oneshot::Sender<Result<Kept>>,
}

impl Bench {
    /// A bench that judges by `trust` and signs as `signer`, with its writer's thread. The thread ends with the last clone.
    pub fn new(archive: Archive<RealDisk>, signer: Signer, trust: SharedTrust, clock: Clock) -> Result<Self> {
        let agency = signer.certificate().identity()?.agency.clone();
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        let inner = Arc::new(Inner { agency, archive: Mutex::new(archive), signer, trust, clock, queue });
        let writer = Arc::downgrade(&inner);
        std::thread::Builder::new()
            .name("ogic-evidence".to_owned())
            .spawn(move || write(&writer, waiting))
            .map_err(|error| Problem::new(Code::Internal, "thread").found(error.to_string()))?;
        Ok(Self(inner))
    }

    /// What it judges by.
    pub fn trust(&self) -> &SharedTrust {
        &self.0.trust
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        (self.0.clock)()
    }

    /// Looks at the archive.
    pub fn look<T>(&self, look: impl FnOnce(&Archive<RealDisk>) -> T) -> T {
        look(&self.0.lock())
    }

    /// Evidence with our certificate and lists, as a file that judges by itself.
    pub fn extract(&self, evidence: Vec<u8>) -> Result<Vec<u8>> {
        let trust = self.0.trust.current();
        Extract::new(evidence, self.0.signer.chain(), trust.crls()).encode()
    }

    /// Judges and answers; the evidence is durable when this returns.
    async fn verify(&self, requester: AgencyId, request: VerifyRequest) -> Result<Kept> {
        let this = Arc::clone(&self.0);
        let judged = tokio::task::spawn_blocking(move || this.judge(&requester, &request)).await;
        let judged =
            judged.map_err(|error| Problem::new(Code::Internal, "judge").found(error.to_string()))??;
        let signed = match judged {
            Judged::Before(kept) => return Ok(kept),
            Judged::Now(signed) => signed,
        };
        let (answer, kept) = oneshot::channel();
        let gone = || Problem::new(Code::Internal, "archive").found("its writer ended");
        self.0.queue.send(Waiting { signed: *signed, answer }).await.map_err(|_| gone())?;
        kept.await.map_err(|_| gone())?
    }
}

enum Judged {
    /// The same was asked before.
    Before(Kept),
    /// Not kept yet.
    Now(Box<Signed<Evidence>>),
}

impl Inner {
    fn judge(&self, requester: &AgencyId, request: &VerifyRequest) -> Result<Judged> {
        let at = {
            let archive = self.lock();
            if let Some(kept) = archive.answered(requester, request)? {
                return Ok(Judged::Before(kept));
            }
            // Our own signed times never go back, whatever the clock does.
            (self.clock)().max(archive.latest())
        };
        let evidence = judge(request, requester, &self.trust.current(), at);
        Ok(Judged::Now(Box::new(Signed::sign(evidence, &self.signer)?)))
    }

    fn lock(&self) -> MutexGuard<'_, Archive<RealDisk>> {
        // The index follows the log's commits, so that a panic elsewhere cannot have left it half-written.
        self.archive.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Commits what has gathered, one sync for all of it, until the bench is gone.
fn write(bench: &std::sync::Weak<Inner>, mut waiting: mpsc::Receiver<Waiting>) {
    let mut batch: Vec<Waiting> = Vec::new();
    while waiting.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
        let Some(bench) = bench.upgrade() else { return };
        let signed: Vec<Signed<Evidence>> = batch.iter().map(|one| one.signed.clone()).collect();
        match bench.lock().keep(&signed) {
            Ok(kept) => {
                for (one, kept) in batch.drain(..).zip(kept) {
                    // Whoever waited may be gone; the evidence is kept all the same.
                    let _ = one.answer.send(Ok(kept));
                }
            }
            Err(problem) => {
                tracing::error!(%problem, "evidence not kept");
                for one in batch.drain(..) {
                    let _ = one.answer.send(Err(problem.clone()));
                }
            }
        }
    }
}

impl fmt::Debug for Bench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bench({})", self.0.agency)
    }
}

impl Face for Bench {
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
        // Certificates may come from anybody; events and receipts are not for a third party, which holds no case.
        tracing::debug!(%peer, count = messages.len(), "messages passed over");
        Box::pin(std::future::ready(()))
    }

    fn request(&self, peer: &AgencyId, request: Request) -> BoxFuture<'_, Result<Reply, Problem>> {
        let peer = peer.clone();
        Box::pin(async move {
            let answer = match request {
                Request::Verify(request) => {
                    let kept = self.verify(peer.clone(), request).await?;
                    let chain = self.0.signer.chain().map(|certificate| certificate.der().to_vec());
                    Answer::Evidence { evidence: kept.evidence, certificates: chain.collect() }
                }
                Request::Registry { have, wait_ms } => newer_registry(&self.0.trust, have, wait_ms).await,
                Request::Certificate(digest) => {
                    let own = self.0.signer.chain().find(|certificate| certificate.digest() == digest);
                    let own = own.ok_or_else(|| Problem::new(Code::NotFound, "certificate"))?;
                    Answer::Certificate(own.der().to_vec())
                }
                Request::History { .. }
                | Request::Document { .. }
                | Request::Announce(_)
                | Request::Service(_) => {
                    return Err(
                        Problem::new(Code::NotFound, "request").expected("what a third party answers")
                    );
                }
            };
            Ok(Reply::plain(answer))
        })
    }
}
