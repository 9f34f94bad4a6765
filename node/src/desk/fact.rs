//! Facts: what an agency's journal holds, each as one entry. The desk's memory is the fold of its facts.
//!
//! A fact is made when a commit is staged and read again at recovery, so that both go the same way. The shapes are bytes on
//! disk: they may be extended by new kinds, never changed.

use ogic_certs::cbor::{self, Limits, Value};
use ogic_certs::certificate::Certificate;
use ogic_certs::record::{AccessLeaf, NoticeLeaf, Record};
use ogic_certs::{AgencyId, CaseId, Code, Digest, EventId, Problem, Result, Timestamp};

use super::work::Claim;
use crate::log::{Entry, EntryKind, split_leaf};

/// Bounds of an entry's CBOR: a frame of ours, or a service definition, fits.
const LIMITS: Limits = Limits { bytes_max: 512 << 10, depth_max: 8, items_max: 16 << 10 };

/// What a journal entry says.
#[derive(Clone, Debug)]
pub enum Fact {
    /// A record of a home case, with the event's parts as they were received.
    Event(EventFact),
    /// A record of another home's case, held until the case is taken.
    Held(EventFact),
    /// An answer of ours to an offer of custody.
    Answered(AnswerFact),
    /// Somebody looked at a case, or tried to.
    Access(AccessFact),
    /// A signed notice of another agency: a reference or a verdict.
    Notice {
        /// Its leaf in the log.
        leaf: NoticeLeaf,
        /// Who sent it.
        peer: AgencyId,
        /// The COSE bytes.
        signed: Vec<u8>,
    },
    /// A message to be delivered.
    Put(PutFact),
    /// A message that cannot succeed as it is.
    Parked {
        /// Event id or notice digest.
        id: Digest,
        /// Why.
        code: Code,
        /// The peer's signed refusal.
        refusal: Option<Vec<u8>>,
    },
    /// A parked message is to be tried again.
    Unparked(Digest),
    /// A parked message was given up by an operator: it is not sent again.
    Dropped(Digest),
    /// A peer's receipts, checked.
    PeerReceipt {
        /// Whose log it is.
        peer: AgencyId,
        /// The receipt frame's bytes.
        frame: Vec<u8>,
        /// The messages that are done by it: event ids and notice digests.
        done: Vec<Digest>,
    },
    /// A certificate that signatures in this journal rest on.
    Certificate(Certificate),
    /// What a caller's idempotency key led to.
    Outcome(OutcomeFact),
    /// The highest checkpoint that this node has seen of a peer's log.
    PeerSeen {
        /// Whose log it is.
        peer: AgencyId,
        /// The checkpoint's COSE bytes.
        checkpoint: Vec<u8>,
    },
    /// A service definition, COSE bytes.
    Service(Vec<u8>),
    /// Two signed statements that contradict each other, or another thing that a person must see.
    Alarm {
        /// What it is about.
        code: Code,
        /// Whose statements they are.
        peer: AgencyId,
        /// Both sides, as signed.
        sides: Vec<Vec<u8>>,
        /// When it was seen.
        at: Timestamp,
    },
    /// An event of a peer that was refused, and then overtaken by a later one of that peer in the same case: what was
    /// refused stays so, or the order would be turned round when it comes again.
    Overtaken(OvertakenFact),
}

/// An event that was refused and overtaken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OvertakenFact {
    /// The sender.
    pub peer: AgencyId,
    /// The event.
    pub event: EventId,
    /// What its header claims: by it the event is known when there are too many to know each.
    pub claim: Claim,
    /// Why it was refused.
    pub code: Code,
}

/// A record with its event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventFact {
    /// The place in the history.
    pub record: Record,
    /// The author, by the seal's certificate.
    pub author: AgencyId,
    /// The header's COSE bytes.
    pub header: Vec<u8>,
    /// The body blob.
    pub body: Vec<u8>,
    /// The approval's COSE bytes.
    pub approval: Option<Vec<u8>>,
}

/// An answer of ours to an offer of custody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AnswerFact {
    /// The case.
    pub case: CaseId,
    /// The offer's event.
    pub offer: EventId,
    /// The event that answers it.
    pub event: EventId,
    /// Whether it is accepted; else declined.
    pub accepted: bool,
}

/// An entry of the access log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccessFact {
    /// The case.
    pub case: CaseId,
    /// When.
    pub at: Timestamp,
    /// Salt of the commitment, so that the leaf tells nothing.
    pub salt: [u8; 32],
    /// Who.
    pub who: AgencyId,
    /// Under which grant; none for the home itself.
    pub grant: Option<EventId>,
    /// What for.
    pub purpose: String,
    /// Why it was refused; none if it was answered.
    pub code: Option<Code>,
    /// How many tries this entry stands for.
    pub tries: u64,
}

