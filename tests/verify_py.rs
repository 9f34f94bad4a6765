//! Two verifiers agree: `ogic verify` and `tests/verify.py`, which was written from docs/PROTOCOL.md alone, end alike
//! for every file that a history can make, for every change of one, and for the published vectors.
//!
//! Without Python 3.11 and its package `cryptography` the comparison is left out, and says so; the vectors are always
//! held against `ogic verify`. `OGIC_BLESS=1 cargo test -p ogic --test verify_py` writes the vectors anew.

#[path = "verify_py/files.rs"]
mod files;
#[path = "verify_py/judges.rs"]
mod judges;
#[path = "verify_py/mutations.rs"]
mod mutations;
#[path = "verify_py/rows.rs"]
mod rows;
#[path = "verify_py/story.rs"]
mod story;
#[path = "verify_py/vectors.rs"]
mod vectors;

use files::Files;
use judges::Reader;
use story::{DAY_MS, NOW, Story};

/// Files and the reader's trust under which they are judged.
fn agree(files: &Files, reader: &Reader) -> usize {
    let ours = judges::ogic(files, reader);
    let Some(theirs) = judges::python(files, reader) else { return 0 };
    let (mut apart, mut of_der) = (Vec::new(), 0);
    for ((name, ours), theirs) in files.names().zip(&ours).zip(&theirs) {
        let is_der = ["(2) bit", "(3) bit", "extract: bit"].iter().any(|mark| name.contains(mark));
        if ours.exit != theirs.exit && is_der && (ours.is_malformed != theirs.is_malformed) {
            // Whether a damaged certificate or list that nothing rests on is still DER, libraries tell differently.
            of_der += 1;
        } else if ours.exit != theirs.exit {
            apart.push(format!(
                "{name}: ogic verify {} ({}), verify.py {} ({})",
                ours.exit, ours.why, theirs.exit, theirs.why
            ));
        }
    }
    assert!(apart.is_empty(), "{} of {} apart:\n{}", apart.len(), ours.len(), apart.join("\n"));
    assert!(
        of_der * 100 <= ours.len(),
        "{of_der} of {} certificates and lists are read differently",
        ours.len()
    );
    let ended = |exit| ours.iter().filter(|said| said.exit == exit).count();
    let (passed, undecided, failed, strange) = (ended(0), ended(6), ended(5), ended(2));
    println!(
        "{}: both verifiers say the same of {} files: {passed} passed, {undecided} undecided, {failed} failed, {strange} \
         of no kind",
        reader.name,
        ours.len(),
    );
    ours.len()
}

#[test]
fn what_a_history_makes_and_what_is_wrong_with_it() {
    let files = rows::files();
    let story = Story::whole();
    for reader in [
        Reader::of("the federation's reader", &story),
        Reader::of("nobody's reader", &story).without_trust(),
        Reader::of("a reader long after", &story).at(NOW.plus_ms(80 * DAY_MS)),
        Reader::of("a reader before", &story).at(NOW.minus_ms(3 * DAY_MS)),
        Reader::of("a reader without certificates and lists", &story).bare(),
    ] {
        agree(&files, &reader);
    }
    agree(&files, &Reader::of("a stranger", &Story::elsewhere()));
}

#[test]
fn every_mutation() {
    let story = Story::whole();
    agree(&mutations::files(&story), &Reader::of("mutations", &story));
}

#[test]
fn the_published_vectors() {
    vectors::bless_or_compare();
    let (files, reader, expected) = vectors::published();
    let ours = judges::ogic(&files, &reader);
    for ((name, said), exit) in files.names().zip(&ours).zip(&expected) {
        assert_eq!(said.exit, *exit, "{name}: {}", said.why);
    }
    agree(&files, &reader);
}
