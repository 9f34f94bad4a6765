//! Judging one path as RFC 5280 6.1 does: from the anchor down to the target, every check run and recorded.

use super::budget::{Purse, Spent};
use super::report::{Findings, Flaw};
use super::revocation::{self, Status};
use super::{PathReport, PathRequest, TrustAnchor, names, purpose};
use crate::certificate::{Certificate, GeneralName, KeyUsage, NameConstraints};
use crate::verdict::SubIndication;
use crate::{Code, Problem};

/// The field of problems of the target itself.
pub(crate) const TARGET: &str = "certificate";
/// The field of problems of an authority above it.
const ISSUER: &str = "issuer's certificate";

/// The state of 6.1.2 that lives between certificates.
pub(super) struct Judge<'a, 'p> {
    request: &'a PathRequest<'a>,
    purse: &'p mut Purse,
    findings: Findings,
    /// permitted_subtrees and excluded_subtrees: every constraint met so far; a name must satisfy each.
    constraints: Vec<NameConstraints>,
    /// max_path_length.
    path_len_max: u64,
}

impl<'a, 'p> Judge<'a, 'p> {
    pub(super) fn new(request: &'a PathRequest<'a>, purse: &'p mut Purse) -> Self {
        let path_len_max = u64::try_from(request.budget.depth).unwrap_or(u64::MAX);
        Self { request, purse, findings: Findings::default(), constraints: Vec::new(), path_len_max }
    }

    /// `chain` begins with the target; its last certificate was signed by `anchor`'s key.
    pub(super) fn judge(mut self, chain: &[&Certificate], anchor: &TrustAnchor) -> Result<PathReport, Spent> {
        self.anchor(&anchor.certificate);
        let mut issuer = &anchor.certificate;
        for (below, certificate) in chain.iter().enumerate().rev() {
            let is_target = below == 0;
            self.basic(certificate, issuer, is_target)?;
            self.names(certificate, is_target)?;
            if is_target {
                self.wrap_up(certificate, anchor);
            } else {
                self.prepare_next(certificate);
            }
            issuer = certificate;
        }
        let mut path: Vec<Certificate> = chain.iter().map(|certificate| (*certificate).clone()).collect();
        path.push(anchor.certificate.clone());
        Ok(self.findings.report(path))
    }

    /// The anchor's own certificate bounds the path too (RFC 5937 3.2, and every verifier of TLS).
    fn anchor(&mut self, anchor: &Certificate) {
        self.validity("RFC 5280 6.1.1 (d)", anchor, ISSUER);
        self.authority(anchor);
        self.critical("RFC 5280 4.2", anchor, ISSUER);
        self.take_constraints(anchor);
    }

    /// 6.1.3 (a).
    fn basic(
        &mut self,
        certificate: &Certificate,
        issuer: &Certificate,
        is_target: bool,
    ) -> Result<(), Spent> {
        let field = if is_target { TARGET } else { ISSUER };
        // The search follows a candidate only when these two hold; they are recorded for the reader.
        self.findings.check(
            "RFC 5280 6.1.3 (a)(1)",
            format!("{certificate:?} is signed by the {} key of {issuer:?}", issuer.public_key().algorithm()),
            Ok(()),
        );
        self.validity("RFC 5280 6.1.3 (a)(2)", certificate, field);
        let status = revocation::status(self.request, certificate, issuer, self.purse)?;
        let what = format!("{certificate:?}: {status}");
        self.findings.stale |= matches!(status, Status::Good { stale: true });
        self.findings.check(
            "RFC 5280 6.1.3 (a)(3), 6.3.3",
            what,
            status.judge(self.request.revocation, field),
        );
        self.findings.check(
            "RFC 5280 6.1.3 (a)(4)",
            format!("the issuer's name is {}", certificate.issuer()),
            Ok(()),
        );
        Ok(())
    }

    fn validity(&mut self, section: &'static str, certificate: &Certificate, field: &'static str) {
        let at = self.request.at;
        let (first, last) = (certificate.not_before(), certificate.not_after());
        let outside = |sub| {
            let problem = Problem::new(Code::CertificateExpired, field)
                .found(at.to_string())
                .expected(format!("{first} to {last}"));
            Err(Flaw::broken(sub, problem))
        };
        let result = if certificate.is_valid_at(at) {
            Ok(())
        } else if at < first {
            outside(SubIndication::NotYetValid)
        } else {
            outside(SubIndication::Expired)
        };
        self.findings.check(
            section,
            format!("{certificate:?} is valid {first} to {last}, asked at {at}"),
            result,
        );
    }

