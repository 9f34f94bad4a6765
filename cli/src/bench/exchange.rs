//! `ogic bench exchange`: signed events wait in the sender's outbox, durable; then its home comes up, and the clock of the
//! sender runs from the first that is sent to the last whose receipt is verified and stored.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use ogic_certs::{Code, Problem};
use serde_json::{Map, Value, json};

use super::Place;
use super::baseline::{self, Rate};
use super::office::Office;
use super::report::Report;
use crate::answer;
use crate::daemon::Ending;
use crate::federation::party::Party;
use crate::invocation::Invocation;
use crate::output::{Failure, Outcome};
use crate::parse;

/// Messages of one row are at most so many a message in flight, so that one at a time does not take for ever.
const MESSAGES_PER_FLIGHT: usize = 2_000;
/// Commits that are no message's: a connection tells of a checkpoint.
const COMMITS_BESIDE: u64 = 8;
/// How long the sender may go without a receipt.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at the sender's outbox: rare, since a look takes its writer's time.
const LOOK: Duration = Duration::from_millis(100);

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[arg(long, value_name = "NUMBER", value_parser = parse::count, default_value = "10000")]
    messages: usize,
    #[arg(long, value_name = "NUMBER,…", value_parser = parse::window, value_delimiter = ',', default_value = "1,64,512")]
    in_flight: Vec<usize>,
    #[arg(long, value_name = "NUMBER", value_parser = parse::count, default_value = "16")]
    cases: usize,
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(crate) async fn run(arguments: &Arguments, run: &Invocation) -> Outcome {
    let exe = std::env::current_exe().map_err(|error| Failure::file(std::path::Path::new("ogic"), &error))?;
    let place = Place::new(arguments.dir.as_deref())?;
    let mut ending = Ending::new()?;
    let mut office = Office::new(exe, place.folder.clone(), run.console.text.language())?;
    let mut report = Report::new("exchange", &place.folder);
    let measured = tokio::select! {
        measured = measure(arguments, &mut office, &mut report, run) => measured,
        () = ending.told() => {
            // The children go with their owner.
            drop(office);
            place.leave()?;
            return Err(Problem::new(Code::Internal, "bench").found("a signal").expected("the end of it").into());
        }
    };
    match measured {
        Ok(()) => place.leave()?,
        Err(failure) => {
            let folder = office.place().display().to_string();
            return Err(failure.hint(run.console.text.say("bench-failed", [("folder", folder.into())])));
        }
    }
    run.console.result(&report.json(), |text| report.exchange(text))
}

async fn measure(
    arguments: &Arguments,
    office: &mut Office,
    report: &mut Report,
    run: &Invocation,
) -> Outcome {
    let mut verifications = Rate::default();
    run.console.talk("bench-federation", []);
    office.raise().await?;
    for in_flight in arguments.in_flight.iter().copied() {
        let messages = arguments.messages.min(in_flight.saturating_mul(MESSAGES_PER_FLIGHT));
        run.console.talk("bench-messages", [("messages", messages.into()), ("flight", in_flight.into())]);
        let cases = office.cases(arguments.cases.min(messages)).await?;
        office.part(in_flight).await?;
        office.write(&cases, messages).await?;
        baseline::verifications(&mut verifications)?;
        run.console.talk("bench-exchange", [("messages", messages.into()), ("flight", in_flight.into())]);
        let row = exchange(office, in_flight, messages).await?;
        baseline::verifications(&mut verifications)?;
        report.row(row);
    }
    office.close().await?;
    let per_s = verifications.per_s();
    report.baseline("ed25519_verify_per_s", per_s.round());
    report.each_row(|row| {
        let rate = row["messages_per_s"].as_f64().unwrap_or_default();
        row["of_baseline"] = rounded(rate / per_s, 1000.0);
    });
    Ok(())
}

/// One row: what both sides say of the exchange, whose counts must agree.
async fn exchange(office: &mut Office, in_flight: usize, messages: usize) -> Outcome<Value> {
    let before = snapshot(&office.sender).await?;
    let waiting = answer::text(&before, "/outbox/waiting");
    agree("outbox: waiting", &waiting, &messages.to_string())?;
    office.meet().await?;
    drained(&office.sender).await?;
    let after = snapshot(&office.sender).await?;
    let at_home = snapshot(&office.home).await?;
    let receipts = number(&after, "/counters/receipts_taken") - number(&before, "/counters/receipts_taken");
    let recorded = number(&at_home, "/counters/events");
    let settled = number(&after, "/timing/settled/count");
    let all = messages as u64;
    for (what, found) in
        [("receipts", receipts), ("records at the home", recorded), ("messages timed", settled)]
    {
        agree(what, &found.to_string(), &all.to_string())?;
    }
    let sender = side(&after, Some(&before));
    let home = side(&at_home, None);
    for (what, side) in [("home", &home), ("sender", &sender)] {
        if number(side, "/syncs") > all + COMMITS_BESIDE {
            return Err(Problem::new(Code::Internal, format!("{what}: syncs"))
                .found(number(side, "/syncs").to_string())
                .expected(format!("at most one a message: {all}"))
                .into());
        }
    }
    let seconds = number(&after, "/timing/settled/span_us") as f64 / 1e6;
    Ok(json!({
        "in_flight": in_flight,
        "messages": messages,
        "receipts": receipts,
        "seconds": rounded(seconds, 1000.0),
        "messages_per_s": rounded(messages as f64 / seconds.max(1e-6), 1.0),
        "p50_us": number(&after, "/timing/settled/p50_us"),
        "p99_us": number(&after, "/timing/settled/p99_us"),
        "max_us": number(&after, "/timing/settled/max_us"),
        "home": home,
        "sender": sender,
    }))
}

