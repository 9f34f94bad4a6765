//! The judgement of an event's signatures: every check is run and recorded, the worst verdict wins. Pure.
//!
//! The evidence carries what was used, so that [`super::replay()`] comes to the same answer offline, years later, by
//! the same code. The body is never seen: the approval commits to it. Documents' own signatures are not judged yet.

use ogic_certs::certificate::Certificate;
use ogic_certs::cose::{Payload, Signed};
use ogic_certs::crl::Crl;
use ogic_certs::event::{Approval, Header};
use ogic_certs::evidence::{Evidence, Input, Judgement, VerifyRequest};
use ogic_certs::path::{self, PathRequest, Purpose, RoleKind, TrustAnchor};
use ogic_certs::registry::Registry;
use ogic_certs::trust::Trust;
use ogic_certs::verdict::{SubIndication, Verdict};
use ogic_certs::{AgencyId, Code, Digest, EventId, Identity, Role, Timestamp};

use super::findings::Findings;
use super::policy;

/// Bytes of inputs that one evidence carries at most, so that it fits where evidence travels.
const CARRIED_BYTES_MAX: usize = 40 << 10;
/// Where the time of a judgement comes from.
pub const TIME_SOURCE: &str = "clock of the trusted third party";

/// What a judgement rests on.
pub(super) struct Material<'a> {
    pub(super) header: &'a [u8],
    pub(super) approval: Option<&'a [u8]>,
    pub(super) documents: usize,
    pub(super) certificates: Vec<Certificate>,
    pub(super) registry: &'a Registry,
    pub(super) anchors: Vec<TrustAnchor>,
    pub(super) crls: &'a [Crl],
    pub(super) at: Timestamp,
}

/// What a judgement came to.
pub(super) struct Outcome {
    pub(super) findings: Findings,
    pub(super) mandate: Option<(AgencyId, Role)>,
    /// The certificates that were used, anchors aside.
    used: Vec<Certificate>,
}

/// Judges what `request` asks, for `requester`, by what the third party itself trusts at `at`. What cannot be read is
/// evidence too.
pub fn judge(request: &VerifyRequest, requester: &AgencyId, trust: &Trust, at: Timestamp) -> Evidence {
    let registry = trust.registry();
    let mut material = Material {
        header: &request.header,
        approval: request.approval.as_deref(),
        documents: request.documents.len(),
        // What is no certificate can be nobody's: it is as if it were not there.
        certificates: request.certificates.iter().filter_map(|der| Certificate::from_der(der).ok()).collect(),
        registry,
        anchors: anchors_of(registry),
        crls: trust.crls(),
        at,
    };
    let mut outcome = decide(&material);
    // Whoever judges again has what was used and nothing else, and what was of no use shows in the checks too: so it is judged by
    // that alone. What is used is always some of what there was, hence this ends.
    while outcome.used != material.certificates {
        material.certificates = outcome.used;
        outcome = decide(&material);
    }
    let mut inputs = Inputs::default();
    inputs.add("event", &request.header);
    if let Some(approval) = &request.approval {
        inputs.add("approval", approval);
    }
    for certificate in &outcome.used {
        inputs.add("certificate", certificate.der());
    }
    for anchor in &material.anchors {
        inputs.add("anchor", anchor.certificate.der());
    }
    for crl in trust.crls() {
        inputs.add("crl", crl.der());
    }
    inputs.add("registry", trust.signed_registry().bytes());
    for document in &request.documents {
        inputs.name("document", document.sha256);
    }
    let judgement = outcome.findings.judgement();
    Evidence {
        requester: requester.clone(),
        nonce: request.nonce,
        event: EventId::of(&request.header),
        approval: request.approval.as_deref().map(Digest::of),
        at,
        time_source: TIME_SOURCE.to_owned(),
        policy: policy::digest(),
        mandate: outcome.mandate,
        judgement,
        checks: outcome.findings.into_checks(),
        inputs: inputs.list,
    }
}

