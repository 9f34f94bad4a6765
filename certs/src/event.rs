//! Events: the signed header, the body that it commits to, and an official's approval.
//!
//! The header alone is signed and chained; what concerns the citizen stands in the body, so that a body can be erased
//! or withheld and every proof still holds. PROTOCOL.md, "Event".

use crate::cbor::{self, Fields, Limits, Value};
use crate::cose::{Kind as Envelope, Payload, Signed};
use crate::evidence::Judgement;
use crate::{AgencyId, CaseId, Code, Digest, EventId, Problem, Result, Timestamp};

/// Bytes of salt before a body's CBOR.
pub const SALT_BYTES: usize = 32;
/// Most bytes of a body blob, salt included.
pub const BODY_BYTES_MAX: usize = 64 << 10;
/// Most bytes of a step's id, a form field's name or a channel's name.
pub const NAME_BYTES_MAX: usize = 64;
/// Most bytes of a document's label, of a purpose, ground or reason.
pub const TEXT_BYTES_MAX: usize = 1024;
/// Most documents that one event brings.
pub const DOCUMENTS_MAX: usize = 32;
/// Most bytes of a document's label.
pub const LABEL_BYTES_MAX: usize = 255;

macro_rules! numbered {
    ($(#[$doc:meta])* $name:ident, $field:literal, { $($(#[$vdoc:meta])* $variant:ident = $number:literal $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum $name {
            $($(#[$vdoc])* $variant = $number,)+
        }

        impl $name {
            /// Every value, in order of number.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The number in signed bytes.
            pub const fn number(self) -> u64 {
                self as u64
            }

            /// The value of a number.
            pub fn from_number(number: u64) -> Result<Self> {
                match number {
                    $($number => Ok(Self::$variant),)+
                    _ => Err(Problem::new(Code::ValueRefused, $field)
                        .found(number.to_string())
                        .expected(concat!("a number of PROTOCOL.md's ", $field))),
                }
            }

            /// The word in the API and in `--json`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }

            /// The value of a word.
            pub fn from_word(word: &str) -> Result<Self> {
                match word {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(Problem::new(Code::ValueRefused, $field)
                        .found(word)
                        .expected(concat!("one of" $(, " ", $text)+))),
                }
            }
        }
    };
}

numbered! {
    /// What an event is.
    Kind, "kind", {
        /// Opens a case.
        Open = 1 "open",
        /// Works on a step of the plan.
        Step = 2 "step",
        /// Adds a note, without effect on the plan.
        Note = 3 "note",
        /// Grants another agency a right.
        Share = 4 "share",
        /// Revokes a grant.
        Unshare = 5 "unshare",
        /// Carries the verdict about an earlier event.
        Evidence = 6 "evidence",
        /// Changes the plan; reserved.
        Plan = 7 "plan",
        /// Closes the case.
        Close = 8 "close",
        /// Suspends the case; reserved.
        Suspend = 9 "suspend",
        /// Resumes the case; reserved.
        Resume = 10 "resume",
        /// Offers the custody; reserved.
        Offer = 11 "offer",
        /// Accepts the custody; reserved.
        Accept = 12 "accept",
        /// Declines the custody; reserved.
        Decline = 13 "decline",
        /// Releases the custody; reserved.
        Release = 14 "release",
        /// Takes the custody; reserved.
        Taken = 15 "taken",
        /// Says that a deadline passed in silence; reserved.
        Lapse = 16 "lapse",
    }
}

impl Kind {
    /// Whether the act demands that the author saw the newest record: it would be wrong on any other state.
    pub const fn is_exclusive(self) -> bool {
        matches!(self, Self::Close | Self::Plan | Self::Release)
    }

    /// Whether this release takes the kind at all.
    pub const fn is_reserved(self) -> bool {
        matches!(
            self,
            Self::Plan
                | Self::Suspend
                | Self::Resume
                | Self::Offer
                | Self::Accept
                | Self::Decline
                | Self::Release
                | Self::Taken
                | Self::Lapse
        )
    }
}

numbered! {
    /// How a case ended.
    Outcome, "outcome", {
        /// What was asked for was granted.
        Granted = 1 "granted",
        /// It was refused, with a reason and a way to appeal.
        Refused = 2 "refused",
        /// The citizen withdrew it.
        Withdrawn = 3 "withdrawn",
        /// Another agency's case took it over.
        HandedOver = 4 "handed-over",
        /// A deadline ended it.
        Lapsed = 5 "lapsed",
    }
}

numbered! {
    /// What a step event says about its step.
    StepCode, "step code", {
        /// Work goes on.
        Going = 0 "going",
        /// The step is done.
        Done = 1 "done",
        /// The step cannot be done.
        NotPossible = 2 "not-possible",
    }
}

/// A place in a case's history: "the newest record that I saw".
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct HeadAt {
    /// The record's sequence number, from 0.
    pub seq: u64,
    /// The record's digest.
    pub record: Digest,
}

impl HeadAt {
    /// As `[seq, record]`.
    pub fn to_value(self) -> Value {
        Value::Array(vec![self.seq.into(), self.record.into()])
    }

    /// From `[seq, record]`.
    pub fn from_value(value: &Value) -> Result<Self> {
        let [seq, record] = value.as_tuple::<2>("head")?;
        Ok(Self { seq: seq.as_uint("head")?, record: record.as_digest("head")? })
    }
}

/// The author's times of a step: when it was received, started and ended.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct StepTimes {
    /// The task came in.
    pub received: Option<Timestamp>,
    /// Work began.
    pub started: Option<Timestamp>,
    /// Work ended.
    pub ended: Option<Timestamp>,
}

/// An event's header: all that is signed by the author's seal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// The case; none in an opening event.
    pub case: Option<CaseId>,
    /// The newest record the author had seen; none in an opening event.
    pub head: Option<HeadAt>,
    /// The kind.
    pub kind: Kind,
    /// The step, if the event concerns one.
    pub step: Option<String>,
    /// When the author made it.
    pub created: Timestamp,
    /// Bytes of the body blob.
    pub body_bytes: u64,
    /// SHA-256 of the body blob.
    pub commitment: Digest,
    /// SHA-256 of the approval's COSE bytes.
    pub approval: Option<Digest>,
    /// The grant that the author acts under: the id of the share event.
    pub grant: Option<EventId>,
    /// [`StepCode`] of a step, [`Outcome`] of a close, else 0.
    pub code: u64,
    /// The author's times.
    pub times: StepTimes,
}

