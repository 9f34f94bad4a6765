//! What nobody honest sends: each is refused by code and field, leaves the store as it was, and harms no honest request.

use std::collections::BTreeMap;
use std::path::Path;

use data_encoding::BASE64;
use ogic_certs::event::{Body, Detail, DocumentRef, Kind};
use ogic_certs::{CaseId, Code, Digest};
use serde_json::{Value, json};

use super::{Draft, Office, http, key, offices};
use crate::local::BODY_BYTES_MAX;

/// A request as it goes over the socket.
struct Sent {
    method: &'static str,
    path: String,
    key: Option<String>,
    body: Vec<u8>,
}

impl Sent {
    fn post(path: impl Into<String>, body: &Value) -> Self {
        Self { method: "POST", path: path.into(), key: Some(key()), body: body.to_string().into_bytes() }
    }

    fn get(path: impl Into<String>) -> Self {
        Self { method: "GET", path: path.into(), key: None, body: Vec::new() }
    }

    fn under(mut self, key: Option<&str>) -> Self {
        self.key = key.map(str::to_owned);
        self
    }

    fn raw(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    fn by(mut self, method: &'static str) -> Self {
        self.method = method;
        self
    }
}

fn edited(mut request: Value, edit: impl FnOnce(&mut Value)) -> Value {
    edit(&mut request);
    request
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_input_is_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let [mut home, other] = offices(&folder, ["transport", "health"]);
    home.start();
    let case = home.open().await;
    let used = key();
    let (status, _) = home.post(&events(case), &used, &Draft::note(case).plain()).await;
    assert_eq!(status, 200);
    let mut seq = 1;
    for (name, sent, status, code, field) in rows(&home, &other, case, &used) {
        let before = files(&home.data);
        let (found, answer) =
            http(&home.data, sent.method, &sent.path, sent.key.as_deref(), &sent.body).await;
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        let error = &answer["error"];
        assert_eq!(found, status, "{name}: {answer}");
        assert_eq!(error["code"], code.to_string(), "{name}: {answer}");
        assert!(error["field"].as_str().unwrap().contains(field), "{name}: {answer}");
        assert!(error["sentence"].is_string() && error["hint"].is_string(), "{name}: {answer}");
        assert!(files(&home.data) == before, "{name}: the store was changed");

        let honest = home.make(&events(case), &Draft::note(case).approved(&home.official)).await;
        seq += 1;
        assert_eq!(honest["seq"], seq, "after {name}");
    }
    assert!(seq > 30);
    home.stop().await;
}

fn events(case: CaseId) -> String {
    format!("/v1/cases/{case}/events")
}

type Row = (&'static str, Sent, u16, Code, &'static str);

fn rows(home: &Office, other: &Office, case: CaseId, used: &str) -> Vec<Row> {
    let note = || Draft::note(case).plain();
    let at = events(case);
    let post = |body: Value| Sent::post(events(case), &body);
    let edit = |edit: fn(&mut Value)| post(edited(note(), edit));
    let body = |blob: &[u8]| post(edited(note(), |r| r["body"] = BASE64.encode(blob).into()));
    let absent = DocumentRef {
        sha256: Digest::of(b"absent"),
        root: Digest::of(b"absent"),
        bytes: 6,
        label: "application".to_owned(),
        media_type: "application/pdf".to_owned(),
    };
    let mut rows: Vec<Row> = vec![
        ("garbage", post(note()).raw(*b"{\"body\":"), 400, Code::Malformed, "body"),
        ("no JSON at all", post(note()).raw(vec![0xff; 100]), 400, Code::Malformed, "body"),
        ("an unknown field", edit(|r| r["colour"] = "red".into()), 400, Code::Malformed, "body"),
        (
            "a missing field",
            edit(|r| drop(r.as_object_mut().unwrap().remove("kind"))),
            400,
            Code::Malformed,
            "body",
        ),
        ("an unknown field of times", edit(|r| r["times"]["x"] = 1.into()), 400, Code::Malformed, "body"),
        (
            "an oversized request",
            post(note()).raw(vec![b' '; BODY_BYTES_MAX + 1]),
            413,
            Code::TooLarge,
            "body",
        ),
        ("wrong base64", edit(|r| r["body"] = "AAA".into()), 400, Code::Malformed, "body"),
        ("base64 for addresses", edit(|r| r["body"] = "_-_-".into()), 400, Code::Malformed, "body"),
        ("an oversized body", body(&[0; (64 << 10) + 1]), 413, Code::TooLarge, "body"),
        ("a body that is salt alone", body(&[0; 32]), 400, Code::Malformed, "body"),
        ("a cut body", body(&[0; 5]), 400, Code::Malformed, "body"),
        ("no key", post(note()).under(None), 400, Code::Usage, "Idempotency-Key"),
        ("a short key", post(note()).under(Some("short")), 400, Code::Usage, "Idempotency-Key"),
        (
            "a key with a space",
            post(note()).under(Some("0123456789 abcdef")),
            400,
            Code::Usage,
            "Idempotency-Key",
        ),
        (
            "a case that is not here",
            Sent::post(events(CaseId(Digest::of(b"x"))), &note()),
            404,
            Code::CaseUnknown,
            "case",
        ),
        ("the kind of another route", edit(|r| r["kind"] = "open".into()), 403, Code::KindNotAllowed, "kind"),
        (
            "a kind that nodes write",
            edit(|r| r["kind"] = "evidence".into()),
            403,
            Code::KindNotAllowed,
            "kind",
        ),
        ("a reserved kind", edit(|r| r["kind"] = "suspend".into()), 403, Code::KindNotAllowed, "kind"),
        ("no kind", edit(|r| r["kind"] = "dance".into()), 400, Code::ValueRefused, "kind"),
        ("a body of another kind", edit(|r| r["kind"] = "close".into()), 400, Code::ValueRefused, "code"),
        ("a code on a note", edit(|r| r["code"] = "done".into()), 400, Code::ValueRefused, "code"),
        ("a step event without step", edit(|r| r["kind"] = "step".into()), 400, Code::ValueRefused, "step"),
        (
            "a step that is not in the plan",
            edit(|r| r["step"] = "dance".into()),
            422,
            Code::StepUnknown,
            "step",
        ),
        ("a time beyond all", edit(|r| r["created"] = u64::MAX.into()), 400, Code::ValueRefused, "created"),
        ("a negative time", edit(|r| r["created"] = (-1).into()), 400, Code::Malformed, "body"),
        (
            "a head of another case",
            edit(|r| r["head"] = json!({"seq": 0, "record": "00".repeat(32)})),
            409,
            Code::HeadUnknown,
            "head",
        ),
        (
            "a head of no digest",
            edit(|r| r["head"] = json!({"seq": 0, "record": "../x"})),
            400,
            Code::Malformed,
            "head",
        ),
        (
            "a certificate of no certificate",
            edit(|r| r["certificates"] = json!(["AAAA"])),
            400,
            Code::Malformed,
            "certificates",
        ),
        (
            "many certificates",
            edit(|r| r["certificates"] = json!(vec!["AAAA"; 17])),
            413,
            Code::TooLarge,
            "certificates",
        ),
        ("an approval of no approval", edit(|r| r["approval"] = "AAAA".into()), 400, Code::Malformed, ""),
    ];
    let second = edited(note(), |r| r["body"] = note_with(case, "another").into());
    rows.push((
        "a key for two requests",
        post(second).under(Some(used)),
        409,
        Code::KeyConflict,
        "idempotency key",
    ));

    let approved = Draft::note(case).approved(&home.official);
    let other_body = edited(approved.clone(), |r| r["body"] = note_with(case, "other").into());
    rows.push(("an approval of another body", post(other_body), 422, Code::ApprovalInvalid, "approval"));
    let other_step = edited(approved.clone(), |r| r["step"] = "medical".into());
    rows.push(("an approval of another step", post(other_step), 422, Code::ApprovalInvalid, "approval"));
    let unknown = edited(approved, |r| r["certificates"] = json!([]));
    rows.push(("an approval without its certificate", post(unknown), 422, Code::ApprovalInvalid, "approval"));
    let foreign = Draft::note(case).approved(&other.official);
    rows.push((
        "an approval of another agency's official",
        post(foreign),
        422,
        Code::ApprovalInvalid,
        "approval",
    ));

    let mut empty = Draft::note(case);
    empty.body.fields.clear();
    rows.push(("an empty note", post(empty.plain()), 400, Code::ValueRefused, "note"));
    let to_nobody = Draft::share(case, "nobody.gov.example").plain();
    rows.push((
        "a right of an agency that is not listed",
        post(to_nobody),
        403,
        Code::AgencyUnknown,
        "grantee",
    ));
    let mut with_absent = Draft::note(case);
    with_absent.body.documents.push(absent);
    rows.push((
        "a document that is not here",
        post(with_absent.plain()),
        404,
        Code::DocumentMissing,
        "document",
    ));
    let share = Draft::share(case, "health.gov.example");
    let as_note = edited(share.plain(), |r| r["kind"] = "note".into());
    rows.push(("a body with another kind's detail", post(as_note), 400, Code::Malformed, "detail"));
    let service = Digest::of(b"no service");
    let open = Draft::new(None, Kind::Open, Body::of(Detail::Open { service, citizen: "p".to_owned() }));
    rows.push((
        "a service that is not here",
        Sent::post("/v1/cases", &open.plain()),
        404,
        Code::ServiceUnknown,
        "service",
    ));
    let with_kind = edited(open.plain(), |r| r["kind"] = "open".into());
    rows.push(("an opening with a kind", Sent::post("/v1/cases", &with_kind), 400, Code::Malformed, "body"));
    rows.push((
        "a cut service",
        Sent::post("/v1/services", &json!(0)).raw(*b"id = "),
        400,
        Code::Malformed,
        "service",
    ));

    rows.extend([
        (
            "a path out of the folder",
            Sent::get("/v1/documents/..%2F..%2Fpin.toml"),
            400,
            Code::Malformed,
            "sha256",
        ),
        ("a path by dots", Sent::get("/v1/documents/../../pin.toml"), 404, Code::NotFound, "path"),
        ("a case by a path", Sent::get("/v1/cases/..%2f..%2fetc"), 400, Code::Malformed, "case"),
        (
            "an id in capitals",
            Sent::get(format!("/v1/cases/{}", "AB".repeat(32))),
            400,
            Code::Malformed,
            "case",
        ),
        ("an id of no text", Sent::get("/v1/cases/%ff%fe"), 400, Code::Malformed, "path"),
        ("an unknown path", Sent::get("/v1/keys"), 404, Code::NotFound, "path"),
        ("a wrong method", Sent::get("/v1/cases").by("DELETE"), 405, Code::Usage, "method"),
        ("a look at what changes", Sent::get(at.clone()), 405, Code::Usage, "method"),
        ("an unknown question", Sent::get("/v1/sent?case=1&x=1"), 400, Code::Usage, "query"),
        ("a question left out", Sent::get("/v1/sent"), 400, Code::Usage, "query"),
        ("a wait of no number", Sent::post(format!("{at}?wait=long"), &note()), 400, Code::Usage, "query"),
        (
            "a purpose too long",
            Sent::get(format!("/v1/cases/{case}?purpose={}", "x".repeat(1025))),
            413,
            Code::TooLarge,
            "purpose",
        ),
        (
            "a document that nobody has",
            Sent::get(format!("/v1/documents/{}", Digest::of(b"n"))),
            404,
            Code::DocumentMissing,
            "document",
        ),
        (
            "a retry of nothing",
            Sent::post(format!("/v1/outbox/{}/retry", Digest::of(b"n")), &json!({})),
            404,
            Code::NotFound,
            "message",
        ),
        (
            "the access of no case",
            Sent::get(format!("/v1/cases/{}/access", Digest::of(b"n"))),
            404,
            Code::CaseUnknown,
            "case",
        ),
    ]);
    rows
}

/// The body of a note that says something else, in base64.
fn note_with(case: CaseId, text: &str) -> String {
    let mut draft = Draft::note(case);
    draft.body.fields.clear();
    draft.body.fields.push(("text".to_owned(), ogic_certs::event::FieldValue::Text(text.to_owned())));
    BASE64.encode(&draft.blob())
}

/// Every byte of journal and documents.
fn files(data: &Path) -> BTreeMap<String, Vec<u8>> {
    let folders = ["journal", "documents", "documents/partial"];
    let files = folders.iter().flat_map(|name| std::fs::read_dir(data.join(name)).unwrap());
    files
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap()))
        .collect()
}
