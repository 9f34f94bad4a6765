//! Step 4 of a commit: what is durable becomes visible, under one signature.
//!
//! From here on failure is only noise: the records are ordered and on disk, and a sender who hears nothing asks again.

use std::collections::BTreeMap;

use ogic_certs::checkpoint::{Checkpoint, HeadsTree};
use ogic_certs::cose;
use ogic_certs::custody::CustodyNotice;
use ogic_certs::receipt::ReceiptFrame;
use ogic_certs::record::{HeadLeaf, Leaf as LogLeaf};
use ogic_certs::refusal::Refusal;
use ogic_certs::{AgencyId, CaseId, Digest, EventId, Problem, Result, Timestamp};

use super::custody::take_held;
use super::fact::Fact;
use super::meter::Phase;
use super::rows::TailCase;
use super::stage::{Leaf, Reply, Staging};
use super::{Desk, Output};
use crate::case::Effect;
use crate::exchange::message::Message;
use crate::exchange::outbox::Item;
use crate::log::{Committed, Disk, split_leaf};
use crate::store::{Batch, CaseRow, RecordRow, Store};

/// Leaves of one receipt frame: with their proofs they stay well below the limit of a message.
const LEAVES_PER_FRAME: usize = 256;

/// A checkpoint with what is proven under it.
#[derive(Clone, Debug)]
pub(super) struct Signed {
    pub(super) cose: Vec<u8>,
    pub(super) size: u64,
    pub(super) heads: HeadsTree,
}

impl<D: Disk, S: Store> Desk<D, S> {
    /// Takes what is durable up in memory. What an error leaves out is in the journal nevertheless.
    pub(super) fn take_facts(&mut self, staging: &Staging, committed: &Committed) -> Result<()> {
        for (fact, place) in staging.facts.iter().zip(&committed.places) {
            self.book.apply(fact, place.position, place.leaf)?;
            if let (Fact::Held(held), Some(leaf)) = (fact, place.leaf) {
                let id = &held.record.case;
                let base = if self.held.contains_key(id) { None } else { self.case(id)? };
                let known = (&self.book, &self.settings.policy);
                take_held(&mut self.held, base, known, held, (place.position, leaf))?;
            }
        }
        Ok(())
    }

    /// Publishes what was taken up.
    pub(super) fn publish(&mut self, mut staging: Staging, committed: &Committed, now: Timestamp) {
        self.publish_cases(&staging, committed);
        for fact in &staging.facts {
            if let Fact::Put(put) = fact {
                self.outbox.put(Item {
                    id: put.parcel.id(),
                    peer: put.peer.clone(),
                    case: Some(put.case),
                    bytes: put.parcel.bytes(),
                });
                self.outputs.push_back(Output::Wake(put.peer.clone()));
            }
        }
        for leaves in staging.receipts.values_mut() {
            for leaf in leaves {
                if let Leaf::New(fact) = *leaf
                    && let Some(place) = committed.places.get(fact)
                    && let Some(index) = place.leaf
                {
                    *leaf = Leaf::Old(index, place.position);
                }
            }
        }
        self.publish_effects(&staging);
        self.note_looks(std::mem::take(&mut staging.looks), now);
        self.release(staging, now);
    }

    /// Answers what needed nothing durable, or has it now: receipts, refusals, callers.
    pub(super) fn release(&mut self, staging: Staging, now: Timestamp) {
        let read = staging.replies.iter().any(|(_, reply)| matches!(reply, Reply::History { .. }));
        let needed = read || !staging.receipts.is_empty() || self.log.signed().0 != self.log.size();
        self.meter.at(Phase::Sign);
        if needed && let Err(problem) = self.sign(staging.cases.keys().copied()) {
            self.outputs.push_back(Output::Alarm(problem));
        }
        self.meter.at(Phase::Receipt);
        for (peer, leaves) in &staging.receipts {
            if let Err(problem) = self.post_receipts(peer, leaves, &staging) {
                self.outputs.push_back(Output::Alarm(problem.within(peer)));
            }
        }
        self.meter.at(Phase::Publish);
        for (peer, subject, problem, head) in staging.refusals {
            self.figures.refused += 1;
            self.figures.signatures += 1;
            let refusal = Refusal { subject, code: problem.code, field: problem.field, head, at: now };
            match cose::Signed::sign(refusal, &self.settings.seal) {
                Ok(signed) => {
                    self.post.push(&peer, Message::Refusal(signed.bytes().to_vec()));
                    self.outputs.push_back(Output::Wake(peer));
                }
                Err(problem) => self.outputs.push_back(Output::Alarm(problem)),
            }
        }
        for id in &staging.settled {
            self.settle(id);
        }
        for (ticket, reply) in staging.replies {
            let answer = match reply {
                Reply::Now(answer) => answer,
                Reply::History { case, from } => self.page(&case, from),
            };
            self.outputs.push_back(Output::Reply(ticket, answer));
        }
    }

