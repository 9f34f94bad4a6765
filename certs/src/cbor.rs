//! Strict deterministic CBOR (RFC 8949 4.2): our own scan of the bytes, then serde_cbor.
//!
//! The scan decides everything that serde_cbor would let pass: long forms, indefinite lengths, unsorted or repeated
//! keys, floats, tags, depth, trailing bytes. Nothing else in the project knows which codec is beneath.

use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{AgencyId, CaseId, Code, Digest, EventId, Problem, Result, Timestamp};

/// A CBOR data item of the kinds that Ogic signs: no floats, no tags, keys that are integers or text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// Major type 0.
    Uint(u64),
    /// Major type 1; always negative.
    Nint(i64),
    /// Major type 2.
    Bytes(Vec<u8>),
    /// Major type 3.
    Text(String),
    /// Major type 4.
    Array(Vec<Self>),
    /// Major type 5; encoding sorts the keys, decoding has checked their order.
    Map(Vec<(Self, Self)>),
    /// Simple values 20 and 21.
    Bool(bool),
    /// Simple value 22.
    Null,
}

/// What a decoder takes at most. The numbers stand in PROTOCOL.md's table of limits.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the whole item.
    pub bytes_max: usize,
    /// Arrays and maps inside each other.
    pub depth_max: usize,
    /// Data items in all, keys included.
    pub items_max: usize,
}

impl Limits {
    /// A signed header: event header, approval, reference, refusal.
    pub const HEADER: Self = Self { bytes_max: 4 << 10, depth_max: 8, items_max: 512 };
    /// An event's body.
    pub const BODY: Self = Self { bytes_max: 64 << 10, depth_max: 8, items_max: 4096 };
    /// A frame of the exchange.
    pub const FRAME: Self = Self { bytes_max: 256 << 10, depth_max: 8, items_max: 16 << 10 };
    /// A registry, evidence or enrolment answer.
    pub const DOCUMENT: Self = Self { bytes_max: 4 << 20, depth_max: 8, items_max: 64 << 10 };
}

/// Encodes deterministically: shortest forms, keys sorted bytewise by their encoding (RFC 8949 4.2.1).
pub fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    let mut serializer = serde_cbor::Serializer::new(serde_cbor::ser::IoWrite::new(&mut out));
    value.serialize(&mut serializer).expect("a Value always serialises, and a Vec takes every write");
    out
}

/// Decodes `bytes` if they are exactly one deterministic item within `limits`; `what` names the structure in the error.
pub fn decode(bytes: &[u8], limits: &Limits, what: &'static str) -> Result<Value> {
    scan(bytes, limits, what)?;
    serde_cbor::from_slice(bytes).map_err(|error| {
        // The scan is at least as strict as the codec, so that this is our bug, not the sender's.
        Problem::new(Code::Internal, what).found(error.to_string())
    })
}