impl Payload for Header {
    const KIND: Envelope = Envelope::Event;

    fn encode(&self) -> Vec<u8> {
        let times = [self.times.received, self.times.started, self.times.ended];
        let times = (1_u64..).zip(times).filter_map(|(key, time)| Some((key.into(), time?.into()))).collect();
        cbor::encode(&cbor::map([
            (1, cbor::optional(self.case)),
            (2, self.head.map_or(Value::Null, HeadAt::to_value)),
            (3, self.kind.number().into()),
            (4, cbor::optional(self.step.as_deref())),
            (5, self.created.into()),
            (6, self.body_bytes.into()),
            (7, self.commitment.into()),
            (8, cbor::optional(self.approval)),
            (9, cbor::optional(self.grant)),
            (10, self.code.into()),
            (11, Value::Map(times)),
        ]))
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        let mut fields = Fields::of(cbor::decode(bytes, &Limits::HEADER, "event header")?, "event header")?;
        let case = fields.take(1, "case")?.as_optional(|v| v.as_digest("case").map(CaseId))?;
        let head = fields.take(2, "head")?.as_optional(HeadAt::from_value)?;
        let kind = Kind::from_number(fields.take(3, "kind")?.as_uint("kind")?)?;
        let step =
            fields.take(4, "step")?.as_optional(|v| short(v.as_text("step")?, "step", NAME_BYTES_MAX))?;
        let created = fields.take(5, "created")?.as_time("created")?;
        let body_bytes = fields.take(6, "body bytes")?.as_uint("body bytes")?;
        let commitment = fields.take(7, "commitment")?.as_digest("commitment")?;
        let approval = fields.take(8, "approval")?.as_optional(|v| v.as_digest("approval"))?;
        let grant = fields.take(9, "grant")?.as_optional(|v| v.as_digest("grant").map(EventId))?;
        let code = fields.take(10, "code")?.as_uint("code")?;
        let mut times = Fields::of(fields.take(11, "times")?, "times")?;
        let mut time = |key| times.take_optional(key).map(|v| v.as_time("times")).transpose();
        let parsed_times = StepTimes { received: time(1)?, started: time(2)?, ended: time(3)? };
        times.finish()?;
        fields.finish()?;
        let header = Self {
            case,
            head,
            kind,
            step,
            created,
            body_bytes,
            commitment,
            approval,
            grant,
            code,
            times: parsed_times,
        };
        header.check()?;
        Ok(header)
    }
}

