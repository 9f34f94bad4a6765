//! What the desk refuses: rights that are gone, keys that serve two requests, strangers, and statements of others' cases.

use ogic_certs::reference::Reference;

use super::delivery::CHAIN;
use super::*;

#[test]
fn a_key_serves_one_request() {
    let mut scene = Scene::new();
    let case = scene.open_case();
    let act = scene.note(case, "application", "a");
    let first = scene.act("transport", "key", &act).unwrap();
    // The command is repeated after a lost answer: with another salt it is still the same request.
    let again = scene.note(case, "application", "a");
    assert_ne!(act.body, again.body);
    let second = scene.act("transport", "key", &again).unwrap();
    assert_eq!(event_of(&first), event_of(&second));
    let other = scene.note(case, "application", "b");
    assert_eq!(scene.act("transport", "key", &other).unwrap_err().code, Code::KeyConflict);
    let long = "k".repeat(KEY_BYTES_MAX + 1);
    assert_eq!(scene.act("transport", &long, &other).unwrap_err().code, Code::TooLarge);
    assert_eq!(scene.history(case).len(), 2);
}

#[test]
fn both_requests_under_one_key_in_one_commit_have_one_effect() {
    let mut scene = Scene::new();
    let case = scene.open_case();
    let act = scene.note(case, "application", "a");
    let tickets = [scene.ticket(), scene.ticket()];
    for ticket in tickets {
        scene.desk("transport").offer(Work::Act {
            ticket,
            key: "key".to_owned(),
            act: Box::new(act.clone()),
        });
    }
    scene.commit("transport").unwrap();
    let events = tickets.map(|ticket| event_of(&scene.reply("transport", ticket).unwrap()));
    assert_eq!(events[0], events[1]);
    assert_eq!(scene.history(case).len(), 2);
}

#[test]
fn after_revocation_the_holder_is_refused_at_once_and_its_tries_are_registered() {
    let mut scene = Scene::new();
    let (case, grant) = scene.shared_case();
    scene.read("transport", "health", case, Some(grant)).unwrap();
    scene.unshare(case, grant);
    assert_eq!(scene.read("transport", "health", case, Some(grant)).unwrap_err().code, Code::GrantRevoked);
    // Health knows nothing of it.
    let note = scene.note(case, "medical", "too late");
    let event = event_of(&scene.act("health", "note", &note).unwrap());
    scene.settle();
    assert!(matches!(scene.sent("health", event), SentState::Parked(p) if p.code == Code::GrantRevoked));
    assert_eq!(scene.desk("health").outbox().counts().parked, 1);
    assert!(!scene.history(case).contains(&event));
    // A look and an append are two things, and each stands there at once.
    let revoked = Some(Code::GrantRevoked);
    assert_eq!(
        access_of(&mut scene, case),
        [(None, "a test", 1), (revoked, "a test", 1), (revoked, "append", 1)].map(told)
    );
    // What is tried again within the minute is counted, and written when the minute is over.
    for _ in 0..3 {
        assert!(scene.read("transport", "health", case, Some(grant)).is_err());
    }
    assert_eq!(access_of(&mut scene, case).len(), 3);
    scene.now = scene.now.plus_ms(TRIES_WINDOW_MS);
    scene.commit("transport").unwrap();
    assert_eq!(access_of(&mut scene, case).split_off(3), [told((revoked, "a test", 3))]);
    let due = scene.desk("transport").next_timeout();
    assert!(due.is_none_or(|due| due > scene.now), "nothing is due that no commit would do");
}

#[test]
fn what_is_being_counted_is_registered_at_an_orderly_stop_and_lost_by_a_crash_but_for_the_first() {
    for orderly in [true, false] {
        let mut scene = Scene::new();
        let (case, grant) = scene.shared_case();
        scene.unshare(case, grant);
        for _ in 0..4 {
            assert!(scene.read("transport", "health", case, Some(grant)).is_err());
        }
        if orderly {
            let now = scene.now;
            assert!(scene.desk("transport").end_counts(now, &mut |_| {}).unwrap());
            assert!(!scene.desk("transport").end_counts(now, &mut |_| {}).unwrap());
        }
        scene.kill("transport", true);
        scene.start("transport", MemoryStore::new());
        let revoked = Some(Code::GrantRevoked);
        let mut expected = vec![told((revoked, "a test", 1))];
        expected.extend(orderly.then(|| told((revoked, "a test", 3))));
        assert_eq!(access_of(&mut scene, case), expected, "{orderly}");
    }
}

