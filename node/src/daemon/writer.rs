//! The one writer: a thread that owns the desk, drains what has gathered, and commits.
//!
//! Callers hand it work and wait for answers; while a commit is on its way to the disk the next one gathers, so that many
//! callers share one sync and one signature. Nothing else in the process touches the journal.

use std::collections::{BTreeSet, HashMap};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ogic_certs::{AgencyId, Code, Problem, Result, Timestamp};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::{mpsc, oneshot, watch};

use super::chores::Chore;
use crate::desk::{Answer, Desk, Output, Ticket, WORK_PER_COMMIT_MAX, Work};
use crate::exchange::link::{Link, LinkId};
use crate::exchange::message::Hello;
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

/// What the writer is told.
pub(super) enum Order {
    Work(Work),
    Ask(Box<dyn FnOnce(&mut NodeDesk) + Send>),
    Connected(AgencyId, Box<Hello>, Link),
    Disconnected(AgencyId, LinkId),
    Stop,
}

/// Shared between the writer and those who wait for it.
pub(super) struct Board {
    tickets: Mutex<HashMap<Ticket, oneshot::Sender<Result<Answer>>>>,
    /// Rises whenever a message of ours was settled; who waits for one looks again.
    settled: watch::Sender<u64>,
    /// Hello is told at once, from any task.
    hello: Mutex<HelloBoard>,
    clock: Clock,
}

#[derive(Default)]
struct HelloBoard {
    size: u64,
    seen: HashMap<AgencyId, Vec<u8>>,
}

/// The way to the writer.
#[derive(Clone)]
pub(super) struct Writer {
    orders: SyncSender<Order>,
    pub(super) board: Arc<Board>,
    next_ticket: Arc<std::sync::atomic::AtomicU64>,
}

impl Board {
    /// Size of our log, and the highest checkpoint of `peer` that we hold.
    pub(super) fn for_hello(&self, peer: &AgencyId) -> (u64, Option<Vec<u8>>) {
        let board = lock(&self.hello);
        (board.size, board.seen.get(peer).cloned())
    }

    pub(super) fn settled(&self) -> watch::Receiver<u64> {
        self.settled.subscribe()
    }
}

