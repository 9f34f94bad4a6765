//! One agency's node as a state machine: what comes in, what must go out, without sockets, clock or threads.
//!
//! [`Desk::offer`] takes work whose signatures were checked ([`check`]), [`Desk::commit`] makes all that has gathered durable
//! in one commit, and [`Desk::poll_output`] gives what the shell is to do. Begin with [`Desk::commit`]: it is the
//! order of DESIGN's Commit. It never opens a file but through its log, and never reads a clock.

mod acts;
mod book;
pub mod check;
mod custody;
mod documents;
mod events;
mod export;
mod extract;
mod fact;
mod hello;
mod homes;
mod looks;
mod meter;
mod notices;
mod open;
mod order;
mod page;
mod parked;
mod post;
mod publish;
mod recent;
mod rows;
mod stage;
mod statements;
#[cfg(test)]
mod tests;
mod work;

use std::collections::{BTreeMap, HashMap, VecDeque};

use ogic_certs::cose::Signer;
use ogic_certs::{AgencyId, CaseId, Code, EventId, Problem, Result, Timestamp};

pub use book::{Book, CustodyKnown, Held, Move, Offered, Sent, SentState, ServiceHeld};
pub use custody::CLOCK_SKEW_MS_MAX;
pub use documents::Named;
pub use fact::{AccessFact, AnswerFact, EventFact, Fact, OutcomeFact, OvertakenFact, Parcel, PutFact};
pub use meter::Phase;
pub use order::Overtaken;
pub use statements::{HeadSeen, Seen};
pub use work::{
    Act, Answer, CheckedEvent, Claim, CustodyTold, Output, Read, ReferenceTold, Ticket, Wanted, Work,
};

use crate::case::{Policy, case_unknown};
use crate::exchange::outbox::Outbox;
use crate::log::{Committed, Disk, Entry, Log};
use crate::store::{Batch, Follower, Store};

use self::meter::Meter;
use self::post::Post;
use self::recent::Recent;
use self::rows::TailCase;
use self::stage::Staging;

/// Most work that one commit takes: one receipt frame a peer proves that many leaves.
pub const WORK_PER_COMMIT_MAX: usize = 512;
/// Longest idempotency key of a caller, in bytes.
pub const KEY_BYTES_MAX: usize = 256;
/// Repeated refused tries of one peer on one case, alike in code and kind, within this time become one access entry with a
/// count.
pub const TRIES_WINDOW_MS: u64 = 60_000;
/// Further pages of a history that the same asker wants under the same right and for the same purpose within this time are
/// of the look whose first page was registered.
pub const LOOK_WINDOW_MS: u64 = 60_000;
/// Most looks of which further pages are known; a page of any other is a look of its own.
const LOOKS_MAX: usize = 4096;

/// Who the desk is.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The agency.
    pub agency: AgencyId,
    /// Its seal.
    pub seal: Signer,
    /// 16 random bytes that name the log, and its generation.
    pub origin: ogic_certs::checkpoint::Origin,
    /// The policy of pending events and grants.
    pub policy: Policy,
    /// Seed of the jitter of retries.
    pub jitter_seed: u64,
}

/// What the desk has done, for `status` and for the demo's table.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Figures {
    /// Records made.
    pub events: u64,
    /// Receipts given.
    pub receipts_given: u64,
    /// Receipts taken, verified and stored.
    pub receipts_taken: u64,
    /// Evidence recorded.
    pub evidence: u64,
    /// Signatures made.
    pub signatures: u64,
    /// Signatures of others that held and came to the desk.
    pub verified: u64,
    /// Refusals given.
    pub refused: u64,
}

/// One agency's node.
#[derive(Debug)]
pub struct Desk<D: Disk, S: Store> {
    settings: Settings,
    log: Log<D>,
    store: S,
    follower: Follower,
    /// Cases that changed since the store last followed.
    tail: BTreeMap<CaseId, TailCase>,
    /// Other homes' cases that were offered to us, as far as their history is held here.
    held: BTreeMap<CaseId, TailCase>,
    book: Book,
    outbox: Outbox,
    post: Post,
    queue: VecDeque<Work>,
    outputs: VecDeque<Output>,
    /// Refused tries of a peer on a case that have no access entry yet.
    tries: HashMap<TryKey, Tries>,
    /// Looks that were registered within their time, and when.
    looks: HashMap<LookKey, Timestamp>,
    /// What was refused of a sender in a case, and may come again.
    refused: HashMap<(AgencyId, CaseId), order::Refused>,
    /// Our own signed times never go back.
    floor: Timestamp,
    /// Why this node does not sign: others hold more of its log than it does.
    fence: Option<Problem>,
    /// Why memory lacks something that the journal has: the desk must be opened again over it.
    behind_journal: Option<Problem>,
    /// The newest checkpoint, for hello and proofs.
    checkpoint: Option<publish::Signed>,
    /// The documents of cases that were asked for.
    documents: HashMap<CaseId, documents::CaseDocuments>,
    figures: Figures,
    meter: Meter,
    recent: Recent,
}

