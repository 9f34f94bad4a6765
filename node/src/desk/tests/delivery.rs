//! The main path: a case is opened, shared, worked on by another agency, judged and told of.

use super::*;

#[test]
fn a_reference_is_delivered_and_receipted() {
    let mut scene = Scene::new();
    let (case, grant) = scene.shared_case();
    let held = scene.desk("health").book().right(&case, Some("medical")).unwrap().clone();
    assert_eq!((held.reference.home.clone(), held.reference.grant), (id("transport"), grant));
    assert_eq!(scene.desk("transport").outbox().counts(), crate::exchange::outbox::Counts::default());
    let done =
        scene.desk("transport").book().sent.values().all(|sent| matches!(sent.state, SentState::Done { .. }));
    assert!(done, "the notice has its receipt");
    assert_eq!(scene.desk("health").figures().receipts_given, 1);
}

#[test]
fn a_note_is_recorded_receipted_and_has_its_place_in_the_receipt() {
    let mut scene = Scene::new();
    let (case, _) = scene.shared_case();
    let note = scene.note(case, "medical", "invited");
    let event = event_of(&scene.act("health", "note", &note).unwrap());
    assert!(matches!(scene.sent("health", event), SentState::Waiting));
    scene.settle();
    let history = scene.history(case);
    assert_eq!(history.last(), Some(&event));
    let SentState::Done { place: Some(place), receipt } = scene.sent("health", event) else {
        panic!("no receipt")
    };
    assert_eq!(place.seq, 2);
    assert_eq!(scene.desk("transport").row(&case, 2).unwrap().unwrap().record, place.record);
    assert!(scene.party("health").settled.contains(&event));
    // The receipt proves itself from the bytes that health keeps.
    let (kind, bytes) = scene.desk("health").log().read(receipt).unwrap();
    let Fact::PeerReceipt { frame, done, .. } = Fact::from_entry(kind, &bytes).unwrap() else { panic!() };
    assert_eq!(done, [event.0]);
    let frame = ogic_certs::receipt::ReceiptFrame::decode(&frame).unwrap();
    let checkpoint = Signed::<ogic_certs::checkpoint::Checkpoint>::parse(frame.checkpoint_cose()).unwrap();
    checkpoint.verify_with(scene.parties["transport"].settings.seal.certificate()).unwrap();
    frame.verify(checkpoint.value()).unwrap();
    assert_eq!(frame.head_of(case).unwrap().seq, 2);
}

#[test]
fn an_approved_step_is_pending_until_its_evidence_and_both_are_told() {
    let mut scene = Scene::new();
    let (case, _) = scene.shared_case();
    let act = scene.medical("health", case);
    let event = event_of(&scene.act("health", "medical", &act).unwrap());
    scene.deliver("health", "transport");
    scene.commit("transport").unwrap();
    let pending = scene.desk("transport").case(&case).unwrap().unwrap();
    assert!(pending.pending(&event).is_some());
    assert!(matches!(pending.step("medical").unwrap().state, StepState::Open { .. }));
    assert_eq!(scene.party("transport").to_judge, [(case, event)]);
    scene.settle();
    let case_now = scene.desk("transport").case(&case).unwrap().unwrap();
    assert!(case_now.pending.is_empty());
    assert!(case_now.step("medical").unwrap().done().is_some());
    let judged = scene.desk("health").book().sent[&event.0].judgement.clone();
    assert_eq!(judged, Some(Judgement::PASSED));
    assert_eq!(scene.history(case).len(), 4, "open, share, step, evidence");
    assert_eq!(scene.desk("transport").figures().evidence, 1);
    assert!(scene.party("transport").alarms.is_empty() && scene.party("health").alarms.is_empty());
}

#[test]
fn a_revoked_official_is_recorded_without_effect() {
    let mut scene = Scene::new();
    let (case, _) = scene.shared_case();
    let official = scene.parties["health"].official.certificate().clone();
    let at = scene.now;
    scene.federation.revoke(&official, at);
    let act = scene.medical("health", case);
    scene.trust = trust_of(&mut scene.federation);
    scene.now = scene.now.plus_ms(60_000);
    let event = event_of(&scene.act("health", "medical", &act).unwrap());
    scene.settle();
    assert!(matches!(scene.sent("health", event), SentState::Done { .. }), "the seal holds: it is receipted");
    let judgement = scene.desk("health").book().sent[&event.0].judgement.clone().unwrap();
    assert_eq!((judgement.verdict, judgement.sub), (Verdict::TotalFailed, Some(SubIndication::Revoked)));
    let now = scene.desk("transport").case(&case).unwrap().unwrap();
    assert!(now.step("medical").unwrap().done().is_none());
    assert!(matches!(now.effect_of(&event), Some(Effect::None(_))));
}

