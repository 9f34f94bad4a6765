use proptest::prelude::*;

use super::super::frame::pack;
use super::super::message::tests::{agency, hello_of};
use super::*;

const NOW: Timestamp = Timestamp::from_ms_clamped(1_800_000_000_000);
use StreamKind::{Control, Events};

fn session(me: &str, peer: &str) -> Session {
    Session::new(agency(peer), hello_of(me), NOW).unwrap()
}

fn bytes(messages: &[Message]) -> Vec<u8> {
    pack(messages).unwrap().concat()
}

fn notice(n: u8) -> Message {
    Message::Notice(vec![n])
}

fn hello(text: &str) -> Message {
    Message::Hello(hello_of(text))
}

fn drain(session: &mut Session) -> Vec<SessionEvent> {
    std::iter::from_fn(|| session.poll_event()).collect()
}

#[test]
fn nothing_but_hello_is_sent_before_the_peers() {
    let mut a = session("a.example", "b.example");
    a.send(Control, &[notice(1)]).unwrap();
    a.send(Events, &[notice(2)]).unwrap();
    let (kind, first) = a.poll_transmit().unwrap();
    assert_eq!((kind, first), (Control, [&[1], bytes(&[hello("a.example")]).as_slice()].concat()));
    assert_eq!(a.poll_transmit(), None);

    assert_eq!(a.handle_opened(1).unwrap(), Control);
    a.handle_bytes(Control, &bytes(&[hello("b.example"), notice(3)]), NOW).unwrap();
    assert_eq!(
        drain(&mut a),
        [SessionEvent::Ready(hello_of("b.example")), SessionEvent::Messages(vec![notice(3)])]
    );
    assert_eq!(a.poll_transmit(), Some((Control, bytes(&[notice(1)]))));
    assert_eq!(a.poll_transmit(), Some((Events, [&[2], bytes(&[notice(2)]).as_slice()].concat())));
    assert_eq!(a.poll_transmit(), None);
    assert_eq!(a.next_timeout(), None);
}

#[test]
fn events_that_overtook_the_hello_wait_for_it() {
    let mut a = session("a.example", "b.example");
    a.handle_bytes(Events, &bytes(&[notice(1)]), NOW).unwrap();
    assert_eq!(drain(&mut a), []);
    a.handle_bytes(Control, &bytes(&[hello("b.example")]), NOW).unwrap();
    assert_eq!(
        drain(&mut a),
        [SessionEvent::Ready(hello_of("b.example")), SessionEvent::Messages(vec![notice(1)])]
    );
}

#[test]
fn what_breaks_the_protocol_closes_for_good() {
    type Edit = fn(&mut Session) -> Result<()>;
    let rows: [(&str, Edit, Code); 11] = [
        ("no hello first", |s| s.handle_bytes(Control, &bytes(&[notice(1)]), NOW), Code::HelloExpected),
        (
            "other agency",
            |s| s.handle_bytes(Control, &bytes(&[hello("c.example")]), NOW),
            Code::IdentityMismatch,
        ),
        (
            "hello twice in a frame",
            |s| s.handle_bytes(Control, &bytes(&[hello("b.example"), hello("b.example")]), NOW),
            Code::ProtocolViolation,
        ),
        (
            "hello twice",
            |s| {
                s.handle_bytes(Control, &bytes(&[hello("b.example")]), NOW)?;
                s.handle_bytes(Control, &bytes(&[hello("b.example")]), NOW)
            },
            Code::ProtocolViolation,
        ),
        (
            "hello among events",
            |s| {
                s.handle_bytes(Control, &bytes(&[hello("b.example")]), NOW)?;
                s.handle_bytes(Events, &bytes(&[hello("b.example")]), NOW)
            },
            Code::ProtocolViolation,
        ),
        ("no hello in time", |s| s.handle_timeout(NOW.plus_ms(HELLO_MS_MAX)), Code::HelloExpected),
        ("unknown stream", |s| s.handle_opened(3).map(drop), Code::ProtocolViolation),
        (
            "second control stream",
            |s| s.handle_opened(1).and_then(|_| s.handle_opened(1)).map(drop),
            Code::ProtocolViolation,
        ),
        ("stream ended", |s| s.handle_finished(Control), Code::ProtocolViolation),
        ("frame too large", |s| s.handle_bytes(Events, &[0xff; 4], NOW), Code::TooLarge),
        ("garbage", |s| s.handle_bytes(Control, &[0, 0, 0, 1, 0xff], NOW), Code::Malformed),
    ];
    for (name, edit, code) in rows {
        let mut s = session("a.example", "b.example");
        let problem = edit(&mut s).expect_err(name);
        assert_eq!(problem.code, code, "{name}: {problem}");
        assert_eq!(s.handle_bytes(Control, &[], NOW).unwrap_err(), problem, "{name}");
        assert_eq!(s.send(Control, &[notice(1)]).unwrap_err(), problem, "{name}");
        assert_eq!((s.poll_transmit(), s.next_timeout()), (None, None), "{name}");
    }
}

