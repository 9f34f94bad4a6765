//! Documents between two agencies: what is not as it was named, what is not brought, and what nobody may learn.

use ogic_certs::capsule::Given;
use ogic_certs::event::{DocumentRef, Kind, StepTimes};
use ogic_certs::{CaseId, Digest, EventId, Problem};
use serde_json::{Value, json};

use super::shared::shared;
use super::{Draft, Office, http, key, offices};
use crate::case::capsule::verify;
use crate::desk::{Act, Answer};
use crate::exchange::link::Link;
use crate::exchange::request::Request;

/// A note of `office` that brings a document, which its node takes as it is said to be. The API would compare it.
async fn bring(office: &Office, case: CaseId, document: DocumentRef) -> EventId {
    let mut draft = Draft::note(case);
    draft.body.documents.push(document);
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
    match office.node().handle().act(key(), act).await.unwrap() {
        Answer::Recorded { event, .. } | Answer::Sent { event, .. } => event,
        other => panic!("{other:?}"),
    }
}

fn file(office: &Office, document: &DocumentRef) -> std::path::PathBuf {
    office.data.join("documents").join(document.sha256.to_string())
}

async fn document(office: &Office, case: CaseId, document: &DocumentRef) -> (u16, Vec<u8>) {
    let path = format!("/v1/documents/{}?case={case}", document.sha256);
    http(&office.data, "GET", &path, None, b"").await
}

async fn refusal(link: &Link, sha256: Digest, case: CaseId, grant: Option<EventId>) -> Problem {
    let request = Request::Document { sha256, case, grant, offset: 0 };
    super::soon(link.request(request)).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_that_is_not_as_it_was_named_is_judged() {
    let folder = tempfile::tempdir().unwrap();
    let [mut home, mut health] = offices(&folder, ["transport", "health"]);
    home.start();
    health.start();
    home.meets(&health);
    health.meets(&home);
    let (case, _) = shared(&home, &health).await;
    // The home brings the one that is then misnamed itself, so that the capsule carries it.
    let right = home.upload(b"the right one", "right").await;
    let mut note = Draft::note(case);
    note.body.documents.push(right.clone());
    home.make(&format!("/v1/cases/{case}/events"), &note.plain()).await;
    assert_eq!(health.upload(b"the right one", "right").await, right);
    let swapped = health.upload(b"one that is swapped", "swapped").await;
    std::fs::write(file(&health, &swapped), b"bytes of another on").unwrap();

    let longer = DocumentRef { bytes: right.bytes + 1, ..right.clone() };
    let shorter = DocumentRef { bytes: right.bytes - 1, ..right.clone() };
    let rows = [
        ("another root", DocumentRef { root: Digest::of(b"root"), ..right.clone() }, "OGIC-2011"),
        ("a byte more", longer, "OGIC-2011"),
        ("a byte less", shorter, "OGIC-2011"),
        ("other bytes", swapped, "OGIC-2011"),
        ("more than any document has", DocumentRef { bytes: u64::MAX, ..right.clone() }, "OGIC-1002"),
    ];
    for (name, named, code) in rows {
        let event = bring(&health, case, named).await;
        let sub = if code == "OGIC-2011" { "HASH_FAILURE" } else { "FORMAT_FAILURE" };
        let judgement = json!({"verdict": "TOTAL-FAILED", "sub": sub, "code": code});
        // Both are told, and there is no third party that could have said it.
        let path = format!("/v1/events/{event}");
        let told = health.until(&path, |traced| !traced["judgement"].is_null()).await;
        assert_eq!((&told["judgement"], &told["pending"]), (&judgement, &json!(false)), "{name}");
        let view = home.ok(&format!("/v1/cases/{case}")).await;
        let history: &Vec<Value> = view["history"].as_array().unwrap();
        let entry = history.iter().find(|entry| entry["event"] == event.to_string()).unwrap();
        assert_eq!((&entry["effect"], &entry["judgement"]), (&json!("none"), &judgement), "{name}");
        assert_eq!(view["pending"], json!([]), "{name}");
    }
    // The same agency can still bring it by its right name, and the capsule passes.
    bring(&health, case, right.clone()).await;
    home.until(&format!("/v1/cases/{case}"), |view| view["pending"].as_array().unwrap().len() == 1).await;
    let (status, capsule) = http(&home.data, "GET", &format!("/v1/cases/{case}/export"), None, b"").await;
    assert_eq!(status, 200);
    let trust = home.node().handle().trust();
    let pinned = Some((trust.signed_registry().clone(), trust.pin().clone()));
    let verified = verify(&capsule, &Given { pinned, ..Given::default() });
    assert!(verified.report.judgement().passed(), "{:?}", verified.report.headline());
    assert_eq!(verified.report.documents, 2);
    home.stop().await;
    health.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_digest_is_no_right_to_a_document_of_another_case() {
    let folder = tempfile::tempdir().unwrap();
    let [mut home, mut health, mut labour] = offices(&folder, ["transport", "health", "labour"]);
    home.start();
    health.start();
    labour.start();
    home.meets(&health);
    health.meets(&home);
    let secret_case = home.open().await;
    let secret = home.upload(b"of another citizen", "secret").await;
    let mut note = Draft::note(secret_case);
    note.body.documents.push(secret.clone());
    home.make(&format!("/v1/cases/{secret_case}/events"), &note.plain()).await;
    let (case, grant) = shared(&home, &health).await;

    // Health knows digest, root and length, and names them in a case that it may read.
    home.stop().await;
    let event = bring(&health, case, secret.clone()).await;
    home.start();
    health.meets(&home);
    let pending = |view: &Value| view["pending"] == json!([event.to_string()]);
    home.until(&format!("/v1/cases/{case}"), pending).await;
    let (status, answer) = document(&health, case, &secret).await;
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!((status, &answer["error"]["name"]), (404, &json!("DocumentMissing")), "{answer}");
    assert!(!file(&health, &secret).exists());
    // Nor do the home's own people take it for a document of that case, nor does the capsule carry it.
    assert_eq!(document(&home, case, &secret).await.0, 404);
    assert_eq!(document(&home, secret_case, &secret).await, (200, b"of another citizen".to_vec()));
    let (_, capsule) = http(&home.data, "GET", &format!("/v1/cases/{case}/export"), None, b"").await;
    assert!(!capsule.windows(18).any(|window| window == b"of another citizen"));

    // Whether a document is here does not show to who may not read it.
    labour.meets(&home);
    let address = home.node().handle().agency().clone();
    for (name, office, case, grant) in [
        ("a performer in its case", &health, case, Some(grant)),
        ("a performer in another case", &health, secret_case, Some(grant)),
        ("a stranger", &labour, secret_case, None),
    ] {
        let link = office.node().handle().endpoint().reach(&address, 20_000).await.unwrap();
        let held = refusal(&link, secret.sha256, case, grant).await;
        let unheld = refusal(&link, Digest::of(b"never seen"), case, grant).await;
        assert_eq!(held, unheld, "{name}");
    }

    // What was only missing comes when its author has it.
    assert_eq!(health.upload(b"of another citizen", "secret").await, secret);
    super::soon(async { while document(&home, case, &secret).await.0 != 200 {} }).await;
    home.until(&format!("/v1/cases/{case}"), pending).await;
    for office in [&mut home, &mut health, &mut labour] {
        office.stop().await;
    }
}