fn told((code, purpose, tries): (Option<Code>, &str, u64)) -> (Option<Code>, String, u64) {
    (code, purpose.to_owned(), tries)
}

/// Code, purpose and tries of each access entry.
fn access_of(scene: &mut Scene, case: CaseId) -> Vec<(Option<Code>, String, u64)> {
    let desk = scene.desk("transport");
    let positions = desk.book().access[&case].clone();
    let entries = positions.into_iter().map(|position| {
        let (kind, bytes) = desk.log().read(position).unwrap();
        match Fact::from_entry(kind, &bytes).unwrap() {
            Fact::Access(access) => (access.code, access.purpose, access.tries),
            other => panic!("{other:?}"),
        }
    });
    entries.collect()
}

#[test]
fn a_parked_message_is_tried_again_when_asked() {
    let mut scene = Scene::new();
    let (case, grant) = scene.shared_case();
    scene.unshare(case, grant);
    let note = scene.note(case, "medical", "late");
    let event = event_of(&scene.act("health", "note", &note).unwrap());
    scene.settle();
    assert!(matches!(retry(&mut scene, "first", event.0), Ok(Answer::Done)));
    // Another asks for the same: it is on its way already.
    assert!(matches!(retry(&mut scene, "second", event.0), Ok(Answer::Done)));
    assert_eq!(scene.desk("health").outbox().counts().waiting, 1);
    scene.settle();
    assert_eq!(scene.desk("health").outbox().counts().parked, 1, "refused again");
    assert_eq!(retry(&mut scene, "none", Digest::ZERO).unwrap_err().code, Code::NotFound);
}

fn retry(scene: &mut Scene, key: &str, id: Digest) -> Result<Answer> {
    let ticket = scene.ticket();
    scene.desk("health").offer(Work::Retry { ticket, key: key.to_owned(), id });
    scene.commit("health").unwrap();
    scene.reply("health", ticket)
}

fn drop_message(scene: &mut Scene, key: &str, id: Digest) -> Result<Answer> {
    let ticket = scene.ticket();
    scene.desk("health").offer(Work::Drop { ticket, key: key.to_owned(), id });
    scene.commit("health").unwrap();
    scene.reply("health", ticket)
}

#[test]
fn a_repeated_retry_or_drop_is_answered_as_the_first_was() {
    let mut scene = Scene::new();
    scene.service = scene.publish("transport", CHAIN.replace("NAME", "chain").as_bytes());
    let detail = Detail::Open { service: scene.service, citizen: "citizen-1".to_owned() };
    let opening = scene.plain(None, Kind::Open, None, &Body::of(detail));
    let Ok(Answer::Recorded { case, .. }) = scene.act("transport", "open", &opening) else { panic!() };
    let terms = Terms { steps: vec!["first".to_owned(), "second".to_owned()], ..scene.terms("health") };
    scene.share(case, terms).unwrap();
    scene.settle();
    // One comes before its step is open, one can never succeed.
    let step = |scene: &mut Scene, step: &str| {
        let act = scene.plain(Some(case), Kind::Step, Some(step), &Body::of(Detail::None));
        Act { code: StepCode::Done.number(), ..act }
    };
    let early = step(&mut scene, "second");
    let note = scene.note(case, "first", "a note");
    let note = Act { head: Some(HeadAt { seq: 0, record: Digest::of(b"invented") }), ..note };
    let late = event_of(&scene.act("health", "late", &early).unwrap());
    let given_up = event_of(&scene.act("health", "given up", &note).unwrap());
    scene.settle();
    assert_eq!(scene.desk("health").outbox().counts().parked, 2);
    let first = step(&mut scene, "first");
    scene.act("transport", "first", &first).unwrap();
    assert!(matches!(retry(&mut scene, "retry", late.0), Ok(Answer::Done)));
    assert!(matches!(drop_message(&mut scene, "drop", given_up.0), Ok(Answer::Done)));
    scene.settle();
    assert!(matches!(scene.sent("health", late), SentState::Done { .. }));
    // What became of it meanwhile, and a restart, change no answer.
    for restart in [false, true] {
        if restart {
            scene.kill("health", true);
            scene.start("health", MemoryStore::new());
        }
        let before = scene.desk("health").log().size();
        assert!(matches!(retry(&mut scene, "retry", late.0), Ok(Answer::Done)), "{restart}");
        assert!(matches!(drop_message(&mut scene, "drop", given_up.0), Ok(Answer::Done)), "{restart}");
        assert_eq!(scene.desk("health").log().size(), before, "one effect");
    }
    // A new key is a new question, and a key serves one request.
    let rows = [
        ("a retry of what was delivered", retry(&mut scene, "fresh", late.0), Code::NotFound),
        ("a retry of what was given up", retry(&mut scene, "new", given_up.0), Code::NotFound),
        ("another message", retry(&mut scene, "retry", given_up.0), Code::KeyConflict),
        ("another command", drop_message(&mut scene, "retry", late.0), Code::KeyConflict),
        ("an act", scene.act("health", "drop", &note), Code::KeyConflict),
    ];
    for (name, answer, code) in rows {
        assert_eq!(answer.unwrap_err().code, code, "{name}");
    }
}

