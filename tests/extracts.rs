//! What a newcomer saves with one command and verifies with another, offline and on its own: receipt, evidence,
//! checkpoint, capsule. In both languages, with and without trust, whole and damaged.

mod federation;

use std::fs;
use std::path::{Path, PathBuf};

use federation::command::Ran;
use federation::{Daemon, Federation, HEALTH, PATIENCE, TRANSPORT, ogic, path, until};
use serde_json::Value;

/// The performer's step with a document, judged by the third party: the event.
fn judged_step(federation: &Federation, case: &str) -> String {
    let file = federation.file("medical.pdf", b"%PDF-1.7\n% a certificate\n");
    let document = format!("medical-certificate={}", path(&file));
    let words = ["case", "event", case, "--step", "medical", "--document", &document, "--wait", "30s"];
    let event = federation.health.ogic(&words).ok()["event"].as_str().unwrap().to_owned();
    until("the third party's evidence", PATIENCE, || {
        let traced = federation.health.get(&format!("/v1/events/{event}"));
        traced["judgement"]["verdict"].as_str().map(str::to_owned)
    });
    event
}

fn save(daemon: &Daemon, words: &[&str], out: PathBuf) -> PathBuf {
    daemon.ogic(&[words, &["--out", path(&out)]].concat()).ok();
    out
}

fn verify(file: &Path, more: &[&str]) -> Ran {
    ogic(&[&["verify", path(file)][..], more].concat())
}

/// The Latin words of a line in which nothing is a name, a number or a standard's term.
fn latin(line: &str) -> Vec<&str> {
    let varies = |word: &str| word.contains(|c: char| c.is_ascii_digit() || ".:/-_".contains(c));
    line.split_whitespace()
        .filter(|word| !varies(word))
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()))
        .filter(|word| word.contains(|c: char| c.is_ascii_lowercase()))
        .collect()
}

