//! What is said of one file. It is recognised by its content: a capsule or an extract by its first line, a signed object
//! by its tag and content type, a certificate or revocation list by its form.

use std::path::Path;
use std::sync::Arc;

use ogic_certs::announcement::Announcement;
use ogic_certs::capsule::{Finding, Given, MAGIC, Manifest};
use ogic_certs::certificate::Certificate;
use ogic_certs::checkpoint::Checkpoint;
use ogic_certs::cose::{Kind, Payload, Sign1, Signed};
use ogic_certs::crl::Crl;
use ogic_certs::custody::CustodyNotice;
use ogic_certs::event::{Approval, Header};
use ogic_certs::evidence::{Evidence, Judgement};
use ogic_certs::extract::Extract;
use ogic_certs::path::Purpose;
use ogic_certs::receipt::ReceiptFrame;
use ogic_certs::record::Leaf;
use ogic_certs::reference::Reference;
use ogic_certs::refusal::{Refusal, VerdictNotice};
use ogic_certs::registry::Registry;
use ogic_certs::service::ServiceText;
use ogic_certs::trust::{Trust, judgement_of, may_sign, without_poe};
use ogic_certs::verdict::{SubIndication, Verdict};
use ogic_certs::{Code, Digest, Problem, Result, Timestamp};
use ogic_node::case::capsule;
use ogic_node::ttp::replay;
use serde_json::{Map, Value, json};

use crate::output::Outcome;

/// Bytes of a capsule's first line that may be damaged, and the file is still taken for one.
const DAMAGE_MAX: usize = 4;

/// What is said of one file.
pub(super) struct Said {
    /// What it is.
    pub(super) kind: &'static str,
    pub(super) judgement: Judgement,
    /// Where in the file and at which check; empty of a file that is one object.
    pub(super) place: Vec<String>,
    /// Why it did not pass, or what is missing.
    pub(super) problem: Option<Problem>,
    pub(super) findings: Vec<Finding>,
    pub(super) facts: Value,
    /// Whether the reader gave anything to trust.
    pub(super) trusted: bool,
}

/// How one check came out.
type Checked = Result<(), (Judgement, Problem)>;

impl Said {
    fn of(kind: &'static str, facts: Value, outcome: Checked, trusted: bool) -> Self {
        let (judgement, problem) = match outcome {
            Ok(()) => (Judgement::PASSED, None),
            Err((judgement, problem)) => (judgement, Some(problem)),
        };
        Self { kind, judgement, place: Vec::new(), problem, findings: Vec::new(), facts, trusted }
    }
}

fn hard(problem: Problem) -> (Judgement, Problem) {
    (judgement_of(&problem), problem)
}

fn open(sub: SubIndication, problem: Problem) -> (Judgement, Problem) {
    (Judgement { verdict: Verdict::Indeterminate, sub: Some(sub), code: Some(problem.code) }, problem)
}

/// What is missing where nothing was given to trust.
pub(super) fn no_trust() -> Problem {
    Problem::new(Code::TrustUndecidable, "trust")
        .found("none given")
        .expected("--trust with a registry and its pin")
}

/// Recognises and judges.
pub(super) fn judge(bytes: &[u8], given: &Given, certificates: &[Certificate], file: &Path) -> Outcome<Said> {
    // A capsule whose first line is damaged is still meant as one, and fails as one.
    let alike = bytes.iter().zip(MAGIC).filter(|(found, magic)| found == magic).count();
    if alike + DAMAGE_MAX >= MAGIC.len() && !Extract::is_meant(bytes) {
        return Ok(capsule(bytes, given));
    }
    let (mut given, mut certificates) = (given.clone(), certificates.to_vec());
    let extract = Extract::is_meant(bytes).then(|| Extract::decode(bytes)).transpose();
    let object = match extract {
        Err(problem) => {
            return Ok(Said::of("extract", json!({}), Err(hard(problem)), given.pinned.is_some()));
        }
        Ok(None) => bytes.to_vec(),
        Ok(Some(extract)) => {
            certificates.extend(extract.certificates);
            given.crls.extend(extract.crls);
            extract.object
        }
    };
    Reader::new(&given, certificates)?.judge(&object, file)
}

