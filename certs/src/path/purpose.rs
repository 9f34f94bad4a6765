//! What a key is used for, and whether its certificate allows that use.

use super::report::Flaw;
use super::{AnchorRoles, PathRequest, TrustAnchor};
use crate::certificate::{Certificate, KeyUsage, Usage};
use crate::verdict::SubIndication;
use crate::{Code, Identity, Problem, Role};

/// What the target's key is used for. Each role is for one use: a seal opens no channel, a time-stamper seals nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// A TLS connection, either side: role `node`.
    Channel,
    /// A signature by one of these roles.
    Signing(&'static [RoleKind]),
    /// An extended key usage, whatever names the certificate has: for certificates that are not of a federation.
    Usage(Usage),
    /// Any: only the path is judged.
    Any,
}

/// A role without the name in it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RoleKind {
    /// [`Role::Seal`].
    Seal,
    /// [`Role::Official`], whichever office.
    Official,
    /// [`Role::Ttp`].
    Ttp,
    /// [`Role::Tsa`].
    Tsa,
    /// [`Role::Ocsp`].
    Ocsp,
    /// [`Role::Registry`].
    Registry,
    /// [`Role::Authority`].
    Authority,
}

impl RoleKind {
    /// The kind of a role; `node` signs nothing but handshakes and has none.
    pub const fn of(role: &Role) -> Option<Self> {
        match role {
            Role::Node => None,
            Role::Seal => Some(Self::Seal),
            Role::Official(_) => Some(Self::Official),
            Role::Ttp => Some(Self::Ttp),
            Role::Tsa => Some(Self::Tsa),
            Role::Ocsp => Some(Self::Ocsp),
            Role::Registry => Some(Self::Registry),
            Role::Authority => Some(Self::Authority),
        }
    }
}

impl Purpose {
    /// The purpose in words.
    fn words(&self) -> String {
        match self {
            Self::Channel => "a channel".to_owned(),
            Self::Signing(kinds) => {
                let kinds: Vec<_> = kinds.iter().map(|kind| format!("{kind:?}").to_lowercase()).collect();
                format!("signatures by {}", kinds.join(" or "))
            }
            Self::Usage(usage) => format!("{usage:?}"),
            Self::Any => "any purpose".to_owned(),
        }
    }

    fn allows(&self, role: &Role) -> bool {
        match self {
            Self::Channel => *role == Role::Node,
            Self::Signing(kinds) => RoleKind::of(role).is_some_and(|kind| kinds.contains(&kind)),
            Self::Usage(_) | Self::Any => true,
        }
    }

    /// Whether the purpose is one of a federation, so that the target must have an identity.
    const fn needs_identity(&self) -> bool {
        matches!(self, Self::Channel | Self::Signing(_))
    }
}

/// Who the target speaks for: the identity itself, the purpose's role, the expected one, the registry's bound on the
/// anchor, and the registry's key for a privileged role.
pub(super) fn check_identity(request: &PathRequest<'_>, anchor: &TrustAnchor) -> Result<(), Flaw> {
    if !request.purpose.needs_identity() && request.expected.is_none() {
        return Ok(());
    }
    let identity = request.target.identity().map_err(constraint)?;
    let refused = |code, expected: String| {
        Err(constraint(Problem::new(code, "identity").found(identity.to_string()).expected(expected)))
    };
    if let Some(expected) = request.expected.filter(|expected| *expected != identity) {
        return refused(Code::IdentityMismatch, expected.to_string());
    }
    if !request.purpose.allows(&identity.role) {
        return refused(Code::RoleNotAllowed, format!("a role for {}", request.purpose.words()));
    }
    let bounded = |agencies: &Vec<_>| agencies.iter().any(|agency| identity.agency.is_within(agency));
    if !anchor.speaks_for.as_ref().is_none_or(bounded) {
        return refused(
            Code::PathInvalid,
            "an agency that the registry lets this anchor speak for".to_owned(),
        );
    }
    if identity.role.is_privileged() {
        check_privileged(request, anchor, identity)?;
    }
    Ok(())
}

