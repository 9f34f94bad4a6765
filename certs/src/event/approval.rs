//! Approvals: an official's own signature over an act, whatever the seal adds around it.

use super::body::{NAME_BYTES_MAX, short};
use super::{Header, Kind};
use crate::cbor::{self, Fields, Limits};
use crate::cose::{Kind as Envelope, Payload};
use crate::{CaseId, Digest, Result};

/// What an official signs: this act on this case, whatever the seal adds around it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Approval {
    /// The case; none for an opening event.
    pub case: Option<CaseId>,
    /// The kind of the event approved.
    pub kind: Kind,
    /// Its step.
    pub step: Option<String>,
    /// SHA-256 of its body blob.
    pub commitment: Digest,
}

impl Payload for Approval {
    const KIND: Envelope = Envelope::Approval;

    fn encode(&self) -> Vec<u8> {
        cbor::encode(&cbor::map([
            (1, cbor::optional(self.case)),
            (2, self.kind.number().into()),
            (3, cbor::optional(self.step.as_deref())),
            (4, self.commitment.into()),
        ]))
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        let mut fields = Fields::of(cbor::decode(bytes, &Limits::HEADER, "approval")?, "approval")?;
        let approval = Self {
            case: fields.take(1, "case")?.as_optional(|v| v.as_digest("case").map(CaseId))?,
            kind: Kind::from_number(fields.take(2, "kind")?.as_uint("kind")?)?,
            step: fields
                .take(3, "step")?
                .as_optional(|v| short(v.as_text("step")?, "step", NAME_BYTES_MAX))?,
            commitment: fields.take(4, "commitment")?.as_digest("commitment")?,
        };
        fields.finish()?;
        Ok(approval)
    }
}

impl Approval {
    /// Whether it approves exactly the event of `header`.
    pub fn covers(&self, header: &Header) -> bool {
        self.case == header.case
            && self.kind == header.kind
            && self.step == header.step
            && self.commitment == header.commitment
    }
}
