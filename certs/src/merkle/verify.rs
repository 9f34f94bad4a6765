//! Verification of the proofs of one leaf and of consistency, as RFC 9162 2.1.3.2 and 2.1.4.2 lay it down.
//!
//! The right length of a proof follows from index and sizes alone and is checked before anything is hashed.

use super::{empty_root, node_hash, split};
use crate::{Code, Digest, Problem, Result};

/// Checks that the leaf hash `leaf` stands at `index` in the tree of `size` leaves under `root` (RFC 9162
/// 2.1.3.2). `ProofInvalid` if it does not, or if the proof is a digest too short or too long.
pub fn verify_inclusion(leaf: &Digest, index: u64, size: u64, root: &Digest, proof: &[Digest]) -> Result<()> {
    if index >= size {
        return Err(invalid("index", index, format!("less than {size}")));
    }
    check_length(proof, inclusion_length(index, size))?;
    // Steps 2 to 4: `place` and `last` are the positions of our node and of the last node on one level.
    let (mut place, mut last) = (index, size - 1);
    let mut node = *leaf;
    for sibling in proof {
        if place & 1 == 1 || place == last {
            node = node_hash(sibling, &node);
            // A last node without a sibling is lifted unchanged until it is a right child.
            let lift = lift(place);
            place >>= lift;
            last >>= lift;
        } else {
            node = node_hash(&node, sibling);
        }
        place >>= 1;
        last >>= 1;
    }
    // Step 5.
    if last != 0 {
        return Err(invalid("proof", "a proof that ends below the root", "one that reaches it"));
    }
    check_root("root", &node, root)
}

/// Checks that the tree of `old` leaves under `old_root` is the beginning of the tree of `new` leaves under
/// `new_root` (RFC 9162 2.1.4.2). An empty old tree and equal sizes have the empty proof. `ProofInvalid`
/// otherwise, or if the proof is a digest too short or too long.
pub fn verify_consistency(
    old: u64,
    new: u64,
    old_root: &Digest,
    new_root: &Digest,
    proof: &[Digest],
) -> Result<()> {
    if old > new {
        return Err(invalid("old size", old, format!("at most {new}")));
    }
    check_length(proof, consistency_length(old, new))?;
    if old == 0 {
        return check_root("old root", &empty_root(), old_root);
    }
    if old == new {
        return check_root("root", old_root, new_root);
    }
    // Steps 2 to 4: a power of two is a subtree of the new tree, so its root is where both begin.
    let (first, rest) = match proof {
        _ if old.is_power_of_two() => (old_root, proof),
        [first, rest @ ..] => (first, rest),
        [] => return Err(invalid("proof", "no digest", "at least one")),
    };
    let (mut place, mut last) = (old - 1, new - 1);
    let skip = place.trailing_ones();
    place >>= skip;
    last >>= skip;
    // Steps 5 and 6: the old root is hashed from what lies to the left, the new one from both sides.
    let (mut from_old, mut from_new) = (*first, *first);
    for sibling in rest {
        if place & 1 == 1 || place == last {
            from_old = node_hash(sibling, &from_old);
            from_new = node_hash(sibling, &from_new);
            let lift = lift(place);
            place >>= lift;
            last >>= lift;
        } else {
            from_new = node_hash(&from_new, sibling);
        }
        place >>= 1;
        last >>= 1;
    }
    // Step 7.
    if last != 0 {
        return Err(invalid("proof", "a proof that ends below the root", "one that reaches it"));
    }
    check_root("old root", &from_old, old_root)?;
    check_root("new root", &from_new, new_root)
}

/// How many levels a node rises until it is a right child; none if it is one, or the leftmost of all.
const fn lift(place: u64) -> u32 {
    if place == 0 { 0 } else { place.trailing_zeros() }
}

/// A proof that does not prove.
pub(super) fn invalid(field: &'static str, found: impl ToString, expected: impl Into<String>) -> Problem {
    Problem::new(Code::ProofInvalid, field).found(found.to_string()).expected(expected)
}

/// Compares the number of digests with what index and sizes demand.
pub(super) fn check_length(proof: &[Digest], expected: usize) -> Result<()> {
    if proof.len() == expected {
        Ok(())
    } else {
        Err(invalid("proof", format!("{} digests", proof.len()), expected.to_string()))
    }
}

/// Compares a recomputed root with the one that was signed.
pub(super) fn check_root(field: &'static str, found: &Digest, expected: &Digest) -> Result<()> {
    if found == expected { Ok(()) } else { Err(invalid(field, found, expected.to_string())) }
}

/// How many siblings `PATH(index, D_size)` has (RFC 9162 2.1.3.1): one a level while the path lies within
/// the tree, then, along the right edge, one for each left neighbour.
fn inclusion_length(index: u64, size: u64) -> usize {
    let inner = u64::BITS - (index ^ (size - 1)).leading_zeros();
    let edge = index.checked_shr(inner).unwrap_or(0).count_ones();
    (inner + edge) as usize
}

