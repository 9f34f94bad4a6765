//! The one binary `ogic`: every role's daemon and every operator's command. A command is parse → call the library →
//! print; nothing is decided here. Begin with [`args`].

mod answer;
mod args;
mod authority;
mod bench;
mod case;
mod change;
mod client;
mod daemon;
mod demo;
mod document;
mod explain;
mod federation;
mod help;
mod invocation;
mod node;
mod official;
mod outbox;
mod output;
mod parse;
mod peers;
mod service;
mod status;
mod text;
mod token;
mod trace;
mod ttp;
mod verify;
mod wait;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};
use ogic_certs::{Code, Problem};

use crate::args::{Cli, Command};
use crate::invocation::Invocation;
use crate::output::{Console, Outcome};
use crate::text::{Language, Text};

fn main() -> ExitCode {
    let mut typed: Vec<OsString> = std::env::args_os().collect();
    if typed.get(1).is_some_and(|word| word == "help") {
        // `ogic help case open` is `ogic case open --help`.
        typed.remove(1);
        typed.push("--help".into());
    }
    let words: Vec<String> = typed.iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let text = Text::in_language(Language::of_process(&words));
    let root = help::localised(Cli::command(), &text);
    let parsed = root.clone().try_get_matches_from(typed).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return not_parsed(&error, &words, root, text),
    };
    let console = Console { text, json: cli.globals.json, print: cli.globals.print.clone() };
    let run = Invocation { console, globals: cli.globals, words };
    match carry_out(cli.command, &run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => ExitCode::from(run.console.fail(&failure)),
    }
}

/// Prints the help that was asked for, or why the words are no command.
fn not_parsed(error: &clap::Error, words: &[String], mut root: clap::Command, text: Text) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // A reader that went away is no failure.
            let _ = error.print();
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            ExitCode::from(Code::Usage.exit())
        }
        _ => {
            root.build();
            let failure = help::usage_failure(error, words, &root, &text);
            let json = words.iter().any(|word| word == "--json");
            ExitCode::from(Console { text, json, print: None }.fail(&failure))
        }
    }
}

fn carry_out(command: Command, run: &Invocation) -> Outcome {
    // A client waits for one answer; a daemon has many to give.
    let mut builder = if command.serves() {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    let runtime = builder
        .enable_all()
        .build()
        .map_err(|error| Problem::new(Code::Internal, "runtime").found(error.to_string()))?;
    let outcome = runtime.block_on(async {
        match command {
            Command::Authority(command) => command.run(run).await,
            Command::Ttp(command) => command.run(run).await,
            Command::Node(command) => command.run(run).await,
            Command::Official(command) => command.run(run).await,
            Command::Bench(command) => command.run(run).await,
            Command::Demo(arguments) => demo::run(arguments, run).await,
            Command::Case(command) => command.run(run).await,
            Command::Document(command) => command.run(run).await,
            Command::Service(command) => command.run(run).await,
            Command::Status => status::run(run).await,
            Command::Peers => peers::run(run).await,
            Command::Outbox(arguments) => outbox::run(arguments, run).await,
            Command::Trace(arguments) => trace::run(&arguments, run).await,
            Command::Wait(command) => command.run(run).await,
            Command::Verify(arguments) => verify::run(&arguments, run),
            Command::Explain(arguments) => explain::run(&arguments, run),
        }
    });
    // What is left, such as a read of a terminal, must not keep the process.
    runtime.shutdown_background();
    outcome
}