impl Header {
    /// What must hold within the header itself, whoever signed it.
    fn check(&self) -> Result<()> {
        let opening = self.kind == Kind::Open;
        let refused = |field, found: &str, expected| {
            Err(Problem::new(Code::ValueRefused, field).found(found).expected(expected))
        };
        if opening != self.case.is_none() || opening != self.head.is_none() {
            return refused("case", self.kind.as_str(), "case and head, except in an opening event");
        }
        if self.body_bytes <= SALT_BYTES as u64 || self.body_bytes > BODY_BYTES_MAX as u64 {
            return refused("body bytes", &self.body_bytes.to_string(), "33 to 65536");
        }
        let code_fits = match self.kind {
            Kind::Step => StepCode::from_number(self.code).is_ok(),
            Kind::Close => Outcome::from_number(self.code).is_ok(),
            _ => self.code == 0,
        };
        if !code_fits {
            return refused("code", &self.code.to_string(), "a code of the event's kind");
        }
        if self.kind == Kind::Step && self.step.is_none() {
            return refused("step", "null", "the step that a step event works on");
        }
        Ok(())
    }

    /// How the step stands, in a step event.
    pub fn step_code(&self) -> Option<StepCode> {
        if self.kind == Kind::Step { StepCode::from_number(self.code).ok() } else { None }
    }

    /// How the case ended, in a close event.
    pub fn outcome(&self) -> Option<Outcome> {
        if self.kind == Kind::Close { Outcome::from_number(self.code).ok() } else { None }
    }
}

/// A value of a form's field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FieldValue {
    /// Text.
    Text(String),
    /// A whole number.
    Int(i64),
    /// Yes or no.
    Bool(bool),
}

/// A document that an event brings: what it is, not its bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DocumentRef {
    /// SHA-256 of the whole, as `sha256sum` prints it.
    pub sha256: Digest,
    /// RFC 9162 root over chunks of 1 MiB.
    pub root: Digest,
    /// Length in bytes.
    pub bytes: u64,
    /// A label for people; never a path.
    pub label: String,
    /// The media type, such as `application/pdf`.
    pub media_type: String,
}

impl DocumentRef {
    /// As PROTOCOL.md's `document`.
    pub fn to_value(&self) -> Value {
        cbor::map([
            (1, self.sha256.into()),
            (2, self.root.into()),
            (3, self.bytes.into()),
            (4, self.label.as_str().into()),
            (5, self.media_type.as_str().into()),
        ])
    }

    /// From PROTOCOL.md's `document`.
    pub fn from_value(value: Value) -> Result<Self> {
        let mut fields = Fields::of(value, "document")?;
        let document = Self {
            sha256: fields.take(1, "document sha256")?.as_digest("document sha256")?,
            root: fields.take(2, "document root")?.as_digest("document root")?,
            bytes: fields.take(3, "document bytes")?.as_uint("document bytes")?,
            label: short(fields.take(4, "label")?.as_text("label")?, "label", LABEL_BYTES_MAX)?,
            media_type: short(fields.take(5, "media type")?.as_text("media type")?, "media type", 127)?,
        };
        fields.finish()?;
        Ok(document)
    }
}

