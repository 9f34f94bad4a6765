//! `ogic case accept` and `ogic case decline`: what an agency answers to an offer of custody.

use clap::Args;
use ogic_certs::CaseId;
use ogic_certs::event::{Body, Detail, Kind};

use super::act::{Act, Approver, WAIT_MS_MAX, told};
use crate::change::Change;
use crate::invocation::Invocation;
use crate::output::Outcome;
use crate::parse;

#[derive(Args, Debug)]
pub(crate) struct Accept {
    #[arg(value_name = "CASE", value_parser = parse::case)]
    case: CaseId,
    /// How long the node may wait for the case to come.
    #[arg(long, value_name = "SPAN", value_parser = parse::span_ms, default_value = "10s")]
    wait: u64,
    #[command(flatten)]
    approver: Approver,
    #[command(flatten)]
    change: Change,
}

#[derive(Args, Debug)]
pub(crate) struct Decline {
    #[arg(value_name = "CASE", value_parser = parse::case)]
    case: CaseId,
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// How long the node may wait for the home's receipt.
    #[arg(long, value_name = "SPAN", value_parser = parse::span_ms, default_value = "10s")]
    wait: u64,
    #[command(flatten)]
    approver: Approver,
    #[command(flatten)]
    change: Change,
}

impl Accept {
    pub(crate) async fn run(self, run: &Invocation) -> Outcome {
        let act = Act::new(Some(self.case), Kind::Accept, Body::of(Detail::None));
        let path = format!("/v1/cases/{}/events?wait={}", self.case, self.wait.min(WAIT_MS_MAX));
        let Some(answer) = act.ask(&path, &self.approver, &self.change, run).await? else {
            return Ok(());
        };
        run.console.result(&answer, |text| {
            let case = self.case.to_string();
            match answer["state"].as_str() {
                Some("taken") => text.say("case-taken", [("case", case.into())]) + "\n",
                Some("receipted") => text.say("case-accepted", [("case", case.into())]) + "\n",
                _ => told(&answer, text),
            }
        })
    }
}

impl Decline {
    pub(crate) async fn run(self, run: &Invocation) -> Outcome {
        let act = Act::new(Some(self.case), Kind::Decline, Body::of(Detail::Decline { reason: self.reason }));
        let path = format!("/v1/cases/{}/events?wait={}", self.case, self.wait.min(WAIT_MS_MAX));
        let Some(answer) = act.ask(&path, &self.approver, &self.change, run).await? else {
            return Ok(());
        };
        run.console.result(&answer, |text| told(&answer, text))
    }
}
