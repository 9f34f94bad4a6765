//! What the journal holds: entries of numbered kinds, some with a leaf of the log's tree, and where they lie.
//!
//! Nothing here knows what an entry says. The numbers of kinds are bytes on disk and are never reused.

use ogic_certs::{Code, Problem, Result};

use super::frame::FRAME_PAYLOAD_BYTES_MAX;

/// Longest entry in bytes, its leaf and the leaf's length included: a frame holds at least one.
pub const ENTRY_BYTES_MAX: usize = FRAME_PAYLOAD_BYTES_MAX - ENTRY_HEADER_BYTES;

/// kind u8 ‖ flags u8 ‖ key slot u32 ‖ bytes u32.
pub(super) const ENTRY_HEADER_BYTES: usize = 10;

macro_rules! kinds {
    ($($number:literal $name:ident $leaf:literal $doc:literal;)+) => {
        /// What an entry is. A number that this release does not know is refused as `StoreNewer`.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum EntryKind {
            $(#[doc = $doc] $name = $number,)+
        }

        impl EntryKind {
            /// Every kind in order of number.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The number on disk.
            pub const fn number(self) -> u8 {
                self as u8
            }

            /// The kind of a number, if this release knows it.
            pub const fn from_number(number: u8) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)+
                    _ => None,
                }
            }

            /// Whether entries of this kind have a leaf in the log's tree.
            pub const fn has_leaf(self) -> bool {
                match self {
                    $(Self::$name => $leaf,)+
                }
            }
        }
    };
}

// number name leaf? sentence
kinds! {
    1 Event true "A record with its event.";
    2 Access true "Who looked at which case, or was refused.";
    3 Notice true "A signed notice of the home, such as a refusal that is kept.";
    4 OutboxPut false "A message to a peer, to be delivered.";
    5 OutboxDone false "A message whose receipt has been verified.";
    6 OutboxParked false "A message that cannot succeed as it is.";
    7 PeerReceipt false "A peer's receipt.";
    8 Registry false "A version of the registry.";
    9 Certificate false "A certificate, stored by digest.";
    10 Outcome false "What a caller's idempotency key led to.";
    11 PeerSeen false "The highest head or checkpoint of a peer.";
    12 Issued false "A certificate that the authority issued.";
    13 Token false "A one-time enrolment token, hashed, or its redemption.";
    14 Revocation false "A revocation.";
    15 Evidence false "Evidence of a trusted third party.";
    16 Service false "A service definition.";
    17 Crl false "A revocation list.";
    18 Alarm false "Something an operator must see, with both sides kept.";
    19 Overtaken false "A refused event that a later one of its sender overtook.";
    20 OutboxDropped false "A parked message that an operator gave up.";
    21 Held true "A record of another home's case, held until the case is taken.";
    22 Answered false "An answer to an offer of custody.";
}

/// One entry to be committed.
///
/// Stored as its kind and bytes; for a kind with a leaf the bytes are `u16 leaf length ‖ leaf ‖ body`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    kind: EntryKind,
    leaf: Option<Vec<u8>>,
    body: Vec<u8>,
}

impl Entry {
    /// An entry of a kind without a leaf. Errors: `KindMismatch`, `TooLarge`.
    pub fn plain(kind: EntryKind, body: Vec<u8>) -> Result<Self> {
        Self { kind, leaf: None, body }.checked()
    }

    /// An entry of a kind with a leaf (1–65535 bytes). Errors: `KindMismatch`, `TooLarge`, `ValueRefused`.
    pub fn with_leaf(kind: EntryKind, leaf: Vec<u8>, body: Vec<u8>) -> Result<Self> {
        Self { kind, leaf: Some(leaf), body }.checked()
    }

    /// The kind.
    pub const fn kind(&self) -> EntryKind {
        self.kind
    }

    /// The leaf's bytes, for a kind that has one.
    pub fn leaf(&self) -> Option<&[u8]> {
        self.leaf.as_deref()
    }

    /// What stands behind the leaf, or all of it.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Bytes on disk without the entry's header.
    pub(super) fn stored_bytes(&self) -> usize {
        self.leaf.as_ref().map_or(0, |leaf| 2 + leaf.len()) + self.body.len()
    }

    fn checked(self) -> Result<Self> {
        if self.kind.has_leaf() != self.leaf.is_some() {
            return Err(Problem::new(Code::KindMismatch, "entry")
                .found(format!("{:?}", self.kind))
                .expected(if self.leaf.is_some() { "a kind with a leaf" } else { "a kind without a leaf" }));
        }
        if let Some(leaf) = &self.leaf
            && (leaf.is_empty() || leaf.len() > usize::from(u16::MAX))
        {
            return Err(Problem::new(Code::ValueRefused, "leaf")
                .found(format!("{} bytes", leaf.len()))
                .expected("1-65535 bytes"));
        }
        if self.stored_bytes() > ENTRY_BYTES_MAX {
            return Err(Problem::new(Code::TooLarge, "entry")
                .found(format!("{} bytes", self.stored_bytes()))
                .expected(format!("at most {ENTRY_BYTES_MAX} bytes")));
        }
        Ok(self)
    }
}

/// Splits the bytes of an entry whose kind has a leaf into leaf and body.
pub fn split_leaf(bytes: &[u8]) -> Result<(&[u8], &[u8])> {
    bytes
        .split_first_chunk::<2>()
        .and_then(|(length, rest)| rest.split_at_checked(usize::from(u16::from_be_bytes(*length))))
        .filter(|(leaf, _)| !leaf.is_empty())
        .ok_or_else(|| {
            Problem::new(Code::StoreDamaged, "leaf of an entry").found("a length beyond the entry")
        })
}

/// Where an entry's bytes lie: the segment by its first commit's number, the offset in its file, the length.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Position {
    /// Number of the segment's first commit, which is its file's name.
    pub segment: u64,
    /// First byte of the entry in that file, behind the entry's header.
    pub offset: u32,
    /// Length of the entry in bytes.
    pub bytes: u32,
}

impl Position {
    /// Sixteen bytes, big-endian, that sort as the journal does; for an index that follows it.
    pub fn to_bytes(self) -> [u8; 16] {
        let mut out = [0; 16];
        out[..8].copy_from_slice(&self.segment.to_be_bytes());
        out[8..12].copy_from_slice(&self.offset.to_be_bytes());
        out[12..].copy_from_slice(&self.bytes.to_be_bytes());
        out
    }

    /// The position of [`Position::to_bytes`]. Whether something lies there shows when it is read.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = bytes;
        Self {
            segment: u64::from_be_bytes([a, b, c, d, e, f, g, h]),
            offset: u32::from_be_bytes([i, j, k, l]),
            bytes: u32::from_be_bytes([m, n, o, p]),
        }
    }
}
