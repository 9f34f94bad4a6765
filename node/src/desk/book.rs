//! The desk's memory beside its cases: references, messages on their way, certificates, keys of callers, who looked.
//!
//! It is the fold of the journal's facts and nothing else: recovery and the normal path both go through [`Book::apply`].

use std::collections::{BTreeMap, HashMap, HashSet};

use ogic_certs::certificate::Certificate;
use ogic_certs::cose::{Payload, Sign1, Signed};
use ogic_certs::custody::{CustodyNotice, Told};
use ogic_certs::event::{Body, HeadAt, Header, Terms};
use ogic_certs::evidence::Judgement;
use ogic_certs::path::issuers;
use ogic_certs::receipt::ReceiptFrame;
use ogic_certs::reference::Reference;
use ogic_certs::refusal::{Refusal, VerdictNotice};
use ogic_certs::{AgencyId, CaseId, Code, Digest, EventId, Problem, Result, Timestamp};

use super::fact::{Fact, OutcomeFact, Parcel};
use super::order::Overtaken;
use super::statements::{HeadSeen, LogSeen, Seen, subject};
use crate::case::service::Service;
use crate::log::Position;

/// A right that another home gave us.
#[derive(Clone, Debug)]
pub struct Held {
    /// The reference.
    pub reference: Reference,
    /// When we got it.
    pub received: Timestamp,
}

/// A message of ours, from its first byte in the journal to its receipt.
#[derive(Clone, Debug)]
pub struct Sent {
    /// To whom.
    pub peer: AgencyId,
    /// Its case.
    pub case: CaseId,
    /// Where the bytes lie.
    pub position: Position,
    /// About how many bytes it takes on the wire.
    pub bytes: usize,
    /// Whether it is an event; else a notice.
    pub is_event: bool,
    /// How it stands.
    pub state: SentState,
    /// What the home says of it, if it was judged.
    pub judgement: Option<Judgement>,
}

/// How a message of ours stands.
#[derive(Clone, Debug)]
pub enum SentState {
    /// On its way.
    Waiting,
    /// Receipted: the receipt lies in the journal at this position.
    Done {
        /// Where the receipt frame lies.
        receipt: Position,
        /// Where the home put it, for an event.
        place: Option<HeadAt>,
    },
    /// Refused for good, or until an operator retries it.
    Parked(Problem),
    /// Refused for this reason, and given up by an operator.
    Dropped(Problem),
}

/// A service definition at hand.
#[derive(Clone, Debug)]
pub struct ServiceHeld {
    /// The definition.
    pub service: Service,
    /// Its COSE bytes.
    pub signed: Vec<u8>,
}

/// An offer of another home's case to us.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offered {
    /// The home.
    pub from: AgencyId,
    /// The offer's event.
    pub offer: EventId,
    /// Its terms.
    pub terms: Terms,
    /// Its record.
    pub place: HeadAt,
    /// When we heard of it.
    pub received: Timestamp,
}

/// A change of a case's home.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Move {
    /// Who released it.
    pub from: AgencyId,
    /// To whom.
    pub to: AgencyId,
    /// The offer that it rests on.
    pub offer: EventId,
    /// The record of the release.
    pub release: HeadAt,
    /// When it was told.
    pub at: Timestamp,
    /// The record of taking, once it is known.
    pub taken: Option<HeadAt>,
}

/// What this node knows of the custody of a case: what others told, and what it said itself.
#[derive(Clone, Default, Debug)]
pub struct CustodyKnown {
    /// The newest offer to us.
    pub offered: Option<Offered>,
    /// Our newest acceptance: the offer, and the event.
    pub accepted: Option<(EventId, EventId)>,
    /// The offer that we declined last.
    pub declined: Option<EventId>,
    /// The changes of the home, oldest first.
    pub moves: Vec<Move>,
}

