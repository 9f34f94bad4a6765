//! Acts of the agency's own people, staged: on a case of ours, or sealed for another home and put in the outbox.
//!
//! The same key gives the same answer, whatever has become of the case since.

use ogic_certs::certificate::Certificate;
use ogic_certs::cose::{Kind as Envelope, Sign1, Signed};
use ogic_certs::event::{Body, Detail, Event, HeadAt, Header, Kind, StepCode};
use ogic_certs::service::ServiceText;
use ogic_certs::trust::Verified;
use ogic_certs::{CaseId, Code, Digest, EventId, Problem, Result, Timestamp};

use super::fact::{Fact, OutcomeFact, Parcel, PutFact};
use super::stage::{Staging, stage_certificates};
use super::work::{Act, Answer, CheckedEvent};
use super::{Desk, KEY_BYTES_MAX};
use crate::case::{self, Service};
use crate::log::Disk;
use crate::store::Store;

impl<D: Disk, S: Store> Desk<D, S> {
    /// An act of our own people.
    pub(super) fn stage_act(
        &mut self,
        staging: &mut Staging,
        key: &str,
        act: Act,
        now: Timestamp,
    ) -> Result<Answer> {
        let request = act.request_digest();
        if let Some(outcome) = self.outcome_of(staging, key, request)? {
            return self.repeat(staging, &outcome);
        }
        // These the node makes itself, as what they follow from is staged.
        if matches!(act.kind, Kind::Evidence | Kind::Release | Kind::Taken) {
            return Err(Problem::new(Code::KindNotAllowed, "kind").found(act.kind.as_str()));
        }
        let answer = if matches!(act.kind, Kind::Accept | Kind::Decline) {
            self.stage_answer(staging, &act)?
        } else if self.is_own(staging, act.case)? {
            self.stage_own(staging, act, now)?
        } else {
            self.stage_foreign(staging, act)?
        };
        let (case, event) = match &answer {
            Answer::Recorded { case, event, .. } | Answer::Sent { case, event } => (*case, *event),
            _ => return Err(Problem::new(Code::Internal, "answer")),
        };
        staging.note_key(key, request, case, event)?;
        Ok(answer)
    }

    /// What a caller's key led to, this commit's own included. `KeyConflict` if it was for another request.
    pub(super) fn outcome_of(
        &self,
        staging: &Staging,
        key: &str,
        request: Digest,
    ) -> Result<Option<OutcomeFact>> {
        if key.len() > KEY_BYTES_MAX {
            return Err(Problem::new(Code::TooLarge, "idempotency key")
                .found(format!("{} bytes", key.len()))
                .expected(format!("at most {KEY_BYTES_MAX}")));
        }
        let known = staging.outcomes.get(key).or_else(|| self.book.outcomes.get(key));
        known.map(|outcome| outcome.of(request).cloned()).transpose()
    }

    /// A definition, published here under a caller's key or fetched because a case follows it: held once. The key counts
    /// before the bytes do, since a renewed seal makes other bytes of the same text.
    pub(super) fn stage_service(
        &mut self,
        staging: &mut Staging,
        key: Option<(String, Digest)>,
        signed: &Verified<ServiceText>,
        certificates: Vec<Certificate>,
        service: Service,
    ) -> Result<Answer> {
        if let Some((key, request)) = &key
            && let Some(outcome) = self.outcome_of(staging, key, *request)?
        {
            return Ok(Answer::Service(outcome.event.0));
        }
        let digest = signed.signed().digest();
        if !staging.services.contains_key(&digest) && !self.book.services.contains_key(&digest) {
            stage_certificates(&self.book, staging, certificates)?;
            staging.push(Fact::Service(signed.signed().bytes().to_vec()))?;
            staging.services.insert(digest, service);
        }
        if let Some((key, request)) = &key {
            staging.note_key(key, *request, CaseId(Digest::ZERO), EventId(digest))?;
        }
        Ok(Answer::Service(digest))
    }

    /// The definition with exactly this text, COSE bytes, if our seal signed it before.
    pub fn published(&self, text: &[u8]) -> Result<Option<Vec<u8>>> {
        for held in self.book.services.values() {
            let envelope = Sign1::parse(&held.signed, Envelope::Service)?;
            if envelope.payload() == text && envelope.signer() == self.seal_digest() {
                return Ok(Some(held.signed.clone()));
            }
        }
        Ok(None)
    }

