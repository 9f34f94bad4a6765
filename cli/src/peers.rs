//! `ogic peers`: who is in the registry, and who is connected.

use crate::answer;
use crate::invocation::Invocation;
use crate::output::{Outcome, table};

pub(crate) async fn run(run: &Invocation) -> Outcome {
    let peers = run.client()?.get("/v1/peers").await?;
    run.console.result(&peers, |text| {
        let headings = [
            "peers-agency",
            "peers-name",
            "peers-level",
            "peers-connected",
            "peers-since",
            "peers-endpoints",
            "peers-problem",
        ];
        let rows: Vec<Vec<String>> = answer::list(&peers, "/peers")
            .iter()
            .map(|peer| {
                vec![
                    answer::text(peer, "/agency"),
                    answer::title(peer, "/name", text),
                    text.word_for("level", &answer::text(peer, "/level")),
                    text.word_for("value", &answer::text(peer, "/connected")),
                    answer::time(peer, "/since"),
                    answer::text(peer, "/endpoints"),
                    answer::problem(peer, "/problem", text),
                ]
            })
            .collect();
        table(&headings.map(|key| text.word(key)), &rows)
    })
}