/// The desk's memory.
#[derive(Debug, Default)]
pub struct Book {
    /// The agency whose memory it is.
    us: Option<AgencyId>,
    /// Rights that others gave us, by case, oldest first.
    pub references: BTreeMap<CaseId, Vec<Held>>,
    /// Messages of ours by event id or notice digest.
    pub sent: HashMap<Digest, Sent>,
    /// The ids of [`Book::sent`] in the order they were put.
    pub sent_order: Vec<Digest>,
    /// The documents that events of ours bring to cases of other homes, which may fetch them here.
    brought: HashSet<(CaseId, Digest)>,
    /// What callers' keys led to.
    pub outcomes: HashMap<String, OutcomeFact>,
    /// Access entries by case.
    pub access: HashMap<CaseId, Vec<Position>>,
    /// Certificates by digest.
    pub certificates: HashMap<Digest, Certificate>,
    /// Service definitions by digest.
    pub services: HashMap<Digest, ServiceHeld>,
    /// Peers' logs.
    pub seen: HashMap<AgencyId, Seen>,
    /// Heads of other homes' cases.
    pub heads: HashMap<CaseId, HeadSeen>,
    /// Notices that were received, with the index of their leaf.
    pub notices: HashMap<Digest, (Position, u64)>,
    /// Events of peers that were refused and overtaken, by case: they stay refused.
    pub overtaken: HashMap<(AgencyId, CaseId), Overtaken>,
    /// Rights that others gave us and that their homes have since answered as ended, with the code, as far as this process heard.
    pub ended: HashMap<EventId, Code>,
    /// The custody of cases that were offered, released or taken.
    pub custody: BTreeMap<CaseId, CustodyKnown>,
    /// What a person must see.
    pub alarms: Vec<Problem>,
    /// The highest that was seen of every log of a peer; [`Book::seen`] is of the newest log.
    pub(super) logs: HashMap<(AgencyId, String), LogSeen>,
    /// Contradictions that are kept, by what they are about, and how many of each peer.
    pub(super) contradictions: HashSet<Digest>,
    pub(super) alarms_of: HashMap<AgencyId, usize>,
}

impl Book {
    /// The empty memory of an agency.
    pub fn new(us: AgencyId) -> Self {
        Self { us: Some(us), ..Self::default() }
    }

    /// Takes one fact, which is durable at `position`.
    pub fn apply(&mut self, fact: &Fact, position: Position, leaf: Option<u64>) -> Result<()> {
        match fact {
            Fact::Event(_) | Fact::Held(_) => {}
            Fact::Answered(answer) => {
                let known = self.custody.entry(answer.case).or_default();
                if answer.accepted {
                    known.accepted = Some((answer.offer, answer.event));
                } else {
                    known.declined = Some(answer.offer);
                }
            }
            Fact::Access(access) => self.access.entry(access.case).or_default().push(position),
            Fact::Notice { leaf: notice, peer, signed } => {
                self.notices.insert(notice.digest, (position, leaf.unwrap_or_default()));
                self.take_notice(peer, signed, notice.received, position)?;
            }
            Fact::Put(put) => {
                let id = put.parcel.id();
                let sent = Sent {
                    peer: put.peer.clone(),
                    case: put.case,
                    position,
                    bytes: put.parcel.bytes(),
                    is_event: matches!(put.parcel, Parcel::Event { .. }),
                    state: SentState::Waiting,
                    judgement: None,
                };
                if self.sent.insert(id, sent).is_none() {
                    self.sent_order.push(id);
                }
                match &put.parcel {
                    Parcel::Event { header, body, .. } => {
                        let kind = Header::decode(Sign1::parse_any(header)?.payload())?.kind;
                        for document in Body::from_blob(body, kind)?.documents {
                            self.brought.insert((put.case, document.sha256));
                        }
                    }
                    // What we tell of the custody holds for us too.
                    Parcel::Notice(signed) => {
                        if let Ok(notice) = Signed::<CustodyNotice>::parse(signed) {
                            self.take_custody(None, notice.value(), notice.value().at)?;
                        }
                    }
                }
            }
            Fact::Parked { id, code, refusal } => {
                let problem = match refusal {
                    Some(signed) => Signed::<Refusal>::parse(signed)?.value().problem(),
                    None => Problem::new(*code, "message"),
                };
                if let Some(sent) = self.sent.get_mut(id) {
                    sent.state = SentState::Parked(problem);
                }
            }
            Fact::Unparked(id) => {
                let case = self.sent.get(id).map(|sent| sent.case);
                let home = case.and_then(|case| self.home_of(&case).cloned());
                if let Some(sent) = self.sent.get_mut(id) {
                    sent.state = SentState::Waiting;
                    // The case may have moved since it was refused.
                    if let Some(home) = home.filter(|_| sent.is_event) {
                        sent.peer = home;
                    }
                }
            }
            Fact::Dropped(id) => {
                if let Some(sent) = self.sent.get_mut(id)
                    && let SentState::Parked(problem) = &sent.state
                {
                    sent.state = SentState::Dropped(problem.clone());
                }
            }
            Fact::PeerReceipt { peer, frame, done } => self.take_receipt(peer, frame, done, position)?,
            Fact::Certificate(certificate) => {
                self.certificates.insert(certificate.digest(), certificate.clone());
            }
            Fact::Outcome(outcome) => {
                self.outcomes.insert(outcome.key.clone(), outcome.clone());
            }
            Fact::PeerSeen { peer, checkpoint } => self.see(peer, checkpoint, position)?,
            Fact::Service(signed) => {
                let envelope = Sign1::parse(signed, ogic_certs::cose::Kind::Service)?;
                let service = Service::parse(envelope.payload())?;
                self.services.insert(envelope.digest(), ServiceHeld { service, signed: signed.clone() });
            }
            Fact::Overtaken(fact) => {
                self.overtaken.entry((fact.peer.clone(), fact.claim.case)).or_default().add(fact.clone());
            }
            Fact::Alarm { code, peer, sides, .. } => {
                self.contradictions.insert(subject(sides));
                *self.alarms_of.entry(peer.clone()).or_default() += 1;
                self.alarms.push(Problem::new(*code, "peer").found(peer.to_string()));
            }
        }
        Ok(())
    }

