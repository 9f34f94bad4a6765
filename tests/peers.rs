//! How agencies find each other, and lose each other: by the registry alone, without restarts, within seconds.

mod federation;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use federation::{
    AUTHORITY, Daemon, Federation, HEALTH, Kind, PATIENCE, TRANSPORT, TTP, listed, note, share_words, until,
};

/// How soon a node that came back is to be found.
const FOUND: Duration = Duration::from_secs(5);

/// Waits until `daemon` has a connection with `agency` that is younger than `before`.
fn meets_anew(daemon: &Daemon, agency: &str, before: u64) -> u64 {
    until(&format!("{} finds {agency} again", daemon.data.display()), FOUND, || {
        let peer = daemon.peer(agency)?;
        if peer["connected"] == true { peer["since"].as_u64().filter(|since| *since > before) } else { None }
    })
}

/// A performer's step with a document, which has no effect before the third party's evidence.
fn step_with_document(federation: &Federation, case: &str, mark: &str) -> String {
    let file = federation.file(&format!("{mark}.pdf"), format!("%PDF-1.7\n% {mark}\n").as_bytes());
    let document = format!("medical-certificate={}", federation::path(&file));
    let words = ["case", "event", case, "--step", "medical", "--document", &document, "--wait", "30s"];
    let noted = federation.health.ogic(&words).ok();
    assert_eq!(noted["state"], "receipted", "{noted}");
    noted["event"].as_str().unwrap().to_owned()
}

/// Waits until the performer knows what became of its event.
fn judged(federation: &Federation, event: &str, within: Duration) -> String {
    until("the third party's evidence", within, || {
        let traced = federation.health.get(&format!("/v1/events/{event}"));
        traced["judgement"]["verdict"].as_str().map(str::to_owned)
    })
}

#[test]
fn a_node_that_comes_back_on_another_port_is_found_within_five_seconds() {
    let mut federation = Federation::start();
    federation.publish();
    let case = federation.open_case("p-1");
    federation.share(&case, HEALTH);
    federation.referenced(&case);
    let mut seq = federation.note(&case, "before");

    // The performer, then the home: killed, and back elsewhere.
    let before = federation.transport.meets(HEALTH);
    let old = federation.health.endpoint().to_owned();
    federation.health.kill();
    federation.health.again_elsewhere();
    assert_ne!(federation.health.endpoint(), old);
    meets_anew(&federation.transport, HEALTH, before);
    for mark in ["performer moved", "and goes on"] {
        let next = federation.note(&case, mark);
        assert!(next > seq);
        seq = next;
    }
    let before = federation.health.meets(TRANSPORT);
    federation.transport.kill();
    federation.transport.again_elsewhere();
    meets_anew(&federation.health, TRANSPORT, before);
    assert!(federation.note(&case, "home moved") > seq);

    // The registry tells where they are now, and the peers that it told before are asked no more.
    until("the registry lists the new port", FOUND, || {
        let peer = federation.health.peer(TRANSPORT)?;
        (peer["endpoints"] == serde_json::json!([federation.transport.endpoint()])).then_some(())
    });
    federation.assert_no_panic();
}

#[test]
fn a_node_that_comes_back_where_it_was_is_found_within_five_seconds() {
    let mut federation = Federation::start();
    federation.publish();
    let case = federation.open_case("p-1");
    federation.share(&case, HEALTH);
    federation.referenced(&case);
    let before = federation.transport.meets(HEALTH);
    federation.health.kill();
    federation.health.again();
    meets_anew(&federation.transport, HEALTH, before);
    let before = federation.health.meets(TRANSPORT);
    federation.transport.kill();
    federation.transport.again();
    meets_anew(&federation.health, TRANSPORT, before);
    federation.note(&case, "both were away");

    // The third party too, whom nobody hears of until he is asked.
    let before = federation.transport.meets(TTP);
    federation.ttp.kill();
    federation.ttp.again();
    meets_anew(&federation.transport, TTP, before);
    let event = step_with_document(&federation, &case, "certificate");
    assert_eq!(judged(&federation, &event, FOUND), "TOTAL-PASSED");

    // And the authority, whose list of revocations must come to be known.
    federation.authority.kill();
    federation.authority.again();
    let version = |daemon: &Daemon| daemon.status()["registry"]["version"].as_u64().unwrap();
    federation.enrol("newcomer.gov.example");
    let newest = version(&federation.authority);
    for daemon in [&federation.transport, &federation.health, &federation.ttp] {
        until("the newest registry", FOUND, || (version(daemon) >= newest).then_some(()));
    }
    federation.assert_no_panic();
}

