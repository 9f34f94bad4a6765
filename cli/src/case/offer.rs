//! `ogic case offer`: the custody of a case is offered to another agency, which may read all of it from then on.

use clap::Args;
use ogic_certs::event::{Body, Detail, Kind, Terms};
use ogic_certs::{AgencyId, CaseId};

use super::act::{Act, Approver};
use crate::answer;
use crate::change::Change;
use crate::federation::now;
use crate::invocation::Invocation;
use crate::output::Outcome;
use crate::parse::{self, When};

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[arg(value_name = "CASE", value_parser = parse::case)]
    case: CaseId,
    #[arg(long, value_name = "AGENCY", value_parser = parse::agency)]
    to: AgencyId,
    #[arg(long, value_name = "TEXT")]
    purpose: String,
    #[arg(long, value_name = "TEXT")]
    ground: String,
    #[arg(long, value_name = "TEXT", default_value = "")]
    performer: String,
    #[arg(long, value_name = "TIME", value_parser = parse::when)]
    expires: When,
    #[command(flatten)]
    approver: Approver,
    #[command(flatten)]
    change: Change,
}

impl Arguments {
    pub(crate) async fn run(self, run: &Invocation) -> Outcome {
        let expires = self.expires.from(now());
        let terms = Terms {
            grantee: self.to.clone(),
            read: true,
            steps: Vec::new(),
            purpose: self.purpose,
            ground: self.ground,
            performer: self.performer,
            deadline: None,
            expires,
        };
        let act = Act::new(Some(self.case), Kind::Offer, Body::of(Detail::Offer(terms)));
        let path = format!("/v1/cases/{}/events", self.case);
        let Some(answer) = act.ask(&path, &self.approver, &self.change, run).await? else {
            return Ok(());
        };
        run.console.result(&answer, |text| {
            let values = [
                ("agency", self.to.as_str().into()),
                ("offer", answer::text(&answer, "/event").into()),
                ("expires", expires.to_string().into()),
            ];
            text.say("case-offered", values) + "\n"
        })
    }
}
