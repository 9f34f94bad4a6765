//! The authority's daemon: its folder, its endpoint, its local API, and the clock that renews registry and list.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use ogic_certs::{Problem, Result};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::api;
use super::face::Counter;
use super::founding::Draw;
use super::premises::Premises;
use crate::exchange::quic::{Config, Endpoint, system_clock};
use crate::folder::FolderLock;
use crate::local;

/// The longest sleep between two looks at the wall clock, in milliseconds: a machine that was suspended is late by no more.
const LOOK_MS_MAX: u64 = 30_000;
/// The shortest, so that a life of a second does not spin.
const LOOK_MS_MIN: u64 = 100;

/// A running authority.
#[derive(Debug)]
pub struct Running {
    /// Its counter.
    pub counter: Counter,
    endpoint: Endpoint,
    address: SocketAddr,
    closing: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    _lock: FolderLock,
}

/// Opens the folder at `data` and serves. `listen` is bound; others are told `advertised`, or what was bound if that is
/// empty. Must be called within a tokio runtime.
pub async fn serve(
    data: &Path,
    listen: SocketAddr,
    advertised: Vec<SocketAddr>,
    draw: Draw<'_>,
) -> Result<Running> {
    let clock = system_clock();
    let Premises { folder, office, node, registry_key, lock } = Premises::open(data, clock(), draw)?;
    let socket = local::bind(&folder)?;
    let counter = Counter::new(office, registry_key, clock.clone())?;
    let mut seed = [0; 8];
    draw(&mut seed)?;
    let config = Config {
        enrols: true,
        clock,
        ..Config::new(listen, node, counter.trust().clone(), u64::from_be_bytes(seed))
    };
    let endpoint = Endpoint::start(config, std::sync::Arc::new(counter.clone()))?;
    let address = endpoint.local_addr()?;
    let told = if advertised.is_empty() { vec![address] } else { advertised };
    let told = told.iter().map(SocketAddr::to_string).collect();
    let moved = counter
        .change(move |office, now| {
            office.answer_at(told);
            office.tick(now)
        })
        .await?;
    if moved {
        tell_of_move(&endpoint, &counter);
    }
    let (closing, closed) = watch::channel(false);
    let tasks = vec![
        tokio::spawn(local::serve(socket, api::routes(counter.clone()), closed.clone())),
        tokio::spawn(keep_time(counter.clone(), closed)),
    ];
    tracing::info!(%address, "authority serves");
    Ok(Running { counter, endpoint, address, closing, tasks, _lock: lock })
}

impl Running {
    /// The address that was bound.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it: no new request, links closed, the folder free.
    pub async fn close(self) {
        self.closing.send_replace(true);
        self.endpoint.close().await;
        for task in self.tasks {
            local::ended(task).await;
        }
    }
}

/// Members know an authority that moved by its old address alone: it dials them, and what they ask over that connection
/// tells them the new one.
fn tell_of_move(endpoint: &Endpoint, counter: &Counter) {
    let trust = counter.trust().current();
    for member in trust.registry().members.iter().filter(|member| !member.endpoints.is_empty()) {
        endpoint.want(&member.agency);
    }
}

/// Renews registry and list when they are due, for ever.
async fn keep_time(counter: Counter, mut closing: watch::Receiver<bool>) {
    loop {
        let due = counter.look(|office| office.book().due());
        let wait = due.since_ms(counter.now()).clamp(LOOK_MS_MIN, LOOK_MS_MAX);
        let closed = closing.wait_for(|closing| *closing);
        if tokio::time::timeout(Duration::from_millis(wait), closed).await.is_ok() {
            return;
        }
        match counter.change(|office, now| office.tick(now)).await {
            Ok(true) => tracing::info!("registry and list renewed"),
            Ok(false) => {}
            Err(problem) => complain(&problem),
        }
    }
}

fn complain(problem: &Problem) {
    tracing::error!(%problem, "registry and list not renewed");
}
