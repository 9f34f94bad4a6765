//! Evidence judged again, offline, from the inputs that it carries: whoever holds it takes nobody's word. Pure.

use ogic_certs::certificate::Certificate;
use ogic_certs::cose::Signed;
use ogic_certs::crl::Crl;
use ogic_certs::evidence::{Evidence, Input, Judgement};
use ogic_certs::registry::{Pin, Registry};
use ogic_certs::{AgencyId, Code, Digest, EventId, Problem, Result};

use super::judge::{Material, anchors_of, decide};
use super::policy;
use crate::acceptance;

/// Judges again from what `evidence` carries; `find` supplies by digest what was too large to carry. `root` is the digest
/// of the root certificate that the reader trusts: the registry must lead to it.
///
/// Gives the judgement that was recomputed. `EvidenceInvalid` if it, a check, or the mandate is not the evidence's;
/// `NotFound` for an input that nobody has; what is wrong with the registry.
pub fn replay(
    evidence: &Evidence,
    root: &Digest,
    find: impl Fn(&Digest) -> Option<Vec<u8>>,
) -> Result<Judgement> {
    if evidence.policy != policy::digest() {
        return Err(Problem::new(Code::EvidenceInvalid, "policy")
            .found(evidence.policy.to_string())
            .expected(format!("{}, the policy that this release applies", policy::digest())));
    }
    let bytes_of = |kind: &'static str| -> Result<Vec<Vec<u8>>> {
        let wanted = evidence.inputs.iter().filter(|input| input.kind == kind);
        wanted.map(|input| bytes_of(input, &find)).collect()
    };
    let one = |kind| -> Result<Vec<u8>> {
        let all: [Vec<u8>; 1] =
            bytes_of(kind)?.try_into().map_err(|_| invalid(kind).expected("exactly one"))?;
        let [one] = all;
        Ok(one)
    };
    let header = one("event")?;
    let approval = bytes_of("approval")?.pop();
    if EventId::of(&header) != evidence.event || approval.as_deref().map(Digest::of) != evidence.approval {
        return Err(invalid("event").found("other bytes than the evidence is about"));
    }
    let registry = Signed::<Registry>::parse(&one("registry")?)?;
    let crls = bytes_of("crl")?.iter().map(|der| Crl::from_der(der)).collect::<Result<Vec<_>>>()?;
    let pin = Pin { authority: authority_of(&registry)?, root: *root, signer: None, version_min: 0 };
    // The registry's signer signed it when it was issued; how old it was when it was used is a check of the judgement.
    let signer = acceptance::signer(&registry, &crls, &pin, registry.value().issued)?;
    registry.verify_with(&signer)?;
    let material = Material {
        header: &header,
        approval: approval.as_deref(),
        documents: evidence.inputs.iter().filter(|input| input.kind == "document").count(),
        certificates: bytes_of("certificate")?
            .iter()
            .map(|der| Certificate::from_der(der))
            .collect::<Result<_>>()?,
        registry: registry.value(),
        anchors: anchors_of(registry.value()),
        crls: &crls,
        at: evidence.at,
    };
    let outcome = decide(&material);
    let judgement = outcome.findings.judgement();
    if judgement != evidence.judgement {
        return Err(invalid("verdict")
            .found(format!("{:?}", evidence.judgement))
            .expected(format!("{judgement:?}, by the inputs that it carries")));
    }
    if outcome.mandate != evidence.mandate || outcome.findings.into_checks() != evidence.checks {
        return Err(invalid("checks").found("others than its inputs lead to"));
    }
    Ok(judgement)
}

fn bytes_of(input: &Input, find: &impl Fn(&Digest) -> Option<Vec<u8>>) -> Result<Vec<u8>> {
    let bytes = input.bytes.clone().or_else(|| find(&input.digest)).ok_or_else(|| {
        Problem::new(Code::NotFound, format!("{} {}", input.kind, input.digest))
            .expected("the bytes, which the evidence does not carry")
    })?;
    // Carried bytes were checked when the evidence was read; supplied ones are checked here.
    if Digest::of(&bytes) == input.digest {
        Ok(bytes)
    } else {
        Err(Problem::new(Code::DigestMismatch, "input"))
    }
}

/// The agency that the registry's signer speaks for; [`acceptance::signer`] then checks that it may.
fn authority_of(registry: &Signed<Registry>) -> Result<AgencyId> {
    let der = registry.envelope().chain().first().ok_or_else(|| invalid("registry"))?;
    Ok(Certificate::from_der(der)?.identity()?.agency.clone())
}

fn invalid(field: &str) -> Problem {
    Problem::new(Code::EvidenceInvalid, field)
}
