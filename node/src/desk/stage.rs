//! Step 2 of a commit: what has gathered is decided, one after the other, on the cases as staged so far.
//!
//! Nothing here is visible to anybody. What is staged is dropped whole if the frame does not become durable.

use std::collections::{BTreeMap, HashMap};

use ogic_certs::certificate::Certificate;
use ogic_certs::cose::Signed;
use ogic_certs::event::{Body, Detail, Event, HeadAt, Header, Kind, SALT_BYTES, StepTimes, Terms};
use ogic_certs::evidence::{Evidence, Judgement};
use ogic_certs::record::{NoticeLeaf, Record};
use ogic_certs::reference::Reference;
use ogic_certs::refusal::VerdictNotice;
use ogic_certs::trust::Verified;
use ogic_certs::{AgencyId, CaseId, Code, Digest, EventId, Problem, Result, Timestamp};

use super::fact::{AccessFact, EventFact, Fact, OutcomeFact, Parcel, PutFact};
use super::work::{Act, Answer, CheckedEvent, Read, Ticket, Wanted, Work};
use super::{Desk, KEY_BYTES_MAX, TRIES_WINDOW_MS, Tries, TryKey, WORK_PER_COMMIT_MAX};
use crate::case::{self, Applied, Case, Effect, Service};
use crate::exchange::outbox::is_passing;
use crate::log::{Disk, Entry};
use crate::store::Store;

/// What a refused try to append is registered as; a look has the purpose that its asker gave.
const APPEND: &str = "append";

/// Where a source of random bytes is asked.
pub(super) type Random<'a> = &'a mut dyn FnMut(&mut [u8]);

/// One commit in the making.
#[derive(Debug, Default)]
pub(super) struct Staging {
    /// What will be durable, in order, with the entry made of each.
    pub(super) facts: Vec<Fact>,
    entries: Vec<Entry>,
    bytes: usize,
    /// Cases as staged so far.
    pub(super) cases: BTreeMap<CaseId, StagedCase>,
    /// Who waits for what.
    pub(super) replies: Vec<(Ticket, Reply)>,
    /// Leaves to be receipted, by peer.
    pub(super) receipts: BTreeMap<AgencyId, Vec<Leaf>>,
    /// Refusals to be sent once nothing can contradict them.
    pub(super) refusals: Vec<(AgencyId, Digest, Problem, Option<HeadAt>)>,
    /// What became pending, and what was judged.
    pub(super) effects: Vec<(CaseId, EventId, Effect)>,
    /// Messages of ours that were settled.
    pub(super) settled: Vec<Digest>,
    outcomes: HashMap<String, OutcomeFact>,
    services: HashMap<Digest, Service>,
}

/// A case with the records that this commit adds.
#[derive(Debug)]
pub(super) struct StagedCase {
    pub(super) case: Case,
    /// Event id, record, and which fact of the staging it is.
    pub(super) records: Vec<(EventId, Record, usize)>,
}

/// A leaf that a receipt is to show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Leaf {
    /// The fact of this staging.
    New(usize),
    /// A leaf that is in the log, at this index and position.
    Old(u64, crate::log::Position),
}

/// What a caller will be told once the commit is durable.
#[derive(Debug)]
pub(super) enum Reply {
    Now(Result<Answer>),
    History { case: CaseId, from: u64 },
}

/// Entries of one commit after which no more work is begun, so that what the last begins still fits into its frame.
const ENTRIES_FULL: usize = 2048;
/// Bytes of one commit after which no more work is begun.
const BYTES_FULL: usize = 2 << 20;

impl Staging {
    /// Whether the rest of the work is left to the next commit.
    fn is_full(&self) -> bool {
        self.entries.len() >= ENTRIES_FULL || self.bytes >= BYTES_FULL
    }

