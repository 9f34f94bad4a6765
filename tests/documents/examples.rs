//! The examples of PROTOCOL.md: one case between two agencies, told from one seed, so that every byte can be made again.

use std::sync::LazyLock;

use data_encoding::HEXLOWER;
use ogic_certs::announcement::Announcement;
use ogic_certs::cbor::{self, Limits};
use ogic_certs::certificate::Certificate;
use ogic_certs::checkpoint::{Checkpoint, HeadsTree, Origin};
use ogic_certs::cose::{Payload, Signed, Signer};
use ogic_certs::event::{
    Approval, Body, Detail, DocumentRef, Event, FieldValue, HeadAt, Header, Kind, SALT_BYTES, StepTimes,
    Terms,
};
use ogic_certs::evidence::{Check, Evidence, Input, Judgement, VerifyRequest};
use ogic_certs::key::SigningKey;
use ogic_certs::merkle::{Tree, leaf_hash};
use ogic_certs::receipt::ReceiptFrame;
use ogic_certs::record::{AccessLeaf, HeadLeaf, Leaf, NoticeLeaf, Record};
use ogic_certs::reference::Reference;
use ogic_certs::refusal::{Refusal, VerdictNotice};
use ogic_certs::registry::{Level, Registry};
use ogic_certs::service::ServiceText;
use ogic_certs::testing::{Federation, agency};
use ogic_certs::token::{EnrolAnswer, EnrolRequest, Token};
use ogic_certs::verdict::{SubIndication, Verdict};
use ogic_certs::{CaseId, Code, Digest, EventId, Role, Timestamp, issue};
use ogic_node::authority;
use ogic_node::desk::{AccessFact, EventFact, Fact, OutcomeFact, Parcel, PutFact};
use ogic_node::exchange::frame::{self, FRAME_BYTES_MAX, FrameReader};
use ogic_node::exchange::message::{Carried, Hello, Message};
use ogic_node::exchange::request::{self, Answer, Page, Request};
use ogic_node::log::{self, Log, Options, SimDisk};
use zeroize::Zeroizing;

use crate::diagnostic;

/// 2026-11-25T03:20:03.000Z
const NOW: Timestamp = Timestamp::from_ms_clamped(1_795_576_803_000);
const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 86_400_000;

/// What must hold for the bytes of the page.
type Decode = Box<dyn Fn(&[u8])>;

/// One example: its name in the page, its bytes, how they are shown, and what must hold for the bytes of the page.
pub(crate) struct Example {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) form: Form,
    pub(crate) decode: Decode,
}

/// A field of fixed width: name, bytes (0 for the rest), and how it is read.
type Field = (&'static str, usize, As);

/// How bytes are shown beside their hex.
pub(crate) enum Form {
    /// One CBOR item.
    Cbor,
    /// 32 bytes of salt, then one CBOR item.
    Salted,
    /// A length of four bytes, then one CBOR item.
    Framed,
    /// Fields of fixed width.
    Fields(&'static [Field]),
}

#[derive(Clone, Copy)]
pub(crate) enum As {
    Text,
    Number,
    Bytes,
}

impl Form {
    /// The first word of the block's info string.
    pub(crate) fn word(&self) -> &'static str {
        if matches!(self, Self::Fields(_)) { "fields" } else { "diag" }
    }

    /// The CBOR within, if there is any.
    pub(crate) fn item<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        match self {
            Self::Cbor => Some(bytes),
            Self::Salted => bytes.get(SALT_BYTES..),
            Self::Framed => bytes.get(4..),
            Self::Fields(_) => None,
        }
    }

    pub(crate) fn show(&self, bytes: &[u8]) -> String {
        match self {
            Self::Cbor => diagnostic::print(bytes),
            Self::Salted => {
                let (salt, body) = bytes.split_at(SALT_BYTES);
                format!("h'{}' / the salt, then /\n{}", HEXLOWER.encode(salt), diagnostic::print(body))
            }
            Self::Framed => {
                let (length, item) = bytes.split_at(4);
                format!(
                    "h'{}' / {} bytes follow /\n{}",
                    HEXLOWER.encode(length),
                    item.len(),
                    diagnostic::print(item)
                )
            }
            Self::Fields(fields) => {
                let mut at = 0;
                let lines = fields.iter().map(|(name, width, read)| {
                    let width = if *width == 0 { bytes.len() - at } else { *width };
                    let field = &bytes[at..at + width];
                    let value = match read {
                        As::Text => format!("{:?}", std::str::from_utf8(field).expect("text")),
                        As::Number => {
                            field.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte)).to_string()
                        }
                        As::Bytes => format!("h'{}'", HEXLOWER.encode(field)),
                    };
                    let line = format!("{at:>4} {width:>3}  {name:<22} {value}\n");
                    at += width;
                    line
                });
                lines.collect()
            }
        }
    }
}

