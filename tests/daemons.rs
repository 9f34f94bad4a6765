//! The daemons of the real binary: how they join, what they say when they answer, how they end, and what they refuse.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// A federation's folders; what runs in it ends with the test.
struct World {
    folder: tempfile::TempDir,
    running: Vec<Child>,
}

impl Drop for World {
    fn drop(&mut self) {
        for child in &mut self.running {
            // One that has ended already is what some tests want.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl World {
    /// An authority that answers.
    fn new() -> Self {
        let mut world = Self { folder: tempfile::tempdir().unwrap(), running: Vec::new() };
        let line =
            "authority init --federation gov.example --authority authority.gov.example --data authority";
        let founded = world.said(line, 0);
        assert_eq!(founded["version"], 1);
        assert_eq!(founded["root"].as_str().unwrap().len(), 64);
        world.serve("authority", "authority.gov.example");
        world
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ogic"));
        for name in ["OGIC_LANG", "OGIC_DATA", "LC_ALL", "LC_MESSAGES", "LANG"] {
            command.env_remove(name);
        }
        command.args(line.split(' ')).arg("--json").current_dir(self.folder.path());
        command
    }

    fn run(&self, line: &str) -> Output {
        self.command(line).stdin(Stdio::null()).output().unwrap()
    }

    /// What a command printed, which must have ended with this exit code.
    fn said(&self, line: &str, exit: i32) -> Value {
        let output = self.run(line);
        let said: Value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        assert_eq!(output.status.code(), Some(exit), "{line}: {said}");
        said
    }

    /// Starts a daemon and waits for its line.
    fn serve(&mut self, name: &str, agency: &str) -> u32 {
        let role = if name == "authority" || name == "ttp" { name } else { "node" };
        let line = format!("{role} serve --listen 127.0.0.1:0 --data {name}");
        let mut child = self.command(&line).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let ready: Value = serde_json::from_str(&ready).unwrap();
        assert_eq!(
            (&ready["ready"], ready["agency"].as_str()),
            (&Value::Bool(true), Some(agency)),
            "{ready}"
        );
        assert!(ready["endpoint"].as_str().unwrap().starts_with("127.0.0.1:"));
        assert_eq!(ready["socket"].as_str(), Some(format!("{name}/api.sock").as_str()));
        let id = child.id();
        self.running.push(child);
        id
    }

    /// A token in a file of its own.
    fn token(&self, name: &str, agency: &str, role: &str) {
        let line = format!("authority token {agency} --role {role} --data authority");
        let token = self.said(&line, 0)["token"].as_str().unwrap().to_owned();
        std::fs::write(self.at(name), token).unwrap();
    }

    /// Ends the daemon that was started last, and gives its exit code.
    fn end(&mut self, signal: &str) -> Option<i32> {
        let mut child = self.running.pop().unwrap();
        let told = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(told.success());
        child.wait().unwrap().code()
    }
}

fn limit(id: u32, name: &str) -> String {
    let limits = std::fs::read_to_string(format!("/proc/{id}/limits")).unwrap();
    let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
    line[name.len()..].split_whitespace().next().unwrap().to_owned()
}

#[test]
fn daemons_join_by_a_token_answer_and_end_when_told() {
    let mut world = World::new();
    world.token("node.token", "transport.gov.example", "node");
    let joined = world.said("node join --token-file node.token --data transport", 0);
    assert_eq!(
        joined["identities"],
        serde_json::json!(["ogic://transport.gov.example/node", "ogic://transport.gov.example/seal"])
    );
    // A repetition after a lost answer is the same join.
    world.said("node join --token-file node.token --data transport", 0);
    let id = world.serve("transport", "transport.gov.example");
    assert_eq!(limit(id, "Max core file size"), "0");
    assert_eq!(world.said("status --data transport", 0)["agency"], "transport.gov.example");
    assert_eq!(world.end("-TERM"), Some(0));
    world.said("status --data transport", 7);
    // The same folder again, as after any stop.
    world.serve("transport", "transport.gov.example");
    assert_eq!(world.end("-INT"), Some(0));
    let log = std::fs::read_to_string(world.at("transport/node.log")).unwrap();
    assert_eq!(log.matches("told to end").count(), 2, "{log}");

    world.token("ttp.token", "ttp.gov.example", "ttp");
    world.said("ttp init --token-file ttp.token --data ttp", 0);
    world.serve("ttp", "ttp.gov.example");
    assert_eq!(world.said("status --data ttp", 0)["evidence"], 0);
    assert_eq!(world.end("-TERM"), Some(0));

    assert_eq!(world.end("-TERM"), Some(0), "the authority");
}

#[test]
fn a_token_comes_from_stdin_and_an_official_keeps_his_key() {
    let mut world = World::new();
    world.token("node.token", "health.gov.example", "node");
    let token = std::fs::read(world.at("node.token")).unwrap();
    let mut child = world
        .command("node join - --data health")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&token).unwrap();
    assert!(child.wait_with_output().unwrap().status.success());

    world.token("official.token", "health.gov.example", "official/physician-1");
    let enrolled = world.said("official enrol --token-file official.token --out physician-1", 0);
    assert_eq!(enrolled["identities"], serde_json::json!(["ogic://health.gov.example/official/physician-1"]));
    let names = |path: &Path| {
        let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&world.at("physician-1")), ["official.key", "official.pem"]);
    let mode = std::os::unix::fs::MetadataExt::mode(
        &std::fs::metadata(world.at("physician-1/official.key")).unwrap(),
    );
    assert_eq!(mode & 0o777, 0o600);
    // The same token again, as after a lost answer: the same certificate, and it is said that it was a repeat.
    let again = world.said("official enrol --token-file official.token --out physician-1", 0);
    assert_eq!((&enrolled["repeated"], &again["repeated"]), (&false.into(), &true.into()), "{again}");
    assert_eq!(again["not_after"], enrolled["not_after"]);
    assert_eq!(world.end("-TERM"), Some(0));
}

