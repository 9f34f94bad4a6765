//! `ogic case access`: who looked at the case, when, on which ground; refused tries too.

use ogic_certs::CaseId;

use crate::answer;
use crate::invocation::Invocation;
use crate::output::{Outcome, table};

pub(crate) async fn run(case: CaseId, run: &Invocation) -> Outcome {
    let access = run.client()?.get(&format!("/v1/cases/{case}/access")).await?;
    run.console.result(&access, |text| {
        let headings =
            ["access-at", "access-who", "access-purpose", "access-answer", "access-tries", "access-grant"];
        let rows: Vec<Vec<String>> = answer::list(&access, "/access")
            .iter()
            .map(|entry| {
                let refused = answer::problem(entry, "/code", text);
                vec![
                    answer::time(entry, "/at"),
                    answer::text(entry, "/who"),
                    text.word_for("looked-for", &answer::text(entry, "/purpose")),
                    if refused == answer::NOTHING { text.word("access-answered") } else { refused },
                    answer::text(entry, "/tries"),
                    answer::text(entry, "/grant"),
                ]
            })
            .collect();
        table(&headings.map(|key| text.word(key)), &rows)
    })
}
