//! A whole federation in memory, from one seed: for the simulator, for tests and for benches. Nothing here is for
//! production: its keys follow from the seed.

use crate::certificate::Certificate;
use crate::cose::{Signed, Signer};
use crate::crl::{Crl, Reason, Revoked};
use crate::issue::{self, Issuer};
use crate::key::SigningKey;
use crate::registry::{Anchor, Level, Member, Pin, Privileged, Registry};
use crate::{AgencyId, Digest, Identity, Role, Timestamp};

/// The authority's keys, and whom it has made a member.
#[derive(Debug)]
pub struct Federation {
    domain: AgencyId,
    authority: AgencyId,
    root: Certificate,
    root_seed: [u8; 32],
    registry: Signer,
    seed: u64,
    issued: u64,
    now: Timestamp,
    members: Vec<Member>,
    privileged: Vec<Privileged>,
    revoked: Vec<Revoked>,
    version: u64,
    crl_number: u64,
}

const DAY_MS: u64 = 86_400_000;

impl Federation {
    /// `gov.example`, founded a day before `now`; everything follows from `seed`.
    pub fn new(seed: u64, now: Timestamp) -> Self {
        let domain = agency("gov.example");
        let authority = agency("authority.gov.example");
        let root_seed = seed_bytes(seed, 0);
        let root_key = key(&root_seed);
        let root =
            issue::root(&root_key, &domain, serial(0), now.minus_ms(DAY_MS), now.plus_ms(3650 * DAY_MS))
                .and_then(|der| Certificate::from_der(&der))
                .expect("our own root is well-formed");
        let registry_seed = seed_bytes(seed, 1);
        let identity = Identity { agency: authority.clone(), role: Role::Registry };
        let registry = issue_to(&root, &root_seed, &identity, &registry_seed, 1, now);
        let privileged = vec![Privileged { identity, key: registry.certificate().public_key().digest() }];
        Self {
            domain,
            authority,
            root,
            root_seed,
            registry,
            seed,
            issued: 2,
            now,
            members: Vec::new(),
            privileged,
            revoked: Vec::new(),
            version: 0,
            crl_number: 0,
        }
    }

    /// Issues a certificate for `uri` to a new key, valid for 60 days from a day before now. Lists its agency as a member, and
    /// its key if the role is privileged.
    pub fn signer(&mut self, uri: &str) -> Signer {
        let identity = Identity::parse(uri).expect("a test's identity is canonical");
        let number = self.issued;
        self.issued += 1;
        let signer = issue_to(
            &self.root,
            &self.root_seed,
            &identity,
            &seed_bytes(self.seed, number),
            number,
            self.now,
        );
        self.add_member(&identity.agency, Level::Federal);
        if identity.role.is_privileged() {
            self.privileged.push(Privileged { identity, key: signer.certificate().public_key().digest() });
        }
        signer
    }

    /// Makes `agency` a member, or changes its level.
    pub fn add_member(&mut self, agency: &AgencyId, level: Level) {
        match self.members.binary_search_by(|member| member.agency.cmp(agency)) {
            Ok(at) => self.members[at].level = level,
            Err(at) => self.members.insert(
                at,
                Member {
                    agency: agency.clone(),
                    name_en: agency.short().to_owned(),
                    name_ru: agency.short().to_owned(),
                    level,
                    parent: None,
                    endpoints: Vec::new(),
                    logs: Vec::new(),
                    competences: Vec::new(),
                },
            ),
        }
    }

    /// Changes how `agency` is listed.
    pub fn edit_member(&mut self, agency: &AgencyId, edit: impl FnOnce(&mut Member)) {
        self.members.iter_mut().filter(|member| member.agency == *agency).for_each({
            let mut edit = Some(edit);
            move |member| {
                if let Some(edit) = edit.take() {
                    edit(member);
                }
            }
        });
    }

