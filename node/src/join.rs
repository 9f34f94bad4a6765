//! Joining a federation by a token: keys are made here and stay here, requests go to the authority, and its answer is
//! checked whole before anything of it is kept.
//!
//! Pin first, then certificates, lists, and the registry last: a crash anywhere leaves a folder in which the same join
//! succeeds, since the authority answers the same keys with the same certificates.

use std::path::Path;
use std::sync::Arc;

use ogic_certs::certificate::Certificate;
use ogic_certs::issue;
use ogic_certs::key::SigningKey;
use ogic_certs::path::{self, AnchorRoles, PathRequest, PrivilegedKey, Purpose, Revocation, TrustAnchor};
use ogic_certs::registry::Pin;
use ogic_certs::token::{EnrolAnswer, EnrolRequest, Token};
use ogic_certs::trust::GRACE_MS;
use ogic_certs::{AgencyId, Code, Identity, Problem, Result, Role, Timestamp};
use zeroize::Zeroizing;

use crate::acceptance::{self, Accepted};
use crate::exchange::enrol;
use crate::exchange::quic::Clock;
use crate::folder::{Folder, Pinned};

/// What came of a join.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Joined {
    /// Who this folder speaks for now.
    pub identities: Vec<Identity>,
    /// The registry's version.
    pub version: u64,
    /// Until when the certificates last.
    pub not_after: Timestamp,
}

/// What is asked of the authority.
#[derive(Debug)]
pub struct Application {
    folder: Folder,
    keys: Vec<(&'static str, SigningKey)>,
    /// To be sent over `ogic-enrol/1`.
    pub request: EnrolRequest,
}

/// Names a role's files in the folder.
const fn file_of(role: &Role) -> &'static str {
    match role {
        Role::Node => "node",
        Role::Seal => "seal",
        Role::Official(_) => "official",
        Role::Ttp => "ttp",
        Role::Tsa => "tsa",
        Role::Ocsp => "ocsp",
        Role::Registry => "registry",
        Role::Authority => "authority",
    }
}

impl Application {
    /// Makes the keys that `token` asks for and keeps them under `path`, unless they are there from an earlier try.
    /// `seed` gives 32 random bytes.
    ///
    /// `ValueRefused` for a folder of another agency or federation.
    pub fn prepare(
        path: &Path,
        token: &Token,
        mut seed: impl FnMut() -> Result<Zeroizing<[u8; 32]>>,
    ) -> Result<Self> {
        let folder = Folder::create(path)?;
        if let Some(held) = folder.pinned()? {
            let found = format!("{} under {}, root {}", held.agency, held.pin.authority, held.pin.root);
            if held.agency != token.agency
                || held.pin.authority != token.authority
                || held.pin.root != token.root
            {
                return Err(Problem::new(Code::ValueRefused, path.display().to_string())
                    .found(found)
                    .expected(format!("{} under {}, root {}", token.agency, token.authority, token.root)));
            }
        }
        let (mut keys, mut requests) = (Vec::new(), Vec::new());
        for role in &token.roles {
            let name = file_of(role);
            let key = folder.key_or_new(name, &*seed()?)?;
            requests.push(issue::csr(&key)?);
            keys.push((name, key));
        }
        Ok(Self { folder, keys, request: EnrolRequest { secret: token.secret.clone(), requests } })
    }

    /// Checks the authority's answer and keeps it.
    ///
    /// Errors of the check: `PathInvalid` for another root than the token names or a certificate that is not under it;
    /// `IdentityMismatch` or `KeyRefused` for a certificate that is not ours; what [`acceptance::accept`] refuses.
    pub fn keep(&self, token: &Token, answer: &EnrolAnswer, now: Timestamp) -> Result<Joined> {
        let held = self.folder.pinned()?;
        let checked = self.check(token, answer, held.as_ref(), now)?;
        let Checked { accepted, certificates, root } = checked;
        let identities =
            token.roles.iter().map(|role| Identity { agency: token.agency.clone(), role: role.clone() });
        let joined = Joined {
            identities: identities.collect(),
            version: accepted.registry.value().version,
            not_after: certificates.iter().map(Certificate::not_after).min().unwrap_or(now),
        };
        self.folder.put_pinned(&Pinned {
            pin: accepted.pin,
            agency: token.agency.clone(),
            address: token.address.clone(),
        })?;
        for ((name, _), certificate) in self.keys.iter().zip(certificates) {
            self.folder.put_chain(name, &[certificate, root.clone()])?;
        }
        self.folder.put_crls(&accepted.crls)?;
        self.folder.put_registry(&accepted.registry)?;
        Ok(joined)
    }