/// What the examples tell: transport opens a case and hands its medical step to health, which does it.
struct Story {
    registry: Signed<Registry>,
    crl: Vec<u8>,
    root: Certificate,
    transport: Signer,
    transport_official: Signer,
    health: Signer,
    physician: Signer,
    ttp: Signer,
    service: Signed<ServiceText>,
    opening: Event,
    share: Event,
    step: Event,
    record: Record,
    prev: Record,
    access: AccessFact,
    reference: Signed<Reference>,
    evidence: Signed<Evidence>,
    verdict: Signed<VerdictNotice>,
    refusal: Signed<Refusal>,
    checkpoint: Signed<Checkpoint>,
    receipt: ReceiptFrame,
    head: HeadLeaf,
    announcement: Signed<Announcement>,
    token: Token,
    document: DocumentRef,
}

static STORY: LazyLock<Story> = LazyLock::new(Story::tell);

/// Thirty-two bytes that stand for random ones.
fn random(what: &str) -> [u8; 32] {
    *Digest::of_parts(&[b"example ", what.as_bytes()]).as_bytes()
}

fn random_16(what: &str) -> [u8; 16] {
    random(what).first_chunk().copied().expect("16 of 32")
}

/// A document of one chunk.
fn document_of(content: &[u8], label: &str) -> DocumentRef {
    DocumentRef {
        sha256: Digest::of(content),
        root: leaf_hash(content),
        bytes: content.len() as u64,
        label: label.to_owned(),
        media_type: "application/pdf".to_owned(),
    }
}

fn origin_of(name: &str) -> Origin {
    Origin {
        agency: agency(name),
        log: *b"\0\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f",
        generation: 1,
    }
}

fn terms() -> Terms {
    Terms {
        grantee: agency("health.gov.example"),
        read: true,
        steps: vec!["medical".to_owned()],
        purpose: "medical examination of the applicant".to_owned(),
        ground: "Road Safety Act, article 23".to_owned(),
        performer: "physicians".to_owned(),
        deadline: Some(NOW.plus_ms(10 * DAY_MS)),
        expires: NOW.plus_ms(30 * DAY_MS),
    }
}

/// Seals a body, with an official's approval if there is one.
fn seal(header: Header, body: &Body, name: &str, seal: &Signer, official: Option<&Signer>) -> Event {
    let blob = body.to_blob(&random(name));
    let commitment = Digest::of(&blob);
    let approval = official.map(|official| {
        let approval =
            Approval { case: header.case, kind: header.kind, step: header.step.clone(), commitment };
        Signed::sign(approval, official).expect("an approval")
    });
    let approved = approval.as_ref().map(Signed::digest);
    let header = Header { body_bytes: blob.len() as u64, commitment, approval: approved, ..header };
    let header = Signed::sign(header, seal).expect("a header");
    Event::parse(header.bytes(), &blob, approval.as_ref().map(Signed::bytes))
        .expect("what was just made holds")
}

fn header(kind: Kind, created: Timestamp) -> Header {
    Header {
        case: None,
        head: None,
        kind,
        step: None,
        created,
        body_bytes: 0,
        commitment: Digest::ZERO,
        approval: None,
        grant: None,
        code: 0,
        times: StepTimes::default(),
    }
}

fn at(record: &Record) -> HeadAt {
    HeadAt { seq: record.seq, record: record.digest() }
}

