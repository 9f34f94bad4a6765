//! A home that shows two histories is found out, and both signed sides are kept; whatever others sign of it alarms nobody.

use super::*;
use crate::log::Disk as _;
use ogic_certs::checkpoint::{Checkpoint, HeadsTree};
use ogic_certs::merkle::Tree;
use ogic_certs::receipt::ReceiptFrame;
use ogic_certs::record::{HeadLeaf, Leaf, Record};

type Home = Desk<SimDisk, MemoryStore>;

impl Scene {
    /// The home's node once more, from a copy of its disk: the same seal, the same log, and from now on another story.
    fn twin(&mut self, name: &str) -> Home {
        let party = self.party(name);
        let copy = SimDisk::new(77);
        for file in party.disk.names().unwrap() {
            copy.put(&file, party.disk.contents(&file).unwrap());
        }
        Desk::open(copy, MemoryStore::new(), party.settings.clone(), None).unwrap()
    }

    /// Health reads the case at whatever transport is now, as its daemon does: page by page, all of it checked.
    fn look(&mut self, case: CaseId, grant: EventId) {
        let frame = self.page(case, grant);
        self.show("health", "transport", &frame);
    }

    /// The frame that transport answers a look of health with.
    fn page(&mut self, case: CaseId, grant: EventId) -> Vec<u8> {
        match self.read("transport", "health", case, Some(grant)).unwrap() {
            Answer::Page(page) => page.receipt,
            other => panic!("{other:?}"),
        }
    }

    /// `who` is shown a frame of `peer` that came with an answer.
    fn show(&mut self, who: &str, peer: &str, frame: &[u8]) {
        self.bring(who, peer, frame);
        self.commit(who).unwrap();
    }

    /// The same, not committed yet.
    fn bring(&mut self, who: &str, peer: &str, frame: &[u8]) {
        let bag: Bag = self.parties[peer].settings.seal.chain().cloned().collect();
        let frame = ReceiptFrame::decode(frame).unwrap();
        let (checkpoint, certificates) =
            check::checkpoint(&self.trust, frame.checkpoint_cose(), &bag, self.now).unwrap();
        frame.verify(checkpoint.value()).unwrap();
        let listed = check::is_listed(&self.trust, checkpoint.value());
        let (frame, checkpoint) = (Box::new(frame), Box::new(checkpoint));
        self.desk(who).offer(Work::Receipts { peer: id(peer), frame, checkpoint, listed, certificates });
    }

    fn note_at_home(&mut self, case: CaseId, text: &str) {
        let note = self.note(case, "application", text);
        self.act("transport", text, &note).unwrap();
    }

    /// Both sides of every alarm that health keeps.
    fn kept(&mut self) -> Vec<Vec<Vec<u8>>> {
        let health = self.parties.get_mut("health").unwrap();
        let mut sides = Vec::new();
        let options = crate::log::Options::new(health.settings.origin.to_string());
        health.desk = None;
        Log::open_with(health.disk.clone(), &options, |_, kind, bytes, _| {
            if let Fact::Alarm { sides: both, .. } = Fact::from_entry(kind, bytes)? {
                sides.push(both);
            }
            Ok(())
        })
        .unwrap();
        self.start("health", MemoryStore::new());
        sides
    }
}

#[test]
fn two_heads_of_one_case_are_an_alarm_with_both_sides() {
    let mut scene = Scene::new();
    let (case, grant) = scene.shared_case();
    let mut twin = scene.twin("transport");
    scene.note_at_home(case, "one story");
    scene.look(case, grant);
    assert!(scene.party("health").alarms.is_empty(), "{:?}", scene.party("health").alarms);
    // What health saw by reading is durable: it compares after a restart as before.
    scene.kill("health", true);
    scene.start("health", MemoryStore::new());
    std::mem::swap(scene.desk("transport"), &mut twin);
    scene.note_at_home(case, "another story");
    scene.look(case, grant);
    let alarms = &scene.party("health").alarms;
    assert!(alarms.iter().any(|alarm| alarm.code == Code::ForkDetected), "{alarms:?}");
    // The same again is the same alarm, under a newer checkpoint too.
    let frame = scene.page(case, grant);
    for _ in 0..2 {
        scene.show("health", "transport", &frame);
    }
    let kept = scene.kept();
    assert_eq!(kept.len(), 1, "each contradiction once");
    for sides in &kept {
        let heads: Vec<_> = sides
            .iter()
            .map(|side| *ReceiptFrame::decode(side).unwrap().head_of(case).expect("a head"))
            .collect();
        assert_eq!(heads.len(), 2);
        assert_eq!(heads[0].seq, heads[1].seq);
        assert_ne!(heads[0].record, heads[1].record);
    }
    assert_eq!(scene.desk("health").book().alarms.len(), 1, "and a person sees it after a restart");
    scene.show("health", "transport", &frame);
    assert_eq!(scene.desk("health").book().alarms.len(), 1, "which is still the same");
}

