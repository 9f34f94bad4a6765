//! Reading a journal at start: every frame is checked, a torn tail is told from damage, and only then is it cut.
//!
//! A tail is torn if it is the last thing there is and nobody can have been told of it; everything else that does not hold
//! is damage, which is named and left as it is. Begin with [`Scan::open`].

use std::sync::Arc;

use ogic_certs::{Code, Problem, Result};

use super::disk::Disk;
use super::entry::Position;
use super::frame::{Found, Header, Salt};
use super::journal::{FIRST_COMMIT, Journal, Layout, SEGMENT_BYTES_MAX, Tail, create_segment};
use super::segment::{self, SEGMENT_HEADER_BYTES};

/// One commit, as it is read at start. Header, payload digest and the form of its entries hold.
#[derive(Debug)]
pub(super) struct Commit<'a> {
    pub(super) segment: u64,
    /// Offset of the frame in its segment.
    pub(super) offset: usize,
    pub(super) header: Header,
    pub(super) entries: Vec<Found<'a>>,
}

impl Commit<'_> {
    /// Where an entry of this commit lies.
    pub(super) fn position(&self, entry: &Found<'_>) -> Position {
        // A segment is at most 64 MiB.
        let (offset, bytes) = ((self.offset + entry.offset) as u32, entry.bytes.len() as u32);
        Position { segment: self.segment, offset, bytes }
    }

    /// Damage found in this commit.
    pub(super) fn damage(&self, what: impl Into<String>) -> Problem {
        damage(self.segment, self.offset, self.header.number, what)
    }
}

/// A journal that was read and not changed yet.
#[derive(Debug)]
pub(super) struct Scan<D: Disk> {
    disk: D,
    layout: Layout,
    salt: Option<Salt>,
    segments: Vec<u64>,
    tail: Option<Tail<D::File>>,
    torn: Option<Torn>,
    next: u64,
}

/// What a process that ended in the middle left at the end of the journal.
#[derive(Debug)]
struct Torn {
    what: TornPart,
    /// The same, to be told if it turns out to be damage.
    as_damage: Problem,
}

#[derive(Debug)]
enum TornPart {
    /// The tail's bytes from its `used` on.
    Frame,
    /// The whole newest segment, whose header was never durable.
    Segment(u64),
}