    /// Whether an act is for a case that we order, or opens one. A case that we released is ours to act on no more, unless its
    /// new home gave us a right.
    fn is_own(&self, staging: &Staging, case: Option<CaseId>) -> Result<bool> {
        let Some(id) = case else { return Ok(true) };
        let case = match staging.cases.get(&id) {
            Some(staged) => Some(staged.case.clone()),
            None => self.case(&id)?,
        };
        Ok(case.is_some_and(|case| {
            case.is_ordered_by(&self.settings.agency) || self.book.right(&id, None).is_none()
        }))
    }

    /// The same key again: the same answer.
    fn repeat(&self, staging: &Staging, outcome: &OutcomeFact) -> Result<Answer> {
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
    pub(super) fn stage_own(
        &mut self,
        staging: &mut Staging,
        mut act: Act,
        now: Timestamp,
    ) -> Result<Answer> {
        let head = match act.case {
            None => {
                // Others judge the opening as of the time that it names: a caller's clock that is off must not name one at
                // which our seal did not hold.
                let since = self.settings.seal.certificate().not_before();
                act.created = act.created.max(since).min(now);
                None
            }
            Some(id) => {
                let newest = self.staged_case(staging, id)?.case.head;
                if let Some(demanded) = act.head.filter(|demanded| *demanded != newest) {
                    self.check_head(staging, id, demanded)?;
                    return Err(case::head_moved(demanded, newest));
                }
                self.check_second_grant(staging, id, &act, now)?;
                Some(newest)
            }
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

    /// The same right twice would have two ids, of which an operator revokes the one and forgets the other. Other terms are
    /// another right: so one is renewed.
    fn check_second_grant(
        &self,
        staging: &mut Staging,
        case: CaseId,
        act: &Act,
        now: Timestamp,
    ) -> Result<()> {
        if act.kind != Kind::Share {
            return Ok(());
        }
        let Detail::Share(terms) = Body::from_blob(&act.body, act.kind)?.detail else { return Ok(()) };
        let grants = &self.staged_case(staging, case)?.case.grants;
        let stands = |held: &&case::Grant| held.revoked.is_none() && now < held.terms.expires;
        match grants.iter().filter(stands).find(|held| held.terms == terms) {
            None => Ok(()),
            Some(held) => Err(Problem::new(Code::GrantExists, "grant")
                .found(held.id.to_string())
                .expected("other terms, or another agency")),
        }
    }

    /// What would come of an act, without any of it: it is decided on the cases as they stand, and forgotten.
    pub fn judge(&mut self, act: Act, now: Timestamp) -> Result<Answer> {
        let figures = self.figures;
        let mut staging = Staging::default();
        let answer = self.stage_act(&mut staging, "", act, now.max(self.floor));
        self.figures = figures;
        answer
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
    pub(super) fn stage_foreign(&mut self, staging: &mut Staging, act: Act) -> Result<Answer> {
        let case = act.case.ok_or_else(case::case_unknown)?;
        let held = self.book.right(&case, act.step.as_deref()).ok_or_else(case::case_unknown)?;
        let (grant, shown) = (held.reference.grant, held.reference.head);
        let home = self.book.home_of(&case).cloned().ok_or_else(case::case_unknown)?;
        self.not_on_its_way(staging, &case)?;
        if let Some((_, judgement)) = &act.approval
            && judgement.sub == Some(ogic_certs::verdict::SubIndication::SigCryptoFailure)
        {
            return Err(
                Problem::new(Code::ApprovalInvalid, "approval").found("a signature that does not verify")
            );
        }
        let known = self.book.heads.get(&case).map_or(shown, |seen| seen.head);
        let body = Body::from_blob(&act.body, act.kind)?;
        // What the home would refuse by the definition that both hold is refused here, where the field can be named whole.
        if let Some(service) = self.book.services.get(&held.reference.service)
            && let Some(step) = act.step.as_deref().filter(|_| act.kind == Kind::Step)
        {
            let done = act.code == StepCode::Done.number();
            case::check_form(&service.service, step, &body, done)?;
        }
        let event = self.seal(&act, Some(act.head.unwrap_or(known)), Some(grant))?;
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
}
