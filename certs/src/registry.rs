//! The registry: the signed, versioned, expiring list of who is who.
//!
//! Nothing here fetches or stores it; [`accept`] decides whether a received one may replace the one that is held.

use crate::cbor::{self, Fields, Limits, Value};
use crate::certificate::Certificate;
use crate::cose::{Kind, Payload, Signed};
use crate::event::text;
use crate::{AgencyId, Code, Digest, Identity, Problem, Result, Role, Timestamp};

/// Most members.
pub const MEMBERS_MAX: usize = 4096;
/// Most endpoints, logs or competences of a member.
pub const PER_MEMBER_MAX: usize = 32;
/// The most by which a version may rise at once: a fast-forward to the end of the numbers is an attack.
pub const VERSION_JUMP_MAX: u64 = 1 << 32;

/// Where an agency stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Level {
    /// Of the whole country.
    Federal = 1,
    /// Of a region.
    Regional = 2,
    /// Of a town.
    Municipal = 3,
    /// Serves the federation itself: the authority, a trusted third party.
    Service = 4,
}

impl Level {
    /// The number in signed bytes.
    pub const fn number(self) -> u64 {
        self as u64
    }

    /// The level of a number.
    pub fn from_number(number: u64) -> Result<Self> {
        Ok(match number {
            1 => Self::Federal,
            2 => Self::Regional,
            3 => Self::Municipal,
            4 => Self::Service,
            _ => {
                return Err(Problem::new(Code::ValueRefused, "level")
                    .found(number.to_string())
                    .expected("1 to 4"));
            }
        })
    }

    /// The word in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Federal => "federal",
            Self::Regional => "regional",
            Self::Municipal => "municipal",
            Self::Service => "service",
        }
    }

    /// The level of a word.
    pub fn from_word(word: &str) -> Result<Self> {
        [Self::Federal, Self::Regional, Self::Municipal, Self::Service]
            .into_iter()
            .find(|level| level.as_str() == word)
            .ok_or_else(|| {
                Problem::new(Code::ValueRefused, "level")
                    .found(word)
                    .expected("federal, regional, municipal or service")
            })
    }
}

/// One member of the federation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Its id.
    pub agency: AgencyId,
    /// Its name in English.
    pub name_en: String,
    /// Its name in Russian.
    pub name_ru: String,
    /// Its level.
    pub level: Level,
    /// The agency above it.
    pub parent: Option<AgencyId>,
    /// Where its node answers, `ip:port`.
    pub endpoints: Vec<String>,
    /// The origins of its logs.
    pub logs: Vec<String>,
    /// What it is competent for: service or subject, territory.
    pub competences: Vec<(String, String)>,
}

/// A certificate that chains may end in, and for whom it speaks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Anchor {
    /// The certificate, DER.
    pub certificate: Vec<u8>,
    /// The agencies, with everything below each, whose `node`, `seal` and `official` it may certify.
    pub speaks_for: Vec<AgencyId>,
}

/// A privileged role and the one key with which it counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Privileged {
    /// Who, in which role.
    pub identity: Identity,
    /// SHA-256 of the key's SubjectPublicKeyInfo.
    pub key: Digest,
}

/// The registry's payload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Registry {
    /// The federation's domain.
    pub federation: AgencyId,
    /// Only rises.
    pub version: u64,
    /// When it was signed.
    pub issued: Timestamp,
    /// Fresh until then.
    pub expires: Timestamp,
    /// Members, sorted by id.
    pub members: Vec<Member>,
    /// Trust anchors.
    pub anchors: Vec<Anchor>,
    /// Privileged keys.
    pub privileged: Vec<Privileged>,
    /// Digests of the service definitions published for the federation.
    pub services: Vec<Digest>,
}

impl Registry {
    /// The member of this id.
    pub fn member(&self, agency: &AgencyId) -> Option<&Member> {
        self.members
            .binary_search_by(|member| member.agency.cmp(agency))
            .ok()
            .and_then(|i| self.members.get(i))
    }

    /// Whether `key` is listed for the privileged `identity`.
    pub fn lists(&self, identity: &Identity, key: &Digest) -> bool {
        self.privileged.iter().any(|p| p.identity == *identity && p.key == *key)
    }

