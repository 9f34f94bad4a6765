//! Random batches, restarts and power cuts against the plainest model: a list of entries.

use ogic_certs::merkle::{leaf_hash, root_of};
use proptest::prelude::*;

use super::super::{Entry, EntryKind, SimDisk};
use super::{assert_seen, open, options};

#[derive(Clone, Debug)]
enum Step {
    Commit { entries: Vec<Entry>, sign: bool },
    Kill,
    Crash,
}

fn entry() -> impl Strategy<Value = Entry> {
    let bytes = |range| prop::collection::vec(any::<u8>(), range);
    let with_leaf = (1u8..=3, bytes(1..40), bytes(0..200));
    let plain = (4u8..=18, bytes(0..200));
    let kind = |n| EntryKind::from_number(n).unwrap();
    prop_oneof![
        with_leaf.prop_map(move |(n, leaf, body)| Entry::with_leaf(kind(n), leaf, body).unwrap()),
        plain.prop_map(move |(n, body)| Entry::plain(kind(n), body).unwrap()),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let commit = (prop::collection::vec(entry(), 1..6), any::<bool>());
    prop_oneof![
        6 => commit.prop_map(|(entries, sign)| Step::Commit { entries, sign }),
        1 => Just(Step::Kill),
        1 => Just(Step::Crash),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_log_is_the_list_of_what_was_committed(
        seed: u64,
        segment_bytes in 0u64..4000,
        steps in prop::collection::vec(step(), 1..25),
    ) {
        let (disk, options) = (SimDisk::new(seed), options(segment_bytes));
        let mut model: Vec<Entry> = Vec::new();
        let (mut log, _) = open(disk.clone(), &options).unwrap();
        for step in steps {
            match step {
                Step::Commit { entries, sign } => {
                    let committed = log.commit(&entries).unwrap();
                    if sign {
                        log.note_signed(committed.size, committed.root).unwrap();
                    }
                    model.extend(entries);
                }
                Step::Kill | Step::Crash => {
                    drop(log);
                    if matches!(step, Step::Kill) { disk.kill() } else { disk.crash() };
                    let reopened = open(disk.clone(), &options).unwrap();
                    assert_seen(&reopened.1, &model, "after a restart");
                    log = reopened.0;
                }
            }
            prop_assert_eq!(log.root(), root_of(model.iter().filter_map(Entry::leaf).map(leaf_hash)));
        }
        drop(log);
        disk.crash();
        assert_seen(&open(disk, &options).unwrap().1, &model, "at the end");
    }
}
