//! `ogic verify`: judges files offline, by what the reader trusts and nothing else. No daemon, no network.
//!
//! A file is recognised by its content: a capsule by its first line, a signed object by its tag and content type, a
//! certificate or revocation list by its form.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use ogic_certs::capsule::{Finding, Given, MAGIC};
use ogic_certs::certificate::Certificate;
use ogic_certs::checkpoint::Checkpoint;
use ogic_certs::cose::{Kind, Payload, Sign1, Signed};
use ogic_certs::crl::Crl;
use ogic_certs::event::{Approval, Header};
use ogic_certs::evidence::{Evidence, Judgement};
use ogic_certs::path::{
    self, AnchorRoles, PathRequest, PrivilegedKey, Purpose, Revocation, RoleKind, TrustAnchor,
};
use ogic_certs::receipt::ReceiptFrame;
use ogic_certs::reference::Reference;
use ogic_certs::refusal::{Refusal, VerdictNotice};
use ogic_certs::registry::{Pin, Registry, accept};
use ogic_certs::service::ServiceText;
use ogic_certs::trust::{Trust, judgement_of};
use ogic_certs::verdict::{SubIndication, Verdict};
use ogic_certs::{Code, Digest, Problem, Result, Timestamp};
use ogic_node::case::capsule;
use ogic_node::folder::Folder;
use serde_json::{Value, json};

use crate::invocation::Invocation;
use crate::output::{Failure, Outcome};

/// Largest file that is read.
const FILE_BYTES_MAX: u64 = ogic_certs::capsule::CAPSULE_BYTES_MAX as u64;

/// Bytes of a capsule's first line that may be damaged, and the file is still taken for one.
const DAMAGE_MAX: usize = 4;

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[arg(value_name = "FILE", required = true, num_args = 1..)]
    files: Vec<PathBuf>,
    #[arg(long, value_name = "PATH")]
    trust: Option<PathBuf>,
    #[arg(long, value_name = "HEX|FILE")]
    pin: Option<String>,
    #[arg(long, value_name = "FILE")]
    certs: Vec<PathBuf>,
    #[arg(long, value_name = "FILE")]
    crl: Vec<PathBuf>,
    #[arg(long, value_name = "TIME", value_parser = crate::parse::time)]
    at: Option<Timestamp>,
    #[arg(long)]
    explain: bool,
}

/// What is said of one file.
struct Said {
    /// What it is.
    kind: &'static str,
    judgement: Judgement,
    /// Where it fails, or what is missing.
    problem: Option<Problem>,
    findings: Vec<Finding>,
    facts: Value,
}

impl Said {
    fn of(kind: &'static str, facts: Value, outcome: Result<()>) -> Self {
        let (judgement, problem) = match outcome {
            Ok(()) => (Judgement::PASSED, None),
            Err(problem) => (judgement_of(&problem), Some(problem)),
        };
        Self { kind, judgement, problem, findings: Vec::new(), facts }
    }
}

pub(crate) fn run(arguments: &Arguments, run: &Invocation) -> Outcome {
    let given = given(arguments)?;
    let certificates = certificates(&arguments.certs)?;
    let mut worst: Option<(Verdict, Failure)> = None;
    for file in &arguments.files {
        let bytes = read(file)?;
        let said = judge(&bytes, &given, &certificates, file)?;
        let failure = failure(&said, file);
        tell(&said, failure.as_ref(), file, arguments.explain, run)?;
        if let Some(failure) = failure
            && worst.as_ref().is_none_or(|(verdict, _)| *verdict < said.judgement.verdict)
        {
            worst = Some((said.judgement.verdict, failure));
        }
    }
    match worst {
        None => Ok(()),
        // Under --json the object above holds it already.
        Some((_, failure)) => Err(Failure { told: run.console.json, ..failure }),
    }
}

