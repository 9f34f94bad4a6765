//! `ogic case show`: the case like a parcel: the steps behind it and those to come, who has which right, and the
//! history.

use clap::Args;
use ogic_certs::CaseId;
use serde_json::Value;

use crate::answer;
use crate::client::query;
use crate::invocation::Invocation;
use crate::output::{Outcome, facts, table};
use crate::parse;
use crate::text::Text;

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[arg(value_name = "CASE", value_parser = parse::case)]
    case: CaseId,
    /// Why it is looked at; stands in the home's access log.
    #[arg(long, value_name = "TEXT")]
    purpose: Option<String>,
}

impl Arguments {
    pub(crate) async fn run(self, run: &Invocation) -> Outcome {
        let path = match &self.purpose {
            Some(purpose) => format!("/v1/cases/{}?purpose={}", self.case, query(purpose)),
            None => format!("/v1/cases/{}", self.case),
        };
        let case = run.client()?.get(&path).await?;
        run.console.result(&case, |text| shown(&case, text))
    }
}

fn shown(case: &Value, text: &Text) -> String {
    let head = match (answer::text(case, "/head/seq"), answer::text(case, "/head/record")) {
        (seq, _) if seq == answer::NOTHING => seq,
        (seq, record) => format!("{seq}:{record}"),
    };
    let outcome = answer::text(case, "/outcome");
    let mut status = text.word_for("case-is", &answer::text(case, "/status"));
    if outcome != answer::NOTHING {
        status = format!("{status}, {}", text.word_for("outcome", &outcome));
    }
    let rows = [
        ("case-id", answer::text(case, "/case")),
        ("case-title", answer::title(case, "/title", text)),
        ("case-status", status),
        ("case-home", answer::text(case, "/home")),
        ("case-citizen", answer::text(case, "/citizen")),
        ("case-service", answer::text(case, "/service")),
        ("case-head", head),
        ("case-custody", custody(case, text)),
        ("case-pending", answer::text(case, "/pending")),
    ];
    let mut out = facts(&rows.map(|(key, value)| (text.word(key), value)));
    for (heading, part) in [
        ("show-plan", plan(case, text)),
        ("show-grants", grants(case, text)),
        ("show-history", history(case, text)),
    ] {
        if !part.is_empty() {
            out.push_str(&format!("\n{}\n{part}", text.word(heading)));
        }
    }
    out
}

/// How the custody stands: offered or released, to whom; else how the case came here.
fn custody(case: &Value, text: &Text) -> String {
    let moves = answer::list(case, "/moves");
    let mut said: Vec<String> = moves
        .iter()
        .map(|moved| {
            let values = [
                ("from", answer::text(moved, "/from").into()),
                ("to", answer::text(moved, "/to").into()),
                ("at", answer::time(moved, "/at").into()),
            ];
            text.say("show-moved", values)
        })
        .collect();
    let state = answer::text(case, "/custody/state");
    if state != answer::NOTHING {
        let to = answer::text(case, "/custody/to");
        said.push(format!("{} {to}", text.word_for("custody", &state)));
    }
    if said.is_empty() { answer::NOTHING.to_owned() } else { said.join("; ") }
}

