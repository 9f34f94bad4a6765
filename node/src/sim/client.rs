//! Clients: programs of an agency's people, which call, repeat what was not answered, and hear what became of it.

use ogic_certs::{AgencyId, CaseId, Code, Problem, Result};

use super::agency::Waiter;
use super::disk::FaultyDisk;
use super::net::Net;
use super::office;
use super::oracle::{Errand, Outcome, Task};
use super::plan::Keys;
use super::schedule::Step;
use crate::case::Service;
use crate::desk::{Answer, Read, Ticket, Wanted, Work};

/// How long a client waits before it repeats a command.
const PATIENCE_MS: u64 = 4_000;

impl<D: FaultyDisk> Net<D> {
    /// A client at `agency` sets out to get something done.
    pub(super) fn errand(&mut self, agency: usize, task: Task) -> usize {
        let number = self.oracle.errands.len();
        let marker = format!("errand-{number}");
        self.oracle.errands.push(Errand { agency, task, marker, tries: 0, outcome: Outcome::Waiting });
        self.report.acts += 1;
        self.due(0, Step::Call { errand: number, tries: 0 });
        number
    }

    /// He calls, unless he was answered or has called again since.
    pub(super) fn call(&mut self, number: usize, tries: u32) {
        let now = self.now;
        let errand = &mut self.oracle.errands[number];
        if !errand.is_waiting() || errand.tries != tries {
            return;
        }
        errand.tries += 1;
        self.report.repeats += u64::from(tries > 0);
        let (index, tries) = (errand.agency, errand.tries);
        let patience = PATIENCE_MS + self.random.below(1_000);
        self.due(patience, Step::Call { errand: number, tries });
        if self.agencies[index].process.is_none() {
            return;
        }
        self.trace.add(now, format!("{:<10} errand {number}, try {tries}", self.agencies[index].name));
        match self.oracle.errands[number].task {
            Task::Look(case) => self.look(index, number, tries, case),
            Task::Accept(case) => self.fetch_offered(index, number, case),
            _ => self.offer_act(index, number, tries),
        }
        self.turn(index);
    }

    pub(super) fn offer_act(&mut self, index: usize, number: usize, tries: u32) {
        let (errand, agency) = (&self.oracle.errands[number], &self.agencies[index]);
        let local = agency.clock(self.now);
        let act = match office::act(agency, errand, &mut self.random, local) {
            Ok(Some(act)) => act,
            Ok(None) => return,
            Err(problem) => return self.violations.push(format!("an act cannot be made: {problem}")),
        };
        let key = match self.plan.keys {
            Keys::Kept => errand.marker.clone(),
            Keys::Forgotten => format!("{} try {tries}", errand.marker),
        };
        let service = match &errand.task {
            Task::Open(name) => Some(name.clone()),
            _ => None,
        };
        if let Some(name) = service {
            self.publish(index, &name);
        }
        let ticket = self.ticket();
        if let Some(process) = &mut self.agencies[index].process {
            process.waiting.insert(ticket, Waiter::Client(number, tries));
            process.desk.offer(Work::Act { ticket, key, act: Box::new(act) });
        }
    }

    /// Lets the agency hold the definition that its case will follow.
    fn publish(&mut self, index: usize, name: &str) {
        let agency = &mut self.agencies[index];
        let local = agency.clock(self.now);
        let chain: Vec<_> = agency.settings.seal.chain().cloned().collect();
        let opened = office::service(name, &agency.settings.seal).and_then(|signed| {
            let service = Box::new(Service::parse(signed.value().as_bytes())?);
            Ok((Box::new(agency.trust.open(signed, &chain, local)?), service))
        });
        match (opened, &mut agency.process) {
            (Ok((signed, service)), Some(process)) => {
                let certificates = vec![agency.settings.seal.certificate().clone()];
                process.desk.offer(Work::Service { ticket: None, key: None, signed, certificates, service });
            }
            (Ok(_), None) => {}
            (Err(problem), _) => self.violations.push(format!("a service cannot be published: {problem}")),
        }
    }

