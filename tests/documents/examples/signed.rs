//! What is signed, what signatures commit to, and the leaves of a log.

use std::sync::Arc;

use ogic_certs::capsule::{Builder, Given, Manifest, examine};
use ogic_certs::certificate::Certificate;
use ogic_certs::checkpoint::Checkpoint;
use ogic_certs::cose::{Payload, Signed};
use ogic_certs::crl::Crl;
use ogic_certs::custody::{CustodyNotice, Told};
use ogic_certs::event::{Body, Detail, Header, Kind};
use ogic_certs::evidence::Judgement;
use ogic_certs::extract::Extract;
use ogic_certs::receipt::ReceiptFrame;
use ogic_certs::record::{AccessLeaf, HeadLeaf, Leaf, NoticeLeaf, Record};
use ogic_certs::registry::Registry;
use ogic_certs::testing::agency;
use ogic_certs::verdict::Verdict;
use ogic_certs::{CaseId, Digest, EventId};
use ogic_node::desk::Fact;
use ogic_node::log::{self};

use super::story::{DOCUMENT, MINUTE_MS, STORY, access_leaf, random};
use super::{As, Example, Field, Form, plain, signed};

pub(super) fn signed_objects() -> Vec<Example> {
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
        custody_notice(),
        signed("evidence", &story.evidence, &story.ttp),
        signed("announcement", &story.announcement, &story.transport),
        signed("service-definition", &story.service, &story.transport),
        registry(),
        manifest(),
        extract(),
    ]
}

/// The capsule of the story: opening, share and step under one checkpoint.
fn capsule() -> Vec<u8> {
    let story = &*STORY;
    let case = story.record.case;
    let mut builder = Builder::new(case, agency("transport.gov.example"), story.service.bytes());
    let signers = [&story.transport, &story.transport_official, &story.health, &story.physician];
    signers.iter().for_each(|signer| builder.certificate(signer.certificate()));
    builder.crl(&Crl::from_der(&story.crl).expect("a list"));
    builder.registry(&story.registry);
    let opened = Record {
        case,
        seq: 0,
        prev: Digest::ZERO,
        received: story.opening.header.value().created,
        event: story.opening.id(),
    };
    for (record, event) in [(opened, &story.opening), (story.prev, &story.share), (story.record, &story.step)]
    {
        let approval = event.approval.as_ref().map(Signed::bytes);
        builder.record(&record, event.header.bytes(), Some(&event.body), approval);
    }
    builder.receipts(&story.proof_of_case.encode());
    builder.document(DOCUMENT.to_vec());
    builder.finish(story.record.received.plus_ms(MINUTE_MS), &story.transport).expect("a capsule")
}

/// The manifest closes a capsule that passes every check which needs no case model.
fn manifest() -> Example {
    let capsule = capsule();
    let pinned = Some((Arc::new(STORY.registry.clone()), STORY.pin.clone()));
    let examined = examine(&capsule, &Given { pinned, ..Given::default() });
    let (verdict, worst) = (examined.report.verdict(), examined.report.headline());
    assert_eq!(verdict, Verdict::TotalPassed, "{worst:?}");
    let listed = examined.contents.expect("readable parts").manifest;
    let at = (0..capsule.len()).rev().find(|at| {
        Signed::<Manifest>::parse(&capsule[*at..]).is_ok_and(|manifest| *manifest.value() == listed)
    });
    let bytes = &capsule[at.expect("the manifest closes the capsule")..];
    let manifest = Signed::<Manifest>::parse(bytes).expect("the manifest");
    signed("manifest", &manifest, &STORY.transport)
}

