//! Authority, third party and a member over real sockets: tokens, enrolment, registry, revocation, evidence, restarts.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ogic_certs::cose::{Signed, Signer};
use ogic_certs::event::{Body, Detail, HeadAt, Header, Kind, StepTimes};
use ogic_certs::evidence::{Evidence, VerifyRequest};
use ogic_certs::token::Token;
use ogic_certs::trust::Trust;
use ogic_certs::verdict::{SubIndication, Verdict};
use ogic_certs::{AgencyId, CaseId, Code, Digest, EventId, Problem, Timestamp};
use ogic_node::authority::{self, Options};
use ogic_node::exchange::face::{BoxFuture, Face, Reply};
use ogic_node::exchange::link::{Link, LinkId};
use ogic_node::exchange::message::{Hello, Message};
use ogic_node::exchange::quic::{Config, Endpoint, system_clock};
use ogic_node::exchange::request::{Answer, Request};
use ogic_node::exchange::trust::SharedTrust;
use ogic_node::folder::Folder;
use ogic_node::join::{Joined, Seed, join, join_official};
use ogic_node::refresh::{Refresher, newer_registry};
use ogic_node::{announce, ttp};
use ring::rand::{SecureRandom, SystemRandom};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
/// Longest that anything here may take.
const PATIENCE: Duration = Duration::from_secs(20);

fn draw(bytes: &mut [u8]) -> ogic_certs::Result<()> {
    SystemRandom::new().fill(bytes).map_err(|_| Problem::new(Code::Internal, "randomness"))
}

fn id(text: &str) -> AgencyId {
    AgencyId::parse(text, "id").unwrap()
}

fn now() -> Timestamp {
    system_clock()()
}

/// One HTTP request on a daemon's socket: status and body.
async fn http(data: &Path, method: &str, path: &str, key: Option<&str>, body: &str) -> (u16, Vec<u8>) {
    let mut stream = UnixStream::connect(data.join("api.sock")).await.unwrap();
    let key = key.map(|key| format!("Idempotency-Key: {key}\r\n")).unwrap_or_default();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{key}Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + body).as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let split = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let status = std::str::from_utf8(&answer[9..12]).unwrap().parse().unwrap();
    (status, answer[split + 4..].to_vec())
}

async fn json(data: &Path, path: &str) -> serde_json::Value {
    let (status, body) = http(data, "GET", path, None, "").await;
    assert_eq!(status, 200, "{path}");
    serde_json::from_slice(&body).unwrap()
}

/// A founded and running authority.
struct Authority {
    data: PathBuf,
    running: authority::Running,
}

impl Authority {
    async fn found(folder: &TempDir) -> Self {
        let data = folder.path().join("authority");
        authority::init(
            &data,
            &id("gov.example"),
            &id("authority.gov.example"),
            &Options::default(),
            now(),
            &mut draw,
        )
        .unwrap();
        Self::serve(data, LOOPBACK).await
    }

    async fn serve(data: PathBuf, listen: SocketAddr) -> Self {
        let running = authority::serve(&data, listen, Vec::new(), &mut draw).await.unwrap();
        Self { data, running }
    }

    async fn token(&self, agency: &str, role: &str) -> Token {
        let body = format!(r#"{{"agency":"{agency}","roles":["{role}"]}}"#);
        let key = Digest::of(body.as_bytes()).to_string();
        let (status, answer) = http(&self.data, "POST", "/v1/tokens", Some(&key), &body).await;
        let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(status, 200, "{answer}");
        Token::from_text(answer["token"].as_str().unwrap()).unwrap()
    }
}

fn seed() -> ogic_certs::Result<Seed> {
    let mut seed = Seed::new([0; 32]);
    draw(seed.as_mut_slice()).map(|()| seed)
}

async fn join_at(path: &Path, token: &Token) -> ogic_certs::Result<Joined> {
    join(path, token, system_clock(), seed).await
}

/// The least that a member is: it answers what registry it has.
struct Member {
    agency: AgencyId,
    trust: SharedTrust,
}

impl Face for Member {
    fn agency(&self) -> AgencyId {
        self.agency.clone()
    }

