//! What a verdict about a pending event is worth: the home's own and the trusted third party's, the worse of the two.
//!
//! Signatures of evidence are verified before it is recorded; here it is only read, and held against the event.

use ogic_certs::cose::Signed;
use ogic_certs::evidence::{Evidence, Judgement};
use ogic_certs::verdict::Verdict;
use ogic_certs::{Code, Problem, Result};

use super::model::Pending;

/// The judgement of a pending event. `EvidenceInvalid` if the evidence is about something else, or is missing where the
/// home's own verdict alone would let the event pass: the home's word is not enough.
pub(super) fn judge(pending: &Pending, own: &Judgement, evidence: Option<&[u8]>) -> Result<Judgement> {
    let Some(bytes) = evidence else {
        if own.passed() {
            return Err(invalid("none", "the trusted third party's evidence"));
        }
        return Ok(own.clone());
    };
    let evidence =
        Signed::<Evidence>::parse(bytes).map_err(|problem| invalid(&problem.to_string(), "evidence"))?;
    let evidence = evidence.value();
    if evidence.event != pending.event || evidence.approval != pending.approval {
        return Err(invalid(
            "evidence of another event or approval",
            "the event's id and its approval's digest",
        ));
    }
    if let Some((agency, _)) = &evidence.mandate
        && *agency != pending.author
    {
        return Err(invalid(agency.as_str(), "a mandate for the author"));
    }
    Ok(worse(own, &evidence.judgement).clone())
}

/// The judgement of an act whose signatures may be sound and which a rule refuses.
pub(super) fn broke(problem: &Problem) -> Judgement {
    Judgement { verdict: Verdict::TotalFailed, sub: None, code: Some(problem.code) }
}

/// Of two alike the first.
fn worse<'a>(first: &'a Judgement, second: &'a Judgement) -> &'a Judgement {
    if second.verdict > first.verdict { second } else { first }
}

fn invalid(found: &str, expected: &str) -> Problem {
    Problem::new(Code::EvidenceInvalid, "evidence").found(found).expected(expected)
}
