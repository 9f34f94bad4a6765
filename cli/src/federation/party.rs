//! One daemon: a child process of this binary over a folder, and a client of its local API. Never holds a
//! port or an address of another. Begin with [`Party::start`].

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use ogic_certs::certificate::Certificate;
use ogic_certs::{AgencyId, Code, Problem};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

use super::WAIT_MS_MAX;
use crate::answer;
use crate::args::Globals;
use crate::case::act::{Act, Approver};
use crate::change::Change;
use crate::client::{Client, Key};
use crate::daemon::{LOG, WITH_PARENT};
use crate::invocation::Invocation;
use crate::output::{Console, Failure, Outcome};
use crate::text::{Language, Text};

/// What the child said on stderr, beside its log.
const STDERR: &str = "stderr.txt";

/// A daemon: where it lives, and its process while it runs.
#[derive(Debug)]
pub(crate) struct Party {
    /// The word of its command: `authority`, `ttp`, `node`.
    role: &'static str,
    /// Its agency.
    pub(crate) agency: AgencyId,
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// Where it answered when it was last started.
    pub(crate) endpoint: String,
    /// How its own people call it, in process.
    run: Invocation,
    child: Option<Child>,
}

impl Party {
    /// A daemon that is not started yet.
    pub(crate) fn new(role: &'static str, agency: AgencyId, folder: PathBuf, language: Language) -> Self {
        let globals = Globals { data: Some(folder.clone()), json: true, print: None, lang: None };
        let console = Console { text: Text::in_language(language), json: true, print: None };
        let run = Invocation { console, globals, words: Vec::new() };
        Self { role, agency, folder, endpoint: String::new(), run, child: None }
    }

    /// Starts the process on a free loopback port, and waits until it says that it answers. It ends with this process, however
    /// that one ends.
    pub(crate) async fn start(&mut self, exe: &Path) -> Outcome {
        self.serve(exe, "127.0.0.1:0", &[], false).await
    }

    /// Starts the process where it answered before, so that the others find it by what they know already, with more
    /// `words` to its command. It ends as [`Party::start`] says.
    pub(crate) async fn start_again(&mut self, exe: &Path, words: &[&str]) -> Outcome {
        let endpoint = self.endpoint.clone();
        self.serve(exe, &endpoint, words, false).await
    }

    /// Starts the process where it answered before, in a process group of its own: it goes on when this process has ended.
    pub(crate) async fn leave(&mut self, exe: &Path) -> Outcome {
        let endpoint = self.endpoint.clone();
        self.serve(exe, &endpoint, &[], true).await
    }