fn capsule(bytes: &[u8], given: &Given) -> Said {
    let verified = capsule::verify(bytes, given);
    let report = verified.report;
    let headline = report.headline().filter(|headline| !headline.judgement.passed());
    let place = headline.map(|headline| vec![headline.place.clone(), headline.what.clone()]);
    let problem = headline.map(|headline| {
        headline.problem.clone().unwrap_or_else(|| Problem::new(Code::EvidenceInvalid, "check"))
    });
    let facts = json!({
        "case": report.case.map(|case| case.to_string()),
        "home": report.home.as_ref().map(ToString::to_string),
        "made": report.made.map(Timestamp::ms),
        "records": report.records,
        "evidence": report.evidence,
        "documents": report.documents,
        "lists": report.lists.map(Timestamp::ms),
        "status": verified.case.as_ref().map(|case| case.status.as_str()),
        "outcome": verified.case.and_then(|case| case.status.outcome().map(|outcome| outcome.as_str())),
    });
    let judgement = report.judgement();
    let undecided = given.pinned.is_none() && judgement.verdict == Verdict::Indeterminate;
    Said {
        kind: "capsule",
        judgement,
        place: if undecided { Vec::new() } else { place.unwrap_or_default() },
        problem: if undecided { Some(no_trust()) } else { problem },
        findings: report.findings,
        facts,
        trusted: given.pinned.is_some(),
    }
}

/// What single objects are judged by.
struct Reader {
    trust: Option<Trust>,
    certificates: Vec<Certificate>,
    crls: Vec<Crl>,
    registry: Option<Arc<Signed<Registry>>>,
    /// The time that the reader asks for.
    at: Option<Timestamp>,
    now: Timestamp,
}

impl Reader {
    fn new(given: &Given, certificates: Vec<Certificate>) -> Result<Self> {
        let pinned = given.pinned.as_ref();
        let trust =
            pinned.map(|(registry, pin)| Trust::new(Arc::clone(registry), given.crls.clone(), pin.clone()));
        Ok(Self {
            trust: trust.transpose()?,
            certificates,
            crls: given.crls.clone(),
            registry: pinned.map(|(registry, _)| Arc::clone(registry)),
            at: given.at,
            now: given.now.unwrap_or(Timestamp::LATEST),
        })
    }

    fn judge(&self, bytes: &[u8], file: &Path) -> Outcome<Said> {
        if bytes.first() == Some(&0xd2) {
            return Ok(self.signed(bytes));
        }
        if let Ok(frame) = ReceiptFrame::decode(bytes) {
            return Ok(self.receipts(&frame));
        }
        if let Ok(crl) = Crl::from_der(bytes) {
            return Ok(self.list(&crl));
        }
        let text = std::str::from_utf8(bytes).ok().filter(|text| text.contains("-----BEGIN"));
        let chain = match text {
            Some(text) => Certificate::from_pem_many(text)?,
            None => Certificate::from_der(bytes).map(|one| vec![one]).map_err(|_| {
                Problem::new(Code::Malformed, file.display().to_string())
                    .found(format!("{} bytes of no kind known here", bytes.len()))
                    .expected(
                        "a capsule, a signed object, a receipt frame, a certificate or a revocation list",
                    )
            })?,
        };
        Ok(self.certificate(&chain))
    }

    /// A signed object of a kind of ours: form, signature, path, role, and what its kind demands besides.
    fn signed(&self, bytes: &[u8]) -> Said {
        let envelope = match Sign1::parse_any(bytes) {
            Ok(envelope) => envelope,
            Err(problem) => {
                return Said::of("signed object", json!({}), Err(hard(problem)), self.trust.is_some());
            }
        };
        let mut facts = Map::new();
        facts.insert("sha256".to_owned(), envelope.digest().to_string().into());
        facts.insert("signer".to_owned(), envelope.signer().to_string().into());
        let facts_of = &mut facts;
        let (kind, outcome) = match envelope.kind() {
            Kind::Event => ("event header", self.open::<Header>(bytes, facts_of, |v| Some(v.created))),
            Kind::Approval => ("approval", self.open::<Approval>(bytes, facts_of, |_| None)),
            Kind::Checkpoint => ("checkpoint", self.checkpoint(bytes, facts_of)),
            Kind::Reference => ("reference", self.open::<Reference>(bytes, facts_of, |v| Some(v.issued))),
            Kind::Refusal => ("refusal", self.open::<Refusal>(bytes, facts_of, |v| Some(v.at))),
            Kind::Verdict => ("verdict notice", self.open::<VerdictNotice>(bytes, facts_of, |v| Some(v.at))),
            Kind::Custody => ("custody notice", self.open::<CustodyNotice>(bytes, facts_of, |v| Some(v.at))),
            Kind::Evidence => ("evidence", self.evidence(bytes, facts_of)),
            Kind::Registry => ("registry", self.open::<Registry>(bytes, facts_of, |v| Some(v.issued))),
            Kind::Service => ("service definition", self.open::<ServiceText>(bytes, facts_of, |_| None)),
            Kind::Announcement => {
                ("announcement", self.open::<Announcement>(bytes, facts_of, |v| Some(v.at)))
            }
            Kind::Capsule => ("capsule manifest", self.open::<Manifest>(bytes, facts_of, |v| Some(v.at))),
        };
        Said::of(kind, facts.into(), outcome, self.trust.is_some())
    }

