//! A record's section: the leaf as the log holds it, then the event's parts, of which body and approval may be withheld.

use crate::cbor::{self, Limits, Value};
use crate::cose::Signed;
use crate::event::{Approval, Body, Header};
use crate::record::Record;
use crate::{Code, Digest, EventId, Problem, Result};

use super::RECORD_BYTES_MAX;

/// A record with what its section holds of the event. The bonds between the parts are checked, no signature is.
#[derive(Clone, Debug)]
pub(super) struct RecordSection {
    pub(super) record: Record,
    pub(super) header: Signed<Header>,
    pub(super) body: Option<Body>,
    pub(super) approval: Option<Signed<Approval>>,
}

/// The section's bytes.
pub(super) fn encode(
    record: &Record,
    header: &[u8],
    body: Option<&[u8]>,
    approval: Option<&[u8]>,
) -> Vec<u8> {
    let parts = Value::Array(vec![header.into(), cbor::optional(body), cbor::optional(approval)]);
    [record.to_bytes().as_slice(), &cbor::encode(&parts)].concat()
}

impl RecordSection {
    /// Reads a section. `DigestMismatch` if the record is of another event or the header commits to other parts.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self> {
        const LIMITS: Limits = Limits { bytes_max: RECORD_BYTES_MAX, depth_max: 2, items_max: 8 };
        let Some((leaf, rest)) = bytes.split_at_checked(Record::BYTES) else {
            return Err(Problem::new(Code::Malformed, "record")
                .found(format!("{} bytes", bytes.len()))
                .expected("a record's 125 bytes, then CBOR"));
        };
        let record = Record::from_bytes(leaf)?;
        let parts = cbor::decode(rest, &LIMITS, "event")?;
        let [header, body, approval] = parts.as_tuple::<3>("event")?;
        let header = Signed::<Header>::parse(header.as_bytes("header")?)?;
        let event = EventId(header.digest());
        same("event", event.0, record.event.0)?;
        let said = header.value();
        let body = body.as_optional(|value| {
            let blob = value.as_bytes("body")?;
            same("commitment", Digest::of(blob), said.commitment)?;
            if blob.len() as u64 != said.body_bytes {
                return Err(Problem::new(Code::DigestMismatch, "body bytes")
                    .found(blob.len().to_string())
                    .expected(said.body_bytes.to_string()));
            }
            Body::from_blob(blob, said.kind)
        })?;
        let approval = approval.as_optional(|value| {
            let approval = Signed::<Approval>::parse(value.as_bytes("approval")?)?;
            let Some(named) = said.approval else {
                return Err(Problem::new(Code::DigestMismatch, "approval").found("one").expected("none"));
            };
            same("approval", approval.digest(), named)?;
            if approval.value().covers(said) {
                Ok(approval)
            } else {
                Err(Problem::new(Code::ApprovalInvalid, "approval")
                    .found("an approval of another act")
                    .expected("case, kind, step and commitment of the header"))
            }
        })?;
        Ok(Self { record, header, body, approval })
    }
}

pub(super) fn same(field: &str, found: Digest, expected: Digest) -> Result<()> {
    if found == expected {
        Ok(())
    } else {
        Err(Problem::new(Code::DigestMismatch, field).found(found.to_string()).expected(expected.to_string()))
    }
}