/// What a share event grants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Terms {
    /// The agency that gets the right.
    pub grantee: AgencyId,
    /// It may read history, plan and documents.
    pub read: bool,
    /// It may append to these steps.
    pub steps: Vec<String>,
    /// What for.
    pub purpose: String,
    /// On which legal ground.
    pub ground: String,
    /// Which unit or office is to perform.
    pub performer: String,
    /// Until when the work is due.
    pub deadline: Option<Timestamp>,
    /// When the right ends by itself.
    pub expires: Timestamp,
}

/// What a body holds besides fields and documents, by kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Detail {
    /// Step and note events need nothing more.
    None,
    /// Open.
    Open {
        /// Digest of the service definition's COSE bytes.
        service: Digest,
        /// The home's pseudonym of the citizen.
        citizen: String,
    },
    /// Share.
    Share(Terms),
    /// Unshare.
    Unshare {
        /// The share event that is revoked.
        grant: EventId,
        /// Why.
        reason: String,
    },
    /// Evidence.
    Evidence {
        /// The event judged.
        event: EventId,
        /// The home's own verdict.
        own: Judgement,
        /// The trusted third party's evidence, COSE bytes.
        evidence: Option<Vec<u8>>,
    },
    /// Close.
    Close {
        /// Why it ended so.
        reason: String,
    },
}

/// An event's body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Body {
    /// The form's fields, by name, sorted.
    pub fields: Vec<(String, FieldValue)>,
    /// The documents it brings.
    pub documents: Vec<DocumentRef>,
    /// What its kind needs.
    pub detail: Detail,
}

impl Body {
    /// A body without fields and documents.
    pub const fn of(detail: Detail) -> Self {
        Self { fields: Vec::new(), documents: Vec::new(), detail }
    }

    /// The blob that a header commits to: salt, then CBOR.
    pub fn to_blob(&self, salt: &[u8; SALT_BYTES]) -> Vec<u8> {
        let fields = self.fields.iter().map(|(name, value)| {
            let value = match value {
                FieldValue::Text(text) => text.as_str().into(),
                FieldValue::Bool(flag) => (*flag).into(),
                FieldValue::Int(n) => u64::try_from(*n).map_or(Value::Nint(*n), Value::Uint),
            };
            (Value::Text(name.clone()), value)
        });
        let mut entries = vec![
            (Value::Uint(1), Value::Map(fields.collect())),
            (Value::Uint(2), Value::Array(self.documents.iter().map(DocumentRef::to_value).collect())),
        ];
        if let Some(detail) = self.detail.to_value() {
            entries.push((Value::Uint(3), detail));
        }
        [salt.as_slice(), &cbor::encode(&Value::Map(entries))].concat()
    }

    /// Reads the blob of an event of this `kind`.
    pub fn from_blob(blob: &[u8], kind: Kind) -> Result<Self> {
        let Some((_, cbor_bytes)) = blob.split_at_checked(SALT_BYTES) else {
            return Err(Problem::new(Code::Malformed, "body")
                .found(format!("{} bytes", blob.len()))
                .expected("32 bytes of salt, then CBOR"));
        };
        let mut parts = Fields::of(cbor::decode(cbor_bytes, &Limits::BODY, "body")?, "body")?;
        let mut fields = Vec::new();
        match parts.take(1, "fields")? {
            Value::Map(entries) => {
                for (name, value) in entries {
                    fields.push(read_field(&name, value)?);
                }
            }
            _ => return Err(Problem::new(Code::Malformed, "fields").expected("a map")),
        }
        let documents = match parts.take(2, "documents")? {
            Value::Array(values) if values.len() <= DOCUMENTS_MAX => {
                values.into_iter().map(DocumentRef::from_value).collect::<Result<_>>()?
            }
            _ => return Err(Problem::new(Code::Malformed, "documents").expected("an array of at most 32")),
        };
        let detail = Detail::from_value(parts.take_optional(3), kind)?;
        parts.finish()?;
        Ok(Self { fields, documents, detail })
    }
}

