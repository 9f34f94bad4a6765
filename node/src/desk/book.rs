//! The desk's memory beside its cases: references, messages on their way, certificates, keys of callers, who looked.
//!
//! It is the fold of the journal's facts and nothing else: recovery and the normal path both go through [`Book::apply`].

use std::collections::{BTreeMap, HashMap, HashSet};

use ogic_certs::certificate::Certificate;
use ogic_certs::checkpoint::Checkpoint;
use ogic_certs::cose::{Payload, Sign1, Signed};
use ogic_certs::custody::{CustodyNotice, Told};
use ogic_certs::event::{Body, HeadAt, Header, Terms};
use ogic_certs::evidence::Judgement;
use ogic_certs::path::issuers;
use ogic_certs::receipt::ReceiptFrame;
use ogic_certs::record::HeadLeaf;
use ogic_certs::reference::Reference;
use ogic_certs::refusal::{Refusal, VerdictNotice};
use ogic_certs::{AgencyId, CaseId, Code, Digest, EventId, Problem, Result, Timestamp};

use super::fact::{Fact, OutcomeFact, Parcel};
use super::order::Overtaken;
use crate::case::service::Service;
use crate::log::Position;

/// Logs of one peer that are kept: each is a change that a person must see.
pub(super) const LOGS_PER_PEER_MAX: usize = 8;
/// Contradictions of one peer that are kept with both sides.
pub(super) const ALARMS_PER_PEER_MAX: usize = 32;

fn sides_digest(sides: &[Vec<u8>]) -> Digest {
    let digests: Vec<Digest> = sides.iter().map(|side| Digest::of(side)).collect();
    Digest::of_parts(&digests.iter().map(|digest| digest.as_bytes().as_slice()).collect::<Vec<_>>())
}

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

/// The highest that we saw of a peer's log.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The checkpoint's COSE bytes.
    pub checkpoint: Vec<u8>,
    /// Its size.
    pub size: u64,
    /// Its root.
    pub root: Digest,
    /// The log's origin.
    pub origin: String,
}