/// What the reader trusts: a daemon's folder, or a registry file with the root's digest.
fn given(arguments: &Arguments) -> Outcome<Given> {
    let mut crls = Vec::new();
    for file in &arguments.crl {
        crls.push(Crl::from_der(&read(file)?).map_err(|problem| problem.within(file.display()))?);
    }
    let Some(trust) = &arguments.trust else {
        return Ok(Given { pinned: None, crls, at: arguments.at });
    };
    let (registry, pin) = if trust.is_dir() {
        let folder = Folder::open(trust)?;
        let missing = |file: &str| Problem::new(Code::NotFound, trust.join(file).display().to_string());
        let pinned = folder.pinned()?.ok_or_else(|| missing("pin.toml"))?;
        crls.extend(folder.crls()?);
        (folder.registry()?.ok_or_else(|| missing("registry.cose"))?, pinned.pin)
    } else {
        let registry = Signed::<Registry>::parse(&read(trust)?).map_err(|p| p.within(trust.display()))?;
        let pin = pin(arguments.pin.as_deref(), &registry)?;
        (registry, pin)
    };
    genuine(&registry, &pin).map_err(|problem| problem.within(trust.display()))?;
    Ok(Given { pinned: Some((Arc::new(registry), pin)), crls, at: arguments.at })
}

/// The pin: 64 hex digits of the root's SHA-256, or the `pin.toml` that join wrote.
fn pin(said: Option<&str>, registry: &Signed<Registry>) -> Outcome<Pin> {
    let Some(said) = said else {
        return Err(Failure::usage(
            "--pin",
            "none",
            "the SHA-256 of the root, or a pin.toml, beside a registry file",
        ));
    };
    if let Ok(root) = Digest::from_hex(said, "--pin") {
        let signer = signer_of(registry)?;
        let authority = signer.identity()?.agency.clone();
        return Ok(Pin { authority, root, signer: None, version_min: 0 });
    }
    let path = Path::new(said);
    let folder =
        Folder::open(path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new(".")))?;
    let pinned = folder.pinned()?.ok_or_else(|| Problem::new(Code::NotFound, said.to_owned()))?;
    Ok(Pin { version_min: 0, ..pinned.pin })
}

fn signer_of(registry: &Signed<Registry>) -> Result<Certificate> {
    let first = registry.envelope().chain().first();
    first.map_or_else(
        || Err(Problem::new(Code::CertificateUnknown, "x5chain")),
        |der| Certificate::from_der(der),
    )
}

/// The reader's own registry must be of the pinned federation: its signer's path ends in the pinned root.
fn genuine(registry: &Signed<Registry>, pin: &Pin) -> Result<()> {
    let signer = signer_of(registry)?;
    let key = accept(registry, None, pin, &signer)?;
    let said = registry.value();
    let anchors = said.anchors.iter().map(|anchor| Certificate::from_der(&anchor.certificate));
    let anchors = anchors.collect::<Result<Vec<_>>>()?;
    let Some(root) = anchors.into_iter().find(|anchor| anchor.digest() == pin.root) else {
        return Err(Problem::new(Code::PathInvalid, "anchors")
            .found("none that was pinned")
            .expected(pin.root.to_string()));
    };
    let anchor = TrustAnchor { certificate: root, speaks_for: None, roles: AnchorRoles::Privileged };
    let identity = signer.identity()?.clone();
    let privileged = [PrivilegedKey { identity, key }];
    let report = path::validate(&PathRequest {
        privileged: &privileged,
        // The lists come with what is verified; whether the signer was revoked is asked there again.
        revocation: Revocation::BestEffort,
        ..PathRequest::new(
            &signer,
            std::slice::from_ref(&anchor),
            said.issued,
            Purpose::Signing(&[RoleKind::Registry]),
        )
    });
    report.passed().map(|_| ())
}

fn certificates(files: &[PathBuf]) -> Outcome<Vec<Certificate>> {
    let mut certificates = Vec::new();
    for file in files {
        let bytes = read(file)?;
        match std::str::from_utf8(&bytes).ok().filter(|text| text.contains("-----BEGIN")) {
            Some(text) => certificates.extend(Certificate::from_pem_many(text)?),
            None => certificates.push(Certificate::from_der(&bytes)?),
        }
    }
    Ok(certificates)
}

