//! Messages of the two long-lived streams: their shape, bytes and bounds (PROTOCOL.md, "The exchange").
//!
//! Form alone is decided here. What a signed part says, and whether its signature holds, is for who receives it.

use ogic_certs::cbor::{self, Fields, Value};
use ogic_certs::certificate::CERTIFICATE_BYTES_MAX;
use ogic_certs::cose::Kind;
use ogic_certs::event::{BODY_BYTES_MAX, Event};
use ogic_certs::receipt::RECEIPT_BYTES_MAX;
use ogic_certs::{AgencyId, Code, Problem, Result, Timestamp};

use super::elements::{self, Elements};

/// Most certificates in one message or page.
pub const CERTIFICATES_MAX: usize = 64;
/// Most bytes of a notice: a verdict notice, which may carry evidence, is the larger kind.
pub const NOTICE_BYTES_MAX: usize = Kind::Verdict.bytes_max();
/// Most bytes of a log's origin: agency id, `/log/`, 32 hex digits, `/`, generation.
pub const ORIGIN_BYTES_MAX: usize = 320;
/// Most features that a hello names.
pub const FEATURES_MAX: usize = 32;
/// Most bytes of a feature's name.
pub const FEATURE_BYTES_MAX: usize = 64;

/// One message of a long-lived stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// The first message of the control stream, and never again.
    Hello(Hello),
    /// Certificates, DER: once a connection, before what they sign, on the same stream.
    Certificates(Vec<Vec<u8>>),
    /// An event for the home of its case.
    Event(Carried),
    /// A reference or verdict notice, COSE bytes.
    Notice(Vec<u8>),
    /// A receipt frame over what was stored in one commit.
    Receipts(Vec<u8>),
    /// A signed no, COSE bytes.
    Refusal(Vec<u8>),
}

/// An event as it travels: header COSE, body blob, approval COSE. Nothing about it has been checked but its size.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Carried {
    /// The signed header, at most 4 KiB.
    pub header: Vec<u8>,
    /// The body blob, at most 64 KiB.
    pub body: Vec<u8>,
    /// The official's approval, at most 4 KiB.
    pub approval: Option<Vec<u8>>,
}

impl Carried {
    /// Reads the parts and checks that the header commits to them; signatures are not checked.
    pub fn parse(&self) -> Result<Event> {
        Event::parse(&self.header, &self.body, self.approval.as_deref())
    }
}

/// Who speaks and what it holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hello {
    /// The speaker; must be the agency of its certificate.
    pub agency: AgencyId,
    /// The origin of its log; empty for a daemon without one.
    pub origin: String,
    /// The size of its log in leaves.
    pub size: u64,
    /// The highest checkpoint of the receiver that it holds, COSE bytes.
    pub checkpoint: Option<Vec<u8>>,
    /// The version of its registry.
    pub registry: u64,
    /// What it can do beyond this page; unknown names are passed over.
    pub features: Vec<String>,
    /// Its clock.
    pub clock: Timestamp,
}

impl Message {
    /// As PROTOCOL.md's `message`.
    pub fn to_value(&self) -> Value {
        let tagged = |tag: u64, rest: Vec<Value>| Value::Array([vec![tag.into()], rest].concat());
        match self {
            Self::Hello(hello) => tagged(0, vec![hello.to_value()]),
            Self::Certificates(ders) => tagged(1, vec![cbor::array(ders.iter().map(Vec::as_slice))]),
            Self::Event(event) => tagged(
                2,
                vec![
                    event.header.as_slice().into(),
                    event.body.as_slice().into(),
                    cbor::optional(event.approval.as_deref()),
                ],
            ),
            Self::Notice(cose) => tagged(3, vec![cose.as_slice().into()]),
            Self::Receipts(frame) => tagged(4, vec![frame.as_slice().into()]),
            Self::Refusal(cose) => tagged(5, vec![cose.as_slice().into()]),
        }
    }

    /// From PROTOCOL.md's `message`.
    pub fn from_value(value: Value) -> Result<Self> {
        let mut elements = Elements::of(value, "message")?;
        let message = match elements.tag()? {
            0 => Self::Hello(Hello::from_value(elements.take("hello")?)?),
            1 => {
                let ders = elements.byte_strings("certificates", CERTIFICATES_MAX, CERTIFICATE_BYTES_MAX)?;
                if ders.is_empty() {
                    return Err(Problem::new(Code::Malformed, "certificates").found("none"));
                }
                Self::Certificates(ders)
            }
            2 => Self::Event(Carried {
                header: elements.bytes("event header", Kind::Event.bytes_max())?,
                body: elements.bytes("body", BODY_BYTES_MAX)?,
                approval: elements.optional_bytes("approval", Kind::Approval.bytes_max())?,
            }),
            3 => Self::Notice(elements.bytes("notice", NOTICE_BYTES_MAX)?),
            4 => Self::Receipts(elements.bytes("receipt frame", RECEIPT_BYTES_MAX)?),
            5 => Self::Refusal(elements.bytes("refusal", Kind::Refusal.bytes_max())?),
            other => return Err(unknown("message", other)),
        };
        elements.finish()?;
        Ok(message)
    }

    /// The bytes of this message alone; a frame is an array of them.
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode(&self.to_value())
    }
}

impl Hello {
    fn to_value(&self) -> Value {
        cbor::map([
            (1, (&self.agency).into()),
            (2, self.origin.as_str().into()),
            (3, self.size.into()),
            (4, cbor::optional(self.checkpoint.as_deref())),
            (5, self.registry.into()),
            (6, cbor::array(self.features.iter().map(String::as_str))),
            (7, self.clock.into()),
        ])
    }

    fn from_value(value: Value) -> Result<Self> {
        let mut fields = Fields::of(value, "hello")?;
        let hello = Self {
            agency: fields.take(1, "agency")?.as_agency("agency")?,
            origin: elements::text(fields.take(2, "log origin")?, "log origin", ORIGIN_BYTES_MAX)?,
            size: fields.take(3, "log size")?.as_uint("log size")?,
            checkpoint: fields.take(4, "checkpoint")?.as_optional(checkpoint)?,
            registry: fields.take(5, "registry version")?.as_uint("registry version")?,
            features: elements::list(fields.take(6, "features")?, "features", FEATURES_MAX)?
                .map(|feature| elements::text(feature, "features", FEATURE_BYTES_MAX))
                .collect::<Result<_>>()?,
            clock: fields.take(7, "clock")?.as_time("clock")?,
        };
        fields.finish()?;
        Ok(hello)
    }
}

fn checkpoint(value: &Value) -> Result<Vec<u8>> {
    let bytes = value.as_bytes("checkpoint")?;
    let max = Kind::Checkpoint.bytes_max();
    if bytes.len() > max {
        return Err(Problem::new(Code::TooLarge, "checkpoint")
            .found(format!("{} bytes", bytes.len()))
            .expected(format!("at most {max} bytes")));
    }
    Ok(bytes.to_vec())
}

pub(super) fn unknown(what: &'static str, number: u64) -> Problem {
    Problem::new(Code::Malformed, what)
        .found(format!("the unknown number {number}"))
        .expected(format!("a number of PROTOCOL.md's {what}"))
}

#[cfg(test)]
pub(super) mod tests;
