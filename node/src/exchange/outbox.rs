//! The outbox: what has been decided to be sent and is not yet acknowledged, for all peers, without I/O or clock.
//!
//! Durability is the journal's. Order is kept within a case; a refused item never holds up another case. What can
//! never succeed is parked, visible and retryable. Begin with [`Outbox::put`] and [`Outbox::poll_send`].

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ogic_certs::{AgencyId, CaseId, Code, Digest, Problem, Timestamp};

use super::backoff::{Jitter, exponential};

/// Items in flight to one peer, unless a node is told otherwise: more gain little throughput, and wait longer.
pub const WINDOW_ITEMS: usize = 64;
/// Most items in flight to one peer that a node can be told.
pub const WINDOW_ITEMS_MAX: usize = 512;
/// Most bytes in flight to one peer; one item always goes.
pub const WINDOW_BYTES_MAX: usize = 1 << 20;
/// How long an item may stay unacknowledged on a live connection before it is sent again.
pub const ACKNOWLEDGE_MS_MAX: u64 = 60_000;
/// The delay after the first refusal that may pass by itself.
pub const DELAY_FIRST_MS: u64 = 500;
/// The longest delay.
pub const DELAY_MS_MAX: u64 = 300_000;
/// How long an item is sent again whose sender the receiver cannot judge.
pub const UNDECIDED_MS_MAX: u64 = 86_400_000;

/// One thing to be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// The event's id, or the notice's digest: what the acknowledgement will name.
    pub id: Digest,
    /// To whom.
    pub peer: AgencyId,
    /// The case whose order it keeps, if any.
    pub case: Option<CaseId>,
    /// Its size on the wire, counted against the window.
    pub bytes: usize,
}

/// How an item stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ItemState {
    /// It will be sent: at once, or when its next try is due or its peer connected.
    Waiting,
    /// It was sent on the present connection.
    InFlight,
    /// It was refused for good, until somebody retries it.
    Parked,
}

impl ItemState {
    /// The word in the API and in `--json`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::InFlight => "in_flight",
            Self::Parked => "parked",
        }
    }
}

/// An item as `ogic outbox` shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ItemView<'a> {
    /// What is to be sent.
    pub item: &'a Item,
    /// How it stands.
    pub state: ItemState,
    /// How often it was sent.
    pub tries: u32,
    /// When it is due again, if it waits for that.
    pub next_try: Option<Timestamp>,
    /// The last problem.
    pub problem: Option<&'a Problem>,
}

/// How many items there are in each state.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    /// Waiting.
    pub waiting: usize,
    /// In flight.
    pub in_flight: usize,
    /// Parked.
    pub parked: usize,
}

/// Whether a refusal with this code may pass by itself, so that the item is delayed rather than parked.
pub const fn is_passing(code: Code) -> bool {
    matches!(
        code,
        Code::LimitReached
            | Code::StoreReadOnly
            | Code::StoreDamaged
            | Code::StoreLocked
            | Code::DiskFull
            | Code::DiskFailed
            | Code::BehindPeers
            | Code::PendingBase
            | Code::CaseSuspended
            | Code::CaseMoved
            | Code::CertificateUnknown
            | Code::AgencyUnknown
            | Code::TrustUndecidable
            | Code::RegistryExpired
            | Code::RevocationStale
            | Code::PeerTimeout
            | Code::PeerUnreachable
            | Code::TtpUnreachable
            | Code::AuthorityUnreachable
            | Code::Internal
    )
}

/// Whether a refusal with this code says that the receiver lacks what it needs to judge the sender. It passes as soon as the
/// receiver has newer data, which takes minutes once anybody answers it; a seal that nobody it trusts vouches for never passes.
pub const fn is_undecided(code: Code) -> bool {
    matches!(code, Code::CertificateUnknown | Code::AgencyUnknown | Code::TrustUndecidable)
}

/// All that is to be sent, to all peers.
#[derive(Debug)]
pub struct Outbox {
    entries: HashMap<Digest, Entry>,
    peers: BTreeMap<AgencyId, Peer>,
    /// Every entry with a time: delayed ones and those in flight.
    timers: BTreeSet<(Timestamp, Digest)>,
    next_order: u64,
    window_items: usize,
    jitter: Jitter,
    counts: Counts,
}

