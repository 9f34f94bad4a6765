//! The bytes of a commit: one frame, written by one call. All integers are big-endian.
//!
//! ```text
//! frame   = header ‖ payload
//! header  = "commit" ‖ version u8 = 1 ‖ flags u8 = 0 ‖ entries u32 ‖ payload bytes u32 ‖ commit number u64
//!           ‖ signed size u64 ‖ signed root 32 ‖ SHA-256(payload) 32 ‖ check 32                  (128 bytes)
//! check   = SHA-256(salt ‖ the header before it)
//! payload = entries × (kind u8 ‖ flags u8 = 0 ‖ key slot u32 = 0 ‖ bytes u32 ‖ bytes)
//! ```
//! The salt is the journal's (see `segment`): an entry that a stranger chose can hold no header that is taken for one of
//! ours when what follows a torn frame is searched. Header and payload are hashed apart so that a damaged payload
//! still has a name and an end. `signed` is the size and root that the last commit's checkpoint was signed over: what was
//! said outside is repeated inside. `key slot` is the place for sealing at rest; 0 is not sealed.

use ogic_certs::{Code, Digest, Problem, Result, merkle};

use super::entry::{ENTRY_HEADER_BYTES, Entry, EntryKind, split_leaf};

/// Longest payload of a frame.
pub(super) const FRAME_PAYLOAD_BYTES_MAX: usize = 4 << 20;
/// Most entries of a frame.
pub(super) const FRAME_ENTRIES_MAX: usize = 4096;
pub(super) const FRAME_HEADER_BYTES: usize = 128;

const MAGIC: &[u8; 6] = b"commit";
const VERSION: u8 = 1;
/// Bytes of the header that its check covers.
const CHECKED_BYTES: usize = FRAME_HEADER_BYTES - 32;

/// What binds frames to their journal.
pub(super) type Salt = [u8; 16];

/// A size of the log's tree with its root.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TreeHead {
    pub(super) size: u64,
    pub(super) root: Digest,
}

/// A frame that was built: its bytes, and where in them each entry lies.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) bytes: Vec<u8>,
    pub(super) marks: Vec<Mark>,
}

/// One entry of a built frame.
#[derive(Debug)]
pub(super) struct Mark {
    /// Offset of the entry's bytes from the frame's first.
    pub(super) offset: u32,
    pub(super) bytes: u32,
    pub(super) leaf_hash: Option<Digest>,
}

/// Builds the frame of commit `number`. Errors: `ValueRefused` (no entries), `TooLarge`.
pub(super) fn build(salt: &Salt, number: u64, signed: &TreeHead, entries: &[Entry]) -> Result<Frame> {
    let payload_bytes: usize = entries.iter().map(|e| ENTRY_HEADER_BYTES + e.stored_bytes()).sum();
    if entries.is_empty() {
        return Err(Problem::new(Code::ValueRefused, "commit").found("no entries"));
    }
    if entries.len() > FRAME_ENTRIES_MAX || payload_bytes > FRAME_PAYLOAD_BYTES_MAX {
        return Err(Problem::new(Code::TooLarge, "commit")
            .found(format!("{} entries, {payload_bytes} bytes", entries.len()))
            .expected(format!("at most {FRAME_ENTRIES_MAX} entries, {FRAME_PAYLOAD_BYTES_MAX} bytes")));
    }
    let mut bytes = Vec::with_capacity(FRAME_HEADER_BYTES + payload_bytes);
    bytes.resize(FRAME_HEADER_BYTES, 0);
    let mut marks = Vec::with_capacity(entries.len());
    // The limits above hold every length and offset below 2³².
    for entry in entries {
        let length = entry.stored_bytes() as u32;
        bytes.extend_from_slice(&[entry.kind().number(), 0, 0, 0, 0, 0]);
        bytes.extend_from_slice(&length.to_be_bytes());
        marks.push(Mark {
            offset: bytes.len() as u32,
            bytes: length,
            leaf_hash: entry.leaf().map(merkle::leaf_hash),
        });
        if let Some(leaf) = entry.leaf() {
            bytes.extend_from_slice(&(leaf.len() as u16).to_be_bytes());
            bytes.extend_from_slice(leaf);
        }
        bytes.extend_from_slice(entry.body());
    }
    let (header, payload) = bytes.split_at_mut(FRAME_HEADER_BYTES);
    let mut fields = Vec::with_capacity(FRAME_HEADER_BYTES);
    fields.extend_from_slice(MAGIC);
    fields.extend_from_slice(&[VERSION, 0]);
    fields.extend_from_slice(&(entries.len() as u32).to_be_bytes());
    fields.extend_from_slice(&(payload_bytes as u32).to_be_bytes());
    fields.extend_from_slice(&number.to_be_bytes());
    fields.extend_from_slice(&signed.size.to_be_bytes());
    fields.extend_from_slice(signed.root.as_bytes());
    fields.extend_from_slice(Digest::of(payload).as_bytes());
    let check = Digest::of_parts(&[salt, &fields]);
    fields.extend_from_slice(check.as_bytes());
    header.copy_from_slice(&fields);
    Ok(Frame { bytes, marks })
}