impl<D: Disk> Scan<D> {
    /// Reads all commits in order and gives each to `visit`. Changes nothing that was written.
    ///
    /// Errors: `StoreDamaged` naming segment, offset and commit; `StoreNewer`; what `visit` returns; the disk's.
    pub(super) fn open(
        disk: D,
        layout: Layout,
        visit: &mut dyn FnMut(&Commit<'_>) -> Result<()>,
    ) -> Result<Self> {
        let mut firsts: Vec<u64> = disk.names()?.iter().filter_map(|name| segment::first_of(name)).collect();
        firsts.sort_unstable();
        // Names that a killed process left in the cache alone are made durable before anything rests on them.
        disk.sync_folder()?;
        let mut scan = Self {
            disk,
            layout,
            salt: None,
            segments: Vec::new(),
            tail: None,
            torn: None,
            next: FIRST_COMMIT,
        };
        for (i, first) in firsts.iter().enumerate() {
            scan.segment(*first, i + 1 == firsts.len(), visit)?;
        }
        Ok(scan)
    }

    /// Number of the commit that comes next.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// The torn tail, told as the damage that it is if somebody holds more than was read.
    pub(super) fn torn_as_damage(&self) -> Option<&Problem> {
        self.torn.as_ref().map(|torn| &torn.as_damage)
    }

    /// Cuts a torn tail, which nobody was told of, and makes the journal ready.
    pub(super) fn settle(self) -> Result<Journal<D>> {
        let Self { disk, layout, salt, segments, mut tail, torn, next } = self;
        match torn.map(|torn| torn.what) {
            Some(TornPart::Segment(first)) => {
                disk.remove(&segment::name(first))?;
                disk.sync_folder()?;
            }
            Some(TornPart::Frame) => {
                if let Some(tail) = &mut tail {
                    // Shortening first leaves zeroes where the torn frame was, whatever its length.
                    disk.truncate(&tail.file, tail.used)?;
                    tail.capacity = match disk.preallocate(&tail.file, layout.segment_bytes) {
                        Ok(()) => layout.segment_bytes.max(tail.used),
                        // A full disk must open; the next commit will find no room and say so.
                        Err(e) if e.code == Code::DiskFull => tail.used,
                        Err(e) => return Err(e),
                    };
                    disk.sync_data(&tail.file)?;
                }
            }
            None => {}
        }
        let salt = salt.map_or_else(|| disk.salt(), Ok)?;
        let (segments, tail) = match tail {
            Some(tail) => (segments, tail),
            None => (vec![next], create_segment(&disk, &layout, next, &salt, 0)?),
        };
        Ok(Journal::new(disk, layout, salt, segments, tail, next))
    }

    fn segment(
        &mut self,
        first: u64,
        newest: bool,
        visit: &mut dyn FnMut(&Commit<'_>) -> Result<()>,
    ) -> Result<()> {
        let file = self.disk.open(&segment::name(first))?;
        if newest {
            // A killed process leaves frames in the cache alone: synced, they are as good as any. A process whose sync
            // failed leaves pages that look written and are not, and this sync may succeed without writing them;
            // so the cache is dropped, and what is read is what the device holds.
            self.disk.sync_data(&file)?;
            self.disk.forget_cached(&file)?;
        }
        let length = self.disk.len(&file)?;
        if length > SEGMENT_BYTES_MAX {
            return Err(damage(first, 0, first, format!("a segment of {length} bytes")));
        }
        let mut bytes = vec![0; length as usize];
        self.disk.read_at(&file, 0, &mut bytes)?;

        let within = |problem: Problem| problem.within(segment::name(first));
        let Some(salt) = segment::salt_of(&bytes, &self.layout.origin, first).map_err(within)? else {
            let as_damage = damage(first, 0, first, "a header whose check does not hold");
            let blank = bytes.get(SEGMENT_HEADER_BYTES..).is_none_or(all_zero);
            if newest && blank && first == self.next {
                self.torn = Some(Torn { what: TornPart::Segment(first), as_damage });
                return Ok(());
            }
            return Err(as_damage);
        };
        if *self.salt.get_or_insert(salt) != salt {
            return Err(damage(first, 0, first, "the salt of another journal"));
        }
        if first != self.next {
            return Err(damage(first, 0, self.next, format!("the segment of commit {first}")));
        }
        let used = self.frames(first, &salt, &bytes, newest, visit)?;
        self.segments.push(first);
        self.tail = Some(Tail { first, file: Arc::new(file), used: used as u64, capacity: length });
        Ok(())
    }

    /// Reads the frames of a segment; gives the end of the last good one.
    fn frames(
        &mut self,
        first: u64,
        salt: &Salt,
        bytes: &[u8],
        newest: bool,
        visit: &mut dyn FnMut(&Commit<'_>) -> Result<()>,
    ) -> Result<usize> {
        let mut offset = SEGMENT_HEADER_BYTES;
        loop {
            let rest = bytes.get(offset..).unwrap_or_default();
            let at = |problem: Problem| problem.within(place(first, offset, self.next));
            let found = Header::read(salt, rest).map_err(at)?;
            if let Some(header) = &found
                && header.number != self.next
            {
                return Err(damage(first, offset, self.next, format!("commit {}", header.number)));
            }
            let whole = found.and_then(|header| header.payload(rest).map(|payload| (header, payload)));
            let Some((header, payload)) = whole else {
                if !all_zero(rest) {
                    let as_damage = damage(first, offset, self.next, "a frame whose check does not hold");
                    // A later header that holds was written after this commit had been synced.
                    if !newest || later_header(salt, rest, self.next)? {
                        return Err(as_damage);
                    }
                    self.torn = Some(Torn { what: TornPart::Frame, as_damage });
                }
                return Ok(offset);
            };
            let end = offset + header.frame_bytes();
            let entries = header.entries(payload).map_err(at)?;
            visit(&Commit { segment: first, offset, header, entries })?;
            offset = end;
            self.next += 1;
        }
    }
}

/// Whether a header of a commit after `number` lies anywhere in `bytes`.
fn later_header(salt: &Salt, bytes: &[u8], number: u64) -> Result<bool> {
    for start in 1..used_bytes(bytes) {
        if bytes.get(start) != Some(&b'c') {
            continue;
        }
        if let Some(header) = Header::read(salt, bytes.get(start..).unwrap_or_default())?
            && header.number > number
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn all_zero(bytes: &[u8]) -> bool {
    used_bytes(bytes) == 0
}

/// Length of `bytes` without the zeroes at its end, to a whole block. A segment is mostly zeroes: they are compared by
/// blocks, since it is read at every start.
fn used_bytes(bytes: &[u8]) -> usize {
    const ZEROES: [u8; 4096] = [0; 4096];
    let blank = bytes.rchunks(ZEROES.len()).take_while(|block| ZEROES.get(..block.len()) == Some(*block));
    bytes.len() - blank.map(<[u8]>::len).sum::<usize>()
}

fn place(first: u64, offset: usize, commit: u64) -> String {
    format!("journal {}, offset {offset}, commit {commit}", segment::name(first))
}

fn damage(first: u64, offset: usize, commit: u64, what: impl Into<String>) -> Problem {
    Problem::new(Code::StoreDamaged, place(first, offset, commit)).found(what)
}
