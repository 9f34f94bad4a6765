//! A scene for the tests of the case: one driving-licence case at `transport`, played record by record.

mod decided;
mod folded;
mod random;
mod rights;

use ogic_certs::cbor::{self, Value};
use ogic_certs::cose::{Kind as Envelope, Payload};
use ogic_certs::event::{Body, Detail, DocumentRef, FieldValue, HeadAt, Header, Kind, StepTimes, Terms};
use ogic_certs::evidence::{Evidence, Judgement};
use ogic_certs::record::Record;
use ogic_certs::verdict::{SubIndication, Verdict};
use ogic_certs::{AgencyId, CaseId, Code, Digest, EventId, Result, Role, Timestamp};

use super::decide::{Act, decide};
use super::fold::{Applied, Entry, Replay};
use super::model::Case;
use super::policy::Policy;
use super::service::Service;

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 86_400_000;

fn agency(short: &str) -> AgencyId {
    AgencyId::parse(&format!("{short}.gov.example"), "agency").unwrap()
}

fn home() -> AgencyId {
    agency("transport")
}

fn health() -> AgencyId {
    agency("health")
}

fn licence() -> Service {
    Service::parse(include_bytes!("../../../../config/services/driving-licence.toml")).unwrap()
}

/// 2026-11-23, a Monday, at nine.
fn monday() -> Timestamp {
    Timestamp::from_ms_clamped(1_795_392_000_000 + 9 * 60 * MINUTE_MS)
}

fn failed() -> Judgement {
    Judgement {
        verdict: Verdict::TotalFailed,
        sub: Some(SubIndication::Revoked),
        code: Some(Code::CertificateRevoked),
    }
}

fn undecided() -> Judgement {
    Judgement {
        verdict: Verdict::Indeterminate,
        sub: Some(SubIndication::TryLater),
        code: Some(Code::RevocationStale),
    }
}

/// An event to come, as the author puts it together.
#[derive(Clone)]
struct Draft {
    author: AgencyId,
    header: Header,
    body: Body,
    verdict: Option<Judgement>,
}

impl Draft {
    fn approved(mut self) -> Self {
        self.header.approval = Some(Digest::of(b"approval"));
        self.verdict = Some(Judgement::PASSED);
        self
    }

    fn with_document(mut self, label: &str) -> Self {
        self.body.documents.push(DocumentRef {
            sha256: Digest::of(label.as_bytes()),
            root: Digest::of(b"root"),
            bytes: 4,
            label: label.to_owned(),
            media_type: "application/pdf".to_owned(),
        });
        self
    }

    fn with_field(mut self, name: &str, value: FieldValue) -> Self {
        self.body.fields.push((name.to_owned(), value));
        self
    }

    fn with_code(mut self, code: u64) -> Self {
        self.header.code = code;
        self
    }

    fn with_detail(mut self, detail: Detail) -> Self {
        self.body.detail = detail;
        self
    }

    fn terms(&mut self) -> &mut Terms {
        match &mut self.body.detail {
            Detail::Share(terms) => terms,
            other => panic!("no share: {other:?}"),
        }
    }

    fn act(&self, event: EventId) -> Act<'_> {
        Act {
            author: &self.author,
            event,
            header: &self.header,
            body: &self.body,
            approval: self.verdict.as_ref(),
        }
    }
}

/// One line of the history.
#[derive(Clone)]
struct Line {
    record: Record,
    draft: Draft,
}

impl Line {
    fn entry(&self) -> Entry<'_> {
        let Draft { author, header, body, .. } = &self.draft;
        Entry { record: &self.record, author, header, body }
    }
}

/// A case with its history so far. Each record comes a minute after the one before.
struct Scene {
    case: Case,
    policy: Policy,
    now: Timestamp,
    history: Vec<Line>,
}

impl Scene {
    /// The case is open and the application done.
    fn open() -> Self {
        let opening = opening();
        let event = EventId(Digest::of(b"opening"));
        let record =
            Record { case: CaseId::opened_by(event), seq: 0, prev: Digest::ZERO, received: monday(), event };
        let case = Case::open(&record, &home(), &opening.header, &opening.body, &licence()).unwrap();
        let history = vec![Line { record, draft: opening }];
        Self { case, policy: Policy::default(), now: monday().plus_ms(MINUTE_MS), history }
    }

    /// And the medical step is handed to `health`.
    fn shared() -> (Self, EventId) {
        let mut scene = Self::open();
        let grant = scene.add_held(scene.share(&health()));
        (scene, grant)
    }

    /// And `health` has sent its certificate, which is pending.
    fn waiting() -> (Self, EventId, EventId) {
        let (mut scene, grant) = Self::shared();
        let (event, applied) = scene.add(scene.medical(grant));
        assert_eq!(applied.effect.as_str(), "pending");
        (scene, grant, event)
    }

    /// And the evidence has come; the decision is open.
    fn judged() -> (Self, EventId) {
        let (mut scene, grant, event) = Self::waiting();
        scene.add_held(scene.evidence(event, &Judgement::PASSED, Some(&Judgement::PASSED)));
        (scene, grant)
    }

    /// And the decision is made.
    fn decided() -> (Self, EventId) {
        let (mut scene, grant) = Self::judged();
        scene.add_held(scene.draft(&home(), Kind::Step, Some("decision")).with_code(1).approved());
        (scene, grant)
    }

    fn draft(&self, author: &AgencyId, kind: Kind, step: Option<&str>) -> Draft {
        let header = Header {
            case: Some(self.case.id),
            head: Some(self.case.head),
            kind,
            step: step.map(str::to_owned),
            created: self.now,
            body_bytes: 100,
            commitment: Digest::of(b"body"),
            approval: None,
            grant: None,
            code: 0,
            times: StepTimes::default(),
        };
        Draft { author: author.clone(), header, body: Body::of(Detail::None), verdict: None }
    }

