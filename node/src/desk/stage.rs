//! Step 2 of a commit: what has gathered is decided, one after the other, on the cases as staged so far.
//!
//! Nothing here is visible to anybody. What is staged is dropped whole if the frame does not become durable.

use std::collections::{BTreeMap, HashMap};

use ogic_certs::certificate::Certificate;
use ogic_certs::event::HeadAt;
use ogic_certs::record::Record;
use ogic_certs::{AgencyId, CaseId, Digest, EventId, Problem, Result, Timestamp};

use super::fact::{Fact, OutcomeFact};
use super::homes::StagedMove;
use super::statements::Shown;
use super::work::{Answer, Claim, Ticket, Work};
use super::{Desk, LookKey, WORK_PER_COMMIT_MAX};
use crate::case::{self, Case, Effect, Service};
use crate::log::{Disk, Entry};
use crate::store::Store;

/// Where a source of random bytes is asked.
pub(super) type Random<'a> = &'a mut dyn FnMut(&mut [u8]);

/// One commit in the making.
#[derive(Debug, Default)]
pub(super) struct Staging {
    /// What will be durable, in order, with the entry made of each.
    pub(super) facts: Vec<Fact>,
    entries: Vec<Entry>,
    bytes: usize,
    /// Cases as staged so far.
    pub(super) cases: BTreeMap<CaseId, StagedCase>,
    /// What it was shown of other agencies' logs and cases.
    pub(super) shown: Shown,
    /// Changes of homes that this commit is the first to tell of, in order.
    pub(super) moves: Vec<StagedMove>,
    /// The proven homes of cases that this commit was told of.
    pub(super) homes: HashMap<CaseId, AgencyId>,
    /// Who waits for what.
    pub(super) replies: Vec<(Ticket, Reply)>,
    /// Leaves to be receipted, by peer.
    pub(super) receipts: BTreeMap<AgencyId, Vec<Leaf>>,
    /// Refusals to be sent once nothing can contradict them.
    pub(super) refusals: Vec<(AgencyId, Digest, Problem, Option<HeadAt>)>,
    /// What became pending, and what was judged.
    pub(super) effects: Vec<(CaseId, EventId, Effect)>,
    /// Messages of ours that were settled.
    pub(super) settled: Vec<Digest>,
    pub(super) outcomes: HashMap<String, OutcomeFact>,
    pub(super) services: HashMap<Digest, Service>,
    /// Cases of other homes as they are held with this commit.
    pub(super) held: BTreeMap<CaseId, Case>,
    /// Cases that are taken from another home.
    pub(super) taken: Vec<CaseId>,
    /// Looks that this commit registers.
    pub(super) looks: Vec<(LookKey, Timestamp)>,
    /// Cases whose offer was declined: one that was released is ours again.
    pub(super) ours_again: Vec<CaseId>,
}

/// A case with the records that this commit adds.
#[derive(Clone, Debug)]
pub(super) struct StagedCase {
    pub(super) case: Case,
    /// Event id, record, and which fact of the staging it is.
    pub(super) records: Vec<(EventId, Record, usize)>,
}

/// How a commit stood before something was staged in a case that may fail half way.
#[derive(Debug)]
pub(super) struct Mark {
    facts: usize,
    bytes: usize,
    effects: usize,
    id: CaseId,
    case: Option<StagedCase>,
}

/// A leaf that a receipt is to show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Leaf {
    /// The fact of this staging.
    New(usize),
    /// A leaf that is in the log, at this index and position.
    Old(u64, crate::log::Position),
}

/// What a caller will be told once the commit is durable.
#[derive(Debug)]
pub(super) enum Reply {
    Now(Result<Answer>),
    History { case: CaseId, from: u64 },
}

/// Entries of one commit after which no more work is begun, so that what the last begins still fits into its frame.
const ENTRIES_FULL: usize = 2048;
/// Bytes of one commit after which no more work is begun.
const BYTES_FULL: usize = 2 << 20;

impl Staging {
    /// Whether the rest of the work is left to the next commit.
    fn is_full(&self) -> bool {
        self.entries.len() >= ENTRIES_FULL || self.bytes >= BYTES_FULL
    }

