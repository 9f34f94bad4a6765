//! Where the desk looks cases and records up: in what is staged, else in the tail, else in the store.

use std::collections::BTreeSet;

use ogic_certs::event::HeadAt;
use ogic_certs::record::HeadLeaf;
use ogic_certs::{CaseId, EventId, Result};

use super::Desk;
use crate::case::Case;
use crate::log::Disk;
use crate::store::{RecordRow, Store};

/// How many records are read from the store at once when looking for a duplicate.
const LOOK_MAX: usize = 256;

/// A case that changed since the store last followed.
#[derive(Clone, Debug)]
pub(super) struct TailCase {
    pub(super) case: Case,
    /// Its records that the store does not have, in order.
    pub(super) rows: Vec<RecordRow>,
    /// The log's size when the case was taken from another home, else 0: the leaves of what was held before are older than
    /// their publication, and the store has them once it has followed so far.
    pub(super) taken: u64,
}

impl<D: Disk, S: Store> Desk<D, S> {
    /// The case as it stands, if this agency is its home.
    pub fn case(&self, id: &CaseId) -> Result<Option<Case>> {
        if let Some(tail) = self.tail.get(id) {
            return Ok(Some(tail.case.clone()));
        }
        self.store.case(id)?.map(|row| Case::from_row(&row.state)).transpose()
    }

    /// Every home case in order of id: the store's rows, overlaid by the tail.
    pub fn cases(&self) -> Result<Vec<Case>> {
        const PAGE: usize = 256;
        let mut cases = Vec::new();
        let mut new: BTreeSet<CaseId> = self.tail.keys().copied().collect();
        let mut after = None;
        loop {
            let rows = self.store.cases(after, PAGE)?;
            for row in &rows {
                new.remove(&row.case);
                cases.push(match self.tail.get(&row.case) {
                    Some(tail) => tail.case.clone(),
                    None => Case::from_row(&row.state)?,
                });
            }
            after = rows.last().map(|row| row.case);
            if rows.len() < PAGE {
                break;
            }
        }
        cases.extend(new.iter().filter_map(|id| self.tail.get(id)).map(|tail| tail.case.clone()));
        cases.sort_by_key(|case| case.id);
        Ok(cases)
    }

    /// The row of a published record.
    pub fn row(&self, case: &CaseId, seq: u64) -> Result<Option<RecordRow>> {
        if let Some(tail) = self.tail.get(case)
            && let Some(row) = tail.rows.iter().find(|row| row.seq == seq)
        {
            return Ok(Some(*row));
        }
        self.store.record_of(case, seq)
    }

    /// At most `max` published rows from `from` on.
    pub fn rows(&self, case: &CaseId, from: u64, max: usize) -> Result<Vec<RecordRow>> {
        let mut rows = self.store.records(case, from, max)?;
        let next = rows.last().map_or(from, |row| row.seq + 1);
        if let Some(tail) = self.tail.get(case) {
            // A gap cannot be: the tail begins where the store ends, and overlaps it while the store catches up.
            rows.extend(tail.rows.iter().filter(|row| row.seq >= next).take(max - rows.len()));
        }
        Ok(rows)
    }

    /// Looks for `event` among the published records of `case` after `seq`: a duplicate can lie nowhere else, since its
    /// author could not have named a head that came later.
    pub(super) fn find_after(
        &self,
        case: &CaseId,
        seq: Option<u64>,
        event: EventId,
    ) -> Result<Option<RecordRow>> {
        let mut from = seq.map_or(0, |seq| seq.saturating_add(1));
        let recent = self.recent.from(case);
        if let Some(row) = self.recent.find(case, &event).filter(|row| row.seq >= from) {
            return Ok(Some(row));
        }
        loop {
            if recent.is_some_and(|recent| recent <= from) {
                return Ok(None);
            }
            let rows = self.rows(case, from, LOOK_MAX)?;
            if let Some(row) = rows.iter().find(|row| row.event == event) {
                return Ok(Some(*row));
            }
            match rows.last() {
                Some(last) if rows.len() == LOOK_MAX => from = last.seq + 1,
                _ => return Ok(None),
            }
        }
    }

    /// The head leaf of a home case as published.
    pub(super) fn head_leaf(&self, case: &Case) -> Result<Option<HeadLeaf>> {
        let HeadAt { seq, record } = case.head;
        Ok(self.row(&case.id, seq)?.map(|row| HeadLeaf { case: case.id, seq, record, index: row.leaf }))
    }

    /// The store has followed up to `watermark` leaves: what it now answers leaves the tail.
    pub(super) fn followed(&mut self, watermark: u64) {
        self.tail.retain(|_, tail| {
            let taken = tail.taken;
            tail.rows.retain(|row| row.leaf >= watermark || taken > watermark);
            !tail.rows.is_empty()
        });
    }
}
