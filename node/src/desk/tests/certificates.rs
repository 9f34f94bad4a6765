//! What comes over a connection is not kept for having come: only what a signature rests on is.

use super::*;
use ogic_certs::certificate::Certificate;
use ogic_certs::checkpoint::{Checkpoint, Heads, Origin};
use ogic_certs::crl::Crl;
use ogic_certs::issue;
use ogic_certs::key::SigningKey;

/// Authorities that the federation's own root issued, and on which nothing rests.
fn junk(scene: &Scene, count: u64) -> Vec<Vec<u8>> {
    let (from, to) = (START.minus_ms(DAY_MS), START.plus_ms(DAY_MS));
    scene.federation.with_issuer(|issuer| {
        (0..count)
            .map(|number| {
                let mut seed = [9; 32];
                seed[..8].copy_from_slice(&number.to_be_bytes());
                let mut serial = [7; 16];
                serial[8..].copy_from_slice(&number.to_be_bytes());
                let key = SigningKey::from_seed(&seed).unwrap();
                issue::constrained_ca(issuer, &id("health"), key.public(), serial, from, to).unwrap()
            })
            .collect()
    })
}

#[test]
fn a_thousand_authorities_of_no_use_are_not_kept_and_in_nobodys_way() {
    let mut scene = Scene::new();
    let (case, _) = scene.shared_case();
    let before = scene.desk("transport").book().certificates.len();
    for ders in junk(&scene, 1_000).chunks(60) {
        let message = Message::Certificates(ders.to_vec());
        scene.give("health", "transport", &[(StreamKind::Events, message)]);
    }
    let act = scene.medical("health", case);
    let event = event_of(&scene.act("health", "medical", &act).unwrap());
    scene.deliver("health", "transport");
    scene.commit("transport").unwrap();
    // Health's seal and its official's certificate, and nothing of what came before them.
    let kept = scene.desk("transport").book().certificates.len();
    assert!(kept <= before + 2, "{before} certificates before, {kept} after");
    let (_, recorded) = scene.desk("transport").recorded(&case, event).unwrap().unwrap();
    let signers = [recorded.header.envelope().signer()];
    let signers = signers.into_iter().chain(recorded.approval.as_ref().map(|a| a.envelope().signer()));
    let asked = scene.desk("transport").book().certificates_of(signers, START);
    assert_eq!(asked.len(), 2);
    scene.settle();
    let case = scene.desk("transport").case(&case).unwrap().unwrap();
    assert_eq!(case.effect_of(&event), Some(&Effect::Held));
}

#[test]
fn what_is_known_takes_no_room_and_a_bag_has_an_end() {
    let scene = Scene::new();
    let ders = junk(&scene, check::BAG_MAX as u64 + 1);
    let mut bag = Bag::default();
    for _ in 0..3 {
        ders.iter().take(check::BAG_MAX).for_each(|der| bag.add(der).unwrap());
    }
    let copy = bag.clone();
    assert_eq!(bag.add(&ders[check::BAG_MAX]).unwrap_err().code, Code::LimitReached);
    bag.add(&ders[0]).unwrap();
    let first = Certificate::from_der(&ders[0]).unwrap().digest();
    assert_eq!(copy.candidates(first, START).len(), 1, "an authority is above nobody but whom it issued");
}

/// An authority for health below `issuer`, with its key.
fn middle(issuer: &issue::Issuer<'_>, serial: u8) -> (Certificate, SigningKey) {
    let key = SigningKey::from_seed(&[3; 32]).unwrap();
    let (from, to) = (START.minus_ms(DAY_MS), START.plus_ms(DAY_MS));
    let der = issue::constrained_ca(issuer, &id("health"), key.public(), [serial; 16], from, to).unwrap();
    (Certificate::from_der(&der).unwrap(), key)
}

fn below((certificate, key): &(Certificate, SigningKey), uri: &str, days: u64) -> Signer {
    let issuer = issue::Issuer { certificate, key };
    let identity = ogic_certs::Identity::parse(uri).unwrap();
    let subject = SigningKey::from_seed(&[4; 32]).unwrap();
    let from = START.minus_ms(DAY_MS);
    let der =
        issue::leaf(&issuer, &identity, subject.public(), [2; 16], from, from.plus_ms(days * DAY_MS / 2));
    Signer::new(subject, Certificate::from_der(&der.unwrap()).unwrap(), Vec::new()).unwrap()
}