#[test]
fn what_proves_an_act_is_saved_by_one_command_and_verified_by_another() {
    let federation = Federation::start();
    federation.publish();
    let case = federation.open_case("p-1");
    federation.share(&case, HEALTH);
    federation.referenced(&case);
    let event = judged_step(&federation, &case);
    let at = |name: &str| federation.at(name);
    let (transport, health, ttp) = (&federation.transport, &federation.health, &federation.ttp);

    let files = [
        ("receipt", save(health, &["case", "receipt", &event], at("receipt-of-the-sender"))),
        ("receipt", save(transport, &["case", "receipt", &event], at("receipt-of-the-home"))),
        ("evidence", save(transport, &["case", "evidence", &event], at("evidence-of-the-home"))),
        ("evidence", save(ttp, &["ttp", "evidence", &event], at("evidence-of-the-third-party"))),
        ("checkpoint", save(transport, &["node", "checkpoint"], at("checkpoint"))),
        ("capsule", save(transport, &["case", "export", &case], at("case.ogic"))),
    ];
    // The reader has a registry file and what it is pinned by, no folder of any daemon, and no list of his own.
    let registry = save(&federation.authority, &["authority", "registry"], at("registry.cose"));
    let root = federation.authority.status()["root"].as_str().unwrap().to_owned();
    let trust = ["--trust", path(&registry), "--pin", &root];

    let stranger = Daemon::found(&at("another-authority"));
    let strange_registry = save(&stranger, &["authority", "registry"], at("another.cose"));
    let strange_root = stranger.status()["root"].as_str().unwrap().to_owned();
    let strange = ["--trust", path(&strange_registry), "--pin", &strange_root];

    for (what, file) in &files {
        let name = file.display();
        let ran = verify(file, &[&trust[..], &["--json"]].concat());
        assert_eq!(ran.exit, 0, "{name}: {ran}");
        let said: Value = ran.json();
        assert_eq!((&said["verdict"], &said["trusted"]), (&"TOTAL-PASSED".into(), &true.into()), "{name}");
        match *what {
            "receipt" => assert_eq!(said["facts"]["events"], serde_json::json!([event]), "{name}: {said}"),
            "evidence" => {
                assert_eq!(said["facts"]["event"], event.as_str(), "{name}: {said}");
                assert_eq!(said["facts"]["says"], "TOTAL-PASSED", "{name}: {said}");
            }
            "checkpoint" => assert!(said["facts"]["size"].as_u64() > Some(0), "{name}: {said}"),
            _ => assert_eq!(said["facts"]["case"], case.as_str(), "{name}: {said}"),
        }

        // For people: times as times, and in Russian no English sentence.
        let people = verify(file, &[&trust[..], &["--explain", "--lang", "ru"]].concat());
        assert_eq!(people.exit, 0, "{name}: {people}");
        for line in people.stdout.lines().skip(1) {
            assert_eq!(latin(line), Vec::<&str>::new(), "{name}: {line}");
            let milliseconds = |word: &str| word.len() == 13 && word.bytes().all(|b| b.is_ascii_digit());
            assert!(!line.split_whitespace().any(milliseconds), "{name}: {line}");
        }

        // Of another federation: why it is undecided is told in Russian too.
        let other = verify(file, &[&strange[..], &["--explain", "--lang", "ru"]].concat());
        assert_eq!(other.exit, 6, "{name}: {other}");
        let lines = other.stdout.lines().skip(1).chain(other.stderr.lines().skip(1));
        for line in lines.filter(|line| !line.contains("ogic ")) {
            // The name in an authority's certificate is what it is.
            let left: Vec<&str> = latin(line).into_iter().filter(|word| *word != "authority").collect();
            assert_eq!(left, Vec::<&str>::new(), "{name}: {other}");
        }

        // Without trust it is undecided, said once, and what needs none was checked.
        let without = verify(file, &["--lang", "en"]);
        assert_eq!(without.exit, 6, "{name}: {without}");
        assert_eq!(without.stdout.matches("Nothing was given to trust").count(), 1, "{name}: {without}");
        assert!(without.stdout.contains("hold") || without.stdout.contains("held"), "{name}: {without}");
        assert_eq!(without.stdout.matches("INDETERMINATE").count(), 1, "{name}: {without}");

        // A changed bit, wherever it is: never passed.
        let whole = fs::read(file).unwrap();
        for part in 0..24 {
            let mut changed = whole.clone();
            let at = (whole.len() - 1) * part / 23;
            changed[at] ^= 1 << (part % 8);
            let damaged = federation.file("damaged", &changed);
            let ran = verify(&damaged, &[&trust[..], &["--json"]].concat());
            assert!(ran.exit == 5 || ran.exit == 6 || ran.exit == 2, "{name}, byte {at}: {ran}");
        }
    }

    for (name, daemon, words) in [
        ("no event", transport, ["case", "receipt", &"ab".repeat(32)]),
        ("evidence of nobody", transport, ["case", "evidence", &"ab".repeat(32)]),
        ("evidence where the case is not", health, ["case", "evidence", &event]),
    ] {
        let ran = daemon.ogic(&[&words[..], &["--out", path(&at("none"))]].concat());
        assert_eq!((ran.exit, ran.code().as_str()), (3, "OGIC-1006"), "{name}: {ran}");
        assert!(!at("none").exists(), "{name}");
    }
    // The home's seal is stolen, and revoked. Whoever knows of it decides nothing by it, under whatever date.
    let seal = format!("ogic://{TRANSPORT}/seal");
    let words = ["authority", "revoke", &seal, "--reason", "key-compromise", "--yes"];
    federation.authority.ogic(&words).ok();
    let list = save(&federation.authority, &["authority", "registry", "--crl"], at("newest.crl"));
    for (what, file) in &files {
        let ran = verify(file, &[&trust[..], &["--crl", path(&list), "--json"]].concat());
        let (exit, sub) =
            if *what == "evidence" { (0, Value::Null) } else { (6, Value::from("REVOKED_NO_POE")) };
        assert_eq!((ran.exit, &ran.json()["sub"]), (exit, &sub), "{}: {ran}", file.display());
        let people = verify(file, &[&trust[..], &["--crl", path(&list), "--lang", "en"]].concat());
        assert_eq!(people.stderr.contains("signed anew by the agency's present key"), exit == 6, "{people}");
    }
    federation.assert_no_panic();
}
