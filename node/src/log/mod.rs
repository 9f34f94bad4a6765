//! The journal and its Merkle tree: append-only, one signature a commit. Knows bytes only.
//!
//! It never decodes an entry, never signs, and has no clock. Begin with [`commit::Log`], whose methods are the steps of
//! a commit in their order; [`disk::Disk`] is the one seam behind which files live, and [`entry`] says what an entry is.
//!
//! Known limit: the tree's inner nodes are held in memory (64 bytes a leaf) and recomputed at start from the
//! journal. Tiles on disk come later and change no byte that is stored here.

pub mod commit;
pub mod disk;
pub mod entry;
mod frame;
mod journal;
mod scan;
mod segment;

#[cfg(test)]
mod tests;

pub use commit::{Committed, Figures, Log, Options, Place};
pub use disk::{Disk, RealDisk, SimDisk};
pub use entry::{Entry, EntryKind, Position, split_leaf};
