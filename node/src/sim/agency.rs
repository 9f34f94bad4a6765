//! One simulated agency: what outlives its process, and the process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ogic_certs::cose::Signer;
use ogic_certs::trust::Trust;
use ogic_certs::{AgencyId, Digest, Timestamp};

use super::disk::FaultyDisk;
use super::shelf::Shelf;
use crate::desk::check::Bag;
use crate::desk::{Desk, Settings, Ticket};
use crate::exchange::session::Session;
use crate::store::MemoryStore;

/// When every simulation begins: a Wednesday at noon.
pub(super) const START: Timestamp = Timestamp::from_ms_clamped(1_795_608_000_000);

/// An agency.
#[derive(Debug)]
pub(super) struct Agency<D: FaultyDisk> {
    pub(super) name: String,
    pub(super) settings: Settings,
    pub(super) officials: Vec<Signer>,
    pub(super) trust: Arc<Trust>,
    pub(super) disk: D,
    pub(super) shelf: Shelf,
    /// The store as it was now and then.
    pub(super) older_stores: Vec<MemoryStore>,
    /// How far its clock is ahead, ms.
    pub(super) skew_ms: i64,
    /// Rises with every start: what was scheduled for an earlier process is void.
    pub(super) life: u64,
    /// Deaths of the disk that were noticed.
    pub(super) deaths: u64,
    pub(super) process: Option<Process<D>>,
}

/// A running node.
#[derive(Debug)]
pub(super) struct Process<D: FaultyDisk> {
    pub(super) desk: Desk<D, Shelf>,
    /// By the peer's index.
    pub(super) links: BTreeMap<usize, Link>,
    pub(super) waiting: BTreeMap<Ticket, Waiter>,
    pub(super) woken: BTreeSet<usize>,
    /// Definitions to be fetched: from whom, and which.
    pub(super) services: BTreeSet<(usize, Digest)>,
    pub(super) committing: bool,
    pub(super) timer: Option<u64>,
    /// It was read-only, and somebody is on the way to restart it.
    pub(super) ending: bool,
}

/// One end of a connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) connection: u64,
    pub(super) session: Session,
    pub(super) bag: Bag,
    pub(super) opened: [bool; 2],
    /// Requests that wait for their answer.
    pub(super) asked: BTreeMap<u64, Asked>,
}

/// What a request was for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asked {
    /// A look of a client.
    Look(usize),
    /// A service definition.
    Service(Digest),
    /// The history of a case that a client is about to accept.
    Custody(usize),
}

/// Who waits for an answer of the desk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Waiter {
    /// A client, by the number of what it asked for, and the try.
    Client(usize, u32),
    /// A peer that reads.
    Peer {
        /// Its index.
        peer: usize,
        /// Its connection.
        connection: u64,
        /// Its request.
        request: u64,
        /// The client of that peer.
        errand: usize,
    },
    /// The agency itself, which keeps a definition.
    Service(Digest),
    /// A client who is about to accept a case: part of its history is held.
    Hold(usize),
}

impl<D: FaultyDisk> Agency<D> {
    pub(super) const fn id(&self) -> &AgencyId {
        &self.settings.agency
    }

    /// What its clock shows at `now`.
    pub(super) const fn clock(&self, now: u64) -> Timestamp {
        let time = START.plus_ms(now);
        if self.skew_ms >= 0 {
            time.plus_ms(self.skew_ms.unsigned_abs())
        } else {
            time.minus_ms(self.skew_ms.unsigned_abs())
        }
    }
}
