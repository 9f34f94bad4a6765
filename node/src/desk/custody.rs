//! The custody of cases, staged: histories held before they are accepted, answers to offers, releases, takings.
//!
//! Each change of state is one commit of one side, so that a crash leaves either side before it or after it: the offer; the
//! history held and the acceptance, at the target; acceptance and release, at the old home; release learned and taken, at
//! the new one. Between the last two the case has no home, never two. PROTOCOL.md, "Custody".

use std::collections::{BTreeMap, BTreeSet};

use ogic_certs::cose::{Kind as Envelope, Payload, Sign1, Signed};
use ogic_certs::custody::{CustodyNotice, Release, Told};
use ogic_certs::event::{Body, Detail, Event, HeadAt, Header, Kind, SALT_BYTES, StepTimes};
use ogic_certs::record::Record;
use ogic_certs::reference::Reference;
use ogic_certs::{AgencyId, CaseId, Code, Digest, EventId, Problem, Result, Timestamp};

use super::fact::{AnswerFact, EventFact, Fact, Parcel, PutFact};
use super::homes::{self, StagedMove, is_known, unproven};
use super::rows::TailCase;
use super::stage::{Random, StagedCase, Staging, stage_certificates};
use super::work::{Act, Answer, CheckedEvent, CustodyTold};
use super::{Book, Desk, SentState};
use crate::case::{self, Case, Custody, Effect, Policy};
use crate::log::{Disk, Position};
use crate::store::{RecordRow, Store};

/// How far another home's clock may be ahead of ours in a history that we take: our own times begin where it ends.
pub const CLOCK_SKEW_MS_MAX: u64 = 600_000;

/// Folds one more record of an event as the journal keeps it.
pub(super) fn folded(book: &Book, policy: &Policy, before: Option<Case>, fact: &EventFact) -> Result<Case> {
    let header = Sign1::parse(&fact.header, Envelope::Event)?;
    let header = Header::decode(header.payload())?;
    let body = Body::from_blob(&fact.body, header.kind)?;
    if let Detail::Open { service, .. } = &body.detail {
        let service = &book.service(service)?.service;
        return Case::open(&fact.record, &fact.author, &header, &body, service);
    }
    let mut case = before.ok_or_else(|| {
        Problem::new(Code::StoreDamaged, "store").found("a record of a case that it does not have")
    })?;
    case.advance(&fact.record, &fact.author, &header, &body, policy)?;
    Ok(case)
}

/// Takes a held record, which is durable at `position`, into what is held of its case. What the case has already, because it
/// was taken since, is passed over. `base` is the case as it was here before, if nothing is held of it yet.
pub(super) fn take_held(
    held: &mut BTreeMap<CaseId, TailCase>,
    base: Option<Case>,
    (book, policy): (&Book, &Policy),
    fact: &EventFact,
    (position, leaf): (Position, u64),
) -> Result<()> {
    let (id, seq) = (fact.record.case, fact.record.seq);
    if held.get(&id).is_some_and(|held| held.case.records > seq) {
        return Ok(());
    }
    let (before, mut rows) = match held.remove(&id) {
        Some(held) => (Some(held.case), held.rows),
        None => (base, Vec::new()),
    };
    if before.as_ref().is_some_and(|case| case.records > seq) {
        return Ok(());
    }
    let case = folded(book, policy, before, fact)?;
    rows.push(RecordRow {
        seq,
        record: fact.record.digest(),
        event: EventId::of(&fact.header),
        leaf,
        position,
    });
    held.insert(id, TailCase { case, rows, taken: 0 });
    Ok(())
}

/// Whoever signed what a notice of ours holds besides the notice itself.
pub(super) fn notice_signers(parcel: &Parcel) -> Vec<Digest> {
    match parcel {
        // What this node has signed can be read; what cannot has no signers.
        Parcel::Notice(signed) => signers_in(signed).unwrap_or_default(),
        Parcel::Event { .. } => Vec::new(),
    }
}

fn signers_in(signed: &[u8]) -> Result<Vec<Digest>> {
    let envelope = Sign1::parse_any(signed)?;
    if envelope.kind() == Envelope::Reference {
        return Ok(vec![Reference::decode(envelope.payload())?.opening()?.signer()]);
    }
    if envelope.kind() != Envelope::Custody {
        return Ok(Vec::new());
    }
    let notice = CustodyNotice::decode(envelope.payload())?;
    let event = notice.event()?;
    let mut signers = vec![event.header.envelope().signer(), notice.opening()?.signer()];
    if let Detail::Taken { release, .. } = event.read_body()?.detail {
        signers.extend(release_signers(&release)?);
    }
    Ok(signers)
}

