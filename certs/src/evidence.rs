//! Evidence: the trusted third party's signed answer, re-provable offline.
//!
//! It holds what was asked, what was checked, and every byte that was used, so that anybody can judge again later.

use crate::cbor::{self, Fields, Limits, Value};
use crate::cose::{Kind, Payload};
use crate::event::{DocumentRef, short, text};
use crate::verdict::{SubIndication, Verdict};
use crate::{AgencyId, Code, Digest, EventId, Problem, Result, Role, Timestamp};

/// Most certificates in one request.
pub const CERTIFICATES_MAX: usize = 16;
/// Most documents in one request.
pub const DOCUMENTS_MAX: usize = 32;

/// A verdict with its sub-indication and the code that a machine acts on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, by EN 319 102-1.
    pub sub: Option<SubIndication>,
    /// Why, by our table of codes.
    pub code: Option<Code>,
}

impl Judgement {
    /// TOTAL-PASSED.
    pub const PASSED: Self = Self { verdict: Verdict::TotalPassed, sub: None, code: None };

    /// Whether nothing speaks against the signature.
    pub fn passed(&self) -> bool {
        self.verdict == Verdict::TotalPassed
    }

    /// As PROTOCOL.md's `verdict`.
    pub fn to_value(&self) -> Value {
        Value::Array(vec![
            self.verdict.number().into(),
            self.sub.map_or("", SubIndication::as_str).into(),
            self.code.map_or(0, Code::number).into(),
        ])
    }

    /// From PROTOCOL.md's `verdict`.
    pub fn from_value(value: &Value) -> Result<Self> {
        let [verdict, sub, code] = value.as_tuple::<3>("verdict")?;
        let sub = match sub.as_text("sub-indication")? {
            "" => None,
            word => Some(SubIndication::parse(word).ok_or_else(|| refused("sub-indication", word))?),
        };
        let code = match code.as_uint("verdict code")? {
            0 => None,
            number => {
                Some(Code::from_number(number).ok_or_else(|| refused("verdict code", &number.to_string()))?)
            }
        };
        let number = verdict.as_uint("verdict")?;
        let verdict = Verdict::from_number(number).ok_or_else(|| refused("verdict", &number.to_string()))?;
        Ok(Self { verdict, sub, code })
    }
}

/// What a node asks of a trusted third party: judge the signatures of this event, whose body you need not see.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifyRequest {
    /// Random, so that an old answer cannot be replayed.
    pub nonce: [u8; 16],
    /// The event header's COSE bytes.
    pub header: Vec<u8>,
    /// The approval's COSE bytes.
    pub approval: Option<Vec<u8>>,
    /// The documents that the body brings.
    pub documents: Vec<DocumentRef>,
    /// The signers' certificates and those above them, DER.
    pub certificates: Vec<Vec<u8>>,
}

impl VerifyRequest {
    /// As PROTOCOL.md's `verify-request`.
    pub fn to_value(&self) -> Value {
        cbor::map([
            (1, self.nonce.as_slice().into()),
            (2, self.header.as_slice().into()),
            (3, cbor::optional(self.approval.as_deref())),
            (4, Value::Array(self.documents.iter().map(DocumentRef::to_value).collect())),
            (5, cbor::array(self.certificates.iter().map(Vec::as_slice))),
        ])
    }

    /// From PROTOCOL.md's `verify-request`.
    pub fn from_value(value: Value) -> Result<Self> {
        let mut fields = Fields::of(value, "verify request")?;
        let request = Self {
            nonce: nonce(&fields.take(1, "nonce")?)?,
            header: fields.take(2, "header")?.as_bytes("header")?.to_vec(),
            approval: fields
                .take(3, "approval")?
                .as_optional(|v| v.as_bytes("approval").map(<[u8]>::to_vec))?,
            documents: match fields.take(4, "documents")? {
                Value::Array(values) if values.len() <= DOCUMENTS_MAX => {
                    values.into_iter().map(DocumentRef::from_value).collect::<Result<_>>()?
                }
                _ => return Err(Problem::new(Code::TooLarge, "documents").expected("an array of at most 32")),
            },
            certificates: match fields.take(5, "certificates")? {
                Value::Array(values) if values.len() <= CERTIFICATES_MAX => values
                    .iter()
                    .map(|v| v.as_bytes("certificates").map(<[u8]>::to_vec))
                    .collect::<Result<_>>()?,
                _ => {
                    return Err(
                        Problem::new(Code::TooLarge, "certificates").expected("an array of at most 16")
                    );
                }
            },
        };
        fields.finish()?;
        Ok(request)
    }
}

/// One check that was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Check {
    /// What was checked.
    pub name: String,
    /// The section of the standard that demands it.
    pub section: String,
    /// Whether it held.
    pub held: bool,
}

/// One input that was used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Input {
    /// `event`, `approval`, `certificate`, `anchor`, `crl`, `registry` or `document`; documents are named only.
    pub kind: String,
    /// SHA-256 of the bytes.
    pub digest: Digest,
    /// The bytes, unless too large to carry; they are then found by digest.
    pub bytes: Option<Vec<u8>>,
}

