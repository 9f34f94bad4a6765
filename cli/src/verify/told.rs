//! How a judgement is told: as lines in the reader's language, or as JSON, whose texts are the library's own.

use std::path::Path;

use ogic_certs::capsule::Finding;
use ogic_certs::evidence::Judgement;
use ogic_certs::problem::visible;
use ogic_certs::verdict::{SubIndication, Verdict};
use ogic_certs::{Code, Problem, Timestamp};
use serde_json::{Value, json};

use super::said::{Said, no_trust};
use crate::invocation::Invocation;
use crate::output::{Failure, Outcome, facts};
use crate::text::Text;

/// Facts that are milliseconds of Unix time.
const TIMES: [&str; 5] = ["made", "lists", "not_before", "not_after", "next_update"];

/// Why a file did not pass, under a code whose exit tells failed (5) from undecidable (6).
pub(super) fn failure(said: &Said, file: &Path, run: &Invocation) -> Option<Failure> {
    let code = match said.judgement.verdict {
        Verdict::TotalPassed => return None,
        Verdict::Indeterminate => Code::TrustUndecidable,
        Verdict::TotalFailed => Code::VerdictFailed,
    };
    let text = &run.console.text;
    let say = |said: &str| if run.console.for_programs() { said.to_owned() } else { text.phrase(said) };
    let problem = said.problem.clone().unwrap_or_else(|| Problem::new(code, said.kind));
    let name =
        file.file_name().map_or_else(|| file.display().to_string(), |name| name.to_string_lossy().into());
    let inner = said.place.iter().map(String::as_str).chain([problem.field.as_str()]).map(&say);
    let field = std::iter::once(name).chain(inner).collect::<Vec<_>>().join(": ");
    let (found, expected) = (problem.found.as_deref().map(&say), problem.expected.as_deref().map(&say));
    // What it rests on is told by its own code, beside the verdict's.
    let rests = (problem.code != code).then(|| format!("{} {}", problem.code, text.sentence(problem.code)));
    let same_exit = problem.code.exit() == code.exit();
    let found = match (rests, found) {
        (Some(rests), Some(found)) if !same_exit => Some(format!("{rests}: {found}")),
        (Some(rests), None) if !same_exit => Some(rests),
        (_, found) => found,
    };
    Some(Problem { code: if same_exit { problem.code } else { code }, field, found, expected }.into())
}

/// The line of a file that is of no kind known here.
pub(super) fn strange(failure: &Failure, file: &Path, run: &Invocation) -> Value {
    let mut value = failure.json(&run.console.text);
    if let Value::Object(object) = &mut value {
        object.insert("file".to_owned(), file.display().to_string().into());
    }
    value
}

pub(super) fn tell(
    said: &Said,
    failure: Option<&Failure>,
    file: &Path,
    explain: bool,
    run: &Invocation,
) -> Outcome {
    let mut value = json!({
        "file": file.display().to_string(),
        "kind": said.kind,
        "trusted": said.trusted,
        "verdict": said.judgement.verdict.as_str(),
        "sub": said.judgement.sub.map(SubIndication::as_str),
        "facts": said.facts,
    });
    let shown: Vec<&Finding> =
        said.findings.iter().filter(|finding| explain || !finding.judgement.passed()).collect();
    let findings: Vec<Value> = shown.iter().map(|finding| described(finding)).collect();
    if let Value::Object(object) = &mut value {
        object.insert("findings".to_owned(), findings.into());
        if let Some(failure) = failure {
            object.insert("error".to_owned(), failure.json(&run.console.text)["error"].clone());
        }
    }
    run.console.result(&value, |text| lines(said, &shown, file, explain, text))
}

