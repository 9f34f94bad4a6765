//! `ogic case receipt` and `ogic case evidence`: what proves one event, as a file that verifies offline.

use std::path::PathBuf;

use clap::Args;
use ogic_certs::EventId;

use crate::document::save_extract;
use crate::invocation::Invocation;
use crate::output::Outcome;
use crate::parse;

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[arg(value_name = "EVENT", value_parser = parse::event)]
    event: EventId,
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Arguments {
    pub(crate) async fn run(self, what: &str, run: &Invocation) -> Outcome {
        save_extract(&format!("/v1/events/{}/{what}", self.event), &self.out, run).await
    }
}
