//! What the writer shares with those who wait for it: who waits for which answer, that something was settled, what hello
//! tells.
//!
//! It decides nothing, and knows nothing of the desk but what it is shown.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use ogic_certs::{AgencyId, Code, Problem, Result};
use tokio::sync::{oneshot, watch};

use super::changes::Changes;
use super::writer::NodeDesk;
use crate::desk::{Answer, Ticket};
use crate::exchange::link::Link;
use crate::exchange::message::Hello;

/// Shared between the writer and those who wait for it.
#[derive(Debug)]
pub(super) struct Board {
    tickets: Mutex<HashMap<Ticket, oneshot::Sender<Result<Answer>>>>,
    /// Connections that came and went, in that order.
    pub(super) changes: Changes<(Box<Hello>, Link)>,
    /// Rises whenever a message of ours was settled; who waits for one looks again.
    settled: watch::Sender<u64>,
    /// Hello is told at once, from any task.
    hello: Mutex<HelloBoard>,
    /// The fault that the writer ended by.
    fault: OnceLock<Problem>,
}

#[derive(Debug, Default)]
struct HelloBoard {
    size: u64,
    seen: HashMap<AgencyId, Vec<u8>>,
}

impl Board {
    pub(super) fn new() -> Self {
        Self {
            tickets: Mutex::default(),
            changes: Changes::default(),
            settled: watch::Sender::new(0),
            hello: Mutex::default(),
            fault: OnceLock::new(),
        }
    }

    /// Notes that somebody waits for the answer to `ticket`.
    pub(super) fn wait(&self, ticket: Ticket) -> oneshot::Receiver<Result<Answer>> {
        let (sender, answer) = oneshot::channel();
        lock(&self.tickets).insert(ticket, sender);
        answer
    }

    /// Nobody waits for `ticket` any more.
    pub(super) fn forget(&self, ticket: Ticket) {
        lock(&self.tickets).remove(&ticket);
    }

    /// Gives whoever waits for `ticket` its answer.
    pub(super) fn answer(&self, ticket: Ticket, answer: Result<Answer>) {
        if let Some(sender) = lock(&self.tickets).remove(&ticket) {
            // Whoever asked may have gone; then nobody misses the answer.
            let _ = sender.send(answer);
        }
    }

    /// Size of our log, and the highest checkpoint of `peer` that we hold.
    pub(super) fn for_hello(&self, peer: &AgencyId) -> (u64, Option<Vec<u8>>) {
        let board = lock(&self.hello);
        (board.size, board.seen.get(peer).cloned())
    }

    /// Shows what hello tells from now on.
    pub(super) fn show(&self, desk: &NodeDesk) {
        let mut hello = lock(&self.hello);
        hello.size = desk.log().size();
        for (peer, seen) in &desk.book().seen {
            if hello.seen.get(peer) != Some(&seen.checkpoint) {
                hello.seen.insert(peer.clone(), seen.checkpoint.clone());
            }
        }
    }

    /// Hears of messages that were settled, and of the writer's end.
    pub(super) fn settled(&self) -> watch::Receiver<u64> {
        self.settled.subscribe()
    }

    /// Something was settled.
    pub(super) fn announce(&self) {
        self.settled.send_modify(|count| *count += 1);
    }

    /// The writer has ended by a fault, which whoever comes now is told.
    pub(super) fn fail(&self, problem: &Problem) {
        // There is one end.
        let _ = self.fault.set(problem.clone());
    }

    /// Nothing will be answered any more: whoever waits is told so.
    pub(super) fn close(&self) {
        lock(&self.tickets).clear();
        self.announce();
    }

    /// Why there is no answer.
    pub(super) fn stopped(&self) -> Problem {
        self.fault
            .get()
            .cloned()
            .unwrap_or_else(|| Problem::new(Code::NodeUnreachable, "writer").found("a node that is stopping"))
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each holds what is whole after every statement.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
