//! The body of an event: form fields, documents, and what its kind needs besides. It is committed to, never signed.

use super::Kind;
use crate::cbor::{self, Fields, Limits, Value};
use crate::evidence::Judgement;
use crate::{AgencyId, Code, Digest, EventId, Problem, Result, Timestamp};

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

impl Terms {
    fn to_value(&self) -> Value {
        cbor::map([
            (1, (&self.grantee).into()),
            (2, self.read.into()),
            (3, cbor::array(self.steps.iter().map(String::as_str))),
            (4, self.purpose.as_str().into()),
            (5, self.ground.as_str().into()),
            (6, self.performer.as_str().into()),
            (7, cbor::optional(self.deadline)),
            (8, self.expires.into()),
        ])
    }

    fn take(fields: &mut Fields) -> Result<Self> {
        Ok(Self {
            grantee: fields.take(1, "grantee")?.as_agency("grantee")?,
            read: fields.take(2, "read")?.as_bool("read")?,
            steps: steps(&fields.take(3, "steps")?)?,
            purpose: text(&fields.take(4, "purpose")?, "purpose")?,
            ground: text(&fields.take(5, "ground")?, "ground")?,
            performer: text(&fields.take(6, "performer")?, "performer")?,
            deadline: fields.take(7, "deadline")?.as_optional(|v| v.as_time("deadline"))?,
            expires: fields.take(8, "expires")?.as_time("expires")?,
        })
    }
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
    /// Offer: the right to read the whole case, and to take it.
    Offer(Terms),
    /// Decline.
    Decline {
        /// Why.
        reason: String,
    },
    /// Release.
    Release {
        /// Who becomes the home.
        to: AgencyId,
        /// The offer.
        offer: EventId,
        /// The acceptance, whose record is the one before.
        accept: EventId,
    },
    /// Taken.
    Taken {
        /// Who was the home.
        from: AgencyId,
        /// What it signed to tell of the release: a [`crate::custody::CustodyNotice`], COSE bytes.
        release: Vec<u8>,
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
            Self::Share(terms) | Self::Offer(terms) => terms.to_value(),
            Self::Unshare { grant, reason } => cbor::map([(1, (*grant).into()), (2, reason.as_str().into())]),
            Self::Evidence { event, own, evidence } => cbor::map([
                (1, (*event).into()),
                (2, own.to_value()),
                (3, cbor::optional(evidence.as_deref())),
            ]),
            Self::Close { reason } | Self::Decline { reason } => cbor::map([(1, reason.as_str().into())]),
            Self::Release { to, offer, accept } => {
                cbor::map([(1, to.into()), (2, (*offer).into()), (3, (*accept).into())])
            }
            Self::Taken { from, release } => cbor::map([(1, from.into()), (2, release.as_slice().into())]),
        })
    }

    fn from_value(value: Option<Value>, kind: Kind) -> Result<Self> {
        let needs = matches!(
            kind,
            Kind::Open
                | Kind::Share
                | Kind::Unshare
                | Kind::Evidence
                | Kind::Close
                | Kind::Offer
                | Kind::Decline
                | Kind::Release
                | Kind::Taken
        );
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
            Kind::Share => Self::Share(Terms::take(&mut fields)?),
            Kind::Offer => Self::Offer(Terms::take(&mut fields)?),
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
            Kind::Decline => Self::Decline { reason: text(&fields.take(1, "reason")?, "reason")? },
            Kind::Release => Self::Release {
                to: fields.take(1, "to")?.as_agency("to")?,
                offer: EventId(fields.take(2, "offer")?.as_digest("offer")?),
                accept: EventId(fields.take(3, "accept")?.as_digest("accept")?),
            },
            Kind::Taken => Self::Taken {
                from: fields.take(1, "from")?.as_agency("from")?,
                release: fields.take(2, "release")?.as_bytes("release")?.to_vec(),
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
