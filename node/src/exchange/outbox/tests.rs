use std::collections::HashSet;

use proptest::prelude::*;

use super::super::message::tests::agency;
use super::*;

const NOW: Timestamp = Timestamp::from_ms_clamped(1_800_000_000_000);

fn id(n: u32) -> Digest {
    Digest::of(&n.to_be_bytes())
}

fn case(n: u32) -> Option<CaseId> {
    Some(CaseId(Digest::of(&[b"case".as_slice(), &n.to_be_bytes()].concat())))
}

fn item(n: u32, peer: &str, of: Option<CaseId>) -> Item {
    Item { id: id(n), peer: agency(peer), case: of, bytes: 1000 }
}

fn sendable(outbox: &mut Outbox, peer: &str) -> Vec<Digest> {
    std::iter::from_fn(|| outbox.poll_send(&agency(peer), NOW)).collect()
}

fn problem(code: Code) -> Problem {
    Problem::new(code, "test")
}

#[test]
fn items_go_out_in_order_and_again_after_a_disconnect() {
    let mut outbox = Outbox::new(1);
    let b = agency("b.example");
    for n in 0..4 {
        assert!(outbox.put(item(n, "b.example", case(n % 2))));
        assert!(!outbox.put(item(n, "b.example", case(n % 2))));
    }
    assert_eq!(sendable(&mut outbox, "b.example"), [], "not connected");
    outbox.connected(&b, NOW);
    assert_eq!(sendable(&mut outbox, "b.example"), [0, 1, 2, 3].map(id));
    assert_eq!(outbox.done(&id(1)).unwrap().id, id(1));
    assert_eq!(outbox.done(&id(1)), None);
    outbox.disconnected(&b, NOW);
    assert_eq!(sendable(&mut outbox, "b.example"), []);
    outbox.connected(&b, NOW);
    assert_eq!(sendable(&mut outbox, "b.example"), [0, 2, 3].map(id));
    assert_eq!(outbox.counts(), Counts { waiting: 0, in_flight: 3, parked: 0 });
    // A second connection takes over: all unacknowledged goes out on it.
    outbox.connected(&b, NOW);
    assert_eq!(sendable(&mut outbox, "b.example"), [0, 2, 3].map(id));
    // Acknowledged late, after the connection it was sent on.
    outbox.disconnected(&b, NOW);
    assert!(outbox.done(&id(0)).is_some());
    assert_eq!(outbox.wanted_peers().collect::<Vec<_>>(), [&b]);
    assert!(outbox.done(&id(2)).is_some() && outbox.done(&id(3)).is_some());
    assert_eq!(outbox.wanted_peers().count(), 0);
    assert_eq!((outbox.counts(), outbox.next_timeout()), (Counts::default(), None));
}

#[test]
fn the_window_bounds_items_and_bytes_per_peer() {
    let mut outbox = Outbox::new(1);
    for n in 0..200 {
        outbox.put(item(n, "b.example", case(0)));
    }
    let large = |n| Item { bytes: WINDOW_BYTES_MAX / 2 + 1, ..item(n, "c.example", None) };
    for n in 300..303 {
        outbox.put(large(n));
    }
    outbox.put(Item { bytes: 10 * WINDOW_BYTES_MAX, ..item(400, "d.example", None) });
    for peer in ["b.example", "c.example", "d.example"] {
        outbox.connected(&agency(peer), NOW);
    }
    assert_eq!(sendable(&mut outbox, "b.example").len(), WINDOW_ITEMS);
    assert_eq!(sendable(&mut outbox, "c.example"), [id(300)]);
    assert_eq!(sendable(&mut outbox, "d.example"), [id(400)], "one item always goes");
    outbox.done(&id(5));
    assert_eq!(sendable(&mut outbox, "b.example"), [id(64)]);
    outbox.done(&id(300));
    assert_eq!(sendable(&mut outbox, "c.example"), [id(301)]);
}

#[test]
fn a_node_can_be_told_its_window_within_bounds() {
    for (told, most) in [(0, 1), (1, 1), (3, 3), (512, 512), (usize::MAX, WINDOW_ITEMS_MAX)] {
        let mut outbox = Outbox::new(1);
        outbox.set_window(told);
        outbox.connected(&agency("b.example"), NOW);
        for n in 0..600 {
            outbox.put(item(n, "b.example", case(0)));
        }
        assert_eq!(sendable(&mut outbox, "b.example").len(), most, "{told}");
    }
}