impl Story {
    fn tell() -> Self {
        let mut federation = Federation::new(9162, NOW);
        let transport = federation.signer("ogic://transport.gov.example/seal");
        let transport_official = federation.signer("ogic://transport.gov.example/official/licensing-1");
        let health = federation.signer("ogic://health.gov.example/seal");
        let physician = federation.signer("ogic://health.gov.example/official/physician-1");
        let ttp = federation.signer("ogic://ttp.gov.example/ttp");
        federation.add_member(&agency("health.gov.example"), Level::Regional);
        federation.add_member(&agency("ttp.gov.example"), Level::Service);
        federation.edit_member(&agency("transport.gov.example"), |member| {
            member.name_en = "Transport Agency".to_owned();
            member.name_ru = "Агентство транспорта".to_owned();
            member.endpoints = vec!["192.0.2.7:4433".to_owned()];
            member.logs = vec![origin_of("transport.gov.example").to_string()];
            member.competences = vec![("driving-licence".to_owned(), "example".to_owned())];
        });
        let registry = federation.registry();
        let crl = federation.crl().der().to_vec();

        let text = "id = \"driving-licence\"\nversion = 1\n# …\n";
        let service =
            Signed::sign(ServiceText::new(text).expect("short text"), &transport).expect("a definition");
        let application = document_of(b"%PDF-1.7 an application", "application");
        let opening = seal(
            header(Kind::Open, NOW),
            &Body {
                fields: vec![("category".to_owned(), FieldValue::Text("B".to_owned()))],
                documents: vec![application],
                detail: Detail::Open { service: service.digest(), citizen: "c-7f3a91".to_owned() },
            },
            "opening",
            &transport,
            Some(&transport_official),
        );
        let case = opening.case();
        let opened = Record { case, seq: 0, prev: Digest::ZERO, received: NOW, event: opening.id() };

        let shared = NOW.plus_ms(MINUTE_MS);
        let share = seal(
            Header { case: Some(case), head: Some(at(&opened)), ..header(Kind::Share, shared) },
            &Body::of(Detail::Share(terms())),
            "share",
            &transport,
            None,
        );
        let prev = Record { case, seq: 1, prev: opened.digest(), received: shared, event: share.id() };
        let reference = Reference {
            case,
            home: agency("transport.gov.example"),
            grant: share.id(),
            terms: terms(),
            issued: shared,
            service: service.digest(),
            head: at(&prev),
        };
        let reference = Signed::sign(reference, &transport).expect("a reference");
        let access = AccessFact {
            case,
            at: NOW.plus_ms(2 * MINUTE_MS),
            salt: random("access"),
            who: agency("health.gov.example"),
            grant: Some(share.id()),
            purpose: "medical examination of the applicant".to_owned(),
            code: None,
            tries: 1,
        };

        let done = NOW.plus_ms(3 * MINUTE_MS);
        let document = document_of(b"%PDF-1.7 a medical certificate", "medical-certificate");
        let times = StepTimes { received: Some(shared), started: Some(access.at), ended: Some(done) };
        let step = seal(
            Header {
                case: Some(case),
                head: Some(at(&prev)),
                step: Some("medical".to_owned()),
                grant: Some(share.id()),
                code: 1,
                times,
                ..header(Kind::Step, done)
            },
            &Body {
                fields: vec![("fit".to_owned(), FieldValue::Bool(true))],
                documents: vec![document.clone()],
                detail: Detail::None,
            },
            "step",
            &health,
            Some(&physician),
        );
        let record = Record { case, seq: 2, prev: prev.digest(), received: done, event: step.id() };

        // The log of transport: opening, share, health's look, the step.
        let leaves = [
            Leaf::Record(opened),
            Leaf::Record(prev),
            Leaf::Access(access_leaf(&access)),
            Leaf::Record(record),
        ];
        let tree: Tree = leaves.iter().map(Leaf::digest).collect();
        let head = HeadLeaf { case, seq: 2, record: record.digest(), index: 3 };
        let heads = HeadsTree::new(vec![head]).expect("one head");
        let checkpoint = Checkpoint {
            origin: origin_of("transport.gov.example"),
            size: tree.size(),
            root: tree.root(),
            heads: heads.heads(),
        };
        let checkpoint = Signed::sign(checkpoint, &transport).expect("a checkpoint");
        let receipt = ReceiptFrame::build(
            &tree,
            tree.size(),
            checkpoint.bytes().to_vec(),
            vec![(3, Leaf::Record(record))],
            &heads,
            &[case],
        )
        .expect("a receipt");

        let approval = step.approval.as_ref().expect("the step is approved");
        let evidence = Evidence {
            requester: agency("transport.gov.example"),
            nonce: random_16("nonce"),
            event: step.id(),
            approval: Some(approval.digest()),
            at: done.plus_ms(900),
            time_source: "the clock of ttp.gov.example".to_owned(),
            policy: ogic_node::ttp::policy::digest(),
            mandate: Some((agency("health.gov.example"), Role::Official("physician-1".to_owned()))),
            judgement: Judgement::PASSED,
            checks: vec![
                Check {
                    name: "signature of the event".to_owned(),
                    section: "RFC 9052 4.4".to_owned(),
                    held: true,
                },
                Check {
                    name: "signature of the approval".to_owned(),
                    section: "RFC 9052 4.4".to_owned(),
                    held: true,
                },
            ],
            inputs: vec![
                Input::carried("approval", approval.bytes()),
                Input { kind: "registry".to_owned(), digest: registry.digest(), bytes: None },
            ],
        };
        let evidence = Signed::sign(evidence, &ttp).expect("evidence");
        let verdict = VerdictNotice {
            case,
            event: step.id(),
            judgement: Judgement {
                verdict: Verdict::TotalFailed,
                sub: Some(SubIndication::Revoked),
                code: Some(Code::CertificateRevoked),
            },
            head: HeadAt { seq: 3, record: Digest::of(b"the record of the evidence") },
            at: done.plus_ms(1_000),
            evidence: None,
        };
        let verdict = Signed::sign(verdict, &transport).expect("a verdict notice");
        let refusal = Refusal {
            subject: step.id().0,
            code: Code::GrantRevoked,
            field: "grant".to_owned(),
            head: None,
            at: done.plus_ms(5 * MINUTE_MS),
        };
        let refusal = Signed::sign(refusal, &transport).expect("a refusal");
        let announcement = Announcement {
            endpoints: vec!["192.0.2.7:4433".parse().expect("an address")],
            log: origin_of("transport.gov.example"),
            at: NOW,
        };
        let announcement = Signed::sign(announcement, &transport).expect("an announcement");
        let token = Token {
            secret: Zeroizing::new(random_16("token")),
            address: "192.0.2.1:4433".to_owned(),
            authority: agency("authority.gov.example"),
            root: federation.root().digest(),
            version_min: 1,
            agency: agency("health.gov.example"),
            roles: vec![Role::Node, Role::Seal],
        };
        Self {
            registry,
            crl,
            root: federation.root().clone(),
            transport,
            transport_official,
            health,
            physician,
            ttp,
            service,
            opening,
            share,
            step,
            record,
            prev,
            access,
            reference,
            evidence,
            verdict,
            refusal,
            checkpoint,
            receipt,
            head,
            announcement,
            token,
            document,
        }
    }

