//! The append-only tree in memory, able to prove anything for its present and every earlier size.

use super::many::{Step, Walk, checked_indices};
use super::{empty_root, node_hash, split};
use crate::{Code, Digest, Problem, Result};

/// An append-only Merkle tree (RFC 9162 2.1) that keeps every complete subtree: about 64 bytes a leaf.
///
/// It never forgets or changes a leaf, so proofs for an earlier size stay what they were.
#[derive(Clone, Default)]
pub struct Tree {
    /// `levels[k][i]` is the root over the leaves `i << k` to `(i + 1) << k`.
    levels: Vec<Vec<Digest>>,
}

impl Tree {
    /// A tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a leaf hash (see [`super::leaf_hash`]) and returns its index.
    pub fn push(&mut self, leaf: Digest) -> u64 {
        let index = self.size();
        let mut node = leaf;
        for level in 0.. {
            if level == self.levels.len() {
                self.levels.push(Vec::new());
            }
            let nodes = &mut self.levels[level];
            nodes.push(node);
            // An even count completes a pair, whose parent belongs one level up.
            match nodes.as_slice() {
                [.., left, right] if nodes.len().is_multiple_of(2) => node = node_hash(left, right),
                _ => break,
            }
        }
        index
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// The root over all leaves; SHA-256 of nothing for the empty tree.
    pub fn root(&self) -> Digest {
        self.range_root(0, self.size())
    }

    /// The root as it was at `size` leaves; `None` for a size not yet reached.
    pub fn root_at(&self, size: u64) -> Option<Digest> {
        (size <= self.size()).then(|| self.range_root(0, size))
    }

    /// The leaf hash at `index`.
    pub fn leaf(&self, index: u64) -> Option<Digest> {
        self.levels.first()?.get(usize::try_from(index).ok()?).copied()
    }

    /// `PATH(index, D_size)` of RFC 9162 2.1.3.1: the siblings from the leaf up to the root.
    ///
    /// `ValueRefused` if the tree has not reached `size` or `index` lies at or beyond it.
    pub fn inclusion(&self, index: u64, size: u64) -> Result<Vec<Digest>> {
        self.check_size(size)?;
        if index >= size {
            return Err(refused("index", index, &format!("less than {size}")));
        }
        let mut proof = Vec::new();
        let (mut start, mut end) = (0, size);
        while end - start > 1 {
            let middle = start + split(end - start);
            if index < middle {
                proof.push(self.range_root(middle, end));
                end = middle;
            } else {
                proof.push(self.range_root(start, middle));
                start = middle;
            }
        }
        proof.reverse();
        Ok(proof)
    }

    /// `PROOF(old, D_new)` of RFC 9162 2.1.4.1; empty if `old` is 0 or equals `new`.
    ///
    /// `ValueRefused` if the tree has not reached `new` or `old` is larger than `new`.
    pub fn consistency(&self, old: u64, new: u64) -> Result<Vec<Digest>> {
        self.check_size(new)?;
        if old > new {
            return Err(refused("old size", old, &format!("at most {new}")));
        }
        let mut proof = Vec::new();
        if old == 0 {
            return Ok(proof);
        }
        let (mut start, mut end) = (0, new);
        // Ends where the range is a subtree of both trees; the verifier knows its hash if it is the old root.
        while end > old {
            let middle = start + split(end - start);
            if old <= middle {
                proof.push(self.range_root(middle, end));
                end = middle;
            } else {
                proof.push(self.range_root(start, middle));
                start = middle;
            }
        }
        if start > 0 {
            proof.push(self.range_root(start, end));
        }
        proof.reverse();
        Ok(proof)
    }

    /// The digests that prove the leaves at `indices` in the tree of `size` leaves at once, in the order of
    /// [`super::verify_many`], which also gives the bounds on `indices`.
    ///
    /// `ValueRefused` if the tree has not reached `size` or the indices are out of order or bounds.
    pub fn prove(&self, indices: &[u64], size: u64) -> Result<Vec<Digest>> {
        self.check_size(size)?;
        checked_indices(indices, size).map_err(|problem| Problem { code: Code::ValueRefused, ..problem })?;
        let given = Walk::new(indices, size).filter_map(|step| match step {
            Step::Given { start, end } => Some(self.range_root(start, end)),
            Step::Leaf | Step::Join => None,
        });
        Ok(given.collect())
    }

    /// The root over the leaves `start..end`, a range of RFC 9162's recursion that ends within the tree.
    ///
    /// Such a range is perfect, or ends where its whole tree does; both begin at a multiple of their largest
    /// power of two, so each bit set in the length is one complete subtree that is kept.
    fn range_root(&self, start: u64, end: u64) -> Digest {
        let mut root = None;
        let mut right = end;
        let mut length = end - start;
        while length > 0 {
            let level = length.trailing_zeros();
            length &= length - 1;
            right -= 1 << level;
            let left = &self.levels[place(u64::from(level))][place(right >> level)];
            root = Some(root.map_or(*left, |right| node_hash(left, &right)));
        }
        root.unwrap_or_else(empty_root)
    }

    fn check_size(&self, size: u64) -> Result<()> {
        if size <= self.size() {
            Ok(())
        } else {
            Err(refused("size", size, &format!("at most {}, the size of the log here", self.size())))
        }
    }
}

impl FromIterator<Digest> for Tree {
    /// The tree over leaf hashes in order.
    fn from_iter<I: IntoIterator<Item = Digest>>(leaves: I) -> Self {
        let mut tree = Self::new();
        tree.extend(leaves);
        tree
    }
}

impl Extend<Digest> for Tree {
    fn extend<I: IntoIterator<Item = Digest>>(&mut self, leaves: I) {
        for leaf in leaves {
            self.push(leaf);
        }
    }
}

impl std::fmt::Debug for Tree {
    /// Size and root; a log's millions of digests help nobody.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tree").field("size", &self.size()).field("root", &self.root()).finish()
    }
}

