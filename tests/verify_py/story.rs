//! One case of transport's, told from one seed in the in-memory federation: everything that a capsule can hold, and a
//! place to bend each part of it before it is signed.

use ogic_certs::capsule::Builder;
use std::sync::Arc;

use ogic_certs::certificate::Certificate;
use ogic_certs::checkpoint::{Checkpoint, HeadsTree, Origin};
use ogic_certs::cose::{Signed, Signer};
use ogic_certs::crl::Crl;
use ogic_certs::custody::CustodyNotice;
use ogic_certs::event::{
    Approval, Body, Detail, DocumentRef, Event, FieldValue, HeadAt, Header, Kind, StepTimes, Terms,
};
use ogic_certs::evidence::{Evidence, Judgement, VerifyRequest};
use ogic_certs::extract::Extract;
use ogic_certs::merkle::{Tree, leaf_hash};
use ogic_certs::receipt::ReceiptFrame;
use ogic_certs::record::{AccessLeaf, HeadLeaf, Leaf, NoticeLeaf, Record};
use ogic_certs::registry::{Pin, Registry};
use ogic_certs::service::ServiceText;
use ogic_certs::testing::{Federation, agency};
use ogic_certs::trust::Trust;
use ogic_certs::verdict::{SubIndication, Verdict};
use ogic_certs::{CaseId, Code, Digest, Timestamp};

/// 2026-11-25T03:20:03.000Z, when the capsule is made and judged.
pub(crate) const NOW: Timestamp = Timestamp::from_ms_clamped(1_795_576_803_000);
pub(crate) const MINUTE_MS: u64 = 60_000;
pub(crate) const DAY_MS: u64 = 86_400_000;

pub(crate) const HOME: &str = "transport.gov.example";
pub(crate) const SERVICE: &str = include_str!("../../config/services/driving-licence.toml");
const DOCUMENT: &[u8] = b"%PDF-1.7 a medical certificate";
const APPLICATION: &[u8] = b"%PDF-1.7 an application";

/// The signers of a story, and what happened so far.
pub(crate) struct Story {
    pub(crate) federation: Federation,
    pub(crate) seal: Signer,
    pub(crate) official: Signer,
    pub(crate) health: Signer,
    pub(crate) physician: Signer,
    pub(crate) dismissed: Signer,
    pub(crate) ttp: Signer,
    pub(crate) registry: Signed<Registry>,
    pub(crate) crl: Crl,
    pub(crate) pin: Pin,
    pub(crate) service: Signed<ServiceText>,
    pub(crate) told: Vec<(Record, Event)>,
    /// The grant that health acts under.
    pub(crate) grant: Option<ogic_certs::EventId>,
    pub(crate) documents: Vec<Vec<u8>>,
    /// Certificates besides the signers' own.
    pub(crate) authorities: Vec<Certificate>,
    pub(crate) withheld: Vec<(usize, bool)>,
    clock: Timestamp,
}

/// What an event's author decides.
pub(crate) struct Act<'a> {
    pub(crate) seal: &'a Signer,
    pub(crate) official: Option<&'a Signer>,
    pub(crate) kind: Kind,
    pub(crate) step: Option<&'a str>,
    pub(crate) code: u64,
    pub(crate) body: Body,
}

impl Story {
    /// A federation of which nothing is told yet.
    pub(crate) fn new(seed: u64) -> Self {
        let mut federation = Federation::new(seed, NOW);
        let seal = federation.signer("ogic://transport.gov.example/seal");
        let official = federation.signer("ogic://transport.gov.example/official/licensing-1");
        let health = federation.signer("ogic://health.gov.example/seal");
        let physician = federation.signer("ogic://health.gov.example/official/physician-1");
        let dismissed = federation.signer("ogic://health.gov.example/official/physician-2");
        let ttp = federation.signer("ogic://ttp.gov.example/ttp");
        federation.revoke(dismissed.certificate(), NOW.minus_ms(2 * 60 * MINUTE_MS));
        let (registry, crl, pin) = (federation.registry(), federation.crl(), federation.pin());
        let service = Signed::sign(ServiceText::new(SERVICE).unwrap(), &seal).unwrap();
        Self {
            federation,
            seal,
            official,
            health,
            physician,
            dismissed,
            ttp,
            registry,
            crl,
            pin,
            service,
            told: Vec::new(),
            grant: None,
            documents: vec![DOCUMENT.to_vec(), APPLICATION.to_vec()],
            authorities: Vec::new(),
            withheld: Vec::new(),
            clock: NOW.minus_ms(60 * MINUTE_MS),
        }
    }

