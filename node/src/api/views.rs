//! The shapes of the node's answers. They only show: ids in hex, bytes in base64, times in milliseconds, words as the
//! command knows them.

use std::collections::{BTreeMap, HashMap};

use data_encoding::BASE64;
use ogic_certs::cose::Signed;
use ogic_certs::event::{Detail, DocumentRef, FieldValue, HeadAt, StepCode, Terms};
use ogic_certs::evidence::{Evidence, Judgement};
use ogic_certs::{CaseId, EventId, Timestamp};
use serde::Serialize;

use crate::case::service::Performer;
use crate::case::{Case, Effect, Grant, PlanStep, StepState, Title, Work};
use crate::daemon::{CaseView, Entry};

/// Bytes as base64.
pub(super) fn base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

fn ms(time: Option<Timestamp>) -> Option<u64> {
    time.map(Timestamp::ms)
}

/// Text in both languages.
#[derive(Serialize)]
pub(super) struct TitleView {
    en: String,
    ru: String,
}

impl From<&Title> for TitleView {
    fn from(title: &Title) -> Self {
        Self { en: title.en.clone(), ru: title.ru.clone() }
    }
}

/// A place in a history.
#[derive(Serialize)]
pub(super) struct HeadView {
    pub(super) seq: u64,
    pub(super) record: String,
}

impl From<HeadAt> for HeadView {
    fn from(head: HeadAt) -> Self {
        Self { seq: head.seq, record: head.record.to_string() }
    }
}

/// A judgement.
#[derive(Serialize)]
pub(super) struct JudgementView {
    verdict: &'static str,
    sub: Option<&'static str>,
    code: Option<String>,
}

impl From<&Judgement> for JudgementView {
    fn from(judgement: &Judgement) -> Self {
        Self {
            verdict: judgement.verdict.as_str(),
            sub: judgement.sub.map(|sub| sub.as_str()),
            code: judgement.code.map(|code| code.to_string()),
        }
    }
}

/// A document, without its bytes.
#[derive(Serialize)]
pub(super) struct DocumentView {
    sha256: String,
    root: String,
    bytes: u64,
    label: String,
    media_type: String,
}

impl From<&DocumentRef> for DocumentView {
    fn from(document: &DocumentRef) -> Self {
        Self {
            sha256: document.sha256.to_string(),
            root: document.root.to_string(),
            bytes: document.bytes,
            label: document.label.clone(),
            media_type: document.media_type.clone(),
        }
    }
}

/// What a right covers.
#[derive(Serialize)]
pub(super) struct TermsView {
    grantee: String,
    read: bool,
    steps: Vec<String>,
    purpose: String,
    ground: String,
    performer: String,
    deadline: Option<u64>,
    expires: u64,
}

impl From<&Terms> for TermsView {
    fn from(terms: &Terms) -> Self {
        Self {
            grantee: terms.grantee.to_string(),
            read: terms.read,
            steps: terms.steps.clone(),
            purpose: terms.purpose.clone(),
            ground: terms.ground.clone(),
            performer: terms.performer.clone(),
            deadline: ms(terms.deadline),
            expires: terms.expires.ms(),
        }
    }
}

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
        Self {
            case: case.id.to_string(),
            home: case.home.to_string(),
            citizen: case.citizen.clone(),
            service,
            title: (&case.title).into(),
            status: case.status.as_str(),
            outcome: case.status.outcome().map(|outcome| outcome.as_str()),
            head: case.head.into(),
            plan: case.plan.iter().map(|step| plan_view(case, step)).collect(),
            grants: case.grants.iter().map(grant_view).collect(),
            pending: case.pending.iter().map(|pending| pending.event.to_string()).collect(),
            history: view.history.iter().map(|entry| entry_view(entry, &judged)).collect(),
        }
    }
}

