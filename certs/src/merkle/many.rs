//! One proof for many leaves of one tree: what lies between the leaves, each digest once.
//!
//! RFC 9162 has no such proof; the order of its digests is ours and follows from the RFC's own recursion.

use super::node_hash;
use super::split;
use super::verify::{check_length, check_root, invalid};
use crate::{Digest, Result};

/// Most leaves in one proof: as many as one frame has messages.
pub const LEAVES_MAX: usize = 512;

/// Checks that every `(index, leaf hash)` stands in the tree of `size` leaves under `root`.
///
/// The proof is the list of digests that a walk over the range `0..size` meets: a range with proven leaves
/// is split at the largest power of two below its length (RFC 9162 2.1.1) and walked left first; a range
/// without a proven leaf gives its root to the list; a range that is one proven leaf gives nothing. Exactly
/// the list is consumed. Time and memory grow with leaves × log(size), never with size.
///
/// `ProofInvalid` unless there are 1 to [`LEAVES_MAX`] leaves, strictly ascending and below `size`, the list
/// has the length that these indices demand (checked before anything is hashed), and the root comes out.
pub fn verify_many(leaves: &[(u64, Digest)], size: u64, root: &Digest, proof: &[Digest]) -> Result<()> {
    check_count(leaves.len())?;
    let indices: Vec<u64> = leaves.iter().map(|(index, _)| *index).collect();
    checked_indices(&indices, size)?;
    let given = Walk::new(&indices, size).filter(|step| matches!(step, Step::Given { .. })).count();
    check_length(proof, given)?;

    let (mut leaves, mut proof) = (leaves.iter(), proof.iter());
    let mut nodes: Vec<Digest> = Vec::new();
    for step in Walk::new(&indices, size) {
        let node = match step {
            Step::Given { .. } => proof.next().copied(),
            Step::Leaf => leaves.next().map(|(_, leaf)| *leaf),
            Step::Join => nodes.pop().and_then(|right| nodes.pop().map(|left| node_hash(&left, &right))),
        };
        // The counts were compared above, so nothing runs out; were it to, the proof would not hold.
        nodes.push(node.ok_or_else(|| invalid("proof", "too few digests", "as many as the indices demand"))?);
    }
    match nodes.as_slice() {
        [computed] => check_root("root", computed, root),
        _ => Err(invalid("proof", format!("{} roots", nodes.len()), "one")),
    }
}

/// Refuses indices that are none, too many, not strictly ascending, or not below `size`.
pub(super) fn checked_indices(indices: &[u64], size: u64) -> Result<()> {
    check_count(indices.len())?;
    if let Some(pair) = indices.windows(2).find(|pair| pair[0] >= pair[1]) {
        return Err(invalid("index", format!("{} after {}", pair[1], pair[0]), "strictly ascending indices"));
    }
    match indices.last() {
        Some(last) if *last >= size => Err(invalid("index", last, format!("less than {size}"))),
        _ => Ok(()),
    }
}

fn check_count(count: usize) -> Result<()> {
    if (1..=LEAVES_MAX).contains(&count) {
        Ok(())
    } else {
        Err(invalid("leaves", count, format!("1 to {LEAVES_MAX}")))
    }
}

/// One step towards the root on a stack of digests.
pub(super) enum Step {
    /// Push the root of this range, which holds no proven leaf: the next digest of the list.
    Given {
        /// First leaf of the range.
        start: u64,
        /// One past its last leaf.
        end: u64,
    },
    /// Push the next proven leaf.
    Leaf,
    /// Replace the two topmost by their parent.
    Join,
}

/// The walk as a sequence of steps, for maker and verifier alike. Its own stack is at most three entries for
/// each of the 64 levels that a tree can have.
pub(super) struct Walk<'a> {
    ahead: Vec<Ahead<'a>>,
}

enum Ahead<'a> {
    Range { start: u64, end: u64, proven: &'a [u64] },
    Join,
}

impl<'a> Walk<'a> {
    /// Over `0..size`; the indices have been through [`checked_indices`].
    pub(super) fn new(indices: &'a [u64], size: u64) -> Self {
        Self { ahead: vec![Ahead::Range { start: 0, end: size, proven: indices }] }
    }
}

