//! Starting and stopping an agency's node, and the handle by which its own people work with it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use ogic_certs::checkpoint::Origin;
use ogic_certs::cose::{Signed, Signer};
use ogic_certs::service::ServiceText;
use ogic_certs::trust::Trust;
use ogic_certs::{AgencyId, CaseId, Code, Digest, EventId, Problem, Result, Timestamp};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::chores;
use super::documents::Documents;
use super::face::NodeFace;
use super::remote::CaseView;
use super::timing::{Timing, Watch};
use super::writer::{NodeDesk, Order, Writer};
use crate::announce;
use crate::case::Policy;
use crate::desk::{Act, Answer, Desk, SentState, Settings, Work};
use crate::exchange::quic::{Clock, Config as EndpointConfig, Endpoint, system_clock};
use crate::exchange::trust::SharedTrust;
use crate::folder::{Folder, FolderLock};
use crate::log::RealDisk;
use crate::refresh::Refresher;
use crate::store::{SledStore, Store};

/// The file that holds the log's origin.
const ORIGIN: &str = "log.origin";

/// What a node is started with.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder that join made.
    pub data: PathBuf,
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What others are told to dial; the address that was bound if empty.
    pub advertised: Vec<SocketAddr>,
    /// Most messages that are sent to one peer before their receipts are here; the outbox's `WINDOW_ITEMS` is a good number.
    pub window: usize,
}

/// A running node.
#[derive(Debug)]
pub struct Node {
    handle: Handle,
    ended: oneshot::Receiver<Result<()>>,
    tasks: Vec<JoinHandle<()>>,
    /// Held until the journal and the store are closed.
    _lock: FolderLock,
}

/// What the node's own people and faces work with. Cheap to clone.
#[derive(Clone)]
pub struct Handle(Arc<Inner>);

struct Inner {
    agency: AgencyId,
    seal: Signer,
    folder: Folder,
    trust: SharedTrust,
    writer: Writer,
    endpoint: Endpoint,
    documents: Documents,
    refresher: Refresher,
    timing: Arc<Timing>,
    clock: Clock,
}

impl Node {
    /// Opens the folder, recovers what the journal holds, and begins to exchange. Must be called within a tokio runtime.
    ///
    /// Errors: `StoreLocked` if another process works on the folder; `NotFound` before join; `StoreDamaged`.
    pub fn start(config: &Config) -> Result<Self> {
        let clock = system_clock();
        let folder = Folder::open(&config.data)?;
        // The lock comes first: nothing may be touched while another process is at work here.
        let lock = folder.lock()?;
        let trust = SharedTrust::new(folder.trust()?);
        let (node, seal) = (folder.signer("node")?, folder.signer("seal")?);
        let agency = seal.certificate().identity()?.agency.clone();
        let disk = RealDisk::open(&folder.at("journal"))?;
        let origin = origin_of(&folder, &agency)?;
        let mut desk = open_desk(&folder, disk, agency.clone(), seal.clone(), origin.clone())?;
        desk.set_window(config.window);
        let timing = Arc::new(Timing::new());
        let (chores, chores_inbox) = mpsc::unbounded_channel();
        let (writer, ended) = Writer::start(desk, clock.clone(), chores, Watch::new(Arc::clone(&timing)))?;
        let documents = Documents::open(&folder.at("documents"))?;
        let face = Arc::new(NodeFace {
            agency: agency.clone(),
            origin: origin.to_string(),
            trust: trust.clone(),
            writer: writer.clone(),
            documents: documents.clone(),
            timing: Arc::clone(&timing),
            clock: clock.clone(),
            connections: Mutex::new(HashMap::new()),
        });
        let mut endpoint = EndpointConfig::new(config.listen, node, trust.clone(), random_u64()?);
        let pinned = folder.pinned()?.ok_or_else(|| Problem::new(Code::NotFound, "pin.toml"))?;
        if let Ok(address) = pinned.address.parse() {
            endpoint.addresses.insert(pinned.pin.authority.clone(), vec![address]);
        }
        let endpoint = Endpoint::start(endpoint, face)?;
        let refresher = Refresher::new(folder.clone(), trust.clone(), clock.clone());
        let handle = Handle(Arc::new(Inner {
            agency,
            seal,
            folder,
            trust,
            writer,
            endpoint: endpoint.clone(),
            documents,
            refresher: refresher.clone(),
            timing,
            clock,
        }));
        let mut told = config.advertised.clone();
        if told.is_empty() {
            told.push(endpoint.local_addr()?);
        }
        let announcement = announce::sign(told, origin, handle.now(), &handle.0.seal)?;
        let authority = pinned.pin.authority;
        let tasks = vec![
            tokio::spawn(chores::run(handle.clone(), chores_inbox)),
            tokio::spawn(refresher.run(endpoint.clone())),
            tokio::spawn(announce::until_taken(endpoint.clone(), authority, announcement, |_| {})),
            tokio::spawn(keep_peers(handle.clone())),
        ];
        handle.timing().ready();
        Ok(Self { handle, ended, tasks, _lock: lock })
    }

