//! `ogic wait`: comes back when something is so, for scripts and for people who would look again and again. It asks the
//! daemon of a folder and changes nothing.

use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use ogic_certs::{Code, EventId, Problem};
use serde_json::{Value, json};

use crate::answer;
use crate::client::{Client, failure_of};
use crate::invocation::Invocation;
use crate::output::{Advice, Failure, Outcome};
use crate::{parse, trace};

/// Between two looks.
const LOOK_MS: u64 = 50;

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Ready(Patience),
    Peers(Patience),
    Outbox(Patience),
    Registry {
        #[arg(value_name = "VERSION", value_parser = parse::number)]
        version: u64,
        #[command(flatten)]
        patience: Patience,
    },
    Event {
        #[arg(value_name = "EVENT", value_parser = parse::event)]
        event: EventId,
        #[command(flatten)]
        patience: Patience,
    },
}

/// How long it may take.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Patience {
    #[arg(long = "for", value_name = "SPAN", value_parser = parse::span_ms, default_value = "60s")]
    at_most: u64,
}

/// What one look found.
enum Look {
    /// It is so: the result.
    Come(Value),
    /// Not yet: how it stands, which is the failure if the time runs out now.
    NotYet(Problem),
}

impl Command {
    pub(crate) async fn run(self, run: &Invocation) -> Outcome {
        match self {
            Self::Ready(patience) => {
                let status = until(run, patience, ready).await?;
                run.console.result(&status, |text| {
                    let values = ["agency", "endpoint"]
                        .map(|key| (key, answer::text(&status, &format!("/{key}")).into()));
                    text.say("waited-ready", values) + "\n"
                })
            }
            Self::Peers(patience) => {
                let met = until(run, patience, peers).await?;
                let count = met["connected"].as_u64().unwrap_or_default();
                run.console.result(&met, |text| text.say("waited-peers", [("count", count.into())]) + "\n")
            }
            Self::Outbox(patience) => {
                let empty = until(run, patience, outbox).await?;
                run.console.result(&empty, |text| text.word("waited-outbox") + "\n")
            }
            Self::Registry { version, patience } => {
                let held = until(run, patience, async |client| registry(client, version).await).await?;
                run.console.result(&held, |text| {
                    let version = answer::text(&held, "/version");
                    text.say("waited-registry", [("version", version.into())]) + "\n"
                })
            }
            Self::Event { event, patience } => {
                let found = until(run, patience, async |client| settled(client, event).await).await?;
                run.console.result(&found, |text| trace::shown(&found, text))
            }
        }
    }
}

/// Looks until it is so. A daemon that does not answer yet may do so later; any other failure is the end of it.
async fn until(
    run: &Invocation,
    patience: Patience,
    mut look: impl AsyncFnMut(&Client) -> Outcome<Look>,
) -> Outcome<Value> {
    let client = run.client()?;
    // Nothing starts in a folder that is not there.
    let there = run.globals.folder(&run.console.text)?.is_dir();
    let begun = Instant::now();
    loop {
        let late = begun.elapsed() >= Duration::from_millis(patience.at_most);
        match look(&client).await {
            Ok(Look::Come(found)) => return Ok(found),
            Ok(Look::NotYet(problem)) if late => return Err(problem.into()),
            Err(failure) if late || !there || failure.problem.code != Code::NodeUnreachable => {
                return Err(failure);
            }
            Ok(Look::NotYet(_)) | Err(_) => tokio::time::sleep(Duration::from_millis(LOOK_MS)).await,
        }
    }
}

/// Whether the daemon answers.
async fn ready(client: &Client) -> Outcome<Look> {
    let status = client.get("/v1/status").await?;
    Ok(Look::Come(json!({"agency": status["agency"], "endpoint": status["endpoint"]})))
}

/// Whether the node is connected with every other member that its registry lists.
async fn peers(client: &Client) -> Outcome<Look> {
    let peers = client.get("/v1/peers").await?;
    let peers = answer::list(&peers, "/peers");
    let missing = peers.iter().filter(|peer| peer["connected"] != true);
    let missing: Vec<String> = missing.map(|peer| answer::text(peer, "/agency")).collect();
    if missing.is_empty() {
        return Ok(Look::Come(json!({"connected": peers.len()})));
    }
    let problem = Problem::new(Code::PeerUnreachable, missing.join(", "));
    Ok(Look::NotYet(problem.found("not connected").expected("connected")))
}

/// Whether everything that the node sends has its receipt. What was refused never gets one by waiting.
async fn outbox(client: &Client) -> Outcome<Look> {
    let outbox = client.get("/v1/outbox").await?;
    let items = answer::list(&outbox, "/items");
    let (parked, waiting): (Vec<&Value>, Vec<&Value>) =
        items.iter().partition(|item| item["state"] == "parked");
    if !waiting.is_empty() {
        let problem = Problem::new(Code::PeerTimeout, "outbox");
        return Ok(Look::NotYet(problem.found(format!("{} on their way", waiting.len())).expected("none")));
    }
    match parked.first() {
        Some(item) => Err(failure_of(&item["problem"]).advice(Advice::Parked(answer::text(item, "/id")))),
        None => Ok(Look::Come(json!({"items": 0}))),
    }
}

/// Whether the daemon holds this version of the registry, or a newer one.
async fn registry(client: &Client, wanted: u64) -> Outcome<Look> {
    let status = client.get("/v1/status").await?;
    let held = status.pointer("/registry/version").and_then(Value::as_u64).unwrap_or_default();
    if held >= wanted {
        return Ok(Look::Come(json!({"version": held})));
    }
    let problem = Problem::new(Code::AuthorityUnreachable, "registry").found(format!("version {held}"));
    Ok(Look::NotYet(problem.expected(format!("version {wanted}"))))
}

/// Whether the event has its place at the home, and its verdict where it needs one.
async fn settled(client: &Client, event: EventId) -> Outcome<Look> {
    let found = client.get(&format!("/v1/events/{event}")).await?;
    let refused = |found: &Value| -> Failure { failure_of(&found["problem"]) };
    match found["state"].as_str() {
        Some("recorded" | "receipted") if found["pending"] != true => Ok(Look::Come(found)),
        Some("refused" | "parked") => Err(refused(&found).advice(Advice::Parked(event.to_string()))),
        Some("dropped") => Err(refused(&found)),
        state => {
            let (found, expected) = match state {
                Some("recorded" | "receipted") => ("pending", "the third party's evidence"),
                _ => ("on its way", "a receipt"),
            };
            Ok(Look::NotYet(Problem::new(Code::PeerTimeout, "event").found(found).expected(expected)))
        }
    }
}
