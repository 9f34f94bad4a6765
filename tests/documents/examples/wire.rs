//! What is said: enrolment, messages, requests and answers.

use ogic_certs::cbor::{self, Limits};
use ogic_certs::evidence::VerifyRequest;
use ogic_certs::key::SigningKey;
use ogic_certs::testing::agency;
use ogic_certs::token::{EnrolAnswer, EnrolRequest, Token};
use ogic_certs::{Code, issue};
use ogic_node::exchange::frame::{self, FRAME_BYTES_MAX, FrameReader};
use ogic_node::exchange::message::{Hello, Message};
use ogic_node::exchange::request::{self, Answer, Page, Request};

use super::story::{MINUTE_MS, NOW, STORY, Story, origin_of, random, random_16};
use super::{Example, Form, plain};

pub(super) fn enrolment() -> Vec<Example> {
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

pub(super) fn hello() -> Hello {
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

pub(super) fn messages() -> Vec<Example> {
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

pub(super) fn requests() -> Vec<Example> {
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

pub(super) fn answers() -> Vec<Example> {
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
