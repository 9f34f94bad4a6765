//! What the command prints, word for word: help of every command, every code, errors in both languages, and the shapes of
//! `--json`. The texts lie in `tests/golden`; `OGIC_GOLDEN=write` writes them anew, for a person to read the difference.

mod federation;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use federation::command::{Ran, ogic};
use federation::{Federation, HEALTH, PATIENCE, in_a_month, path, share_words, until};

/// Compares a text with its golden file, or writes it.
fn golden(name: &str, found: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden").join(name);
    if std::env::var_os("OGIC_GOLDEN").is_some_and(|value| value == "write") {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, found).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    for (at, (found, expected)) in found.lines().zip(expected.lines()).enumerate() {
        assert_eq!(found, expected, "{name}, line {}", at + 1);
    }
    assert_eq!(found.lines().count(), expected.lines().count(), "{name}");
}

/// The names under the help's heading of commands.
fn commands(help: &str, heading: &str) -> Vec<String> {
    let section = help.split(&format!("\n{heading}:\n")).nth(1).unwrap_or_default();
    let lines = section.lines().take_while(|line| !line.is_empty());
    // A name stands two columns in; what is further in goes on with the sentence above.
    let named = lines.filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')));
    named.filter_map(|line| line.split_whitespace().next().map(str::to_owned)).collect()
}

/// The help of a command and of all below it.
fn help(words: &[String], language: &str, heading: &str, out: &mut String) {
    let mut typed: Vec<&str> = words.iter().map(String::as_str).collect();
    typed.extend(["--help", "--lang", language]);
    let ran = ogic(&typed);
    assert_eq!(ran.exit, 0, "{ran}");
    let _ = write!(out, "$ ogic {}\n{}\n", typed.join(" "), ran.stdout);
    for name in commands(&ran.stdout, heading) {
        let below = [words, &[name]].concat();
        help(&below, language, heading, out);
    }
}

#[test]
fn help_of_every_command() {
    for (language, heading) in [("en", "Commands"), ("ru", "Команды")] {
        let mut out = String::new();
        help(&[], language, heading, &mut out);
        assert!(out.matches("$ ogic ").count() > 35, "{language}");
        golden(&format!("help.{language}.txt"), &out);
    }
}

#[test]
fn every_code_in_both_languages() {
    for language in ["en", "ru"] {
        let ran = ogic(&["explain", "--all", "--lang", language]);
        assert_eq!(ran.exit, 0, "{ran}");
        golden(&format!("codes.{language}.txt"), &ran.stdout);
    }
}

#[test]
fn errors_without_a_daemon_in_both_languages() {
    let case = "ab".repeat(32);
    let lines = [
        "stauts".to_owned(),
        "case show xyz".to_owned(),
        "case show".to_owned(),
        "peers --jsn".to_owned(),
        "peers".to_owned(),
        "peers --data /nonexistent/ogic".to_owned(),
        "demo --seed x".to_owned(),
        "explain 1".to_owned(),
        "status --lang xx".to_owned(),
        format!("case event {case} --kind note --code done"),
        format!("case event {case}"),
        format!("case event {case} --step medical --head 5"),
        format!("case close {case} --outcome granted --reason x"),
        format!(
            "case share {case} --to Health --read --purpose a --ground b --performer c --expires 2026-12-01"
        ),
        format!(
            "case share {case} --to health.gov.example --read --purpose a --ground b --performer c --expires soon"
        ),
        "document add /nonexistent/ogic.pdf".to_owned(),
        "node join broken --data /nonexistent/ogic".to_owned(),
        "node join ogic1-broken --data /nonexistent/ogic".to_owned(),
        "outbox drop ab".to_owned(),
        "authority token health.gov.example --role chief".to_owned(),
    ];
    for language in ["en", "ru"] {
        let mut out = String::new();
        for line in &lines {
            let mut words: Vec<&str> = line.split(' ').collect();
            if !line.contains("--lang") {
                words.extend(["--lang", language]);
            }
            let Ran { exit, stderr, stdout, .. } = ogic(&words);
            assert_eq!(stdout, "", "{line}");
            let _ = write!(out, "$ ogic {}\n{stderr}exit {exit}\n\n", words.join(" "));
        }
        golden(&format!("errors.{language}.txt"), &out);
    }
}

