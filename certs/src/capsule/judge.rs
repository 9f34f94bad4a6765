//! Judging the signatures in a capsule by what the reader trusts: signature, path, revocation, role, membership.

use std::collections::HashMap;
use std::sync::Arc;

use super::examine::Given;
use super::report::{Report, Step, failed, open};
use crate::certificate::Certificate;
use crate::cose::{Kind, Payload, Signed};
use crate::crl::Crl;
use crate::evidence::Judgement;
use crate::path::{Purpose, RoleKind, TrustAnchor};
use crate::registry::Registry;
use crate::trust::{self, Trust, may_sign};
use crate::verdict::{SubIndication, Verdict};
use crate::{Code, Digest, Identity, Problem, Result, Timestamp};

/// What a signature is judged by.
#[derive(Debug)]
pub(super) struct Judge {
    /// The pinned registry's trust, if the reader has one.
    pinned: Option<Trust>,
    /// That of the registry carried, once it has been found to be of the pinned federation.
    carried: Option<Trust>,
    certificates: HashMap<Digest, Certificate>,
    authorities: Vec<Certificate>,
    crls: Vec<Crl>,
    /// The reader's now.
    now: Timestamp,
}

/// What came of one signature.
#[derive(Clone, Debug)]
pub(super) struct Judged {
    /// Who the signer's certificate speaks for, if the signature is by its key.
    pub(super) identity: Option<Identity>,
    pub(super) outcome: Result<(), (Judgement, Problem)>,
}

impl Judge {
    /// With the certificates and lists carried, and what the reader gave. `PathInvalid` if the reader's registry and pin
    /// do not belong together.
    pub(super) fn new(given: &Given, certificates: Vec<Certificate>, carried: Vec<Crl>) -> Result<Self> {
        let mut crls = carried;
        for crl in &given.crls {
            if !crls.iter().any(|known| known.digest() == crl.digest()) {
                crls.push(crl.clone());
            }
        }
        let pinned = match &given.pinned {
            Some((registry, pin)) => Some(Trust::new(Arc::clone(registry), crls.clone(), pin.clone())?),
            None => None,
        };
        let authorities = certificates.iter().filter(|one| one.is_ca()).cloned().collect();
        let certificates = certificates.into_iter().map(|one| (one.digest(), one)).collect();
        let now = given.at.or(given.now).unwrap_or(Timestamp::LATEST);
        Ok(Self { pinned, carried: None, certificates, authorities, crls, now })
    }

    /// With nothing that is trusted.
    pub(super) fn without_trust(certificates: Vec<Certificate>) -> Self {
        let certificates = certificates.into_iter().map(|one| (one.digest(), one)).collect();
        let (authorities, crls, now) = (Vec::new(), Vec::new(), Timestamp::LATEST);
        Self { pinned: None, carried: None, certificates, authorities, crls, now }
    }

    pub(super) fn certificate(&self, digest: &Digest) -> Option<&Certificate> {
        self.certificates.get(digest)
    }

    pub(super) const fn pinned(&self) -> Option<&Trust> {
        self.pinned.as_ref()
    }

    /// From now on the registry carried also tells who was a member and which keys counted.
    pub(super) fn admit(&mut self, registry: Signed<Registry>) {
        if let Some(pinned) = &self.pinned {
            self.carried = Trust::new(Arc::new(registry), self.crls.clone(), pinned.pin().clone()).ok();
        }
    }

    /// Judges `signed` as of `at`, by a certificate that the capsule carries.
    pub(super) fn judge<T: Payload + Clone>(&self, signed: &Signed<T>, at: Timestamp) -> Judged {
        match self.certificate(&signed.envelope().signer()) {
            Some(certificate) => self.judge_by(signed, certificate, &self.authorities, at),
            None => Judged { identity: None, outcome: Err(no_certificate(signed.envelope().signer())) },
        }
    }

    /// Judges a signature of the capsule's own, which says of itself that it is of `made`, as of `at`. That its certificate is
    /// not valid then, or was revoked by then, is undecided, not failed, unless it was revoked when it says that it signed.
    pub(super) fn judge_own<T: Payload + Clone>(
        &self,
        signed: &Signed<T>,
        made: Timestamp,
        at: Timestamp,
    ) -> Judged {
        let judged = self.judge(signed, at);
        let sub = |judged: &Judged| judged.outcome.as_ref().err().and_then(|(judgement, _)| judgement.sub);
        let open = match sub(&judged) {
            Some(SubIndication::Expired | SubIndication::NotYetValid) => true,
            Some(SubIndication::Revoked) => sub(&self.judge(signed, made)) != Some(SubIndication::Revoked),
            _ => false,
        };
        let outcome =
            judged.outcome.map_err(
                |(judgement, problem)| {
                    if open { trust::without_poe(problem) } else { (judgement, problem) }
                },
            );
        Judged { identity: judged.identity, outcome }
    }