    /// The right under which we may act on another home's case: the newest one that names `step`, or else the newest.
    pub fn right(&self, case: &CaseId, step: Option<&str>) -> Option<&Held> {
        let held = self.references.get(case)?;
        let covers = |held: &&Held| {
            step.is_none_or(|step| held.reference.terms.steps.iter().any(|covered| covered == step))
        };
        held.iter().rev().find(covers).or_else(|| held.last())
    }

    /// Whether an event that we sent to `home` for its `case` brings the document.
    pub fn brings(&self, home: &AgencyId, case: CaseId, sha256: Digest) -> bool {
        let is_home = self.home_of(&case) == Some(home) || self.was_home(home, &case);
        is_home && self.brought.contains(&(case, sha256))
    }

    /// A home answered that the right under which we acted has ended.
    pub fn note_ended(&mut self, grant: EventId, code: Code) {
        if matches!(code, Code::GrantRevoked | Code::GrantExpired) {
            self.ended.insert(grant, code);
        }
    }

    /// The home of another agency's case, as far as we were told.
    pub fn home_of(&self, case: &CaseId) -> Option<&AgencyId> {
        let known = self.custody.get(case);
        let moved = known.and_then(|known| known.moves.last()).map(|moved| &moved.to);
        let told = || self.references.get(case)?.first().map(|held| &held.reference.home);
        let offered = || known?.offered.as_ref().map(|offered| &offered.from);
        moved.or_else(told).or_else(offered)
    }

    /// Whether `agency` was once the home of the case, as far as we were told.
    pub fn was_home(&self, agency: &AgencyId, case: &CaseId) -> bool {
        self.custody.get(case).is_some_and(|known| known.moves.iter().any(|moved| moved.from == *agency))
    }

    /// Takes what a custody notice of `peer`, or without one of ours, tells.
    fn take_custody(
        &mut self,
        peer: Option<&AgencyId>,
        notice: &CustodyNotice,
        received: Timestamp,
    ) -> Result<()> {
        let case = notice.case;
        let told = notice.read()?;
        let known = self.custody.entry(case).or_default();
        let (from, to, offer, release, taken) = match told {
            Told::Declined { offer, .. } => {
                known.moves.retain(|moved| moved.offer != offer || moved.taken.is_some());
                self.readdress(&case);
                return Ok(());
            }
            Told::Offered { offer, terms, place } => {
                if let Some(peer) = peer {
                    known.offered = Some(Offered { from: peer.clone(), offer, terms, place, received });
                }
                return Ok(());
            }
            Told::Released(release) => {
                // A release is sealed by the home, which also signed the notice of it.
                let Some(from) = peer.cloned().or_else(|| self.us.clone()) else { return Ok(()) };
                (from, release.to.clone(), release.offer, release.place(), None)
            }
            Told::Taken { from, release, place, .. } => {
                (from, release.to.clone(), release.offer, release.place(), Some(place))
            }
        };
        let known = self.custody.entry(case).or_default();
        // Notices of several homes come in any order; what is later in the history is the later move.
        let later = known.moves.iter().position(|moved| moved.release.seq >= release.seq);
        match later {
            Some(at) if known.moves[at].release == release => {
                known.moves[at].taken = known.moves[at].taken.or(taken);
            }
            at => {
                let moved = Move { from, to, offer, release, at: received, taken };
                known.moves.insert(at.unwrap_or(known.moves.len()), moved);
            }
        }
        // An offer is used up by the release that rests on it, or on a later one.
        if known.offered.as_ref().is_some_and(|offered| offered.place.seq < release.seq) {
            known.offered = None;
        }
        self.readdress(&case);
        Ok(())
    }

