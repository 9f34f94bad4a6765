//! Whether a registry that somebody served, with its revocation lists, may take the place of what is held. Pure.
//!
//! It is checked whole here; the caller then persists it, and only then uses it. Who served it does not matter: the
//! pinned root and signer decide.

use std::sync::Arc;

use ogic_certs::certificate::Certificate;
use ogic_certs::cose::{CHAIN_CERTIFICATES_MAX, Signed};
use ogic_certs::crl::Crl;
use ogic_certs::path::{
    self, AnchorRoles, PathRequest, PrivilegedKey, Purpose, Revocation, RoleKind, TrustAnchor,
};
use ogic_certs::registry::{self, Pin, Registry};
use ogic_certs::trust::{GRACE_MS, Trust};
use ogic_certs::{Code, Problem, Result, Timestamp};

/// Most revocation lists beside one registry.
pub const CRLS_MAX: usize = 16;

/// A registry and lists that may be persisted and then used.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The registry.
    pub registry: Signed<Registry>,
    /// Of every issuer the list with the highest number, held or served.
    pub crls: Vec<Crl>,
    /// The pin as it is to be kept: the signer's key, and this version as the lowest.
    pub pin: Pin,
}

impl Accepted {
    /// What is trusted from now on.
    pub fn into_trust(self) -> Result<Trust> {
        Trust::new(Arc::new(self.registry), self.crls, self.pin)
    }
}

/// Checks a registry and lists, as bytes, against what is held and the pin, at the time `at`.
///
/// Errors: what [`registry::accept`] refuses; `PathInvalid` if the signer's path does not end in the pinned root or a list
/// is nobody's; `ForkDetected` for two lists with one number; `TooLarge`.
pub fn accept(
    bytes: &[u8],
    crls: &[Vec<u8>],
    held: Option<&Trust>,
    pin: &Pin,
    at: Timestamp,
) -> Result<Accepted> {
    let registry = Signed::<Registry>::parse(bytes)?;
    let crls = merge(&registry, crls, held.map_or(&[], |held| held.crls()))?;
    let signer = signer(&registry, &crls, pin, at)?;
    let held_registry = held.map(|held| held.signed_registry().as_ref());
    let key = registry::accept(&registry, held_registry, pin, &signer)?;
    let version_min = pin.version_min.max(registry.value().version);
    let pin = Pin { signer: Some(key), version_min, ..pin.clone() };
    Ok(Accepted { registry, crls, pin })
}

/// The certificate of the registry's signer, whose path ends in the pinned root and whose key the registry lists.
pub fn signer(registry: &Signed<Registry>, crls: &[Crl], pin: &Pin, at: Timestamp) -> Result<Certificate> {
    let chain = registry.envelope().chain();
    if chain.len() > CHAIN_CERTIFICATES_MAX {
        return Err(Problem::new(Code::TooLarge, "x5chain").expected("at most 8 certificates"));
    }
    let chain = chain.iter().map(|der| Certificate::from_der(der)).collect::<Result<Vec<_>>>()?;
    let (signer, above) = chain.split_first().ok_or_else(|| Problem::new(Code::Malformed, "x5chain"))?;
    let said = registry.value();
    let root = said.anchors.iter().find(|anchor| ogic_certs::Digest::of(&anchor.certificate) == pin.root);
    let root = root.ok_or_else(|| {
        Problem::new(Code::PathInvalid, "anchors")
            .found("none that was pinned")
            .expected(pin.root.to_string())
    })?;
    let anchors = [TrustAnchor {
        certificate: Certificate::from_der(&root.certificate)?,
        speaks_for: Some(root.speaks_for.clone()),
        roles: AnchorRoles::Privileged,
    }];
    let privileged: Vec<PrivilegedKey> = said
        .privileged
        .iter()
        .map(|listed| PrivilegedKey { identity: listed.identity.clone(), key: listed.key })
        .collect();
    let request = PathRequest {
        intermediates: above,
        crls,
        privileged: &privileged,
        // An authority that was away comes back with a fresh list; until then the last one tells.
        revocation: Revocation::Grace { stale_ms: GRACE_MS },
        ..PathRequest::new(signer, &anchors, at, Purpose::Signing(&[RoleKind::Registry]))
    };
    path::validate(&request).passed().map_err(|problem| problem.within("registry signer"))?;
    Ok(signer.clone())
}

