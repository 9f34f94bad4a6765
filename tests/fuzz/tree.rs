//! Bytes as the structures that they hold: CBOR, DER, sections and frames inside each other, so that a change inside keeps
//! every length around it true. What is no structure is kept as it is; reading never fails.

use std::collections::HashMap;

use ogic_certs::Digest;
use ogic_certs::merkle::leaf_hash;
use ogic_certs::record::Record;
use ogic_certs::{capsule, extract};

use crate::keys::Keys;

/// Structures inside each other that are looked into.
const DEPTH_MAX: usize = 12;
/// Rounds in which digests follow what they name: a body, its header, its record, the next record.
const ROUNDS_MAX: usize = 24;
const DIGEST_BYTES: usize = 32;

/// One structure.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Node {
    /// Bytes as they are.
    Raw(Vec<u8>),
    /// A record's bytes, and the digest that it had when it was read.
    Record(Vec<u8>, Option<Digest>),
    /// A CBOR head without content: numbers and simple values, by major type and argument.
    Number(u8, u64),
    /// CBOR text.
    Text(Vec<u8>),
    /// A CBOR byte string and what is in it.
    Bytes(Content),
    /// A CBOR array.
    Array(Vec<Self>),
    /// A CBOR map: keys and values in turn.
    Map(Vec<Self>),
    /// A CBOR tag.
    Tag(u64, Box<Self>),
    /// A DER element by its first byte.
    Der(u8, Vec<Self>),
    /// A capsule's section by its type.
    Section(u8, Content),
    /// A frame: its length, then its content.
    Frame(Vec<Self>),
}

/// What is in a string or section, and the digest that it had when it was read, by which others may name it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Content {
    pub(crate) inside: Vec<Node>,
    was: Option<Digest>,
}

impl Content {
    pub(crate) const fn new(inside: Vec<Node>) -> Self {
        Self { inside, was: None }
    }

    fn read(bytes: &[u8], depth: usize) -> Self {
        Self { inside: read(bytes, depth), was: None }
    }
}

/// Reads bytes as whatever they are.
pub(crate) fn parse(bytes: &[u8]) -> Vec<Node> {
    read(bytes, DEPTH_MAX)
}

/// The bytes again, every length as it is now.
pub(crate) fn encode(nodes: &[Node]) -> Vec<u8> {
    let mut out = Vec::new();
    nodes.iter().for_each(|node| node.write(&mut out));
    out
}

/// Notes by which digests the parts are named.
pub(crate) fn note_digests(nodes: &mut [Node]) {
    each(nodes, &mut |node| {
        if let Node::Bytes(content) | Node::Section(_, content) = node {
            content.was = Some(Digest::of(&encode(&content.inside)));
        }
        if let Node::Record(bytes, was) = node {
            *was = Some(leaf_hash(bytes));
        }
    });
}

/// The bytes again, signed anew by whoever is named as signer, and with each digest that was noted following its part.
pub(crate) fn encode_in_earnest(nodes: &mut [Node], keys: &Keys) -> Vec<u8> {
    for _ in 0..ROUNDS_MAX {
        sign(nodes, keys);
        let mut moved: HashMap<Digest, Digest> = HashMap::new();
        each(nodes, &mut |node| {
            let (was, now) = match node {
                Node::Bytes(Content { inside, was }) | Node::Section(_, Content { inside, was }) => {
                    (was, Digest::of(&encode(inside)))
                }
                Node::Record(bytes, was) => (was, leaf_hash(bytes)),
                _ => return,
            };
            if let Some(was) = was.replace(now).filter(|was| *was != now) {
                moved.insert(was, now);
            }
        });
        if moved.is_empty() {
            break;
        }
        each(nodes, &mut |node| {
            if let Node::Raw(bytes) | Node::Record(bytes, _) = node {
                rename(bytes, &moved);
            }
        });
    }
    sign(nodes, keys);
    encode(nodes)
}

/// Every node, what is inside before what is around it.
pub(crate) fn each(nodes: &mut [Node], act: &mut dyn FnMut(&mut Node)) {
    for node in nodes {
        if let Node::Tag(_, one) = node {
            each(std::slice::from_mut(one), act);
        } else if let Some(inside) = node.inside_mut() {
            each(inside, act);
        }
        act(node);
    }
}