#[test]
fn a_repeated_publication_is_the_first_one_whatever_the_seal_is_by_now() {
    let mut scene = Scene::new();
    let renewed = scene.federation.signer("ogic://transport.gov.example/seal");
    scene.trust = trust_of(&mut scene.federation);
    let text = LICENCE.iter().copied().chain(*b"\n").collect::<Vec<u8>>();
    let request = Digest::of(&text);
    let publish = |scene: &mut Scene, seal: &Signer, key: &str, request: Digest| {
        let signed = Signed::sign(ogic_certs::service::ServiceText::new(&text[..]).unwrap(), seal).unwrap();
        let chain: Vec<_> = seal.chain().cloned().collect();
        let signed = Box::new(scene.trust.open(signed, &chain, scene.now).unwrap());
        let ticket = scene.ticket();
        let service = Box::new(Service::parse(&text).unwrap());
        let certificates = vec![seal.certificate().clone()];
        let key = Some((key.to_owned(), request));
        scene.desk("transport").offer(Work::Service {
            ticket: Some(ticket),
            key,
            signed,
            certificates,
            service,
        });
        scene.commit("transport").unwrap();
        scene.reply("transport", ticket).map(|answer| match answer {
            Answer::Service(digest) => digest,
            other => panic!("{other:?}"),
        })
    };
    let seal = scene.parties["transport"].settings.seal.clone();
    let first = publish(&mut scene, &seal, "key", request).unwrap();
    let held = scene.desk("transport").book().services.len();
    scene.kill("transport", true);
    scene.start("transport", MemoryStore::new());
    assert_eq!(publish(&mut scene, &renewed, "key", request).unwrap(), first);
    assert_eq!(scene.desk("transport").book().services.len(), held);
    let other = publish(&mut scene, &renewed, "key", Digest::of(b"another text")).unwrap_err();
    assert_eq!(other.code, Code::KeyConflict);
    // Asked for anew, it is a definition of the new seal.
    assert_ne!(publish(&mut scene, &renewed, "new", request).unwrap(), first);
    assert_eq!(scene.desk("transport").book().services.len(), held + 1);
}

#[test]
fn the_pages_of_one_look_are_one_entry_of_the_access_log() {
    let mut scene = Scene::new();
    let (case, grant) = scene.shared_case();
    let terms = scene.terms("labour");
    let other = scene.share(case, terms).unwrap();
    let look = |scene: &mut Scene, who: &str, grant: EventId, purpose: &str, from: u64| {
        let ticket = scene.ticket();
        let (purpose, wanted) = (purpose.to_owned(), Wanted::History(from));
        let read = Read { who: id(who), case, grant: Some(grant), purpose, wanted };
        scene.desk("transport").offer(Work::Read { ticket, read });
        scene.commit("transport").unwrap();
        let answer = scene.reply("transport", ticket)?;
        let Answer::Page(page) = answer else { panic!("{answer:?}") };
        let frame = ogic_certs::receipt::ReceiptFrame::decode(&page.receipt).unwrap();
        assert_eq!(frame.head_of(case).map(|head| head.seq), Some(page.head_seq), "the page shows the head");
        Ok::<(), Problem>(())
    };
    let entries = |scene: &mut Scene| access_of(scene, case).len();
    // (what, who, grant, purpose, from, minutes later, entries then)
    let rows = [
        ("a page of no look is a look", "health", grant, "a test", 1, 0, 1),
        ("its next page", "health", grant, "a test", 2, 0, 1),
        ("another purpose", "health", grant, "another", 1, 0, 2),
        ("another asker", "labour", other, "a test", 1, 0, 3),
        ("the first page is a look each time", "health", grant, "a test", 0, 0, 4),
        ("the page behind it", "health", grant, "a test", 1, 0, 4),
        ("the minute is over", "health", grant, "a test", 1, 1, 5),
    ];
    for (name, who, grant, purpose, from, minutes, expected) in rows {
        scene.now = scene.now.plus_ms(minutes * LOOK_WINDOW_MS);
        look(&mut scene, who, grant, purpose, from).unwrap();
        assert_eq!(entries(&mut scene), expected, "{name}");
    }
    // Each page asks the grant as it stands, and a look that was lost with the process is registered again.
    scene.kill("transport", true);
    scene.start("transport", MemoryStore::new());
    look(&mut scene, "health", grant, "a test", 1).unwrap();
    assert_eq!(entries(&mut scene), 6);
    scene.unshare(case, grant);
    let refused = look(&mut scene, "health", grant, "a test", 1).unwrap_err();
    assert_eq!((refused.code, entries(&mut scene)), (Code::GrantRevoked, 7));
}

