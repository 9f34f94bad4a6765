//! Rights: may this agency read this case, or append to it, now?
//!
//! Asked at the home at every access, against the grant as it stands: a reference is no right by itself. An agency that
//! was never granted anything in a case is answered as if there were no such case.

use ogic_certs::{AgencyId, Code, EventId, Problem, Result, Timestamp};

use super::model::{Case, Grant};

/// The one answer for a case that is not here and for one that the asker may not know of.
pub fn case_unknown() -> Problem {
    Problem::new(Code::CaseUnknown, "case")
}

/// Whether `who` may read history, plan and documents at `now` under the grant that it names; the home needs none.
/// `CaseUnknown`, `GrantMissing`, `GrantRevoked`, `GrantExpired` or `GrantTooNarrow`.
pub fn may_read(case: &Case, who: &AgencyId, grant: Option<EventId>, now: Timestamp) -> Result<()> {
    if *who == case.home {
        return Ok(());
    }
    let grant = standing(case, who, grant, now)?;
    if grant.terms.read { Ok(()) } else { Err(too_narrow(grant, "reading")) }
}

/// Whether `who` may append to `step`, or without one anything at all, at `now` under the grant that it names; the home
/// needs none. `CaseUnknown`, `GrantMissing`, `GrantRevoked`, `GrantExpired` or `GrantTooNarrow`.
pub fn may_append(
    case: &Case,
    who: &AgencyId,
    grant: Option<EventId>,
    step: Option<&str>,
    now: Timestamp,
) -> Result<()> {
    if *who == case.home {
        return Ok(());
    }
    let grant = standing(case, who, grant, now)?;
    let covered = match step {
        Some(step) => grant.terms.steps.iter().any(|granted| granted == step),
        None => !grant.terms.steps.is_empty(),
    };
    if covered { Ok(()) } else { Err(too_narrow(grant, step.unwrap_or("appending"))) }
}

/// The grant, if it is the agency's own and stands at `now`. One of another agency is found no more than one that does
/// not exist, and the two answers are the same.
fn standing<'a>(case: &'a Case, who: &AgencyId, grant: Option<EventId>, now: Timestamp) -> Result<&'a Grant> {
    let mut own = case.grants.iter().filter(|held| held.terms.grantee == *who).peekable();
    if own.peek().is_none() {
        return Err(case_unknown());
    }
    let Some(grant) = own.find(|held| Some(held.id) == grant) else {
        return Err(Problem::new(Code::GrantMissing, "grant"));
    };
    if let Some(revoked) = grant.revoked {
        return Err(Problem::new(Code::GrantRevoked, "grant").found(format!("revoked at {revoked}")));
    }
    if now >= grant.terms.expires {
        return Err(Problem::new(Code::GrantExpired, "grant")
            .found(now.to_string())
            .expected(format!("before {}", grant.terms.expires)));
    }
    Ok(grant)
}

fn too_narrow(grant: &Grant, asked: &str) -> Problem {
    let read = if grant.terms.read { "reading, " } else { "" };
    Problem::new(Code::GrantTooNarrow, "grant")
        .found(asked)
        .expected(format!("{read}appending to [{}]", grant.terms.steps.join(", ")))
}
