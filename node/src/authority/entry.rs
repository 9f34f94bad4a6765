//! What the authority's journal holds, and its bytes. An entry says what happened; nothing here decides anything.

use ogic_certs::announcement::Announcement;
use ogic_certs::cbor::{self, Fields, Limits, Value};
use ogic_certs::certificate::Certificate;
use ogic_certs::cose::Signed;
use ogic_certs::crl::{Crl, Reason, Revoked};
use ogic_certs::record::NoticeLeaf;
use ogic_certs::registry::{Level, Registry};
use ogic_certs::{AgencyId, Code, Digest, Problem, Result, Role, Timestamp};

use crate::log::{self, EntryKind};

/// One thing that happened at the authority.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A token was made.
    Token(TokenMade),
    /// A token was used up.
    Redeemed(Redeemed),
    /// A certificate was issued.
    Issued(Certificate),
    /// A certificate was revoked.
    Revoked(Revoked),
    /// A member told where it answers.
    Announced(Signed<Announcement>),
    /// A version of the registry was signed.
    Registry(Signed<Registry>),
    /// A revocation list was signed.
    Crl(Crl),
    /// A caller's request had this effect.
    Outcome(Outcome),
}

/// A one-time token; its secret is kept by its digest alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenMade {
    /// SHA-256 of the secret.
    pub hash: Digest,
    /// For which agency.
    pub agency: AgencyId,
    /// For which roles, one certificate each, in this order.
    pub roles: Vec<Role>,
    /// The agency's name in English.
    pub name_en: String,
    /// The agency's name in Russian.
    pub name_ru: String,
    /// The agency's level.
    pub level: Level,
    /// The agency above it.
    pub parent: Option<AgencyId>,
    /// When it was made.
    pub made: Timestamp,
    /// From when on it is refused.
    pub expires: Timestamp,
}

/// The use of a token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Redeemed {
    /// Which token.
    pub hash: Digest,
    /// When.
    pub at: Timestamp,
    /// Digests of the keys that certificates were requested for, in their order.
    pub keys: Vec<Digest>,
    /// SHA-256 of each certificate that answered them.
    pub certificates: Vec<Digest>,
}

/// What a caller's idempotency key led to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// The key.
    pub key: String,
    /// SHA-256 of the request.
    pub request: Digest,
    /// The answer as it is told again; it never holds a secret.
    pub answer: Vec<u8>,
}

impl Entry {
    /// As an entry of the journal.
    pub fn to_log(&self) -> Result<log::Entry> {
        match self {
            Self::Token(token) => log::Entry::plain(EntryKind::Token, cbor::encode(&token.to_value())),
            Self::Redeemed(redeemed) => {
                log::Entry::plain(EntryKind::Token, cbor::encode(&redeemed.to_value()))
            }
            Self::Issued(certificate) => log::Entry::plain(EntryKind::Issued, certificate.der().to_vec()),
            Self::Revoked(revoked) => {
                log::Entry::plain(EntryKind::Revocation, cbor::encode(&revoked_value(revoked)))
            }
            Self::Announced(signed) => {
                let leaf = NoticeLeaf { digest: signed.digest(), received: signed.value().at };
                log::Entry::with_leaf(EntryKind::Notice, leaf.to_bytes().to_vec(), signed.bytes().to_vec())
            }
            Self::Registry(signed) => log::Entry::plain(EntryKind::Registry, signed.bytes().to_vec()),
            Self::Crl(crl) => log::Entry::plain(EntryKind::Crl, crl.der().to_vec()),
            Self::Outcome(outcome) => {
                log::Entry::plain(EntryKind::Outcome, cbor::encode(&outcome.to_value()))
            }
        }
    }

    /// From an entry of the journal. `StoreDamaged` for bytes that this module did not write.
    pub fn from_log(kind: EntryKind, bytes: &[u8]) -> Result<Self> {
        Self::read(kind, bytes).map_err(|problem| {
            Problem::new(Code::StoreDamaged, "journal of the authority").found(problem.to_string())
        })
    }

