//! What lies on a simulated disk: each file as the process sees it, as a power cut leaves it, and the changes between;
//! and the chances that decide what of them is kept. Knows no calls and arms no faults.

use std::collections::BTreeMap;

use super::sim::SimFigures;

/// Bytes that a device writes whole or not at all.
const SECTOR_BYTES: usize = 512;

/// A change of the folder that is not durable yet.
pub(super) enum NameChange {
    Create(String, u64),
    Rename(String, String),
    Remove(String),
}

/// A file of the simulated disk.
#[derive(Default)]
pub(super) struct Inode {
    /// What the process sees: the system's cache.
    pub(super) cache: Vec<u8>,
    /// What a power cut leaves.
    pub(super) durable: Vec<u8>,
    /// The way from `durable` to `cache`, unless a sync failed between.
    pub(super) pending: Vec<Change>,
}

/// A change of a file that is not durable yet.
pub(super) enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

impl NameChange {
    pub(super) fn apply(&self, names: &mut BTreeMap<String, u64>) {
        match self {
            Self::Create(name, inode) => {
                names.insert(name.clone(), *inode);
            }
            Self::Rename(from, to) => {
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
            Self::Remove(name) => {
                names.remove(name);
            }
        }
    }
}

impl Inode {
    pub(super) fn change(&mut self, change: Change) {
        change.apply(&mut self.cache);
        self.pending.push(change);
    }

    /// A sync that succeeds.
    pub(super) fn flush(&mut self) {
        for change in self.pending.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    /// What a power cut or failed sync leaves: each change whole, in part or not at all.
    pub(super) fn settle(&mut self, random: &mut u64, figures: &mut SimFigures) {
        for change in self.pending.drain(..) {
            match (change, below(random, 3)) {
                (Change::Length(_), 0) => figures.lengths_lost += 1,
                (Change::Write(..), 0) => figures.writes_lost += 1,
                (Change::Write(offset, bytes), 1) => {
                    figures.writes_torn += 1;
                    tear(offset, &bytes, random, &mut self.durable);
                }
                (change, _) => change.apply(&mut self.durable),
            }
        }
    }
}

impl Change {
    pub(super) fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Length(bytes) if *bytes <= to.len() => to.truncate(*bytes),
            Self::Length(bytes) => {
                // A fresh block of zeroes costs next to nothing, and growing byte by byte much: a segment is preallocated whole.
                let mut grown = vec![0; *bytes];
                grown[..to.len()].copy_from_slice(to);
                *to = grown;
            }
            Self::Write(offset, bytes) => {
                let end = offset + bytes.len();
                if to.len() < end {
                    to.resize(end, 0);
                }
                to[*offset..end].copy_from_slice(bytes);
            }
        }
    }
}

/// A torn write: a prefix of it, or any choice of its sectors.
fn tear(offset: usize, bytes: &[u8], random: &mut u64, to: &mut Vec<u8>) {
    let by_sector = below(random, 2) == 0;
    let prefix = below(random, bytes.len() as u64) as usize;
    let mut at = 0;
    while at < bytes.len() {
        let end = bytes.len().min((offset + at) / SECTOR_BYTES * SECTOR_BYTES + SECTOR_BYTES - offset);
        let kept =
            if by_sector { if below(random, 2) == 0 { at } else { end } } else { prefix.clamp(at, end) };
        Change::Write(offset + at, bytes[at..kept].to_vec()).apply(to);
        at = end;
    }
}

/// The next number of SplitMix64: small, and the same on every machine.
pub(super) fn next(random: &mut u64) -> u64 {
    *random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *random;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number below `bound`; 0 if there is none.
pub(super) fn below(random: &mut u64, bound: u64) -> u64 {
    if bound == 0 { 0 } else { next(random) % bound }
}