/// Checks well-formedness, determinism and bounds without allocating for what is claimed (RFC 8949 appendix C).
pub fn scan(bytes: &[u8], limits: &Limits, what: &'static str) -> Result<()> {
    if bytes.len() > limits.bytes_max {
        return Err(Problem::new(Code::TooLarge, what)
            .found(format!("{} bytes", bytes.len()))
            .expected(format!("at most {} bytes", limits.bytes_max)));
    }
    let mut scanner = Scanner { bytes, at: 0, what };
    let mut open: Vec<Open> = Vec::new();
    let mut items = 0_usize;
    loop {
        items += 1;
        if items > limits.items_max {
            return Err(Problem::new(Code::TooLarge, what)
                .found(format!("more than {} items", limits.items_max))
                .expected(format!("at most {} items", limits.items_max)));
        }
        let start = scanner.at;
        let is_key = open.last().is_some_and(Open::at_key);
        let (major, argument) = scanner.head()?;
        if is_key && !matches!(major, 0 | 1 | 3) {
            return Err(scanner.malformed(start, "a key that is no integer or text"));
        }
        let mut opened = None;
        match major {
            0 => {}
            1 if argument <= i64::MAX.unsigned_abs() => {}
            1 => return Err(scanner.malformed(start, "a negative integer below -2^63")),
            2 => drop(scanner.take(argument, start)?),
            3 => {
                let text = std::str::from_utf8(scanner.take(argument, start)?);
                text.map_err(|_| scanner.malformed(start, "text that is no UTF-8"))?;
            }
            4 => opened = Some(Open { left: argument, key: None }),
            5 => match argument.checked_mul(2) {
                Some(left) => opened = Some(Open { left, key: Some((0, 0)) }),
                None => return Err(scanner.malformed(start, "a map longer than any input")),
            },
            6 => return Err(scanner.malformed(start, "a tag")),
            _ => {}
        }
        if let Some(top) = open.last_mut() {
            if is_key {
                top.check_key(&scanner, start)?;
            }
            top.left -= 1;
        }
        if let Some(new) = opened {
            // Each element takes at least one byte, so that a lying length ends here, before any allocation.
            if new.left > (bytes.len() - scanner.at) as u64 {
                return Err(scanner.malformed(start, "a length beyond the end"));
            }
            if open.len() == limits.depth_max {
                return Err(Problem::new(Code::TooLarge, what)
                    .found(format!("nesting deeper than {} at byte {start}", limits.depth_max))
                    .expected(format!("at most {} levels", limits.depth_max)));
            }
            open.push(new);
        }
        while open.last().is_some_and(|top| top.left == 0) {
            open.pop();
        }
        if open.is_empty() {
            break;
        }
    }
    if scanner.at == bytes.len() {
        Ok(())
    } else {
        Err(scanner.malformed(scanner.at, "bytes after the item"))
    }
}

/// An array or map whose elements are being read.
struct Open {
    left: u64,
    /// In a map: where the last key lies; (0, 0) before the first.
    key: Option<(usize, usize)>,
}

impl Open {
    fn at_key(&self) -> bool {
        self.key.is_some() && self.left.is_multiple_of(2)
    }

    fn check_key(&mut self, scanner: &Scanner<'_>, start: usize) -> Result<()> {
        let Some((from, to)) = self.key else { return Ok(()) };
        let (last, this) = (scanner.bytes.get(from..to), scanner.bytes.get(start..scanner.at));
        if to > 0 && last >= this {
            return Err(scanner.malformed(start, "a key that is repeated or out of order"));
        }
        self.key = Some((start, scanner.at));
        Ok(())
    }
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    what: &'static str,
}

impl<'a> Scanner<'a> {
    /// Reads one initial byte and its argument, in the shortest form only.
    fn head(&mut self) -> Result<(u8, u64)> {
        let start = self.at;
        let first = *self.take(1, start)?.first().ok_or_else(|| self.malformed(start, "the end"))?;
        let (major, info) = (first >> 5, first & 0x1f);
        if major == 7 {
            return match info {
                20..=22 => Ok((7, u64::from(info))),
                25..=27 => Err(self.malformed(start, "a floating-point number")),
                _ => Err(self.malformed(start, "a simple value other than false, true and null")),
            };
        }
        let argument = match info {
            0..=23 => return Ok((major, u64::from(info))),
            24..=27 => {
                let width = 1_u64 << (info - 24);
                self.take(width, start)?.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
            }
            31 => return Err(self.malformed(start, "an indefinite length")),
            _ => return Err(self.malformed(start, "a reserved initial byte")),
        };
        let shortest = match info {
            24 => argument > 23,
            25 => argument > 0xff,
            26 => argument > 0xffff,
            _ => argument > 0xffff_ffff,
        };
        if shortest {
            Ok((major, argument))
        } else {
            Err(self.malformed(start, "a number that is not in its shortest form"))
        }
    }

