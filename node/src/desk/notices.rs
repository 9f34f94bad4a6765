//! What peers say, staged: notices, receipts, refusals, and statements that contradict each other.
//!
//! Nothing here trusts a peer further than its own cases and its own log.

use ogic_certs::certificate::Certificate;
use ogic_certs::checkpoint::Checkpoint;
use ogic_certs::cose::{Payload, Sign1};
use ogic_certs::event::{HeadAt, Header};
use ogic_certs::receipt::ReceiptFrame;
use ogic_certs::record::NoticeLeaf;
use ogic_certs::refusal::Refusal;
use ogic_certs::trust::Verified;
use ogic_certs::{AgencyId, CaseId, Code, Digest, EventId, Problem, Result, Timestamp};

use super::fact::{Fact, Parcel};
use super::homes::{may_refer, unproven};
use super::stage::{Leaf, Staging, stage_certificates};
use super::statements::{Other, places, subject, told};
use super::work::ReferenceTold;
use super::{Desk, Output, SentState};
use crate::exchange::outbox::is_passing;
use crate::log::{Disk, Position};
use crate::store::Store;

impl<D: Disk, S: Store> Desk<D, S> {
    /// A peer tells us of a right to a case of its.
    pub(super) fn stage_reference(
        &mut self,
        staging: &mut Staging,
        peer: AgencyId,
        told: ReferenceTold,
        now: Timestamp,
    ) {
        let reference = told.reference.value();
        let fits = told.reference.identity().agency == peer
            && reference.home == peer
            && reference.terms.grantee == self.settings.agency;
        let bytes = told.reference.signed().bytes().to_vec();
        if fits && !may_refer(&self.book, staging, &peer, &told) {
            let problem = unproven(&peer);
            return staging.refusals.push((peer, Digest::of(&bytes), problem, None));
        }
        if self.stage_notice(staging, peer.clone(), bytes.clone(), fits, told.certificates, now) {
            staging.tell_home(&self.book, &told.reference.value().case, &told.opener);
            self.compare_told(staging, peer, bytes, now);
        }
    }

    /// A signed notice of a peer; says whether it was new and fitted.
    pub(super) fn stage_notice(
        &mut self,
        staging: &mut Staging,
        peer: AgencyId,
        signed: Vec<u8>,
        fits: bool,
        certificates: Vec<Certificate>,
        now: Timestamp,
    ) -> bool {
        let digest = Digest::of(&signed);
        if !fits {
            let problem = Problem::new(Code::IdentityMismatch, "notice").expected("a notice for this agency");
            staging.refusals.push((peer, digest, problem, None));
            return false;
        }
        let known = staging
            .facts
            .iter()
            .position(|fact| matches!(fact, Fact::Notice { leaf, .. } if leaf.digest == digest));
        let leaf = match (known, self.book.notices.get(&digest)) {
            (Some(fact), _) => Leaf::New(fact),
            (None, Some((position, index))) => Leaf::Old(*index, *position),
            (None, None) => {
                let leaf = NoticeLeaf { digest, received: now };
                let staged = stage_certificates(&self.book, staging, certificates)
                    .and_then(|()| staging.push(Fact::Notice { leaf, peer: peer.clone(), signed }));
                match staged {
                    Ok(fact) => Leaf::New(fact),
                    Err(problem) => {
                        staging.refusals.push((peer, digest, problem, None));
                        return false;
                    }
                }
            }
        };
        let leaves = staging.receipts.entry(peer).or_default();
        if !leaves.contains(&leaf) {
            leaves.push(leaf);
        }
        true
    }