    async fn serve(&mut self, exe: &Path, listen: &str, words: &[&str], outlives: bool) -> Outcome {
        let path = self.folder.join(STDERR);
        let stderr = File::options()
            .append(true)
            .create(true)
            .open(&path)
            .map_err(|error| Failure::file(&path, &error))?;
        let mut command = Command::new(exe);
        command
            .args([self.role, "serve", "--listen", listen, "--json", "--data"])
            .arg(&self.folder)
            .args(words)
            .env_remove("OGIC_DATA")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr);
        if outlives {
            command.process_group(0).kill_on_drop(false);
        } else {
            command.env(WITH_PARENT, "1").kill_on_drop(true);
        }
        let mut child = command.spawn().map_err(|error| Failure::file(exe, &error))?;
        let Some(stdout) = child.stdout.take() else { return Err(self.failed("no output").into()) };
        let mut line = String::new();
        let mut stdout = BufReader::new(stdout);
        let read = stdout.read_line(&mut line);
        let read = tokio::time::timeout(Duration::from_millis(WAIT_MS_MAX), read).await;
        let said: Option<Value> = match read {
            Ok(Ok(1..)) => serde_json::from_str(&line).ok(),
            _ => None,
        };
        match said {
            Some(said) if said["ready"] == true && said["agency"] == self.agency.as_str() => {
                self.endpoint = answer::text(&said, "/endpoint");
                self.child = Some(child);
                Ok(())
            }
            Some(said) if said["error"].is_object() => Err(crate::client::failure_of(&said["error"])),
            _ => Err(self.failed(&format!("not ready; it said {line:?}")).into()),
        }
    }

    /// Ends the process as a power cut would: SIGKILL, and nothing before it.
    pub(crate) async fn kill(&mut self) -> Outcome {
        let Some(mut child) = self.child.take() else { return Err(self.failed("not running").into()) };
        child.kill().await.map_err(|error| self.failed(&error.to_string()).into())
    }

    /// Ends the process as an operator does: SIGTERM, and its exit code must be 0.
    pub(crate) async fn stop(&mut self) -> Outcome {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        if let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) {
            kill_process(pid, Signal::TERM).map_err(|error| self.failed(&error.to_string()))?;
        }
        match tokio::time::timeout(Duration::from_millis(WAIT_MS_MAX), child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(self.ended(status)),
            Ok(Err(error)) => Err(self.failed(&error.to_string()).into()),
            Err(_) => Err(self.failed("still running after SIGTERM").into()),
        }
    }

    /// The number of its process while it runs.
    pub(crate) fn process(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// Fails if the process has ended by itself.
    pub(crate) fn alive(&mut self) -> Outcome {
        match self.child.as_mut().map(Child::try_wait) {
            Some(Ok(Some(status))) => Err(self.ended(status)),
            _ => Ok(()),
        }
    }

    fn ended(&self, status: ExitStatus) -> Failure {
        self.failed(&status.to_string()).expected("exit status: 0").into()
    }

    fn failed(&self, found: &str) -> Problem {
        Problem::new(Code::Internal, self.agency.as_str()).found(found)
    }

    /// A client of its local API.
    pub(crate) fn client(&self) -> Client {
        Client::at(self.folder.clone())
    }

    /// Reads a resource of its local API.
    pub(crate) async fn get(&self, path: &str) -> Outcome<Value> {
        self.client().get(path).await.map_err(|failure| self.within(failure))
    }

    /// Reads raw bytes of its local API.
    pub(crate) async fn bytes(&self, path: &str) -> Outcome<Vec<u8>> {
        let mut bytes = Vec::new();
        self.client().download(path, &mut bytes).await.map_err(|failure| self.within(failure))?;
        Ok(bytes)
    }

    /// Asks for a change under a key that is used once.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Outcome<Value> {
        let answer = self.client().post(path, body, &Key::random()?).await;
        answer.map_err(|failure| self.within(failure))
    }

    /// Lets one of its people act on a case, as `ogic case` does.
    pub(crate) async fn act(&self, path: &str, act: Act, approver: &Approver) -> Outcome<Value> {
        let change = Change { dry_run: false, idempotency_key: None };
        let answer = act.ask(path, approver, &change, &self.run).await;
        match answer.map_err(|failure| self.within(failure))? {
            Some(answer) => Ok(answer),
            None => Err(self.failed("a dry run").into()),
        }
    }

    /// The same failure, saying at whom it was met.
    fn within(&self, mut failure: Failure) -> Failure {
        failure.problem = failure.problem.within(&self.agency);
        failure
    }

    /// The certificates of one of its roles, the leaf first. No secret is read.
    pub(crate) fn chain(&self, role: &str) -> Outcome<Vec<Certificate>> {
        let path = self.folder.join("certs").join(format!("{role}.pem"));
        let text = std::fs::read_to_string(&path).map_err(|error| Failure::file(&path, &error))?;
        Ok(Certificate::from_pem_many(&text)?)
    }

    /// Its logs, to be read after a failure.
    pub(crate) fn logs(&self) -> [PathBuf; 2] {
        [self.folder.join(LOG), self.folder.join(STDERR)]
    }
}

/// What a run of the binary came to.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Its exit code.
    pub(crate) exit: i32,
    /// What it printed, under `--json`.
    pub(crate) said: Value,
}

/// Runs the binary to its end, `--json` added; `stdin` is how it is told a secret.
pub(crate) async fn ogic(exe: &Path, words: &[&OsStr], stdin: Option<&str>) -> Outcome<Ran> {
    let failed = |error: std::io::Error| Failure::file(exe, &error);
    let mut command = Command::new(exe);
    command
        .args(words)
        .arg("--json")
        .env_remove("OGIC_DATA")
        .stdin(if stdin.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(failed)?;
    if let (Some(text), Some(mut pipe)) = (stdin, child.stdin.take()) {
        pipe.write_all(text.as_bytes()).await.map_err(failed)?;
    }
    let output = child.wait_with_output().await.map_err(failed)?;
    let said = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    Ok(Ran { exit: output.status.code().unwrap_or(-1), said })
}

impl Ran {
    /// What it printed, if it succeeded; else its error as it told it.
    pub(crate) fn done(self) -> Outcome<Value> {
        if self.exit == 0 {
            return Ok(self.said);
        }
        if self.said["error"].is_object() {
            return Err(crate::client::failure_of(&self.said["error"]));
        }
        Err(Problem::new(Code::Internal, "ogic").found(format!("exit code {}", self.exit)).into())
    }

    /// The exit code and the code of the error.
    pub(crate) fn refused(&self) -> (i32, String) {
        (self.exit, answer::text(&self.said, "/error/code"))
    }
}