#[test]
fn looks_are_remembered_in_bounded_memory() {
    let mut scene = Scene::new();
    let (case, grant) = scene.shared_case();
    let now = scene.now;
    let look =
        |n: usize| (LookKey { who: id("health"), case, grant: Some(grant), purpose: n.to_string() }, now);
    scene.desk("transport").note_looks((0..2 * LOOKS_MAX).map(look).collect(), now);
    assert_eq!(scene.desk("transport").looks.len(), LOOKS_MAX);
    scene.desk("transport").note_looks(vec![look(0)], now.plus_ms(LOOK_WINDOW_MS));
    assert_eq!(scene.desk("transport").looks.len(), 1, "those whose time is over make room");
}

#[test]
fn a_stranger_learns_nothing_of_a_case() {
    let mut scene = Scene::new();
    let (case, grant) = scene.shared_case();
    let head = scene.desk("transport").case(&case).unwrap().unwrap().head;
    let wrong = HeadAt { seq: 0, record: Digest::of(b"invented") };
    let unknown = CaseId(Digest::of(b"no such case"));
    let rows = [
        ("the case, its head", case, head),
        ("the case, a wrong head", case, wrong),
        ("no case", unknown, head),
    ];
    for (name, case, head) in rows {
        let act = scene.note(case, "medical", name);
        let labour = scene.desk("labour");
        let event = labour.seal(&act, Some(head), Some(grant)).unwrap();
        let carried = crate::exchange::message::Carried {
            header: event.header.bytes().to_vec(),
            body: event.body.clone(),
            approval: None,
        };
        let seal = scene.parties["labour"].settings.seal.certificate().der().to_vec();
        let messages = [Message::Certificates(vec![seal]), Message::Event(carried)];
        scene.give("labour", "transport", &messages.map(|message| (StreamKind::Events, message)));
        scene.commit("transport").unwrap();
        let answers = scene.take("transport", "labour");
        let refusals: Vec<_> = answers
            .iter()
            .filter_map(|(_, message)| match message {
                Message::Refusal(bytes) => {
                    Some(Signed::<ogic_certs::refusal::Refusal>::parse(bytes).unwrap())
                }
                _ => None,
            })
            .map(|signed| (signed.value().code, signed.value().head))
            .collect();
        assert_eq!(refusals, [(Code::CaseUnknown, None)], "{name}");
        assert_eq!(scene.read("transport", "labour", case, Some(grant)).unwrap_err().code, Code::CaseUnknown);
    }
}

#[test]
fn what_a_stranger_sends_takes_no_memory_and_changes_no_answer() {
    let mut scene = Scene::new();
    let (case, _) = scene.shared_case();
    let unfit = |peer: &str, case: CaseId| Work::Unfit {
        peer: id(peer),
        subject: Digest::of(case.as_bytes()),
        claim: Some(Claim { case, head: 0, created: START }),
        problem: Problem::new(Code::CertificateUnknown, "x5t"),
    };
    let invented = (0..100_u8).map(|n| CaseId(Digest::of(&[n])));
    for work in invented.map(|case| unfit("health", case)).chain([unfit("labour", case)]) {
        scene.desk("transport").offer(work);
    }
    scene.commit("transport").unwrap();
    assert_eq!(scene.desk("transport").refused.len(), 0);
    scene.desk("transport").offer(unfit("health", case));
    scene.commit("transport").unwrap();
    assert_eq!(scene.desk("transport").refused.len(), 1, "its holder's order is kept");
}

