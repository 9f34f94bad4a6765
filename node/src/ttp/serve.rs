//! The third party's daemon: its folder, its endpoint, its local API, and what keeps its own registry and lists fresh.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use ogic_certs::checkpoint::Origin;
use ogic_certs::{AgencyId, Code, Problem, Result};
use serde::Deserialize;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::api::{self, Desk};
use super::archive::Archive;
use super::face::Bench;
use crate::announce;
use crate::exchange::quic::{Config, Endpoint, system_clock};
use crate::exchange::trust::SharedTrust;
use crate::folder::{self, Folder, FolderLock};
use crate::local;
use crate::log::RealDisk;
use crate::refresh::Refresher;

const SETTINGS: &str = "ttp.toml";

/// `ttp.toml`, written at the first start.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// The origin of the log of evidence.
    log: String,
}

/// A running third party.
#[derive(Debug)]
pub struct Running {
    /// Its bench.
    pub bench: Bench,
    endpoint: Endpoint,
    address: SocketAddr,
    closing: watch::Sender<bool>,
    api: JoinHandle<()>,
    endless: Vec<JoinHandle<()>>,
    _lock: FolderLock,
}

/// Opens the folder at `data`, which [`crate::join`] made with a `ttp` token, and serves. `listen` is bound; others are told
/// `advertised`, or what was bound if that is empty. `draw` gives random bytes. Must be called within a tokio runtime.
pub async fn serve(
    data: &Path,
    listen: SocketAddr,
    advertised: Vec<SocketAddr>,
    draw: &mut (dyn FnMut(&mut [u8]) -> Result<()> + Send),
) -> Result<Running> {
    let clock = system_clock();
    let folder = Folder::open(data)?;
    let lock = folder.lock()?;
    let pinned = folder.pinned()?.ok_or_else(|| {
        Problem::new(Code::NotFound, folder.at("pin.toml").display().to_string()).expected("what join makes")
    })?;
    let trust = SharedTrust::new(folder.trust()?);
    let (node, signer) = (folder.signer("node")?, folder.signer("ttp")?);
    let origin = origin(&folder, &pinned.agency, draw)?;
    let archive = Archive::open(RealDisk::open(&folder.at("journal"))?, &origin.to_string())?;
    let socket = local::bind(&folder)?;
    let bench = Bench::new(archive, signer.clone(), trust.clone(), clock.clone())?;
    let mut seed = [0; 8];
    draw(&mut seed)?;
    let authority = pinned.pin.authority.clone();
    let at_join: Vec<SocketAddr> = pinned.address.parse().into_iter().collect();
    let config = Config {
        addresses: BTreeMap::from([(authority.clone(), at_join)]),
        ..Config::new(listen, node, trust.clone(), u64::from_be_bytes(seed))
    };
    let endpoint = Endpoint::start(config, Arc::new(bench.clone()))?;
    let address = endpoint.local_addr()?;
    let told = if advertised.is_empty() { vec![address] } else { advertised };
    let announcement = announce::sign(told, origin, clock(), &signer)?;
    let refresher = Refresher::new(folder, trust, clock);
    let (closing, closed) = watch::channel(false);
    let desk = Desk { bench: bench.clone(), refresher: refresher.clone(), endpoint: address.to_string() };
    let api = tokio::spawn(local::serve(socket, api::routes(desk), closed));
    let endless = vec![
        tokio::spawn(refresher.run(endpoint.clone())),
        tokio::spawn(announce::until_taken(endpoint.clone(), authority, announcement, |_| {})),
    ];
    tracing::info!(%address, "third party serves");
    Ok(Running { bench, endpoint, address, closing, api, endless, _lock: lock })
}

impl Running {
    /// The address that was bound.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it: no new request, links closed, the folder free.
    pub async fn close(self) {
        for task in &self.endless {
            task.abort();
        }
        self.closing.send_replace(true);
        self.endpoint.close().await;
        local::ended(self.api).await;
    }
}

/// The log's origin, drawn at the first start and kept before it is used.
fn origin(
    folder: &Folder,
    agency: &AgencyId,
    draw: &mut (dyn FnMut(&mut [u8]) -> Result<()> + Send),
) -> Result<Origin> {
    let damaged = |what: String| Problem::new(Code::StoreDamaged, SETTINGS).found(what);
    if let Some(bytes) = folder::read(&folder.at(SETTINGS))? {
        let text = String::from_utf8(bytes).map_err(|error| damaged(error.to_string()))?;
        let settings: Settings =
            toml::from_str(&text).map_err(|error| damaged(error.message().to_owned()))?;
        return Origin::parse(&settings.log, "log");
    }
    let mut log = [0; 16];
    draw(&mut log)?;
    let origin = Origin { agency: agency.clone(), log, generation: 1 };
    let text = format!("# The log of evidence, drawn at the first start.\nlog = \"{origin}\"\n");
    folder.put(SETTINGS, text.as_bytes(), 0o644)?;
    Ok(origin)
}
