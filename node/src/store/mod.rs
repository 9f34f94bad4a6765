//! The store: where an agency's cases are looked up. Follows the journal, never leads it.
//!
//! It decodes no state and no entry, and nothing is ever true because it stands here: whatever is lost or doubtful is
//! rebuilt from the journal. Begin with [`Store`], whose comments are the contract; [`SledStore`] is the default,
//! [`MemoryStore`] serves the simulator, [`Follower`] gathers commits into the large batches that sled wants.

mod block;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod faults;
mod follow;
mod mark;
mod memory;
mod sled;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use ogic_certs::{CaseId, Code, Digest, EventId, Problem, Result};

pub use self::follow::Follower;
pub use self::mark::Reason;
pub use self::memory::MemoryStore;
pub use self::sled::{Opened, SledStore};
pub use crate::log::Position;

/// Where an agency's cases are looked up: rows of cases and of their records, and how far the journal was followed.
///
/// - *Durable when?* Never of necessity. After a crash a store may have forgotten its newest batches, or everything;
///   [`Store::watermark`] says from which commit of the journal to go on.
/// - *Atomic with what?* A batch with its watermark: after a crash all of a batch is there, or nothing of it.
///   Between two calls nobody else writes: an implementation holds its folder alone.
/// - *Which error means what?* `StoreDamaged`: what is stored cannot be used, or a batch does not continue it; nothing
///   else will help, so [`Store::clear`] it and follow the journal from its first commit. `DiskFull`: as before, once
///   there is room. `DiskFailed`: the folder itself cannot be worked with, and an operator must look.
///   That a case or record is not there is never an error.
///
/// The owner compares the watermark with the journal when both are open: a store that is ahead of its journal
/// followed something else, and is cleared.
pub trait Store: Send {
    /// Number of commits that were applied; 0 for an empty store.
    fn watermark(&self) -> Result<u64>;

    /// The row of a case.
    fn case(&self, case: &CaseId) -> Result<Option<CaseRow>>;

    /// At most `max` rows of cases in order of id, those behind `after`. Fewer than `max`: there are no more.
    fn cases(&self, after: Option<CaseId>, max: usize) -> Result<Vec<CaseRow>>;

    /// At most `max` records of a case in order of sequence, from `from_seq` on. Fewer than `max`: there are no more.
    fn records(&self, case: &CaseId, from_seq: u64, max: usize) -> Result<Vec<RecordRow>>;

    /// The record of a case with the sequence `seq`.
    fn record_of(&self, case: &CaseId, seq: u64) -> Result<Option<RecordRow>> {
        Ok(self.records(case, seq, 1)?.pop())
    }

    /// Applies one or several commits whole.
    ///
    /// The watermark rises; the records of a case continue those that are stored, from 0, without a gap; a case with
    /// records has its row in the same batch, and the row counts them all. Otherwise `StoreDamaged`, and the store is
    /// as it was. After any other error every call answers `StoreDamaged` until the store is cleared.
    fn apply(&mut self, batch: &Batch) -> Result<()>;

    /// Forgets everything, whatever state it is in: the watermark is 0 again.
    fn clear(&mut self) -> Result<()>;
}

/// A case as it stands after the commits that were applied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CaseRow {
    /// The case.
    pub case: CaseId,
    /// The folded case, in bytes that only `case` understands.
    pub state: Vec<u8>,
    /// Number of its records: the sequence that comes next.
    pub records: u64,
}

/// A record of a case: its digests, and where its bytes lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordRow {
    /// Sequence in the case, from 0.
    pub seq: u64,
    /// Digest of the record.
    pub record: Digest,
    /// Id of the event that it orders.
    pub event: EventId,
    /// Index of its leaf in the log's tree.
    pub leaf: u64,
    /// Where its entry lies in the journal.
    pub position: Position,
}

/// What one or several commits change.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Batch {
    /// Number of the last of these commits.
    pub watermark: u64,
    /// New and changed cases; of several rows of one case the last counts.
    pub cases: Vec<CaseRow>,
    /// New records; those of one case ascend without gaps.
    pub records: Vec<(CaseId, RecordRow)>,
}

/// What a batch changes in one case.
#[derive(Debug)]
struct Change<'a> {
    /// Records that are stored already.
    before: u64,
    row: &'a CaseRow,
    records: Vec<&'a RecordRow>,
}

/// Sorts a batch by case and checks that it continues what is stored, as [`Store::apply`] demands of it. `stored` tells
/// how many records of a case there are.
fn changes<'a>(
    batch: &'a Batch,
    watermark: u64,
    stored: impl Fn(&CaseId) -> Result<u64>,
) -> Result<BTreeMap<CaseId, Change<'a>>> {
    let refused = |field: &str, found: u64, expected: String| {
        Err(Problem::new(Code::StoreDamaged, field).found(found.to_string()).expected(expected))
    };
    if batch.watermark <= watermark {
        return refused("batch: watermark", batch.watermark, format!("above {watermark}"));
    }
    let mut changes = BTreeMap::new();
    for row in &batch.cases {
        match changes.entry(row.case) {
            Entry::Vacant(free) => {
                free.insert(Change { before: stored(&row.case)?, row, records: Vec::new() });
            }
            Entry::Occupied(mut known) => known.get_mut().row = row,
        }
    }
    for (case, record) in &batch.records {
        let Some(change) = changes.get_mut(case) else {
            return refused("batch: record", record.seq, format!("a row of case {case} beside it"));
        };
        let next = change.after();
        if record.seq != next {
            return refused("batch: sequence", record.seq, format!("{next} in case {case}"));
        }
        change.records.push(record);
    }
    for (case, change) in &changes {
        if change.row.records != change.after() {
            return refused(
                "batch: records",
                change.row.records,
                format!("{} in case {case}", change.after()),
            );
        }
    }
    Ok(changes)
}

impl Change<'_> {
    /// Records of the case after the batch. What is stored may be damaged, so that a sum may not overflow.
    fn after(&self) -> u64 {
        self.before.saturating_add(self.records.len() as u64)
    }
}
