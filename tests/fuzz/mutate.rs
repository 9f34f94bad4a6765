//! What is done to a seed: to its bytes, which spoils lengths and checks, and to its structure, which keeps them.

use crate::dice::Dice;
use crate::keys::Keys;
use crate::tree::{self, Content, Node};

/// Most bytes of an input: as many as a frame has, and a little more.
pub(crate) const INPUT_BYTES_MAX: usize = (256 << 10) + 64;

/// Numbers at which something ends.
const EDGES: [u64; 18] = [
    0,
    1,
    2,
    23,
    24,
    255,
    256,
    512,
    4096,
    65_535,
    65_536,
    1 << 20,
    i32::MAX as u64,
    u32::MAX as u64,
    1 << 53,
    i64::MAX as u64,
    1 << 63,
    u64::MAX,
];

/// Pieces of the formats.
const PIECES: [&[u8]; 20] = [
    b"\xff",
    b"\x00",
    b"\xf6",
    b"\x5f\x41\x00\xff",
    b"\x9f\xff",
    b"\xbf\xff",
    b"\xfb\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\xd2\x84\x40\xa0\x40\x40",
    b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff",
    b"\x30\x84\xff\xff\xff\xff",
    b"\x30\x80",
    b"ogic capsule 1\n",
    b"ogic extract 1\n",
    b"ogic record 1",
    b"ogic://transport.gov.example/seal",
    b"\xd0\xb4\xd0\xb5\xd0\xbb\xd0\xbe",
    b"[[step]]\n",
    b"after = [\"decision\"]\n",
    "\u{202e}\u{0}\u{feff}".as_bytes(),
];

/// A new input: one of the corpus, changed.
pub(crate) fn change(corpus: &[Vec<u8>], keys: &Keys, dice: &mut Dice) -> Vec<u8> {
    let Some(seed) = dice.pick(corpus) else { return Vec::new() };
    let mut bytes = if dice.once_in(3) { seed.clone() } else { restructured(seed, corpus, keys, dice) };
    if bytes == *seed || dice.once_in(4) {
        for _ in 0..=dice.below(3) {
            spoil(&mut bytes, corpus, dice);
        }
    }
    bytes.truncate(INPUT_BYTES_MAX);
    bytes
}

/// Changes some nodes, and makes the rest follow or not.
fn restructured(seed: &[u8], corpus: &[Vec<u8>], keys: &Keys, dice: &mut Dice) -> Vec<u8> {
    let mut nodes = tree::parse(seed);
    let in_earnest = !dice.once_in(3);
    if in_earnest {
        tree::note_digests(&mut nodes);
    }
    for _ in 0..=dice.below(3) {
        let other = if dice.once_in(3) {
            let mut other = dice.pick(corpus).map(|bytes| tree::parse(bytes)).unwrap_or_default();
            let nth = dice.below(count(&mut other));
            taken(&mut other, nth)
        } else {
            None
        };
        let mut left = dice.below(count(&mut nodes));
        at(&mut nodes, &mut left, &mut |siblings, place| {
            alter(siblings, place, other.clone(), dice);
        });
    }
    if in_earnest { tree::encode_in_earnest(&mut nodes, keys) } else { tree::encode(&nodes) }
}

fn count(nodes: &mut [Node]) -> usize {
    let mut count = 0;
    tree::each(nodes, &mut |_| count += 1);
    count
}

fn taken(nodes: &mut [Node], nth: usize) -> Option<Node> {
    let (mut left, mut found) = (nth, None);
    tree::each(nodes, &mut |node| {
        if left == 0 && found.is_none() {
            found = Some(node.clone());
        }
        left = left.saturating_sub(1);
    });
    found
}

/// Calls `act` with the node that has `left` before it in order, and the list in which it stands.
fn at(nodes: &mut Vec<Node>, left: &mut usize, act: &mut dyn FnMut(&mut Vec<Node>, usize)) -> bool {
    for place in 0..nodes.len() {
        if *left == 0 {
            act(nodes, place);
            return true;
        }
        *left -= 1;
        let inside = match &mut nodes[place] {
            // What is tagged stands alone: it is changed as a list of one and put back.
            Node::Tag(_, one) => {
                let mut alone = vec![one.as_ref().clone()];
                if at(&mut alone, left, act) {
                    **one = alone.into_iter().next().unwrap_or(Node::Number(7, 22));
                    return true;
                }
                None
            }
            node => node.inside_mut(),
        };
        if inside.is_some_and(|inside| at(inside, left, act)) {
            return true;
        }
    }
    false
}

fn alter(siblings: &mut Vec<Node>, place: usize, other: Option<Node>, dice: &mut Dice) {
    if let Some(other) = other {
        if dice.once_in(2) {
            siblings[place] = other;
        } else {
            siblings.insert(place, other);
        }
        return;
    }
    match dice.below(12) {
        0 => drop(siblings.remove(place)),
        1 => siblings.insert(place, siblings[place].clone()),
        2 => {
            let with = dice.below(siblings.len());
            siblings.swap(place, with);
        }
        3 => siblings[place] = odd(dice),
        4 => siblings.insert(place, odd(dice)),
        5 => {
            // A long or lying head, or the right one: what it is in bytes, changed in its first.
            let mut bytes = tree::encode(&siblings[place..=place]);
            if let Some(first) = bytes.first_mut() {
                *first ^= 1 << dice.below(8);
            }
            siblings[place] = Node::Raw(bytes);
        }
        6 if dice.once_in(4) => {
            let copies = 1 << dice.below(13);
            let copy = siblings[place].clone();
            siblings.splice(place..place, std::iter::repeat_n(copy, copies));
        }
        7 if dice.once_in(4) => {
            for _ in 0..1 << dice.below(8) {
                let inside = vec![std::mem::replace(&mut siblings[place], Node::Raw(Vec::new()))];
                siblings[place] = match dice.below(4) {
                    0 => Node::Der(0x30, inside),
                    1 => Node::Bytes(Content::new(inside)),
                    _ => Node::Array(inside),
                };
            }
        }
        _ => amend(&mut siblings[place], dice),
    }
}

