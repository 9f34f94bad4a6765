//! A scene for the tests of the desk: agencies over simulated disks, messages handed over without a network.

mod certificates;
mod custody;
mod delivery;
mod documents;
mod export;
mod forks;
mod recovery;
mod refusals;
mod volume;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use ogic_certs::cose::{Signed, Signer};
use ogic_certs::event::{
    Approval, Body, Detail, DocumentRef, FieldValue, HeadAt, Kind, SALT_BYTES, StepCode, StepTimes, Terms,
};
use ogic_certs::evidence::{Judgement, VerifyRequest};
use ogic_certs::testing::{Federation, agency};
use ogic_certs::trust::Trust;
use ogic_certs::verdict::{SubIndication, Verdict};
use ogic_certs::{AgencyId, CaseId, Code, Digest, EventId, Problem, Result, Timestamp};

use super::check::{self, Bag};
use super::*;
use crate::case::service::Service;
use crate::case::{Effect, StepState};
use crate::exchange::message::Message;
use crate::exchange::outbox::ItemState;
use crate::exchange::session::StreamKind;
use crate::log::SimDisk;
use crate::log::disk::{Failure, Op};
use crate::store::MemoryStore;

const START: Timestamp = Timestamp::from_ms_clamped(1_795_576_800_000);
const DAY_MS: u64 = 86_400_000;
const LICENCE: &[u8] = include_bytes!("../../../../config/services/driving-licence.toml");

/// One agency of the scene.
struct Party {
    /// None while its process is dead.
    desk: Option<Desk<SimDisk, MemoryStore>>,
    disk: SimDisk,
    settings: Settings,
    official: Signer,
    /// What each peer's connection has brought.
    bags: HashMap<AgencyId, Bag>,
    replies: HashMap<Ticket, Result<Answer>>,
    to_judge: Vec<(CaseId, EventId)>,
    settled: Vec<EventId>,
    alarms: Vec<Problem>,
}

/// A federation on one table.
struct Scene {
    federation: Federation,
    trust: Arc<Trust>,
    ttp: Signer,
    parties: BTreeMap<&'static str, Party>,
    now: Timestamp,
    random: u64,
    tickets: u64,
    service: Digest,
}

impl Scene {
    /// Transport, the home; health, a performer; labour, who has no business here. All are connected, and the driving
    /// licence is published at transport.
    fn new() -> Self {
        let mut federation = Federation::new(7, START);
        let mut parties = BTreeMap::new();
        for (number, name) in ["transport", "health", "labour"].into_iter().enumerate() {
            let seal = federation.signer(&format!("ogic://{name}.gov.example/seal"));
            let official = federation.signer(&format!("ogic://{name}.gov.example/official/desk-1"));
            let settings = Settings {
                agency: id(name),
                seal,
                origin: ogic_certs::checkpoint::Origin {
                    agency: id(name),
                    log: [number as u8; 16],
                    generation: 1,
                },
                policy: Policy::default(),
                jitter_seed: number as u64,
            };
            let disk = SimDisk::new(number as u64);
            let desk = Desk::open(disk.clone(), MemoryStore::new(), settings.clone(), None).unwrap();
            let party = Party {
                desk: Some(desk),
                disk,
                settings,
                official,
                bags: HashMap::new(),
                replies: HashMap::new(),
                to_judge: Vec::new(),
                settled: Vec::new(),
                alarms: Vec::new(),
            };
            parties.insert(name, party);
        }
        let ttp = federation.signer("ogic://ttp.gov.example/ttp");
        let trust = trust_of(&mut federation);
        let mut scene = Self {
            federation,
            trust,
            ttp,
            parties,
            now: START,
            random: 1,
            tickets: 0,
            service: Digest::ZERO,
        };
        scene.service = scene.publish("transport", LICENCE);
        for (a, b) in [("transport", "health"), ("transport", "labour"), ("health", "labour")] {
            scene.connect(a, b);
        }
        scene
    }

