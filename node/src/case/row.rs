//! A case's row in the store: JSON behind a version byte, of the state that the fold gave.
//!
//! The row is a cache of the journal and can be rebuilt at any time; whatever does not read back is damage, never
//! repaired here.

use ogic_certs::event::{HeadAt, Outcome, StepCode, Terms};
use ogic_certs::evidence::Judgement;
use ogic_certs::verdict::SubIndication;
use ogic_certs::{AgencyId, CaseId, Code, Digest, EventId, Problem, Result, Timestamp};
use serde::{Deserialize, Serialize};

use super::model::Case;

/// The first byte of a row: the version of its form.
const ROW_VERSION: u8 = 1;

impl Case {
    /// The row's bytes: a version byte, then JSON. Equal cases have equal rows.
    pub fn to_row(&self) -> Vec<u8> {
        let mut row = vec![ROW_VERSION];
        serde_json::to_writer(&mut row, self)
            .expect("a case has no map whose keys are no text, and a Vec takes every write");
        row
    }

    /// Reads a row. `StoreDamaged` where it is none, `StoreNewer` where a newer release wrote it.
    pub fn from_row(bytes: &[u8]) -> Result<Self> {
        let damaged = |found: String| {
            Problem::new(Code::StoreDamaged, "case row").found(found).expected("the row of a case")
        };
        match bytes.split_first() {
            Some((&ROW_VERSION, json)) => {
                serde_json::from_slice(json).map_err(|error| damaged(error.to_string()))
            }
            Some((&version, _)) if version > ROW_VERSION => Err(Problem::new(Code::StoreNewer, "case row")
                .found(format!("version {version}"))
                .expected(format!("at most version {ROW_VERSION}"))),
            _ => Err(damaged("no version".to_owned())),
        }
    }
}

/// A value with one spelling as text.
pub(super) trait Spelled: Sized {
    /// The text.
    fn spell(&self) -> String;
    /// Reads that text and no other.
    fn read(text: &str) -> Result<Self>;
}

macro_rules! spelled_in_hex {
    ($($name:ident)+) => {
        $(impl Spelled for $name {
            fn spell(&self) -> String {
                self.to_string()
            }
            fn read(text: &str) -> Result<Self> {
                Self::from_hex(text, "digest")
            }
        })+
    };
}

macro_rules! spelled_as_a_word {
    ($($name:ident)+) => {
        $(impl Spelled for $name {
            fn spell(&self) -> String {
                self.as_str().to_owned()
            }
            fn read(text: &str) -> Result<Self> {
                Self::from_word(text)
            }
        })+
    };
}

spelled_in_hex! { Digest CaseId EventId }
spelled_as_a_word! { Outcome StepCode }

impl Spelled for AgencyId {
    fn spell(&self) -> String {
        self.as_str().to_owned()
    }
    fn read(text: &str) -> Result<Self> {
        Self::parse(text, "agency")
    }
}

/// For `#[serde(with)]`: a [`Spelled`] value as text.
pub(super) mod spelled {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::Spelled;

    pub(in crate::case) fn serialize<T: Spelled, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&value.spell())
    }

    pub(in crate::case) fn deserialize<'de, T: Spelled, D: Deserializer<'de>>(
        from: D,
    ) -> Result<T, D::Error> {
        T::read(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// For `#[serde(with)]`: a [`Spelled`] value as text, or null.
pub(super) mod spelled_optional {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use super::Spelled;

    pub(in crate::case) fn serialize<T: Spelled, S: Serializer>(
        value: &Option<T>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        value.as_ref().map(T::spell).serialize(to)
    }

    pub(in crate::case) fn deserialize<'de, T: Spelled, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<T>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| T::read(&text).map_err(D::Error::custom)).transpose()
    }
}

/// For `#[serde(with)]`: a time as milliseconds.
pub(super) mod stamped {
    use ogic_certs::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(in crate::case) fn serialize<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(time.ms())
    }

    pub(in crate::case) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        Timestamp::from_ms(u64::deserialize(from)?, "time").map_err(D::Error::custom)
    }
}

/// For `#[serde(with)]`: a time as milliseconds, or null.
pub(super) mod stamped_optional {
    use ogic_certs::Timestamp;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub(in crate::case) fn serialize<S: Serializer>(
        time: &Option<Timestamp>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        time.map(Timestamp::ms).serialize(to)
    }

    pub(in crate::case) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        let ms = Option::<u64>::deserialize(from)?;
        ms.map(|ms| Timestamp::from_ms(ms, "time").map_err(D::Error::custom)).transpose()
    }
}

/// [`HeadAt`] in a row.
#[derive(Serialize, Deserialize)]
#[serde(remote = "HeadAt", deny_unknown_fields)]
pub(super) struct HeadAtRow {
    seq: u64,
    #[serde(with = "spelled")]
    record: Digest,
}

/// [`Terms`] in a row.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Terms", deny_unknown_fields)]
pub(super) struct TermsRow {
    #[serde(with = "spelled")]
    grantee: AgencyId,
    read: bool,
    steps: Vec<String>,
    purpose: String,
    ground: String,
    performer: String,
    #[serde(with = "stamped_optional")]
    deadline: Option<Timestamp>,
    #[serde(with = "stamped")]
    expires: Timestamp,
}

/// [`Judgement`] in a row: `[verdict, sub-indication, code]` by PROTOCOL.md's numbers.
pub(super) struct JudgementRow;

impl JudgementRow {
    pub(super) fn serialize<S: serde::Serializer>(judgement: &Judgement, to: S) -> Result<S::Ok, S::Error> {
        let row: (u64, &str, u64) = (
            judgement.verdict.number(),
            judgement.sub.map_or("", SubIndication::as_str),
            judgement.code.map_or(0, Code::number),
        );
        row.serialize(to)
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Judgement, D::Error> {
        use serde::de::Error;
        let (verdict, sub, code) = <(u64, String, u64)>::deserialize(from)?;
        let value = ogic_certs::cbor::Value::Array(vec![verdict.into(), sub.as_str().into(), code.into()]);
        Judgement::from_value(&value).map_err(D::Error::custom)
    }
}
