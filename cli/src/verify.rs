//! `ogic verify`: judges files offline, by what the reader trusts and nothing else. No daemon, no network.
//!
//! Here is what the reader brings. What a file is and how it is judged is [`said`]; how that is told is [`told`].

mod said;
mod told;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use ogic_certs::capsule::Given;
use ogic_certs::certificate::Certificate;
use ogic_certs::cose::Signed;
use ogic_certs::crl::Crl;
use ogic_certs::path::{
    self, AnchorRoles, PathRequest, PrivilegedKey, Purpose, Revocation, RoleKind, TrustAnchor,
};
use ogic_certs::registry::{Pin, Registry, accept};
use ogic_certs::verdict::Verdict;
use ogic_certs::{Code, Digest, Problem, Result, Timestamp};
use ogic_node::folder::Folder;

use crate::invocation::Invocation;
use crate::output::{Failure, Outcome};

/// Largest file that is read.
const FILE_BYTES_MAX: u64 = ogic_certs::capsule::CAPSULE_BYTES_MAX as u64;

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

pub(crate) fn run(arguments: &Arguments, run: &Invocation) -> Outcome {
    let given = given(arguments)?;
    let certificates = certificates(&arguments.certs)?;
    let mut worst: Option<(Verdict, Failure)> = None;
    let mut unknown = None;
    for file in &arguments.files {
        let bytes = read(file)?;
        let said = match said::judge(&bytes, &given, &certificates, file) {
            Ok(said) => said,
            // Under --json every file has its line, and what is none of ours keeps nobody from the next.
            Err(failure) if run.console.json && arguments.files.len() > 1 => {
                run.console.out(&format!("{}\n", told::strange(&failure, file, run)))?;
                unknown.get_or_insert(Failure { told: true, ..failure });
                continue;
            }
            Err(failure) => return Err(failure),
        };
        let failure = told::failure(&said, file, run);
        told::tell(&said, failure.as_ref(), file, arguments.explain, run)?;
        if let Some(failure) = failure
            && worst.as_ref().is_none_or(|(verdict, _)| *verdict < said.judgement.verdict)
        {
            worst = Some((said.judgement.verdict, failure));
        }
    }
    match worst {
        None => unknown.map_or(Ok(()), Err),
        // Under --json the object above holds it already.
        Some((_, failure)) => Err(Failure { told: run.console.json, ..failure }),
    }
}

/// What the reader trusts: a daemon's folder, or a registry file with the root's digest.
fn given(arguments: &Arguments) -> Outcome<Given> {
    let now = Some(ogic_node::exchange::quic::system_clock()());
    let mut crls = Vec::new();
    for file in &arguments.crl {
        crls.push(Crl::from_der(&read(file)?).map_err(|problem| problem.within(file.display()))?);
    }
    let Some(trust) = &arguments.trust else {
        return Ok(Given { pinned: None, crls, at: arguments.at, now });
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
    Ok(Given { pinned: Some((Arc::new(registry), pin)), crls, at: arguments.at, now })
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
    if !path.exists() {
        return Err(Failure::usage(
            "--pin",
            said,
            "the SHA-256 of the root, 64 hex digits, or a pin.toml that exists",
        ));
    }
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
