//! Connections between simulated agencies: each stream is reliable and in order, streams overtake one another, and the whole
//! may be cut at any byte.

use ogic_certs::Result;
use ogic_certs::receipt::ReceiptFrame;

use super::agency::Link;
use super::disk::FaultyDisk;
use super::net::Net;
use super::schedule::Step;
use crate::desk::check::{self, Bag};
use crate::exchange::backoff::Backoff;
use crate::exchange::message::Message;
use crate::exchange::session::{Session, SessionEvent, StreamKind};

/// Messages that a desk is asked for at once.
const MESSAGES_PER_TURN: usize = 64;

/// What lies between two agencies.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) backoff: Backoff,
    /// Until when nobody gets through, virtual ms.
    pub(super) blocked_until: u64,
    /// A dial that is due.
    dialing: bool,
}

impl Pair {
    pub(super) const fn new(seed: u64) -> Self {
        Self { backoff: Backoff::new(seed), blocked_until: 0, dialing: false }
    }
}

/// One connection.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) ends: [usize; 2],
    /// Whether bytes still reach that end.
    pub(super) reaches: [bool; 2],
    /// When the last piece of each stream to that end arrives.
    last: [[u64; 2]; 2],
    /// The newest piece that arrived at that end.
    newest: [u64; 2],
    next_order: u64,
    in_flight: u64,
}

impl<D: FaultyDisk> Net<D> {
    pub(super) fn pairs_of(&self, index: usize) -> Vec<(usize, usize)> {
        self.pairs.keys().copied().filter(|pair| pair.0 == index || pair.1 == index).collect()
    }

    /// A dial is due, at once or after the back-off.
    pub(super) fn dial_soon(&mut self, key: (usize, usize), at_once: bool) {
        let quick = self.random.between(1, 60);
        let Some(pair) = self.pairs.get_mut(&key) else { return };
        if at_once {
            pair.backoff.reset();
        }
        if at_once || !pair.dialing {
            pair.dialing = true;
            let delay = if at_once { quick } else { pair.backoff.failed() };
            self.due(delay, Step::Dial { pair: key });
        }
    }

    pub(super) fn dial(&mut self, key: (usize, usize)) {
        let now = self.now;
        let Some(pair) = self.pairs.get_mut(&key) else { return };
        pair.dialing = false;
        let blocked = pair.blocked_until > now;
        let both_up = [key.0, key.1].iter().all(|end| self.agencies[*end].process.is_some());
        if both_up && self.connection(key).is_some() {
            return;
        }
        if !both_up || blocked {
            return self.dial_soon(key, false);
        }
        self.next_wire += 1;
        let wire = self.next_wire;
        let ends = [key.0, key.1];
        self.wires.insert(
            wire,
            Wire {
                ends,
                reaches: [true; 2],
                last: [[now; 2]; 2],
                newest: [0; 2],
                next_order: 0,
                in_flight: 0,
            },
        );
        self.trace
            .add(now, format!("{} and {} connect", self.agencies[key.0].name, self.agencies[key.1].name));
        for (me, peer) in [(key.0, key.1), (key.1, key.0)] {
            // Whoever did not notice the end of the last connection does so by the next.
            let old = self.agencies[me].process.as_ref().and_then(|process| process.links.get(&peer));
            if let Some(old) = old.map(|link| link.connection) {
                self.drop_link(old, me);
            }
            let local = self.agencies[me].clock(now);
            let peer_id = self.agencies[peer].id().clone();
            let version = self.agencies[me].trust.registry().version;
            let Some(process) = &mut self.agencies[me].process else { continue };
            let hello = process.desk.hello(&peer_id, version, local);
            match Session::new(peer_id, hello, local) {
                Ok(session) => {
                    let link = Link {
                        connection: wire,
                        session,
                        bag: Bag::default(),
                        opened: [false; 2],
                        asked: std::collections::BTreeMap::new(),
                    };
                    process.links.insert(peer, link);
                }
                Err(problem) => self.violations.push(format!("no hello: {problem}")),
            }
        }
        self.turn(key.0);
        self.turn(key.1);
    }

