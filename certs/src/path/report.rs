//! What a validation found: each decision with its section, the verdict, and what would settle it.

use crate::certificate::Certificate;
use crate::verdict::{SubIndication, Verdict};
use crate::{Code, Problem, Result};

/// One check that was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// Where the check is demanded, such as `RFC 5280 6.1.3 (a)(2)`.
    pub section: &'static str,
    /// What was compared, with both values.
    pub what: String,
    /// Whether it held.
    pub ok: bool,
}

/// The answer to a [`super::PathRequest`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PathReport {
    /// The verdict.
    pub verdict: Verdict,
    /// Why it is not TOTAL-PASSED.
    pub sub: Option<SubIndication>,
    /// The path that was judged, target first, anchor last; of several failed ones the most telling; else the target.
    pub path: Vec<Certificate>,
    /// Every check of that path in the order of 6.1.
    pub decisions: Vec<Decision>,
    /// The most telling failure.
    pub problem: Option<Problem>,
    /// What would settle an INDETERMINATE.
    pub settle: Option<String>,
    /// Whether the verdict rests on a revocation list past its life (see [`super::Revocation::Grace`]).
    pub stale: bool,
}

impl PathReport {
    /// The report if it passed, else its problem.
    pub fn passed(self) -> Result<Self> {
        match (self.verdict, self.problem) {
            (Verdict::TotalPassed, problem) => Ok(Self { problem, ..self }),
            (_, Some(problem)) => Err(problem),
            (_, None) => Err(Problem::new(Code::TrustUndecidable, "certificate path")),
        }
    }

    /// How much this answer says, of several paths that did not pass: a revoked target whatever the path, then what
    /// more data could settle, then the rest by its sub-indication.
    pub(super) fn telling(&self) -> (bool, bool, u8) {
        let target_revoked = self.sub == Some(SubIndication::Revoked) && self.target_is_revoked();
        (target_revoked, self.verdict == Verdict::Indeterminate, self.sub.map_or(0, weight))
    }

    fn target_is_revoked(&self) -> bool {
        self.problem.as_ref().is_some_and(|problem| problem.field == super::judge::TARGET)
    }
}

/// A finding that is not good, of one check.
#[derive(Clone, Debug)]
pub(super) struct Flaw {
    pub(super) verdict: Verdict,
    pub(super) sub: SubIndication,
    pub(super) problem: Problem,
    pub(super) settle: Option<String>,
}

impl Flaw {
    /// The path breaks a rule, and nothing would mend it.
    pub(super) fn broken(sub: SubIndication, problem: Problem) -> Self {
        Self { verdict: Verdict::TotalFailed, sub, problem, settle: None }
    }

    /// It cannot be decided; `settle` would.
    pub(super) fn open(sub: SubIndication, problem: Problem, settle: impl Into<String>) -> Self {
        Self { verdict: Verdict::Indeterminate, sub, problem, settle: Some(settle.into()) }
    }
}

/// Gathers the checks of one path.
#[derive(Default, Debug)]
pub(super) struct Findings {
    pub(super) decisions: Vec<Decision>,
    pub(super) worst: Option<Flaw>,
    pub(super) stale: bool,
}

impl Findings {
    /// Records one check; of several flaws the worst verdict wins, then the weightier sub-indication, then the first.
    pub(super) fn check(&mut self, section: &'static str, what: impl Into<String>, result: Result<(), Flaw>) {
        self.decisions.push(Decision { section, what: what.into(), ok: result.is_ok() });
        if let Err(flaw) = result {
            let weightier = self
                .worst
                .as_ref()
                .is_none_or(|worst| (flaw.verdict, weight(flaw.sub)) > (worst.verdict, weight(worst.sub)));
            if weightier {
                self.worst = Some(flaw);
            }
        }
    }

    pub(super) fn report(self, path: Vec<Certificate>) -> PathReport {
        let Self { decisions, worst, stale } = self;
        match worst {
            None => PathReport {
                verdict: Verdict::TotalPassed,
                sub: None,
                path,
                decisions,
                problem: None,
                settle: None,
                stale,
            },
            Some(Flaw { verdict, sub, problem, settle }) => {
                PathReport { verdict, sub: Some(sub), path, decisions, problem: Some(problem), settle, stale }
            }
        }
    }
}

/// Which of several sub-indications says more to whoever must act.
const fn weight(sub: SubIndication) -> u8 {
    match sub {
        SubIndication::Revoked => 6,
        SubIndication::Expired | SubIndication::NotYetValid => 5,
        SubIndication::SigConstraintsFailure => 4,
        SubIndication::ChainConstraintsFailure => 3,
        SubIndication::CryptoConstraintsFailure => 2,
        SubIndication::TryLater => 1,
        _ => 0,
    }
}