    /// Strikes `agency` from the members.
    pub fn remove_member(&mut self, agency: &AgencyId) {
        self.members.retain(|member| member.agency != *agency);
    }

    /// Revokes a certificate from `at` on.
    pub fn revoke(&mut self, certificate: &Certificate, at: Timestamp) {
        self.revoked.push(Revoked {
            serial: certificate.serial().to_vec(),
            at,
            reason: Reason::KeyCompromise,
        });
    }

    /// Lets time pass for what is signed from now on.
    pub const fn set_now(&mut self, now: Timestamp) {
        self.now = now;
    }

    /// A new version of the registry.
    pub fn registry(&mut self) -> Signed<Registry> {
        self.version += 1;
        let registry = Registry {
            federation: self.domain.clone(),
            version: self.version,
            issued: self.now,
            expires: self.now.plus_ms(DAY_MS),
            members: self.members.clone(),
            anchors: vec![Anchor {
                certificate: self.root.der().to_vec(),
                speaks_for: vec![self.domain.clone()],
            }],
            privileged: self.privileged.clone(),
            services: Vec::new(),
        };
        Signed::sign(registry, &self.registry).expect("our own registry is within its limits")
    }

    /// A new CRL.
    pub fn crl(&mut self) -> Crl {
        self.crl_number += 1;
        let root_key = key(&self.root_seed);
        let issuer = Issuer { certificate: &self.root, key: &root_key };
        issue::crl(&issuer, self.crl_number, self.now, self.now.plus_ms(DAY_MS), &self.revoked)
            .and_then(|der| Crl::from_der(&der))
            .expect("our own CRL is well-formed")
    }

    /// What a node pins at join.
    pub fn pin(&self) -> Pin {
        Pin {
            authority: self.authority.clone(),
            root: self.root.digest(),
            signer: Some(self.registry.certificate().public_key().digest()),
            version_min: 1,
        }
    }

    /// The root certificate.
    pub const fn root(&self) -> &Certificate {
        &self.root
    }

    /// The root's certificate and key, to issue what a test needs to be odd.
    pub fn with_issuer<T>(&self, act: impl FnOnce(&Issuer<'_>) -> T) -> T {
        let root_key = key(&self.root_seed);
        act(&Issuer { certificate: &self.root, key: &root_key })
    }
}

/// A key and certificate for `uri` under a throw-away root.
pub fn lone_signer(uri: &str, seed: u64) -> Signer {
    Federation::new(seed, Timestamp::from_ms_clamped(1_795_000_000_000)).signer(uri)
}

/// An agency's id from a literal.
pub fn agency(text: &str) -> AgencyId {
    AgencyId::parse(text, "agency").expect("a literal in canonical form")
}

fn issue_to(
    root: &Certificate,
    root_seed: &[u8; 32],
    identity: &Identity,
    seed: &[u8; 32],
    number: u64,
    now: Timestamp,
) -> Signer {
    let (root_key, subject_key) = (key(root_seed), key(seed));
    let issuer = Issuer { certificate: root, key: &root_key };
    let (from, to) = (now.minus_ms(DAY_MS), now.plus_ms(60 * DAY_MS));
    issue::leaf(&issuer, identity, subject_key.public(), serial(number), from, to)
        .and_then(|der| Certificate::from_der(&der))
        .and_then(|certificate| Signer::new(subject_key, certificate, vec![root.clone()]))
        .expect("our own certificate is well-formed")
}

fn key(seed: &[u8; 32]) -> SigningKey {
    SigningKey::from_seed(seed).expect("any 32 bytes are an Ed25519 seed")
}

fn serial(number: u64) -> [u8; 16] {
    let mut serial = [1; 16];
    serial[8..].copy_from_slice(&number.to_be_bytes());
    serial
}

fn seed_bytes(seed: u64, number: u64) -> [u8; 32] {
    *Digest::of_parts(&[b"ogic test key", &seed.to_be_bytes(), &number.to_be_bytes()]).as_bytes()
}