    /// The connection that both ends hold.
    fn connection(&self, key: (usize, usize)) -> Option<u64> {
        let of = |me: usize, peer: usize| {
            self.agencies[me].process.as_ref()?.links.get(&peer).map(|link| link.connection)
        };
        of(key.0, key.1).filter(|wire| of(key.1, key.0) == Some(*wire))
    }

    /// Sends what the desk has for its woken peers, and what their sessions have.
    pub(super) fn pump(&mut self, index: usize) {
        let now = self.now;
        let local = self.agencies[index].clock(now);
        let ids: Vec<_> = self.agencies.iter().map(|agency| agency.id().clone()).collect();
        let mut sent = Vec::new();
        let mut broken = Vec::new();
        let Some(process) = &mut self.agencies[index].process else { return };
        for peer in std::mem::take(&mut process.woken) {
            let Some(link) = process.links.get_mut(&peer).filter(|link| link.session.is_ready()) else {
                continue;
            };
            loop {
                let messages = process.desk.poll_messages(&ids[peer], local, MESSAGES_PER_TURN);
                for (kind, message) in &messages {
                    if let Err(problem) = link.session.send(*kind, std::slice::from_ref(message)) {
                        broken.push(problem);
                    }
                }
                if messages.is_empty() {
                    break;
                }
            }
        }
        for (peer, link) in &mut process.links {
            for kind in StreamKind::ALL {
                while let Some(bytes) = link.session.poll_transmit_on(kind) {
                    sent.push((link.connection, *peer, kind, bytes));
                }
            }
        }
        for (wire, to, kind, bytes) in sent {
            self.send(wire, to, kind, bytes);
        }
        self.violations.extend(broken.into_iter().map(|problem| format!("nothing can be sent: {problem}")));
    }

    /// Lets bytes of a stream travel, in up to three pieces.
    fn send(&mut self, wire: u64, to: usize, kind: StreamKind, bytes: Vec<u8>) {
        let mut rest = bytes;
        for piece in 0..3 {
            let whole = piece == 2 || rest.len() < 2 || self.random.chance(600);
            let at = if whole { rest.len() } else { self.random.between(1, rest.len() as u64 - 1) as usize };
            let tail = rest.split_off(at);
            let delay = self.delay();
            let Some(line) = self.wires.get_mut(&wire) else { return };
            let end = usize::from(line.ends[1] == to);
            let stream = usize::from(kind == StreamKind::Events);
            let arrival = line.last[end][stream].max(self.now + delay);
            line.last[end][stream] = arrival;
            line.next_order += 1;
            line.in_flight += 1;
            let order = line.next_order;
            self.due(arrival - self.now, Step::Piece { wire, to, kind, order, bytes: rest });
            if tail.is_empty() {
                return;
            }
            rest = tail;
        }
    }

    /// How long something is on its way.
    pub(super) fn delay(&mut self) -> u64 {
        let delay = self.random.between(1, 25);
        if self.chaos && self.random.chance(self.plan.pieces_delayed) {
            self.report.delays += 1;
            return delay + self.random.between(100, 4_000);
        }
        delay
    }

    /// A piece of a stream arrives.
    pub(super) fn arrive(&mut self, wire: u64, to: usize, kind: StreamKind, order: u64, bytes: &[u8]) {
        let Some(line) = self.wires.get_mut(&wire) else { return };
        let end = usize::from(line.ends[1] == to);
        if !line.reaches[end] {
            return;
        }
        line.in_flight = line.in_flight.saturating_sub(1);
        self.report.reorders += u64::from(order < line.newest[end]);
        line.newest[end] = line.newest[end].max(order);
        let peer = line.ends[1 - end];
        if let Err(problem) = self.take(wire, to, peer, kind, bytes) {
            let (me, peer) = (&self.agencies[to].name, &self.agencies[peer].name);
            self.violations.push(format!("{me} breaks with {peer}: {problem}"));
        }
        self.turn(to);
    }

