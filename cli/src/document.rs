//! `ogic document`: bytes into the node and out of it, named by what they are. A document never is in memory whole,
//! and never appears under its name before its digest was checked.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use ogic_certs::event::DocumentRef;
use ogic_certs::merkle::{DocumentHasher, DocumentId};
use ogic_certs::{CaseId, Code, Digest, Problem};
use serde_json::{Value, json};
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use crate::answer;
use crate::client::query;
use crate::invocation::Invocation;
use crate::output::{Failure, Outcome, table};
use crate::parse;

/// Bytes read at once while a file is hashed.
const PIECE_BYTES: usize = 256 << 10;

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Add {
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        #[arg(long, value_name = "TYPE")]
        media_type: Option<String>,
        #[arg(long)]
        dry_run: bool,
    },
    Get {
        #[arg(value_name = "DIGEST", value_parser = parse::digest)]
        sha256: Digest,
        #[arg(long, value_name = "CASE", value_parser = parse::case)]
        case: Option<CaseId>,
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    List {
        #[arg(value_name = "CASE", value_parser = parse::case)]
        case: CaseId,
        #[arg(long)]
        purpose: Option<String>,
    },
}

impl Command {
    pub(crate) async fn run(self, run: &Invocation) -> Outcome {
        match self {
            Self::Add { files, media_type, dry_run } => {
                add(&files, media_type.as_deref(), dry_run, run).await
            }
            Self::Get { sha256, case, out } => fetch(sha256, case, &out, run).await,
            Self::List { case, purpose } => list(case, purpose.as_deref(), run).await,
        }
    }
}

async fn add(files: &[PathBuf], media_type: Option<&str>, dry_run: bool, run: &Invocation) -> Outcome {
    let mut added = Vec::new();
    for file in files {
        let mut document = describe(file, None).await?;
        if let Some(media_type) = media_type {
            media_type.clone_into(&mut document.media_type);
        }
        if !dry_run {
            upload(file, &document, run).await?;
        }
        added.push(document);
    }
    let listed: Vec<Value> = added.iter().map(as_json).collect();
    let mut value = json!({"documents": listed});
    if dry_run {
        value["dry_run"] = true.into();
    }
    run.console.result(&value, |text| {
        let lines: String = added
            .iter()
            .map(|d| format!("{}  {}  {}\n", d.sha256, d.bytes, ogic_certs::problem::visible(&d.label)))
            .collect();
        if dry_run { format!("{}\n{lines}", text.word("change-dry-run")) } else { lines }
    })
}

/// A document as `--json` shows it.
pub(crate) fn as_json(document: &DocumentRef) -> Value {
    json!({
        "sha256": document.sha256.to_string(),
        "root": document.root.to_string(),
        "bytes": document.bytes,
        "label": document.label,
        "media_type": document.media_type,
    })
}

/// Names a file by its digests; its label is the given one, or its name without folders and ending.
pub(crate) async fn describe(path: &Path, label: Option<&str>) -> Outcome<DocumentRef> {
    let id = identify(path).await?;
    let name = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    Ok(DocumentRef {
        sha256: id.sha256,
        root: id.root,
        bytes: id.bytes,
        media_type: parse::media_type(&name(path.file_name())).to_owned(),
        label: label.map_or_else(|| name(path.file_stem()), str::to_owned),
    })
}

/// Both ids of a file's bytes as they are now.
async fn identify(path: &Path) -> Outcome<DocumentId> {
    let failed = |error| Failure::file(path, &error);
    let mut file = File::open(path).await.map_err(failed)?;
    let mut hasher = DocumentHasher::new();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match file.read(&mut piece).await.map_err(failed)? {
            0 => return Ok(hasher.finish()),
            length => hasher.update(&piece[..length]),
        }
    }
}