    /// Whether nothing needs to become durable.
    pub(super) fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }

    /// The frame's entries.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Adds a fact, and says which it is.
    pub(super) fn push(&mut self, fact: Fact) -> Result<usize> {
        let entry = fact.to_entry()?;
        self.bytes += entry.leaf().map_or(0, <[u8]>::len) + entry.body().len();
        self.entries.push(entry);
        self.facts.push(fact);
        Ok(self.facts.len() - 1)
    }

    fn reply(&mut self, ticket: Ticket, answer: Result<Answer>) {
        self.replies.push((ticket, Reply::Now(answer)));
    }
}

impl<D: Disk, S: Store> Desk<D, S> {
    /// Stages what has gathered, at most [`WORK_PER_COMMIT_MAX`].
    pub(super) fn stage(&mut self, now: Timestamp, random: Random<'_>) -> Staging {
        let mut staging = Staging::default();
        self.stage_tries(&mut staging, now, random);
        for _ in 0..WORK_PER_COMMIT_MAX {
            if staging.is_full() {
                break;
            }
            let Some(work) = self.queue.pop_front() else { break };
            self.stage_work(&mut staging, work, now, random);
        }
        staging
    }

    fn stage_work(&mut self, staging: &mut Staging, work: Work, now: Timestamp, random: Random<'_>) {
        self.figures.verified += work.signatures();
        match work {
            Work::Act { ticket, key, act } => {
                let answer = self.stage_act(staging, &key, *act, now);
                staging.reply(ticket, answer);
            }
            Work::Event { peer, event } => {
                let (subject, case) = (event.event.id().0, event.event.case());
                let grant = event.event.header.value().grant;
                let outcome = self.stage_delivered(staging, &peer, *event, now);
                self.note_outcome(&peer, case, EventId(subject), outcome.as_ref().err(), now);
                if let Err(problem) = outcome {
                    self.count_refusal(staging, &peer, case, grant, &problem, None, now, random);
                    self.stage_refusal(staging, peer, subject, case, problem);
                }
            }
            Work::Unfit { peer, subject, case, problem } => {
                if let Some(case) = case {
                    self.note_outcome(&peer, case, EventId(subject), Some(&problem), now);
                }
                staging.refusals.push((peer, subject, problem, None));
            }
            Work::Reference { peer, reference, certificates } => {
                let bytes = reference.signed().bytes().to_vec();
                let fits = reference.identity().agency == peer
                    && reference.value().home == peer
                    && reference.value().terms.grantee == self.settings.agency
                    && self.may_be_home(&peer, &reference.value().case);
                self.stage_notice(staging, peer, bytes, fits, certificates, now);
            }
            Work::Verdict { peer, notice, certificates } => {
                let event = notice.value().event.0;
                let bytes = notice.signed().bytes().to_vec();
                let fits = notice.identity().agency == peer
                    && self.book.sent.get(&event).is_some_and(|sent| sent.peer == peer);
                if self.stage_notice(staging, peer, bytes, fits, certificates, now) {
                    staging.settled.push(event);
                }
            }
            Work::Receipts { peer, frame, checkpoint, certificates } => {
                let result = self.stage_receipts(staging, &peer, &frame, &checkpoint, certificates, now);
                if let Err(problem) = result {
                    self.outputs.push_back(super::Output::Alarm(problem.within(&peer)));
                }
            }
            Work::Refused { peer, refusal } => self.stage_refused(staging, &peer, &refusal, now),
            Work::Seen { peer, checkpoint } => {
                if self.book.forks(&peer, checkpoint.value()) {
                    let held = self.book.seen.get(&peer).map(|seen| seen.checkpoint.clone());
                    let sides = held.into_iter().chain([checkpoint.signed().bytes().to_vec()]).collect();
                    self.stage_contradiction(staging, peer, sides, now);
                } else if self.book.seen.get(&peer).is_none_or(|seen| seen.size < checkpoint.value().size) {
                    let checkpoint = checkpoint.signed().bytes().to_vec();
                    self.push_or_alarm(staging, Fact::PeerSeen { peer, checkpoint });
                }
            }
            Work::Contradiction { peer, sides } => self.stage_contradiction(staging, peer, sides, now),
            Work::Read { ticket, read } => self.stage_read(staging, ticket, read, now, random),
            Work::Judged { event, case, own, evidence, certificates } => {
                let evidence = evidence.map(|evidence| *evidence);
                let result =
                    self.stage_judged(staging, case, event, &own, evidence, certificates, now, random);
                if let Err(problem) = result {
                    self.outputs
                        .push_back(super::Output::Alarm(problem.within(format!("evidence of {event}"))));
                }
            }
            Work::Service { ticket, signed, certificates, service } => {
                let digest = signed.signed().digest();
                let known =
                    staging.services.contains_key(&digest) || self.book.services.contains_key(&digest);
                let stage = || {
                    if !known {
                        stage_certificates(&self.book, staging, certificates)?;
                        staging.push(Fact::Service(signed.signed().bytes().to_vec()))?;
                        staging.services.insert(digest, *service);
                    }
                    Ok(Answer::Service(digest))
                };
                let answer = stage();
                if let Some(ticket) = ticket {
                    staging.reply(ticket, answer);
                }
            }
            Work::Retry { ticket, id } => {
                let parked = matches!(
                    self.book.sent.get(&id).map(|sent| &sent.state),
                    Some(super::SentState::Parked(_))
                );
                let answer = if parked {
                    staging.push(Fact::Unparked(id)).map(|_| Answer::Done)
                } else {
                    Err(Problem::new(Code::NotFound, "message")
                        .found(id.to_string())
                        .expected("a parked message"))
                };
                staging.reply(ticket, answer);
            }
        }
    }