/// Whoever signed the notice of a release, and the release.
pub(super) fn release_signers(notice: &[u8]) -> Result<[Digest; 2]> {
    let notice = Signed::<CustodyNotice>::parse(notice)?;
    Ok([notice.envelope().signer(), notice.value().event()?.header.envelope().signer()])
}

impl<D: Disk, S: Store> Desk<D, S> {
    /// What is held of another home's case that was offered to us.
    pub fn held(&self, case: &CaseId) -> Option<&Case> {
        self.held.get(case).map(|held| &held.case)
    }

    /// Records of a case that is offered to us, verified, are held durably until it is taken.
    pub(super) fn stage_hold(
        &self,
        staging: &mut Staging,
        id: CaseId,
        entries: Vec<(Record, CheckedEvent)>,
    ) -> Result<()> {
        if staging.taken.contains(&id) {
            return Ok(());
        }
        self.offer_here(&id)?;
        let mut case = match staging.held.remove(&id) {
            Some(case) => Some(case),
            None => match self.held.get(&id) {
                Some(held) => Some(held.case.clone()),
                None => self.case(&id)?,
            },
        };
        let hold = || {
            for (record, checked) in entries {
                if case.as_ref().is_some_and(|case| case.records > record.seq) {
                    continue;
                }
                if checked.event.id() != record.event || checked.event.case() != id {
                    return Err(Problem::new(Code::DigestMismatch, "record")
                        .found(checked.event.id().to_string())
                        .expected(record.event.to_string()));
                }
                let fact = event_fact(record, checked.author, &checked.event);
                let next = folded(&self.book, &self.settings.policy, case.clone(), &fact)?;
                stage_certificates(&self.book, staging, checked.certificates)?;
                staging.push(Fact::Held(fact))?;
                case = Some(next);
            }
            Ok(())
        };
        let held = hold();
        // What was staged before a record that failed is held, and the next piece of work goes on from there.
        staging.held.extend(case.map(|case| (id, case)));
        held
    }

    /// The offer to us that stands.
    fn offer_here(&self, case: &CaseId) -> Result<super::book::Offered> {
        let known = self.book.custody.get(case);
        let offered = known.and_then(|known| known.offered.clone());
        let declined = known.and_then(|known| known.declined);
        match offered {
            Some(offered) if declined != Some(offered.offer) => Ok(offered),
            Some(_) => Err(refused("offer", "declined here already", "an offer that stands")),
            None => Err(refused("offer", "none to this agency", "an offer by the home of the case")),
        }
    }

    /// One of our people answers an offer.
    pub(super) fn stage_answer(&mut self, staging: &mut Staging, act: &Act) -> Result<Answer> {
        let case = act.case.ok_or_else(case::case_unknown)?;
        let offered = self.offer_here(&case)?;
        let staged = staging
            .facts
            .iter()
            .any(|fact| matches!(fact, Fact::Answered(answer) if answer.offer == offered.offer));
        let accepted = self.book.custody.get(&case).and_then(|known| known.accepted);
        let under_way = accepted.is_some_and(|(offer, event)| {
            let sent = self.book.sent.get(&event.0);
            offer == offered.offer && !sent.is_some_and(|sent| matches!(sent.state, SentState::Parked(_)))
        });
        let accepts = act.kind == Kind::Accept;
        if staged || (under_way && accepts) {
            return Err(refused("offer", "answered here already", "an offer that is not answered yet"));
        }
        if accepts && self.is_sending(staging, &case) {
            return Err(refused("outbox", "events of this case that wait", "their receipts first"));
        }
        let held = self.held.get(&case).map(|held| &held.case);
        let head = match held {
            Some(held) => held.head,
            None if accepts => {
                return Err(refused(
                    "history",
                    "not held here",
                    "the whole history, fetched and verified first",
                ));
            }
            None => offered.place,
        };
        let fits = held.is_some_and(
            |held| matches!(&held.custody, Some(Custody::Offered(offer)) if offer.id == offered.offer),
        );
        if accepts && !fits {
            return Err(refused("history", "one in which the offer does not stand", "the newest record"));
        }
        if let Some(demanded) = act.head.filter(|demanded| *demanded != head) {
            return Err(Problem::new(Code::HeadMoved, "head")
                .found(format!("seq {}", demanded.seq))
                .expected(format!("seq {}", head.seq)));
        }
        if let Some((_, judgement)) = act.approval.as_ref().filter(|(_, judgement)| !judgement.passed()) {
            return Err(Problem::new(Code::ApprovalInvalid, "approval")
                .found(judgement.verdict.as_str())
                .expected("TOTAL-PASSED"));
        }
        let event = self.seal(act, Some(head), Some(offered.offer))?;
        event.read_body()?;
        stage_certificates(&self.book, staging, act.certificates.clone())?;
        let id = event.id();
        let answered =
            Fact::Answered(AnswerFact { case, offer: offered.offer, event: id, accepted: accepts });
        let parcel = Parcel::Event {
            header: event.header.bytes().to_vec(),
            body: event.body,
            approval: event.approval.map(|approval| approval.bytes().to_vec()),
        };
        staging.push_all([answered, Fact::Put(PutFact { peer: offered.from, case, parcel })])?;
        Ok(Answer::Sent { case, event: id })
    }

