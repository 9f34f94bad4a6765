//! The two verifiers as processes, asked about many files in one call.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use ogic_certs::Timestamp;
use serde_json::Value;
use tempfile::TempDir;

use crate::files::Files;
use crate::story::{NOW, Story};

/// What a reader brings, as files and arguments that both verifiers take.
pub(crate) struct Reader {
    pub(crate) name: &'static str,
    folder: TempDir,
    pin: String,
    trust: bool,
    bare: bool,
    at: Timestamp,
}

impl Reader {
    /// Who pinned the story's root, holds its registry and newest list, and knows the signers' certificates.
    pub(crate) fn of(name: &'static str, story: &Story) -> Self {
        let folder = tempfile::Builder::new().prefix("ogic-reader-").tempdir().unwrap();
        let put = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
        put("registry.cose", story.registry.bytes());
        put("list.crl", story.crl.der());
        put("certificates.pem", story.certificates().as_bytes());
        Self { name, folder, pin: story.pin.root.to_string(), trust: true, bare: false, at: NOW }
    }

    pub(crate) fn without_trust(self) -> Self {
        Self { trust: false, ..self }
    }

    pub(crate) fn bare(self) -> Self {
        Self { bare: true, ..self }
    }

    pub(crate) fn at(self, at: Timestamp) -> Self {
        Self { at, ..self }
    }

    fn arguments(&self) -> Vec<String> {
        let place = |name: &str| self.folder.path().join(name).display().to_string();
        let mut words = vec!["--json".to_owned(), "--at".to_owned(), self.at.to_string()];
        if self.trust {
            words.extend([
                "--trust".to_owned(),
                place("registry.cose"),
                "--pin".to_owned(),
                self.pin.clone(),
            ]);
        }
        if !self.bare {
            words.extend(["--crl", "list.crl", "--certs", "certificates.pem"].map(|word| match word {
                flag if flag.starts_with("--") => flag.to_owned(),
                file => place(file),
            }));
        }
        words
    }
}

/// What a verifier says of one file.
pub(crate) struct Said {
    pub(crate) exit: i64,
    pub(crate) why: String,
}

/// `ogic verify`, the real binary.
pub(crate) fn ogic(files: &Files, reader: &Reader) -> Vec<Said> {
    let output = run(Path::new(env!("CARGO_BIN_EXE_ogic")), &["verify"], files, reader);
    let said = lines(&output).map(|line| {
        let exit = match line["verdict"].as_str() {
            Some("TOTAL-PASSED") => 0,
            Some("INDETERMINATE") => 6,
            Some("TOTAL-FAILED") => 5,
            _ => 2,
        };
        Said { exit, why: format!("{} {}", line["sub"], line["error"]["found"]) }
    });
    counted(said.collect(), files, &output)
}

/// `tests/verify.py`; nothing where Python or its package is not at hand.
pub(crate) fn python(files: &Files, reader: &Reader) -> Option<Vec<Said>> {
    let python = PYTHON.as_ref()?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/verify.py");
    let output = run(python, &[script], files, reader);
    let said = lines(&output).map(|line| Said {
        exit: line["exit"].as_i64().unwrap_or(-1),
        why: format!("{} {}", line["step"], line["problem"]),
    });
    Some(counted(said.collect(), files, &output))
}

/// Fails under a Python before 3.11, and without cryptography 43 or later.
const NEEDED: &str =
    "import tomllib, cryptography.x509 as x509; x509.InvalidityDate.invalidity_date_utc, x509.Certificate";

/// An interpreter that has what verify.py needs: that of `OGIC_PYTHON`, or `python3`.
static PYTHON: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    let python = std::env::var_os("OGIC_PYTHON").map_or_else(|| PathBuf::from("python3"), PathBuf::from);
    let asked = Command::new(&python).args(["-c", NEEDED]).output();
    let found = asked.is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("skipped: python3 (3.11 or later) with the package cryptography (43 or later) is not here");
    }
    found.then_some(python)
});

fn run(program: &Path, words: &[&str], files: &Files, reader: &Reader) -> Output {
    let mut command = Command::new(program);
    command.args(words).args(reader.arguments()).args(files.paths());
    command.env("LC_ALL", "C.UTF-8").env("PYTHONDONTWRITEBYTECODE", "1").output().unwrap()
}

fn lines(output: &Output) -> impl Iterator<Item = Value> {
    output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(|line| {
        serde_json::from_slice(line)
            .unwrap_or_else(|error| panic!("{error} in {}", String::from_utf8_lossy(line)))
    })
}

fn counted(said: Vec<Said>, files: &Files, output: &Output) -> Vec<Said> {
    assert_eq!(
        said.len(),
        files.names().count(),
        "one line a file: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    said
}
