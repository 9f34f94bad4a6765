//! What an agency's node shows to its peers: hello, messages checked and handed to the writer, requests answered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ogic_certs::{AgencyId, CaseId, Code, Digest, EventId, Problem, Result};

use super::documents::Documents;
use super::timing::{Part, Timing};
use super::writer::{Order, Writer};
use crate::desk::check::{self, Bag};
use crate::desk::{Answer as DeskAnswer, Read, Wanted, Work};
use crate::exchange::face::{BoxFuture, Face, Reply};
use crate::exchange::link::{Link, LinkId};
use crate::exchange::message::{Hello, Message};
use crate::exchange::quic::Clock;
use crate::exchange::request::{Answer, Request};
use crate::exchange::trust::SharedTrust;
use crate::refresh::newer_registry;

/// Messages that are checked by one task: enough to be worth a task, few enough to use every core.
const CHECKED_AT_ONCE: usize = 32;

/// The face of a node.
pub(super) struct NodeFace {
    pub(super) agency: AgencyId,
    pub(super) origin: String,
    pub(super) trust: SharedTrust,
    pub(super) writer: Writer,
    pub(super) documents: Documents,
    pub(super) timing: Arc<Timing>,
    pub(super) clock: Clock,
    /// What each connection has brought, with the link to close it.
    pub(super) connections: Mutex<HashMap<LinkId, (Link, Bag)>>,
}

impl NodeFace {
    /// Checks what came, in parallel, and hands it over in its order.
    async fn take(&self, peer: &AgencyId, link: LinkId, messages: Vec<Message>) -> Result<()> {
        let (trust, now) = (self.trust.current(), (self.clock)());
        // Streams of one connection are read side by side: what each brings is added under the lock.
        let brought = self.with(link, |_, bag| {
            let certificates = messages.iter().filter(|message| matches!(message, Message::Certificates(_)));
            for message in certificates {
                check::message(&trust, peer, message, bag, now)?;
            }
            Ok(bag.clone())
        });
        let Some(bag) = brought.transpose()? else { return Ok(()) };
        let mut checks = Vec::new();
        let mut rest = messages;
        while !rest.is_empty() {
            let after = rest.split_off(rest.len().min(CHECKED_AT_ONCE));
            let (trust, peer, mut bag) = (Arc::clone(&trust), peer.clone(), bag.clone());
            let timing = Arc::clone(&self.timing);
            checks.push(tokio::task::spawn_blocking(move || {
                timing.during(Part::Verify, || {
                    rest.iter()
                        .filter(|message| !matches!(message, Message::Certificates(_)))
                        .map(|message| check::message(&trust, &peer, message, &mut bag, now))
                        .collect::<Result<Vec<Option<Work>>>>()
                })
            }));
            rest = after;
        }
        for checked in checks {
            let works = checked.await.map_err(|_| Problem::new(Code::Internal, "check"))??;
            for work in works.into_iter().flatten() {
                self.writer.order(Order::Work(work)).await?;
            }
        }
        Ok(())
    }

    fn with<T>(&self, link: LinkId, act: impl FnOnce(&Link, &mut Bag) -> T) -> Option<T> {
        // The map is whole after every statement.
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.get_mut(&link).map(|(link, bag)| act(link, bag))
    }

    async fn history(
        &self,
        peer: &AgencyId,
        case: CaseId,
        grant: Option<EventId>,
        from: u64,
        purpose: String,
    ) -> Result<Reply> {
        let read = Read { who: peer.clone(), case, grant, purpose, wanted: Wanted::History(from) };
        match self.writer.call(|ticket| Work::Read { ticket, read }).await? {
            DeskAnswer::Page(page) => Ok(Reply::plain(Answer::History(*page))),
            _ => Err(Problem::new(Code::Internal, "answer")),
        }
    }

