//! The fold: a history becomes a case, record by record, the same wherever it is done.
//!
//! The fold is total: a record that breaks the chain is no history and refused, but an event that breaks a rule has its
//! place and no effect, so that nothing recorded can ever make a case unreadable. The home's `decide` keeps such events
//! out; a reader who folds a fetched history sees from the effect that the home did not.

use std::collections::{HashMap, VecDeque};

use ogic_certs::event::{Body, Detail, HeadAt, Header, Kind, StepCode, Terms};
use ogic_certs::evidence::Judgement;
use ogic_certs::record::Record;
use ogic_certs::{AgencyId, CaseId, Code, Digest, EventId, Problem, Result, Timestamp};

use super::custody;
use super::decide::{Act, decide, may_take_effect};
use super::judge::{self, broke};
use super::model::{Case, Effect, Grant, JUDGED_MAX, Judged, Pending, Status, Work};
use super::plan::{Ended, Handover, StepState, open_ready, plan_of};
use super::policy::Policy;
use super::service::Service;

/// What one record did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Applied {
    /// What its own event did.
    pub effect: Effect,
    /// What became of events that were pending until this record: never [`Effect::Pending`].
    pub settled: Vec<(EventId, Effect)>,
}

impl Case {
    /// Opens a case by its first record. The definition must be the one that the body names, which whoever holds its
    /// bytes has checked; whether the act was allowed, `decide_open` says. `KindMismatch`, `ValueRefused` or
    /// `DigestMismatch` if record and event do not open a case together.
    pub fn open(
        record: &Record,
        author: &AgencyId,
        header: &Header,
        body: &Body,
        service: &Service,
    ) -> Result<Self> {
        let Detail::Open { service: definition, citizen } = &body.detail else {
            return Err(Problem::new(Code::KindMismatch, "kind")
                .found(header.kind.as_str())
                .expected("open"));
        };
        if header.kind != Kind::Open || record.seq != 0 {
            return Err(Problem::new(Code::ValueRefused, "record")
                .found(format!("{} at seq {}", header.kind.as_str(), record.seq))
                .expected("open at seq 0"));
        }
        expect_digest("case", record.case.0, CaseId::opened_by(record.event).0)?;
        expect_digest("prev", record.prev, Digest::ZERO)?;
        let opening = Ended { at: record.received, by: author.clone(), event: record.event };
        Ok(Self {
            id: record.case,
            home: author.clone(),
            service: *definition,
            title: service.title.clone(),
            appeal: service.appeal.clone(),
            citizen: citizen.clone(),
            opened: record.received,
            status: Status::Open,
            plan: plan_of(service, &opening),
            grants: Vec::new(),
            pending: Vec::new(),
            judged: VecDeque::new(),
            custody: None,
            moves: Vec::new(),
            head: HeadAt { seq: 0, record: record.digest() },
            records: 1,
        })
    }

    /// Folds the next record in and says what its event did. See [`Case::advance`].
    pub fn apply(
        &mut self,
        record: &Record,
        author: &AgencyId,
        header: &Header,
        body: &Body,
        policy: &Policy,
    ) -> Result<Effect> {
        self.advance(record, author, header, body, policy).map(|applied| applied.effect)
    }

    /// Folds the next record in and says what that did, to events that were pending too. `ValueRefused` or
    /// `DigestMismatch` if it is not the record that follows; the case is then as it was.
    pub fn advance(
        &mut self,
        record: &Record,
        author: &AgencyId,
        header: &Header,
        body: &Body,
        policy: &Policy,
    ) -> Result<Applied> {
        self.expect_next(record, header)?;
        let now = record.received;
        // The home judged its own officials' approvals before it recorded the event, and is answerable for it.
        let approval = header.approval.map(|_| &Judgement::PASSED);
        let act = Act { author, event: record.event, header, body, approval };
        let decided = decide(self, &act, now, policy);
        custody::step_over(self, header.kind);
        let applied = match decided {
            Err(problem) => Applied { effect: Effect::None(broke(&problem)), settled: Vec::new() },
            Ok(()) if policy.needs_evidence(&self.home, author, header, body) => {
                self.suspend(record, author, header);
                Applied { effect: Effect::Pending, settled: Vec::new() }
            }
            Ok(()) => {
                Applied { effect: Effect::Held, settled: self.take_effect(record, author, header, body) }
            }
        };
        self.head = HeadAt { seq: record.seq, record: record.digest() };
        self.records = record.seq.saturating_add(1);
        Ok(applied)
    }

