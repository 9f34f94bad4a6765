//! Tests of the log over a folder of the machine and over a simulated disk.

use ogic_certs::{Digest, Result};

use super::{Disk, Entry, EntryKind, Log, Options, Position, SimDisk};

mod commit;
mod crash;
mod damage;
mod disk;
mod model;

const ORIGIN: &str = "transport.gov.example/log/1";

/// What a visit gave: position, kind, bytes, leaf.
type Seen = (Position, EntryKind, Vec<u8>, Option<u64>);

fn options(segment_bytes: u64) -> Options {
    Options { segment_bytes, ..Options::new(ORIGIN) }
}

fn open<D: Disk>(disk: D, options: &Options) -> Result<(Log<D>, Vec<Seen>)> {
    let mut seen = Vec::new();
    let log = Log::open_with(disk, options, |position, kind, bytes, leaf| {
        seen.push((position, kind, bytes.to_vec(), leaf));
        Ok(())
    })?;
    Ok((log, seen))
}

/// The `n`-th entry of a script: every third without a leaf, of various lengths, all different.
fn entry(n: u64) -> Entry {
    let mut body = Digest::of(&n.to_be_bytes()).as_bytes().to_vec();
    body.resize(32 + (n as usize * 37) % 300, n as u8);
    if n % 3 == 2 {
        return Entry::plain(EntryKind::OutboxPut, body).unwrap();
    }
    let kind = if n.is_multiple_of(3) { EntryKind::Event } else { EntryKind::Access };
    Entry::with_leaf(kind, format!("leaf {n}").into_bytes(), body).unwrap()
}

/// The bytes that the journal holds of an entry.
fn stored(entry: &Entry) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(leaf) = entry.leaf() {
        bytes.extend_from_slice(&(leaf.len() as u16).to_be_bytes());
        bytes.extend_from_slice(leaf);
    }
    bytes.extend_from_slice(entry.body());
    bytes
}

/// The commits of a script: sizes 1, 2, 3, 1, 2, 3, …
fn script(commits: u64) -> Vec<Vec<Entry>> {
    let mut next = 0;
    (0..commits)
        .map(|i| {
            let entries = (0..=i % 3).map(|k| entry(next + k)).collect::<Vec<_>>();
            next += i % 3 + 1;
            entries
        })
        .collect()
}

/// Commits as a caller does: the checkpoint is signed and noted after each.
fn commit_and_sign<D: Disk>(log: &mut Log<D>, entries: &[Entry]) -> Result<()> {
    let committed = log.commit(entries)?;
    log.note_signed(committed.size, committed.root)
}

/// A closed journal of `commits` commits on a simulated disk.
fn closed_journal(commits: u64, segment_bytes: u64) -> SimDisk {
    let disk = SimDisk::new(1);
    let (mut log, _) = open(disk.clone(), &options(segment_bytes)).unwrap();
    for entries in script(commits) {
        commit_and_sign(&mut log, &entries).unwrap();
    }
    disk
}

/// What was seen is exactly these entries in this order, with leaves counted from 0.
fn assert_seen<'a>(seen: &[Seen], entries: impl IntoIterator<Item = &'a Entry>, context: &str) {
    let mut leaves = 0;
    let mut count = 0;
    for (i, entry) in entries.into_iter().enumerate() {
        let (_, kind, bytes, leaf) = seen.get(i).unwrap_or_else(|| panic!("entry {i} is lost: {context}"));
        assert_eq!((*kind, bytes), (entry.kind(), &stored(entry)), "entry {i}: {context}");
        let expected = entry.leaf().map(|_| leaves);
        assert_eq!(*leaf, expected, "leaf of entry {i}: {context}");
        leaves += u64::from(expected.is_some());
        count += 1;
    }
    assert_eq!(seen.len(), count, "more entries than were given: {context}");
}
