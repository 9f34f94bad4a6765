//! The writer over a real journal and a real store: what it does when the store fails, and how it ends.

use std::path::Path;
use std::time::Duration;

use ogic_certs::certificate::Certificate;
use ogic_certs::checkpoint::Origin;
use ogic_certs::cose::{Signed, Signer};
use ogic_certs::event::{Body, Detail, DocumentRef, FieldValue, Kind, SALT_BYTES, StepTimes};
use ogic_certs::service::ServiceText;
use ogic_certs::testing::{Federation, agency};
use ogic_certs::trust::Trust;
use ogic_certs::{CaseId, Digest};
use tempfile::TempDir;

use super::*;
use crate::case::{Policy, Service};
use crate::daemon::Timing;
use crate::desk::{Act, Read, Settings, Wanted};
use crate::exchange::quic::system_clock;
use crate::store::Store;

const TEXT: &[u8] = include_bytes!("../../../../config/services/driving-licence.toml");

/// A writer over a folder, and what it is to be told.
struct Scene {
    folder: TempDir,
    seal: Signer,
    trust: Trust,
    writer: Writer,
    ended: oneshot::Receiver<Result<()>>,
    service: Digest,
}

impl Scene {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let mut federation = Federation::new(7, system_clock()());
        let seal = federation.signer("ogic://transport.gov.example/seal");
        let (registry, crl) = (federation.registry(), federation.crl());
        let trust = Trust::new(registry.into(), vec![crl], federation.pin()).unwrap();
        let (writer, ended) = start(folder.path(), &seal);
        let mut scene = Self { folder, seal, trust, writer, ended, service: Digest::ZERO };
        scene.service = scene.publish().await;
        scene
    }

    async fn publish(&self) -> Digest {
        let signed = Signed::sign(ServiceText::new(TEXT).unwrap(), &self.seal).unwrap();
        let chain: Vec<Certificate> = self.seal.chain().cloned().collect();
        let signed = Box::new(self.trust.open(signed, &chain, system_clock()()).unwrap());
        let (certificates, service) =
            (vec![self.seal.certificate().clone()], Box::new(Service::parse(TEXT).unwrap()));
        let work = |ticket| Work::Service { ticket: Some(ticket), key: None, signed, certificates, service };
        match self.writer.call(work).await {
            Ok(Answer::Service(digest)) => digest,
            other => panic!("{other:?}"),
        }
    }

    fn opening(&self, text: &str) -> Act {
        let detail = Detail::Open { service: self.service, citizen: "citizen-1".to_owned() };
        let fields = vec![("category".to_owned(), FieldValue::Text(text.to_owned()))];
        let document = DocumentRef {
            sha256: Digest::of(b"pdf"),
            root: Digest::of(b"root"),
            bytes: 3,
            label: "application".to_owned(),
            media_type: "application/pdf".to_owned(),
        };
        let body = Body { fields, documents: vec![document], detail };
        let mut salt = [0; SALT_BYTES];
        SystemRandom::new().fill(&mut salt).unwrap();
        Act {
            case: None,
            kind: Kind::Open,
            step: None,
            code: 0,
            body: body.to_blob(&salt),
            approval: None,
            certificates: Vec::new(),
            created: system_clock()(),
            times: StepTimes::default(),
            head: None,
        }
    }

    async fn open(&self, key: &str) -> Result<CaseId> {
        let act = self.opening("B");
        let key = key.to_owned();
        match self.writer.call(|ticket| Work::Act { ticket, key, act: Box::new(act) }).await? {
            Answer::Recorded { case, .. } => Ok(case),
            other => panic!("{other:?}"),
        }
    }

    /// The cases as the store and the tail give them, as soon as they give any.
    async fn cases(&self) -> Vec<CaseId> {
        soon(async {
            loop {
                match self.writer.ask(|desk| desk.cases()).await.unwrap() {
                    Ok(cases) => break cases.iter().map(|case| case.id).collect(),
                    // Asked before the writer has found out.
                    Err(problem) => assert_eq!(problem.code, Code::StoreDamaged),
                }
            }
        })
        .await
    }

    /// Waits until the store has all that is in the journal.
    async fn followed(&self) {
        let lags = |desk: &mut NodeDesk| desk.store().watermark().is_ok_and(|mark| mark < desk.log().size());
        soon(async { while self.writer.ask(lags).await.unwrap() {} }).await;
    }

    async fn fail(&self) {
        self.writer.ask(|desk| desk.store().fail()).await.unwrap();
    }

    fn read(&self, ticket: Ticket) -> Work {
        let read = Read {
            who: agency("transport.gov.example"),
            case: CaseId(Digest::ZERO),
            grant: None,
            purpose: "a test".to_owned(),
            wanted: Wanted::History(0),
        };
        Work::Read { ticket, read }
    }
}

fn start(folder: &Path, seal: &Signer) -> (Writer, oneshot::Receiver<Result<()>>) {
    let origin = Origin { agency: agency("transport.gov.example"), log: [1; 16], generation: 1 };
    let store = SledStore::open(&folder.join("sled"), &origin.to_string()).unwrap().store;
    let settings = Settings {
        agency: origin.agency.clone(),
        seal: seal.clone(),
        origin,
        policy: Policy::default(),
        jitter_seed: 7,
    };
    let disk = RealDisk::open(&folder.join("journal")).unwrap();
    let desk = Desk::open(disk, store, settings, None).unwrap();
    // Nobody does its chores.
    Writer::start(desk, system_clock(), mpsc::unbounded_channel().0, Watch::new(Arc::new(Timing::new())))
        .unwrap()
}

