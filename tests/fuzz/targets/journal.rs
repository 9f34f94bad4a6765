//! A journal as a daemon finds it at start: whatever stands in the file, it opens or is named as damaged, and a journal that
//! opened takes the next commit.

use ogic_certs::{Code, Digest};
use ogic_node::desk::Fact;
use ogic_node::log::{Disk, Log, Options, SimDisk};

use super::fine;

/// The first segment.
pub(crate) const SEGMENT: &str = "0000000000000001.seg";
/// Bytes of a segment's header, and of a frame's.
const HEADER_BYTES: (usize, usize) = (98, 128);
/// Most bytes of a segment that is tried.
const SEGMENT_BYTES: u64 = 64 << 10;

pub(crate) fn options() -> Options {
    let origin = "health.gov.example/log/000102030405060708090a0b0c0d0e0f/1";
    Options { segment_bytes: SEGMENT_BYTES, ..Options::new(origin) }
}

type Entries = Vec<(u8, Vec<u8>)>;

fn open<D: Disk>(disk: D) -> Option<(Log<D>, Entries)> {
    let mut entries = Vec::new();
    let opened = Log::open_with(disk, &options(), |_, kind, bytes, _| {
        fine(Fact::from_entry(kind, bytes));
        entries.push((kind.number(), bytes.to_vec()));
        Ok(())
    });
    Some((fine(opened)?, entries))
}

pub(super) fn run(bytes: &[u8]) -> bool {
    let disk = SimDisk::new(1);
    disk.put(SEGMENT, bytes.to_vec());
    let Some((mut log, entries)) = open(disk.clone()) else {
        assert!(disk.contents(SEGMENT).as_deref() == Some(bytes), "damage was written over");
        return false;
    };
    let next = Fact::Parked { id: Digest::ZERO, code: Code::GrantRevoked, refusal: None }.to_entry().unwrap();
    let kind = next.kind().number();
    log.commit(&[next]).expect("a journal that opened takes the next commit");
    drop(log);
    disk.crash();
    let (_, again) = open(disk).expect("a journal that was settled opens");
    let (last, before) = again.split_last().expect("the new entry");
    assert!((before, last.0) == (entries.as_slice(), kind), "other entries than were read");
    !entries.is_empty()
}

/// Makes digests and checks right again from the first byte on, as far as the frames can be followed.
#[expect(clippy::ptr_arg, reason = "every target's `mend` has this type")]
pub(super) fn mend(bytes: &mut Vec<u8>) {
    let (segment, header) = HEADER_BYTES;
    if bytes.len() < segment {
        return;
    }
    let check = Digest::of(&bytes[..segment - 32]);
    bytes[segment - 32..segment].copy_from_slice(check.as_bytes());
    let salt: [u8; 16] = bytes[segment - 48..segment - 32].try_into().expect("sixteen");
    let mut at = segment;
    while let Some(frame) =
        bytes.get_mut(at..).filter(|rest| rest.starts_with(b"commit") && rest.len() >= header)
    {
        let length = frame[12..16].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        let Some(end) = header.checked_add(length).filter(|end| *end <= frame.len()) else { return };
        let payload = Digest::of(&frame[header..end]);
        frame[64..96].copy_from_slice(payload.as_bytes());
        let check = Digest::of_parts(&[&salt, &frame[..96]]);
        frame[96..128].copy_from_slice(check.as_bytes());
        at += end;
    }
}
