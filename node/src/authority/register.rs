//! The registry's next version and the next revocation list, as they follow from the book; and members' announcements.
//!
//! Builds payloads and says when they are due; never signs. A version and a list's number only rise, and both are
//! renewed at half their life though nothing happened.

use ogic_certs::announcement::Announcement;
use ogic_certs::cose::Signed;
use ogic_certs::crl::Revoked;
use ogic_certs::registry::{Anchor, PER_MEMBER_MAX, Privileged, Registry};
use ogic_certs::{AgencyId, Code, Problem, Result, Role, Timestamp};

use super::book::Book;

/// How far a member's clock may run ahead of ours in an announcement, in milliseconds.
pub const AHEAD_MS_MAX: u64 = 5 * 60_000;

/// The next revocation list, to be signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NextCrl {
    /// Its number.
    pub number: u64,
    /// When it is issued.
    pub this_update: Timestamp,
    /// Until when it is fresh.
    pub next_update: Timestamp,
    /// Every certificate ever revoked, expired ones too: old signatures are judged by it.
    pub revoked: Vec<Revoked>,
}

impl Book {
    /// The registry's next version, issued at `now` or at the last signed time if the clock ran back.
    pub fn next_registry(&self, now: Timestamp) -> Registry {
        let charter = self.charter();
        let issued = self.floor(now);
        Registry {
            federation: charter.federation.clone(),
            version: self.registry().map_or(1, |held| held.value().version + 1),
            issued,
            expires: issued.plus_ms(charter.registry_life_ms),
            members: self.members().cloned().collect(),
            anchors: vec![Anchor {
                certificate: charter.root.der().to_vec(),
                speaks_for: vec![charter.federation.clone()],
            }],
            privileged: self.privileged(),
            services: Vec::new(),
        }
    }

    /// Every privileged key that was certified and not revoked, once each.
    fn privileged(&self) -> Vec<Privileged> {
        let mut listed: Vec<Privileged> = self
            .issued()
            .filter(|issued| issued.identity.role.is_privileged() && issued.revoked.is_none())
            .map(|issued| Privileged {
                identity: issued.identity.clone(),
                key: issued.certificate.public_key().digest(),
            })
            .collect();
        listed.sort_by(|a, b| (&a.identity, a.key).cmp(&(&b.identity, b.key)));
        listed.dedup();
        listed
    }

    /// The next revocation list.
    pub fn next_crl(&self, now: Timestamp) -> NextCrl {
        let this_update = self.floor(now);
        NextCrl {
            number: self.crl().and_then(|crl| crl.number()).map_or(1, |number| number.saturating_add(1)),
            this_update,
            next_update: this_update.plus_ms(self.charter().crl_life_ms),
            revoked: self.issued().filter_map(|issued| issued.revoked.clone()).collect(),
        }
    }

    /// When registry and list are to be renewed though nothing happened: at half the life of the one that ends first.
    pub fn due(&self) -> Timestamp {
        let charter = self.charter();
        let half = |since: Timestamp, life_ms: u64| since.plus_ms(life_ms / 2);
        let registry = self.registry().map(|held| half(held.value().issued, charter.registry_life_ms));
        let crl = self.crl().map(|crl| half(crl.this_update(), charter.crl_life_ms));
        match (registry, crl) {
            (Some(registry), Some(crl)) => registry.min(crl),
            _ => Timestamp::EARLIEST,
        }
    }

    /// Decides whether `peer`, known by its channel, may announce this. `None` if it changes nothing.
    ///
    /// `CertificateUnknown`, `CertificateRevoked`, `CertificateExpired` or `SignatureInvalid` for its signer;
    /// `RoleNotAllowed` for another key than the seal or, without one, the `ttp` key; `IdentityMismatch` for another's
    /// announcement; `ValueRefused` for one older than the last, or from the future; `LimitReached` for too many logs.
    pub fn decide_announce(
        &self,
        peer: &AgencyId,
        bytes: &[u8],
        now: Timestamp,
    ) -> Result<Option<Signed<Announcement>>> {
        let signed = Signed::<Announcement>::parse(bytes)?;
        let signer = self.issued_by_digest(&signed.envelope().signer()).ok_or_else(|| {
            Problem::new(Code::CertificateUnknown, "x5t").found(signed.envelope().signer().to_string())
        })?;
        signed.verify_with(&signer.certificate)?;
        if signer.revoked.is_some() {
            return Err(Problem::new(Code::CertificateRevoked, "announcement"));
        }
        if !signer.certificate.is_valid_at(now) {
            return Err(Problem::new(Code::CertificateExpired, "announcement").found(now.to_string()));
        }
        if !matches!(signer.identity.role, Role::Seal | Role::Ttp) {
            return Err(Problem::new(Code::RoleNotAllowed, "announcement")
                .found(signer.identity.to_string())
                .expected("seal, or ttp of a member without one"));
        }
        let announcement = signed.value();
        if signer.identity.agency != *peer || announcement.log.agency != *peer {
            return Err(Problem::new(Code::IdentityMismatch, "announcement")
                .found(format!("{}, log {}", signer.identity, announcement.log))
                .expected(peer.to_string()));
        }
        let member = self.member(peer).ok_or_else(|| Problem::new(Code::AgencyUnknown, "announcement"))?;
        if announcement.at > now.plus_ms(AHEAD_MS_MAX) {
            return Err(Problem::new(Code::ValueRefused, "time")
                .found(announcement.at.to_string())
                .expected(format!("at most five minutes after {now}")));
        }
        if self.announced(peer).is_some_and(|last| announcement.at < last.at) {
            return Err(Problem::new(Code::ValueRefused, "time")
                .found(announcement.at.to_string())
                .expected("a time after the last announcement"));
        }
        let log = announcement.log.to_string();
        let known_log = member.logs.contains(&log);
        if !known_log && member.logs.len() >= PER_MEMBER_MAX {
            return Err(
                Problem::new(Code::LimitReached, "log origin").expected("at most 32 logs of a member")
            );
        }
        let unchanged = known_log
            && announcement.endpoints.iter().map(ToString::to_string).eq(member.endpoints.iter().cloned());
        Ok((!unchanged).then_some(signed))
    }
}