    /// The record follows the head, and the event is of this case.
    fn expect_next(&self, record: &Record, header: &Header) -> Result<()> {
        if record.seq != self.records {
            return Err(Problem::new(Code::ValueRefused, "seq")
                .found(record.seq.to_string())
                .expected(self.records.to_string()));
        }
        expect_digest("prev", record.prev, self.head.record)?;
        expect_digest("case", record.case.0, self.id.0)?;
        match header.case {
            Some(case) => expect_digest("header's case", case.0, self.id.0),
            None => Err(Problem::new(Code::ValueRefused, "header's case")
                .found("none")
                .expected(self.id.to_string())),
        }
    }

    /// Gives the event its place and keeps what its effect will need.
    fn suspend(&mut self, record: &Record, author: &AgencyId, header: &Header) {
        let Some(work) = work_of(header) else { return };
        self.pending.push(Pending {
            event: record.event,
            seq: record.seq,
            received: record.received,
            author: author.clone(),
            grant: header.grant,
            approval: header.approval,
            work,
        });
    }

    /// The effect of an event that was decided and needs no evidence, and what it settled.
    fn take_effect(
        &mut self,
        record: &Record,
        author: &AgencyId,
        header: &Header,
        body: &Body,
    ) -> Vec<(EventId, Effect)> {
        let now = record.received;
        match &body.detail {
            Detail::Open { .. } => Vec::new(),
            Detail::Offer(_) | Detail::Decline { .. } | Detail::Release { .. } | Detail::Taken { .. } => {
                custody::take_effect(self, record, author, body);
                Vec::new()
            }
            Detail::None if header.kind == Kind::Accept => {
                custody::take_effect(self, record, author, body);
                Vec::new()
            }
            Detail::None => {
                if let Some(work) = work_of(header) {
                    self.work(&work, &Ended { at: now, by: author.clone(), event: record.event });
                }
                Vec::new()
            }
            Detail::Share(terms) => {
                self.share(record.event, terms, now);
                Vec::new()
            }
            Detail::Unshare { grant, .. } => {
                self.unshare(grant, now);
                Vec::new()
            }
            Detail::Evidence { event, own, evidence } => {
                self.settle(event, own, evidence.as_deref(), now).into_iter().collect()
            }
            Detail::Close { .. } => self.close(header, now),
        }
    }

    /// Work on a step takes effect.
    fn work(&mut self, work: &Work, ended: &Ended) {
        let Work::Step { step, code } = work else { return };
        let Some(step) = self.plan.iter_mut().find(|planned| planned.id() == step) else { return };
        match code {
            StepCode::Going => {}
            StepCode::NotPossible => step.state = StepState::NotPossible(ended.clone()),
            StepCode::Done => {
                step.state = StepState::Done(ended.clone());
                open_ready(&mut self.plan, ended.at);
            }
        }
    }

    fn share(&mut self, id: EventId, terms: &Terms, now: Timestamp) {
        self.grants.push(Grant { id, terms: terms.clone(), granted: now, revoked: None });
        for step in self.plan.iter_mut().filter(|step| terms.steps.iter().any(|granted| granted == step.id()))
        {
            step.handed_to =
                Some(Handover { to: terms.grantee.clone(), grant: id, deadline: terms.deadline });
        }
    }

    fn unshare(&mut self, id: &EventId, now: Timestamp) {
        custody::unshared(self, id);
        for grant in self.grants.iter_mut().filter(|grant| grant.id == *id) {
            grant.revoked = Some(now);
        }
        for step in &mut self.plan {
            if step.handed_to.as_ref().is_some_and(|handover| handover.grant == *id) {
                step.handed_to = None;
            }
        }
    }

