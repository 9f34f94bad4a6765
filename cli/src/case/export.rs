//! `ogic case export`: the case as one file that verifies offline.

use std::path::PathBuf;

use clap::Args;
use ogic_certs::CaseId;
use serde_json::json;

use crate::document::save;
use crate::invocation::Invocation;
use crate::output::Outcome;
use crate::parse;

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[arg(value_name = "CASE", value_parser = parse::case)]
    case: CaseId,
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Arguments {
    pub(crate) async fn run(self, run: &Invocation) -> Outcome {
        let bytes = save(&format!("/v1/cases/{}/export", self.case), &self.out, None, run).await?;
        let file = self.out.display().to_string();
        run.console.result(&json!({"case": self.case.to_string(), "file": file, "bytes": bytes}), |text| {
            text.say("case-exported", [("file", file.clone().into()), ("bytes", bytes.into())]) + "\n"
        })
    }
}