impl Detail {
    fn to_value(&self) -> Option<Value> {
        Some(match self {
            Self::None => return None,
            Self::Open { service, citizen } => {
                cbor::map([(1, (*service).into()), (2, citizen.as_str().into())])
            }
            Self::Share(terms) => cbor::map([
                (1, (&terms.grantee).into()),
                (2, terms.read.into()),
                (3, cbor::array(terms.steps.iter().map(String::as_str))),
                (4, terms.purpose.as_str().into()),
                (5, terms.ground.as_str().into()),
                (6, terms.performer.as_str().into()),
                (7, cbor::optional(terms.deadline)),
                (8, terms.expires.into()),
            ]),
            Self::Unshare { grant, reason } => cbor::map([(1, (*grant).into()), (2, reason.as_str().into())]),
            Self::Evidence { event, own, evidence } => cbor::map([
                (1, (*event).into()),
                (2, own.to_value()),
                (3, cbor::optional(evidence.as_deref())),
            ]),
            Self::Close { reason } => cbor::map([(1, reason.as_str().into())]),
        })
    }

    fn from_value(value: Option<Value>, kind: Kind) -> Result<Self> {
        let needs = matches!(kind, Kind::Open | Kind::Share | Kind::Unshare | Kind::Evidence | Kind::Close);
        let value = match value {
            Some(value) if needs => value,
            None if !needs => return Ok(Self::None),
            found => {
                return Err(Problem::new(Code::Malformed, "detail")
                    .found(if found.is_some() { "a detail" } else { "none" })
                    .expected(format!("what the kind {} has", kind.as_str())));
            }
        };
        let mut fields = Fields::of(value, "detail")?;
        let detail = match kind {
            Kind::Open => Self::Open {
                service: fields.take(1, "service")?.as_digest("service")?,
                citizen: text(&fields.take(2, "citizen")?, "citizen")?,
            },
            Kind::Share => Self::Share(Terms {
                grantee: fields.take(1, "grantee")?.as_agency("grantee")?,
                read: fields.take(2, "read")?.as_bool("read")?,
                steps: steps(&fields.take(3, "steps")?)?,
                purpose: text(&fields.take(4, "purpose")?, "purpose")?,
                ground: text(&fields.take(5, "ground")?, "ground")?,
                performer: text(&fields.take(6, "performer")?, "performer")?,
                deadline: fields.take(7, "deadline")?.as_optional(|v| v.as_time("deadline"))?,
                expires: fields.take(8, "expires")?.as_time("expires")?,
            }),
            Kind::Unshare => Self::Unshare {
                grant: EventId(fields.take(1, "grant")?.as_digest("grant")?),
                reason: text(&fields.take(2, "reason")?, "reason")?,
            },
            Kind::Evidence => Self::Evidence {
                event: EventId(fields.take(1, "event")?.as_digest("event")?),
                own: Judgement::from_value(&fields.take(2, "own verdict")?)?,
                evidence: fields
                    .take(3, "evidence")?
                    .as_optional(|v| v.as_bytes("evidence").map(<[u8]>::to_vec))?,
            },
            _ => Self::Close { reason: text(&fields.take(1, "reason")?, "reason")? },
        };
        fields.finish()?;
        Ok(detail)
    }
}

