//! Nodes behind their sockets: folders as join leaves them, two agencies on loopback, and whoever sits at the terminal.

mod documents;
mod refused;
mod shared;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use data_encoding::BASE64;
use ogic_certs::cose::{Signed, Signer};
use ogic_certs::event::{Approval, Body, Detail, DocumentRef, FieldValue, Kind, Terms};
use ogic_certs::testing::{Federation, agency};
use ogic_certs::{CaseId, Digest, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::daemon::{Config, Node};
use crate::exchange::outbox::WINDOW_ITEMS;
use crate::exchange::quic::system_clock;
use crate::folder::{Folder, Pinned};
use crate::local;

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const SERVICE: &[u8] = include_bytes!("../../../../config/services/driving-licence.toml");
const DAY_MS: u64 = 86_400_000;

fn now() -> Timestamp {
    system_clock()()
}

/// What must happen soon: a bound for tests, not a wait.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("within 30 s")
}

/// An agency: its folder, its official, its running node.
struct Office {
    data: PathBuf,
    official: Signer,
    running: Option<Running>,
}

struct Running {
    node: Node,
    closing: watch::Sender<bool>,
    api: JoinHandle<()>,
}

/// The offices of `names`, each with a folder that knows all of them, none running.
fn offices<const N: usize>(folder: &TempDir, names: [&str; N]) -> [Office; N] {
    let mut federation = Federation::new(11, now());
    let signers = names.map(|name| {
        let host = format!("{name}.gov.example");
        ["node", "seal", "official/clerk-1"].map(|role| federation.signer(&format!("ogic://{host}/{role}")))
    });
    let (registry, crl, pin) = (federation.registry(), federation.crl(), federation.pin());
    let mut names = names.iter();
    signers.map(|[node, seal, official]| {
        let name = names.next().unwrap();
        let data = folder.path().join(name);
        let folder = Folder::create(&data).unwrap();
        for (name, signer) in [("node", &node), ("seal", &seal)] {
            folder.put_key(name, signer.key()).unwrap();
            folder.put_chain(name, &signer.chain().cloned().collect::<Vec<_>>()).unwrap();
        }
        // The federation's authority is away, and no address of it is known.
        let pinned = Pinned {
            pin: pin.clone(),
            agency: agency(&format!("{name}.gov.example")),
            address: "none".to_owned(),
        };
        folder.put_pinned(&pinned).unwrap();
        folder.put_registry(&registry).unwrap();
        folder.put_crls(std::slice::from_ref(&crl)).unwrap();
        Office { data, official, running: None }
    })
}

impl Office {
    fn start(&mut self) {
        let node = Node::start(&Config {
            data: self.data.clone(),
            listen: LOOPBACK,
            advertised: Vec::new(),
            window: WINDOW_ITEMS,
        })
        .unwrap();
        let socket = local::bind(node.handle().folder()).unwrap();
        let (closing, closed) = watch::channel(false);
        let api = tokio::spawn(local::serve(socket, super::routes(node.handle().clone()), closed));
        self.running = Some(Running { node, closing, api });
    }

    async fn stop(&mut self) {
        let Running { node, closing, api } = self.running.take().unwrap();
        closing.send_replace(true);
        soon(api).await.unwrap();
        soon(node.stop()).await.unwrap();
    }

    fn node(&self) -> &Node {
        &self.running.as_ref().unwrap().node
    }

    /// Tells this node where the other answers now.
    fn meets(&self, other: &Self) {
        let (here, there) = (self.node().handle().endpoint(), other.node().handle());
        here.set_addresses(there.agency(), vec![there.endpoint().local_addr().unwrap()]);
        here.want(there.agency());
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let (status, body) = http(&self.data, "GET", path, None, b"").await;
        (status, serde_json::from_slice(&body).unwrap())
    }

