//! What can be typed: the one definition of commands and flags. Never holds their texts, which come from the locale
//! files (see [`crate::help`]). A command's own arguments stand beside it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::output::{Failure, Outcome};
use crate::text::Text;
use crate::{
    authority, bench, case, demo, document, explain, node, official, outbox, service, trace, ttp, verify,
    wait,
};

#[derive(Parser, Debug)]
#[command(name = "ogic", version, disable_help_subcommand = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of every command.
#[derive(Args, Debug)]
pub(crate) struct Globals {
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "json")]
    pub(crate) print: Option<String>,
    #[arg(long, global = true, value_name = "LANG", value_parser = ["en", "ru"])]
    pub(crate) lang: Option<String>,
}

impl Globals {
    /// The daemon's folder: `--data`, else the environment's `OGIC_DATA`.
    pub(crate) fn folder(&self, text: &Text) -> Outcome<PathBuf> {
        self.data
            .clone()
            .or_else(|| std::env::var_os("OGIC_DATA").filter(|value| !value.is_empty()).map(PathBuf::from))
            .ok_or_else(|| {
                Failure::usage("--data", "none", "--data DIR or OGIC_DATA").hint(text.word("data-hint"))
            })
    }
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Demo(demo::Arguments),
    #[command(subcommand, arg_required_else_help = true)]
    Bench(bench::Command),
    #[command(subcommand, arg_required_else_help = true)]
    Authority(authority::Command),
    #[command(subcommand, arg_required_else_help = true)]
    Ttp(ttp::Command),
    #[command(subcommand, arg_required_else_help = true)]
    Node(node::Command),
    #[command(subcommand, arg_required_else_help = true)]
    Official(official::Command),
    #[command(subcommand, arg_required_else_help = true)]
    Case(case::Command),
    #[command(subcommand, arg_required_else_help = true)]
    Document(document::Command),
    #[command(subcommand, arg_required_else_help = true)]
    Service(service::Command),
    Status,
    Peers,
    Outbox(outbox::Arguments),
    Trace(trace::Arguments),
    #[command(subcommand, arg_required_else_help = true)]
    Wait(wait::Command),
    Verify(verify::Arguments),
    Explain(explain::Arguments),
}

impl Command {
    /// Whether it runs until it is told to end.
    pub(crate) const fn serves(&self) -> bool {
        match self {
            Self::Authority(command) => command.serves(),
            Self::Ttp(command) => command.serves(),
            Self::Node(command) => command.serves(),
            _ => false,
        }
    }
}
