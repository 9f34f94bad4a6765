//! What a participant trusts at one moment: a registry, the CRLs that came with it, and the root pinned at join.
//!
//! An immutable snapshot; when registry or CRLs change a new one takes its place. It decides who may speak on a channel
//! and who may sign what, and is the only place where a [`Verified`] is made.

mod freshness;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::certificate::Certificate;
use crate::cose::{Kind, Payload, Signed};
use crate::crl::Crl;
use crate::event::Approval;
use crate::evidence::Judgement;
use crate::path::{
    self, AnchorRoles, PathReport, PathRequest, PrivilegedKey, Purpose, Revocation, RoleKind, TrustAnchor,
};
use crate::registry::{Pin, Registry};
use crate::verdict::{SubIndication, Verdict};
use crate::{AgencyId, Code, Digest, Identity, Problem, Result, Role, Timestamp};

pub use freshness::{Freshness, GRACE_MS};

/// Most path results that are remembered.
const MEMO_MAX: usize = 4096;

/// A payload whose signature, path, revocation and role held at a time. Only [`Trust`] makes one.
#[derive(Clone, Debug)]
pub struct Verified<T> {
    signed: Signed<T>,
    identity: Identity,
    at: Timestamp,
    path: Arc<[Certificate]>,
}

impl<T> Verified<T> {
    /// What it says.
    pub const fn value(&self) -> &T {
        self.signed.value()
    }

    /// Who signed it.
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The envelope with its payload.
    pub const fn signed(&self) -> &Signed<T> {
        &self.signed
    }

    /// As of when it was judged.
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// The certificates that it was found to rest on: the signer's, then those up to the anchor, which is the registry's to
    /// bring. Whatever else came along is not worth keeping.
    pub fn rests_on(&self) -> &[Certificate] {
        &self.path
    }
}

/// What a participant trusts.
pub struct Trust {
    registry: Arc<Signed<Registry>>,
    anchors: Vec<TrustAnchor>,
    privileged: Vec<PrivilegedKey>,
    crls: Vec<Crl>,
    pin: Pin,
    memo: Mutex<HashMap<(Digest, Use), Held>>,
}

/// A path that held, and from when until when the same inputs give the same answer.
struct Held {
    from: Timestamp,
    to: Timestamp,
    path: Arc<[Certificate]>,
}

impl Trust {
    /// Takes a registry that was accepted ([`crate::registry::accept`]) and the CRLs that belong to it.
    ///
    /// The pinned root is among the registry's anchors, or the registry is not of this federation. It alone may issue for
    /// privileged roles, whose keys the registry lists besides.
    pub fn new(registry: Arc<Signed<Registry>>, crls: Vec<Crl>, pin: Pin) -> Result<Self> {
        let mut anchors = Vec::new();
        for anchor in &registry.value().anchors {
            let certificate = Certificate::from_der(&anchor.certificate)?;
            let roles =
                if certificate.digest() == pin.root { AnchorRoles::Privileged } else { AnchorRoles::Members };
            anchors.push(TrustAnchor { certificate, speaks_for: Some(anchor.speaks_for.clone()), roles });
        }
        if !anchors.iter().any(|anchor| anchor.roles == AnchorRoles::Privileged) {
            return Err(Problem::new(Code::PathInvalid, "anchors")
                .found("none that was pinned")
                .expected(pin.root.to_string()));
        }
        let privileged = registry.value().privileged.iter();
        let privileged =
            privileged.map(|p| PrivilegedKey { identity: p.identity.clone(), key: p.key }).collect();
        Ok(Self { registry, anchors, privileged, crls, pin, memo: Mutex::default() })
    }

    /// The registry.
    pub fn registry(&self) -> &Registry {
        self.registry.value()
    }

    /// The registry as it was signed.
    pub fn signed_registry(&self) -> &Arc<Signed<Registry>> {
        &self.registry
    }

    /// The CRLs.
    pub fn crls(&self) -> &[Crl] {
        &self.crls
    }

    /// What was pinned at join.
    pub const fn pin(&self) -> &Pin {
        &self.pin
    }

