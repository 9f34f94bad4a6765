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
use ogic_certs::trust::{GRACE_MS, Trust};
use ogic_certs::{AgencyId, Code, Digest, Identity, Problem, Result, Role, Timestamp};
use zeroize::Zeroizing;

use crate::acceptance::{self, Accepted};
use crate::exchange::enrol;
use crate::exchange::quic::Clock;
use crate::folder::{Folder, FolderLock, Pinned};

/// Thirty-two random bytes, wiped when dropped.
pub type Seed = Zeroizing<[u8; 32]>;

/// What came of a join.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Joined {
    /// Who this folder speaks for now.
    pub identities: Vec<Identity>,
    /// The registry's version.
    pub version: u64,
    /// Until when the certificates last.
    pub not_after: Timestamp,
    /// Whether the folder held these very certificates before: the same token was used again.
    pub repeated: bool,
}

/// What is asked of the authority, with the keys that were made for it.
#[derive(Debug)]
pub struct Application {
    keys: Vec<SigningKey>,
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
    /// For `keys`, one a role of the token.
    pub fn new(token: &Token, keys: Vec<SigningKey>) -> Result<Self> {
        let requests = keys.iter().map(issue::csr).collect::<Result<_>>()?;
        Ok(Self { keys, request: EnrolRequest { secret: token.secret.clone(), requests } })
    }

    /// Checks the authority's answer whole. `held` is what this folder pinned before, and trusts.
    ///
    /// `PathInvalid` for another root than the token names; `KeyRefused` for a certificate of another key;
    /// `IdentityMismatch` and what [`path::validate`] finds; `AgencyUnknown` if the registry does not list us; what
    /// [`acceptance::accept`] refuses.
    pub fn check(
        &self,
        token: &Token,
        answer: &EnrolAnswer,
        held: Option<(&Pinned, Option<&Trust>)>,
        now: Timestamp,
    ) -> Result<Enrolled> {
        let root = Certificate::from_der(&answer.root)?;
        if root.digest() != token.root {
            return Err(Problem::new(Code::PathInvalid, "root")
                .found(root.digest().to_string())
                .expected(format!("{}, which the token names", token.root)));
        }
        let pin = Pin {
            authority: token.authority.clone(),
            root: token.root,
            signer: held.and_then(|(pinned, _)| pinned.pin.signer),
            version_min: token.version_min.max(held.map_or(0, |(pinned, _)| pinned.pin.version_min)),
        };
        let trust = held.and_then(|(_, trust)| trust);
        let accepted = acceptance::accept(&answer.registry, &answer.crls, trust, &pin, now)?;
        if answer.certificates.len() != self.keys.len() {
            return Err(Problem::new(Code::ProtocolViolation, "certificates")
                .found(answer.certificates.len().to_string())
                .expected(self.keys.len().to_string()));
        }
        let mut certificates = Vec::new();
        for ((der, role), key) in answer.certificates.iter().zip(&token.roles).zip(&self.keys) {
            let certificate = Certificate::from_der(der)?;
            check_ours(&certificate, &token.agency, role, key, &root, &accepted, now)?;
            certificates.push(certificate);
        }
        Ok(Enrolled { accepted, certificates, root })
    }
}

/// An answer that was checked.
#[derive(Clone, Debug)]
pub struct Enrolled {
    /// The registry, lists and pin.
    pub accepted: Accepted,
    /// Our certificates, one a role.
    pub certificates: Vec<Certificate>,
    /// The root above them.
    pub root: Certificate,
}

