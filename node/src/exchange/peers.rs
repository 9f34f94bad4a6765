//! The table of peers: which link is whose present one, and who is wanted.
//!
//! One connection a peer. Of two dialled at once the one dialled by the lower agency id stays; of two that the same
//! side dialled the newer, since only who has lost a connection dials again.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ogic_certs::{AgencyId, Code, Digest, Problem, Result};
use tokio::sync::{Notify, watch};

use super::link::Link;
use super::message::Hello;
use super::quic::lock;

/// Most connections of one peer at a time, old ones that linger included.
pub(super) const CONNECTIONS_PER_PEER_MAX: usize = 4;
/// A connection that began this much after another was ready was dialled by who knew of none: a restarted peer.
pub(super) const RACE_MS: u64 = 3_000;

#[derive(Default)]
pub(super) struct Peers {
    slots: Mutex<HashMap<AgencyId, Slot>>,
    /// Counts the links that became ready.
    ready: watch::Sender<u64>,
}

#[derive(Default)]
struct Slot {
    current: Option<Link>,
    connections: usize,
    wanted: bool,
    /// Addresses from configuration or token, tried after the registry's.
    addresses: Vec<SocketAddr>,
    wake: Arc<Notify>,
    problem: Option<Problem>,
}

/// Which run of a daemon speaks: told by its hello among the features, as `process/` and 16 hex digits. Two connections
/// of one agency's different runs cannot both live.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ProcessId(String);

impl ProcessId {
    const FEATURE: &'static str = "process/";

    /// Ours, from a number that is different in each process.
    pub(super) fn from_seed(seed: u64) -> Self {
        let digest = Digest::of_parts(&[b"ogic process 1", &seed.to_be_bytes()]);
        Self(digest.to_string().chars().take(16).collect())
    }

    /// As a hello tells it.
    pub(super) fn feature(&self) -> String {
        format!("{}{}", Self::FEATURE, self.0)
    }

    /// What a hello tells; none by a release that does not.
    pub(super) fn of(hello: &Hello) -> Option<Self> {
        let told = hello.features.iter().find_map(|feature| feature.strip_prefix(Self::FEATURE))?;
        Some(Self(told.to_owned()))
    }

    /// Whether both are known, and two.
    pub(super) fn differ(one: Option<&Self>, other: Option<&Self>) -> bool {
        matches!((one, other), (Some(one), Some(other)) if one != other)
    }
}

/// What decides between two connections with one peer.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    dialled_by_lower: bool,
    began: Instant,
    ready: Option<Instant>,
}

/// Whether the present connection stays when another has become ready.
fn stays(present: Candidate, new: Candidate) -> bool {
    let race = Duration::from_millis(RACE_MS);
    present.dialled_by_lower
        && !new.dialled_by_lower
        && present.ready.is_some_and(|ready| new.began <= ready + race)
}

impl Peers {
    /// The peer's present link.
    pub(super) fn current(&self, peer: &AgencyId) -> Option<Link> {
        lock(&self.slots).get(peer)?.current.clone().filter(Link::is_open)
    }

    /// Tells that a link has become ready.
    pub(super) fn announce(&self) {
        self.ready.send_modify(|count| *count += 1);
    }

