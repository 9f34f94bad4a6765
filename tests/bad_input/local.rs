//! Rows of the local APIs: requests that are no HTTP, no JSON, or ask for what there is not. Each is answered in the one
//! form of errors, and the same connection then serves an honest request, unless HTTP itself has ended it.

use data_encoding::BASE64;
use ogic_certs::Code;
use ogic_certs::event::{Body, Detail};
use serde_json::json;

use crate::federation::Daemon;
use crate::federation::http::Line;
use crate::stage::Stage;

/// A request and the code of its answer.
struct Call {
    name: &'static str,
    method: &'static str,
    path: String,
    key: Option<String>,
    body: Vec<u8>,
    /// The status, where HTTP has one of its own.
    status: Option<u16>,
    code: Code,
}

const KEY: &str = "0123456789abcdef";

fn get(name: &'static str, path: impl Into<String>, code: Code) -> Call {
    let (path, body) = (path.into(), Vec::new());
    Call { name, method: "GET", path, key: None, body, status: None, code }
}

/// A change under a key that is used once.
fn post(name: &'static str, path: impl Into<String>, body: impl AsRef<[u8]>, code: Code) -> Call {
    let (path, body) = (path.into(), body.as_ref().to_vec());
    let key = Some(ogic_certs::Digest::of(name.as_bytes()).to_string()[..32].to_owned());
    Call { name, method: "POST", path, key, body, status: None, code }
}

impl Call {
    fn key(mut self, key: Option<&str>) -> Self {
        self.key = key.map(str::to_owned);
        self
    }

    fn method(mut self, method: &'static str) -> Self {
        (self.method, self.status) = (method, Some(405));
        self
    }
}

pub(crate) fn play(stage: &Stage) {
    let federation = &stage.federation;
    check(&federation.transport, of_a_node(stage), &|| {
        let (size, root) = federation.transport.stored();
        format!("{size} {root} {}", federation.transport.get("/v1/services"))
    });
    check(&federation.authority, of_the_authority(), &|| {
        let status = federation.authority.status();
        ["registry", "crl", "issued", "members", "tokens_open"].map(|key| status[key].to_string()).join(" ")
    });
    check(&federation.ttp, of_the_third_party(), &|| federation.ttp.status()["evidence"].to_string());
    for daemon in [&federation.transport, &federation.authority, &federation.ttp] {
        no_http(daemon);
    }
}