impl Enrolled {
    fn joined(&self, token: &Token, repeated: bool) -> Joined {
        let identity = |role: &Role| Identity { agency: token.agency.clone(), role: role.clone() };
        let ends = self.certificates.iter().map(Certificate::not_after).min();
        Joined {
            identities: token.roles.iter().map(identity).collect(),
            version: self.accepted.registry.value().version,
            not_after: ends.unwrap_or(Timestamp::EARLIEST),
            repeated,
        }
    }
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

/// A daemon's folder at `path` with the keys that `token` asks for, made now unless an earlier try made them. `seed` gives
/// 32 random bytes.
///
/// `ValueRefused` for an official's token, or a folder of another agency or federation; `StoreLocked` under a running daemon.
pub fn prepare(path: &Path, token: &Token, mut seed: impl FnMut() -> Result<Seed>) -> Result<Newcomer> {
    if !token.roles.contains(&Role::Node) {
        return Err(Problem::new(Code::ValueRefused, "token")
            .found(format!("a token for {}", roles(token)))
            .expected("a token for node or ttp"));
    }
    let folder = Folder::create(path)?;
    let lock = folder.lock()?;
    if let Some(held) = folder.pinned()? {
        let whose = |agency: &AgencyId, authority: &AgencyId, root: &Digest| {
            format!("{agency} under {authority}, root {root}")
        };
        let found = whose(&held.agency, &held.pin.authority, &held.pin.root);
        let expected = whose(&token.agency, &token.authority, &token.root);
        if found != expected {
            return Err(Problem::new(Code::ValueRefused, path.display().to_string())
                .found(found)
                .expected(expected));
        }
    }
    let keys =
        token.roles.iter().map(|role| folder.key_or_new(file_of(role), &*seed()?)).collect::<Result<_>>()?;
    Ok(Newcomer { application: Application::new(token, keys)?, folder, _lock: lock })
}

/// A daemon's folder with its keys, locked while the answer is awaited.
#[derive(Debug)]
pub struct Newcomer {
    /// What is asked.
    pub application: Application,
    folder: Folder,
    _lock: FolderLock,
}

impl Newcomer {
    /// Checks the authority's answer and keeps it in the folder. Errors: [`Application::check`]'s, of which nothing is kept, and
    /// the disk's.
    pub fn keep(&self, token: &Token, answer: &EnrolAnswer, now: Timestamp) -> Result<Joined> {
        let Self { application, folder, .. } = self;
        let pinned = folder.pinned()?;
        // Before the first join was finished there is nothing to trust yet.
        let trust = if folder.registry()?.is_some() { Some(folder.trust()?) } else { None };
        let held = pinned.as_ref().map(|pinned| (pinned, trust.as_ref()));
        let enrolled = application.check(token, answer, held, now)?;
        folder.put_pinned(&Pinned {
            pin: enrolled.accepted.pin.clone(),
            agency: token.agency.clone(),
            address: token.address.clone(),
        })?;
        let mut repeated = true;
        for (role, certificate) in token.roles.iter().zip(&enrolled.certificates) {
            repeated &= folder
                .chain(file_of(role))?
                .first()
                .is_some_and(|held| held.digest() == certificate.digest());
            folder.put_chain(file_of(role), &[certificate.clone(), enrolled.root.clone()])?;
        }
        folder.put_crls(&enrolled.accepted.crls)?;
        folder.put_registry(&enrolled.accepted.registry)?;
        Ok(enrolled.joined(token, repeated))
    }
}

/// Joins: prepares the folder at `path`, enrols over the network, checks and keeps. A repetition with the same token
/// after a crash or a lost answer succeeds.
pub async fn join(
    path: &Path,
    token: &Token,
    clock: Clock,
    seed: impl FnMut() -> Result<Seed>,
) -> Result<Joined> {
    let newcomer = prepare(path, token, seed)?;
    let requests = newcomer.application.request.requests.clone();
    let answer = enrol::join(token, requests, Arc::clone(&clock)).await?;
    newcomer.keep(token, &answer, clock())
}

/// Enrols an official: `official.key` and `official.pem` in the folder at `out`, and nothing else. A repetition with the
/// same token succeeds.
///
/// `ValueRefused` for a daemon's token, or a folder that holds another official.
pub async fn join_official(
    out: &Path,
    token: &Token,
    clock: Clock,
    mut seed: impl FnMut() -> Result<Seed>,
) -> Result<Joined> {
    let [Role::Official(_)] = token.roles.as_slice() else {
        return Err(Problem::new(Code::ValueRefused, "token")
            .found(format!("a token for {}", roles(token)))
            .expected("a token for official/<name>"));
    };
    let folder = Folder::create(out)?;
    let expected =
        format!("ogic://{}/{}", token.agency, token.roles.first().map_or_else(String::new, Role::to_string));
    if let Some(held) = folder.certificates(OFFICIAL_CHAIN)?.first()
        && held.identity()?.to_string() != expected
    {
        let found = held.identity()?.to_string();
        return Err(Problem::new(Code::ValueRefused, out.display().to_string())
            .found(found)
            .expected(expected));
    }
    let key = match folder.secret_key(OFFICIAL_KEY)? {
        Some(key) => key,
        None => {
            let key = SigningKey::from_seed(&*seed()?)?;
            folder.put(OFFICIAL_KEY, key.to_pem().as_bytes(), 0o600)?;
            key
        }
    };
    let application = Application::new(token, vec![key])?;
    let answer = enrol::join(token, application.request.requests.clone(), Arc::clone(&clock)).await?;
    let enrolled = application.check(token, &answer, None, clock())?;
    let held = folder.certificates(OFFICIAL_CHAIN)?;
    let repeated = !held.is_empty()
        && held.first().map(Certificate::digest) == enrolled.certificates.first().map(Certificate::digest);
    let chain =
        enrolled.certificates.iter().chain([&enrolled.root]).map(Certificate::to_pem).collect::<String>();
    folder.put(OFFICIAL_CHAIN, chain.as_bytes(), 0o644)?;
    Ok(enrolled.joined(token, repeated))
}

/// Roles as a token's reader knows them.
fn roles(token: &Token) -> String {
    token.roles.iter().map(Role::to_string).collect::<Vec<_>>().join(", ")
}

const OFFICIAL_KEY: &str = "official.key";
const OFFICIAL_CHAIN: &str = "official.pem";

#[cfg(test)]
mod tests;