/// Sends a file to the node, which must have received exactly what was described.
pub(crate) async fn upload(path: &Path, document: &DocumentRef, run: &Invocation) -> Outcome {
    let file = File::open(path).await.map_err(|error| Failure::file(path, &error))?;
    let answer = run.client()?.upload("/v1/documents", file, document.bytes, &document.media_type).await?;
    let stored = answer::text(&answer, "/sha256");
    if stored == document.sha256.to_string() {
        Ok(())
    } else {
        let label = path.display().to_string();
        Err(Problem::new(Code::DigestMismatch, label)
            .found(stored)
            .expected(document.sha256.to_string())
            .into())
    }
}

async fn fetch(sha256: Digest, case: Option<CaseId>, out: &Path, run: &Invocation) -> Outcome {
    let path = match case {
        Some(case) => format!("/v1/documents/{sha256}?case={case}"),
        None => format!("/v1/documents/{sha256}"),
    };
    let bytes = save(&path, out, Some(sha256), run).await?;
    let value = json!({"sha256": sha256.to_string(), "bytes": bytes, "file": out.display().to_string()});
    run.console.result(&value, |text| {
        text.say("saved", [("file", out.display().to_string().into()), ("bytes", bytes.into())]) + "\n"
    })
}

/// Saves what a path of the API answers under a new file's name: written beside it, checked against `sha256`, synced,
/// and only then named. A file that exists is never overwritten.
pub(crate) async fn save(path: &str, out: &Path, sha256: Option<Digest>, run: &Invocation) -> Outcome<u64> {
    let failed = |error| Failure::file(out, &error);
    if out.exists() {
        return Err(Problem::new(Code::ValueRefused, out.display().to_string())
            .found("a file that exists")
            .expected("a new file's name")
            .into());
    }
    let mut name = std::ffi::OsString::from(".");
    name.push(out.file_name().unwrap_or_default());
    name.push(format!(".part-{}", std::process::id()));
    let part = out.with_file_name(name);
    let saved = async {
        let mut file = File::create_new(&part).await.map_err(failed)?;
        let bytes = run.client()?.download(path, &mut file).await?;
        file.sync_all().await.map_err(failed)?;
        if let Some(expected) = sha256 {
            let found = identify(&part).await?.sha256;
            if found != expected {
                return Err(Problem::new(Code::DigestMismatch, "document")
                    .found(found.to_string())
                    .expected(expected.to_string())
                    .into());
            }
        }
        // A link fails where a rename would replace what appeared meanwhile.
        std::fs::hard_link(&part, out).map_err(failed)?;
        Ok(bytes)
    };
    let outcome = saved.await;
    let _ = std::fs::remove_file(&part);
    outcome
}

/// Saves an extract, which `ogic verify` judges on its own.
pub(crate) async fn save_extract(path: &str, out: &Path, run: &Invocation) -> Outcome {
    let bytes = save(path, out, None, run).await?;
    let file = out.display().to_string();
    run.console.result(&json!({"file": file, "bytes": bytes}), |text| {
        text.say("extract-saved", [("file", file.clone().into()), ("bytes", bytes.into())]) + "\n"
    })
}

async fn list(case: CaseId, purpose: Option<&str>, run: &Invocation) -> Outcome {
    let path = match purpose {
        Some(purpose) => format!("/v1/cases/{case}?purpose={}", query(purpose)),
        None => format!("/v1/cases/{case}"),
    };
    let shown = run.client()?.get(&path).await?;
    let mut documents = Vec::new();
    for entry in answer::list(&shown, "/history") {
        for document in answer::list(entry, "/documents") {
            let mut document = document.clone();
            document["seq"] = entry["seq"].clone();
            document["author"] = entry["author"].clone();
            documents.push(document);
        }
    }
    let value = json!({"case": case.to_string(), "documents": documents});
    run.console.result(&value, |text| {
        let headings = [
            "document-seq",
            "document-author",
            "document-sha256",
            "document-bytes",
            "document-type",
            "document-label",
        ];
        let rows: Vec<Vec<String>> = documents
            .iter()
            .map(|d| {
                ["/seq", "/author", "/sha256", "/bytes", "/media_type", "/label"]
                    .map(|p| answer::text(d, p))
                    .to_vec()
            })
            .collect();
        table(&headings.map(|key| text.word(key)), &rows)
    })
}