/// How many digests `PROOF(old, D_new)` has (RFC 9162 2.1.4.1), by its recursion of at most 64 steps.
fn consistency_length(old: u64, new: u64) -> usize {
    if old == 0 {
        return 0;
    }
    let (mut start, mut end, mut length) = (0, new, 0);
    while end > old {
        let middle = start + split(end - start);
        if old <= middle {
            end = middle;
        } else {
            start = middle;
        }
        length += 1;
    }
    length + usize::from(start > 0)
}

#[cfg(test)]
mod tests {
    use super::super::Tree;
    use super::super::tests::leaves;
    use super::*;

    const SIZE_MAX: u64 = 40;

    /// Every way to spoil a proof by one digest.
    fn spoiled(proof: &[Digest]) -> Vec<(String, Vec<Digest>)> {
        let mut all = Vec::new();
        for at in 0..proof.len() {
            let mut bytes = *proof[at].as_bytes();
            bytes[at % 32] ^= 1;
            let mut changed = proof.to_vec();
            changed[at] = Digest::from(bytes);
            all.push((format!("digest {at} changed"), changed));
            let mut dropped = proof.to_vec();
            dropped.remove(at);
            all.push((format!("digest {at} dropped"), dropped));
        }
        for at in 0..=proof.len() {
            let mut added = proof.to_vec();
            added.insert(at, *proof.get(at).unwrap_or(&Digest::ZERO));
            all.push((format!("digest added at {at}"), added));
        }
        all
    }

    #[test]
    fn every_inclusion_holds_and_no_spoiled_one_does() {
        let leaves = leaves(SIZE_MAX);
        let tree: Tree = leaves.iter().copied().collect();
        for size in 1..=SIZE_MAX {
            let root = tree.root_at(size).unwrap();
            for index in 0..size {
                let leaf = tree.leaf(index).unwrap();
                let proof = tree.inclusion(index, size).unwrap();
                verify_inclusion(&leaf, index, size, &root, &proof).unwrap();
                for (name, proof) in spoiled(&proof) {
                    let outcome = verify_inclusion(&leaf, index, size, &root, &proof);
                    assert_eq!(outcome.unwrap_err().code, Code::ProofInvalid, "{index} in {size}: {name}");
                }
                for (name, leaf, index, root) in [
                    ("another leaf", Digest::ZERO, index, root),
                    ("index = size", leaf, size, root),
                    ("another index", leaf, (index + 1) % size, root),
                    ("another root", leaf, index, Digest::ZERO),
                ] {
                    if size == 1 && name == "another index" {
                        continue;
                    }
                    let outcome = verify_inclusion(&leaf, index, size, &root, &proof);
                    assert_eq!(outcome.unwrap_err().code, Code::ProofInvalid, "{index} in {size}: {name}");
                }
            }
        }
    }

    #[test]
    fn every_consistency_holds_and_no_spoiled_one_does() {
        let leaves = leaves(SIZE_MAX);
        let tree: Tree = leaves.iter().copied().collect();
        for new in 0..=SIZE_MAX {
            let new_root = tree.root_at(new).unwrap();
            for old in 0..=new {
                let old_root = tree.root_at(old).unwrap();
                let proof = tree.consistency(old, new).unwrap();
                verify_consistency(old, new, &old_root, &new_root, &proof).unwrap();
                for (name, proof) in spoiled(&proof) {
                    let outcome = verify_consistency(old, new, &old_root, &new_root, &proof);
                    assert_eq!(outcome.unwrap_err().code, Code::ProofInvalid, "{old} to {new}: {name}");
                }
                let outcome = verify_consistency(old, new, &Digest::ZERO, &new_root, &proof);
                assert_eq!(outcome.unwrap_err().code, Code::ProofInvalid, "{old} to {new}: another old root");
                if old > 0 {
                    let outcome = verify_consistency(old, new, &old_root, &Digest::ZERO, &proof);
                    assert_eq!(outcome.unwrap_err().code, Code::ProofInvalid, "{old} to {new}: another root");
                }
            }
            let outcome = verify_consistency(new + 1, new, &new_root, &new_root, &[]);
            assert_eq!(outcome.unwrap_err().code, Code::ProofInvalid, "{new}: backwards");
        }
    }

    #[test]
    fn sizes_at_the_end_of_u64_are_refused_and_do_not_overflow() {
        let zero = Digest::ZERO;
        let all = [zero; 64];
        for (index, size) in
            [(0, u64::MAX), (u64::MAX - 1, u64::MAX), (1 << 63, u64::MAX), (u64::MAX, u64::MAX)]
        {
            for length in [0, 1, 63, 64] {
                assert!(
                    verify_inclusion(&zero, index, size, &zero, &all[..length]).is_err(),
                    "{index} {size}"
                );
                assert!(verify_consistency(index, size, &zero, &empty_root(), &all[..length]).is_err());
            }
        }
    }
}
