//! The manifest: which sections a capsule has, in order, under the seal of the home.

use super::{Part, SECTIONS_MAX};
use crate::cbor::{self, Fields, Limits, Value};
use crate::cose::{Kind, Payload};
use crate::{AgencyId, CaseId, Code, Digest, Problem, Result, Timestamp};

/// What the last section says of all the others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manifest {
    /// The case.
    pub case: CaseId,
    /// The agency that holds it.
    pub home: AgencyId,
    /// When the capsule was made.
    pub at: Timestamp,
    /// Kind and SHA-256 of each section, in order.
    pub sections: Vec<(Part, Digest)>,
}

impl Payload for Manifest {
    const KIND: Kind = Kind::Capsule;

    fn encode(&self) -> Vec<u8> {
        let sections = self
            .sections
            .iter()
            .map(|(part, digest)| Value::Array(vec![u64::from(part.number()).into(), (*digest).into()]));
        cbor::encode(&cbor::map([
            (1, self.case.into()),
            (2, (&self.home).into()),
            (3, self.at.into()),
            (4, Value::Array(sections.collect())),
        ]))
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        const LIMITS: Limits =
            Limits { bytes_max: Kind::Capsule.bytes_max(), depth_max: 4, items_max: 3 * SECTIONS_MAX + 64 };
        let mut fields = Fields::of(cbor::decode(bytes, &LIMITS, "manifest")?, "manifest")?;
        let case = CaseId(fields.take(1, "case")?.as_digest("case")?);
        let home = fields.take(2, "home")?.as_agency("home")?;
        let at = fields.take(3, "time")?.as_time("time")?;
        let list = fields.take(4, "sections")?;
        let list = list.as_array("sections")?;
        if list.len() > SECTIONS_MAX {
            return Err(Problem::new(Code::TooLarge, "sections")
                .found(list.len().to_string())
                .expected(format!("at most {SECTIONS_MAX}")));
        }
        let sections = list.iter().map(section).collect::<Result<Vec<_>>>()?;
        fields.finish()?;
        if let Some(pair) = sections.windows(2).find(|pair| pair[0].0 > pair[1].0) {
            return Err(Problem::new(Code::ValueRefused, "sections")
                .found(format!("{:?} after {:?}", pair[1].0, pair[0].0))
                .expected("sections in the order of their numbers"));
        }
        Ok(Self { case, home, at, sections })
    }
}

fn section(value: &Value) -> Result<(Part, Digest)> {
    let [number, digest] = value.as_tuple::<2>("sections")?;
    let number = number.as_uint("sections")?;
    match Part::from_number(number) {
        Some(part) if part != Part::Manifest => Ok((part, digest.as_digest("sections")?)),
        _ => Err(Problem::new(Code::ValueRefused, "sections").found(number.to_string()).expected("1 to 7")),
    }
}
