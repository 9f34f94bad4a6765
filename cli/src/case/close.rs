//! `ogic case close`: how the matter ended, and why.

use clap::Args;
use ogic_certs::CaseId;
use ogic_certs::event::{Body, Detail, HeadAt, Kind, Outcome as Ending};

use super::act::{Act, Approver, Content, parse_head};
use crate::change::Change;
use crate::invocation::Invocation;
use crate::output::Outcome;
use crate::parse;

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[arg(value_name = "CASE", value_parser = parse::case)]
    case: CaseId,
    #[arg(long, value_parser = ["granted", "refused", "withdrawn"])]
    outcome: String,
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[arg(long, value_name = "SEQ:RECORD", value_parser = parse_head)]
    head: Option<HeadAt>,
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    content: Content,
    #[command(flatten)]
    approver: Approver,
    #[command(flatten)]
    change: Change,
}

impl Arguments {
    pub(crate) async fn run(self, run: &Invocation) -> Outcome {
        let ending = Ending::from_word(&self.outcome)?;
        let word = run.console.text.word_for("outcome", ending.as_str());
        if !self.change.dry_run {
            let values = [("case", self.case.to_string().into()), ("outcome", word.clone().into())];
            let question = run.console.text.say("close-question", values);
            run.console.confirm(self.yes, &question)?;
        }
        let body = Body::of(Detail::Close { reason: self.reason });
        let mut act = Act::new(Some(self.case), Kind::Close, body).with(self.content).await?;
        act.code = Some(ending.as_str());
        act.head = self.head;
        let path = format!("/v1/cases/{}/events", self.case);
        let Some(answer) = act.ask(&path, &self.approver, &self.change, run).await? else {
            return Ok(());
        };
        run.console.result(&answer, |text| {
            text.say("case-closed", [("case", self.case.to_string().into()), ("outcome", word.into())]) + "\n"
        })
    }
}