/// Of every issuer the list with the highest number: an older one that is served again makes nothing forgotten.
fn merge(registry: &Signed<Registry>, served: &[Vec<u8>], held: &[Crl]) -> Result<Vec<Crl>> {
    if served.len() > CRLS_MAX {
        return Err(Problem::new(Code::TooLarge, "CRLs").expected("at most 16"));
    }
    let anchors = registry.value().anchors.iter().map(|anchor| Certificate::from_der(&anchor.certificate));
    let anchors = anchors.collect::<Result<Vec<_>>>()?;
    let mut newest = held.to_vec();
    for der in served {
        let crl = Crl::from_der(der)?;
        crl.usable()?;
        let genuine = anchors.iter().any(|anchor| {
            anchor.subject() == crl.issuer() && crl.verify_signed_by(anchor.public_key()).is_ok()
        });
        if !genuine {
            return Err(Problem::new(Code::PathInvalid, "CRL")
                .found(format!("a list of {}", crl.issuer()))
                .expected("a list signed by an anchor of the registry"));
        }
        match newest.iter_mut().find(|known| known.issuer() == crl.issuer()) {
            Some(known) if known.number() == crl.number() && known.digest() != crl.digest() => {
                return Err(Problem::new(Code::ForkDetected, "CRL")
                    .found(crl.digest().to_string())
                    .expected(format!("{} for number {:?}", known.digest(), crl.number())));
            }
            Some(known) if known.number() < crl.number() => *known = crl,
            Some(_) => {}
            None => newest.push(crl),
        }
    }
    Ok(newest)
}

#[cfg(test)]
mod tests {
    use ogic_certs::testing::Federation;

    use super::*;

    const NOW: Timestamp = Timestamp::from_ms_clamped(1_795_576_803_007);

    #[test]
    fn what_may_take_the_place_of_what_is_held() {
        let mut federation = Federation::new(1, NOW);
        federation.signer("ogic://transport.gov.example/node");
        let (v1, crl1) = (federation.registry(), federation.crl());
        let pin = Pin { signer: None, ..federation.pin() };
        let first = accept(v1.bytes(), &[crl1.der().to_vec()], None, &pin, NOW).unwrap();
        assert_eq!(first.pin.signer, federation.pin().signer);
        let (pin, held) = (first.pin.clone(), first.into_trust().unwrap());

        let (v2, crl2) = (federation.registry(), federation.crl());
        let next = accept(v2.bytes(), &[crl2.der().to_vec()], Some(&held), &pin, NOW).unwrap();
        assert_eq!((next.pin.version_min, next.crls[0].number()), (2, Some(2)));
        let newer = next.clone().into_trust().unwrap();

        let mut stranger = Federation::new(2, NOW);
        let (theirs, their_crl) = (stranger.registry(), stranger.crl());
        let again = accept(v2.bytes(), &[crl1.der().to_vec()], Some(&newer), &next.pin, NOW).unwrap();
        assert_eq!(again.crls[0].number(), Some(2), "an older list makes nothing forgotten");
        let far = NOW.plus_ms(400 * 86_400_000);
        for (name, bytes, crl, at, code) in [
            ("older_version", v1.bytes(), &crl2, NOW, Code::RegistryRollback),
            ("another_root", theirs.bytes(), &their_crl, NOW, Code::PathInvalid),
            ("list_of_a_stranger", v2.bytes(), &their_crl, NOW, Code::PathInvalid),
            ("signer_expired", v2.bytes(), &crl2, far, Code::CertificateExpired),
            ("cut", &v2.bytes()[..200], &crl2, NOW, Code::Malformed),
        ] {
            let problem = accept(bytes, &[crl.der().to_vec()], Some(&newer), &next.pin, at).expect_err(name);
            assert_eq!(problem.code, code, "{name}: {problem}");
        }
    }

    #[test]
    fn a_pinned_signer_stays_pinned() {
        let mut federation = Federation::new(1, NOW);
        let (registry, crl) = (federation.registry(), federation.crl());
        let pin = Pin { signer: Some(ogic_certs::Digest::of(b"another key")), ..federation.pin() };
        let problem = accept(registry.bytes(), &[crl.der().to_vec()], None, &pin, NOW).unwrap_err();
        assert_eq!(problem.code, Code::RegistrySignerUnknown);
    }
}