    /// Whether events of ours for the case are not receipted yet.
    fn is_sending(&self, staging: &Staging, case: &CaseId) -> bool {
        let staged = staging.facts.iter().any(|fact| {
            matches!(fact, Fact::Put(PutFact { case: of, parcel: Parcel::Event { .. }, .. }) if of == case)
        });
        staged
            || self
                .book
                .sent
                .values()
                .any(|sent| sent.is_event && sent.case == *case && matches!(sent.state, SentState::Waiting))
    }

    /// While our acceptance of a case is on its way nothing else is sent there: what came after the release would have to be
    /// sent to ourselves.
    pub(super) fn not_on_its_way(&self, staging: &Staging, case: &CaseId) -> Result<()> {
        let known = self.book.custody.get(case);
        let accepted = known.and_then(|known| {
            let (offer, event) = known.accepted?;
            (known.declined != Some(offer)).then_some(event)
        });
        let staged = staging
            .facts
            .iter()
            .any(|fact| matches!(fact, Fact::Answered(answer) if answer.case == *case && answer.accepted));
        let under_way = accepted.is_some_and(|event| {
            let parked = |sent: &super::Sent| matches!(sent.state, SentState::Parked(_));
            // A case that was taken in the meantime is at home, or was given on.
            let taken = known.is_some_and(|known| known.offered.is_none());
            !taken && !self.book.sent.get(&event.0).is_some_and(parked)
        });
        if staged || under_way {
            return Err(Problem::new(Code::CaseMoved, self.settings.agency.as_str()));
        }
        Ok(())
    }

    /// An acceptance was staged: the release follows it in the same commit, so that nothing can come between.
    pub(super) fn stage_release(
        &mut self,
        staging: &mut Staging,
        id: CaseId,
        now: Timestamp,
        random: Random<'_>,
    ) -> Result<()> {
        let staged = self.staged_case(staging, id)?;
        let Some(Custody::Accepted { offer, accept }) = staged.case.custody.clone() else { return Ok(()) };
        let Some((_, accepted, _)) = staged.records.last().copied() else { return Ok(()) };
        let head = staged.case.head;
        let detail = Detail::Release { to: offer.to.clone(), offer: offer.id, accept };
        let event = self.own_event(id, Kind::Release, head, detail, now, random)?;
        let checked = CheckedEvent {
            event: event.clone(),
            author: self.settings.agency.clone(),
            certificates: self.seal_certificates(),
            approval: None,
        };
        self.stage_event(staging, checked, now)?;
        let staged = self.staged_case(staging, id)?;
        let Some((_, released, _)) = staged.records.last().copied() else { return Ok(()) };
        let told_to = holders(&staged.case, &offer.to, now);
        for put in self.notices(staging, &event, &[accepted, released], told_to, now)? {
            staging.push(Fact::Put(put))?;
        }
        Ok(())
    }

    /// The decline of a case that was released, which was just staged: whoever heard of the release hears of it.
    pub(super) fn tell_declined(
        &mut self,
        staging: &mut Staging,
        event: &Event,
        now: Timestamp,
    ) -> Result<()> {
        let staged = self.staged_case(staging, event.case())?;
        let Some((_, record, _)) = staged.records.last().copied() else { return Ok(()) };
        let target = staged.case.grants.iter().find(|grant| Some(grant.id) == event.header.value().grant);
        let Some(target) = target.map(|grant| grant.terms.grantee.clone()) else { return Ok(()) };
        let told_to = holders(&staged.case, &target, now);
        let puts = self.notices(staging, event, &[record], told_to, now)?;
        staging.push_all(puts.into_iter().map(Fact::Put)).map(drop)
    }