    fn desk(&mut self, name: &str) -> &mut Desk<SimDisk, MemoryStore> {
        self.parties.get_mut(name).unwrap().desk.as_mut().unwrap()
    }

    fn party(&mut self, name: &str) -> &mut Party {
        self.parties.get_mut(name).unwrap()
    }

    fn publish(&mut self, name: &str, text: &[u8]) -> Digest {
        let seal = self.parties[name].settings.seal.clone();
        let signed = Signed::sign(ogic_certs::service::ServiceText::new(text).unwrap(), &seal).unwrap();
        let chain: Vec<_> = seal.chain().cloned().collect();
        let signed = Box::new(self.trust.open(signed, &chain, self.now).unwrap());
        let ticket = self.ticket();
        let certificates = vec![seal.certificate().clone()];
        let service = Box::new(Service::parse(text).unwrap());
        self.desk(name).offer(Work::Service {
            ticket: Some(ticket),
            key: None,
            signed,
            certificates,
            service,
        });
        self.commit(name).unwrap();
        match self.reply(name, ticket) {
            Ok(Answer::Service(digest)) => digest,
            other => panic!("{other:?}"),
        }
    }

    /// Both sides meet and greet; what each had brought on an older connection is gone.
    fn connect(&mut self, a: &'static str, b: &'static str) {
        let now = self.now;
        for (me, peer) in [(a, b), (b, a)] {
            let hello = self.desk(peer).hello(&id(me), 1, now);
            self.party(me).bags.insert(id(peer), Bag::default());
            self.desk(me).disconnected(&id(peer), now);
            self.desk(me).connected(&id(peer), &hello, now);
        }
    }

    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    fn commit(&mut self, name: &str) -> Result<bool> {
        self.now = self.now.plus_ms(1);
        let (now, mut random) = (self.now, self.random);
        let committed = self.desk(name).commit(now, &mut |bytes| fill(&mut random, bytes));
        self.random = random;
        let party = self.party(name);
        while let Some(output) = party.desk.as_mut().unwrap().poll_output() {
            match output {
                Output::Reply(ticket, answer) => drop(party.replies.insert(ticket, answer)),
                Output::Judge { case, event } => party.to_judge.push((case, event)),
                Output::Settled(event) => party.settled.push(event),
                Output::Alarm(problem) => party.alarms.push(problem),
                Output::Wake(_) | Output::NeedService { .. } => {}
            }
        }
        committed
    }

    fn reply(&mut self, name: &str, ticket: Ticket) -> Result<Answer> {
        self.party(name).replies.remove(&ticket).expect("an answer")
    }

    /// Offers, commits and gives the answer.
    fn act(&mut self, name: &str, key: &str, act: &Act) -> Result<Answer> {
        let ticket = self.ticket();
        self.desk(name).offer(Work::Act { ticket, key: key.to_owned(), act: Box::new(act.clone()) });
        // A failed commit answers the caller too.
        drop(self.commit(name));
        self.reply(name, ticket)
    }

    fn read(&mut self, home: &str, who: &str, case: CaseId, grant: Option<EventId>) -> Result<Answer> {
        let ticket = self.ticket();
        let read =
            Read { who: id(who), case, grant, purpose: "a test".to_owned(), wanted: Wanted::History(0) };
        self.desk(home).offer(Work::Read { ticket, read });
        drop(self.commit(home));
        self.reply(home, ticket)
    }

    /// What `from` has for `to`, on its way.
    fn take(&mut self, from: &str, to: &str) -> Vec<(StreamKind, Message)> {
        let now = self.now;
        self.desk(from).poll_messages(&id(to), now, 512)
    }

    /// Gives messages of `from` to `to`, checked but not yet committed. How many there were.
    fn give(&mut self, from: &str, to: &str, messages: &[(StreamKind, Message)]) -> usize {
        let (trust, now) = (self.trust.clone(), self.now);
        let party = self.party(to);
        let bag = party.bags.entry(id(from)).or_default();
        for (_, message) in messages {
            if let Some(work) = check::message(&trust, &id(from), message, bag, now).unwrap() {
                party.desk.as_mut().unwrap().offer(work);
            }
        }
        messages.len()
    }