#[test]
fn two_stories_in_one_commit_are_an_alarm_with_both_sides() {
    for same_case in [true, false] {
        let mut scene = Scene::new();
        let (case, grant) = scene.shared_case();
        let mut twin = scene.twin("transport");
        let tell = |scene: &mut Scene, text: &str| {
            if same_case {
                scene.note_at_home(case, text);
            } else {
                // Another case, of which health is told nothing: only the log's root differs.
                let opening = scene.opening();
                scene.act("transport", text, &opening).unwrap();
            }
            scene.page(case, grant)
        };
        let one = tell(&mut scene, "one story");
        std::mem::swap(scene.desk("transport"), &mut twin);
        let another = tell(&mut scene, "another story");
        scene.bring("health", "transport", &one);
        scene.bring("health", "transport", &another);
        scene.commit("health").unwrap();
        let kept = scene.kept();
        assert_eq!(kept.len(), 1, "{same_case}");
        assert_eq!(kept[0][0], one, "{same_case}");
        assert_eq!(kept[0].len(), 2, "{same_case}");
    }
}

#[test]
fn another_root_at_a_size_that_was_passed_is_an_alarm() {
    let mut scene = Scene::new();
    let (case, grant) = scene.shared_case();
    let mut twin = scene.twin("transport");
    let opening = scene.opening();
    scene.act("transport", "one story", &opening).unwrap();
    scene.look(case, grant);
    for _ in 0..3 {
        scene.look(case, grant);
    }
    std::mem::swap(scene.desk("transport"), &mut twin);
    let opening = scene.opening();
    scene.act("transport", "another story", &opening).unwrap();
    let smaller = scene.page(case, grant);
    scene.show("health", "transport", &smaller);
    assert!(scene.party("health").alarms.iter().any(|alarm| alarm.code == Code::ForkDetected));
    assert_eq!(scene.kept()[0].len(), 2);
    // After a restart it is known still.
    scene.show("health", "transport", &smaller);
    assert_eq!(scene.kept().len(), 1);
}

#[test]
fn a_notice_of_another_story_is_an_alarm_with_both_sides() {
    let mut scene = Scene::new();
    let (case, grant) = scene.shared_case();
    let mut twin = scene.twin("transport");
    scene.note_at_home(case, "one story");
    scene.look(case, grant);
    std::mem::swap(scene.desk("transport"), &mut twin);
    // It does not care what health holds of it.
    let now = scene.now;
    let hello = scene.desk("health").hello(&id("transport"), 1, now);
    let hello = crate::exchange::message::Hello { checkpoint: None, ..hello };
    scene.desk("transport").connected(&id("health"), &hello, now);
    // The second right is recorded where the note is in the other story, and its reference names that record.
    let terms = Terms { purpose: "another".to_owned(), ..scene.terms("health") };
    scene.share(case, terms).unwrap();
    scene.deliver("transport", "health");
    scene.commit("health").unwrap();
    let kept = scene.kept();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].len(), 2);
}

#[test]
fn a_new_log_that_the_registry_lists_alarms_nobody() {
    for listed in [false, true] {
        let mut scene = Scene::new();
        let (case, grant) = scene.shared_case();
        scene.look(case, grant);
        let party = scene.party("transport");
        party.settings.origin.generation = 2;
        let (settings, fresh) = (party.settings.clone(), SimDisk::new(5));
        if listed {
            let origin = settings.origin.to_string();
            scene.federation.edit_member(&id("transport"), |member| member.logs.push(origin));
            scene.trust = trust_of(&mut scene.federation);
        }
        let renewed = Desk::open(fresh, MemoryStore::new(), settings, None).unwrap();
        *scene.desk("transport") = renewed;
        scene.service = scene.publish("transport", LICENCE);
        let opening = scene.opening();
        let opened = scene.act("transport", "new", &opening).unwrap();
        let Answer::Recorded { case: new, .. } = opened else { panic!() };
        let terms = scene.terms("health");
        let right = scene.share(new, terms).unwrap();
        scene.look(new, right);
        assert_eq!(scene.kept().is_empty(), listed);
    }
}

