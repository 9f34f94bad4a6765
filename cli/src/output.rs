//! What the command prints: results on stdout, talk and errors on stderr, JSON when asked for. Never decides
//! anything. Begin with [`Console`] and [`Failure`].

use std::io::{self, IsTerminal, Write};

use fluent_bundle::FluentValue;
use ogic_certs::problem::visible;
use ogic_certs::{Code, Problem, Side};
use serde_json::{Value, json};

use crate::text::Text;

/// Version of the shapes that `--json` prints; raised when a key changes its meaning or goes away.
pub(crate) const SCHEMA: u64 = 1;

/// What a command returns.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) problem: Problem,
    /// What to do next, where more can be said than the table of codes says.
    pub(crate) hint: Option<String>,
    /// What to do next, where it depends on what is at hand and not on the code alone.
    pub(crate) advice: Option<Advice>,
    /// Whether it was printed already, as part of a larger result.
    pub(crate) told: bool,
}

/// What to do next, to be said in the language of the texts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Advice {
    /// The text of this key.
    Say(&'static str),
    /// The code's own advice; and that this message stays in the outbox.
    Parked(String),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self { problem, hint: None, advice: None, told: false }
    }
}

impl Failure {
    /// A command that cannot be carried out as it was typed.
    pub(crate) fn usage(field: &str, found: &str, expected: &str) -> Self {
        Problem::new(Code::Usage, field).found(found).expected(expected).into()
    }

    /// A file that could not be read or written.
    pub(crate) fn file(path: &std::path::Path, error: &io::Error) -> Self {
        let code = match error.kind() {
            io::ErrorKind::NotFound => Code::NotFound,
            io::ErrorKind::StorageFull => Code::DiskFull,
            _ => Code::DiskFailed,
        };
        Problem::new(code, path.display().to_string()).found(error.to_string()).into()
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub(crate) fn advice(mut self, advice: Advice) -> Self {
        self.advice = Some(advice);
        self
    }

    /// What to do next.
    pub(crate) fn next(&self, text: &Text) -> String {
        let usual = text.hint(self.problem.code);
        match (&self.hint, &self.advice) {
            (Some(hint), _) => hint.clone(),
            (None, Some(Advice::Say(key))) => text.word(key),
            (None, Some(Advice::Parked(id))) => {
                text.say("error-parked", [("hint", usual.into()), ("id", id.as_str().into())])
            }
            (None, None) => usual.to_owned(),
        }
    }

    /// Whose turn it is to act. What is parked was refused by the agency that it was sent to, in its own words.
    const fn side(&self) -> Side {
        match &self.advice {
            Some(Advice::Parked(_)) => self.problem.side().as_told_by_peer(),
            _ => self.problem.side(),
        }
    }

    /// As lines for people: what, then why, then what to do.
    pub(crate) fn lines(&self, text: &Text) -> String {
        let problem = &self.problem;
        let said = |key: &str, value: &Option<String>| {
            value.as_ref().map(|value| format!("{} {}", text.word(key), visible(&text.detail(value))))
        };
        let parts = [said("error-found", &problem.found), said("error-expected", &problem.expected)];
        let parts = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
        let between = if parts.is_empty() { "" } else { ": " };
        let why = format!("{}{between}{parts}", visible(&problem.field));
        let hint = self.next(text);
        format!(
            "ogic: {}\n      {why}\n      {}, {}\n{} {hint}\n",
            text.sentence(problem.code),
            problem.code,
            side(text, self.side()),
            text.word("error-hint"),
        )
    }

    /// As the object that `--json` prints; its shape is that of the local API's errors.
    pub(crate) fn json(&self, text: &Text) -> Value {
        let problem = &self.problem;
        let mut error = json!({
            "code": problem.code.to_string(),
            "name": format!("{:?}", problem.code),
            "side": self.side().as_str(),
            "field": problem.field,
            "found": problem.found,
            "expected": problem.expected,
            "sentence": text.sentence(problem.code),
            "hint": self.next(text),
        });
        if let Some(Advice::Parked(id)) = &self.advice {
            error["parked"] = id.as_str().into();
        }
        json!({"schema": SCHEMA, "error": error})
    }
}

/// Whose side is at fault, in words.
pub(crate) fn side(text: &Text, side: Side) -> String {
    text.word_for("side", side.as_str())
}

/// Where a command prints to.
#[derive(Debug)]
pub(crate) struct Console {
    pub(crate) text: Text,
    /// Results are printed as JSON.
    pub(crate) json: bool,
    /// Of a result this one value is printed.
    pub(crate) print: Option<String>,
}

impl Console {
    /// Whether a program reads the results.
    pub(crate) const fn for_programs(&self) -> bool {
        self.json || self.print.is_some()
    }