fn lines(said: &Said, shown: &[&Finding], file: &Path, explain: bool, text: &Text) -> String {
    let mut lines = format!(
        "{}: {}: {}\n",
        file.display(),
        text.word_for("verify-kind", &said.kind.replace(' ', "-")),
        verdict(&said.judgement)
    );
    let rows: Vec<(String, String)> = said
        .facts
        .as_object()
        .into_iter()
        .flatten()
        .flat_map(|(name, fact)| {
            let values = fact.as_array().map_or_else(|| vec![fact.clone()], Clone::clone);
            values.into_iter().filter(|value| !value.is_null()).map(|value| {
                (text.word_for("verify-fact", &name.replace('_', "-")), shown_fact(name, &value, text))
            })
        })
        .collect();
    for row in facts(&rows).lines() {
        lines.push_str(&format!("  {row}\n"));
    }
    if !said.trusted {
        lines.push_str(&format!("  {}\n", without_trust(said, text)));
    }
    for finding in shown.iter().filter(|finding| explain || said.trusted || !for_want_of_trust(finding)) {
        lines.push_str(&format!(
            "  {} {}: {} ({})\n",
            text.phrase(finding.step.section()),
            text.phrase(&finding.place),
            visible(&text.phrase(&finding.what)),
            verdict(&finding.judgement)
        ));
        if let Some(problem) = finding.problem.as_ref().filter(|_| explain) {
            lines.push_str(&format!("      {}\n", why(problem, text)));
        }
    }
    lines
}

/// What was found and expected, after the code's sentence.
fn why(problem: &Problem, text: &Text) -> String {
    let part = |key: &str, value: &Option<String>| {
        value.as_ref().map(|value| format!("{} {}", text.word(key), visible(&text.phrase(value))))
    };
    let parts = [part("error-found", &problem.found), part("error-expected", &problem.expected)];
    let parts = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let sentence = text.sentence(problem.code);
    let field = visible(&text.phrase(&problem.field));
    let between = if parts.is_empty() { "" } else { ": " };
    format!("{} {sentence}; {field}{between}{parts}", problem.code)
}

/// Once and plainly: nothing was given to trust, and what was found all the same.
fn without_trust(said: &Said, text: &Text) -> String {
    let held = said.findings.iter().filter(|finding| finding.judgement.passed()).count();
    let broken = said.judgement.verdict == Verdict::TotalFailed;
    let unsigned = said.problem.as_ref().is_some_and(|problem| *problem != no_trust());
    match (said.kind, said.findings.is_empty()) {
        _ if broken => text.word("verify-no-trust"),
        (_, false) => text.say("verify-no-trust-checks", [("held", held.into())]),
        ("certificate" | "revocation list", _) => text.word("verify-no-trust"),
        _ if unsigned => text.word("verify-no-trust"),
        ("receipt frame", _) => text.word("verify-no-trust-receipt"),
        _ => text.word("verify-no-trust-object"),
    }
}

/// A check that is open for want of anything to trust, and for nothing else.
fn for_want_of_trust(finding: &Finding) -> bool {
    finding.judgement.verdict == Verdict::Indeterminate
        && finding.judgement.sub == Some(SubIndication::NoCertificateChainFound)
        && finding.judgement.code == Some(Code::TrustUndecidable)
}

fn verdict(judgement: &Judgement) -> String {
    let sub = judgement.sub.map(|sub| format!(" {}", sub.as_str())).unwrap_or_default();
    format!("{}{sub}", judgement.verdict.as_str())
}

fn shown_fact(name: &str, value: &Value, text: &Text) -> String {
    match (name, value.as_u64(), value.as_str()) {
        (name, Some(ms), _) if TIMES.contains(&name) => Timestamp::from_ms_clamped(ms).to_string(),
        ("status", _, Some(status)) => text.word_for("case-is", status),
        ("outcome", _, Some(outcome)) => text.word_for("outcome", outcome),
        (_, _, Some(word)) => word.to_owned(),
        _ => value.to_string(),
    }
}

fn described(finding: &Finding) -> Value {
    json!({
        "place": finding.place,
        "section": finding.step.section(),
        "what": finding.what,
        "verdict": finding.judgement.verdict.as_str(),
        "sub": finding.judgement.sub.map(SubIndication::as_str),
        "counts": finding.counts,
        "problem": finding.problem.as_ref().map(ToString::to_string),
    })
}
