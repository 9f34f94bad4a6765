use super::*;

fn requests() -> Vec<Request> {
    let digest = Digest::of(b"x");
    vec![
        Request::History { case: CaseId(digest), grant: None, from: 0, purpose: "review".to_owned() },
        Request::History {
            case: CaseId(digest),
            grant: Some(EventId(digest)),
            from: u64::MAX,
            purpose: String::new(),
        },
        Request::Document { sha256: digest, case: CaseId(digest), grant: None, offset: 1 << 40 },
        Request::Registry { have: 7, wait_ms: WAIT_MS_MAX },
        Request::Announce(vec![0xd2]),
        Request::Verify(VerifyRequest {
            nonce: [7; 16],
            header: vec![1],
            approval: None,
            documents: Vec::new(),
            certificates: vec![vec![2]],
        }),
        Request::Service(digest),
        Request::Certificate(digest),
    ]
}

fn answers() -> Vec<Answer> {
    let event = Carried { header: vec![1], body: vec![2; 33], approval: Some(vec![3]) };
    vec![
        Answer::Refused(Problem::new(Code::GrantRevoked, "grant")),
        Answer::History(Page {
            certificates: vec![vec![9; 500]],
            entries: vec![Entry { index: 4, record: vec![0; Record::BYTES], event }],
            receipt: vec![5],
            head_seq: 12,
        }),
        Answer::Document { bytes: 1 << 33 },
        Answer::Registry { registry: None, crls: Vec::new() },
        Answer::Registry { registry: Some(vec![1; 300 << 10]), crls: vec![vec![2]] },
        Answer::Announced,
        Answer::Evidence { evidence: vec![1], certificates: vec![vec![2]] },
        Answer::Service(vec![1]),
        Answer::Certificate(vec![1]),
    ]
}

#[test]
fn requests_and_answers_round_trip() {
    for request in requests() {
        assert_eq!(Request::decode(&request.encode()).unwrap(), request);
    }
    for answer in answers() {
        let bytes = answer.encode();
        assert_eq!(Answer::decode(&bytes, REGISTRY_ANSWER_BYTES_MAX).unwrap(), answer);
    }
}

#[test]
fn every_cut_and_every_added_byte_is_refused() {
    for request in requests() {
        let bytes = request.encode();
        for cut in 0..bytes.len() {
            assert!(Request::decode(&bytes[..cut]).is_err(), "{request:?} cut at {cut}");
        }
        assert!(Request::decode(&[bytes.as_slice(), &[0]].concat()).is_err());
    }
}

#[test]
fn an_answer_fits_its_question_alone() {
    let question = &requests()[0];
    for answer in answers() {
        let outcome = question.read_answer(&answer.encode());
        match answer {
            Answer::History(_) => assert_eq!(outcome.unwrap(), answer),
            Answer::Refused(problem) => assert_eq!(outcome.unwrap_err(), problem),
            Answer::Registry { registry: Some(_), .. } => {
                assert_eq!(outcome.unwrap_err().code, Code::TooLarge);
            }
            _ => assert_eq!(outcome.unwrap_err().code, Code::ProtocolViolation),
        }
    }
}

#[test]
fn bounds_are_told_by_code() {
    let text = "p".repeat(TEXT_BYTES_MAX + 1);
    let digest = Digest::ZERO;
    for (name, value, code) in [
        ("long wait", vec![3.into(), 0.into(), (WAIT_MS_MAX + 1).into()], Code::ValueRefused),
        ("long purpose", vec![1.into(), digest.into(), Value::Null, 0.into(), text.into()], Code::TooLarge),
        ("short digest", vec![6.into(), Value::Bytes(vec![0; 31])], Code::Malformed),
        ("unknown request", vec![8.into()], Code::Malformed),
        ("large announcement", vec![4.into(), Value::Bytes(vec![0; 4097])], Code::TooLarge),
    ] {
        let bytes = cbor::encode(&Value::Array(value));
        assert_eq!(Request::decode(&bytes).expect_err(name).code, code, "{name}");
    }
    let unknown = cbor::encode(&Value::Array(vec![0.into(), 4999.into(), "x".into()]));
    let answer = Answer::decode(&unknown, FRAME_BYTES_MAX).unwrap();
    assert_eq!(answer, Answer::Refused(Problem::new(Code::ProtocolViolation, "x")));
}

#[test]
fn a_long_field_is_cut_between_letters() {
    let long = Answer::Refused(Problem::new(Code::Malformed, "ж".repeat(FIELD_BYTES_MAX)));
    let Answer::Refused(problem) = Answer::decode(&long.encode(), FRAME_BYTES_MAX).unwrap() else {
        panic!("a refusal")
    };
    assert_eq!(problem.field, "ж".repeat(FIELD_BYTES_MAX / 2));
}
