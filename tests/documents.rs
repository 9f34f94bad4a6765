//! The documents are true: examples decode, numbers are the code's, tests that are named exist, links lead somewhere.
//!
//! What is generated stands in the documents between its marks; `OGIC_BLESS=1 cargo test -p ogic --test documents` writes it
//! anew. Without that the tests only compare.

#[path = "documents/cddl.rs"]
mod cddl;
#[path = "documents/diagnostic.rs"]
mod diagnostic;
#[path = "documents/examples/mod.rs"]
mod examples;
#[path = "documents/limits.rs"]
mod limits;
#[path = "documents/page.rs"]
mod page;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use ogic_certs::Code;
use ogic_certs::capsule::Part;
use ogic_certs::cbor::{self, Limits, Value};
use ogic_certs::cose::{Kind, Sign1};
use ogic_certs::key::CoseAlg;
use ogic_node::log::EntryKind;

use cddl::Rules;
use page::{Page, root};

#[test]
fn links_and_files_that_are_named_exist() {
    for name in page::documents() {
        let page = Page::read(&name);
        for (target, _) in page
            .text
            .match_indices("](")
            .filter_map(|(at, open)| page.text[at + open.len()..].split_once(')'))
        {
            let path = target.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains("://") {
                continue;
            }
            let folder = root().join(&name);
            let folder = folder.parent().expect("a file lies in a folder");
            assert!(folder.join(path).exists(), "{name} links to {target}");
        }
        // `certs/src/x.rs`, `node/src/y.rs::z` and the like in code marks.
        for path in page.marked().filter_map(|text| text.split("::").next()) {
            let is_ours = ["certs/", "node/", "cli/", "tests/", "config/"]
                .iter()
                .any(|folder| path.starts_with(folder));
            if is_ours && !path.contains(['{', '*', ' ', '<']) {
                assert!(
                    root().join(path).exists() || root().join(path).with_extension("rs").exists(),
                    "{name} names {path}"
                );
            }
        }
    }
}

#[test]
fn every_test_that_security_names_exists() {
    let page = Page::read("docs/SECURITY.md");
    let mut named = 0;
    for (path, test) in page.marked().filter_map(|text| text.split_once(".rs::")) {
        let source = std::fs::read_to_string(root().join(path).with_extension("rs")).unwrap_or_default();
        let declared = format!("fn {test}(");
        let (before, _) = source.split_once(&declared).unwrap_or_else(|| panic!("no {test} in {path}.rs"));
        let attributes = before.rsplit("\n\n").next().unwrap_or_default();
        assert!(attributes.contains("test"), "{path}.rs::{test} is no test");
        named += 1;
    }
    assert!(named > 40, "only {named} tests are named");
}

#[test]
fn every_threat_has_its_line_and_every_control_a_test() {
    const THREATS: u32 = 52;
    let page = Page::read("docs/SECURITY.md");
    let mut told = BTreeSet::new();
    for row in page.text.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let Some(number) = cells.first().and_then(|cell| cell.parse::<u32>().ok()) else { continue };
        assert_eq!(cells.len(), 5, "{row}");
        assert!(cells.iter().all(|cell| !cell.is_empty()) && cells[4].contains(".rs::"), "{row}");
        assert!(told.insert(number), "{number} has two lines");
    }
    let missing = page.text.split_once("## Not there yet").expect("the honest list").1;
    for numbers in missing.lines().filter_map(|line| line.strip_prefix("- **")?.split_once("**")) {
        told.extend(numbers.0.split(", ").map(|number| number.parse::<u32>().expect("a threat's number")));
    }
    assert_eq!(told, (1..=THREATS).collect(), "threats without a line, or lines without a threat");
}

#[test]
fn limits_are_the_codes_constants() {
    let rows = Page::read("docs/PROTOCOL.md").table("Limits");
    for row in &rows {
        let [name, number, constant, _] = row.as_slice() else { panic!("a row of four cells: {row:?}") };
        assert_eq!(limits::number(number), limits::constant(constant), "{name}: {constant}");
    }
    let named: BTreeSet<&str> = rows.iter().filter_map(|row| row.get(2)).map(String::as_str).collect();
    let missing: Vec<String> =
        limits::declared().into_iter().filter(|c| !named.contains(c.as_str())).collect();
    assert!(missing.is_empty(), "PROTOCOL's table of limits lacks:\n{}", missing.join("\n"));
}