/// A path over an authority in between is kept whole, and nothing beside it: neither authorities of no use nor copies of the
/// one that counts, of its name and key, which a stranger signed.
#[test]
fn what_a_seal_rests_on_is_kept_and_its_copies_are_not() {
    let scene = Scene::new();
    let authority = scene.federation.with_issuer(|issuer| middle(issuer, 1));
    let stranger = Federation::new(99, START);
    let copies = (50..70).map(|serial| stranger.with_issuer(|issuer| middle(issuer, serial).0));
    let seal = below(&authority, "ogic://health.gov.example/seal", 4);
    let mut bag = Bag::default();
    for der in junk(&scene, 50) {
        bag.add(&der).unwrap();
    }
    for one in copies.chain([authority.0.clone(), seal.certificate().clone()]) {
        bag.add(one.der()).unwrap();
    }
    let candidates = bag.candidates(seal.certificate().digest(), START);
    assert_eq!(
        candidates.len(),
        22,
        "the seal, its authority, and the copies, which the signature cannot tell"
    );
    let issuer = issue::Issuer { certificate: &authority.0, key: &authority.1 };
    let list = issue::crl(&issuer, 1, START, START.plus_ms(DAY_MS), &[]).unwrap();
    let lists = scene.trust.crls().iter().cloned().chain([Crl::from_der(&list).unwrap()]).collect();
    let trust = Trust::new(scene.trust.signed_registry().clone(), lists, scene.trust.pin().clone()).unwrap();
    let (origin, root) = (Origin { agency: id("health"), log: [1; 16], generation: 1 }, Digest::of(b"root"));
    let said = Checkpoint { origin, size: 1, root, heads: Heads::none() };
    let signed = Signed::sign(said, &seal).unwrap();
    let (_, kept) = check::checkpoint(&trust, signed.bytes(), &bag, START).unwrap();
    assert_eq!(kept, [seal.certificate().clone(), authority.0]);
}

/// Of an approval that fails the signer's certificate is kept, and of those above it only what leads to an anchor.
#[test]
fn of_a_failed_approval_nothing_is_kept_that_leads_nowhere() {
    let mut scene = Scene::new();
    let (case, _) = scene.shared_case();
    let act = scene.medical("health", case);
    let event = event_of(&scene.act("health", "medical", &act).unwrap());
    scene.settle();
    let (_, recorded) = scene.desk("transport").recorded(&case, event).unwrap().unwrap();
    let seal = scene.parties["health"].settings.seal.certificate().clone();
    let stranger = Federation::new(99, START).with_issuer(|issuer| middle(issuer, 1));
    let ours = scene.federation.with_issuer(|issuer| middle(issuer, 1));
    // (name, whose authority, days that the official's certificate lasts, whether the authority is kept)
    let rows = [
        ("a stranger's", &stranger, 4, false),
        ("ours, ended", &ours, 1, true),
        ("ours, without its list", &ours, 4, true),
    ];
    for (name, authority, days, is_kept) in rows {
        let official = below(authority, "ogic://health.gov.example/official/desk-9", days);
        let approval = recorded.approval.as_ref().unwrap().value().clone();
        let mut event = recorded.clone();
        event.approval = Some(Signed::sign(approval, &official).unwrap());
        let bag: Bag =
            [seal.clone(), official.certificate().clone(), authority.0.clone()].into_iter().collect();
        let checked = check::check_event(&scene.trust, event, &bag, START).unwrap();
        assert!(checked.approval.is_some_and(|judgement| !judgement.passed()), "{name}");
        let mut expected = vec![seal.clone(), official.certificate().clone()];
        expected.extend(is_kept.then(|| authority.0.clone()));
        assert_eq!(checked.certificates, expected, "{name}");
    }
}

/// However many signed, a page has no more certificates than its reader takes.
#[test]
fn a_page_ends_before_its_certificates_are_too_many() {
    let mut scene = Scene::new();
    let (case, _) = scene.shared_case();
    for nth in 0..70 {
        let uri = format!("ogic://transport.gov.example/official/desk-{}", nth + 10);
        let official = scene.federation.signer(&uri);
        scene.party("transport").official = official;
        let note = scene.note(case, "medical", "read and understood");
        let note = scene.approved("transport", note);
        scene.act("transport", &format!("note {nth}"), &note).unwrap();
    }
    let (mut from, mut pages) = (0, 0);
    while from < 70 {
        let page = scene.desk("transport").further_page(&case, from).unwrap();
        from += page.entries.len() as u64;
        let answer = crate::exchange::request::Answer::History(page);
        let read = crate::exchange::request::Answer::decode(
            &answer.encode(),
            crate::exchange::frame::FRAME_BYTES_MAX,
        );
        assert_eq!(read.as_ref(), Ok(&answer));
        pages += 1;
    }
    assert_eq!(pages, 2);
}
