//! `ogic official`: an official gets a key of his own, which stays with him, and a certificate for it.

use std::path::PathBuf;

use clap::Subcommand;

use crate::invocation::Invocation;
use crate::output::Outcome;
use crate::token::{self, Source};

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
        let joined = token::join_official(&out, &token).await?;
        token::joined(run, &out, &joined)
    }
}