    /// The history whole: opened, shared, done by health and judged, a note by a dismissed official without effect, unshared,
    /// decided, closed.
    pub(crate) fn whole() -> Self {
        let mut story = Self::new(9162);
        story.opens(|_| {});
        story.shares(|_| {});
        story.medical(|_| {});
        story.judged(2, Judgement::PASSED, |_| {});
        let dismissed = story.dismissed.clone();
        story.noted(Some(&dismissed));
        story.judged(4, failed(), |_| {});
        story.unshares();
        story.decides();
        story.closes(1);
        story
    }

    /// Another federation, of which the first knows nothing.
    pub(crate) fn elsewhere() -> Self {
        Self::new(77)
    }

    pub(crate) fn opens(&mut self, edit: impl FnOnce(&mut Header)) {
        let detail = Detail::Open { service: self.service.digest(), citizen: "c-7f3a91".to_owned() };
        let body = Body {
            fields: vec![("category".to_owned(), FieldValue::Text("B".to_owned()))],
            documents: vec![document_of(APPLICATION, "application")],
            detail,
        };
        let (seal, official) = (self.seal.clone(), self.official.clone());
        let act = Act { seal: &seal, official: Some(&official), kind: Kind::Open, step: None, code: 0, body };
        self.tell(act, edit);
    }

    pub(crate) fn shares(&mut self, edit: impl FnOnce(&mut Terms)) {
        let mut terms = Terms {
            grantee: agency("health.gov.example"),
            read: true,
            steps: vec!["medical".to_owned()],
            purpose: "medical examination of the applicant".to_owned(),
            ground: "Road Safety Act, article 23".to_owned(),
            performer: "physicians".to_owned(),
            deadline: Some(NOW.plus_ms(10 * DAY_MS)),
            expires: NOW.plus_ms(30 * DAY_MS),
        };
        edit(&mut terms);
        self.at_home(Kind::Share, Body::of(Detail::Share(terms)));
        self.grant = self.told.last().map(|(record, _)| record.event);
    }

    pub(crate) fn medical(&mut self, edit: impl FnOnce(&mut Header)) {
        let body = Body {
            fields: vec![("fit".to_owned(), FieldValue::Bool(true))],
            documents: vec![document_of(DOCUMENT, "medical-certificate")],
            detail: Detail::None,
        };
        let (seal, physician, grant) = (self.health.clone(), self.physician.clone(), self.grant);
        let act = Act {
            seal: &seal,
            official: Some(&physician),
            kind: Kind::Step,
            step: Some("medical"),
            code: 1,
            body,
        };
        self.tell(act, |header| {
            header.grant = grant;
            edit(header);
        });
    }

    /// Health's note, with an official's approval or none.
    pub(crate) fn noted(&mut self, official: Option<&Signer>) {
        let (seal, grant) = (self.health.clone(), self.grant);
        let act = Act {
            seal: &seal,
            official,
            kind: Kind::Note,
            step: Some("medical"),
            code: 0,
            body: Body::of(Detail::None),
        };
        self.tell(act, |header| header.grant = grant);
    }

    /// The third party's evidence about the record `nth`, recorded by the home.
    pub(crate) fn judged(&mut self, nth: usize, judgement: Judgement, edit: impl FnOnce(&mut Evidence)) {
        let evidence = self.evidence(nth, judgement.clone(), edit);
        let evidence = Signed::sign(evidence, &self.ttp).unwrap();
        self.settles(nth, judgement, Some(evidence.bytes().to_vec()));
    }

    pub(crate) fn evidence(
        &self,
        nth: usize,
        judgement: Judgement,
        edit: impl FnOnce(&mut Evidence),
    ) -> Evidence {
        let (_, event) = &self.told[nth];
        let request = VerifyRequest {
            nonce: random("nonce", nth)[..16].try_into().unwrap(),
            header: event.header.bytes().to_vec(),
            approval: event.approval.as_ref().map(|approval| approval.bytes().to_vec()),
            documents: event.read_body().unwrap().documents,
            certificates: self.signers().map(|signer| signer.certificate().der().to_vec()).collect(),
        };
        let trust =
            Trust::new(Arc::new(self.registry.clone()), vec![self.crl.clone()], self.pin.clone()).unwrap();
        let mut evidence = ogic_node::ttp::judge(&request, &agency(HOME), &trust, self.clock);
        if evidence.judgement.verdict != judgement.verdict {
            evidence.judgement = judgement;
        }
        edit(&mut evidence);
        evidence
    }

