//! One case between two agencies: open, share, read, append, revoke; and a home that is away for a while.

use std::time::Instant;

use ogic_certs::capsule::Given;
use ogic_certs::event::{Body, Detail, Kind, StepTimes};
use ogic_certs::{CaseId, Digest, EventId};
use serde_json::{Value, json};

use super::{Draft, Office, http, key, offices};
use crate::case::capsule::verify;
use crate::desk::Act;

/// A case at `transport` of which `health` has got its reference.
pub(super) async fn shared(home: &Office, performer: &Office) -> (CaseId, EventId) {
    let case = home.open().await;
    let draft = Draft::share(case, "health.gov.example");
    let shared = home.make(&format!("/v1/cases/{case}/events"), &draft.approved(&home.official)).await;
    assert_eq!(shared["seq"], 1);
    performer.until("/v1/references", |answer| answer["references"][0]["case"] == case.to_string()).await;
    (case, EventId::from_hex(shared["event"].as_str().unwrap(), "event").unwrap())
}

fn step<'a>(case: &'a Value, id: &str) -> &'a Value {
    case["plan"].as_array().unwrap().iter().find(|step| step["step"] == id).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_is_shared_read_and_worked_on() {
    let folder = tempfile::tempdir().unwrap();
    let [mut home, mut health] = offices(&folder, ["transport", "health"]);
    home.start();
    health.start();
    home.meets(&health);
    health.meets(&home);
    let (case, grant) = shared(&home, &health).await;
    let path = format!("/v1/cases/{case}");

    // The performer knows of it, and the home tells it the rest.
    let listed = health.ok("/v1/cases").await;
    let listed = &listed["cases"][0];
    assert_eq!((&listed["role"], &listed["grant"]), (&json!("performer"), &json!(grant.to_string())));
    let view = health.ok(&format!("{path}?purpose=before%20the%20examination")).await;
    assert_eq!(
        (&view["home"], &view["service"]),
        (&json!("transport.gov.example"), &json!("driving-licence"))
    );
    assert_eq!(step(&view, "medical")["state"], "open");
    assert_eq!(step(&view, "medical")["performer"], "health.gov.example");
    assert_eq!(step(&view, "application")["by"], "transport.gov.example");
    assert_eq!(view["history"][0]["approved_by"], "official/clerk-1");
    assert_eq!(view["history"][0]["fields"], json!({"category": "B"}));
    let access = home.ok(&format!("{path}/access")).await;
    let look = access["access"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&look["who"], &look["code"]), (&json!("health.gov.example"), &Value::Null));
    assert_eq!(look["purpose"], "before the examination");
    assert_eq!(look["grant"], grant.to_string());

    // Its document is brought from the home, and is what it was.
    let application = view["history"][0]["documents"][0]["sha256"].as_str().unwrap();
    let (status, bytes) =
        http(&health.data, "GET", &format!("/v1/documents/{application}?case={case}"), None, b"").await;
    assert_eq!((status, bytes.as_slice()), (200, &b"%PDF application"[..]));

    // The performer works on its step; at the home it is pending, since there is no third party here.
    let document = vec![0x25; 3 << 20];
    let certificate = health.upload(&document, "medical-certificate").await;
    let draft = Draft::medical(case, certificate.clone());
    let (request, idempotent) = (draft.approved(&health.official), key());
    let events = format!("{path}/events?wait=20000");
    let (status, done) = health.post(&events, &idempotent, &request).await;
    assert_eq!((status, &done["state"], &done["seq"]), (200, &json!("receipted"), &json!(2)), "{done}");
    assert_eq!(health.post(&events, &idempotent, &request).await, (200, done.clone()));
    let view = home.ok(&path).await;
    assert_eq!(view["pending"], json!([done["event"]]));
    assert_eq!((&view["head"]["seq"], &view["head"]["record"]), (&done["seq"], &done["record"]));
    assert_eq!(step(&view, "medical")["state"], "pending");
    let entry = &view["history"][2];
    assert_eq!((&entry["effect"], &entry["author"]), (&json!("pending"), &json!("health.gov.example")));
    assert_eq!((&entry["code"], &entry["approved_by"]), (&json!("done"), &json!("official/clerk-1")));
    let traced = health.ok(&format!("/v1/events/{}", done["event"].as_str().unwrap())).await;
    assert_eq!((&traced["state"], &traced["pending"]), (&json!("receipted"), &json!(true)));
    let traced = home.ok(&format!("/v1/events/{}", done["event"].as_str().unwrap())).await;
    assert_eq!((&traced["state"], &traced["seq"]), (&json!("recorded"), &json!(2)));
    assert_eq!(traced["pending"], true);

    // The home has fetched the certificate from its author.
    let wanted = format!("/v1/documents/{}?case={case}", certificate.sha256);
    let fetched = super::soon(async {
        loop {
            let (status, bytes) = http(&home.data, "GET", &wanted, None, b"").await;
            if status == 200 {
                return bytes;
            }
        }
    })
    .await;
    assert!(fetched == document);

    // Both hold the same bytes, and the sender holds the receipt.
    let sent = health.ok(&format!("/v1/sent?case={case}")).await;
    let raw = home.ok(&format!("{path}/history?from=2")).await;
    assert_eq!(raw["entries"].as_array().unwrap().len(), 1);
    for part in ["header", "body"] {
        assert_eq!(sent["sent"][0][part], raw["entries"][0][part], "{part}");
    }
    assert!(sent["sent"][0]["receipt"].is_string());
    assert_eq!(home.ok(&format!("{path}/history?from=3")).await, json!({"entries": []}));
    for (elsewhere, code) in [("access", "OGIC-3018"), ("history", "OGIC-3018")] {
        let (status, refused) = health.get(&format!("{path}/{elsewhere}")).await;
        assert_eq!((status, &refused["error"]["code"]), (421, &json!(code)), "{elsewhere}");
    }
    exported(&home, &health, case).await;
    demanded(&home, &health, case).await;
    judged(&home, &health, case).await;
    let peers = home.ok("/v1/peers").await;
    assert_eq!(
        (&peers["peers"][0]["agency"], &peers["peers"][0]["connected"]),
        (&json!("health.gov.example"), &json!(true))
    );
    let status = home.ok("/v1/status").await;
    assert_eq!((&status["read_only"], &status["trust"]), (&json!(false), &json!("fresh")));
    for counter in ["events", "receipts", "commits", "syncs", "signatures", "verified", "bytes"] {
        assert!(status["counters"][counter].as_u64().unwrap() > 0, "{counter}: {status}");
    }

    revoked(&home, &health, case, grant).await;
    health.stop().await;
    health.start();
    assert_eq!(health.ok("/v1/outbox").await, json!({"items": []}), "what was given up stays so");
    let listed = health.ok("/v1/cases").await["cases"][0].clone();
    assert_eq!(listed["ended"], "revoked", "and so does what its refusal said");
    home.stop().await;
    health.stop().await;
}