    /// The certificates that paths may end in.
    pub fn anchors(&self) -> &[TrustAnchor] {
        &self.anchors
    }

    /// When registry or CRLs end first.
    pub fn fresh_until(&self) -> Timestamp {
        let ends = self.crls.iter().filter_map(Crl::next_update);
        ends.fold(self.registry().expires, Timestamp::min)
    }

    /// How old it is.
    pub fn freshness(&self, now: Timestamp) -> Freshness {
        Freshness::of(self.fresh_until(), now)
    }

    /// Whether a new grant may be given or taken: only on fresh data. Errors: `RegistryExpired`, `RevocationStale`.
    pub fn takes_grants(&self, now: Timestamp) -> Result<()> {
        if self.freshness(now) == Freshness::Fresh { Ok(()) } else { Err(self.aged("fresh data")) }
    }

    /// Whether the agency's own people may act: until the grace has ended. Errors: `RegistryExpired`, `RevocationStale`.
    pub fn takes_acts(&self, now: Timestamp) -> Result<()> {
        if self.freshness(now) == Freshness::Refused {
            Err(self.aged("data that are fresh, or within their grace"))
        } else {
            Ok(())
        }
    }

    /// What is too old, by the code of whichever ends first.
    fn aged(&self, expected: &str) -> Problem {
        let end = self.fresh_until();
        let code = if end == self.registry().expires { Code::RegistryExpired } else { Code::RevocationStale };
        Problem::new(code, "trust").found(format!("data that ended at {end}")).expected(expected)
    }

    /// Validates the path of `certificate` at `at`, with `others` as candidates between it and an anchor. Within the grace the
    /// last good CRL counts for certificates that were issued before it ended.
    pub fn path(
        &self,
        certificate: &Certificate,
        others: &[Certificate],
        purpose: Purpose,
        at: Timestamp,
    ) -> PathReport {
        path::validate(&PathRequest {
            intermediates: others,
            crls: &self.crls,
            privileged: &self.privileged,
            revocation: Revocation::Grace { stale_ms: GRACE_MS },
            ..PathRequest::new(certificate, &self.anchors, at, purpose)
        })
    }

    /// Whether a signature of `kind` that held at its own time still stands at `now`.
    ///
    /// Whoever stole a key signs under any date. A revocation that is known by `now` therefore counts whatever the signature
    /// says of its time, until a third party proves that it is older (EN 319 102-1 5.5): REVOKED_NO_POE, or REVOKED_CA_NO_POE
    /// if it was an authority above. That a certificate has merely ended does not count: its key was nobody else's.
    pub fn stands(
        &self,
        certificate: &Certificate,
        others: &[Certificate],
        kind: Kind,
        now: Timestamp,
    ) -> Result<(), (Judgement, Problem)> {
        let report = self.path(certificate, others, Use::Signing(kind).purpose(), now);
        match (report.sub, report.problem) {
            (Some(SubIndication::Revoked), Some(problem)) => Err(without_poe(problem)),
            _ => Ok(()),
        }
    }

    /// The certificates that a judgement of `certificate` at `at` rests on: itself and, if a path reached an anchor, those in
    /// between, whether or not that path passed. Without such a path nothing vouches for the others.
    pub fn rests_on(
        &self,
        certificate: &Certificate,
        others: &[Certificate],
        at: Timestamp,
    ) -> Vec<Certificate> {
        below_anchor(&self.path(certificate, others, Purpose::Any, at)).to_vec()
    }