    fn take(&mut self, count: u64, start: usize) -> Result<&'a [u8]> {
        let end = usize::try_from(count).ok().and_then(|count| self.at.checked_add(count));
        match end.and_then(|end| self.bytes.get(self.at..end)) {
            Some(taken) => {
                self.at += taken.len();
                Ok(taken)
            }
            None => Err(self.malformed(start, "an item that reaches beyond the end")),
        }
    }

    fn malformed(&self, at: usize, found: &str) -> Problem {
        Problem::new(Code::Malformed, self.what)
            .found(format!("{found} at byte {at}"))
            .expected("deterministic CBOR (RFC 8949 4.2)")
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Uint(n) => serializer.serialize_u64(*n),
            Self::Nint(n) => serializer.serialize_i64(*n),
            Self::Bytes(bytes) => serializer.serialize_bytes(bytes),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Bool(flag) => serializer.serialize_bool(*flag),
            Self::Null => serializer.serialize_unit(),
            Self::Array(values) => {
                let mut seq = serializer.serialize_seq(Some(values.len()))?;
                for value in values {
                    seq.serialize_element(value)?;
                }
                seq.end()
            }
            Self::Map(entries) => {
                let mut sorted: Vec<_> =
                    entries.iter().map(|(key, value)| (encode(key), key, value)).collect();
                sorted.sort_by(|a, b| a.0.cmp(&b.0));
                let mut map = serializer.serialize_map(Some(sorted.len()))?;
                for (_, key, value) in sorted {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a CBOR item without floats and tags")
    }

    fn visit_u64<E>(self, n: u64) -> Result<Value, E> {
        Ok(Value::Uint(n))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Value, E> {
        Ok(u64::try_from(n).map_or(Value::Nint(n), Value::Uint))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Value, E> {
        Ok(Value::Bytes(bytes.to_vec()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Value::Map(entries))
    }
}

/// A map with integer keys, as every payload of ours is.
pub fn map<const N: usize>(entries: [(u64, Value); N]) -> Value {
    Value::Map(entries.into_iter().map(|(key, value)| (Value::Uint(key), value)).collect())
}

/// `null` for nothing.
pub fn optional<T: Into<Value>>(value: Option<T>) -> Value {
    value.map_or(Value::Null, Into::into)
}

/// An array of what the iterator gives.
pub fn array<T: Into<Value>>(values: impl IntoIterator<Item = T>) -> Value {
    Value::Array(values.into_iter().map(Into::into).collect())
}

macro_rules! into_value {
    ($($from:ty => |$x:ident| $to:expr;)+) => {
        $(impl From<$from> for Value {
            fn from($x: $from) -> Self {
                $to
            }
        })+
    };
}

into_value! {
    u64 => |n| Self::Uint(n);
    bool => |flag| Self::Bool(flag);
    Vec<u8> => |bytes| Self::Bytes(bytes);
    &[u8] => |bytes| Self::Bytes(bytes.to_vec());
    &str => |text| Self::Text(text.to_owned());
    String => |text| Self::Text(text);
    &String => |text| Self::Text(text.clone());
    Digest => |digest| Self::Bytes(digest.as_bytes().to_vec());
    EventId => |id| Self::Bytes(id.as_bytes().to_vec());
    CaseId => |id| Self::Bytes(id.as_bytes().to_vec());
    Timestamp => |time| Self::Uint(time.ms());
    &AgencyId => |id| Self::Text(id.as_str().to_owned());
}

impl Value {
    /// The unsigned integer, or an error naming `field`.
    pub fn as_uint(&self, field: &'static str) -> Result<u64> {
        match self {
            Self::Uint(n) => Ok(*n),
            other => Err(other.mismatch(field, "an unsigned integer")),
        }
    }

    /// The bytes, or an error naming `field`.
    pub fn as_bytes(&self, field: &'static str) -> Result<&[u8]> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            other => Err(other.mismatch(field, "a byte string")),
        }
    }

    /// The text, or an error naming `field`.
    pub fn as_text(&self, field: &'static str) -> Result<&str> {
        match self {
            Self::Text(text) => Ok(text),
            other => Err(other.mismatch(field, "text")),
        }
    }

    /// The elements, or an error naming `field`.
    pub fn as_array(&self, field: &'static str) -> Result<&[Self]> {
        match self {
            Self::Array(values) => Ok(values),
            other => Err(other.mismatch(field, "an array")),
        }
    }

    /// The truth value, or an error naming `field`.
    pub fn as_bool(&self, field: &'static str) -> Result<bool> {
        match self {
            Self::Bool(flag) => Ok(*flag),
            other => Err(other.mismatch(field, "true or false")),
        }
    }

    /// The 32 bytes of a digest, or an error naming `field`.
    pub fn as_digest(&self, field: &'static str) -> Result<Digest> {
        Digest::from_slice(self.as_bytes(field)?, field)
    }

    /// The point in time, or an error naming `field`.
    pub fn as_time(&self, field: &'static str) -> Result<Timestamp> {
        Timestamp::from_ms(self.as_uint(field)?, field)
    }

    /// The agency's id, or an error naming `field`.
    pub fn as_agency(&self, field: &'static str) -> Result<AgencyId> {
        AgencyId::parse(self.as_text(field)?, field)
    }

    /// Nothing for `null`, else what `read` makes of it.
    pub fn as_optional<T>(&self, read: impl FnOnce(&Self) -> Result<T>) -> Result<Option<T>> {
        if matches!(self, Self::Null) { Ok(None) } else { read(self).map(Some) }
    }

    /// Exactly `N` elements, or an error naming `field`.
    pub fn as_tuple<const N: usize>(&self, field: &'static str) -> Result<&[Self; N]> {
        let values = self.as_array(field)?;
        values.try_into().map_err(|_| {
            Problem::new(Code::Malformed, field)
                .found(format!("{} elements", values.len()))
                .expected(format!("{N} elements"))
        })
    }

    fn mismatch(&self, field: &'static str, expected: &'static str) -> Problem {
        let found = match self {
            Self::Uint(_) => "an unsigned integer",
            Self::Nint(_) => "a negative integer",
            Self::Bytes(_) => "a byte string",
            Self::Text(_) => "text",
            Self::Array(_) => "an array",
            Self::Map(_) => "a map",
            Self::Bool(_) => "true or false",
            Self::Null => "null",
        };
        Problem::new(Code::Malformed, field).found(found).expected(expected)
    }
}

/// Reads a map with integer keys field by field, each exactly once; what is left over is refused.
#[derive(Debug)]
pub struct Fields {
    what: &'static str,
    left: Vec<(Value, Value)>,
}

impl Fields {
    /// Opens `value`, which must be a map; `what` names the structure in errors.
    pub fn of(value: Value, what: &'static str) -> Result<Self> {
        match value {
            Value::Map(left) => Ok(Self { what, left }),
            other => Err(other.mismatch(what, "a map")),
        }
    }

    /// Takes the value under `key`, which must be there.
    pub fn take(&mut self, key: u64, field: &'static str) -> Result<Value> {
        self.take_optional(key).ok_or_else(|| {
            Problem::new(Code::Malformed, field)
                .found("nothing")
                .expected(format!("key {key} of {}", self.what))
        })
    }

    /// Takes the value under `key`, if it is there.
    pub fn take_optional(&mut self, key: u64) -> Option<Value> {
        let index = self.left.iter().position(|(k, _)| *k == Value::Uint(key))?;
        Some(self.left.remove(index).1)
    }

    /// Ends the reading: a key that nobody took is unknown, and refused.
    pub fn finish(self) -> Result<()> {
        match self.left.first() {
            None => Ok(()),
            Some((key, _)) => Err(Problem::new(Code::Malformed, self.what)
                .found(format!("the unknown key {key:?}"))
                .expected("the keys of PROTOCOL.md alone")),
        }
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER_PERMISSIVE as HEX;
    use proptest::prelude::*;

    use super::*;

    const SMALL: Limits = Limits { bytes_max: 64, depth_max: 4, items_max: 16 };

    #[test]
    fn deterministic_items_round_trip() {
        for hex in [
            "00",
            "17",
            "1818",
            "190100",
            "1a00010000",
            "1b0000000100000000",
            "20",
            "3818",
            "40",
            "4101",
            "60",
            "6161",
            "80",
            "820102",
            "a0",
            "a10102",
            "a2010202f6",
            "f4",
            "f5",
            "f6",
            "a3016161200a616102",
            "3b7fffffffffffffff",
            "1bffffffffffffffff",
        ] {
            let bytes = HEX.decode(hex.as_bytes()).unwrap();
            let value = decode(&bytes, &SMALL, "item").unwrap_or_else(|p| panic!("{hex}: {p}"));
            assert_eq!(encode(&value), bytes, "{hex}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for (name, hex, code) in [
            ("nothing", "", Code::Malformed),
            ("cut head", "18", Code::Malformed),
            ("long form of 23", "1817", Code::Malformed),
            ("long form of 255", "1900ff", Code::Malformed),
            ("long form of 65535", "1a0000ffff", Code::Malformed),
            ("long form of 2^32-1", "1b00000000ffffffff", Code::Malformed),
            ("below -2^63", "3b8000000000000000", Code::Malformed),
            ("indefinite bytes", "5f4101ff", Code::Malformed),
            ("indefinite array", "9f01ff", Code::Malformed),
            ("indefinite map", "bf0102ff", Code::Malformed),
            ("break alone", "ff", Code::Malformed),
            ("reserved 28", "1c", Code::Malformed),
            ("half float", "f90000", Code::Malformed),
            ("double", "fb0000000000000000", Code::Malformed),
            ("undefined", "f7", Code::Malformed),
            ("simple 24", "f818", Code::Malformed),
            ("tag", "c101", Code::Malformed),
            ("same key twice", "a201010102", Code::Malformed),
            ("keys out of order", "a202010101", Code::Malformed),
            ("text before integer", "a26161010102", Code::Malformed),
            ("key is an array", "a18001", Code::Malformed),
            ("key is null", "a1f601", Code::Malformed),
            ("key is bytes", "a1410101", Code::Malformed),
            ("nested repeated key", "8101a2", Code::Malformed),
            ("bytes after", "0000", Code::Malformed),
            ("map then byte", "a264746573740c64746573740d", Code::Malformed),
            ("length lies", "5b00000000ffffffff010203", Code::Malformed),
            ("array length lies", "9b00000000ffffffff010203", Code::Malformed),
            ("map length overflows", "bbffffffffffffffff", Code::Malformed),
            ("cut text", "6261", Code::Malformed),
            ("no UTF-8", "61ff", Code::Malformed),
            ("too deep", "818181818101", Code::TooLarge),
            ("too deep by maps", "a101a101a101a101a10102", Code::TooLarge),
            ("too many items", "9001010101010101010101010101010101", Code::TooLarge),
        ] {
            let bytes = HEX.decode(hex.as_bytes()).unwrap();
            let problem = decode(&bytes, &SMALL, "item").expect_err(name);
            assert_eq!(problem.code, code, "{name}: {problem}");
        }
        assert_eq!(decode(&[0; 65], &SMALL, "item").unwrap_err().code, Code::TooLarge);
    }

    #[test]
    fn a_megabyte_of_nesting_is_refused_without_recursion() {
        let limits = Limits { bytes_max: 2 << 20, depth_max: 8, items_max: 1 << 20 };
        for byte in [0x81, 0xc1, 0xa1] {
            assert!(decode(&vec![byte; 1 << 20], &limits, "bomb").is_err());
        }
    }

    #[test]
    fn unknown_and_missing_fields_are_named() {
        let mut fields = Fields::of(map([(1, 5.into()), (9, Value::Null)]), "thing").unwrap();
        assert_eq!(fields.take(1, "one").unwrap(), Value::Uint(5));
        assert_eq!(fields.take(2, "two").unwrap_err().field, "two");
        assert!(fields.finish().unwrap_err().found.unwrap().contains('9'));
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<u64>().prop_map(Value::Uint),
            (i64::MIN..0).prop_map(Value::Nint),
            proptest::collection::vec(any::<u8>(), 0..40).prop_map(Value::Bytes),
            ".{0,12}".prop_map(Value::Text),
            any::<bool>().prop_map(Value::Bool),
            Just(Value::Null),
        ];
        leaf.prop_recursive(4, 48, 6, |inner| {
            let keys = prop_oneof![
                any::<u64>().prop_map(Value::Uint),
                (i64::MIN..0).prop_map(Value::Nint),
                ".{0,30}".prop_map(Value::Text)
            ];
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                proptest::collection::vec((keys, inner), 0..6).prop_map(|mut entries| {
                    entries.sort_by_key(|(key, _)| encode(key));
                    entries.dedup_by(|a, b| a.0 == b.0);
                    Value::Map(entries)
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_what_is_decoded(value in any_value()) {
            let bytes = encode(&value);
            prop_assert_eq!(decode(&bytes, &Limits::FRAME, "value").unwrap(), value);
        }

        #[test]
        fn accepted_bytes_are_their_only_encoding(bytes in proptest::collection::vec(any::<u8>(), 0..48)) {
            if let Ok(value) = decode(&bytes, &Limits::FRAME, "value") {
                prop_assert_eq!(encode(&value), bytes);
            }
        }
    }
}