/// The plan: what is done with its time, what is open with its deadline, what is still to come.
fn plan(case: &Value, text: &Text) -> String {
    let steps = answer::list(case, "/plan");
    let rows: Vec<Vec<String>> = steps
        .iter()
        .map(|step| {
            let state = answer::text(step, "/state");
            let mark = match state.as_str() {
                "done" => "[x]",
                "open" | "going" | "pending" => "[>]",
                "not-possible" | "skipped" | "lapsed" => "[-]",
                _ => "[ ]",
            };
            let (done_at, due) = (answer::time(step, "/done_at"), answer::time(step, "/due"));
            let when = match (done_at.as_str(), due.as_str()) {
                (answer::NOTHING, answer::NOTHING) => answer::NOTHING.to_owned(),
                (answer::NOTHING, _) => text.say("show-due", [("at", due.into())]),
                _ => done_at,
            };
            let (performer, by) = (answer::text(step, "/performer"), answer::text(step, "/by"));
            let who = if by == answer::NOTHING { performer } else { by };
            let step_id = answer::text(step, "/step");
            vec![
                mark.to_owned(),
                when,
                text.word_for("state", &state),
                step_id,
                answer::title(step, "/title", text),
                who,
            ]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let headings =
        ["plan-when", "plan-state", "plan-step", "plan-title", "plan-who"].map(|key| text.word(key));
    table(&[&["   ".to_owned()], headings.as_slice()].concat(), &rows)
}

fn grants(case: &Value, text: &Text) -> String {
    let rows: Vec<Vec<String>> = answer::list(case, "/grants")
        .iter()
        .map(|grant| {
            let mut rights = answer::text(grant, "/steps");
            if grant["read"].as_bool() == Some(true) {
                rights = if rights == answer::NOTHING {
                    text.word("right-read")
                } else {
                    format!("{}, {rights}", text.word("right-read"))
                };
            }
            let ends = match answer::time(grant, "/revoked_at") {
                at if at == answer::NOTHING => answer::time(grant, "/expires"),
                at => text.say("show-revoked", [("at", at.into())]),
            };
            vec![
                answer::text(grant, "/grantee"),
                rights,
                answer::text(grant, "/purpose"),
                answer::text(grant, "/ground"),
                or_nothing(answer::text(grant, "/performer")),
                answer::time(grant, "/deadline"),
                ends,
                answer::text(grant, "/grant"),
            ]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let headings = [
        "grant-to",
        "grant-rights",
        "grant-purpose",
        "grant-ground",
        "grant-performer",
        "grant-deadline",
        "grant-ends",
        "grant-id",
    ];
    table(&headings.map(|key| text.word(key)), &rows)
}

/// A text that was left out is shown as such.
fn or_nothing(text: String) -> String {
    if text.is_empty() { answer::NOTHING.to_owned() } else { text }
}

fn history(case: &Value, text: &Text) -> String {
    let mut rows = Vec::new();
    for entry in answer::list(case, "/history") {
        let verdict = match (
            answer::text(entry, "/judgement/verdict"),
            answer::problem(entry, "/judgement/code", text),
        ) {
            (verdict, reason) if reason == answer::NOTHING => verdict,
            (verdict, reason) => format!("{verdict}: {reason}"),
        };
        let code = answer::text(entry, "/code");
        rows.push(vec![
            answer::text(entry, "/seq"),
            answer::time(entry, "/received"),
            answer::text(entry, "/author"),
            text.word_for("kind", &answer::text(entry, "/kind")),
            answer::text(entry, "/step"),
            text.word_for(if entry["kind"] == "close" { "outcome" } else { "state" }, &code),
            answer::text(entry, "/approved_by"),
            text.word_for("effect", &answer::text(entry, "/effect")),
            verdict,
            answer::text(entry, "/event"),
        ]);
    }
    if rows.is_empty() {
        return String::new();
    }
    let headings = [
        "history-seq",
        "history-received",
        "history-author",
        "history-kind",
        "history-step",
        "history-code",
        "history-approved",
        "history-effect",
        "history-verdict",
        "history-event",
    ];
    table(&headings.map(|key| text.word(key)), &rows)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::text::Language;

    #[test]
    fn a_case_is_shown_like_a_parcel() {
        let case = json!({
            "case": "c1", "home": "transport.gov.example", "citizen": "p-1", "service": "driving-licence",
            "title": {"en": "Driving licence", "ru": "Водительское удостоверение"}, "status": "open", "outcome": null,
            "head": {"seq": 2, "record": "ab"}, "pending": [],
            "plan": [
                {"step": "application", "title": {"en": "Application", "ru": "Заявление"}, "state": "done",
                 "performer": "transport", "due": 5, "done_at": 0, "by": "transport.gov.example"},
                {"step": "medical", "title": {"en": "Medical", "ru": "Медосмотр"}, "state": "open",
                 "performer": "health.gov.example", "due": 86_400_000, "done_at": null, "by": null},
                {"step": "decision", "title": {"en": "Decision", "ru": "Решение"}, "state": "planned",
                 "performer": "transport.gov.example", "due": null, "done_at": null, "by": null},
            ],
            "grants": [], "history": [
                {"seq": 0, "received": 0, "author": "transport.gov.example", "kind": "open", "step": null, "code": null,
                 "effect": "held", "judgement": null, "approved_by": "official/licensing-1", "event": "e0"},
                {"seq": 2, "received": 0, "author": "health.gov.example", "kind": "step", "step": "medical", "code": "done",
                 "effect": "none", "judgement": {"verdict": "TOTAL-FAILED", "sub": "REVOKED", "code": "OGIC-2005"},
                 "approved_by": null, "event": "e1\u{1b}[2J"},
            ],
        });
        assert_eq!(
            shown(&case, &Text::in_language(Language::English)),
            "case     c1\n\
             title    Driving licence\n\
             status   open\n\
             home     transport.gov.example\n\
             citizen  p-1\n\
             service  driving-licence\n\
             head     2:ab\n\
             custody  -\n\
             pending  -\n\
             \n\
             Plan\n\
             \x20    when                          state    step         title        who\n\
             [x]  1970-01-01T00:00:00.000Z      done     application  Application  transport.gov.example\n\
             [>]  due 1970-01-02T00:00:00.000Z  open     medical      Medical      health.gov.example\n\
             [ ]  -                             planned  decision     Decision     transport.gov.example\n\
             \n\
             History\n\
             seq  received                  author                 kind  step     code  approved by           effect  verdict                                             event\n\
             0    1970-01-01T00:00:00.000Z  transport.gov.example  open  -        -     official/licensing-1  held    -                                                   e0\n\
             2    1970-01-01T00:00:00.000Z  health.gov.example     step  medical  done  -                     none    TOTAL-FAILED: OGIC-2005 the certificate has been revoked  e1\\u{1b}[2J\n"
                .replace("verdict                                             event", "verdict                                                   event")
                .replace("held    -                                                   e0", "held    -                                                         e0")
        );
        let ru = shown(&case, &Text::in_language(Language::Russian));
        assert!(ru.contains("Водительское удостоверение") && ru.contains("срок 1970-01-02"), "{ru}");
    }
}
