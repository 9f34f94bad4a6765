//! `ogic demo` as a newcomer runs it: real processes, every step checked, nothing left behind.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// The steps, in their order.
const STEPS: [&str; 12] = [
    "federation",
    "open",
    "custody",
    "share",
    "examine",
    "revoked",
    "unshare",
    "crash",
    "close",
    "stop",
    "verify",
    "forged",
];

const README: &str = include_str!("../README.md");

/// The lines of the steps, without what differs from run to run: each word that holds a digit.
fn told(text: &str) -> Vec<String> {
    let of_step = |line: &&str| {
        let mut words = line.split_whitespace();
        words.next().is_some_and(|time| time.parse::<f64>().is_ok()) && words.next() == Some("s")
    };
    let masked = |word: &str| {
        if word.contains(|c: char| c.is_ascii_digit()) { "#".to_owned() } else { word.to_owned() }
    };
    text.lines()
        .filter(of_step)
        .map(|line| line.split_whitespace().map(masked).collect::<Vec<_>>().join(" "))
        .collect()
}

/// Runs the demo with `arguments` in an environment of its own.
fn demo(arguments: &[&str], folder: &Path, environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ogic"));
    for name in ["OGIC_LANG", "OGIC_DATA", "LC_ALL", "LC_MESSAGES", "LANG", "TZ"] {
        command.env_remove(name);
    }
    command.arg("demo").args(arguments).env("TMPDIR", folder).envs(environment.iter().copied());
    command.output().unwrap()
}

/// The report, of which every step held and every figure is there.
fn held(output: &Output) -> Value {
    let talk = String::from_utf8_lossy(&output.stderr);
    let report: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {talk}"));
    assert_eq!(report["ok"], true, "{talk}");
    assert!(output.status.success(), "{talk}");
    assert_eq!(report["schema"], 1);
    let steps = report["steps"].as_array().unwrap();
    assert_eq!(told(&talk).len(), STEPS.len());
    let names: Vec<&str> = steps.iter().map(|step| step["name"].as_str().unwrap()).collect();
    assert_eq!(names, STEPS);
    for step in steps {
        assert!(step["ok"] == true && step["ms"].is_u64() && step["facts"].is_object(), "{step}");
    }
    let figures: BTreeMap<String, u64> = serde_json::from_value(report["figures"].clone()).unwrap();
    for name in [
        "events",
        "receipts",
        "evidence",
        "bytes",
        "commits",
        "syncs",
        "signatures",
        "verified",
        "send_to_receipt_p50_ms",
        "send_to_receipt_p99_ms",
        "total_ms",
    ] {
        assert!(figures.get(name).is_some_and(|value| *value > 0), "{name}: {figures:?}");
    }
    report
}

#[test]
fn every_step_holds_and_nothing_is_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let report = held(&demo(&["--json", "--seed", "7"], folder.path(), &[]));
    assert_eq!(report["seed"], 7);
    let crash = &report["steps"][7]["facts"];
    assert_eq!((crash["sent"].as_u64(), crash["compared"].as_u64()), (Some(200), Some(200)), "{crash}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn it_works_in_a_path_of_spaces_and_cyrillic_letters_in_any_locale_and_time_zone() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("пример one");
    let environment = [("LANG", "C"), ("TZ", "Asia/Vladivostok")];
    let output = demo(&["--json", "--dir", place.to_str().unwrap()], folder.path(), &environment);
    held(&output);
    // What it talked beside the JSON is English, as README shows it, and the folder that was named stays.
    let talk = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(told(&talk), told(README));
    assert!(place.join("oracle.jsonl").is_file() && place.join("transport/journal").is_dir());

    let again = demo(&["--json", "--dir", place.to_str().unwrap()], folder.path(), &environment);
    let refused: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!((refused["error"]["code"].as_str(), again.status.code()), (Some("OGIC-1003"), Some(2)));
}