fn check_privileged(
    request: &PathRequest<'_>,
    anchor: &TrustAnchor,
    identity: &Identity,
) -> Result<(), Flaw> {
    let refused = |code, expected: &str| {
        Err(constraint(Problem::new(code, "identity").found(identity.to_string()).expected(expected)))
    };
    if anchor.roles != AnchorRoles::Privileged {
        return refused(Code::RoleNotAllowed, "an anchor that may issue privileged roles");
    }
    let key = request.target.public_key().digest();
    let listed = request.privileged.iter().any(|line| line.identity == *identity && line.key == key);
    if listed { Ok(()) } else { refused(Code::KeyRefused, "the key that the registry lists for the role") }
}

/// Key usage and extended key usage of the target (RFC 5280 4.2.1.3 and 4.2.1.12), and that it is no authority.
pub(super) fn check_usage(purpose: &Purpose, target: &Certificate) -> Result<(), Flaw> {
    let extensions = target.extensions();
    let allowed = match (purpose, &extensions.extended_key_usage) {
        (Purpose::Any, _) => return Ok(()),
        (Purpose::Usage(wanted), usages) => usages.as_ref().is_none_or(|usages| usages.contains(wanted)),
        // Ours: the usage of the role must stand there; anyExtendedKeyUsage and an absent extension do not do.
        (Purpose::Channel | Purpose::Signing(_), Some(usages)) => {
            let role = target.identity().map_err(constraint)?.role.clone();
            let (wanted, alone) = crate::issue::usages(&role);
            wanted.iter().all(|usage| usages.contains(usage)) && (!alone || usages.len() == wanted.len())
        }
        (Purpose::Channel | Purpose::Signing(_), None) => false,
    };
    if !allowed {
        return Err(constraint(
            Problem::new(Code::RoleNotAllowed, "extended key usage")
                .found(format!("{:?}", extensions.extended_key_usage))
                .expected("the usage of the purpose"),
        ));
    }
    let signs = KeyUsage(KeyUsage::DIGITAL_SIGNATURE.0 | KeyUsage::CONTENT_COMMITMENT.0);
    if extensions.key_usage.is_some_and(|usage| !usage.has(signs)) {
        return Err(constraint(
            Problem::new(Code::RoleNotAllowed, "key usage")
                .found(format!("{:?}", extensions.key_usage))
                .expected("digitalSignature"),
        ));
    }
    if target.is_ca() && purpose.needs_identity() {
        return Err(constraint(
            Problem::new(Code::RoleNotAllowed, "basic constraints")
                .found("an authority")
                .expected("a member"),
        ));
    }
    Ok(())
}

/// An intermediate that names usages names those of what it issues: not in RFC 5280's algorithm, yet kept by every
/// verifier of TLS, and what an authority that writes it means.
pub(super) fn check_issuer_usage(
    purpose: &Purpose,
    issuer: &Certificate,
    target: &Certificate,
) -> Result<(), Flaw> {
    let Some(usages) = &issuer.extensions().extended_key_usage else { return Ok(()) };
    let covers = |usage: &Usage| usages.contains(usage) || usages.contains(&Usage::Any);
    let covered = match purpose {
        Purpose::Any => true,
        Purpose::Usage(wanted) => covers(wanted),
        Purpose::Channel | Purpose::Signing(_) => match target.identity() {
            Ok(identity) => crate::issue::usages(&identity.role).0.iter().all(covers),
            Err(_) => false,
        },
    };
    if covered {
        return Ok(());
    }
    Err(constraint(
        Problem::new(Code::PathInvalid, "extended key usage").expected("an issuer for the purpose's usage"),
    ))
}

fn constraint(problem: Problem) -> Flaw {
    Flaw::broken(SubIndication::ChainConstraintsFailure, problem)
}
