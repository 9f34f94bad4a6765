//! A desk is what its journal says: after every end of its process, with any store, it goes on where it was.

use std::cell::Cell;

use super::*;
use crate::store::{CaseRow, RecordRow};

#[test]
fn a_failed_sync_answers_everybody_and_nothing_happened() {
    let mut scene = Scene::new();
    let case = scene.open_case();
    let act = scene.note(case, "application", "a");
    scene.party("transport").disk.arm(Some(Op::SyncData), 1, Failure::Io);
    assert_eq!(scene.act("transport", "key", &act).unwrap_err().code, Code::DiskFailed);
    assert_eq!(scene.act("transport", "key", &act).unwrap_err().code, Code::StoreReadOnly);
    assert_eq!(scene.history(case).len(), 1, "what may be on the disk is not shown");
    scene.kill("transport", true);
    scene.start("transport", MemoryStore::new());
    scene.act("transport", "key", &act).unwrap();
    assert_eq!(scene.history(case).len(), 2);
}

#[test]
fn a_full_disk_stops_acts_and_not_looks_at_what_is_there() {
    let mut scene = Scene::new();
    let case = scene.open_case();
    let act = scene.note(case, "application", "a");
    scene.party("transport").disk.arm(Some(Op::WriteAt), 1, Failure::Short);
    assert_eq!(scene.act("transport", "key", &act).unwrap_err().code, Code::DiskFull);
    assert_eq!(scene.history(case).len(), 1);
    scene.kill("transport", false);
    scene.start("transport", MemoryStore::new());
    scene.act("transport", "key", &act).unwrap();
    assert_eq!(scene.history(case).len(), 2);
}

#[test]
fn a_process_that_dies_in_any_call_of_a_commit_has_done_all_or_nothing() {
    let mut died = 0;
    for nth in 1..12 {
        for power in [false, true] {
            let mut scene = Scene::new();
            let (case, _) = scene.shared_case();
            let note = scene.note(case, "medical", "x");
            let event = event_of(&scene.act("health", "note", &note).unwrap());
            let own = scene.note(case, "application", "own");
            scene.deliver("health", "transport");
            scene.party("transport").disk.arm(None, nth, Failure::Death);
            let answered = scene.act("transport", "own", &own).is_ok();
            died += usize::from(!answered);
            scene.kill("transport", power);
            scene.start("transport", MemoryStore::new());
            let before = scene.history(case).len();
            assert!(before == 2 || before == 4, "{nth} {power}: {before}");
            assert!(!answered || before == 4, "{nth} {power}: an answer was given");
            scene.settle();
            scene.act("transport", "own", &own).unwrap();
            let history = scene.history(case);
            assert_eq!(history.len(), 4, "{nth} {power}");
            assert!(history.contains(&event));
            assert!(matches!(scene.sent("health", event), SentState::Done { .. }), "{nth} {power}");
        }
    }
    assert!(died >= 4, "{died}");
}

#[test]
fn any_store_is_followed_up_from_the_journal() {
    let mut scene = Scene::new();
    let (case, _) = scene.shared_case();
    let early = scene.desk("transport").store.clone();
    while scene.desk("transport").follow().unwrap() {}
    let middle = scene.desk("transport").store.clone();
    let act = scene.medical("health", case);
    scene.act("health", "medical", &act).unwrap();
    scene.settle();
    let before = (scene.desk("transport").cases().unwrap(), scene.history(case));
    while scene.desk("transport").follow().unwrap() {}
    assert_eq!((scene.desk("transport").cases().unwrap(), scene.history(case)), before);
    assert!(scene.desk("transport").tail.is_empty());
    let newest = scene.desk("transport").store.clone();
    for store in [early, middle, newest.clone(), MemoryStore::new()] {
        scene.kill("transport", true);
        scene.start("transport", store);
        assert_eq!((scene.desk("transport").cases().unwrap(), scene.history(case)), before);
        while scene.desk("transport").follow().unwrap() {}
        assert_eq!(scene.desk("transport").store, newest);
        assert_eq!((scene.desk("transport").cases().unwrap(), scene.history(case)), before);
    }
}

#[test]
fn a_journal_behind_its_store_is_damaged() {
    let mut scene = Scene::new();
    scene.shared_case();
    while scene.desk("transport").follow().unwrap() {}
    let store = scene.desk("transport").store.clone();
    let settings = scene.parties["transport"].settings.clone();
    let problem = Desk::open(SimDisk::new(9), store, settings, None).unwrap_err();
    assert_eq!(problem.code, Code::StoreDamaged);
    assert!(problem.field.starts_with("journal"), "{problem}");
}

