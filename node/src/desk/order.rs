//! The order of a sender's events in a case, which outlives refusals.
//!
//! A sender has many events on their way, and sends again whatever was not answered. So an answer may be lost and its event
//! come again when the case, or this node, is no longer what it was: it must not then overtake, nor be overtaken.

use std::collections::VecDeque;

use ogic_certs::{AgencyId, CaseId, Code, EventId, Problem, Result, Timestamp};

use super::Desk;
use super::fact::{Fact, OvertakenFact};
use super::stage::Staging;
use super::work::Claim;
use crate::exchange::outbox::{DELAY_MS_MAX, WINDOW_ITEMS_MAX, is_passing};
use crate::log::Disk;
use crate::store::Store;

/// How long an event that was refused for now holds up those behind it: longer than its sender waits between two tries.
const HELD_UP_MS_MAX: u64 = 600_000;
const _: () = assert!(HELD_UP_MS_MAX == 2 * DELAY_MS_MAX);
/// Most overtaken events of one sender in one case that are known one by one: as many as it has on their way at once.
pub(super) const OVERTAKEN_MAX: usize = WINDOW_ITEMS_MAX;

/// What was refused of one sender in one case and then overtaken, whatever its number in bounded memory: the newest one by
/// one, and of those before them how far they reach.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Overtaken {
    newest: VecDeque<OvertakenFact>,
    /// Each event that is known no more claims at most this head and this time.
    reach: Option<Reach>,
}

/// How far back forgotten events lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Reach {
    head: u64,
    created: Timestamp,
    /// Why the newest of them was refused.
    code: Code,
}

impl Overtaken {
    /// Takes one more.
    pub(super) fn add(&mut self, fact: OvertakenFact) {
        if self.newest.len() >= OVERTAKEN_MAX
            && let Some(oldest) = self.newest.pop_front()
        {
            let Claim { head, created, .. } = oldest.claim;
            let before = self.reach.unwrap_or(Reach { head, created, code: oldest.code });
            self.reach = Some(Reach {
                head: before.head.max(head),
                created: before.created.max(created),
                code: oldest.code,
            });
        }
        self.newest.push_back(fact);
    }

    /// Why an event stays refused, if it was overtaken, or may have been: neither its head nor its time lies beyond those that
    /// are known no more. A sender's new events are later by both, since it has the receipt of what overtook them.
    pub(super) fn code_of(&self, event: EventId, claim: Claim) -> Option<Code> {
        let known = self.newest.iter().find(|known| known.event == event).map(|known| known.code);
        let reached =
            || self.reach.filter(|reach| claim.head <= reach.head && claim.created <= reach.created);
        known.or_else(|| reached().map(|reach| reach.code))
    }
}

/// What was refused of one sender in one case since this node was started.
#[derive(Debug, Default)]
pub(super) struct Refused {
    /// The events that were refused for a reason that may pass, in the order in which they first came: each waits for those
    /// before it, and what follows for them all.
    held_up: VecDeque<HeldUp>,
    /// Those that were refused for good and that none overtook yet; a sender has no more on their way.
    for_good: VecDeque<(EventId, Claim, Code)>,
}

/// An event that was refused for a reason that may pass, and will come again.
#[derive(Clone, Copy, Debug)]
struct HeldUp {
    event: EventId,
    claim: Claim,
    code: Code,
    since: Timestamp,
}

impl<D: Disk, S: Store> Desk<D, S> {
    /// Remembers how an event of `peer` was answered, where that bears on the order.
    pub(super) fn note_outcome(
        &mut self,
        peer: &AgencyId,
        claim: Claim,
        event: EventId,
        refused: Option<&Problem>,
        now: Timestamp,
    ) {
        let case = claim.case;
        let key = (peer.clone(), case);
        let code = refused.map(|problem| problem.code).filter(|code| *code != Code::CaseUnknown);
        let known = self.refused.contains_key(&key);
        // Who may not know of a case adds nothing to it, takes no memory, and learns nothing by a change of the answers.
        if !known && (code.is_none() || !self.may_know(peer, &case)) {
            return;
        }
        let kept = self.refused.entry(key.clone()).or_default();
        match code {
            Some(code) if is_passing(code) => {
                let held_up = HeldUp { event, claim, code, since: now };
                if let Some(known) = kept.held_up.iter_mut().find(|held| held.event == event) {
                    *known = held_up;
                } else if kept.held_up.len() < WINDOW_ITEMS_MAX {
                    // A sender has no more on their way.
                    kept.held_up.push_back(held_up);
                }
            }
            other => {
                kept.held_up.retain(|held| held.event != event);
                if let Some(code) = other
                    && !kept.for_good.iter().any(|(held, ..)| *held == event)
                {
                    if kept.for_good.len() == WINDOW_ITEMS_MAX {
                        kept.for_good.pop_front();
                    }
                    kept.for_good.push_back((event, claim, code));
                }
            }
        }
        if kept.held_up.is_empty() && kept.for_good.is_empty() {
            self.refused.remove(&key);
        }
    }

