//! Tokens: who may have one made, and what one is good for. Decides; never signs, stores, or draws a random number.
//!
//! A token is single use: the same keys again get the same certificates, so that a lost answer costs nothing; other keys
//! are refused. The secret is known by its digest alone.

use std::hint::black_box;

use ogic_certs::certificate::Certificate;
use ogic_certs::issue;
use ogic_certs::key::PublicKey;
use ogic_certs::registry::Level;
use ogic_certs::token::SECRET_BYTES;
use ogic_certs::{AgencyId, Code, Digest, Identity, Problem, Result, Role, Timestamp};

use super::book::{Book, TokenState};
use super::entry::TokenMade;

/// How long a token is good for unless its maker says otherwise: 72 hours.
pub const TTL_MS: u64 = 72 * 3_600_000;
/// The longest that a token may be good for: 30 days.
pub const TTL_MS_MAX: u64 = 30 * 86_400_000;
/// Most tokens that wait to be redeemed: what lies around unused is a risk, not a store.
pub const TOKENS_OPEN_MAX: usize = 4096;
/// Most bytes of an agency's name.
pub const NAME_BYTES_MAX: usize = 255;

/// What an operator asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ask {
    /// For which agency.
    pub agency: AgencyId,
    /// `node`, `ttp` or `official/<name>`: what the holder is to become.
    pub role: Role,
    /// The agency's names in English and Russian; a member's own if it is one already, else its short id.
    pub names: Option<(String, String)>,
    /// Its level; a member's own, else federal for a node and service for a trusted third party.
    pub level: Option<Level>,
    /// The agency above it.
    pub parent: Option<AgencyId>,
    /// How long the token is good for, in milliseconds.
    pub ttl_ms: u64,
}

/// What becomes of a redemption.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Redemption {
    /// The token was used for these very keys: the answer was lost, here it is again.
    Again(Vec<Certificate>),
    /// Certificates are to be issued for these identities and keys, in this order.
    Fresh {
        /// Which token.
        hash: Digest,
        /// What to issue.
        grants: Vec<(Identity, PublicKey)>,
    },
}