    /// PROTOCOL, "A signed object"; `made` is when it says that it was signed, if it says so.
    fn open<T: Payload + Clone>(
        &self,
        bytes: &[u8],
        facts: &mut Map<String, Value>,
        made: impl Fn(&T) -> Option<Timestamp>,
    ) -> Checked {
        let signed = Signed::<T>::parse(bytes).map_err(hard)?;
        let made = made(signed.value());
        if let Some(made) = made {
            facts.insert("made".to_owned(), made.ms().into());
        }
        let mut known = self.certificates.clone();
        for der in signed.envelope().chain() {
            known.push(Certificate::from_der(der).map_err(hard)?);
        }
        let signer = known.iter().find(|one| one.digest() == signed.envelope().signer());
        let signer = signer.ok_or_else(|| {
            hard(
                Problem::new(Code::CertificateUnknown, "x5t")
                    .found("a certificate not at hand")
                    .expected(format!("{}, with --certs", signed.envelope().signer())),
            )
        })?;
        let identity = signer.identity().map_err(hard)?;
        facts.insert("identity".to_owned(), identity.to_string().into());
        if !may_sign(&identity.role, T::KIND) {
            let problem = Problem::new(Code::RoleNotAllowed, T::KIND.content_type());
            return Err(hard(problem.found(identity.to_string()).expected("the role that signs this kind")));
        }
        signed.verify_with(signer).map_err(hard)?;
        let trust = self.trust.as_ref().ok_or_else(no_trust).map_err(hard)?;
        let at = |at| trust.open(signed.clone(), &known, at).map(|_| ());
        match at(self.at.or(made).unwrap_or(self.now)) {
            Ok(()) => trust.stands(signer, &known, T::KIND, self.at.unwrap_or(self.now)),
            // Revoked, or ended, at a time that it does not say that it was signed at: it may be older.
            Err(problem)
                if ended(&problem) && !made.is_some_and(|made| at(made).is_err_and(|e| ended(&e))) =>
            {
                Err(without_poe(problem))
            }
            Err(problem) => Err(hard(problem)),
        }
    }

    fn checkpoint(&self, bytes: &[u8], facts: &mut Map<String, Value>) -> Checked {
        let outcome = self.open::<Checkpoint>(bytes, facts, |_| None);
        let Ok(signed) = Signed::<Checkpoint>::parse(bytes) else { return outcome };
        let said = signed.value();
        facts.insert("origin".to_owned(), said.origin.to_string().into());
        facts.insert("size".to_owned(), said.size.into());
        outcome?;
        let signer = self.certificates.iter().find(|one| one.digest() == signed.envelope().signer());
        match signer.and_then(|signer| signer.identity().ok()) {
            Some(identity) if identity.agency != said.origin.agency => Err(hard(
                Problem::new(Code::IdentityMismatch, "origin")
                    .found(said.origin.agency.to_string())
                    .expected(identity.agency.to_string()),
            )),
            _ => Ok(()),
        }
    }

