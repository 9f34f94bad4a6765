//! `ogic case event`: work on a step, or a note.

use clap::Args;
use ogic_certs::event::{Body, Detail, HeadAt, Kind, StepCode, StepTimes};
use ogic_certs::{CaseId, Timestamp};

use super::act::{Act, Approver, Content, WAIT_MS_MAX, parse_head, told};
use crate::change::Change;
use crate::invocation::Invocation;
use crate::output::{Failure, Outcome};
use crate::parse;

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[arg(value_name = "CASE", value_parser = parse::case)]
    case: CaseId,
    #[arg(long, value_parser = ["step", "note"], default_value = "step")]
    kind: String,
    #[arg(long, value_name = "STEP")]
    step: Option<String>,
    #[arg(long, value_parser = ["going", "done", "not-possible"])]
    code: Option<String>,
    #[arg(long, value_name = "TIME", value_parser = parse::time)]
    received: Option<Timestamp>,
    #[arg(long, value_name = "TIME", value_parser = parse::time)]
    started: Option<Timestamp>,
    #[arg(long, value_name = "TIME", value_parser = parse::time)]
    ended: Option<Timestamp>,
    #[arg(long, value_name = "SEQ:RECORD", value_parser = parse_head)]
    head: Option<HeadAt>,
    /// How long the node may wait for another agency's receipt.
    #[arg(long, value_name = "SPAN", value_parser = parse::span_ms, default_value = "10s")]
    wait: u64,
    #[command(flatten)]
    content: Content,
    #[command(flatten)]
    approver: Approver,
    #[command(flatten)]
    change: Change,
}

impl Arguments {
    pub(crate) async fn run(self, run: &Invocation) -> Outcome {
        let kind = Kind::from_word(&self.kind)?;
        let code = match (kind, &self.code) {
            (Kind::Step, Some(word)) => match StepCode::from_word(word)? {
                StepCode::Going => None,
                code => Some(code.as_str()),
            },
            (Kind::Note, Some(_)) => return Err(Failure::usage("--code", "with --kind note", "--kind step")),
            _ => None,
        };
        if kind == Kind::Step && self.step.is_none() {
            return Err(Failure::usage("--step", "none", "the step of the plan that is worked on"));
        }
        let mut act = Act::new(Some(self.case), kind, Body::of(Detail::None)).with(self.content).await?;
        act.step = self.step;
        act.code = code;
        act.times = StepTimes { received: self.received, started: self.started, ended: self.ended };
        act.head = self.head;
        let path = format!("/v1/cases/{}/events?wait={}", self.case, self.wait.min(WAIT_MS_MAX));
        let Some(answer) = act.ask(&path, &self.approver, &self.change, run).await? else {
            return Ok(());
        };
        run.console.result(&answer, |text| told(&answer, text))
    }
}
