//! What a validation is asked: the inputs of RFC 5280 6.1.1, and what this federation adds to them.

use super::{Budget, Purpose};
use crate::certificate::Certificate;
use crate::crl::Crl;
use crate::{AgencyId, Digest, Identity, Timestamp};

/// One question. [`PathRequest::new`] takes what has no default; the rest is set by field.
#[derive(Clone, Debug)]
pub struct PathRequest<'a> {
    /// The certificate that is judged.
    pub target: &'a Certificate,
    /// Whatever certificates may lie between, in any order.
    pub intermediates: &'a [Certificate],
    /// What is trusted.
    pub anchors: &'a [TrustAnchor],
    /// Whatever revocation lists are at hand, in any order, old ones included.
    pub crls: &'a [Crl],
    /// The time for which validity is asked.
    pub at: Timestamp,
    /// What the target's key was or will be used for.
    pub purpose: Purpose,
    /// Who the target must speak for, if that is known beforehand.
    pub expected: Option<&'a Identity>,
    /// The keys that count for privileged roles; none by default, so that none counts.
    pub privileged: &'a [PrivilegedKey],
    /// RFC 5280 6.1.1 (c) to (g).
    pub policies: PolicyInputs,
    /// What a missing or stale list means.
    pub revocation: Revocation,
    /// What the validation may cost.
    pub budget: Budget,
}

impl<'a> PathRequest<'a> {
    /// A question without intermediates and lists, revocation required.
    pub fn new(target: &'a Certificate, anchors: &'a [TrustAnchor], at: Timestamp, purpose: Purpose) -> Self {
        Self {
            target,
            intermediates: &[],
            anchors,
            crls: &[],
            at,
            purpose,
            expected: None,
            privileged: &[],
            policies: PolicyInputs::default(),
            revocation: Revocation::default(),
            budget: Budget::default(),
        }
    }
}

/// A certificate that is trusted by itself, and the registry's bound on it, which counts beside the certificate's own
/// constraints (RFC 5937 for those).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrustAnchor {
    /// The authority.
    pub certificate: Certificate,
    /// The agencies it may speak for, each with everything below it; `None` bounds nothing and is for authorities
    /// outside of any federation, such as those of public suites.
    pub speaks_for: Option<Vec<AgencyId>>,
    /// For which roles.
    pub roles: AnchorRoles,
}

/// For which roles an anchor may issue.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum AnchorRoles {
    /// `node`, `seal`, `official` alone: a member's or another federation's authority.
    #[default]
    Members,
    /// The privileged roles too: the federation's own authority. The key must still be listed.
    Privileged,
}

/// A registry's line "this role counts with this key alone".
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PrivilegedKey {
    /// The member in its privileged role.
    pub identity: Identity,
    /// [`crate::key::PublicKey::digest`] of the key.
    pub key: Digest,
}

/// The initial policy inputs of RFC 5280 6.1.1 (c) to (g). The default asks for nothing. The policy graph of RFC 9618
/// is not evaluated yet: a request that demands an explicit policy ends INDETERMINATE, and a certificate with critical
/// policy constraints, mappings or inhibitAnyPolicy is refused as unknown.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct PolicyInputs {
    /// user-initial-policy-set as content octets of identifiers; empty means any-policy.
    pub acceptable: Vec<Vec<u8>>,
    /// initial-policy-mapping-inhibit.
    pub inhibit_mapping: bool,
    /// initial-explicit-policy.
    pub require_explicit: bool,
    /// initial-any-policy-inhibit.
    pub inhibit_any: bool,
}

/// What a missing or stale revocation list means. A known revocation counts under each of these.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Revocation {
    /// INDETERMINATE, TRY_LATER.
    #[default]
    Required,
    /// A list past its nextUpdate counts for so many milliseconds more, for certificates that began before its
    /// nextUpdate; the report is then marked stale. A missing list is INDETERMINATE.
    Grace {
        /// 7 days by default in the federation.
        stale_ms: u64,
    },
    /// Nothing, but it is recorded. For material that nobody publishes lists for.
    BestEffort,
}
