//! The Merkle tree of RFC 9162 section 2.1 over SHA-256: hashes, the tree, proofs and their verification.
//!
//! Works on digests alone and never learns what a leaf means; signatures and checkpoints lie elsewhere.
//! Begin with [`Tree`]; whoever only checks needs [`verify_inclusion`], [`verify_consistency`] and
//! [`verify_many`].

mod document;
mod many;
mod tree;
mod verify;

pub use document::{CHUNK_BYTES, DocumentHasher, DocumentId};
pub use many::{LEAVES_MAX, verify_many};
pub use tree::Tree;
pub use verify::{verify_consistency, verify_inclusion};

use crate::Digest;

/// The hash of a leaf: SHA-256 of the byte 0x00 and the leaf's bytes (RFC 9162 2.1.1).
pub fn leaf_hash(leaf: &[u8]) -> Digest {
    Digest::of_parts(&[&[LEAF_PREFIX], leaf])
}

/// The hash of an inner node: SHA-256 of the byte 0x01, the left and the right child (RFC 9162 2.1.1).
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    Digest::of_parts(&[&[NODE_PREFIX], left.as_bytes(), right.as_bytes()])
}

/// The root of the tree without leaves: SHA-256 of nothing (RFC 9162 2.1.1).
pub fn empty_root() -> Digest {
    Digest::of(b"")
}

/// The root over `leaves`, which are leaf hashes, in the memory of one digest a level (RFC 9162 2.1.2).
pub fn root_of(leaves: impl IntoIterator<Item = Digest>) -> Digest {
    // Perfect subtrees from the left, each larger than the next: one for each bit that is set in the count so far.
    let mut peaks: Vec<Digest> = Vec::new();
    for (count, leaf) in (0u64..).zip(leaves) {
        let mut peak = leaf;
        for _ in 0..count.trailing_ones() {
            if let Some(left) = peaks.pop() {
                peak = node_hash(&left, &peak);
            }
        }
        peaks.push(peak);
    }
    let root = peaks.into_iter().rev().reduce(|right, left| node_hash(&left, &right));
    root.unwrap_or_else(empty_root)
}

/// Domain separation of leaves from inner nodes (RFC 9162 2.1.1): without it a node could pass for a leaf.
const LEAF_PREFIX: u8 = 0;
const NODE_PREFIX: u8 = 1;

/// `k` of RFC 9162 2.1.1: the largest power of two smaller than `length`, which is at least 2.
const fn split(length: u64) -> u64 {
    1 << (u64::BITS - 1 - (length - 1).leading_zeros())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition of RFC 9162 2.1.1 word for word, for everything else to be compared with.
    pub(super) fn mth(leaves: &[Digest]) -> Digest {
        match leaves {
            [] => empty_root(),
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(usize::try_from(split(leaves.len() as u64)).unwrap());
                node_hash(&mth(left), &mth(right))
            }
        }
    }

    /// Distinct leaves of no meaning.
    pub(super) fn leaves(count: u64) -> Vec<Digest> {
        (0..count).map(|i| leaf_hash(&i.to_be_bytes())).collect()
    }

    #[test]
    fn split_is_the_largest_power_of_two_below() {
        for (length, k) in [(2, 1), (3, 2), (4, 2), (5, 4), (8, 4), (9, 8), (u64::MAX, 1 << 63)] {
            assert_eq!(split(length), k, "{length}");
        }
    }

    #[test]
    fn the_streamed_root_is_the_defined_one() {
        for count in 0..=130 {
            let leaves = leaves(count);
            assert_eq!(root_of(leaves.iter().copied()), mth(&leaves), "{count}");
        }
    }
}
