//! The command as a child process: what it printed and how it ended.

use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// What a command left behind.
#[derive(Clone, Debug)]
pub(crate) struct Ran {
    /// The words, for messages.
    pub(crate) line: String,
    pub(crate) exit: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(line: String, output: Output) -> Self {
        Self {
            line,
            exit: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// What it printed under `--json`.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self}"))
    }

    /// Its result; the test fails unless it ended well.
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.exit, 0, "{self}");
        self.json()
    }

    /// The code of its error, such as `OGIC-1003`; empty if there is none.
    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "`ogic {}`: exit {}\n--- stdout\n{}\n--- stderr\n{}",
            self.line, self.exit, self.stdout, self.stderr
        )
    }
}

/// The command, not started yet, in an environment without a locale and with its streams caught.
pub(crate) fn command(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ogic"));
    clean(&mut command);
    command.args(words);
    command
}

/// Takes from the environment what would change what the command prints, and catches its streams.
fn clean(command: &mut Command) {
    for name in ["OGIC_LANG", "OGIC_DATA", "LC_ALL", "LC_MESSAGES", "LANG", "COLUMNS"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
}

/// Runs the command to its end.
pub(crate) fn ogic(words: &[&str]) -> Ran {
    Ran::of(words.join(" "), command(words).output().unwrap())
}

/// Runs a command as a hint prints it, `ogic …`, through the shell that its reader would paste it into.
pub(crate) fn paste(line: &str) -> Ran {
    let words = line.strip_prefix("ogic ").unwrap_or_else(|| panic!("no command: {line}"));
    let mut shell = Command::new("sh");
    clean(&mut shell);
    shell.env("OGIC", env!("CARGO_BIN_EXE_ogic")).args(["-c", &format!("\"$OGIC\" {words}")]);
    Ran::of(words.to_owned(), shell.output().unwrap())
}