    fn take(&mut self, wire: u64, to: usize, peer: usize, kind: StreamKind, bytes: &[u8]) -> Result<()> {
        let now = self.now;
        let local = self.agencies[to].clock(now);
        let peer_id = self.agencies[peer].id().clone();
        let trust = self.agencies[to].trust.clone();
        let Some(process) = &mut self.agencies[to].process else { return Ok(()) };
        let Some(link) = process.links.get_mut(&peer).filter(|link| link.connection == wire) else {
            return Ok(());
        };
        let opened = &mut link.opened[usize::from(kind == StreamKind::Events)];
        let mut rest = bytes;
        if !*opened && let Some((first, after)) = bytes.split_first() {
            *opened = true;
            link.session.handle_opened(*first)?;
            rest = after;
        }
        link.session.handle_bytes(kind, rest, local)?;
        let mut shown = Vec::new();
        while let Some(event) = link.session.poll_event() {
            match event {
                SessionEvent::Ready(mut hello) => {
                    if self.forger.as_ref().is_some_and(|forger| forger.index == to) {
                        hello.checkpoint = None;
                    }
                    process.desk.connected(&peer_id, &hello, local);
                    if let Some(fence) = process.desk.fence() {
                        return Err(fence.clone());
                    }
                    if let Some(pair) = self.pairs.get_mut(&(to.min(peer), to.max(peer))) {
                        pair.backoff.reset();
                    }
                }
                SessionEvent::Messages(messages) => {
                    for message in &messages {
                        if let Some(work) = check::message(&trust, &peer_id, message, &mut link.bag, local)? {
                            process.desk.offer(work);
                        }
                        if let Message::Receipts(frame) = message {
                            shown.push(frame.clone());
                        }
                    }
                }
            }
        }
        for frame in shown {
            self.note_shown(peer, to, &frame);
            let frame = ReceiptFrame::decode(&frame)?;
            self.see(peer, frame.checkpoint_cose())?;
        }
        Ok(())
    }

    // The end of connections.

    /// The connection of two agencies is cut: what is on its way is lost, and each side notices in its time.
    pub(super) fn cut_pair(&mut self, key: (usize, usize)) {
        let links = [(key.0, key.1), (key.1, key.0)];
        let held: Vec<(usize, u64)> = links
            .iter()
            .filter_map(|(me, peer)| {
                let process = self.agencies[*me].process.as_ref()?;
                Some((*me, process.links.get(peer)?.connection))
            })
            .collect();
        if held.is_empty() {
            return;
        }
        self.report.cuts += 1;
        self.trace.add(
            self.now,
            format!("{} and {} are cut off", self.agencies[key.0].name, self.agencies[key.1].name),
        );
        for (me, wire) in held {
            if let Some(line) = self.wires.get_mut(&wire) {
                line.reaches = [false; 2];
                self.report.cut_pieces += std::mem::take(&mut line.in_flight);
            }
            let delay = self.random.below(2_500);
            self.due(delay, Step::Lost { wire, at: me });
        }
    }

    /// The process at `gone` is no more. What it sent still arrives; its peer notices later.
    pub(super) fn abandon(&mut self, wire: u64, gone: usize, peer: usize) {
        if let Some(line) = self.wires.get_mut(&wire) {
            let end = usize::from(line.ends[1] == gone);
            line.reaches[end] = false;
        }
        let delay = self.random.below(5_000);
        self.due(delay, Step::Lost { wire, at: peer });
    }

    /// One side notices that its connection is gone, and dials.
    pub(super) fn lost(&mut self, wire: u64, at: usize) {
        let Some(line) = self.wires.get(&wire) else { return };
        let key = (line.ends[0], line.ends[1]);
        if self.drop_link(wire, at) {
            self.dial_soon(key, false);
            self.turn(at);
        }
    }

    /// Lets go of one end; false if it was let go of before.
    fn drop_link(&mut self, wire: u64, at: usize) -> bool {
        let Some(line) = self.wires.get_mut(&wire) else { return false };
        let end = usize::from(line.ends[1] == at);
        line.reaches[end] = false;
        let peer = line.ends[1 - end];
        let (local, peer_id) = (self.agencies[at].clock(self.now), self.agencies[peer].id().clone());
        let Some(process) = &mut self.agencies[at].process else { return false };
        if process.links.get(&peer).is_none_or(|link| link.connection != wire) {
            return false;
        }
        process.links.remove(&peer);
        process.desk.disconnected(&peer_id, local);
        true
    }
}
