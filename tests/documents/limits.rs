//! Limits: numbers as people write them, and constants as the sources declare them.

use std::fs;
use std::path::Path;

use ogic_certs::cose::Kind;
use ogic_certs::event::BODY_BYTES_MAX;
use ogic_certs::record::Record;

use crate::page::root;

/// Limits of ours alone, which nobody outside can meet.
const OUR_OWN: &[&str] = &[
    "certs/src/pem.rs::PEM_BLOCKS_MAX",
    "certs/src/problem.rs::FOUND_CHARS_MAX",
    "certs/src/trust.rs::MEMO_MAX",
    "certs/src/issue.rs::COMMON_NAME_CHARS_MAX",
    "node/src/exchange/quic.rs::CLOSE_MS_MAX",
    "node/src/exchange/quic.rs::RESTART_TRIES_MAX",
    "node/src/exchange/pump.rs::LINGER_MS_MAX",
];

/// `4 KiB`, `512`, `10 s`, `7 days`: bytes, counts, milliseconds.
pub(crate) fn number(text: &str) -> u128 {
    let (number, unit) = text.split_once(' ').unwrap_or((text, ""));
    let number: u128 = match number.split_once('^') {
        Some((base, exponent)) => base.parse::<u128>().expect(text).pow(exponent.parse().expect(text)),
        None => number.replace('\u{202f}', "").parse().expect(text),
    };
    let factor = match unit {
        "" | "bytes" | "bits" | "ms" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        "days" => 86_400_000,
        _ => panic!("an unknown unit: {text}"),
    };
    number * factor
}

/// The value of `path.rs::NAME`, or of `path.rs::NAME.field` for a constant that is a structure, or of a field of a default.
pub(crate) fn constant(name: &str) -> u128 {
    let (path, item) = name.split_once("::").unwrap_or_else(|| panic!("{name} is no path.rs::NAME"));
    let source = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let found = match item.split_once('.') {
        Some((item, field)) => declaration(&source, item).and_then(|text| member(text, field)),
        None if item.starts_with(|c: char| c.is_lowercase()) => {
            source.split_once("fn default()").and_then(|(_, body)| member(body, item))
        }
        None => declaration(&source, item),
    };
    let expression = found.unwrap_or_else(|| panic!("{path} declares no {item}"));
    sum(&source, expression.trim()).unwrap_or_else(|| panic!("{name} = {expression} cannot be read"))
}

/// Every `…_MAX` of certs and of the exchange, but for those of ours alone: each needs its row.
pub(crate) fn declared() -> Vec<String> {
    let mut names = Vec::new();
    for folder in ["certs/src", "node/src/exchange"] {
        scan(&root().join(folder), &mut names);
    }
    names.sort_unstable();
    assert!(names.len() > 30, "only {} limits were found", names.len());
    for own in OUR_OWN {
        assert!(names.iter().any(|name| name == own), "{own} is not there any more");
    }
    names.retain(|name| !OUR_OWN.contains(&name.as_str()));
    names
}

fn scan(folder: &Path, names: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            scan(&path, names);
            continue;
        }
        let source = fs::read_to_string(&path).expect("a source");
        let place = path.strip_prefix(root()).expect("within").display().to_string();
        for line in source.lines().take_while(|line| *line != "mod tests {") {
            let declared = line
                .split_once("const ")
                .filter(|(before, _)| before.trim().is_empty() || before.contains("pub"));
            let Some((name, rest)) = declared.and_then(|(_, rest)| rest.split_once(':')) else { continue };
            // A limit that is another one's name has that one's row.
            let is_alias = rest
                .split_once('=')
                .is_some_and(|(_, value)| value.contains("::") && value.contains("bytes_max"));
            let is_test = place.contains("/tests") || place.contains("testing");
            if name.ends_with("_MAX") && !is_alias && !is_test {
                names.push(format!("{place}::{name}"));
            }
        }
    }
}

/// What stands behind `=` in `const NAME: … = …;`.
fn declaration<'a>(source: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = source.split_once(&format!("const {name}:"))?;
    let (_, rest) = rest.split_once('=')?;
    rest.split_once(';').map(|(expression, _)| expression)
}

/// What stands behind `field:` within a structure.
fn member<'a>(text: &'a str, field: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("{field}:"))?;
    rest.split([',', '}']).next()
}

/// Sums and differences of products of shifted numbers, and names of the same file.
fn sum(source: &str, text: &str) -> Option<u128> {
    if let Some((left, right)) = text.split_once("<<") {
        return Some(sum(source, left)? << sum(source, right)?);
    }
    if let Some((left, right)) = text.rsplit_once(" + ") {
        return Some(sum(source, left)? + sum(source, right)?);
    }
    if let Some((left, right)) = text.rsplit_once(" - ") {
        return Some(sum(source, left)? - sum(source, right)?);
    }
    text.split('*').map(|factor| value(source, factor.trim())).product()
}

fn value(source: &str, text: &str) -> Option<u128> {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        text.replace('_', "").parse().ok()
    } else if let Some(known) = elsewhere(text) {
        Some(known)
    } else if let Some(limits) = text.strip_prefix("Limits::") {
        Some(constant(&format!("certs/src/cbor.rs::{limits}")))
    } else {
        sum(source, declaration(source, text)?.trim())
    }
}

/// What a limit is composed of that another file declares.
fn elsewhere(text: &str) -> Option<u128> {
    let bytes = match text {
        "Record::BYTES" => Record::BYTES,
        "Kind::Event.bytes_max()" => Kind::Event.bytes_max(),
        "Kind::Approval.bytes_max()" => Kind::Approval.bytes_max(),
        "BODY_BYTES_MAX" => BODY_BYTES_MAX,
        _ => return None,
    };
    Some(bytes as u128)
}