/// Whoever demands that a record is the newest is refused when another is, at the home as at a performer, whatever the kind.
async fn demanded(home: &Office, health: &Office, case: CaseId) {
    let path = format!("/v1/cases/{case}");
    let events = format!("{path}/events?wait=20000");
    let head_of = |view: &Value, seq: usize| json!({"seq": seq, "record": view["history"][seq]["record"]});
    let with = |head: &Value| {
        let mut request = Draft::note(case).plain();
        request["head"] = head.clone();
        request
    };
    for office in [home, health] {
        let view = home.ok(&path).await;
        let newest = view["head"]["seq"].as_u64().unwrap();
        let old = head_of(&view, usize::try_from(newest).unwrap() - 1);
        let (status, refused) = office.post(&events, &key(), &with(&old)).await;
        assert_eq!((status, &refused["error"]["name"]), (409, &json!("HeadMoved")), "{refused}");
        let invented = json!({"seq": newest, "record": "00".repeat(32)});
        let (status, refused) = office.post(&events, &key(), &with(&invented)).await;
        assert_eq!((status, &refused["error"]["name"]), (409, &json!("HeadUnknown")), "{refused}");
        assert_eq!(home.ok(&path).await["head"]["seq"], newest, "nothing was recorded");

        let (request, idempotent) = (with(&view["head"]), key());
        let (status, done) = office.post(&events, &idempotent, &request).await;
        assert_eq!((status, &done["seq"]), (200, &json!(newest + 1)), "{done}");
        // Its own record is the newer one now, and the same request has its answer.
        assert_eq!(office.post(&events, &idempotent, &request).await, (200, done));
    }
}