    fn carried(event: &Event) -> Carried {
        Carried {
            header: event.header.bytes().to_vec(),
            body: event.body.clone(),
            approval: event.approval.as_ref().map(|approval| approval.bytes().to_vec()),
        }
    }
}

/// The leaf that stands for an access entry.
fn access_leaf(access: &AccessFact) -> AccessLeaf {
    let entry = Fact::Access(access.clone()).to_entry().expect("an entry");
    AccessLeaf::from_bytes(entry.leaf().expect("access has a leaf")).expect("a leaf that was just made")
}

/// The event header of the examples: what others may spoil.
pub(crate) fn event_header() -> Vec<u8> {
    STORY.step.header.bytes().to_vec()
}

/// All of them, in the page's order.
pub(crate) fn all() -> Vec<Example> {
    let mut examples = Vec::new();
    examples.extend(signed_objects());
    examples.extend(bodies());
    examples.extend(leaves());
    examples.extend(enrolment());
    examples.extend(messages());
    examples.extend(requests());
    examples.extend(answers());
    examples.extend(journal());
    examples
}

/// A signed object: it verifies with its signer's certificate, and its payload has one encoding.
fn signed<T: Payload + 'static>(name: &'static str, object: &Signed<T>, signer: &Signer) -> Example {
    let certificate = signer.certificate().clone();
    Example {
        name,
        bytes: object.bytes().to_vec(),
        form: Form::Cbor,
        decode: Box::new(move |bytes| {
            let signed = Signed::<T>::parse(bytes).unwrap_or_else(|problem| panic!("{name}: {problem}"));
            signed.verify_with(&certificate).unwrap_or_else(|problem| panic!("{name}: {problem}"));
            assert_eq!(signed.value().encode(), signed.envelope().payload(), "{name}");
        }),
    }
}

/// Unsigned bytes: what `again` reads, it writes again.
fn plain(
    name: &'static str,
    bytes: Vec<u8>,
    form: Form,
    again: impl Fn(&[u8]) -> ogic_certs::Result<Vec<u8>> + 'static,
) -> Example {
    let decode = move |bytes: &[u8]| {
        let written = again(bytes).unwrap_or_else(|problem| panic!("{name}: {problem}"));
        assert_eq!(written, bytes, "{name}");
    };
    Example { name, bytes, form, decode: Box::new(decode) }
}

fn signed_objects() -> Vec<Example> {
    let story = &*STORY;
    let approval = story.step.approval.as_ref().expect("the step is approved");
    let mut event = signed("event-header", &story.step.header, &story.health);
    let verify = event.decode;
    event.decode = Box::new(move |bytes| {
        verify(bytes);
        let case = CaseId::opened_by(STORY.opening.id());
        assert_eq!(Signed::<Header>::parse(bytes).expect("a header").value().case, Some(case));
        assert_eq!(EventId::of(bytes), STORY.record.event, "the record names these bytes");
    });
    vec![
        event,
        signed("opening-header", &story.opening.header, &story.transport),
        signed("approval", approval, &story.physician),
        signed("checkpoint", &story.checkpoint, &story.transport),
        signed("reference", &story.reference, &story.transport),
        signed("refusal", &story.refusal, &story.transport),
        signed("verdict-notice", &story.verdict, &story.transport),
        signed("evidence", &story.evidence, &story.ttp),
        signed("announcement", &story.announcement, &story.transport),
        signed("service-definition", &story.service, &story.transport),
        registry(),
    ]
}

