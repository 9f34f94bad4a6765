//! Stories: a federation played by hand, verb by verb.

use ogic_certs::CaseId;
use ogic_certs::event::StepCode;

use super::disk::FaultyDisk;
use super::net::Net;
use super::oracle::{Outcome, Task};

/// Virtual time in which a federation without faults comes to rest.
const REST_MS_MAX: u64 = 6 * 3_600_000;
/// Steps that this takes at most.
const REST_STEPS_MAX: u64 = 400_000;

impl<D: FaultyDisk> Net<D> {
    /// Opens a case at `agency` under the service `service`, and lets time pass until it is acknowledged.
    pub fn open(&mut self, agency: &str, service: &str) -> CaseId {
        let agency = self.index(agency);
        let errand = self.errand(agency, Task::Open(service.to_owned()));
        while self.oracle.errands[errand].is_waiting() && self.step() {}
        match &self.oracle.errands[errand].outcome {
            Outcome::Done { case, .. } => *case,
            other => panic!("{}", self.tell(&format!("the case was not opened: {other:?}"))),
        }
    }

    /// Lets `from` hand all steps of others in its case to `to`, by a reference.
    pub fn hand_over(&mut self, from: &str, to: &str, case: CaseId) -> &mut Self {
        let (from, to) = (self.index(from), self.index(to));
        let terms = self.terms_for(from, to);
        self.errand(from, Task::Share(case, terms));
        self
    }

    /// Lets somebody at `agency` do a step of a case, approved by an official.
    pub fn work(&mut self, agency: &str, case: CaseId, step: &'static str) -> &mut Self {
        let agency = self.index(agency);
        self.errand(
            agency,
            Task::Step { case, step, code: StepCode::Done, official: Some(0), document: false },
        );
        self
    }

    /// Lets somebody at `agency` write a note to a case.
    pub fn note(&mut self, agency: &str, case: CaseId) -> &mut Self {
        let agency = self.index(agency);
        self.errand(agency, Task::Note(case, "first"));
        self
    }

    /// Lets somebody at `agency` read a case of another home.
    pub fn read(&mut self, agency: &str, case: CaseId) -> &mut Self {
        let agency = self.index(agency);
        self.errand(agency, Task::Look(case));
        self
    }

    /// Cuts the power of `agency`. It stays down until [`Net::restart`].
    pub fn crash(&mut self, agency: &str) -> &mut Self {
        let agency = self.index(agency);
        self.end(agency, true);
        self
    }

    /// Starts `agency` again over what its disk kept.
    pub fn restart(&mut self, agency: &str) -> &mut Self {
        let agency = self.index(agency);
        self.start(agency);
        self
    }

    /// Cuts every connection between two agencies; they dial again.
    pub fn cut(&mut self, a: &str, b: &str) -> &mut Self {
        let (a, b) = (self.index(a), self.index(b));
        self.cut_pair((a.min(b), a.max(b)));
        self
    }

    /// Virtual time since the beginning, ms.
    pub const fn elapsed_ms(&self) -> u64 {
        self.now
    }

    /// Lets `steps` steps happen.
    pub fn steps(&mut self, steps: usize) -> &mut Self {
        for _ in 0..steps {
            if !self.step() {
                break;
            }
        }
        self
    }

    /// Lets time pass until everything that was asked for is answered, delivered, judged and receipted.
    pub fn until_idle(&mut self) -> &mut Self {
        let (latest, most) = (self.now + REST_MS_MAX, self.report.steps + REST_STEPS_MAX);
        let mut looked = 0;
        loop {
            looked += 1;
            if looked % 16 == 0 && self.unrest().is_none() {
                return self;
            }
            if !self.violations.is_empty() {
                return self;
            }
            if self.now > latest || self.report.steps > most || !self.step() {
                if let Some(unrest) = self.unrest() {
                    self.violations.push(format!("the federation does not come to rest: {unrest}"));
                }
                return self;
            }
        }
    }

    /// Holds every rule over all agencies, and that `case` has one history.
    ///
    /// # Panics
    /// With the seed, what is wrong and the last steps, if anything is.
    pub fn assert_one_history(&mut self, case: CaseId) {
        let homes = self.audit();
        let count = homes.iter().filter(|held| **held == case).count();
        if count != 1 {
            self.violations.push(format!("case {case} has {count} homes"));
        }
        if !self.violations.is_empty() {
            let told = self.tell(&self.violations.join("\n  "));
            panic!("{told}");
        }
    }

    /// A failure as a person wants to read it.
    pub(super) fn tell(&self, what: &str) -> String {
        format!("seed {}: {what}\nthe last steps:\n  {}", self.seed, self.trace.lines().join("\n  "))
    }
}
