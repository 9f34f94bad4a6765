//! What every daemon of the binary does around its work: no core dumps, a log in its folder, one line when it is ready,
//! an orderly end when it is told to. Never knows what the work is. Begin with [`prepare`].

use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Mutex;

use clap::Args;
use ogic_certs::{Code, Problem, Result};
use ogic_node::folder::Folder;
use ogic_node::local::SOCKET;
use ring::rand::{SecureRandom, SystemRandom};
use rustix::process::{Resource, Rlimit, set_parent_process_death_signal, setrlimit};
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::level_filters::LevelFilter;

use crate::invocation::Invocation;
use crate::output::{Failure, Outcome};
use crate::parse;

/// The daemon's log in its folder.
pub(crate) const LOG: &str = "node.log";
/// Set in a daemon's environment, it ends with the process that started it, however that one ends.
pub(crate) const WITH_PARENT: &str = "OGIC_WITH_PARENT";
/// How long what is under way at the end may take.
pub(crate) const END_MS_MAX: u64 = 10_000;

/// Where a daemon answers.
#[derive(Args, Debug)]
pub(crate) struct Listen {
    /// The address to bind; port 0 takes a free one.
    #[arg(long, value_name = "IP:PORT", value_parser = parse::endpoint, default_value = "0.0.0.0:4720")]
    pub(crate) listen: SocketAddr,
    /// What others are told, if it is not the address that is bound.
    #[arg(long = "advertise", value_name = "IP:PORT", value_parser = parse::endpoint)]
    pub(crate) advertised: Vec<SocketAddr>,
}

impl Listen {
    /// What others are told: never a wildcard, which nobody can dial.
    pub(crate) fn advertised(&self) -> Outcome<Vec<SocketAddr>> {
        if self.advertised.is_empty() && self.listen.ip().is_unspecified() {
            return Err(Failure::usage(
                "--advertise",
                "none",
                "the address by which others reach this one, as --listen names all of them",
            ));
        }
        Ok(self.advertised.clone())
    }
}

/// Before any key is read: secrets never go into a core file, and events go to the folder's log.
pub(crate) fn prepare(data: &Path) -> Outcome {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none)
        .map_err(|error| Problem::new(Code::Internal, "core limit").found(error.to_string()))?;
    if std::env::var_os(WITH_PARENT).is_some() {
        set_parent_process_death_signal(Some(rustix::process::Signal::TERM))
            .map_err(|error| Problem::new(Code::Internal, WITH_PARENT).found(error.to_string()))?;
    }
    // A folder that is not there is named as such, and not by the first file that is missed in it.
    Folder::open(data)?;
    let path = data.join(LOG);
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&path)
        .map_err(|error| Failure::file(&path, &error))?;
    let verbose = std::env::var_os("OGIC_LOG").is_some_and(|level| level == "debug");
    let level = if verbose { LevelFilter::DEBUG } else { LevelFilter::INFO };
    let log = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_target(false)
        .with_max_level(level)
        .with_writer(Mutex::new(file))
        .finish();
    // Set once in a process that runs one daemon.
    tracing::subscriber::set_global_default(log)
        .map_err(|error| Problem::new(Code::Internal, "log").found(error.to_string()).into())
}

/// The signals that end a daemon; taken before it says that it is ready, so that none is missed.
#[derive(Debug)]
pub(crate) struct Ending {
    terminate: Signal,
    interrupt: Signal,
}

impl Ending {
    /// From now on the signals are ours.
    pub(crate) fn new() -> Outcome<Self> {
        let of = |kind| {
            signal(kind).map_err(|error| {
                Failure::from(Problem::new(Code::Internal, "signals").found(error.to_string()))
            })
        };
        Ok(Self { terminate: of(SignalKind::terminate())?, interrupt: of(SignalKind::interrupt())? })
    }

    /// Waits until the daemon is told to end.
    pub(crate) async fn told(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        tracing::info!("told to end");
    }
}

/// Says on stdout, once, that the daemon answers.
pub(crate) fn ready(run: &Invocation, agency: &str, endpoint: SocketAddr, data: &Path) -> Outcome {
    let socket = data.join(SOCKET).display().to_string();
    let endpoint = endpoint.to_string();
    let line = json!({"ready": true, "agency": agency, "endpoint": endpoint, "socket": socket});
    run.console.result(&line, |text| {
        let values =
            [("agency", agency.into()), ("endpoint", endpoint.into()), ("socket", socket.as_str().into())];
        text.say("daemon-ready", values) + "\n"
    })
}

/// Random bytes of the system, as the daemons take them.
pub(crate) fn draw(bytes: &mut [u8]) -> Result<()> {
    SystemRandom::new().fill(bytes).map_err(|_| Problem::new(Code::Internal, "system randomness"))
}

/// Waits for what ends, but not for ever.
pub(crate) async fn within_end<T>(work: impl Future<Output = T>) -> Option<T> {
    let ended = tokio::time::timeout(std::time::Duration::from_millis(END_MS_MAX), work).await.ok();
    if ended.is_none() {
        tracing::error!("the end took too long, and was cut short");
    }
    ended
}
