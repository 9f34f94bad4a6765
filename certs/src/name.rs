//! Names: agencies, roles, and the one canonical identity URI of a certificate.

use std::fmt;

use crate::{Code, Problem};

/// Longest agency id: a DNS name (RFC 1035 2.3.4).
pub const AGENCY_ID_BYTES_MAX: usize = 253;
/// Longest label of an agency id (RFC 1035 2.3.4), and longest official's name.
pub const LABEL_BYTES_MAX: usize = 63;

/// A member's id: a fully qualified lower-case LDH name such as `transport.gov.example`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgencyId(String);

impl AgencyId {
    /// Accepts the canonical form only: at least two labels of `[a-z0-9-]`, none empty, none beginning or
    /// ending with a hyphen, no trailing dot. `field` names the place in the error.
    pub fn parse(text: &str, field: &'static str) -> Result<Self, Problem> {
        let canonical =
            text.len() <= AGENCY_ID_BYTES_MAX && text.contains('.') && text.split('.').all(is_label);
        if canonical {
            Ok(Self(text.to_owned()))
        } else {
            Err(Problem::new(Code::NameRefused, field)
                .found(text.to_owned())
                .expected("a fully qualified name of lower-case letters, digits and hyphens"))
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first label: how people inside the federation call the agency.
    pub fn short(&self) -> &str {
        self.0.split('.').next().unwrap_or(&self.0)
    }

    /// Whether this is `federation` itself or a name below it.
    pub fn is_within(&self, federation: &Self) -> bool {
        self.0.strip_suffix(&federation.0).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }
}

impl fmt::Display for AgencyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AgencyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a key may be used for. A key has one role of one agency, for ever.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Role {
    /// The channel identity of every daemon, authority and TTP included.
    Node,
    /// Signs an agency's events, checkpoints, references and refusals.
    Seal,
    /// Signs approvals; the name is `[a-z0-9-]`, an office rather than a person.
    Official(String),
    /// Signs evidence.
    Ttp,
    /// Signs RFC 3161 time-stamps.
    Tsa,
    /// Signs RFC 6960 responses.
    Ocsp,
    /// Signs the registry.
    Registry,
    /// Signs the authority's own answers.
    Authority,
}

impl Role {
    /// Reads the path of an identity URI: `seal`, `official/intake-1`.
    pub fn parse(text: &str, field: &'static str) -> Result<Self, Problem> {
        Ok(match text {
            "node" => Self::Node,
            "seal" => Self::Seal,
            "ttp" => Self::Ttp,
            "tsa" => Self::Tsa,
            "ocsp" => Self::Ocsp,
            "registry" => Self::Registry,
            "authority" => Self::Authority,
            _ => match text.strip_prefix("official/") {
                Some(name) if is_label(name) => Self::Official(name.to_owned()),
                _ => {
                    return Err(Problem::new(Code::NameRefused, field)
                        .found(text.to_owned())
                        .expected("node, seal, official/<name>, ttp, tsa, ocsp, registry or authority"));
                }
            },
        })
    }

    /// Whether the role counts only with the key that the registry lists for it.
    pub const fn is_privileged(&self) -> bool {
        matches!(self, Self::Ttp | Self::Tsa | Self::Ocsp | Self::Registry | Self::Authority)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node => f.write_str("node"),
            Self::Seal => f.write_str("seal"),
            Self::Official(name) => write!(f, "official/{name}"),
            Self::Ttp => f.write_str("ttp"),
            Self::Tsa => f.write_str("tsa"),
            Self::Ocsp => f.write_str("ocsp"),
            Self::Registry => f.write_str("registry"),
            Self::Authority => f.write_str("authority"),
        }
    }
}

/// Who a certificate speaks for: `ogic://<agency id>/<role>`, the only SAN that counts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// The member.
    pub agency: AgencyId,
    /// In which role.
    pub role: Role,
}

impl Identity {
    /// Reads the canonical URI and nothing else: no port, user, query, fragment, percent-encoding, dot
    /// segment or upper case survives, since each would be a second spelling of one name.
    pub fn parse(uri: &str) -> Result<Self, Problem> {
        let refused = || {
            Problem::new(Code::NameRefused, "identity")
                .found(uri.to_owned())
                .expected("ogic://<agency id>/<role> in canonical form")
        };
        let (agency, role) =
            uri.strip_prefix("ogic://").and_then(|rest| rest.split_once('/')).ok_or_else(refused)?;
        let agency = AgencyId::parse(agency, "identity").map_err(|_| refused())?;
        let role = Role::parse(role, "identity").map_err(|_| refused())?;
        Ok(Self { agency, role })
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ogic://{}/{}", self.agency, self.role)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn is_label(label: &str) -> bool {
    (1..=LABEL_BYTES_MAX).contains(&label.len())
        && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_identities_round_trip() {
        for uri in [
            "ogic://transport.gov.example/node",
            "ogic://a.b/seal",
            "ogic://x-1.gov.example/official/licensing-2",
            "ogic://authority.gov.example/registry",
        ] {
            assert_eq!(Identity::parse(uri).unwrap().to_string(), uri);
        }
    }

    #[test]
    fn second_spellings_are_refused() {
        let long = format!("ogic://{}.example/node", "a".repeat(64));
        for uri in [
            "",
            "ogic://",
            "ogic:///node",
            "OGIC://a.b/node",
            "ogic://A.b/node",
            "ogic://a.b",
            "ogic://a.b/",
            "ogic://a.b/Node",
            "ogic://a.b/node/",
            "ogic://a.b/node?x",
            "ogic://a.b/node#x",
            "ogic://u@a.b/node",
            "ogic://a.b:1/node",
            "ogic://a.b./node",
            "ogic://.a.b/node",
            "ogic://a..b/node",
            "ogic://a%2eb/node",
            "ogic://a.b/no%64e",
            "ogic://a.b/./node",
            "ogic://a.b/official/",
            "ogic://a.b/official/x/y",
            "ogic://a.b/official/X",
            "ogic://a.b/official/-x",
            "ogic://a.b/node\0",
            "ogic://а.b/node",
            "ogic://localhost/node",
            "https://a.b/node",
            long.as_str(),
        ] {
            assert_eq!(Identity::parse(uri).unwrap_err().code, Code::NameRefused, "{uri:?}");
        }
    }

    #[test]
    fn within_a_federation_is_by_whole_labels() {
        let id = |text| AgencyId::parse(text, "id").unwrap();
        assert!(id("transport.gov.example").is_within(&id("gov.example")));
        assert!(id("gov.example").is_within(&id("gov.example")));
        assert!(!id("notgov.example").is_within(&id("gov.example")));
        assert_eq!(id("transport.gov.example").short(), "transport");
    }
}