#[test]
fn the_table_of_signed_objects_is_the_codes() {
    let rows = Page::read("docs/PROTOCOL.md").table("Signed objects");
    assert_eq!(rows.len(), Kind::ALL.len());
    for kind in Kind::ALL {
        let row = rows.iter().find(|row| row[1] == kind.content_type()).unwrap_or_else(|| panic!("{kind:?}"));
        assert_eq!(row[3] == "yes", kind.carries_chain(), "{kind:?}");
        assert_eq!(limits::number(&row[4]), kind.bytes_max() as u128, "{kind:?}");
    }
}

#[test]
fn the_table_of_a_capsules_sections_is_the_codes() {
    let rows = Page::read("docs/PROTOCOL.md").table("Capsule");
    let told: BTreeSet<u64> = rows.iter().map(|row| row[0].parse().expect("a number")).collect();
    assert_eq!(told, (0..=255).filter(|number| Part::from_number(*number).is_some()).collect());
    for row in &rows {
        let part = row[0].parse().ok().and_then(Part::from_number).expect("a number that was just compared");
        assert_eq!(limits::number(&row[3]), part.bytes_max() as u128, "{part:?}");
    }
}

#[test]
fn the_table_of_algorithms_is_the_codes() {
    let rows = Page::read("docs/PROTOCOL.md").table("Algorithms");
    let told: BTreeSet<i64> = rows.iter().map(|row| row[0].parse().expect("a number")).collect();
    let known = (-70_000..70_000).filter(|number| CoseAlg::from_number(*number).is_some()).collect();
    assert_eq!(told, known);
}

#[test]
fn the_table_of_entries_is_the_codes() {
    let rows = Page::read("docs/PROTOCOL.md").table("Entries");
    let told: Vec<_> = rows.iter().map(|row| (row[0].as_str(), row[1].as_str(), row[2] != "–")).collect();
    let numbers: Vec<_> = EntryKind::ALL.iter().map(|kind| kind.number().to_string()).collect();
    let names: Vec<_> = EntryKind::ALL.iter().map(|kind| format!("{kind:?}")).collect();
    let leaves = EntryKind::ALL.iter().map(|kind| kind.has_leaf());
    let known: Vec<_> =
        numbers.iter().zip(&names).zip(leaves).map(|((n, k), l)| (n.as_str(), k.as_str(), l)).collect();
    assert_eq!(told, known);
}

#[test]
fn the_table_of_codes_is_the_codes() {
    let mut table =
        String::from("| number | name | whose turn | HTTP | exit | sentence |\n|---|---|---|---|---|---|\n");
    for code in Code::ALL {
        let (number, side) = (code.number(), code.side().as_str());
        let _ = writeln!(
            table,
            "| {number} | {code:?} | {side} | {} | {} | {} |",
            code.http(),
            code.exit(),
            code.sentence_en().replace('|', "\\|")
        );
    }
    page::hold(&[("docs/PROTOCOL.md", "codes", table)]);
}

#[test]
fn examples_decode_from_the_page_and_are_what_the_code_makes() {
    let examples = examples::all();
    let blocks = examples.iter().flat_map(|example| {
        let hex = (format!("hex {}", example.name), page::hex_lines(&example.bytes));
        let shown = (format!("{} {}", example.form.word(), example.name), example.form.show(&example.bytes));
        [hex, shown]
    });
    page::hold_blocks("docs/PROTOCOL.md", &blocks.collect::<Vec<_>>());

    // From here on the page is the only source.
    let page = Page::read("docs/PROTOCOL.md");
    for example in &examples {
        let hex = page.block(&format!("hex {}", example.name)).expect("a block that was just held");
        let bytes = page::bytes_of(hex);
        (example.decode)(&bytes);
        let shown = page.block(&format!("{} {}", example.form.word(), example.name)).expect("likewise");
        assert_eq!(example.form.show(&bytes), shown, "{}", example.name);
    }
    let known: BTreeSet<String> = examples.iter().map(|example| format!("hex {}", example.name)).collect();
    let strange: Vec<&str> = page.blocks("hex ").filter(|name| !known.contains(*name)).collect();
    assert!(strange.is_empty(), "blocks that nobody makes: {strange:?}");
}