/// What must happen soon: a bound for tests, not a wait.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("within 30 s")
}

#[tokio::test]
async fn a_store_that_fails_is_rebuilt_and_loses_nothing() {
    let scene = Scene::new().await;
    let mut opened = vec![scene.open("1").await.unwrap()];
    scene.followed().await;
    // It fails with a batch in hand, and again while nothing waits for it.
    scene.fail().await;
    opened.push(soon(scene.open("22")).await.unwrap());
    opened.sort();
    assert_eq!(scene.cases().await, opened);
    scene.fail().await;
    assert_eq!(scene.cases().await, opened);
    scene.followed().await;
    // Its own rows say so as well, without the tail.
    let rows = scene.writer.ask(|desk| desk.store().cases(None, 10)).await.unwrap().unwrap();
    assert_eq!(rows.iter().map(|row| row.case).collect::<Vec<_>>(), opened);
    // The key of before has its one effect still.
    assert!(opened.contains(&scene.open("1").await.unwrap()));
    scene.writer.order(Order::Stop).await.unwrap();
    soon(scene.ended).await.unwrap().unwrap();
    let (writer, _ended) = start(scene.folder.path(), &scene.seal);
    let cases = writer.ask(|desk| desk.cases()).await.unwrap().unwrap();
    assert_eq!(cases.len(), 2);
}

#[tokio::test]
async fn a_store_that_keeps_failing_ends_the_writer_which_says_so() {
    let mut scene = Scene::new().await;
    scene.open("1").await.unwrap();
    for _ in 0..REBUILDS_MAX {
        scene.fail().await;
        scene.cases().await;
    }
    scene.fail().await;
    let end = soon(&mut scene.ended).await.unwrap().unwrap_err();
    assert_eq!(end.code, Code::StoreDamaged);
    let told = soon(scene.open("22")).await.unwrap_err();
    assert_eq!((told.code, told.code.exit()), (Code::StoreDamaged, 8));
}

#[tokio::test]
async fn what_is_durable_and_cannot_be_taken_up_is_answered_at_once_and_ends_the_writer() {
    let mut scene = Scene::new().await;
    // A definition whose bytes are not what was checked: nothing but a fault of ours brings one so far.
    let signed = Signed::sign(ServiceText::new("no definition").unwrap(), &scene.seal).unwrap();
    let chain: Vec<Certificate> = scene.seal.chain().cloned().collect();
    let signed = Box::new(scene.trust.open(signed, &chain, system_clock()()).unwrap());
    let service = Box::new(Service::parse(TEXT).unwrap());
    let work =
        |ticket| Work::Service { ticket: Some(ticket), key: None, signed, certificates: chain, service };
    let told = soon(scene.writer.call(work)).await.unwrap_err();
    assert_eq!((told.code, told.code.exit()), (Code::AnswerLost, 7), "it may be asked again");
    // The journal is read again, and says what is wrong with it: that is for an operator.
    let end = soon(&mut scene.ended).await.unwrap().unwrap_err();
    assert_eq!(soon(scene.open("22")).await.unwrap_err().code, end.code);
}

#[tokio::test]
async fn whoever_waits_for_a_writer_that_dies_is_told() {
    let mut scene = Scene::new().await;
    let (release, held) = std::sync::mpsc::channel::<()>();
    let hold = Order::Ask(Box::new(move |_| held.recv().unwrap()));
    scene.writer.order(hold).await.unwrap();
    let mut settled = scene.writer.board.settled();
    settled.borrow_and_update();
    let read = scene.writer.call(|ticket| scene.read(ticket));
    let die = async {
        scene.writer.order(Order::Ask(Box::new(|_| panic!("as a test wishes")))).await.unwrap();
        release.send(()).unwrap();
    };
    let (read, ()) = soon(async { tokio::join!(read, die) }).await;
    let told = read.unwrap_err();
    assert_eq!((told.code, told.code.exit()), (Code::NodeUnreachable, 7));
    soon(settled.changed()).await.unwrap();
    assert!(soon(&mut scene.ended).await.is_err());
    assert_eq!(
        soon(scene.writer.call(|ticket| scene.read(ticket))).await.unwrap_err().code,
        Code::NodeUnreachable
    );
}

#[tokio::test]
async fn what_was_handed_over_before_the_stop_is_done_though_it_takes_many_commits() {
    const ACTS: usize = 160;
    let scene = Scene::new().await;
    let (release, held) = std::sync::mpsc::channel::<()>();
    scene.writer.order(Order::Ask(Box::new(move |_| held.recv().unwrap()))).await.unwrap();
    let acts: Vec<_> = (0..ACTS)
        .map(|n| {
            let (writer, act) = (scene.writer.clone(), Box::new(scene.opening(&"x".repeat(50_000))));
            tokio::spawn(
                async move { writer.call(|ticket| Work::Act { ticket, key: n.to_string(), act }).await },
            )
        })
        .collect();
    // Each task of this one thread runs until it waits for its answer, a few at a turn.
    for _ in 0..ACTS {
        tokio::task::yield_now().await;
    }
    scene.writer.order(Order::Stop).await.unwrap();
    release.send(()).unwrap();
    for act in acts {
        assert!(matches!(soon(act).await.unwrap().unwrap(), Answer::Recorded { .. }));
    }
    soon(scene.ended).await.unwrap().unwrap();
}