/// The place in a `Vec` of an index that its caller has compared with the tree's size.
fn place(index: u64) -> usize {
    usize::try_from(index).expect("an index below the length of a Vec")
}

fn refused(field: &'static str, found: u64, expected: &str) -> Problem {
    Problem::new(Code::ValueRefused, field).found(found.to_string()).expected(expected)
}

#[cfg(test)]
mod tests {
    use super::super::leaf_hash;
    use super::super::tests::{leaves, mth};
    use super::*;

    /// The eight leaves of the test vectors of certificate-transparency, whose answers follow.
    fn classic() -> Tree {
        let inputs: [&[u8]; 8] = [
            &[],
            &[0x00],
            &[0x10],
            &[0x20, 0x21],
            &[0x30, 0x31],
            &[0x40, 0x41, 0x42, 0x43],
            &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
            &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
        ];
        inputs.into_iter().map(leaf_hash).collect()
    }

    fn hex(digests: &[Digest]) -> Vec<String> {
        digests.iter().map(ToString::to_string).collect()
    }

    const EMPTY_LEAF: &str = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
    const SECOND: &str = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7";
    const TWO: &str = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125";
    const THIRD_FOURTH: &str = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";
    const FOUR: &str = "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7";
    const FIFTH: &str = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b";
    const FIFTH_SIXTH: &str = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a";
    const SEVENTH_EIGHTH: &str = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";
    const SECOND_HALF: &str = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4";

    #[test]
    fn roots_of_the_classic_vectors() {
        let roots = [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            EMPTY_LEAF,
            TWO,
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            FOUR,
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let tree = classic();
        for (size, root) in roots.into_iter().enumerate() {
            assert_eq!(tree.root_at(size as u64).unwrap().to_string(), root, "{size}");
        }
        assert_eq!(tree.root_at(9), None);
    }

    #[test]
    fn inclusion_of_the_classic_vectors() {
        let tree = classic();
        for (index, size, proof) in [
            (0, 1, vec![]),
            (0, 8, vec![SECOND, THIRD_FOURTH, SECOND_HALF]),
            (5, 8, vec![FIFTH, SEVENTH_EIGHTH, FOUR]),
            (2, 3, vec![TWO]),
            (1, 5, vec![EMPTY_LEAF, THIRD_FOURTH, FIFTH]),
        ] {
            assert_eq!(hex(&tree.inclusion(index, size).unwrap()), proof, "{index} in {size}");
        }
    }

    #[test]
    fn consistency_of_the_classic_vectors() {
        let tree = classic();
        for (old, new, proof) in [
            (1, 1, vec![]),
            (0, 8, vec![]),
            (1, 8, vec![SECOND, THIRD_FOURTH, SECOND_HALF]),
            (6, 8, vec![FIFTH_SIXTH, SEVENTH_EIGHTH, FOUR]),
            (2, 5, vec![THIRD_FOURTH, FIFTH]),
        ] {
            assert_eq!(hex(&tree.consistency(old, new).unwrap()), proof, "{old} to {new}");
        }
    }

    #[test]
    fn every_earlier_root_is_the_defined_one() {
        let leaves = leaves(130);
        let tree: Tree = leaves.iter().copied().collect();
        for size in 0..=leaves.len() {
            assert_eq!(tree.root_at(size as u64).unwrap(), mth(&leaves[..size]), "{size}");
        }
        assert_eq!(tree.root(), mth(&leaves));
        assert_eq!(tree.leaf(129), leaves.last().copied());
        assert_eq!(tree.leaf(130), None);
    }

    #[test]
    fn what_the_tree_has_not_reached_is_refused() {
        let tree = classic();
        for (name, outcome) in [
            ("inclusion beyond the tree", tree.inclusion(0, 9)),
            ("inclusion of index = size", tree.inclusion(8, 8)),
            ("inclusion in nothing", tree.inclusion(0, 0)),
            ("consistency beyond the tree", tree.consistency(1, 9)),
            ("consistency backwards", tree.consistency(5, 4)),
            ("many beyond the tree", tree.prove(&[0], 9)),
            ("many, index = size", tree.prove(&[7, 8], 8)),
            ("many, none", tree.prove(&[], 8)),
            ("many, twice the same", tree.prove(&[3, 3], 8)),
            ("many, descending", tree.prove(&[4, 3], 8)),
        ] {
            assert_eq!(outcome.unwrap_err().code, Code::ValueRefused, "{name}");
        }
    }
}
