//! Messages that their receiver refused for good: tried again, or given up, by an operator.
//!
//! The same key gives the same answer, whatever has become of the message since.

use ogic_certs::{CaseId, Code, Digest, EventId, Problem, Result};

use super::fact::Fact;
use super::stage::Staging;
use super::work::Answer;
use super::{Desk, SentState};
use crate::log::Disk;
use crate::store::Store;

/// How a message of ours stands that has not arrived.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It is on its way.
    Waiting,
    /// It was refused, and waits for an operator.
    Parked,
    /// He gave it up.
    Dropped,
}

impl<D: Disk, S: Store> Desk<D, S> {
    /// A parked message is to be tried again. One that is on its way already stays so.
    pub(super) fn stage_retry(&mut self, staging: &mut Staging, key: &str, id: Digest) -> Result<Answer> {
        let request = request_of(b"retry", id);
        if self.outcome_of(staging, key, request)?.is_some() {
            return Ok(Answer::Done);
        }
        let (case, is_event, standing) = self.standing(staging, id)?;
        match standing {
            // The case is at home by now: nobody can be sent it but we ourselves.
            Standing::Parked if is_event && self.book.home_of(&case) == Some(&self.settings.agency) => {
                return Err(Problem::new(Code::CaseMoved, self.settings.agency.as_str()));
            }
            Standing::Parked => drop(staging.push(Fact::Unparked(id))?),
            Standing::Waiting => {}
            Standing::Dropped => return Err(not_parked(id)),
        }
        staging.note_key(key, request, case, EventId(id))?;
        Ok(Answer::Done)
    }

    /// A parked message is given up. One that was given up already stays so.
    pub(super) fn stage_drop(&mut self, staging: &mut Staging, key: &str, id: Digest) -> Result<Answer> {
        let request = request_of(b"drop", id);
        if self.outcome_of(staging, key, request)?.is_some() {
            return Ok(Answer::Done);
        }
        let (case, _, standing) = self.standing(staging, id)?;
        match standing {
            Standing::Parked => drop(staging.push(Fact::Dropped(id))?),
            Standing::Dropped => {}
            Standing::Waiting => return Err(not_parked(id)),
        }
        staging.note_key(key, request, case, EventId(id))?;
        Ok(Answer::Done)
    }

    /// The message's case, whether it is an event, and how it stands, this commit's own changes included. `NotFound` if there
    /// is none that has not arrived.
    fn standing(&self, staging: &Staging, id: Digest) -> Result<(CaseId, bool, Standing)> {
        let sent = self.book.sent.get(&id).ok_or_else(|| not_parked(id))?;
        let staged = staging.facts.iter().rev().find_map(|fact| match fact {
            Fact::Unparked(of) if *of == id => Some(Standing::Waiting),
            Fact::Dropped(of) if *of == id => Some(Standing::Dropped),
            _ => None,
        });
        let standing = match (staged, &sent.state) {
            (Some(staged), _) => staged,
            (None, SentState::Waiting) => Standing::Waiting,
            (None, SentState::Parked(_)) => Standing::Parked,
            (None, SentState::Dropped(_)) => Standing::Dropped,
            (None, SentState::Done { .. }) => return Err(not_parked(id)),
        };
        Ok((sent.case, sent.is_event, standing))
    }
}

fn request_of(what: &[u8], id: Digest) -> Digest {
    Digest::of_parts(&[b"ogic outbox request 1", what, id.as_bytes()])
}

fn not_parked(id: Digest) -> Problem {
    Problem::new(Code::NotFound, "message").found(id.to_string()).expected("a parked message")
}