#[test]
fn who_holds_a_right_is_told_of_a_head_that_never_was() {
    let mut scene = Scene::new();
    let (case, _) = scene.shared_case();
    let act = scene.note(case, "medical", "x");
    let act = Act { head: Some(HeadAt { seq: 0, record: Digest::of(b"invented") }), ..act };
    let event = event_of(&scene.act("health", "note", &act).unwrap());
    scene.settle();
    assert!(matches!(scene.sent("health", event), SentState::Parked(p) if p.code == Code::HeadUnknown));
}

#[test]
fn another_agency_says_nothing_of_a_case_that_is_not_its_own() {
    let mut scene = Scene::new();
    let (case, grant) = scene.shared_case();
    let mut reference = scene.desk("health").book().right(&case, None).unwrap().reference.clone();
    reference.home = id("labour");
    let seal = scene.parties["labour"].settings.seal.clone();
    let signed = Signed::<Reference>::sign(reference, &seal).unwrap();
    let messages = [
        Message::Certificates(vec![seal.certificate().der().to_vec()]),
        Message::Notice(signed.bytes().to_vec()),
    ];
    scene.give("labour", "health", &messages.map(|message| (StreamKind::Events, message)));
    scene.commit("health").unwrap();
    let right = scene.desk("health").book().right(&case, Some("medical")).unwrap().reference.clone();
    assert_eq!((right.home, right.grant), (id("transport"), grant));
    let answers = scene.take("health", "labour");
    assert!(answers.iter().any(|(_, message)| matches!(message, Message::Refusal(_))));
}