/// The registry's signer stands in its chain.
fn registry() -> Example {
    let decode = |bytes: &[u8]| {
        let signed = Signed::<Registry>::parse(bytes).expect("a registry");
        let chain = signed.envelope().chain();
        let signer = Certificate::from_der(chain.first().expect("a chain")).expect("a certificate");
        signed.verify_with(&signer).expect("the signature holds");
        assert_eq!(signed.value().encode(), signed.envelope().payload());
    };
    Example {
        name: "registry",
        bytes: STORY.registry.bytes().to_vec(),
        form: Form::Cbor,
        decode: Box::new(decode),
    }
}

fn bodies() -> Vec<Example> {
    let story = &*STORY;
    let unshare = Detail::Unshare { grant: story.share.id(), reason: "the examination is done".to_owned() };
    let evidence = Detail::Evidence {
        event: story.step.id(),
        own: Judgement::PASSED,
        evidence: Some(story.evidence.bytes().to_vec()),
    };
    let close = Detail::Close { reason: "all steps are done".to_owned() };
    let blob = |detail: Detail, name: &str| Body::of(detail).to_blob(&random(name));
    let rows = [
        ("body-open", story.opening.body.clone(), Kind::Open),
        ("body-step", story.step.body.clone(), Kind::Step),
        ("body-share", story.share.body.clone(), Kind::Share),
        ("body-unshare", blob(unshare, "unshare"), Kind::Unshare),
        ("body-evidence", blob(evidence, "evidence"), Kind::Evidence),
        ("body-close", blob(close, "close"), Kind::Close),
    ];
    let example = |(name, bytes, kind): (&'static str, Vec<u8>, Kind)| {
        plain(name, bytes, Form::Salted, move |bytes| {
            let salt = bytes.first_chunk().expect("32 bytes of salt");
            Ok(Body::from_blob(bytes, kind)?.to_blob(salt))
        })
    };
    rows.into_iter().map(example).collect()
}

const RECORD: &[Field] = &[
    ("prefix", 13, As::Text),
    ("case", 32, As::Bytes),
    ("seq", 8, As::Number),
    ("prev", 32, As::Bytes),
    ("received", 8, As::Number),
    ("event id", 32, As::Bytes),
];
const ACCESS: &[Field] = &[
    ("prefix", 13, As::Text),
    ("case", 32, As::Bytes),
    ("at", 8, As::Number),
    ("commitment", 32, As::Bytes),
];
const NOTICE: &[Field] =
    &[("prefix", 13, As::Text), ("notice's SHA-256", 32, As::Bytes), ("received", 8, As::Number)];
const HEAD: &[Field] = &[
    ("prefix", 11, As::Text),
    ("case", 32, As::Bytes),
    ("seq", 8, As::Number),
    ("record digest", 32, As::Bytes),
    ("leaf index", 8, As::Number),
];

fn leaves() -> Vec<Example> {
    let story = &*STORY;
    let access = Fact::Access(story.access.clone()).to_entry().expect("an entry").body().to_vec();
    let notice = NoticeLeaf { digest: story.reference.digest(), received: story.prev.received.plus_ms(40) };
    let again = |bytes: &[u8]| Ok(Leaf::from_bytes(bytes)?.to_bytes());
    vec![
        plain("record", story.record.to_bytes().to_vec(), Form::Fields(RECORD), again),
        plain("access-leaf", access_leaf(&story.access).to_bytes().to_vec(), Form::Fields(ACCESS), again),
        plain("access-body", access, Form::Salted, |bytes| {
            let leaf = access_leaf(&STORY.access);
            assert_eq!(leaf.commitment, Digest::of(bytes), "the leaf commits to salt and body");
            let stored = [&(AccessLeaf::BYTES as u16).to_be_bytes()[..], &leaf.to_bytes(), bytes].concat();
            Ok(Fact::from_entry(log::EntryKind::Access, &stored)?.to_entry()?.body().to_vec())
        }),
        plain("notice-leaf", notice.to_bytes().to_vec(), Form::Fields(NOTICE), again),
        plain("head-leaf", story.head.to_bytes().to_vec(), Form::Fields(HEAD), |bytes| {
            Ok(HeadLeaf::from_bytes(bytes)?.to_bytes().to_vec())
        }),
        plain("receipt-frame", story.receipt.encode(), Form::Cbor, |bytes| {
            let frame = ReceiptFrame::decode(bytes)?;
            let checkpoint = Signed::<Checkpoint>::parse(frame.checkpoint_cose())?;
            checkpoint.verify_with(STORY.transport.certificate())?;
            frame.verify(checkpoint.value())?;
            assert_eq!(frame.leaf_for_event(STORY.step.id()).map(|(index, _)| index), Some(3));
            assert_eq!(frame.head_of(STORY.record.case), Some(&STORY.head));
            Ok(frame.encode())
        }),
    ]
}

