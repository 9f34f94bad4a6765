//! Decide: may this act become a record of this case, as the case stands now?
//!
//! Pure and complete: whatever passes can be folded, and the fold asks the same question again. Signatures were verified
//! before, duplicates found before, and whether an older head that the act names is a record of the case is looked up
//! where the records are. What a stranger may not know is refused first.

use ogic_certs::event::{Body, Detail, HeadAt, Header, Kind, Outcome, StepCode, Terms};
use ogic_certs::evidence::Judgement;
use ogic_certs::{AgencyId, Code, EventId, Problem, Result, Timestamp};

use super::grant::may_append;
use super::model::{Case, Work};
use super::plan::PlanStep;
use super::policy::Policy;
use super::service::{Performer, Service};
use super::{custody, form, judge};

/// An act to be judged: a verified event and who made it.
#[derive(Clone, Copy, Debug)]
pub struct Act<'a> {
    /// The agency whose seal signed the header.
    pub author: &'a AgencyId,
    /// The event's id.
    pub event: EventId,
    /// The signed header.
    pub header: &'a Header,
    /// The body that the header commits to.
    pub body: &'a Body,
    /// The home's own verdict on the approval; none while there is no approval or no verdict.
    pub approval: Option<&'a Judgement>,
}

/// Whether the act may become the case's next record. `now` must be the received time of that record: the fold judges
/// by it. Each refusal has its code; see the table in this module's tests.
pub fn decide(case: &Case, act: &Act<'_>, now: Timestamp, policy: &Policy) -> Result<()> {
    let header = act.header;
    let at_home = *act.author == case.home;
    if at_home {
        no_grant(header)?;
    } else if custody::is_answer(header.kind) {
        custody::may_answer(case, act.author, header, now)?;
    } else {
        may_append(case, act.author, header.grant, header.step.as_deref(), now)?;
    }
    custody::not_moved(case, act.author, header.kind)?;
    let for_others = matches!(header.kind, Kind::Step | Kind::Note) || custody::is_answer(header.kind);
    if at_home && custody::is_answer(header.kind) {
        return Err(kind_not_allowed(header.kind));
    }
    if header.kind.is_reserved() || header.kind == Kind::Open || !(at_home || for_others) {
        return Err(kind_not_allowed(header.kind));
    }
    not_closed(case)?;
    head(case, header)?;
    let step = header.step.as_deref().map(|id| known_step(case, id)).transpose()?;
    if at_home || custody::is_custody(header.kind) {
        own_approval(act)?;
    }
    match (&act.body.detail, step) {
        (Detail::None, Some(step)) if header.kind == Kind::Step => {
            step_open(case, step)?;
            form::check(&step.definition, act.body, header.step_code() == Some(StepCode::Done))?;
        }
        (Detail::None, _) if header.kind == Kind::Note => {}
        (Detail::Share(terms), _) if header.kind == Kind::Share => share(case, terms, now, policy)?,
        (detail, _) if custody::is_custody(header.kind) => {
            if let Detail::Offer(terms) = detail {
                share(case, terms, now, policy)?;
            }
            custody::decide(case, act, policy)?;
        }
        (Detail::Unshare { grant, .. }, _) if header.kind == Kind::Unshare => unshare(case, grant)?,
        (Detail::Evidence { event, own, evidence }, _) if header.kind == Kind::Evidence => {
            let pending = case.pending(event).ok_or_else(|| {
                Problem::new(Code::ValueRefused, "event").found(event.to_string()).expected("a pending event")
            })?;
            judge::judge(pending, own, evidence.as_deref())?;
        }
        (Detail::Close { reason }, _) if header.kind == Kind::Close => close(case, header, reason)?,
        _ => return Err(detail_mismatch(header.kind)),
    }
    let pending_full = case.pending.len() >= policy.pending_max;
    if pending_full && policy.needs_evidence(&case.home, act.author, header, act.body) {
        return Err(Problem::new(Code::LimitReached, "pending")
            .found(case.pending.len().to_string())
            .expected(format!("fewer than {} pending events", policy.pending_max)));
    }
    Ok(())
}

