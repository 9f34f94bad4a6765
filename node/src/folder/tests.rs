//! What a folder keeps, and what it refuses to use.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use ogic_certs::testing::{Federation, agency};
use tempfile::TempDir;

use super::*;

fn folder() -> (TempDir, Folder) {
    let scratch = TempDir::new().unwrap();
    let folder = Folder::create(&scratch.path().join("путь с пробелом")).unwrap();
    (scratch, folder)
}

#[test]
fn what_is_kept_is_read_again() {
    let (_scratch, folder) = folder();
    let mut federation = Federation::new(1, ogic_certs::Timestamp::from_ms_clamped(1_795_576_803_007));
    let signer = federation.signer("ogic://transport.gov.example/seal");
    let key = folder.key_or_new("seal", &[7; 32]).unwrap();
    assert_eq!(folder.key_or_new("seal", &[8; 32]).unwrap().public(), key.public(), "made once");
    let chain: Vec<Certificate> = signer.chain().cloned().collect();
    folder.put_chain("seal", &chain).unwrap();
    assert_eq!(folder.chain("seal").unwrap(), chain);
    assert_eq!(folder.signer("seal").unwrap_err().code, Code::KeyRefused, "the certificate of another key");

    assert!(folder.pinned().unwrap().is_none() && folder.registry().unwrap().is_none());
    for signer in [None, federation.pin().signer] {
        let pin = Pin { signer, ..federation.pin() };
        let pinned =
            Pinned { pin, agency: agency("transport.gov.example"), address: "192.0.2.1:4433".to_owned() };
        folder.put_pinned(&pinned).unwrap();
        assert_eq!(folder.pinned().unwrap().unwrap(), pinned);
    }
    // Lists of every length of length, one after another.
    let mut crls = vec![federation.crl()];
    for _ in 0..400 {
        let serial = federation.signer("ogic://transport.gov.example/official/x");
        federation.revoke(serial.certificate(), ogic_certs::Timestamp::from_ms_clamped(1_795_576_803_007));
    }
    crls.push(federation.crl());
    folder.put_crls(&crls).unwrap();
    let read: Vec<Digest> = folder.crls().unwrap().iter().map(Crl::digest).collect();
    assert_eq!(read, crls.iter().map(Crl::digest).collect::<Vec<_>>());
    let registry = federation.registry();
    folder.put_registry(&registry).unwrap();
    assert_eq!(folder.registry().unwrap().unwrap().digest(), registry.digest());
    assert_eq!(folder.trust().unwrap().registry().version, 1);
}

#[test]
fn what_others_can_read_is_no_secret() {
    let (_scratch, folder) = folder();
    folder.key_or_new("seal", &[7; 32]).unwrap();
    let path = folder.at("keys/seal.key");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    for mode in [0o640, 0o604, 0o660, 0o610] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        assert_eq!(folder.key("seal").unwrap_err().code, Code::KeyExposed, "{mode:o}");
    }
}

#[test]
fn an_unfinished_write_leaves_the_old_bytes() {
    let (_scratch, folder) = folder();
    folder.put("pin.toml", b"old", 0o600).unwrap();
    // A crash before the rename: the new bytes lie beside.
    fs::write(folder.at(".pin.toml.new"), b"half").unwrap();
    assert_eq!(read(&folder.at("pin.toml")).unwrap().unwrap(), b"old");
    folder.put("pin.toml", b"new", 0o600).unwrap();
    assert_eq!(read(&folder.at("pin.toml")).unwrap().unwrap(), b"new");
    assert!(!folder.at(".pin.toml.new").exists());
}

#[test]
fn damage_is_said() {
    let (_scratch, folder) = folder();
    for (name, file, bytes) in [
        ("cut_list", CRLS, &[0x30, 0x82, 0xff][..]),
        ("list_of_no_length", CRLS, &[0x30, 0x80][..]),
        ("pin_that_is_no_toml", PIN, b"agency ="),
        ("pin_with_an_unknown_key", PIN, b"agency = \"a.b\"\nother = 1"),
    ] {
        folder.put(file, bytes, 0o600).unwrap();
        let problem = folder.crls().err().or_else(|| folder.pinned().err()).expect(name);
        assert_eq!(problem.code, Code::StoreDamaged, "{name}: {problem}");
        fs::remove_file(folder.at(file)).unwrap();
    }
}

#[test]
fn a_folder_is_one_process_s() {
    let (_scratch, folder) = folder();
    let lock = folder.lock().unwrap();
    let problem = folder.lock().unwrap_err();
    assert_eq!(problem.code, Code::StoreLocked);
    assert_eq!(problem.found.unwrap(), format!("process {}", std::process::id()));
    drop(lock);
    assert!(folder.lock().is_ok());
}
