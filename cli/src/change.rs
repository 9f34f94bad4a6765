//! A change asked of a daemon: its idempotency key, its dry run, and how to repeat it when the answer was lost.

use clap::Args;
use ogic_certs::{Code, Problem};
use serde_json::{Value, json};

use crate::client::Key;
use crate::invocation::Invocation;
use crate::output::{Failure, Outcome};

/// Flags of every change.
#[derive(Args, Debug)]
pub(crate) struct Change {
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[arg(long, value_name = "KEY", value_parser = parse_key)]
    pub(crate) idempotency_key: Option<Key>,
}

fn parse_key(text: &str) -> Result<Key, Problem> {
    Key::parse(text)
}

impl Change {
    /// The key to ask under.
    pub(crate) fn key(&self) -> Outcome<Key> {
        self.idempotency_key.clone().map_or_else(Key::random, Ok)
    }

    /// As [`Invocation::repeatable`], for a failure before the change itself was asked for.
    pub(crate) fn before(&self, run: &Invocation, failure: Failure) -> Failure {
        match self.key() {
            Ok(key) if !self.dry_run => run.repeatable(failure, &key),
            _ => failure,
        }
    }

    /// Makes a change and gives the answer; under `--dry-run` prints what would be asked and gives nothing.
    pub(crate) async fn make(&self, run: &Invocation, path: &str, body: &Value) -> Outcome<Option<Value>> {
        if self.dry_run {
            return self.show(run, path, body).map(|()| None);
        }
        let key = self.key()?;
        let answer = run.client()?.post(path, body, &key).await;
        answer.map(Some).map_err(|failure| run.repeatable(failure, &key))
    }

    /// Like [`Change::make`], with text that is no JSON.
    pub(crate) async fn make_raw(
        &self,
        run: &Invocation,
        path: &str,
        media_type: &str,
        body: &str,
    ) -> Outcome<Option<Value>> {
        if self.dry_run {
            return self.show(run, path, &body.into()).map(|()| None);
        }
        let key = self.key()?;
        let answer = run.client()?.post_raw(path, media_type, body.to_owned(), &key).await;
        answer.map(Some).map_err(|failure| run.repeatable(failure, &key))
    }

    /// Prints what would be asked.
    pub(crate) fn show(&self, run: &Invocation, path: &str, body: &Value) -> Outcome {
        self.show_judged(run, path, body, None)
    }

    /// Prints what would be asked, and who found nothing against it.
    pub(crate) fn show_judged(
        &self,
        run: &Invocation,
        path: &str,
        body: &Value,
        judged: Option<&str>,
    ) -> Outcome {
        let mut request = json!({"dry_run": true, "method": "POST", "path": path, "body": body});
        if let Some(judge) = judged {
            request["judged"] = judge.into();
        }
        run.console.result(&request, |text| {
            let body = match body {
                Value::String(raw) => raw.trim_end().to_owned(),
                body => serde_json::to_string_pretty(body).unwrap_or_default(),
            };
            let judged = text.word_for("judged", judged.unwrap_or("nobody"));
            format!("{}\nPOST {path}\n{body}\n{judged}\n", text.word("change-dry-run"))
        })
    }
}

impl Invocation {
    /// To a lost answer, and to a daemon that could not be asked, adds the whole command to repeat, under the key that the
    /// change was asked for with.
    pub(crate) fn repeatable(&self, failure: Failure, key: &Key) -> Failure {
        let text = &self.console.text;
        let command = ("command", repeated(&self.words, key).into());
        let hint = match failure.problem.code {
            Code::AnswerLost => text.say("change-repeat", [command]),
            Code::NodeUnreachable => text.say("change-again", [("hint", failure.next(text).into()), command]),
            _ => return failure,
        };
        failure.hint(hint)
    }
}

/// The command as a shell takes it, with its key.
fn repeated(words: &[String], key: &Key) -> String {
    let mut command = "ogic".to_owned();
    for word in words {
        command.push(' ');
        command.push_str(&quoted(word));
    }
    let has_key = words.iter().any(|w| w == "--idempotency-key" || w.starts_with("--idempotency-key="));
    if has_key { command } else { format!("{command} --idempotency-key {key}") }
}

/// A word that a POSIX shell reads as it stands.
pub(crate) fn quoted(word: &str) -> String {
    let safe = |c: char| c.is_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(safe) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_repeated_as_a_shell_reads_it() {
        let key = Key::parse("0123456789abcdef").unwrap();
        let words = |line: &[&str]| line.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            repeated(&words(&["case", "note", "--field", "why=it's late", "--x", ""]), &key),
            "ogic case note --field 'why=it'\\''s late' --x '' --idempotency-key 0123456789abcdef"
        );
        let with_key = words(&["outbox", "retry", "--idempotency-key", "0123456789abcdef"]);
        assert_eq!(repeated(&with_key, &key), "ogic outbox retry --idempotency-key 0123456789abcdef");
        assert_eq!(quoted("$(reboot)"), "'$(reboot)'");
        assert_eq!(quoted("папка"), "папка");
    }
}