    fn deliver(&mut self, from: &str, to: &str) -> usize {
        let messages = self.take(from, to);
        self.give(from, to, &messages)
    }

    /// Delivers, commits and judges until nothing moves.
    fn settle(&mut self) {
        loop {
            let mut moved = 0;
            for (from, to) in [
                ("transport", "health"),
                ("health", "transport"),
                ("transport", "labour"),
                ("labour", "transport"),
                ("health", "labour"),
                ("labour", "health"),
            ] {
                moved += self.deliver(from, to);
                self.commit(to).unwrap();
            }
            for name in ["transport", "health", "labour"] {
                for (case, event) in std::mem::take(&mut self.party(name).to_judge) {
                    self.judge(name, case, event);
                    moved += 1;
                }
                self.commit(name).unwrap();
            }
            if moved == 0 {
                return;
            }
        }
    }

    /// The home judges for itself and asks the third party.
    fn judge(&mut self, name: &str, case: CaseId, event: EventId) {
        let (trust, now) = (self.trust.clone(), self.now);
        let desk = self.desk(name);
        let bag: Bag = desk.book().certificates.values().cloned().collect();
        let (_, recorded) = desk.recorded(&case, event).unwrap().unwrap();
        let own = check::judge_event(&trust, &recorded, &bag, now);
        let request = VerifyRequest {
            nonce: [3; 16],
            header: recorded.header.bytes().to_vec(),
            approval: recorded.approval.as_ref().map(|approval| approval.bytes().to_vec()),
            documents: recorded.read_body().unwrap().documents,
            certificates: desk.book().certificates.values().map(|c| c.der().to_vec()).collect(),
        };
        let evidence = Signed::sign(crate::ttp::judge(&request, &id(name), &trust, now), &self.ttp).unwrap();
        let certificates = vec![self.ttp.certificate().clone()];
        let evidence = Box::new(trust.open(evidence, &certificates, now).unwrap());
        let work = Work::Judged { event, case, own, evidence: Some(evidence), certificates };
        self.desk(name).offer(work);
    }

    /// The process dies; with the power, if `power`.
    fn kill(&mut self, name: &str, power: bool) {
        let party = self.party(name);
        party.desk = None;
        if power { party.disk.crash() } else { party.disk.kill() }
    }

    /// Starts it again over `store`, and connects it anew.
    fn start(&mut self, name: &'static str, store: MemoryStore) {
        let party = self.party(name);
        let desk = Desk::open(party.disk.clone(), store, party.settings.clone(), None).unwrap();
        party.desk = Some(desk);
        for peer in ["transport", "health", "labour"] {
            if peer != name && self.parties[peer].desk.is_some() {
                self.connect(name, peer);
            }
        }
        self.commit(name).unwrap();
    }

    // Acts.

    fn open_case(&mut self) -> CaseId {
        let act = self.opening();
        match self.act("transport", "open", &act) {
            Ok(Answer::Recorded { case, .. }) => case,
            other => panic!("{other:?}"),
        }
    }

    fn opening(&mut self) -> Act {
        let detail = Detail::Open { service: self.service, citizen: "citizen-1".to_owned() };
        let body = Body {
            fields: vec![("category".to_owned(), FieldValue::Text("B".to_owned()))],
            documents: vec![document("application")],
            detail,
        };
        self.plain(None, Kind::Open, None, &body)
    }

    fn plain(&mut self, case: Option<CaseId>, kind: Kind, step: Option<&str>, body: &Body) -> Act {
        let mut salt = [0; SALT_BYTES];
        fill(&mut self.random, &mut salt);
        Act {
            case,
            kind,
            step: step.map(str::to_owned),
            code: 0,
            body: body.to_blob(&salt),
            approval: None,
            certificates: Vec::new(),
            created: self.now,
            times: StepTimes::default(),
            head: None,
        }
    }