#[test]
fn examples_are_what_the_cddl_of_the_page_says() {
    let page = Page::read("docs/PROTOCOL.md");
    let rules = Rules::parse(page.all_blocks("cddl"));
    let mut used = BTreeSet::new();
    for example in examples::all() {
        let bytes = page::bytes_of(page.block(&format!("hex {}", example.name)).expect("its block"));
        let Some(item) = example.form.item(&bytes).map(diagnostic::parse).and_then(diagnostic::payload)
        else {
            continue;
        };
        // `body-share` is a `body`, `message-hello` a `message`; most names are the rule's own.
        let rule = rules.names().filter(|rule| example.name.starts_with(rule)).max_by_key(|rule| rule.len());
        let rule = match example.name {
            "opening-header" => "event-header",
            "access-body" => "access",
            "entry-unparked" => "entry-parked",
            name => rule.unwrap_or_else(|| panic!("no rule for {name}")),
        };
        assert!(rules.accept(rule, &item), "{} is no {rule} by the page's CDDL", example.name);
        used.insert(rule.to_owned());
    }
    for rule in
        ["event-header", "body", "registry", "message", "request", "answer", "entry-put", "authority-token"]
    {
        assert!(used.contains(rule), "no example was held against {rule}");
    }
}

#[test]
fn the_cddl_of_the_page_refuses_what_differs() {
    let rules = Rules::parse([
        "a = { 1: uint, ? 2: [* tstr], * tstr => b }\nb = bstr .size 2 / null ; c\nc = &( x: 1, y: 3 )",
    ]);
    // {1: 0}, {1: 0, 2: ["x"]}, {1: 0, "k": h'0102'}, {1: 0, "k": null}
    for right in ["a10100", "a2010002816178", "a20100616b420102", "a20100616bf6"] {
        assert!(rules.accept("a", &diagnostic::parse(&page::bytes_of(right))), "{right}");
    }
    // {}, {1: -1}, {1: 0, 3: 0}, {1: 0, 2: [0]}, {1: 0, "k": h'01'}, 0
    for wrong in ["a0", "a10120", "a201000300", "a20100028100", "a20100616b4101", "00"] {
        assert!(!rules.accept("a", &diagnostic::parse(&page::bytes_of(wrong))), "{wrong}");
    }
    let rules = Rules::parse(["a = [*2 b]\nb = tstr .size (1..2)\nc = &( x: 1, y: 3 )"]);
    // [], ["x", "é"]; [""], ["xyz"], ["x", "x", "x"], [h'01']
    assert!(
        ["80", "826178 62c3a9"].iter().all(|it| rules.accept("a", &diagnostic::parse(&page::bytes_of(it))))
    );
    let wrong = ["8160", "816378797a", "83617861786178", "814101"];
    assert!(!wrong.iter().any(|it| rules.accept("a", &diagnostic::parse(&page::bytes_of(it)))));
    assert!(rules.accept("c", &diagnostic::parse(&[3])) && !rules.accept("c", &diagnostic::parse(&[2])));
}

#[test]
fn every_kind_of_signed_object_and_message_has_an_example() {
    let page = Page::read("docs/PROTOCOL.md");
    let content_types: BTreeSet<&str> = page
        .blocks("hex ")
        .filter_map(|name| Sign1::parse_any(&page::bytes_of(page.block(name)?)).ok())
        .map(|signed| signed.kind().content_type())
        .collect();
    for kind in Kind::ALL {
        assert!(content_types.contains(kind.content_type()), "no example of {kind:?}");
    }
    for (prefix, tags) in [("message", 0..=5), ("request", 1..=7), ("answer", 0..=7)] {
        for tag in tags {
            let found = page.blocks("hex ").any(|name| {
                name.starts_with(&format!("hex {prefix}-"))
                    && page::bytes_of(page.block(name).unwrap_or_default()).get(1) == Some(&tag)
            });
            assert!(found, "no example of {prefix} {tag}");
        }
    }
}