fn sign(nodes: &mut [Node], keys: &Keys) {
    each(nodes, &mut |node| {
        if let Node::Der(0x30, parts) = node
            && let [content @ Node::Der(0x30, _), Node::Der(0x30, _), Node::Der(0x03, signature)] =
                parts.as_mut_slice()
            && let Some(signed) = keys.issue(&encode(std::slice::from_ref(content)))
        {
            // A certificate or list; a bit string begins with the number of bits that its last byte lacks.
            *signature = vec![Node::Raw([&[0], signed.as_slice()].concat())];
        }
        let Node::Tag(18, one) = node else { return };
        let Node::Array(parts) = one.as_mut() else { return };
        let [Node::Bytes(protected), _, Node::Bytes(payload), Node::Bytes(signature)] = parts.as_mut_slice()
        else {
            return;
        };
        if let Some(signed) = keys.sign(&encode(&protected.inside), &encode(&payload.inside)) {
            signature.inside = vec![Node::Raw(signed)];
        }
    });
}

fn rename(bytes: &mut [u8], moved: &HashMap<Digest, Digest>) {
    let mut firsts = [false; 256];
    moved.keys().for_each(|was| firsts[usize::from(was.as_bytes()[0])] = true);
    for at in 0..(bytes.len() + 1).saturating_sub(DIGEST_BYTES) {
        if firsts[usize::from(bytes[at])] {
            let place = &mut bytes[at..at + DIGEST_BYTES];
            let now = Digest::from_slice(place, "digest").ok().and_then(|digest| moved.get(&digest));
            now.into_iter().for_each(|now| place.copy_from_slice(now.as_bytes()));
        }
    }
}

impl Node {
    /// What is inside, if this holds others.
    pub(crate) fn inside_mut(&mut self) -> Option<&mut Vec<Self>> {
        match self {
            Self::Bytes(content) | Self::Section(_, content) => Some(&mut content.inside),
            Self::Array(inside) | Self::Map(inside) | Self::Der(_, inside) | Self::Frame(inside) => {
                Some(inside)
            }
            Self::Raw(_) | Self::Record(..) | Self::Number(..) | Self::Text(_) | Self::Tag(..) => None,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Raw(bytes) | Self::Record(bytes, _) => out.extend_from_slice(bytes),
            Self::Number(major, argument) => head(out, *major, *argument),
            Self::Text(text) => {
                head(out, 3, text.len() as u64);
                out.extend_from_slice(text);
            }
            Self::Bytes(content) => {
                let inside = encode(&content.inside);
                head(out, 2, inside.len() as u64);
                out.extend(inside);
            }
            Self::Array(items) => {
                head(out, 4, items.len() as u64);
                items.iter().for_each(|item| item.write(out));
            }
            Self::Map(items) => {
                head(out, 5, items.len() as u64 / 2);
                items.iter().for_each(|item| item.write(out));
            }
            Self::Tag(tag, item) => {
                head(out, 6, *tag);
                item.write(out);
            }
            Self::Der(tag, inside) => {
                let inside = encode(inside);
                out.push(*tag);
                match inside.len() {
                    length @ 0..128 => out.push(length as u8),
                    length => {
                        let bytes = length.to_be_bytes();
                        let zeroes = bytes.iter().take_while(|byte| **byte == 0).count();
                        out.push(0x80 | (bytes.len() - zeroes) as u8);
                        out.extend_from_slice(&bytes[zeroes..]);
                    }
                }
                out.extend(inside);
            }
            Self::Section(kind, content) => {
                let inside = encode(&content.inside);
                out.push(*kind);
                out.extend((inside.len() as u32).to_be_bytes());
                out.extend(inside);
            }
            Self::Frame(inside) => {
                let inside = encode(inside);
                out.extend((inside.len() as u32).to_be_bytes());
                out.extend(inside);
            }
        }
    }
}

/// A CBOR head in its shortest form.
fn head(out: &mut Vec<u8>, major: u8, argument: u64) {
    let bytes = argument.to_be_bytes();
    let (info, from) = match argument {
        0..24 => (argument as u8, 8),
        24..0x100 => (24, 7),
        0x100..0x1_0000 => (25, 6),
        0x1_0000..0x1_0000_0000 => (26, 4),
        _ => (27, 0),
    };
    out.push(major << 5 | info);
    out.extend_from_slice(&bytes[from..]);
}