    /// PROTOCOL, "Evidence": signed by a third party that the registry lists, and judged again from what it carries.
    fn evidence(&self, bytes: &[u8], facts: &mut Map<String, Value>) -> Checked {
        let opened = self.open::<Evidence>(bytes, facts, |said| Some(said.at));
        let Ok(signed) = Signed::<Evidence>::parse(bytes) else { return opened };
        let said = signed.value();
        facts.insert("event".to_owned(), said.event.to_string().into());
        facts.insert("requester".to_owned(), said.requester.to_string().into());
        facts.insert("says".to_owned(), said.judgement.verdict.as_str().into());
        facts.insert("sub".to_owned(), said.judgement.sub.map(SubIndication::as_str).into());
        opened?;
        let Some(trust) = &self.trust else { return Ok(()) };
        replay(said, &trust.pin().root, |digest| self.find(digest)).map(|_| ()).map_err(|problem| {
            match (problem.code, problem.field.as_str()) {
                (Code::NotFound, _) => open(SubIndication::SignedDataNotFound, problem),
                (Code::EvidenceInvalid, "policy") => {
                    open(SubIndication::SignaturePolicyNotAvailable, problem)
                }
                _ => hard(problem),
            }
        })
    }

    /// An input that evidence names and does not carry, if it is at hand.
    fn find(&self, digest: &Digest) -> Option<Vec<u8>> {
        let certificates = self.certificates.iter().map(Certificate::der);
        let crls = self.crls.iter().map(Crl::der);
        let registry = self.registry.iter().map(|registry| registry.bytes());
        let mut known = certificates.chain(crls).chain(registry);
        known.find(|bytes| Digest::of(bytes) == *digest).map(<[u8]>::to_vec)
    }

    /// PROTOCOL, "A receipt": proofs and agreement first, which need no trust, then its checkpoint.
    fn receipts(&self, frame: &ReceiptFrame) -> Said {
        let mut facts = Map::new();
        let ids: Vec<Value> = frame
            .leaves()
            .iter()
            .filter_map(|(_, leaf)| match leaf {
                Leaf::Record(record) => Some(record.event.to_string().into()),
                Leaf::Access(_) | Leaf::Notice(_) => None,
            })
            .collect();
        facts.insert("leaves".to_owned(), frame.leaves().len().into());
        facts.insert("heads".to_owned(), frame.heads().len().into());
        facts.insert("events".to_owned(), ids.into());
        let checkpoint = Signed::<Checkpoint>::parse(frame.checkpoint_cose());
        let outcome = checkpoint.and_then(|checkpoint| frame.verify(checkpoint.value())).map_err(hard);
        let outcome = outcome.and_then(|()| self.checkpoint(frame.checkpoint_cose(), &mut facts));
        Said::of("receipt frame", facts.into(), outcome, self.trust.is_some())
    }

    fn list(&self, crl: &Crl) -> Said {
        let outcome = crl.usable().and_then(|()| {
            let trust = self.trust.as_ref().ok_or_else(no_trust)?;
            let issuer = trust.anchors().iter().find(|anchor| anchor.certificate.subject() == crl.issuer());
            let issuer = issuer.ok_or_else(|| {
                Problem::new(Code::CertificateUnknown, "issuer").found("no anchor of the registry")
            })?;
            crl.verify_signed_by(issuer.certificate.public_key())
        });
        let facts = json!({
            "number": crl.number(),
            "revoked": crl.len(),
            "next_update": crl.next_update().map(Timestamp::ms),
        });
        Said::of("revocation list", facts, outcome.map_err(hard), self.trust.is_some())
    }

    fn certificate(&self, chain: &[Certificate]) -> Said {
        let Some((leaf, above)) = chain.split_first() else {
            let none = Problem::new(Code::Malformed, "certificate").found("none");
            return Said::of("certificate", json!({}), Err(hard(none)), self.trust.is_some());
        };
        let others: Vec<Certificate> = above.iter().chain(&self.certificates).cloned().collect();
        let facts = json!({
            "identity": leaf.identity().ok().map(ToString::to_string),
            "not_before": leaf.not_before().ms(),
            "not_after": leaf.not_after().ms(),
        });
        let Some(trust) = &self.trust else {
            return Said::of("certificate", facts, Err(hard(no_trust())), false);
        };
        let report = trust.path(leaf, &others, Purpose::Any, self.at.unwrap_or(self.now));
        let code = report.problem.as_ref().map(|problem| problem.code);
        let judgement = Judgement { verdict: report.verdict, sub: report.sub, code };
        let outcome = match report.problem.filter(|_| !judgement.passed()) {
            None => Ok(()),
            Some(problem) => Err((judgement, problem)),
        };
        Said::of("certificate", facts, outcome, true)
    }
}

fn ended(problem: &Problem) -> bool {
    matches!(problem.code, Code::CertificateRevoked | Code::CertificateExpired)
}