#[test]
fn a_refused_item_holds_up_no_other_case() {
    // (what is done to item 0 of case 0 after 0 and 2 were sent, what can be sent then)
    type Edit = fn(&mut Outbox);
    let rows: [(&str, Edit, &[u32]); 3] = [
        (
            "parked: its case goes on too",
            |o| assert!(o.park(&id(0), problem(Code::GrantRevoked))),
            &[4, 1, 3],
        ),
        ("delayed: its case waits", |o| assert!(o.delay(&id(0), problem(Code::LimitReached), NOW)), &[1, 3]),
        (
            "retried: at its old place",
            |o| {
                o.park(&id(0), problem(Code::GrantRevoked));
                assert!(o.retry(&id(0)) && !o.retry(&id(0)));
            },
            &[0, 4, 1, 3],
        ),
    ];
    for (name, edit, expected) in rows {
        let mut outbox = Outbox::new(1);
        outbox.connected(&agency("b.example"), NOW);
        for n in [0, 2] {
            outbox.put(item(n, "b.example", case(0)));
        }
        assert_eq!(sendable(&mut outbox, "b.example"), [0, 2].map(id));
        for (n, of) in [(4, 0), (1, 1), (3, 1)] {
            outbox.put(item(n, "b.example", case(of)));
        }
        edit(&mut outbox);
        let expected: Vec<_> = expected.iter().map(|n| id(*n)).collect();
        assert_eq!(sendable(&mut outbox, "b.example"), expected, "{name}");
    }
}

#[test]
fn delays_grow_to_their_cap_and_end_when_the_peer_returns() {
    let mut outbox = Outbox::new(9);
    let b = agency("b.example");
    outbox.put(item(0, "b.example", case(0)));
    outbox.connected(&b, NOW);
    let mut now = NOW;
    for tries in 1..20 {
        assert_eq!(outbox.poll_send(&b, now), Some(id(0)));
        assert!(outbox.delay(&id(0), problem(Code::DiskFull), now));
        let full = exponential(DELAY_FIRST_MS, tries, DELAY_MS_MAX);
        let at = outbox.next_timeout().unwrap();
        assert!((full / 2..=full).contains(&at.since_ms(now)), "try {tries}");
        outbox.handle_timeout(at.minus_ms(1));
        assert_eq!(outbox.poll_send(&b, at), None);
        outbox.handle_timeout(at);
        now = at;
    }
    assert_eq!(outbox.poll_send(&b, now), Some(id(0)));
    outbox.delay(&id(0), problem(Code::DiskFull), now);
    let view = outbox.item(&id(0)).unwrap();
    assert_eq!((view.state, view.tries), (ItemState::Waiting, 20));
    assert!(view.next_try.is_some());
    assert_eq!(view.problem, Some(&problem(Code::DiskFull)));
    outbox.disconnected(&b, now);
    outbox.connected(&b, now);
    assert_eq!(outbox.poll_send(&b, now), Some(id(0)));
}

#[test]
fn what_is_never_acknowledged_is_sent_again_on_the_same_connection() {
    let mut outbox = Outbox::new(2);
    let b = agency("b.example");
    outbox.put(item(0, "b.example", None));
    outbox.connected(&b, NOW);
    assert_eq!(outbox.poll_send(&b, NOW), Some(id(0)));
    let late = NOW.plus_ms(ACKNOWLEDGE_MS_MAX);
    assert_eq!(outbox.next_timeout(), Some(late));
    outbox.handle_timeout(late);
    assert_eq!(outbox.item(&id(0)).unwrap().problem.unwrap().code, Code::PeerTimeout);
    let again = outbox.next_timeout().unwrap();
    outbox.handle_timeout(again);
    assert_eq!(outbox.poll_send(&b, again), Some(id(0)));
}

#[test]
fn unknown_ids_change_nothing() {
    let mut outbox = Outbox::new(1);
    assert!(!outbox.park(&id(0), problem(Code::CaseClosed)));
    assert!(!outbox.delay(&id(0), problem(Code::LimitReached), NOW));
    assert!(!outbox.retry(&id(0)));
    assert_eq!((outbox.done(&id(0)), outbox.item(&id(0)), outbox.items().len()), (None, None, 0));
}