    /// A peer's receipts: what they prove is done.
    pub(super) fn stage_receipts(
        &mut self,
        staging: &mut Staging,
        peer: &AgencyId,
        frame: &ReceiptFrame,
        (checkpoint, listed): (&Verified<Checkpoint>, bool),
        certificates: Vec<Certificate>,
        now: Timestamp,
    ) -> Result<()> {
        if checkpoint.value().origin.agency != *peer || checkpoint.identity().agency != *peer {
            return Err(Problem::new(Code::IdentityMismatch, "checkpoint")
                .found(checkpoint.value().origin.to_string())
                .expected(peer.to_string()));
        }
        let contradicted =
            places(frame).find_map(|(case, place)| self.other_side(staging, peer, &case, place));
        if let Some(other) = contradicted {
            self.stage_fork(staging, peer.clone(), &other, frame.encode(), now);
            return Ok(());
        }
        if !self.take_checkpoint(staging, peer, (checkpoint, listed), now)? {
            return Ok(());
        }
        let mut done = Vec::new();
        for (_, leaf) in frame.leaves() {
            let id = match leaf {
                ogic_certs::record::Leaf::Record(record) => record.event.0,
                ogic_certs::record::Leaf::Notice(notice) => notice.digest,
                ogic_certs::record::Leaf::Access(_) => continue,
            };
            let waiting = self
                .book
                .sent
                .get(&id)
                .filter(|sent| sent.peer == *peer || self.book.was_home(peer, &sent.case))
                .is_some_and(|sent| !matches!(sent.state, SentState::Done { .. }));
            if waiting && !staging.settled.contains(&id) {
                done.push(id);
            }
        }
        if done.is_empty() && !self.book.shows_more(peer, frame) {
            if self.book.is_higher(peer, checkpoint.value()) {
                stage_certificates(&self.book, staging, certificates)?;
                self.push_seen(staging, peer, checkpoint)?;
            }
            return Ok(());
        }
        stage_certificates(&self.book, staging, certificates)?;
        staging.settled.extend(&done);
        self.figures.receipts_taken += done.len() as u64;
        let fact = staging.push(Fact::PeerReceipt { peer: peer.clone(), frame: frame.encode(), done })?;
        staging.shown.see(peer, checkpoint.value(), fact);
        for (case, place) in places(frame) {
            if self.speaks_of(staging, peer, &case) {
                staging.shown.see_head(case, place, fact);
            }
        }
        Ok(())
    }

    /// Whether `peer` is the home of the case, as far as was told before or in this commit.
    fn speaks_of(&self, staging: &Staging, peer: &AgencyId, case: &CaseId) -> bool {
        staging.homes.get(case).or_else(|| self.book.home_of(case)) == Some(peer)
    }

    /// What contradicts this place of `peer`'s case: what was seen, or what this commit was shown.
    fn other_side(&self, staging: &Staging, peer: &AgencyId, case: &CaseId, place: HeadAt) -> Option<Other> {
        let known = || self.book.contradicts(case, place).or_else(|| staging.shown.contradicts(case, place));
        known().filter(|_| self.speaks_of(staging, peer, case))
    }

    /// A notice of a home, which was just staged, tells a head of its case: it is compared as one in a frame is.
    pub(super) fn compare_told(
        &mut self,
        staging: &mut Staging,
        peer: AgencyId,
        signed: Vec<u8>,
        now: Timestamp,
    ) {
        let Some((case, head)) = told(&signed) else { return };
        if let Some(other) = self.other_side(staging, &peer, &case, head) {
            return self.stage_fork(staging, peer, &other, signed, now);
        }
        let digest = Digest::of(&signed);
        let is_it = |fact: &Fact| matches!(fact, Fact::Notice { leaf, .. } if leaf.digest == digest);
        if let Some(fact) = staging.facts.iter().rposition(is_it)
            && self.speaks_of(staging, &peer, &case)
        {
            staging.shown.see_head(case, head, fact);
        }
    }

    /// Compares a peer's checkpoint with what was seen of its logs; false if it is a contradiction, which is then kept. A log
    /// that nobody heard of before is a rightful new one if the registry lists it; that it is another is else for a person to
    /// see.
    fn take_checkpoint(
        &mut self,
        staging: &mut Staging,
        peer: &AgencyId,
        (checkpoint, listed): (&Verified<Checkpoint>, bool),
        now: Timestamp,
    ) -> Result<bool> {
        let (value, signed) = (checkpoint.value(), checkpoint.signed().bytes());
        if let Some(other) = self.book.forks(peer, value).or_else(|| staging.shown.forks(peer, value)) {
            self.stage_fork(staging, peer.clone(), &other, signed.to_vec(), now);
            return Ok(false);
        }
        if self.book.changes_log(peer, value)? && !listed {
            let held = self.book.seen.get(peer).map(|seen| Other::Checkpoint(seen.checkpoint.clone()));
            if let Some(held) = held {
                self.stage_fork(staging, peer.clone(), &held, signed.to_vec(), now);
            }
        }
        Ok(true)
    }

    fn push_seen(
        &self,
        staging: &mut Staging,
        peer: &AgencyId,
        checkpoint: &Verified<Checkpoint>,
    ) -> Result<()> {
        let signed = checkpoint.signed().bytes().to_vec();
        let fact = staging.push(Fact::PeerSeen { peer: peer.clone(), checkpoint: signed })?;
        staging.shown.see(peer, checkpoint.value(), fact);
        Ok(())
    }

    /// The peer's statement that shows the highest head of its case, as it was received.
    pub fn statement_of_head(&self, case: &CaseId) -> Option<Vec<u8>> {
        self.statement_at(self.book.heads.get(case)?.told)
    }