fn plan_view(case: &Case, step: &PlanStep) -> PlanView {
    let performer = match (&step.handed_to, step.performer()) {
        (Some(handover), _) => handover.to.to_string(),
        (None, Performer::Home) => case.home.to_string(),
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

/// A case in the list of those that the node holds or has a right to.
#[derive(Serialize)]
pub(super) struct CaseListed {
    pub(super) case: String,
    pub(super) role: &'static str,
    pub(super) home: String,
    pub(super) service: String,
    pub(super) title: Option<TitleView>,
    /// None where only the home knows.
    pub(super) status: Option<&'static str>,
    pub(super) head_seq: u64,
    pub(super) next_steps: Vec<String>,
    pub(super) grant: Option<String>,
}

/// What became of an act.
#[derive(Serialize)]
pub(super) struct Recorded {
    pub(super) event: String,
    pub(super) case: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<&'static str>,
    pub(super) seq: Option<u64>,
    pub(super) record: Option<String>,
}

impl Recorded {
    /// An event at its place; `state` where it was sent there.
    pub(super) fn new(
        event: EventId,
        case: CaseId,
        state: Option<&'static str>,
        place: Option<HeadAt>,
    ) -> Self {
        Self {
            event: event.to_string(),
            case: case.to_string(),
            state,
            seq: place.map(|place| place.seq),
            record: place.map(|place| place.record.to_string()),
        }
    }
}

/// How one event stands.
#[derive(Serialize)]
pub(super) struct Traced {
    pub(super) event: String,
    pub(super) case: String,
    pub(super) state: &'static str,
    pub(super) seq: Option<u64>,
    pub(super) pending: bool,
    pub(super) judgement: Option<JudgementView>,
    pub(super) problem: Option<serde_json::Value>,
}

impl Traced {
    /// A record of ours: what its effect says.
    pub(super) fn at_home(case: &Case, event: EventId, seq: u64) -> Self {
        let effect = case.effect_of(&event);
        let judgement = match effect {
            Some(Effect::Held) => Some((&Judgement::PASSED).into()),
            Some(Effect::None(judgement)) => Some(judgement.into()),
            Some(Effect::Pending) | None => None,
        };
        Self {
            event: event.to_string(),
            case: case.id.to_string(),
            state: "recorded",
            seq: Some(seq),
            pending: effect == Some(&Effect::Pending),
            judgement,
            problem: None,
        }
    }
}

/// An entry of the access log.
#[derive(Serialize)]
pub(super) struct AccessView {
    pub(super) at: u64,
    pub(super) who: String,
    pub(super) grant: Option<String>,
    pub(super) purpose: String,
    pub(super) code: Option<String>,
    pub(super) tries: u64,
}

/// A record with its event, as bytes.
#[derive(Serialize)]
pub(super) struct RawEntry {
    pub(super) index: u64,
    pub(super) record: String,
    pub(super) header: String,
    pub(super) body: Option<String>,
    pub(super) approval: Option<String>,
}

/// An event that was sent, as bytes, with its receipt.
#[derive(Serialize)]
pub(super) struct SentView {
    pub(super) event: String,
    pub(super) header: String,
    pub(super) body: String,
    pub(super) receipt: Option<String>,
    pub(super) seq: Option<u64>,
    pub(super) record: Option<String>,
}

/// A right that another home gave.
#[derive(Serialize)]
pub(super) struct ReferenceView {
    pub(super) case: String,
    pub(super) home: String,
    pub(super) grant: String,
    pub(super) service: String,
    pub(super) received: u64,
    #[serde(flatten)]
    pub(super) terms: TermsView,
}

/// A message in the outbox.
#[derive(Serialize)]
pub(super) struct ItemShown {
    pub(super) id: String,
    pub(super) peer: String,
    pub(super) case: Option<String>,
    pub(super) kind: &'static str,
    pub(super) state: &'static str,
    pub(super) tries: u32,
    pub(super) next_try: Option<u64>,
    pub(super) problem: Option<serde_json::Value>,
}

/// A member of the federation, and whether it is connected.
#[derive(Serialize)]
pub(super) struct PeerView {
    pub(super) agency: String,
    pub(super) level: &'static str,
    pub(super) name: TitleView,
    pub(super) endpoints: Vec<String>,
    pub(super) connected: bool,
    pub(super) since: Option<u64>,
    pub(super) problem: Option<serde_json::Value>,
}

impl TitleView {
    /// A name in both languages.
    pub(super) fn new(en: &str, ru: &str) -> Self {
        Self { en: en.to_owned(), ru: ru.to_owned() }
    }
}