/// A dry run is judged by the node, and changes nothing.
async fn judged(home: &Office, health: &Office, case: CaseId) {
    let path = format!("/v1/cases/{case}/events?dry_run=true");
    let before = home.ok(&format!("/v1/cases/{case}")).await["head"].clone();
    for (office, judge) in [(home, "home"), (health, "performer")] {
        let answer = office.make(&path, &Draft::note(case).plain()).await;
        assert_eq!(answer, json!({"dry_run": true, "judged": judge}));
        let mut wrong = Draft::note(case);
        wrong.step = Some("medical");
        wrong.kind = Kind::Step;
        wrong.code = Some("done");
        let (status, refused) = office.post(&path, &key(), &wrong.plain()).await;
        assert!(status >= 400, "{judge}: {refused}");
    }
    let again = Draft::share(case, "health.gov.example");
    let mut again = again.plain();
    again["body"] = home.ok(&format!("/v1/cases/{case}/history?from=1")).await["entries"][0]["body"].clone();
    let (status, refused) = home.post(&format!("/v1/cases/{case}/events"), &key(), &again).await;
    assert_eq!((status, &refused["error"]["name"]), (409, &json!("GrantExists")), "{refused}");
    assert_eq!(home.ok(&format!("/v1/cases/{case}")).await["head"], before, "nothing was recorded");
}