fn read(bytes: &[u8], depth: usize) -> Vec<Node> {
    let raw = |bytes: &[u8]| match bytes.len() {
        Record::BYTES => Node::Record(bytes.to_vec(), None),
        _ => Node::Raw(bytes.to_vec()),
    };
    let Some(depth) = depth.checked_sub(1) else { return vec![raw(bytes)] };
    for magic in [extract::MAGIC, capsule::MAGIC] {
        if let Some(rest) = bytes.strip_prefix(magic) {
            let mut nodes = vec![Node::Raw(magic.to_vec())];
            nodes.extend(if magic == capsule::MAGIC { sections(rest, depth) } else { read(rest, depth) });
            return nodes;
        }
    }
    if let Some(node) = whole(bytes, depth) {
        return vec![node];
    }
    if let Some(frames) = frames(bytes, depth) {
        return frames;
    }
    // Salt or a record, then CBOR.
    for width in [32, Record::BYTES] {
        let parts = bytes.split_at_checked(width);
        if let Some((before, node)) = parts.and_then(|(before, rest)| Some((before, whole(rest, depth)?))) {
            return vec![raw(before), node];
        }
    }
    vec![raw(bytes)]
}

/// One CBOR array, map or tag, or one DER sequence, and nothing after it.
fn whole(bytes: &[u8], depth: usize) -> Option<Node> {
    let first = *bytes.first()?;
    let (node, rest) = match first >> 5 {
        4..=6 => cbor(bytes, depth)?,
        _ if first == 0x30 => der(bytes, depth)?,
        _ => return None,
    };
    rest.is_empty().then_some(node)
}

fn cbor(bytes: &[u8], depth: usize) -> Option<(Node, &[u8])> {
    let depth = depth.checked_sub(1)?;
    let (&first, rest) = bytes.split_first()?;
    let (major, info) = (first >> 5, first & 0x1f);
    let width = match info {
        0..24 => 0,
        24..28 => 1 << (info - 24),
        _ => return None,
    };
    let (argument, mut rest) = rest.split_at_checked(width)?;
    let argument = match info {
        0..24 => u64::from(info),
        _ => argument.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
    };
    if matches!(major, 0 | 1 | 7) {
        return Some((Node::Number(major, argument), rest));
    }
    if major == 6 {
        let (item, rest) = cbor(rest, depth)?;
        return Some((Node::Tag(argument, Box::new(item)), rest));
    }
    let count = usize::try_from(argument).ok().filter(|count| *count <= rest.len())?;
    if major < 4 {
        let (content, rest) = rest.split_at(count);
        let node = match major {
            2 => Node::Bytes(Content::read(content, depth)),
            _ => Node::Text(content.to_vec()),
        };
        return Some((node, rest));
    }
    let mut items = Vec::new();
    for _ in 0..if major == 5 { 2 * count } else { count } {
        let (item, after) = cbor(rest, depth)?;
        items.push(item);
        rest = after;
    }
    Some((if major == 4 { Node::Array(items) } else { Node::Map(items) }, rest))
}

fn der(bytes: &[u8], depth: usize) -> Option<(Node, &[u8])> {
    let [tag, first, rest @ ..] = bytes else { return None };
    let (length, rest) = match first {
        0..=127 => (usize::from(*first), rest),
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (mut content, rest) = rest.split_at_checked(length)?;
    let mut inside = Vec::new();
    if tag & 0x20 != 0 && depth > 0 {
        while !content.is_empty() {
            let (node, after) = der(content, depth - 1)?;
            inside.push(node);
            content = after;
        }
    } else {
        inside = if content.len() > 2 && *tag == 0x04 && depth > 0 {
            whole(content, depth - 1).map_or_else(|| vec![Node::Raw(content.to_vec())], |node| vec![node])
        } else {
            vec![Node::Raw(content.to_vec())]
        };
    }
    Some((Node::Der(*tag, inside), rest))
}

fn sections(mut rest: &[u8], depth: usize) -> Vec<Node> {
    let mut nodes = Vec::new();
    while let Some((&[kind, ref length @ ..], after)) = rest.split_first_chunk::<5>() {
        let Some((content, after)) = after.split_at_checked(u32::from_be_bytes(*length) as usize) else {
            break;
        };
        nodes.push(Node::Section(kind, Content::read(content, depth)));
        rest = after;
    }
    if !rest.is_empty() {
        nodes.push(Node::Raw(rest.to_vec()));
    }
    nodes
}

/// Whole frames and nothing else.
fn frames(mut rest: &[u8], depth: usize) -> Option<Vec<Node>> {
    let mut nodes = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let (content, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        nodes.push(Node::Frame(vec![whole(content, depth)?]));
        rest = after;
    }
    (rest.is_empty() && !nodes.is_empty()).then_some(nodes)
}
