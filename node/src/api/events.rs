//! Acts of the agency's own people: opening a case, and appending to one of ours or of another home; and what would come
//! of one (`?dry_run=true`), without any of it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64;
use ogic_certs::certificate::Certificate;
use ogic_certs::cose::Signed;
use ogic_certs::event::{
    Approval, BODY_BYTES_MAX, Body, Detail, FieldValue, HeadAt, Kind, Outcome, StepCode, StepTimes,
};
use ogic_certs::evidence::{CERTIFICATES_MAX, Judgement};
use ogic_certs::registry::Level;
use ogic_certs::{AgencyId, CaseId, Code, Digest, EventId, Problem, Result, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Answer;
use super::views::Recorded;
use crate::case::head_moved;
use crate::daemon::{Entry, Handle};
use crate::desk::check::{self, Bag};
use crate::desk::{Act, Answer as DeskAnswer, SentState};
use crate::local::{Asked, Content, IdempotencyKey, Named, json as read, refusal_json};

/// Longest wait for another agency's receipt, within the patience of a client.
const WAIT_MS_MAX: u64 = 45_000;
/// The wait of a caller who names none.
const WAIT_MS: u64 = 10_000;
/// What the look at another home's newest record is registered as.
const PURPOSE_HEAD: &str = "newest record";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OpenBody {
    body: String,
    #[serde(default)]
    approval: Option<String>,
    #[serde(default)]
    certificates: Vec<String>,
    created: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventBody {
    kind: String,
    #[serde(default)]
    step: Option<String>,
    #[serde(default)]
    code: Option<String>,
    body: String,
    #[serde(default)]
    approval: Option<String>,
    #[serde(default)]
    certificates: Vec<String>,
    created: u64,
    #[serde(default)]
    times: Times,
    #[serde(default)]
    head: Option<Head>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Times {
    received: Option<u64>,
    started: Option<u64>,
    ended: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    seq: u64,
    record: String,
}

impl EventBody {
    /// The kind, which must be one that people bring: evidence is the node's to write, and a case is opened elsewhere.
    fn kind(&self) -> Result<Kind> {
        match Kind::from_word(&self.kind)? {
            kind @ (Kind::Step
            | Kind::Note
            | Kind::Share
            | Kind::Unshare
            | Kind::Close
            | Kind::Offer
            | Kind::Accept
            | Kind::Decline) => Ok(kind),
            kind => Err(Problem::new(Code::KindNotAllowed, "kind")
                .found(kind.as_str())
                .expected("one of step note share unshare close offer accept decline")),
        }
    }

    /// The number of the code's word, which the kind gives its meaning.
    fn code(&self, kind: Kind) -> Result<u64> {
        match (kind, self.code.as_deref()) {
            (Kind::Step, None) => Ok(StepCode::Going.number()),
            (Kind::Step, Some(word)) => StepCode::from_word(word).map(StepCode::number),
            (Kind::Close, Some(word)) => Outcome::from_word(word).map(Outcome::number),
            (Kind::Close, None) => {
                Err(Problem::new(Code::ValueRefused, "code").found("none").expected("how the case ended"))
            }
            (_, None) => Ok(0),
            (_, Some(word)) => Err(Problem::new(Code::ValueRefused, "code")
                .found(word)
                .expected(format!("none with the kind {}", kind.as_str()))),
        }
    }
}

impl Times {
    fn times(&self) -> Result<StepTimes> {
        let time = |ms: Option<u64>| ms.map(|ms| Timestamp::from_ms(ms, "times")).transpose();
        Ok(StepTimes {
            received: time(self.received)?,
            started: time(self.started)?,
            ended: time(self.ended)?,
        })
    }
}

/// What an act brings, read and checked by form.
struct Brought {
    body: Vec<u8>,
    approval: Option<(Signed<Approval>, Judgement)>,
    certificates: Vec<Certificate>,
    created: Timestamp,
}

impl Brought {
    async fn read(
        handle: &Handle,
        kind: Kind,
        body: &str,
        approval: Option<&str>,
        certificates: &[String],
        created: u64,
        dry_run: bool,
    ) -> Result<Self> {
        let body = bytes(body, "body")?;
        if body.len() > BODY_BYTES_MAX {
            return Err(Problem::new(Code::TooLarge, "body")
                .found(format!("{} bytes", body.len()))
                .expected(format!("at most {BODY_BYTES_MAX} bytes")));
        }
        let read = Body::from_blob(&body, kind)?;
        says_something(kind, &read)?;
        grantee_is_known(handle, &read)?;
        if !dry_run {
            documents_are_here(handle, &read).await?;
        }
        if certificates.len() > CERTIFICATES_MAX {
            return Err(Problem::new(Code::TooLarge, "certificates")
                .found(certificates.len().to_string())
                .expected(format!("at most {CERTIFICATES_MAX}")));
        }
        let mut bag = Bag::default();
        for certificate in certificates {
            bag.add(&bytes(certificate, "certificates")?)
                .map_err(|problem| problem.within("certificates"))?;
        }
        let approval = approval.map(|approval| bytes(approval, "approval")).transpose()?;
        let approval = approval
            .map(|bytes| check::approval(&handle.trust(), handle.agency(), &bytes, &bag, handle.now()))
            .transpose()?;
        if let Some((approval, _)) = &approval {
            approver_is_ours(handle.agency(), bag.certificate(&approval.envelope().signer()))?;
        }
        // What no signature rests on is not kept.
        let certificates = approval.as_ref().map_or_else(Vec::new, |(approval, _)| {
            check::resting(&handle.trust(), &bag, approval.envelope().signer(), handle.now())
        });
        Ok(Self { body, approval, certificates, created: Timestamp::from_ms(created, "created")? })
    }
}

/// A note is its content: one without any would be a record of nothing.
fn says_something(kind: Kind, body: &Body) -> Result<()> {
    let blank = |value: &FieldValue| matches!(value, FieldValue::Text(text) if text.trim().is_empty());
    if kind == Kind::Note && body.documents.is_empty() && body.fields.iter().all(|(_, value)| blank(value)) {
        return Err(Problem::new(Code::ValueRefused, "note")
            .found("nothing")
            .expected("a field that is not empty, such as text=…, or a document"));
    }
    Ok(())
}

/// A reference to an agency that the registry does not list would wait for ever, and nobody would learn of the right.
fn grantee_is_known(handle: &Handle, body: &Body) -> Result<()> {
    let (Detail::Share(terms) | Detail::Offer(terms)) = &body.detail else { return Ok(()) };
    let found = terms.grantee.to_string();
    match handle.trust().registry().member(&terms.grantee) {
        None => Err(Problem::new(Code::AgencyUnknown, "grantee")
            .found(found)
            .expected("a member of the registry")),
        Some(member) if member.level == Level::Service => {
            let expected = "an agency: services of the federation work on no cases";
            Err(Problem::new(Code::TermsRefused, "grantee").found(found).expected(expected))
        }
        Some(_) => Ok(()),
    }
}

/// Whoever acts has his own officials approve: another agency's would fail at every judge, and say less why.
fn approver_is_ours(agency: &AgencyId, signer: Option<&Certificate>) -> Result<()> {
    let identity = signer.map(Certificate::identity).transpose()?;
    match identity.filter(|identity| identity.agency != *agency) {
        None => Ok(()),
        Some(other) => Err(Problem::new(Code::ApprovalInvalid, "approval")
            .found(other.to_string())
            .expected(format!("an official of {agency}, which acts"))),
    }
}

/// What an event names must be here, and what it is named, before it is sealed: nobody could ever fetch it otherwise.
async fn documents_are_here(handle: &Handle, body: &Body) -> Result<()> {
    for document in &body.documents {
        handle.documents().compare(document).await?;
    }
    Ok(())
}

fn bytes(text: &str, field: &'static str) -> Result<Vec<u8>> {
    BASE64.decode(text.as_bytes()).map_err(|error| {
        Problem::new(Code::Malformed, field).found(error.to_string()).expected("base64 with padding")
    })
}

/// `POST /v1/cases`.
pub(super) async fn open(
    State(handle): State<Handle>,
    Asked(Dry { dry_run }): Asked<Dry>,
    key: IdempotencyKey,
    Content(body): Content,
) -> Answer<Response> {
    let OpenBody { body, approval, certificates, created } = read(&body)?;
    let brought =
        Brought::read(&handle, Kind::Open, &body, approval.as_deref(), &certificates, created, dry_run)
            .await?;
    let act = Act {
        case: None,
        kind: Kind::Open,
        step: None,
        code: 0,
        body: brought.body,
        approval: brought.approval,
        certificates: brought.certificates,
        created: brought.created,
        times: StepTimes::default(),
        head: None,
    };
    if dry_run {
        return judged(&handle, act).await;
    }
    match handle.act(key.0, act).await? {
        DeskAnswer::Recorded { case, event, place } => {
            tracing::info!(case = %case, "case opened");
            Ok(Json(Recorded::new(event, case, None, Some(place))).into_response())
        }
        _ => Err(Problem::new(Code::Internal, "answer").into()),
    }
}

/// Whether an opening is only to be judged.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dry {
    #[serde(default)]
    dry_run: bool,
}

/// Says what would come of an act, without any of it. Of another agency's case its home alone decides.
async fn judged(handle: &Handle, act: Act) -> Answer<Response> {
    let by_home = matches!(handle.judge(act).await?, DeskAnswer::Recorded { .. });
    let judge = if by_home { "home" } else { "performer" };
    Ok(Json(json!({"dry_run": true, "judged": judge})).into_response())
}

/// How long a caller would wait for a receipt, in milliseconds, and whether the act is only to be judged.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wait {
    #[serde(default)]
    wait: Option<u64>,
    #[serde(default)]
    dry_run: bool,
}

/// What a caller demands of another home's case, its home is asked: this node may have seen less. A repeated act, whose own
/// record is the newer one, has its answer already.
async fn head_holds(handle: &Handle, key: &str, case: CaseId, demanded: HeadAt) -> Result<()> {
    let key = key.to_owned();
    let known = handle
        .ask(move |desk| Ok(desk.book().outcomes.contains_key(&key) || desk.case(&case)?.is_some()))
        .await??;
    if known {
        return Ok(());
    }
    let view = handle.read(case, PURPOSE_HEAD).await?;
    let newest = view.case.head;
    if demanded == newest {
        return Ok(());
    }
    let of_case =
        |entry: &Entry| entry.record.seq == demanded.seq && entry.record.digest() == demanded.record;
    if view.history.iter().any(of_case) {
        return Err(head_moved(demanded, newest));
    }
    Err(Problem::new(Code::HeadUnknown, "head")
        .found(format!("record {} with digest {}", demanded.seq, demanded.record))
        .expected("a record of this case"))
}

/// What the home refused stays in the outbox: the answer names it, so that it can be sent again or given up.
fn parked(event: EventId, problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.code.http()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut error: Value = refusal_json(problem);
    error["parked"] = event.to_string().into();
    (status, Json(json!({ "error": error }))).into_response()
}

/// `POST /v1/cases/{case}/events`.
pub(super) async fn append(
    State(handle): State<Handle>,
    Named(case): Named,
    Asked(Wait { wait, dry_run }): Asked<Wait>,
    key: IdempotencyKey,
    Content(body): Content,
) -> Answer<Response> {
    let case = CaseId::from_hex(&case, "case")?;
    let asked: EventBody = read(&body)?;
    let kind = asked.kind()?;
    let code = asked.code(kind)?;
    let times = asked.times.times()?;
    let head = match &asked.head {
        Some(head) => Some(HeadAt { seq: head.seq, record: Digest::from_hex(&head.record, "head")? }),
        None => None,
    };
    let EventBody { body, approval, certificates, created, step, .. } = asked;
    let Brought { body, approval, certificates, created } =
        Brought::read(&handle, kind, &body, approval.as_deref(), &certificates, created, dry_run).await?;
    if let Some(demanded) = head {
        head_holds(&handle, &key.0, case, demanded).await?;
    }
    let act = Act { case: Some(case), kind, step, code, body, approval, certificates, created, times, head };
    if dry_run && kind == Kind::Accept {
        // Without the history, which is not fetched for a trial, nobody can say more.
        handle.is_offered(case).await?;
        return Ok(Json(json!({"dry_run": true, "judged": "performer"})).into_response());
    }
    if dry_run {
        return judged(&handle, act).await;
    }
    if kind == Kind::Accept {
        // Whoever accepts a case has all of it first.
        handle.hold_offered(case).await?;
    }
    match handle.act(key.0, act).await? {
        DeskAnswer::Recorded { case, event, place } => {
            Ok(Json(Recorded::new(event, case, None, Some(place))).into_response())
        }
        DeskAnswer::Sent { case, event } => {
            let wait = wait.unwrap_or(WAIT_MS).min(WAIT_MS_MAX);
            match handle.settled(event, wait).await? {
                Some(SentState::Done { place, .. }) if kind == Kind::Accept => {
                    // The release follows in the same commit, and its notice close behind the receipt.
                    let state = if handle.taken(case, wait).await? { "taken" } else { "receipted" };
                    Ok(Json(Recorded::new(event, case, Some(state), place)).into_response())
                }
                Some(SentState::Done { place, .. }) => {
                    Ok(Json(Recorded::new(event, case, Some("receipted"), place)).into_response())
                }
                Some(SentState::Parked(problem) | SentState::Dropped(problem)) => Ok(parked(event, &problem)),
                Some(SentState::Waiting) | None => {
                    let waiting = Json(json!({"event": event.to_string(), "state": "waiting"}));
                    Ok((StatusCode::ACCEPTED, waiting).into_response())
                }
            }
        }
        _ => Err(Problem::new(Code::Internal, "answer").into()),
    }
}
