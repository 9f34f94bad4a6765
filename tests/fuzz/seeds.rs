//! Valid inputs of each target, out of the stories and of PROTOCOL's examples.

use ogic_certs::cbor::{self, Value};
use ogic_certs::cose::Sign1;
use ogic_certs::event::Event;
use ogic_certs::evidence::VerifyRequest;
use ogic_certs::{Code, Digest, issue, key::SigningKey};
use ogic_node::case::capsule;
use ogic_node::desk::Fact;
use ogic_node::exchange::frame;
use ogic_node::exchange::message::{Carried, Message};
use ogic_node::exchange::request::Request;
use ogic_node::log::{Log, SimDisk};

use crate::examples;
use crate::ground::GROUND;
use crate::story::{SERVICE, Story};
use crate::targets::journal;

/// The examples whose names begin with one of these.
fn named(prefixes: &[&str]) -> Vec<Vec<u8>> {
    let examples = examples::all().into_iter();
    let fits = |name: &str| prefixes.iter().any(|prefix| name.starts_with(prefix));
    examples.filter(|example| fits(example.name)).map(|example| example.bytes).collect()
}

pub(crate) fn cbor() -> Vec<Vec<u8>> {
    let payloads =
        cose().into_iter().filter_map(|bytes| Some(Sign1::parse_any(&bytes).ok()?.payload().to_vec()));
    let plain = named(&["message", "request", "answer", "entry", "token", "receipt"]);
    payloads.chain(plain).filter(|bytes| cbor::scan(bytes, &cbor::Limits::FRAME, "seed").is_ok()).collect()
}

pub(crate) fn cose() -> Vec<Vec<u8>> {
    let whole = &GROUND.whole;
    let told = whole.told.iter().chain(&GROUND.moved.told);
    let mut seeds: Vec<_> = told.map(|(_, event)| event.header.bytes().to_vec()).collect();
    let signed = examples::all().into_iter().map(|example| example.bytes);
    seeds.extend(signed.filter(|bytes| Sign1::parse_any(bytes).is_ok()));
    let [_, _, checkpoint] = GROUND.receipts();
    seeds.extend([checkpoint, whole.registry.bytes().to_vec(), whole.service.bytes().to_vec()]);
    seeds
}

pub(crate) fn registry() -> Vec<Vec<u8>> {
    let mut federation = ogic_certs::testing::Federation::new(5, crate::story::NOW);
    federation.signer("ogic://a.gov.example/seal");
    let small = federation.registry().bytes().to_vec();
    [named(&["registry"]), vec![GROUND.whole.registry.bytes().to_vec(), small]].concat()
}

fn carried(event: &Event) -> Carried {
    Carried {
        header: event.header.bytes().to_vec(),
        body: event.body.clone(),
        approval: event.approval.as_ref().map(|approval| approval.bytes().to_vec()),
    }
}

pub(crate) fn event() -> Vec<Vec<u8>> {
    let told = GROUND.whole.told.iter().chain(&GROUND.moved.told);
    let parts = |(_, event): &(_, Event)| {
        let Carried { header, body, approval } = carried(event);
        cbor::encode(&Value::Array(vec![header.into(), body.into(), cbor::optional(approval)]))
    };
    told.map(parts).chain(named(&["body"])).collect()
}

pub(crate) fn frame() -> Vec<Vec<u8>> {
    let packed = |messages: &[Message]| frame::pack(messages).unwrap().concat();
    let certificates = GROUND.certificates.iter().map(|one| one.der().to_vec()).collect();
    let [receipt, ..] = GROUND.receipts();
    let (_, step) = &GROUND.whole.told[2];
    let rows = [
        Message::Certificates(certificates),
        Message::Event(carried(step)),
        Message::Notice(GROUND.released.clone()),
        Message::Notice(GROUND.taken()),
        Message::Receipts(receipt),
    ];
    let mut seeds = named(&["frame"]);
    seeds.extend(rows.iter().map(|message| packed(std::slice::from_ref(message))));
    seeds.extend(named(&["message"]).iter().map(|message| {
        // An array of one.
        frame::framed(&[&[0x81], message.as_slice()].concat()).unwrap()
    }));
    seeds.push([packed(&rows[1..3]), packed(&rows[3..])].concat());
    seeds
}

pub(crate) fn exchange() -> Vec<Vec<u8>> {
    let (_, step) = &GROUND.whole.told[2];
    let Carried { header, approval, .. } = carried(step);
    let documents = step.read_body().unwrap().documents;
    let certificates = GROUND.certificates.iter().map(|one| one.der().to_vec()).collect();
    let verify = VerifyRequest { nonce: [5; 16], header, approval, documents, certificates };
    [named(&["request", "answer", "message"]), vec![Request::Verify(verify).encode()]].concat()
}

pub(crate) fn receipt() -> Vec<Vec<u8>> {
    let [one, many, _] = GROUND.receipts();
    [named(&["receipt"]), vec![one, many]].concat()
}