impl Writer {
    /// Starts the thread. It ends when it is told to stop; `ended` then gives the desk's last word.
    pub(super) fn start(
        desk: NodeDesk,
        clock: Clock,
        chores: mpsc::UnboundedSender<Chore>,
    ) -> Result<(Self, oneshot::Receiver<Result<()>>)> {
        let (orders, inbox) = std::sync::mpsc::sync_channel(ORDERS_MAX);
        let board = Arc::new(Board {
            tickets: Mutex::default(),
            settled: watch::Sender::new(0),
            hello: Mutex::default(),
            clock,
        });
        let (end, ended) = oneshot::channel();
        let state =
            State { desk, board: Arc::clone(&board), chores, links: HashMap::new(), woken: BTreeSet::new() };
        std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || {
                // The receiver is gone only when the whole process is going.
                let _ = end.send(state.run(&inbox));
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
                Err(TrySendError::Disconnected(_)) => return Err(stopped()),
                Err(TrySendError::Full(back)) => order = back,
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Hands an order over without waiting: for what comes from functions that must not block.
    pub(super) fn order_now(&self, order: Order) {
        let orders = self.orders.clone();
        match orders.try_send(order) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            Err(TrySendError::Full(order)) => {
                std::thread::spawn(move || orders.send(order));
            }
        }
    }

    /// Hands over work that somebody waits for, and waits for its answer: it is durable, or refused.
    pub(super) async fn call(&self, work: impl FnOnce(Ticket) -> Work) -> Result<Answer> {
        let ticket = Ticket(self.next_ticket.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        let (sender, answer) = oneshot::channel();
        lock(&self.board.tickets).insert(ticket, sender);
        let sent = self.order(Order::Work(work(ticket))).await;
        if sent.is_err() {
            lock(&self.board.tickets).remove(&ticket);
        }
        sent?;
        answer.await.map_err(|_| stopped())?
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
        answer.await.map_err(|_| stopped())
    }
}

fn stopped() -> Problem {
    Problem::new(Code::NodeUnreachable, "writer").found("a node that is stopping")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each holds a map that is whole after every statement.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct State {
    desk: NodeDesk,
    board: Arc<Board>,
    chores: mpsc::UnboundedSender<Chore>,
    links: HashMap<AgencyId, Link>,
    woken: BTreeSet<AgencyId>,
}

impl State {
    fn run(mut self, inbox: &Receiver<Order>) -> Result<()> {
        let random = SystemRandom::new();
        self.dispatch();
        while let Some(stop) = self.gather(inbox) {
            let now = (self.board.clock)();
            self.desk.handle_timeout(now);
            let committed = self.desk.commit(now, &mut |bytes| {
                // ring's system source fails only if the kernel has none, and then nothing here is safe.
                random.fill(bytes).unwrap_or_else(|_| std::process::abort());
            });
            if let Err(problem) = committed {
                tracing::error!(%problem, "nothing was committed");
            }
            self.dispatch();
            self.deliver(now);
            if self.desk.must_follow() {
                self.follow()?;
            }
            if stop {
                break;
            }
        }
        let store = self.desk.close()?;
        store.close()
    }

    /// Waits for the first order, then takes those that have gathered; none when every sender is gone.
    fn gather(&mut self, inbox: &Receiver<Order>) -> Option<bool> {
        // The store follows while nobody waits.
        let mut first = inbox.try_recv();
        while matches!(first, Err(TryRecvError::Empty)) && matches!(self.follow(), Ok(true)) {
            first = inbox.try_recv();
        }
        let first = match first {
            Ok(order) => Some(order),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => match inbox.recv_timeout(self.patience()) {
                Ok(order) => Some(order),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return None,
            },
        };
        let mut next = first;
        while let Some(order) = next {
            if self.take(order) {
                return Some(true);
            }
            next = if self.desk.waiting() < WORK_PER_COMMIT_MAX { inbox.try_recv().ok() } else { None };
        }
        Some(false)
    }

    fn patience(&self) -> Duration {
        if !self.woken.is_empty() {
            return Duration::ZERO;
        }
        let now = (self.board.clock)();
        let due = self.desk.next_timeout().map_or(IDLE_MS_MAX, |due| due.since_ms(now));
        Duration::from_millis(due.clamp(1, IDLE_MS_MAX))
    }

    /// Takes one order; true to stop.
    fn take(&mut self, order: Order) -> bool {
        let now = (self.board.clock)();
        match order {
            Order::Work(work) => self.desk.offer(work),
            Order::Ask(ask) => ask(&mut self.desk),
            Order::Connected(peer, hello, link) => {
                self.links.insert(peer.clone(), link);
                self.desk.connected(&peer, &hello, now);
            }
            Order::Disconnected(peer, link) => {
                if self.links.get(&peer).is_some_and(|current| current.id() == link) {
                    self.links.remove(&peer);
                    self.desk.disconnected(&peer, now);
                }
            }
            Order::Stop => return true,
        }
        false
    }

    /// Does what the desk asks for.
    fn dispatch(&mut self) {
        let mut settled = false;
        while let Some(output) = self.desk.poll_output() {
            match output {
                Output::Reply(ticket, answer) => {
                    if let Some(sender) = lock(&self.board.tickets).remove(&ticket) {
                        let _ = sender.send(answer);
                    }
                }
                Output::Wake(peer) => drop(self.woken.insert(peer)),
                Output::Settled(event) => {
                    settled = true;
                    tracing::debug!(event = %event, "settled");
                }
                Output::Judge { case, event } => self.chore(Chore::Judge { case, event }),
                // A judgement fetches the documents it waits for.
                Output::Fetch { .. } => {}
                Output::NeedService { peer, digest } => self.chore(Chore::Service { peer, digest }),
                Output::Alarm(problem) => tracing::warn!(%problem, "alarm"),
            }
        }
        if settled {
            self.board.settled.send_modify(|count| *count += 1);
        }
        let mut hello = lock(&self.board.hello);
        hello.size = self.desk.log().size();
        for (peer, seen) in &self.desk.book().seen {
            if hello.seen.get(peer) != Some(&seen.checkpoint) {
                hello.seen.insert(peer.clone(), seen.checkpoint.clone());
            }
        }
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
            for kind in StreamKind::ALL {
                let batch: Vec<_> =
                    messages.iter().filter(|(k, _)| *k == kind).map(|(_, message)| message.clone()).collect();
                if !batch.is_empty()
                    && let Err(problem) = link.send(kind, &batch)
                {
                    tracing::warn!(peer = %peer, %problem, "not sent");
                }
            }
        }
    }

    fn follow(&mut self) -> Result<bool> {
        self.desk.follow().inspect_err(|problem| tracing::error!(%problem, "the store does not follow"))
    }
}