/// THREATS 22: a valid envelope, and each way in which one edit of its form spoils it.
#[test]
fn an_envelope_is_refused_by_one_edit() {
    const SIGN1: &[u8] = &[0xd2];
    let event = examples::event_header();
    let Ok(Value::Array(parts)) = cbor::decode(&event[1..], &Limits::HEADER, "test") else {
        panic!("an array")
    };
    let [Value::Bytes(protected), _, payload, signature] = parts.as_slice() else { panic!("four parts") };
    let Ok(Value::Map(header)) = cbor::decode(protected, &Limits::HEADER, "test") else { panic!("a map") };
    let encode = |protected: &[u8], unprotected: Value, payload: &Value, signature: &Value| {
        let array = Value::Array(vec![protected.into(), unprotected, payload.clone(), signature.clone()]);
        [SIGN1, &cbor::encode(&array)].concat()
    };
    let empty = || Value::Map(Vec::new());
    let with_header = |entries: Vec<(Value, Value)>| {
        encode(&cbor::encode(&Value::Map(entries)), empty(), payload, signature)
    };
    let without =
        |key: u64| header.iter().filter(|(k, _)| *k != Value::Uint(key)).cloned().collect::<Vec<_>>();
    let with = |key: u64, value: Value| [without(key), vec![(key.into(), value)]].concat();
    let taken = |key: u64| header.iter().find(|(k, _)| *k == Value::Uint(key)).cloned().into_iter().collect();
    let x5t = |hash: Value, bytes: usize| Value::Array(vec![hash, vec![0; bytes].as_slice().into()]);
    assert_eq!(encode(protected, empty(), payload, signature), event, "the valid one, built again");
    assert!(Sign1::parse(&event, Kind::Event).is_ok());

    let other_kind = Kind::Approval.content_type();
    let rows: Vec<(&str, Vec<u8>, Code)> = vec![
        ("no bytes", Vec::new(), Code::Malformed),
        ("no tag", event[1..].to_vec(), Code::Malformed),
        ("tag 98, COSE_Sign", [&[0xd8, 98], &event[1..]].concat(), Code::Malformed),
        ("tag 17, COSE_Mac0", [&[0xd1], &event[1..]].concat(), Code::Malformed),
        ("tag 18 in its long form", [&[0xd8, 18], &event[1..]].concat(), Code::Malformed),
        ("tagged twice", [SIGN1, &event].concat(), Code::Malformed),
        ("a byte behind", [event.as_slice(), &[0]].concat(), Code::Malformed),
        ("a byte short", event[..event.len() - 1].to_vec(), Code::Malformed),
        ("three parts", [SIGN1, &cbor::encode(&Value::Array(parts[..3].to_vec()))].concat(), Code::Malformed),
        (
            "five parts",
            [SIGN1, &cbor::encode(&Value::Array([parts.as_slice(), &[Value::Null]].concat()))].concat(),
            Code::Malformed,
        ),
        ("payload detached", encode(protected, empty(), &Value::Null, signature), Code::Malformed),
        ("signature null", encode(protected, empty(), payload, &Value::Null), Code::Malformed),
        ("protected header empty", encode(&[], empty(), payload, signature), Code::Malformed),
        ("protected header an empty map", encode(&[0xa0], empty(), payload, signature), Code::Malformed),
        ("alg missing", with_header(without(1)), Code::Malformed),
        (
            "alg unprotected alone",
            encode(&cbor::encode(&Value::Map(without(1))), Value::Map(taken(1)), payload, signature),
            Code::Malformed,
        ),
        ("alg in both", encode(protected, Value::Map(taken(1)), payload, signature), Code::Malformed),
        ("alg HS256", with_header(with(1, 5_u64.into())), Code::AlgorithmRefused),
        ("alg RS256", with_header(with(1, Value::Nint(-257))), Code::AlgorithmRefused),
        ("alg as text", with_header(with(1, "EdDSA".into())), Code::AlgorithmRefused),
        (
            "crit that names what is known",
            with_header(with(2, Value::Array(vec![1_u64.into()]))),
            Code::Malformed,
        ),
        (
            "crit that names what is not",
            with_header(with(2, Value::Array(vec![99_u64.into()]))),
            Code::Malformed,
        ),
        ("an unknown header", with_header(with(99, 1_u64.into())), Code::Malformed),
        (
            "a header named by text",
            with_header([header.clone(), vec![("x".into(), 1_u64.into())]].concat()),
            Code::Malformed,
        ),
        (
            "kid unprotected",
            encode(protected, Value::Map(vec![(4_u64.into(), 1_u64.into())]), payload, signature),
            Code::Malformed,
        ),
        ("content type missing", with_header(without(3)), Code::Malformed),
        ("content type of another kind", with_header(with(3, other_kind.into())), Code::KindMismatch),
        ("content type of nobody", with_header(with(3, "application/cbor".into())), Code::KindMismatch),
        (
            "content type in capitals",
            with_header(with(3, "application/vnd.ogic.EVENT+cbor".into())),
            Code::KindMismatch,
        ),
        ("content type as a number", with_header(with(3, 60_u64.into())), Code::Malformed),
        ("x5t missing", with_header(without(34)), Code::Malformed),
        ("x5t by SHA-512", with_header(with(34, x5t(Value::Nint(-44), 32))), Code::Malformed),
        ("x5t too short", with_header(with(34, x5t(Value::Nint(-16), 31))), Code::Malformed),
        ("x5chain where none belongs", with_header(with(33, Value::Array(vec![]))), Code::Malformed),
    ];
    for (name, bytes, code) in rows {
        let problem = Sign1::parse(&bytes, Kind::Event).map(drop).expect_err(name);
        assert_eq!(problem.code, code, "{name}: {problem}");
    }
}