    /// What must be answered well.
    async fn ok(&self, path: &str) -> Value {
        let (status, answer) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// Asks until the answer fits.
    async fn until(&self, path: &str, fits: impl Fn(&Value) -> bool) -> Value {
        soon(async {
            loop {
                let (_, answer) = self.get(path).await;
                if fits(&answer) {
                    return answer;
                }
            }
        })
        .await
    }

    async fn post(&self, path: &str, key: &str, body: &Value) -> (u16, Value) {
        let (status, answer) = http(&self.data, "POST", path, Some(key), body.to_string().as_bytes()).await;
        (status, serde_json::from_slice(&answer).unwrap())
    }

    /// A change under a new key that must be made.
    async fn make(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.post(path, &key(), body).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    async fn publish(&self) -> Digest {
        let (status, answer) = http(&self.data, "POST", "/v1/services", Some(&key()), SERVICE).await;
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(status, 200, "{answer}");
        assert_eq!((&answer["service"], &answer["version"]), (&json!("driving-licence"), &json!(1)));
        Digest::from_hex(answer["digest"].as_str().unwrap(), "digest").unwrap()
    }

    async fn upload(&self, bytes: &[u8], label: &str) -> DocumentRef {
        let (status, answer) = http(&self.data, "POST", "/v1/documents", None, bytes).await;
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(status, 200, "{answer}");
        let digest = |name: &str| Digest::from_hex(answer[name].as_str().unwrap(), "digest").unwrap();
        assert_eq!(digest("sha256"), Digest::of(bytes));
        assert_eq!(answer["bytes"], bytes.len());
        DocumentRef {
            sha256: digest("sha256"),
            root: digest("root"),
            bytes: bytes.len() as u64,
            label: label.to_owned(),
            media_type: "application/pdf".to_owned(),
        }
    }

    /// A published service and an open case with its application.
    async fn open(&self) -> CaseId {
        let service = self.publish().await;
        let application = self.upload(b"%PDF application", "application").await;
        let detail = Detail::Open { service, citizen: "p-1".to_owned() };
        let mut draft = Draft::new(None, Kind::Open, Body::of(detail));
        draft.body.fields.push(("category".to_owned(), FieldValue::Text("B".to_owned())));
        draft.body.documents.push(application);
        let opened = self.make("/v1/cases", &draft.approved(&self.official)).await;
        assert_eq!(opened["seq"], 0);
        CaseId::from_hex(opened["case"].as_str().unwrap(), "case").unwrap()
    }
}

/// A new idempotency key.
fn key() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("key-of-a-test-{:08}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// An act in the making, as the command puts it together.
struct Draft {
    case: Option<CaseId>,
    kind: Kind,
    step: Option<&'static str>,
    code: Option<&'static str>,
    body: Body,
}

impl Draft {
    fn new(case: Option<CaseId>, kind: Kind, body: Body) -> Self {
        Self { case, kind, step: None, code: None, body }
    }

    fn note(case: CaseId) -> Self {
        let mut draft = Self::new(Some(case), Kind::Note, Body::of(Detail::None));
        draft.body.fields.push(("mark".to_owned(), FieldValue::Text("noted".to_owned())));
        draft
    }

    fn share(case: CaseId, to: &str) -> Self {
        let terms = Terms {
            grantee: agency(to),
            read: true,
            steps: vec!["medical".to_owned()],
            purpose: "examination".to_owned(),
            ground: "Act 196, section 23".to_owned(),
            performer: "clinic 1".to_owned(),
            deadline: None,
            expires: now().plus_ms(DAY_MS),
        };
        Self::new(Some(case), Kind::Share, Body::of(Detail::Share(terms)))
    }

    fn medical(case: CaseId, certificate: DocumentRef) -> Self {
        let mut draft = Self::new(Some(case), Kind::Step, Body::of(Detail::None));
        (draft.step, draft.code) = (Some("medical"), Some("done"));
        draft.body.fields.push(("fit".to_owned(), FieldValue::Bool(true)));
        draft.body.documents.push(certificate);
        draft
    }

    fn blob(&self) -> Vec<u8> {
        self.body.to_blob(&[7; 32])
    }

    /// The request without an official's approval.
    fn plain(&self) -> Value {
        let mut request = json!({
            "body": BASE64.encode(&self.blob()), "approval": null, "certificates": [], "created": now().ms(),
        });
        if self.kind != Kind::Open {
            request["kind"] = self.kind.as_str().into();
            request["step"] = json!(self.step);
            request["code"] = json!(self.code);
            request["times"] = json!({"received": null, "started": null, "ended": null});
            request["head"] = Value::Null;
        }
        request
    }

    /// The request with the approval of `official`.
    fn approved(&self, official: &Signer) -> Value {
        let approval = Approval {
            case: self.case,
            kind: self.kind,
            step: self.step.map(str::to_owned),
            commitment: Digest::of(&self.blob()),
        };
        let approval = Signed::sign(approval, official).unwrap();
        let mut request = self.plain();
        request["approval"] = BASE64.encode(approval.bytes()).into();
        request["certificates"] = official.chain().map(|c| BASE64.encode(c.der())).collect();
        request
    }
}

/// One HTTP request on a node's socket: status and body.
async fn http(data: &Path, method: &str, path: &str, key: Option<&str>, body: &[u8]) -> (u16, Vec<u8>) {
    let mut stream = UnixStream::connect(data.join(local::SOCKET)).await.unwrap();
    let key = key.map(|key| format!("Idempotency-Key: {key}\r\n")).unwrap_or_default();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: ogic\r\nConnection: close\r\n{key}Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
    let mut answer = Vec::new();
    soon(stream.read_to_end(&mut answer)).await.unwrap();
    let split = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let status = std::str::from_utf8(&answer[9..12]).unwrap().parse().unwrap();
    (status, answer[split + 4..].to_vec())
}