    /// Hears of links that become ready.
    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.ready.subscribe()
    }

    /// Every present link.
    pub(super) fn links(&self) -> Vec<Link> {
        lock(&self.slots).values().filter_map(|slot| slot.current.clone()).collect()
    }

    /// Counts a connection of this peer until the guard is dropped; too many are refused.
    pub(super) fn enter(self: &Arc<Self>, peer: &AgencyId) -> Result<Entered> {
        let mut peers = lock(&self.slots);
        let slot = peers.entry(peer.clone()).or_default();
        if slot.connections >= CONNECTIONS_PER_PEER_MAX {
            return Err(Problem::new(Code::LimitReached, "connections")
                .found(format!("{} of one peer", slot.connections + 1))
                .expected(format!("at most {CONNECTIONS_PER_PEER_MAX}")));
        }
        slot.connections += 1;
        Ok(Entered { peers: Arc::clone(self), peer: peer.clone() })
    }

    /// Makes `link` its peer's present one and returns the one that it replaces; an error if the present one stays. A
    /// connection of another run of the peer always replaces: whoever held the other end of the present one is gone.
    pub(super) fn register(&self, me: &AgencyId, link: &Link) -> Result<Option<Link>> {
        let candidate = |link: &Link| Candidate {
            dialled_by_lower: link.dialled() == (me < link.peer()),
            began: link.began(),
            ready: link.ready_at(),
        };
        let mut peers = lock(&self.slots);
        let slot = peers.entry(link.peer().clone()).or_default();
        if let Some(present) = slot.current.as_ref().filter(|present| present.is_open())
            && !ProcessId::differ(present.process(), link.process())
            && stays(candidate(present), candidate(link))
        {
            return Err(Problem::new(Code::PeerUnreachable, "connection")
                .found("a second connection")
                .expected("the one dialled by the lower agency id"));
        }
        slot.problem = None;
        slot.wake.notify_one();
        Ok(slot.current.replace(link.clone()))
    }

    /// Forgets a link that has ended, unless another has taken its place.
    pub(super) fn unregister(&self, link: &Link, why: &Problem) {
        if let Some(slot) = lock(&self.slots).get_mut(link.peer())
            && slot.current.as_ref().is_some_and(|current| current.id() == link.id())
        {
            slot.current = None;
            slot.problem = Some(why.clone());
        }
    }

    /// Marks a peer as wanted; false if it was already.
    pub(super) fn want(&self, peer: &AgencyId) -> bool {
        !std::mem::replace(&mut lock(&self.slots).entry(peer.clone()).or_default().wanted, true)
    }

    /// Whoever waits on it wants to dial this peer.
    pub(super) fn wake(&self, peer: &AgencyId) -> Arc<Notify> {
        Arc::clone(&lock(&self.slots).entry(peer.clone()).or_default().wake)
    }

    /// Gives a peer's addresses beside the registry's.
    pub(super) fn set_addresses(&self, peer: &AgencyId, addresses: Vec<SocketAddr>) {
        let mut peers = lock(&self.slots);
        let slot = peers.entry(peer.clone()).or_default();
        slot.addresses = addresses;
        slot.wake.notify_one();
    }

    /// A peer's addresses beside the registry's.
    pub(super) fn addresses(&self, peer: &AgencyId) -> Vec<SocketAddr> {
        lock(&self.slots).get(peer).map(|slot| slot.addresses.clone()).unwrap_or_default()
    }

    /// Notes why a peer could not be reached.
    pub(super) fn set_problem(&self, peer: &AgencyId, problem: Problem) {
        lock(&self.slots).entry(peer.clone()).or_default().problem = Some(problem);
    }

    /// Why a peer was not reached, or its last connection ended.
    pub(super) fn problem(&self, peer: &AgencyId) -> Option<Problem> {
        lock(&self.slots).get(peer)?.problem.clone()
    }
}

/// A counted connection.
pub(super) struct Entered {
    peers: Arc<Peers>,
    peer: AgencyId,
}

impl Drop for Entered {
    fn drop(&mut self) {
        if let Some(slot) = lock(&self.peers.slots).get_mut(&self.peer) {
            slot.connections -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_told_apart_where_both_are_known() {
        let (one, two) = (ProcessId::from_seed(1), ProcessId::from_seed(2));
        let mut hello = crate::exchange::message::tests::hello_of("a.example");
        assert_eq!(ProcessId::of(&hello), None);
        hello.features = vec!["documents".to_owned(), one.feature()];
        assert!(
            hello.features.iter().all(|feature| feature.len() <= crate::exchange::message::FEATURE_BYTES_MAX)
        );
        assert_eq!(ProcessId::of(&hello).as_ref(), Some(&one));
        for (a, b, differ) in [
            (Some(&one), Some(&two), true),
            (Some(&one), Some(&one), false),
            (Some(&one), None, false),
            (None, None, false),
        ] {
            assert_eq!(ProcessId::differ(a, b), differ);
        }
    }

    #[test]
    fn both_sides_agree_which_connection_stays() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let candidate = |dialled_by_lower, began, ready| Candidate {
            dialled_by_lower,
            began: at(began),
            ready: Some(at(ready)),
        };
        for (name, present, new, expected) in [
            ("race, lower first", candidate(true, 0, 10), candidate(false, 5, 12), true),
            ("race, lower second", candidate(false, 0, 10), candidate(true, 5, 12), false),
            ("slow handshake of the higher", candidate(true, 0, 10), candidate(false, 2000, 9000), true),
            ("higher restarted", candidate(true, 0, 10), candidate(false, 60_000, 60_010), false),
            ("lower restarted", candidate(false, 0, 10), candidate(true, 60_000, 60_010), false),
            ("lower dialled again", candidate(true, 0, 10), candidate(true, 20, 30), false),
            ("higher dialled again", candidate(false, 0, 10), candidate(false, 20, 30), false),
        ] {
            assert_eq!(stays(present, new), expected, "{name}");
        }
    }
}
