//! Signed objects and what they hold. What is accepted has one encoding; what verifies is what its signer signs.

use ogic_certs::announcement::Announcement;
use ogic_certs::capsule::Manifest;
use ogic_certs::cbor::{self, Limits};
use ogic_certs::certificate::Certificate;
use ogic_certs::checkpoint::Checkpoint;
use ogic_certs::cose::{Kind as Envelope, Payload, Sign1, Signed};
use ogic_certs::custody::{CustodyNotice, Told, open_release};
use ogic_certs::event::{Approval, Body, Event, Header, Kind, SALT_BYTES};
use ogic_certs::evidence::Evidence;
use ogic_certs::receipt::ReceiptFrame;
use ogic_certs::record::{HeadLeaf, Leaf};
use ogic_certs::reference::Reference;
use ogic_certs::refusal::{Refusal, VerdictNotice};
use ogic_certs::registry::Registry;
use ogic_certs::service::ServiceText;
use ogic_certs::testing::agency;
use ogic_certs::{Code, Digest};
use ogic_node::desk::check;
use ogic_node::exchange::message::Message;
use ogic_node::{acceptance, ttp};

use super::{fine, held};
use crate::ground::GROUND;
use crate::story::NOW;

/// The only spelling of what it says.
pub(super) fn cbor(bytes: &[u8]) -> bool {
    let mut accepted = false;
    for limits in [Limits::HEADER, Limits::FRAME, Limits::DOCUMENT] {
        let scanned = fine(cbor::scan(bytes, &limits, "fuzz")).is_some();
        let value = fine(cbor::decode(bytes, &limits, "fuzz"));
        assert_eq!(scanned, value.is_some(), "the scan and the codec differ");
        if let Some(value) = value {
            assert!(cbor::encode(&value) == bytes, "another spelling");
            accepted = true;
        }
    }
    accepted
}

/// A payload of a kind: what is read is written again, byte for byte.
fn payload<T: Payload>(bytes: &[u8]) -> bool {
    let Some(value) = fine(T::decode(bytes)) else { return false };
    // A refusal's code of a newer release is read as the general one.
    if T::KIND != Envelope::Refusal
        || fine(Refusal::decode(bytes)).is_some_and(|r| r.code != Code::ProtocolViolation)
    {
        assert!(value.encode() == bytes, "another spelling of {:?}", T::KIND);
    }
    true
}

/// An envelope with its payload. If it verifies with any key of ours, it is exactly what that key signs.
pub(super) fn object<T: Payload + Clone>(bytes: &[u8]) -> Option<Signed<T>> {
    let signed = fine(Signed::<T>::parse(bytes))?;
    assert!(signed.bytes() == bytes, "other bytes than came");
    payload::<T>(signed.envelope().payload());
    let mut verifies = false;
    if let Some(signer) = GROUND.keys.signer(signed.envelope().signer()) {
        verifies = fine(signed.verify_with(signer.certificate())).is_some();
        assert!(!verifies || is_its_signature(bytes), "another signature than the signer's verifies");
        if verifies {
            held(bytes);
        }
    }
    for trust in [&GROUND.trust, &GROUND.examples] {
        if fine(trust.open(signed.clone(), &GROUND.certificates, NOW)).is_some() {
            assert!(verifies, "trusted without a signature of ours");
        }
    }
    Some(signed)
}

/// Whether the signature is the one that the key makes of header and payload: Ed25519 has one.
fn is_its_signature(bytes: &[u8]) -> bool {
    let envelope = cbor::decode(&bytes[1..], &Limits::DOCUMENT, "envelope").expect("it was read before");
    let parts = envelope.as_tuple::<4>("envelope").expect("likewise");
    let [protected, _, payload, signature] =
        parts.each_ref().map(|part| part.as_bytes("part").unwrap_or_default());
    GROUND.keys.sign(protected, payload).is_some_and(|made| made == signature)
}

pub(super) fn cose(bytes: &[u8]) -> bool {
    let raw = payload::<Header>(bytes)
        | payload::<Approval>(bytes)
        | payload::<Checkpoint>(bytes)
        | payload::<Reference>(bytes)
        | payload::<Refusal>(bytes)
        | payload::<VerdictNotice>(bytes)
        | payload::<Evidence>(bytes)
        | payload::<Announcement>(bytes)
        | payload::<Manifest>(bytes)
        | payload::<CustodyNotice>(bytes);
    let Some(envelope) = fine(Sign1::parse_any(bytes)) else { return raw };
    match envelope.kind() {
        Envelope::Event => object::<Header>(bytes).is_some(),
        Envelope::Approval => object::<Approval>(bytes).is_some(),
        Envelope::Checkpoint => object::<Checkpoint>(bytes).is_some(),
        Envelope::Reference => object::<Reference>(bytes).is_some(),
        Envelope::Refusal => object::<Refusal>(bytes).is_some(),
        Envelope::Verdict => object::<VerdictNotice>(bytes).is_some(),
        Envelope::Evidence => object::<Evidence>(bytes).is_some(),
        Envelope::Registry => object::<Registry>(bytes).is_some(),
        Envelope::Service => object::<ServiceText>(bytes).is_some(),
        Envelope::Announcement => object::<Announcement>(bytes).is_some(),
        Envelope::Capsule => object::<Manifest>(bytes).is_some(),
        Envelope::Custody => object::<CustodyNotice>(bytes).is_some(),
    }
}

