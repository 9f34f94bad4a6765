//! Every kind of damage: bits, cuts, parts left out, doubled and swapped, and all of that closed by a new manifest of the
//! home's own seal, so that what lies behind the digests is asked too. Everything follows from one seed.

use ogic_certs::Digest;
use ogic_certs::capsule::{MAGIC, Manifest, Part};
use ogic_certs::cose::Signed;
use ogic_certs::testing::agency;

use crate::files::Files;
use crate::story::{HOME, NOW, Story};

type Section = (u8, Vec<u8>);

pub(crate) fn files(story: &Story) -> Files {
    let (mut files, mut dice) = (Files::new(), Dice(0x0061_6772_6565));
    let capsule = story.capsule();
    let proven = story.proof(|_| {});
    let evidence = story.evidence(2, ogic_certs::evidence::Judgement::PASSED, |_| {});
    let evidence = Signed::sign(evidence, &story.ttp).unwrap();
    for (name, whole, bits) in [
        ("capsule", capsule.as_slice(), 60),
        ("receipt", &proven.receipt(&proven.places), 80),
        ("checkpoint", proven.checkpoint.bytes(), 80),
        ("evidence", evidence.bytes(), 60),
        ("extract", &story.extract(evidence.bytes()), 60),
    ] {
        for _ in 0..bits {
            let (place, changed) = dice.flip(whole);
            files.add(format!("{name}: bit {place}"), &changed);
        }
        for _ in 0..8 {
            let end = dice.below(whole.len());
            files.add(format!("{name}: cut at {end}"), &whole[..end]);
        }
        files.add(format!("{name}: longer by a byte"), &[whole, &[0]].concat());
        files.add(format!("{name}: twice"), &[whole, whole].concat());
    }
    sections(&mut files, &mut dice, story, &capsule);
    files
}

/// The capsule's sections, as they are and closed anew.
fn sections(files: &mut Files, dice: &mut Dice, story: &Story, capsule: &[u8]) {
    let whole = split(capsule);
    let (last, parts) = whole.split_last().unwrap();
    let mut both = |name: String, parts: Vec<Section>| {
        files.add(format!("{name}, the old manifest"), &join(parts.iter().chain([last])));
        files.add(format!("{name}, a new manifest"), &join(parts.iter().chain([&closed(story, &parts)])));
    };
    both("as it was".to_owned(), parts.to_vec());
    for (nth, (kind, bytes)) in parts.iter().enumerate() {
        let without = |at: usize| {
            let mut parts = parts.to_vec();
            parts.remove(at);
            parts
        };
        both(format!("section {nth} ({kind}) left out"), without(nth));
        let mut doubled = parts.to_vec();
        doubled.insert(nth, parts[nth].clone());
        both(format!("section {nth} ({kind}) twice"), doubled);
        if nth > 0 {
            let mut swapped = parts.to_vec();
            swapped.swap(nth - 1, nth);
            both(format!("section {nth} ({kind}) before the last"), swapped);
        }
        let with = |bytes: Vec<u8>| {
            let mut parts = parts.to_vec();
            parts[nth].1 = bytes;
            parts
        };
        let bits = if matches!(kind, 5 | 6) { 12 } else { 5 };
        for _ in 0..bits {
            let (place, changed) = dice.flip(bytes);
            both(format!("section {nth} ({kind}) bit {place}"), with(changed));
        }
        both(format!("section {nth} ({kind}) cut"), with(bytes[..dice.below(bytes.len())].to_vec()));
        both(format!("section {nth} ({kind}) longer"), with([bytes.as_slice(), &[0]].concat()));
        both(format!("section {nth} ({kind}) empty"), with(Vec::new()));
    }
}

/// The manifest of these sections, by the home.
fn closed(story: &Story, parts: &[Section]) -> Section {
    let mut sections: Vec<_> = parts
        .iter()
        .map(|(kind, bytes)| (Part::from_number(u64::from(*kind)).unwrap(), Digest::of(bytes)))
        .collect();
    sections.sort_by_key(|(part, _)| *part);
    let manifest = Manifest { case: story.case(), home: agency(HOME), at: NOW, sections };
    (255, Signed::sign(manifest, &story.seal).unwrap().bytes().to_vec())
}

fn split(capsule: &[u8]) -> Vec<Section> {
    let (mut rest, mut parts) = (&capsule[MAGIC.len()..], Vec::new());
    while let Some((&kind, after)) = rest.split_first() {
        let (length, after) = after.split_first_chunk::<4>().unwrap();
        let (bytes, after) = after.split_at(u32::from_be_bytes(*length) as usize);
        parts.push((kind, bytes.to_vec()));
        rest = after;
    }
    parts
}

fn join<'a>(parts: impl Iterator<Item = &'a Section>) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    for (kind, bytes) in parts {
        out.push(*kind);
        out.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
        out.extend(bytes);
    }
    out
}

/// Numbers from a seed (xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(drawn).unwrap() % end.max(1)
    }

    fn flip(&mut self, bytes: &[u8]) -> (usize, Vec<u8>) {
        let bit = self.below(bytes.len() * 8);
        let mut changed = bytes.to_vec();
        if let Some(byte) = changed.get_mut(bit / 8) {
            *byte ^= 1 << (bit % 8);
        }
        (bit, changed)
    }
}
