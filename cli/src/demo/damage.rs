//! Act seven, continued: the capsule is verified offline, whole, and with one bit changed at many places. A changed one
//! must fail, and say where.

use std::collections::BTreeSet;

use ogic_certs::Digest;
use ogic_certs::capsule::MAGIC;
use serde_json::json;
use tokio::task::JoinSet;

use super::begin::write;
use super::check::{equal, holds};
use super::finish::{Capsule, verification};
use super::report::Facts;
use super::stage::Stage;
use crate::answer;
use crate::federation::party::ogic;
use crate::output::{Failure, Outcome};

/// Places of the capsule at which a bit is changed.
const FLIPS: u64 = 64;
/// Verifications that run at once.
const AT_ONCE: u64 = 4;
/// Bytes before a section's content: its type and its length.
const SECTION_HEADER_BYTES: usize = 5;

/// The capsule as it is, and as it is not.
pub(super) async fn play(stage: &Stage, capsule: &Capsule, seed: u64) -> Outcome<((), Facts)> {
    let words = verification(stage, &capsule.file);
    let said = ogic(&stage.exe, &words.iter().map(AsRef::as_ref).collect::<Vec<_>>(), None).await?.done()?;
    equal("capsule: verdict", answer::text(&said, "/verdict"), "TOTAL-PASSED")?;
    equal("capsule: records", answer::text(&said, "/facts/records"), capsule.records.to_string())?;
    equal("capsule: evidence", answer::text(&said, "/facts/evidence"), "2")?;
    equal("capsule: outcome", answer::text(&said, "/facts/outcome"), "granted")?;

    let bytes = std::fs::read(&capsule.file).map_err(|error| Failure::file(&capsule.file, &error))?;
    let sections = sections(&bytes);
    let mut places = BTreeSet::new();
    for first in (0..FLIPS).step_by(usize::try_from(AT_ONCE).unwrap_or(1)) {
        let mut judged = JoinSet::new();
        for flip in first..FLIPS.min(first + AT_ONCE) {
            let (at, bit) = drawn(seed, flip, &bytes, &sections);
            let mut copy = bytes.clone();
            if let Some(byte) = copy.get_mut(at) {
                *byte ^= 1 << bit;
            }
            let file = stage.at(&format!("changed-{flip}.ogic"));
            write(&file, &copy)?;
            let (exe, words) = (stage.exe.clone(), verification(stage, &file));
            judged.spawn(async move {
                let ran = ogic(&exe, &words.iter().map(AsRef::as_ref).collect::<Vec<_>>(), None).await;
                let _ = std::fs::remove_file(&file);
                ran.map(|ran| (at, bit, ran))
            });
        }
        while let Some(joined) = judged.join_next().await {
            let ended = joined.map_err(|error| Failure::usage("verify", &error.to_string(), "an end"))?;
            let (at, bit, ran) = ended?;
            let what = |what: &str| format!("capsule with bit {bit} of byte {at} changed: {what}");
            equal(&what("exit code"), ran.exit, 5)?;
            equal(&what("verdict"), answer::text(&ran.said, "/verdict"), "TOTAL-FAILED")?;
            let place = answer::text(&ran.said, "/findings/0/place");
            holds(&what("a place is named"), place != answer::NOTHING && !place.is_empty())?;
            places.insert(place);
        }
    }
    let facts = json!({
        "records": capsule.records, "verdict": said["verdict"], "flips": FLIPS, "exit": 5,
        "places": places.len(),
    });
    Ok(((), facts))
}

/// Where each section begins and ends, its header included.
fn sections(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut sections = Vec::new();
    let mut at = MAGIC.len();
    while let Some([_, a, b, c, d]) = bytes.get(at..at + SECTION_HEADER_BYTES) {
        let content = usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).unwrap_or(usize::MAX);
        let end = at.saturating_add(SECTION_HEADER_BYTES).saturating_add(content).min(bytes.len());
        sections.push((at, end));
        at = end;
    }
    sections
}

/// A byte and one of its bits. By turns it is any byte of the file, most of which is documents, and any byte of any section.
fn drawn(seed: u64, flip: u64, bytes: &[u8], sections: &[(usize, usize)]) -> (usize, u8) {
    let draw = Digest::of_parts(&[b"ogic demo flip", &seed.to_be_bytes(), &flip.to_be_bytes()]);
    let number = |from: usize, below: usize| {
        let taken = draw.as_bytes().iter().skip(from).take(8);
        let number = taken.fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        usize::try_from(number % (below.max(1) as u64)).unwrap_or_default()
    };
    let (from, to) = match sections.get(number(0, sections.len())) {
        Some(section) if flip % 2 == 1 => *section,
        _ => (0, bytes.len()),
    };
    (from + number(8, to - from), draw.as_bytes()[16] % 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_drawn_from_the_file_and_from_its_sections() {
        let mut bytes = MAGIC.to_vec();
        for length in [3_u8, 200, 0, 1] {
            bytes.extend([5, 0, 0, 0, length]);
            bytes.extend(vec![7; usize::from(length)]);
        }
        let sections = sections(&bytes);
        assert_eq!(sections, [(15, 23), (23, 228), (228, 233), (233, 239)]);
        let places: Vec<_> = (0..FLIPS).map(|flip| drawn(9, flip, &bytes, &sections)).collect();
        assert!(places.iter().all(|(at, bit)| *at < bytes.len() && *bit < 8));
        assert!(places.iter().any(|(at, _)| (228..239).contains(at)));
        assert_eq!(drawn(9, 3, &bytes, &sections), places[3]);
        assert_eq!(drawn(9, 3, &[], &[]).0, 0);
    }
}
