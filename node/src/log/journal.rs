//! The journal: segments of frames, appended one commit at a time. The truth on disk.
//!
//! It never deletes anything but a torn tail, which nobody was told of, and after an error of the disk it takes nothing
//! more until it is opened again, by [`super::scan::Scan`].

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use ogic_certs::{Code, Digest, Problem, Result};

use super::disk::Disk;
use super::entry::{ENTRY_BYTES_MAX, ENTRY_HEADER_BYTES, EntryKind, Position};
use super::frame::{EntryHeader, FRAME_HEADER_BYTES, FRAME_PAYLOAD_BYTES_MAX, Salt};
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
pub(super) struct Tail<F> {
    pub(super) first: u64,
    pub(super) file: Arc<F>,
    /// Bytes of header and durable frames.
    pub(super) used: u64,
    /// Length of the file.
    pub(super) capacity: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Ready,
    /// A frame of so many bytes was written and not synced.
    Written(u64),
    ReadOnly,
}

impl<D: Disk> Journal<D> {
    /// A journal that was read and whose torn tail, if it had one, was cut; `segments` ends with the tail's.
    pub(super) fn new(
        disk: D,
        layout: Layout,
        salt: Salt,
        segments: Vec<u64>,
        tail: Tail<D::File>,
        next: u64,
    ) -> Self {
        let readers = Mutex::new(VecDeque::new());
        Self { disk, layout, salt, segments, tail, next, state: State::Ready, readers }
    }

    pub(super) fn into_disk(self) -> D {
        self.disk
    }

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
pub(super) fn create_segment<D: Disk>(
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