fn read(file: &Path) -> Outcome<Vec<u8>> {
    let bytes = std::fs::metadata(file).map_err(|error| Failure::file(file, &error))?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(Problem::new(Code::TooLarge, file.display().to_string())
            .found(format!("{bytes} bytes"))
            .expected(format!("at most {FILE_BYTES_MAX} bytes"))
            .into());
    }
    std::fs::read(file).map_err(|error| Failure::file(file, &error))
}

/// Recognises and judges.
fn judge(bytes: &[u8], given: &Given, certificates: &[Certificate], file: &Path) -> Outcome<Said> {
    // A capsule whose first line is damaged is still meant as one, and fails as one.
    let alike = bytes.iter().zip(MAGIC).filter(|(found, magic)| found == magic).count();
    if alike + DAMAGE_MAX >= MAGIC.len() {
        return Ok(capsule(bytes, given));
    }
    let trust = given
        .pinned
        .as_ref()
        .map(|(registry, pin)| Trust::new(Arc::clone(registry), given.crls.clone(), pin.clone()));
    let trust = trust.transpose()?;
    if bytes.first() == Some(&0xd2) {
        return Ok(signed(bytes, trust.as_ref(), certificates, given.at));
    }
    if let Ok(frame) = ReceiptFrame::decode(bytes) {
        return Ok(receipts(&frame, trust.as_ref(), certificates, given.at));
    }
    if let Ok(crl) = Crl::from_der(bytes) {
        return Ok(list(&crl, trust.as_ref()));
    }
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.contains("-----BEGIN"));
    let chain = match text {
        Some(text) => Certificate::from_pem_many(text)?,
        None => Certificate::from_der(bytes).map(|one| vec![one]).map_err(|_| {
            Problem::new(Code::Malformed, file.display().to_string())
                .found(format!("{} bytes of no kind known here", bytes.len()))
                .expected("a capsule, a signed object, a receipt frame, a certificate or a revocation list")
        })?,
    };
    Ok(certificate(&chain, trust.as_ref(), certificates, given.at))
}

fn capsule(bytes: &[u8], given: &Given) -> Said {
    let verified = capsule::verify(bytes, given);
    let report = verified.report;
    let problem = report.headline().filter(|headline| !headline.judgement.passed()).map(|headline| {
        let inner = headline.problem.clone().unwrap_or_else(|| Problem::new(Code::EvidenceInvalid, "check"));
        Problem { field: format!("{}: {}: {}", headline.place, headline.what, inner.field), ..inner }
    });
    let facts = json!({
        "case": report.case.map(|case| case.to_string()),
        "home": report.home.as_ref().map(ToString::to_string),
        "made": report.made.map(Timestamp::ms),
        "records": report.records,
        "evidence": report.evidence,
        "documents": report.documents,
        "status": verified.case.as_ref().map(|case| case.status.as_str()),
        "outcome": verified.case.and_then(|case| case.status.outcome().map(|outcome| outcome.as_str())),
    });
    Said { kind: "capsule", judgement: report.judgement(), problem, findings: report.findings, facts }
}

fn no_trust() -> Problem {
    Problem::new(Code::TrustUndecidable, "trust")
        .found("none given")
        .expected("--trust with a registry and its pin")
}

