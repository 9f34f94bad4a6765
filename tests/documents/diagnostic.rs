//! A printer of CBOR in diagnostic notation (RFC 8949 8), for what the protocol uses, written apart from the codec.
//!
//! Byte strings longer than [`WHOLE_BYTES`] are shown by their beginning and their length. Within a COSE_Sign1 the
//! protected header, and a payload that is CBOR, are shown as what they hold: `<< … >>` (RFC 8610 G.3).

use std::fmt::Write as _;

use data_encoding::HEXLOWER;

/// Longest byte string that is shown whole.
const WHOLE_BYTES: usize = 64;
/// Bytes that are shown of a longer one.
const SHOWN_BYTES: usize = 8;
/// Longest line; what is longer is broken at its elements.
const LINE: usize = 118;

/// One item, parsed.
pub(crate) enum Item {
    Int(i128),
    Bool(bool),
    Null,
    Text(String),
    /// A byte string that is text.
    Quoted(String),
    Bytes(Vec<u8>),
    Embedded(Box<Self>),
    Array(Vec<Self>),
    Map(Vec<(Self, Self)>),
    Tag(u64, Box<Self>),
}

/// The item of `bytes`, whole.
pub(crate) fn print(bytes: &[u8]) -> String {
    parse(bytes).lay(0) + "\n"
}

/// The item of `bytes`, whole, to be looked at.
pub(crate) fn parse(bytes: &[u8]) -> Item {
    let mut rest = bytes;
    let item = read(&mut rest);
    assert!(rest.is_empty(), "{} bytes behind the item", rest.len());
    item
}

/// The payload of a COSE_Sign1 if it is CBOR; any other item is itself.
pub(crate) fn payload(item: Item) -> Option<Item> {
    let Item::Tag(18, sign1) = item else { return Some(item) };
    let Item::Array(parts) = *sign1 else { return None };
    match parts.into_iter().nth(2) {
        Some(Item::Embedded(payload)) => Some(*payload),
        _ => None,
    }
}

fn read(rest: &mut &[u8]) -> Item {
    let first = take(rest, 1)[0];
    let (major, low) = (first >> 5, first & 0x1f);
    let argument = match low {
        0..=23 => u64::from(low),
        24..=27 => take(rest, 1 << (low - 24)).iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        _ => panic!("an indefinite length"),
    };
    let length = usize::try_from(argument).unwrap_or(usize::MAX);
    match (major, argument) {
        (0, n) => Item::Int(i128::from(n)),
        (1, n) => Item::Int(-1 - i128::from(n)),
        (2, _) => Item::Bytes(take(rest, length).to_vec()),
        (3, _) => Item::Text(std::str::from_utf8(take(rest, length)).expect("text is UTF-8").to_owned()),
        (4, _) => Item::Array((0..length).map(|_| read(rest)).collect()),
        (5, _) => Item::Map((0..length).map(|_| (read(rest), read(rest))).collect()),
        (6, 18) => Item::Tag(18, Box::new(sign1(read(rest)))),
        (6, tag) => Item::Tag(tag, Box::new(read(rest))),
        (_, 20) => Item::Bool(false),
        (_, 21) => Item::Bool(true),
        (_, 22) => Item::Null,
        (_, other) => panic!("the simple value {other}"),
    }
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, left) = rest.split_at_checked(count).expect("as many bytes as were claimed");
    *rest = left;
    taken
}

/// Opens what a COSE_Sign1 holds.
fn sign1(item: Item) -> Item {
    let Item::Array(parts) = item else { panic!("COSE_Sign1 is an array") };
    let Ok([Item::Bytes(protected), unprotected, Item::Bytes(payload), signature]) =
        <[Item; 4]>::try_from(parts)
    else {
        panic!("COSE_Sign1 has four parts, the first and third of them bytes")
    };
    let is_cbor = protected.windows(5).any(|window| window == b"+cbor");
    let payload = if is_cbor { embedded(&payload) } else { quoted(&payload) };
    Item::Array(vec![embedded(&protected), unprotected, payload, signature])
}

fn embedded(bytes: &[u8]) -> Item {
    let mut rest = bytes;
    let item = read(&mut rest);
    assert!(rest.is_empty(), "bytes behind an embedded item");
    Item::Embedded(Box::new(item))
}

/// A byte string that is text: `'…'` (RFC 8610 G.2).
fn quoted(bytes: &[u8]) -> Item {
    Item::Quoted(std::str::from_utf8(bytes).expect("a payload that is text").to_owned())
}

impl Item {
    /// On one line.
    fn flat(&self) -> String {
        match self {
            Self::Int(number) => number.to_string(),
            Self::Bool(value) => value.to_string(),
            Self::Null => "null".to_owned(),
            Self::Text(text) => escaped(text, '"'),
            Self::Quoted(text) => escaped(text, '\''),
            Self::Bytes(bytes) if bytes.len() <= WHOLE_BYTES => format!("h'{}'", HEXLOWER.encode(bytes)),
            Self::Bytes(bytes) => {
                format!("h'{}…' / {} bytes /", HEXLOWER.encode(&bytes[..SHOWN_BYTES]), bytes.len())
            }
            Self::Embedded(item) => format!("<< {} >>", item.flat()),
            Self::Array(items) => format!("[{}]", join(items.iter().map(Self::flat))),
            Self::Map(entries) => {
                format!(
                    "{{{}}}",
                    join(entries.iter().map(|(key, value)| format!("{}: {}", key.flat(), value.flat())))
                )
            }
            Self::Tag(tag, item) => format!("{tag}({})", item.flat()),
        }
    }

    /// On as many lines as it needs, the first of which is indented already.
    fn lay(&self, indent: usize) -> String {
        let flat = self.flat();
        if indent + flat.chars().count() <= LINE {
            return flat;
        }
        match self {
            Self::Embedded(item) => format!("<< {} >>", item.lay(indent)),
            Self::Tag(tag, item) => format!("{tag}({})", item.lay(indent)),
            Self::Array(items) => broken('[', ']', indent, items.iter().map(|item| item.lay(indent + 2))),
            Self::Map(entries) => broken(
                '{',
                '}',
                indent,
                entries.iter().map(|(key, value)| format!("{}: {}", key.flat(), value.lay(indent + 2))),
            ),
            _ => flat,
        }
    }
}

/// Text between two signs, with what they and lines would end written otherwise.
fn escaped(text: &str, sign: char) -> String {
    let inner = text.replace('\\', "\\\\").replace(sign, &format!("\\{sign}")).replace('\n', "\\n");
    format!("{sign}{inner}{sign}")
}

fn join(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

fn broken(open: char, close: char, indent: usize, items: impl Iterator<Item = String>) -> String {
    let (mut out, margin) = (String::from(open), " ".repeat(indent));
    let mut items = items.peekable();
    while let Some(item) = items.next() {
        let comma = if items.peek().is_some() { "," } else { "" };
        let _ = write!(out, "\n{margin}  {item}{comma}");
    }
    let _ = write!(out, "\n{margin}{close}");
    out
}
