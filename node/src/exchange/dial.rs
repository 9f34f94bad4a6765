//! Reaching out: a peer that is wanted is dialled until there is a link, at growing intervals, at the addresses that the
//! registry, and after it configuration or a token, give at that moment.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ogic_certs::{AgencyId, Code, Digest, Problem, Result};

use super::accept::{HANDSHAKE_MS_MAX, member_chain};
use super::backoff::Backoff;
use super::close::{close_with, problem_of};
use super::link::Link;
use super::quic::Exchange;
use super::streams::within;
use super::tls::{ALPN_EXCHANGE, client_config};
use super::verifier::ServerVerifier;

/// A connection that lasted so long makes the next dial a first one.
const STEADY_MS: u64 = 10_000;

/// Keeps a link with `peer` until the endpoint is closed.
pub(super) async fn keep(exchange: Arc<Exchange>, peer: AgencyId) {
    tokio::select! {
        () = exchange.closing() => {}
        never = keep_for_ever(&exchange, &peer) => match never {},
    }
}

async fn keep_for_ever(exchange: &Arc<Exchange>, peer: &AgencyId) -> Infallible {
    let mut backoff = Backoff::new(exchange.seed ^ seed_of(peer));
    loop {
        if let Some(link) = exchange.peers.current(peer) {
            tokio::select! {
                _ = link.closed() => {
                    if link.ready_at().is_some_and(|at| at.elapsed() >= Duration::from_millis(STEADY_MS)) {
                        backoff.reset();
                    } else {
                        pause(exchange, peer, &mut backoff, None).await;
                    }
                    continue;
                }
                () = moved(exchange, peer, &link) => {}
            }
        }
        let addresses = addresses(exchange, peer);
        let present = exchange.peers.current(peer);
        let dialled = tokio::select! {
            dialled = dial_any(exchange, peer, &addresses) => dialled,
            () = overtaken(exchange, peer, &addresses, present.as_ref()) => continue,
        };
        if let Err(problem) = dialled {
            tracing::debug!(%peer, %problem, "a peer was not reached");
            if exchange.peers.current(peer).is_none() {
                exchange.peers.set_problem(peer, problem);
            }
            pause(exchange, peer, &mut backoff, present.as_ref()).await;
        }
    }
}

/// Waits for the next try; less if the peer comes by itself or has a new address, which is then a first try.
async fn pause(exchange: &Exchange, peer: &AgencyId, backoff: &mut Backoff, present: Option<&Link>) {
    let before = addresses(exchange, peer);
    tokio::select! {
        () = tokio::time::sleep(Duration::from_millis(backoff.failed())) => {}
        () = overtaken(exchange, peer, &before, present) => {
            if addresses(exchange, peer) != before {
                backoff.reset();
            }
        }
    }
}

/// Waits until there is another link than `present`, or the peer's addresses are others than `before`.
async fn overtaken(exchange: &Exchange, peer: &AgencyId, before: &[SocketAddr], present: Option<&Link>) {
    let mut trust = exchange.trust.subscribe();
    let wake = exchange.peers.wake(peer);
    loop {
        let other = exchange.peers.current(peer).is_some_and(|link| Some(link.id()) != present.map(Link::id));
        if other || addresses(exchange, peer) != before {
            return;
        }
        tokio::select! {
            // Its sender lives in the exchange.
            _ = trust.changed() => {}
            () = wake.notified() => {}
        }
    }
}

/// Waits until the address at which we dialled this link is listed no more: the peer will not come back there, and may
/// not know that it is wanted.
async fn moved(exchange: &Exchange, peer: &AgencyId, link: &Link) {
    if !link.dialled() {
        return std::future::pending().await;
    }
    loop {
        let now = addresses(exchange, peer);
        if !now.is_empty() && !now.contains(&link.remote_address()) {
            return;
        }
        overtaken(exchange, peer, &now, Some(link)).await;
        if exchange.peers.current(peer).is_none_or(|current| current.id() != link.id()) {
            // Another link has taken over: this one will be closed.
            return std::future::pending().await;
        }
    }
}

/// Where the peer may be found now.
fn addresses(exchange: &Exchange, peer: &AgencyId) -> Vec<SocketAddr> {
    let trust = exchange.trust.current();
    let listed = trust.registry().member(peer).map(|member| member.endpoints.as_slice()).unwrap_or_default();
    let mut all: Vec<SocketAddr> = listed.iter().filter_map(|endpoint| endpoint.parse().ok()).collect();
    for address in exchange.peers.addresses(peer) {
        if !all.contains(&address) {
            all.push(address);
        }
    }
    all
}

/// Dials the addresses in turn; of several problems the last is told.
async fn dial_any(exchange: &Arc<Exchange>, peer: &AgencyId, addresses: &[SocketAddr]) -> Result<Link> {
    let mut problem = Problem::new(Code::PeerUnreachable, "endpoint")
        .found("none in the registry")
        .expected("an address, which the peer announces to the authority");
    for address in addresses {
        match dial(exchange, peer, *address).await {
            Ok(link) => return Ok(link),
            Err(new) => problem = new.within(address),
        }
    }
    Err(problem)
}

/// Dials one address, and waits until the peer's hello has been accepted: in TLS 1.3 a client is connected before it is
/// judged.
pub(super) async fn dial(exchange: &Arc<Exchange>, peer: &AgencyId, address: SocketAddr) -> Result<Link> {
    let began = Instant::now();
    let verifier = ServerVerifier::member(exchange.trust.clone(), peer.clone(), Arc::clone(&exchange.clock));
    let verifier = Arc::new(verifier);
    let config = client_config(Some(&exchange.credentials()), Arc::clone(&verifier), ALPN_EXCHANGE)?;
    let quic = connect(&exchange.quic(), config, address, peer, &verifier).await?;
    let link = member_chain(&quic).and_then(|chain| exchange.run(quic.clone(), chain, true, began));
    match link {
        Ok(link) => link.ready().await.map(|()| link),
        Err(problem) => {
            close_with(&quic, &problem);
            Err(problem)
        }
    }
}

/// A handshake with `agency` at `address`.
pub(super) async fn connect(
    endpoint: &quinn::Endpoint,
    config: quinn::ClientConfig,
    address: SocketAddr,
    agency: &AgencyId,
    verifier: &ServerVerifier,
) -> Result<quinn::Connection> {
    let connecting = endpoint.connect_with(config, address, agency.as_str()).map_err(|error| {
        Problem::new(Code::PeerUnreachable, "endpoint").found(format!("{address}: {error}"))
    })?;
    within(HANDSHAKE_MS_MAX, "handshake", async {
        connecting.await.map_err(|error| verifier.refusal().unwrap_or_else(|| problem_of(&error)))
    })
    .await
}

/// A number of the peer's own, so that the back-offs of one node do not beat together.
fn seed_of(peer: &AgencyId) -> u64 {
    let digest = Digest::of(peer.as_str().as_bytes());
    digest.as_bytes().iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}