    /// What a home tells of the custody of a case.
    pub(super) fn stage_custody(
        &mut self,
        staging: &mut Staging,
        peer: AgencyId,
        told: CustodyTold,
        now: Timestamp,
        random: Random<'_>,
    ) {
        let bytes = told.notice.signed().bytes().to_vec();
        let digest = Digest::of(&bytes);
        // The same news may come twice before the first is durable.
        let staged = staging
            .facts
            .iter()
            .any(|fact| matches!(fact, Fact::Notice { leaf, .. } if leaf.digest == digest));
        let mut moved = None;
        if !staged && !self.book.notices.contains_key(&digest) {
            let fits = self.check_told(staging, &peer, &told).and_then(|taking| {
                moved = self.news_of(staging, told.notice.value(), &peer)?;
                taking
                    .map_or(Ok(()), |release| self.stage_taking(staging, &release, &peer, &told, now, random))
            });
            if let Err(problem) = fits {
                return staging.refusals.push((peer, digest, problem, None));
            }
        }
        if self.stage_notice(staging, peer, bytes, true, told.certificates, now) {
            staging.moves.extend(moved);
            if let Some(offer) = homes::declined(told.notice.value()) {
                staging.moves.retain(|moved| moved.offer != offer);
            }
            staging.tell_home(&self.book, &told.notice.value().case, &told.opener);
        }
    }

    /// The change of the home that a notice is the first to tell of.
    fn news_of(
        &self,
        staging: &Staging,
        notice: &CustodyNotice,
        peer: &AgencyId,
    ) -> Result<Option<StagedMove>> {
        let moved = StagedMove::of(notice, peer)?;
        Ok(moved.filter(|moved| !is_known(&self.book, staging, &moved.case, moved.release)))
    }

    /// Whether what is told fits what is known; a release that is to be taken is given back.
    fn check_told(&self, staging: &Staging, peer: &AgencyId, told: &CustodyTold) -> Result<Option<Release>> {
        let foreign = |found: &AgencyId| {
            Err(Problem::new(Code::IdentityMismatch, "custody notice")
                .found(found.to_string())
                .expected(peer.to_string()))
        };
        if told.notice.identity().agency != *peer {
            return foreign(&told.notice.identity().agency);
        }
        if told.notice.value().told_to != self.settings.agency {
            return foreign(&told.notice.value().told_to);
        }
        let case = told.notice.value().case;
        let home = homes::home(&self.book, staging, &case, &told.opener);
        let known = self.book.custody.get(&case);
        let is_known = |release: &Release| is_known(&self.book, staging, &case, release.place());
        let us = &self.settings.agency;
        match told.notice.value().read()? {
            Told::Offered { .. } if home != peer => Err(unproven(peer)),
            Told::Offered { terms, .. } if terms.grantee != *us => foreign(&terms.grantee),
            Told::Offered { .. } if told.author != *peer => foreign(&told.author),
            Told::Offered { .. } => Ok(None),
            Told::Released(release) => {
                if told.author != *peer {
                    return foreign(&told.author);
                }
                if is_known(&release) {
                    return Ok(None);
                }
                if home != peer {
                    return Err(unproven(peer));
                }
                let declined = known.is_some_and(|known| known.declined == Some(release.offer));
                Ok((release.to == *us && !declined).then_some(*release))
            }
            Told::Declined { offer, .. } => {
                // Only whoever it was released to can decline it, and only the home that released it tells of that.
                let declined = known.and_then(|known| known.moves.iter().find(|moved| moved.offer == offer));
                let declined = declined.map(|moved| (moved.to.clone(), moved.from.clone()));
                match declined.or_else(|| staged_release(staging, offer)) {
                    Some((to, from)) if to == told.author && from == *peer => Ok(None),
                    Some((_, from)) => foreign(&from),
                    // The release is on its way: declined before it is known, it would stand when it comes.
                    None => Err(unproven(peer)),
                }
            }
            Told::Taken { from, release, .. } => {
                // Whoever brings it, the release proves itself, and names the author.
                if release.to != told.author || told.released_by.as_ref() != Some(&from) {
                    return foreign(&from);
                }
                // Whoever has not heard yet that an earlier home released the case hears it before long.
                if *home == from || is_known(&release) { Ok(None) } else { Err(unproven(peer)) }
            }
        }
    }