fn enrolment() -> Vec<Example> {
    let story = &*STORY;
    let text = story.token.to_text();
    let token = data_encoding::BASE64URL_NOPAD
        .decode(text.trim_start_matches("ogic1-").as_bytes())
        .expect("base64url");
    let csr =
        |seed: &str| issue::csr(&SigningKey::from_seed(&random(seed)).expect("a seed")).expect("a request");
    let request =
        EnrolRequest { secret: story.token.secret.clone(), requests: vec![csr("node key"), csr("seal key")] };
    let answer = EnrolAnswer {
        certificates: vec![story.health.certificate().der().to_vec()],
        root: story.root.der().to_vec(),
        registry: story.registry.bytes().to_vec(),
        crls: vec![story.crl.clone()],
    };
    vec![
        plain("token", token, Form::Cbor, |bytes| {
            let text = format!("ogic1-{}", data_encoding::BASE64URL_NOPAD.encode(bytes));
            assert_eq!(*Token::from_text(&text)?.to_text(), text);
            Ok(bytes.to_vec())
        }),
        plain("enrol-request", request.encode().to_vec(), Form::Cbor, |bytes| {
            let request = EnrolRequest::decode(bytes)?;
            request.requests.iter().try_for_each(|csr| issue::read_csr(csr).map(drop))?;
            Ok(request.encode().to_vec())
        }),
        plain("enrol-answer", answer.encode(), Form::Cbor, |bytes| Ok(EnrolAnswer::decode(bytes)?.encode())),
    ]
}

fn hello() -> Hello {
    Hello {
        agency: agency("health.gov.example"),
        origin: origin_of("health.gov.example").to_string(),
        size: 1,
        checkpoint: Some(STORY.checkpoint.bytes().to_vec()),
        registry: 1,
        features: Vec::new(),
        clock: NOW.plus_ms(4 * MINUTE_MS),
    }
}

fn messages() -> Vec<Example> {
    let story = &*STORY;
    let certificates = [&story.health, &story.physician].map(|signer| signer.certificate().der().to_vec());
    let rows = [
        ("message-hello", Message::Hello(hello())),
        ("message-certificates", Message::Certificates(certificates.to_vec())),
        ("message-event", Message::Event(Story::carried(&story.step))),
        ("message-notice", Message::Notice(story.reference.bytes().to_vec())),
        ("message-receipts", Message::Receipts(story.receipt.encode())),
        ("message-refusal", Message::Refusal(story.refusal.bytes().to_vec())),
    ];
    let mut examples: Vec<Example> = rows
        .into_iter()
        .map(|(name, message)| {
            plain(name, message.encode(), Form::Cbor, |bytes| {
                Ok(Message::from_value(cbor::decode(bytes, &Limits::FRAME, "message")?)?.encode())
            })
        })
        .collect();
    let frames = frame::pack(&[Message::Refusal(story.refusal.bytes().to_vec())]).expect("a frame");
    let bytes = frames.into_iter().next().expect("one frame");
    examples.push(plain("frame", bytes, Form::Framed, |bytes| {
        let mut reader = FrameReader::new(FRAME_BYTES_MAX);
        reader.push(bytes)?;
        let messages = reader.next()?.expect("a whole frame");
        assert_eq!(reader.pending_bytes(), 0);
        Ok(frame::pack(&messages)?.concat())
    }));
    examples
}

fn requests() -> Vec<Example> {
    let story = &*STORY;
    let approval = story.step.approval.as_ref().expect("the step is approved");
    let (case, grant) = (story.record.case, Some(story.share.id()));
    let verify = VerifyRequest {
        nonce: random_16("nonce"),
        header: story.step.header.bytes().to_vec(),
        approval: Some(approval.bytes().to_vec()),
        documents: vec![story.document.clone()],
        certificates: [&story.health, &story.physician]
            .map(|signer| signer.certificate().der().to_vec())
            .to_vec(),
    };
    let purpose = "medical examination of the applicant".to_owned();
    let rows = [
        ("request-history", Request::History { case, grant, from: 0, purpose }),
        ("request-document", Request::Document { sha256: story.document.sha256, case, grant, offset: 0 }),
        ("request-registry", Request::Registry { have: 1, wait_ms: 25_000 }),
        ("request-announce", Request::Announce(story.announcement.bytes().to_vec())),
        ("request-verify", Request::Verify(verify)),
        ("request-service", Request::Service(story.service.digest())),
        ("request-certificate", Request::Certificate(story.transport_official.certificate().digest())),
    ];
    rows.into_iter()
        .map(|(name, request)| {
            plain(name, request.encode(), Form::Cbor, |bytes| Ok(Request::decode(bytes)?.encode()))
        })
        .collect()
}