    fn hello(&self, _: &AgencyId) -> Hello {
        Hello {
            agency: self.agency.clone(),
            origin: String::new(),
            size: 0,
            checkpoint: None,
            registry: self.trust.current().registry().version,
            features: Vec::new(),
            clock: now(),
        }
    }

    fn connected(&self, _: &AgencyId, _: Hello, _: Link) {}

    fn disconnected(&self, _: &AgencyId, _: LinkId, _: Problem) {}

    fn received(&self, _: &AgencyId, _: LinkId, _: Vec<Message>) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    fn request(&self, _: &AgencyId, request: Request) -> BoxFuture<'_, Result<Reply, Problem>> {
        Box::pin(async move {
            match request {
                Request::Registry { have, wait_ms } => {
                    Ok(Reply::plain(newer_registry(&self.trust, have, wait_ms).await))
                }
                _ => Err(Problem::new(Code::NotFound, "request")),
            }
        })
    }
}

/// A member that runs: endpoint, refresher, and its seal.
struct RunningMember {
    endpoint: Endpoint,
    trust: SharedTrust,
    seal: Signer,
    refresh: tokio::task::JoinHandle<()>,
}

impl RunningMember {
    fn start(path: &Path) -> Self {
        let folder = Folder::open(path).unwrap();
        let pinned = folder.pinned().unwrap().unwrap();
        let trust = SharedTrust::new(folder.trust().unwrap());
        let face = Member { agency: pinned.agency, trust: trust.clone() };
        let mut config = Config::new(LOOPBACK, folder.signer("node").unwrap(), trust.clone(), 7);
        config.addresses.insert(pinned.pin.authority, vec![pinned.address.parse().unwrap()]);
        let endpoint = Endpoint::start(config, Arc::new(face)).unwrap();
        let seal = folder.signer("seal").unwrap();
        let refresher = Refresher::new(folder, trust.clone(), system_clock());
        let refresh = tokio::spawn(refresher.run(endpoint.clone()));
        Self { endpoint, trust, seal, refresh }
    }

    async fn knows(&self, what: impl FnMut(&Arc<Trust>) -> bool) {
        known(&self.trust, what).await;
    }

    /// Asks the third party about an event of ours.
    async fn verify(&self, nonce: u8) -> (Evidence, Vec<u8>) {
        let link = self.endpoint.reach(&id("ttp.gov.example"), 10_000).await.unwrap();
        let (answer, _) = link.request(Request::Verify(question(&self.seal, nonce))).await.unwrap();
        let Answer::Evidence { evidence, certificates } = answer else { panic!("{answer:?}") };
        let certificates: Vec<_> = certificates
            .iter()
            .map(|der| ogic_certs::certificate::Certificate::from_der(der).unwrap())
            .collect();
        let signed = Signed::<Evidence>::parse(&evidence).unwrap();
        let opened = self.trust.current().open(signed, &certificates, now()).unwrap();
        let root = self.trust.current().pin().root;
        assert_eq!(ttp::replay(opened.value(), &root, |_| None).unwrap(), opened.value().judgement);
        (opened.value().clone(), evidence)
    }

    async fn stop(self) {
        self.refresh.abort();
        self.endpoint.close().await;
    }
}

async fn known(trust: &SharedTrust, what: impl FnMut(&Arc<Trust>) -> bool) {
    let mut changes = trust.subscribe();
    tokio::time::timeout(PATIENCE, changes.wait_for(what)).await.expect("in time").expect("alive");
}