    /// Events that wait for a home that is none any more go to the one that is.
    fn readdress(&mut self, case: &CaseId) {
        let Some(home) = self.home_of(case).cloned() else { return };
        // What we sent before the case came to us, the acceptance at least, the old home has and will receipt.
        if self.us.as_ref() == Some(&home) {
            return;
        }
        for sent in self.sent.values_mut() {
            let waits = match &sent.state {
                SentState::Waiting => true,
                SentState::Parked(problem) => problem.code == Code::CaseMoved,
                SentState::Done { .. } | SentState::Dropped(_) => false,
            };
            if waits && sent.is_event && sent.case == *case && sent.peer != home {
                sent.peer = home.clone();
                sent.state = SentState::Waiting;
            }
        }
    }

    fn take_notice(
        &mut self,
        peer: &AgencyId,
        signed: &[u8],
        received: Timestamp,
        at: Position,
    ) -> Result<()> {
        let envelope = Sign1::parse_any(signed)?;
        match envelope.kind() {
            ogic_certs::cose::Kind::Reference => {
                let reference = Reference::decode(envelope.payload())?;
                self.see_head(reference.case, reference.head, at, false);
                self.references.entry(reference.case).or_default().push(Held { reference, received });
            }
            ogic_certs::cose::Kind::Custody => {
                self.take_custody(Some(peer), &CustodyNotice::decode(envelope.payload())?, received)?;
            }
            _ => {
                let notice = VerdictNotice::decode(envelope.payload())?;
                if self.home_of(&notice.case) == Some(peer) {
                    self.see_head(notice.case, notice.head, at, false);
                }
                // A judgement may come from an agency that has become the home since.
                if let Some(sent) = self.sent.get_mut(&notice.event.0) {
                    sent.judgement = Some(notice.judgement);
                }
            }
        }
        Ok(())
    }

    fn take_receipt(&mut self, peer: &AgencyId, bytes: &[u8], done: &[Digest], at: Position) -> Result<()> {
        let frame = ReceiptFrame::decode(bytes)?;
        for id in done {
            let place = frame
                .leaf_for_event(EventId(*id))
                .map(|(_, record)| HeadAt { seq: record.seq, record: record.digest() });
            if let Some(sent) = self.sent.get_mut(id) {
                sent.state = SentState::Done { receipt: at, place };
            }
        }
        for (_, head) in frame.heads() {
            // Of a case its home alone speaks.
            if self.home_of(&head.case) == Some(peer) {
                self.see_head(head.case, HeadAt { seq: head.seq, record: head.record }, at, true);
            }
        }
        self.see(peer, frame.checkpoint_cose(), at)
    }

    /// The certificates of these signers, each with those of the authorities above it, each once; what counts at `at` first. The
    /// book holds only what a path to an anchor was made of, and signers.
    pub fn certificates_of(
        &self,
        signers: impl IntoIterator<Item = Digest>,
        at: Timestamp,
    ) -> Vec<Certificate> {
        let authorities = self.certificates.values().filter(|certificate| certificate.is_ca());
        let mut found: Vec<Certificate> = Vec::new();
        for signer in signers.into_iter().filter_map(|signer| self.certificates.get(&signer)) {
            for certificate in std::iter::once(signer.clone()).chain(issuers(signer, authorities.clone(), at))
            {
                if !found.iter().any(|known| known.digest() == certificate.digest()) {
                    found.push(certificate);
                }
            }
        }
        found
    }

    /// What a case of ours may not be opened without.
    pub fn service(&self, digest: &Digest) -> Result<&ServiceHeld> {
        self.services.get(digest).ok_or_else(|| {
            Problem::new(Code::ServiceUnknown, "service")
                .found(digest.to_string())
                .expected("a definition that was published here or fetched")
        })
    }
}