/// A message to a peer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PutFact {
    /// To whom.
    pub peer: AgencyId,
    /// The case it belongs to: order is kept within.
    pub case: CaseId,
    /// What is sent.
    pub parcel: Parcel,
}

/// What a message carries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Parcel {
    /// An event of ours for the peer's case.
    Event {
        /// The header's COSE bytes.
        header: Vec<u8>,
        /// The body blob.
        body: Vec<u8>,
        /// The approval's COSE bytes.
        approval: Option<Vec<u8>>,
    },
    /// A signed notice: a reference or a verdict.
    Notice(Vec<u8>),
}

impl Parcel {
    /// The id by which the peer's receipt or refusal names it.
    pub fn id(&self) -> Digest {
        match self {
            Self::Event { header, .. } => Digest::of(header),
            Self::Notice(signed) => Digest::of(signed),
        }
    }

    /// About how many bytes it takes on the wire.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Event { header, body, approval } => {
                header.len() + body.len() + approval.as_ref().map_or(0, Vec::len)
            }
            Self::Notice(signed) => signed.len(),
        }
    }
}

/// What a caller's idempotency key led to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutcomeFact {
    /// The caller's key.
    pub key: String,
    /// Digest of the request, so that one key cannot serve two.
    pub request: Digest,
    /// The case; zeros if it was for none.
    pub case: CaseId,
    /// The event that was made, the message that was tried again or given up, or the definition that was published.
    pub event: EventId,
}

impl OutcomeFact {
    /// It, if it is of this request. `KeyConflict` if its key served another.
    pub fn of(&self, request: Digest) -> Result<&Self> {
        if self.request == request {
            return Ok(self);
        }
        Err(Problem::new(Code::KeyConflict, "idempotency key")
            .found(self.key.clone())
            .expected("a new key for a new request"))
    }
}

impl Fact {
    /// The entry that is committed.
    pub fn to_entry(&self) -> Result<Entry> {
        match self {
            Self::Event(fact) => fact.to_entry(EntryKind::Event),
            Self::Held(fact) => fact.to_entry(EntryKind::Held),
            Self::Answered(fact) => Entry::plain(
                EntryKind::Answered,
                array([fact.case.into(), fact.offer.into(), fact.event.into(), fact.accepted.into()]),
            ),
            Self::Access(fact) => {
                let body = fact.body();
                let commitment = Digest::of_parts(&[&fact.salt, &body]);
                let leaf = AccessLeaf { case: fact.case, at: fact.at, commitment };
                Entry::with_leaf(
                    EntryKind::Access,
                    leaf.to_bytes().to_vec(),
                    [fact.salt.as_slice(), &body].concat(),
                )
            }
            Self::Notice { leaf, peer, signed } => Entry::with_leaf(
                EntryKind::Notice,
                leaf.to_bytes().to_vec(),
                array([peer.into(), signed.as_slice().into()]),
            ),
            Self::Put(fact) => {
                let mut parts = vec![(&fact.peer).into(), fact.case.into()];
                match &fact.parcel {
                    Parcel::Event { header, body, approval } => parts.extend([
                        header.as_slice().into(),
                        body.as_slice().into(),
                        cbor::optional(approval.as_deref()),
                    ]),
                    Parcel::Notice(signed) => parts.push(signed.as_slice().into()),
                }
                Entry::plain(EntryKind::OutboxPut, cbor::encode(&Value::Array(parts)))
            }
            Self::Parked { id, code, refusal } => Entry::plain(
                EntryKind::OutboxParked,
                array([(*id).into(), code.number().into(), cbor::optional(refusal.as_deref())]),
            ),
            Self::Unparked(id) => Entry::plain(EntryKind::OutboxParked, array([(*id).into()])),
            Self::Dropped(id) => Entry::plain(EntryKind::OutboxDropped, array([(*id).into()])),
            Self::PeerReceipt { peer, frame, done } => Entry::plain(
                EntryKind::PeerReceipt,
                array([peer.into(), frame.as_slice().into(), cbor::array(done.iter().copied())]),
            ),
            Self::Certificate(certificate) => {
                Entry::plain(EntryKind::Certificate, certificate.der().to_vec())
            }
            Self::Outcome(fact) => Entry::plain(
                EntryKind::Outcome,
                array([fact.key.as_str().into(), fact.request.into(), fact.case.into(), fact.event.into()]),
            ),
            Self::PeerSeen { peer, checkpoint } => {
                Entry::plain(EntryKind::PeerSeen, array([peer.into(), checkpoint.as_slice().into()]))
            }
            Self::Service(signed) => Entry::plain(EntryKind::Service, signed.clone()),
            Self::Overtaken(fact) => Entry::plain(
                EntryKind::Overtaken,
                array([
                    (&fact.peer).into(),
                    fact.event.into(),
                    fact.claim.case.into(),
                    fact.claim.head.into(),
                    fact.claim.created.into(),
                    fact.code.number().into(),
                ]),
            ),
            Self::Alarm { code, peer, sides, at } => Entry::plain(
                EntryKind::Alarm,
                array([
                    code.number().into(),
                    peer.into(),
                    cbor::array(sides.iter().map(Vec::as_slice)),
                    (*at).into(),
                ]),
            ),
        }
    }