#[test]
fn a_third_agency_joins_later_and_nobody_restarts() {
    let federation = Federation::start();
    federation.publish();
    let case = federation.open_case("p-1");
    let city = "city.gov.example";
    // Granted before it is a member: delivered when it comes.
    let token = federation.token(city, Kind::Node);
    let joined = Daemon::join(Kind::Node, &federation.at("city"), &token);
    let expires = federation::in_a_month();
    federation.transport.ogic(&share_words(&case, city, "residence", &expires)).ok();
    until("the city holds its reference", PATIENCE, || {
        listed(&joined.ogic(&["case", "list"]).ok(), &case).then_some(())
    });
    let first = note(&joined, &case, "from the city");
    let shown = joined.ogic(&["case", "show", &case, "--purpose", "residence"]).ok();
    assert_eq!(shown["history"][usize::try_from(first).unwrap()]["author"], city);
    // Everybody met everybody, the third party included.
    for daemon in [&federation.transport, &federation.health] {
        daemon.meets(city);
    }
    for agency in [TRANSPORT, HEALTH, TTP, AUTHORITY] {
        joined.meets(agency);
    }
    joined.assert_no_panic();
    federation.assert_no_panic();
}

#[test]
fn of_two_daemons_on_one_folder_the_second_refuses_by_name() {
    let federation = Federation::start();
    for (kind, daemon) in [
        (Kind::Node, &federation.transport),
        (Kind::Ttp, &federation.ttp),
        (Kind::Authority, &federation.authority),
    ] {
        let refused = Daemon::refused(kind, &daemon.data);
        assert_eq!((refused.exit, refused.code().as_str()), (8, "OGIC-5001"), "{refused}");
        let error = &refused.json()["error"];
        let named = format!("{} {}", error["field"], error["found"]);
        assert!(named.contains(daemon.data.to_str().unwrap()), "it names the folder: {refused}");
        assert!(named.contains("process "), "and the process that has it: {refused}");
        // The first one has lost nothing by it: not its socket, not its port.
        assert_eq!(daemon.status()["endpoint"], daemon.endpoint());
    }
    federation.publish();
    federation.open_case("p-1");
}

#[test]
fn the_exchange_goes_on_while_the_authority_is_away() {
    let mut federation = Federation::start();
    federation.publish();
    let case = federation.open_case("p-1");
    federation.share(&case, HEALTH);
    federation.referenced(&case);
    federation.authority.kill();

    federation.note(&case, "without the authority");
    let event = step_with_document(&federation, &case, "certificate");
    assert_eq!(judged(&federation, &event, PATIENCE), "TOTAL-PASSED");
    // A new case and a new grant too: what is known is fresh for its stated life.
    let second = federation.open_case("p-2");
    federation.share(&second, HEALTH);
    federation.referenced(&second);
    // Who restarts meanwhile finds the others by the registry that he has.
    federation.health.kill();
    federation.health.again();
    federation.transport.meets(HEALTH);
    federation.note(&second, "after a restart");
    assert_eq!(federation.health.status()["trust"], "fresh");

    // Nothing needs a restart when the authority is back.
    federation.authority.again();
    let version = |daemon: &Daemon| daemon.status()["registry"]["version"].as_u64().unwrap();
    federation.enrol("newcomer.gov.example");
    let newest = version(&federation.authority);
    for daemon in [&federation.transport, &federation.health, &federation.ttp] {
        until("the newest registry", PATIENCE, || (version(daemon) >= newest).then_some(()));
    }
    federation.assert_no_panic();
}