/// Changes a node and keeps its kind.
fn amend(node: &mut Node, dice: &mut Dice) {
    match node {
        Node::Raw(bytes) | Node::Record(bytes, _) | Node::Text(bytes) => spoil(bytes, &[], dice),
        Node::Number(major, argument) => match dice.below(4) {
            0 => *argument = argument.wrapping_add(1),
            1 => *argument = argument.wrapping_sub(1),
            2 => *major = [0, 1, 7][dice.below(3)],
            _ => *argument = edge(dice),
        },
        Node::Tag(tag, _) => *tag = edge(dice),
        Node::Der(tag, _) => *tag ^= 1 << dice.below(8),
        Node::Section(kind, _) => *kind = dice.below(10) as u8,
        Node::Bytes(content) => {
            let mut bytes = tree::encode(&content.inside);
            spoil(&mut bytes, &[], dice);
            content.inside = vec![Node::Raw(bytes)];
        }
        Node::Array(inside) | Node::Map(inside) | Node::Frame(inside) => match dice.below(3) {
            0 => inside.truncate(dice.below(inside.len() + 1)),
            1 => inside.reverse(),
            _ => inside.push(odd(dice)),
        },
    }
}

/// A small thing that may be out of place.
fn odd(dice: &mut Dice) -> Node {
    match dice.below(8) {
        0 => Node::Number(0, edge(dice)),
        1 => Node::Number(1, edge(dice)),
        2 => Node::Number(7, [20, 21, 22, 23, 0, 255][dice.below(6)]),
        3 => Node::Text(dice.pick(&PIECES).map(|piece| piece.to_vec()).unwrap_or_default()),
        4 => Node::Array(Vec::new()),
        5 => Node::Map(Vec::new()),
        6 => Node::Bytes(Content::new(vec![Node::Raw(vec![dice.byte(); dice.below(200)])])),
        _ => Node::Raw(dice.pick(&PIECES).map(|piece| piece.to_vec()).unwrap_or_default()),
    }
}

fn edge(dice: &mut Dice) -> u64 {
    let edge = dice.pick(&EDGES).copied().unwrap_or_default();
    if dice.once_in(3) { edge.wrapping_sub(1) } else { edge }
}

/// Changes bytes without a thought for what they are.
fn spoil(bytes: &mut Vec<u8>, corpus: &[Vec<u8>], dice: &mut Dice) {
    let at = dice.below(bytes.len());
    let some = |dice: &mut Dice| {
        let most = if dice.once_in(8) { 4096 } else { 16 };
        1 + dice.below(most)
    };
    match dice.below(13) {
        0..=2 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << dice.below(8)),
        3 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = dice.byte()),
        4 => bytes.truncate(at),
        5 => drop(bytes.drain(at..(at + some(dice)).min(bytes.len()))),
        6 => {
            let piece = dice.pick(&PIECES).copied().unwrap_or_default();
            bytes.splice(at..at, piece.iter().copied());
        }
        7 => {
            let again = bytes[at..(at + some(dice)).min(bytes.len())].to_vec();
            let times = if dice.once_in(8) { 1 << dice.below(10) } else { 1 };
            if again.len() * times <= INPUT_BYTES_MAX {
                bytes.splice(at..at, again.repeat(times));
            }
        }
        8 => {
            let width = 1 << dice.below(4);
            let number = edge(dice).to_be_bytes();
            let end = (at + width).min(bytes.len());
            bytes.splice(at..end, number[8 - width..].iter().copied());
        }
        9 => {
            let (to, length) = (dice.below(bytes.len()), some(dice));
            let moved = bytes[at..(at + length).min(bytes.len())].to_vec();
            bytes.iter_mut().skip(to).zip(moved).for_each(|(byte, moved)| *byte = moved);
        }
        10 => {
            // The rest of another.
            if let Some(other) = dice.pick(corpus) {
                let from = dice.below(other.len());
                bytes.splice(at.., other[from..].iter().copied());
            }
        }
        _ => lines(bytes, dice),
    }
}

/// Of text, a line left out, doubled or moved, or a number in it changed.
fn lines(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    if lines.len() < 3 {
        return bytes.push(dice.byte());
    }
    let (line, to) = (dice.below(lines.len()), dice.below(lines.len()));
    match dice.below(4) {
        0 => drop(lines.remove(line)),
        1 => lines.insert(to, lines[line].clone()),
        2 => lines.swap(line, to),
        _ => {
            let number = edge(dice).to_string();
            let digit = lines[line].iter().position(u8::is_ascii_digit);
            digit.into_iter().for_each(|at| drop(lines[line].splice(at..=at, number.bytes())));
        }
    }
    *bytes = lines.concat();
}
