//! Events: the signed header, the body that it commits to, and an official's approval.
//!
//! The header alone is signed and chained; what concerns the citizen stands in the body, so that a body can be erased
//! or withheld and every proof still holds. PROTOCOL.md, "Event".

mod approval;
mod body;
#[cfg(test)]
mod tests;

use crate::cbor::{self, Fields, Limits, Value};
use crate::cose::{Kind as Envelope, Payload, Signed};
use crate::{CaseId, Code, Digest, EventId, Problem, Result, Timestamp};

pub use approval::Approval;
pub use body::{
    BODY_BYTES_MAX, Body, DOCUMENTS_MAX, Detail, DocumentRef, FieldValue, LABEL_BYTES_MAX, NAME_BYTES_MAX,
    SALT_BYTES, TEXT_BYTES_MAX, Terms,
};
pub(crate) use body::{short, steps, text};

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
        /// Offers the custody of the case to another agency.
        Offer = 11 "offer",
        /// Accepts the custody that was offered.
        Accept = 12 "accept",
        /// Declines it.
        Decline = 13 "decline",
        /// Releases the custody: the old home's last record.
        Release = 14 "release",
        /// Takes the custody: the new home's first record.
        Taken = 15 "taken",
        /// Says that a deadline passed in silence; reserved.
        Lapse = 16 "lapse",
    }
}

impl Kind {
    /// Whether the act demands that the author saw the newest record: it would be wrong on any other state.
    pub const fn is_exclusive(self) -> bool {
        matches!(self, Self::Close | Self::Plan | Self::Accept | Self::Release | Self::Taken)
    }

    /// Whether this release takes the kind at all.
    pub const fn is_reserved(self) -> bool {
        matches!(self, Self::Plan | Self::Suspend | Self::Resume | Self::Lapse)
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
