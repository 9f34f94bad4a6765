//! `ogic bench` in short: real processes and a real disk, counts that agree, and the shape of what it prints. No time is
//! judged here: machines differ.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Runs a bench in a folder of its own, which must be empty afterwards, and gives what it printed.
fn bench(words: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ogic"));
    for name in ["OGIC_LANG", "OGIC_DATA", "LC_ALL", "LC_MESSAGES", "LANG"] {
        command.env_remove(name);
    }
    let words = words.split(' ').chain(["--json"]);
    let output = command.arg("bench").args(words).env("TMPDIR", folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    serde_json::from_str(&said).unwrap()
}

/// The paths of all values; what a list holds is told by its elements together.
fn paths(value: &Value, at: &str, out: &mut BTreeSet<String>) {
    match value {
        Value::Object(entries) => {
            entries.iter().for_each(|(key, value)| paths(value, &format!("{at}.{key}"), out));
        }
        Value::Array(items) => items.iter().for_each(|item| paths(item, &format!("{at}[]"), out)),
        _ => drop(out.insert(at.to_owned())),
    }
}

/// Compares the paths with their golden file, or writes it.
fn golden(name: &str, found: &Value) {
    let mut all = BTreeSet::new();
    paths(found, "", &mut all);
    let found = all.into_iter().collect::<Vec<_>>().join("\n") + "\n";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden").join(name);
    if std::env::var_os("OGIC_GOLDEN").is_some_and(|value| value == "write") {
        std::fs::write(&file, &found).unwrap();
    }
    assert_eq!(found, std::fs::read_to_string(&file).unwrap_or_default(), "{name}");
}

#[test]
fn every_message_of_the_exchange_has_its_record_and_its_receipt() {
    let report = bench("exchange --messages 96 --in-flight 1,32 --cases 3");
    assert!(report["goals"].is_array(), "the shape of all benches");
    golden("bench-exchange.txt", &report);
    assert_eq!(report["bench"], "exchange");
    assert!(report["baseline"]["ed25519_verify_per_s"].as_f64().unwrap() > 0.0);
    let rows = report["rows"].as_array().unwrap();
    let flights: Vec<_> = rows.iter().map(|row| row["in_flight"].as_u64().unwrap()).collect();
    assert_eq!(flights, [1, 32]);
    for row in rows {
        let of = |pointer: &str| {
            row.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("{pointer}: {row}"))
        };
        assert_eq!((of("/messages"), of("/receipts")), (96, 96));
        assert!(
            of("/p50_us") > 0 && of("/p50_us") <= of("/p99_us") && of("/p99_us") <= of("/max_us"),
            "{row}"
        );
        // Every seal was verified by the home; a connection brings one signature more.
        assert!((96..110).contains(&of("/home/verified")), "{row}");
        for side in ["home", "sender"] {
            let (commits, syncs) = (of(&format!("/{side}/commits")), of(&format!("/{side}/syncs")));
            assert!(commits > 0 && commits <= 96 + 8 && syncs <= commits + 8, "{side}: {row}");
        }
        // One signature a commit, however many receipts it gives.
        assert!(of("/home/signatures") <= of("/home/commits") + 8, "{row}");
        assert!(of("/home/cpu_us") > 0 && of("/home/parts/verify/cpu_us") > 0, "{row}");
    }
    // What is together on its way shares a commit.
    let commits = |row: &Value| row["home"]["commits"].as_u64().unwrap();
    assert!(commits(&rows[1]) < commits(&rows[0]), "{report}");
}

#[test]
fn stores_and_journal_hold_what_they_were_given() {
    let report = bench("store --cases 20 --records 5000");
    assert!(report["goals"].is_array(), "the shape of all benches");
    golden("bench-store.txt", &report);
    assert_eq!(report["bench"], "store");
    assert!(report["baseline"]["append_sync_per_s"].as_f64().unwrap() > 0.0);
    let rows = report["rows"].as_array().unwrap();
    let told: Vec<_> =
        rows.iter().map(|row| (row["part"].as_str().unwrap(), row["records"].as_u64().unwrap())).collect();
    assert_eq!(
        told,
        [("store", 5000), ("store", 5000), ("journal", 2000), ("journal", 5056), ("journal", 5120)]
    );
    assert_eq!((&rows[0]["store"], &rows[0]["kept"]), (&"sled".into(), &true.into()));
    assert!(rows[0]["bytes"].as_u64().unwrap() > 5000 * 50);
    assert_eq!((&rows[3]["batch"], &rows[3]["commits"]), (&64.into(), &79.into()));
}
