//! The log: a journal and the Merkle tree over its leaves, and a commit as the steps of one argument.
//!
//! It has no clock, signs nothing and decodes nothing. Each step of a commit consumes what the step before gave, so that
//! nothing can be published that is not durable:
//!
//! | step | on the disk | if the process ends after it |
//! |---|---|---|
//! | [`Log::begin`] → [`Staged`] | nothing | nothing happened |
//! | [`Log::write`] → [`Written`] | the frame, in the system's cache | all of it or nothing happened; nobody was told |
//! | [`Log::sync`] → [`Durable`] | the frame, for good | it happened; a retry is answered from it |
//! | [`Log::publish`] → [`Committed`] | nothing more | as before: from here failure is only noise |
//!
//! The caller then signs a checkpoint over `size` and `root`, tells it by [`Log::note_signed`], and only then answers.

use ogic_certs::merkle::{Tree, empty_root, leaf_hash};
use ogic_certs::{Code, Digest, Problem, Result};

use super::disk::{Disk, DiskFigures};
use super::entry::{Entry, EntryKind, Position};
use super::frame::{self, Mark, TreeHead};
use super::journal::{Journal, Layout, SEGMENT_BYTES_MAX};
use super::scan::Scan;

/// How a log is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// The log's origin, as its checkpoints name it.
    pub origin: String,
    /// A size that this log is known to have had, from a checkpoint that somebody holds or from what has followed it: fewer
    /// leaves than that are damage.
    pub known_size: Option<u64>,
    /// Length of a preallocated segment, at most 64 MiB.
    pub segment_bytes: u64,
}

impl Options {
    /// Segments of 8 MiB, nothing known outside.
    pub fn new(origin: impl Into<String>) -> Self {
        Self { origin: origin.into(), known_size: None, segment_bytes: 8 << 20 }
    }
}

/// A log over a disk. One writer: the steps take `&mut self`.
#[derive(Debug)]
pub struct Log<D: Disk> {
    journal: Journal<D>,
    tree: Tree,
    /// What the last checkpoint was signed over.
    signed: TreeHead,
    phase: Phase,
    commits: u64,
    entries: u64,
}

/// Guards against steps of two commits being mixed; the types guard the order within one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Idle,
    /// Durable and not yet in the tree.
    Unpublished,
}

/// A commit whose frame is built. Dropped, nothing happened.
#[derive(Debug)]
#[must_use]
pub struct Staged {
    number: u64,
    frame: frame::Frame,
}

/// A commit whose frame was written and may or may not survive.
#[derive(Debug)]
#[must_use]
pub struct Written {
    number: u64,
    segment: u64,
    offset: u64,
    marks: Vec<Mark>,
}

/// A commit that is on the disk for good, and that nobody was told of yet.
#[derive(Debug)]
#[must_use]
pub struct Durable(Written);

/// A commit that is part of the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Committed {
    /// The commit's number, from 1.
    pub number: u64,
    /// Index of the commit's first leaf, if it has any: the size of the tree before it.
    pub first_leaf: u64,
    /// Size of the tree after it.
    pub size: u64,
    /// Root of the tree after it.
    pub root: Digest,
    /// Where each entry lies, in the order they were given.
    pub places: Vec<Place>,
}

/// Where an entry lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// In the journal.
    pub position: Position,
    /// Index of its leaf in the tree, for a kind that has one.
    pub leaf: Option<u64>,
}

/// Counts since the log was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Figures {
    /// Commits published.
    pub commits: u64,
    /// Entries in them.
    pub entries: u64,
    /// The disk's work.
    pub disk: DiskFigures,
}

impl<D: Disk> Log<D> {
    /// Opens the log `origin` with segments of the default length: see [`Log::open_with`].
    pub fn open(
        disk: D,
        origin: &str,
        known_size: Option<u64>,
        visit: impl FnMut(Position, EntryKind, &[u8], Option<u64>) -> Result<()>,
    ) -> Result<Self> {
        Self::open_with(disk, &Options { known_size, ..Options::new(origin) }, visit)
    }

