//! `ogic outbox`: what waits to be delivered, and what was parked because it could not be.

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::answer;
use crate::change::Change;
use crate::invocation::Invocation;
use crate::output::{Outcome, table};
use crate::text::Text;

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// None lists.
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    List,
    Retry {
        /// The item's id, as `list` shows it.
        #[arg(value_name = "ID")]
        item: String,
        #[command(flatten)]
        change: Change,
    },
    Drop {
        /// The item's id, as `list` shows it.
        #[arg(value_name = "ID")]
        item: String,
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        change: Change,
    },
}

pub(crate) async fn run(arguments: Arguments, run: &Invocation) -> Outcome {
    match arguments.command.unwrap_or(Command::List) {
        Command::List => list(run).await,
        Command::Retry { item, change } => {
            let path = format!("/v1/outbox/{}/retry", crate::client::query(&item));
            match change.make(run, &path, &serde_json::json!({})).await? {
                Some(answer) => run
                    .console
                    .result(&answer, |text| text.say("outbox-retried", [("item", item.into())]) + "\n"),
                None => Ok(()),
            }
        }
        Command::Drop { item, yes, change } => {
            if !change.dry_run {
                let question = run.console.text.say("drop-question", [("item", item.as_str().into())]);
                run.console.confirm(yes, &question)?;
            }
            let path = format!("/v1/outbox/{}/drop", crate::client::query(&item));
            match change.make(run, &path, &serde_json::json!({})).await? {
                Some(answer) => run
                    .console
                    .result(&answer, |text| text.say("outbox-dropped", [("item", item.into())]) + "\n"),
                None => Ok(()),
            }
        }
    }
}

/// Why an item has not arrived, and whose turn it is.
fn refusal(item: &Value, text: &Text) -> String {
    let problem = answer::problem(item, "/problem", text);
    match item["problem"]["side"].as_str() {
        Some(side) => format!("{problem}, {}", text.word_for("side", side)),
        None => problem,
    }
}

async fn list(run: &Invocation) -> Outcome {
    let outbox = run.client()?.get("/v1/outbox").await?;
    run.console.result(&outbox, |text| {
        let items = answer::list(&outbox, "/items");
        let headings = [
            "outbox-id",
            "outbox-peer",
            "outbox-case",
            "outbox-kind",
            "outbox-state",
            "outbox-tries",
            "outbox-next",
            "outbox-problem",
        ];
        let rows: Vec<Vec<String>> = items
            .iter()
            .map(|item| {
                vec![
                    answer::text(item, "/id"),
                    answer::text(item, "/peer"),
                    answer::text(item, "/case"),
                    text.word_for("kind", &answer::text(item, "/kind")),
                    text.word_for("delivery", &answer::text(item, "/state")),
                    answer::text(item, "/tries"),
                    answer::time(item, "/next_try"),
                    refusal(item, text),
                ]
            })
            .collect();
        let count = text.say("outbox-count", [("count", items.len().into())]);
        let parked = items.iter().filter(|item| item["state"] == "parked").count();
        let count = if parked == 0 {
            count
        } else {
            format!("{count}; {}", text.say("outbox-parked-count", [("count", parked.into())]))
        };
        if rows.is_empty() {
            count + "\n"
        } else {
            table(&headings.map(|key| text.word(key)), &rows) + &count + "\n"
        }
    })
}
