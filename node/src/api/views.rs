//! The shapes of the node's answers. They only show: ids in hex, bytes in base64, times in milliseconds, words as the
//! command knows them.

use data_encoding::BASE64;
use ogic_certs::event::{DocumentRef, HeadAt, Terms};
use ogic_certs::evidence::Judgement;
use ogic_certs::{CaseId, EventId, Timestamp};
use serde::Serialize;

use crate::case::{Case, Effect, Title};

/// Bytes as base64.
pub(super) fn base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// A time in milliseconds, if there is one.
pub(super) fn ms(time: Option<Timestamp>) -> Option<u64> {
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
    /// Whether the right under `grant` has ended as far as this node heard: `revoked` or `expired`.
    pub(super) ended: Option<&'static str>,
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