    pub(crate) fn settles(&mut self, nth: usize, own: Judgement, evidence: Option<Vec<u8>>) {
        let event = self.told[nth].0.event;
        self.at_home(Kind::Evidence, Body::of(Detail::Evidence { event, own, evidence }));
    }

    pub(crate) fn unshares(&mut self) {
        let grant = self.grant.unwrap();
        let reason = "the examination is done".to_owned();
        self.at_home(Kind::Unshare, Body::of(Detail::Unshare { grant, reason }));
    }

    pub(crate) fn decides(&mut self) {
        let (seal, official) = (self.seal.clone(), self.official.clone());
        let body = Body {
            fields: vec![("licence".to_owned(), FieldValue::Text("99 12 345678".to_owned()))],
            ..Body::of(Detail::None)
        };
        let (kind, step) = (Kind::Step, Some("decision"));
        self.tell(Act { seal: &seal, official: Some(&official), kind, step, code: 1, body }, |_| {});
    }

    pub(crate) fn closes(&mut self, outcome: u64) {
        let (seal, body) =
            (self.seal.clone(), Body::of(Detail::Close { reason: "all steps are done".to_owned() }));
        let act = Act { seal: &seal, official: None, kind: Kind::Close, step: None, code: outcome, body };
        self.tell(act, |_| {});
    }

    /// The home offers the case to health.
    pub(crate) fn offers(&mut self) {
        let terms = Terms {
            grantee: agency("health.gov.example"),
            read: true,
            steps: Vec::new(),
            purpose: "the applicant has moved".to_owned(),
            ground: "Road Safety Act, article 23".to_owned(),
            performer: "service centre".to_owned(),
            deadline: None,
            expires: NOW.plus_ms(30 * DAY_MS),
        };
        self.at_home(Kind::Offer, Body::of(Detail::Offer(terms)));
        self.grant = self.told.last().map(|(record, _)| record.event);
    }

    /// Health's part in a change of the home.
    pub(crate) fn answers(&mut self, kind: Kind, detail: Detail, grant: Option<ogic_certs::EventId>) {
        let seal = self.health.clone();
        let body = Body::of(detail);
        let act = Act { seal: &seal, official: None, kind, step: None, code: 0, body };
        self.tell(act, |header| header.grant = grant);
    }

    pub(crate) fn accepts(&mut self) {
        self.answers(Kind::Accept, Detail::None, self.grant);
    }

    pub(crate) fn releases(&mut self) {
        let (offer, accept) = (self.grant.unwrap(), self.told.last().unwrap().0.event);
        let to = agency("health.gov.example");
        self.at_home(Kind::Release, Body::of(Detail::Release { to, offer, accept }));
    }

    /// The notice of the release that was told last.
    pub(crate) fn notice(&self, edit: impl FnOnce(&mut CustodyNotice), seal: &Signer) -> Vec<u8> {
        let [.., (accepted, _), (released, release)] = self.told.as_slice() else { panic!("no release") };
        let told_to = agency("health.gov.example");
        let opening = self.told[0].1.header.bytes().to_vec();
        let records = vec![*accepted, *released];
        let mut notice = CustodyNotice::of(release, records, opening, told_to, self.clock);
        edit(&mut notice);
        Signed::sign(notice, seal).unwrap().bytes().to_vec()
    }

    pub(crate) fn takes(&mut self, release: Vec<u8>) {
        self.answers(Kind::Taken, Detail::Taken { from: agency(HOME), release }, None);
    }

    /// The capsule that health makes of a case that it took.
    pub(crate) fn capsule_of_health(&self) -> Vec<u8> {
        let proven = self.proof(|proof| {
            proof.seal = self.health.clone();
            proof.origin.agency = agency("health.gov.example");
        });
        self.capsule_with(&proven, |capsule| {
            capsule.seal = self.health.clone();
            capsule.home = "health.gov.example".to_owned();
        })
    }

    pub(crate) fn at_home(&mut self, kind: Kind, body: Body) {
        let seal = self.seal.clone();
        self.tell(Act { seal: &seal, official: None, kind, step: None, code: 0, body }, |_| {});
    }