/// The types of a JSON value; what an array holds is told by its elements together.
fn shape(value: &Value) -> Value {
    match value {
        Value::Null => json!("null"),
        Value::Bool(_) => json!("truth value"),
        Value::Number(_) => json!("number"),
        Value::String(_) => json!("text"),
        Value::Array(items) => {
            json!([items.iter().map(shape).reduce(|a, b| merged(&a, &b)).unwrap_or_else(|| json!("null"))])
        }
        Value::Object(entries) => entries.iter().map(|(key, value)| (key.clone(), shape(value))).collect(),
    }
}

/// What two shapes of one thing tell together: what is null in the one is what it is in the other.
fn merged(a: &Value, b: &Value) -> Value {
    match (a, b) {
        (Value::String(null), other) | (other, Value::String(null)) if null == "null" => other.clone(),
        (Value::Object(a), Value::Object(b)) => {
            let mut all: BTreeMap<String, Value> = a.clone().into_iter().collect();
            for (key, value) in b {
                let value = all.get(key).map_or_else(|| value.clone(), |held| merged(held, value));
                all.insert(key.clone(), value);
            }
            all.into_iter().collect()
        }
        (Value::Array(a), Value::Array(b)) if a.len() == 1 && b.len() == 1 => json!([merged(&a[0], &b[0])]),
        _ => a.clone(),
    }
}

/// Whether a shape is as it was written down; what is null in either says nothing.
fn fits(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::String(null), _) | (_, Value::String(null)) if null == "null" => true,
        (Value::Object(a), Value::Object(b)) => {
            a.keys().eq(b.keys()) && a.iter().all(|(key, value)| fits(value, &b[key]))
        }
        (Value::Array(a), Value::Array(b)) => a.iter().zip(b).all(|(a, b)| fits(a, b)),
        _ => found == expected,
    }
}

