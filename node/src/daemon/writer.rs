//! The one writer: a thread that owns the desk, drains what has gathered, and commits.
//!
//! Callers hand it work and wait for answers; while a commit is on its way to the disk the next one gathers, so that many
//! callers share one sync and one signature. Nothing else in the process touches the journal.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError};
use std::time::Duration;

use ogic_certs::{AgencyId, Code, EventId, Problem, Result, Timestamp};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::{mpsc, oneshot};

use super::board::Board;
use super::changes::Change;
use super::chores::Chore;
use super::timing::{Part, Watch};
use crate::desk::{Answer, Desk, Output, Ticket, WORK_PER_COMMIT_MAX, Work};
use crate::exchange::link::{Link, LinkId};
use crate::exchange::message::{Hello, Message};
use crate::exchange::quic::Clock;
use crate::exchange::session::StreamKind;
use crate::log::RealDisk;
use crate::store::SledStore;

/// The desk of a daemon.
pub type NodeDesk = Desk<RealDisk, SledStore>;

/// Most orders that wait for the writer; beyond that callers wait in turn (LIMITS 8.2).
const ORDERS_MAX: usize = 8192;
/// Most messages that one peer is given at a time, so that the others come to their turn.
const MESSAGES_PER_TURN: usize = 256;
/// How long the writer sleeps at most when nothing is due.
const IDLE_MS_MAX: u64 = 1_000;

/// Times that the store is emptied and rebuilt, and memory with it, in one life of the node: one that fails more often needs
/// an operator.
const REBUILDS_MAX: u32 = 3;

/// What the writer is told.
pub(super) enum Order {
    Work(Work),
    Ask(Box<dyn FnOnce(&mut NodeDesk) + Send>),
    /// There is something among the board's changes.
    Look,
    Stop,
}

/// The way to the writer.
#[derive(Clone)]
pub(super) struct Writer {
    orders: SyncSender<Order>,
    pub(super) board: Arc<Board>,
    next_ticket: Arc<AtomicU64>,
}

impl Writer {
    /// Starts the thread. It ends when it is told to stop; `ended` then gives the desk's last word.
    pub(super) fn start(
        mut desk: NodeDesk,
        clock: Clock,
        chores: mpsc::UnboundedSender<Chore>,
        watch: Watch,
    ) -> Result<(Self, oneshot::Receiver<Result<()>>)> {
        let (orders, inbox) = std::sync::mpsc::sync_channel(ORDERS_MAX);
        let board = Arc::new(Board::new());
        let (end, ended) = oneshot::channel();
        let told = watch.clone();
        desk.measure(move |phase| told.at(phase.into()));
        let state = State {
            desk,
            watch,
            board: Arc::clone(&board),
            clock,
            random: SystemRandom::new(),
            chores,
            links: HashMap::new(),
            woken: BTreeSet::new(),
        };
        let closing = Closing(Arc::clone(&board));
        std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || {
                // However the run ends, by a panic too, the inbox goes first, and then those who wait are told: what
                // is handed over later finds no inbox.
                let closing = closing;
                let inbox = inbox;
                let result = state.run(&inbox);
                if let Err(problem) = &result {
                    closing.0.fail(problem);
                }
                // The receiver is gone only when the whole process is going.
                let _ = end.send(result);
            })
            .map_err(|error| Problem::new(Code::Internal, "writer").found(error.to_string()))?;
        Ok((Self { orders, board, next_ticket: Arc::default() }, ended))
    }

    /// Hands an order over, waiting in turn if the writer has too many.
    pub(super) async fn order(&self, order: Order) -> Result<()> {
        let mut order = order;
        loop {
            match self.orders.try_send(order) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Disconnected(_)) => return Err(self.board.stopped()),
                Err(TrySendError::Full(back)) => order = back,
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Tells of a connection, without waiting.
    pub(super) fn connected(&self, peer: &AgencyId, hello: Hello, link: Link) {
        self.board.changes.connected(peer.clone(), link.id(), (Box::new(hello), link));
        self.look();
    }

    /// Tells of a connection's end, without waiting.
    pub(super) fn disconnected(&self, peer: &AgencyId, link: LinkId) {
        self.board.changes.disconnected(peer.clone(), link);
        self.look();
    }

    fn look(&self) {
        // A full queue wakes the writer as well, which looks before each order.
        let _ = self.orders.try_send(Order::Look);
    }

    /// Hands over work that somebody waits for, and waits for its answer: it is durable, or refused.
    pub(super) async fn call(&self, work: impl FnOnce(Ticket) -> Work) -> Result<Answer> {
        let ticket = Ticket(self.next_ticket.fetch_add(1, Ordering::Relaxed));
        let answer = self.board.wait(ticket);
        let sent = self.order(Order::Work(work(ticket))).await;
        if sent.is_err() {
            self.board.forget(ticket);
        }
        sent?;
        answer.await.map_err(|_| self.board.stopped())?
    }

    /// Asks the desk a question between two commits.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut NodeDesk) -> T + Send + 'static,
    ) -> Result<T> {
        let (sender, answer) = oneshot::channel();
        let ask = move |desk: &mut NodeDesk| {
            // Whoever asked may have gone; then nobody misses the answer.
            let _ = sender.send(question(desk));
        };
        self.order(Order::Ask(Box::new(ask))).await?;
        answer.await.map_err(|_| self.board.stopped())
    }
}

