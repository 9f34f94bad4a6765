//! What comes to a desk and what it gives back.

use ogic_certs::certificate::Certificate;
use ogic_certs::checkpoint::Checkpoint;
use ogic_certs::cose::Signed;
use ogic_certs::custody::CustodyNotice;
use ogic_certs::event::{Approval, Event, HeadAt, Kind, StepTimes};
use ogic_certs::evidence::{Evidence, Judgement};
use ogic_certs::receipt::ReceiptFrame;
use ogic_certs::record::Record;
use ogic_certs::reference::Reference;
use ogic_certs::refusal::{Refusal, VerdictNotice};
use ogic_certs::service::ServiceText;
use ogic_certs::trust::Verified;
use ogic_certs::{AgencyId, CaseId, Digest, EventId, Problem, Result, Timestamp};

use crate::case::service::Service;
use crate::exchange::request::Page;

/// Names a caller who waits for an answer; the shell chooses it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ticket(pub u64);

/// One thing to be done by the writer. Signatures have been checked by [`super::check`], in parallel and without a lock.
#[derive(Debug)]
pub enum Work {
    /// One of the agency's own people acts, on a case of ours or of another home.
    Act {
        /// Who waits.
        ticket: Ticket,
        /// The caller's idempotency key.
        key: String,
        /// What he does.
        act: Box<Act>,
    },
    /// A service definition to be held: published here, or fetched because a case follows it.
    Service {
        /// Who waits, if anybody.
        ticket: Option<Ticket>,
        /// The caller's idempotency key, with the digest of what he asks, if it is published here.
        key: Option<(String, Digest)>,
        /// The definition as signed.
        signed: Box<Verified<ServiceText>>,
        /// The certificates that it rests on.
        certificates: Vec<Certificate>,
        /// The definition as read.
        service: Box<Service>,
    },
    /// A peer delivers an event for a case of ours.
    Event {
        /// The sender.
        peer: AgencyId,
        /// The event.
        event: Box<CheckedEvent>,
    },
    /// A peer tells us of a right.
    Reference {
        /// The sender.
        peer: AgencyId,
        /// The reference, with what it rests on.
        told: Box<ReferenceTold>,
    },
    /// A home tells us what became of our event.
    Verdict {
        /// The sender.
        peer: AgencyId,
        /// The notice.
        notice: Box<Verified<VerdictNotice>>,
        /// The certificates that it rests on.
        certificates: Vec<Certificate>,
    },
    /// A home tells us of the custody of a case.
    Custody {
        /// The sender.
        peer: AgencyId,
        /// What it tells.
        told: Box<CustodyTold>,
    },
    /// A case is offered to us: its history, fetched and verified, is to be held.
    Hold {
        /// Who waits.
        ticket: Ticket,
        /// The case.
        case: CaseId,
        /// Consecutive records with their events, oldest first.
        entries: Vec<(Record, CheckedEvent)>,
    },
    /// What a peer delivered failed its checks: to be refused, signed.
    Unfit {
        /// The sender.
        peer: AgencyId,
        /// Event id or notice digest.
        subject: Digest,
        /// What an event that could be read claims: what follows it in its case may not overtake it.
        claim: Option<Claim>,
        /// Why.
        problem: Problem,
    },
    /// A peer's receipts for what we sent.
    Receipts {
        /// The sender.
        peer: AgencyId,
        /// The frame, verified under the checkpoint.
        frame: Box<ReceiptFrame>,
        /// The checkpoint.
        checkpoint: Box<Verified<Checkpoint>>,
        /// Whether the registry lists its log.
        listed: bool,
        /// The certificates that it rests on.
        certificates: Vec<Certificate>,
    },
    /// A peer refused what we sent.
    Refused {
        /// The sender.
        peer: AgencyId,
        /// The refusal.
        refusal: Box<Verified<Refusal>>,
    },
    /// The highest checkpoint of a peer that was seen elsewhere than in a receipt.
    Seen {
        /// Whose log it is.
        peer: AgencyId,
        /// The checkpoint.
        checkpoint: Box<Verified<Checkpoint>>,
        /// Whether the registry lists its log.
        listed: bool,
    },
    /// Two signed statements of a peer contradict each other.
    Contradiction {
        /// Whose statements they are.
        peer: AgencyId,
        /// Both sides, as signed.
        sides: Vec<Vec<u8>>,
    },
    /// Somebody reads a case of ours; answered when the access entry is durable.
    Read {
        /// Who waits.
        ticket: Ticket,
        /// What is asked.
        read: Read,
    },
    /// A pending event has been judged.
    Judged {
        /// The event.
        event: EventId,
        /// Its case.
        case: CaseId,
        /// Our own judgement.
        own: Judgement,
        /// The trusted third party's.
        evidence: Option<Box<Verified<Evidence>>>,
        /// The certificates that it rests on.
        certificates: Vec<Certificate>,
    },
    /// A parked message is given up.
    Drop {
        /// Who waits.
        ticket: Ticket,
        /// The caller's idempotency key.
        key: String,
        /// Event id or notice digest.
        id: Digest,
    },
    /// A parked message is to be tried again.
    Retry {
        /// Who waits.
        ticket: Ticket,
        /// The caller's idempotency key.
        key: String,
        /// Event id or notice digest.
        id: Digest,
    },
}