    fn read(kind: EntryKind, bytes: &[u8]) -> Result<Self> {
        let fields = |what| Fields::of(cbor::decode(bytes, &Limits::DOCUMENT, what)?, what);
        Ok(match kind {
            EntryKind::Token => {
                let mut fields = fields("token")?;
                match fields.take(1, "what")?.as_uint("what")? {
                    MADE => Self::Token(TokenMade::read(fields)?),
                    REDEEMED => Self::Redeemed(Redeemed::read(fields)?),
                    other => return Err(Problem::new(Code::ValueRefused, "what").found(other.to_string())),
                }
            }
            EntryKind::Issued => Self::Issued(Certificate::from_der(bytes)?),
            EntryKind::Revocation => Self::Revoked(read_revoked(fields("revocation")?)?),
            EntryKind::Notice => Self::Announced(Signed::parse(log::entry::split_leaf(bytes)?.1)?),
            EntryKind::Registry => Self::Registry(Signed::parse(bytes)?),
            EntryKind::Crl => Self::Crl(Crl::from_der(bytes)?),
            EntryKind::Outcome => Self::Outcome(Outcome::read(fields("outcome")?)?),
            other => return Err(Problem::new(Code::KindMismatch, "entry").found(format!("{other:?}"))),
        })
    }
}

const MADE: u64 = 1;
const REDEEMED: u64 = 2;

impl TokenMade {
    fn to_value(&self) -> Value {
        cbor::map([
            (1, MADE.into()),
            (2, self.hash.into()),
            (3, (&self.agency).into()),
            (4, cbor::array(self.roles.iter().map(Role::to_string))),
            (5, self.name_en.as_str().into()),
            (6, self.name_ru.as_str().into()),
            (7, self.level.number().into()),
            (8, cbor::optional(self.parent.as_ref())),
            (9, self.made.into()),
            (10, self.expires.into()),
        ])
    }

    fn read(mut fields: Fields) -> Result<Self> {
        let token = Self {
            hash: fields.take(2, "hash")?.as_digest("hash")?,
            agency: fields.take(3, "agency")?.as_agency("agency")?,
            roles: fields
                .take(4, "roles")?
                .as_array("roles")?
                .iter()
                .map(|v| Role::parse(v.as_text("roles")?, "roles"))
                .collect::<Result<_>>()?,
            name_en: fields.take(5, "name")?.as_text("name")?.to_owned(),
            name_ru: fields.take(6, "name")?.as_text("name")?.to_owned(),
            level: Level::from_number(fields.take(7, "level")?.as_uint("level")?)?,
            parent: fields.take(8, "parent")?.as_optional(|v| v.as_agency("parent"))?,
            made: fields.take(9, "made")?.as_time("made")?,
            expires: fields.take(10, "expires")?.as_time("expires")?,
        };
        fields.finish()?;
        Ok(token)
    }
}

impl Redeemed {
    fn to_value(&self) -> Value {
        cbor::map([
            (1, REDEEMED.into()),
            (2, self.hash.into()),
            (3, self.at.into()),
            (4, cbor::array(self.keys.iter().copied())),
            (5, cbor::array(self.certificates.iter().copied())),
        ])
    }

    fn read(mut fields: Fields) -> Result<Self> {
        let digests = |value: Value| -> Result<Vec<Digest>> {
            value.as_array("digests")?.iter().map(|v| v.as_digest("digests")).collect()
        };
        let redeemed = Self {
            hash: fields.take(2, "hash")?.as_digest("hash")?,
            at: fields.take(3, "at")?.as_time("at")?,
            keys: digests(fields.take(4, "keys")?)?,
            certificates: digests(fields.take(5, "certificates")?)?,
        };
        fields.finish()?;
        Ok(redeemed)
    }
}

fn revoked_value(revoked: &Revoked) -> Value {
    cbor::map([
        (1, revoked.serial.as_slice().into()),
        (2, u64::from(revoked.reason.number()).into()),
        (3, revoked.at.into()),
    ])
}

fn read_revoked(mut fields: Fields) -> Result<Revoked> {
    let number = fields.take(2, "reason")?.as_uint("reason")?;
    let reason = u8::try_from(number).ok().and_then(Reason::from_number);
    let revoked = Revoked {
        serial: fields.take(1, "serial")?.as_bytes("serial")?.to_vec(),
        reason: reason.ok_or_else(|| Problem::new(Code::ValueRefused, "reason").found(number.to_string()))?,
        at: fields.take(3, "at")?.as_time("at")?,
    };
    fields.finish()?;
    Ok(revoked)
}

impl Outcome {
    fn to_value(&self) -> Value {
        cbor::map([
            (1, self.key.as_str().into()),
            (2, self.request.into()),
            (3, self.answer.as_slice().into()),
        ])
    }

    fn read(mut fields: Fields) -> Result<Self> {
        let outcome = Self {
            key: fields.take(1, "key")?.as_text("key")?.to_owned(),
            request: fields.take(2, "request")?.as_digest("request")?,
            answer: fields.take(3, "answer")?.as_bytes("answer")?.to_vec(),
        };
        fields.finish()?;
        Ok(outcome)
    }
}
