//! `ogic ttp`: a trusted third party joins and serves; the evidence that it has given is asked of its daemon.

use std::path::PathBuf;

use clap::Subcommand;
use ogic_certs::{EventId, Role};
use ogic_node::exchange::face::Face;

use crate::answer;
use crate::client::Keeper;
use crate::daemon::{self, Ending, Listen, draw};
use crate::document::save_extract;
use crate::invocation::Invocation;
use crate::output::{Failure, Outcome, table};
use crate::parse;
use crate::token::{self, Source};

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Init(Source),
    Serve(Listen),
    Evidence {
        #[arg(value_name = "EVENT", value_parser = parse::event, requires = "out")]
        event: Option<EventId>,
        #[arg(long, value_name = "FILE", requires = "event")]
        out: Option<PathBuf>,
    },
}

impl Command {
    /// Whether it runs until it is told to end.
    pub(crate) const fn serves(&self) -> bool {
        matches!(self, Self::Serve(_))
    }

    pub(crate) async fn run(self, run: &Invocation) -> Outcome {
        match self {
            Self::Init(source) => {
                let data = run.globals.folder(&run.console.text)?;
                let token = source.read()?;
                token::for_role(&token, |role| *role == Role::Ttp, "a token for the role ttp")?;
                let joined = token::join(&data, &token).await?;
                token::joined(run, &data, &joined)
            }
            Self::Serve(listen) => serve(&listen, run).await,
            Self::Evidence { event: None, .. } => list(run).await,
            Self::Evidence { event: Some(event), out } => {
                let out = out.ok_or_else(|| Failure::usage("--out", "none", "--out FILE"))?;
                save_extract(&format!("/v1/evidence/{event}/extract"), &out, run).await
            }
        }
    }
}

async fn serve(listen: &Listen, run: &Invocation) -> Outcome {
    let data = run.globals.folder(&run.console.text)?;
    Keeper::demand(Keeper::Ttp, &data)?;
    daemon::prepare(&data)?;
    let mut ending = Ending::new()?;
    let running = ogic_node::ttp::serve(&data, listen.listen, listen.advertised()?, &mut draw).await?;
    let agency = Face::agency(&running.bench);
    daemon::ready(run, agency.as_str(), running.address(), &data)?;
    ending.told().await;
    daemon::within_end(running.close()).await;
    Ok(())
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