    /// Whether `peer` was ever given a right to a case that is here.
    fn may_know(&self, peer: &AgencyId, case: &CaseId) -> bool {
        let held = self.case(case).ok().flatten();
        held.is_some_and(|held| held.grants.iter().any(|grant| grant.terms.grantee == *peer))
    }

    /// Refuses an event that would overtake one of its sender's, or that was overtaken.
    pub(super) fn check_order(
        &self,
        staging: &Staging,
        peer: &AgencyId,
        claim: Claim,
        event: EventId,
        now: Timestamp,
    ) -> Result<()> {
        let key = (peer.clone(), claim.case);
        let staged = staging.facts.iter().find_map(|fact| match fact {
            Fact::Overtaken(of) if of.peer == *peer && of.event == event => Some(of.code),
            _ => None,
        });
        let known = || self.book.overtaken.get(&key)?.code_of(event, claim);
        if let Some(code) = staged.or_else(known) {
            return Err(Problem::new(code, "order")
                .found("an event that was refused before later ones were recorded")
                .expected("a new event"));
        }
        let kept = self.refused.get(&key).map(|kept| &kept.held_up);
        let before = kept.into_iter().flatten().take_while(|held| held.event != event);
        // Not for ever: a sender that lost that one would never bring it.
        match before.into_iter().find(|held| now.since_ms(held.since) < HELD_UP_MS_MAX) {
            Some(first) => {
                Err(Problem::new(first.code, "order").found(format!("an event that follows {}", first.event)))
            }
            None => Ok(()),
        }
    }

    /// A case came here, with what its former home recorded: nothing of it is waited for that was refused here before.
    pub(super) fn forget_held_up(&mut self, case: &CaseId) {
        for (_, kept) in self.refused.iter_mut().filter(|((_, of), _)| of == case) {
            kept.held_up.clear();
        }
    }

    /// `event` was staged: what was refused before it was overtaken, in the same commit.
    pub(super) fn stage_overtaken(
        &mut self,
        staging: &mut Staging,
        peer: &AgencyId,
        case: CaseId,
        event: EventId,
    ) -> Result<()> {
        let Some(kept) = self.refused.get_mut(&(peer.clone(), case)) else { return Ok(()) };
        // What did not come again in its time was waited for in vain.
        let in_vain = kept.held_up.iter().take_while(|held| held.event != event).count();
        let in_vain = kept.held_up.drain(..in_vain).map(|held| (held.event, held.claim, Code::HeadMoved));
        for (overtaken, claim, code) in std::mem::take(&mut kept.for_good).into_iter().chain(in_vain) {
            if overtaken != event {
                let fact = OvertakenFact { peer: peer.clone(), event: overtaken, claim, code };
                staging.push(Fact::Overtaken(fact))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_ms_clamped(1_795_576_800_000);

    fn fact(n: u64, head: u64, created_ms: u64) -> OvertakenFact {
        OvertakenFact {
            peer: ogic_certs::testing::agency("health.gov.example"),
            event: EventId(ogic_certs::Digest::of(&n.to_be_bytes())),
            claim: Claim { case: CaseId(ogic_certs::Digest::ZERO), head, created: START.plus_ms(created_ms) },
            code: Code::StepNotOpen,
        }
    }

    #[test]
    fn what_was_overtaken_stays_so_in_bounded_memory() {
        let mut overtaken = Overtaken::default();
        // Heads and times go up and down: whatever a sender claims, nothing of it comes back.
        let all: Vec<_> = (0..3 * OVERTAKEN_MAX as u64).map(|n| fact(n, 10 + n % 7, 100 + n % 5)).collect();
        for fact in &all {
            overtaken.add(fact.clone());
        }
        assert_eq!(overtaken.newest.len(), OVERTAKEN_MAX);
        for fact in &all {
            assert_eq!(overtaken.code_of(fact.event, fact.claim), Some(Code::StepNotOpen));
        }
        let rows = [
            ("a new event of the same moment under the same head", 16, 104, true),
            ("an older one", 3, 50, true),
            ("a newer head", 17, 50, false),
            ("a later time", 3, 105, false),
        ];
        for (name, head, created_ms, refused) in rows {
            let new = fact(u64::MAX, head, created_ms);
            assert_eq!(overtaken.code_of(new.event, new.claim).is_some(), refused, "{name}");
        }
    }

    #[test]
    fn as_long_as_each_is_known_no_other_is_refused() {
        let mut overtaken = Overtaken::default();
        (0..OVERTAKEN_MAX as u64).for_each(|n| overtaken.add(fact(n, 10, 100)));
        let new = fact(u64::MAX, 10, 100);
        assert_eq!(overtaken.code_of(new.event, new.claim), None);
    }
}