#[test]
fn a_revoked_node_is_refused_within_one_refresh() {
    let federation = Federation::start();
    federation.publish();
    let case = federation.open_case("p-1");
    federation.share(&case, HEALTH);
    federation.referenced(&case);
    federation.note(&case, "while it may");

    let identity = format!("ogic://{HEALTH}/node");
    let words = ["authority", "revoke", &identity, "--reason", "key-compromise", "--yes"];
    federation.authority.ogic(&words).ok();
    let version = federation.authority.status()["registry"]["version"].as_u64().unwrap();
    for daemon in [&federation.transport, &federation.ttp] {
        until("the list of revocations is refreshed", FOUND, || {
            (daemon.status()["registry"]["version"].as_u64() >= Some(version)).then_some(())
        });
    }
    let problem = until("the connection is closed and stays so", FOUND, || {
        let peer = federation.transport.peer(HEALTH)?;
        if peer["connected"] == false { peer["problem"]["code"].as_str().map(str::to_owned) } else { None }
    });
    assert_eq!(problem, "OGIC-2005");

    // It dials again and again, and is let in by nobody; what it has to say waits where it is.
    let field = ["--field", "mark=refused", "--wait", "1s"];
    let words = [&["case", "event", &case, "--kind", "note"][..], &field].concat();
    let waiting = federation.health.ogic(&words).ok();
    assert_eq!(waiting["state"], "waiting", "{waiting}");
    assert_eq!(federation.transport.peer(HEALTH).unwrap()["connected"], false);
    // The others do not notice.
    federation.transport.meets(TTP);
    federation.assert_no_panic();
}

/// The files of a folder, its journal, sled and log aside, with what they hold.
fn settings(data: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in [data.to_owned(), data.join("keys"), data.join("certs")] {
        for entry in fs::read_dir(folder).unwrap() {
            let place = entry.unwrap().path();
            let name = place.file_name().unwrap().to_string_lossy().into_owned();
            // The registry, and the next one on its way, is the signed list by which they find each other; the log tells
            // what happened.
            if place.is_file() && !name.contains("registry.cose") && name != "node.log" {
                let Ok(bytes) = fs::read(&place) else { continue };
                found.push((place.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
            }
        }
    }
    found
}

#[test]
fn no_configuration_and_no_argument_holds_a_peers_address() {
    let federation = Federation::start();
    let daemons = [&federation.authority, &federation.ttp, &federation.transport, &federation.health];
    for daemon in daemons {
        let files = settings(&daemon.data);
        assert!(files.len() >= 5, "{files:?}");
        let command = daemon.command_line();
        assert!(command.contains("serve"), "{command}");
        for other in daemons.into_iter().filter(|other| other.data != daemon.data) {
            let port = other.endpoint().rsplit_once(':').unwrap().1;
            let address = format!(":{port}");
            for (name, content) in &files {
                // The authority's address came with the token.
                let pinned = name.ends_with("pin.toml") && other.kind == Kind::Authority;
                assert!(pinned || !content.contains(&address), "{name} holds {address}");
            }
            assert!(!command.contains(&address), "{command}");
        }
    }
    // They have met all the same.
    for (daemon, agency) in [(&federation.transport, HEALTH), (&federation.health, TRANSPORT)] {
        daemon.meets(agency);
        daemon.meets(TTP);
    }
}

#[test]
fn a_key_that_others_can_read_keeps_its_daemon_from_starting() {
    let mut federation = Federation::start();
    federation.health.stop();
    federation.ttp.stop();
    for (kind, data, name) in [
        (Kind::Node, &federation.health.data, "keys/seal.key"),
        (Kind::Node, &federation.health.data, "keys/node.key"),
        (Kind::Ttp, &federation.ttp.data, "keys/ttp.key"),
    ] {
        let key = data.join(name);
        for mode in [0o644, 0o640, 0o604] {
            fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
            let refused = Daemon::refused(kind, data);
            assert_eq!((refused.exit, refused.code().as_str()), (8, "OGIC-5007"), "{mode:o}: {refused}");
            assert!(refused.json()["error"]["field"].as_str().unwrap().ends_with(name), "{refused}");
        }
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    }
    federation.health.again();
    federation.transport.meets(HEALTH);
}