    fn note(&mut self, case: CaseId, step: &str, text: &str) -> Act {
        let fields = vec![("text".to_owned(), FieldValue::Text(text.to_owned()))];
        let body = Body { fields, ..Body::of(Detail::None) };
        self.plain(Some(case), Kind::Note, Some(step), &body)
    }

    /// The medical examination, approved by the official of `who`.
    fn medical(&mut self, who: &str, case: CaseId) -> Act {
        let body = Body {
            fields: vec![("fit".to_owned(), FieldValue::Bool(true))],
            documents: vec![document("medical-certificate")],
            detail: Detail::None,
        };
        let act = self.plain(Some(case), Kind::Step, Some("medical"), &body);
        self.approved(who, Act { code: StepCode::Done.number(), ..act })
    }

    fn approved(&mut self, who: &str, mut act: Act) -> Act {
        let official = self.parties[who].official.clone();
        let approval = Approval {
            case: act.case,
            kind: act.kind,
            step: act.step.clone(),
            commitment: Digest::of(&act.body),
        };
        let signed = Signed::sign(approval, &official).unwrap();
        let bag: Bag = official.chain().cloned().collect();
        let judged = check::approval(&self.trust, &id(who), signed.bytes(), &bag, self.now).unwrap();
        act.approval = Some(judged);
        act.certificates = vec![official.certificate().clone()];
        act
    }

    fn terms(&self, grantee: &str) -> Terms {
        Terms {
            grantee: id(grantee),
            read: true,
            steps: vec!["medical".to_owned()],
            purpose: "medical examination".to_owned(),
            ground: "a law".to_owned(),
            performer: "policlinic".to_owned(),
            deadline: None,
            expires: self.now.plus_ms(30 * DAY_MS),
        }
    }

    fn share(&mut self, case: CaseId, terms: Terms) -> Result<EventId> {
        let act = self.plain(Some(case), Kind::Share, None, &Body::of(Detail::Share(terms)));
        let key = format!("share {}", self.tickets);
        self.act("transport", &key, &act).map(|answer| event_of(&answer))
    }

    fn unshare(&mut self, case: CaseId, grant: EventId) {
        let detail = Detail::Unshare { grant, reason: "no longer needed".to_owned() };
        let act = self.plain(Some(case), Kind::Unshare, None, &Body::of(detail));
        self.act("transport", "unshare", &act).unwrap();
    }

    /// A case that health holds a reference to.
    fn shared_case(&mut self) -> (CaseId, EventId) {
        let case = self.open_case();
        let terms = self.terms("health");
        let grant = self.share(case, terms).unwrap();
        self.settle();
        (case, grant)
    }

    /// How a message of `who` stands.
    fn sent(&mut self, who: &str, event: EventId) -> SentState {
        self.desk(who).book().sent[&event.0].state.clone()
    }

    /// The events of transport's case in their order.
    fn history(&mut self, case: CaseId) -> Vec<EventId> {
        let records = self.desk("transport").history(&case, 0, 1000).unwrap();
        records.iter().map(|(_, fact)| fact.record.event).collect()
    }
}

fn trust_of(federation: &mut Federation) -> Arc<Trust> {
    let (registry, crl) = (federation.registry(), federation.crl());
    Arc::new(Trust::new(registry.into(), vec![crl], federation.pin()).unwrap())
}

fn id(name: &str) -> AgencyId {
    agency(&format!("{name}.gov.example"))
}

fn event_of(answer: &Answer) -> EventId {
    match answer {
        Answer::Recorded { event, .. } | Answer::Sent { event, .. } => *event,
        other => panic!("{other:?}"),
    }
}

fn document(label: &str) -> DocumentRef {
    DocumentRef {
        sha256: Digest::of(label.as_bytes()),
        root: Digest::of(b"root"),
        bytes: 4,
        label: label.to_owned(),
        media_type: "application/pdf".to_owned(),
    }
}

fn fill(random: &mut u64, bytes: &mut [u8]) {
    for chunk in bytes.chunks_mut(8) {
        *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        chunk.copy_from_slice(&random.to_be_bytes()[..chunk.len()]);
    }
}