    /// Seals an event and gives it its record, a minute after the last one.
    pub(crate) fn tell(&mut self, act: Act<'_>, edit: impl FnOnce(&mut Header)) {
        let nth = self.told.len();
        self.clock = self.clock.plus_ms(MINUTE_MS);
        let before = self.told.last().map(|(record, _)| *record);
        let blob = act.body.to_blob(&random("salt", nth));
        let mut header = Header {
            case: before.map(|record| record.case),
            head: before.map(|record| HeadAt { seq: record.seq, record: record.digest() }),
            kind: act.kind,
            step: act.step.map(str::to_owned),
            created: self.clock,
            body_bytes: blob.len() as u64,
            commitment: Digest::of(&blob),
            approval: None,
            grant: None,
            code: act.code,
            times: StepTimes::default(),
        };
        edit(&mut header);
        let approval = act.official.map(|official| {
            let (case, kind, step, commitment) =
                (header.case, header.kind, header.step.clone(), header.commitment);
            Signed::sign(Approval { case, kind, step, commitment }, official).unwrap()
        });
        header.approval = header.approval.or_else(|| approval.as_ref().map(Signed::digest));
        let event = Event { header: Signed::sign(header, act.seal).unwrap(), body: blob, approval };
        let case = before.map_or_else(|| event.case(), |record| record.case);
        let prev = before.map_or(Digest::ZERO, |record| record.digest());
        let record = Record { case, seq: nth as u64, prev, received: self.clock, event: event.id() };
        self.told.push((record, event));
    }

    pub(crate) fn case(&self) -> CaseId {
        self.told[0].0.case
    }

    /// The home's log as it stands: a look and a notice among the records. The places of the records in it.
    pub(crate) fn log(&self) -> (Vec<Leaf>, Vec<u64>) {
        let (case, at) = (self.case(), NOW);
        let mut leaves = vec![Leaf::Notice(NoticeLeaf { digest: Digest::of(b"a notice"), received: at })];
        let mut places = Vec::new();
        for (nth, (record, _)) in self.told.iter().enumerate() {
            if nth % 3 == 1 {
                leaves.push(Leaf::Access(AccessLeaf { case, at, commitment: Digest::of(b"a look") }));
            }
            places.push(leaves.len() as u64);
            leaves.push(Leaf::Record(*record));
        }
        (leaves, places)
    }

    /// A checkpoint of the log, and receipts under it.
    pub(crate) fn proof(&self, edit: impl FnOnce(&mut Proof)) -> Proven {
        let (leaves, places) = self.log();
        let last = self.told.last().unwrap().0;
        let head = HeadLeaf {
            case: last.case,
            seq: last.seq,
            record: last.digest(),
            index: *places.last().unwrap(),
        };
        let other = HeadLeaf { case: CaseId(Digest::of(b"another case")), seq: 4, ..head };
        let origin = Origin { agency: agency(HOME), log: [7; 16], generation: 1 };
        let mut proof = Proof { leaves, places, heads: vec![head, other], origin, seal: self.seal.clone() };
        edit(&mut proof);
        let tree: Tree = proof.leaves.iter().map(Leaf::digest).collect();
        let case = proof.heads[0].case;
        let heads = HeadsTree::new(proof.heads).unwrap();
        let checkpoint =
            Checkpoint { origin: proof.origin, size: tree.size(), root: tree.root(), heads: heads.heads() };
        let checkpoint = Signed::sign(checkpoint, &proof.seal).unwrap();
        Proven { tree, heads, checkpoint, leaves: proof.leaves, places: proof.places, case }
    }

    /// The capsule of the story.
    pub(crate) fn capsule(&self) -> Vec<u8> {
        self.capsule_with(&self.proof(|_| {}), |_| {})
    }