#[test]
fn shapes_of_what_every_command_prints_as_json() {
    let federation = Federation::start();
    let Federation { authority, ttp, transport, health, .. } = &federation;
    let mut shapes: BTreeMap<String, Value> = BTreeMap::new();
    let mut note = |name: &str, ran: Ran, exit: i32| -> Value {
        assert_eq!(ran.exit, exit, "{ran}");
        let value = ran.json();
        assert_eq!(value["schema"], 1, "{ran}");
        shapes.insert(name.to_owned(), shape(&value));
        value
    };
    let digest = federation.publish();
    let case = federation.open_case("p-1");
    let month = in_a_month();
    let share = share_words(&case, HEALTH, "medical examination", &month);
    let shared = note("case share", transport.ogic(&share), 0);
    note("case share, the same right twice", transport.ogic(&share), 9);
    let grant = shared["event"].as_str().unwrap().to_owned();
    federation.referenced(&case);
    let words = ["case", "event", &case, "--kind", "note", "--field", "text=seen", "--wait", "30s"];
    let noted = note("case event, at a performer", health.ogic(&words), 0);
    let event = noted["event"].as_str().unwrap();
    note("trace, at a performer", health.ogic(&["trace", event]), 0);
    note("trace, at the home", transport.ogic(&["trace", event]), 0);
    note("wait event", health.ogic(&["wait", "event", event]), 0);
    note("wait outbox", health.ogic(&["wait", "outbox"]), 0);
    note("wait peers", health.ogic(&["wait", "peers"]), 0);
    note("wait peers, in the authority's folder", authority.ogic(&["wait", "peers"]), 2);
    note("wait ready", ttp.ogic(&["wait", "ready"]), 0);
    note("wait registry", transport.ogic(&["wait", "registry", "1"]), 0);
    note("wait registry, in vain", transport.ogic(&["wait", "registry", "999999", "--for", "1s"]), 7);
    note("case list, at the home", transport.ogic(&["case", "list"]), 0);
    note("case list, at a performer", health.ogic(&["case", "list"]), 0);
    note("case show", health.ogic(&["case", "show", &case]), 0);
    note("case access", transport.ogic(&["case", "access", &case]), 0);
    note("document list", transport.ogic(&["document", "list", &case]), 0);
    let dry = ["case", "event", &case, "--kind", "note", "--field", "text=seen", "--dry-run"];
    note("case event --dry-run", transport.ogic(&dry), 0);
    let empty = ["case", "event", &case, "--kind", "note"];
    note("case event, an empty note", transport.ogic(&empty), 2);
    let stranger = share_words(&case, "nobody.gov.example", "medical examination", &month);
    note("case share, to an agency that is not listed", transport.ogic(&stranger), 4);
    let unshare = ["case", "unshare", &case, &grant, "--reason", "done", "--yes"];
    note("case unshare", transport.ogic(&unshare), 0);
    let refused = note("case event, refused by the home", health.ogic(&words), 4);
    let parked = refused["error"]["parked"].as_str().unwrap();
    assert!(refused["error"]["hint"].as_str().unwrap().contains(&format!("ogic outbox drop {parked} --yes")));
    note("outbox list", health.ogic(&["outbox", "list"]), 0);
    note("wait outbox, with a refused event", health.ogic(&["wait", "outbox"]), 4);
    note("wait event, refused by the home", health.ogic(&["wait", "event", parked]), 4);
    note("outbox retry", health.ogic(&["outbox", "retry", parked]), 0);
    until("the event is parked again", PATIENCE, || {
        let outbox = health.ogic(&["outbox", "list"]).ok();
        (outbox["items"][0]["state"] == "parked").then_some(())
    });
    note("outbox drop", health.ogic(&["outbox", "drop", parked, "--yes"]), 0);
    let export = federation.at("case.ogic");
    note("case export", transport.ogic(&["case", "export", &case, "--out", path(&export)]), 0);
    note("service list", transport.ogic(&["service", "list"]), 0);
    let file = federation.file("plain.txt", b"plain");
    note("document add", transport.ogic(&["document", "add", path(&file)]), 0);
    for (name, daemon) in [("node", transport), ("authority", authority), ("ttp", ttp)] {
        note(&format!("status, of a {name}"), daemon.ogic(&["status"]), 0);
    }
    note("peers", transport.ogic(&["peers"]), 0);
    for words in [["authority", "members"], ["authority", "issued"]] {
        note(&words.join(" "), authority.ogic(&words), 0);
        note(&format!("{}, in a node's folder", words.join(" ")), transport.ogic(&words), 2);
    }
    note("authority token", authority.ogic(&["authority", "token", "labour.gov.example"]), 0);
    note("ttp evidence", ttp.ogic(&["ttp", "evidence"]), 0);
    let withdrawn = ["case", "close", &case, "--outcome", "withdrawn", "--reason", "asked", "--yes"];
    note("case close", transport.ogic(&withdrawn), 0);
    note("explain", ogic(&["explain", "3003", "--json"]), 0);
    assert_eq!(digest.len(), 64);

    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/shapes.json");
    if std::env::var_os("OGIC_GOLDEN").is_some_and(|value| value == "write") {
        std::fs::write(&file, serde_json::to_string_pretty(&json!(shapes)).unwrap() + "\n").unwrap();
    }
    let expected: BTreeMap<String, Value> =
        serde_json::from_str(&std::fs::read_to_string(&file).unwrap_or_default()).unwrap();
    assert!(shapes.keys().eq(expected.keys()), "{:?}", shapes.keys());
    for (name, found) in &shapes {
        assert!(fits(found, &expected[name]), "{name}: {found}, expected {}", expected[name]);
    }
}
