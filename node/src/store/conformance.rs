//! What every [`Store`] has to do, run over each of them; and histories to run it with.

use ogic_certs::{CaseId, Code, Digest, EventId};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Commits to cases that are numbered.
#[derive(Default)]
pub(super) struct History {
    commits: u64,
    leaves: u64,
    records: BTreeMap<u8, u64>,
}

/// Everything that a store answers.
#[derive(PartialEq, Debug)]
pub(super) struct Answers {
    watermark: u64,
    cases: Vec<(CaseRow, Vec<RecordRow>)>,
}

pub(super) fn case(number: u8) -> CaseId {
    CaseId(Digest::of(&[number]))
}

impl History {
    /// A commit that adds so many records to each of these cases.
    pub(super) fn commit(&mut self, changed: &[(u8, u64)]) -> Batch {
        self.commits += 1;
        let mut batch = Batch { watermark: self.commits, ..Batch::default() };
        for (number, added) in changed {
            let records = self.records.entry(*number).or_default();
            for _ in 0..*added {
                batch.records.push((case(*number), record(*number, *records, self.leaves)));
                *records += 1;
                self.leaves += 1;
            }
            let state = format!("case {number} after commit {}", self.commits).into_bytes();
            batch.cases.push(CaseRow { case: case(*number), state, records: *records });
        }
        batch
    }
}

fn record(number: u8, seq: u64, leaf: u64) -> RecordRow {
    let event = EventId::of(format!("event {seq} of case {number}").as_bytes());
    let position = Position { segment: leaf / 100 + 1, offset: leaf as u32, bytes: 500 };
    RecordRow { seq, record: Digest::of(event.as_bytes()), event, leaf, position }
}

/// Asks for everything, a few rows at a time.
pub(super) fn answers(store: &impl Store) -> Result<Answers> {
    let mut cases: Vec<(CaseRow, Vec<RecordRow>)> = Vec::new();
    loop {
        let page = store.cases(cases.last().map(|(row, _)| row.case), 3)?;
        if page.is_empty() {
            return Ok(Answers { watermark: store.watermark()?, cases });
        }
        for row in page {
            assert_eq!(store.case(&row.case)?.as_ref(), Some(&row));
            let mut records: Vec<RecordRow> = Vec::new();
            loop {
                let page = store.records(&row.case, records.len() as u64, 50)?;
                records.extend(&page);
                if page.len() < 50 {
                    break;
                }
            }
            for record in records.iter().step_by(17) {
                assert_eq!(store.record_of(&row.case, record.seq)?.as_ref(), Some(record));
            }
            cases.push((row, records));
        }
    }
}

