//! The store of a simulated agency: it outlives the process, and may be found older than it was left.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ogic_certs::{CaseId, Result};

use crate::store::{Batch, CaseRow, MemoryStore, RecordRow, Store};

/// A store that several owners hold, one after the other. Clones are handles to the same rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Shelf(Arc<Mutex<MemoryStore>>);

impl Shelf {
    /// The rows as they are now.
    pub(super) fn copy(&self) -> MemoryStore {
        self.lock().clone()
    }

    /// Other rows in place of these.
    pub(super) fn put(&self, store: MemoryStore) {
        *self.lock() = store;
    }

    fn lock(&self) -> MutexGuard<'_, MemoryStore> {
        // A batch is applied whole or not at all, so that a panic leaves nothing half-done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for Shelf {
    fn watermark(&self) -> Result<u64> {
        self.lock().watermark()
    }

    fn case(&self, case: &CaseId) -> Result<Option<CaseRow>> {
        self.lock().case(case)
    }

    fn cases(&self, after: Option<CaseId>, max: usize) -> Result<Vec<CaseRow>> {
        self.lock().cases(after, max)
    }

    fn records(&self, case: &CaseId, from_seq: u64, max: usize) -> Result<Vec<RecordRow>> {
        self.lock().records(case, from_seq, max)
    }

    fn apply(&mut self, batch: &Batch) -> Result<()> {
        self.lock().apply(batch)
    }

    fn clear(&mut self) -> Result<()> {
        self.lock().clear()
    }
}
