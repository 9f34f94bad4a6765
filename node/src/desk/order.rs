//! The order of a sender's events in a case, which outlives refusals.
//!
//! A sender has many events on their way, and sends again whatever was not answered. So an answer may be lost and its event
//! come again when the case, or this node, is no longer what it was: it must not then overtake, nor be overtaken.

use std::collections::VecDeque;

use ogic_certs::{AgencyId, CaseId, Code, EventId, Problem, Result, Timestamp};

use super::Desk;
use super::fact::Fact;
use super::stage::Staging;
use crate::exchange::outbox::{DELAY_MS_MAX, WINDOW_ITEMS_MAX, is_passing};
use crate::log::Disk;
use crate::store::Store;

/// How long an event that was refused for now holds up those behind it: longer than its sender waits between two tries.
const HELD_UP_MS_MAX: u64 = 2 * DELAY_MS_MAX;

/// What was refused of one sender in one case since this node was started.
#[derive(Debug, Default)]
pub(super) struct Refused {
    /// The first event that was refused for a reason that may pass: what follows it waits for it.
    held_up: Option<HeldUp>,
    /// Those that were refused for good and that none overtook yet; a sender has no more on their way.
    for_good: VecDeque<(EventId, Code)>,
}

/// An event that was refused for a reason that may pass, and will come again.
#[derive(Clone, Copy, Debug)]
struct HeldUp {
    event: EventId,
    code: Code,
    since: Timestamp,
}

impl<D: Disk, S: Store> Desk<D, S> {
    /// Remembers how an event of `peer` was answered, where that bears on the order.
    pub(super) fn note_outcome(
        &mut self,
        peer: &AgencyId,
        case: CaseId,
        event: EventId,
        refused: Option<&Problem>,
        now: Timestamp,
    ) {
        let key = (peer.clone(), case);
        let code = refused.map(|problem| problem.code).filter(|code| *code != Code::CaseUnknown);
        let known = self.refused.contains_key(&key);
        // Who may not know of a case adds nothing to it, takes no memory, and learns nothing by a change of the answers.
        if !known && (code.is_none() || !self.may_know(peer, &case)) {
            return;
        }
        let kept = self.refused.entry(key.clone()).or_default();
        let first = kept.held_up.map(|first| first.event);
        match code {
            Some(code) if is_passing(code) => {
                if first.is_none_or(|first| first == event) {
                    kept.held_up = Some(HeldUp { event, code, since: now });
                }
            }
            other => {
                if first == Some(event) {
                    kept.held_up = None;
                }
                if let Some(code) = other
                    && !kept.for_good.iter().any(|(held, _)| *held == event)
                {
                    if kept.for_good.len() == WINDOW_ITEMS_MAX {
                        kept.for_good.pop_front();
                    }
                    kept.for_good.push_back((event, code));
                }
            }
        }
        if kept.held_up.is_none() && kept.for_good.is_empty() {
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
        case: CaseId,
        event: EventId,
        now: Timestamp,
    ) -> Result<()> {
        let staged = staging.facts.iter().find_map(|fact| match fact {
            Fact::Overtaken { peer: of, event: overtaken, code } if of == peer && *overtaken == event => {
                Some(*code)
            }
            _ => None,
        });
        if let Some(code) = staged.or_else(|| self.book.overtaken.get(&(peer.clone(), event)).copied()) {
            return Err(Problem::new(code, "order")
                .found("an event that was refused before later ones were recorded")
                .expected("a new event"));
        }
        let kept = self.refused.get(&(peer.clone(), case)).and_then(|kept| kept.held_up);
        match kept {
            // Not for ever: a sender that lost that one would never bring it.
            Some(first) if first.event != event && now.since_ms(first.since) < HELD_UP_MS_MAX => {
                Err(Problem::new(first.code, "order").found(format!("an event that follows {}", first.event)))
            }
            _ => Ok(()),
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
        for (overtaken, code) in std::mem::take(&mut kept.for_good) {
            if overtaken != event {
                staging.push(Fact::Overtaken { peer: peer.clone(), event: overtaken, code })?;
            }
        }
        Ok(())
    }
}
