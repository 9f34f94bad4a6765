//! Telling the authority where a daemon answers, until it knows.

use std::net::SocketAddr;
use std::time::Duration;

use ogic_certs::announcement::Announcement;
use ogic_certs::checkpoint::Origin;
use ogic_certs::cose::{Signed, Signer};
use ogic_certs::{AgencyId, Problem, Result, Timestamp};

use crate::exchange::quic::Endpoint;
use crate::exchange::request::Request;

/// How long the authority has to be reached in one try, in milliseconds.
const REACH_MS: u64 = 5_000;
/// The first pause after a failure, and the longest, in milliseconds.
const PAUSE_MS: (u64, u64) = (250, 30_000);

/// A signed announcement: `endpoints` that others can dial, and the log that is written.
pub fn sign(endpoints: Vec<SocketAddr>, log: Origin, at: Timestamp, signer: &Signer) -> Result<Vec<u8>> {
    let announcement = Announcement { endpoints, log, at };
    Ok(Signed::sign(announcement, signer)?.bytes().to_vec())
}

/// Announces until the authority has taken it. A refusal is tried again too, since what it rests on may change; `told`
/// hears of every failure.
pub async fn until_taken(
    endpoint: Endpoint,
    authority: AgencyId,
    announcement: Vec<u8>,
    told: impl Fn(&Problem) + Send,
) {
    let mut pause = PAUSE_MS.0;
    while let Err(problem) = once(&endpoint, &authority, &announcement).await {
        tracing::info!(%problem, "announcement not taken");
        told(&problem);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        pause = (pause * 2).min(PAUSE_MS.1);
    }
    tracing::info!("announcement taken");
}

async fn once(endpoint: &Endpoint, authority: &AgencyId, announcement: &[u8]) -> Result<()> {
    let link = endpoint.reach(authority, REACH_MS).await?;
    link.request(Request::Announce(announcement.to_vec())).await.map(drop)
}