    /// The members that hold a privileged role, such as the trusted third parties.
    pub fn holders(&self, role: &Role) -> impl Iterator<Item = &AgencyId> {
        self.privileged.iter().filter(move |p| p.identity.role == *role).map(|p| &p.identity.agency)
    }
}

impl Payload for Registry {
    const KIND: Kind = Kind::Registry;

    fn encode(&self) -> Vec<u8> {
        let anchors = self.anchors.iter().map(|anchor| {
            cbor::map([(1, anchor.certificate.as_slice().into()), (2, cbor::array(&anchor.speaks_for))])
        });
        let privileged = self
            .privileged
            .iter()
            .map(|p| cbor::map([(1, p.identity.to_string().into()), (2, p.key.into())]));
        cbor::encode(&cbor::map([
            (1, (&self.federation).into()),
            (2, self.version.into()),
            (3, self.issued.into()),
            (4, self.expires.into()),
            (5, Value::Array(self.members.iter().map(Member::to_value).collect())),
            (6, Value::Array(anchors.collect())),
            (7, Value::Array(privileged.collect())),
            (8, cbor::array(self.services.iter().copied())),
        ]))
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        let mut fields = Fields::of(cbor::decode(bytes, &Limits::DOCUMENT, "registry")?, "registry")?;
        let registry = Self {
            federation: fields.take(1, "federation")?.as_agency("federation")?,
            version: fields.take(2, "version")?.as_uint("version")?,
            issued: fields.take(3, "issued")?.as_time("issued")?,
            expires: fields.take(4, "expires")?.as_time("expires")?,
            members: list(fields.take(5, "members")?, "members", MEMBERS_MAX, Member::from_value)?,
            anchors: list(fields.take(6, "anchors")?, "anchors", 64, |value| {
                let mut fields = Fields::of(value, "anchor")?;
                let anchor = Anchor {
                    certificate: fields.take(1, "anchor")?.as_bytes("anchor")?.to_vec(),
                    speaks_for: list(fields.take(2, "speaks for")?, "speaks for", MEMBERS_MAX, |v| {
                        v.as_agency("speaks for")
                    })?,
                };
                fields.finish()?;
                Ok(anchor)
            })?,
            privileged: list(fields.take(7, "privileged")?, "privileged", 256, |value| {
                let mut fields = Fields::of(value, "privileged")?;
                let privileged = Privileged {
                    identity: Identity::parse(fields.take(1, "identity")?.as_text("identity")?)?,
                    key: fields.take(2, "key")?.as_digest("key")?,
                };
                fields.finish()?;
                Ok(privileged)
            })?,
            services: list(fields.take(8, "services")?, "services", 4096, |v| v.as_digest("services"))?,
        };
        fields.finish()?;
        registry.check()?;
        Ok(registry)
    }
}

impl Registry {
    /// What must hold within the registry itself.
    fn check(&self) -> Result<()> {
        let refused = |field: &str, found: String, expected: &str| {
            Err(Problem::new(Code::ValueRefused, field).found(found).expected(expected))
        };
        if let Some(pair) = self.members.windows(2).find(|pair| pair[0].agency >= pair[1].agency) {
            return refused("members", pair[1].agency.to_string(), "members sorted by id, each once");
        }
        if let Some(member) = self.members.iter().find(|member| !member.agency.is_within(&self.federation)) {
            return refused("members", member.agency.to_string(), "agencies of the federation");
        }
        if let Some(p) = self.privileged.iter().find(|p| !p.identity.role.is_privileged()) {
            return refused("privileged", p.identity.to_string(), "a privileged role");
        }
        if self.expires <= self.issued {
            return refused("expires", self.expires.to_string(), "a time after issuance");
        }
        Ok(())
    }
}

impl Member {
    fn to_value(&self) -> Value {
        let competences = self.competences.iter().map(|(service, territory)| {
            Value::Array(vec![service.as_str().into(), territory.as_str().into()])
        });
        cbor::map([
            (1, (&self.agency).into()),
            (2, self.name_en.as_str().into()),
            (3, self.name_ru.as_str().into()),
            (4, self.level.number().into()),
            (5, cbor::optional(self.parent.as_ref())),
            (6, cbor::array(&self.endpoints)),
            (7, cbor::array(&self.logs)),
            (8, Value::Array(competences.collect())),
        ])
    }

