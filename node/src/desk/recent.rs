//! Records that this process has published, by event: where a duplicate is looked for before the store is asked.
//!
//! A sender's events name the head that it knew, and many are on their way at once; without this each of them would read
//! from the store all that came in between. Nothing is true because it stands here: it only spares looks at the store,
//! and what it does not cover is looked up there.

use std::collections::HashMap;

use ogic_certs::{CaseId, EventId};

use crate::store::RecordRow;

/// Most records that are remembered; when there are more, it begins anew.
const RECORDS_MAX: usize = 1 << 16;

/// The memory.
#[derive(Debug, Default)]
pub(super) struct Recent {
    cases: HashMap<CaseId, Run>,
    records: usize,
}

/// An unbroken run of a case's newest records.
#[derive(Debug)]
struct Run {
    /// Sequence of its first record.
    from: u64,
    rows: HashMap<EventId, RecordRow>,
}

impl Recent {
    /// Records of `case` were published, in order; nothing of it was published since without being told here.
    pub(super) fn add(&mut self, case: CaseId, rows: &[RecordRow]) {
        if self.records.saturating_add(rows.len()) > RECORDS_MAX {
            *self = Self::default();
        }
        let Some(first) = rows.first().filter(|_| rows.len() <= RECORDS_MAX) else { return };
        let begun = || Run { from: first.seq, rows: HashMap::new() };
        let run = self.cases.entry(case).or_insert_with(begun);
        if run.from + run.rows.len() as u64 != first.seq {
            self.records -= run.rows.len();
            *run = begun();
        }
        run.rows.extend(rows.iter().map(|row| (row.event, *row)));
        self.records += rows.len();
    }

    /// From which sequence on every record of `case` is here.
    pub(super) fn from(&self, case: &CaseId) -> Option<u64> {
        self.cases.get(case).map(|run| run.from)
    }

    /// The record of `event`, if it is here.
    pub(super) fn find(&self, case: &CaseId, event: &EventId) -> Option<RecordRow> {
        self.cases.get(case)?.rows.get(event).copied()
    }
}

#[cfg(test)]
mod tests {
    use ogic_certs::Digest;

    use super::*;
    use crate::log::Position;

    fn case(n: u8) -> CaseId {
        CaseId(Digest::of(&[n]))
    }

    fn event(n: u64) -> EventId {
        EventId(Digest::of(&n.to_be_bytes()))
    }

    fn rows(seqs: std::ops::Range<u64>) -> Vec<RecordRow> {
        let position = Position { segment: 1, offset: 0, bytes: 1 };
        let row = |seq| RecordRow { seq, record: Digest::ZERO, event: event(seq), leaf: seq, position };
        seqs.map(row).collect()
    }

    #[test]
    fn a_run_goes_on_or_begins_anew_and_says_from_where_it_is_whole() {
        let mut recent = Recent::default();
        assert_eq!((recent.from(&case(1)), recent.find(&case(1), &event(3))), (None, None));
        recent.add(case(1), &[]);
        assert_eq!(recent.from(&case(1)), None);
        recent.add(case(1), &rows(3..5));
        recent.add(case(1), &rows(5..6));
        recent.add(case(2), &rows(0..1));
        assert_eq!((recent.from(&case(1)), recent.from(&case(2))), (Some(3), Some(0)));
        assert_eq!(recent.find(&case(1), &event(5)).map(|row| row.seq), Some(5));
        assert_eq!(recent.find(&case(2), &event(5)), None);
        // What lies between was not told: the run covers what came after it alone.
        recent.add(case(1), &rows(9..10));
        assert_eq!((recent.from(&case(1)), recent.find(&case(1), &event(5))), (Some(9), None));
        assert_eq!(recent.records, 2);
    }

    #[test]
    fn it_is_bounded() {
        let mut recent = Recent::default();
        recent.add(case(1), &rows(0..RECORDS_MAX as u64));
        recent.add(case(2), &rows(0..1));
        assert_eq!((recent.from(&case(1)), recent.from(&case(2)), recent.records), (None, Some(0), 1));
        recent.add(case(3), &rows(0..RECORDS_MAX as u64 + 1));
        assert_eq!((recent.from(&case(3)), recent.records), (None, 0));
    }
}