    /// Opens a log, or begins it if the disk has none: reads and checks every commit, gives every entry in order to
    /// `visit` (position, kind, bytes, index of its leaf), and cuts a torn tail.
    ///
    /// On any error what `visit` was given is void, and nothing was changed.
    /// Errors: `StoreDamaged` naming segment, offset and commit, also if fewer than `known_size` leaves are there, in which
    /// case a torn tail is not cut; `StoreNewer`; `ValueRefused`; what `visit` returns; the disk's.
    pub fn open_with(
        disk: D,
        options: &Options,
        mut visit: impl FnMut(Position, EntryKind, &[u8], Option<u64>) -> Result<()>,
    ) -> Result<Self> {
        if options.segment_bytes > SEGMENT_BYTES_MAX {
            return Err(Problem::new(Code::ValueRefused, "segment bytes")
                .found(options.segment_bytes.to_string())
                .expected(format!("at most {SEGMENT_BYTES_MAX}")));
        }
        let origin = Digest::of(options.origin.as_bytes());
        let layout = Layout { origin, segment_bytes: options.segment_bytes };
        let mut tree = Tree::new();
        let mut signed = TreeHead { size: 0, root: empty_root() };
        let scan = Scan::open(disk, layout, &mut |commit| {
            // Before its own leaves: a frame repeats what was signed over those before it.
            follow_signed(&tree, &mut signed, commit.header.signed)
                .map_err(|problem| commit.damage(problem.found.unwrap_or_default()))?;
            for entry in &commit.entries {
                let index = entry.leaf.map(|leaf| tree.push(leaf_hash(leaf)));
                visit(commit.position(entry), entry.kind, entry.bytes, index)?;
            }
            Ok(())
        })?;
        if let Some(known) = options.known_size.filter(|known| *known > tree.size()) {
            let damage = scan.torn_as_damage().cloned().unwrap_or_else(|| {
                Problem::new(Code::StoreDamaged, format!("journal, before commit {}", scan.next()))
                    .found(format!("{} leaves", tree.size()))
            });
            return Err(damage.expected(format!("{known} leaves, which this log is known to have had")));
        }
        Ok(Self { journal: scan.settle()?, tree, signed, phase: Phase::Idle, commits: 0, entries: 0 })
    }

    /// Step 1: builds the frame. Nothing is visible, in memory or on disk.
    ///
    /// Errors: `StoreReadOnly`; `ValueRefused` for no entries; `TooLarge` (4096 entries, 4 MiB).
    pub fn begin(&self, entries: &[Entry]) -> Result<Staged> {
        self.idle()?;
        let number = self.journal.next();
        let frame = frame::build(self.journal.salt(), number, &self.signed, entries)?;
        Ok(Staged { number, frame })
    }

    /// Step 2: writes the frame, by one call. Errors: the disk's, after which the log is read-only.
    pub fn write(&mut self, staged: Staged) -> Result<Written> {
        self.idle()?;
        let Staged { number, frame } = staged;
        let (segment, offset) = self.journal.append(number, &frame.bytes)?;
        Ok(Written { number, segment, offset, marks: frame.marks })
    }

    /// Step 3: makes it durable, by one fdatasync. Errors: the disk's, after which the log is read-only.
    pub fn sync(&mut self, written: Written) -> Result<Durable> {
        self.journal.sync()?;
        self.phase = Phase::Unpublished;
        Ok(Durable(written))
    }

