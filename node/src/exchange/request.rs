//! Requests and their answers: one bidirectional stream each (PROTOCOL.md, "The exchange").
//!
//! Form alone is decided here; rights are checked by the home at every access.

use ogic_certs::cbor::{self, Limits, Value};
use ogic_certs::certificate::CERTIFICATE_BYTES_MAX;
use ogic_certs::cose::Kind;
use ogic_certs::crl::CRL_BYTES_MAX;
use ogic_certs::event::{BODY_BYTES_MAX, TEXT_BYTES_MAX};
use ogic_certs::evidence::VerifyRequest;
use ogic_certs::receipt::RECEIPT_BYTES_MAX;
use ogic_certs::record::Record;
use ogic_certs::{CaseId, Code, Digest, EventId, Problem, Result};

use super::elements::Elements;
use super::frame::FRAME_BYTES_MAX;
use super::message::{CERTIFICATES_MAX, Carried, unknown};

/// Most entries of one page of history.
pub const ENTRIES_MAX: usize = 512;
/// Bytes of entries at which a page ends; one entry always fits (PROTOCOL.md, "Limits").
pub const PAGE_BYTES: usize = 128 << 10;
/// Longest that a registry request may wait for a newer version.
pub const WAIT_MS_MAX: u64 = 60_000;
/// Most bytes of an answer that brings the registry and its CRLs; every other answer is a frame.
pub const REGISTRY_ANSWER_BYTES_MAX: usize = 8 << 20;
/// Most CRLs beside a registry.
pub const CRLS_MAX: usize = 16;

/// What is asked on a stream of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request {
    /// A page of a case's history.
    History {
        /// The case.
        case: CaseId,
        /// The grant under which it is read; none by a party that the home knows otherwise.
        grant: Option<EventId>,
        /// The first sequence number wanted.
        from: u64,
        /// For what; goes to the access log.
        purpose: String,
    },
    /// A document's bytes.
    Document {
        /// SHA-256 of the whole.
        sha256: Digest,
        /// The case that it belongs to.
        case: CaseId,
        /// The grant under which it is read.
        grant: Option<EventId>,
        /// The first byte wanted: a transfer resumes there.
        offset: u64,
    },
    /// A registry newer than the one held.
    Registry {
        /// The version held.
        have: u64,
        /// How long to wait for a newer one, at most [`WAIT_MS_MAX`].
        wait_ms: u64,
    },
    /// An announcement of endpoints, COSE bytes; the authority alone takes it.
    Announce(Vec<u8>),
    /// A request to judge; the trusted third party alone takes it.
    Verify(VerifyRequest),
    /// A service definition by digest.
    Service(Digest),
    /// A certificate by digest.
    Certificate(Digest),
}

/// What is answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// No: code and field.
    Refused(Problem),
    /// To [`Request::History`].
    History(Page),
    /// To [`Request::Document`]: so many bytes follow, from the offset on.
    Document {
        /// How many.
        bytes: u64,
    },
    /// To [`Request::Registry`].
    Registry {
        /// The registry, COSE bytes; none if there is no newer one.
        registry: Option<Vec<u8>>,
        /// The CRLs in force, DER.
        crls: Vec<Vec<u8>>,
    },
    /// To [`Request::Announce`]: taken.
    Announced,
    /// To [`Request::Verify`].
    Evidence {
        /// The evidence, COSE bytes.
        evidence: Vec<u8>,
        /// The certificates of its signer, DER.
        certificates: Vec<Vec<u8>>,
    },
    /// To [`Request::Service`]: the definition, COSE bytes.
    Service(Vec<u8>),
    /// To [`Request::Certificate`]: the certificate, DER.
    Certificate(Vec<u8>),
}

/// A page of a case's history, with the proof that it is what the home's log holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    /// The certificates of those who signed the entries, DER.
    pub certificates: Vec<Vec<u8>>,
    /// Consecutive entries, oldest first.
    pub entries: Vec<Entry>,
    /// A receipt frame over the entries, with the case's head.
    pub receipt: Vec<u8>,
    /// The sequence number of the case's newest record.
    pub head_seq: u64,
}

/// One record of a page with its event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The record's index in the home's log.
    pub index: u64,
    /// The record's fixed-width bytes.
    pub record: Vec<u8>,
    /// The event.
    pub event: Carried,
}

