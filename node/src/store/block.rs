//! The bytes of the store's rows: a row a case, and a row for each 64 records of a case, never a row a record.
//!
//! Fixed width, big-endian, no codec. What does not have the right length is no row.

use ogic_certs::{CaseId, Digest, EventId};

use super::{CaseRow, Position, RecordRow};

/// Records in one row.
pub(super) const BLOCK_RECORDS: u64 = 64;
/// Bytes of one record in a row: record 32, event id 32, leaf u64, position 16. Its sequence follows from its place.
const RECORD_BYTES: usize = 88;

/// The row that holds the number of commits applied.
pub(super) const WATERMARK_KEY: [u8; 1] = *b"w";
/// What the keys of cases begin with.
pub(super) const CASE_PREFIX: [u8; 1] = *b"c";

/// `c` ‖ case 32.
pub(super) fn case_key(case: &CaseId) -> [u8; 33] {
    let mut key = [b'c'; 33];
    key[1..].copy_from_slice(case.as_bytes());
    key
}

/// `r` ‖ case 32 ‖ block u64: the row of the records from `block` × 64 on.
pub(super) fn block_key(case: &CaseId, block: u64) -> [u8; 41] {
    let mut key = [b'r'; 41];
    key[1..33].copy_from_slice(case.as_bytes());
    key[33..].copy_from_slice(&block.to_be_bytes());
    key
}

/// records u64 ‖ state.
pub(super) fn case_bytes(row: &CaseRow) -> Vec<u8> {
    [&row.records.to_be_bytes(), row.state.as_slice()].concat()
}

/// Key and bytes of a case's row.
pub(super) fn case_row(key: &[u8], bytes: &[u8]) -> Option<CaseRow> {
    let case = CaseId(Digest::from_slice(key.strip_prefix(&CASE_PREFIX)?, "case").ok()?);
    Some(CaseRow { case, state: bytes.get(8..)?.to_vec(), records: case_records(bytes)? })
}

/// The number of records that a case's row counts.
pub(super) fn case_records(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|count| u64::from_be_bytes(*count))
}

/// The bytes of a watermark.
pub(super) fn watermark(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}

/// Puts a record behind those of its block.
pub(super) fn push_record(bytes: &mut Vec<u8>, row: &RecordRow) {
    bytes.extend_from_slice(row.record.as_bytes());
    bytes.extend_from_slice(row.event.as_bytes());
    bytes.extend_from_slice(&row.leaf.to_be_bytes());
    bytes.extend_from_slice(&row.position.to_bytes());
}

/// The records of a block that holds exactly `count` of them.
pub(super) fn block_records(bytes: &[u8], block: u64, count: u64) -> Option<Vec<RecordRow>> {
    if bytes.len() as u64 != count.checked_mul(RECORD_BYTES as u64)? {
        return None;
    }
    let first = block.checked_mul(BLOCK_RECORDS)?;
    (first..).zip(bytes.chunks_exact(RECORD_BYTES)).map(|(seq, bytes)| record_row(seq, bytes)).collect()
}

fn record_row(seq: u64, bytes: &[u8]) -> Option<RecordRow> {
    let (record, rest) = bytes.split_first_chunk::<32>()?;
    let (event, rest) = rest.split_first_chunk::<32>()?;
    let (leaf, rest) = rest.split_first_chunk::<8>()?;
    Some(RecordRow {
        seq,
        record: Digest::from(*record),
        event: EventId(Digest::from(*event)),
        leaf: u64::from_be_bytes(*leaf),
        position: Position::from_bytes(rest.try_into().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(seq: u64) -> RecordRow {
        RecordRow {
            seq,
            record: Digest::of(&seq.to_be_bytes()),
            event: EventId::of(&seq.to_be_bytes()),
            leaf: seq + 7,
            position: Position { segment: 3, offset: 0x0102, bytes: u32::MAX },
        }
    }

    #[test]
    fn rows_come_back_and_a_wrong_length_is_no_row() {
        let rows: Vec<_> = (64..67).map(row).collect();
        let mut bytes = Vec::new();
        rows.iter().for_each(|row| push_record(&mut bytes, row));
        assert_eq!(bytes.len(), 3 * RECORD_BYTES);
        assert_eq!(block_records(&bytes, 1, 3), Some(rows));
        for (name, bytes, block, count) in [
            ("fewer than counted", &bytes[..], 1, 4),
            ("more than counted", &bytes[..], 1, 2),
            ("cut", &bytes[1..], 1, 3),
            ("a count beyond all lengths", &bytes[..], 1, u64::MAX),
            ("a block beyond all sequences", &bytes[..], u64::MAX, 3),
        ] {
            assert_eq!(block_records(bytes, block, count), None, "{name}");
        }

        let case = CaseRow { case: CaseId(Digest::of(b"case")), state: b"state".to_vec(), records: 9 };
        let (key, bytes) = (case_key(&case.case), case_bytes(&case));
        assert_eq!(case_row(&key, &bytes), Some(case));
        assert_eq!(case_row(&key, &bytes[..7]), None);
        assert_eq!(case_row(&key[1..], &bytes), None);
        assert_eq!(watermark(&bytes[..8]), Some(9));
        assert_eq!(watermark(&bytes[..9]), None);
    }
}
