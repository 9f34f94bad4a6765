//! Events, staged: decided on the case as staged so far, whoever they are from; and what is told of them.
//!
//! All that can fail comes before the record is pushed: what is refused leaves none.

use ogic_certs::certificate::Certificate;
use ogic_certs::cose::Signed;
use ogic_certs::event::{Body, Detail, HeadAt, Kind, SALT_BYTES, StepTimes, Terms};
use ogic_certs::evidence::{Evidence, Judgement};
use ogic_certs::record::Record;
use ogic_certs::reference::Reference;
use ogic_certs::refusal::VerdictNotice;
use ogic_certs::trust::Verified;
use ogic_certs::{AgencyId, CaseId, Code, Digest, EventId, Problem, Result, Timestamp};

use super::fact::{EventFact, Fact, Parcel, PutFact};
use super::stage::{Leaf, Random, StagedCase, Staging, stage_certificates};
use super::work::{Act, CheckedEvent, Claim};
use super::{Desk, Output};
use crate::case::{self, Applied, Case, Effect};
use crate::log::Disk;
use crate::store::Store;

impl<D: Disk, S: Store> Desk<D, S> {
    /// An event that a peer delivered.
    pub(super) fn stage_delivered(
        &mut self,
        staging: &mut Staging,
        peer: &AgencyId,
        checked: CheckedEvent,
        now: Timestamp,
        random: Random<'_>,
    ) -> Result<()> {
        if checked.author != *peer {
            return Err(Problem::new(Code::IdentityMismatch, "seal")
                .found(checked.author.to_string())
                .expected(peer.to_string()));
        }
        let header = checked.event.header.value();
        let Some(head) = header.head else {
            return Err(Problem::new(Code::KindNotAllowed, "kind").found("open"));
        };
        let (claim, event) = (Claim::of(&checked.event), checked.event.id());
        let case = claim.case;
        // A duplicate gets its receipt whatever has become of the right since: it says what is, and changes nothing.
        let staged = staging.cases.get(&case).and_then(|staged| {
            staged.records.iter().find(|(id, ..)| *id == event).map(|(.., fact)| Leaf::New(*fact))
        });
        let duplicate = match staged {
            Some(leaf) => Some(leaf),
            None => {
                self.find_after(&case, Some(head.seq), event)?.map(|row| Leaf::Old(row.leaf, row.position))
            }
        };
        if let Some(leaf) = duplicate {
            let leaves = staging.receipts.entry(peer.clone()).or_default();
            if !leaves.contains(&leaf) {
                leaves.push(leaf);
            }
            return Ok(());
        }
        self.check_order(staging, peer, claim, event, now)?;
        self.check_arrived(staging, &case, peer)?;
        let kind = header.kind;
        let was_released =
            self.staged_case(staging, case).is_ok_and(|staged| staged.case.released_to().is_some());
        let declined = (kind == Kind::Decline && was_released).then(|| checked.event.clone());
        let (_, fact) = self.stage_event(staging, checked, now)?;
        if let Some(event) = declined {
            staging.ours_again.push(case);
            if let Err(problem) = self.tell_declined(staging, &event, now) {
                self.outputs.push_back(Output::Alarm(problem.within(format!("decline of {case}"))));
            }
        }
        self.stage_overtaken(staging, peer, case, event)?;
        staging.receipts.entry(peer.clone()).or_default().push(Leaf::New(fact));
        if kind == Kind::Accept {
            let mark = staging.mark(case);
            if let Err(problem) = self.stage_release(staging, case, now, random) {
                staging.undo(mark);
                // The acceptance stands, and the next record voids it: the target is told by its receipt and asks again.
                self.outputs.push_back(Output::Alarm(problem.within(format!("release of {case}"))));
            }
        }
        Ok(())
    }