    /// Whether nothing needs to become durable.
    pub(super) fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }

    /// The frame's entries.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Adds a fact, and says which it is.
    pub(super) fn push(&mut self, fact: Fact) -> Result<usize> {
        let entry = fact.to_entry()?;
        self.bytes += entry.leaf().map_or(0, <[u8]>::len) + entry.body().len();
        self.entries.push(entry);
        self.facts.push(fact);
        Ok(self.facts.len() - 1)
    }

    /// Adds facts that belong together, all of them or none, and says which is the first.
    pub(super) fn push_all(&mut self, facts: impl IntoIterator<Item = Fact>) -> Result<usize> {
        let (first, bytes) = (self.facts.len(), self.bytes);
        let pushed = facts.into_iter().try_for_each(|fact| self.push(fact).map(drop));
        if pushed.is_err() {
            self.cut(first, bytes);
        }
        pushed.map(|()| first)
    }

    fn cut(&mut self, facts: usize, bytes: usize) {
        self.facts.truncate(facts);
        self.entries.truncate(facts);
        self.bytes = bytes;
    }

    /// How it stands, for [`Staging::undo`].
    pub(super) fn mark(&self, id: CaseId) -> Mark {
        let (facts, effects) = (self.facts.len(), self.effects.len());
        Mark { facts, bytes: self.bytes, effects, id, case: self.cases.get(&id).cloned() }
    }

    /// Takes back what was staged in the case since.
    pub(super) fn undo(&mut self, mark: Mark) {
        self.cut(mark.facts, mark.bytes);
        self.effects.truncate(mark.effects);
        self.cases.remove(&mark.id);
        self.cases.extend(mark.case.map(|case| (mark.id, case)));
    }

    /// Notes what a caller's key leads to.
    pub(super) fn note_key(
        &mut self,
        key: &str,
        request: Digest,
        case: CaseId,
        event: EventId,
    ) -> Result<()> {
        let outcome = OutcomeFact { key: key.to_owned(), request, case, event };
        self.push(Fact::Outcome(outcome.clone()))?;
        self.outcomes.insert(key.to_owned(), outcome);
        Ok(())
    }

    pub(super) fn reply(&mut self, ticket: Ticket, answer: Result<Answer>) {
        self.replies.push((ticket, Reply::Now(answer)));
    }
}

impl<D: Disk, S: Store> Desk<D, S> {
    /// Stages what has gathered, at most [`WORK_PER_COMMIT_MAX`].
    pub(super) fn stage(&mut self, now: Timestamp, random: Random<'_>) -> Staging {
        let mut staging = Staging::default();
        self.stage_tries(&mut staging, now, random);
        for _ in 0..WORK_PER_COMMIT_MAX {
            if staging.is_full() {
                break;
            }
            let Some(work) = self.queue.pop_front() else { break };
            self.stage_work(&mut staging, work, now, random);
        }
        staging
    }