/// Which refused tries are alike. The asker chooses nothing in it but whom and what he asks, so that a flood of tries stays
/// a handful of entries a minute; yet a look is never counted as an append, nor one refusal as another.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct TryKey {
    who: AgencyId,
    case: CaseId,
    code: Code,
    appends: bool,
}

/// Which pages are of one look.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct LookKey {
    who: AgencyId,
    case: CaseId,
    grant: Option<EventId>,
    purpose: String,
}

/// Refused tries that are being counted.
#[derive(Clone, Debug)]
struct Tries {
    since: Timestamp,
    count: u64,
    access: AccessFact,
}

impl<D: Disk, S: Store> Desk<D, S> {
    /// Takes work; it is done by the next commit. Errors: `LimitReached` when more waits than the desk takes.
    pub fn offer(&mut self, work: Work) {
        self.queue.push_back(work);
    }

    /// How much work waits.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Does what has gathered, in arrival order, as one commit:
    ///
    /// 1. (before) signatures were verified, in parallel.
    /// 2. Stage: duplicates find their receipt, the others are decided on the case as staged so far. Nothing is visible.
    /// 3. One frame, one sync. Until here a crash leaves nothing; from here on all of it.
    /// 4. Extend the tree, sign one checkpoint, publish the staged states, release receipts, wake outboxes.
    /// 5. (after) the store follows: [`Desk::follow`].
    ///
    /// A failure of 3 drops what was staged, answers every caller with it, and leaves the log read-only. One of 4 leaves on the
    /// disk what is there: every caller is told to ask again (`AnswerLost`), and [`Desk::must_reopen`] says why. `random` gives
    /// the salts.
    pub fn commit(&mut self, now: Timestamp, random: &mut dyn FnMut(&mut [u8])) -> Result<bool> {
        let now = now.max(self.floor);
        self.floor = now;
        if self.queue.is_empty() && !self.has_tries_due(now) {
            return Ok(false);
        }
        if let Some(problem) = self.stopped() {
            self.drop_queue(&problem);
            return Err(problem);
        }
        self.meter.at(Phase::Decide);
        let staging = self.stage(now, random);
        let outcome = self.carry_out(staging, now);
        self.meter.at(Phase::Rest);
        outcome.map(|()| true)
    }

    /// Steps 3 and 4.
    fn carry_out(&mut self, staging: Staging, now: Timestamp) -> Result<()> {
        if staging.is_empty() {
            self.release(staging, now);
            return Ok(());
        }
        match self.make_durable(staging.entries()) {
            Ok(committed) => {
                self.meter.at(Phase::Publish);
                if let Err(problem) = self.take_facts(&staging, &committed) {
                    let problem = Problem::new(Code::AnswerLost, "commit")
                        .found(problem.to_string())
                        .expected("the node to read its journal again");
                    self.behind_journal = Some(problem.clone());
                    self.abandon(staging, &problem);
                    return Err(problem);
                }
                self.publish(staging, &committed, now);
                Ok(())
            }
            Err(problem) => {
                self.abandon(staging, &problem);
                self.drop_queue(&problem);
                Err(problem)
            }
        }
    }

    /// Step 3: one frame, one sync.
    fn make_durable(&mut self, entries: &[Entry]) -> Result<Committed> {
        self.meter.at(Phase::Write);
        let staged = self.log.begin(entries)?;
        let written = self.log.write(staged)?;
        self.meter.at(Phase::Sync);
        let durable = self.log.sync(written)?;
        Ok(self.log.publish(durable))
    }

    /// From now on `told` hears what the desk is at.
    pub fn measure(&mut self, told: impl FnMut(Phase) + Send + 'static) {
        self.meter.set(told);
    }

    /// Most messages that are sent to one peer before their receipts are here.
    pub fn set_window(&mut self, items: usize) {
        self.outbox.set_window(items);
    }