fn check(daemon: &Daemon, calls: Vec<Call>, stored: &dyn Fn() -> String) {
    let mut line = Line::open(&daemon.socket()).unwrap();
    let mut wrong = Vec::new();
    for Call { name, method, path, key, body, status, code } in calls {
        let before = stored();
        let headers: Vec<(&str, &str)> = key.iter().map(|key| ("idempotency-key", key.as_str())).collect();
        let said = line.ask(method, &path, &headers, &body).unwrap_or_else(|error| panic!("{name}: {error}"));
        let expected = (status.unwrap_or_else(|| code.http()), code.to_string());
        let text = String::from_utf8_lossy(&said.body);
        if (said.status, said.code()) != expected {
            wrong.push(format!("{name}: {} and not {expected:?}: {text}", said.status));
        }
        if !said.keeps {
            line = Line::open(&daemon.socket()).unwrap();
        }
        // A body that was not read to its end ends the connection, and says so or not.
        let honest = line.ask("GET", "/v1/status", &[], b"").or_else(|_| {
            line = Line::open(&daemon.socket())?;
            line.ask("GET", "/v1/status", &[], b"")
        });
        assert_eq!(honest.unwrap().status, 200, "after {name}");
        assert_eq!(stored(), before, "{name}: what was stored");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Bytes that are no HTTP: the connection ends with 400 or without a word, and the daemon serves the next.
fn no_http(daemon: &Daemon) {
    for bytes in [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"GET /v1/status\r\n\r\n".to_vec(),
        b"GET /v1/status HTTP/9.9\r\n\r\n".to_vec(),
        b"GET /v1/status HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n".to_vec(),
        b"POST /v1/cases HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".to_vec(),
        [b"GET /".as_slice(), &vec![b'x'; 1 << 20], b" HTTP/1.1\r\n\r\n"].concat(),
        [b"GET / HTTP/1.1\r\nx: ".as_slice(), &vec![b'x'; 1 << 20], b"\r\n\r\n"].concat(),
        b"GET / HTTP/1.1\r\nhost: x\x00y\r\n\r\n".to_vec(),
    ] {
        let mut line = Line::open(&daemon.socket()).unwrap();
        if let Ok(said) = line.send(&bytes) {
            assert!((400..=431).contains(&said.status), "{said:?}");
        }
        assert!(daemon.try_status().is_some());
    }
}

fn of_a_node(stage: &Stage) -> Vec<Call> {
    let (case, unknown) = (stage.case.to_string(), "ab".repeat(32));
    let events = format!("/v1/cases/{case}/events");
    let mut noted = Body::of(Detail::None);
    noted.fields.push(("mark".to_owned(), ogic_certs::event::FieldValue::Bool(true)));
    let blob = BASE64.encode(&noted.to_blob(&[1; 32]));
    let note = json!({"kind": "note", "body": blob, "created": 1_795_576_800_000_u64});
    let with = |key: &str, value: serde_json::Value| {
        let mut note = note.clone();
        note[key] = value;
        note.to_string()
    };
    let used = {
        // A key that stands for an act; another act under it is a conflict.
        let said = stage.federation.transport.ask(
            "POST",
            &events,
            &[("idempotency-key", KEY)],
            note.to_string().as_bytes(),
        );
        assert_eq!(said.status, 200, "{}", String::from_utf8_lossy(&said.body));
        let mut body = Body::of(Detail::None);
        body.fields.push(("other".to_owned(), ogic_certs::event::FieldValue::Bool(true)));
        with("body", BASE64.encode(&body.to_blob(&[1; 32])).into())
    };
    vec![
        get("no such path", "/v1/nothing", Code::NotFound),
        get("a path outside", "/../../etc/passwd", Code::NotFound),
        post("a change of what only can be read", "/v1/status", "{}", Code::Usage).method("POST"),
        get("another method", "/v1/cases", Code::Usage).method("DELETE"),
        get("a case that is no id", "/v1/cases/xyz", Code::Malformed),
        get("an id in capitals", format!("/v1/cases/{}", "AB".repeat(32)), Code::Malformed),
        get("an unknown case", format!("/v1/cases/{unknown}"), Code::CaseUnknown),
        get("an unknown parameter", format!("/v1/cases/{case}?why=x"), Code::Usage),
        get("a long purpose", format!("/v1/cases/{case}?purpose={}", "p".repeat(1025)), Code::TooLarge),
        get("an unknown event", format!("/v1/events/{unknown}"), Code::NotFound),
        get("an unknown document", format!("/v1/documents/{unknown}"), Code::DocumentMissing),
        get("a document that is no digest", "/v1/documents/../keys/node.key", Code::NotFound),
        get("a history from text", format!("/v1/cases/{case}/history?from=x"), Code::Usage),
        get("what was sent for no case", "/v1/sent", Code::Usage),
        post("no JSON", &events, "note", Code::Malformed),
        post("half of a JSON", &events, "{\"kind\":", Code::Malformed),
        post("deep JSON", &events, "[".repeat(100_000), Code::Malformed),
        post("JSON that is no text", &events, [b'"', 0xff, 0xfe, b'"'], Code::Malformed),
        post("an unknown member", &events, with("admin", true.into()), Code::Malformed),
        post("no body", &events, "{}", Code::Malformed),
        post("a body above the limit", &events, vec![b' '; (1 << 20) + 1], Code::TooLarge),
        post("a body that is no base64", &events, with("body", "***".into()), Code::Malformed),
        post("a body without salt", &events, with("body", "AAAA".into()), Code::Malformed),
        post("an unknown kind", &events, with("kind", "wish".into()), Code::ValueRefused),
        post("a kind that is the node's", &events, with("kind", "evidence".into()), Code::KindNotAllowed),
        post("a time of the year 300000", &events, with("created", u64::MAX.into()), Code::ValueRefused),
        post("a negative time", &events, with("created", (-1).into()), Code::Malformed),
        post("a code with a note", &events, with("code", "done".into()), Code::ValueRefused),
        post("an approval that is no COSE", &events, with("approval", "AAAA".into()), Code::Malformed),
        post("a certificate that is none", &events, with("certificates", json!(["AAAA"])), Code::Malformed),
        post("17 certificates", &events, with("certificates", json!(vec![""; 17])), Code::TooLarge),
        post(
            "a head that is no record",
            &events,
            with("head", json!({"seq": 0, "record": unknown})),
            Code::HeadUnknown,
        ),
        post(
            "a note on an unknown case",
            format!("/v1/cases/{unknown}/events"),
            note.to_string(),
            Code::CaseUnknown,
        ),
        post(
            "a case of an unknown service",
            "/v1/cases",
            {
                let detail = Detail::Open { service: ogic_certs::Digest::ZERO, citizen: "p".to_owned() };
                let blob = BASE64.encode(&Body::of(detail).to_blob(&[1; 32]));
                json!({"body": blob, "created": 1_795_576_800_000_u64}).to_string()
            },
            Code::ServiceUnknown,
        ),
        post("a change without a key", &events, note.to_string(), Code::Usage).key(None),
        post("a short key", &events, note.to_string(), Code::Usage).key(Some("short")),
        post("a key of other letters", &events, note.to_string(), Code::Usage).key(Some("0123456789abcdef!")),
        post("a key of 65 letters", &events, note.to_string(), Code::Usage).key(Some(&"k".repeat(65))),
        post("a key that stands for another act", &events, used, Code::KeyConflict).key(Some(KEY)),
        post("a definition that is no TOML", "/v1/services", "{", Code::Malformed),
        post("a definition above its limit", "/v1/services", vec![b'#'; 70 << 10], Code::TooLarge),
        post("a retry of nothing", format!("/v1/outbox/{unknown}/retry"), "{}", Code::NotFound),
    ]
}

fn of_the_authority() -> Vec<Call> {
    let token = |name, body: serde_json::Value, code| post(name, "/v1/tokens", body.to_string(), code);
    let revoke = |name, body: serde_json::Value, code| post(name, "/v1/revocations", body.to_string(), code);
    let ask = |agency: &str, role: &str| json!({"agency": agency, "roles": [role]});
    vec![
        get("no such path", "/v1/cases", Code::NotFound),
        post("no JSON", "/v1/tokens", "token", Code::Malformed),
        token("a token without an agency", json!({"roles": ["node"]}), Code::Malformed),
        token("an agency of another federation", ask("transport.gov.test", "node"), Code::ValueRefused),
        token("an agency that is no name", ask("Transport", "node"), Code::NameRefused),
        token("the authority itself", ask("authority.gov.example", "node"), Code::ValueRefused),
        token("a role that no token gives", ask("x.gov.example", "registry"), Code::ValueRefused),
        token("no role", json!({"agency": "x.gov.example", "roles": []}), Code::ValueRefused),
        token("an official of no member", ask("x.gov.example", "official/y"), Code::AgencyUnknown),
        token(
            "a token for a year",
            json!({"agency": "x.gov.example", "roles": ["node"], "ttl_ms": 31_536_000_000_u64}),
            Code::ValueRefused,
        ),
        token(
            "a name that moves the cursor",
            json!({"agency": "x.gov.example", "roles": ["node"], "name": {"en": "\u{1b}[2J", "ru": "x"}}),
            Code::ValueRefused,
        ),
        token("no key", ask("x.gov.example", "node"), Code::Usage).key(None),
        revoke(
            "the revocation of nobody",
            json!({"identity": "ogic://nobody.gov.example/node", "reason": "key-compromise"}),
            Code::NotFound,
        ),
        revoke(
            "the revocation of the authority",
            json!({"identity": "ogic://authority.gov.example/registry", "reason": "key-compromise"}),
            Code::ValueRefused,
        ),
        revoke("a revocation of both", json!({"identity": "x", "serial": "00", "reason": "x"}), Code::Usage),
        revoke("a serial that is no hex", json!({"serial": "xyz", "reason": "superseded"}), Code::Malformed),
        revoke("a reason that is none", json!({"serial": "00", "reason": "because"}), Code::ValueRefused),
    ]
}

fn of_the_third_party() -> Vec<Call> {
    vec![
        get("no such path", "/v1/cases", Code::NotFound),
        get("evidence of no event", format!("/v1/evidence/{}", "ab".repeat(32)), Code::NotFound),
        get("evidence of what is no id", "/v1/evidence/xyz", Code::Malformed),
        post("a change of what only can be read", "/v1/evidence", "{}", Code::Usage).method("POST"),
    ]
}