#[test]
fn what_cannot_serve_or_join_says_why() {
    let mut world = World::new();
    world.token("node.token", "transport.gov.example", "node");
    std::fs::write(world.at("bad.token"), "ogic1-nonsense").unwrap();
    std::fs::create_dir(world.at("empty")).unwrap();
    world.said("node join --token-file node.token --data transport", 0);
    world.serve("transport", "transport.gov.example");
    for (line, exit, code, field) in [
        ("node serve --listen 127.0.0.1:0 --data none", 3, "OGIC-1006", "none"),
        ("node serve --listen 127.0.0.1:0 --data empty", 3, "OGIC-1006", "pin.toml"),
        ("ttp serve --listen 127.0.0.1:0 --data empty", 3, "OGIC-1006", "pin.toml"),
        ("authority serve --listen 127.0.0.1:0 --data empty", 3, "OGIC-1006", "authority.toml"),
        // Everybody is told the address that was bound; a wildcard cannot be dialled.
        ("node serve --data transport", 2, "OGIC-1005", "--advertise"),
        ("node serve --listen nowhere --data transport", 2, "OGIC-1003", "--listen"),
        // Two daemons on one folder: the second says who has it.
        ("node serve --listen 127.0.0.1:0 --data transport", 8, "OGIC-5001", "transport"),
        ("authority serve --listen 127.0.0.1:0 --data authority", 8, "OGIC-5001", "authority"),
        ("node join --token-file node.token --data transport", 8, "OGIC-5001", "transport"),
        ("node join --token-file node.token --data other", 4, "OGIC-6002", "token"),
        ("node join --token-file bad.token --data other", 2, "OGIC-1001", "token"),
        ("node join --token-file none --data other", 3, "OGIC-1006", "none"),
        ("node join --data other", 2, "OGIC-1005", "arguments"),
        ("ttp init --token-file node.token --data other", 2, "OGIC-1003", "token"),
        ("official enrol --token-file node.token --out other", 2, "OGIC-1003", "token"),
        (
            "authority init --federation gov.example --authority authority.gov.example --data authority",
            2,
            "OGIC-1003",
            "authority",
        ),
        (
            "authority init --federation gov.example --authority authority.other.example --data new",
            2,
            "OGIC-1003",
            "agency",
        ),
    ] {
        let said = world.said(line, exit);
        assert_eq!(said["error"]["code"], code, "{line}: {said}");
        assert!(said["error"]["field"].as_str().unwrap().contains(field), "{line}: {said}");
    }
    // None of it disturbed those that serve.
    assert_eq!(world.said("status --data transport", 0)["agency"], "transport.gov.example");
    assert_eq!(world.end("-TERM"), Some(0));
    let never = world.run("node join not-a-token --data other");
    assert!(!String::from_utf8_lossy(&never.stdout).contains("not-a-token"), "a token is never printed");
}