impl Request {
    /// The CBOR of one request frame.
    pub fn encode(&self) -> Vec<u8> {
        let elements = match self {
            Self::History { case, grant, from, purpose } => {
                vec![1.into(), (*case).into(), cbor::optional(*grant), (*from).into(), purpose.into()]
            }
            Self::Document { sha256, case, grant, offset } => {
                vec![2.into(), (*sha256).into(), (*case).into(), cbor::optional(*grant), (*offset).into()]
            }
            Self::Registry { have, wait_ms } => vec![3.into(), (*have).into(), (*wait_ms).into()],
            Self::Announce(cose) => vec![4.into(), cose.as_slice().into()],
            Self::Verify(request) => vec![5.into(), request.to_value()],
            Self::Service(digest) => vec![6.into(), (*digest).into()],
            Self::Certificate(digest) => vec![7.into(), (*digest).into()],
        };
        cbor::encode(&Value::Array(elements))
    }

    /// Reads the CBOR of one request frame.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut elements = Elements::of(cbor::decode(bytes, &Limits::FRAME, "request")?, "request")?;
        let case = |value: Value| value.as_digest("case").map(CaseId);
        let grant = |value: Value| value.as_optional(|v| v.as_digest("grant").map(EventId));
        let request = match elements.tag()? {
            1 => Self::History {
                case: case(elements.take("case")?)?,
                grant: grant(elements.take("grant")?)?,
                from: elements.take("from")?.as_uint("from")?,
                purpose: elements.text("purpose", TEXT_BYTES_MAX)?,
            },
            2 => Self::Document {
                sha256: elements.take("document")?.as_digest("document")?,
                case: case(elements.take("case")?)?,
                grant: grant(elements.take("grant")?)?,
                offset: elements.take("offset")?.as_uint("offset")?,
            },
            3 => Self::Registry {
                have: elements.take("version")?.as_uint("version")?,
                wait_ms: wait(elements.take("wait")?.as_uint("wait")?)?,
            },
            4 => Self::Announce(elements.bytes("announcement", Kind::Announcement.bytes_max())?),
            5 => Self::Verify(VerifyRequest::from_value(elements.take("verify request")?)?),
            6 => Self::Service(elements.take("service")?.as_digest("service")?),
            7 => Self::Certificate(elements.take("certificate")?.as_digest("certificate")?),
            other => return Err(unknown("request", other)),
        };
        elements.finish()?;
        Ok(request)
    }

    /// The most bytes that the answer's frame may have.
    pub const fn answer_bytes_max(&self) -> usize {
        match self {
            Self::Registry { .. } => REGISTRY_ANSWER_BYTES_MAX,
            _ => FRAME_BYTES_MAX,
        }
    }

    /// How long the request itself allows the answer to wait.
    pub const fn wait_ms(&self) -> u64 {
        match self {
            Self::Registry { wait_ms, .. } => *wait_ms,
            _ => 0,
        }
    }

    /// Reads the answer to this request. A refusal is an error with the peer's code and field; an answer to another
    /// question is [`Code::ProtocolViolation`].
    pub fn read_answer(&self, bytes: &[u8]) -> Result<Answer> {
        let answer = Answer::decode(bytes, self.answer_bytes_max())?;
        match (self, &answer) {
            (_, Answer::Refused(problem)) => Err(problem.clone()),
            (Self::History { .. }, Answer::History(_))
            | (Self::Document { .. }, Answer::Document { .. })
            | (Self::Registry { .. }, Answer::Registry { .. })
            | (Self::Announce(_), Answer::Announced)
            | (Self::Verify(_), Answer::Evidence { .. })
            | (Self::Service(_), Answer::Service(_))
            | (Self::Certificate(_), Answer::Certificate(_)) => Ok(answer),
            _ => Err(Problem::new(Code::ProtocolViolation, "answer").found("an answer to another request")),
        }
    }
}

fn wait(ms: u64) -> Result<u64> {
    if ms <= WAIT_MS_MAX {
        return Ok(ms);
    }
    Err(Problem::new(Code::ValueRefused, "wait")
        .found(format!("{ms} ms"))
        .expected(format!("at most {WAIT_MS_MAX} ms")))
}