/// What one of our own people does. The body is made by his own program, where his key is.
#[derive(Clone, Debug)]
pub struct Act {
    /// The case; none to open one.
    pub case: Option<CaseId>,
    /// The kind.
    pub kind: Kind,
    /// The step.
    pub step: Option<String>,
    /// The step's or the close's code.
    pub code: u64,
    /// The body blob.
    pub body: Vec<u8>,
    /// An official's approval, and our own judgement of it.
    pub approval: Option<(Signed<Approval>, Judgement)>,
    /// The certificates that it rests on.
    pub certificates: Vec<Certificate>,
    /// When he made it.
    pub created: Timestamp,
    /// The times of the step.
    pub times: StepTimes,
    /// The record that he demands to be the newest; none to act on the newest that the node knows.
    pub head: Option<HeadAt>,
}

impl Work {
    /// How many signatures of others were verified for it.
    pub fn signatures(&self) -> u64 {
        match self {
            Self::Event { event, .. } => 1 + u64::from(event.approval.is_some()),
            Self::Service { .. }
            | Self::Verdict { .. }
            | Self::Receipts { .. }
            | Self::Refused { .. }
            | Self::Seen { .. } => 1,
            Self::Act { act, .. } => u64::from(act.approval.is_some()),
            Self::Judged { evidence, .. } => u64::from(evidence.is_some()),
            Self::Reference { .. } => 2,
            Self::Custody { told, .. } => 3 + 2 * u64::from(told.released_by.is_some()),
            Self::Hold { entries, .. } => entries.len() as u64,
            Self::Unfit { .. }
            | Self::Contradiction { .. }
            | Self::Read { .. }
            | Self::Retry { .. }
            | Self::Drop { .. } => 0,
        }
    }
}

impl Act {
    /// What one idempotency key stands for: the act without salt, approval and times, which a repeated command makes anew.
    pub fn request_digest(&self) -> Digest {
        let case = self.case.map_or(Digest::ZERO, |case| case.0);
        let body = self.body.get(ogic_certs::event::SALT_BYTES..).unwrap_or_default();
        Digest::of_parts(&[
            b"ogic request 1",
            case.as_bytes(),
            &self.kind.number().to_be_bytes(),
            &self.code.to_be_bytes(),
            self.step.as_deref().unwrap_or_default().as_bytes(),
            &[0],
            body,
        ])
    }
}

/// What an event's header claims of its place in its sender's order, before anything of it is believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Claim {
    /// The case.
    pub case: CaseId,
    /// The newest record that its author knew; 0 if it names none.
    pub head: u64,
    /// When its author made it.
    pub created: Timestamp,
}

impl Claim {
    /// What `event` claims.
    pub fn of(event: &Event) -> Self {
        let header = event.header.value();
        let head = header.head.map_or(0, |head| head.seq);
        Self { case: event.case(), head, created: header.created }
    }
}

/// An event whose seal, path, revocation and bonds held.
#[derive(Clone, Debug)]
pub struct CheckedEvent {
    /// The event.
    pub event: Event,
    /// The agency of its seal.
    pub author: AgencyId,
    /// The certificates that its signatures rest on.
    pub certificates: Vec<Certificate>,
    /// Our own judgement of the official's approval.
    pub approval: Option<Judgement>,
}

/// A reference whose seals held.
#[derive(Debug)]
pub struct ReferenceTold {
    /// The reference.
    pub reference: Verified<Reference>,
    /// The agency that opened the case.
    pub opener: AgencyId,
    /// The certificates that all of it rests on.
    pub certificates: Vec<Certificate>,
}

/// A custody notice whose seals held.
#[derive(Debug)]
pub struct CustodyTold {
    /// The notice.
    pub notice: Verified<CustodyNotice>,
    /// The agency whose seal signed the event in it.
    pub author: AgencyId,
    /// The agency that opened the case.
    pub opener: AgencyId,
    /// In a notice of taking: the agency that signed the release that it rests on.
    pub released_by: Option<AgencyId>,
    /// The certificates that all of it rests on.
    pub certificates: Vec<Certificate>,
}

/// A look at a case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Read {
    /// Who looks.
    pub who: AgencyId,
    /// At which case.
    pub case: CaseId,
    /// Under which grant.
    pub grant: Option<EventId>,
    /// What for.
    pub purpose: String,
    /// What is wanted.
    pub wanted: Wanted,
}

/// What a look is at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// The history from this sequence number on.
    History(u64),
    /// A document.
    Document(Digest),
}

/// What a caller gets.
#[derive(Clone, Debug)]
pub enum Answer {
    /// An act of ours on a case of ours is a record.
    Recorded {
        /// The case.
        case: CaseId,
        /// The event.
        event: EventId,
        /// Its place, with the record's digest.
        place: HeadAt,
    },
    /// An act of ours on another home's case waits for its receipt.
    Sent {
        /// The case.
        case: CaseId,
        /// The event.
        event: EventId,
    },
    /// A page of a history.
    Page(Box<Page>),
    /// The document is named in this case, by events of these agencies. The asker may read it if one of them brought it.
    Document(Vec<AgencyId>),
    /// A service definition is held.
    Service(Digest),
    /// Done, and nothing to say.
    Done,
}

/// What the shell is to do.
#[derive(Debug)]
pub enum Output {
    /// Answer a caller.
    Reply(Ticket, Result<Answer>),
    /// A peer has something to be sent.
    Wake(AgencyId),
    /// An event is pending: judge it, and have it judged.
    Judge {
        /// Its case.
        case: CaseId,
        /// The event.
        event: EventId,
    },
    /// A case follows a service definition that is not at hand.
    NeedService {
        /// The home, which has it.
        peer: AgencyId,
        /// Digest of its COSE bytes.
        digest: Digest,
    },
    /// What became of a message that we sent: receipted, refused or judged.
    Settled(EventId),
    /// Something that a person must see.
    Alarm(Problem),
}