impl Book {
    /// Decides whether a token may be made whose secret has the digest `hash`.
    ///
    /// `ValueRefused` for an agency outside of the federation or the authority itself, a role that no token gives, names or
    /// times out of bounds; `AgencyUnknown` for an official of no member; `LimitReached` for too many open tokens.
    pub fn decide_token(&self, ask: &Ask, hash: Digest, now: Timestamp) -> Result<TokenMade> {
        let refused = |field: &str, found: String, expected: &str| {
            Err(Problem::new(Code::ValueRefused, field).found(found).expected(expected))
        };
        let charter = self.charter();
        if !ask.agency.is_within(&charter.federation) || ask.agency == charter.federation {
            let expected = format!("an agency within {}", charter.federation);
            return refused("agency", ask.agency.to_string(), &expected);
        }
        if ask.agency == charter.authority {
            return refused("agency", ask.agency.to_string(), "another agency than the authority");
        }
        let roles = match &ask.role {
            Role::Node => vec![Role::Node, Role::Seal],
            Role::Ttp => vec![Role::Node, Role::Ttp],
            Role::Official(_) => vec![ask.role.clone()],
            other => return refused("roles", other.to_string(), "node, ttp or official/<name>"),
        };
        let member = self.member(&ask.agency);
        if member.is_none() && matches!(ask.role, Role::Official(_)) {
            return Err(Problem::new(Code::AgencyUnknown, "agency")
                .found(ask.agency.to_string())
                .expected("a member: its node joins first, then its officials"));
        }
        if ask
            .parent
            .as_ref()
            .is_some_and(|parent| !parent.is_within(&charter.federation) || *parent == ask.agency)
        {
            return refused(
                "parent",
                ask.parent.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string),
                "another agency of the federation",
            );
        }
        if ask.ttl_ms == 0 || ask.ttl_ms > TTL_MS_MAX {
            return refused("ttl_ms", ask.ttl_ms.to_string(), "1 to 2592000000 (30 days)");
        }
        if self.tokens().filter(|token| token.redeemed.is_none() && now < token.made.expires).count()
            >= TOKENS_OPEN_MAX
        {
            return Err(
                Problem::new(Code::LimitReached, "tokens").expected("at most 4096 that wait to be redeemed")
            );
        }
        let (name_en, name_ru) = match (&ask.names, member) {
            (Some(names), _) => names.clone(),
            (None, Some(member)) => (member.name_en.clone(), member.name_ru.clone()),
            (None, None) => (ask.agency.short().to_owned(), ask.agency.short().to_owned()),
        };
        for name in [&name_en, &name_ru] {
            if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
                return refused("name", name.clone(), "1 to 255 bytes of text without control characters");
            }
        }
        let usual = if ask.role == Role::Ttp { Level::Service } else { Level::Federal };
        Ok(TokenMade {
            hash,
            agency: ask.agency.clone(),
            roles,
            name_en,
            name_ru,
            level: ask.level.or_else(|| member.map(|m| m.level)).unwrap_or(usual),
            parent: ask.parent.clone().or_else(|| member.and_then(|m| m.parent.clone())),
            made: now,
            expires: now.plus_ms(ask.ttl_ms),
        })
    }

    /// Which token has this secret; `TokenRefused` if none. Compares with every token, each in constant time.
    pub fn token_of(&self, secret: &[u8; SECRET_BYTES]) -> Result<&TokenState> {
        let hash = Digest::of(secret);
        let mut found = None;
        for token in self.tokens() {
            if same(token.made.hash.as_bytes(), hash.as_bytes()) {
                found = Some(token);
            }
        }
        found.ok_or_else(|| Problem::new(Code::TokenRefused, "token"))
    }

    /// Decides what `token` and these certificate requests (PKCS#10, DER) lead to.
    ///
    /// `TokenSpent` for other keys than it was used for; `TokenExpired`; `TokenRefused` for a wrong number of requests;
    /// `KeyRefused` for a key that serves another role or agency; what [`issue::read_csr`] refuses.
    pub fn decide_redeem(
        &self,
        token: &TokenState,
        requests: &[Vec<u8>],
        now: Timestamp,
    ) -> Result<Redemption> {
        let TokenMade { hash, agency, roles, expires, .. } = &token.made;
        if requests.len() != roles.len() {
            return Err(Problem::new(Code::TokenRefused, "requests")
                .found(format!("{} requests", requests.len()))
                .expected(format!("{}, one a role of the token", roles.len())));
        }
        // Proof of possession is asked of a repetition too: the answer is for the keys' holder alone.
        let keys = requests.iter().map(|request| issue::read_csr(request)).collect::<Result<Vec<_>>>()?;
        if let Some(redeemed) = &token.redeemed {
            if !keys.iter().map(PublicKey::digest).eq(redeemed.keys.iter().copied()) {
                return Err(Problem::new(Code::TokenSpent, "token"));
            }
            let again = redeemed.certificates.iter().map(|digest| self.certificate(digest).cloned());
            return again.collect::<Option<_>>().map(Redemption::Again).ok_or_else(|| {
                Problem::new(Code::StoreDamaged, "issued certificates")
                    .found("one of a redeemed token is missing")
            });
        }
        if now >= *expires {
            return Err(Problem::new(Code::TokenExpired, "token"));
        }
        let mut grants: Vec<(Identity, PublicKey)> = Vec::with_capacity(roles.len());
        for (role, key) in roles.iter().zip(keys) {
            let identity = Identity { agency: agency.clone(), role: role.clone() };
            let elsewhere = self.holder_of(&key.digest()).is_some_and(|holder| *holder != identity);
            if elsewhere || grants.iter().any(|(_, other)| *other == key) {
                return Err(Problem::new(Code::KeyRefused, "requests")
                    .found(key.digest().to_string())
                    .expected("a key that serves no other role and no other agency"));
            }
            grants.push((identity, key));
        }
        Ok(Redemption::Fresh { hash: *hash, grants })
    }
}

/// Whether two digests are one, without a branch on their bytes.
fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    black_box(a.iter().zip(b).fold(0, |difference, (x, y)| difference | (x ^ y))) == 0
}
