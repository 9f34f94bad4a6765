//! The schedule: what happens, when, and in which order. Time is a number that jumps to whatever is due next.

use std::cmp::{Ordering, Reverse};

use ogic_certs::{CaseId, EventId};

use super::disk::FaultyDisk;
use super::net::Net;
use crate::exchange::session::StreamKind;

/// Something that happens at a time.
#[derive(Debug)]
pub(super) struct Due {
    at: u64,
    order: u64,
    step: Step,
}

/// What happens.
#[derive(Debug)]
pub(super) enum Step {
    /// Bytes of a stream arrive.
    Piece { wire: u64, to: usize, kind: StreamKind, order: u64, bytes: Vec<u8> },
    /// A request arrives on a stream of its own.
    Ask { wire: u64, to: usize, request: u64, errand: usize, bytes: Vec<u8> },
    /// Its answer arrives.
    Tell { wire: u64, to: usize, request: u64, question: Vec<u8>, bytes: Vec<u8> },
    /// One side notices that its connection is gone.
    Lost { wire: u64, at: usize },
    /// A connection is tried.
    Dial { pair: (usize, usize) },
    /// The writer's turn.
    Commit { agency: usize, life: u64 },
    /// Something is due by time alone.
    Timer { agency: usize, life: u64 },
    /// The store follows.
    Follow { agency: usize, life: u64 },
    /// The third party answers.
    Evidence { agency: usize, life: u64, case: CaseId, event: EventId, tries: u32 },
    /// The process ends; with the power, if so.
    End { agency: usize, life: u64, power: bool },
    /// It is started again.
    Start { agency: usize },
    /// A client calls, or calls again if he was not answered.
    Call { errand: usize, tries: u32 },
    /// Somebody comes up with something to do.
    Think,
    /// Something goes wrong.
    Fault,
    /// An agency or the third party (the last index) takes a newer trust.
    Learn { who: usize, version: usize },
}

impl<D: FaultyDisk> Net<D> {
    pub(super) fn due(&mut self, delay_ms: u64, step: Step) {
        let order = self.next_order;
        self.next_order += 1;
        self.queue.push(Reverse(Due { at: self.now + delay_ms, order, step }));
    }

    /// Lets the next step happen; false if nothing is due ever again.
    pub(super) fn step(&mut self) -> bool {
        let Some(Reverse(due)) = self.queue.pop() else { return false };
        self.now = due.at;
        self.report.steps += 1;
        match due.step {
            Step::Piece { wire, to, kind, order, bytes } => self.arrive(wire, to, kind, order, &bytes),
            Step::Ask { wire, to, request, errand, bytes } => self.asked(wire, to, request, errand, &bytes),
            Step::Tell { wire, to, request, question, bytes } => {
                self.told(wire, to, request, &question, &bytes);
            }
            Step::Lost { wire, at } => self.lost(wire, at),
            Step::Dial { pair } => self.dial(pair),
            Step::Commit { agency, life } if self.lives(agency, life) => self.commit(agency),
            Step::Timer { agency, life } if self.lives(agency, life) => self.timer(agency),
            Step::Follow { agency, life } if self.lives(agency, life) => self.follow(agency),
            Step::Evidence { agency, life, case, event, tries } if self.lives(agency, life) => {
                self.evidence(agency, (case, event), tries);
            }
            Step::End { agency, life, power } if self.lives(agency, life) => {
                self.end(agency, power);
                let delay = self.random.between(20, 3_000);
                self.due(delay, Step::Start { agency });
            }
            Step::Start { agency } => self.start(agency),
            Step::Call { errand, tries } => self.call(errand, tries),
            Step::Think => self.thought(),
            Step::Fault => self.fault(),
            Step::Learn { who, version } => self.learn(who, version),
            // What was scheduled for a process that is dead.
            _ => {}
        }
        true
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Due {}