    /// A case that was accepted here and is not taken yet is on its way: whoever knows it by what is held of it is to come
    /// again, and is not refused for good.
    pub(super) fn check_arrived(&self, staging: &Staging, case: &CaseId, who: &AgencyId) -> Result<()> {
        let on_its_way = self.book.custody.get(case).is_some_and(|known| known.accepted.is_some());
        if !on_its_way || staging.cases.contains_key(case) || self.case(case)?.is_some() {
            return Ok(());
        }
        let knows =
            |held: &Case| held.home == *who || held.grants.iter().any(|grant| grant.terms.grantee == *who);
        match staging.held.get(case).or_else(|| self.held(case)) {
            Some(held) if knows(held) => Err(Problem::new(Code::CaseMoved, self.settings.agency.as_str())),
            _ => Ok(()),
        }
    }

    /// Decides and stages an event of anybody; says its place and which fact it is.
    pub(super) fn stage_event(
        &mut self,
        staging: &mut Staging,
        checked: CheckedEvent,
        now: Timestamp,
    ) -> Result<(HeadAt, usize)> {
        let CheckedEvent { event, author, certificates, approval } = checked;
        let header = event.header.value();
        let body = event.read_body()?;
        let (id, event_id) = (event.case(), event.id());
        let act =
            case::Act { author: &author, event: event_id, header, body: &body, approval: approval.as_ref() };
        let (record, applied, mut next) = if let Some(named) = header.head {
            let mut next = self.staged_case(staging, id)?.case.clone();
            // Rights come first: a stranger is not told whether a head is one of this case.
            case::decide(&next, &act, now, &self.settings.policy)?;
            self.check_head(staging, id, named)?;
            let head = next.head;
            let record =
                Record { case: id, seq: head.seq + 1, prev: head.record, received: now, event: event_id };
            let applied = next.advance(&record, &author, header, &body, &self.settings.policy)?;
            (record, applied, next)
        } else {
            let Detail::Open { service, .. } = &body.detail else {
                return Err(Problem::new(Code::KindNotAllowed, "kind").found(header.kind.as_str()));
            };
            let service = match staging.services.get(service) {
                Some(staged) => staged,
                None => &self.book.service(service)?.service,
            };
            case::decide_open(&self.settings.agency, &act, service)?;
            let record = Record { case: id, seq: 0, prev: Digest::ZERO, received: now, event: event_id };
            let case = Case::open(&record, &author, header, &body, service)?;
            (record, Applied { effect: Effect::Held, settled: Vec::new() }, case)
        };
        let place = HeadAt { seq: record.seq, record: record.digest() };
        next.head = place;
        // All that can fail comes before the record: what is refused leaves none.
        let how_it_came = match &body.detail {
            Detail::Share(terms) | Detail::Offer(terms) if !next.moves.is_empty() => {
                self.told_moves(staging, &next, &terms.grantee, now)?
            }
            _ => Vec::new(),
        };
        let reference = match &body.detail {
            Detail::Share(terms) | Detail::Offer(terms) => {
                Some(self.reference(staging, &next, event_id, terms, now)?)
            }
            _ => None,
        };
        let told = match &body.detail {
            Detail::Offer(terms) => {
                self.notices(staging, &event, &[record], vec![terms.grantee.clone()], now)?
            }
            _ => Vec::new(),
        };
        stage_certificates(&self.book, staging, certificates)?;
        let recorded = Fact::Event(EventFact {
            record,
            author: author.clone(),
            header: event.header.bytes().to_vec(),
            body: event.body.clone(),
            approval: event.approval.as_ref().map(|approval| approval.bytes().to_vec()),
        });
        let puts = how_it_came.into_iter().chain(reference).chain(told).map(Fact::Put);
        let fact = staging.push_all(std::iter::once(recorded).chain(puts))?;
        let staged =
            staging.cases.entry(id).or_insert_with(|| StagedCase { case: next.clone(), records: Vec::new() });
        staged.case = next;
        staged.records.push((event_id, record, fact));
        staging.effects.push((id, event_id, applied.effect));
        for (settled, effect) in applied.settled {
            staging.effects.push((id, settled, effect));
        }
        Ok((place, fact))
    }