#[test]
fn what_was_under_way_goes_on_after_a_restart() {
    let mut scene = Scene::new();
    let (case, grant) = scene.shared_case();
    let act = scene.medical("health", case);
    let event = event_of(&scene.act("health", "medical", &act).unwrap());
    scene.kill("health", true);
    scene.start("health", MemoryStore::new());
    assert!(matches!(scene.sent("health", event), SentState::Waiting));
    assert_eq!(scene.desk("health").book().right(&case, None).unwrap().reference.grant, grant);
    scene.deliver("health", "transport");
    scene.commit("transport").unwrap();
    scene.kill("transport", true);
    scene.start("transport", MemoryStore::new());
    assert_eq!(scene.party("transport").to_judge.last(), Some(&(case, event)), "it is still to be judged");
    scene.party("transport").to_judge.truncate(1);
    scene.settle();
    assert!(scene.desk("health").book().sent[&event.0].judgement.as_ref().unwrap().passed());
    assert_eq!(scene.history(case).len(), 4);
    // The same command again, after both restarts, under its key.
    let again = scene.act("health", "medical", &act).unwrap();
    assert_eq!(event_of(&again), event);
}

#[test]
fn a_node_behind_what_a_peer_holds_of_it_does_not_sign() {
    let mut scene = Scene::new();
    let (case, _) = scene.shared_case();
    let copy = scene.parties["transport"].disk.contents("journal").is_none();
    assert!(copy, "segments are named by their first commit");
    let note = scene.note(case, "medical", "x");
    scene.act("health", "note", &note).unwrap();
    scene.settle();
    // Transport comes back over an empty disk; health holds its checkpoint.
    scene.kill("transport", true);
    scene.party("transport").disk = SimDisk::new(77);
    let party = scene.party("transport");
    party.desk =
        Some(Desk::open(party.disk.clone(), MemoryStore::new(), party.settings.clone(), None).unwrap());
    scene.connect("transport", "health");
    assert_eq!(scene.desk("transport").fence().map(|problem| problem.code), Some(Code::BehindPeers));
    let act = scene.opening();
    assert_eq!(scene.act("transport", "open", &act).unwrap_err().code, Code::BehindPeers);
}

/// A store as its contract says: it fails once, and then answers nothing until it is cleared.
#[derive(Debug)]
struct Failing {
    rows: MemoryStore,
    /// Batches until it fails.
    left: u32,
    /// Reads of a case until it fails.
    reads: Cell<u32>,
    failed: Cell<bool>,
}

impl Failing {
    fn ask(&self) -> Result<&MemoryStore> {
        if self.failed.get() { Err(Problem::new(Code::StoreDamaged, "store")) } else { Ok(&self.rows) }
    }
}

impl Store for Failing {
    fn watermark(&self) -> Result<u64> {
        self.ask()?.watermark()
    }

    fn case(&self, case: &CaseId) -> Result<Option<CaseRow>> {
        self.reads.set(self.reads.get().saturating_sub(1));
        self.failed.set(self.failed.get() || self.reads.get() == 0);
        self.ask()?.case(case)
    }

    fn cases(&self, after: Option<CaseId>, max: usize) -> Result<Vec<CaseRow>> {
        self.ask()?.cases(after, max)
    }

    fn records(&self, case: &CaseId, from: u64, max: usize) -> Result<Vec<RecordRow>> {
        self.ask()?.records(case, from, max)
    }

    fn apply(&mut self, batch: &Batch) -> Result<()> {
        self.left = self.left.saturating_sub(1);
        self.failed.set(self.failed.get() || self.left == 0);
        self.ask()?;
        self.rows.apply(batch)
    }

    fn clear(&mut self) -> Result<()> {
        *self = failing(u32::MAX, u32::MAX);
        Ok(())
    }
}

fn failing(left: u32, reads: u32) -> Failing {
    Failing { rows: MemoryStore::new(), left, reads: Cell::new(reads), failed: Cell::new(false) }
}

