//! What waits to be applied to the store: commits merged into few large batches, within bounds.
//!
//! It has no thread and touches no store: the owner pushes what each commit changed, and takes what to apply next.

use std::collections::{BTreeMap, VecDeque};

use ogic_certs::{CaseId, Code, Problem, Result};

use super::{Batch, CaseRow, RecordRow};

/// Rows of one merged batch: more gain nothing, since sled costs about a microsecond a record from here on.
const BATCH_ROWS_MAX: usize = 4096;
/// Bytes of one merged batch.
const BATCH_BYTES_MAX: usize = 4 << 20;
/// Bytes that may wait in all before the owner has to let the store catch up.
const WAITING_BYTES_MAX: usize = 32 << 20;

/// Merges commits for a store that follows.
#[derive(Debug, Default)]
pub struct Follower {
    waiting: VecDeque<Merged>,
    bytes: usize,
    /// Watermark of the newest commit that was pushed.
    pushed: u64,
}

/// Several commits as one. Of a case only the newest row is kept.
#[derive(Debug, Default)]
struct Merged {
    watermark: u64,
    cases: BTreeMap<CaseId, CaseRow>,
    records: Vec<(CaseId, RecordRow)>,
    bytes: usize,
}

impl Follower {
    /// A follower of a store whose watermark is `watermark`.
    pub fn new(watermark: u64) -> Self {
        Self { pushed: watermark, ..Self::default() }
    }

    /// Takes what one or several commits changed. It is always taken, since a commit that is durable cannot be taken
    /// back: the owner asks [`Follower::is_full`] before the next commit.
    ///
    /// Errors: `Internal` if the watermark does not rise.
    pub fn push(&mut self, batch: Batch) -> Result<()> {
        if batch.watermark <= self.pushed {
            return Err(Problem::new(Code::Internal, "follower: watermark")
                .found(batch.watermark.to_string())
                .expected(format!("above {}", self.pushed)));
        }
        self.pushed = batch.watermark;
        let mut last = self.waiting.pop_back().unwrap_or_default();
        self.bytes -= last.bytes;
        if !last.has_room_for(&batch) {
            self.bytes += last.bytes;
            self.waiting.push_back(last);
            last = Merged::default();
        }
        last.merge(batch);
        self.bytes += last.bytes;
        self.waiting.push_back(last);
        Ok(())
    }

    /// The oldest batch that waits. Until it is applied, its owner is the only one who has it, and gives it back by
    /// [`Follower::put_back`] if it could not be.
    pub fn take(&mut self) -> Option<Batch> {
        let merged = self.waiting.pop_front()?;
        self.bytes -= merged.bytes;
        Some(Batch {
            watermark: merged.watermark,
            cases: merged.cases.into_values().collect(),
            records: merged.records,
        })
    }

    /// Takes back the batch that was taken last and could not be applied: it is the oldest again.
    pub fn put_back(&mut self, batch: Batch) {
        let mut merged = Merged::default();
        merged.merge(batch);
        self.bytes += merged.bytes;
        self.waiting.push_front(merged);
    }