/// A checkpoint for strangers: its signer's certificate is found by digest among those beside it.
fn extract() -> Example {
    let story = &*STORY;
    let crl = Crl::from_der(&story.crl).expect("a list");
    let extract = Extract::new(story.checkpoint.bytes().to_vec(), story.transport.chain(), [&crl]);
    plain("extract", extract.encode().expect("within its limits"), Form::Lined, |bytes| {
        let read = Extract::decode(bytes)?;
        let checkpoint = Signed::<Checkpoint>::parse(&read.object)?;
        let named = |one: &&Certificate| one.digest() == checkpoint.envelope().signer();
        let signer = read.certificates.iter().find(named).expect("the signer's certificate");
        checkpoint.verify_with(signer)?;
        read.encode()
    })
}

/// The notice of a release, whose own bonds hold.
fn custody_notice() -> Example {
    let mut notice = signed("custody-notice", &STORY.custody.notice, &STORY.transport);
    let verify = notice.decode;
    notice.decode = Box::new(move |bytes| {
        verify(bytes);
        let notice = Signed::<CustodyNotice>::parse(bytes).expect("a notice");
        let told = notice.value().read().expect("its bonds hold");
        let Told::Released(release) = told else { panic!("a release") };
        assert_eq!((release.to, release.offer), (agency("city.gov.example"), STORY.custody.offer.id()));
        let release = notice.value().event().expect("the event").header;
        release.verify_with(STORY.transport.certificate()).expect("the old home's seal");
    });
    notice
}

/// The registry's signer stands in its chain.
pub(super) fn registry() -> Example {
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

pub(super) fn bodies() -> Vec<Example> {
    let story = &*STORY;
    let unshare = Detail::Unshare { grant: story.share.id(), reason: "the examination is done".to_owned() };
    let evidence = Detail::Evidence {
        event: story.step.id(),
        own: Judgement::PASSED,
        evidence: Some(story.evidence.bytes().to_vec()),
    };
    let close = Detail::Close { reason: "all steps are done".to_owned() };
    let decline = Detail::Decline { reason: "the applicant lives in another city".to_owned() };
    let blob = |detail: Detail, name: &str| Body::of(detail).to_blob(&random(name));
    let rows = [
        ("body-open", story.opening.body.clone(), Kind::Open),
        ("body-step", story.step.body.clone(), Kind::Step),
        ("body-share", story.share.body.clone(), Kind::Share),
        ("body-unshare", blob(unshare, "unshare"), Kind::Unshare),
        ("body-evidence", blob(evidence, "evidence"), Kind::Evidence),
        ("body-close", blob(close, "close"), Kind::Close),
        ("body-offer", story.custody.offer.body.clone(), Kind::Offer),
        ("body-decline", blob(decline, "decline"), Kind::Decline),
        ("body-release", story.custody.release.body.clone(), Kind::Release),
        ("body-taken", story.custody.taken.body.clone(), Kind::Taken),
    ];
    let example = |(name, bytes, kind): (&'static str, Vec<u8>, Kind)| {
        plain(name, bytes, Form::Salted, move |bytes| {
            let salt = bytes.first_chunk().expect("32 bytes of salt");
            Ok(Body::from_blob(bytes, kind)?.to_blob(salt))
        })
    };
    rows.into_iter().map(example).collect()
}

pub(super) const RECORD: &[Field] = &[
    ("prefix", 13, As::Text),
    ("case", 32, As::Bytes),
    ("seq", 8, As::Number),
    ("prev", 32, As::Bytes),
    ("received", 8, As::Number),
    ("event id", 32, As::Bytes),
];
pub(super) const ACCESS: &[Field] = &[
    ("prefix", 13, As::Text),
    ("case", 32, As::Bytes),
    ("at", 8, As::Number),
    ("commitment", 32, As::Bytes),
];
pub(super) const NOTICE: &[Field] =
    &[("prefix", 13, As::Text), ("notice's SHA-256", 32, As::Bytes), ("received", 8, As::Number)];
pub(super) const HEAD: &[Field] = &[
    ("prefix", 11, As::Text),
    ("case", 32, As::Bytes),
    ("seq", 8, As::Number),
    ("record digest", 32, As::Bytes),
    ("leaf index", 8, As::Number),
];

pub(super) fn leaves() -> Vec<Example> {
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