/// A signed object of a kind of ours: form, signature, path, role.
fn signed(bytes: &[u8], trust: Option<&Trust>, certificates: &[Certificate], at: Option<Timestamp>) -> Said {
    let envelope = match Sign1::parse_any(bytes) {
        Ok(envelope) => envelope,
        Err(problem) => return Said::of("signed object", json!({}), Err(problem)),
    };
    fn open<T: Payload>(
        bytes: &[u8],
        trust: Option<&Trust>,
        certificates: &[Certificate],
        at: Option<Timestamp>,
        own: impl Fn(&T) -> Timestamp,
    ) -> Result<()> {
        let signed = Signed::<T>::parse(bytes)?;
        let mut known = certificates.to_vec();
        for der in signed.envelope().chain() {
            known.push(Certificate::from_der(der)?);
        }
        let signer = known.iter().find(|one| one.digest() == signed.envelope().signer());
        let signer = signer.ok_or_else(|| {
            Problem::new(Code::CertificateUnknown, "x5t")
                .found("a certificate not at hand")
                .expected(format!("{}, with --certs", signed.envelope().signer()))
        })?;
        signed.verify_with(signer)?;
        let at = at.unwrap_or_else(|| own(signed.value()));
        trust.ok_or_else(no_trust)?.open(signed, &known, at).map(|_| ())
    }
    let now = now();
    let (kind, outcome) = match envelope.kind() {
        Kind::Event => ("event header", open::<Header>(bytes, trust, certificates, at, |v| v.created)),
        Kind::Approval => ("approval", open::<Approval>(bytes, trust, certificates, at, |_| now)),
        Kind::Checkpoint => ("checkpoint", open::<Checkpoint>(bytes, trust, certificates, at, |_| now)),
        Kind::Reference => ("reference", open::<Reference>(bytes, trust, certificates, at, |v| v.issued)),
        Kind::Refusal => ("refusal", open::<Refusal>(bytes, trust, certificates, at, |v| v.at)),
        Kind::Verdict => ("verdict notice", open::<VerdictNotice>(bytes, trust, certificates, at, |v| v.at)),
        Kind::Evidence => ("evidence", open::<Evidence>(bytes, trust, certificates, at, |v| v.at)),
        Kind::Registry => ("registry", open::<Registry>(bytes, trust, certificates, at, |v| v.issued)),
        Kind::Service => ("service definition", open::<ServiceText>(bytes, trust, certificates, at, |_| now)),
        Kind::Announcement => (
            "announcement",
            open::<ogic_certs::announcement::Announcement>(bytes, trust, certificates, at, |v| v.at),
        ),
        Kind::Capsule => (
            "capsule manifest",
            open::<ogic_certs::capsule::Manifest>(bytes, trust, certificates, at, |v| v.at),
        ),
    };
    let facts = json!({"sha256": envelope.digest().to_string(), "signer": envelope.signer().to_string()});
    Said::of(kind, facts, outcome)
}

fn receipts(
    frame: &ReceiptFrame,
    trust: Option<&Trust>,
    certificates: &[Certificate],
    at: Option<Timestamp>,
) -> Said {
    let outcome = Signed::<Checkpoint>::parse(frame.checkpoint_cose()).and_then(|checkpoint| {
        frame.verify(checkpoint.value())?;
        let opened = signed(checkpoint.bytes(), trust, certificates, at);
        opened.problem.map_or(Ok(()), Err)
    });
    let facts = json!({"leaves": frame.leaves().len(), "heads": frame.heads().len()});
    Said::of("receipt frame", facts, outcome)
}

fn list(crl: &Crl, trust: Option<&Trust>) -> Said {
    let outcome = crl.usable().and_then(|()| {
        let trust = trust.ok_or_else(no_trust)?;
        let issuer = trust.anchors().iter().find(|anchor| anchor.certificate.subject() == crl.issuer());
        let issuer = issuer.ok_or_else(|| {
            Problem::new(Code::CertificateUnknown, "issuer").found("no anchor of the registry")
        })?;
        crl.verify_signed_by(issuer.certificate.public_key())
    });
    let facts = json!({"number": crl.number(), "revoked": crl.len(), "next_update": crl.next_update().map(Timestamp::ms)});
    Said::of("revocation list", facts, outcome)
}