pub(crate) fn evidence() -> Vec<Vec<u8>> {
    [named(&["evidence"]), vec![GROUND.evidence()]].concat()
}

pub(crate) fn capsule() -> Vec<Vec<u8>> {
    let mut short = Story::new(9162);
    short.opens(|_| {});
    short.shares(|_| {});
    let mut withheld = Story::new(9162);
    withheld.opens(|_| {});
    withheld.shares(|_| {});
    withheld.medical(|_| {});
    withheld.withheld.push((2, true));
    // What nobody names any more.
    withheld.documents.clear();
    vec![short.capsule(), withheld.capsule(), GROUND.moved.capsule_of_health(), GROUND.whole.capsule()]
}

pub(crate) fn extract() -> Vec<Vec<u8>> {
    let [receipt, _, checkpoint] = GROUND.receipts();
    let objects = [receipt, checkpoint, GROUND.evidence()];
    let extracts = objects.iter().map(|object| GROUND.whole.extract(object));
    named(&["extract"]).into_iter().chain(extracts).collect()
}

pub(crate) fn custody() -> Vec<Vec<u8>> {
    [named(&["custody"]), vec![GROUND.released.clone(), GROUND.taken()]].concat()
}

pub(crate) fn certificate() -> Vec<Vec<u8>> {
    let mut seeds: Vec<_> = GROUND.certificates.iter().map(|one| one.der().to_vec()).collect();
    let keys = [SigningKey::from_seed(&[3; 32]), SigningKey::generate_p256()];
    seeds.extend(keys.map(|key| issue::csr(&key.unwrap()).unwrap()));
    seeds.push(GROUND.whole.crl.der().to_vec());
    seeds.push(GROUND.whole.certificates().into_bytes());
    seeds.push(GROUND.node.certificate().public_key().spki_der().to_vec());
    seeds
}

pub(crate) fn token() -> Vec<Vec<u8>> {
    named(&["token", "enrol"])
}

pub(crate) fn service() -> Vec<Vec<u8>> {
    let short = "id = \"note\"\nversion = 1\ntitle = { en = \"Note\", ru = \"Заметка\" }\n\n[[step]]\nid = \"open\"\n\
                 title = { en = \"Open\", ru = \"Начало\" }\nperformer = \"home\"\nopening = true\n\
                 deadline_working_days = 1\n";
    vec![SERVICE.as_bytes().to_vec(), short.as_bytes().to_vec()]
}

/// Journals of one, two and many commits.
pub(crate) fn journal() -> Vec<Vec<u8>> {
    let entry = |nth: u64| {
        let id = Digest::of(&nth.to_be_bytes());
        match nth % 3 {
            0 => Fact::Unparked(id).to_entry().unwrap(),
            1 => Fact::Parked { id, code: Code::GrantRevoked, refusal: None }.to_entry().unwrap(),
            _ => {
                let digest = id;
                let leaf = ogic_certs::record::NoticeLeaf { digest, received: crate::story::NOW };
                let peer = ogic_certs::testing::agency("health.gov.example");
                Fact::Notice { leaf, peer, signed: vec![7; 40] }.to_entry().unwrap()
            }
        }
    };
    let of = |commits: u64| {
        let disk = SimDisk::new(commits);
        let mut log = Log::open_with(disk.clone(), &journal::options(), |_, _, _, _| Ok(())).unwrap();
        let mut end = 0;
        for nth in 0..commits {
            let entries: Vec<_> = (0..=nth % 4).map(|at| entry(nth + at)).collect();
            let last = log.commit(&entries).unwrap().places.last().unwrap().position;
            end = (last.offset + last.bytes) as usize;
        }
        let mut bytes = disk.contents(journal::SEGMENT).unwrap();
        // Some of the zeroes that are there for what comes next.
        bytes.truncate(end + 64);
        bytes
    };
    vec![of(1), of(2), of(6)]
}

pub(crate) fn stored() -> Vec<Vec<u8>> {
    let facts = GROUND.whole.told.iter().take(3).map(|(record, event)| {
        let Carried { header, body, approval } = carried(event);
        let author = ogic_certs::testing::agency(crate::story::HOME);
        let fact = ogic_node::desk::EventFact { record: *record, author, header, body, approval };
        let entry = Fact::Event(fact).to_entry().unwrap();
        let leaf = entry.leaf().unwrap();
        [&(leaf.len() as u16).to_be_bytes()[..], leaf, entry.body()].concat()
    });
    let rows =
        capsule().into_iter().filter_map(|bytes| Some(capsule::verify(&bytes, &GROUND.given).case?.to_row()));
    let plain =
        named(&["entry-put", "entry-pa", "entry-un", "entry-peer", "entry-o", "entry-al", "authority"]);
    plain.into_iter().chain(named(&["entry-answered"])).chain(facts).chain(rows).collect()
}
