//! A federation of real daemons for the end-to-end tests: authority, trusted third party and nodes as processes of the
//! real binary under one temporary folder, joined by tokens through the command, stopped when dropped.
//!
//! Readiness is asked for until it is there; nothing waits for a fixed time. Begin with [`Federation::start`].

#![allow(dead_code, reason = "each test target uses its own part of the harness")]

pub(crate) mod command;
pub(crate) mod daemon;
pub(crate) mod forge;
pub(crate) mod http;
pub(crate) mod peer;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) use command::ogic;
pub(crate) use daemon::{Daemon, Kind};

/// Longest that a daemon may take for what it does by itself, on a machine that is busy with other tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Between two questions.
const PAUSE: Duration = Duration::from_millis(10);

/// The agencies' ids.
pub(crate) const AUTHORITY: &str = "authority.gov.example";
pub(crate) const TTP: &str = "ttp.gov.example";
pub(crate) const TRANSPORT: &str = "transport.gov.example";
pub(crate) const HEALTH: &str = "health.gov.example";

/// Asks until there is an answer, and fails the test if there is none in time.
pub(crate) fn until<T>(what: &str, within: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + within;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "not within {within:?}: {what}");
        std::thread::sleep(PAUSE);
    }
}

/// A running federation: an authority, a third party, a home and a performer. The daemons end before the folder goes.
pub(crate) struct Federation {
    pub(crate) authority: Daemon,
    pub(crate) ttp: Daemon,
    pub(crate) transport: Daemon,
    pub(crate) health: Daemon,
    folder: TempDir,
}

impl Federation {
    /// Founds, joins and starts everything, and waits until the two nodes have met.
    pub(crate) fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("ogic-e2e-").tempdir().unwrap();
        let authority = Daemon::found(&folder.path().join("authority"));
        let place = |name: &str| folder.path().join(name);
        let join = |kind, agency: &str, level: &str| {
            let token = token(&authority, agency, kind, level);
            Daemon::join(kind, &place(agency.split('.').next().unwrap()), &token)
        };
        let (ttp, transport, health) = std::thread::scope(|scope| {
            let ttp = scope.spawn(|| join(Kind::Ttp, TTP, "service"));
            let transport = scope.spawn(|| join(Kind::Node, TRANSPORT, "federal"));
            let health = scope.spawn(|| join(Kind::Node, HEALTH, "regional"));
            (ttp.join().unwrap(), transport.join().unwrap(), health.join().unwrap())
        });
        let federation = Self { authority, ttp, transport, health, folder };
        federation.transport.meets(HEALTH);
        federation.health.meets(TRANSPORT);
        federation
    }

    /// A place in the federation's folder.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A token for an agency that is to run `kind`.
    pub(crate) fn token(&self, agency: &str, kind: Kind) -> String {
        token(&self.authority, agency, kind, "federal")
    }

    /// Makes an agency a member, and gives the folder that its daemon would be started in.
    pub(crate) fn enrol(&self, agency: &str) -> PathBuf {
        let place = self.at(agency.split('.').next().unwrap());
        daemon::join(Kind::Node, &place, &self.token(agency, Kind::Node)).ok();
        place
    }

    /// Makes an official, and gives the paths of his key and his certificate.
    pub(crate) fn official(&self, agency: &str, name: &str) -> (PathBuf, PathBuf) {
        let asked = ["authority", "token", agency, "--role", &format!("official/{name}")];
        let token = self.authority.ogic(&asked).ok()["token"].as_str().unwrap().to_owned();
        let place = self.at(&format!("official-{name}"));
        ogic(&["official", "enrol", &token, "--out", path(&place), "--json"]).ok();
        (place.join("official.key"), place.join("official.pem"))
    }

    /// The home publishes the sample service, and says its digest.
    pub(crate) fn publish(&self) -> String {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/services/driving-licence.toml");
        let published = self.transport.ogic(&["service", "publish", path(&file)]).ok();
        published["digest"].as_str().unwrap().to_owned()
    }

    /// A file with this content.
    pub(crate) fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let place = self.at(name);
        std::fs::write(&place, content).unwrap();
        place
    }

    /// Opens a case at the home with its application, and gives its id.
    pub(crate) fn open_case(&self, citizen: &str) -> String {
        let application = self.file(&format!("application-{citizen}.pdf"), b"%PDF-1.7\n% an application\n");
        let document = format!("application={}", path(&application));
        let opened = self.transport.ogic(&[
            "case",
            "open",
            "--service",
            "driving-licence",
            "--citizen",
            citizen,
            "--field",
            "category=B",
            "--document",
            &document,
        ]);
        opened.ok()["case"].as_str().unwrap().to_owned()
    }

    /// Grants reading and the medical step of a case to an agency, and gives the grant.
    pub(crate) fn share(&self, case: &str, to: &str) -> String {
        let shared = self.transport.ogic(&share_words(case, to, "medical examination", &in_a_month()));
        shared.ok()["event"].as_str().unwrap().to_owned()
    }

    /// Waits until the performer holds a reference to the case.
    pub(crate) fn referenced(&self, case: &str) {
        until("the performer holds the reference", PATIENCE, || {
            let list = self.health.ogic(&["case", "list"]).ok();
            listed(&list, case).then_some(())
        });
    }

    /// The performer adds a note to the case, and its receipt is waited for: the place that the home gave it.
    pub(crate) fn note(&self, case: &str, mark: &str) -> u64 {
        note(&self.health, case, mark)
    }

    /// No log of any daemon tells of a panic.
    pub(crate) fn assert_no_panic(&self) {
        for daemon in [&self.authority, &self.ttp, &self.transport, &self.health] {
            daemon.assert_no_panic();
        }
    }
}

/// An agency adds a note with a mark to a case of another, and has a receipt for it: the sequence number.
pub(crate) fn note(performer: &Daemon, case: &str, mark: &str) -> u64 {
    let field = format!("mark={mark}");
    let words = ["case", "event", case, "--kind", "note", "--field", &field, "--wait", "30s"];
    let noted = performer.ogic(&words).ok();
    assert_eq!(noted["state"], "receipted", "{noted}");
    noted["seq"].as_u64().unwrap()
}

/// A day a month from now, as an argument.
pub(crate) fn in_a_month() -> String {
    forge::now().plus_ms(30 * 86_400_000).to_string()[..10].to_owned()
}

/// The command that grants reading and the medical step.
pub(crate) fn share_words<'a>(
    case: &'a str,
    to: &'a str,
    purpose: &'a str,
    expires: &'a str,
) -> Vec<&'a str> {
    let terms = ["--ground", "article 14", "--performer", "clinic-1", "--expires", expires];
    let right = ["case", "share", case, "--to", to, "--read", "--step", "medical", "--purpose", purpose];
    [&right[..], &terms[..]].concat()
}

/// Whether a list of cases shows this one.
pub(crate) fn listed(list: &Value, case: &str) -> bool {
    list["cases"].as_array().unwrap().iter().any(|row| row["case"] == case)
}

fn token(authority: &Daemon, agency: &str, kind: Kind, level: &str) -> String {
    let asked = ["authority", "token", agency, "--role", kind.role(), "--level", level];
    authority.ogic(&asked).ok()["token"].as_str().unwrap().to_owned()
}

/// A path as a word of a command.
pub(crate) fn path(place: &Path) -> &str {
    place.to_str().unwrap()
}
