//! What the rows are played on: a federation, an attacker who is a member of it, a bystander, a case shared with the
//! attacker, and the honest requests by which a face shows that it still works.

use std::sync::atomic::{AtomicU64, Ordering};

use ogic_certs::cose::{Signed, Signer};
use ogic_certs::event::{Body, Detail, HeadAt, Header, Kind as EventKind, StepTimes};
use ogic_certs::evidence::VerifyRequest;
use ogic_certs::{AgencyId, CaseId, Digest, EventId};
use ogic_node::exchange::message::{Carried, Message};
use ogic_node::exchange::request::{Answer, Request};
use ogic_node::exchange::session::StreamKind;
use tokio::runtime::Runtime;

use crate::federation::forge::{Root, agency, held, now};
use crate::federation::peer::{Caller, Peer, Told};
use crate::federation::{AUTHORITY, Daemon, Federation, PATIENCE, TRANSPORT, TTP, until};

pub(crate) const ROGUE: &str = "rogue.gov.example";
const BYSTANDER: &str = "bystander.gov.example";
pub(crate) const REVOKED: &str = "revoked.gov.example";

pub(crate) struct Stage {
    runtime: Runtime,
    pub(crate) federation: Federation,
    /// The authority's key, as if it had been stolen.
    pub(crate) root: Root,
    /// The attacker: a member with a grant.
    pub(crate) me: AgencyId,
    pub(crate) node: Signer,
    pub(crate) seal: Signer,
    pub(crate) caller: Caller,
    bystander: Caller,
    /// A member whose certificates have been revoked.
    pub(crate) revoked: (Signer, Signer),
    /// The home's case that the attacker may read, and append its medical step to.
    pub(crate) case: CaseId,
    pub(crate) grant: EventId,
    pub(crate) head: HeadAt,
    /// The application of that case.
    pub(crate) document: Digest,
    /// An event of the attacker that the home has recorded: sent again, it gets its receipt again and stores nothing.
    honest: Carried,
    /// What the third party has answered: asked again, it answers the same.
    question: VerifyRequest,
    salts: AtomicU64,
}

impl Stage {
    pub(crate) fn set() -> Self {
        let federation = Federation::start();
        let [rogue, bystander, revoked] = [ROGUE, BYSTANDER, REVOKED].map(|agency| federation.enrol(agency));
        for role in ["node", "seal"] {
            let identity = format!("ogic://{REVOKED}/{role}");
            let words = ["authority", "revoke", &identity, "--reason", "key-compromise", "--yes"];
            federation.authority.ogic(&words).ok();
        }
        federation.publish();
        let case = federation.open_case("p-1");
        let grant = federation.share(&case, ROGUE);
        let shown = federation.transport.ogic(&["case", "show", &case, "--purpose", "test"]).ok();
        let record = shown["head"]["record"].as_str().unwrap();
        let document = shown["history"][0]["documents"][0]["sha256"].as_str().unwrap();
        let head = HeadAt {
            seq: shown["head"]["seq"].as_u64().unwrap(),
            record: Digest::from_hex(record, "record").unwrap(),
        };
        let (node, seal) = (held(&rogue, "node"), held(&rogue, "seal"));
        let mut stage = Self {
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap(),
            root: Root::stolen(&federation.authority.data),
            me: agency(ROGUE),
            caller: Caller::of(&node),
            bystander: Caller::of(&held(&bystander, "node")),
            revoked: (held(&revoked, "node"), held(&revoked, "seal")),
            case: CaseId::from_hex(&case, "case").unwrap(),
            grant: EventId::from_hex(&grant, "grant").unwrap(),
            head,
            document: Digest::from_hex(document, "document").unwrap(),
            honest: Carried { header: Vec::new(), body: Vec::new(), approval: None },
            question: VerifyRequest {
                nonce: [7; 16],
                header: Vec::new(),
                approval: None,
                documents: Vec::new(),
                certificates: seal.chain().map(|certificate| certificate.der().to_vec()).collect(),
            },
            node,
            seal,
            federation,
            salts: AtomicU64::new(1),
        };
        stage.honest = stage.draft().sealed(&stage.seal);
        stage.question.header.clone_from(&stage.honest.header);
        stage.everybody_knows();
        stage
    }

    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Waits until every daemon has the registry and the list that tell of the revocations.
    fn everybody_knows(&self) {
        let newest = self.federation.authority.status()["registry"]["version"].as_u64().unwrap();
        for daemon in [&self.federation.ttp, &self.federation.transport, &self.federation.health] {
            until("the newest registry is everywhere", PATIENCE, || {
                (daemon.status()["registry"]["version"].as_u64() >= Some(newest)).then_some(())
            });
        }
    }

    /// An honest note on the shared case, to be changed by a row; each is another event.
    pub(crate) fn draft(&self) -> Draft {
        let number = self.salts.fetch_add(1, Ordering::Relaxed);
        let salt = *Digest::of(&number.to_be_bytes()).as_bytes();
        let body = Body::of(Detail::None).to_blob(&salt);
        let header = Header {
            case: Some(self.case),
            head: Some(self.head),
            kind: EventKind::Note,
            step: None,
            created: now(),
            body_bytes: body.len() as u64,
            commitment: Digest::of(&body),
            approval: None,
            grant: Some(self.grant),
            code: 0,
            times: StepTimes::default(),
        };
        Draft { header, body }
    }