    fn statement_at(&self, position: Position) -> Option<Vec<u8>> {
        let (kind, bytes) = self.log.read(position).ok()?;
        statement_in(&Fact::from_entry(kind, &bytes).ok()?)
    }

    /// A checkpoint of a peer that was shown elsewhere than in a receipt.
    pub(super) fn stage_seen(
        &mut self,
        staging: &mut Staging,
        peer: AgencyId,
        (checkpoint, listed): (&Verified<Checkpoint>, bool),
        now: Timestamp,
    ) -> Result<()> {
        let higher = self.book.is_higher(&peer, checkpoint.value());
        if self.take_checkpoint(staging, &peer, (checkpoint, listed), now)? && higher {
            self.push_seen(staging, &peer, checkpoint)?;
        }
        Ok(())
    }

    /// A peer refused: what can never succeed is parked, and what a day of tries did not let pass; the rest is tried again.
    pub(super) fn stage_refused(
        &mut self,
        staging: &mut Staging,
        peer: &AgencyId,
        refusal: &Verified<Refusal>,
        now: Timestamp,
    ) {
        let id = refusal.value().subject;
        let ours = self
            .book
            .sent
            .get(&id)
            .is_some_and(|sent| sent.peer == *peer && matches!(sent.state, SentState::Waiting));
        if !ours || refusal.identity().agency != *peer {
            return;
        }
        let code = refusal.value().code;
        if is_passing(code) && !self.outbox.is_out_of_patience(&id, code, now) {
            self.outbox.delay(&id, refusal.value().problem(), now);
            return;
        }
        let refusal = Some(refusal.signed().bytes().to_vec());
        if self.push_or_alarm(staging, Fact::Parked { id, code, refusal }) {
            staging.settled.push(id);
            // What this process heard of a right's end is memory, no more: the home judges anew at every act.
            if let Ok(Some(grant)) = self.grant_of(&id) {
                self.book.note_ended(grant, code);
            }
        }
    }

    /// What the refusals in the journal say of our rights.
    pub(super) fn resume_ended(&mut self) -> Result<()> {
        let refused: Vec<(Digest, Code)> = (self.book.sent.iter())
            .filter_map(|(id, sent)| match &sent.state {
                SentState::Parked(problem) | SentState::Dropped(problem) => Some((*id, problem.code)),
                SentState::Waiting | SentState::Done { .. } => None,
            })
            .filter(|(_, code)| matches!(code, Code::GrantRevoked | Code::GrantExpired))
            .collect();
        for (id, code) in refused {
            if let Some(grant) = self.grant_of(&id)? {
                self.book.note_ended(grant, code);
            }
        }
        Ok(())
    }

    /// The right under which an event of ours was sent.
    fn grant_of(&self, id: &Digest) -> Result<Option<EventId>> {
        match self.parcel(id)? {
            Some(Parcel::Event { header, .. }) => {
                Ok(Header::decode(Sign1::parse_any(&header)?.payload())?.grant)
            }
            _ => Ok(None),
        }
    }

    /// A statement of a peer contradicts another one of it: both are kept.
    fn stage_fork(
        &mut self,
        staging: &mut Staging,
        peer: AgencyId,
        other: &Other,
        statement: Vec<u8>,
        now: Timestamp,
    ) {
        let other = match other {
            Other::Checkpoint(signed) => Some(signed.clone()),
            Other::At(position) => self.statement_at(*position),
            Other::Fact(fact) => staging.facts.get(*fact).and_then(statement_in),
        };
        self.stage_contradiction(staging, peer, other.into_iter().chain([statement]).collect(), now);
    }

    /// Two signed statements of a peer that contradict each other are kept, each contradiction once.
    pub(super) fn stage_contradiction(
        &mut self,
        staging: &mut Staging,
        peer: AgencyId,
        sides: Vec<Vec<u8>>,
        now: Timestamp,
    ) {
        let about = subject(&sides);
        if !self.book.is_news(&peer, &about) || !staging.shown.contradictions.insert(about) {
            return;
        }
        let problem = Problem::new(Code::ForkDetected, "peer").found(peer.to_string());
        self.outputs.push_back(Output::Alarm(problem));
        self.push_or_alarm(staging, Fact::Alarm { code: Code::ForkDetected, peer, sides, at: now });
    }
}

/// The signed statement of a peer that a fact keeps.
fn statement_in(fact: &Fact) -> Option<Vec<u8>> {
    match fact {
        Fact::PeerReceipt { frame, .. } => Some(frame.clone()),
        Fact::Notice { signed, .. } => Some(signed.clone()),
        Fact::PeerSeen { checkpoint, .. } => Some(checkpoint.clone()),
        _ => None,
    }
}