    /// A pending event's effect happens here, at the place of its evidence, if the worse of both verdicts passed and the
    /// act still stands.
    fn settle(
        &mut self,
        event: &EventId,
        own: &Judgement,
        evidence: Option<&[u8]>,
        now: Timestamp,
    ) -> Option<(EventId, Effect)> {
        let at = self.pending.iter().position(|pending| pending.event == *event)?;
        let pending = self.pending.remove(at);
        let judgement = judge::judge(&pending, own, evidence).unwrap_or_else(|problem| broke(&problem));
        let effect = if judgement.passed() {
            match may_take_effect(self, &pending.author, pending.grant, &pending.work, now) {
                Ok(()) => {
                    let ended = Ended { at: now, by: pending.author.clone(), event: pending.event };
                    self.work(&pending.work, &ended);
                    Effect::Held
                }
                Err(problem) => Effect::None(broke(&problem)),
            }
        } else {
            Effect::None(judgement)
        };
        self.remember(pending.event, effect.clone());
        Some((pending.event, effect))
    }

    /// The case ends. What is still pending comes too late: nothing will happen in it any more.
    fn close(&mut self, header: &Header, now: Timestamp) -> Vec<(EventId, Effect)> {
        let Some(outcome) = header.outcome() else { return Vec::new() };
        self.status = Status::Closed { outcome, at: now };
        self.custody = None;
        let too_late = Effect::None(broke(&Problem::new(Code::CaseClosed, "case")));
        let pending = std::mem::take(&mut self.pending);
        let settled: Vec<_> = pending.into_iter().map(|pending| (pending.event, too_late.clone())).collect();
        for (event, effect) in &settled {
            self.remember(*event, effect.clone());
        }
        settled
    }

    fn remember(&mut self, event: EventId, effect: Effect) {
        if self.judged.len() >= JUDGED_MAX {
            self.judged.pop_front();
        }
        self.judged.push_back(Judged { event, effect });
    }
}

/// What a step or note event does; other kinds are never pending.
fn work_of(header: &Header) -> Option<Work> {
    match header.kind {
        Kind::Step => Some(Work::Step { step: header.step.clone()?, code: header.step_code()? }),
        Kind::Note => Some(Work::Note { step: header.step.clone() }),
        _ => None,
    }
}

fn expect_digest(field: &'static str, found: Digest, expected: Digest) -> Result<()> {
    if found == expected {
        Ok(())
    } else {
        Err(Problem::new(Code::DigestMismatch, field).found(found.to_string()).expected(expected.to_string()))
    }
}

/// One record of a history with its event, as it is folded.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The record.
    pub record: &'a Record,
    /// The agency whose seal signed the header.
    pub author: &'a AgencyId,
    /// The header.
    pub header: &'a Header,
    /// The body.
    pub body: &'a Body,
}

/// A whole history folded from its first record, with what every event did in the end.
#[derive(Clone, Debug)]
pub struct Replay {
    case: Case,
    effects: Vec<Effect>,
    places: HashMap<EventId, usize>,
}

impl Replay {
    /// Begins with the opening record. Problems are those of [`Case::open`].
    pub fn open(entry: &Entry<'_>, service: &Service) -> Result<Self> {
        let case = Case::open(entry.record, entry.author, entry.header, entry.body, service)?;
        Ok(Self { case, effects: vec![Effect::Held], places: HashMap::from([(entry.record.event, 0)]) })
    }

    /// Folds the next record in. Problems are those of [`Case::advance`].
    pub fn push(&mut self, entry: &Entry<'_>, policy: &Policy) -> Result<()> {
        let applied = self.case.advance(entry.record, entry.author, entry.header, entry.body, policy)?;
        self.places.insert(entry.record.event, self.effects.len());
        self.effects.push(applied.effect);
        for (event, effect) in applied.settled {
            if let Some(place) = self.places.get(&event).and_then(|place| self.effects.get_mut(*place)) {
                *place = effect;
            }
        }
        Ok(())
    }

    /// The case so far.
    pub const fn case(&self) -> &Case {
        &self.case
    }

    /// What the event of each record did, in order of sequence.
    pub fn effects(&self) -> &[Effect] {
        &self.effects
    }

    /// The case and the effects.
    pub fn into_parts(self) -> (Case, Vec<Effect>) {
        (self.case, self.effects)
    }
}