    /// The handle.
    pub const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Stops: no new work, what is under way is committed, the store is closed cleanly.
    pub async fn stop(self) -> Result<()> {
        for task in &self.tasks {
            task.abort();
        }
        self.handle.0.endpoint.close().await;
        // A writer that has ended by itself says why through `ended`.
        let _ = self.handle.0.writer.order(Order::Stop).await;
        self.ended.await.map_err(|_| Problem::new(Code::Internal, "writer").found("a thread that died"))?
    }

    /// Waits until the writer ends by itself, which it does only when the store cannot be used.
    pub async fn failed(&mut self) -> Problem {
        match (&mut self.ended).await {
            Ok(Err(problem)) => problem,
            Ok(Ok(())) => Problem::new(Code::Internal, "writer").found("an end"),
            Err(_) => Problem::new(Code::Internal, "writer").found("a thread that died"),
        }
    }
}

/// Opens the desk. A store that cannot be trusted is emptied, and follows the journal again.
fn open_desk(
    folder: &Folder,
    disk: RealDisk,
    agency: AgencyId,
    seal: Signer,
    origin: Origin,
) -> Result<NodeDesk> {
    let opened = SledStore::open(&folder.at("sled"), &origin.to_string())?;
    if let Some(reason) = &opened.rebuilt {
        tracing::info!(%reason, "the store is rebuilt from the journal");
    }
    let mut store = opened.store;
    if store.watermark().is_err() {
        store.clear()?;
    }
    let settings = Settings { agency, seal, origin, policy: Policy::default(), jitter_seed: random_u64()? };
    Desk::open(disk, store, settings, None)
}

/// The log's origin, made at the first start and kept: 16 random bytes name the log, whatever becomes of the keys.
fn origin_of(folder: &Folder, agency: &AgencyId) -> Result<Origin> {
    if let Some(bytes) = crate::folder::read(&folder.at(ORIGIN))? {
        let text = String::from_utf8(bytes)
            .map_err(|_| Problem::new(Code::StoreDamaged, ORIGIN).found("bytes that are no text"))?;
        return Origin::parse(text.trim(), ORIGIN);
    }
    let mut log = [0; 16];
    SystemRandom::new().fill(&mut log).map_err(|_| Problem::new(Code::Internal, "random"))?;
    let origin = Origin { agency: agency.clone(), log, generation: 1 };
    folder.put(ORIGIN, format!("{origin}\n").as_bytes(), 0o644)?;
    Ok(origin)
}

/// Keeps a connection with every agency that the registry lists, whenever the registry changes.
async fn keep_peers(handle: Handle) {
    let mut changes = handle.0.trust.subscribe();
    loop {
        let trust = changes.borrow_and_update().clone();
        for member in &trust.registry().members {
            if !member.endpoints.is_empty() {
                handle.0.endpoint.want(&member.agency);
            }
        }
        handle.0.endpoint.want(&trust.pin().authority);
        if changes.changed().await.is_err() {
            return;
        }
    }
}

fn random_u64() -> Result<u64> {
    let mut bytes = [0; 8];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Problem::new(Code::Internal, "random"))?;
    Ok(u64::from_be_bytes(bytes))
}

impl Handle {
    /// The agency.
    pub fn agency(&self) -> &AgencyId {
        &self.0.agency
    }

    /// What is trusted now.
    pub fn trust(&self) -> Arc<Trust> {
        self.0.trust.current()
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        (self.0.clock)()
    }

    /// The endpoint.
    pub fn endpoint(&self) -> &Endpoint {
        &self.0.endpoint
    }

    /// The documents.
    pub fn documents(&self) -> &Documents {
        &self.0.documents
    }

    /// The folder.
    pub fn folder(&self) -> &Folder {
        &self.0.folder
    }

    /// How registry and revocation lists are kept fresh.
    pub fn refresher(&self) -> &Refresher {
        &self.0.refresher
    }

