//! `ogic case open`: a citizen's matter begins, under one version of a service.

use clap::Args;
use ogic_certs::event::{Body, Detail, Kind};

use super::act::{Act, Approver, Content};
use crate::answer;
use crate::change::Change;
use crate::invocation::Invocation;
use crate::output::Outcome;
use crate::service;

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[arg(long, value_name = "DIGEST|NAME")]
    service: String,
    #[arg(long, value_name = "PSEUDONYM")]
    citizen: String,
    #[command(flatten)]
    content: Content,
    #[command(flatten)]
    approver: Approver,
    #[command(flatten)]
    change: Change,
}

impl Arguments {
    pub(crate) async fn run(self, run: &Invocation) -> Outcome {
        let resolved = service::resolve(&self.service, run).await;
        let service = resolved.map_err(|failure| self.change.before(run, failure))?;
        let body = Body::of(Detail::Open { service, citizen: self.citizen });
        let act = Act::new(None, Kind::Open, body).with(self.content).await?;
        let Some(answer) = act.ask("/v1/cases", &self.approver, &self.change, run).await? else {
            return Ok(());
        };
        run.console.result(&answer, |text| {
            text.say("case-opened", [("case", answer::text(&answer, "/case").into())]) + "\n"
        })
    }
}
