use std::sync::{Arc, LazyLock};

use super::*;
use crate::cose::Signer;
use crate::event::{Body, Header, Kind, SALT_BYTES, StepTimes};
use crate::testing::{Federation, agency};

struct Play {
    federation: Federation,
    old: Signer,
    new: Signer,
    other: Signer,
}

fn time(ms: u64) -> Timestamp {
    Timestamp::from_ms(1_795_576_800_000 + ms, "t").unwrap()
}

fn play() -> Play {
    let mut federation = Federation::new(7, time(0));
    let old = federation.signer("ogic://city.gov.example/seal");
    let new = federation.signer("ogic://transport.gov.example/seal");
    let other = federation.signer("ogic://health.gov.example/seal");
    Play { federation, old, new, other }
}

/// What opened the case: the city did.
fn opening() -> &'static Signed<Header> {
    static OPENING: LazyLock<Signed<Header>> = LazyLock::new(|| {
        let body = Body::of(Detail::None).to_blob(&[3; SALT_BYTES]);
        let header = Header {
            case: None,
            head: None,
            kind: Kind::Open,
            step: None,
            created: time(0),
            body_bytes: body.len() as u64,
            commitment: Digest::of(&body),
            approval: None,
            grant: None,
            code: 0,
            times: StepTimes::default(),
        };
        Signed::sign(header, &play().old).unwrap()
    });
    &OPENING
}

fn case() -> CaseId {
    CaseId::opened_by(EventId(opening().digest()))
}

fn event(seal: &Signer, kind: Kind, head: HeadAt, detail: Detail) -> Event {
    let body = Body::of(detail).to_blob(&[3; SALT_BYTES]);
    let header = Header {
        case: Some(case()),
        head: Some(head),
        kind,
        step: None,
        created: time(1),
        body_bytes: body.len() as u64,
        commitment: Digest::of(&body),
        approval: None,
        grant: None,
        code: 0,
        times: StepTimes::default(),
    };
    Event { header: Signed::sign(header, seal).unwrap(), body, approval: None }
}

fn record(seq: u64, prev: Digest, event: EventId) -> Record {
    Record { case: case(), seq, prev, received: time(seq), event }
}

fn head(record: &Record) -> HeadAt {
    HeadAt { seq: record.seq, record: record.digest() }
}

/// What the old home signs when it releases the case to the new one.
fn release(seal: &Signer, edit: impl FnOnce(&mut CustodyNotice)) -> Signed<CustodyNotice> {
    let accept = EventId(Digest::of(b"accept"));
    let accepted = record(7, Digest::of(b"six"), accept);
    let detail =
        Detail::Release { to: agency("transport.gov.example"), offer: EventId(Digest::of(b"offer")), accept };
    let event = event(seal, Kind::Release, head(&accepted), detail);
    let released = record(8, accepted.digest(), event.id());
    let records = vec![accepted, released];
    let told_to = agency("transport.gov.example");
    let mut notice = CustodyNotice::of(&event, records, opening().bytes().to_vec(), told_to, time(9));
    edit(&mut notice);
    Signed::sign(notice, seal).unwrap()
}

fn taken(seal: &Signer, proof: &Signed<CustodyNotice>) -> CustodyNotice {
    let released = *proof.value().records.last().unwrap();
    let detail = Detail::Taken { from: agency("city.gov.example"), release: proof.bytes().to_vec() };
    let event = event(seal, Kind::Taken, head(&released), detail);
    let record = record(9, released.digest(), event.id());
    let told_to = agency("city.gov.example");
    CustodyNotice::of(&event, vec![record], opening().bytes().to_vec(), told_to, time(10))
}

#[test]
fn a_release_is_proven_by_what_the_old_home_signed() {
    let mut play = play();
    let notice = release(&play.old, |_| {});
    let read = Signed::<CustodyNotice>::parse(notice.bytes()).unwrap();
    let Told::Released(told) = read.value().read().unwrap() else { panic!("a release") };
    assert_eq!((told.to, told.record.seq), (agency("transport.gov.example"), 8));
    let (registry, crl) = (play.federation.registry(), play.federation.crl());
    let trust = Trust::new(Arc::new(registry), vec![crl], play.federation.pin()).unwrap();
    let certificates = [play.old.certificate().clone(), play.other.certificate().clone()];
    assert_eq!(open_release(&trust, &read, &certificates, time(9)).unwrap(), agency("city.gov.example"));
    // The same event told by another agency is nobody's release.
    let stolen = Signed::sign(notice.value().clone(), &play.other).unwrap();
    let problem = open_release(&trust, &stolen, &certificates, time(9)).unwrap_err();
    assert_eq!(problem.code, Code::IdentityMismatch, "{problem}");
}

#[test]
fn what_is_taken_holds_its_release() {
    let play = play();
    let proof = release(&play.old, |_| {});
    let notice = taken(&play.new, &proof);
    let signed = Signed::sign(notice, &play.new).unwrap();
    let read = Signed::<CustodyNotice>::parse(signed.bytes()).unwrap();
    let Told::Taken { from, release, proof: held, place } = read.value().read().unwrap() else {
        panic!("taken")
    };
    assert_eq!((from, place.seq, release.record.seq), (agency("city.gov.example"), 9, 8));
    assert_eq!(held.bytes(), proof.bytes());
}

#[test]
fn a_broken_bond_is_named() {
    type Edit = fn(&mut CustodyNotice);
    let rows: [(&str, Edit, Code); 9] = [
        ("of another case", |n| n.case = CaseId(Digest::ZERO), Code::DigestMismatch),
        (
            "the release alone",
            |n| {
                n.records.remove(0);
            },
            Code::KindMismatch,
        ),
        ("another acceptance", |n| n.records[0].event = EventId(Digest::ZERO), Code::DigestMismatch),
        ("a record of another event", |n| n.records[1].event = EventId(Digest::ZERO), Code::DigestMismatch),
        ("not after the acceptance", |n| n.records[1].prev = Digest::ZERO, Code::DigestMismatch),
        ("a gap", |n| n.records[1].seq = 9, Code::ValueRefused),
        (
            "another opening",
            |n| n.opening = release(&play().old, |_| {}).value().header.clone(),
            Code::KindMismatch,
        ),
        ("no opening", |n| n.opening.clear(), Code::Malformed),
        ("another body", |n| n.body[40] ^= 1, Code::DigestMismatch),
    ];
    let play = play();
    for (name, edit, code) in rows {
        let notice = release(&play.old, edit);
        let problem = notice.value().read().expect_err(name);
        assert_eq!(problem.code, code, "{name}: {problem}");
    }
    let mut notice = taken(&play.new, &release(&play.old, |_| {}));
    notice.records[0].prev = Digest::ZERO;
    assert_eq!(notice.read().unwrap_err().code, Code::DigestMismatch);
    let notice = taken(&play.new, &Signed::sign(notice, &play.new).unwrap());
    assert!(notice.read().is_err(), "a notice of taking is no release");
}

#[test]
fn no_notice_is_longer_than_its_form() {
    let play = play();
    let notice = release(&play.old, |_| {});
    let bytes = notice.value().encode();
    for cut in 0..bytes.len() {
        assert!(CustodyNotice::decode(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    let three = CustodyNotice { records: vec![notice.value().records[0]; 3], ..notice.value().clone() };
    assert_eq!(CustodyNotice::decode(&three.encode()).unwrap_err().code, Code::Malformed);
}
