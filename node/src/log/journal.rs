//! The journal: segments of frames, appended one commit at a time and read back at start. The truth on disk.
//!
//! It never deletes anything but a torn tail, which nobody was told of, and after an error of the disk it takes nothing
//! more until it is opened again. Begin with [`Scan::open`], which reads; [`Scan::settle`] makes it a [`Journal`].

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use ogic_certs::{Code, Digest, Problem, Result};

use super::disk::Disk;
use super::entry::{ENTRY_BYTES_MAX, ENTRY_HEADER_BYTES, EntryKind, Position};
use super::frame::{EntryHeader, FRAME_HEADER_BYTES, FRAME_PAYLOAD_BYTES_MAX, Found, Header, Salt};
use super::segment::{self, SEGMENT_HEADER_BYTES};

/// Largest segment file that is written or read: one is read whole at start.
pub(super) const SEGMENT_BYTES_MAX: u64 = 64 << 20;
/// Number of the first commit of a log.
pub(super) const FIRST_COMMIT: u64 = 1;
/// Segments held open for reading, besides the one that is written.
const READ_FILES_MAX: usize = 16;

const SMALLEST_OFFSET: usize = SEGMENT_HEADER_BYTES + FRAME_HEADER_BYTES + ENTRY_HEADER_BYTES;
const _: () = assert!(
    (SEGMENT_HEADER_BYTES + FRAME_HEADER_BYTES + FRAME_PAYLOAD_BYTES_MAX) as u64 <= SEGMENT_BYTES_MAX
);

/// How a journal is laid out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Digest of the log's origin: a segment of another log is refused.
    pub(super) origin: Digest,
    /// Length of a preallocated segment; a larger frame gets a segment of its own length.
    pub(super) segment_bytes: u64,
}

/// A journal that takes commits.
#[derive(Debug)]
pub(super) struct Journal<D: Disk> {
    disk: D,
    layout: Layout,
    salt: Salt,
    /// First commits of all segments, ascending; the last is the one that is written.
    segments: Vec<u64>,
    tail: Tail<D::File>,
    next: u64,
    state: State,
    /// Guards the list of open files alone; reads go on beside one another.
    readers: Mutex<VecDeque<(u64, Arc<D::File>)>>,
}

/// The segment that is written.
#[derive(Debug)]
struct Tail<F> {
    first: u64,
    file: Arc<F>,
    /// Bytes of header and durable frames.
    used: u64,
    /// Length of the file.
    capacity: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Ready,
    /// A frame of so many bytes was written and not synced.
    Written(u64),
    ReadOnly,
}

impl<D: Disk> Journal<D> {
    pub(super) fn disk(&self) -> &D {
        &self.disk
    }

    pub(super) fn salt(&self) -> &Salt {
        &self.salt
    }

    /// Number of the commit that comes next.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Whether a commit can begin. Errors: `StoreReadOnly`; `Internal` while another is under way.
    pub(super) fn ready(&self) -> Result<()> {
        match self.state {
            State::Ready => Ok(()),
            State::ReadOnly => Err(Problem::new(Code::StoreReadOnly, "journal")),
            State::Written(_) => Err(Problem::new(Code::Internal, "commit").found("another is under way")),
        }
    }

    /// Writes the frame of commit `number` behind the last; gives the segment and the frame's offset in it.
    ///
    /// Nothing is durable before [`Journal::sync`]. After an error the journal is read-only.
    pub(super) fn append(&mut self, number: u64, frame: &[u8]) -> Result<(u64, u64)> {
        self.ready()?;
        if number != self.next {
            return Err(Problem::new(Code::Internal, "commit")
                .found(format!("number {number}"))
                .expected(self.next.to_string()));
        }
        // Any error below leaves it so: what the disk then holds is known only when it is read again.
        self.state = State::ReadOnly;
        let bytes = frame.len() as u64;
        if self.tail.used + bytes > self.tail.capacity {
            self.make_room(bytes)?;
        }
        let offset = self.tail.used;
        self.disk.write_at(&self.tail.file, offset, frame)?;
        self.state = State::Written(bytes);
        Ok((self.tail.first, offset))
    }

    /// Makes the written frame durable: one fdatasync. After an error the journal is read-only.
    pub(super) fn sync(&mut self) -> Result<()> {
        let State::Written(bytes) = self.state else {
            return Err(Problem::new(Code::Internal, "commit").found("nothing was written"));
        };
        self.state = State::ReadOnly;
        self.disk.sync_data(&self.tail.file)?;
        self.tail.used += bytes;
        self.next += 1;
        self.state = State::Ready;
        Ok(())
    }