/// Waits until the sender has nothing more to deliver. What it had to park is a failure, and so is no progress.
async fn drained(sender: &Party) -> Outcome {
    let (mut left, mut since) = (u64::MAX, Instant::now());
    loop {
        let status = sender.get("/v1/status").await?;
        if number(&status, "/outbox/parked") > 0 {
            let outbox = sender.get("/v1/outbox").await?;
            let problem = answer::list(&outbox, "/items").iter().find(|item| item["problem"].is_object());
            return Err(match problem {
                Some(item) => crate::client::failure_of(&item["problem"]),
                None => Problem::new(Code::Internal, "outbox").found("a parked message").into(),
            });
        }
        let now = number(&status, "/outbox/waiting") + number(&status, "/outbox/in_flight");
        if now == 0 {
            return Ok(());
        }
        if now < left {
            (left, since) = (now, Instant::now());
        }
        if since.elapsed() > PATIENCE {
            return Err(Problem::new(Code::PeerTimeout, "outbox")
                .found(format!("{left} messages without a receipt"))
                .into());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Status and timing of a node, in one value.
async fn snapshot(party: &Party) -> Outcome<Value> {
    let mut status = party.get("/v1/status").await?;
    status["timing"] = party.get("/v1/timing").await?;
    Ok(status)
}

/// What a side did between two snapshots, or since it was ready: counts, and processor time by part of the work.
fn side(after: &Value, before: Option<&Value>) -> Value {
    let grown = |pointer: &str| {
        let had = before.map_or(0, |before| number(before, pointer));
        number(after, pointer).saturating_sub(had)
    };
    let cpu_us = match before {
        Some(_) => grown("/timing/cpu_us"),
        None => grown("/timing/cpu_us").saturating_sub(number(after, "/timing/ready_cpu_us")),
    };
    let mut parts = Map::new();
    let mut known = 0;
    for name in
        after.pointer("/timing/parts").and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name)
    {
        let of = |what: &str| grown(&format!("/timing/parts/{name}/{what}"));
        known += of("cpu_us");
        parts.insert(
            name.clone(),
            json!({"times": of("times"), "wall_us": of("wall_us"), "cpu_us": of("cpu_us")}),
        );
    }
    json!({
        "commits": grown("/counters/commits"),
        "syncs": grown("/counters/syncs"),
        "signatures": grown("/counters/signatures"),
        "verified": grown("/counters/verified"),
        "cpu_us": cpu_us,
        // What is no part of the node's own work: QUIC, TLS, frames, the runtime, the local API.
        "exchange_cpu_us": cpu_us.saturating_sub(known),
        "parts": parts,
    })
}

fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

/// A figure with no more digits than it deserves.
pub(super) fn rounded(value: f64, per: f64) -> Value {
    json!((value * per).round() / per)
}

fn agree(what: &str, found: &str, expected: &str) -> Outcome {
    if found == expected {
        return Ok(());
    }
    Err(Problem::new(Code::Internal, what).found(found).expected(expected).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_is_what_has_grown_and_what_no_part_took_is_the_exchanges() {
        let shot = |syncs: u64, cpu: u64, sign: u64| {
            json!({
                "counters": {"commits": syncs, "syncs": syncs, "signatures": 1, "verified": 2},
                "timing": {"cpu_us": cpu, "ready_cpu_us": 40,
                    "parts": {"sign": {"times": 1, "wall_us": sign, "cpu_us": sign}}},
            })
        };
        let grown = side(&shot(9, 150, 30), Some(&shot(4, 100, 10)));
        assert_eq!((&grown["syncs"], &grown["cpu_us"]), (&json!(5), &json!(50)));
        assert_eq!((&grown["parts"]["sign"]["cpu_us"], &grown["exchange_cpu_us"]), (&json!(20), &json!(30)));
        let whole = side(&shot(9, 150, 30), None);
        assert_eq!((&whole["cpu_us"], &whole["exchange_cpu_us"]), (&json!(110), &json!(80)));
    }

    #[test]
    fn counts_that_differ_are_a_failure() {
        assert!(agree("receipts", "7", "7").is_ok());
        let told = agree("receipts", "6", "7").unwrap_err().problem;
        assert_eq!((told.found.as_deref(), told.expected.as_deref()), (Some("6"), Some("7")));
    }
}