    /// Takes a settled message out of the outbox, or back into it, as the book now says.
    fn settle(&mut self, id: &Digest) {
        match self.book.sent.get(id).map(|sent| &sent.state) {
            Some(super::SentState::Done { .. }) => drop(self.outbox.done(id)),
            Some(super::SentState::Parked(problem)) => {
                self.outbox.park(id, problem.clone());
            }
            _ => {}
        }
        if let Some(sent) = self.book.sent.get(id) {
            // What waited behind it, in its case or for room in the window, goes on.
            self.outputs.push_back(Output::Wake(sent.peer.clone()));
        }
        self.outputs.push_back(Output::Settled(EventId(*id)));
    }

    /// Published cases go to the tail, and to the store in one batch.
    fn publish_cases(&mut self, staging: &Staging, committed: &Committed) {
        let mut batch = Batch { watermark: committed.size, ..Batch::default() };
        for (id, staged) in &staging.cases {
            if staged.records.is_empty() {
                continue;
            }
            let taken = staging.taken.contains(id);
            let held = if taken { self.held.remove(id) } else { None };
            let mut rows = held.map(|held| held.rows).unwrap_or_default();
            rows.extend(staged.records.iter().filter_map(|(event, record, fact)| {
                let place = committed.places.get(*fact)?;
                Some(RecordRow {
                    seq: record.seq,
                    record: record.digest(),
                    event: *event,
                    leaf: place.leaf?,
                    position: place.position,
                })
            }));
            self.figures.events += rows.len() as u64;
            self.recent.add(*id, &rows);
            let case = &staged.case;
            batch.cases.push(CaseRow { case: *id, state: case.to_row(), records: case.records });
            batch.records.extend(rows.iter().map(|row| (*id, *row)));
            let tail = self.tail.entry(*id).or_insert_with(|| TailCase {
                case: case.clone(),
                rows: Vec::new(),
                taken: 0,
            });
            tail.case = case.clone();
            if taken {
                tail.taken = committed.size;
            }
            tail.rows.extend(rows);
        }
        if !batch.cases.is_empty() {
            self.follow_later(batch);
        }
    }

    /// Pending events are to be judged; their documents, and definitions of references, are to be fetched.
    fn publish_effects(&mut self, staging: &Staging) {
        for (case, event, effect) in &staging.effects {
            match effect {
                Effect::Pending => self.outputs.push_back(Output::Judge { case: *case, event: *event }),
                Effect::Held | Effect::None(_) => {}
            }
        }
        for id in &staging.taken {
            self.forget_held_up(id);
            // Whoever accepted it waits for it to come.
            let taken = staging.cases.get(id).and_then(|staged| staged.records.last());
            self.outputs.extend(taken.map(|(event, ..)| Output::Settled(*event)));
        }
        for id in staging.taken.iter().chain(&staging.ours_again) {
            // Whatever waits for evidence waits for ours now.
            let pending = staging.cases.get(id).map(|staged| staged.case.pending.clone()).unwrap_or_default();
            let judge = pending.iter().map(|pending| Output::Judge { case: *id, event: pending.event });
            self.outputs.extend(judge);
        }
        for fact in &staging.facts {
            if let Fact::Notice { peer, signed, .. } = fact {
                self.ask_for_service(peer, signed);
                if let Ok(notice) = cose::Signed::<CustodyNotice>::parse(signed) {
                    self.readdress(&notice.value().case);
                }
            }
            if let Fact::Dropped(id) = fact {
                self.outbox.done(id);
            }
            if let Fact::Unparked(id) = fact {
                self.outbox.retry(id);
                if let Some(sent) = self.book.sent.get(id) {
                    self.outbox.readdress(id, &sent.peer);
                    self.outputs.push_back(Output::Wake(sent.peer.clone()));
                }
            }
        }
    }

