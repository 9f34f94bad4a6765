//! What the play tells: a line a step as it goes, figures at the end, and all of it as JSON. Never checks anything.

use std::io::{self, Write};
use std::time::Instant;

use serde_json::{Map, Value, json};

use crate::answer;
use crate::output::{Console, Failure, Outcome, SCHEMA, facts};

/// What a step has to say: the values of its line, and of `--json`.
pub(super) type Facts = Value;

/// The report as it grows.
#[derive(Debug)]
pub(super) struct Report<'a> {
    console: &'a Console,
    begun: Instant,
    steps: Vec<Value>,
    figures: Map<String, Value>,
}

/// The order of the table.
const FIGURES: [&str; 13] = [
    "events",
    "receipts",
    "evidence",
    "bytes",
    "commits",
    "syncs",
    "signatures",
    "verified",
    "refused",
    "send_to_receipt_p50_ms",
    "send_to_receipt_p99_ms",
    "capsule_bytes",
    "total_ms",
];

impl<'a> Report<'a> {
    /// An empty report; time runs from now.
    pub(super) fn new(console: &'a Console) -> Self {
        Self { console, begun: Instant::now(), steps: Vec::new(), figures: Map::new() }
    }

    /// How long the play has run, in milliseconds.
    pub(super) fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Plays a step and tells what came of it; `work` gives what the next steps need, and the facts.
    pub(super) async fn step<T>(
        &mut self,
        name: &str,
        work: impl Future<Output = Outcome<(T, Facts)>>,
    ) -> Outcome<T> {
        let begun = self.elapsed_ms();
        match work.await {
            Ok((result, facts)) => {
                let ms = self.elapsed_ms().saturating_sub(begun);
                self.console.line(&self.line(name, &facts));
                let mut step = json!({"name": name, "ok": true, "ms": ms});
                step["facts"] = facts;
                self.steps.push(step);
                Ok(result)
            }
            Err(failure) => {
                let ms = self.elapsed_ms().saturating_sub(begun);
                let error = failure.json(&self.console.text)["error"].clone();
                self.steps.push(json!({"name": name, "ok": false, "ms": ms, "error": error}));
                Err(failure)
            }
        }
    }

    fn line(&self, name: &str, facts: &Facts) -> String {
        let ms = self.elapsed_ms();
        let text = self.console.text.tell(&format!("demo-step-{name}"), facts);
        format!("{:>3}.{:02} s  {text}", ms / 1000, ms % 1000 / 10)
    }

    /// Notes a figure.
    pub(super) fn figure(&mut self, name: &str, value: u64) {
        self.figures.insert(name.to_owned(), value.into());
    }

    /// Adds to a figure.
    pub(super) fn add(&mut self, name: &str, value: u64) {
        let sum = self.figures.get(name).and_then(Value::as_u64).unwrap_or_default() + value;
        self.figure(name, sum);
    }

    /// The end: the table, or the JSON; and the value that was asked for.
    pub(super) fn finish(&self, seed: u64, ended: &Outcome<Value>) -> Outcome {
        let mut value = json!({
            "ok": ended.is_ok(),
            "seed": seed,
            "steps": self.steps,
            "figures": self.figures,
        });
        match ended {
            Ok(kept) => value["kept"] = kept.clone(),
            Err(failure) => value["error"] = failure.json(&self.console.text)["error"].clone(),
        }
        if self.console.json {
            value["schema"] = SCHEMA.into();
            // A reader that went away changes nothing about what was found.
            let _ = writeln!(io::stdout().lock(), "{value}");
            return Ok(());
        }
        if ended.is_err() {
            return Ok(());
        }
        let text = &self.console.text;
        let rows: Vec<(String, String)> = FIGURES
            .iter()
            .map(|name| {
                (text.word_for("demo-figure", name), answer::text(&value["figures"], &format!("/{name}")))
            })
            .collect();
        self.console.line(&format!("\n{}", facts(&rows).trim_end()));
        if self.console.print.is_some() { self.console.result(&value, |_| String::new()) } else { Ok(()) }
    }

    /// The step that failed.
    pub(super) fn failed_step(&self) -> String {
        let failed = self.steps.iter().find(|step| step["ok"] == false);
        failed.map_or_else(|| answer::NOTHING.to_owned(), |step| answer::text(step, "/name"))
    }

    /// The failure with the step's name and the logs, as people are told it.
    pub(super) fn failure(&self, failure: Failure, folder: &str, logs: &[String]) -> Failure {
        let text = &self.console.text;
        let own = failure.hint.clone().unwrap_or_else(|| text.hint(failure.problem.code).to_owned());
        let step = text.word_for("demo-name", &self.failed_step());
        let values = [
            ("step", step.into()),
            ("hint", own.into()),
            ("folder", folder.into()),
            ("logs", logs.join("\n      ").into()),
        ];
        let hint = text.say("demo-failed", values);
        failure.hint(hint)
    }
}