#[test]
fn one_size_with_two_roots_is_an_alarm() {
    let mut scene = Scene::new();
    let (case, grant) = scene.shared_case();
    let mut twin = scene.twin("transport");
    // Another case, of which health is told nothing: only the log's root differs.
    let other = scene.opening();
    scene.act("transport", "other", &other).unwrap();
    scene.look(case, grant);
    std::mem::swap(scene.desk("transport"), &mut twin);
    let mut different = scene.opening();
    different.created = different.created.plus_ms(1);
    scene.act("transport", "different", &different).unwrap();
    scene.look(case, grant);
    let alarms = &scene.party("health").alarms;
    assert!(alarms.iter().any(|alarm| alarm.code == Code::ForkDetected), "{alarms:?}");
    assert_eq!(scene.kept().len(), 1);
}

#[test]
fn another_log_of_a_peer_is_for_a_person_to_see_and_the_first_is_not_forgotten() {
    let mut scene = Scene::new();
    let (case, grant) = scene.shared_case();
    scene.note_at_home(case, "one story");
    scene.look(case, grant);
    let page = scene.read("transport", "health", case, Some(grant)).unwrap();
    let Answer::Page(page) = page else { panic!() };
    // The same disk under another generation: a log that nobody has heard of.
    let party = scene.party("transport");
    party.settings.origin.generation = 2;
    let fresh = SimDisk::new(5);
    let renewed = Desk::open(fresh, MemoryStore::new(), party.settings.clone(), None).unwrap();
    let mut old = std::mem::replace(scene.desk("transport"), renewed);
    scene.service = scene.publish("transport", LICENCE);
    let opening = scene.opening();
    let opened = scene.act("transport", "new", &opening).unwrap();
    let Answer::Recorded { case: new, .. } = opened else { panic!() };
    let terms = scene.terms("health");
    let share = scene.plain(Some(new), Kind::Share, None, &Body::of(Detail::Share(terms)));
    let right = event_of(&scene.act("transport", "share", &share).unwrap());
    scene.look(new, right);
    assert_eq!(scene.party("health").alarms.len(), 1, "{:?}", scene.party("health").alarms);
    scene.look(new, right);
    assert_eq!(scene.party("health").alarms.len(), 1, "once");
    // A smaller statement of the first log does not pass for the newest.
    std::mem::swap(scene.desk("transport"), &mut old);
    scene.show("health", "transport", &page.receipt);
    assert_eq!(scene.desk("health").book().seen[&id("transport")].origin.rsplit('/').next(), Some("2"));
}

#[test]
fn an_honest_home_and_a_strangers_word_alarm_nobody() {
    let mut scene = Scene::new();
    let (case, grant) = scene.shared_case();
    for text in ["a", "b", "c"] {
        scene.look(case, grant);
        scene.note_at_home(case, text);
        scene.settle();
    }
    scene.look(case, grant);
    // Labour shows another head of transport's case in its own log, proven as it should be: of a case its home alone speaks.
    let known = scene.desk("health").book().heads[&case].head;
    let record = Record {
        case,
        seq: known.seq,
        prev: Digest::of(b"prev"),
        received: scene.now,
        event: EventId(Digest::of(b"invented")),
    };
    let tree: Tree = [Leaf::Record(record).digest()].into_iter().collect();
    let heads =
        HeadsTree::new(vec![HeadLeaf { case, seq: known.seq, record: record.digest(), index: 0 }]).unwrap();
    let settings = scene.parties["labour"].settings.clone();
    let checkpoint = Checkpoint { origin: settings.origin, size: 1, root: tree.root(), heads: heads.heads() };
    let signed = Signed::sign(checkpoint, &settings.seal).unwrap().bytes().to_vec();
    let leaves = vec![(0, Leaf::Record(record))];
    let frame = ReceiptFrame::build(&tree, 1, signed, leaves, &heads, &[case]).unwrap();
    scene.show("health", "labour", &frame.encode());
    assert_eq!(scene.desk("health").book().heads[&case].head, known);
    assert!(scene.party("health").alarms.is_empty(), "{:?}", scene.party("health").alarms);
    assert!(scene.kept().is_empty());
}
