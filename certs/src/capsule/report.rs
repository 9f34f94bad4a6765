//! What the verification of a capsule found: every check with its place, and the worst of them.

use crate::evidence::Judgement;
use crate::trust::judgement_of;
use crate::verdict::{SubIndication, Verdict};
use crate::{AgencyId, CaseId, Problem, Timestamp};

/// The step of PROTOCOL.md, "Verification of a capsule", that demands a check.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Step {
    /// The frame of sections.
    Frame = 1,
    /// The manifest, and that the sections are those that it lists.
    Manifest = 2,
    /// Who signed the manifest.
    Signer = 3,
    /// The registry that the home went by.
    Registry = 4,
    /// The service definition.
    Service = 5,
    /// The chain of records and the bonds of each event.
    Chain = 6,
    /// Each event's seal.
    Seal = 7,
    /// The receipts and the head.
    Receipts = 8,
    /// The trusted third party's evidence.
    Evidence = 9,
    /// The officials' approvals.
    Approval = 10,
    /// What each event did.
    Fold = 11,
    /// The documents carried.
    Document = 12,
}

impl Step {
    /// As findings cite it.
    pub const fn section(self) -> &'static str {
        match self {
            Self::Frame => "capsule 1",
            Self::Manifest => "capsule 2",
            Self::Signer => "capsule 3",
            Self::Registry => "capsule 4",
            Self::Service => "capsule 5",
            Self::Chain => "capsule 6",
            Self::Seal => "capsule 7",
            Self::Receipts => "capsule 8",
            Self::Evidence => "capsule 9",
            Self::Approval => "capsule 10",
            Self::Fold => "capsule 11",
            Self::Document => "capsule 12",
        }
    }
}

/// One check.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// Where: `record 12`, `certificate 3`, `receipts 1`, `manifest`.
    pub place: String,
    /// Which step demands it.
    pub step: Step,
    /// What was checked.
    pub what: String,
    /// What came of it.
    pub judgement: Judgement,
    /// What was found and expected, where a check did not hold.
    pub problem: Option<Problem>,
    /// Whether it counts for the capsule's verdict. What the history itself says had no effect does not.
    pub counts: bool,
}

/// Every check of a capsule.
#[derive(Clone, Default, Debug)]
pub struct Report {
    /// The checks, in the order of the steps; a section's damage comes before what follows from it.
    pub findings: Vec<Finding>,
    /// The case, as the manifest says.
    pub case: Option<CaseId>,
    /// The home, as the manifest says.
    pub home: Option<AgencyId>,
    /// When the capsule was made, as the manifest says.
    pub made: Option<Timestamp>,
    /// When the newest revocation list at hand was made; what was revoked later nobody here knows.
    pub lists: Option<Timestamp>,
    /// How many records it holds.
    pub records: usize,
    /// How many pieces of evidence it holds.
    pub evidence: usize,
    /// How many documents it carries.
    pub documents: usize,
}

impl Report {
    /// The first of the worst findings that count; none in a report of nothing.
    pub fn headline(&self) -> Option<&Finding> {
        let counted = || self.findings.iter().filter(|finding| finding.counts);
        let worst = counted().map(|finding| finding.judgement.verdict).max()?;
        counted().find(|finding| finding.judgement.verdict == worst)
    }

    /// The capsule's verdict: the worst of what counts. Nothing checked is nothing passed.
    pub fn judgement(&self) -> Judgement {
        let nothing = Judgement {
            verdict: Verdict::Indeterminate,
            sub: Some(SubIndication::SignedDataNotFound),
            code: None,
        };
        self.headline().map_or(nothing, |finding| finding.judgement.clone())
    }

    /// The capsule's verdict alone.
    pub fn verdict(&self) -> Verdict {
        self.judgement().verdict
    }

    /// Records a check that counts; true if it held.
    pub fn check(
        &mut self,
        step: Step,
        place: &str,
        what: impl Into<String>,
        result: Result<(), (Judgement, Problem)>,
    ) -> bool {
        let held = result.is_ok();
        let (judgement, problem) = match result {
            Ok(()) => (Judgement::PASSED, None),
            Err((judgement, problem)) => (judgement, Some(problem)),
        };
        let place = place.to_owned();
        self.findings.push(Finding { place, step, what: what.into(), judgement, problem, counts: true });
        held
    }

    /// Records a check whose failure nothing will mend.
    pub fn check_hard(
        &mut self,
        step: Step,
        place: &str,
        what: impl Into<String>,
        result: Result<(), Problem>,
    ) -> bool {
        self.check(step, place, what, result.map_err(|problem| (failed(&problem), problem)))
    }
}

/// TOTAL-FAILED for `problem`, with the sub-indication that it amounts to.
pub fn failed(problem: &Problem) -> Judgement {
    Judgement { verdict: Verdict::TotalFailed, ..judgement_of(problem) }
}

/// INDETERMINATE for `problem`.
pub(super) fn open(sub: SubIndication, problem: Problem) -> (Judgement, Problem) {
    (Judgement { verdict: Verdict::Indeterminate, sub: Some(sub), code: Some(problem.code) }, problem)
}