    /// A document: of a case of ours to who may read it; of an event that we sent, to that case's home.
    async fn document(
        &self,
        peer: &AgencyId,
        sha256: Digest,
        case: CaseId,
        grant: Option<EventId>,
        offset: u64,
    ) -> Result<Reply> {
        let asker = peer.clone();
        if !self.writer.ask(move |desk| desk.book().brings(&asker, case, sha256)).await? {
            let (who, purpose) = (peer.clone(), "document".to_owned());
            let read = Read { who, case, grant, purpose, wanted: Wanted::Document(sha256) };
            let DeskAnswer::Document(by) = self.writer.call(|ticket| Work::Read { ticket, read }).await?
            else {
                return Err(Problem::new(Code::Internal, "answer"));
            };
            // Named is not brought; that the bytes are here for another case must not show.
            if !self.documents.is_of(case, &self.agency, &by, &sha256) {
                return Err(Problem::new(Code::DocumentMissing, "document").found(sha256.to_string()));
            }
        }
        let (bytes, file) = self.documents.read(&sha256, offset).await?;
        Ok(Reply::document(bytes, file))
    }

    async fn answer(&self, peer: &AgencyId, request: Request) -> Result<Reply> {
        match request {
            Request::History { case, grant, from, purpose } => {
                self.history(peer, case, grant, from, purpose).await
            }
            Request::Document { sha256, case, grant, offset } => {
                self.document(peer, sha256, case, grant, offset).await
            }
            Request::Registry { have, wait_ms } => {
                Ok(Reply::plain(newer_registry(&self.trust, have, wait_ms).await))
            }
            Request::Service(digest) => {
                let held =
                    self.writer.ask(move |desk| desk.book().service(&digest).map(|h| h.signed.clone()));
                Ok(Reply::plain(Answer::Service(held.await??)))
            }
            Request::Certificate(digest) => {
                let held = self.writer.ask(move |desk| desk.book().certificates.get(&digest).cloned());
                match held.await? {
                    Some(certificate) => Ok(Reply::plain(Answer::Certificate(certificate.der().to_vec()))),
                    None => Err(Problem::new(Code::NotFound, "certificate")),
                }
            }
            Request::Announce(_) | Request::Verify(_) => {
                Err(Problem::new(Code::KindNotAllowed, "request").expected("what an agency's node answers"))
            }
        }
    }
}

impl Face for NodeFace {
    fn agency(&self) -> AgencyId {
        self.agency.clone()
    }

    fn hello(&self, peer: &AgencyId) -> Hello {
        let (size, checkpoint) = self.writer.board.for_hello(peer);
        Hello {
            agency: self.agency.clone(),
            origin: self.origin.clone(),
            size,
            checkpoint,
            registry: self.trust.current().registry().version,
            features: Vec::new(),
            clock: (self.clock)(),
        }
    }

    fn connected(&self, peer: &AgencyId, hello: Hello, link: Link) {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.insert(link.id(), (link.clone(), Bag::default()));
        drop(connections);
        tracing::info!(peer = %peer, size = hello.size, registry = hello.registry, "connected");
        self.writer.connected(peer, hello, link);
    }

    fn disconnected(&self, peer: &AgencyId, link: LinkId, why: Problem) {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).remove(&link);
        tracing::info!(peer = %peer, problem = %why, "disconnected");
        self.writer.disconnected(peer, link);
    }

    fn received(&self, peer: &AgencyId, link: LinkId, messages: Vec<Message>) -> BoxFuture<'_, ()> {
        let peer = peer.clone();
        Box::pin(async move {
            if let Err(problem) = self.take(&peer, link, messages).await {
                tracing::warn!(peer = %peer, %problem, "what came is no honest message");
                self.with(link, |link, _| link.close(problem));
            }
        })
    }

    fn request(&self, peer: &AgencyId, request: Request) -> BoxFuture<'_, Result<Reply, Problem>> {
        let peer = peer.clone();
        Box::pin(async move { self.answer(&peer, request).await })
    }
}