fn answers() -> Vec<Example> {
    let story = &*STORY;
    let refused = ogic_certs::Problem::new(Code::GrantRevoked, "grant");
    let page = Page {
        certificates: vec![story.health.certificate().der().to_vec()],
        entries: vec![request::Entry {
            index: 3,
            record: story.record.to_bytes().to_vec(),
            event: Story::carried(&story.step),
        }],
        receipt: story.receipt.encode(),
        head_seq: 2,
    };
    let ttp = vec![story.ttp.certificate().der().to_vec()];
    let rows = [
        ("answer-refused", Answer::Refused(refused)),
        ("answer-history", Answer::History(page)),
        ("answer-document", Answer::Document { bytes: story.document.bytes }),
        ("answer-registry", Answer::Registry { registry: None, crls: vec![story.crl.clone()] }),
        ("answer-announced", Answer::Announced),
        (
            "answer-evidence",
            Answer::Evidence { evidence: story.evidence.bytes().to_vec(), certificates: ttp },
        ),
        ("answer-service", Answer::Service(story.service.bytes().to_vec())),
        ("answer-certificate", Answer::Certificate(story.transport_official.certificate().der().to_vec())),
    ];
    rows.into_iter()
        .map(|(name, answer)| {
            plain(name, answer.encode(), Form::Cbor, |bytes| {
                Ok(Answer::decode(bytes, FRAME_BYTES_MAX)?.encode())
            })
        })
        .collect()
}

const SEGMENT: &[Field] = &[
    ("magic", 8, As::Text),
    ("version", 2, As::Number),
    ("SHA-256 of the origin", 32, As::Bytes),
    ("first commit", 8, As::Number),
    ("salt", 16, As::Bytes),
    ("SHA-256 of the above", 32, As::Bytes),
];
const FRAME: &[Field] = &[
    ("magic", 6, As::Text),
    ("version", 1, As::Number),
    ("flags", 1, As::Number),
    ("entries", 4, As::Number),
    ("payload bytes", 4, As::Number),
    ("commit", 8, As::Number),
    ("signed size", 8, As::Number),
    ("signed root", 32, As::Bytes),
    ("SHA-256 of the payload", 32, As::Bytes),
    ("check", 32, As::Bytes),
    ("entry's kind", 1, As::Number),
    ("entry's flags", 1, As::Number),
    ("entry's key slot", 4, As::Number),
    ("entry's bytes", 4, As::Number),
    ("entry", 0, As::Bytes),
];
/// Bytes of a segment's header.
const SEGMENT_BYTES: usize = 98;

/// A journal of one commit with one entry: a parked message that is to be tried again.
fn segment() -> Vec<u8> {
    let disk = SimDisk::new(1);
    let options =
        Options { segment_bytes: 4096, ..Options::new(origin_of("health.gov.example").to_string()) };
    let mut log = Log::open_with(disk.clone(), &options, |_, _, _, _| Ok(())).expect("an empty disk opens");
    let entry = Fact::Unparked(STORY.step.id().0).to_entry().expect("an entry");
    let place = log.commit(&[entry]).expect("a commit").places[0].position;
    let mut bytes = disk.contents("0000000000000001.seg").expect("the first segment");
    bytes.truncate((place.offset + place.bytes) as usize);
    bytes
}

/// What the simulated disk says when these bytes are its only segment.
fn reopened(bytes: &[u8]) -> Vec<u8> {
    let disk = SimDisk::new(2);
    disk.put("0000000000000001.seg", bytes.to_vec());
    let mut entries = Vec::new();
    let options =
        Options { segment_bytes: 4096, ..Options::new(origin_of("health.gov.example").to_string()) };
    Log::open_with(disk, &options, |_, kind, bytes, _| {
        entries.push(Fact::from_entry(kind, bytes)?.to_entry()?);
        Ok(())
    })
    .expect("the journal of the page opens");
    let [entry] = entries.as_slice() else { panic!("one entry, not {}", entries.len()) };
    entry.body().to_vec()
}