fn read_field(name: &Value, value: Value) -> Result<(String, FieldValue)> {
    let name = short(name.as_text("field name")?, "field name", NAME_BYTES_MAX)?;
    let value = match value {
        Value::Text(text) => FieldValue::Text(text),
        Value::Bool(flag) => FieldValue::Bool(flag),
        Value::Nint(n) => FieldValue::Int(n),
        Value::Uint(n) => FieldValue::Int(i64::try_from(n).map_err(|_| {
            Problem::new(Code::ValueRefused, "field value").found(n.to_string()).expected("below 2^63")
        })?),
        _ => {
            return Err(Problem::new(Code::Malformed, "field value").expected("text, integer or truth value"));
        }
    };
    Ok((name, value))
}

/// A list of step ids, as in terms and references.
pub(crate) fn steps(value: &Value) -> Result<Vec<String>> {
    value.as_array("steps")?.iter().map(|v| short(v.as_text("steps")?, "steps", NAME_BYTES_MAX)).collect()
}

/// Text for people, of at most [`TEXT_BYTES_MAX`] bytes.
pub(crate) fn text(value: &Value, field: &'static str) -> Result<String> {
    short(value.as_text(field)?, field, TEXT_BYTES_MAX)
}

/// Text of at most `bytes_max` bytes.
pub(crate) fn short(text: &str, field: &'static str, bytes_max: usize) -> Result<String> {
    if text.len() <= bytes_max {
        Ok(text.to_owned())
    } else {
        Err(Problem::new(Code::TooLarge, field)
            .found(format!("{} bytes", text.len()))
            .expected(format!("at most {bytes_max} bytes")))
    }
}

/// What an official signs: this act on this case, whatever the seal adds around it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Approval {
    /// The case; none for an opening event.
    pub case: Option<CaseId>,
    /// The kind of the event approved.
    pub kind: Kind,
    /// Its step.
    pub step: Option<String>,
    /// SHA-256 of its body blob.
    pub commitment: Digest,
}

impl Payload for Approval {
    const KIND: Envelope = Envelope::Approval;

    fn encode(&self) -> Vec<u8> {
        cbor::encode(&cbor::map([
            (1, cbor::optional(self.case)),
            (2, self.kind.number().into()),
            (3, cbor::optional(self.step.as_deref())),
            (4, self.commitment.into()),
        ]))
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        let mut fields = Fields::of(cbor::decode(bytes, &Limits::HEADER, "approval")?, "approval")?;
        let approval = Self {
            case: fields.take(1, "case")?.as_optional(|v| v.as_digest("case").map(CaseId))?,
            kind: Kind::from_number(fields.take(2, "kind")?.as_uint("kind")?)?,
            step: fields
                .take(3, "step")?
                .as_optional(|v| short(v.as_text("step")?, "step", NAME_BYTES_MAX))?,
            commitment: fields.take(4, "commitment")?.as_digest("commitment")?,
        };
        fields.finish()?;
        Ok(approval)
    }
}

impl Approval {
    /// Whether it approves exactly the event of `header`.
    pub fn covers(&self, header: &Header) -> bool {
        self.case == header.case
            && self.kind == header.kind
            && self.step == header.step
            && self.commitment == header.commitment
    }
}

/// An event as it travels: signed header, body blob, approval. Form and digests are proven, no signature is.
#[derive(Clone, Debug)]
pub struct Event {
    /// The signed header.
    pub header: Signed<Header>,
    /// The body blob, whose digest the header holds.
    pub body: Vec<u8>,
    /// The approval, whose digest the header holds.
    pub approval: Option<Signed<Approval>>,
}

impl Event {
    /// Reads the three parts and checks that the header commits to the other two.
    pub fn parse(header: &[u8], body: &[u8], approval: Option<&[u8]>) -> Result<Self> {
        let header = Signed::<Header>::parse(header)?;
        let approval = approval.map(Signed::<Approval>::parse).transpose()?;
        let event = Self { header, body: body.to_vec(), approval };
        event.check()?;
        Ok(event)
    }

