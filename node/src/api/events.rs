//! Acts of the agency's own people: opening a case, and appending to one of ours or of another home.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64;
use ogic_certs::certificate::Certificate;
use ogic_certs::cose::Signed;
use ogic_certs::event::{Approval, BODY_BYTES_MAX, Body, HeadAt, Kind, Outcome, StepCode, StepTimes};
use ogic_certs::evidence::{CERTIFICATES_MAX, Judgement};
use ogic_certs::{CaseId, Code, Digest, Problem, Result, Timestamp};
use serde::Deserialize;
use serde_json::json;

use super::Answer;
use super::views::Recorded;
use crate::daemon::Handle;
use crate::desk::check::{self, Bag};
use crate::desk::{Act, Answer as DeskAnswer, SentState};
use crate::local::{Asked, Content, IdempotencyKey, Named, json as read};

/// Longest wait for another agency's receipt, within the patience of a client.
const WAIT_MS_MAX: u64 = 45_000;
/// The wait of a caller who names none.
const WAIT_MS: u64 = 10_000;

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
            kind @ (Kind::Step | Kind::Note | Kind::Share | Kind::Unshare | Kind::Close) => Ok(kind),
            kind => Err(Problem::new(Code::KindNotAllowed, "kind")
                .found(kind.as_str())
                .expected("one of step note share unshare close")),
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
    ) -> Result<Self> {
        let body = bytes(body, "body")?;
        if body.len() > BODY_BYTES_MAX {
            return Err(Problem::new(Code::TooLarge, "body")
                .found(format!("{} bytes", body.len()))
                .expected(format!("at most {BODY_BYTES_MAX} bytes")));
        }
        documents_are_here(handle, &Body::from_blob(&body, kind)?).await?;
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
        // What no signature rests on is not kept.
        let mut certificates = approval
            .as_ref()
            .map_or_else(Vec::new, |(approval, _)| bag.candidates(approval.envelope().signer()));
        certificates.retain(|certificate| !certificate.is_self_issued());
        Ok(Self { body, approval, certificates, created: Timestamp::from_ms(created, "created")? })
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
    key: IdempotencyKey,
    Content(body): Content,
) -> Answer<Json<Recorded>> {
    let OpenBody { body, approval, certificates, created } = read(&body)?;
    let brought =
        Brought::read(&handle, Kind::Open, &body, approval.as_deref(), &certificates, created).await?;
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
    match handle.act(key.0, act).await? {
        DeskAnswer::Recorded { case, event, place } => {
            tracing::info!(case = %case, "case opened");
            Ok(Json(Recorded::new(event, case, None, Some(place))))
        }
        _ => Err(Problem::new(Code::Internal, "answer").into()),
    }
}

/// How long a caller would wait for a receipt, in milliseconds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wait {
    #[serde(default)]
    wait: Option<u64>,
}

/// `POST /v1/cases/{case}/events`.
pub(super) async fn append(
    State(handle): State<Handle>,
    Named(case): Named,
    Asked(Wait { wait }): Asked<Wait>,
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
        Brought::read(&handle, kind, &body, approval.as_deref(), &certificates, created).await?;
    let act = Act { case: Some(case), kind, step, code, body, approval, certificates, created, times, head };
    match handle.act(key.0, act).await? {
        DeskAnswer::Recorded { case, event, place } => {
            Ok(Json(Recorded::new(event, case, None, Some(place))).into_response())
        }
        DeskAnswer::Sent { case, event } => {
            let wait = wait.unwrap_or(WAIT_MS).min(WAIT_MS_MAX);
            match handle.settled(event, wait).await? {
                Some(SentState::Done { place, .. }) => {
                    Ok(Json(Recorded::new(event, case, Some("receipted"), place)).into_response())
                }
                Some(SentState::Parked(problem)) => Err(problem.into()),
                Some(SentState::Waiting) | None => {
                    let waiting = Json(json!({"event": event.to_string(), "state": "waiting"}));
                    Ok((StatusCode::ACCEPTED, waiting).into_response())
                }
            }
        }
        _ => Err(Problem::new(Code::Internal, "answer").into()),
    }
}
