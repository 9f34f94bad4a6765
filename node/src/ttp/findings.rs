//! Findings: the checks of a judgement in their order, and the worst of what they say.

use ogic_certs::evidence::{Check, Judgement};
use ogic_certs::path::PathReport;
use ogic_certs::verdict::{SubIndication, Verdict};

use super::judge::Failure;

/// Most bytes of a check's name: what it compared is said, a stranger's names are cut.
const NAME_BYTES_MAX: usize = 240;
/// Most bytes of a section.
const SECTION_BYTES_MAX: usize = 64;

/// The checks so far.
#[derive(Default)]
pub(super) struct Findings {
    checks: Vec<Check>,
    worst: Option<Judgement>,
}

impl Findings {
    /// Records one check.
    pub(super) fn check(&mut self, name: impl Into<String>, section: &str, result: Result<(), Failure>) {
        self.record(&name.into(), section, result.is_ok());
        if let Err(failure) = result {
            self.blame(failure.judgement);
        }
    }

    /// Records the checks of the path of `what`'s signer, and what they amount to.
    pub(super) fn path(&mut self, what: &str, report: &PathReport) {
        for decision in &report.decisions {
            self.record(&format!("{what}: {}", decision.what), decision.section, decision.ok);
        }
        if report.verdict != Verdict::TotalPassed {
            let code = report.problem.as_ref().map(|problem| problem.code);
            self.blame(Judgement { verdict: report.verdict, sub: report.sub, code });
        }
    }

    /// Whether nothing was found.
    pub(super) const fn passed(&self) -> bool {
        self.worst.is_none()
    }

    /// The worst verdict; of several the one whose sub-indication says most, then the first.
    pub(super) fn judgement(&self) -> Judgement {
        self.worst.clone().unwrap_or(Judgement::PASSED)
    }

    /// The checks in the order in which they were made.
    pub(super) fn into_checks(self) -> Vec<Check> {
        self.checks
    }

    fn record(&mut self, name: &str, section: &str, held: bool) {
        self.checks.push(Check {
            name: cut(name, NAME_BYTES_MAX).to_owned(),
            section: cut(section, SECTION_BYTES_MAX).to_owned(),
            held,
        });
    }

    fn blame(&mut self, found: Judgement) {
        let says_more =
            |worst: &Judgement| (found.verdict, weight(found.sub)) > (worst.verdict, weight(worst.sub));
        if self.worst.as_ref().is_none_or(says_more) {
            self.worst = Some(found);
        }
    }
}

/// Which of several sub-indications tells more to whoever must act: broken bytes, then a known revocation, then the rest.
const fn weight(sub: Option<SubIndication>) -> u8 {
    match sub {
        Some(SubIndication::FormatFailure) => 7,
        Some(SubIndication::HashFailure | SubIndication::SigCryptoFailure) => 6,
        Some(SubIndication::Revoked) => 5,
        Some(SubIndication::Expired | SubIndication::NotYetValid) => 4,
        Some(SubIndication::SigConstraintsFailure) => 3,
        Some(SubIndication::ChainConstraintsFailure) => 2,
        Some(SubIndication::TryLater) => 0,
        _ => 1,
    }
}

fn cut(text: &str, bytes_max: usize) -> &str {
    if text.len() <= bytes_max {
        return text;
    }
    let mut end = bytes_max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