    /// Whether a signature on which the times in the capsule rest still stands at the reader's now, by the newest lists of
    /// the capsule's and the reader's own. Nothing besides it tells how old it is.
    pub(super) fn check_stands<T: Payload>(
        &self,
        signed: &Signed<T>,
        step: Step,
        place: &str,
        report: &mut Report,
    ) {
        let certificate = self.certificate(&signed.envelope().signer());
        let (Some(pinned), Some(certificate)) = (&self.pinned, certificate) else { return };
        let what = match self.now {
            Timestamp::LATEST => "the seal is not known to be revoked".to_owned(),
            now => format!("the seal is not known to be revoked at {now}"),
        };
        let result = pinned.stands(certificate, &self.authorities, T::KIND, self.now);
        report.check(step, place, what, result);
    }

    /// When the newest list at hand was made that an anchor of the reader's signed.
    pub(super) fn lists_until(&self) -> Option<Timestamp> {
        let anchors = self.pinned.as_ref()?.anchors();
        let genuine = |crl: &&Crl| {
            let issued = |anchor: &&TrustAnchor| anchor.certificate.subject() == crl.issuer();
            let mut issuers = anchors.iter().filter(issued);
            issuers.any(|anchor| crl.verify_signed_by(anchor.certificate.public_key()).is_ok())
        };
        self.crls.iter().filter(genuine).map(Crl::this_update).max()
    }

    /// Judges `signed` by `certificate`, with `above` as candidates for its path.
    pub(super) fn judge_by<T: Payload + Clone>(
        &self,
        signed: &Signed<T>,
        certificate: &Certificate,
        above: &[Certificate],
        at: Timestamp,
    ) -> Judged {
        if let Err(problem) = signed.verify_with(certificate) {
            return Judged { identity: None, outcome: Err((failed(&problem), problem)) };
        }
        let identity = match certificate.identity() {
            Ok(identity) => identity.clone(),
            Err(problem) => return Judged { identity: None, outcome: Err((failed(&problem), problem)) },
        };
        let outcome = if may_sign(&identity.role, T::KIND) {
            self.path(signed, certificate, above, at)
        } else {
            let problem = Problem::new(Code::RoleNotAllowed, "signer")
                .found(identity.to_string())
                .expected("the role that signs this kind");
            Err((failed(&problem), problem))
        };
        Judged { identity: Some(identity), outcome }
    }

    fn path<T: Payload + Clone>(
        &self,
        signed: &Signed<T>,
        certificate: &Certificate,
        above: &[Certificate],
        at: Timestamp,
    ) -> Result<(), (Judgement, Problem)> {
        let Some(pinned) = &self.pinned else {
            let problem = Problem::new(Code::TrustUndecidable, "certificate path")
                .found("no pinned registry")
                .expected("the federation's registry and the pin of its root");
            return Err(open(SubIndication::NoCertificateChainFound, problem));
        };
        let mut candidates = vec![certificate.clone()];
        candidates.extend(above.iter().cloned());
        let Err(problem) = pinned.open(signed.clone(), &candidates, at) else { return Ok(()) };
        // A key that was rotated since, or a member that has left, is known to the registry of that time.
        let outdated = matches!(problem.code, Code::KeyRefused | Code::AgencyUnknown);
        if outdated
            && let Some(carried) = &self.carried
            && carried.open(signed.clone(), &candidates, at).is_ok()
        {
            return Ok(());
        }
        let report = pinned.path(certificate, above, purpose(T::KIND), at);
        match report.verdict {
            // The path holds, and the registry does not list the agency: it may have left since.
            Verdict::TotalPassed => Err(open(SubIndication::Generic, problem)),
            verdict => {
                let problem = report.problem.unwrap_or(problem);
                Err((Judgement { verdict, sub: report.sub, code: Some(problem.code) }, problem))
            }
        }
    }
}

/// The signer's certificate is not at hand.
pub(super) fn no_certificate(signer: Digest) -> (Judgement, Problem) {
    let problem = Problem::new(Code::CertificateUnknown, "x5t")
        .found("a certificate that the capsule does not carry")
        .expected(signer.to_string());
    open(SubIndication::NoSigningCertificateFound, problem)
}

const fn purpose(kind: Kind) -> Purpose {
    match kind {
        Kind::Approval => Purpose::Signing(&[RoleKind::Official]),
        Kind::Evidence => Purpose::Signing(&[RoleKind::Ttp]),
        Kind::Registry => Purpose::Signing(&[RoleKind::Registry]),
        _ => Purpose::Signing(&[RoleKind::Seal]),
    }
}