    /// The case as staged so far, else as published. `CaseUnknown` if this agency is not its home.
    fn staged_case<'s>(&self, staging: &'s mut Staging, id: CaseId) -> Result<&'s mut StagedCase> {
        match staging.cases.entry(id) {
            std::collections::btree_map::Entry::Occupied(entry) => Ok(entry.into_mut()),
            std::collections::btree_map::Entry::Vacant(entry) => {
                let case = self.case(&id)?.ok_or_else(case::case_unknown)?;
                Ok(entry.insert(StagedCase { case, records: Vec::new() }))
            }
        }
    }

    /// An act of our own people.
    fn stage_act(&mut self, staging: &mut Staging, key: &str, act: Act, now: Timestamp) -> Result<Answer> {
        if key.len() > KEY_BYTES_MAX {
            return Err(Problem::new(Code::TooLarge, "idempotency key")
                .found(format!("{} bytes", key.len()))
                .expected(format!("at most {KEY_BYTES_MAX}")));
        }
        let request = act.request_digest();
        if let Some(outcome) = staging.outcomes.get(key).or_else(|| self.book.outcomes.get(key)).cloned() {
            return self.repeat(staging, &outcome, request);
        }
        if act.kind == Kind::Evidence {
            return Err(Problem::new(Code::KindNotAllowed, "kind").found("evidence"));
        }
        let home = match act.case {
            None => true,
            Some(case) => staging.cases.contains_key(&case) || self.case(&case)?.is_some(),
        };
        let answer =
            if home { self.stage_own(staging, act, now)? } else { self.stage_foreign(staging, act)? };
        let (case, event) = match &answer {
            Answer::Recorded { case, event, .. } | Answer::Sent { case, event } => (*case, *event),
            _ => return Err(Problem::new(Code::Internal, "answer")),
        };
        let outcome = OutcomeFact { key: key.to_owned(), request, case, event };
        staging.push(Fact::Outcome(outcome.clone()))?;
        staging.outcomes.insert(key.to_owned(), outcome);
        Ok(answer)
    }

    /// The same key again: the same answer, if it is the same request.
    fn repeat(&self, staging: &Staging, outcome: &OutcomeFact, request: Digest) -> Result<Answer> {
        if outcome.request != request {
            return Err(Problem::new(Code::KeyConflict, "idempotency key")
                .found(outcome.key.clone())
                .expected("a new key for a new request"));
        }
        let (case, event) = (outcome.case, outcome.event);
        let staged = staging.cases.get(&case).and_then(|staged| {
            let (_, record, _) = staged.records.iter().find(|(id, ..)| *id == event)?;
            Some(HeadAt { seq: record.seq, record: record.digest() })
        });
        if let Some(place) = staged {
            return Ok(Answer::Recorded { case, event, place });
        }
        Ok(match self.find_after(&case, None, event)? {
            Some(row) => {
                let place = HeadAt { seq: row.seq, record: row.record };
                Answer::Recorded { case, event, place }
            }
            None => Answer::Sent { case, event },
        })
    }

    /// An act on a case of ours, or the opening of one.
    fn stage_own(&mut self, staging: &mut Staging, act: Act, now: Timestamp) -> Result<Answer> {
        let head = match act.case {
            None => None,
            Some(id) => Some(act.head.unwrap_or(self.staged_case(staging, id)?.case.head)),
        };
        let judgement = act.approval.as_ref().map(|(_, judgement)| judgement.clone());
        let event = self.seal(&act, head, None)?;
        let mut certificates = self.seal_certificates();
        certificates.extend(act.certificates);
        let checked =
            CheckedEvent { event, author: self.settings.agency.clone(), certificates, approval: judgement };
        let (case, event) = (checked.event.case(), checked.event.id());
        let place = self.stage_event(staging, checked, now)?.0;
        Ok(Answer::Recorded { case, event, place })
    }

    /// Makes and seals the event of an act.
    pub(super) fn seal(&mut self, act: &Act, head: Option<HeadAt>, grant: Option<EventId>) -> Result<Event> {
        let header = Header {
            case: act.case,
            head,
            kind: act.kind,
            step: act.step.clone(),
            created: act.created,
            body_bytes: act.body.len() as u64,
            commitment: Digest::of(&act.body),
            approval: act.approval.as_ref().map(|(approval, _)| approval.digest()),
            grant,
            code: act.code,
            times: act.times,
        };
        self.figures.signatures += 1;
        let header = Signed::sign(header, &self.settings.seal)?;
        let approval = act.approval.as_ref().map(|(approval, _)| approval.bytes());
        Event::parse(header.bytes(), &act.body, approval)
    }

    /// An act on another home's case: sealed, and put in the outbox.
    fn stage_foreign(&mut self, staging: &mut Staging, act: Act) -> Result<Answer> {
        let case = act.case.ok_or_else(case::case_unknown)?;
        let held = self.book.right(&case, act.step.as_deref()).ok_or_else(case::case_unknown)?;
        let (home, grant, shown) = (held.reference.home.clone(), held.reference.grant, held.reference.head);
        if let Some((_, judgement)) = &act.approval
            && judgement.sub == Some(ogic_certs::verdict::SubIndication::SigCryptoFailure)
        {
            return Err(
                Problem::new(Code::ApprovalInvalid, "approval").found("a signature that does not verify")
            );
        }
        let known = self.book.heads.get(&case).map_or(shown, |seen| seen.head);
        let event = self.seal(&act, Some(act.head.unwrap_or(known)), Some(grant))?;
        Body::from_blob(&act.body, act.kind)?;
        stage_certificates(&self.book, staging, act.certificates)?;
        let id = event.id();
        let parcel = Parcel::Event {
            header: event.header.bytes().to_vec(),
            body: event.body,
            approval: event.approval.map(|approval| approval.bytes().to_vec()),
        };
        staging.push(Fact::Put(PutFact { peer: home, case, parcel }))?;
        Ok(Answer::Sent { case, event: id })
    }

    /// An event that a peer delivered.
    fn stage_delivered(
        &mut self,
        staging: &mut Staging,
        peer: &AgencyId,
        checked: CheckedEvent,
        now: Timestamp,
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
        let (case, event) = (checked.event.case(), checked.event.id());
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
        self.check_order(staging, peer, case, event, now)?;
        let (_, fact) = self.stage_event(staging, checked, now)?;
        self.stage_overtaken(staging, peer, case, event)?;
        staging.receipts.entry(peer.clone()).or_default().push(Leaf::New(fact));
        Ok(())
    }

    /// Decides and stages an event of anybody; says its place and which fact it is.
    fn stage_event(
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
        let reference = match &body.detail {
            Detail::Share(terms) => Some(self.reference(&next, event_id, terms, now)?),
            _ => None,
        };
        stage_certificates(&self.book, staging, certificates)?;
        let fact = staging.push(Fact::Event(EventFact {
            record,
            author: author.clone(),
            header: event.header.bytes().to_vec(),
            body: event.body.clone(),
            approval: event.approval.as_ref().map(|approval| approval.bytes().to_vec()),
        }))?;
        let staged =
            staging.cases.entry(id).or_insert_with(|| StagedCase { case: next.clone(), records: Vec::new() });
        staged.case = next;
        staged.records.push((event_id, record, fact));
        staging.effects.push((id, event_id, applied.effect));
        for (settled, effect) in applied.settled {
            staging.effects.push((id, settled, effect));
        }
        if let Some(put) = reference {
            staging.push(Fact::Put(put))?;
        }
        Ok((place, fact))
    }

    /// The head that an event names must be a record of this case.
    fn check_head(&self, staging: &Staging, case: CaseId, named: HeadAt) -> Result<()> {
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
    fn reference(&mut self, case: &Case, grant: EventId, terms: &Terms, now: Timestamp) -> Result<PutFact> {
        let reference = Reference {
            case: case.id,
            home: self.settings.agency.clone(),
            grant,
            terms: terms.clone(),
            issued: now,
            service: case.service,
            head: case.head,
        };
        self.figures.signatures += 1;
        let signed = Signed::sign(reference, &self.settings.seal)?;
        let parcel = Parcel::Notice(signed.bytes().to_vec());
        Ok(PutFact { peer: terms.grantee.clone(), case: case.id, parcel })
    }

    /// A judgement becomes an event of ours, and the judged event's author is told.
    #[expect(clippy::too_many_arguments, reason = "one call, and each is a thing of its own")]
    fn stage_judged(
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
        self.figures.evidence += 1;
        Ok(())
    }

    /// Whether `peer` may speak as the home of `case`: a case has one, and whoever told of it first is it. Otherwise any
    /// member could draw to itself what is meant for another.
    fn may_be_home(&self, peer: &AgencyId, case: &CaseId) -> bool {
        match self.book.home_of(case) {
            Some(home) => home == peer,
            None => matches!(self.case(case), Ok(None)),
        }
    }

    /// A signed notice of a peer; says whether it was new and fitted.
    fn stage_notice(
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
    fn stage_receipts(
        &mut self,
        staging: &mut Staging,
        peer: &AgencyId,
        frame: &ogic_certs::receipt::ReceiptFrame,
        checkpoint: &Verified<ogic_certs::checkpoint::Checkpoint>,
        certificates: Vec<Certificate>,
        now: Timestamp,
    ) -> Result<()> {
        if checkpoint.value().origin.agency != *peer || checkpoint.identity().agency != *peer {
            return Err(Problem::new(Code::IdentityMismatch, "checkpoint")
                .found(checkpoint.value().origin.to_string())
                .expected(peer.to_string()));
        }
        let forked_case = frame.heads().iter().any(|(_, head)| self.book.contradicts(peer, head));
        if forked_case || self.book.forks(peer, checkpoint.value()) {
            let held = self.book.seen.get(peer).map(|seen| seen.checkpoint.clone());
            let sides = held.into_iter().chain([frame.encode()]).collect();
            self.stage_contradiction(staging, peer.clone(), sides, now);
            return Ok(());
        }
        let mut done = Vec::new();
        for (_, leaf) in frame.leaves() {
            let id = match leaf {
                ogic_certs::record::Leaf::Record(record) => record.event.0,
                ogic_certs::record::Leaf::Notice(notice) => notice.digest,
                ogic_certs::record::Leaf::Access(_) => continue,
            };
            let waiting = self.book.sent.get(&id).is_some_and(|sent| {
                sent.peer == *peer && !matches!(sent.state, super::SentState::Done { .. })
            });
            if waiting && !staging.settled.contains(&id) {
                done.push(id);
            }
        }
        if done.is_empty() {
            return Ok(());
        }
        stage_certificates(&self.book, staging, certificates)?;
        staging.settled.extend(&done);
        self.figures.receipts_taken += done.len() as u64;
        staging.push(Fact::PeerReceipt { peer: peer.clone(), frame: frame.encode(), done })?;
        Ok(())
    }

    /// A peer refused: what can never succeed is parked, the rest is tried again later.
    fn stage_refused(
        &mut self,
        staging: &mut Staging,
        peer: &AgencyId,
        refusal: &Verified<ogic_certs::refusal::Refusal>,
        now: Timestamp,
    ) {
        let id = refusal.value().subject;
        let ours = self
            .book
            .sent
            .get(&id)
            .is_some_and(|sent| sent.peer == *peer && matches!(sent.state, super::SentState::Waiting));
        if !ours || refusal.identity().agency != *peer {
            return;
        }
        let code = refusal.value().code;
        if is_passing(code) {
            self.outbox.delay(&id, refusal.value().problem(), now);
            return;
        }
        let refusal = Some(refusal.signed().bytes().to_vec());
        if self.push_or_alarm(staging, Fact::Parked { id, code, refusal }) {
            staging.settled.push(id);
        }
    }

    fn stage_contradiction(
        &mut self,
        staging: &mut Staging,
        peer: AgencyId,
        sides: Vec<Vec<u8>>,
        now: Timestamp,
    ) {
        let problem = Problem::new(Code::ForkDetected, "peer").found(peer.to_string());
        self.outputs.push_back(super::Output::Alarm(problem));
        self.push_or_alarm(staging, Fact::Alarm { code: Code::ForkDetected, peer, sides, at: now });
    }

    /// A fact that nobody waits for: if it cannot be written, a person is told.
    fn push_or_alarm(&mut self, staging: &mut Staging, fact: Fact) -> bool {
        match staging.push(fact) {
            Ok(_) => true,
            Err(problem) => {
                self.outputs.push_back(super::Output::Alarm(problem));
                false
            }
        }
    }

    /// A look at a case of ours: allowed or not, it is registered before it is answered.
    fn stage_read(
        &mut self,
        staging: &mut Staging,
        ticket: Ticket,
        read: Read,
        now: Timestamp,
        random: Random<'_>,
    ) {
        let allowed = self
            .staged_case(staging, read.case)
            .and_then(|staged| case::may_read(&staged.case, &read.who, read.grant, now));
        if let Err(problem) = allowed {
            self.count_refusal(
                staging,
                &read.who,
                read.case,
                read.grant,
                &problem,
                Some(&read.purpose),
                now,
                random,
            );
            staging.reply(ticket, Err(problem));
            return;
        }
        let access = access_of(&read.who, read.case, read.grant, &read.purpose, None, now, random);
        if let Err(problem) = staging.push(Fact::Access(access)) {
            staging.reply(ticket, Err(problem));
            return;
        }
        let reply = match read.wanted {
            Wanted::History(from) => Reply::History { case: read.case, from },
            Wanted::Document(digest) => Reply::Now(self.document(&read.case, &digest).map(Answer::Document)),
        };
        staging.replies.push((ticket, reply));
    }

    /// Registers a refused try, without a `purpose` one to append. Repeated ones, alike, within a minute become one entry with
    /// a count: a flood must not fill the log.
    #[expect(clippy::too_many_arguments, reason = "an access entry has that many parts")]
    fn count_refusal(
        &mut self,
        staging: &mut Staging,
        who: &AgencyId,
        case: CaseId,
        grant: Option<EventId>,
        problem: &Problem,
        purpose: Option<&str>,
        now: Timestamp,
        random: Random<'_>,
    ) {
        let about_rights = matches!(
            problem.code,
            Code::GrantMissing | Code::GrantRevoked | Code::GrantExpired | Code::GrantTooNarrow
        );
        // Tries on a case that is not here, or that the asker may not know of, belong to no citizen's access log.
        let known = staging.cases.contains_key(&case) || matches!(self.case(&case), Ok(Some(_)));
        if !known || !(about_rights || problem.code == Code::CaseUnknown) {
            return;
        }
        let key = TryKey { who: who.clone(), case, code: problem.code, appends: purpose.is_none() };
        if let Some(tries) = self.tries.get_mut(&key)
            && now.since_ms(tries.since) < TRIES_WINDOW_MS
        {
            tries.count += 1;
            return;
        }
        let purpose = purpose.unwrap_or(APPEND);
        let access = access_of(who, case, grant, purpose, Some(problem.code), now, random);
        self.push_or_alarm(staging, Fact::Access(access.clone()));
        self.tries.insert(key, Tries { since: now, count: 0, access });
    }

    /// Counts that are due become entries.
    fn stage_tries(&mut self, staging: &mut Staging, now: Timestamp, random: Random<'_>) {
        let due: Vec<_> = self
            .tries
            .iter()
            .filter(|(_, tries)| now.since_ms(tries.since) >= TRIES_WINDOW_MS)
            .map(|(key, _)| key.clone())
            .collect();
        for key in due {
            if let Some(tries) = self.tries.remove(&key).filter(|tries| tries.count > 0) {
                let mut access = AccessFact { at: now, tries: tries.count, ..tries.access };
                random(&mut access.salt);
                self.push_or_alarm(staging, Fact::Access(access));
            }
        }
    }

    /// A refusal, with the head of the case if its sender may know the case.
    fn stage_refusal(
        &self,
        staging: &mut Staging,
        peer: AgencyId,
        subject: Digest,
        case: CaseId,
        problem: Problem,
    ) {
        let knows = !matches!(problem.code, Code::CaseUnknown | Code::GrantMissing | Code::GrantRevoked);
        let head = match staging.cases.get(&case) {
            Some(staged) if knows => Some(staged.case.head),
            _ => None,
        };
        staging.refusals.push((peer, subject, problem, head));
    }
}

fn access_of(
    who: &AgencyId,
    case: CaseId,
    grant: Option<EventId>,
    purpose: &str,
    code: Option<Code>,
    now: Timestamp,
    random: Random<'_>,
) -> AccessFact {
    let mut salt = [0; 32];
    random(&mut salt);
    AccessFact { case, at: now, salt, who: who.clone(), grant, purpose: purpose.to_owned(), code, tries: 1 }
}

/// The certificates that are not in the journal yet.
fn stage_certificates(
    book: &super::Book,
    staging: &mut Staging,
    certificates: Vec<Certificate>,
) -> Result<()> {
    for certificate in certificates {
        let digest = certificate.digest();
        let staged = staging
            .facts
            .iter()
            .any(|fact| matches!(fact, Fact::Certificate(staged) if staged.digest() == digest));
        if !staged && !book.certificates.contains_key(&digest) {
            staging.push(Fact::Certificate(certificate))?;
        }
    }
    Ok(())
}
