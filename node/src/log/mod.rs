//! The journal and its Merkle tree: append-only, one signature a commit. Knows bytes only.