#[derive(Debug)]
struct Entry {
    item: Item,
    /// Its place in the order of [`Outbox::put`], kept for ever.
    order: u64,
    state: State,
    tries: u32,
    problem: Option<Problem>,
    /// Since when the receiver cannot judge its sender.
    undecided: Option<Timestamp>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Waiting,
    /// Waiting until then; what comes later in its case waits behind it.
    Delayed(Timestamp),
    /// Sent; overdue then.
    InFlight(Timestamp),
    Parked,
}

/// Items of one lane go out in order; lanes pass each other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Lane {
    Case(CaseId),
    /// An item of no case has no order to keep.
    Alone(Digest),
}

#[derive(Debug, Default)]
struct Peer {
    connected: bool,
    /// What is waiting or delayed, by lane and order. The first of a lane decides whether the lane is ready.
    lanes: BTreeMap<Lane, BTreeMap<u64, Digest>>,
    /// Lanes whose first item may be sent now, by that item's order.
    ready: BTreeMap<u64, Lane>,
    in_flight: BTreeMap<u64, Digest>,
    in_flight_bytes: usize,
}

impl Outbox {
    /// An empty outbox whose jitter comes from `seed`.
    pub fn new(seed: u64) -> Self {
        Self {
            entries: HashMap::new(),
            peers: BTreeMap::new(),
            timers: BTreeSet::new(),
            next_order: 0,
            window_items: WINDOW_ITEMS,
            jitter: Jitter::new(seed),
            counts: Counts::default(),
        }
    }

    /// Most items in flight to one peer from now on: from 1 to [`WINDOW_ITEMS_MAX`], and the nearer of the two otherwise.
    pub fn set_window(&mut self, items: usize) {
        self.window_items = items.clamp(1, WINDOW_ITEMS_MAX);
    }

    /// Most items in flight to one peer.
    pub const fn window(&self) -> usize {
        self.window_items
    }

    /// Takes an item; it comes after every other of its case and peer. False if it is here already.
    pub fn put(&mut self, item: Item) -> bool {
        if self.entries.contains_key(&item.id) {
            return false;
        }
        let id = item.id;
        let order = self.next_order;
        self.next_order += 1;
        self.counts.waiting += 1;
        let (state, tries, problem, undecided) = (State::Waiting, 0, None, None);
        self.entries.insert(id, Entry { item, order, state, tries, problem, undecided });
        self.enqueue(id);
        true
    }

    /// The peer can be sent to. Everything unacknowledged will go out, in order; delays end, since the peer is back.
    pub fn connected(&mut self, peer: &AgencyId, _now: Timestamp) {
        self.withdraw(peer);
        let state = self.peers.entry(peer.clone()).or_default();
        state.connected = true;
        let delayed: Vec<Digest> = state
            .lanes
            .values()
            .flat_map(BTreeMap::values)
            .filter(|id| matches!(self.entries.get(id).map(|e| e.state), Some(State::Delayed(_))))
            .copied()
            .collect();
        for id in delayed {
            self.set_state(id, State::Waiting);
            self.refresh(id);
        }
    }

    /// The peer cannot be sent to: what was in flight waits again.
    pub fn disconnected(&mut self, peer: &AgencyId, _now: Timestamp) {
        self.withdraw(peer);
        if let Some(state) = self.peers.get_mut(peer) {
            state.connected = false;
        }
    }