/// Whether the act may open a case at `home` under `service`.
pub fn decide_open(home: &AgencyId, act: &Act<'_>, service: &Service) -> Result<()> {
    let header = act.header;
    if act.author != home || header.kind != Kind::Open {
        return Err(kind_not_allowed(header.kind));
    }
    no_grant(header)?;
    let Detail::Open { citizen, .. } = &act.body.detail else {
        return Err(detail_mismatch(header.kind));
    };
    if citizen.trim().is_empty() {
        return Err(Problem::new(Code::ValueRefused, "citizen").found("empty text").expected("a pseudonym"));
    }
    let opening = service.opening_step();
    if let Some(named) = header.step.as_deref()
        && opening.is_none_or(|step| step.id != named)
    {
        return Err(Problem::new(Code::StepUnknown, "step")
            .found(named)
            .expected("the opening step, or none"));
    }
    own_approval(act)?;
    opening.map_or(Ok(()), |step| form::check(step, act.body, true))
}

/// Whether pending work, whose form was judged when it was recorded, may take effect now.
pub(super) fn may_take_effect(
    case: &Case,
    author: &AgencyId,
    grant: Option<EventId>,
    work: &Work,
    now: Timestamp,
) -> Result<()> {
    may_append(case, author, grant, work.step(), now)?;
    not_closed(case)?;
    match work {
        Work::Step { step, .. } => step_open(case, known_step(case, step)?),
        Work::Note { .. } => Ok(()),
    }
}

fn no_grant(header: &Header) -> Result<()> {
    match header.grant {
        None => Ok(()),
        Some(grant) => Err(Problem::new(Code::ValueRefused, "grant")
            .found(grant.to_string())
            .expected("none: the home acts by its custody")),
    }
}

fn not_closed(case: &Case) -> Result<()> {
    if case.is_closed() { Err(Problem::new(Code::CaseClosed, "case")) } else { Ok(()) }
}

/// The head that was seen is one that this case can have had; exclusive kinds saw the newest.
fn head(case: &Case, header: &Header) -> Result<()> {
    let newest = case.head;
    let Some(seen) = header.head.filter(|seen| seen.seq < newest.seq || *seen == newest) else {
        return Err(Problem::new(Code::HeadUnknown, "head")
            .found(
                header
                    .head
                    .map_or_else(|| "none".to_owned(), |seen| format!("{} at seq {}", seen.record, seen.seq)),
            )
            .expected("a record of this case"));
    };
    if header.kind.is_exclusive() && seen != newest {
        return Err(head_moved(seen, newest));
    }
    Ok(())
}

/// An act that demands the newest record was made on an older one.
pub fn head_moved(seen: HeadAt, newest: HeadAt) -> Problem {
    Problem::new(Code::HeadMoved, "head")
        .found(format!("seq {}", seen.seq))
        .expected(format!("the newest record, seq {}", newest.seq))
}

/// Whether a body brings what a service asks for in a step; a step that the service does not have is not judged here.
pub fn check_form(service: &Service, step: &str, body: &Body, done: bool) -> Result<()> {
    let step = service.steps.iter().find(|known| known.id == step);
    step.map_or(Ok(()), |step| form::check(step, body, done))
}

fn known_step<'a>(case: &'a Case, id: &str) -> Result<&'a PlanStep> {
    case.step(id).ok_or_else(|| Problem::new(Code::StepUnknown, "step").found(id))
}

/// The step can be worked on: what it comes after is done in truth, not only pending, and it is not done itself.
fn step_open(case: &Case, step: &PlanStep) -> Result<()> {
    if step.is_workable() {
        return Ok(());
    }
    if step.done().is_some() {
        return Err(Problem::new(Code::StepNotOpen, "step").found(format!("{}, done", step.id())));
    }
    let undone = |before: &&String| case.step(before).is_none_or(|before| before.done().is_none());
    let waits_for: Vec<_> = step.definition.after.iter().filter(undone).collect();
    let code = if !waits_for.is_empty() && waits_for.iter().all(|before| case.has_pending_end(before)) {
        Code::PendingBase
    } else {
        Code::StepNotOpen
    };
    let waits_for: Vec<_> = waits_for.iter().map(|before| before.as_str()).collect();
    Err(Problem::new(code, "step")
        .found(step.id())
        .expected(format!("an open step; this one comes after {}", waits_for.join(", "))))
}

