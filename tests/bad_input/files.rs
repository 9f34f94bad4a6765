//! Rows of the files and arguments that people give to the command: each is refused with its exit code, by name, and the
//! daemon behind it has nothing more than before.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::federation::{AUTHORITY, HEALTH, Kind, TRANSPORT, ogic, path};
use crate::stage::Stage;

/// Runs the words on the home's folder, and compares exit and code.
fn refused(stage: &Stage, name: &str, words: &[&str], exit: i32, code: &str) {
    let before = stage.federation.transport.stored();
    let ran = stage.federation.transport.ogic(words);
    assert_eq!((ran.exit, ran.code().as_str()), (exit, code), "{name}: {ran}");
    assert_eq!(stage.federation.transport.stored(), before, "{name}");
}

pub(crate) fn play(stage: &Stage) {
    keys(stage);
    definitions(stage);
    tokens(stage);
}

/// Keys and certificates of officials.
fn keys(stage: &Stage) {
    let federation = &stage.federation;
    let case = stage.case.to_string();
    let (key, cert) = federation.official(TRANSPORT, "licensing-1");
    let (other_key, other_cert) = federation.official(HEALTH, "physician-1");
    let note = |key: &Path, cert: &Path| -> Vec<String> {
        ["case", "event", &case, "--kind", "note", "--key", path(key), "--cert", path(cert)]
            .map(str::to_owned)
            .to_vec()
    };
    let garbage =
        federation.file("garbage.pem", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    fs::set_permissions(&garbage, Permissions::from_mode(0o600)).unwrap();
    let exposed = federation.file("exposed.key", &fs::read(&key).unwrap());
    fs::set_permissions(&exposed, Permissions::from_mode(0o644)).unwrap();
    let huge = federation.file("huge.pem", &vec![b'x'; (1 << 20) + 1]);
    fs::set_permissions(&huge, Permissions::from_mode(0o600)).unwrap();
    let seal = federation.transport.data.join("certs/seal.pem");
    let seal_key = federation.transport.data.join("keys/seal.key");
    for (name, key, cert, exit, code) in [
        ("a key that others can read", exposed.as_path(), cert.as_path(), 8, "OGIC-5007"),
        ("a key that is none", &garbage, &cert, 5, "OGIC-2010"),
        ("a key of a megabyte", &huge, &cert, 2, "OGIC-1002"),
        ("a certificate of another key", &key, &other_cert, 5, "OGIC-2010"),
        ("a seal for an official", &seal_key, &seal, 4, "OGIC-2008"),
        ("a certificate that is none", &key, &garbage, 2, "OGIC-1001"),
        ("another agency's official", &other_key, &other_cert, 5, "OGIC-2020"),
        ("no key", Path::new("/nonexistent"), &cert, 3, "OGIC-1006"),
    ] {
        let words = note(key, cert);
        refused(stage, name, &words.iter().map(String::as_str).collect::<Vec<_>>(), exit, code);
    }
    // The right pair is taken.
    let words = note(&key, &cert);
    federation.transport.ogic(&words.iter().map(String::as_str).collect::<Vec<_>>()).ok();
}

fn definitions(stage: &Stage) {
    let federation = &stage.federation;
    let text = |name: &str, content: &[u8]| federation.file(name, content);
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/services/driving-licence.toml");
    let sample = fs::read_to_string(sample).unwrap();
    for (name, file, exit, code) in [
        ("no TOML", text("a.toml", b"{"), 2, "OGIC-1001"),
        ("no text", text("b.toml", &[0xff; 100]), 8, "OGIC-5005"),
        ("too long", text("c.toml", &vec![b'#'; 70 << 10]), 2, "OGIC-1002"),
        ("an unknown word", text("d.toml", sample.replacen("id =", "nid =", 1).as_bytes()), 2, "OGIC-1001"),
        (
            "a step after none",
            text("e.toml", sample.replace("after = [\"medical\"]", "after = [\"x\"]").as_bytes()),
            2,
            "OGIC-1003",
        ),
        ("a file that is not there", federation.at("none.toml"), 3, "OGIC-1006"),
    ] {
        refused(stage, name, &["service", "publish", path(&file)], exit, code);
    }
    refused(stage, "a missing document", &["document", "add", "/nonexistent"], 3, "OGIC-1006");
}

fn tokens(stage: &Stage) {
    let federation = &stage.federation;
    let spent = federation.token("spent.gov.example", Kind::Node);
    let join = |token: &str, place: &str| {
        ogic(&["node", "join", token, "--data", path(&federation.at(place)), "--json"])
    };
    join(&spent, "first").ok();
    // The same folder again is a repetition; another folder would be another key.
    join(&spent, "first").ok();
    let altered = format!("{}A", &spent[..spent.len() - 1]);
    let for_ttp = federation.token("second-ttp.gov.example", Kind::Ttp);
    for (name, token, place, exit, code) in [
        ("a token that was used", spent.as_str(), "second", 4, "OGIC-6002"),
        ("a token that is none", "ogic1-AAAA", "third", 2, "OGIC-1001"),
        ("half a token", &spent[..40], "third", 2, "OGIC-1001"),
        ("a token of another program", "ghp_0123456789", "third", 2, "OGIC-1001"),
        ("a third party's token for a node", &for_ttp, "fourth", 2, "OGIC-1003"),
    ] {
        let ran = join(token, place);
        assert_eq!((ran.exit, ran.code().as_str()), (exit, code), "{name}: {ran}");
        assert!(!ran.stdout.contains(token) && !ran.stderr.contains(token), "{name}: a token is a secret");
    }
    // The last letter of the text is one of the last role's: whatever it becomes, nobody is let in.
    assert_ne!(join(&altered, "fifth").exit, 0);
    let status = ogic(&["status", "--data", path(&federation.at("fifth")), "--json"]);
    assert_eq!((status.exit, status.code().as_str()), (7, "OGIC-4007"), "{status}");
    assert!(
        federation.authority.ogic(&["authority", "members"]).ok()["members"]
            .as_array()
            .unwrap()
            .iter()
            .any(|member| member["agency"] == AUTHORITY)
    );
}
