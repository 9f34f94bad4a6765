//! Path building: from the target upwards, through candidates given in any order, to any anchor (RFC 4158's forward way).
//!
//! A candidate is followed only if its key verified the signature below it; the same name and key is never met twice on
//! one path. The first path that passes ends the search.

use super::budget::{Purse, Spent};
use super::issuers::preferred;
use super::judge::Judge;
use super::report::{Decision, Findings, Flaw};
use super::{PathReport, PathRequest, TrustAnchor};
use crate::certificate::Certificate;
use crate::verdict::SubIndication;
use crate::{Code, Problem};

/// Failed signatures that are reported: enough to understand, too few to fill a log.
const ATTEMPTS_MAX: usize = 16;
const BUILDING: &str = "RFC 5280 6.1.3 (a)(1), (a)(4)";

/// One search and what it has left to spend.
pub(super) struct Search<'a> {
    request: &'a PathRequest<'a>,
    purse: Purse,
    /// The most telling answer so far of paths that did not pass.
    best: Option<PathReport>,
    /// What kept paths from reaching an anchor.
    attempts: Vec<Decision>,
    too_deep: bool,
}

impl<'a> Search<'a> {
    pub(super) fn new(request: &'a PathRequest<'a>) -> Self {
        let purse = Purse::new(request.budget);
        Self { request, purse, best: None, attempts: Vec::new(), too_deep: false }
    }

    pub(super) fn run(mut self) -> PathReport {
        let request = self.request;
        let offered = (request.intermediates.len(), request.crls.len());
        if offered.0 > request.budget.certificates || offered.1 > request.budget.crls {
            return self.undecided(Spent("certificates or lists offered"));
        }
        let mut chain = vec![request.target];
        match self.extend(&mut chain) {
            Ok(Some(passed)) => passed,
            Err(spent) => self.undecided(spent),
            Ok(None) => match self.best.take() {
                Some(best) => best,
                None if self.too_deep => self.undecided(Spent("chain depth")),
                None => self.no_path(),
            },
        }
    }

    /// Tries every issuer of the chain's tip; the report of the first path that passed.
    fn extend(&mut self, chain: &mut Vec<&'a Certificate>) -> Result<Option<PathReport>, Spent> {
        let Some(&tip) = chain.last() else { return Ok(None) };
        let request = self.request;
        for anchor in preferred(tip, request.anchors.iter(), |anchor| &anchor.certificate, request.at) {
            if self.signed_by(tip, &anchor.certificate)?
                && let Some(passed) = self.judge(chain, anchor)?
            {
                return Ok(Some(passed));
            }
        }
        if chain.len() >= self.purse.depth() {
            self.too_deep = true;
            return Ok(None);
        }
        for issuer in preferred(tip, request.intermediates.iter(), |certificate| certificate, request.at) {
            let met = |other: &&Certificate| {
                other.subject() == issuer.subject() && other.public_key() == issuer.public_key()
            };
            if chain.iter().any(met) || !self.signed_by(tip, issuer)? {
                continue;
            }
            chain.push(issuer);
            let passed = self.extend(chain)?;
            chain.pop();
            if passed.is_some() {
                return Ok(passed);
            }
        }
        Ok(None)
    }

    /// Whether `issuer` bears the issuer's name of `tip` and its key verifies `tip`'s signature.
    fn signed_by(&mut self, tip: &Certificate, issuer: &Certificate) -> Result<bool, Spent> {
        self.purse.step()?;
        if tip.issuer() != issuer.subject() {
            return Ok(false);
        }
        let (signed, key) = (tip.digest(), issuer.public_key());
        let ok = self.purse.signature(signed, key.digest(), || tip.verify_signed_by(key).is_ok())?;
        if !ok && self.attempts.len() < ATTEMPTS_MAX {
            let what = format!("{tip:?} is not signed by the key of {issuer:?}");
            self.attempts.push(Decision { section: BUILDING, what, ok });
        }
        Ok(ok)
    }

    fn judge(
        &mut self,
        chain: &[&'a Certificate],
        anchor: &TrustAnchor,
    ) -> Result<Option<PathReport>, Spent> {
        self.purse.path()?;
        let report = Judge::new(self.request, &mut self.purse).judge(chain, anchor)?;
        if report.problem.is_none() {
            return Ok(Some(report));
        }
        if self.best.as_ref().is_none_or(|best| report.telling() > best.telling()) {
            self.best = Some(report);
        }
        Ok(None)
    }

    fn no_path(self) -> PathReport {
        let target = self.request.target;
        let issuer = target.issuer().to_string();
        let who = target.identity().map_or_else(|_| target.subject().to_string(), ToString::to_string);
        let flaw = Flaw::open(
            SubIndication::NoCertificateChainFound,
            Problem::new(Code::TrustUndecidable, "certificate path")
                .found(format!("no path from the certificate of {who}, issued by {issuer}"))
                .expected("a path to a trusted anchor"),
            format!("the certificates between the target, issued by {issuer}, and a trusted anchor"),
        );
        self.end(flaw)
    }

    fn undecided(self, spent: Spent) -> PathReport {
        let flaw = Flaw::open(
            SubIndication::CertificateChainGeneralFailure,
            Problem::new(Code::TrustUndecidable, "certificate path")
                .found(format!("the limit of {}", spent.0)),
            "fewer certificates, those of the path alone",
        );
        self.end(flaw)
    }

    fn end(self, flaw: Flaw) -> PathReport {
        let mut findings = Findings { decisions: self.attempts, ..Findings::default() };
        findings.check(BUILDING, flaw.problem.to_string(), Err(flaw));
        findings.report(vec![self.request.target.clone()])
    }
}