    /// Reads the entry at `position`. Its length is checked against what is stored; whether it is the entry that
    /// was meant the caller knows by its digest.
    pub(super) fn read(&self, position: Position) -> Result<(EntryKind, Vec<u8>)> {
        let wrong = |what: &str| {
            Problem::new(Code::StoreDamaged, "journal position").found(format!("{position:?}: {what}"))
        };
        let (start, length) = (position.offset as usize, position.bytes as usize);
        if start < SMALLEST_OFFSET || length > ENTRY_BYTES_MAX {
            return Err(wrong("no entry lies there"));
        }
        let (file, end) = if position.segment == self.tail.first {
            (Arc::clone(&self.tail.file), self.tail.used)
        } else if self.segments.binary_search(&position.segment).is_ok() {
            let file = self.reader(position.segment)?;
            let end = self.disk.len(&file)?;
            (file, end)
        } else {
            return Err(wrong("there is no such segment"));
        };
        if start as u64 + length as u64 > end {
            return Err(wrong("it ends behind its segment"));
        }
        let mut bytes = vec![0; ENTRY_HEADER_BYTES + length];
        self.disk.read_at(&file, (start - ENTRY_HEADER_BYTES) as u64, &mut bytes)?;
        let header = bytes.first_chunk().copied().unwrap_or_default();
        let header = EntryHeader::parse(header).map_err(|_| wrong("no entry begins there"))?;
        if header.bytes != length {
            return Err(wrong("an entry of another length begins there"));
        }
        bytes.drain(..ENTRY_HEADER_BYTES);
        Ok((header.kind, bytes))
    }

    fn reader(&self, first: u64) -> Result<Arc<D::File>> {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, file)) = readers.iter().find(|(held, _)| *held == first) {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(self.disk.open(&segment::name(first))?);
        if readers.len() == READ_FILES_MAX {
            readers.pop_front();
        }
        readers.push_back((first, Arc::clone(&file)));
        Ok(file)
    }

    /// Makes room for a frame of `frame_bytes` that the tail has none for.
    fn make_room(&mut self, frame_bytes: u64) -> Result<()> {
        if self.tail.first == self.next {
            // The tail has no frame yet: it is the segment of this commit, and only too short.
            self.tail.capacity = self.tail.used + frame_bytes;
            return self.disk.preallocate(&self.tail.file, self.tail.capacity);
        }
        let tail = create_segment(&self.disk, &self.layout, self.next, &self.salt, frame_bytes)?;
        let full = std::mem::replace(&mut self.tail, tail);
        self.segments.push(self.tail.first);
        // The zeroes behind the last frame are of no use any more; if they stay, they are read as zeroes.
        let _ = self.disk.truncate(&full.file, full.used);
        Ok(())
    }
}

/// Creates a segment and makes its header and name durable *before* any frame goes in: so a header that does not hold,
/// with nothing behind it, is a creation that was cut off, and with something behind it is damage.
fn create_segment<D: Disk>(
    disk: &D,
    layout: &Layout,
    first: u64,
    salt: &Salt,
    frame_bytes: u64,
) -> Result<Tail<D::File>> {
    let used = SEGMENT_HEADER_BYTES as u64;
    let capacity = layout.segment_bytes.max(used + frame_bytes);
    let file = disk.create(&segment::name(first))?;
    disk.preallocate(&file, capacity)?;
    disk.write_at(&file, 0, &segment::header(&layout.origin, first, salt))?;
    disk.sync_data(&file)?;
    disk.sync_folder()?;
    Ok(Tail { first, file: Arc::new(file), used, capacity })
}

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
        let readers = Mutex::new(VecDeque::new());
        Ok(Journal { disk, layout, salt, segments, tail, next, state: State::Ready, readers })
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
    for start in 1..bytes.len() {
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
    bytes.iter().all(|b| *b == 0)
}

fn place(first: u64, offset: usize, commit: u64) -> String {
    format!("journal {}, offset {offset}, commit {commit}", segment::name(first))
}

fn damage(first: u64, offset: usize, commit: u64, what: impl Into<String>) -> Problem {
    Problem::new(Code::StoreDamaged, place(first, offset, commit)).found(what)
}
