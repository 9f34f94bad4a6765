//! `ogic status`: how the daemon of a folder is; a node's, the authority's or a TTP's.

use crate::answer;
use crate::invocation::Invocation;
use crate::output::{Outcome, facts};

/// What is shown first and in this order; the rest follows as it comes.
const ORDER: [&str; 12] = [
    "agency",
    "version",
    "endpoint",
    "trust",
    "read_only",
    "alarms",
    "peers",
    "registry version",
    "registry expires",
    "log origin",
    "log size",
    "log root",
];

pub(crate) async fn run(run: &Invocation) -> Outcome {
    let status = run.client()?.get("/v1/status").await?;
    run.console.result(&status, |text| {
        let mut rows = answer::flat(&status);
        rows.sort_by_key(|(path, _)| ORDER.iter().position(|known| known == path).unwrap_or(ORDER.len()));
        let rows: Vec<_> = rows
            .iter()
            .map(|(path, value)| {
                let shown = answer::shown(path, value, text);
                (text.word_for("status", path), text.word_for("value", &shown))
            })
            .collect();
        facts(&rows)
    })
}