/// The anchors as the registry bounds them; what is no certificate is no anchor. Members' roles alone are judged here.
pub(super) fn anchors_of(registry: &Registry) -> Vec<TrustAnchor> {
    let anchors = registry.anchors.iter().filter_map(|anchor| {
        Some(TrustAnchor {
            certificate: Certificate::from_der(&anchor.certificate).ok()?,
            speaks_for: Some(anchor.speaks_for.clone()),
            roles: path::AnchorRoles::Members,
        })
    });
    anchors.collect()
}

/// Runs every check. The order is that of the report.
pub(super) fn decide(material: &Material<'_>) -> Outcome {
    let mut findings = Findings::default();
    let mut used = Vec::new();
    registry_is_fresh(material, &mut findings);
    let seal = Signature::<Header>::read("event", material.header, &mut findings);
    let author =
        seal.as_ref().and_then(|seal| seal.judge(material, &[RoleKind::Seal], &mut findings, &mut used));
    let mut mandate = None;
    if let Some(seal) = &seal {
        let header = seal.signed.value();
        let approver = approval_of(material, header, &mut findings).and_then(|approval| {
            let covers = approval.signed.value().covers(header);
            let failure = Failure::failed(SubIndication::SigConstraintsFailure, Code::ApprovalInvalid);
            findings.check(
                "approval: is for this event",
                "Ogic policy 1, 4",
                covers.then_some(()).ok_or(failure),
            );
            let signer = approval.judge(material, &[RoleKind::Official], &mut findings, &mut used)?;
            let same = author.as_ref().is_some_and(|author| author.agency == signer.agency);
            let failure = Failure::failed(SubIndication::SigConstraintsFailure, Code::IdentityMismatch);
            let result = same.then_some(()).ok_or(failure);
            findings.check("mandate: the official is of the agency that sealed", "Ogic policy 1, 4", result);
            (same && covers).then_some(signer)
        });
        // Whoever approved acts; without an approval it is the agency by its seal.
        mandate = if header.approval.is_some() { approver } else { author };
    }
    if material.documents > 0 {
        let what = format!("documents: {} named, their own signatures are not judged", material.documents);
        findings.check(what, "Ogic policy 1, 7", Ok(()));
    }
    if !findings.passed() {
        mandate = None;
    }
    Outcome { findings, mandate: mandate.map(|identity| (identity.agency, identity.role)), used }
}

fn registry_is_fresh(material: &Material<'_>, findings: &mut Findings) {
    let fresh = material.at <= material.registry.expires;
    let failure = Failure::open(SubIndication::TryLater, Code::RegistryExpired);
    findings.check("registry: within its life", "Ogic policy 1, 2", fresh.then_some(()).ok_or(failure));
}

/// The approval that the header names, read; whatever is wrong with that is found.
fn approval_of(
    material: &Material<'_>,
    header: &Header,
    findings: &mut Findings,
) -> Option<Signature<Approval>> {
    const NAME: &str = "approval: the one that the event names";
    const SECTION: &str = "Ogic policy 1, 4";
    let failed = |sub, code| Err(Failure::failed(sub, code));
    let (result, bytes) = match (header.approval, material.approval) {
        (None, None) => return None,
        (None, Some(_)) => (failed(SubIndication::SigConstraintsFailure, Code::ApprovalInvalid), None),
        (Some(_), None) => {
            (Err(Failure::open(SubIndication::SignedDataNotFound, Code::ApprovalInvalid)), None)
        }
        (Some(named), Some(bytes)) if Digest::of(bytes) != named => {
            (failed(SubIndication::HashFailure, Code::DigestMismatch), None)
        }
        (Some(_), Some(bytes)) => (Ok(()), Some(bytes)),
    };
    findings.check(NAME, SECTION, result);
    Signature::read("approval", bytes?, findings)
}

/// One signed object under judgement.
struct Signature<T> {
    what: &'static str,
    signed: Signed<T>,
}

