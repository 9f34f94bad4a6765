//! Where the public suites lie, and what happens where they do not.

use std::path::PathBuf;

/// The file `name` of the suites: below `OGIC_TESTDATA`, or `../shared/testdata` from the project's root. `None`, and a
/// line that says so, where it is missing; under `CI` that is a failure.
pub(crate) fn path(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("OGIC_TESTDATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/testdata")),
        PathBuf::from,
    );
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "{} is missing, and CI is set", path.display());
    println!("skipped: {} is missing; set OGIC_TESTDATA", path.display());
    None
}

/// The JSON of the file `name`.
pub(crate) fn json(name: &str) -> Option<serde_json::Value> {
    let bytes = std::fs::read(path(name)?).unwrap();
    Some(serde_json::from_slice(&bytes).unwrap())
}