/// Whoever comes first: a reference carries the opening, and the home is whoever sealed that.
#[test]
fn a_reference_to_what_another_opened_is_refused_though_nobody_told_of_the_case_before() {
    type Orders = &'static [&'static [&'static str]];
    let rows: [(&str, Orders, &[&str]); 4] = [
        ("alone", &[&["labour"]], &[]),
        ("first in one commit", &[&["labour", "transport"]], &["transport"]),
        ("second in one commit", &[&["transport", "labour"]], &["transport"]),
        ("a commit earlier", &[&["labour"], &["transport"]], &["transport"]),
    ];
    for (name, commits, homes) in rows {
        let mut scene = Scene::new();
        let case = scene.open_case();
        let terms = scene.terms("health");
        scene.share(case, terms).unwrap();
        let honest = scene.take("transport", "health");
        let signed = honest.iter().find_map(|(_, message)| match message {
            Message::Notice(bytes) => Some(Signed::<Reference>::parse(bytes).unwrap()),
            _ => None,
        });
        let mut reference = signed.unwrap().value().clone();
        reference.home = id("labour");
        let seal = |name: &str| scene.parties[name].settings.seal.clone();
        let signed = Signed::<Reference>::sign(reference, &seal("labour")).unwrap();
        let chain = ["labour", "transport"].map(|name| seal(name).certificate().der().to_vec());
        let forged = [Message::Certificates(chain.to_vec()), Message::Notice(signed.bytes().to_vec())]
            .map(|message| (StreamKind::Events, message));
        for commit in commits {
            for from in *commit {
                scene.give(from, "health", if *from == "labour" { &forged } else { &honest });
            }
            scene.commit("health").unwrap();
        }
        let held = scene.desk("health").book().references.get(&case).cloned().unwrap_or_default();
        let held: Vec<_> = held.iter().map(|held| held.reference.home.clone()).collect();
        assert_eq!(held, homes.iter().map(|name| id(name)).collect::<Vec<_>>(), "{name}");
        let known = scene.desk("health").book().home_of(&case).cloned();
        assert_eq!(known, homes.first().map(|name| id(name)), "{name}");
        assert_eq!(refused_with(&mut scene, "health", "labour"), [Code::TrustUndecidable], "{name}");
    }
}

/// The codes of the refusals that wait to be sent.
fn refused_with(scene: &mut Scene, from: &str, to: &str) -> Vec<Code> {
    let messages = scene.take(from, to);
    let code = |message: &Message| match message {
        Message::Refusal(bytes) => {
            Some(Signed::<ogic_certs::refusal::Refusal>::parse(bytes).unwrap().value().code)
        }
        _ => None,
    };
    messages.iter().filter_map(|(_, message)| code(message)).collect()
}

#[test]
fn an_event_of_a_former_member_is_read_as_recorded_and_not_taken_as_new() {
    let mut scene = Scene::new();
    let (case, _) = scene.shared_case();
    let note = scene.note(case, "medical", "invited");
    scene.act("health", "note", &note).unwrap();
    let messages = scene.take("health", "transport");
    let carried = messages.iter().find_map(|(_, message)| match message {
        Message::Event(carried) => Some(carried.clone()),
        _ => None,
    });
    let event = carried.unwrap().parse().unwrap();
    scene.federation.remove_member(&id("health"));
    let trust = trust_of(&mut scene.federation);
    let bag: Bag = [scene.parties["health"].settings.seal.certificate().clone()].into_iter().collect();
    let new = check::check_event(&trust, event.clone(), &bag, scene.now);
    assert_eq!(new.unwrap_err().code, Code::AgencyUnknown);
    assert_eq!(check::check_recorded(&trust, event, &bag, scene.now).unwrap().author, id("health"));
}

#[test]
fn a_reference_waits_for_fresh_data_and_is_taken_when_they_are_back() {
    let mut scene = Scene::new();
    let case = scene.open_case();
    let terms = scene.terms("health");
    scene.share(case, terms).unwrap();
    scene.now = scene.trust.fresh_until().plus_ms(1);
    scene.deliver("transport", "health");
    scene.commit("health").unwrap();
    assert!(scene.desk("health").book().right(&case, None).is_none());
    scene.settle();
    scene.federation.set_now(scene.now);
    scene.trust = trust_of(&mut scene.federation);
    scene.now = scene.now.plus_ms(600_000);
    let now = scene.now;
    scene.desk("transport").handle_timeout(now);
    scene.settle();
    assert!(scene.desk("health").book().right(&case, None).is_some());
}

#[test]
fn what_a_peer_cannot_judge_is_parked_after_a_day_and_then_overtaken() {
    const HOUR_MS: u64 = 3_600_000;
    let mut scene = Scene::new();
    let (case, _) = scene.shared_case();
    let note = scene.note(case, "medical", "under a seal that nobody there vouches for");
    let first = event_of(&scene.act("health", "first", &note).unwrap());
    let mut hours = 0;
    while matches!(scene.sent("health", first), SentState::Waiting) {
        scene.federation.set_now(scene.now);
        scene.trust = trust_of(&mut scene.federation);
        let ours = scene.trust.clone();
        // Transport judges by the registry of another federation.
        let mut other = Federation::new(8, scene.now);
        scene.trust = trust_of(&mut other);
        scene.deliver("health", "transport");
        scene.commit("transport").unwrap();
        scene.trust = ours;
        scene.deliver("transport", "health");
        scene.commit("health").unwrap();
        scene.now = scene.now.plus_ms(HOUR_MS);
        let now = scene.now;
        scene.desk("health").handle_timeout(now);
        hours += 1;
        assert!(hours < 30, "it is parked");
    }
    assert!(hours > 24, "it may pass by itself for a day: {hours} h");
    let SentState::Parked(problem) = scene.sent("health", first) else { panic!() };
    assert!(crate::exchange::outbox::is_undecided(problem.code), "{problem}");
    // What comes after it goes on, and it is never recorded behind that.
    let note = scene.note(case, "medical", "later");
    let later = event_of(&scene.act("health", "later", &note).unwrap());
    scene.settle();
    assert_eq!(scene.history(case).last(), Some(&later));
    assert!(matches!(retry(&mut scene, "retry", first.0), Ok(Answer::Done)));
    scene.settle();
    assert!(matches!(scene.sent("health", first), SentState::Parked(p) if p.code == Code::HeadMoved));
    assert_eq!(scene.history(case).last(), Some(&later));
}

#[test]
fn a_share_whose_reference_cannot_be_told_is_not_recorded() {
    let mut scene = Scene::new();
    let case = scene.open_case();
    let long = "x".repeat(1000);
    let terms = Terms {
        purpose: long.clone(),
        ground: long.clone(),
        performer: long,
        steps: vec!["medical".to_owned(); 32],
        ..scene.terms("health")
    };
    let answer = scene.share(case, terms);
    assert_eq!(answer.is_ok(), scene.history(case).len() == 2, "{answer:?}");
    let texts = Terms { steps: Vec::new(), ..scene.terms("health") };
    assert!(scene.share(case, texts).is_ok());
}
