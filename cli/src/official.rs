//! `ogic official`: an official gets a key of his own, which stays with him, and a certificate for it.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use ogic_certs::{Code, Problem, Role};
use ogic_node::folder::{self, Folder, sync_parent};

use crate::invocation::Invocation;
use crate::output::{Failure, Outcome};
use crate::token::{self, Source};

/// What the official gives to `--key`.
pub(crate) const KEY: &str = "official.key";
/// What he gives to `--cert`.
pub(crate) const CERTIFICATE: &str = "official.pem";
/// Where the enrolment is under way: a repetition after a lost answer finds its key there.
const UNDER_WAY: &str = ".enrolment";

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Enrol {
        #[command(flatten)]
        source: Source,
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

impl Command {
    pub(crate) async fn run(self, run: &Invocation) -> Outcome {
        let Self::Enrol { source, out } = self;
        let token = source.read()?;
        token::for_role(&token, |role| matches!(role, Role::Official(_)), "a token for official/<name>")?;
        let folder = Folder::create(&out)?;
        let certificate = folder.at(CERTIFICATE);
        if certificate.exists() {
            return Err(Problem::new(Code::ValueRefused, certificate.display().to_string())
                .found("a certificate")
                .expected("a folder without one")
                .into());
        }
        let under_way = folder.at(UNDER_WAY);
        let joined = token::join(&under_way, &token).await?;
        // The key first: a certificate without its key would look finished.
        let missing = |path: &Path| Problem::new(Code::NotFound, path.display().to_string());
        let from = under_way.join("keys/official.key");
        let bytes = folder::read_secret(&from)?.ok_or_else(|| missing(&from))?;
        folder.put(KEY, &bytes, 0o600)?;
        let from = under_way.join("certs/official.pem");
        let bytes = folder::read(&from)?.ok_or_else(|| missing(&from))?;
        folder.put(CERTIFICATE, &bytes, 0o644)?;
        remove(&under_way)?;
        token::joined(run, &out, &joined.identities, joined.not_after)
    }
}

fn remove(path: &Path) -> Outcome {
    std::fs::remove_dir_all(path).map_err(|error| Failure::file(path, &error))?;
    Ok(sync_parent(path)?)
}