#[test]
fn parked_items_stay_visible_and_leave_when_acknowledged() {
    let mut outbox = Outbox::new(1);
    outbox.put(item(0, "b.example", case(0)));
    outbox.park(&id(0), problem(Code::CaseClosed));
    outbox.connected(&agency("b.example"), NOW);
    assert_eq!(sendable(&mut outbox, "b.example"), []);
    assert_eq!(outbox.counts(), Counts { waiting: 0, in_flight: 0, parked: 1 });
    assert_eq!(outbox.items()[0].problem, Some(&problem(Code::CaseClosed)));
    assert_eq!(outbox.wanted_peers().count(), 0);
    assert!(outbox.done(&id(0)).is_some());
    assert_eq!(outbox.counts(), Counts::default());
}

/// What may happen between a node and two peers.
#[derive(Clone, Debug)]
enum Step {
    Put { peer: bool, case: u8 },
    Connect(bool),
    Disconnect(bool),
    Send { peer: bool, count: u8 },
    Acknowledge { peer: bool, count: u8 },
    Refuse { peer: bool, passing: bool },
    Retry(u8),
    Pass(u32),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (any::<bool>(), 0_u8..4).prop_map(|(peer, case)| Step::Put { peer, case }),
        2 => any::<bool>().prop_map(Step::Connect),
        1 => any::<bool>().prop_map(Step::Disconnect),
        6 => (any::<bool>(), 1_u8..20).prop_map(|(peer, count)| Step::Send { peer, count }),
        4 => (any::<bool>(), 1_u8..20).prop_map(|(peer, count)| Step::Acknowledge { peer, count }),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(peer, passing)| Step::Refuse { peer, passing }),
        1 => any::<u8>().prop_map(Step::Retry),
        1 => (0_u32..100_000).prop_map(Step::Pass),
    ]
}

/// The outbox beside two peers that take what they are sent in order, once.
struct World {
    outbox: Outbox,
    now: Timestamp,
    put: u32,
    cases: HashMap<Digest, (bool, u8)>,
    /// Sent on the present connection and not yet answered, by peer, in order.
    wire: [Vec<Digest>; 2],
    connected: [bool; 2],
    taken: Vec<Digest>,
    seen: HashSet<Digest>,
    refused: HashSet<Digest>,
    acknowledged: HashSet<Digest>,
}

impl World {
    fn peer(second: bool) -> AgencyId {
        agency(if second { "c.example" } else { "b.example" })
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Put { peer, case: of } => {
                let n = self.put;
                self.put += 1;
                self.cases.insert(id(n), (peer, of));
                let of = if of == 3 { None } else { case(u32::from(of) + 10 * u32::from(peer)) };
                assert!(self.outbox.put(Item { peer: Self::peer(peer), case: of, id: id(n), bytes: 40_000 }));
            }
            Step::Connect(peer) => {
                self.wire[usize::from(peer)].clear();
                self.connected[usize::from(peer)] = true;
                self.outbox.connected(&Self::peer(peer), self.now);
            }
            Step::Disconnect(peer) => {
                self.wire[usize::from(peer)].clear();
                self.connected[usize::from(peer)] = false;
                self.outbox.disconnected(&Self::peer(peer), self.now);
            }
            Step::Send { peer, count } => {
                for _ in 0..count {
                    let Some(id) = self.outbox.poll_send(&Self::peer(peer), self.now) else { break };
                    assert!(self.connected[usize::from(peer)]);
                    assert!(!self.acknowledged.contains(&id), "sent after it was acknowledged");
                    self.wire[usize::from(peer)].push(id);
                    // The peer takes it on arrival, though its answer may be lost.
                    if self.seen.insert(id) {
                        self.taken.push(id);
                    }
                }
            }
            Step::Acknowledge { peer, count } => {
                let wire = &mut self.wire[usize::from(peer)];
                for id in wire.drain(..usize::from(count).min(wire.len())) {
                    if self.acknowledged.insert(id) {
                        assert!(self.outbox.done(&id).is_some());
                    }
                }
            }
            Step::Refuse { peer, passing } => {
                let wire = &mut self.wire[usize::from(peer)];
                if wire.is_empty() {
                    return;
                }
                let id = wire.remove(0);
                if self.acknowledged.contains(&id) {
                    return;
                }
                self.refused.insert(id);
                if passing {
                    self.outbox.delay(&id, problem(Code::LimitReached), self.now);
                } else {
                    self.outbox.park(&id, problem(Code::GrantRevoked));
                }
            }
            Step::Retry(n) => {
                self.outbox.retry(&id(u32::from(n)));
            }
            Step::Pass(ms) => {
                self.now = self.now.plus_ms(u64::from(ms));
                self.outbox.handle_timeout(self.now);
            }
        }
        self.check();
    }

    fn check(&self) {
        let counts = self.outbox.counts();
        let items = self.outbox.items();
        assert_eq!(items.len(), counts.waiting + counts.in_flight + counts.parked);
        for state in [ItemState::Waiting, ItemState::InFlight, ItemState::Parked] {
            let count = items.iter().filter(|view| view.state == state).count();
            let expected = match state {
                ItemState::Waiting => counts.waiting,
                ItemState::InFlight => counts.in_flight,
                ItemState::Parked => counts.parked,
            };
            assert_eq!(count, expected);
        }
        assert!(self.outbox.next_timeout().is_none_or(|at| at > self.now));
    }
}

