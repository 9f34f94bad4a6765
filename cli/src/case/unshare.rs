//! `ogic case unshare`: a right is taken back, at once.

use clap::Args;
use ogic_certs::event::{Body, Detail, Kind};
use ogic_certs::{CaseId, EventId};

use super::act::{Act, Approver};
use crate::change::Change;
use crate::invocation::Invocation;
use crate::output::Outcome;
use crate::parse;

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[arg(value_name = "CASE", value_parser = parse::case)]
    case: CaseId,
    #[arg(value_name = "GRANT", value_parser = parse::event)]
    grant: EventId,
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    approver: Approver,
    #[command(flatten)]
    change: Change,
}

impl Arguments {
    pub(crate) async fn run(self, run: &Invocation) -> Outcome {
        if !self.change.dry_run {
            let question =
                run.console.text.say("unshare-question", [("grant", self.grant.to_string().into())]);
            run.console.confirm(self.yes, &question)?;
        }
        let body = Body::of(Detail::Unshare { grant: self.grant, reason: self.reason });
        let act = Act::new(Some(self.case), Kind::Unshare, body);
        let path = format!("/v1/cases/{}/events", self.case);
        let Some(answer) = act.ask(&path, &self.approver, &self.change, run).await? else {
            return Ok(());
        };
        run.console.result(&answer, |text| {
            text.say("case-unshared", [("grant", self.grant.to_string().into())]) + "\n"
        })
    }
}