    /// Checks body and approval against the header.
    fn check(&self) -> Result<()> {
        let header = self.header.value();
        if self.body.len() as u64 != header.body_bytes {
            return Err(Problem::new(Code::DigestMismatch, "body bytes")
                .found(self.body.len().to_string())
                .expected(header.body_bytes.to_string()));
        }
        let commitment = Digest::of(&self.body);
        if commitment != header.commitment {
            return Err(Problem::new(Code::DigestMismatch, "commitment")
                .found(commitment.to_string())
                .expected(header.commitment.to_string()));
        }
        let approval = self.approval.as_ref().map(Signed::digest);
        if approval != header.approval {
            return Err(Problem::new(Code::DigestMismatch, "approval")
                .found(approval.map_or_else(|| "none".to_owned(), |d| d.to_string()))
                .expected(header.approval.map_or_else(|| "none".to_owned(), |d| d.to_string())));
        }
        if self.approval.as_ref().is_some_and(|approval| !approval.value().covers(header)) {
            return Err(Problem::new(Code::ApprovalInvalid, "approval")
                .found("an approval of another act")
                .expected("case, kind, step and commitment of the header"));
        }
        Ok(())
    }

    /// The event's id.
    pub fn id(&self) -> EventId {
        EventId(self.header.digest())
    }

    /// The case it belongs to: named in the header, or derived from its own id when it opens one.
    pub fn case(&self) -> CaseId {
        self.header.value().case.unwrap_or_else(|| CaseId::opened_by(self.id()))
    }

