//! The store of a real node: what follows may be lost, what is the truth may not be touched, and what is old may not speak.

mod federation;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use federation::{Daemon, Federation, HEALTH, Kind, PATIENCE, path, until};

/// Cases in every condition: closed, granted and taken back, worked on by another with a document, and just opened.
fn varied_cases(federation: &Federation) -> Vec<String> {
    federation.publish();
    let cases: Vec<String> = (0..4).map(|n| federation.open_case(&format!("p-{n}"))).collect();
    let home = &federation.transport;
    let close = ["case", "close", &cases[0], "--outcome", "withdrawn", "--reason", "by the citizen", "--yes"];
    home.ogic(&close).ok();
    let grant = federation.share(&cases[1], HEALTH);
    home.ogic(&["case", "unshare", &cases[1], &grant, "--reason", "done", "--yes"]).ok();
    federation.share(&cases[2], HEALTH);
    federation.referenced(&cases[2]);
    federation.note(&cases[2], "a note of the performer");
    let file = federation.file("certificate.pdf", b"%PDF-1.7\n% fit\n");
    let document = format!("medical-certificate={}", path(&file));
    let step = ["case", "event", &cases[2], "--step", "medical", "--code", "done", "--field", "fit:=true"];
    let words = [&step[..], &["--document", &document, "--wait", "30s"]].concat();
    let done = federation.health.ogic(&words).ok();
    let event = done["event"].as_str().unwrap().to_owned();
    until("the evidence takes effect", PATIENCE, || {
        let traced = federation.health.get(&format!("/v1/events/{event}"));
        (traced["judgement"]["verdict"] == "TOTAL-PASSED").then_some(())
    });
    cases
}

/// All that a node's people see of its cases.
fn shown(daemon: &Daemon, cases: &[&String]) -> Vec<Value> {
    let show = |case: &&String| daemon.ogic(&["case", "show", case, "--purpose", "test"]).ok();
    std::iter::once(daemon.ogic(&["case", "list"]).ok()).chain(cases.iter().map(show)).collect()
}

#[test]
fn the_store_that_follows_may_be_lost_and_no_answer_changes() {
    let mut federation = Federation::start();
    let cases = varied_cases(&federation);
    let all: Vec<&String> = cases.iter().collect();
    let mut home = shown(&federation.transport, &all);
    let mut performer = shown(&federation.health, &[&cases[2]]);
    // Ended in order, and killed: the one leaves a store that has followed, the other one that may not have.
    for killed in [false, true] {
        for daemon in [&mut federation.transport, &mut federation.health] {
            if killed {
                daemon.kill();
            } else {
                daemon.stop();
            }
            let sled = daemon.data.join("sled");
            assert!(sled.is_dir());
            fs::remove_dir_all(&sled).unwrap();
            daemon.again();
        }
        federation.health.meets("transport.gov.example");
        assert_eq!(shown(&federation.transport, &all), home, "killed: {killed}");
        assert_eq!(shown(&federation.health, &[&cases[2]]), performer, "killed: {killed}");
        // And it goes on from there.
        federation.note(&cases[2], "after the loss");
        home = shown(&federation.transport, &all);
        performer = shown(&federation.health, &[&cases[2]]);
    }
    federation.assert_no_panic();
}

