//! What convicts: leaves and heads that all hold under one signed checkpoint and yet contradict one another.
//!
//! Looks at one frame only; whoever keeps frames compares them with one another.

use std::collections::BTreeMap;

use super::ReceiptFrame;
use crate::record::{HeadLeaf, Leaf, Record};
use crate::{CaseId, Code, Problem, Result};

impl ReceiptFrame {
    /// Proven leaves and heads must tell one story: in a log a case's sequence rises with the index, its
    /// records are chained, and its head is its last record.
    pub(super) fn check_agreement(&self, size: u64) -> Result<()> {
        let mut last: BTreeMap<CaseId, (u64, &Record)> = BTreeMap::new();
        for (index, record) in self.records() {
            if let Some((_, before)) = last.insert(record.case, (index, record)) {
                let is_after = record.seq > before.seq;
                let is_next = is_after && record.seq - before.seq == 1;
                if !is_after || (is_next && record.prev != before.digest()) {
                    return Err(fork("record", record.case, record.seq, before.seq));
                }
            }
        }
        let mut case_before = None;
        for (_, head) in &self.heads {
            if case_before.replace(head.case) >= Some(head.case) {
                return Err(Problem::new(Code::ForkDetected, "heads")
                    .found(format!("case {} out of order", head.case))
                    .expected("one head a case, in order of case"));
            }
            if head.index >= size {
                return Err(Problem::new(Code::ProofInvalid, "heads")
                    .found(format!("a head at {}", head.index))
                    .expected(format!("a place below {size}")));
            }
            if !self.holds_at_its_place(head) {
                return Err(fork("head", head.case, head.seq, head.seq));
            }
            if let Some((index, record)) = last.get(&head.case) {
                // At its own place the head has just been compared; before it lies what is older.
                let agrees = if record.seq == head.seq {
                    *index == head.index
                } else {
                    record.seq < head.seq && *index < head.index
                };
                if !agrees {
                    return Err(fork("head", head.case, head.seq, record.seq));
                }
            }
        }
        Ok(())
    }

    /// Whether the leaf at the head's index, if it is shown here, is the record that the head names.
    fn holds_at_its_place(&self, head: &HeadLeaf) -> bool {
        // The proof has held, so the indices ascend.
        let place = self.leaves.binary_search_by_key(&head.index, |(index, _)| *index);
        match place.ok().and_then(|place| self.leaves.get(place)).map(|(_, leaf)| leaf) {
            None => true,
            Some(Leaf::Record(record)) => {
                record.case == head.case && record.seq == head.seq && record.digest() == head.record
            }
            Some(Leaf::Access(_) | Leaf::Notice(_)) => false,
        }
    }
}

fn fork(field: &'static str, case: CaseId, seq: u64, other: u64) -> Problem {
    Problem::new(Code::ForkDetected, field)
        .found(format!("case {case}: seq {seq} beside seq {other}"))
        .expected("one chain that ends at its head")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{case, frame, head_at, leaves, log_of};
    use super::*;
    use crate::Digest;

    #[test]
    fn proven_contradictions_convict() {
        type Edit = fn(&mut Vec<Leaf>, &mut Vec<HeadLeaf>);
        fn record(leaf: &mut Leaf) -> &mut Record {
            let Leaf::Record(record) = leaf else { unreachable!() };
            record
        }
        let edits: [(&str, Edit, Option<Code>); 9] = [
            ("nothing", |_, _| (), None),
            ("two records at one sequence", |l, _| record(&mut l[2]).seq = 0, Some(Code::ForkDetected)),
            ("a sequence that falls", |l, _| l.swap(4, 8), Some(Code::ForkDetected)),
            ("a broken chain", |l, _| record(&mut l[4]).prev = Digest::of(b""), Some(Code::ForkDetected)),
            ("a head before the last record", |l, h| h[0] = head_at(l, 16), Some(Code::ForkDetected)),
            ("a head of another record", |_, h| h[0].record = Digest::of(b""), Some(Code::ForkDetected)),
            ("a head of another sequence", |_, h| h[0].seq += 1, Some(Code::ForkDetected)),
            ("a head at another index", |_, h| h[0].index = 17, Some(Code::ForkDetected)),
            ("a head outside of the log", |_, h| h[0].index = 22, Some(Code::ProofInvalid)),
        ];
        for (name, edit, code) in edits {
            let mut leaves = leaves(20);
            let mut heads = vec![head_at(&leaves, 18), head_at(&leaves, 19)];
            edit(&mut leaves, &mut heads);
            let log = log_of(leaves, heads);
            let every: Vec<u64> = (0..22).collect();
            let frame = frame(&log, &every, &[case(0), case(1)]).unwrap();
            assert_eq!(frame.verify(&log.checkpoint).err().map(|problem| problem.code), code, "{name}");
        }
    }

    #[test]
    fn a_sequence_at_the_end_of_u64_does_not_overflow() {
        let mut leaves = leaves(4);
        for (index, seq) in [(0, u64::MAX - 1), (2, u64::MAX)] {
            let Leaf::Record(record) = &mut leaves[index] else { unreachable!() };
            record.seq = seq;
        }
        let log = log_of(leaves, Vec::new());
        let frame = frame(&log, &[0, 2], &[]).unwrap();
        assert_eq!(frame.verify(&log.checkpoint).unwrap_err().code, Code::ForkDetected);
    }
}