    fn from_value(value: Value) -> Result<Self> {
        let mut fields = Fields::of(value, "member")?;
        let member = Self {
            agency: fields.take(1, "agency")?.as_agency("agency")?,
            name_en: text(&fields.take(2, "name")?, "name")?,
            name_ru: text(&fields.take(3, "name")?, "name")?,
            level: Level::from_number(fields.take(4, "level")?.as_uint("level")?)?,
            parent: fields.take(5, "parent")?.as_optional(|v| v.as_agency("parent"))?,
            endpoints: list(fields.take(6, "endpoints")?, "endpoints", PER_MEMBER_MAX, |v| {
                text(&v, "endpoints")
            })?,
            logs: list(fields.take(7, "logs")?, "logs", PER_MEMBER_MAX, |v| text(&v, "logs"))?,
            competences: list(fields.take(8, "competences")?, "competences", PER_MEMBER_MAX, |v| {
                let [service, territory] = v.as_tuple::<2>("competences")?;
                Ok((text(service, "competences")?, text(territory, "competences")?))
            })?,
        };
        fields.finish()?;
        Ok(member)
    }
}

/// Reads an array of at most `max` elements.
fn list<T>(
    value: Value,
    field: &'static str,
    max: usize,
    read: impl Fn(Value) -> Result<T>,
) -> Result<Vec<T>> {
    match value {
        Value::Array(values) if values.len() <= max => values.into_iter().map(read).collect(),
        _ => Err(Problem::new(Code::Malformed, field).expected(format!("an array of at most {max}"))),
    }
}

/// What a node was told at join, by another channel than the network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pin {
    /// The authority's agency id: the registry's signer must be of it.
    pub authority: AgencyId,
    /// SHA-256 of the root certificate.
    pub root: Digest,
    /// SHA-256 of the SubjectPublicKeyInfo of the registry's signer; none until the first registry was accepted.
    pub signer: Option<Digest>,
    /// The lowest version that may be accepted.
    pub version_min: u64,
}

/// Decides whether `new` may replace `held`, and returns the signer's key id to be pinned.
///
/// The version only rises, and one version has one content; the signer is the pinned one and carries
/// `ogic://<authority>/registry`. The path to the root is checked by the caller beforehand, and whether the registry
/// has expired is judged when it is used, so that a node that was away long can still tell what it holds.
pub fn accept(
    new: &Signed<Registry>,
    held: Option<&Signed<Registry>>,
    pin: &Pin,
    signer: &Certificate,
) -> Result<Digest> {
    new.verify_with(signer)?;
    let identity = signer.identity()?;
    if identity.role != Role::Registry || identity.agency != pin.authority {
        return Err(Problem::new(Code::RoleNotAllowed, "registry signer")
            .found(identity.to_string())
            .expected(format!("ogic://{}/registry", pin.authority)));
    }
    let key = signer.public_key().digest();
    if let Some(pinned) = pin.signer.filter(|pinned| *pinned != key) {
        return Err(Problem::new(Code::RegistrySignerUnknown, "registry signer")
            .found(key.to_string())
            .expected(pinned.to_string()));
    }
    let version = new.value().version;
    let floor = held.map_or(pin.version_min, |held| held.value().version);
    if version < floor || version - floor > VERSION_JUMP_MAX {
        return Err(Problem::new(Code::RegistryRollback, "version")
            .found(version.to_string())
            .expected(format!("{floor} or a little more")));
    }
    if let Some(held) = held {
        if held.value().federation != new.value().federation {
            return Err(Problem::new(Code::RegistryRollback, "federation")
                .found(new.value().federation.to_string())
                .expected(held.value().federation.to_string()));
        }
        if version == held.value().version && held.digest() != new.digest() {
            return Err(Problem::new(Code::ForkDetected, "registry")
                .found(new.digest().to_string())
                .expected(format!("{} for version {version}", held.digest())));
        }
    }
    Ok(key)
}
