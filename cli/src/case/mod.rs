//! `ogic case`: one citizen's matter, from opening to closing. One file a command; begin with [`act`], which builds
//! and signs what each change says.

mod access;
pub(crate) mod act;
mod close;
mod custody;
mod event;
mod export;
mod list;
mod offer;
mod open;
mod proof;
mod share;
mod show;
mod unshare;

use clap::Subcommand;
use ogic_certs::CaseId;

use crate::invocation::Invocation;
use crate::output::Outcome;
use crate::parse;

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Open(open::Arguments),
    List,
    Show(show::Arguments),
    Event(event::Arguments),
    Share(share::Arguments),
    Unshare(unshare::Arguments),
    Offer(offer::Arguments),
    Accept(custody::Accept),
    Decline(custody::Decline),
    Close(close::Arguments),
    Export(export::Arguments),
    Receipt(proof::Arguments),
    Evidence(proof::Arguments),
    Access {
        #[arg(value_name = "CASE", value_parser = parse::case)]
        case: CaseId,
    },
}

impl Command {
    pub(crate) async fn run(self, run: &Invocation) -> Outcome {
        match self {
            Self::Open(arguments) => arguments.run(run).await,
            Self::List => list::run(run).await,
            Self::Show(arguments) => arguments.run(run).await,
            Self::Event(arguments) => arguments.run(run).await,
            Self::Share(arguments) => arguments.run(run).await,
            Self::Unshare(arguments) => arguments.run(run).await,
            Self::Offer(arguments) => arguments.run(run).await,
            Self::Accept(arguments) => arguments.run(run).await,
            Self::Decline(arguments) => arguments.run(run).await,
            Self::Close(arguments) => arguments.run(run).await,
            Self::Export(arguments) => arguments.run(run).await,
            Self::Receipt(arguments) => arguments.run("receipt", run).await,
            Self::Evidence(arguments) => arguments.run("evidence", run).await,
            Self::Access { case } => access::run(case, run).await,
        }
    }
}
