//! What was asked for and what was answered, noted outside of every simulated node: no crash reaches it.

use std::collections::BTreeMap;

use ogic_certs::event::{HeadAt, Outcome as CaseOutcome, StepCode, Terms};
use ogic_certs::{AgencyId, CaseId, Code, Digest, EventId};

/// What a client wants done.
#[derive(Clone, Debug)]
pub(super) enum Task {
    /// Open a case under the service of that name.
    Open(String),
    /// Write a note to a case, under a step.
    Note(CaseId, &'static str),
    /// Do a step, approved by the official of that number; with a document or not.
    Step { case: CaseId, step: &'static str, code: StepCode, official: Option<usize>, document: bool },
    /// Give another agency a right.
    Share(CaseId, Terms),
    /// Take it back.
    Unshare(CaseId, EventId),
    /// Close a case.
    Close(CaseId, CaseOutcome),
    /// Offer the custody of a case to another agency.
    Offer(CaseId, Terms),
    /// Fetch the history of a case that was offered, and accept it.
    Accept(CaseId),
    /// Decline it.
    Decline(CaseId),
    /// Read a case.
    Look(CaseId),
}

/// How it stands, as far as the client knows.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// He was not answered yet.
    Waiting,
    /// It is done, here if the case is at home.
    Done { case: CaseId, event: EventId, place: Option<HeadAt> },
    /// He read it.
    Looked,
    /// It was refused.
    Refused(Code),
}

/// One thing that a client has to get done.
#[derive(Debug)]
pub(super) struct Errand {
    pub(super) agency: usize,
    pub(super) task: Task,
    /// A word that stands in the body, by which it is found again.
    pub(super) marker: String,
    /// How often it was tried.
    pub(super) tries: u32,
    pub(super) outcome: Outcome,
}

impl Errand {
    pub(super) const fn is_waiting(&self) -> bool {
        matches!(self.outcome, Outcome::Waiting)
    }
}

/// Looks of one agency at one case, as its home answered them.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Looks {
    pub(super) asked: u64,
    pub(super) answered: u64,
    /// Refused for want of a right.
    pub(super) refused: u64,
}

/// A checkpoint that somebody was shown.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Shown {
    /// Whose log.
    pub(super) of: usize,
    pub(super) size: u64,
    pub(super) root: Digest,
}

/// Everything that was told.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    pub(super) errands: Vec<Errand>,
    /// By home, who looked, and case.
    pub(super) looks: BTreeMap<(usize, AgencyId, CaseId), Looks>,
    pub(super) shown: Vec<Shown>,
}

impl Oracle {
    /// The cases that were opened and acknowledged: home and case.
    pub(super) fn cases(&self) -> Vec<(usize, CaseId)> {
        let opened = self.errands.iter().filter_map(|errand| match (&errand.task, &errand.outcome) {
            (Task::Open(_), Outcome::Done { case, .. }) => Some((errand.agency, *case)),
            _ => None,
        });
        opened.collect()
    }

    /// Rights that were acknowledged in `case`.
    pub(super) fn grants(&self, case: CaseId) -> Vec<EventId> {
        let shares = self.errands.iter().filter_map(|errand| match (&errand.task, &errand.outcome) {
            (Task::Share(of, _), Outcome::Done { event, .. }) if *of == case => Some(*event),
            _ => None,
        });
        shares.collect()
    }

    pub(super) fn show(&mut self, shown: Shown) {
        if !self.shown.contains(&shown) {
            self.shown.push(shown);
        }
    }
}