fn certificate(
    chain: &[Certificate],
    trust: Option<&Trust>,
    certificates: &[Certificate],
    at: Option<Timestamp>,
) -> Said {
    let Some((leaf, above)) = chain.split_first() else {
        return Said::of(
            "certificate",
            json!({}),
            Err(Problem::new(Code::Malformed, "certificate").found("none")),
        );
    };
    let others: Vec<Certificate> = above.iter().chain(certificates).cloned().collect();
    let facts = json!({
        "identity": leaf.identity().ok().map(ToString::to_string),
        "not_before": leaf.not_before().ms(),
        "not_after": leaf.not_after().ms(),
    });
    let Some(trust) = trust else { return Said::of("certificate", facts, Err(no_trust())) };
    let report = trust.path(leaf, &others, Purpose::Any, at.unwrap_or_else(now));
    let judgement = Judgement {
        verdict: report.verdict,
        sub: report.sub,
        code: report.problem.as_ref().map(|problem| problem.code),
    };
    let problem = report.problem.filter(|_| report.verdict != Verdict::TotalPassed);
    Said { kind: "certificate", judgement, problem, findings: Vec::new(), facts }
}

fn now() -> Timestamp {
    ogic_node::exchange::quic::system_clock()()
}

/// Why a file did not pass, under a code whose exit tells failed (5) from undecidable (6).
fn failure(said: &Said, file: &Path) -> Option<Failure> {
    let code = match said.judgement.verdict {
        Verdict::TotalPassed => return None,
        Verdict::Indeterminate => Code::TrustUndecidable,
        Verdict::TotalFailed => Code::VerdictFailed,
    };
    let problem = said.problem.clone().unwrap_or_else(|| Problem::new(code, said.kind));
    let found = match (&problem.found, problem.code == code) {
        (found, true) => found.clone(),
        (Some(found), false) => Some(format!("{} {}: {found}", problem.code, problem.code.sentence_en())),
        (None, false) => Some(format!("{} {}", problem.code, problem.code.sentence_en())),
    };
    let problem =
        if problem.code.exit() == code.exit() { problem } else { Problem { code, found, ..problem } };
    let name =
        file.file_name().map_or_else(|| file.display().to_string(), |name| name.to_string_lossy().into());
    Some(problem.within(name).into())
}

fn tell(said: &Said, failure: Option<&Failure>, file: &Path, explain: bool, run: &Invocation) -> Outcome {
    let mut value = json!({
        "file": file.display().to_string(),
        "kind": said.kind,
        "verdict": said.judgement.verdict.as_str(),
        "sub": said.judgement.sub.map(SubIndication::as_str),
        "facts": said.facts,
    });
    let shown = said.findings.iter().filter(|finding| explain || !finding.judgement.passed());
    let findings: Vec<Value> = shown.clone().map(described).collect();
    if let Value::Object(object) = &mut value {
        object.insert("findings".to_owned(), findings.into());
        if let Some(failure) = failure {
            object.insert("error".to_owned(), failure.json(&run.console.text)["error"].clone());
        }
    }
    run.console.result(&value, |text| {
        let sub = said.judgement.sub.map(|sub| format!(" {}", sub.as_str())).unwrap_or_default();
        let mut lines = format!(
            "{}: {}: {}{sub}\n",
            file.display(),
            text.word_for("verify-kind", &said.kind.replace(' ', "-")),
            said.judgement.verdict.as_str()
        );
        for (name, fact) in said.facts.as_object().into_iter().flatten().filter(|(_, fact)| !fact.is_null()) {
            let fact = fact.as_str().map_or_else(|| fact.to_string(), ToOwned::to_owned);
            lines.push_str(&format!("  {name} {fact}\n"));
        }
        for finding in shown {
            let judgement = &finding.judgement;
            let sub = judgement.sub.map(|sub| format!(" {}", sub.as_str())).unwrap_or_default();
            lines.push_str(&format!(
                "  {} {}: {} ({}{sub})\n",
                finding.step.section(),
                finding.place,
                finding.what,
                judgement.verdict.as_str()
            ));
        }
        lines
    })
}

fn described(finding: &Finding) -> Value {
    json!({
        "place": finding.place,
        "section": finding.step.section(),
        "what": finding.what,
        "verdict": finding.judgement.verdict.as_str(),
        "sub": finding.judgement.sub.map(SubIndication::as_str),
        "counts": finding.counts,
        "problem": finding.problem.as_ref().map(ToString::to_string),
    })
}