    /// Why nothing can be committed, if so.
    fn stopped(&self) -> Option<Problem> {
        if self.log.is_read_only() {
            return Some(Problem::new(Code::StoreReadOnly, "journal"));
        }
        self.behind_journal.as_ref().or(self.fence.as_ref()).cloned()
    }

    /// Why nothing is committed until this desk was opened again ([`Desk::reopen`]): something is durable that it could not take
    /// up in memory.
    pub const fn must_reopen(&self) -> Option<&Problem> {
        self.behind_journal.as_ref()
    }

    /// Step 5: lets the store take one merged batch of what was published; false if there was none. To be called when nothing
    /// more urgent waits. After an error the store cannot be trusted, and nothing is lost: [`Desk::reopen`].
    pub fn follow(&mut self) -> Result<bool> {
        let Some(batch) = self.follower.take() else {
            // A store that failed while it was read says so here too.
            return self.store.watermark().map(|_| false);
        };
        match self.store.apply(&batch) {
            Ok(()) => {
                self.followed(batch.watermark);
                Ok(true)
            }
            Err(problem) => {
                self.follower.put_back(batch);
                Err(problem)
            }
        }
    }

    /// Whether so much waits for the store that it must follow before the next commit.
    pub fn must_follow(&self) -> bool {
        self.follower.is_full()
    }

    /// Makes entries of the refused tries that are still being counted, whose minute would otherwise end without this desk.
    /// To be called before [`Desk::close`]; answers as [`Desk::commit`] does.
    pub fn end_counts(&mut self, now: Timestamp, random: &mut dyn FnMut(&mut [u8])) -> Result<bool> {
        self.tries.retain(|_, tries| tries.count > 0);
        for tries in self.tries.values_mut() {
            tries.since = Timestamp::EARLIEST;
        }
        self.commit(now, random)
    }

    /// Closes the desk and gives its store back, which has followed all that was published.
    pub fn close(mut self) -> Result<S> {
        while self.follow()? {}
        Ok(self.store)
    }

    fn follow_later(&mut self, batch: Batch) {
        if let Err(problem) = self.follower.push(batch) {
            self.outputs.push_back(Output::Alarm(problem));
        }
    }

    /// The next thing for the shell to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Takes the time: what the outbox delayed or lost on the way is due again.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        if self.outbox.next_timeout().is_none_or(|due| due > now) {
            return;
        }
        self.outbox.handle_timeout(now);
        let wanted: Vec<AgencyId> = self.outbox.wanted_peers().cloned().collect();
        self.outputs.extend(wanted.into_iter().map(Output::Wake));
    }

    /// When [`Desk::commit`] or [`Desk::poll_messages`] next has something to do by time alone.
    pub fn next_timeout(&self) -> Option<Timestamp> {
        let counted = self.tries.values().filter(|tries| tries.count > 0);
        let tries = counted.map(|tries| tries.since.plus_ms(TRIES_WINDOW_MS));
        tries.chain(self.outbox.next_timeout()).min()
    }

    /// The agency.
    pub const fn agency(&self) -> &AgencyId {
        &self.settings.agency
    }

    /// The log's origin.
    pub const fn origin(&self) -> &ogic_certs::checkpoint::Origin {
        &self.settings.origin
    }

    /// Digest of the seal's certificate.
    pub fn seal_digest(&self) -> ogic_certs::Digest {
        self.settings.seal.certificate().digest()
    }

    /// The memory beside the cases.
    pub const fn book(&self) -> &Book {
        &self.book
    }

    #[cfg(test)]
    pub(crate) const fn store(&self) -> &S {
        &self.store
    }

    /// The log.
    pub const fn log(&self) -> &Log<D> {
        &self.log
    }

    /// The outbox.
    pub const fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Why this node does not sign, if so.
    pub const fn fence(&self) -> Option<&Problem> {
        self.fence.as_ref()
    }

    /// What was done since the desk was opened.
    pub const fn figures(&self) -> Figures {
        self.figures
    }

    /// A home answered a look of ours at its case with this code: what that says of our right is remembered.
    pub fn note_ended(&mut self, case: &CaseId, code: Code) {
        let grant = self.book.right(case, None).map(|held| held.reference.grant);
        if let Some(grant) = grant {
            self.book.note_ended(grant, code);
        }
    }

    fn has_tries_due(&self, now: Timestamp) -> bool {
        self.tries.values().any(|tries| tries.count > 0 && now.since_ms(tries.since) >= TRIES_WINDOW_MS)
    }
}