impl Answer {
    /// The CBOR of one answer frame.
    pub fn encode(&self) -> Vec<u8> {
        let ders = |list: &[Vec<u8>]| cbor::array(list.iter().map(Vec::as_slice));
        let elements = match self {
            Self::Refused(problem) => vec![0.into(), problem.code.number().into(), field(problem).into()],
            Self::History(page) => vec![
                1.into(),
                ders(&page.certificates),
                Value::Array(page.entries.iter().map(Entry::to_value).collect()),
                page.receipt.as_slice().into(),
                page.head_seq.into(),
            ],
            Self::Document { bytes } => vec![2.into(), (*bytes).into()],
            Self::Registry { registry, crls } => {
                vec![3.into(), cbor::optional(registry.as_deref()), ders(crls)]
            }
            Self::Announced => vec![4.into()],
            Self::Evidence { evidence, certificates } => {
                vec![5.into(), evidence.as_slice().into(), ders(certificates)]
            }
            Self::Service(cose) => vec![6.into(), cose.as_slice().into()],
            Self::Certificate(der) => vec![7.into(), der.as_slice().into()],
        };
        cbor::encode(&Value::Array(elements))
    }

    /// Reads the CBOR of one answer frame of at most `bytes_max` bytes.
    pub fn decode(bytes: &[u8], bytes_max: usize) -> Result<Self> {
        let limits = Limits { bytes_max, ..Limits::FRAME };
        let mut elements = Elements::of(cbor::decode(bytes, &limits, "answer")?, "answer")?;
        let answer = match elements.tag()? {
            0 => {
                // A newer peer's code is still a no: it is shown as the protocol's general one.
                let number = elements.take("code")?.as_uint("code")?;
                let code = Code::from_number(number).unwrap_or(Code::ProtocolViolation);
                Self::Refused(Problem::new(code, elements.text("field", FIELD_BYTES_MAX)?))
            }
            1 => Self::History(Page {
                certificates: elements.byte_strings(
                    "certificates",
                    CERTIFICATES_MAX,
                    CERTIFICATE_BYTES_MAX,
                )?,
                entries: elements
                    .list("entries", ENTRIES_MAX)?
                    .map(Entry::from_value)
                    .collect::<Result<_>>()?,
                receipt: elements.bytes("receipt frame", RECEIPT_BYTES_MAX)?,
                head_seq: elements.take("head")?.as_uint("head")?,
            }),
            2 => Self::Document { bytes: elements.take("bytes")?.as_uint("bytes")? },
            3 => Self::Registry {
                registry: elements.optional_bytes("registry", Kind::Registry.bytes_max())?,
                crls: elements.byte_strings("CRLs", CRLS_MAX, CRL_BYTES_MAX)?,
            },
            4 => Self::Announced,
            5 => Self::Evidence {
                evidence: elements.bytes("evidence", Kind::Evidence.bytes_max())?,
                certificates: elements.byte_strings(
                    "certificates",
                    CERTIFICATES_MAX,
                    CERTIFICATE_BYTES_MAX,
                )?,
            },
            6 => Self::Service(elements.bytes("service", Kind::Service.bytes_max())?),
            7 => Self::Certificate(elements.bytes("certificate", CERTIFICATE_BYTES_MAX)?),
            other => return Err(unknown("answer", other)),
        };
        elements.finish()?;
        Ok(answer)
    }
}

/// Most bytes of the field that a refusal names.
pub(super) const FIELD_BYTES_MAX: usize = 1024;

/// The problem's field, cut so that the other side will take it.
pub(super) fn field(problem: &Problem) -> &str {
    let fits = |(at, letter): &(usize, char)| at + letter.len_utf8() <= FIELD_BYTES_MAX;
    let end = problem.field.char_indices().take_while(fits).last().map_or(0, |(at, c)| at + c.len_utf8());
    problem.field.get(..end).unwrap_or_default()
}

impl Entry {
    fn to_value(&self) -> Value {
        Value::Array(vec![
            self.index.into(),
            self.record.as_slice().into(),
            self.event.header.as_slice().into(),
            self.event.body.as_slice().into(),
            cbor::optional(self.event.approval.as_deref()),
        ])
    }

    fn from_value(value: Value) -> Result<Self> {
        let mut elements = Elements::of(value, "entry")?;
        let entry = Self {
            index: elements.take("index")?.as_uint("index")?,
            record: elements.bytes("record", Record::BYTES)?,
            event: Carried {
                header: elements.bytes("event header", Kind::Event.bytes_max())?,
                body: elements.bytes("body", BODY_BYTES_MAX)?,
                approval: elements.optional_bytes("approval", Kind::Approval.bytes_max())?,
            },
        };
        elements.finish()?;
        Ok(entry)
    }

    /// What this entry adds to a page of [`PAGE_BYTES`].
    pub fn bytes(&self) -> usize {
        let event = &self.event;
        self.record.len()
            + event.header.len()
            + event.body.len()
            + event.approval.as_ref().map_or(0, Vec::len)
    }
}

#[cfg(test)]
mod tests;
