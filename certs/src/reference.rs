//! References: the signed, revocable paper that tells of a grant.
//!
//! A reference is no right by itself: rights are checked at the home at every access, against the grant as it stands.

use crate::cbor::{self, Fields, Limits};
use crate::cose::{Kind, Payload};
use crate::event::{HeadAt, Terms, steps, text};
use crate::opening::Opening;
use crate::{AgencyId, CaseId, Digest, EventId, Result, Timestamp};

/// What a home tells a grantee.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reference {
    /// The case.
    pub case: CaseId,
    /// The agency that holds it.
    pub home: AgencyId,
    /// The grant: the id of the share event.
    pub grant: EventId,
    /// The terms, as the share event has them.
    pub terms: Terms,
    /// When the reference was issued.
    pub issued: Timestamp,
    /// Digest of the service definition that the case follows.
    pub service: Digest,
    /// The newest record of the case when it was issued.
    pub head: HeadAt,
    /// The header that opened the case, COSE bytes; see [`Opening`].
    pub opening: Vec<u8>,
}

impl Reference {
    /// What opened the case.
    pub fn opening(&self) -> Result<Opening> {
        Opening::parse(&self.opening, self.case)
    }
}

impl Payload for Reference {
    const KIND: Kind = Kind::Reference;

    fn encode(&self) -> Vec<u8> {
        let terms = &self.terms;
        cbor::encode(&cbor::map([
            (1, self.case.into()),
            (2, (&self.home).into()),
            (3, self.grant.into()),
            (4, (&terms.grantee).into()),
            (5, terms.read.into()),
            (6, cbor::array(terms.steps.iter().map(String::as_str))),
            (7, terms.purpose.as_str().into()),
            (8, terms.ground.as_str().into()),
            (9, terms.performer.as_str().into()),
            (10, cbor::optional(terms.deadline)),
            (11, terms.expires.into()),
            (12, self.issued.into()),
            (13, self.service.into()),
            (14, self.head.to_value()),
            (15, self.opening.as_slice().into()),
        ]))
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        let mut fields = Fields::of(cbor::decode(bytes, &Limits::HEADER, "reference")?, "reference")?;
        let reference = Self {
            case: CaseId(fields.take(1, "case")?.as_digest("case")?),
            home: fields.take(2, "home")?.as_agency("home")?,
            grant: EventId(fields.take(3, "grant")?.as_digest("grant")?),
            terms: Terms {
                grantee: fields.take(4, "grantee")?.as_agency("grantee")?,
                read: fields.take(5, "read")?.as_bool("read")?,
                steps: steps(&fields.take(6, "steps")?)?,
                purpose: text(&fields.take(7, "purpose")?, "purpose")?,
                ground: text(&fields.take(8, "ground")?, "ground")?,
                performer: text(&fields.take(9, "performer")?, "performer")?,
                deadline: fields.take(10, "deadline")?.as_optional(|v| v.as_time("deadline"))?,
                expires: fields.take(11, "expires")?.as_time("expires")?,
            },
            issued: fields.take(12, "issued")?.as_time("issued")?,
            service: fields.take(13, "service")?.as_digest("service")?,
            head: HeadAt::from_value(&fields.take(14, "head")?)?,
            opening: fields.take(15, "opening")?.as_bytes("opening")?.to_vec(),
        };
        fields.finish()?;
        Ok(reference)
    }
}