    /// Where the node's time goes.
    pub fn timing(&self) -> &Timing {
        &self.0.timing
    }

    pub(super) fn writer(&self) -> &Writer {
        &self.0.writer
    }

    /// Asks the desk a question between two commits.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut NodeDesk) -> T + Send + 'static,
    ) -> Result<T> {
        self.0.writer.ask(question).await
    }

    /// An act of our own people under the caller's idempotency key: durable when it returns. On trust data past their life
    /// nobody is given a right, and past their grace nothing is done; what was done before is told all the same.
    pub async fn act(&self, key: String, act: Act) -> Result<Answer> {
        let (trust, now) = (self.trust(), self.now());
        let allowed = match act.kind {
            ogic_certs::event::Kind::Share => trust.takes_grants(now),
            _ => trust.takes_acts(now),
        };
        if let Err(problem) = allowed {
            let asked = key.clone();
            if !self.ask(move |desk| desk.book().outcomes.contains_key(&asked)).await? {
                return Err(problem);
            }
        }
        self.0.writer.call(|ticket| Work::Act { ticket, key, act: Box::new(act) }).await
    }

    /// A parked message is tried again.
    pub async fn retry(&self, key: String, id: Digest) -> Result<Answer> {
        self.0.writer.call(|ticket| Work::Retry { ticket, key, id }).await
    }

    /// A parked message is given up: it stays in the journal, and is not sent again.
    pub async fn give_up(&self, key: String, id: Digest) -> Result<Answer> {
        self.0.writer.call(|ticket| Work::Drop { ticket, key, id }).await
    }

    /// What would come of an act, without any of it.
    pub async fn judge(&self, act: Act) -> Result<Answer> {
        let now = self.now();
        self.ask(move |desk| desk.judge(act, now)).await?
    }

    /// A home answered a look of ours with this code.
    pub async fn note_ended(&self, case: CaseId, code: Code) -> Result<()> {
        self.ask(move |desk| desk.note_ended(&case, code)).await
    }

    /// Publishes a service definition under our seal, and under the caller's key for this request: neither the same key nor,
    /// as long as the seal is the same, the same text makes a second one.
    pub async fn publish_service(&self, key: String, request: Digest, toml: &[u8]) -> Result<Digest> {
        let (asked, text) = (key.clone(), toml.to_vec());
        let known = self.ask(move |desk| {
            let outcome = desk.book().outcomes.get(&asked);
            let done = outcome.map(|outcome| outcome.of(request).map(|known| known.event.0)).transpose()?;
            Ok::<_, Problem>((done, desk.published(&text)?))
        });
        let signed = match known.await?? {
            (Some(digest), _) => return Ok(digest),
            (None, Some(signed)) => signed,
            (None, None) => Signed::sign(ServiceText::new(toml.to_vec())?, &self.0.seal)?.bytes().to_vec(),
        };
        self.hold_service_for(Some((key, request)), &signed).await.map(|(digest, _)| digest)
    }

    /// Waits until a message of ours is settled, at most `wait_ms`: its state then, or `None` if it is still on its way.
    pub async fn settled(&self, event: EventId, wait_ms: u64) -> Result<Option<SentState>> {
        let mut settled = self.0.writer.board.settled();
        let waiting = async {
            loop {
                settled.borrow_and_update();
                let state =
                    self.ask(move |desk| desk.book().sent.get(&event.0).map(|s| s.state.clone())).await?;
                match state {
                    Some(SentState::Waiting) => {}
                    other => return Ok(other),
                }
                // The sender lives as long as the writer, and its end is told by the next question.
                let _ = settled.changed().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_millis(wait_ms), waiting).await.unwrap_or(Ok(None))
    }

    /// Whether this agency is the home of the case; or was it, and holds no right of the present one: then what it has of the
    /// case is what it can show.
    pub async fn is_home(&self, case: CaseId) -> Result<bool> {
        let us = self.agency().clone();
        let home = self.ask(move |desk| -> Result<bool> {
            let right = desk.book().right(&case, None).is_some();
            Ok(desk.case(&case)?.is_some_and(|held| held.is_ordered_by(&us) || !right))
        });
        home.await?
    }

    /// Reads a case, of ours or under a reference; either way the look is registered at the home.
    pub async fn read(&self, case: CaseId, purpose: &str) -> Result<CaseView> {
        if self.is_home(case).await? {
            self.read_own(case, purpose).await
        } else {
            self.read_remote(case, purpose).await
        }
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Handle({})", self.0.agency)
    }
}