impl Iterator for Walk<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        loop {
            match self.ahead.pop()? {
                Ahead::Join => return Some(Step::Join),
                Ahead::Range { start, end, proven: [] } => return Some(Step::Given { start, end }),
                Ahead::Range { start, end, .. } if end - start == 1 => return Some(Step::Leaf),
                Ahead::Range { start, end, proven } => {
                    let middle = start + split(end - start);
                    let (left, right) = proven.split_at(proven.partition_point(|index| *index < middle));
                    self.ahead.push(Ahead::Join);
                    self.ahead.push(Ahead::Range { start: middle, end, proven: right });
                    self.ahead.push(Ahead::Range { start, end: middle, proven: left });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Tree;
    use super::super::tests::{leaves, mth};
    use super::*;
    use crate::Code;

    fn proven(tree: &Tree, indices: &[u64]) -> Vec<(u64, Digest)> {
        indices.iter().map(|index| (*index, tree.leaf(*index).unwrap())).collect()
    }

    /// The definition as its sentence reads, over the leaves themselves.
    fn defined(leaves: &[Digest], start: u64, indices: &[u64], list: &mut Vec<Digest>) {
        let end = start + leaves.len() as u64;
        if !indices.iter().any(|index| (start..end).contains(index)) {
            list.push(mth(leaves));
        } else if leaves.len() > 1 {
            let middle = split(leaves.len() as u64);
            let (left, right) = leaves.split_at(usize::try_from(middle).unwrap());
            defined(left, start, indices, list);
            defined(right, start + middle, indices, list);
        }
    }

    fn refused(leaves: &[(u64, Digest)], size: u64, root: &Digest, proof: &[Digest], name: &str) {
        let outcome = verify_many(leaves, size, root, proof);
        assert_eq!(outcome.unwrap_err().code, Code::ProofInvalid, "{name}");
    }

    #[test]
    fn every_pair_of_every_size_holds_and_no_spoiled_proof_does() {
        let all = leaves(40);
        let tree: Tree = all.iter().copied().collect();
        for size in 1..=40u64 {
            let root = tree.root_at(size).unwrap();
            for (first, second) in
                (0..size).flat_map(|first| (first..size).map(move |second| (first, second)))
            {
                let indices = if first == second { vec![first] } else { vec![first, second] };
                let leaves = proven(&tree, &indices);
                let proof = tree.prove(&indices, size).unwrap();
                let mut list = Vec::new();
                defined(&all[..usize::try_from(size).unwrap()], 0, &indices, &mut list);
                assert_eq!(proof, list, "{indices:?} in {size}");
                verify_many(&leaves, size, &root, &proof).unwrap();
                for at in 0..proof.len() {
                    let mut changed = proof.clone();
                    changed[at] = Digest::of(proof[at].as_bytes());
                    refused(&leaves, size, &root, &changed, "changed");
                    let mut dropped = proof.clone();
                    dropped.remove(at);
                    refused(&leaves, size, &root, &dropped, "dropped");
                    let mut doubled = proof.clone();
                    doubled.insert(at, proof[at]);
                    refused(&leaves, size, &root, &doubled, "doubled");
                }
                let mut longer = proof.clone();
                longer.push(root);
                refused(&leaves, size, &root, &longer, "longer");
                let mut other = leaves.clone();
                other[0].1 = Digest::ZERO;
                refused(&other, size, &root, &proof, "another leaf");
            }
        }
    }

    #[test]
    fn one_leaf_is_proven_by_its_siblings() {
        let tree: Tree = leaves(40).into_iter().collect();
        for index in 0..40 {
            let mut siblings = tree.inclusion(index, 40).unwrap();
            let mut many = tree.prove(&[index], 40).unwrap();
            siblings.sort_unstable();
            many.sort_unstable();
            assert_eq!(siblings, many, "{index}");
        }
    }

    #[test]
    fn bad_indices_are_refused_before_hashing() {
        let tree: Tree = leaves(600).into_iter().collect();
        let root = tree.root();
        let every: Vec<u64> = (0..600).collect();
        for (name, indices) in [
            ("none", vec![]),
            ("twice", vec![3, 3]),
            ("descending", vec![4, 3]),
            ("at the size", vec![599, 600]),
            ("far beyond", vec![u64::MAX]),
            ("one too many", every[..=LEAVES_MAX].to_vec()),
        ] {
            let leaves: Vec<_> = indices.iter().map(|index| (*index, Digest::ZERO)).collect();
            refused(&leaves, 600, &root, &[], name);
        }
        let most = &every[..LEAVES_MAX];
        let proof = tree.prove(most, 600).unwrap();
        verify_many(&proven(&tree, most), 600, &root, &proof).unwrap();
    }

    #[test]
    fn the_largest_size_costs_no_more_than_its_levels() {
        let indices: Vec<u64> = (0..LEAVES_MAX as u64).map(|i| i * (u64::MAX / LEAVES_MAX as u64)).collect();
        let steps = Walk::new(&indices, u64::MAX).count();
        assert!(steps <= LEAVES_MAX * 64 * 3, "{steps}");
        let leaves: Vec<_> = indices.iter().map(|index| (*index, Digest::ZERO)).collect();
        refused(&leaves, u64::MAX, &Digest::ZERO, &[Digest::ZERO; 100], "too short");
    }

    proptest! {
        #[test]
        fn any_set_of_leaves_of_any_size_holds(
            size in 1u64..700,
            picks in proptest::collection::btree_set(0u64..700, 1..60),
        ) {
            let tree: Tree = leaves(700).into_iter().collect();
            let indices: Vec<u64> = picks.into_iter().filter(|index| *index < size).collect();
            prop_assume!(!indices.is_empty());
            let leaves = proven(&tree, &indices);
            let proof = tree.prove(&indices, size).unwrap();
            let root = tree.root_at(size).unwrap();
            prop_assert!(verify_many(&leaves, size, &root, &proof).is_ok());
            if size < 700 {
                let next = tree.root_at(size + 1).unwrap();
                prop_assert!(verify_many(&leaves, size + 1, &next, &proof).is_err() );
            }
        }

        #[test]
        fn nothing_from_outside_panics(
            indices in proptest::collection::vec(any::<u64>(), 0..6),
            size in any::<u64>(),
            length in 0usize..200,
        ) {
            let leaves: Vec<_> = indices.iter().map(|index| (*index, Digest::ZERO)).collect();
            prop_assert!(verify_many(&leaves, size, &Digest::ZERO, &vec![Digest::ZERO; length]).is_err());
        }
    }
}
