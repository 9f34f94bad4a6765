//! `ogic ttp`: the evidence that a trusted third party has given, asked of its daemon.

use std::path::PathBuf;

use clap::Subcommand;
use ogic_certs::EventId;
use serde_json::json;

use crate::answer;
use crate::document::save;
use crate::invocation::Invocation;
use crate::output::{Failure, Outcome, table};
use crate::parse;

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Evidence {
        #[arg(value_name = "EVENT", value_parser = parse::event, requires = "out")]
        event: Option<EventId>,
        #[arg(long, value_name = "FILE", requires = "event")]
        out: Option<PathBuf>,
    },
}

impl Command {
    pub(crate) async fn run(self, run: &Invocation) -> Outcome {
        match self {
            Self::Evidence { event: None, .. } => list(run).await,
            Self::Evidence { event: Some(event), out } => {
                let out = out.ok_or_else(|| Failure::usage("--out", "none", "--out FILE"))?;
                let bytes = save(&format!("/v1/evidence/{event}"), &out, None, run).await?;
                let file = out.display().to_string();
                run.console.result(&json!({"file": file, "bytes": bytes}), |text| {
                    text.say("saved", [("file", file.clone().into()), ("bytes", bytes.into())]) + "\n"
                })
            }
        }
    }
}

async fn list(run: &Invocation) -> Outcome {
    let evidence = run.client()?.get("/v1/evidence").await?;
    run.console.result(&evidence, |text| {
        let headings =
            ["evidence-event", "evidence-requester", "evidence-at", "evidence-verdict", "evidence-sub"];
        let rows: Vec<Vec<String>> = answer::list(&evidence, "/evidence")
            .iter()
            .map(|item| {
                vec![
                    answer::text(item, "/event"),
                    answer::text(item, "/requester"),
                    answer::time(item, "/at"),
                    answer::text(item, "/verdict"),
                    answer::text(item, "/sub"),
                ]
            })
            .collect();
        table(&headings.map(|key| text.word(key)), &rows)
    })
}
