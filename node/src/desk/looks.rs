//! Looks at cases, staged: each is registered before it is answered, and refused tries are counted.

use ogic_certs::{AgencyId, CaseId, Code, Digest, EventId, Problem, Timestamp};

use super::fact::{AccessFact, Fact};
use super::stage::{Random, Reply, Staging};
use super::work::{Answer, Read, Ticket, Wanted};
use super::{Desk, LOOK_WINDOW_MS, LOOKS_MAX, LookKey, TRIES_WINDOW_MS, Tries, TryKey};
use crate::case;
use crate::log::Disk;
use crate::store::Store;

/// What a refused try to append is registered as; a look has the purpose that its asker gave.
const APPEND: &str = "append";

impl<D: Disk, S: Store> Desk<D, S> {
    /// A look at a case of ours: allowed or not, it is registered before it is answered.
    pub(super) fn stage_read(
        &mut self,
        staging: &mut Staging,
        ticket: Ticket,
        read: Read,
        now: Timestamp,
        random: Random<'_>,
    ) {
        let allowed = self
            .check_arrived(staging, &read.case, &read.who)
            .and_then(|()| self.staged_case(staging, read.case))
            .and_then(|staged| case::may_read(&staged.case, &read.who, read.grant, now).map(|()| staged))
            .and_then(|staged| match staged.case.released_to() {
                // The new home reads what it will order; whoever else asks is told where the case went.
                Some(to) if read.who != *to && read.who != self.settings.agency => {
                    Err(Problem::new(Code::CaseMoved, to.as_str()))
                }
                _ => Ok(()),
            });
        if let Err(problem) = allowed {
            self.figures.refused += 1;
            self.count_refusal(
                staging,
                &read.who,
                read.case,
                read.grant,
                &problem,
                Some(&read.purpose),
                now,
                random,
            );
            staging.reply(ticket, Err(problem));
            return;
        }
        let look = LookKey {
            who: read.who.clone(),
            case: read.case,
            grant: read.grant,
            purpose: read.purpose.clone(),
        };
        let further = matches!(read.wanted, Wanted::History(from) if from > 0)
            && self.looks.get(&look).is_some_and(|at| now.since_ms(*at) < LOOK_WINDOW_MS);
        if !further {
            let access = access_of(&read.who, read.case, read.grant, &read.purpose, None, now, random);
            if let Err(problem) = staging.push(Fact::Access(access)) {
                staging.reply(ticket, Err(problem));
                return;
            }
            if matches!(read.wanted, Wanted::History(_)) {
                staging.looks.push((look, now));
            }
        }
        let reply = match read.wanted {
            Wanted::History(from) => Reply::History { case: read.case, from },
            Wanted::Document(digest) => {
                Reply::Now(self.authors_of(&read.case, &digest).map(Answer::Document))
            }
        };
        staging.replies.push((ticket, reply));
    }

    /// Looks are durable: their further pages belong to them from now on, until their time is over.
    pub(super) fn note_looks(&mut self, looks: Vec<(LookKey, Timestamp)>, now: Timestamp) {
        for (look, at) in looks {
            if self.looks.len() >= LOOKS_MAX {
                self.looks.retain(|_, at| now.since_ms(*at) < LOOK_WINDOW_MS);
            }
            if self.looks.len() < LOOKS_MAX || self.looks.contains_key(&look) {
                self.looks.insert(look, at);
            }
        }
    }

    /// Registers a refused try, without a `purpose` one to append. Repeated ones, alike, within a minute become one entry with
    /// a count: a flood must not fill the log.
    #[expect(clippy::too_many_arguments, reason = "an access entry has that many parts")]
    pub(super) fn count_refusal(
        &mut self,
        staging: &mut Staging,
        who: &AgencyId,
        case: CaseId,
        grant: Option<EventId>,
        problem: &Problem,
        purpose: Option<&str>,
        now: Timestamp,
        random: Random<'_>,
    ) {
        let about_rights = matches!(
            problem.code,
            Code::GrantMissing | Code::GrantRevoked | Code::GrantExpired | Code::GrantTooNarrow
        );
        // Tries on a case that is not here, or that the asker may not know of, belong to no citizen's access log.
        let known = staging.cases.contains_key(&case) || matches!(self.case(&case), Ok(Some(_)));
        if !known || !(about_rights || problem.code == Code::CaseUnknown) {
            return;
        }
        let key = TryKey { who: who.clone(), case, code: problem.code, appends: purpose.is_none() };
        if let Some(tries) = self.tries.get_mut(&key)
            && now.since_ms(tries.since) < TRIES_WINDOW_MS
        {
            tries.count += 1;
            return;
        }
        let purpose = purpose.unwrap_or(APPEND);
        let access = access_of(who, case, grant, purpose, Some(problem.code), now, random);
        self.push_or_alarm(staging, Fact::Access(access.clone()));
        self.tries.insert(key, Tries { since: now, count: 0, access });
    }

    /// Counts that are due become entries.
    pub(super) fn stage_tries(&mut self, staging: &mut Staging, now: Timestamp, random: Random<'_>) {
        let due: Vec<_> = self
            .tries
            .iter()
            .filter(|(_, tries)| now.since_ms(tries.since) >= TRIES_WINDOW_MS)
            .map(|(key, _)| key.clone())
            .collect();
        for key in due {
            if let Some(tries) = self.tries.remove(&key).filter(|tries| tries.count > 0) {
                let mut access = AccessFact { at: now, tries: tries.count, ..tries.access };
                random(&mut access.salt);
                self.push_or_alarm(staging, Fact::Access(access));
            }
        }
    }

    /// A refusal, with the head of the case if its sender may know the case.
    pub(super) fn stage_refusal(
        &self,
        staging: &mut Staging,
        peer: AgencyId,
        subject: Digest,
        case: CaseId,
        problem: Problem,
    ) {
        let knows = !matches!(problem.code, Code::CaseUnknown | Code::GrantMissing | Code::GrantRevoked);
        let head = match staging.cases.get(&case) {
            Some(staged) if knows => Some(staged.case.head),
            _ => None,
        };
        staging.refusals.push((peer, subject, problem, head));
    }
}

fn access_of(
    who: &AgencyId,
    case: CaseId,
    grant: Option<EventId>,
    purpose: &str,
    code: Option<Code>,
    now: Timestamp,
    random: Random<'_>,
) -> AccessFact {
    let mut salt = [0; 32];
    random(&mut salt);
    AccessFact { case, at: now, salt, who: who.clone(), grant, purpose: purpose.to_owned(), code, tries: 1 }
}