#[test]
fn what_is_durable_and_not_in_memory_is_answered_at_once_and_read_again() {
    let mut scene = Scene::new();
    let (case, _) = scene.shared_case();
    scene.offer("transport", "health", case).unwrap();
    scene.settle();
    let entries = scene.fetch("transport", "health", case).unwrap();
    let records = entries.len() as u64;
    let (settings, disk) = (scene.parties["health"].settings.clone(), scene.parties["health"].disk.clone());
    scene.kill("health", true);
    // The store answers while the records are staged, and not when they are to be taken up.
    let mut desk = Desk::open(disk, failing(u32::MAX, 3), settings, None).unwrap();
    let now = scene.now;
    let hello = scene.desk("transport").hello(&id("health"), 1, now);
    desk.connected(&id("transport"), &hello, now);
    desk.set_window(7);
    let note = scene.note(case, "medical", "in the same commit");
    desk.offer(Work::Act { ticket: Ticket(1), key: "note".to_owned(), act: Box::new(note.clone()) });
    desk.offer(Work::Hold { ticket: Ticket(2), case, entries });
    assert_eq!(desk.commit(now, &mut |_| {}).unwrap_err().code, Code::AnswerLost);
    let lost: Vec<_> = std::iter::from_fn(|| desk.poll_output())
        .filter_map(|output| match output {
            Output::Reply(ticket, Err(problem)) => Some((ticket, problem.code)),
            _ => None,
        })
        .collect();
    assert_eq!(lost, [(Ticket(1), Code::AnswerLost), (Ticket(2), Code::AnswerLost)]);
    assert!(desk.must_reopen().is_some());
    // What was durable is true, and the callers' questions have their answers.
    let mut desk = desk.reopen().unwrap();
    assert!(desk.must_reopen().is_none());
    assert_eq!(desk.held(&case).unwrap().records, records);
    desk.offer(Work::Act { ticket: Ticket(3), key: "note".to_owned(), act: Box::new(note) });
    desk.commit(now, &mut |_| {}).unwrap();
    let answers: Vec<_> = std::iter::from_fn(|| desk.poll_output())
        .filter_map(|output| match output {
            Output::Reply(Ticket(3), Ok(Answer::Sent { event, .. })) => Some(event),
            _ => None,
        })
        .collect();
    let [event] = answers[..] else { panic!("{answers:?}") };
    // What was to be sent goes out on the connection that is there, in the window that was set.
    let sent = desk.poll_messages(&id("transport"), now, 512);
    assert!(sent.iter().any(
        |(_, message)| matches!(message, Message::Event(carried) if EventId::of(&carried.header) == event)
    ));
    assert_eq!(desk.outbox().window(), 7);
}

#[test]
fn a_store_that_fails_once_costs_no_record() {
    for wait_for_the_store in [true, false] {
        let mut scene = Scene::new();
        let (case, _) = scene.shared_case();
        let (settings, disk) =
            (scene.parties["transport"].settings.clone(), scene.parties["transport"].disk.clone());
        let before = (scene.desk("transport").cases().unwrap(), scene.history(case));
        scene.kill("transport", true);
        let store = failing(1, u32::MAX);
        let mut desk = Desk::open(disk, store, settings, None).unwrap();
        let now = scene.now;
        let hello = scene.desk("health").hello(&id("transport"), 1, now);
        desk.connected(&id("health"), &hello, now);
        desk.offer(Work::Retry { ticket: Ticket(900), key: "k".to_owned(), id: Digest::ZERO });
        assert_eq!(desk.follow().unwrap_err().code, Code::StoreDamaged);
        assert_eq!(desk.follow().unwrap_err().code, Code::StoreDamaged, "the batch is still there");
        if wait_for_the_store {
            // As a store that comes back by itself would.
            desk.store.failed.set(false);
            desk.store.left = u32::MAX;
        } else {
            desk = desk.reopen().unwrap();
        }
        while desk.follow().unwrap() {}
        let history = |rows: Vec<RecordRow>| rows.iter().map(|row| row.event).collect::<Vec<_>>();
        assert_eq!(history(desk.rows(&case, 0, 100).unwrap()), before.1);
        assert_eq!(history(desk.store.records(&case, 0, 100).unwrap()), before.1);
        assert_eq!(desk.cases().unwrap(), before.0);
        assert_eq!(desk.store.cases(None, 10).unwrap().len(), before.0.len());
        // What memory alone held goes on: work that waited, and who is connected.
        assert_eq!(desk.waiting(), 1);
        desk.commit(now, &mut |_| {}).unwrap();
        let replied = std::iter::from_fn(|| desk.poll_output())
            .any(|output| matches!(output, Output::Reply(Ticket(900), Err(_))));
        assert!(replied && desk.post.is_connected(&id("health")));
    }
}
