//! `ogic case share`: another agency gets a right to the case, on stated terms.

use clap::Args;
use ogic_certs::event::{Body, Detail, Kind, Terms};
use ogic_certs::{AgencyId, CaseId};

use super::act::{Act, Approver};
use crate::answer;
use crate::change::Change;
use crate::federation::now;
use crate::invocation::Invocation;
use crate::output::{Failure, Outcome};
use crate::parse::{self, When};

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[arg(value_name = "CASE", value_parser = parse::case)]
    case: CaseId,
    #[arg(long, value_name = "AGENCY", value_parser = parse::agency)]
    to: AgencyId,
    #[arg(long)]
    read: bool,
    #[arg(long = "step", value_name = "STEP")]
    steps: Vec<String>,
    #[arg(long, value_name = "TEXT")]
    purpose: String,
    #[arg(long, value_name = "TEXT")]
    ground: String,
    #[arg(long, value_name = "TEXT")]
    performer: String,
    #[arg(long, value_name = "TIME", value_parser = parse::when)]
    deadline: Option<When>,
    #[arg(long, value_name = "TIME", value_parser = parse::when)]
    expires: When,
    #[command(flatten)]
    approver: Approver,
    #[command(flatten)]
    change: Change,
}

impl Arguments {
    pub(crate) async fn run(self, run: &Invocation) -> Outcome {
        if !self.read && self.steps.is_empty() {
            return Err(Failure::usage("--read, --step", "none", "at least one right"));
        }
        let now = now();
        let expires = self.expires.from(now);
        let terms = Terms {
            grantee: self.to.clone(),
            read: self.read,
            steps: self.steps,
            purpose: self.purpose,
            ground: self.ground,
            performer: self.performer,
            deadline: self.deadline.map(|deadline| deadline.from(now)),
            expires,
        };
        let act = Act::new(Some(self.case), Kind::Share, Body::of(Detail::Share(terms)));
        let path = format!("/v1/cases/{}/events", self.case);
        let Some(answer) = act.ask(&path, &self.approver, &self.change, run).await? else {
            return Ok(());
        };
        run.console.result(&answer, |text| {
            let values = [
                ("agency", self.to.as_str().into()),
                ("grant", answer::text(&answer, "/event").into()),
                ("expires", expires.to_string().into()),
            ];
            text.say("case-shared", values) + "\n"
        })
    }
}