    /// 6.1.3 (b) and (c). An intermediate that is self-issued is exempt.
    fn names(&mut self, certificate: &Certificate, is_target: bool) -> Result<(), Spent> {
        const SECTION: &str = "RFC 5280 6.1.3 (b), (c)";
        if certificate.is_self_issued() && !is_target {
            self.findings.check(SECTION, "self-issued: name constraints do not apply", Ok(()));
            return Ok(());
        }
        let mut names = certificate.extensions().subject_alt_names.clone();
        if !certificate.subject().is_empty() {
            // 4.2.1.10: e-mail addresses in the subject count where no alternative name is an e-mail address.
            if !names.iter().any(|name| matches!(name, GeneralName::Rfc822(_))) {
                names.extend(certificate.subject().emails().iter().cloned().map(GeneralName::Rfc822));
            }
            names.push(GeneralName::Directory(certificate.subject().clone()));
        }
        let mut result = Ok(());
        for constraints in &self.constraints {
            for name in &names {
                let verdict = names::check(constraints, name, &mut || self.purse.name_comparison())?;
                if let (Ok(()), Err(problem)) = (&result, verdict) {
                    result = Err(constraint(problem));
                }
            }
        }
        let what = format!("{} names under {} sets of constraints", names.len(), self.constraints.len());
        self.findings.check(SECTION, what, result);
        Ok(())
    }

    /// 6.1.4, for an intermediate.
    fn prepare_next(&mut self, certificate: &Certificate) {
        self.authority(certificate);
        // (l): self-issued ones do not count.
        if !certificate.is_self_issued() {
            let left = self.path_len_max.checked_sub(1);
            let result =
                if left.is_some() { Ok(()) } else { Err(broken("path length", "fewer intermediates")) };
            self.path_len_max = left.unwrap_or(0);
            self.findings.check(
                "RFC 5280 6.1.4 (l)",
                format!("{certificate:?} may stand here by length"),
                result,
            );
        }
        self.critical("RFC 5280 6.1.4 (o)", certificate, ISSUER);
        self.take_constraints(certificate);
        let usage = purpose::check_issuer_usage(&self.request.purpose, certificate, self.request.target);
        self.findings.check("RFC 5280 4.2.1.12", "the issuer's extended key usage covers the purpose", usage);
    }

    /// 6.1.4 (k) and (n).
    fn authority(&mut self, certificate: &Certificate) {
        let result = if certificate.is_ca() { Ok(()) } else { Err(broken("basic constraints", "cA TRUE")) };
        self.findings.check("RFC 5280 6.1.4 (k)", format!("{certificate:?} is an authority"), result);
        let usage = certificate.extensions().key_usage;
        let may = usage.is_none_or(|usage| usage.has(KeyUsage::KEY_CERT_SIGN));
        let result = if may { Ok(()) } else { Err(broken("key usage", "keyCertSign")) };
        self.findings.check("RFC 5280 6.1.4 (n)", format!("{certificate:?} may sign certificates"), result);
    }

    /// 6.1.4 (g) and (m).
    fn take_constraints(&mut self, certificate: &Certificate) {
        let extensions = certificate.extensions();
        self.constraints.extend(extensions.name_constraints.clone());
        let path_len = extensions.basic_constraints.and_then(|basic| basic.path_len);
        self.path_len_max = path_len.map_or(self.path_len_max, |len| len.min(self.path_len_max));
    }

    /// 6.1.4 (o) and 6.1.5 (f), and what section 4 demands of the extensions that are known.
    fn critical(&mut self, section: &'static str, certificate: &Certificate, field: &'static str) {
        let unknown = &certificate.extensions().unknown_critical;
        let result = if unknown.is_empty() {
            Ok(())
        } else {
            let problem = Problem::new(Code::PathInvalid, format!("{field}: critical extension"));
            Err(constraint(problem.found(unknown.join(", ")).expected("an extension that is processed here")))
        };
        self.findings.check(section, format!("{certificate:?} has no unknown critical extension"), result);
        let breaches = &certificate.extensions().breaches;
        let result = if breaches.is_empty() {
            Ok(())
        } else {
            let problem = Problem::new(Code::PathInvalid, format!("{field}: profile"));
            Err(constraint(problem.found("a breach of it").expected(breaches.join(", "))))
        };
        self.findings.check("RFC 5280 4.1, 4.2", format!("{certificate:?} keeps the profile"), result);
    }

    /// 6.1.5, and what the target is used for.
    fn wrap_up(&mut self, target: &Certificate, anchor: &TrustAnchor) {
        self.critical("RFC 5280 6.1.5 (f)", target, TARGET);
        let policies = &self.request.policies;
        if policies.require_explicit || !policies.acceptable.is_empty() {
            let problem = Problem::new(Code::TrustUndecidable, "certificate policies");
            let flaw = Flaw::open(
                SubIndication::PolicyProcessingError,
                problem.expected("no demand for an explicit policy"),
                "a release that evaluates the policy graph of RFC 9618",
            );
            self.findings.check("RFC 5280 6.1.5 (g)", "the policies demanded", Err(flaw));
        }
        let usage = purpose::check_usage(&self.request.purpose, target);
        self.findings.check("RFC 5280 4.2.1.3, 4.2.1.12", "the key's usage is the purpose's", usage);
        let identity = purpose::check_identity(self.request, anchor);
        self.findings.check(
            "Ogic PROTOCOL, identities",
            "the identity is the purpose's and the anchor's",
            identity,
        );
    }
}

fn broken(field: &str, expected: &str) -> Flaw {
    constraint(Problem::new(Code::PathInvalid, field).expected(expected))
}

fn constraint(problem: Problem) -> Flaw {
    Flaw::broken(SubIndication::ChainConstraintsFailure, problem)
}
