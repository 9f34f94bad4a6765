//! `ogic node`: an agency joins the federation, and its node serves.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use ogic_certs::Role;
use ogic_node::daemon::{Config, Node};
use ogic_node::exchange::outbox::WINDOW_ITEMS;
use ogic_node::{api, local};
use tokio::sync::watch;

use crate::client::Keeper;
use crate::daemon::{self, Ending, Listen};
use crate::document::save_extract;
use crate::invocation::Invocation;
use crate::output::Outcome;
use crate::parse;
use crate::token::{self, Source};

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Join(Source),
    Serve(Serve),
    Checkpoint {
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Serve {
    #[command(flatten)]
    listen: Listen,
    /// Most messages that are sent to one peer before their receipts are here.
    #[arg(long, value_name = "MESSAGES", value_parser = parse::window, default_value_t = WINDOW_ITEMS)]
    window: usize,
}

impl Command {
    /// Whether it runs until it is told to end.
    pub(crate) const fn serves(&self) -> bool {
        matches!(self, Self::Serve(_))
    }

    pub(crate) async fn run(self, run: &Invocation) -> Outcome {
        match self {
            Self::Join(source) => {
                let data = run.globals.folder(&run.console.text)?;
                let token = source.read()?;
                // A third party's token has the role node too, for its channel; the seal is an agency's alone.
                token::for_role(&token, |role| *role == Role::Seal, "a token for the role node")?;
                let joined = token::join(&data, &token).await?;
                token::joined(run, &data, &joined)
            }
            Self::Serve(arguments) => serve(&run.globals.folder(&run.console.text)?, &arguments, run).await,
            Self::Checkpoint { out } => save_extract("/v1/checkpoint", &out, run).await,
        }
    }
}

async fn serve(data: &std::path::Path, arguments: &Serve, run: &Invocation) -> Outcome {
    let Serve { listen, window } = arguments;
    Keeper::demand(Keeper::Node, data)?;
    daemon::prepare(data)?;
    let mut ending = Ending::new()?;
    let advertised = listen.advertised()?;
    let config = Config { data: data.to_owned(), listen: listen.listen, advertised, window: *window };
    let mut node = Node::start(&config)?;
    let handle = node.handle().clone();
    let socket = local::bind(handle.folder())?;
    let (closing, closed) = watch::channel(false);
    let api = tokio::spawn(local::serve(socket, api::routes(handle.clone()), closed));
    daemon::ready(run, handle.agency().as_str(), handle.endpoint().local_addr()?, data)?;
    let failed = tokio::select! {
        () = ending.told() => None,
        problem = node.failed() => Some(problem),
    };
    closing.send_replace(true);
    if let Some(problem) = failed {
        tracing::error!(%problem, "the node cannot go on");
        return Err(problem.into());
    }
    // Callers are answered first: what they asked for needs the writer.
    daemon::within_end(api).await;
    daemon::within_end(node.stop()).await.unwrap_or(Ok(()))?;
    Ok(())
}