    fn check(
        &self,
        token: &Token,
        answer: &EnrolAnswer,
        held: Option<&Pinned>,
        now: Timestamp,
    ) -> Result<Checked> {
        let root = Certificate::from_der(&answer.root)?;
        if root.digest() != token.root {
            return Err(Problem::new(Code::PathInvalid, "root")
                .found(root.digest().to_string())
                .expected(format!("{}, which the token names", token.root)));
        }
        let pin = Pin {
            authority: token.authority.clone(),
            root: token.root,
            signer: held.and_then(|held| held.pin.signer),
            version_min: token.version_min.max(held.map_or(0, |held| held.pin.version_min)),
        };
        let trust = if held.is_some() { self.folder.trust().ok() } else { None };
        let accepted = acceptance::accept(&answer.registry, &answer.crls, trust.as_ref(), &pin, now)?;
        if answer.certificates.len() != self.keys.len() {
            return Err(Problem::new(Code::ProtocolViolation, "certificates")
                .found(answer.certificates.len().to_string())
                .expected(self.keys.len().to_string()));
        }
        let mut certificates = Vec::new();
        for ((der, role), (_, key)) in answer.certificates.iter().zip(&token.roles).zip(&self.keys) {
            let certificate = Certificate::from_der(der)?;
            check_ours(&certificate, &token.agency, role, key, &root, &accepted, now)?;
            certificates.push(certificate);
        }
        Ok(Checked { accepted, certificates, root })
    }
}

struct Checked {
    accepted: Accepted,
    certificates: Vec<Certificate>,
    root: Certificate,
}

/// The certificate is for this identity and key, its path holds now, and a privileged key is listed.
fn check_ours(
    certificate: &Certificate,
    agency: &AgencyId,
    role: &Role,
    key: &SigningKey,
    root: &Certificate,
    accepted: &Accepted,
    now: Timestamp,
) -> Result<()> {
    let identity = Identity { agency: agency.clone(), role: role.clone() };
    if certificate.public_key() != key.public() {
        return Err(Problem::new(Code::KeyRefused, "certificate")
            .found(certificate.public_key().digest().to_string())
            .expected(format!("our own key {}", key.public().digest())));
    }
    let registry = accepted.registry.value();
    let anchors = [TrustAnchor {
        certificate: root.clone(),
        speaks_for: Some(vec![registry.federation.clone()]),
        roles: AnchorRoles::Privileged,
    }];
    let privileged: Vec<PrivilegedKey> = registry
        .privileged
        .iter()
        .map(|listed| PrivilegedKey { identity: listed.identity.clone(), key: listed.key })
        .collect();
    path::validate(&PathRequest {
        expected: Some(&identity),
        crls: &accepted.crls,
        privileged: &privileged,
        revocation: Revocation::Grace { stale_ms: GRACE_MS },
        ..PathRequest::new(certificate, &anchors, now, Purpose::Any)
    })
    .passed()?;
    if registry.member(agency).is_none() {
        return Err(Problem::new(Code::AgencyUnknown, "registry")
            .found(agency.to_string())
            .expected("us among its members"));
    }
    Ok(())
}

/// Joins: prepares the folder at `path`, enrols over the network, checks and keeps. A repetition with the same token
/// after a crash or a lost answer succeeds.
pub async fn join(
    path: &Path,
    token: &Token,
    clock: Clock,
    seed: impl FnMut() -> Result<Zeroizing<[u8; 32]>>,
) -> Result<Joined> {
    let application = Application::prepare(path, token, seed)?;
    let answer = enrol::join(token, application.request.requests.clone(), Arc::clone(&clock)).await?;
    application.keep(token, &answer, clock())
}
