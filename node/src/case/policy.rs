//! The policy of cases: which events wait for the trusted third party, and how much one case may hold.
//!
//! The fold depends on it, so that a changed rule would change what old histories mean: a new rule needs a new version
//! that a case names, never an edit here.

use ogic_certs::AgencyId;
use ogic_certs::event::{Body, Header};

use super::custody::is_custody;

const DAY_MS: u64 = 86_400_000;

/// What a case is judged by besides its own history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// The longest life of a grant, ms. A right that nobody renews must not outlive its reason.
    pub grant_life_max_ms: u64,
    /// The most grants of one case, revoked ones included: they are remembered, to be answered as revoked.
    pub grants_max: usize,
    /// The most pending events of one case: each is kept with the state until its evidence is there.
    pub pending_max: usize,
    /// The most changes of a case's home: each is kept with the state.
    pub moves_max: usize,
}

impl Default for Policy {
    /// Grants of at most two years, 256 of them, 512 pending events and 64 changes of the home a case.
    fn default() -> Self {
        Self {
            grant_life_max_ms: 2 * 365 * DAY_MS + DAY_MS,
            grants_max: 256,
            pending_max: 512,
            moves_max: 64,
        }
    }
}

impl Policy {
    /// Whether the event has no effect before the trusted third party's evidence: `require` for all that another
    /// agency than the home brings with an official's approval or with documents. Custody never waits for one.
    pub fn needs_evidence(&self, home: &AgencyId, author: &AgencyId, header: &Header, body: &Body) -> bool {
        !is_custody(header.kind)
            && author != home
            && (header.approval.is_some() || !body.documents.is_empty())
    }
}
