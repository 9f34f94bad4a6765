//! Letting in: the accept loop waits on nobody; strangers are counted, bounded, and made to prove their address first.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use ogic_certs::certificate::Certificate;
use ogic_certs::{Code, Problem, Result};
use quinn::crypto::rustls::HandshakeData;
use quinn::{Connection, Incoming};
use rustls::pki_types::CertificateDer;

use super::close::{close_with, problem_of};
use super::enrol;
use super::quic::{Exchange, lock};
use super::streams::within;
use super::tls::{ALPN_ENROL, ALPN_EXCHANGE};
use super::verifier::read_chain;

/// Most connections of all peers.
pub(super) const CONNECTIONS_MAX: usize = 4096;
/// Most handshakes at a time.
pub(super) const HANDSHAKES_MAX: usize = 512;
/// Most handshakes at a time from one IP address.
pub(super) const HANDSHAKES_PER_SOURCE_MAX: usize = 64;
/// With more handshakes than this under way, a client must first prove that it can receive at its address (RFC 9000
/// 8.1.2).
pub(super) const RETRY_ABOVE: usize = 32;
/// How long a handshake may take.
pub(super) const HANDSHAKE_MS_MAX: u64 = 10_000;

/// Handshakes under way.
#[derive(Default)]
pub(super) struct Admission {
    total: AtomicUsize,
    by_source: Mutex<HashMap<IpAddr, usize>>,
}

/// A counted handshake.
struct Admitted {
    admission: Arc<Admission>,
    source: IpAddr,
}

/// What to do with a first packet.
#[derive(PartialEq, Eq, Debug)]
enum Judgement {
    Accept,
    /// Accept if the address is proven, else have it proven.
    Prove,
    Refuse,
}

impl Admission {
    fn judge(&self, source: IpAddr, connections: usize) -> Judgement {
        let total = self.total.load(Ordering::Relaxed);
        let from_source = lock(&self.by_source).get(&source).copied().unwrap_or(0);
        if connections >= CONNECTIONS_MAX
            || total >= HANDSHAKES_MAX
            || from_source >= HANDSHAKES_PER_SOURCE_MAX
        {
            Judgement::Refuse
        } else if total >= RETRY_ABOVE {
            Judgement::Prove
        } else {
            Judgement::Accept
        }
    }

    fn enter(self: &Arc<Self>, source: IpAddr) -> Admitted {
        self.total.fetch_add(1, Ordering::Relaxed);
        *lock(&self.by_source).entry(source).or_default() += 1;
        Admitted { admission: Arc::clone(self), source }
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.admission.total.fetch_sub(1, Ordering::Relaxed);
        let mut by_source = lock(&self.admission.by_source);
        if let Some(count) = by_source.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                by_source.remove(&self.source);
            }
        }
    }
}

/// Accepts until the endpoint is closed. If QUIC's own task dies, the endpoint is started again and counted.
pub(super) async fn run(exchange: Arc<Exchange>) {
    loop {
        let quic = exchange.quic();
        while let Some(incoming) = quic.accept().await {
            admit(&exchange, incoming, quic.open_connections());
        }
        if exchange.is_closing() {
            return;
        }
        drop(quic);
        // A runtime that is being shut down takes QUIC's task first: this one must give it the chance to be taken too, or it
        // would start endpoints for ever that die at once, and the process would not end.
        tokio::task::yield_now().await;
        tracing::error!("the QUIC endpoint has died and is started again");
        if let Err(problem) = exchange.restart().await {
            tracing::error!(%problem, "the QUIC endpoint could not be started again");
            return;
        }
    }
}

fn admit(exchange: &Arc<Exchange>, incoming: Incoming, connections: usize) {
    let source = incoming.remote_address().ip();
    match exchange.admission.judge(source, connections) {
        Judgement::Refuse => return incoming.refuse(),
        Judgement::Prove if incoming.may_retry() => {
            // It fails only for who has proven its address, which `may_retry` has asked.
            drop(incoming.retry());
            return;
        }
        Judgement::Prove | Judgement::Accept => {}
    }
    let admitted = exchange.admission.enter(source);
    let exchange = Arc::clone(exchange);
    tokio::spawn(async move {
        let from = incoming.remote_address();
        if let Err(problem) = handshake(exchange, incoming, admitted).await {
            tracing::debug!(%from, %problem, "a connection was not let in");
        }
    });
}

async fn handshake(exchange: Arc<Exchange>, incoming: Incoming, admitted: Admitted) -> Result<()> {
    let began = Instant::now();
    let from = incoming.remote_address();
    let connecting = incoming.accept().map_err(|error| problem_of(&error))?;
    let quic =
        within(HANDSHAKE_MS_MAX, "handshake", async { connecting.await.map_err(|error| problem_of(&error)) })
            .await?;
    if alpn(&quic).as_deref() == Some(ALPN_ENROL) {
        // The handshake stays counted: a stranger's connection is bounded like one, and as short.
        let outcome = enrol::serve(&exchange, quic, from).await;
        drop(admitted);
        return outcome;
    }
    drop(admitted);
    enter(&exchange, quic, began)
}

fn enter(exchange: &Arc<Exchange>, quic: Connection, began: Instant) -> Result<()> {
    let entered = member_chain(&quic).and_then(|chain| exchange.run(quic.clone(), chain, false, began));
    match entered {
        Ok(_) => Ok(()),
        Err(problem) => {
            close_with(&quic, &problem);
            Err(problem)
        }
    }
}

/// The chain of a connection of the exchange; who has none is no member.
pub(super) fn member_chain(quic: &Connection) -> Result<Vec<Certificate>> {
    if alpn(quic).as_deref() != Some(ALPN_EXCHANGE) {
        return Err(Problem::new(Code::ProtocolViolation, "ALPN").expected("ogic/1"));
    }
    let ders = quic.peer_identity().and_then(|identity| identity.downcast::<Vec<CertificateDer<'_>>>().ok());
    let chain = ders.map(|ders| read_chain(&ders)).transpose()?.unwrap_or_default();
    if chain.is_empty() {
        return Err(Problem::new(Code::CertificateUnknown, "channel")
            .found("a client without a certificate")
            .expected("a member's node certificate"));
    }
    Ok(chain)
}

fn alpn(quic: &Connection) -> Option<Vec<u8>> {
    quic.handshake_data()?.downcast::<HandshakeData>().ok()?.protocol
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_is_answered_by_proof_and_then_by_refusal() {
        let admission = Arc::new(Admission::default());
        let source = |n: usize| IpAddr::from([10, 0, (n / 32) as u8, (n % 32) as u8]);
        assert_eq!(admission.judge(source(0), 0), Judgement::Accept);
        assert_eq!(admission.judge(source(0), CONNECTIONS_MAX), Judgement::Refuse);
        let mut entered: Vec<_> = (0..RETRY_ABOVE).map(|n| admission.enter(source(n))).collect();
        assert_eq!(admission.judge(source(0), 0), Judgement::Prove);
        let one: Vec<_> = (0..HANDSHAKES_PER_SOURCE_MAX).map(|_| admission.enter(source(999))).collect();
        assert_eq!(admission.judge(source(999), 0), Judgement::Refuse);
        assert_eq!(admission.judge(source(0), 0), Judgement::Prove);
        drop(one);
        entered.extend((RETRY_ABOVE..HANDSHAKES_MAX).map(|n| admission.enter(source(n))));
        assert_eq!(admission.judge(source(1), 0), Judgement::Refuse);
        drop(entered);
        assert_eq!(admission.judge(source(0), 0), Judgement::Accept);
        assert!(lock(&admission.by_source).is_empty());
    }
}