proptest! {
    #[test]
    fn whatever_happens_all_is_acknowledged_once_and_in_order(
        steps in proptest::collection::vec(any_step(), 0..150),
        seed in any::<u64>(),
    ) {
        let mut world = World {
            outbox: Outbox::new(seed), now: NOW, put: 0, cases: HashMap::new(), wire: Default::default(),
            connected: [false; 2], taken: Vec::new(), seen: HashSet::new(), refused: HashSet::new(),
            acknowledged: HashSet::new(),
        };
        steps.iter().for_each(|step| world.step(step));
        // Then the network is kind: a retried outbox drains.
        for n in 0..world.put {
            world.outbox.retry(&id(n));
        }
        for peer in [false, true] {
            world.step(&Step::Connect(peer));
        }
        while world.outbox.counts() != Counts::default() {
            let before = world.outbox.counts();
            for peer in [false, true] {
                world.step(&Step::Send { peer, count: 200 });
                world.step(&Step::Acknowledge { peer, count: 200 });
            }
            prop_assert!(world.outbox.counts() != before, "it must drain");
        }
        prop_assert_eq!(world.acknowledged.len(), world.put as usize);
        prop_assert_eq!(world.outbox.next_timeout(), None);
        // First arrivals keep each case's order, but for what was refused on the way.
        let order: HashMap<Digest, u32> = (0..world.put).map(|n| (id(n), n)).collect();
        let mut last: HashMap<(bool, u8), u32> = HashMap::new();
        for taken in &world.taken {
            let lane = world.cases[taken];
            if lane.1 == 3 || world.refused.contains(taken) { continue }
            let n = order[taken];
            prop_assert!(last.insert(lane, n).is_none_or(|before| before < n), "case {lane:?}");
        }
    }
}

#[test]
fn patience_with_a_receiver_that_cannot_judge_lasts_a_day_and_begins_anew_with_a_retry() {
    let mut outbox = Outbox::new(1);
    outbox.put(item(0, "b.example", case(0)));
    let later = |ms: u64| NOW.plus_ms(ms);
    for (name, code, at, out) in [
        ("first", Code::TrustUndecidable, 0, false),
        ("another reason in between", Code::DiskFull, 1_000, false),
        ("nearly a day", Code::CertificateUnknown, UNDECIDED_MS_MAX - 1, false),
        ("a full disk passes however long it takes", Code::DiskFull, UNDECIDED_MS_MAX, false),
        ("a day", Code::AgencyUnknown, UNDECIDED_MS_MAX, true),
    ] {
        assert_eq!(outbox.is_out_of_patience(&id(0), code, later(at)), out, "{name}");
        outbox.delay(&id(0), problem(code), later(at));
    }
    assert!(outbox.park(&id(0), problem(Code::AgencyUnknown)) && outbox.retry(&id(0)));
    assert!(!outbox.is_out_of_patience(&id(0), Code::AgencyUnknown, later(UNDECIDED_MS_MAX)));
}
