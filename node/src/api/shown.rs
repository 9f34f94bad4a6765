//! A whole case as `GET /v1/cases/{case}` shows it, like a parcel: the steps behind it and those to come, who has which
//! right, and every record with what came of it.

use std::collections::{BTreeMap, HashMap};

use ogic_certs::cose::Signed;
use ogic_certs::event::{Detail, FieldValue, StepCode};
use ogic_certs::evidence::{Evidence, Judgement};
use ogic_certs::{AgencyId, EventId};
use serde::Serialize;

use super::views::{DocumentView, HeadView, JudgementView, TermsView, TitleView, ms};
use crate::case::service::Performer;
use crate::case::{Case, Custody, Grant, Moved, PlanStep, StepState, Work};
use crate::daemon::{CaseView, Entry};

/// A case as `GET /v1/cases/{case}` shows it.
#[derive(Serialize)]
pub(super) struct CaseShown {
    case: String,
    home: String,
    citizen: String,
    service: String,
    title: TitleView,
    status: &'static str,
    outcome: Option<&'static str>,
    head: HeadView,
    plan: Vec<PlanView>,
    grants: Vec<GrantView>,
    custody: Option<CustodyView>,
    moves: Vec<MoveView>,
    pending: Vec<String>,
    history: Vec<EntryView>,
}

#[derive(Serialize)]
struct PlanView {
    step: String,
    title: TitleView,
    state: &'static str,
    performer: String,
    due: Option<u64>,
    done_at: Option<u64>,
    by: Option<String>,
}

/// How the custody stands while it is about to change.
#[derive(Serialize)]
struct CustodyView {
    state: &'static str,
    offer: String,
    to: String,
    expires: u64,
}

/// A change of the home.
#[derive(Serialize)]
struct MoveView {
    from: String,
    to: String,
    at: u64,
    seq: u64,
}

#[derive(Serialize)]
struct GrantView {
    grant: String,
    #[serde(flatten)]
    terms: TermsView,
    revoked_at: Option<u64>,
}

#[derive(Serialize)]
struct EntryView {
    seq: u64,
    record: String,
    prev: String,
    received: u64,
    event: String,
    kind: &'static str,
    author: String,
    step: Option<String>,
    code: Option<&'static str>,
    created: u64,
    effect: &'static str,
    judgement: Option<JudgementView>,
    approved_by: Option<String>,
    fields: BTreeMap<String, serde_json::Value>,
    documents: Vec<DocumentView>,
}

impl CaseShown {
    /// Shows a case; `service` is the definition's name, or its digest where the definition is not at hand.
    pub(super) fn new(view: &CaseView, service: String) -> Self {
        let case = &view.case;
        let judged = judgements(&view.history);
        let home = home_now(case);
        Self {
            case: case.id.to_string(),
            home: home.to_string(),
            citizen: case.citizen.clone(),
            service,
            title: (&case.title).into(),
            status: case.status.as_str(),
            outcome: case.status.outcome().map(|outcome| outcome.as_str()),
            head: case.head.into(),
            plan: case.plan.iter().map(|step| plan_view(case, home, step)).collect(),
            grants: case.grants.iter().map(grant_view).collect(),
            custody: case.custody.as_ref().map(|custody| CustodyView {
                state: custody.as_str(),
                offer: custody.offer().id.to_string(),
                to: custody.offer().to.to_string(),
                expires: custody.offer().expires.ms(),
            }),
            moves: case.moves.iter().map(move_view).collect(),
            pending: case.pending.iter().map(|pending| pending.event.to_string()).collect(),
            history: view.history.iter().map(|entry| entry_view(entry, &judged)).collect(),
        }
    }
}

/// Who orders the case: an old home says where it went, and claims it no longer.
fn home_now(case: &Case) -> &AgencyId {
    match &case.custody {
        Some(Custody::Released { offer, .. }) => &offer.to,
        _ => &case.home,
    }
}

fn plan_view(case: &Case, home: &AgencyId, step: &PlanStep) -> PlanView {
    let performer = match (&step.handed_to, step.performer()) {
        (Some(handover), _) => handover.to.to_string(),
        (None, Performer::Home) => home.to_string(),
        (None, Performer::Competence(word)) => word.clone(),
    };
    let by = match &step.state {
        StepState::Done(ended) | StepState::NotPossible(ended) => Some(ended.by.to_string()),
        StepState::Planned | StepState::Open { .. } => None,
    };
    PlanView {
        step: step.id().to_owned(),
        title: step.title().into(),
        state: if is_pending(case, step) { "pending" } else { step.state.as_str() },
        performer,
        due: ms(step.due()),
        done_at: ms(step.done().map(|ended| ended.at)),
        by,
    }
}

/// Whether the step's end has its place in the history and waits for its evidence.
fn is_pending(case: &Case, step: &PlanStep) -> bool {
    let ends = |work: &Work| matches!(work, Work::Step { step: worked, code } if worked == step.id() && *code != StepCode::Going);
    step.done().is_none() && case.pending.iter().any(|pending| ends(&pending.work))
}

fn move_view(moved: &Moved) -> MoveView {
    let (from, to) = (moved.from.to_string(), moved.to.to_string());
    MoveView { from, to, at: moved.at.ms(), seq: moved.seq }
}

fn grant_view(grant: &Grant) -> GrantView {
    GrantView { grant: grant.id.to_string(), terms: (&grant.terms).into(), revoked_at: ms(grant.revoked) }
}

/// What the evidence of a history says of the events that it is about: of the home's verdict and the third party's the
/// worse.
fn judgements(history: &[Entry]) -> HashMap<EventId, Judgement> {
    let mut judged = HashMap::new();
    for entry in history {
        let Detail::Evidence { event, own, evidence } = &entry.body.detail else { continue };
        let theirs = evidence.as_deref().and_then(|bytes| Signed::<Evidence>::parse(bytes).ok());
        let theirs = theirs.map(|evidence| evidence.value().judgement.clone());
        let worse = theirs.filter(|theirs| theirs.verdict > own.verdict).unwrap_or_else(|| own.clone());
        judged.insert(*event, worse);
    }
    judged
}

fn entry_view(entry: &Entry, judged: &HashMap<EventId, Judgement>) -> EntryView {
    let header = entry.event.header.value();
    let event = entry.event.id();
    let code = header.step_code().map(|code| code.as_str());
    EntryView {
        seq: entry.record.seq,
        record: entry.record.digest().to_string(),
        prev: entry.record.prev.to_string(),
        received: entry.record.received.ms(),
        event: event.to_string(),
        kind: header.kind.as_str(),
        author: entry.author.to_string(),
        step: header.step.clone(),
        code: code.or_else(|| header.outcome().map(|outcome| outcome.as_str())),
        created: header.created.ms(),
        effect: entry.effect.as_str(),
        judgement: entry.effect.judgement().or_else(|| judged.get(&event)).map(Into::into),
        approved_by: entry.approved_by.clone(),
        fields: entry.body.fields.iter().map(|(name, value)| (name.clone(), field(value))).collect(),
        documents: entry.body.documents.iter().map(Into::into).collect(),
    }
}

fn field(value: &FieldValue) -> serde_json::Value {
    match value {
        FieldValue::Text(text) => text.as_str().into(),
        FieldValue::Int(number) => (*number).into(),
        FieldValue::Bool(flag) => (*flag).into(),
    }
}