/// The home gives the whole case as a capsule that verifies by what the home trusts; nobody else can.
async fn exported(home: &Office, health: &Office, case: CaseId) {
    let path = format!("/v1/cases/{case}/export");
    let (status, capsule) = http(&home.data, "GET", &path, None, b"").await;
    assert_eq!(status, 200);
    let trust = home.node().handle().trust();
    let pinned = Some((trust.signed_registry().clone(), trust.pin().clone()));
    let verified = verify(&capsule, &Given { pinned, ..Given::default() });
    assert!(verified.report.judgement().passed(), "{:?}", verified.report.headline());
    assert_eq!(verified.report.documents, 2);
    let folded = verified.case.unwrap();
    assert_eq!((folded.id, folded.head.seq, folded.pending.len()), (case, 2, 1));
    let access = home.ok(&format!("/v1/cases/{case}/access")).await;
    assert_eq!(access["access"].as_array().unwrap().last().unwrap()["purpose"], "export");
    let (status, refused) = health.get(&path).await;
    assert_eq!((status, &refused["error"]["name"]), (421, &json!("NotHome")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_takes_no_documents_length_on_an_authors_word() {
    let folder = tempfile::tempdir().unwrap();
    let [mut home] = offices(&folder, ["transport"]);
    home.start();
    let case = home.open().await;
    let mut large = home.upload(&vec![0x25; 3 << 20], "large").await;
    large.bytes = 1;
    let mut draft = Draft::note(case);
    draft.body.documents.push(large);
    let (status, refused) = home.post(&format!("/v1/cases/{case}/events"), &key(), &draft.plain()).await;
    assert_eq!((status, &refused["error"]["name"]), (422, &json!("DigestMismatch")), "{refused}");
    let mut rooted = home.upload(b"%PDF root", "root").await;
    rooted.root = Digest::of(b"root");
    let mut wrong = Draft::note(case);
    wrong.body.documents.push(rooted);
    let (status, refused) = home.post(&format!("/v1/cases/{case}/events"), &key(), &wrong.plain()).await;
    let found = (&refused["error"]["name"], &refused["error"]["field"]);
    assert_eq!((status, found), (422, (&json!("DigestMismatch"), &json!("document root"))), "{refused}");
    // Another agency's node need not ask.
    let act = Act {
        case: Some(case),
        kind: Kind::Note,
        step: None,
        code: 0,
        body: draft.blob(),
        approval: None,
        certificates: Vec::new(),
        created: super::now(),
        times: StepTimes::default(),
        head: None,
    };
    home.node().handle().act(key(), act).await.unwrap();
    let (status, capsule) = http(&home.data, "GET", &format!("/v1/cases/{case}/export"), None, b"").await;
    assert!(status == 200 && capsule.len() < 1 << 20, "{status}, {} bytes", capsule.len());
    home.stop().await;
}

/// The right is taken back: from then on the home refuses, registers it, and the sender sees why.
async fn revoked(home: &Office, health: &Office, case: CaseId, grant: EventId) {
    let path = format!("/v1/cases/{case}");
    let body = Body::of(Detail::Unshare { grant, reason: "done".to_owned() });
    let draft = Draft::new(Some(case), Kind::Unshare, body);
    home.make(&format!("{path}/events"), &draft.approved(&home.official)).await;
    let view = home.ok(&path).await;
    assert!(view["grants"][0]["revoked_at"].is_u64());
    let (status, refused) = health.get(&path).await;
    assert_eq!((status, &refused["error"]["name"]), (403, &json!("GrantRevoked")), "{refused}");
    let (status, refused) =
        health.post(&format!("{path}/events?wait=20000"), &key(), &Draft::note(case).plain()).await;
    assert_eq!((status, &refused["error"]["name"]), (403, &json!("GrantRevoked")), "{refused}");
    assert!(refused["error"]["parked"].is_string(), "the event stays, and the answer says so: {refused}");
    let listed = health.ok("/v1/cases").await["cases"][0].clone();
    assert_eq!((&listed["ended"], &listed["next_steps"]), (&json!("revoked"), &json!([])));
    let outbox = health.ok("/v1/outbox").await;
    let item = &outbox["items"][0];
    assert_eq!((&item["state"], &item["kind"]), (&json!("parked"), &json!("event")));
    let id = item["id"].as_str().unwrap();
    let traced = health.ok(&format!("/v1/events/{id}")).await;
    assert_eq!((&traced["state"], &traced["problem"]["name"]), (&json!("refused"), &json!("GrantRevoked")));
    let retried = health.make(&format!("/v1/outbox/{id}/retry"), &json!({})).await;
    assert_eq!(retried, json!({"id": id, "state": "waiting"}));
    health.until("/v1/outbox", |outbox| outbox["items"][0]["state"] == "parked").await;
    // Given up, it is gone for good, and asking again changes nothing.
    for _ in 0..2 {
        let dropped = health.make(&format!("/v1/outbox/{id}/drop"), &json!({})).await;
        assert_eq!(dropped, json!({"id": id, "state": "dropped"}));
    }
    assert_eq!(health.ok("/v1/outbox").await, json!({"items": []}));
    let traced = health.ok(&format!("/v1/events/{id}")).await;
    assert_eq!((&traced["state"], &traced["problem"]["name"]), (&json!("dropped"), &json!("GrantRevoked")));
    let (status, refused) = health.post(&format!("/v1/outbox/{id}/retry"), &key(), &json!({})).await;
    assert_eq!((status, &refused["error"]["name"]), (404, &json!("NotFound")), "{refused}");
    let access = home.ok(&format!("{path}/access")).await;
    let refused = access["access"].as_array().unwrap().iter().find(|entry| entry["code"] == "OGIC-3003");
    assert_eq!(refused.unwrap()["who"], "health.gov.example");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_home_that_is_away_gets_its_event_when_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let [mut home, mut health] = offices(&folder, ["transport", "health"]);
    home.start();
    health.start();
    home.meets(&health);
    let (case, _) = shared(&home, &health).await;
    home.stop().await;

    let (request, idempotent) = (Draft::note(case).plain(), key());
    let events = |wait: u64| format!("/v1/cases/{case}/events?wait={wait}");
    let (status, waiting) = health.post(&events(0), &idempotent, &request).await;
    assert_eq!((status, &waiting["state"]), (202, &json!("waiting")), "{waiting}");
    assert_eq!(waiting.as_object().unwrap().len(), 2);
    assert_eq!(health.post(&events(0), &idempotent, &request).await, (202, waiting.clone()));
    let outbox = health.ok("/v1/outbox").await;
    assert_eq!(
        (&outbox["items"][0]["id"], &outbox["items"][0]["state"]),
        (&waiting["event"], &json!("waiting"))
    );
    // Its own restart loses nothing.
    health.stop().await;
    health.start();
    assert_eq!(health.post(&events(0), &idempotent, &request).await, (202, waiting.clone()));

    home.start();
    health.meets(&home);
    let began = Instant::now();
    let (status, receipted) = health.post(&events(20_000), &idempotent, &request).await;
    assert_eq!((status, &receipted["state"]), (200, &json!("receipted")), "after {:?}", began.elapsed());
    assert_eq!((&receipted["event"], &receipted["seq"]), (&waiting["event"], &json!(2)));
    assert_eq!(health.ok("/v1/outbox").await, json!({"items": []}));
    let traced = health.ok(&format!("/v1/events/{}", waiting["event"].as_str().unwrap())).await;
    assert_eq!((&traced["state"], &traced["pending"]), (&json!("receipted"), &json!(false)));
    home.stop().await;
    health.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_asked_under_a_key_is_answered_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let [mut home] = offices(&folder, ["transport"]);
    home.start();
    let case = home.open().await;
    let (request, idempotent) = (Draft::note(case).plain(), key());
    let events = format!("/v1/cases/{case}/events");
    let first = home.post(&events, &idempotent, &request).await;
    let (published, opened) = (home.publish().await, home.ok("/v1/cases").await);
    home.stop().await;
    home.start();
    assert_eq!(home.post(&events, &idempotent, &request).await, first);
    assert_eq!(home.publish().await, published);
    assert_eq!(home.ok("/v1/services").await["services"].as_array().unwrap().len(), 1);
    assert_eq!(home.ok("/v1/cases").await, opened);
    let unknown = Digest::of(b"x");
    let (status, refused) = home.get(&format!("/v1/events/{unknown}")).await;
    assert_eq!((status, &refused["error"]["name"]), (404, &json!("NotFound")));
    home.stop().await;
}