/// A header whose check held.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) number: u64,
    pub(super) signed: TreeHead,
    entries: u32,
    payload_bytes: usize,
    payload_digest: Digest,
}

impl Header {
    /// The header at the beginning of `bytes`; `None` if there is none whose check holds.
    ///
    /// Errors: `StoreNewer` for one that is whole and of a newer release.
    pub(super) fn read(salt: &Salt, bytes: &[u8]) -> Result<Option<Self>> {
        let Some((fields, rest)) = bytes.split_at_checked(CHECKED_BYTES) else { return Ok(None) };
        if !fields.starts_with(MAGIC) || !rest.starts_with(Digest::of_parts(&[salt, fields]).as_bytes()) {
            return Ok(None);
        }
        let mut fields = Reader(fields);
        let header = fields.array::<6>().zip(fields.array::<2>()).and_then(|(_, version)| {
            let header = Self {
                entries: u32::from_be_bytes(fields.array()?),
                payload_bytes: usize::try_from(u32::from_be_bytes(fields.array()?)).ok()?,
                number: u64::from_be_bytes(fields.array()?),
                signed: TreeHead {
                    size: u64::from_be_bytes(fields.array()?),
                    root: Digest::from(fields.array::<32>()?),
                },
                payload_digest: Digest::from(fields.array::<32>()?),
            };
            Some((version, header))
        });
        match header {
            Some(([VERSION, 0], header)) => Ok(Some(header)),
            Some(([version, flags], _)) => Err(Problem::new(Code::StoreNewer, "frame")
                .found(format!("version {version}, flags {flags}"))
                .expected(format!("version {VERSION}, flags 0"))),
            None => Ok(None),
        }
    }

    /// Bytes of the whole frame.
    pub(super) fn frame_bytes(&self) -> usize {
        FRAME_HEADER_BYTES + self.payload_bytes
    }

    /// The payload, if `frame` (which begins with this header) holds the one that was written.
    pub(super) fn payload<'a>(&self, frame: &'a [u8]) -> Option<&'a [u8]> {
        let payload = frame.get(FRAME_HEADER_BYTES..self.frame_bytes())?;
        (Digest::of(payload) == self.payload_digest).then_some(payload)
    }

    /// The entries of this frame's payload, with the offset of each from the frame's first byte.
    ///
    /// Errors, for a payload whose digest held: `StoreNewer` for what only a newer release writes, `StoreDamaged` for
    /// what none does.
    pub(super) fn entries<'a>(&self, payload: &'a [u8]) -> Result<Vec<Found<'a>>> {
        let mut rest = Reader(payload);
        let mut entries = Vec::new();
        for _ in 0..self.entries {
            let offset = FRAME_HEADER_BYTES + (payload.len() - rest.0.len()) + ENTRY_HEADER_BYTES;
            let header = EntryHeader::read(&mut rest)?;
            let bytes = rest.take(header.bytes).ok_or_else(|| broken("an entry longer than its frame"))?;
            let leaf = if header.kind.has_leaf() { Some(split_leaf(bytes)?.0) } else { None };
            entries.push(Found { kind: header.kind, offset, bytes, leaf });
        }
        if rest.0.is_empty() { Ok(entries) } else { Err(broken("bytes behind the last entry")) }
    }
}

/// An entry read from a frame.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) kind: EntryKind,
    pub(super) offset: usize,
    pub(super) bytes: &'a [u8],
    pub(super) leaf: Option<&'a [u8]>,
}

/// What stands before an entry's bytes.
#[derive(Debug)]
pub(super) struct EntryHeader {
    pub(super) kind: EntryKind,
    pub(super) bytes: usize,
}

impl EntryHeader {
    fn read(from: &mut Reader<'_>) -> Result<Self> {
        let header =
            from.array::<ENTRY_HEADER_BYTES>().ok_or_else(|| broken("fewer entries than counted"))?;
        Self::parse(header)
    }

    /// The header of an entry; `StoreNewer` for a kind, a flag or a seal that this release does not know.
    pub(super) fn parse(header: [u8; ENTRY_HEADER_BYTES]) -> Result<Self> {
        let [kind, flags, k0, k1, k2, k3, b0, b1, b2, b3] = header;
        let slot = u32::from_be_bytes([k0, k1, k2, k3]);
        let bytes = u32::from_be_bytes([b0, b1, b2, b3]) as usize;
        match (EntryKind::from_number(kind), flags, slot) {
            (Some(kind), 0, 0) => Ok(Self { kind, bytes }),
            _ => Err(Problem::new(Code::StoreNewer, "entry")
                .found(format!("kind {kind}, flags {flags}, key slot {slot}"))
                .expected("a kind of this release, not sealed")),
        }
    }
}

/// Takes bytes from the front; `None` where there are too few.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }
}

fn broken(what: &str) -> Problem {
    Problem::new(Code::StoreDamaged, "frame").found(what)
}