    fn stage_work(&mut self, staging: &mut Staging, work: Work, now: Timestamp, random: Random<'_>) {
        self.figures.verified += work.signatures();
        match work {
            Work::Act { ticket, key, act } => {
                let answer = self.stage_act(staging, &key, *act, now);
                staging.reply(ticket, answer);
            }
            Work::Event { peer, event } => {
                let (subject, claim) = (event.event.id().0, Claim::of(&event.event));
                let case = claim.case;
                let grant = event.event.header.value().grant;
                let outcome = self.stage_delivered(staging, &peer, *event, now, random);
                self.note_outcome(&peer, claim, EventId(subject), outcome.as_ref().err(), now);
                if let Err(problem) = outcome {
                    self.count_refusal(staging, &peer, case, grant, &problem, None, now, random);
                    self.stage_refusal(staging, peer, subject, case, problem);
                }
            }
            Work::Unfit { peer, subject, claim, problem } => {
                if let Some(claim) = claim {
                    self.note_outcome(&peer, claim, EventId(subject), Some(&problem), now);
                }
                staging.refusals.push((peer, subject, problem, None));
            }
            Work::Reference { peer, told } => self.stage_reference(staging, peer, *told, now),
            Work::Verdict { peer, notice, certificates } => {
                let event = notice.value().event.0;
                let bytes = notice.signed().bytes().to_vec();
                let fits = notice.identity().agency == peer
                    && self.book.sent.get(&event).is_some_and(|sent| {
                        sent.peer == peer || self.book.home_of(&sent.case) == Some(&peer)
                    });
                if self.stage_notice(staging, peer.clone(), bytes.clone(), fits, certificates, now) {
                    staging.settled.push(event);
                    self.compare_told(staging, peer, bytes, now);
                }
            }
            Work::Custody { peer, told } => self.stage_custody(staging, peer, *told, now, random),
            Work::Hold { ticket, case, entries } => {
                let answer = self.stage_hold(staging, case, entries).map(|()| Answer::Done);
                staging.reply(ticket, answer);
            }
            Work::Receipts { peer, frame, checkpoint, listed, certificates } => {
                let checkpoint = (&*checkpoint, listed);
                let result = self.stage_receipts(staging, &peer, &frame, checkpoint, certificates, now);
                if let Err(problem) = result {
                    self.outputs.push_back(super::Output::Alarm(problem.within(&peer)));
                }
            }
            Work::Refused { peer, refusal } => self.stage_refused(staging, &peer, &refusal, now),
            Work::Seen { peer, checkpoint, listed } => {
                if let Err(problem) = self.stage_seen(staging, peer.clone(), (&*checkpoint, listed), now) {
                    self.outputs.push_back(super::Output::Alarm(problem.within(&peer)));
                }
            }
            Work::Contradiction { peer, sides } => self.stage_contradiction(staging, peer, sides, now),
            Work::Read { ticket, read } => self.stage_read(staging, ticket, read, now, random),
            Work::Judged { event, case, own, evidence, certificates } => {
                let evidence = evidence.map(|evidence| *evidence);
                let result =
                    self.stage_judged(staging, case, event, &own, evidence, certificates, now, random);
                if let Err(problem) = result {
                    self.outputs
                        .push_back(super::Output::Alarm(problem.within(format!("evidence of {event}"))));
                }
            }
            Work::Service { ticket, key, signed, certificates, service } => {
                let answer = self.stage_service(staging, key, &signed, certificates, *service);
                if let Some(ticket) = ticket {
                    staging.reply(ticket, answer);
                }
            }
            Work::Retry { ticket, key, id } => {
                let answer = self.stage_retry(staging, &key, id);
                staging.reply(ticket, answer);
            }
            Work::Drop { ticket, key, id } => {
                let answer = self.stage_drop(staging, &key, id);
                staging.reply(ticket, answer);
            }
        }
    }

    /// The case as staged so far, else as published. `CaseUnknown` if this agency is not its home.
    pub(super) fn staged_case<'s>(&self, staging: &'s mut Staging, id: CaseId) -> Result<&'s mut StagedCase> {
        match staging.cases.entry(id) {
            std::collections::btree_map::Entry::Occupied(entry) => Ok(entry.into_mut()),
            std::collections::btree_map::Entry::Vacant(entry) => {
                let case = self.case(&id)?.ok_or_else(case::case_unknown)?;
                Ok(entry.insert(StagedCase { case, records: Vec::new() }))
            }
        }
    }

    /// A fact that nobody waits for: if it cannot be written, a person is told.
    pub(super) fn push_or_alarm(&mut self, staging: &mut Staging, fact: Fact) -> bool {
        match staging.push(fact) {
            Ok(_) => true,
            Err(problem) => {
                self.outputs.push_back(super::Output::Alarm(problem));
                false
            }
        }
    }
}

/// The certificates that are not in the journal yet.
pub(super) fn stage_certificates(
    book: &super::Book,
    staging: &mut Staging,
    certificates: Vec<Certificate>,
) -> Result<()> {
    for certificate in certificates {
        let digest = certificate.digest();
        // The book is asked first: it has nearly all, and a commit may hold thousands of facts.
        if book.certificates.contains_key(&digest) {
            continue;
        }
        let same = |fact: &Fact| matches!(fact, Fact::Certificate(staged) if staged.digest() == digest);
        if !staging.facts.iter().any(same) {
            staging.push(Fact::Certificate(certificate))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::PutFact;
    use crate::desk::fact::Parcel;

    #[test]
    fn facts_that_belong_together_are_staged_together() {
        let put = |bytes: usize| {
            let peer = ogic_certs::testing::agency("health.gov.example");
            Fact::Put(PutFact { peer, case: CaseId(Digest::ZERO), parcel: Parcel::Notice(vec![0; bytes]) })
        };
        let mut staging = Staging::default();
        staging.push(put(1)).unwrap();
        let before = staging.bytes;
        let problem = staging.push_all([put(2), put(3), put(4 << 20), put(4)]).unwrap_err();
        assert_eq!(problem.code, ogic_certs::Code::TooLarge);
        assert_eq!((staging.facts.len(), staging.entries.len(), staging.bytes), (1, 1, before));
        assert_eq!(staging.push_all([put(2), put(3)]).unwrap(), 1);
        assert_eq!((staging.facts.len(), staging.entries.len()), (3, 3));
    }
}