/// Tells those who wait that nothing will come, when the writer's thread ends.
struct Closing(Arc<Board>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

struct State {
    desk: NodeDesk,
    watch: Watch,
    board: Arc<Board>,
    clock: Clock,
    random: SystemRandom,
    chores: mpsc::UnboundedSender<Chore>,
    links: HashMap<AgencyId, Link>,
    woken: BTreeSet<AgencyId>,
}

impl State {
    fn run(mut self, inbox: &Receiver<Order>) -> Result<()> {
        let mut rebuilds = 0;
        self.dispatch();
        loop {
            let stop = match self.gather(inbox) {
                Ok(Some(stop)) => stop,
                Ok(None) => break,
                Err(problem) => {
                    self.desk = rebuilt(self.desk, problem, &mut rebuilds)?;
                    continue;
                }
            };
            loop {
                self.commit();
                if let Some(problem) = self.desk.must_reopen().cloned() {
                    self.desk = rebuilt(self.desk, problem, &mut rebuilds)?;
                }
                if !stop || self.desk.waiting() == 0 {
                    break;
                }
            }
            if self.desk.must_follow()
                && let Err(problem) = self.desk.follow()
            {
                self.desk = rebuilt(self.desk, problem, &mut rebuilds)?;
            }
            if stop {
                break;
            }
        }
        self.end_counts();
        let store = self.desk.close()?;
        store.close()
    }

    /// Commits what has gathered, answers, and sends. A commit that fails leaves nothing waiting.
    fn commit(&mut self) {
        let now = (self.clock)();
        self.desk.handle_timeout(now);
        if let Err(problem) = self.desk.commit(now, &mut |bytes| fill(&self.random, bytes)) {
            tracing::error!(%problem, "nothing was committed");
        }
        self.watch.at(Part::Answer);
        self.dispatch();
        self.watch.at(Part::Deliver);
        self.deliver(now);
        self.watch.at(Part::Take);
    }

    fn end_counts(&mut self) {
        let now = (self.clock)();
        if let Err(problem) = self.desk.end_counts(now, &mut |bytes| fill(&self.random, bytes)) {
            tracing::error!(%problem, "refused tries of the last minute are not registered");
        }
        self.dispatch();
    }

    /// Waits for the first order, then takes those that have gathered; none when every sender is gone. An error is the
    /// store's, and no order was taken.
    fn gather(&mut self, inbox: &Receiver<Order>) -> Result<Option<bool>> {
        // The store follows while nobody waits.
        let mut first = inbox.try_recv();
        if first.is_err() {
            self.watch.at(Part::Follow);
        }
        while matches!(first, Err(TryRecvError::Empty)) && self.desk.follow()? {
            first = inbox.try_recv();
        }
        self.watch.at(Part::Wait);
        let first = match first {
            Ok(order) => Some(order),
            Err(TryRecvError::Disconnected) => return Ok(None),
            Err(TryRecvError::Empty) => match inbox.recv_timeout(self.patience()) {
                Ok(order) => Some(order),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
            },
        };
        self.watch.at(Part::Take);
        let mut next = first;
        while let Some(order) = next {
            if self.take(order) {
                return Ok(Some(true));
            }
            next = if self.desk.waiting() < WORK_PER_COMMIT_MAX { inbox.try_recv().ok() } else { None };
        }
        Ok(Some(false))
    }

    fn patience(&self) -> Duration {
        if !self.woken.is_empty() {
            return Duration::ZERO;
        }
        let now = (self.clock)();
        let due = self.desk.next_timeout().map_or(IDLE_MS_MAX, |due| due.since_ms(now));
        Duration::from_millis(due.clamp(1, IDLE_MS_MAX))
    }

    /// Takes one order; true to stop. What a peer brought comes after its connection.
    fn take(&mut self, order: Order) -> bool {
        self.look();
        match order {
            Order::Work(work) => self.desk.offer(work),
            Order::Ask(ask) => ask(&mut self.desk),
            Order::Look => {}
            Order::Stop => return true,
        }
        false
    }

    /// Hears which connections came and went.
    fn look(&mut self) {
        while let Some(change) = self.board.changes.next() {
            let now = (self.clock)();
            match change {
                Change::Connected(peer, _, (hello, link)) => {
                    self.desk.connected(&peer, &hello, now);
                    self.links.insert(peer, link);
                }
                Change::Disconnected(peer, link) => {
                    if self.links.get(&peer).is_some_and(|current| current.id() == link) {
                        self.links.remove(&peer);
                        self.desk.disconnected(&peer, now);
                    }
                }
            }
        }
    }

    /// Does what the desk asks for.
    fn dispatch(&mut self) {
        let mut settled = false;
        while let Some(output) = self.desk.poll_output() {
            match output {
                Output::Reply(ticket, answer) => self.board.answer(ticket, answer),
                Output::Wake(peer) => drop(self.woken.insert(peer)),
                Output::Settled(event) => {
                    settled = true;
                    self.watch.timing().settled(&event.0);
                    tracing::debug!(event = %event, "settled");
                }
                Output::Judge { case, event } => self.chore(Chore::Judge { case, event }),
                Output::NeedService { peer, digest } => self.chore(Chore::Service { peer, digest }),
                Output::Alarm(problem) => tracing::warn!(%problem, "alarm"),
            }
        }
        if settled {
            self.board.announce();
        }
        self.board.show(&self.desk);
    }

    fn chore(&self, chore: Chore) {
        // The chores' task ends only with the node.
        let _ = self.chores.send(chore);
    }

    /// Gives the woken peers what there is for them.
    fn deliver(&mut self, now: Timestamp) {
        for peer in std::mem::take(&mut self.woken) {
            let Some(link) = self.links.get(&peer).cloned() else { continue };
            let messages = self.desk.poll_messages(&peer, now, MESSAGES_PER_TURN);
            if messages.len() >= MESSAGES_PER_TURN {
                self.woken.insert(peer.clone());
            }
            let events = messages.iter().filter_map(|(_, message)| match message {
                Message::Event(carried) => Some(EventId::of(&carried.header).0),
                _ => None,
            });
            self.watch.timing().sent(events);
            let (control, events): (Vec<_>, Vec<_>) =
                messages.into_iter().partition(|(kind, _)| *kind == StreamKind::Control);
            for (kind, batch) in [(StreamKind::Control, control), (StreamKind::Events, events)] {
                let batch: Vec<_> = batch.into_iter().map(|(_, message)| message).collect();
                if !batch.is_empty()
                    && let Err(problem) = link.send(kind, &batch)
                {
                    tracing::warn!(peer = %peer, %problem, "not sent");
                }
            }
        }
    }
}

/// The desk over a store that was emptied and follows the journal anew. While the journal is read everybody waits.
fn rebuilt(desk: NodeDesk, problem: Problem, rebuilds: &mut u32) -> Result<NodeDesk> {
    if *rebuilds == REBUILDS_MAX {
        return Err(problem);
    }
    *rebuilds += 1;
    tracing::error!(%problem, rebuilds, "store and memory are rebuilt from the journal");
    let desk = desk.reopen()?;
    tracing::warn!(leaves = desk.log().size(), "the store follows the journal again");
    Ok(desk)
}

fn fill(random: &SystemRandom, bytes: &mut [u8]) {
    // ring's system source fails only if the kernel has none, and then nothing here is safe.
    random.fill(bytes).unwrap_or_else(|_| std::process::abort());
}

#[cfg(test)]
mod tests;
