//! What is stored: a journal's bytes, and the entries of an agency and of the authority.

use ogic_certs::record::NoticeLeaf;
use ogic_certs::registry::Level;
use ogic_certs::testing::agency;
use ogic_certs::{Code, Digest, Role};
use ogic_node::authority;
use ogic_node::desk::{AnswerFact, Claim, EventFact, Fact, OutcomeFact, OvertakenFact, Parcel, PutFact};
use ogic_node::log::{Log, Options, SimDisk};

use super::story::{DAY_MS, MINUTE_MS, NOW, STORY, Story, origin_of};
use super::{As, Example, Field, Form, plain};

pub(super) const SEGMENT: &[Field] = &[
    ("magic", 8, As::Text),
    ("version", 2, As::Number),
    ("SHA-256 of the origin", 32, As::Bytes),
    ("first commit", 8, As::Number),
    ("salt", 16, As::Bytes),
    ("SHA-256 of the above", 32, As::Bytes),
];
pub(super) const FRAME: &[Field] = &[
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
pub(super) const SEGMENT_BYTES: usize = 98;

/// A journal of one commit with one entry: a parked message that is to be tried again.
pub(super) fn segment() -> Vec<u8> {
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
pub(super) fn reopened(bytes: &[u8]) -> Vec<u8> {
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

pub(super) fn journal() -> Vec<Example> {
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
    let health = agency("health.gov.example");
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
        (
            "entry-held",
            Fact::Held(EventFact {
                record: story.custody.accepted,
                author: agency("city.gov.example"),
                header: story.custody.accept.header.bytes().to_vec(),
                body: story.custody.accept.body.clone(),
                approval: None,
            }),
        ),
        (
            "entry-answered",
            Fact::Answered(AnswerFact {
                case,
                offer: story.custody.offer.id(),
                event: story.custody.accept.id(),
                accepted: true,
            }),
        ),
        (
            "entry-overtaken",
            Fact::Overtaken(OvertakenFact {
                peer: health,
                event: story.step.id(),
                claim: Claim::of(&story.step),
                code: Code::StepNotOpen,
            }),
        ),
    ];
    examples.extend(facts.into_iter().map(|(name, fact)| entry(name, &fact)));
    examples.extend(book());
    examples
}

/// An entry of an agency's journal: what stands behind the leaf.
pub(super) fn entry(name: &'static str, fact: &Fact) -> Example {
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
pub(super) fn book() -> Vec<Example> {
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
