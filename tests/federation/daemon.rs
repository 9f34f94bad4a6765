//! One daemon as a child process: started, asked until it answers, killed, started again; never left behind.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::command::{Ran, command, ogic};
use super::http::{self, Said};
use super::{AUTHORITY, PATIENCE, path, until};

/// What a daemon is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Authority,
    Ttp,
    Node,
}

impl Kind {
    /// The word of its commands.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Authority => "authority",
            Self::Ttp => "ttp",
            Self::Node => "node",
        }
    }

    /// The role of its token.
    pub(crate) const fn role(self) -> &'static str {
        self.word()
    }
}

/// A daemon and its folder.
pub(crate) struct Daemon {
    pub(crate) kind: Kind,
    pub(crate) data: PathBuf,
    /// Where it listens at the next start; the first takes a free port, and later ones the same.
    listen: String,
    child: Option<Child>,
}

/// Joins a folder by a token.
pub(crate) fn join(kind: Kind, data: &Path, token: &str) -> Ran {
    let joins = if kind == Kind::Ttp { "init" } else { "join" };
    ogic(&[kind.word(), joins, token, "--data", path(data), "--json"])
}

impl Daemon {
    /// Founds an authority in a new folder, and starts it.
    pub(crate) fn found(data: &Path) -> Self {
        let words = ["authority", "init", "--federation", "gov.example", "--authority", AUTHORITY];
        ogic(&[&words[..], &["--data", path(data), "--json"]].concat()).ok();
        Self::start(Kind::Authority, data)
    }

    /// Joins by a token, and starts.
    pub(crate) fn join(kind: Kind, data: &Path, token: &str) -> Self {
        join(kind, data, token).ok();
        Self::start(kind, data)
    }

    /// Starts the daemon of a folder on a free port, and waits until it answers.
    pub(crate) fn start(kind: Kind, data: &Path) -> Self {
        let mut daemon = Self { kind, data: data.to_owned(), listen: "127.0.0.1:0".to_owned(), child: None };
        daemon.spawn();
        daemon.ready();
        daemon
    }

    /// Starts the process.
    pub(crate) fn spawn(&mut self) {
        assert!(self.child.is_none(), "{} runs", self.data.display());
        let out = OpenOptions::new().create(true).append(true).open(self.out()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_ogic"));
        command
            .args([self.kind.word(), "serve", "--data", path(&self.data), "--listen", &self.listen])
            .env_remove("OGIC_DATA")
            .env("OGIC_LOG", "debug")
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out);
        self.child = Some(command.spawn().unwrap());
    }

    /// Waits until it answers, and keeps its port.
    pub(crate) fn ready(&mut self) {
        let status = until(&format!("{} answers", self.data.display()), PATIENCE, || {
            if let Some(ended) = self.child.as_mut().and_then(|child| child.try_wait().unwrap()) {
                // The old port may be lent to somebody's passing socket, as any free one may: it comes back.
                if self.log().contains("Address already in use") {
                    self.child = None;
                    self.spawn();
                    return None;
                }
                panic!("{} ended with {ended}:\n{}", self.data.display(), self.log());
            }
            self.try_status()
        });
        self.listen = status["endpoint"].as_str().unwrap().to_owned();
    }

    /// What a start says that is refused: the process ends by itself, and prints why under `--json`.
    pub(crate) fn refused(kind: Kind, data: &Path) -> Ran {
        let words = [kind.word(), "serve", "--data", path(data), "--listen", "127.0.0.1:0", "--json"];
        let mut child = command(&words).spawn().unwrap();
        until("a daemon that may not start ends", PATIENCE, || child.try_wait().unwrap());
        Ran::of(words.join(" "), child.wait_with_output().unwrap())
    }

    /// Kills it as a power cut would, and waits until the process is gone.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself; then there is nothing to kill.
            let _ = child.kill();
            child.wait().unwrap();
        }
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn stop(&mut self) {
        let mut child = self.child.take().unwrap();
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        let ended = until("the daemon ends", PATIENCE, || child.try_wait().unwrap());
        assert!(ended.success(), "{} ended with {ended}:\n{}", self.data.display(), self.log());
    }

    /// Starts it again where it was.
    pub(crate) fn again(&mut self) {
        self.spawn();
        self.ready();
    }

    /// Starts it again on another free port.
    pub(crate) fn again_elsewhere(&mut self) {
        self.listen = "127.0.0.1:0".to_owned();
        self.again();
    }

    /// Its arguments, as the system shows them.
    pub(crate) fn command_line(&self) -> String {
        let id = self.child.as_ref().unwrap().id();
        let bytes = fs::read(format!("/proc/{id}/cmdline")).unwrap();
        String::from_utf8(bytes).unwrap().replace('\0', " ")
    }

    /// Where it listens.
    pub(crate) fn endpoint(&self) -> &str {
        &self.listen
    }

    /// A command on its folder, with its result as JSON.
    pub(crate) fn ogic(&self, words: &[&str]) -> Ran {
        ogic(&[words, &["--data", path(&self.data), "--json"]].concat())
    }

    /// Its status; none while it does not answer.
    pub(crate) fn try_status(&self) -> Option<Value> {
        let said = http::try_ask(&self.socket(), "GET", "/v1/status", &[], b"").ok()?;
        (said.status == 200).then(|| said.json())
    }

    pub(crate) fn status(&self) -> Value {
        self.get("/v1/status")
    }

    /// One request to its local API.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Said {
        http::try_ask(&self.socket(), method, path, headers, body).unwrap()
    }

    /// A resource of its local API.
    pub(crate) fn get(&self, path: &str) -> Value {
        let said = self.ask("GET", path, &[], b"");
        assert_eq!(said.status, 200, "{path}: {}", String::from_utf8_lossy(&said.body));
        said.json()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.data.join("api.sock")
    }

    /// The entry of another agency among its peers.
    pub(crate) fn peer(&self, agency: &str) -> Option<Value> {
        let peers = self.get("/v1/peers");
        peers["peers"].as_array()?.iter().find(|peer| peer["agency"] == agency).cloned()
    }

    /// Waits until it is connected with another agency, and says since when.
    pub(crate) fn meets(&self, agency: &str) -> u64 {
        until(&format!("{} meets {agency}", self.data.display()), PATIENCE, || {
            let peer = self.peer(agency)?;
            if peer["connected"] == true { peer["since"].as_u64() } else { None }
        })
    }

    /// What its log is: size and root. Equal answers mean that nothing was stored between them.
    pub(crate) fn stored(&self) -> (u64, String) {
        let log = &self.status()["log"];
        (log["size"].as_u64().unwrap(), log["root"].as_str().unwrap().to_owned())
    }

    /// The file that catches its streams, beside its folder.
    fn out(&self) -> PathBuf {
        let mut name = self.data.file_name().unwrap().to_owned();
        name.push(".out");
        self.data.with_file_name(name)
    }

    /// All that it has said.
    pub(crate) fn log(&self) -> String {
        let read = |place: &Path| fs::read(place).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let out = read(&self.out()).unwrap_or_default();
        out + &read(&self.data.join("node.log")).unwrap_or_default()
    }

    pub(crate) fn assert_no_panic(&self) {
        let log = self.log();
        assert!(!log.contains("panicked"), "{}:\n{log}", self.data.display());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let tail = &lines[lines.len().saturating_sub(30)..];
            eprintln!("--- the end of what {} said\n{}", self.data.display(), tail.join("\n"));
        }
    }
}
