//! The custody of a case changes hands between real nodes, by the command: the chain goes on under the new home, the old one
//! says where the case went, and what is exported proves all of it.

mod federation;

use federation::{Federation, HEALTH, PATIENCE, TRANSPORT, in_a_month, path, until};

/// The command that offers the custody.
fn offer<'a>(case: &'a str, to: &'a str, expires: &'a str) -> Vec<&'a str> {
    let why = ["--purpose", "the applicant has moved", "--ground", "article 15", "--expires", expires];
    [&["case", "offer", case, "--to", to][..], &why].concat()
}

#[test]
fn a_case_moves_with_all_that_belongs_to_it() {
    let federation = Federation::start();
    federation.publish();
    let (transport, health) = (&federation.transport, &federation.health);
    let case = federation.open_case("p-1");
    let month = in_a_month();

    // An agency that nobody knows, and one that was offered nothing.
    assert_eq!(transport.ogic(&offer(&case, "nobody.gov.example", &month)).code(), "OGIC-2017");
    let refused = health.ogic(&["case", "accept", &case]);
    assert_eq!((refused.exit, refused.code().as_str()), (4, "OGIC-3021"), "{refused}");

    transport.ogic(&offer(&case, HEALTH, &month)).ok();
    federation.referenced(&case);
    until("the offer is known", PATIENCE, || {
        let offered = health.status()["custody"]["offered"].clone();
        (offered[0]["case"] == case.as_str()).then_some(())
    });
    let rows = health.ogic(&["case", "list"]).ok();
    assert_eq!(rows["cases"][0]["role"], "offered");
    let shown = transport.ogic(&["case", "show", &case]).ok();
    assert_eq!(shown["custody"]["state"], "offered");

    // Nothing changes by trying.
    let tried = health.ogic(&["case", "accept", &case, "--dry-run"]).ok();
    assert_eq!(tried["dry_run"], true, "{tried}");

    let taken = health.ogic(&["case", "accept", &case, "--wait", "30s"]).ok();
    assert_eq!(taken["state"], "taken", "{taken}");
    let shown = health.ogic(&["case", "show", &case]).ok();
    assert_eq!((&shown["home"], &shown["moves"][0]["from"]), (&HEALTH.into(), &TRANSPORT.into()));
    let kinds: Vec<&str> =
        shown["history"].as_array().unwrap().iter().filter_map(|entry| entry["kind"].as_str()).collect();
    assert_eq!(kinds, ["open", "offer", "accept", "release", "taken"]);

    // The old home orders nothing any more, says where the case went, and knows when it is taken.
    let late = transport.ogic(&["case", "close", &case, "--outcome", "withdrawn", "--reason", "x", "--yes"]);
    assert_eq!((late.exit, late.code().as_str()), (9, "OGIC-3020"), "{late}");
    assert!(late.stdout.contains(HEALTH), "{late}");
    until("the old home knows that the case has a home", PATIENCE, || {
        let waits = transport.status()["custody"]["released"].as_array().unwrap().len();
        (waits == 0).then_some(())
    });
    assert_eq!(transport.ogic(&["case", "list"]).ok()["cases"][0]["role"], "former-home");
    let kept = transport.ogic(&["case", "show", &case]).ok();
    assert_eq!((&kept["home"], &kept["custody"]["state"]), (&HEALTH.into(), &"released".into()), "{kept}");

    // The new home shares it with the old one, whose people go on under a right.
    let words = federation::share_words(&case, TRANSPORT, "advice", &month);
    health.ogic(&words).ok();
    until("the old home holds a right", PATIENCE, || {
        let rows = transport.ogic(&["case", "list"]).ok();
        (rows["cases"][0]["role"] == "performer").then_some(())
    });
    assert_eq!(transport.ogic(&["case", "show", &case]).ok()["home"], HEALTH);
    let seq = {
        let field = "mark=advice";
        let words = [
            "case", "event", &case, "--kind", "note", "--step", "medical", "--field", field, "--wait", "30s",
        ];
        transport.ogic(&words).ok()["seq"].as_u64().unwrap()
    };
    assert_eq!(seq, 6);

    // What the new home exports carries the documents of the old one, and proves itself.
    let capsule = federation.at("moved.ogic");
    health.ogic(&["case", "export", &case, "--out", path(&capsule)]).ok();
    let trust = federation.at("health");
    let verified = federation::ogic(&["verify", path(&capsule), "--trust", path(&trust), "--json"]);
    assert_eq!(verified.exit, 0, "{verified}");
    assert_eq!(verified.json()["facts"]["documents"], 1, "{verified}");
    federation.assert_no_panic();
}

#[test]
fn a_declined_case_stays_and_a_target_that_is_away_loses_nothing() {
    let mut federation = Federation::start();
    federation.publish();
    let case = federation.open_case("p-2");
    let month = in_a_month();
    federation.transport.ogic(&offer(&case, HEALTH, &month)).ok();
    federation.referenced(&case);
    let declined = ["case", "decline", &case, "--reason", "another district", "--wait", "30s"];
    assert_eq!(federation.health.ogic(&declined).ok()["state"], "receipted");
    let shown = federation.transport.ogic(&["case", "show", &case]).ok();
    assert_eq!((&shown["home"], &shown["custody"]), (&TRANSPORT.into(), &serde_json::Value::Null));

    // Offered again, accepted, and killed before it hears of the release: the case has no home until it is back, then one.
    federation.transport.ogic(&offer(&case, HEALTH, &month)).ok();
    until("the second offer is known", PATIENCE, || {
        let offered = federation.health.status()["custody"]["offered"].clone();
        (offered[0]["case"] == case.as_str()).then_some(())
    });
    let accepted = federation.health.ogic(&["case", "accept", &case, "--wait", "1s"]);
    assert!(accepted.exit == 0, "{accepted}");
    federation.health.kill();
    federation.health.again();
    until("the case is taken", PATIENCE, || {
        (federation.health.ogic(&["case", "show", &case]).ok()["home"] == HEALTH).then_some(())
    });
    assert_eq!(federation.transport.ogic(&["case", "list"]).ok()["cases"][0]["role"], "former-home");
    federation.assert_no_panic();
}