    /// Reads the body.
    pub fn read_body(&self) -> Result<Body> {
        Body::from_blob(&self.body, self.header.value().kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cose::Signer;
    use crate::testing::lone_signer as signer;

    fn time(ms: u64) -> Timestamp {
        Timestamp::from_ms(ms, "t").unwrap()
    }

    fn seal() -> Signer {
        signer("ogic://transport.gov.example/seal", 1)
    }

    fn step_event(edit: impl FnOnce(&mut Header)) -> Event {
        let body = Body {
            fields: vec![
                ("age".to_owned(), FieldValue::Int(-3)),
                ("fit".to_owned(), FieldValue::Bool(true)),
                ("class".to_owned(), FieldValue::Text("B".to_owned())),
            ],
            documents: vec![DocumentRef {
                sha256: Digest::of(b"d"),
                root: Digest::of(b"r"),
                bytes: 1,
                label: "certificate.pdf".to_owned(),
                media_type: "application/pdf".to_owned(),
            }],
            detail: Detail::None,
        }
        .to_blob(&[9; SALT_BYTES]);
        let approval = Approval {
            case: Some(CaseId(Digest::of(b"case"))),
            kind: Kind::Step,
            step: Some("medical".to_owned()),
            commitment: Digest::of(&body),
        };
        let official = signer("ogic://health.gov.example/official/physician-1", 2);
        let approval = Signed::sign(approval, &official).unwrap();
        let mut header = Header {
            case: Some(CaseId(Digest::of(b"case"))),
            head: Some(HeadAt { seq: 4, record: Digest::of(b"record") }),
            kind: Kind::Step,
            step: Some("medical".to_owned()),
            created: time(1_795_576_803_007),
            body_bytes: body.len() as u64,
            commitment: Digest::of(&body),
            approval: Some(approval.digest()),
            grant: Some(EventId(Digest::of(b"grant"))),
            code: StepCode::Done.number(),
            times: StepTimes { started: Some(time(5)), ..StepTimes::default() },
        };
        edit(&mut header);
        Event { header: Signed::sign(header, &seal()).unwrap(), body, approval: Some(approval) }
    }

    #[test]
    fn an_event_survives_the_wire() {
        let event = step_event(|_| {});
        let approval = event.approval.as_ref().map(|a| a.bytes().to_vec());
        let read = Event::parse(event.header.bytes(), &event.body, approval.as_deref()).unwrap();
        assert_eq!(read.header.value(), event.header.value());
        assert_eq!(read.id(), event.id());
        assert_eq!(read.case(), CaseId(Digest::of(b"case")));
        let body = read.read_body().unwrap();
        assert_eq!(body.documents.len(), 1);
        assert!(body.fields.contains(&("age".to_owned(), FieldValue::Int(-3))));
        assert!(read.header.verify_with(seal().certificate()).is_ok());
    }

    #[test]
    fn each_broken_bond_is_named() {
        let event = step_event(|_| {});
        let approval = event.approval.as_ref().map(|a| a.bytes().to_vec());
        let parse = |body: &[u8], approval: Option<&[u8]>| {
            Event::parse(event.header.bytes(), body, approval).map(|_| ()).unwrap_err()
        };
        let mut other = event.body.clone();
        other[40] ^= 1;
        assert_eq!(parse(&other, approval.as_deref()).field, "commitment");
        assert_eq!(parse(&event.body[1..], approval.as_deref()).field, "body bytes");
        assert_eq!(parse(&event.body, None).field, "approval");
        let moved = step_event(|header| header.step = Some("decision".to_owned()));
        let problem =
            Event::parse(moved.header.bytes(), &moved.body, approval.as_deref()).map(|_| ()).unwrap_err();
        assert_eq!(problem.code, Code::ApprovalInvalid, "{problem}");
    }

    #[test]
    fn headers_that_contradict_themselves_are_refused() {
        type Edit = fn(&mut Header);
        let rows: [(&str, Edit); 7] = [
            ("case without head", |h| h.head = None),
            ("head without case", |h| h.case = None),
            ("opening with a case", |h| h.kind = Kind::Open),
            ("empty body", |h| h.body_bytes = 32),
            ("body beyond the limit", |h| h.body_bytes = 65_537),
            ("unknown code", |h| h.code = 3),
            ("step event without step", |h| h.step = None),
        ];
        for (name, edit) in rows {
            let event = step_event(edit);
            let problem = Header::decode(event.header.envelope().payload()).expect_err(name);
            assert_eq!(problem.code, Code::ValueRefused, "{name}");
        }
    }

    #[test]
    fn every_flipped_byte_of_a_header_is_noticed() {
        let event = step_event(|_| {});
        let approval = event.approval.as_ref().map(|a| a.bytes().to_vec());
        for at in 0..event.header.bytes().len() {
            let mut bytes = event.header.bytes().to_vec();
            bytes[at] ^= 1;
            let held = Event::parse(&bytes, &event.body, approval.as_deref())
                .and_then(|event| event.header.verify_with(seal().certificate()));
            assert!(held.is_err(), "byte {at}");
        }
    }

    #[test]
    fn bodies_of_each_kind_round_trip() {
        let grantee = AgencyId::parse("health.gov.example", "id").unwrap();
        let terms = Terms {
            grantee,
            read: true,
            steps: vec!["medical".to_owned()],
            purpose: "examination".to_owned(),
            ground: "Act 196, section 23".to_owned(),
            performer: "clinic".to_owned(),
            deadline: None,
            expires: time(9),
        };
        for (kind, detail) in [
            (Kind::Note, Detail::None),
            (Kind::Open, Detail::Open { service: Digest::of(b"s"), citizen: "c-1".to_owned() }),
            (Kind::Share, Detail::Share(terms)),
            (Kind::Unshare, Detail::Unshare { grant: EventId(Digest::of(b"g")), reason: "done".to_owned() }),
            (
                Kind::Evidence,
                Detail::Evidence {
                    event: EventId(Digest::of(b"e")),
                    own: Judgement::PASSED,
                    evidence: Some(vec![1]),
                },
            ),
            (Kind::Close, Detail::Close { reason: "fit to drive".to_owned() }),
        ] {
            let body = Body::of(detail);
            let blob = body.to_blob(&[0; SALT_BYTES]);
            assert_eq!(Body::from_blob(&blob, kind).unwrap(), body, "{kind:?}");
            let other = if kind == Kind::Close { Kind::Share } else { Kind::Close };
            assert!(Body::from_blob(&blob, other).is_err(), "{kind:?} read as {other:?}");
        }
    }
}