/// The contract, over an empty store.
fn conforms(mut store: impl Store) {
    let empty = answers(&store).unwrap();
    assert_eq!(empty, Answers { watermark: 0, cases: Vec::new() });
    assert_eq!(store.case(&case(1)).unwrap(), None);
    assert_eq!(store.records(&case(1), 0, 9).unwrap(), []);

    // Rows grow, end exactly at their border, and begin anew; several commits may be one batch.
    let mut history = History::default();
    for added in [&[(1, 1), (2, 63)][..], &[(1, 63), (2, 1)], &[(2, 1), (3, 0)], &[], &[(1, 130), (4, 64)]] {
        store.apply(&history.commit(added)).unwrap();
    }
    let (later, last) = (history.commit(&[(5, 2)]), history.commit(&[(5, 1)]));
    store.apply(&merge(vec![later, last])[0]).unwrap();
    let before = answers(&store).unwrap();
    assert_eq!(before.watermark, 7);
    let counts: BTreeMap<CaseId, u64> =
        [(1, 194), (2, 65), (3, 0), (4, 64), (5, 3)].into_iter().map(|(n, count)| (case(n), count)).collect();
    let found: Vec<_> = before.cases.iter().map(|(row, records)| (row.case, records.len() as u64)).collect();
    assert_eq!(found, counts.clone().into_iter().collect::<Vec<_>>());
    for (row, records) in &before.cases {
        assert_eq!(row.records, counts[&row.case]);
        assert!(records.iter().zip(0..).all(|(record, seq)| record.seq == seq));
    }

    // Pages.
    assert_eq!(store.cases(None, 0).unwrap(), []);
    assert_eq!(store.cases(None, usize::MAX).unwrap().len(), 5);
    assert_eq!(store.cases(Some(before.cases[4].0.case), 9).unwrap(), []);
    for (from, max, len) in
        [(0, 0, 0), (62, 4, 4), (193, 9, 1), (194, 9, 0), (u64::MAX, 9, 0), (0, usize::MAX, 194)]
    {
        let records = store.records(&case(1), from, max).unwrap();
        assert_eq!(records.len(), len, "{max} from {from}");
        assert!(records.iter().zip(from..).all(|(record, seq)| record.seq == seq));
    }
    assert_eq!(store.record_of(&case(1), 194).unwrap(), None);

    // A batch that does not continue what is stored changes nothing.
    let good = history.commit(&[(1, 3), (2, 1)]);
    type Edit = fn(&mut Batch);
    let edits: [(&str, Edit); 9] = [
        ("the watermark stays", |b| b.watermark = 7),
        ("the watermark falls", |b| b.watermark = 6),
        ("a record is missing", |b| _ = b.records.remove(1)),
        ("the first record is missing", |b| _ = b.records.remove(0)),
        ("a record comes twice", |b| b.records.insert(1, b.records[0])),
        ("records are swapped", |b| b.records.swap(0, 1)),
        ("a case without its row", |b| _ = b.cases.remove(0)),
        ("a row that counts too many", |b| b.cases[1].records += 1),
        ("a row that counts beyond all", |b| b.cases[1].records = u64::MAX),
    ];
    for (name, edit) in edits {
        let mut bad = good.clone();
        edit(&mut bad);
        assert_eq!(store.apply(&bad).unwrap_err().code, Code::StoreDamaged, "{name}");
        assert_eq!(answers(&store).unwrap(), before, "{name}");
    }
    store.apply(&good).unwrap();
    assert_eq!(store.watermark().unwrap(), 8);

    store.clear().unwrap();
    assert_eq!(answers(&store).unwrap(), empty);
    store.apply(&History::default().commit(&[(1, 2)])).unwrap();
    assert_eq!(store.records(&case(1), 0, 9).unwrap().len(), 2);
}

/// The batches that a follower makes of commits.
fn merge(commits: Vec<Batch>) -> Vec<Batch> {
    let mut follower = Follower::new(commits.first().map_or(0, |first| first.watermark - 1));
    for commit in commits {
        follower.push(commit).unwrap();
    }
    std::iter::from_fn(|| follower.take()).collect()
}

fn sled_in(folder: &tempfile::TempDir) -> SledStore {
    let opened = SledStore::open(&folder.path().join("store"), "log").unwrap();
    assert_eq!(opened.rebuilt, None);
    opened.store
}

#[test]
fn memory_conforms() {
    conforms(MemoryStore::new());
}

#[test]
fn sled_conforms() {
    let folder = tempfile::tempdir().unwrap();
    conforms(sled_in(&folder));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn rebuilt_equals_followed(
        history in vec(vec((0u8..6, 0u64..40), 0..4), 1..40),
        groups in vec(1usize..9, 1..9),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut model = History::default();
        let commits: Vec<_> = history.iter().map(|changed| model.commit(changed)).collect();
        let mut followed = MemoryStore::new();
        for commit in &commits {
            followed.apply(commit).unwrap();
        }
        let expected = answers(&followed).unwrap();

        // Merged by groups as they happened to gather, closed and opened in between.
        let folder = tempfile::tempdir().unwrap();
        let mut store = sled_in(&folder);
        let (mut rest, cut) = (commits.as_slice(), cut.index(commits.len()));
        for (turn, group) in groups.iter().cycle().enumerate() {
            let (now, later) = rest.split_at((*group).min(rest.len()));
            for batch in merge(now.to_vec()) {
                store.apply(&batch).unwrap();
            }
            if turn == 2 {
                store.close().unwrap();
                store = sled_in(&folder);
            }
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(&answers(&store).unwrap(), &expected);

        // Given up after some commits, and followed anew.
        store.clear().unwrap();
        for commit in &commits[..cut] {
            store.apply(commit).unwrap();
        }
        store.clear().unwrap();
        let mut rebuilt = MemoryStore::new();
        for batch in merge(commits) {
            store.apply(&batch).unwrap();
            rebuilt.apply(&batch).unwrap();
        }
        prop_assert_eq!(&answers(&store).unwrap(), &expected);
        prop_assert_eq!(&answers(&rebuilt).unwrap(), &expected);
    }
}
