//! A store in memory: for the simulator and for tests. It forgets everything when it is dropped.

use std::collections::BTreeMap;
use std::ops::Bound;

use ogic_certs::{CaseId, Result};

use super::{Batch, CaseRow, RecordRow, Store, changes};

/// Rows in memory, as many as there are.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MemoryStore {
    watermark: u64,
    cases: BTreeMap<CaseId, (CaseRow, Vec<RecordRow>)>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Store for MemoryStore {
    fn watermark(&self) -> Result<u64> {
        Ok(self.watermark)
    }

    fn case(&self, case: &CaseId) -> Result<Option<CaseRow>> {
        Ok(self.cases.get(case).map(|(row, _)| row.clone()))
    }

    fn cases(&self, after: Option<CaseId>, max: usize) -> Result<Vec<CaseRow>> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = self.cases.range((start, Bound::Unbounded)).take(max);
        Ok(rows.map(|(_, (row, _))| row.clone()).collect())
    }

    fn records(&self, case: &CaseId, from_seq: u64, max: usize) -> Result<Vec<RecordRow>> {
        let records = self.cases.get(case).map_or(&[][..], |(_, records)| records);
        let from = usize::try_from(from_seq).unwrap_or(usize::MAX);
        Ok(records.iter().skip(from).take(max).copied().collect())
    }

    fn apply(&mut self, batch: &Batch) -> Result<()> {
        let stored = |case: &CaseId| Ok(self.cases.get(case).map_or(0, |(row, _)| row.records));
        for (case, change) in changes(batch, self.watermark, stored)? {
            let (row, records) = self.cases.entry(case).or_insert_with(|| (change.row.clone(), Vec::new()));
            row.clone_from(change.row);
            records.extend(change.records);
        }
        self.watermark = batch.watermark;
        Ok(())
    }

    fn clear(&mut self) -> Result<()> {
        *self = Self::new();
        Ok(())
    }
}
