//! Rows of the files and arguments that people give to the command: each is refused with its exit code, by name, and the
//! daemon behind it has nothing more than before.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::federation::forge::Envelope;
use crate::federation::{AUTHORITY, Daemon, HEALTH, Kind, TRANSPORT, ogic, path};
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
    capsules(stage);
    signed(stage);
}

/// Keys and certificates of officials.
fn keys(stage: &Stage) {
    let federation = &stage.federation;
    let case = stage.case.to_string();
    let (key, cert) = federation.official(TRANSPORT, "licensing-1");
    let (other_key, other_cert) = federation.official(HEALTH, "physician-1");
    let note = |key: &Path, cert: &Path| -> Vec<String> {
        ["case", "event", &case, "--kind", "note", "--field", "a=b", "--key", path(key), "--cert", path(cert)]
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

/// What `ogic verify` says of a file, by what the performer trusts.
fn verified(stage: &Stage, name: &str, content: &[u8], more: &[&str]) -> (i32, String, String) {
    let file = stage.federation.file(&format!("{}.bin", name.replace(' ', "-")), content);
    let trust = path(&stage.federation.health.data);
    let ran = ogic(&[&["verify", path(&file), "--trust", trust, "--json"][..], more].concat());
    assert!(!ran.stderr.contains("panicked"), "{name}: {ran}");
    (ran.exit, ran.code(), ran.stdout)
}

/// Exported cases that somebody changed, cut, or forged whole.
fn capsules(stage: &Stage) {
    let federation = &stage.federation;
    let out = federation.at("case.ogic");
    let case = stage.case.to_string();
    federation.transport.ogic(&["case", "export", &case, "--out", path(&out)]).ok();
    let whole = fs::read(&out).unwrap();
    assert_eq!(verified(stage, "whole", &whole, &[]).0, 0);
    let sections = whole.len();
    for part in 1..40 {
        let at = sections * part / 40;
        let mut changed = whole.clone();
        changed[at] ^= 1;
        let (exit, code, said) = verified(stage, "changed", &changed, &[]);
        assert_eq!(exit, 5, "byte {at}: {said}");
        assert!(!code.is_empty(), "byte {at}: {said}");
    }
    for (name, content) in [
        ("cut in the middle", whole[..sections / 2].to_vec()),
        ("cut by a byte", whole[..sections - 1].to_vec()),
        ("longer by a byte", [whole.as_slice(), &[0]].concat()),
        ("twice", [whole.as_slice(), &whole].concat()),
        ("the first line alone", whole[..16].to_vec()),
        ("a section of 4 GiB", [&whole[..16], &[5, 0xff, 0xff, 0xff, 0xff]].concat()),
    ] {
        let (exit, _, said) = verified(stage, name, &content, &[]);
        assert_eq!(exit, 5, "{name}: {said}");
    }
    // Without anything to trust nothing is passed, and by another federation's registry neither.
    let ran = ogic(&["verify", path(&out), "--json"]);
    assert_eq!(ran.exit, 6, "{ran}");
    let other = Daemon::found(&federation.at("another-authority"));
    let registry = federation.at("another.cose");
    other.ogic(&["authority", "registry", "--out", path(&registry)]).ok();
    let root = other.status()["root"].as_str().unwrap().to_owned();
    let words = ["verify", path(&out), "--trust", path(&registry), "--pin", &root, "--json"];
    let ran = ogic(&words);
    assert_eq!(ran.exit, 6, "another federation's reader: {ran}");
}

/// Single signed objects and what is none.
fn signed(stage: &Stage) {
    let chain = stage.federation.file(
        "seal.pem",
        stage.seal.chain().map(ogic_certs::certificate::Certificate::to_pem).collect::<String>().as_bytes(),
    );
    let certs = ["--certs", path(&chain)];
    let header = stage.draft().sealed(&stage.seal).header;
    assert_eq!(verified(stage, "header", &header, &certs).0, 0);
    let mut flipped = header.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let unsigned = {
        let draft = stage.draft();
        Envelope::of(&draft.header, &stage.seal).close(&[0; 64])
    };
    let by_node = Envelope::of(&stage.draft().header, &stage.node).sign(&stage.node);
    for (name, content, certs, exit, code) in [
        ("nothing", Vec::new(), &[][..], 2, "OGIC-1001"),
        ("text", b"a letter".to_vec(), &[], 2, "OGIC-1001"),
        ("a tag and nothing", vec![0xd2], &[], 5, "OGIC-1001"),
        ("a header without its certificate", header.clone(), &[], 6, "OGIC-2002"),
        ("a header with one bit changed", flipped, &certs, 5, "OGIC-2001"),
        ("a header without a signature", unsigned, &certs, 5, "OGIC-2001"),
        ("half a header", header[..header.len() / 2].to_vec(), &certs, 5, "OGIC-1001"),
        ("a header by a key at hand for nobody", by_node, &certs, 6, "OGIC-2002"),
    ] {
        // Of a verdict the code is the verdict's own; what it rests on is told beside it.
        let (ended, _, said) = verified(stage, name, &content, certs);
        assert_eq!(ended, exit, "{name}: {said}");
        assert!(said.contains(code), "{name}: {said}");
    }
    let missing = ogic(&["verify", "/nonexistent", "--json"]);
    assert_eq!((missing.exit, missing.code().as_str()), (3, "OGIC-1006"), "{missing}");
}