/// The parts of an event in an array; or a body alone.
pub(super) fn event(bytes: &[u8]) -> bool {
    let mut accepted = false;
    for kind in (0..64).filter_map(|number| Kind::from_number(number).ok()) {
        accepted |= body(bytes, kind);
    }
    let parts = fine(cbor::decode(bytes, &Limits::FRAME, "event"));
    let Some(parts) = parts.as_ref().and_then(|value| fine(value.as_tuple::<3>("event"))) else {
        return accepted;
    };
    let [header, blob, approval] = parts.each_ref().map(|part| part.as_bytes("part").ok());
    let Some(event) = fine(Event::parse(header.unwrap_or_default(), blob.unwrap_or_default(), approval))
    else {
        return accepted;
    };
    assert_eq!(Digest::of(&event.body), event.header.value().commitment);
    object::<Header>(event.header.bytes());
    if let Some(approval) = &event.approval {
        object::<Approval>(approval.bytes());
    }
    let checked = fine(check::check_event(&GROUND.trust, event.clone(), &GROUND.bag, NOW));
    let judged = check::judge_event(&GROUND.trust, &event, &GROUND.bag, NOW);
    assert!(checked.is_some() || !judged.passed(), "passed without a seal");
    body(&event.body, event.header.value().kind) || accepted
}

fn body(blob: &[u8], kind: Kind) -> bool {
    let Some(body) = fine(Body::from_blob(blob, kind)) else { return false };
    let salt: &[u8; SALT_BYTES] = blob.first_chunk().expect("a body has its salt");
    assert!(body.to_blob(salt) == blob, "another spelling of a body");
    true
}

/// A registry takes the place of another only if it is signed by the pinned signer and as new.
pub(super) fn registry(bytes: &[u8]) -> bool {
    for (trust, lists) in [(&GROUND.trust, GROUND.trust.crls()), (&GROUND.examples, GROUND.examples.crls())] {
        let lists: Vec<_> = lists.iter().map(|list| list.der().to_vec()).collect();
        for held in [None, Some(trust)] {
            let Some(accepted) = fine(acceptance::accept(bytes, &lists, held, trust.pin(), NOW)) else {
                continue;
            };
            assert!(accepted.registry.bytes() == bytes, "other bytes than came");
            assert!(accepted.registry.value().version >= trust.pin().version_min);
            assert_eq!(accepted.pin.signer, trust.pin().signer);
            fine(accepted.into_trust());
        }
    }
    object::<Registry>(bytes).is_some() | payload::<Registry>(bytes)
}

/// Under the genuine checkpoint nothing is proven but what is in the log.
pub(super) fn receipt(bytes: &[u8]) -> bool {
    let Some(frame) = fine(ReceiptFrame::decode(bytes)) else { return false };
    assert!(frame.encode() == bytes, "another spelling of a receipt");
    object::<Checkpoint>(frame.checkpoint_cose());
    let own = fine(Signed::<Checkpoint>::parse(frame.checkpoint_cose()));
    if let Some(own) = &own {
        fine(frame.verify(own.value()));
    }
    let genuine = GROUND.whole.proof(|_| {});
    if fine(frame.verify(genuine.checkpoint.value())).is_some() {
        let (leaves, _) = GROUND.whole.log();
        for (index, leaf) in frame.leaves() {
            assert_eq!(leaves.get(*index as usize), Some(leaf), "a leaf that is not in the log");
        }
        for (_, head) in frame.heads() {
            assert_eq!(head.case, GROUND.whole.case(), "a head of a case that is not in the log");
        }
    }
    let message = Message::Receipts(bytes.to_vec());
    let peer = agency("transport.gov.example");
    fine(check::message(&GROUND.trust, &peer, &message, &mut GROUND.bag.clone(), NOW));
    for (_, leaf) in frame.leaves() {
        assert_eq!(Leaf::from_bytes(&leaf.to_bytes()).as_ref(), Ok(leaf));
    }
    for (_, head) in frame.heads() {
        assert_eq!(HeadLeaf::from_bytes(&head.to_bytes()).as_ref(), Ok(head));
    }
    true
}

/// What judges again to what it says says what its inputs lead to, and nobody else's root helps it.
pub(super) fn evidence(bytes: &[u8]) -> bool {
    let Some(signed) = object::<Evidence>(bytes) else { return payload::<Evidence>(bytes) };
    let known = GROUND.certificates.iter().map(Certificate::der).chain([GROUND.whole.registry.bytes()]);
    let known: Vec<_> = known.chain(GROUND.trust.crls().iter().map(|list| list.der())).collect();
    let find = |digest: &Digest| known.iter().find(|one| Digest::of(one) == *digest).map(|one| one.to_vec());
    for trust in [&GROUND.trust, &GROUND.examples] {
        if let Some(judgement) = fine(ttp::replay(signed.value(), &trust.pin().root, find)) {
            assert_eq!(judgement, signed.value().judgement);
            assert_eq!(trust.pin().root, GROUND.trust.pin().root, "under a root that none of it is from");
        }
    }
    true
}

/// A notice of custody: its bonds, and the release that it rests on, which the old home's seal alone makes.
pub(super) fn custody(bytes: &[u8]) -> bool {
    let Some(signed) = object::<CustodyNotice>(bytes) else { return payload::<CustodyNotice>(bytes) };
    if let Some(event) = fine(signed.value().event()) {
        object::<Header>(event.header.bytes());
    }
    let told = fine(signed.value().read());
    if let Some(Told::Taken { proof, release, .. }) = &told {
        object::<CustodyNotice>(proof.bytes());
        fine(open_release(&GROUND.trust, proof, &GROUND.certificates, release.record.received));
    }
    let message = Message::Notice(bytes.to_vec());
    for peer in ["transport.gov.example", "health.gov.example"] {
        fine(check::message(&GROUND.trust, &agency(peer), &message, &mut GROUND.bag.clone(), NOW));
    }
    true
}