fn journal() -> Vec<Example> {
    let story = &*STORY;
    let whole = segment();
    let (header, frame) = whole.split_at(SEGMENT_BYTES);
    let mut examples = vec![
        plain("segment-header", header.to_vec(), Form::Fields(SEGMENT), |bytes| {
            reopened(&[bytes, &segment()[SEGMENT_BYTES..]].concat());
            Ok(bytes.to_vec())
        }),
        plain("commit-frame", frame.to_vec(), Form::Fields(FRAME), |bytes| {
            let entry = reopened(&[&segment()[..SEGMENT_BYTES], bytes].concat());
            assert!(bytes.ends_with(&entry));
            Ok(bytes.to_vec())
        }),
    ];
    let (peer, case) = (agency("transport.gov.example"), story.record.case);
    let carried = Story::carried(&story.step);
    let parcel = Parcel::Event {
        header: carried.header.clone(),
        body: carried.body.clone(),
        approval: carried.approval.clone(),
    };
    let facts = [
        (
            "entry-event",
            Fact::Event(EventFact {
                record: story.record,
                author: agency("health.gov.example"),
                header: carried.header,
                body: carried.body,
                approval: carried.approval,
            }),
        ),
        (
            "entry-notice",
            Fact::Notice {
                leaf: NoticeLeaf {
                    digest: story.reference.digest(),
                    received: story.prev.received.plus_ms(40),
                },
                peer: peer.clone(),
                signed: story.reference.bytes().to_vec(),
            },
        ),
        ("entry-put-event", Fact::Put(PutFact { peer: peer.clone(), case, parcel })),
        (
            "entry-put-notice",
            Fact::Put(PutFact {
                peer: agency("health.gov.example"),
                case,
                parcel: Parcel::Notice(story.reference.bytes().to_vec()),
            }),
        ),
        (
            "entry-parked",
            Fact::Parked {
                id: story.step.id().0,
                code: Code::GrantRevoked,
                refusal: Some(story.refusal.bytes().to_vec()),
            },
        ),
        ("entry-unparked", Fact::Unparked(story.step.id().0)),
        (
            "entry-peer-receipt",
            Fact::PeerReceipt {
                peer: peer.clone(),
                frame: story.receipt.encode(),
                done: vec![story.step.id().0],
            },
        ),
        (
            "entry-outcome",
            Fact::Outcome(OutcomeFact {
                key: "c2FtcGxlLWtleS0wMDAx".to_owned(),
                request: Digest::of(b"the request"),
                case,
                event: story.step.id(),
            }),
        ),
        (
            "entry-peer-seen",
            Fact::PeerSeen { peer: peer.clone(), checkpoint: story.checkpoint.bytes().to_vec() },
        ),
        (
            "entry-alarm",
            Fact::Alarm {
                code: Code::ForkDetected,
                peer,
                sides: vec![story.checkpoint.bytes().to_vec(), story.receipt.encode()],
                at: NOW.plus_ms(5 * MINUTE_MS),
            },
        ),
    ];
    examples.extend(facts.into_iter().map(|(name, fact)| entry(name, &fact)));
    examples.extend(book());
    examples
}

/// An entry of an agency's journal: what stands behind the leaf.
fn entry(name: &'static str, fact: &Fact) -> Example {
    let made = fact.to_entry().expect("an entry");
    let (kind, leaf) = (made.kind(), made.leaf().map(<[u8]>::to_vec));
    plain(name, made.body().to_vec(), Form::Cbor, move |bytes| {
        let before = leaf
            .as_ref()
            .map_or_else(Vec::new, |leaf| [&(leaf.len() as u16).to_be_bytes()[..], leaf].concat());
        Ok(Fact::from_entry(kind, &[before.as_slice(), bytes].concat())?.to_entry()?.body().to_vec())
    })
}

/// Entries of the authority's journal.
fn book() -> Vec<Example> {
    let story = &*STORY;
    let hash = Digest::of(story.token.secret.as_slice());
    let made = authority::entry::TokenMade {
        hash,
        agency: agency("health.gov.example"),
        roles: vec![Role::Node, Role::Seal],
        name_en: "Health Agency".to_owned(),
        name_ru: "Агентство здравоохранения".to_owned(),
        level: Level::Regional,
        parent: None,
        made: NOW,
        expires: NOW.plus_ms(3 * DAY_MS),
    };
    let redeemed = authority::entry::Redeemed {
        hash,
        at: NOW.plus_ms(MINUTE_MS),
        keys: vec![story.health.certificate().public_key().digest()],
        certificates: vec![story.health.certificate().digest()],
    };
    let revoked = ogic_certs::crl::Revoked {
        serial: story.physician.certificate().serial().to_vec(),
        at: NOW.plus_ms(DAY_MS),
        reason: ogic_certs::crl::Reason::KeyCompromise,
    };
    let outcome = authority::entry::Outcome {
        key: "c2FtcGxlLWtleS0wMDAy".to_owned(),
        request: Digest::of(b"the request"),
        answer: b"{\"crl_number\":2}".to_vec(),
    };
    let rows = [
        ("authority-token-made", authority::Entry::Token(made)),
        ("authority-token-redeemed", authority::Entry::Redeemed(redeemed)),
        ("authority-revoked", authority::Entry::Revoked(revoked)),
        ("authority-outcome", authority::Entry::Outcome(outcome)),
    ];
    rows.into_iter()
        .map(|(name, entry)| {
            let made = entry.to_log().expect("an entry");
            let kind = made.kind();
            plain(name, made.body().to_vec(), Form::Cbor, move |bytes| {
                Ok(authority::Entry::from_log(kind, bytes)?.to_log()?.body().to_vec())
            })
        })
        .collect()
}