    /// Reads an entry back. What cannot be read is damage: the journal's checksum held, so that we wrote it so.
    pub fn from_entry(kind: EntryKind, bytes: &[u8]) -> Result<Self> {
        Self::read(kind, bytes).map_err(|problem| {
            Problem::new(Code::StoreDamaged, "journal entry")
                .found(format!("{kind:?}: {problem}"))
                .expected("an entry of an agency's journal")
        })
    }

    fn read(kind: EntryKind, bytes: &[u8]) -> Result<Self> {
        let (leaf, body) = if kind.has_leaf() { split_leaf(bytes)? } else { (&[][..], bytes) };
        Ok(match kind {
            EntryKind::Event => Self::Event(EventFact::read(leaf, body)?),
            EntryKind::Held => Self::Held(EventFact::read(leaf, body)?),
            EntryKind::Answered => {
                let value = decode(body)?;
                let [case, offer, event, accepted] = value.as_tuple::<4>("answer")?;
                Self::Answered(AnswerFact {
                    case: CaseId(case.as_digest("case")?),
                    offer: EventId(offer.as_digest("offer")?),
                    event: EventId(event.as_digest("event")?),
                    accepted: accepted.as_bool("accepted")?,
                })
            }
            EntryKind::Access => Self::Access(AccessFact::read(AccessLeaf::from_bytes(leaf)?, body)?),
            EntryKind::Notice => {
                let value = decode(body)?;
                let [peer, signed] = value.as_tuple::<2>("notice")?;
                Self::Notice {
                    leaf: NoticeLeaf::from_bytes(leaf)?,
                    peer: peer.as_agency("peer")?,
                    signed: bytes_of(signed)?,
                }
            }
            EntryKind::OutboxPut => {
                let value = decode(body)?;
                let (peer, case, parcel) = match value.as_array("message")? {
                    [peer, case, signed] => (peer, case, Parcel::Notice(bytes_of(signed)?)),
                    [peer, case, header, body, approval] => (
                        peer,
                        case,
                        Parcel::Event {
                            header: bytes_of(header)?,
                            body: bytes_of(body)?,
                            approval: approval.as_optional(bytes_of)?,
                        },
                    ),
                    _ => return Err(Problem::new(Code::Malformed, "message")),
                };
                Self::Put(PutFact {
                    peer: peer.as_agency("peer")?,
                    case: CaseId(case.as_digest("case")?),
                    parcel,
                })
            }
            EntryKind::OutboxParked => {
                let value = decode(body)?;
                match value.as_array("parked")? {
                    [id] => Self::Unparked(id.as_digest("id")?),
                    [id, code, refusal] => Self::Parked {
                        id: id.as_digest("id")?,
                        code: code_of(code)?,
                        refusal: refusal.as_optional(bytes_of)?,
                    },
                    _ => return Err(Problem::new(Code::Malformed, "parked")),
                }
            }
            EntryKind::OutboxDropped => {
                let value = decode(body)?;
                let [id] = value.as_tuple::<1>("dropped")?;
                Self::Dropped(id.as_digest("id")?)
            }
            EntryKind::PeerReceipt => {
                let value = decode(body)?;
                let [peer, frame, done] = value.as_tuple::<3>("receipt")?;
                Self::PeerReceipt {
                    peer: peer.as_agency("peer")?,
                    frame: bytes_of(frame)?,
                    done: done
                        .as_array("done")?
                        .iter()
                        .map(|value| value.as_digest("done"))
                        .collect::<Result<_>>()?,
                }
            }
            EntryKind::Certificate => Self::Certificate(Certificate::from_der(body)?),
            EntryKind::Outcome => {
                let value = decode(body)?;
                let [key, request, case, event] = value.as_tuple::<4>("outcome")?;
                Self::Outcome(OutcomeFact {
                    key: key.as_text("key")?.to_owned(),
                    request: request.as_digest("request")?,
                    case: CaseId(case.as_digest("case")?),
                    event: EventId(event.as_digest("event")?),
                })
            }
            EntryKind::PeerSeen => {
                let value = decode(body)?;
                let [peer, checkpoint] = value.as_tuple::<2>("peer seen")?;
                Self::PeerSeen { peer: peer.as_agency("peer")?, checkpoint: bytes_of(checkpoint)? }
            }
            EntryKind::Service => Self::Service(body.to_vec()),
            EntryKind::Overtaken => {
                let value = decode(body)?;
                let [peer, event, case, head, created, code] = value.as_tuple::<6>("overtaken")?;
                Self::Overtaken(OvertakenFact {
                    peer: peer.as_agency("peer")?,
                    event: EventId(event.as_digest("event")?),
                    claim: Claim {
                        case: CaseId(case.as_digest("case")?),
                        head: head.as_uint("head")?,
                        created: created.as_time("created")?,
                    },
                    code: code_of(code)?,
                })
            }
            EntryKind::Alarm => {
                let value = decode(body)?;
                let [code, peer, sides, at] = value.as_tuple::<4>("alarm")?;
                Self::Alarm {
                    code: code_of(code)?,
                    peer: peer.as_agency("peer")?,
                    sides: sides.as_array("sides")?.iter().map(bytes_of).collect::<Result<_>>()?,
                    at: at.as_time("at")?,
                }
            }
            other => {
                return Err(Problem::new(Code::StoreNewer, "entry kind").found(format!("{other:?}")));
            }
        })
    }
}