/// The files of a journal, with what they hold.
fn journal(data: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<(PathBuf, Vec<u8>)> = fs::read_dir(data.join("journal"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|place| !place.file_name().unwrap().to_string_lossy().starts_with('.'))
        .map(|place| (place.clone(), fs::read(&place).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn a_journal_with_one_changed_byte_keeps_its_node_from_starting_and_is_not_repaired() {
    let mut federation = Federation::start();
    let cases = varied_cases(&federation);
    let last = federation.note(&cases[2], "the last");
    federation.transport.stop();
    let data = federation.transport.data.clone();
    let files = journal(&data);
    assert_eq!(files.len(), 1, "a journal this small is one segment");
    let (place, whole) = &files[0];
    // Segments are laid out ahead: the end of what was written is the last byte that is not zero.
    let used = whole.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    assert!(used > 4096);
    // The header of the segment, the first frame, places all over, and the last frame: the store has followed it, so that
    // it cannot be taken for one that a crash tore.
    let places = [4, 40, 100].into_iter().chain((1..8).map(|part| used * part / 8)).chain([used - 1]);
    for at in places {
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        fs::write(place, &changed).unwrap();
        let refused = Daemon::refused(Kind::Node, &data);
        assert_eq!((refused.exit, refused.code().as_str()), (8, "OGIC-5002"), "byte {at}: {refused}");
        let field = refused.json()["error"]["field"].to_string();
        let segment = place.file_name().unwrap().to_string_lossy().into_owned();
        assert!(field.contains(&format!("journal {segment}, offset ")), "it names the place: {refused}");
        assert!(journal(&data)[0].1 == changed, "byte {at}: it is left as it is");
    }
    // Nothing was lost by all those tries.
    fs::write(place, whole).unwrap();
    federation.transport.again();
    federation.health.meets("transport.gov.example");
    assert!(federation.note(&cases[2], "after the damage") > last);
}

/// Copies a folder of regular files and folders.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (place, target) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        let kind = fs::symlink_metadata(&place).unwrap().file_type();
        if kind.is_dir() {
            copy(&place, &target);
        } else if kind.is_file() {
            // Keeps the mode, which keys must have.
            fs::copy(&place, &target).unwrap();
        }
    }
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
}

#[test]
fn a_restored_backup_is_fenced_by_what_its_peer_has_seen() {
    let mut federation = Federation::start();
    let cases = varied_cases(&federation);
    let case = &cases[2];
    federation.transport.stop();
    let (data, backup) = (federation.transport.data.clone(), federation.at("backup"));
    copy(&data, &backup);
    federation.transport.again();
    federation.health.meets("transport.gov.example");
    // What was receipted after the backup is what an old copy must not contradict.
    let seq = federation.note(case, "after the backup");
    let newest = federation.transport.ogic(&["case", "show", case, "--purpose", "test"]).ok();
    let (size, _) = federation.transport.stored();
    federation.transport.stop();
    let aside = federation.at("aside");
    fs::rename(&data, &aside).unwrap();
    copy(&backup, &data);

    federation.transport.again();
    let status = until("the fence", PATIENCE, || {
        let status = federation.transport.status();
        (status["read_only"] == true).then_some(status)
    });
    assert_eq!(status["problem"]["code"], "OGIC-5008", "{status}");
    let restored = federation.transport.stored();
    assert!(restored.0 < size);
    // Nobody is answered by a seal that may contradict itself: our own people are told, the peer hears nothing.
    let note = |wait: &str| {
        vec!["case", "event", case, "--kind", "note", "--field", "mark=again", "--wait", wait]
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let words = note("1s");
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let refused = federation.transport.ogic(&words);
    assert_eq!((refused.exit, refused.code().as_str()), (8, "OGIC-5008"), "{refused}");
    let opened =
        federation.transport.ogic(&["case", "open", "--service", "driving-licence", "--citizen", "p-9"]);
    assert_eq!((opened.exit, opened.code().as_str()), (8, "OGIC-5008"), "{opened}");
    let waiting = federation.health.ogic(&words).ok();
    assert_eq!(waiting["state"], "waiting", "{waiting}");
    assert_eq!(federation.transport.stored(), restored, "nothing was recorded");
    // A restart does not help it.
    federation.transport.kill();
    federation.transport.again();
    until("the fence again", PATIENCE, || {
        (federation.transport.status()["problem"]["code"] == "OGIC-5008").then_some(())
    });
    assert_eq!(federation.transport.stored(), restored);
    assert_eq!(federation.health.status()["alarms"], serde_json::json!([]), "no peer holds a contradiction");

    // The folder that has all of it goes on, and what waited is delivered after what it had promised.
    federation.transport.kill();
    fs::remove_dir_all(&data).unwrap();
    fs::rename(&aside, &data).unwrap();
    federation.transport.again();
    let shown = until("what waited is recorded", PATIENCE, || {
        let shown = federation.transport.ogic(&["case", "show", case, "--purpose", "test"]).ok();
        (shown["head"]["seq"].as_u64() > newest["head"]["seq"].as_u64()).then_some(shown)
    });
    let at = usize::try_from(seq).unwrap();
    assert_eq!(shown["history"][at], newest["history"][at]);
    assert_eq!(federation.transport.status()["read_only"], false);
    federation.assert_no_panic();
}