    /// Whether so much waits that no further commit should be made before a batch is taken.
    pub fn is_full(&self) -> bool {
        self.bytes >= WAITING_BYTES_MAX
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

impl Merged {
    /// An empty one has room for anything: a commit is never split.
    fn has_room_for(&self, batch: &Batch) -> bool {
        let rows = self.cases.len() + self.records.len();
        rows == 0
            || (rows + batch.cases.len() + batch.records.len() <= BATCH_ROWS_MAX
                && self.bytes + batch_bytes(batch) <= BATCH_BYTES_MAX)
    }

    fn merge(&mut self, batch: Batch) {
        self.watermark = batch.watermark;
        self.bytes += batch_bytes(&batch);
        self.records.extend(batch.records);
        for row in batch.cases {
            if let Some(older) = self.cases.insert(row.case, row) {
                self.bytes -= case_bytes(&older);
            }
        }
    }
}

fn batch_bytes(batch: &Batch) -> usize {
    batch.cases.iter().map(case_bytes).sum::<usize>() + size_of_val(batch.records.as_slice())
}

fn case_bytes(row: &CaseRow) -> usize {
    size_of::<CaseRow>() + row.state.len()
}

#[cfg(test)]
mod tests {
    use ogic_certs::Digest;

    use super::*;

    fn batch(watermark: u64, case: u8, state_bytes: usize) -> Batch {
        let row = CaseRow { case: CaseId(Digest::of(&[case])), state: vec![case; state_bytes], records: 0 };
        Batch { watermark, cases: vec![row], records: Vec::new() }
    }

    #[test]
    fn commits_are_merged_and_the_newest_row_counts() {
        let mut follower = Follower::new(4);
        assert!(follower.is_empty());
        for (watermark, case, state) in [(5, 1, 10), (6, 2, 20), (7, 1, 30)] {
            follower.push(batch(watermark, case, state)).unwrap();
        }
        let taken = follower.take().unwrap();
        assert_eq!(taken.watermark, 7);
        let mut states: Vec<_> = taken.cases.iter().map(|row| row.state.len()).collect();
        states.sort_unstable();
        assert_eq!(states, [20, 30]);
        assert_eq!((follower.take(), follower.bytes), (None, 0));
    }

    #[test]
    fn a_batch_is_bounded_in_rows_and_bytes_and_a_commit_is_never_split() {
        let mut follower = Follower::new(0);
        follower.push(batch(1, 1, 2 * BATCH_BYTES_MAX)).unwrap();
        follower.push(batch(2, 2, BATCH_BYTES_MAX / 2)).unwrap();
        follower.push(batch(3, 3, BATCH_BYTES_MAX / 4)).unwrap();
        follower.push(batch(4, 4, BATCH_BYTES_MAX / 2)).unwrap();
        let taken: Vec<_> = std::iter::from_fn(|| follower.take()).map(|batch| batch.watermark).collect();
        assert_eq!(taken, [1, 3, 4]);

        let mut many = batch(5, 1, 1);
        many.cases = vec![many.cases[0].clone(); BATCH_ROWS_MAX - 1];
        follower.push(many.clone()).unwrap();
        // Merged, they are one row; the sum of what comes is bounded all the same.
        follower.push(Batch { watermark: 6, ..many.clone() }).unwrap();
        follower.push(Batch { watermark: 7, ..many }).unwrap();
        let taken: Vec<_> = std::iter::from_fn(|| follower.take()).map(|batch| batch.watermark).collect();
        assert_eq!(taken, [7]);
    }

    #[test]
    fn a_full_follower_says_so_and_loses_nothing() {
        let mut follower = Follower::new(0);
        let mut watermark = 0;
        while !follower.is_full() {
            watermark += 1;
            follower.push(batch(watermark, watermark as u8, BATCH_BYTES_MAX)).unwrap();
        }
        assert_eq!(watermark, 8);
        follower.push(batch(9, 9, 1)).unwrap();
        follower.take().unwrap();
        assert!(!follower.is_full());
        assert_eq!(std::iter::from_fn(|| follower.take()).last().map(|batch| batch.watermark), Some(9));
    }

    #[test]
    fn a_batch_that_is_put_back_is_the_next_one_again() {
        let mut follower = Follower::new(0);
        follower.push(batch(1, 1, BATCH_BYTES_MAX)).unwrap();
        follower.push(batch(2, 2, BATCH_BYTES_MAX)).unwrap();
        let before = follower.bytes;
        let first = follower.take().unwrap();
        follower.put_back(first.clone());
        assert_eq!(follower.bytes, before);
        follower.push(batch(3, 3, 1)).unwrap();
        assert_eq!(follower.take(), Some(first));
        let rest: Vec<_> = std::iter::from_fn(|| follower.take()).map(|batch| batch.watermark).collect();
        assert_eq!((rest.last(), follower.bytes), (Some(&3), 0));
    }

    #[test]
    fn a_watermark_that_does_not_rise_is_our_bug() {
        let mut follower = Follower::new(4);
        assert_eq!(follower.push(batch(4, 1, 1)).unwrap_err().code, Code::Internal);
        follower.push(batch(6, 1, 1)).unwrap();
        assert_eq!(follower.push(batch(6, 1, 1)).unwrap_err().code, Code::Internal);
    }
}