    fn share(&self, grantee: &AgencyId) -> Draft {
        let terms = Terms {
            grantee: grantee.clone(),
            read: true,
            steps: vec!["medical".to_owned()],
            purpose: "medical examination".to_owned(),
            ground: "road safety act, section 23".to_owned(),
            performer: "clinic 1".to_owned(),
            deadline: None,
            expires: self.now.plus_ms(30 * DAY_MS),
        };
        self.draft(&home(), Kind::Share, None).with_detail(Detail::Share(terms))
    }

    fn unshare(&self, grant: EventId) -> Draft {
        let detail = Detail::Unshare { grant, reason: "no longer needed".to_owned() };
        self.draft(&home(), Kind::Unshare, None).with_detail(detail)
    }

    /// The work of `health`, complete.
    fn medical(&self, grant: EventId) -> Draft {
        let mut draft = self.draft(&health(), Kind::Step, Some("medical")).with_code(1).approved();
        draft.header.grant = Some(grant);
        draft.with_field("fit", FieldValue::Bool(true)).with_document("medical-certificate")
    }

    fn note(&self, grant: EventId) -> Draft {
        let mut draft = self.draft(&health(), Kind::Note, None);
        draft.header.grant = Some(grant);
        draft
    }

    fn evidence(&self, event: EventId, own: &Judgement, ttp: Option<&Judgement>) -> Draft {
        let approval = self.case.pending(&event).and_then(|pending| pending.approval);
        let evidence = ttp.map(|judgement| evidence_bytes(event, approval, &health(), judgement));
        let detail = Detail::Evidence { event, own: own.clone(), evidence };
        self.draft(&home(), Kind::Evidence, None).with_detail(detail)
    }

    fn close(&self, outcome: u64) -> Draft {
        let detail = Detail::Close { reason: "decided".to_owned() };
        self.draft(&home(), Kind::Close, None).with_code(outcome).with_detail(detail)
    }

    fn decide(&self, draft: &Draft) -> Result<()> {
        decide(&self.case, &draft.act(self.next_event()), self.now, &self.policy)
    }

    fn next_event(&self) -> EventId {
        EventId(Digest::of(&self.case.records.to_be_bytes()))
    }

    /// Records the event, whatever `decide` says: the fold must cope.
    fn add(&mut self, draft: Draft) -> (EventId, Applied) {
        let record = Record {
            case: self.case.id,
            seq: self.case.records,
            prev: self.case.head.record,
            received: self.now,
            event: self.next_event(),
        };
        let line = Line { record, draft };
        let entry = line.entry();
        let applied =
            self.case.advance(&record, entry.author, entry.header, entry.body, &self.policy).unwrap();
        assert_eq!(self.case.head, HeadAt { seq: record.seq, record: record.digest() });
        self.history.push(line);
        self.now = self.now.plus_ms(MINUTE_MS);
        (record.event, applied)
    }

    fn add_held(&mut self, draft: Draft) -> EventId {
        self.decide(&draft).unwrap();
        let (event, applied) = self.add(draft);
        assert_eq!(applied.effect.as_str(), "held");
        event
    }

    /// The history folded anew.
    fn replay(&self) -> Replay {
        let (first, rest) = self.history.split_first().unwrap();
        let mut replay = Replay::open(&first.entry(), &licence()).unwrap();
        for line in rest {
            replay.push(&line.entry(), &self.policy).unwrap();
        }
        replay
    }

    fn state(&self, step: &str) -> &'static str {
        self.case.step(step).unwrap().state.as_str()
    }
}

/// The opening event of the case, complete.
fn opening() -> Draft {
    let header = Header {
        case: None,
        head: None,
        kind: Kind::Open,
        step: None,
        created: monday(),
        body_bytes: 100,
        commitment: Digest::of(b"body"),
        approval: None,
        grant: None,
        code: 0,
        times: StepTimes::default(),
    };
    let detail = Detail::Open { service: Digest::of(b"service"), citizen: "citizen-1".to_owned() };
    Draft { author: home(), header, body: Body::of(detail), verdict: None }
        .approved()
        .with_field("category", FieldValue::Text("B".to_owned()))
        .with_document("application")
}

/// Evidence as the fold reads it: its form is right, and nobody signed it, which the fold does not ask.
fn evidence_bytes(
    event: EventId,
    approval: Option<Digest>,
    for_agency: &AgencyId,
    judgement: &Judgement,
) -> Vec<u8> {
    let evidence = Evidence {
        requester: home(),
        nonce: [7; 16],
        event,
        approval,
        at: monday(),
        time_source: "clock".to_owned(),
        policy: Digest::of(b"policy"),
        mandate: Some((for_agency.clone(), Role::Official("doctor-1".to_owned()))),
        judgement: judgement.clone(),
        checks: Vec::new(),
        inputs: Vec::new(),
    };
    let x5t = Value::Array(vec![Value::Nint(-16), Digest::of(b"certificate").into()]);
    let protected = cbor::encode(&cbor::map([
        (1, Value::Nint(-8)),
        (3, Envelope::Evidence.content_type().into()),
        (34, x5t),
    ]));
    let sign1 = Value::Array(vec![
        protected.as_slice().into(),
        Value::Map(Vec::new()),
        evidence.encode().as_slice().into(),
        [0_u8; 64].as_slice().into(),
    ]);
    [&[0xd2], cbor::encode(&sign1).as_slice()].concat()
}
