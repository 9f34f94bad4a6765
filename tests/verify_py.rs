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
#[path = "verify_py/rows/mod.rs"]
mod rows;
#[path = "verify_py/story.rs"]
mod story;
#[path = "verify_py/vectors.rs"]
mod vectors;

use std::path::Path;

use files::Files;
use judges::Reader;
use story::{DAY_MS, NOW, Story};

/// Files and the reader's trust under which they are judged.
fn agree(files: &Files, reader: &Reader) -> usize {
    let ours = judges::ogic(files, reader);
    let Some(theirs) = judges::python(files, reader) else { return 0 };
    let mut apart = Vec::new();
    for ((name, ours), theirs) in files.names().zip(&ours).zip(&theirs) {
        if ours.exit != theirs.exit {
            apart.push(format!(
                "{name}: ogic verify {} ({}), verify.py {} ({})",
                ours.exit, ours.why, theirs.exit, theirs.why
            ));
        }
    }
    assert!(apart.is_empty(), "{} of {} apart:\n{}", apart.len(), ours.len(), apart.join("\n"));
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

/// A newcomer reads it in one sitting, beside the page, and needs nothing else for it.
#[test]
fn the_second_verifier_is_one_short_file_of_its_own() {
    const LINES_MAX: usize = 860;
    const COLUMNS_MAX: usize = 110;
    const IMPORTS: [&str; 15] = [
        "argparse",
        "base64",
        "cryptography",
        "datetime",
        "functools",
        "hashlib",
        "ipaddress",
        "json",
        "pathlib",
        "re",
        "struct",
        "sys",
        "time",
        "tomllib",
        "types",
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests");
    let text = std::fs::read_to_string(folder.join("verify.py")).unwrap();
    assert!(text.lines().count() <= LINES_MAX, "{} lines", text.lines().count());
    for (number, line) in (1..).zip(text.lines()) {
        assert!(line.chars().count() <= COLUMNS_MAX, "line {number} is too long");
        assert!(!line.contains("exec(") && !line.contains("eval("), "line {number}");
        let words = line.trim_start();
        let Some(named) = words.strip_prefix("import ").or_else(|| words.strip_prefix("from ")) else {
            continue;
        };
        let named = named.split(" import ").next().unwrap_or_default();
        for module in named.split(',').map(|module| module.trim().split('.').next().unwrap_or_default()) {
            assert!(IMPORTS.contains(&module), "line {number} imports {module}");
        }
    }
    let is_python = |path: &Path| path.extension().is_some_and(|extension| extension == "py");
    let python =
        std::fs::read_dir(&folder).unwrap().filter(|entry| is_python(&entry.as_ref().unwrap().path()));
    assert_eq!(python.count(), 1, "verify.py alone");
}

/// Where the two had differed once, and the page was right.
#[test]
fn what_the_page_says_is_what_ogic_verify_says() {
    let story = Story::whole();
    let by_official = story.proof(|proof| proof.seal = story.official.clone());
    let third_party = rows::announced(&story.ttp);
    let trusting = || Reader::of("trusting", &story);
    for (name, bytes, reader, exit) in [
        (
            "before_the_seal_was_valid_is_undecided",
            story.capsule(),
            trusting().at(NOW.minus_ms(3 * DAY_MS)),
            6,
        ),
        (
            "a_wrong_role_fails_without_trust_too",
            by_official.checkpoint.bytes().to_vec(),
            trusting().without_trust(),
            5,
        ),
        ("a_third_party_announces", third_party, trusting(), 0),
    ] {
        let mut files = Files::new();
        files.add(name, &bytes);
        let said = judges::ogic(&files, &reader);
        assert_eq!(said[0].exit, exit, "{name}: {}", said[0].why);
    }
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
