//! What comes over a connection is not kept for having come: only what a signature rests on is.

use super::*;
use ogic_certs::certificate::Certificate;
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
    let asked = scene.desk("transport").book().certificates_of(signers);
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
    assert_eq!(copy.candidates(first).len(), 1, "an authority is above nobody but whom it issued");
}

/// A path over an authority in between is kept whole.
#[test]
fn what_a_seal_rests_on_is_kept() {
    let scene = Scene::new();
    let (from, to) = (START.minus_ms(DAY_MS), START.plus_ms(DAY_MS));
    let (middle_key, seal_key) =
        (SigningKey::from_seed(&[3; 32]).unwrap(), SigningKey::from_seed(&[4; 32]).unwrap());
    let middle = scene.federation.with_issuer(|issuer| {
        issue::constrained_ca(issuer, &id("health"), middle_key.public(), [1; 16], from, to).unwrap()
    });
    let middle = Certificate::from_der(&middle).unwrap();
    let issuer = issue::Issuer { certificate: &middle, key: &middle_key };
    let identity = ogic_certs::Identity::parse("ogic://health.gov.example/seal").unwrap();
    let seal = issue::leaf(&issuer, &identity, seal_key.public(), [2; 16], from, to).unwrap();
    let seal = Certificate::from_der(&seal).unwrap();
    let mut bag = Bag::default();
    for der in junk(&scene, 50).iter().chain([&middle.der().to_vec(), &seal.der().to_vec()]) {
        bag.add(der).unwrap();
    }
    let found: Vec<Digest> = bag.candidates(seal.digest()).iter().map(Certificate::digest).collect();
    assert_eq!(found, [seal.digest(), middle.digest()]);
}