    /// A release to us is learned and the case taken, in one commit.
    fn stage_taking(
        &mut self,
        staging: &mut Staging,
        release: &Release,
        old_home: &AgencyId,
        told: &CustodyTold,
        now: Timestamp,
        random: Random<'_>,
    ) -> Result<()> {
        let id = release.case;
        if release.record.received > now.plus_ms(CLOCK_SKEW_MS_MAX) {
            return Err(Problem::new(Code::TrustUndecidable, "received")
                .found(release.record.received.to_string())
                .expected(format!("at most {CLOCK_SKEW_MS_MAX} ms after {now}")));
        }
        let known = self.book.custody.get(&id).and_then(|known| known.accepted);
        if known != Some((release.offer, release.accept)) {
            return Err(refused("acceptance", &release.accept.to_string(), "the acceptance that was sent"));
        }
        let held = match staging.held.get(&id) {
            Some(case) => case.clone(),
            None => {
                self.held(&id).cloned().ok_or_else(|| refused("history", "not held here", "the history"))?
            }
        };
        let notice = told.notice.value();
        let released = EventFact {
            record: release.record,
            author: old_home.clone(),
            header: notice.header.clone(),
            body: notice.body.clone(),
            approval: None,
        };
        // The old home may have shown us both records by a page already.
        let mut more = Vec::new();
        if held.records <= release.accepted.seq {
            more.push(self.sent_event(release)?);
        }
        if held.records <= release.record.seq {
            more.push(released);
        }
        let mut case = held;
        for fact in &more {
            case = folded(&self.book, &self.settings.policy, Some(case), fact)?;
        }
        if case.head != release.place() {
            return Err(Problem::new(Code::ForkDetected, "release")
                .found(case.head.record.to_string())
                .expected(release.place().record.to_string()));
        }
        let detail = Detail::Taken { from: old_home.clone(), release: told.notice.signed().bytes().to_vec() };
        let event = self.own_event(id, Kind::Taken, case.head, detail, now, random)?;
        let body = event.read_body()?;
        let us = self.settings.agency.clone();
        let header = event.header.value();
        let act = case::Act { author: &us, event: event.id(), header, body: &body, approval: None };
        // Times in a history do not go back, though two agencies' clocks differ.
        let received = now.max(release.record.received);
        case::decide(&case, &act, received, &self.settings.policy)?;
        let record =
            Record { case: id, seq: case.head.seq + 1, prev: case.head.record, received, event: event.id() };
        case.advance(&record, &us, header, &body, &self.settings.policy)?;
        let told_to = holders(&case, old_home, now).into_iter().filter(|holder| *holder != us).collect();

        // All that can fail has been done before the first fact.
        let notices = self.notices(staging, &event, &[record], told_to, now)?;
        self.floor = self.floor.max(received);
        let mut certificates = told.certificates.clone();
        certificates.extend(self.seal_certificates());
        stage_certificates(&self.book, staging, certificates)?;
        let place = more.len();
        let taken = Fact::Event(event_fact(record, us, &event));
        let facts = more.into_iter().map(Fact::Held).chain([taken]);
        let fact = staging.push_all(facts.chain(notices.into_iter().map(Fact::Put)))? + place;
        staging.effects.push((id, event.id(), Effect::Held));
        staging.held.remove(&id);
        staging.taken.push(id);
        staging.cases.insert(id, StagedCase { case, records: vec![(event.id(), record, fact)] });
        Ok(())
    }

    /// Our own acceptance as the old home recorded it.
    fn sent_event(&self, release: &Release) -> Result<EventFact> {
        let sent = self.book.sent.get(&release.accept.0);
        let sent = sent.ok_or_else(|| refused("acceptance", "none was sent", "one that was sent"))?;
        let (kind, bytes) = self.log.read(sent.position)?;
        match Fact::from_entry(kind, &bytes)? {
            Fact::Put(PutFact { parcel: Parcel::Event { header, body, approval }, .. }) => {
                let author = self.settings.agency.clone();
                Ok(EventFact { record: release.accepted, author, header, body, approval })
            }
            _ => Err(Problem::new(Code::StoreDamaged, "outbox").found("an entry of another kind")),
        }
    }