    /// Step 4: extends the tree. Cannot fail.
    pub fn publish(&mut self, durable: Durable) -> Committed {
        let Durable(Written { number, segment, offset, marks }) = durable;
        let first_leaf = self.tree.size();
        let places = marks
            .iter()
            .map(|mark| Place {
                // A segment is at most 64 MiB.
                position: Position { segment, offset: offset as u32 + mark.offset, bytes: mark.bytes },
                leaf: mark.leaf_hash.map(|hash| self.tree.push(hash)),
            })
            .collect();
        self.phase = Phase::Idle;
        self.commits += 1;
        self.entries += marks.len() as u64;
        Committed { number, first_leaf, size: self.tree.size(), root: self.tree.root(), places }
    }

    /// All steps in their order.
    pub fn commit(&mut self, entries: &[Entry]) -> Result<Committed> {
        let staged = self.begin(entries)?;
        let written = self.write(staged)?;
        let durable = self.sync(written)?;
        Ok(self.publish(durable))
    }

    /// Remembers that a checkpoint over `size` and `root` was signed; the next frame repeats it.
    ///
    /// Errors: `Internal` if the log was never that, or more was signed before: a caller that signs what is not so.
    pub fn note_signed(&mut self, size: u64, root: Digest) -> Result<()> {
        follow_signed(&self.tree, &mut self.signed, TreeHead { size, root })
    }

    /// The size and root that the last commit's frame, or [`Log::note_signed`] since, says were signed.
    pub fn signed(&self) -> (u64, Digest) {
        (self.signed.size, self.signed.root)
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// Root over all leaves.
    pub fn root(&self) -> Digest {
        self.tree.root()
    }

    /// Number of the last commit; 0 if there is none.
    pub fn last_commit(&self) -> u64 {
        self.journal.next() - 1
    }

    /// Whether an error of the disk has made the log read-only until it is opened again.
    pub fn is_read_only(&self) -> bool {
        self.journal.ready().is_err_and(|p| p.code == Code::StoreReadOnly)
    }

    /// The tree over all leaves, to prove things from.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Proof that the leaves at `indices` (ascending) lie under the checkpoint of `size`: see [`Tree::prove`].
    pub fn prove(&self, indices: &[u64], size: u64) -> Result<Vec<Digest>> {
        self.tree.prove(indices, size)
    }

    /// Proof that the tree of `old` leaves is a beginning of the one of `new`: see [`Tree::consistency`].
    pub fn consistency(&self, old: u64, new: u64) -> Result<Vec<Digest>> {
        self.tree.consistency(old, new)
    }

    /// Reads an entry: its kind and bytes. Errors: `StoreDamaged` if no entry of that length lies there.
    ///
    /// The bytes are what the disk gives now; whoever knows their digest compares it.
    pub fn read(&self, position: Position) -> Result<(EntryKind, Vec<u8>)> {
        self.journal.read(position)
    }

    /// What was done since the log was opened.
    pub fn figures(&self) -> Figures {
        Figures { commits: self.commits, entries: self.entries, disk: self.journal.disk().figures() }
    }

    /// Ends the log and gives its disk back, to open it again.
    pub fn into_disk(self) -> D {
        self.journal.into_disk()
    }

    /// The disk under the log.
    pub fn disk(&self) -> &D {
        self.journal.disk()
    }

    fn idle(&self) -> Result<()> {
        self.journal.ready()?;
        match self.phase {
            Phase::Idle => Ok(()),
            Phase::Unpublished => {
                Err(Problem::new(Code::Internal, "commit").found("the last is not published"))
            }
        }
    }
}

/// Moves `signed` on to `head`, if `tree` was that at that size. The same for commits and for their recovery.
fn follow_signed(tree: &Tree, signed: &mut TreeHead, head: TreeHead) -> Result<()> {
    if head != *signed {
        if head.size < signed.size || tree.root_at(head.size) != Some(head.root) {
            return Err(Problem::new(Code::Internal, "signed tree head")
                .found(format!("size {}, root {}", head.size, head.root))
                .expected(format!("what this log was at a size from {} to {}", signed.size, tree.size())));
        }
        *signed = head;
    }
    Ok(())
}
