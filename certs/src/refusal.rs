//! Refusals and verdict notices: what a home signs when it says no, or what became of an event.

use crate::cbor::{self, Fields, Limits, Value};
use crate::cose::{Kind, Payload};
use crate::event::{HeadAt, text};
use crate::evidence::Judgement;
use crate::{CaseId, Code, Digest, EventId, Problem, Result, Timestamp};

/// A signed no to an event or notice; nothing of it was stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The event id, or the digest of the notice.
    pub subject: Digest,
    /// Why.
    pub code: Code,
    /// Which field was at fault.
    pub field: String,
    /// The newest record of the case, if the sender may know it.
    pub head: Option<HeadAt>,
    /// When.
    pub at: Timestamp,
}

impl Refusal {
    /// The problem that it tells of.
    pub fn problem(&self) -> Problem {
        Problem::new(self.code, self.field.clone())
    }
}

impl Payload for Refusal {
    const KIND: Kind = Kind::Refusal;

    fn encode(&self) -> Vec<u8> {
        cbor::encode(&cbor::map([
            (1, self.subject.into()),
            (2, self.code.number().into()),
            (3, self.field.as_str().into()),
            (4, self.head.map_or(Value::Null, HeadAt::to_value)),
            (5, self.at.into()),
        ]))
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        let mut fields = Fields::of(cbor::decode(bytes, &Limits::HEADER, "refusal")?, "refusal")?;
        let refusal = Self {
            subject: fields.take(1, "subject")?.as_digest("subject")?,
            code: code(&fields.take(2, "code")?)?,
            field: text(&fields.take(3, "field")?, "field")?,
            head: fields.take(4, "head")?.as_optional(HeadAt::from_value)?,
            at: fields.take(5, "time")?.as_time("time")?,
        };
        fields.finish()?;
        Ok(refusal)
    }
}

/// What became of an event that was recorded as pending: told to its author by the home.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerdictNotice {
    /// The case.
    pub case: CaseId,
    /// The event judged.
    pub event: EventId,
    /// The worst of the home's own verdict and the trusted third party's.
    pub judgement: Judgement,
    /// The record that carries the evidence.
    pub head: HeadAt,
    /// When.
    pub at: Timestamp,
    /// The trusted third party's evidence, COSE bytes, if it fits here.
    pub evidence: Option<Vec<u8>>,
}

impl Payload for VerdictNotice {
    const KIND: Kind = Kind::Verdict;

    fn encode(&self) -> Vec<u8> {
        cbor::encode(&cbor::map([
            (1, self.case.into()),
            (2, self.event.into()),
            (3, self.judgement.to_value()),
            (4, self.head.to_value()),
            (5, self.at.into()),
            (6, cbor::optional(self.evidence.as_deref())),
        ]))
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        let mut fields = Fields::of(cbor::decode(bytes, &Limits::BODY, "verdict notice")?, "verdict notice")?;
        let notice = Self {
            case: CaseId(fields.take(1, "case")?.as_digest("case")?),
            event: EventId(fields.take(2, "event")?.as_digest("event")?),
            judgement: Judgement::from_value(&fields.take(3, "verdict")?)?,
            head: HeadAt::from_value(&fields.take(4, "head")?)?,
            at: fields.take(5, "time")?.as_time("time")?,
            evidence: fields
                .take(6, "evidence")?
                .as_optional(|v| v.as_bytes("evidence").map(<[u8]>::to_vec))?,
        };
        fields.finish()?;
        Ok(notice)
    }
}

fn code(value: &Value) -> Result<Code> {
    let number = value.as_uint("code")?;
    // A newer peer's code is still a no: it is shown as the protocol's general one.
    Ok(Code::from_number(number).unwrap_or(Code::ProtocolViolation))
}