fn question(seal: &Signer, nonce: u8) -> VerifyRequest {
    let blob = Body::of(Detail::None).to_blob(&[3; 32]);
    let header = Header {
        case: Some(CaseId::opened_by(EventId::of(b"an opening event"))),
        head: Some(HeadAt { seq: 3, record: Digest::of(b"a record") }),
        kind: Kind::Note,
        step: None,
        created: Timestamp::from_ms_clamped(1_795_576_803_007),
        body_bytes: blob.len() as u64,
        commitment: Digest::of(&blob),
        approval: None,
        grant: None,
        code: 0,
        times: StepTimes::default(),
    };
    VerifyRequest {
        nonce: [nonce; 16],
        header: Signed::sign(header, seal).unwrap().bytes().to_vec(),
        approval: None,
        documents: Vec::new(),
        certificates: seal.chain().map(|certificate| certificate.der().to_vec()).collect(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_federation_enrols_finds_each_other_and_hears_of_revocations() {
    let scratch = TempDir::new().unwrap();
    let authority = Authority::found(&scratch).await;

    // Enrolment: once a token, again for the same folder, never for another.
    let token = authority.token("transport.gov.example", "node").await;
    assert_eq!(authority.token("transport.gov.example", "node").await, token, "one call, one token");
    let transport = scratch.path().join("transport");
    let joined = join_at(&transport, &token).await.unwrap();
    assert_eq!(joined.identities.len(), 2);
    assert_eq!(join_at(&transport, &token).await.unwrap().identities, joined.identities);
    let other = join_at(&scratch.path().join("other"), &token).await.unwrap_err();
    assert_eq!(other.code, Code::TokenSpent);
    let mut forged = token.clone();
    forged.secret = zeroize::Zeroizing::new([0; 16]);
    assert_eq!(join_at(&scratch.path().join("forged"), &forged).await.unwrap_err().code, Code::TokenRefused);
    let mut elsewhere = token.clone();
    elsewhere.root = Digest::of(b"another root");
    assert!(join_at(&scratch.path().join("elsewhere"), &elsewhere).await.is_err());
    assert_eq!(json(&authority.data, "/v1/issued").await["certificates"].as_array().unwrap().len(), 5);

    // An official of a member gets a key and a certificate, in a folder of its own.
    let (desk, office) = (scratch.path().join("desk"), "official/licensing-1");
    let token = authority.token("transport.gov.example", office).await;
    for _ in 0..2 {
        let joined = join_official(&desk, &token, system_clock(), seed).await.unwrap();
        assert_eq!(joined.identities[0].to_string(), "ogic://transport.gov.example/official/licensing-1");
    }
    let pem = std::fs::read_to_string(desk.join("official.pem")).unwrap();
    assert_eq!(ogic_certs::certificate::Certificate::from_pem_many(&pem).unwrap().len(), 2);
    let another = authority.token("transport.gov.example", "official/licensing-2").await;
    let taken = join_official(&desk, &another, system_clock(), seed).await.unwrap_err();
    assert_eq!(taken.code, Code::ValueRefused);
    assert_eq!(join_at(&desk, &another).await.unwrap_err().code, Code::ValueRefused);
    assert_eq!(json(&authority.data, "/v1/issued").await["certificates"].as_array().unwrap().len(), 6);

    // The third party joins, is found by the registry alone, and answers with evidence.
    let ttp_data = scratch.path().join("ttp");
    join_at(&ttp_data, &authority.token("ttp.gov.example", "ttp").await).await.unwrap();
    let third = ttp::serve(&ttp_data, LOOPBACK, Vec::new(), &mut draw).await.unwrap();
    let member = RunningMember::start(&transport);
    let listed = |trust: &Arc<Trust>| {
        trust.registry().member(&id("ttp.gov.example")).is_some_and(|member| !member.endpoints.is_empty())
    };
    member.knows(listed).await;
    let (evidence, bytes) = member.verify(1).await;
    assert!(evidence.judgement.passed(), "{evidence:?}");
    assert_eq!(member.verify(1).await.1, bytes, "the same question, the same answer");

    // A move is in the registry at once.
    let log = format!("transport.gov.example/log/{}/1", "5".repeat(32));
    let log = ogic_certs::checkpoint::Origin::parse(&log, "log").unwrap();
    let here = member.endpoint.local_addr().unwrap();
    let announcement = announce::sign(vec![here], log, now(), &member.seal).unwrap();
    announce::until_taken(member.endpoint.clone(), id("authority.gov.example"), announcement, |p| {
        panic!("{p}")
    })
    .await;
    let moved = |trust: &Arc<Trust>| {
        trust
            .registry()
            .member(&id("transport.gov.example"))
            .is_some_and(|m| m.endpoints == [here.to_string()])
    };
    member.knows(moved).await;

    // A revocation reaches everybody without being asked for, and old evidence stays what it was.
    let body = r#"{"identity":"ogic://transport.gov.example/seal","reason":"key-compromise"}"#;
    let (status, answer) =
        http(&authority.data, "POST", "/v1/revocations", Some("revocation-000001"), body).await;
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
    let revoked = |trust: &Arc<Trust>| trust.crls()[0].lookup(member.seal.certificate().serial()).is_some();
    member.knows(revoked).await;
    known(third.bench.trust(), revoked).await;
    let (evidence, _) = member.verify(2).await;
    assert_eq!(
        (evidence.judgement.verdict, evidence.judgement.sub),
        (Verdict::TotalFailed, Some(SubIndication::Revoked))
    );
    assert_eq!(member.verify(1).await.1, bytes);
    let status = json(&ttp_data, "/v1/status").await;
    assert_eq!(status["evidence"], 2);
    assert_eq!(status["verdicts"]["TOTAL-FAILED"], 1);
    let list = json(&ttp_data, "/v1/evidence").await;
    let event = list["evidence"][0]["event"].as_str().unwrap().to_owned();
    let (_, newest) = http(&ttp_data, "GET", &format!("/v1/evidence/{event}"), None, "").await;
    assert!(Signed::<Evidence>::parse(&newest).is_ok());

    // A restart of the third party, on another port, forgets nothing and is found.
    third.close().await;
    let third = ttp::serve(&ttp_data, LOOPBACK, Vec::new(), &mut draw).await.unwrap();
    let there = third.address().to_string();
    member
        .knows(|trust| {
            trust.registry().member(&id("ttp.gov.example")).is_some_and(|m| m.endpoints == [there.clone()])
        })
        .await;
    assert_eq!(member.verify(1).await.1, bytes);

    // The authority moves: it finds its members, and they hear of it.
    let data = authority.data.clone();
    authority.running.close().await;
    let authority = Authority::serve(data, LOOPBACK).await;
    let there = authority.running.address().to_string();
    let moved = |trust: &Arc<Trust>| {
        trust.registry().member(&id("authority.gov.example")).is_some_and(|m| m.endpoints == [there.clone()])
    };
    member.knows(moved).await;
    known(third.bench.trust(), moved).await;

    tokio::join!(third.close(), member.stop(), authority.running.close());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peers_give_the_registry_while_the_authority_is_away() {
    let scratch = TempDir::new().unwrap();
    let authority = Authority::found(&scratch).await;
    let (health, transport) = (scratch.path().join("health"), scratch.path().join("transport"));
    join_at(&health, &authority.token("health.gov.example", "node").await).await.unwrap();
    let informed = RunningMember::start(&health);
    join_at(&transport, &authority.token("transport.gov.example", "node").await).await.unwrap();
    // Mail joins while transport is not running: health hears of it, transport does not. Then the authority goes away.
    join_at(&scratch.path().join("mail"), &authority.token("mail.gov.example", "node").await).await.unwrap();
    let knows_mail = |trust: &Arc<Trust>| trust.registry().member(&id("mail.gov.example")).is_some();
    informed.knows(knows_mail).await;
    authority.running.close().await;

    let behind = RunningMember::start(&transport);
    assert!(!knows_mail(&behind.trust.current()));
    let health = id("health.gov.example");
    behind.endpoint.set_addresses(&health, vec![informed.endpoint.local_addr().unwrap()]);
    behind.endpoint.want(&health);
    behind.knows(knows_mail).await;
    let kept = Folder::open(&transport).unwrap().registry().unwrap().unwrap();
    assert_eq!(
        kept.value().version,
        behind.trust.current().registry().version,
        "persisted before it was used"
    );
    tokio::join!(behind.stop(), informed.stop());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_local_api_refuses_what_it_must() {
    let scratch = TempDir::new().unwrap();
    let authority = Authority::found(&scratch).await;
    let token = |agency: &str| format!(r#"{{"agency":"{agency}","roles":["node"]}}"#);
    let key = Some("0123456789abcdef");
    for (name, method, path, key, body, status, code) in [
        ("no_key", "POST", "/v1/tokens", None, token("a.gov.example"), 400, "Usage"),
        ("short_key", "POST", "/v1/tokens", Some("short"), token("a.gov.example"), 400, "Usage"),
        ("no_json", "POST", "/v1/tokens", key, "{".to_owned(), 400, "Malformed"),
        (
            "unknown_field",
            "POST",
            "/v1/tokens",
            key,
            r#"{"agency":"a.gov.example","roles":["node"],"x":1}"#.to_owned(),
            400,
            "Malformed",
        ),
        ("foreign_agency", "POST", "/v1/tokens", key, token("a.other.example"), 400, "ValueRefused"),
        (
            "two_roles",
            "POST",
            "/v1/tokens",
            key,
            r#"{"agency":"a.gov.example","roles":["node","ttp"]}"#.to_owned(),
            400,
            "ValueRefused",
        ),
        (
            "unknown_serial",
            "POST",
            "/v1/revocations",
            key,
            r#"{"serial":"00","reason":"superseded"}"#.to_owned(),
            404,
            "NotFound",
        ),
        (
            "both_targets",
            "POST",
            "/v1/revocations",
            key,
            r#"{"serial":"00","identity":"ogic://a.b/seal","reason":"superseded"}"#.to_owned(),
            400,
            "Usage",
        ),
        (
            "no_reason_of_the_standard",
            "POST",
            "/v1/revocations",
            key,
            r#"{"serial":"00","reason":"because"}"#.to_owned(),
            400,
            "ValueRefused",
        ),
        ("no_such_path", "GET", "/v1/keys", None, String::new(), 404, "NotFound"),
    ] {
        let (found, answer) = http(&authority.data, method, path, key, &body).await;
        let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!((found, answer["error"]["name"].as_str()), (status, Some(code)), "{name}: {answer}");
    }
    let status = json(&authority.data, "/v1/status").await;
    assert_eq!((status["tokens_open"].as_u64(), status["issued"].as_u64()), (Some(0), Some(3)));
    assert_eq!(status["trust"], "fresh");
    assert_eq!(json(&authority.data, "/v1/members").await["members"][0]["agency"], "authority.gov.example");

    // Two daemons on one folder: the second refuses by name. A folder is founded once.
    let second = authority::serve(&authority.data, LOOPBACK, Vec::new(), &mut draw).await.unwrap_err();
    assert_eq!(second.code, Code::StoreLocked);
    let again = authority::init(
        &authority.data,
        &id("gov.example"),
        &id("authority.gov.example"),
        &Options::default(),
        now(),
        &mut draw,
    );
    assert_eq!(again.unwrap_err().code, Code::ValueRefused);
    let data = authority.data.clone();
    authority.running.close().await;

    // What others could read is not used.
    let exposed = data.join("keys/root.key");
    std::fs::set_permissions(&exposed, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    let problem = authority::serve(&data, LOOPBACK, Vec::new(), &mut draw).await.unwrap_err();
    assert_eq!(problem.code, Code::KeyExposed);
}