impl EventFact {
    fn to_entry(&self, kind: EntryKind) -> Result<Entry> {
        Entry::with_leaf(
            kind,
            self.record.to_bytes().to_vec(),
            array([
                (&self.author).into(),
                self.header.as_slice().into(),
                self.body.as_slice().into(),
                cbor::optional(self.approval.as_deref()),
            ]),
        )
    }

    fn read(leaf: &[u8], body: &[u8]) -> Result<Self> {
        let value = decode(body)?;
        let [author, header, body, approval] = value.as_tuple::<4>("event")?;
        Ok(Self {
            record: Record::from_bytes(leaf)?,
            author: author.as_agency("author")?,
            header: header.as_bytes("header")?.to_vec(),
            body: body.as_bytes("body")?.to_vec(),
            approval: approval.as_optional(bytes_of)?,
        })
    }
}

impl AccessFact {
    /// PROTOCOL's `access`.
    fn body(&self) -> Vec<u8> {
        cbor::encode(&cbor::map([
            (1, (&self.who).into()),
            (2, cbor::optional(self.grant)),
            (3, self.purpose.as_str().into()),
            (4, self.code.map_or(0, Code::number).into()),
            (5, self.tries.into()),
        ]))
    }

    fn read(leaf: AccessLeaf, bytes: &[u8]) -> Result<Self> {
        let (salt, body) = bytes
            .split_first_chunk::<32>()
            .ok_or_else(|| Problem::new(Code::Malformed, "access").expected("salt, then CBOR"))?;
        let mut fields = cbor::Fields::of(decode(body)?, "access")?;
        let fact = Self {
            case: leaf.case,
            at: leaf.at,
            salt: *salt,
            who: fields.take(1, "who")?.as_agency("who")?,
            grant: fields.take(2, "grant")?.as_optional(|v| v.as_digest("grant").map(EventId))?,
            purpose: fields.take(3, "purpose")?.as_text("purpose")?.to_owned(),
            code: match fields.take(4, "code")?.as_uint("code")? {
                0 => None,
                number => Code::from_number(number),
            },
            tries: fields.take(5, "tries")?.as_uint("tries")?,
        };
        fields.finish()?;
        Ok(fact)
    }
}

fn array<const N: usize>(values: [Value; N]) -> Vec<u8> {
    cbor::encode(&Value::Array(values.into()))
}

fn decode(bytes: &[u8]) -> Result<Value> {
    cbor::decode(bytes, &LIMITS, "journal entry")
}

fn bytes_of(value: &Value) -> Result<Vec<u8>> {
    value.as_bytes("bytes").map(<[u8]>::to_vec)
}

fn code_of(value: &Value) -> Result<Code> {
    let number = value.as_uint("code")?;
    Code::from_number(number).ok_or_else(|| {
        Problem::new(Code::ValueRefused, "code").found(number.to_string()).expected("a known code")
    })
}