    /// The path below its anchor, as [`Trust::path`] finds it, remembering what held.
    fn holds(
        &self,
        certificate: &Certificate,
        others: &[Certificate],
        usage: Use,
        at: Timestamp,
    ) -> Result<Arc<[Certificate]>> {
        let key = (certificate.digest(), usage);
        if let Some(held) = self.lock().get(&key).filter(|held| held.from <= at && at <= held.to) {
            return Ok(Arc::clone(&held.path));
        }
        let report = self.path(certificate, others, usage.purpose(), at).passed()?;
        let path: Arc<[Certificate]> = below_anchor(&report).into();
        // A certificate that is listed as revoked from some time on held only before it: that is asked anew each time.
        let listed = |one: &Certificate| self.crls.iter().any(|crl| crl.lookup(one.serial()).is_some());
        if report.path.iter().any(listed) {
            return Ok(path);
        }
        // Nothing else that was checked changes before the first of these ends; a revocation comes with a new snapshot.
        let to = report.path.iter().map(Certificate::not_after).chain([self.fresh_until()]).min();
        let mut memo = self.lock();
        if memo.len() >= MEMO_MAX {
            memo.clear();
        }
        memo.insert(key, Held { from: at, to: to.unwrap_or(at), path: Arc::clone(&path) });
        Ok(path)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(Digest, Use), Held>> {
        // The map holds finished facts only, so that a panic elsewhere cannot have left it half-written.
        self.memo.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who is at the other end of a channel: role `node`, path and revocation hold, and the registry lists the agency.
    pub fn channel(&self, chain: &[Certificate], at: Timestamp) -> Result<Identity> {
        let Some((leaf, others)) = chain.split_first() else {
            return Err(Problem::new(Code::CertificateUnknown, "channel").found("no certificate"));
        };
        let identity = leaf.identity()?;
        if identity.role != Role::Node {
            return Err(Problem::new(Code::RoleNotAllowed, "channel")
                .found(identity.to_string())
                .expected("the role node"));
        }
        self.holds(leaf, others, Use::Channel, at)?;
        self.member(identity)?;
        Ok(identity.clone())
    }

    /// Verifies a signed object whole: the signer's certificate is among `certificates`, the signature is by its key, its path
    /// and revocation hold at `at`, its role is the one that the kind demands, and its agency is a member.
    pub fn open<T: Payload>(
        &self,
        signed: Signed<T>,
        certificates: &[Certificate],
        at: Timestamp,
    ) -> Result<Verified<T>> {
        let verified = self.open_recorded(signed, certificates, at)?;
        // A privileged role counts by its listed key, which the path has checked; any other as a member's.
        if !verified.identity.role.is_privileged() {
            self.member(&verified.identity)?;
        }
        Ok(verified)
    }

    /// As [`Trust::open`], of what a home has recorded at `at`. Membership was the home's to judge then: an agency that was
    /// struck since is still the author of what it did, if an anchor that speaks for it is listed.
    pub fn open_recorded<T: Payload>(
        &self,
        signed: Signed<T>,
        certificates: &[Certificate],
        at: Timestamp,
    ) -> Result<Verified<T>> {
        let certificate = find(&signed, certificates)?;
        let identity = certificate.identity()?;
        if !may_sign(&identity.role, T::KIND) {
            return Err(Problem::new(Code::RoleNotAllowed, T::KIND.content_type())
                .found(identity.to_string())
                .expected("the role that signs this kind"));
        }
        signed.verify_with(certificate)?;
        let end = self.registry().expires;
        if !Freshness::of(end, at).admits(end, certificate.not_before()) {
            return Err(Problem::new(Code::RegistryExpired, "registry")
                .found(format!("version {} that ended at {end}", self.registry().version))
                .expected("a registry within its life, or its grace for a certificate from before its end"));
        }
        let path = self.holds(certificate, certificates, Use::Signing(T::KIND), at)?;
        Ok(Verified { identity: identity.clone(), signed, at, path })
    }

    /// Judges an official's approval of an act of `agency`: never an error, since what fails is content. Gives what the
    /// judgement rests on too: of an approval that fails without a path to an anchor, the signer's certificate alone.
    pub fn judge_approval(
        &self,
        approval: &Signed<Approval>,
        certificates: &[Certificate],
        at: Timestamp,
        agency: &AgencyId,
    ) -> (Judgement, Vec<Certificate>) {
        self.judge(approval, certificates, at, agency, self.open(approval.clone(), certificates, at))
    }

    /// As [`Trust::judge_approval`], of an act that a home has recorded at `at`; see [`Trust::open_recorded`].
    pub fn judge_recorded_approval(
        &self,
        approval: &Signed<Approval>,
        certificates: &[Certificate],
        at: Timestamp,
        agency: &AgencyId,
    ) -> (Judgement, Vec<Certificate>) {
        self.judge(approval, certificates, at, agency, self.open_recorded(approval.clone(), certificates, at))
    }

    fn judge(
        &self,
        approval: &Signed<Approval>,
        certificates: &[Certificate],
        at: Timestamp,
        agency: &AgencyId,
        opened: Result<Verified<Approval>>,
    ) -> (Judgement, Vec<Certificate>) {
        let certificate = match find(approval, certificates) {
            Ok(certificate) => certificate,
            Err(problem) => return (judgement_of(&problem), Vec::new()),
        };
        match opened {
            Ok(verified) if verified.identity.agency == *agency => {
                (Judgement::PASSED, verified.rests_on().to_vec())
            }
            Ok(verified) => {
                let judgement = Judgement {
                    verdict: Verdict::TotalFailed,
                    sub: Some(SubIndication::ChainConstraintsFailure),
                    code: Some(Code::IdentityMismatch),
                };
                (judgement, verified.rests_on().to_vec())
            }
            Err(problem) if approval.verify_with(certificate).is_err() => {
                (judgement_of(&problem), vec![certificate.clone()])
            }
            Err(problem) => {
                // The signature is right: what the path says of the signer is the more telling.
                let report = self.path(certificate, certificates, Use::Signing(Kind::Approval).purpose(), at);
                let judgement = match report.verdict {
                    Verdict::TotalPassed => judgement_of(&problem),
                    verdict => Judgement { verdict, sub: report.sub, code: Some(problem.code) },
                };
                (judgement, below_anchor(&report).to_vec())
            }
        }
    }

    /// The agency must be listed.
    fn member(&self, identity: &Identity) -> Result<()> {
        if self.registry().member(&identity.agency).is_some() {
            Ok(())
        } else {
            Err(Problem::new(Code::AgencyUnknown, "agency")
                .found(identity.agency.to_string())
                .expected(format!("a member in registry version {}", self.registry().version)))
        }
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trust(registry {}, {} CRLs)", self.registry().version, self.crls.len())
    }
}

/// Which role signs which kind.
pub const fn may_sign(role: &Role, kind: Kind) -> bool {
    match kind {
        Kind::Event
        | Kind::Checkpoint
        | Kind::Reference
        | Kind::Refusal
        | Kind::Verdict
        | Kind::Service
        | Kind::Capsule
        | Kind::Custody => matches!(role, Role::Seal),
        // A third party has no seal, and tells where it listens all the same.
        Kind::Announcement => matches!(role, Role::Seal | Role::Ttp),
        Kind::Approval => matches!(role, Role::Official(_)),
        Kind::Evidence => matches!(role, Role::Ttp),
        Kind::Registry => matches!(role, Role::Registry),
    }
}

/// What a path was found good for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Use {
    Channel,
    Signing(Kind),
}

impl Use {
    const fn purpose(self) -> Purpose {
        match self {
            Self::Channel => Purpose::Channel,
            Self::Signing(Kind::Approval) => Purpose::Signing(&[RoleKind::Official]),
            Self::Signing(Kind::Evidence) => Purpose::Signing(&[RoleKind::Ttp]),
            Self::Signing(Kind::Announcement) => Purpose::Signing(&[RoleKind::Seal, RoleKind::Ttp]),
            Self::Signing(Kind::Registry) => Purpose::Signing(&[RoleKind::Registry]),
            Self::Signing(_) => Purpose::Signing(&[RoleKind::Seal]),
        }
    }
}

/// A revocation or an end that a signature may be older than, without a proof that it is: undecided, not failed
/// (EN 319 102-1 5.2.6 and 5.5).
pub fn without_poe(problem: Problem) -> (Judgement, Problem) {
    let sub = match problem.code {
        Code::CertificateRevoked if problem.field == path::TARGET => SubIndication::RevokedNoPoe,
        Code::CertificateRevoked => SubIndication::RevokedCaNoPoe,
        _ => SubIndication::OutOfBoundsNoPoe,
    };
    let problem = match problem.code {
        Code::CertificateRevoked => problem.expected(
            "a third party's proof that the signature is older, or the same signed anew by the agency's present key",
        ),
        _ => problem,
    };
    (Judgement { verdict: Verdict::Indeterminate, sub: Some(sub), code: Some(problem.code) }, problem)
}

/// The judgement that a problem amounts to, where no path report says it better.
pub fn judgement_of(problem: &Problem) -> Judgement {
    let (verdict, sub) = match problem.code {
        Code::SignatureInvalid => (Verdict::TotalFailed, SubIndication::SigCryptoFailure),
        Code::DigestMismatch => (Verdict::TotalFailed, SubIndication::HashFailure),
        Code::CertificateRevoked => (Verdict::TotalFailed, SubIndication::Revoked),
        Code::CertificateExpired => (Verdict::Indeterminate, SubIndication::OutOfBoundsNoPoe),
        Code::CertificateUnknown => (Verdict::Indeterminate, SubIndication::NoCertificateChainFound),
        Code::RegistryExpired | Code::RevocationStale | Code::TrustUndecidable => {
            (Verdict::Indeterminate, SubIndication::TryLater)
        }
        Code::AlgorithmRefused | Code::KeyRefused => {
            (Verdict::Indeterminate, SubIndication::CryptoConstraintsFailure)
        }
        Code::Malformed | Code::KindMismatch | Code::TooLarge => {
            (Verdict::TotalFailed, SubIndication::FormatFailure)
        }
        _ => (Verdict::TotalFailed, SubIndication::ChainConstraintsFailure),
    };
    Judgement { verdict, sub: Some(sub), code: Some(problem.code) }
}

/// The path of a report without its anchor. One that was judged ends in an anchor; else there is the target alone.
fn below_anchor(report: &PathReport) -> &[Certificate] {
    match report.path.split_last() {
        Some((_, below)) if !below.is_empty() => below,
        _ => &report.path,
    }
}

fn find<'a, T>(signed: &Signed<T>, certificates: &'a [Certificate]) -> Result<&'a Certificate> {
    let signer = signed.envelope().signer();
    certificates.iter().find(|certificate| certificate.digest() == signer).ok_or_else(|| {
        Problem::new(Code::CertificateUnknown, "x5t")
            .found("a certificate not at hand")
            .expected(signer.to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::{Checkpoint, Heads, Origin};
    use crate::event::Kind as EventKind;
    use crate::merkle::empty_root;
    use crate::testing::{Federation, agency};
    use crate::{CaseId, Digest};

    const NOW: Timestamp = Timestamp::from_ms_clamped(1_795_576_800_000);

    fn trust_of(federation: &mut Federation) -> Trust {
        let (registry, crl) = (federation.registry(), federation.crl());
        Trust::new(Arc::new(registry), vec![crl], federation.pin()).unwrap()
    }

    fn checkpoint() -> Checkpoint {
        let origin = Origin { agency: agency("transport.gov.example"), log: [1; 16], generation: 1 };
        Checkpoint { origin, size: 0, root: empty_root(), heads: Heads::none() }
    }

    fn approval() -> Approval {
        Approval {
            case: Some(CaseId(Digest::of(b"c"))),
            kind: EventKind::Step,
            step: Some("medical".to_owned()),
            commitment: Digest::of(b"b"),
        }
    }

    #[test]
    fn each_kind_is_signed_by_its_role_alone() {
        let mut federation = Federation::new(1, NOW);
        let seal = federation.signer("ogic://transport.gov.example/seal");
        let node = federation.signer("ogic://transport.gov.example/node");
        let official = federation.signer("ogic://transport.gov.example/official/licensing-1");
        let trust = trust_of(&mut federation);
        for (signer, opens) in [(&seal, true), (&node, false), (&official, false)] {
            let signed = Signed::sign(checkpoint(), signer).unwrap();
            let opened = trust.open(signed, &[signer.certificate().clone()], NOW);
            assert_eq!(opened.is_ok(), opens, "{:?}", signer.certificate().identity());
        }
        let chain: Vec<_> = node.chain().cloned().collect();
        assert_eq!(trust.channel(&chain, NOW).unwrap().agency, agency("transport.gov.example"));
        let chain: Vec<_> = seal.chain().cloned().collect();
        assert_eq!(trust.channel(&chain, NOW).unwrap_err().code, Code::RoleNotAllowed);
    }

    #[test]
    fn an_agency_that_is_struck_speaks_no_more() {
        let mut federation = Federation::new(2, NOW);
        let node = federation.signer("ogic://health.gov.example/node");
        federation.signer("ogic://transport.gov.example/node");
        federation.remove_member(&agency("health.gov.example"));
        let trust = trust_of(&mut federation);
        let chain: Vec<_> = node.chain().cloned().collect();
        assert_eq!(trust.channel(&chain, NOW).unwrap_err().code, Code::AgencyUnknown);
    }

    #[test]
    fn what_a_former_member_did_stays_its_own_and_nothing_new_is_taken_of_it() {
        let mut federation = Federation::new(8, NOW);
        let seal = federation.signer("ogic://health.gov.example/seal");
        let official = federation.signer("ogic://health.gov.example/official/physician-1");
        let health = agency("health.gov.example");
        federation.remove_member(&health);
        let trust = trust_of(&mut federation);
        let signed = Signed::sign(checkpoint(), &seal).unwrap();
        let bag = [seal.certificate().clone()];
        assert_eq!(trust.open(signed.clone(), &bag, NOW).unwrap_err().code, Code::AgencyUnknown);
        assert_eq!(trust.open_recorded(signed, &bag, NOW).unwrap().identity().agency, health);
        let signed = Signed::sign(approval(), &official).unwrap();
        let bag = [official.certificate().clone()];
        assert_eq!(trust.judge_approval(&signed, &bag, NOW, &health).0.code, Some(Code::AgencyUnknown));
        assert_eq!(trust.judge_recorded_approval(&signed, &bag, NOW, &health).0, Judgement::PASSED);
    }

    #[test]
    fn an_old_registry_is_refused_though_its_lists_are_new_and_a_new_one_is_taken_at_once() {
        let mut federation = Federation::new(9, NOW);
        let seal = federation.signer("ogic://transport.gov.example/seal");
        let old = Arc::new(federation.registry());
        let late = old.value().expires.plus_ms(GRACE_MS + 1);
        federation.set_now(late);
        let crl = federation.crl();
        let pin = federation.pin();
        let trust = Trust::new(old.clone(), vec![crl.clone()], pin.clone()).unwrap();
        let open = |trust: &Trust| {
            let signed = Signed::sign(checkpoint(), &seal).unwrap();
            trust.open(signed, &[seal.certificate().clone()], late).map(|_| ()).map_err(|p| p.code)
        };
        assert_eq!(open(&trust), Err(Code::RegistryExpired));
        assert_eq!(trust.takes_acts(late).unwrap_err().code, Code::RegistryExpired);
        let stale = old.value().expires.plus_ms(1);
        assert!(trust.takes_acts(stale).is_ok());
        assert_eq!(trust.takes_grants(stale).unwrap_err().code, Code::RegistryExpired);
        let renewed = Trust::new(Arc::new(federation.registry()), vec![crl], pin).unwrap();
        assert_eq!(open(&renewed), Ok(()));
        assert!(renewed.takes_grants(late).is_ok());
    }

    #[test]
    fn approvals_are_judged_by_name_of_what_fails() {
        let mut federation = Federation::new(3, NOW);
        let official = federation.signer("ogic://health.gov.example/official/physician-1");
        let revoked = federation.signer("ogic://health.gov.example/official/physician-2");
        federation.revoke(revoked.certificate(), NOW.minus_ms(1));
        let stranger = Federation::new(4, NOW).signer("ogic://health.gov.example/official/physician-1");
        let trust = trust_of(&mut federation);
        let health = agency("health.gov.example");
        let judge = |signer: &crate::cose::Signer, home: &AgencyId, at| {
            let signed = Signed::sign(approval(), signer).unwrap();
            trust.judge_approval(&signed, &[signer.certificate().clone()], at, home).0
        };
        assert_eq!(judge(&official, &health, NOW), Judgement::PASSED);
        let failed = judge(&revoked, &health, NOW);
        assert_eq!((failed.verdict, failed.sub), (Verdict::TotalFailed, Some(SubIndication::Revoked)));
        assert_eq!(failed.code, Some(Code::CertificateRevoked));
        let foreign = judge(&official, &agency("transport.gov.example"), NOW);
        assert_eq!((foreign.verdict, foreign.code), (Verdict::TotalFailed, Some(Code::IdentityMismatch)));
        assert_eq!(judge(&stranger, &health, NOW).verdict, Verdict::Indeterminate);
        let unknown = {
            let signed = Signed::sign(approval(), &official).unwrap();
            trust.judge_approval(&signed, &[], NOW, &health).0
        };
        assert_eq!(unknown.sub, Some(SubIndication::NoCertificateChainFound));
    }

    #[test]
    fn what_held_before_a_revocation_does_not_hold_after_it() {
        let mut federation = Federation::new(6, NOW);
        let seal = federation.signer("ogic://transport.gov.example/seal");
        federation.revoke(seal.certificate(), NOW);
        let trust = trust_of(&mut federation);
        let open = |at| {
            let signed = Signed::sign(checkpoint(), &seal).unwrap();
            trust.open(signed, &[seal.certificate().clone()], at).map(|_| ())
        };
        for _ in 0..2 {
            assert!(open(NOW.minus_ms(1_000)).is_ok());
            assert_eq!(open(NOW.plus_ms(1)).unwrap_err().code, Code::CertificateRevoked);
        }
    }

    #[test]
    fn a_revocation_that_is_known_now_counts_whatever_time_a_signature_tells() {
        let mut federation = Federation::new(7, NOW);
        let seal = federation.signer("ogic://transport.gov.example/seal");
        let other = federation.signer("ogic://transport.gov.example/seal");
        federation.revoke(seal.certificate(), NOW);
        let trust = trust_of(&mut federation);
        let stands = |signer: &crate::cose::Signer, now| {
            trust
                .stands(signer.certificate(), &[], Kind::Capsule, now)
                .map_err(|(judgement, _)| judgement.sub)
        };
        let year = NOW.plus_ms(365 * 86_400_000);
        assert_eq!(stands(&seal, NOW.minus_ms(1_000)), Ok(()));
        for now in [NOW, year, Timestamp::LATEST] {
            assert_eq!(stands(&seal, now), Err(Some(SubIndication::RevokedNoPoe)), "{now}");
            // Ended, and never revoked.
            assert_eq!(stands(&other, now), Ok(()), "{now}");
        }
    }

    #[test]
    fn stale_data_serve_what_was_known_and_nothing_new() {
        let mut federation = Federation::new(5, NOW);
        let known = federation.signer("ogic://transport.gov.example/seal");
        let trust = trust_of(&mut federation);
        let day = 86_400_000;
        federation.set_now(NOW.plus_ms(4 * day));
        let newcomer = federation.signer("ogic://transport.gov.example/seal");
        let open = |signer: &crate::cose::Signer, at| {
            let signed = Signed::sign(checkpoint(), signer).unwrap();
            trust.open(signed, &[signer.certificate().clone()], at).map(|_| ())
        };
        assert_eq!(trust.freshness(NOW.plus_ms(2 * day)), Freshness::Stale);
        assert!(open(&known, NOW.plus_ms(2 * day)).is_ok());
        assert!(open(&newcomer, NOW.plus_ms(4 * day)).is_err());
        assert_eq!(trust.freshness(NOW.plus_ms(9 * day)), Freshness::Refused);
        assert!(open(&known, NOW.plus_ms(9 * day)).is_err());
    }
}
