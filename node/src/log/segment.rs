//! The files of a journal: segments, named by their first commit, each with a header. All integers are big-endian.
//!
//! ```text
//! name    = 16 lower-case hex digits of the first commit's number ‖ ".seg"
//! segment = header ‖ frames ‖ zeroes
//! header  = "ogicjrnl" ‖ version u16 = 1 ‖ SHA-256(the log's origin) 32 ‖ first commit's number u64 ‖ salt 16
//!           ‖ SHA-256(the header before it) 32                                                  (98 bytes)
//! ```
//! The salt is random, one for the whole journal, and stands in each of its segments. It is never shown outside.

use ogic_certs::{Code, Digest, Problem, Result};

use super::frame::Salt;

pub(super) const SEGMENT_HEADER_BYTES: usize = 98;

const MAGIC: &[u8; 8] = b"ogicjrnl";
const VERSION: u16 = 1;
const SUFFIX: &str = ".seg";

/// The file name of the segment whose first commit is `first`.
pub(super) fn name(first: u64) -> String {
    format!("{first:016x}{SUFFIX}")
}

/// The first commit of a segment's file name; `None` for another file.
pub(super) fn first_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    let plain = digits.len() == 16 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if plain { u64::from_str_radix(digits, 16).ok() } else { None }
}

/// The bytes of a segment's header.
pub(super) fn header(origin: &Digest, first: u64, salt: &Salt) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(SEGMENT_HEADER_BYTES);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    bytes.extend_from_slice(origin.as_bytes());
    bytes.extend_from_slice(&first.to_be_bytes());
    bytes.extend_from_slice(salt);
    let check = Digest::of(&bytes);
    bytes.extend_from_slice(check.as_bytes());
    bytes
}

/// The salt from a header that is that of segment `first` of the log `origin`; `None` if its check does not hold.
///
/// Errors: `StoreNewer`; `StoreDamaged` for a whole header of another log or segment.
pub(super) fn salt_of(bytes: &[u8], origin: &Digest, first: u64) -> Result<Option<Salt>> {
    let Some((fields, rest)) = bytes.split_at_checked(SEGMENT_HEADER_BYTES - 32) else { return Ok(None) };
    if !rest.starts_with(Digest::of(fields).as_bytes()) || !fields.starts_with(MAGIC) {
        return Ok(None);
    }
    let version = fields.get(8..10).unwrap_or_default();
    if version != VERSION.to_be_bytes() {
        return Err(Problem::new(Code::StoreNewer, "journal segment")
            .found(format!("version {version:?}"))
            .expected(format!("version {VERSION}")));
    }
    let salt: Salt = fields.last_chunk().copied().unwrap_or_default();
    if bytes.starts_with(&header(origin, first, &salt)) {
        return Ok(Some(salt));
    }
    Err(Problem::new(Code::StoreDamaged, "journal segment")
        .found("the header of another log or segment")
        .expected(format!("log {origin}, first commit {first}")))
}