    /// The head that an event names must be a record of this case.
    pub(super) fn check_head(&self, staging: &Staging, case: CaseId, named: HeadAt) -> Result<()> {
        let staged = staging.cases.get(&case).and_then(|staged| {
            let found = staged.records.iter().find(|(_, record, _)| record.seq == named.seq);
            found.map(|(_, record, _)| record.digest())
        });
        let record = match staged {
            Some(record) => Some(record),
            None => self.row(&case, named.seq)?.map(|row| row.record),
        };
        if record == Some(named.record) {
            return Ok(());
        }
        Err(Problem::new(Code::HeadUnknown, "head")
            .found(format!("record {} with digest {}", named.seq, named.record))
            .expected("a record of this case"))
    }

    /// What tells the grantee of its right.
    pub(super) fn reference(
        &mut self,
        staging: &Staging,
        case: &Case,
        grant: EventId,
        terms: &Terms,
        now: Timestamp,
    ) -> Result<PutFact> {
        let reference = Reference {
            case: case.id,
            home: self.settings.agency.clone(),
            grant,
            terms: terms.clone(),
            issued: now,
            service: case.service,
            head: case.head,
            opening: self.opening_of(staging, &case.id)?,
        };
        self.figures.signatures += 1;
        let signed = Signed::sign(reference, &self.settings.seal)?;
        let parcel = Parcel::Notice(signed.bytes().to_vec());
        Ok(PutFact { peer: terms.grantee.clone(), case: case.id, parcel })
    }

    /// A judgement becomes an event of ours, and the judged event's author is told.
    #[expect(clippy::too_many_arguments, reason = "one call, and each is a thing of its own")]
    pub(super) fn stage_judged(
        &mut self,
        staging: &mut Staging,
        case: CaseId,
        event: EventId,
        own: &Judgement,
        evidence: Option<Verified<Evidence>>,
        mut certificates: Vec<Certificate>,
        now: Timestamp,
        random: Random<'_>,
    ) -> Result<()> {
        certificates.extend(self.seal_certificates());
        let staged = self.staged_case(staging, case)?;
        let Some(pending) = staged.case.pending(&event).cloned() else {
            return Ok(());
        };
        // A case that was released in the meantime has its pending events judged by its new home.
        if !staged.case.is_ordered_by(&self.settings.agency) {
            return Ok(());
        }
        let head = staged.case.head;
        let evidence = evidence.map(|evidence| evidence.signed().bytes().to_vec());
        let body = Body::of(Detail::Evidence { event, own: own.clone(), evidence: evidence.clone() });
        let mut salt = [0; SALT_BYTES];
        random(&mut salt);
        let act = Act {
            case: Some(case),
            kind: Kind::Evidence,
            step: None,
            code: 0,
            body: body.to_blob(&salt),
            approval: None,
            certificates: Vec::new(),
            created: now,
            times: StepTimes::default(),
            head: None,
        };
        let sealed = self.seal(&act, Some(head), None)?;
        let checked = CheckedEvent {
            event: sealed,
            author: self.settings.agency.clone(),
            certificates,
            approval: None,
        };
        let (place, _) = self.stage_event(staging, checked, now)?;
        self.figures.evidence += 1;
        if pending.author == self.settings.agency {
            // Ours from before the case came here: whoever asks finds the judgement in the history.
            return Ok(());
        }
        let effect = staging.effects.iter().rev().find(|(_, id, _)| *id == event).map(|(.., effect)| effect);
        let judgement = match effect {
            Some(Effect::None(judgement)) => judgement.clone(),
            _ => Judgement::PASSED,
        };
        let notice = VerdictNotice { case, event, judgement, head: place, at: now, evidence };
        self.figures.signatures += 1;
        let signed = Signed::sign(notice, &self.settings.seal)?;
        let parcel = Parcel::Notice(signed.bytes().to_vec());
        staging.push(Fact::Put(PutFact { peer: pending.author, case, parcel }))?;
        Ok(())
    }
}
