//! What peers say, staged: notices, receipts, refusals, and statements that contradict each other.
//!
//! Nothing here trusts a peer further than its own cases and its own log.

use ogic_certs::certificate::Certificate;
use ogic_certs::checkpoint::Checkpoint;
use ogic_certs::cose::{Payload, Sign1};
use ogic_certs::event::Header;
use ogic_certs::receipt::ReceiptFrame;
use ogic_certs::record::NoticeLeaf;
use ogic_certs::refusal::Refusal;
use ogic_certs::trust::Verified;
use ogic_certs::{AgencyId, CaseId, Code, Digest, EventId, Problem, Result, Timestamp};

use super::fact::{Fact, Parcel};
use super::stage::{Leaf, Staging, stage_certificates};
use super::{Desk, Output, SentState};
use crate::exchange::outbox::is_passing;
use crate::log::Disk;
use crate::store::Store;

impl<D: Disk, S: Store> Desk<D, S> {
    /// Whether `peer` may speak as the home of `case`: a case has one, and whoever told of it first is it. Otherwise any
    /// member could draw to itself what is meant for another.
    pub(super) fn may_be_home(&self, staging: &Staging, peer: &AgencyId, case: &CaseId) -> bool {
        match self.book.home_of(case).or_else(|| staging.homes.get(case)) {
            // A former home's reference may be late: the grant has moved along.
            Some(home) => home == peer || self.book.was_home(peer, case),
            None => !staging.cases.contains_key(case) && matches!(self.case(case), Ok(None)),
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
        checkpoint: &Verified<Checkpoint>,
        certificates: Vec<Certificate>,
        now: Timestamp,
    ) -> Result<()> {
        if checkpoint.value().origin.agency != *peer || checkpoint.identity().agency != *peer {
            return Err(Problem::new(Code::IdentityMismatch, "checkpoint")
                .found(checkpoint.value().origin.to_string())
                .expected(peer.to_string()));
        }
        if let Some(case) = self.book.contradicted(peer, frame) {
            let held = self.frame_of_head(&case);
            let sides = held.into_iter().chain([frame.encode()]).collect();
            self.stage_contradiction(staging, peer.clone(), sides, now);
            return Ok(());
        }
        if !self.take_checkpoint(staging, peer, checkpoint, now)? {
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
            let higher = self.book.log_of(peer, checkpoint.value());
            if higher.is_none_or(|seen| seen.size < checkpoint.value().size) {
                stage_certificates(&self.book, staging, certificates)?;
                let checkpoint = checkpoint.signed().bytes().to_vec();
                staging.push(Fact::PeerSeen { peer: peer.clone(), checkpoint })?;
            }
            return Ok(());
        }
        stage_certificates(&self.book, staging, certificates)?;
        staging.settled.extend(&done);
        self.figures.receipts_taken += done.len() as u64;
        staging.push(Fact::PeerReceipt { peer: peer.clone(), frame: frame.encode(), done })?;
        Ok(())
    }

    /// Compares a peer's checkpoint with what was seen of its logs; false if it is a contradiction, which is then kept. A log
    /// that nobody heard of before may be a rightful new one; that it is another is for a person to see.
    fn take_checkpoint(
        &mut self,
        staging: &mut Staging,
        peer: &AgencyId,
        checkpoint: &Verified<Checkpoint>,
        now: Timestamp,
    ) -> Result<bool> {
        let (shown, held) =
            (checkpoint.value(), self.book.seen.get(peer).map(|seen| seen.checkpoint.clone()));
        let sides = |held: Option<Vec<u8>>| -> Vec<Vec<u8>> {
            held.into_iter().chain([checkpoint.signed().bytes().to_vec()]).collect()
        };
        if self.book.forks(peer, shown) {
            let held = self.book.log_of(peer, shown).map(|seen| seen.checkpoint.clone());
            self.stage_contradiction(staging, peer.clone(), sides(held), now);
            return Ok(false);
        }
        if self.book.changes_log(peer, shown)? {
            self.stage_contradiction(staging, peer.clone(), sides(held), now);
        }
        Ok(true)
    }

    /// The peer's frame that shows the highest head of its case, as it was received.
    pub fn frame_of_head(&self, case: &CaseId) -> Option<Vec<u8>> {
        let (kind, bytes) = self.log.read(self.book.heads.get(case)?.frame?).ok()?;
        match Fact::from_entry(kind, &bytes).ok()? {
            Fact::PeerReceipt { frame, .. } => Some(frame),
            _ => None,
        }
    }

    /// A checkpoint of a peer that was shown elsewhere than in a receipt.
    pub(super) fn stage_seen(
        &mut self,
        staging: &mut Staging,
        peer: AgencyId,
        checkpoint: &Verified<Checkpoint>,
        now: Timestamp,
    ) -> Result<()> {
        let higher = self
            .book
            .log_of(&peer, checkpoint.value())
            .is_none_or(|seen| seen.size < checkpoint.value().size);
        if self.take_checkpoint(staging, &peer, checkpoint, now)? && higher {
            let checkpoint = checkpoint.signed().bytes().to_vec();
            staging.push(Fact::PeerSeen { peer, checkpoint })?;
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

    /// Two signed statements of a peer that contradict each other are kept, each such pair once.
    pub(super) fn stage_contradiction(
        &mut self,
        staging: &mut Staging,
        peer: AgencyId,
        sides: Vec<Vec<u8>>,
        now: Timestamp,
    ) {
        let staged = staging
            .facts
            .iter()
            .any(|fact| matches!(fact, Fact::Alarm { sides: kept, .. } if *kept == sides));
        if staged || !self.book.is_news(&peer, &sides) {
            return;
        }
        let problem = Problem::new(Code::ForkDetected, "peer").found(peer.to_string());
        self.outputs.push_back(Output::Alarm(problem));
        self.push_or_alarm(staging, Fact::Alarm { code: Code::ForkDetected, peer, sides, at: now });
    }
}