    /// A reference names a definition: if it is not at hand, the home has it.
    pub(super) fn ask_for_service(&mut self, peer: &AgencyId, notice: &[u8]) {
        let Ok(reference) = cose::Signed::<ogic_certs::reference::Reference>::parse(notice) else { return };
        let digest = reference.value().service;
        if !self.book.services.contains_key(&digest) {
            self.outputs.push_back(Output::NeedService { peer: peer.clone(), digest });
        }
    }

    /// Signs the one checkpoint of this commit: the tree, and the heads of the cases that were touched or read.
    pub(super) fn sign(&mut self, cases: impl Iterator<Item = CaseId>) -> Result<()> {
        let mut heads: BTreeMap<CaseId, HeadLeaf> = BTreeMap::new();
        for id in cases {
            if let Some(case) = self.case(&id)?
                && let Some(head) = self.head_leaf(&case)?
            {
                heads.insert(id, head);
            }
        }
        let heads = HeadsTree::new(heads.into_values().collect())?;
        let (size, root) = (self.log.size(), self.log.root());
        let checkpoint =
            Checkpoint { origin: self.settings.origin.clone(), size, root, heads: heads.heads() };
        self.figures.signatures += 1;
        let signed = cose::Signed::sign(checkpoint, &self.settings.seal)?;
        self.log.note_signed(size, root)?;
        self.checkpoint = Some(Signed { cose: signed.bytes().to_vec(), size, heads });
        Ok(())
    }

    /// Frames of receipts for one peer, under the newest checkpoint.
    fn post_receipts(&mut self, peer: &AgencyId, leaves: &[Leaf], staging: &Staging) -> Result<()> {
        let mut shown = BTreeMap::new();
        for leaf in leaves {
            let Leaf::Old(index, position) = *leaf else { continue };
            let (_, bytes) = self.log.read(position)?;
            shown.insert(index, LogLeaf::from_bytes(split_leaf(&bytes)?.0)?);
        }
        let shown: Vec<_> = shown.into_iter().collect();
        for chunk in shown.chunks(LEAVES_PER_FRAME) {
            let cases: std::collections::BTreeSet<CaseId> = chunk
                .iter()
                .filter_map(|(_, leaf)| leaf.case())
                .filter(|case| staging.cases.contains_key(case))
                .collect();
            let frame = self.frame(chunk.to_vec(), &cases.into_iter().collect::<Vec<_>>())?;
            self.figures.receipts_given += chunk.len() as u64;
            self.post.push(peer, Message::Receipts(frame.encode()));
        }
        self.outputs.push_back(Output::Wake(peer.clone()));
        Ok(())
    }

    /// A receipt frame over `leaves` and the heads of `cases`, under the newest checkpoint.
    pub(super) fn frame(&self, leaves: Vec<(u64, LogLeaf)>, cases: &[CaseId]) -> Result<ReceiptFrame> {
        let signed = self.checkpoint.as_ref().ok_or_else(|| {
            Problem::new(ogic_certs::Code::Internal, "checkpoint").found("none has been signed yet")
        })?;
        let known: Vec<CaseId> =
            cases.iter().copied().filter(|case| signed.heads.head_of(*case).is_some()).collect();
        ReceiptFrame::build(self.log.tree(), signed.size, signed.cose.clone(), leaves, &signed.heads, &known)
    }

    /// A commit failed: everybody who waits is told why.
    pub(super) fn abandon(&mut self, staging: Staging, problem: &Problem) {
        for (ticket, _) in staging.replies {
            self.outputs.push_back(Output::Reply(ticket, Err(problem.clone())));
        }
    }

    /// Answers work that cannot be done at all.
    pub(super) fn drop_queue(&mut self, problem: &Problem) {
        for work in std::mem::take(&mut self.queue) {
            match work {
                super::Work::Act { ticket, .. }
                | super::Work::Read { ticket, .. }
                | super::Work::Retry { ticket, .. }
                | super::Work::Drop { ticket, .. }
                | super::Work::Hold { ticket, .. }
                | super::Work::Service { ticket: Some(ticket), .. } => {
                    self.outputs.push_back(Output::Reply(ticket, Err(problem.clone())));
                }
                // A peer hears nothing and sends again: a refusal would need the seal of a node that must not sign.
                _ => {}
            }
        }
    }
}
