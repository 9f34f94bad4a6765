//! A capsule verified whole: what [`ogic_certs::capsule`] proves of its bytes, then what the history means by the fold.
//!
//! An approval that fails, or a document that an event misnames, is no failure of the capsule where the history itself gives
//! the event no effect: the report tells of it beside the verdict. Where a part of the history is withheld nobody knows what
//! its events did, and it is undecided. Pure, like the fold.

use ogic_certs::capsule::{
    Approved, Contents, Examined, Finding, Given, Recorded, Report, Step, examine, failed,
};
use ogic_certs::evidence::Judgement;
use ogic_certs::verdict::Verdict;
use ogic_certs::{Code, Problem, Result};

use super::decide::{Act, decide_open};
use super::fold::{Entry, Replay};
use super::model::{Case, Effect};
use super::policy::Policy;
use super::service::Service;

/// A capsule, verified.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Every check, and with them the verdict.
    pub report: Report,
    /// The case as its history leads to it, if every part of that could be read.
    pub case: Option<Case>,
    /// What the event of each record did, in order of sequence; empty without a case.
    pub effects: Vec<Effect>,
}

/// Verifies the bytes of a capsule: every step of PROTOCOL.md, "Verification of a capsule". Never panics, whatever they are.
pub fn verify(bytes: &[u8], given: &Given) -> Verified {
    let Examined { mut report, contents } = examine(bytes, given);
    let Some(contents) = contents else {
        return Verified { report, case: None, effects: Vec::new() };
    };
    let replay = replay(&contents, &mut report);
    let effects = replay.as_ref().map_or(&[][..], Replay::effects);
    for (nth, recorded) in contents.records.iter().enumerate() {
        let place = format!("record {}", recorded.record.seq);
        let effect = effects.get(nth);
        if let Some(effect) = effect {
            tell_effect(&place, effect, &mut report);
        }
        if let Some(approval) = &recorded.approval {
            let evidence = contents.evidence.get(&recorded.record.event);
            judge_approval(&place, approval, evidence, effect, &mut report);
        }
        if let Some(problem) = contents.misnamed.get(&recorded.record.event) {
            judge_misnamed(&place, problem, effect, &mut report);
        }
    }
    match replay.map(Replay::into_parts) {
        Some((case, effects)) => Verified { report, case: Some(case), effects },
        None => Verified { report, case: None, effects: Vec::new() },
    }
}

/// Folds the history; none if a part is withheld or the history cannot be folded, which is then found.
fn replay(contents: &Contents, report: &mut Report) -> Option<Replay> {
    let service = Service::parse(contents.service.value().as_bytes());
    let service = match service {
        Ok(service) => service,
        Err(problem) => {
            report.check_hard(Step::Service, "service", "the definition's text", Err(problem));
            return None;
        }
    };
    let policy = Policy::default();
    let mut replay: Option<Replay> = None;
    for recorded in &contents.records {
        let place = format!("record {}", recorded.record.seq);
        let entry = entry(recorded)?;
        let result = match &mut replay {
            Some(replay) => replay.push(&entry, &policy),
            // Who opened the case was its home; whose it is now, the seals' step has compared with the manifest.
            None => open(&entry, &service).map(|opened| replay = Some(opened)),
        };
        if let Err(problem) = result {
            report.check_hard(Step::Fold, &place, "the history can be folded", Err(problem));
            return None;
        }
    }
    let records = contents.records.len();
    report.check_hard(Step::Fold, "capsule", format!("{records} records folded into the case"), Ok(()));
    replay
}

/// Nothing for a record whose body is withheld or whose author nobody knows: both have been found by then.
fn entry(recorded: &Recorded) -> Option<Entry<'_>> {
    Some(Entry {
        record: &recorded.record,
        author: recorded.author.as_ref()?,
        header: recorded.header.value(),
        body: recorded.body.as_ref()?,
    })
}

fn open(entry: &Entry<'_>, service: &Service) -> Result<Replay> {
    // The approval is judged for itself; here it is asked whether the act may open a case at all.
    let approval = entry.header.approval.map(|_| &Judgement::PASSED);
    let Entry { record, author, header, body } = *entry;
    decide_open(author, &Act { author, event: record.event, header, body, approval }, service)?;
    Replay::open(entry, service)
}

/// What an event did is told; none of it speaks against the capsule, which is the history as it is.
fn tell_effect(place: &str, effect: &Effect, report: &mut Report) {
    let (what, judgement) = match effect {
        Effect::Held => ("the event took effect", Judgement::PASSED),
        Effect::Pending => ("the event waits for evidence", Judgement::PASSED),
        Effect::None(judgement) => ("the event has no effect, as the history says", judgement.clone()),
    };
    let problem = judgement.code.map(|code| Problem::new(code, "event"));
    let (place, what) = (place.to_owned(), what.to_owned());
    report.findings.push(Finding { place, step: Step::Fold, what, judgement, problem, counts: false });
}

/// Step 10. What cannot be decided here, genuine evidence settles; what fails counts if the event took effect.
fn judge_approval(
    place: &str,
    approval: &Approved,
    evidence: Option<&Judgement>,
    effect: Option<&Effect>,
    report: &mut Report,
) {
    let who = approval.official.as_ref().map_or_else(|| "an official".to_owned(), ToString::to_string);
    let settled = evidence.filter(|_| approval.judgement.verdict == Verdict::Indeterminate);
    let judgement = as_far_as_known(settled.unwrap_or(&approval.judgement).clone(), effect);
    let by = if settled.is_some() { ", by the evidence" } else { "" };
    let took_effect = matches!(effect, None | Some(Effect::Held));
    let beside = if judgement.passed() || took_effect { "" } else { "; the event has no effect" };
    let problem = match &approval.problem {
        _ if judgement.passed() => None,
        Some(problem) => Some(problem.clone()),
        None => Some(Problem::new(judgement.code.unwrap_or(Code::ApprovalInvalid), "approval")),
    };
    report.findings.push(Finding {
        place: place.to_owned(),
        step: Step::Approval,
        what: format!("the approval of {who}{by}{beside}"),
        counts: judgement.passed() || took_effect,
        judgement,
        problem,
    });
}

/// A flaw of an event of which nobody knows whether it took effect may count, or may not.
fn as_far_as_known(judgement: Judgement, effect: Option<&Effect>) -> Judgement {
    match effect {
        None => Judgement { verdict: judgement.verdict.min(Verdict::Indeterminate), ..judgement },
        Some(_) => judgement,
    }
}

/// Step 12. An event that names a carried document as it is not counts if it took effect.
fn judge_misnamed(place: &str, problem: &Problem, effect: Option<&Effect>, report: &mut Report) {
    let took_effect = matches!(effect, None | Some(Effect::Held));
    let beside = if took_effect { "" } else { "; the event has no effect" };
    report.findings.push(Finding {
        place: place.to_owned(),
        step: Step::Document,
        what: format!("the documents are what the event calls them{beside}"),
        judgement: as_far_as_known(failed(problem), effect),
        problem: Some(problem.clone()),
        counts: took_effect,
    });
}
