//! Path validation (RFC 5280 6) at any time, within budgets, recording each decision with its section.
//!
//! Certificates and lists are arguments; nothing is fetched, no clock is read. Building ([`build`]) tries candidates
//! in an order of its own until a path passes; judging ([`judge`]) walks one path from its anchor as 6.1 does, runs every
//! check, and the worst finding is the verdict. Begin with [`validate`].

mod budget;
mod build;
mod issuers;
mod judge;
mod names;
mod purpose;
mod report;
mod request;
mod revocation;

pub use budget::Budget;
pub use issuers::issuers;
pub(crate) use judge::TARGET;
pub use purpose::{Purpose, RoleKind};
pub use report::{Decision, PathReport};
pub use request::{AnchorRoles, PathRequest, PolicyInputs, PrivilegedKey, Revocation, TrustAnchor};

use crate::certificate::{GeneralName, NameConstraints};
use crate::{Code, Problem, Result};

/// Validates the target of `request` and reports what was decided. Never fails otherwise: what cannot be decided is in
/// the report too.
pub fn validate(request: &PathRequest<'_>) -> PathReport {
    build::Search::new(request).run()
}

/// Whether an authority under `constraints` may issue `name`: asked at issuing, as it will be at every use.
pub(crate) fn permits(constraints: &NameConstraints, name: &GeneralName) -> Result<()> {
    match names::check(constraints, name, &mut || Ok(())) {
        Ok(verdict) => verdict,
        Err(budget::Spent(limit)) => Err(Problem::new(Code::LimitReached, limit)),
    }
}

#[cfg(test)]
mod tests;