#[test]
fn a_duplicate_gets_the_receipt_of_its_one_record() {
    let mut scene = Scene::new();
    let (case, grant) = scene.shared_case();
    let note = scene.note(case, "medical", "once");
    let event = event_of(&scene.act("health", "note", &note).unwrap());
    let messages = scene.take("health", "transport");
    // Twice in one commit, then again in a later one, then after the right is gone.
    scene.give("health", "transport", &messages);
    scene.give("health", "transport", &messages);
    scene.commit("transport").unwrap();
    scene.give("health", "transport", &messages);
    scene.commit("transport").unwrap();
    scene.unshare(case, grant);
    scene.give("health", "transport", &messages);
    scene.commit("transport").unwrap();
    let history = scene.history(case);
    assert_eq!(history.iter().filter(|recorded| **recorded == event).count(), 1);
    let receipts = scene.take("transport", "health");
    let frames = receipts.iter().filter(|(_, message)| matches!(message, Message::Receipts(_))).count();
    assert_eq!(frames, 3, "one a commit");
    scene.give("transport", "health", &receipts);
    scene.commit("health").unwrap();
    assert!(matches!(
        scene.sent("health", event),
        SentState::Done { place: Some(HeadAt { seq: 2, .. }), .. }
    ));
    assert_eq!(scene.desk("health").figures().receipts_taken, 1, "the same receipt counts once");
}

#[test]
fn a_lost_receipt_is_asked_for_again() {
    let mut scene = Scene::new();
    let (case, _) = scene.shared_case();
    let note = scene.note(case, "medical", "once");
    let event = event_of(&scene.act("health", "note", &note).unwrap());
    scene.deliver("health", "transport");
    scene.commit("transport").unwrap();
    assert!(!scene.take("transport", "health").is_empty(), "the receipt, on a connection that is cut");
    scene.connect("transport", "health");
    scene.settle();
    assert!(matches!(scene.sent("health", event), SentState::Done { .. }));
    assert_eq!(scene.history(case).len(), 3);
}

#[test]
fn the_order_of_a_case_is_kept_when_its_first_is_refused_for_now() {
    let mut scene = Scene::new();
    let case = scene.open_case();
    let mut terms = scene.terms("health");
    terms.steps = vec!["medical".to_owned()];
    scene.share(case, terms).unwrap();
    scene.settle();
    // The third party is away: the first examination stays pending, and a repeated one has to wait for its evidence.
    let first = scene.medical("health", case);
    scene.act("health", "first", &first).unwrap();
    scene.deliver("health", "transport");
    scene.commit("transport").unwrap();
    let head = scene.desk("transport").case(&case).unwrap().unwrap().head;
    assert_eq!(head.seq, 2);
    let held = std::mem::take(&mut scene.party("transport").to_judge);
    assert_eq!(held.len(), 1);
    // What is refused for now is refused by the limit of pending events.
    scene.desk("transport").settings.policy.pending_max = 1;
    let second = scene.medical("health", case);
    let second = event_of(&scene.act("health", "second", &second).unwrap());
    let note = scene.note(case, "medical", "after the second");
    let note = event_of(&scene.act("health", "note", &note).unwrap());
    scene.settle();
    let history = scene.history(case);
    assert!(!history.contains(&second) && !history.contains(&note), "the note would overtake: {history:?}");
    assert_eq!(scene.desk("health").outbox().item(&note.0).unwrap().state, ItemState::Waiting);
    scene.party("transport").to_judge = held;
    scene.settle();
    for _ in 0..10 {
        scene.now = scene.now.plus_ms(10_000);
        let now = scene.now;
        scene.desk("health").handle_timeout(now);
        scene.settle();
    }
    // The examination is done by the first: the second is refused for good, and the note goes on.
    assert!(matches!(scene.sent("health", second), SentState::Parked(p) if p.code == Code::StepNotOpen));
    assert_eq!(scene.history(case).last(), Some(&note));
}

#[test]
fn what_follows_waits_for_each_that_was_refused_for_now() {
    let mut scene = Scene::new();
    let (case, _) = scene.shared_case();
    let first = scene.medical("health", case);
    scene.act("health", "first", &first).unwrap();
    scene.deliver("health", "transport");
    scene.commit("transport").unwrap();
    scene.deliver("transport", "health");
    scene.commit("health").unwrap();
    let held = std::mem::take(&mut scene.party("transport").to_judge);
    scene.desk("transport").settings.policy.pending_max = 1;
    // Two are refused for now, the second because it follows the first, and its refusal is slow.
    let again = scene.medical("health", case);
    let again = event_of(&scene.act("health", "again", &again).unwrap());
    let slow = scene.note(case, "medical", "its refusal is slow");
    let slow = event_of(&scene.act("health", "slow", &slow).unwrap());
    scene.deliver("health", "transport");
    scene.commit("transport").unwrap();
    let mut refusals = scene.take("transport", "health");
    let late = refusals.split_off(refusals.len() - 1);
    scene.give("transport", "health", &refusals);
    scene.commit("health").unwrap();
    assert!(
        scene.desk("health").outbox().item(&again.0).unwrap().next_try.is_some(),
        "it waits for its time"
    );
    assert_eq!(scene.desk("health").outbox().item(&slow.0).unwrap().state, ItemState::InFlight);
    // The first goes again in the meantime, is not held up any more, and with it goes what was written last.
    for (case, event) in held {
        scene.judge("transport", case, event);
    }
    scene.commit("transport").unwrap();
    let last = scene.note(case, "medical", "the last");
    let last = event_of(&scene.act("health", "last", &last).unwrap());
    scene.now = scene.now.plus_ms(10_000);
    let now = scene.now;
    scene.desk("health").handle_timeout(now);
    assert_eq!(scene.deliver("health", "transport"), 2);
    scene.commit("transport").unwrap();
    assert!(!scene.history(case).contains(&last), "it would overtake what was refused and is to come again");
    scene.give("transport", "health", &late);
    scene.commit("health").unwrap();
    for _ in 0..10 {
        scene.settle();
        scene.now = scene.now.plus_ms(10_000);
        let now = scene.now;
        scene.desk("health").handle_timeout(now);
    }
    assert!(scene.history(case).ends_with(&[slow, last]));
}