    /// Makes and seals an event that the node itself is the author of.
    fn own_event(
        &mut self,
        case: CaseId,
        kind: Kind,
        head: HeadAt,
        detail: Detail,
        now: Timestamp,
        random: Random<'_>,
    ) -> Result<Event> {
        let mut salt = [0; SALT_BYTES];
        random(&mut salt);
        let act = Act {
            case: Some(case),
            kind,
            step: None,
            code: 0,
            body: Body::of(detail).to_blob(&salt),
            approval: None,
            certificates: Vec::new(),
            created: now,
            times: StepTimes::default(),
            head: None,
        };
        self.seal(&act, Some(head), None)
    }

    /// The signed notices of an event of custody, one for each of `told_to`.
    pub(super) fn notices(
        &mut self,
        staging: &Staging,
        event: &Event,
        records: &[Record],
        told_to: Vec<AgencyId>,
        now: Timestamp,
    ) -> Result<Vec<PutFact>> {
        if told_to.is_empty() {
            return Ok(Vec::new());
        }
        let case = event.case();
        let opening = self.opening_of(staging, &case)?;
        let mut puts = Vec::with_capacity(told_to.len());
        for peer in told_to {
            self.figures.signatures += 1;
            let notice = CustodyNotice::of(event, records.to_vec(), opening.clone(), peer.clone(), now);
            let signed = Signed::sign(notice, &self.settings.seal)?.bytes().to_vec();
            puts.push(PutFact { peer, case, parcel: Parcel::Notice(signed) });
        }
        Ok(puts)
    }

    /// How the case came here, for an agency that is given a right to it: the events of taking, each with what proves it.
    pub(super) fn told_moves(
        &mut self,
        staging: &Staging,
        case: &Case,
        to: &AgencyId,
        now: Timestamp,
    ) -> Result<Vec<PutFact>> {
        let mut puts = Vec::new();
        for moved in &case.moves {
            let fact = self.event_of(staging, &case.id, moved.seq)?;
            let event = Event::parse(&fact.header, &fact.body, fact.approval.as_deref())?;
            puts.extend(self.notices(staging, &event, &[fact.record], vec![to.clone()], now)?);
        }
        Ok(puts)
    }

    /// Events of ours that wait for a home that is none any more are sent to the new one.
    pub(super) fn readdress(&mut self, case: &CaseId) {
        let moved: Vec<(Digest, AgencyId)> = self
            .book
            .sent
            .iter()
            .filter(|(_, sent)| sent.case == *case && sent.is_event)
            .map(|(id, sent)| (*id, sent.peer.clone()))
            .collect();
        for (id, peer) in moved {
            if self.outbox.readdress(&id, &peer) {
                self.outputs.push_back(super::Output::Wake(peer));
            }
        }
    }
}

/// Who is to hear of a change of the home: `first`, everybody whose right stands, and whoever once was the home, since it
/// says for ever where the case went.
fn holders(case: &Case, first: &AgencyId, now: Timestamp) -> Vec<AgencyId> {
    let standing = case.grants.iter().filter(|grant| grant.revoked.is_none() && now < grant.terms.expires);
    let former = case.moves.iter().map(|moved| &moved.from);
    let others = standing.map(|grant| &grant.terms.grantee).chain(former);
    let others: BTreeSet<&AgencyId> = others.filter(|other| **other != case.home).collect();
    std::iter::once(first).chain(others.into_iter().filter(|holder| *holder != first)).cloned().collect()
}

/// To whom and by whom a case was released under this offer, as far as this commit is the first to tell.
fn staged_release(staging: &Staging, offer: EventId) -> Option<(AgencyId, AgencyId)> {
    staging.facts.iter().find_map(|fact| {
        let Fact::Notice { peer, signed, .. } = fact else { return None };
        match Signed::<CustodyNotice>::parse(signed).ok()?.value().read().ok()? {
            Told::Released(release) if release.offer == offer => Some((release.to, peer.clone())),
            _ => None,
        }
    })
}

fn event_fact(record: Record, author: AgencyId, event: &Event) -> EventFact {
    EventFact {
        record,
        author,
        header: event.header.bytes().to_vec(),
        body: event.body.clone(),
        approval: event.approval.as_ref().map(|approval| approval.bytes().to_vec()),
    }
}

fn refused(field: &'static str, found: &str, expected: &str) -> Problem {
    Problem::new(Code::CustodyRefused, field).found(found).expected(expected)
}