/// The highest head that we saw of another home's case, with the signed frame that says so.
#[derive(Clone, Debug)]
pub struct HeadSeen {
    /// The head.
    pub head: HeadAt,
    /// Where the receipt frame lies that shows it; none if it came by a reference or page.
    pub frame: Option<Position>,
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
    logs: HashMap<(AgencyId, String), Seen>,
    /// Contradictions that are kept, by digest of their sides, and how many of each peer.
    contradictions: HashSet<Digest>,
    alarms_of: HashMap<AgencyId, usize>,
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
                self.take_notice(peer, signed, notice.received)?;
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
            Fact::PeerSeen { peer, checkpoint } => self.see(peer, checkpoint)?,
            Fact::Service(signed) => {
                let envelope = Sign1::parse(signed, ogic_certs::cose::Kind::Service)?;
                let service = Service::parse(envelope.payload())?;
                self.services.insert(envelope.digest(), ServiceHeld { service, signed: signed.clone() });
            }
            Fact::Overtaken(fact) => {
                self.overtaken.entry((fact.peer.clone(), fact.claim.case)).or_default().add(fact.clone());
            }
            Fact::Alarm { code, peer, sides, .. } => {
                self.contradictions.insert(sides_digest(sides));
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

    fn take_notice(&mut self, peer: &AgencyId, signed: &[u8], received: Timestamp) -> Result<()> {
        let envelope = Sign1::parse_any(signed)?;
        match envelope.kind() {
            ogic_certs::cose::Kind::Reference => {
                let reference = Reference::decode(envelope.payload())?;
                self.see_head(reference.case, reference.head, None);
                self.references.entry(reference.case).or_default().push(Held { reference, received });
            }
            ogic_certs::cose::Kind::Custody => {
                self.take_custody(Some(peer), &CustodyNotice::decode(envelope.payload())?, received)?;
            }
            _ => {
                let notice = VerdictNotice::decode(envelope.payload())?;
                if self.home_of(&notice.case) == Some(peer) {
                    self.see_head(notice.case, notice.head, None);
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
                self.see_head(head.case, HeadAt { seq: head.seq, record: head.record }, Some(at));
            }
        }
        self.see(peer, frame.checkpoint_cose())
    }

    /// Keeps the higher checkpoint of a peer's log.
    fn see(&mut self, peer: &AgencyId, signed: &[u8]) -> Result<()> {
        let checkpoint = Signed::<Checkpoint>::parse(signed)?;
        let value = checkpoint.value();
        let origin = value.origin.to_string();
        let key = (peer.clone(), origin.clone());
        let known = self.logs.get(&key);
        let is_new = known.is_none();
        // Of one size the first statement stays: another root is an alarm, and does not take its place.
        if known.is_some_and(|seen| {
            seen.size > value.size || (seen.size == value.size && seen.root != value.root)
        }) {
            return Ok(());
        }
        let seen = Seen { checkpoint: signed.to_vec(), size: value.size, root: value.root, origin };
        self.logs.insert(key, seen.clone());
        // A statement of an older log does not make it the present one again.
        if is_new || self.seen.get(peer).is_none_or(|current| current.origin == seen.origin) {
            self.seen.insert(peer.clone(), seen);
        }
        Ok(())
    }

    /// Keeps the higher head of another home's case.
    pub fn see_head(&mut self, case: CaseId, head: HeadAt, frame: Option<Position>) {
        let higher = self.heads.get(&case).is_none_or(|seen| {
            // The same head with its proof is more than the head alone.
            seen.head.seq < head.seq || (seen.head == head && seen.frame.is_none() && frame.is_some())
        });
        if higher {
            self.heads.insert(case, HeadSeen { head, frame });
        }
    }

    /// Whether a head of `peer`'s case contradicts the one that was seen at the same place.
    pub fn contradicts(&self, peer: &AgencyId, head: &HeadLeaf) -> bool {
        self.heads
            .get(&head.case)
            .filter(|_| self.home_of(&head.case) == Some(peer))
            .is_some_and(|seen| seen.head.seq == head.seq && seen.head.record != head.record)
    }

    /// The case in which a frame of `peer`, proven under its checkpoint, contradicts what was seen: another head at the same
    /// place, or another record where the head was.
    pub fn contradicted(&self, peer: &AgencyId, frame: &ReceiptFrame) -> Option<CaseId> {
        let head = frame.heads().iter().map(|(_, head)| head).find(|head| self.contradicts(peer, head));
        let record = || {
            frame.records().map(|(_, record)| record).find(|record| {
                self.heads
                    .get(&record.case)
                    .filter(|_| self.home_of(&record.case) == Some(peer))
                    .is_some_and(|seen| seen.head.seq == record.seq && seen.head.record != record.digest())
            })
        };
        head.map(|head| head.case).or_else(|| record().map(|record| record.case))
    }

    /// Whether a frame of `peer` shows more of its cases than was kept with its proof.
    pub fn shows_more(&self, peer: &AgencyId, frame: &ReceiptFrame) -> bool {
        frame.heads().iter().any(|(_, head)| {
            self.home_of(&head.case) == Some(peer)
                && self.heads.get(&head.case).is_none_or(|seen| {
                    seen.head.seq < head.seq || (seen.frame.is_none() && seen.head.seq == head.seq)
                })
        })
    }

    /// Whether a checkpoint is of a log of `peer` that was never seen, while another was. `LimitReached` when it has had so
    /// many that they are not kept any more.
    pub fn changes_log(&self, peer: &AgencyId, checkpoint: &Checkpoint) -> Result<bool> {
        let key = (peer.clone(), checkpoint.origin.to_string());
        if self.logs.contains_key(&key) || !self.seen.contains_key(peer) {
            return Ok(false);
        }
        let logs = self.logs.keys().filter(|(agency, _)| agency == peer).count();
        if logs < LOGS_PER_PEER_MAX {
            return Ok(true);
        }
        Err(Problem::new(Code::LimitReached, "origin")
            .found(checkpoint.origin.to_string())
            .expected(format!("one of the {LOGS_PER_PEER_MAX} logs that this agency has had")))
    }

    /// Whether a contradiction of `peer` is one more to be kept: each once, and of each peer a bounded number, which is proof
    /// enough.
    pub fn is_news(&self, peer: &AgencyId, sides: &[Vec<u8>]) -> bool {
        let kept = self.alarms_of.get(peer).copied().unwrap_or_default();
        kept < ALARMS_PER_PEER_MAX && !self.contradictions.contains(&sides_digest(sides))
    }

    /// Whether a checkpoint contradicts the highest that was seen of that log.
    pub fn forks(&self, peer: &AgencyId, checkpoint: &Checkpoint) -> bool {
        self.log_of(peer, checkpoint)
            .is_some_and(|seen| seen.size == checkpoint.size && seen.root != checkpoint.root)
    }

    /// The highest that was seen of the log that a checkpoint is of.
    pub fn log_of(&self, peer: &AgencyId, checkpoint: &Checkpoint) -> Option<&Seen> {
        self.logs.get(&(peer.clone(), checkpoint.origin.to_string()))
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
