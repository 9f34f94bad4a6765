//! A desk is what its journal says: after every end of its process, with any store, it goes on where it was.

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
    failed: bool,
}

impl Failing {
    fn ask(&self) -> Result<&MemoryStore> {
        if self.failed { Err(Problem::new(Code::StoreDamaged, "store")) } else { Ok(&self.rows) }
    }
}

impl Store for Failing {
    fn watermark(&self) -> Result<u64> {
        self.ask()?.watermark()
    }

    fn case(&self, case: &CaseId) -> Result<Option<CaseRow>> {
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
        self.failed |= self.left == 0;
        self.ask()?;
        self.rows.apply(batch)
    }

    fn clear(&mut self) -> Result<()> {
        *self = Self { rows: MemoryStore::new(), left: u32::MAX, failed: false };
        Ok(())
    }
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
        let store = Failing { rows: MemoryStore::new(), left: 1, failed: false };
        let mut desk = Desk::open(disk, store, settings, None).unwrap();
        let now = scene.now;
        let hello = scene.desk("health").hello(&id("transport"), 1, now);
        desk.connected(&id("health"), &hello, now);
        desk.offer(Work::Retry { ticket: Ticket(900), key: "k".to_owned(), id: Digest::ZERO });
        assert_eq!(desk.follow().unwrap_err().code, Code::StoreDamaged);
        assert_eq!(desk.follow().unwrap_err().code, Code::StoreDamaged, "the batch is still there");
        if wait_for_the_store {
            // As a store that comes back by itself would.
            (desk.store.failed, desk.store.left) = (false, u32::MAX);
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