    /// The next item to send to a connected peer, within the window; it is then in flight.
    pub fn poll_send(&mut self, peer: &AgencyId, now: Timestamp) -> Option<Digest> {
        let state = self.peers.get_mut(peer)?;
        if !state.connected || state.in_flight.len() >= self.window_items {
            return None;
        }
        let (&order, &lane) = state.ready.first_key_value()?;
        let id = *state.lanes.get(&lane)?.get(&order)?;
        let bytes = self.entries.get(&id)?.item.bytes;
        if !state.in_flight.is_empty() && state.in_flight_bytes.saturating_add(bytes) > WINDOW_BYTES_MAX {
            return None;
        }
        state.in_flight.insert(order, id);
        state.in_flight_bytes = state.in_flight_bytes.saturating_add(bytes);
        self.dequeue(id);
        self.set_state(id, State::InFlight(now.plus_ms(ACKNOWLEDGE_MS_MAX)));
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.tries = entry.tries.saturating_add(1);
        }
        Some(id)
    }

    /// The item was acknowledged: its receipt has been verified and stored. Whatever its state, it leaves.
    pub fn done(&mut self, id: &Digest) -> Option<Item> {
        self.take_out(*id)?;
        self.set_state(*id, State::Waiting);
        self.counts.waiting -= 1;
        Some(self.entries.remove(id)?.item)
    }

    /// The item was refused and sending it again as it is cannot help. False if it is not here.
    pub fn park(&mut self, id: &Digest, problem: Problem) -> bool {
        if self.take_out(*id).is_none() {
            return false;
        }
        self.set_state(*id, State::Parked);
        self.set_problem(id, problem);
        true
    }

    /// The item was refused for a reason that may pass: it is sent again later. False if it is not here.
    pub fn delay(&mut self, id: &Digest, problem: Problem, now: Timestamp) -> bool {
        if self.take_out(*id).is_none() {
            return false;
        }
        let mut tries = 0;
        if let Some(entry) = self.entries.get_mut(id) {
            tries = entry.tries;
            if is_undecided(problem.code) {
                entry.undecided.get_or_insert(now);
            }
        }
        let ms = self.jitter.spread(exponential(DELAY_FIRST_MS, tries, DELAY_MS_MAX));
        self.set_state(*id, State::Delayed(now.plus_ms(ms)));
        self.set_problem(id, problem);
        self.enqueue(*id);
        true
    }

    /// Whether a refusal of the item with this code is the last of those that may pass: it has passed for too long.
    pub fn is_out_of_patience(&self, id: &Digest, code: Code, now: Timestamp) -> bool {
        let since = self.entries.get(id).and_then(|entry| entry.undecided);
        is_undecided(code) && since.is_some_and(|since| now.since_ms(since) >= UNDECIDED_MS_MAX)
    }

    /// A parked or delayed item is sent again, at its old place. False if it is neither.
    pub fn retry(&mut self, id: &Digest) -> bool {
        match self.entries.get(id).map(|entry| entry.state) {
            Some(State::Parked | State::Delayed(_)) => {
                self.forget_undecided(id);
                self.take_out(*id);
                self.set_state(*id, State::Waiting);
                self.enqueue(*id);
                true
            }
            _ => false,
        }
    }

    /// The item goes to another peer from now on, at its old place among the others. False if it is not here, or goes there
    /// already.
    pub fn readdress(&mut self, id: &Digest, peer: &AgencyId) -> bool {
        if self.entries.get(id).is_none_or(|entry| entry.item.peer == *peer) {
            return false;
        }
        self.take_out(*id);
        self.set_state(*id, State::Waiting);
        if let Some(entry) = self.entries.get_mut(id) {
            entry.item.peer = peer.clone();
            entry.problem = None;
        }
        self.forget_undecided(id);
        self.enqueue(*id);
        true
    }

    /// When [`Outbox::handle_timeout`] wants to be called.
    pub fn next_timeout(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Takes the time: delays end, and what stayed unacknowledged too long is delayed.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        while let Some((at, id)) = self.timers.first().copied() {
            if at > now {
                break;
            }
            match self.entries.get(&id).map(|entry| entry.state) {
                Some(State::InFlight(_)) => {
                    let late = Problem::new(Code::PeerTimeout, "receipt")
                        .found("none")
                        .expected(format!("a receipt or refusal within {ACKNOWLEDGE_MS_MAX} ms"));
                    self.delay(&id, late, now);
                }
                Some(State::Delayed(_)) => {
                    self.set_state(id, State::Waiting);
                    self.refresh(id);
                }
                // Only the two states above have a timer.
                _ => drop(self.timers.pop_first()),
            }
        }
    }

    /// How many items there are in each state.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// The item of this id.
    pub fn item(&self, id: &Digest) -> Option<ItemView<'_>> {
        self.entries.get(id).map(Entry::view)
    }

    /// Every item, in the order in which they were put.
    pub fn items(&self) -> Vec<ItemView<'_>> {
        let mut entries: Vec<&Entry> = self.entries.values().collect();
        entries.sort_by_key(|entry| entry.order);
        entries.into_iter().map(Entry::view).collect()
    }

    /// Peers for whom something waits or is in flight: who must be reached.
    pub fn wanted_peers(&self) -> impl Iterator<Item = &AgencyId> {
        self.peers
            .iter()
            .filter(|(_, state)| !state.lanes.is_empty() || !state.in_flight.is_empty())
            .map(|(peer, _)| peer)
    }

    /// Everything in flight to `peer` waits again.
    fn withdraw(&mut self, peer: &AgencyId) {
        let Some(state) = self.peers.get_mut(peer) else { return };
        state.in_flight_bytes = 0;
        for id in std::mem::take(&mut state.in_flight).into_values() {
            self.set_state(id, State::Waiting);
            self.enqueue(id);
        }
    }

    /// Takes an entry out of whichever structure its state keeps it in; the caller gives it its next state.
    fn take_out(&mut self, id: Digest) -> Option<()> {
        let entry = self.entries.get(&id)?;
        match entry.state {
            State::Waiting | State::Delayed(_) => self.dequeue(id),
            State::InFlight(_) => {
                if let Some(state) = self.peers.get_mut(&entry.item.peer) {
                    state.in_flight.remove(&entry.order);
                    state.in_flight_bytes = state.in_flight_bytes.saturating_sub(entry.item.bytes);
                }
            }
            State::Parked => {}
        }
        Some(())
    }

    /// Puts an entry into its lane at its order.
    fn enqueue(&mut self, id: Digest) {
        let Some(entry) = self.entries.get(&id) else { return };
        let state = self.peers.entry(entry.item.peer.clone()).or_default();
        state.unready(entry.lane());
        state.lanes.entry(entry.lane()).or_default().insert(entry.order, id);
        self.refresh(id);
    }

    /// Takes an entry out of its lane.
    fn dequeue(&mut self, id: Digest) {
        let Some(entry) = self.entries.get(&id) else { return };
        let Some(state) = self.peers.get_mut(&entry.item.peer) else { return };
        let lane = entry.lane();
        state.unready(lane);
        if let Some(queue) = state.lanes.get_mut(&lane) {
            queue.remove(&entry.order);
            if queue.is_empty() {
                state.lanes.remove(&lane);
            }
        }
        self.refresh(id);
    }

    /// Decides anew whether the lane of `id` is ready.
    fn refresh(&mut self, id: Digest) {
        let Some(entry) = self.entries.get(&id) else { return };
        let Some(state) = self.peers.get_mut(&entry.item.peer) else { return };
        let lane = entry.lane();
        let first = state.lanes.get(&lane).and_then(BTreeMap::first_key_value);
        let Some((&order, first)) = first else { return };
        if self.entries.get(first).is_some_and(|entry| entry.state == State::Waiting) {
            state.ready.insert(order, lane);
        }
    }

    /// Changes an entry's state, and with it the counts and timers.
    fn set_state(&mut self, id: Digest, new: State) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let old = std::mem::replace(&mut entry.state, new);
        *self.counts.of(old) -= 1;
        *self.counts.of(new) += 1;
        if let State::Delayed(at) | State::InFlight(at) = old {
            self.timers.remove(&(at, id));
        }
        if let State::Delayed(at) | State::InFlight(at) = new {
            self.timers.insert((at, id));
        }
    }

    fn forget_undecided(&mut self, id: &Digest) {
        if let Some(entry) = self.entries.get_mut(id) {
            entry.undecided = None;
        }
    }

    fn set_problem(&mut self, id: &Digest, problem: Problem) {
        if let Some(entry) = self.entries.get_mut(id) {
            entry.problem = Some(problem);
        }
    }
}

impl Counts {
    const fn of(&mut self, state: State) -> &mut usize {
        match state {
            State::Waiting | State::Delayed(_) => &mut self.waiting,
            State::InFlight(_) => &mut self.in_flight,
            State::Parked => &mut self.parked,
        }
    }
}

impl Peer {
    /// Takes a lane off the ready list, before its first item may change.
    fn unready(&mut self, lane: Lane) {
        if let Some((order, _)) = self.lanes.get(&lane).and_then(BTreeMap::first_key_value) {
            self.ready.remove(order);
        }
    }
}

impl Entry {
    fn lane(&self) -> Lane {
        self.item.case.map_or(Lane::Alone(self.item.id), Lane::Case)
    }

    const fn view(&self) -> ItemView<'_> {
        let (state, next_try) = match self.state {
            State::Waiting => (ItemState::Waiting, None),
            State::Delayed(at) => (ItemState::Waiting, Some(at)),
            State::InFlight(_) => (ItemState::InFlight, None),
            State::Parked => (ItemState::Parked, None),
        };
        ItemView { item: &self.item, state, tries: self.tries, next_try, problem: self.problem.as_ref() }
    }
}

#[cfg(test)]
mod tests;