impl<T: Payload> Signature<T> {
    fn read(what: &'static str, bytes: &[u8], findings: &mut Findings) -> Option<Self> {
        let parsed = Signed::<T>::parse(bytes);
        let result = parsed
            .as_ref()
            .map(|_| ())
            .map_err(|problem| Failure::failed(SubIndication::FormatFailure, problem.code));
        findings.check(format!("{what}: form"), "RFC 9052 4.2", result);
        Some(Self { what, signed: parsed.ok()? })
    }

    /// Signature, path, revocation, role and membership of the signer. Gives who the named certificate speaks for, whatever
    /// was found: what counts is found already.
    fn judge(
        &self,
        material: &Material<'_>,
        roles: &'static [RoleKind],
        findings: &mut Findings,
        used: &mut Vec<Certificate>,
    ) -> Option<Identity> {
        let what = self.what;
        let named = self.signed.envelope().signer();
        let certificate = material.certificates.iter().find(|certificate| certificate.digest() == named);
        let missing = Failure::open(SubIndication::NoSigningCertificateFound, Code::CertificateUnknown);
        let present = certificate.map(|_| ()).ok_or(missing);
        findings.check(format!("{what}: signer's certificate at hand"), "EN 319 102-1 5.2.3", present);
        let certificate = certificate?;
        use_once(used, certificate);
        let genuine = self.signed.verify_with(certificate);
        let result = genuine.map_err(|problem| {
            let sub = match problem.code {
                Code::SignatureInvalid => SubIndication::SigCryptoFailure,
                _ => SubIndication::CryptoConstraintsFailure,
            };
            Failure::failed(sub, problem.code)
        });
        findings.check(format!("{what}: signature"), "RFC 9052 4.4", result);
        let report = path::validate(&PathRequest {
            intermediates: &material.certificates,
            crls: material.crls,
            ..PathRequest::new(certificate, &material.anchors, material.at, Purpose::Signing(roles))
        });
        let is_anchor = |one: &Certificate| material.anchors.iter().any(|anchor| anchor.certificate == *one);
        for one in report.path.iter().filter(|one| !is_anchor(one)) {
            use_once(used, one);
        }
        findings.path(what, &report);
        let identity = certificate.identity().ok()?;
        let listed = material.registry.member(&identity.agency).is_some();
        let failure = Failure::failed(SubIndication::SigConstraintsFailure, Code::AgencyUnknown);
        findings.check(
            format!("{what}: {} is a member", identity.agency),
            "Ogic policy 1, 2",
            listed.then_some(()).ok_or(failure),
        );
        Some(identity.clone())
    }
}

fn use_once(used: &mut Vec<Certificate>, certificate: &Certificate) {
    if !used.contains(certificate) {
        used.push(certificate.clone());
    }
}

/// How a check that did not hold counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Failure {
    pub(super) judgement: Judgement,
}

impl Failure {
    /// Nothing will mend it.
    fn failed(sub: SubIndication, code: Code) -> Self {
        Self { judgement: Judgement { verdict: Verdict::TotalFailed, sub: Some(sub), code: Some(code) } }
    }

    /// Something would settle it.
    fn open(sub: SubIndication, code: Code) -> Self {
        Self { judgement: Judgement { verdict: Verdict::Indeterminate, sub: Some(sub), code: Some(code) } }
    }
}

/// Inputs in the order of their use; what would not fit is named by digest.
#[derive(Default)]
struct Inputs {
    list: Vec<Input>,
    carried_bytes: usize,
}

impl Inputs {
    fn add(&mut self, kind: &str, bytes: &[u8]) {
        if self.carried_bytes + bytes.len() <= CARRIED_BYTES_MAX {
            self.carried_bytes += bytes.len();
            self.list.push(Input::carried(kind, bytes));
        } else {
            self.name(kind, Digest::of(bytes));
        }
    }

    fn name(&mut self, kind: &str, digest: Digest) {
        self.list.push(Input { kind: kind.to_owned(), digest, bytes: None });
    }
}
