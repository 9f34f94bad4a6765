//! `ogic trace`: what became of one event.

use clap::Args;
use ogic_certs::EventId;
use serde_json::Value;

use crate::answer;
use crate::invocation::Invocation;
use crate::output::{Outcome, facts};
use crate::text::Text;

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[arg(value_name = "EVENT", value_parser = crate::parse::event)]
    event: EventId,
}

pub(crate) async fn run(arguments: &Arguments, run: &Invocation) -> Outcome {
    let found = run.client()?.get(&format!("/v1/events/{}", arguments.event)).await?;
    run.console.result(&found, |text| shown(&found, text))
}

/// How an event stands, for people.
pub(crate) fn shown(found: &Value, text: &Text) -> String {
    let rows = [
        ("trace-event", answer::text(found, "/event")),
        ("trace-case", answer::text(found, "/case")),
        ("trace-state", text.word_for("delivery", &answer::text(found, "/state"))),
        ("trace-seq", answer::text(found, "/seq")),
        ("trace-pending", text.word_for("trace-pending", &answer::text(found, "/pending"))),
        ("trace-verdict", answer::text(found, "/judgement/verdict")),
        ("trace-reason", answer::problem(found, "/judgement/code", text)),
        ("trace-problem", answer::problem(found, "/problem", text)),
    ];
    facts(&rows.map(|(key, value)| (text.word(key), value)))
}