    /// The faces that the exchange reaches.
    pub(crate) fn faces(&self) -> [Face<'_>; 3] {
        [self.home(), self.third_party(), self.authority()]
    }

    pub(crate) fn home(&self) -> Face<'_> {
        Face::of(&self.federation.transport, TRANSPORT)
    }

    pub(crate) fn third_party(&self) -> Face<'_> {
        Face::of(&self.federation.ttp, TTP)
    }

    pub(crate) fn authority(&self) -> Face<'_> {
        Face::of(&self.federation.authority, AUTHORITY)
    }

    /// Whether the home still has this to deliver.
    pub(crate) fn outbox_holds(&self, id: Digest) -> bool {
        let outbox = self.federation.transport.get("/v1/outbox");
        outbox["items"].as_array().unwrap().iter().any(|item| item["id"] == id.to_string())
    }
}

/// An event before it is sealed.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) header: Header,
    pub(crate) body: Vec<u8>,
}

impl Draft {
    /// With another body, to which the header commits.
    pub(crate) fn body(mut self, blob: Vec<u8>) -> Self {
        self.header.body_bytes = blob.len() as u64;
        self.header.commitment = Digest::of(&blob);
        self.body = blob;
        self
    }

    pub(crate) fn header(mut self, edit: impl FnOnce(&mut Header)) -> Self {
        edit(&mut self.header);
        self
    }

    pub(crate) fn sealed(self, signer: &Signer) -> Carried {
        let header = Signed::sign(self.header, signer).unwrap().bytes().to_vec();
        Carried { header, body: self.body, approval: None }
    }
}

/// What may not change under bad input.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Stored {
    pub(crate) size: u64,
    rest: String,
}

/// A daemon as the exchange reaches it.
pub(crate) struct Face<'a> {
    daemon: &'a Daemon,
    pub(crate) agency: String,
    pub(crate) address: String,
}

impl<'a> Face<'a> {
    fn of(daemon: &'a Daemon, agency: &str) -> Self {
        Self { daemon, agency: agency.to_owned(), address: daemon.endpoint().to_owned() }
    }

    /// Whether it is the home of the case.
    pub(crate) fn is_node(&self) -> bool {
        self.agency == TRANSPORT
    }

    /// A connection of the attacker with an honest hello.
    pub(crate) async fn connected(&self, stage: &Stage) -> Peer {
        self.connect(&stage.caller, &stage.me).await
    }

    /// An honest connection of the attacker, found to be answered.
    pub(crate) async fn honest(&self, stage: &Stage) -> Peer {
        let peer = self.connected(stage).await;
        if self.is_node() {
            let chain = stage.seal.chain().map(|certificate| certificate.der().to_vec()).collect();
            peer.send(StreamKind::Events, &[Message::Certificates(chain)]).await;
        }
        self.check_honest(stage, &peer).await;
        peer
    }

    pub(crate) async fn bystander(&self, stage: &Stage) -> Peer {
        self.connect(&stage.bystander, &agency(BYSTANDER)).await
    }

    /// Dials until it is let in: the daemon may still be counting the connections before.
    async fn connect(&self, caller: &Caller, me: &AgencyId) -> Peer {
        let end = std::time::Instant::now() + PATIENCE;
        loop {
            match Peer::honest(&self.address, &self.agency, caller, me).await {
                Ok(peer) => return peer,
                Err(told) => assert!(std::time::Instant::now() < end, "an honest peer was told {told:?}"),
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    /// The honest requests of this face are answered.
    pub(crate) async fn check_honest(&self, stage: &Stage, peer: &Peer) {
        if self.is_node() {
            peer.send(StreamKind::Events, &[Message::Event(stage.honest.clone())]).await;
            let subject = EventId::of(&stage.honest.header).0;
            assert_eq!(peer.answer_to(subject).await, Told::Taken, "an honest event");
        }
        if self.agency == TTP {
            let asked = peer.ask(&Request::Verify(stage.question.clone())).await;
            assert!(matches!(asked, Ok(Answer::Evidence { .. })), "an honest question: {asked:?}");
        }
        self.check_bystander(peer).await;
    }

    /// Another's connection is still the same, and served.
    pub(crate) async fn check_bystander(&self, peer: &Peer) {
        let asked = peer.ask(&Request::Registry { have: 0, wait_ms: 0 }).await;
        assert!(matches!(asked, Ok(Answer::Registry { registry: Some(_), .. })), "{asked:?}");
    }

    /// What the daemon has stored: the log of a node, the evidence of a third party, what else its status counts.
    pub(crate) fn stored(&self) -> Stored {
        let status = self.daemon.status();
        if self.is_node() {
            let size = status["log"]["size"].as_u64().unwrap();
            return Stored { size, rest: status["log"]["root"].to_string() };
        }
        let counted = ["issued", "members", "tokens_open", "crl"].map(|key| status[key].to_string());
        let version = status["registry"]["version"].to_string();
        Stored { size: status["evidence"].as_u64().unwrap_or(0), rest: counted.join(" ") + &version }
    }

    pub(crate) fn daemon_lives(&self) -> bool {
        self.daemon.try_status().is_some()
    }
}