    pub(crate) fn capsule_with(&self, proven: &Proven, edit: impl FnOnce(&mut Capsule)) -> Vec<u8> {
        let half = proven.places.len() / 2;
        let mut capsule = Capsule {
            case: self.case(),
            home: HOME.to_owned(),
            at: NOW,
            seal: self.seal.clone(),
            service: self.service.bytes().to_vec(),
            crls: vec![self.crl.clone()],
            registry: self.registry.clone(),
            receipts: [&proven.places[..half], &proven.places[half..]]
                .into_iter()
                .filter(|places| !places.is_empty())
                .map(|places| proven.receipt(places))
                .collect(),
            documents: self.documents.iter().filter(|one| self.brings(one)).cloned().collect(),
            carried: self.signers().map(|signer| signer.certificate().clone()).collect(),
        };
        edit(&mut capsule);
        let mut builder = Builder::new(capsule.case, agency(&capsule.home), &capsule.service);
        capsule.carried.iter().chain(&self.authorities).for_each(|one| builder.certificate(one));
        capsule.crls.iter().for_each(|crl| builder.crl(crl));
        builder.registry(&capsule.registry);
        for (nth, (record, event)) in self.told.iter().enumerate() {
            let body = Some(event.body.as_slice()).filter(|_| !self.withheld.contains(&(nth, true)));
            let approval = event.approval.as_ref().map(Signed::bytes);
            let approval = approval.filter(|_| !self.withheld.contains(&(nth, false)));
            builder.record(record, event.header.bytes(), body, approval);
        }
        capsule.receipts.iter().for_each(|receipt| builder.receipts(receipt));
        capsule.documents.into_iter().for_each(|document| builder.document(document));
        builder.finish(capsule.at, &capsule.seal).unwrap()
    }

    fn brings(&self, document: &[u8]) -> bool {
        let bodies = self.told.iter().filter_map(|(_, event)| event.read_body().ok());
        bodies.flat_map(|body| body.documents).any(|named| named.sha256 == Digest::of(document))
    }

    fn signers(&self) -> impl Iterator<Item = &Signer> {
        [&self.seal, &self.official, &self.health, &self.physician, &self.dismissed, &self.ttp].into_iter()
    }

    /// The object with what a stranger needs to judge it.
    pub(crate) fn extract(&self, object: &[u8]) -> Vec<u8> {
        let certificates: Vec<_> = self.signers().map(Signer::certificate).collect();
        Extract::new(object.to_vec(), certificates, [&self.crl]).encode().unwrap()
    }

    /// The certificates of all signers, PEM.
    pub(crate) fn certificates(&self) -> String {
        self.signers().map(|signer| signer.certificate().to_pem()).collect()
    }
}

/// What a checkpoint is made of.
pub(crate) struct Proof {
    pub(crate) leaves: Vec<Leaf>,
    pub(crate) places: Vec<u64>,
    pub(crate) heads: Vec<HeadLeaf>,
    pub(crate) origin: Origin,
    pub(crate) seal: Signer,
}

pub(crate) struct Proven {
    tree: Tree,
    heads: HeadsTree,
    pub(crate) checkpoint: Signed<Checkpoint>,
    leaves: Vec<Leaf>,
    pub(crate) places: Vec<u64>,
    /// Whose head receipts show.
    case: CaseId,
}

impl Proven {
    /// The receipt frame that shows these leaves, and the head of their case.
    pub(crate) fn receipt(&self, places: &[u64]) -> Vec<u8> {
        let shown: Vec<_> = places.iter().map(|place| (*place, self.leaves[*place as usize])).collect();
        let signed = self.checkpoint.bytes().to_vec();
        ReceiptFrame::build(&self.tree, self.tree.size(), signed, shown, &self.heads, &[self.case])
            .unwrap()
            .encode()
    }
}

/// What a capsule is made of besides its records.
pub(crate) struct Capsule {
    pub(crate) case: CaseId,
    pub(crate) home: String,
    pub(crate) at: Timestamp,
    pub(crate) seal: Signer,
    pub(crate) service: Vec<u8>,
    pub(crate) crls: Vec<Crl>,
    pub(crate) registry: Signed<Registry>,
    pub(crate) receipts: Vec<Vec<u8>>,
    pub(crate) documents: Vec<Vec<u8>>,
    pub(crate) carried: Vec<Certificate>,
}

pub(crate) fn failed() -> Judgement {
    Judgement {
        verdict: Verdict::TotalFailed,
        sub: Some(SubIndication::Revoked),
        code: Some(Code::CertificateRevoked),
    }
}

pub(crate) fn undecided() -> Judgement {
    Judgement {
        verdict: Verdict::Indeterminate,
        sub: Some(SubIndication::TryLater),
        code: Some(Code::TrustUndecidable),
    }
}

fn document_of(content: &[u8], label: &str) -> DocumentRef {
    DocumentRef {
        sha256: Digest::of(content),
        root: leaf_hash(content),
        bytes: content.len() as u64,
        label: label.to_owned(),
        media_type: "application/pdf".to_owned(),
    }
}

/// Thirty-two bytes that stand for random ones.
fn random(what: &str, nth: usize) -> [u8; 32] {
    *Digest::of_parts(&[b"verifiers ", what.as_bytes(), &nth.to_be_bytes()]).as_bytes()
}
