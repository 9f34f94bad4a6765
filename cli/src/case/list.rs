//! `ogic case list`: the cases that this node holds, or has a reference to.

use crate::answer;
use crate::invocation::Invocation;
use crate::output::{Outcome, table};

pub(crate) async fn run(run: &Invocation) -> Outcome {
    let cases = run.client()?.get("/v1/cases").await?;
    run.console.result(&cases, |text| {
        let cases = answer::list(&cases, "/cases");
        let headings = ["case-id", "case-title", "case-status", "case-role", "case-home", "case-next"];
        let rows: Vec<Vec<String>> = cases
            .iter()
            .map(|case| {
                let ended = answer::text(case, "/ended");
                let status = if ended == answer::NOTHING { "case-is" } else { "right" };
                let how = if ended == answer::NOTHING { answer::text(case, "/status") } else { ended };
                vec![
                    answer::text(case, "/case"),
                    answer::title(case, "/title", text),
                    text.word_for(status, &how),
                    text.word_for("role", &answer::text(case, "/role")),
                    answer::text(case, "/home"),
                    answer::text(case, "/next_steps"),
                ]
            })
            .collect();
        if rows.is_empty() {
            text.word("case-none") + "\n"
        } else {
            table(&headings.map(|key| text.word(key)), &rows)
        }
    })
}