    /// Prints a result: `value` with its schema under `--json`, one value of it under `--print`, else what `human` makes.
    pub(crate) fn result(&self, value: &Value, human: impl FnOnce(&Text) -> String) -> Outcome {
        if let Some(name) = &self.print {
            return match named(value, name) {
                Ok(found) => self.out(&format!("{found}\n")),
                Err(problem) => Err(Failure::from(problem).advice(Advice::Say("print-unknown"))),
            };
        }
        if self.json {
            let mut value = value.clone();
            if let Value::Object(object) = &mut value {
                object.insert("schema".to_owned(), SCHEMA.into());
            }
            self.out(&format!("{value}\n"))
        } else {
            self.out(&human(&self.text))
        }
    }

    /// Writes to stdout. A reader that went away (`| head`) ends the command without an error.
    pub(crate) fn out(&self, text: &str) -> Outcome {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
            Err(error) => Err(Failure::file(std::path::Path::new("stdout"), &error)),
            Ok(()) => Ok(()),
        }
    }

    /// Says something on stderr.
    pub(crate) fn talk<const N: usize>(&self, key: &str, values: [(&str, FluentValue<'_>); N]) {
        // Who closed stderr does not want to hear it.
        let _ = writeln!(io::stderr().lock(), "{}", self.text.say(key, values));
    }

    /// Prints a line of something that goes on: a reader that went away does not end it.
    pub(crate) fn line(&self, line: &str) {
        if self.for_programs() {
            let _ = writeln!(io::stderr().lock(), "{line}");
        } else {
            let _ = writeln!(io::stdout().lock(), "{line}");
        }
    }

    /// Prints a failure and gives the exit code.
    pub(crate) fn fail(&self, failure: &Failure) -> u8 {
        if failure.told {
            return failure.problem.code.exit();
        }
        if self.json {
            let _ = self.out(&format!("{}\n", failure.json(&self.text)));
        } else {
            let _ = io::stderr().lock().write_all(failure.lines(&self.text).as_bytes());
        }
        failure.problem.code.exit()
    }

    /// Asks before something that cannot be taken back; without a terminal, `--yes` must have been given.
    pub(crate) fn confirm(&self, yes: bool, question: &str) -> Outcome {
        if yes {
            return Ok(());
        }
        let stdin = io::stdin();
        if !stdin.is_terminal() {
            return Err(Failure::usage("--yes", "no terminal to ask on", "--yes")
                .hint(self.text.say("confirm-hint", [("question", question.into())])));
        }
        let mut stderr = io::stderr().lock();
        let _ = write!(stderr, "{question} {} ", self.text.word("confirm-choice"));
        let _ = stderr.flush();
        let mut answer = String::new();
        let _ = stdin.read_line(&mut answer);
        if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes" | "д" | "да") {
            Ok(())
        } else {
            Err(Failure::usage("confirmation", "no", "yes").hint(self.text.word("confirm-declined")))
        }
    }
}

/// The value that `name` leads to, on one line: names and places in lists, with dots between them, such as `log.size`.
fn named(value: &Value, name: &str) -> Result<String, Problem> {
    let mut found = value;
    for part in name.split('.') {
        let inner = match found {
            Value::Array(items) => part.parse::<usize>().ok().and_then(|at| items.get(at)),
            other => other.get(part),
        };
        let Some(inner) = inner else {
            let expected = match found {
                Value::Object(entries) => entries.keys().cloned().collect::<Vec<_>>().join(", "),
                Value::Array(items) => format!("a number below {}", items.len()),
                _ => "no further name".to_owned(),
            };
            return Err(Problem::new(Code::Usage, "--print").found(name).expected(expected));
        };
        found = inner;
    }
    Ok(match found {
        Value::Null => String::new(),
        Value::String(text) => visible(text),
        other => other.to_string(),
    })
}

/// Rows under their headings, columns as wide as their widest cell. Control characters are shown, not obeyed.
pub(crate) fn table(headings: &[String], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = std::iter::once(headings.to_vec())
        .chain(rows.iter().map(|row| row.iter().map(|cell| visible(cell)).collect()))
        .collect();
    let columns = headings.len();
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.chars().count()) + 2));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// Names beside their values, one a line.
pub(crate) fn facts(rows: &[(String, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for (name, value) in rows {
        let pad = " ".repeat(width.saturating_sub(name.chars().count()) + 2);
        out.push_str(&format!("{name}{pad}{}\n", visible(value)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Language;

    fn revoked() -> Failure {
        Problem::new(Code::RegistrySignerUnknown, "registry signer")
            .found("07ab\u{1b}[2J")
            .expected("9c1f")
            .into()
    }

    #[test]
    fn an_error_says_what_then_why_then_what_to_do() {
        assert_eq!(
            revoked().lines(&Text::in_language(Language::English)),
            "ogic: the registry is signed by a key that was not pinned at join\n\
             \x20     registry signer: found 07ab\\u{1b}[2J, expected 9c1f\n\
             \x20     OGIC-2015, on the authority's side\n\
             hint: ask the authority by another channel; if the key did change, join again with its fingerprint\n"
        );
        assert_eq!(
            revoked().lines(&Text::in_language(Language::Russian)),
            "ogic: реестр подписан не тем ключом, который закреплён при присоединении\n\
             \x20     registry signer: получено 07ab\\u{1b}[2J, ожидалось 9c1f\n\
             \x20     OGIC-2015, на стороне удостоверяющего центра\n\
             подсказка: спросите удостоверяющий центр по другому каналу; если ключ действительно сменился, \
             присоединитесь заново с его отпечатком\n"
        );
    }

    #[test]
    fn the_parts_that_are_missing_leave_no_trace() {
        let text = Text::in_language(Language::English);
        let bare: Failure = Problem::new(Code::CaseClosed, "case").into();
        assert!(bare.lines(&text).contains("\n      case\n      OGIC-3008, on the caller's side\n"));
        let expected: Failure = Problem::new(Code::CaseClosed, "case").expected("open").into();
        assert!(expected.lines(&text).contains("\n      case: expected open\n"));
    }

    #[test]
    fn json_errors_have_the_shape_of_the_api() {
        let value = revoked().hint("do this").json(&Text::in_language(Language::English));
        assert_eq!(value["schema"], 1);
        let error = &value["error"];
        assert_eq!(error["code"], "OGIC-2015");
        assert_eq!(error["name"], "RegistrySignerUnknown");
        assert_eq!(error["side"], "authority");
        assert_eq!(error["found"], "07ab\\u{1b}[2J");
        assert_eq!(error["hint"], "do this");
        assert_eq!(error.as_object().map(|o| o.len()), Some(8));
    }

    #[test]
    fn one_value_is_printed_by_the_names_that_lead_to_it() {
        let value = json!({"event": "ab", "seq": 6, "log": {"size": 9}, "state": null,
            "history": [{"kind": "open"}], "text": "two\nlines"});
        for (name, found) in [
            ("event", "ab"),
            ("seq", "6"),
            ("log.size", "9"),
            ("log", "{\"size\":9}"),
            ("history.0.kind", "open"),
            ("state", ""),
            ("text", "two\\u{a}lines"),
        ] {
            assert_eq!(named(&value, name), Ok(found.to_owned()), "{name}");
        }
        for (name, expected) in [
            ("evnt", "event, history, log, seq, state, text"),
            ("log.", "size"),
            ("history.1", "a number below 1"),
            ("event.x", "no further name"),
            ("", "event, history, log, seq, state, text"),
        ] {
            let problem = named(&value, name).unwrap_err();
            assert_eq!((problem.code, problem.expected.as_deref()), (Code::Usage, Some(expected)), "{name}");
        }
    }

    #[test]
    fn columns_are_counted_in_characters_and_escape_nothing_to_the_terminal() {
        let headings = ["a".to_owned(), "b".to_owned()];
        let rows = [vec!["дело".to_owned(), "x\u{7}".to_owned()], vec!["y".to_owned(), "z".to_owned()]];
        assert_eq!(table(&headings, &rows), "a     b\nдело  x\\u{7}\ny     z\n");
        assert_eq!(
            facts(&[("имя".to_owned(), "1".to_owned()), ("n".to_owned(), "2".to_owned())]),
            "имя  1\nn    2\n"
        );
    }
}