/// The home stands for its own officials: what they did not approve is not recorded as theirs.
fn own_approval(act: &Act<'_>) -> Result<()> {
    match (act.header.approval, act.approval) {
        (None, _) => Ok(()),
        (Some(_), Some(judgement)) if judgement.passed() => Ok(()),
        (Some(_), judgement) => {
            let found = judgement.map_or_else(
                || "no verdict".to_owned(),
                |judgement| {
                    let code = judgement.code.map_or_else(String::new, |code| format!(", {code}"));
                    format!("{}{code}", judgement.verdict.as_str())
                },
            );
            Err(Problem::new(Code::ApprovalInvalid, "approval").found(found).expected("TOTAL-PASSED"))
        }
    }
}

fn share(case: &Case, terms: &Terms, now: Timestamp, policy: &Policy) -> Result<()> {
    let refused = |field: &'static str, found: String, expected: &str| {
        Err(Problem::new(Code::TermsRefused, field).found(found).expected(expected))
    };
    if terms.grantee == case.home {
        return refused("grantee", terms.grantee.to_string(), "another agency than the home");
    }
    if !terms.read && terms.steps.is_empty() {
        return refused("steps", "nothing granted".to_owned(), "reading, or steps to append to");
    }
    for id in &terms.steps {
        match case.step(id) {
            None => return refused("steps", id.clone(), "steps of the plan"),
            Some(step) if *step.performer() == Performer::Home => {
                return refused("steps", id.clone(), "steps that the home need not do itself");
            }
            Some(_) => {}
        }
    }
    for (field, text) in [("purpose", &terms.purpose), ("ground", &terms.ground)] {
        if text.trim().is_empty() {
            return refused(field, "empty text".to_owned(), "text");
        }
    }
    let latest = now.plus_ms(policy.grant_life_max_ms);
    if terms.expires <= now || terms.expires > latest {
        return refused("expires", terms.expires.to_string(), &format!("after {now}, at most {latest}"));
    }
    if let Some(deadline) = terms.deadline
        && (deadline <= now || deadline > terms.expires)
    {
        return refused("deadline", deadline.to_string(), &format!("after {now}, at most {}", terms.expires));
    }
    if case.grants.len() >= policy.grants_max {
        return Err(Problem::new(Code::LimitReached, "grants")
            .found(case.grants.len().to_string())
            .expected(format!("fewer than {} grants", policy.grants_max)));
    }
    Ok(())
}

fn unshare(case: &Case, grant: &EventId) -> Result<()> {
    match case.grant(grant) {
        None => Err(Problem::new(Code::GrantMissing, "grant").found(grant.to_string())),
        Some(held) => match held.revoked {
            Some(revoked) => {
                Err(Problem::new(Code::GrantRevoked, "grant").found(format!("revoked at {revoked} already")))
            }
            None => Ok(()),
        },
    }
}

/// What was asked for is granted or refused on the ground of the steps, so that none of them may be open or pending:
/// to grant, all that are not optional are done; to refuse, no end of a step waits for its evidence.
fn close(case: &Case, header: &Header, reason: &str) -> Result<()> {
    let outcome = header.outcome().ok_or_else(|| detail_mismatch(header.kind))?;
    if matches!(outcome, Outcome::Granted | Outcome::Refused)
        && let Some(step) =
            case.plan.iter().find(|step| case.has_pending_end(step.id()) && step.done().is_none())
    {
        return Err(Problem::new(Code::PendingBase, "step").found(step.id()).expected("its evidence first"));
    }
    let undone = case.plan.iter().find(|step| !step.definition.optional && step.done().is_none());
    match (outcome, undone) {
        (Outcome::Granted, Some(step)) => Err(Problem::new(Code::StepNotOpen, "step")
            .found(format!("{}, {}", step.id(), step.state.as_str()))
            .expected("done, before the case is granted")),
        (Outcome::Refused, _) if reason.trim().is_empty() => {
            Err(Problem::new(Code::ValueRefused, "reason").found("empty text").expected("why it is refused"))
        }
        (Outcome::Refused, _) if case.appeal.is_none() => Err(Problem::new(Code::ValueRefused, "outcome")
            .found("refused")
            .expected("another outcome: the service defines no way to appeal")),
        _ => Ok(()),
    }
}

fn kind_not_allowed(kind: Kind) -> Problem {
    Problem::new(Code::KindNotAllowed, "kind").found(kind.as_str())
}

/// A body of another kind cannot come off the wire; one that was put together here is refused all the same.
fn detail_mismatch(kind: Kind) -> Problem {
    Problem::new(Code::Malformed, "detail").expected(format!("what the kind {} has", kind.as_str()))
}