/// A service whose step `second` comes after `first`; both may be done by another agency.
pub(super) const CHAIN: &str = include_str!("../../sim/service.toml");

#[test]
fn what_was_refused_and_overtaken_stays_refused() {
    let mut scene = Scene::new();
    scene.service = scene.publish("transport", CHAIN.replace("NAME", "chain").as_bytes());
    let detail = Detail::Open { service: scene.service, citizen: "citizen-1".to_owned() };
    let opening = scene.plain(None, Kind::Open, None, &Body::of(detail));
    let Ok(Answer::Recorded { case, .. }) = scene.act("transport", "open", &opening) else { panic!() };
    let terms = Terms { steps: vec!["first".to_owned(), "second".to_owned()], ..scene.terms("health") };
    scene.share(case, terms).unwrap();
    scene.settle();
    let step = |scene: &mut Scene, step: &str| {
        let act = scene.plain(Some(case), Kind::Step, Some(step), &Body::of(Detail::None));
        let act = Act { code: StepCode::Done.number(), ..act };
        event_of(&scene.act("health", step, &act).unwrap())
    };
    // The second step before the first is refused; both this refusal and the receipt of the note behind it are lost.
    let early = step(&mut scene, "second");
    let note = scene.note(case, "first", "later");
    let note = event_of(&scene.act("health", "note", &note).unwrap());
    scene.deliver("health", "transport");
    scene.commit("transport").unwrap();
    assert!(scene.history(case).contains(&note) && !scene.history(case).contains(&early));
    let lost = scene.take("transport", "health");
    assert!(lost.iter().any(|(_, message)| matches!(message, Message::Refusal(_))));
    // The first step is done meanwhile, and the home starts again: now the second could be done.
    let first = scene.plain(Some(case), Kind::Step, Some("first"), &Body::of(Detail::None));
    let first = Act { code: StepCode::Done.number(), ..first };
    scene.act("transport", "first", &first).unwrap();
    for restart in [false, true] {
        if restart {
            scene.kill("transport", true);
            scene.start("transport", MemoryStore::new());
            let ticket = scene.ticket();
            scene.desk("health").offer(Work::Retry { ticket, key: "retry".to_owned(), id: early.0 });
            scene.commit("health").unwrap();
        } else {
            scene.connect("transport", "health");
        }
        scene.settle();
        assert!(matches!(scene.sent("health", early), SentState::Parked(p) if p.code == Code::StepNotOpen));
        assert!(matches!(scene.sent("health", note), SentState::Done { .. }));
        assert!(!scene.history(case).contains(&early));
    }
    // Done anew, it is a later event, and has its place.
    let act = scene.plain(Some(case), Kind::Step, Some("second"), &Body::of(Detail::None));
    let act = Act { code: StepCode::Done.number(), ..act };
    let again = event_of(&scene.act("health", "again", &act).unwrap());
    scene.settle();
    assert_eq!(scene.history(case).last(), Some(&again));
}

#[test]
fn an_event_of_another_agency_is_not_refused_for_it() {
    let mut scene = Scene::new();
    let (case, _) = scene.shared_case();
    let terms = scene.terms("labour");
    scene.share(case, terms).unwrap();
    scene.settle();
    // Labour brings health's event as if it were its own, then one of its own.
    let note = scene.note(case, "medical", "of health");
    let event = event_of(&scene.act("health", "note", &note).unwrap());
    let messages = scene.take("health", "transport");
    scene.give("labour", "transport", &messages);
    let own = scene.note(case, "medical", "of labour");
    scene.act("labour", "note", &own).unwrap();
    scene.deliver("labour", "transport");
    scene.commit("transport").unwrap();
    assert_eq!(scene.desk("transport").book().overtaken.len(), 1);
    scene.give("health", "transport", &messages);
    scene.commit("transport").unwrap();
    assert_eq!(scene.history(case).last(), Some(&event));
}