    /// A look at a case: at home through the desk, else by a request to the home.
    fn look(&mut self, index: usize, number: usize, tries: u32, case: CaseId) {
        let ticket = self.ticket();
        let who = self.agencies[index].id().clone();
        let Some(process) = &mut self.agencies[index].process else { return };
        let own =
            process.desk.case(&case).is_ok_and(|held| held.is_some_and(|held| held.is_ordered_by(&who)));
        let held = process.desk.book().right(&case, None).filter(|_| !own).map(|held| held.reference.clone());
        match held {
            None => {
                let wanted = Wanted::History(0);
                let read = Read { who: who.clone(), case, grant: None, purpose: "a look".to_owned(), wanted };
                process.waiting.insert(ticket, Waiter::Client(number, tries));
                process.desk.offer(Work::Read { ticket, read });
                self.oracle.looks.entry((index, who, case)).or_default().asked += 1;
            }
            Some(reference) => self.ask_home(index, number, &reference),
        }
    }

    pub(super) const fn ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        Ticket(self.next_ticket)
    }

    /// The client hears an answer.
    pub(super) fn answered(&mut self, number: usize, outcome: Outcome) {
        let errand = &mut self.oracle.errands[number];
        if !errand.is_waiting() {
            return;
        }
        match &outcome {
            Outcome::Done { .. } => self.report.acknowledged += 1,
            Outcome::Looked => {}
            Outcome::Refused(_) => self.report.refused += 1,
            Outcome::Waiting => {}
        }
        errand.outcome = outcome;
        let line = format!("client     errand {number}: {:?}", self.oracle.errands[number].outcome);
        self.trace.add(self.now, line);
    }

    pub(super) fn reply(&mut self, index: usize, ticket: Ticket, answer: Result<Answer>) {
        let Some(process) = &mut self.agencies[index].process else { return };
        match process.waiting.remove(&ticket) {
            Some(Waiter::Client(number, _)) => {
                if let Task::Look(case) = self.oracle.errands[number].task {
                    let who = self.agencies[index].id().clone();
                    self.count_look(index, who, case, answer.as_ref().err());
                }
                if self.chaos && self.random.chance(self.plan.answers_lost) {
                    self.report.lost_answers += 1;
                    return self.note_down(index, format!("errand {number}: its answer is lost"));
                }
                match answer {
                    Ok(Answer::Recorded { case, event, place }) => {
                        self.answered(number, Outcome::Done { case, event, place: Some(place) });
                    }
                    Ok(Answer::Sent { case, event }) => {
                        self.answered(number, Outcome::Done { case, event, place: None });
                    }
                    Ok(_) => self.answered(number, Outcome::Looked),
                    Err(problem) if says_nothing(problem.code) => {
                        self.note_down(index, format!("errand {number}: {problem}"));
                    }
                    Err(problem) => self.answered(number, Outcome::Refused(problem.code)),
                }
            }
            Some(Waiter::Peer { peer, connection, request, errand }) => {
                if let Task::Look(case) = self.oracle.errands[errand].task {
                    let who = self.agencies[peer].id().clone();
                    self.count_look(index, who, case, answer.as_ref().err());
                }
                self.answer_peer(peer, connection, request, answer);
            }
            Some(Waiter::Hold(number)) => match (answer, self.oracle.errands[number].task.clone()) {
                // Whether there is more, the home says.
                (Ok(_), Task::Accept(case)) => self.fetch_offered(index, number, case),
                (Err(problem), _) if !says_nothing(problem.code) => {
                    self.answered(number, Outcome::Refused(problem.code));
                }
                _ => {}
            },
            Some(Waiter::Service(_)) | None => {}
        }
    }

    /// What the home said to a look: said is said, whether it was heard or not.
    fn count_look(&mut self, home: usize, who: AgencyId, case: CaseId, refused: Option<&Problem>) {
        let looks = self.oracle.looks.entry((home, who, case)).or_default();
        match refused {
            None => {
                looks.answered += 1;
                self.report.reads += 1;
            }
            // Where a case went is told to whom has a right to it.
            Some(problem) if says_nothing(problem.code) || problem.code == Code::CaseMoved => {}
            Some(_) => looks.refused += 1,
        }
    }
}

/// Whether an error leaves open what became of the request: it is repeated.
pub(super) const fn says_nothing(code: Code) -> bool {
    matches!(code, Code::StoreReadOnly | Code::DiskFull | Code::DiskFailed | Code::Internal)
}