#[test]
fn a_flood_before_the_hello_is_bounded() {
    let mut a = session("a.example", "b.example");
    let frame = bytes(&[Message::Receipts(vec![0; 200_000])]);
    let outcome = (0..20).try_for_each(|_| a.handle_bytes(Events, &frame, NOW));
    assert_eq!(outcome.unwrap_err().code, Code::HelloExpected);
}

#[test]
fn a_peer_that_does_not_read_is_let_go() {
    let mut a = session("a.example", "b.example");
    let message = Message::Receipts(vec![0; 200_000]);
    let outcome = (0..100).try_for_each(|_| a.send(Events, std::slice::from_ref(&message)));
    assert_eq!(outcome.unwrap_err().code, Code::LimitReached);
}

#[test]
fn the_hello_tells_the_clocks_distance() {
    for (now, skew) in [(NOW, 0), (NOW.minus_ms(5), 5), (NOW.plus_ms(7), -7)] {
        let mut a = session("a.example", "b.example");
        assert_eq!(a.skew_ms(), None);
        a.handle_bytes(Control, &bytes(&[hello("b.example")]), now).unwrap();
        assert_eq!(a.skew_ms(), Some(skew));
    }
}

proptest! {
    /// Two sessions, each stream's bytes cut anywhere and the streams in any order: all arrives once, in order.
    #[test]
    fn two_sessions_understand_each_other(
        sent in proptest::collection::vec((any::<bool>(), any::<u8>()), 0..60),
        schedule in proptest::collection::vec((any::<bool>(), any::<bool>(), 1_usize..50), 200..400),
    ) {
        let mut sides = [session("a.example", "b.example"), session("b.example", "a.example")];
        for (control, n) in &sent {
            sides[0].send(if *control { Control } else { Events }, &[notice(*n)]).unwrap();
        }
        // wires[side][stream]: what that side has written and the other not yet read.
        let mut wires: [[VecDeque<u8>; 2]; 2] = Default::default();
        let mut arrived = Vec::new();
        let all = [(true, true, usize::MAX), (true, false, usize::MAX), (false, true, usize::MAX), (false, false, usize::MAX)];
        for (first, control, count) in schedule.into_iter().chain(all.into_iter().cycle().take(12)) {
            let (from, to) = if first { (0, 1) } else { (1, 0) };
            while let Some((kind, bytes)) = sides[from].poll_transmit() {
                wires[from][kind.index()].extend(bytes);
            }
            let kind = if control { Control } else { Events };
            let wire = &mut wires[from][kind.index()];
            let mut piece: Vec<u8> = wire.drain(..count.min(wire.len())).collect();
            if piece.is_empty() { continue }
            if !sides[to].incoming_mut(kind).opened {
                prop_assert_eq!(sides[to].handle_opened(piece.remove(0)).unwrap(), kind);
            }
            sides[to].handle_bytes(kind, &piece, NOW).unwrap();
            while let Some(event) = sides[to].poll_event() {
                if let SessionEvent::Messages(messages) = event {
                    arrived.extend(messages.into_iter().map(|message| (control, message)));
                }
            }
        }
        prop_assert!(sides.iter().all(Session::is_ready));
        // The hello's arrival may release events that waited: they are told apart by content below.
        let mut wanted: Vec<_> = sent.iter().map(|(_, n)| format!("{:?}", notice(*n))).collect();
        let mut found: Vec<_> = arrived.iter().map(|(_, message)| format!("{message:?}")).collect();
        wanted.sort();
        found.sort();
        prop_assert_eq!(wanted, found);
    }

    #[test]
    fn no_bytes_panic(pieces in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..40)), 0..20)) {
        let mut a = session("a.example", "b.example");
        for (control, piece) in pieces {
            let _ = a.handle_bytes(if control { Control } else { Events }, &piece, NOW);
        }
        prop_assert!(!a.is_ready());
    }
}
