use ogic_certs::cbor::Limits;
use proptest::prelude::*;

use super::*;

pub(in super::super) fn agency(text: &str) -> AgencyId {
    AgencyId::parse(text, "test").unwrap()
}

pub(in super::super) fn hello_of(text: &str) -> Hello {
    Hello {
        agency: agency(text),
        origin: format!("{text}/log/000102030405060708090a0b0c0d0e0f/1"),
        size: 42,
        checkpoint: None,
        registry: 3,
        features: Vec::new(),
        clock: Timestamp::from_ms_clamped(1_800_000_000_000),
    }
}

fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..60)
}

pub(in super::super) fn any_message() -> impl Strategy<Value = Message> {
    let hello = (any::<u64>(), proptest::option::of(any_bytes()), any::<u64>(), 0..Timestamp::LATEST.ms());
    prop_oneof![
        hello.prop_map(|(size, checkpoint, registry, ms)| Message::Hello(Hello {
            size,
            checkpoint,
            registry,
            features: vec!["documents".to_owned()],
            clock: Timestamp::from_ms_clamped(ms),
            ..hello_of("a.example")
        })),
        proptest::collection::vec(any_bytes(), 1..4).prop_map(Message::Certificates),
        (any_bytes(), any_bytes(), proptest::option::of(any_bytes()))
            .prop_map(|(header, body, approval)| Message::Event(Carried { header, body, approval })),
        any_bytes().prop_map(Message::Notice),
        any_bytes().prop_map(Message::Receipts),
        any_bytes().prop_map(Message::Refusal),
    ]
}

fn decode(bytes: &[u8]) -> Result<Message> {
    Message::from_value(cbor::decode(bytes, &Limits::FRAME, "message")?)
}

proptest! {
    #[test]
    fn messages_round_trip(message in any_message()) {
        let bytes = message.encode();
        prop_assert_eq!(decode(&bytes).unwrap(), message);
    }

    #[test]
    fn no_bytes_panic_and_what_is_read_is_canonical(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(message) = decode(&bytes) {
            prop_assert_eq!(message.encode(), bytes);
        }
    }
}

#[test]
fn one_edit_of_a_valid_message_is_refused() {
    let bytes = |n: usize| Value::Bytes(vec![0; n]);
    let array = |tag: u64, rest: Vec<Value>| Value::Array([vec![Value::Uint(tag)], rest].concat());
    let hello_with = |key: u64, value: Value| {
        let Value::Map(mut entries) = hello_of("a.example").to_value() else { panic!("a map") };
        entries.retain(|(k, _)| *k != Value::Uint(key));
        entries.push((Value::Uint(key), value));
        array(0, vec![Value::Map(entries)])
    };
    for (name, value, code) in [
        ("no array", Value::Uint(3), Code::Malformed),
        ("empty array", Value::Array(vec![]), Code::Malformed),
        ("unknown tag", array(6, vec![bytes(1)]), Code::Malformed),
        ("tag is text", Value::Array(vec!["0".into()]), Code::Malformed),
        ("no certificates", array(1, vec![Value::Array(vec![])]), Code::Malformed),
        ("too many certificates", array(1, vec![Value::Array(vec![bytes(1); 65])]), Code::TooLarge),
        ("large certificate", array(1, vec![Value::Array(vec![bytes(16 * 1024 + 1)])]), Code::TooLarge),
        ("event without approval", array(2, vec![bytes(1), bytes(1)]), Code::Malformed),
        ("event with more", array(2, vec![bytes(1), bytes(1), Value::Null, Value::Null]), Code::Malformed),
        ("large header", array(2, vec![bytes(4097), bytes(1), Value::Null]), Code::TooLarge),
        ("large body", array(2, vec![bytes(1), bytes(65537), Value::Null]), Code::TooLarge),
        ("large approval", array(2, vec![bytes(1), bytes(1), bytes(4097)]), Code::TooLarge),
        ("header is null", array(2, vec![Value::Null, bytes(1), Value::Null]), Code::Malformed),
        ("large notice", array(3, vec![bytes(65537)]), Code::TooLarge),
        ("large refusal", array(5, vec![bytes(4097)]), Code::TooLarge),
        ("hello with unknown key", hello_with(8, 1.into()), Code::Malformed),
        ("hello of no agency", hello_with(1, "A.example".into()), Code::NameRefused),
        ("hello with large checkpoint", hello_with(4, bytes(4097)), Code::TooLarge),
        ("hello with many features", hello_with(6, Value::Array(vec!["x".into(); 33])), Code::TooLarge),
        (
            "hello with a long feature",
            hello_with(6, Value::Array(vec!["x".repeat(65).into()])),
            Code::TooLarge,
        ),
        ("hello of the year 10000", hello_with(7, u64::MAX.into()), Code::ValueRefused),
    ] {
        let problem = decode(&cbor::encode(&value)).expect_err(name);
        assert_eq!(problem.code, code, "{name}: {problem}");
    }
    assert!(decode(&cbor::encode(&hello_with(6, Value::Array(vec!["x".into(); 32])))).is_ok());
}
