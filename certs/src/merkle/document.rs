//! The two ids of a document, computed in one pass and without holding it: SHA-256 of the whole, and the
//! RFC 9162 root over its chunks, by which a transfer is verified as it goes.

use ring::digest::{Context, SHA256};

use super::{LEAF_PREFIX, root_of};
use crate::{Code, Digest, Problem, Result};

/// Length of every chunk of a document but the last, which is shorter or equal and never empty.
pub const CHUNK_BYTES: usize = 1 << 20;

/// How a document is named: both digests and its length.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct DocumentId {
    /// SHA-256 of the whole, as `sha256sum` prints it.
    pub sha256: Digest,
    /// The RFC 9162 root whose leaves are the chunks; SHA-256 of nothing for an empty document.
    pub root: Digest,
    /// Length in bytes.
    pub bytes: u64,
}

impl DocumentId {
    /// How many chunks the document has.
    pub const fn chunk_count(&self) -> u64 {
        self.bytes.div_ceil(CHUNK_BYTES as u64)
    }

    /// Checks a list of chunk leaf hashes against count and root; afterwards each chunk can be compared with
    /// its own. `DigestMismatch` if they are not those of this document.
    pub fn check_chunks(&self, chunks: &[Digest]) -> Result<()> {
        if chunks.len() as u64 != self.chunk_count() {
            return Err(Problem::new(Code::DigestMismatch, "chunks")
                .found(chunks.len().to_string())
                .expected(self.chunk_count().to_string()));
        }
        let root = root_of(chunks.iter().copied());
        if root == self.root {
            Ok(())
        } else {
            Err(Problem::new(Code::DigestMismatch, "chunks")
                .found(root.to_string())
                .expected(self.root.to_string()))
        }
    }
}

/// Computes a [`DocumentId`] from bytes as they come. Holds 32 bytes for each MiB seen.
#[derive(Clone)]
pub struct DocumentHasher {
    whole: Context,
    /// The hash of the chunk that has begun, and how much of it is there: 1 to `CHUNK_BYTES - 1` bytes.
    begun: Option<(Context, usize)>,
    chunks: Vec<Digest>,
    bytes: u64,
}

impl DocumentHasher {
    /// Begins a document.
    pub fn new() -> Self {
        Self { whole: Context::new(&SHA256), begun: None, chunks: Vec::new(), bytes: 0 }
    }

    /// Takes the next bytes, any number of them.
    pub fn update(&mut self, mut bytes: &[u8]) {
        self.whole.update(bytes);
        self.bytes += bytes.len() as u64;
        while !bytes.is_empty() {
            let (mut chunk, filled) = self.begun.take().unwrap_or_else(|| (begin_leaf(), 0));
            let (here, rest) = bytes.split_at(bytes.len().min(CHUNK_BYTES - filled));
            chunk.update(here);
            let filled = filled + here.len();
            if filled == CHUNK_BYTES {
                self.chunks.push(Digest::from_ring(&chunk.finish()));
            } else {
                self.begun = Some((chunk, filled));
            }
            bytes = rest;
        }
    }

    /// The leaf hashes of the chunks that are complete so far.
    pub fn chunks(&self) -> &[Digest] {
        &self.chunks
    }

    /// How many bytes have been taken.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Ends the document.
    pub fn finish(self) -> DocumentId {
        self.finish_with_chunks().0
    }

    /// Ends the document and gives the leaf hashes of all its chunks beside.
    pub fn finish_with_chunks(mut self) -> (DocumentId, Vec<Digest>) {
        if let Some((chunk, _)) = self.begun {
            self.chunks.push(Digest::from_ring(&chunk.finish()));
        }
        let sha256 = Digest::from_ring(&self.whole.finish());
        let root = root_of(self.chunks.iter().copied());
        (DocumentId { sha256, root, bytes: self.bytes }, self.chunks)
    }
}

impl Default for DocumentHasher {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for DocumentHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DocumentHasher").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// A leaf hash that takes its bytes in pieces (RFC 9162 2.1.1).
fn begin_leaf() -> Context {
    let mut leaf = Context::new(&SHA256);
    leaf.update(&[LEAF_PREFIX]);
    leaf
}

#[cfg(test)]
mod tests {
    use super::super::leaf_hash;
    use super::super::tests::mth;
    use super::*;

    /// Bytes in which no two chunks are alike.
    fn document(length: usize) -> Vec<u8> {
        (0..length).map(|i| (i ^ (i >> 8) ^ (i >> 20)).to_le_bytes()[0]).collect()
    }

    #[test]
    fn both_ids_are_those_of_the_whole_however_it_is_cut() {
        for length in
            [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 3 * CHUNK_BYTES + 5]
        {
            let bytes = document(length);
            let leaves: Vec<Digest> = bytes.chunks(CHUNK_BYTES).map(leaf_hash).collect();
            for piece in [1000, 65_536, CHUNK_BYTES, CHUNK_BYTES + 7, 4 * CHUNK_BYTES] {
                let mut hasher = DocumentHasher::new();
                for part in bytes.chunks(piece) {
                    hasher.update(part);
                }
                assert_eq!(hasher.chunks(), &leaves[..length / CHUNK_BYTES]);
                let (id, chunks) = hasher.finish_with_chunks();
                assert_eq!(id.sha256, Digest::of(&bytes), "{length} by {piece}");
                assert_eq!(id.root, mth(&leaves), "{length} by {piece}");
                assert_eq!(id.bytes, length as u64);
                assert_eq!(chunks, leaves);
                assert_eq!(id.chunk_count(), leaves.len() as u64);
                id.check_chunks(&chunks).unwrap();
            }
        }
    }

    #[test]
    fn chunks_of_another_document_are_refused() {
        let mut hasher = DocumentHasher::new();
        hasher.update(&document(2 * CHUNK_BYTES + 1));
        let (id, chunks) = hasher.finish_with_chunks();
        let mut swapped = chunks.clone();
        swapped.swap(0, 1);
        for (name, list) in [("short", &chunks[1..]), ("none", &[]), ("swapped", &swapped)] {
            assert_eq!(id.check_chunks(list).unwrap_err().code, Code::DigestMismatch, "{name}");
        }
    }
}