impl Input {
    /// An input that is carried whole.
    pub fn carried(kind: &str, bytes: &[u8]) -> Self {
        Self { kind: kind.to_owned(), digest: Digest::of(bytes), bytes: Some(bytes.to_vec()) }
    }
}

/// The trusted third party's answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Evidence {
    /// Who asked.
    pub requester: AgencyId,
    /// The request's nonce.
    pub nonce: [u8; 16],
    /// The event judged.
    pub event: EventId,
    /// SHA-256 of the approval judged.
    pub approval: Option<Digest>,
    /// When it was judged; revocation counts as of this time.
    pub at: Timestamp,
    /// Where the time comes from.
    pub time_source: String,
    /// SHA-256 of the policy that was applied.
    pub policy: Digest,
    /// For whom, and in which role, the signer of the approval (or else of the event) may act.
    pub mandate: Option<(AgencyId, Role)>,
    /// The verdict: the worst of all checks.
    pub judgement: Judgement,
    /// What was checked.
    pub checks: Vec<Check>,
    /// What was used.
    pub inputs: Vec<Input>,
}

impl Payload for Evidence {
    const KIND: Kind = Kind::Evidence;

    fn encode(&self) -> Vec<u8> {
        let checks = self.checks.iter().map(|check| {
            Value::Array(vec![check.name.as_str().into(), check.section.as_str().into(), check.held.into()])
        });
        let inputs = self.inputs.iter().map(|input| {
            Value::Array(vec![
                input.kind.as_str().into(),
                input.digest.into(),
                cbor::optional(input.bytes.as_deref()),
            ])
        });
        let mandate = self
            .mandate
            .as_ref()
            .map(|(agency, role)| Value::Array(vec![agency.into(), role.to_string().into()]));
        cbor::encode(&cbor::map([
            (1, (&self.requester).into()),
            (2, self.nonce.as_slice().into()),
            (3, self.event.into()),
            (4, cbor::optional(self.approval)),
            (5, self.at.into()),
            (6, self.time_source.as_str().into()),
            (7, self.policy.into()),
            (8, mandate.unwrap_or(Value::Null)),
            (9, self.judgement.to_value()),
            (10, Value::Array(checks.collect())),
            (11, Value::Array(inputs.collect())),
        ]))
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        let mut fields = Fields::of(cbor::decode(bytes, &Limits::BODY, "evidence")?, "evidence")?;
        let evidence = Self {
            requester: fields.take(1, "requester")?.as_agency("requester")?,
            nonce: nonce(&fields.take(2, "nonce")?)?,
            event: EventId(fields.take(3, "event")?.as_digest("event")?),
            approval: fields.take(4, "approval")?.as_optional(|v| v.as_digest("approval"))?,
            at: fields.take(5, "time")?.as_time("time")?,
            time_source: text(&fields.take(6, "time source")?, "time source")?,
            policy: fields.take(7, "policy")?.as_digest("policy")?,
            mandate: fields.take(8, "mandate")?.as_optional(|value| {
                let [agency, role] = value.as_tuple::<2>("mandate")?;
                Ok((agency.as_agency("mandate")?, Role::parse(role.as_text("mandate")?, "mandate")?))
            })?,
            judgement: Judgement::from_value(&fields.take(9, "verdict")?)?,
            checks: fields
                .take(10, "checks")?
                .as_array("checks")?
                .iter()
                .map(|value| {
                    let [name, section, held] = value.as_tuple::<3>("check")?;
                    Ok(Check {
                        name: text(name, "check")?,
                        section: short(section.as_text("check")?, "check", 64)?,
                        held: held.as_bool("check")?,
                    })
                })
                .collect::<Result<_>>()?,
            inputs: fields
                .take(11, "inputs")?
                .as_array("inputs")?
                .iter()
                .map(|value| {
                    let [kind, digest, bytes] = value.as_tuple::<3>("input")?;
                    let input = Input {
                        kind: short(kind.as_text("input")?, "input", 32)?,
                        digest: digest.as_digest("input")?,
                        bytes: bytes.as_optional(|v| v.as_bytes("input").map(<[u8]>::to_vec))?,
                    };
                    match &input.bytes {
                        Some(bytes) if Digest::of(bytes) != input.digest => {
                            Err(Problem::new(Code::DigestMismatch, "input")
                                .found(Digest::of(bytes).to_string())
                                .expected(input.digest.to_string()))
                        }
                        _ => Ok(input),
                    }
                })
                .collect::<Result<_>>()?,
        };
        fields.finish()?;
        Ok(evidence)
    }
}

fn refused(field: &'static str, found: &str) -> Problem {
    Problem::new(Code::ValueRefused, field).found(found).expected("a value of PROTOCOL.md")
}

fn nonce(value: &Value) -> Result<[u8; 16]> {
    let bytes = value.as_bytes("nonce")?;
    bytes.try_into().map_err(|_| {
        Problem::new(Code::Malformed, "nonce").found(format!("{} bytes", bytes.len())).expected("16 bytes")
    })
}
