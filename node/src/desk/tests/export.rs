//! Capsules: what is exported verifies; what was changed in any byte does not, and the place is named; what another
//! authority made is undecidable.

use ogic_certs::capsule::{Given, MAGIC, Report, Step};
use ogic_certs::certificate::Certificate;
use ogic_certs::merkle::DocumentHasher;
use ogic_certs::trust::judgement_of;

use super::*;
use crate::case::capsule::{Verified, verify};

/// A case with a foreign step and its evidence, an approval that failed, a revoked right, and the end.
fn told_case() -> (Scene, CaseId, Vec<u8>) {
    let mut scene = Scene::new();
    let (case, grant) = scene.shared_case();
    let medical = scene.medical("health", case);
    scene.act("health", "medical", &medical).unwrap();
    scene.settle();
    // A list has whole seconds: what was done before must lie in an earlier one.
    scene.now = scene.now.plus_ms(2_000);
    let official = scene.parties["health"].official.certificate().clone();
    scene.federation.revoke(&official, scene.now);
    let (registry, crl) = (scene.federation.registry(), scene.federation.crl());
    scene.trust = Arc::new(Trust::new(registry.into(), vec![crl], scene.federation.pin()).unwrap());
    let note = scene.note(case, "medical", "after the end of the office");
    let note = scene.approved("health", note);
    scene.act("health", "revoked", &note).unwrap();
    scene.settle();
    scene.unshare(case, grant);
    scene.settle();
    let bytes = export(&mut scene, case, Vec::new());
    (scene, case, bytes)
}

fn export(scene: &mut Scene, case: CaseId, documents: Vec<Vec<u8>>) -> Vec<u8> {
    let (trust, now) = (scene.trust.clone(), scene.now);
    scene.desk("transport").export(&case, &trust, documents, now).unwrap()
}

fn given(scene: &Scene) -> Given {
    let registry = scene.trust.signed_registry().clone();
    Given {
        pinned: Some((registry, scene.federation.pin())),
        crls: Vec::new(),
        at: None,
        now: Some(scene.now),
    }
}

fn verdict(bytes: &[u8], given: &Given) -> (Verdict, Report) {
    let Verified { report, .. } = verify(bytes, given);
    (report.verdict(), report)
}

/// The sections: where each begins, its type, and its bytes' range.
fn sections(bytes: &[u8]) -> Vec<(u8, std::ops::Range<usize>)> {
    let mut at = MAGIC.len();
    let mut found = Vec::new();
    while at < bytes.len() {
        let length = u32::from_be_bytes(bytes[at + 1..at + 5].try_into().unwrap()) as usize;
        found.push((bytes[at], at..at + 5 + length));
        at += 5 + length;
    }
    found
}

#[test]
fn a_whole_capsule_passes_and_tells_what_had_no_effect() {
    let (scene, case, bytes) = told_case();
    let Verified { report, case: folded, effects } = verify(&bytes, &given(&scene));
    assert_eq!(report.verdict(), Verdict::TotalPassed, "{:?}", report.headline());
    assert_eq!(report.case, Some(case));
    assert_eq!((report.records, report.evidence), (7, 2));
    assert_eq!(folded.unwrap().records, 7);
    assert!(matches!(effects[2], Effect::Held) && matches!(effects[4], Effect::None(_)));
    let failed =
        report.findings.iter().find(|finding| finding.step == Step::Approval && finding.place == "record 4");
    let failed = failed.expect("the revoked official's approval is reported");
    assert_eq!(failed.judgement.verdict, Verdict::TotalFailed);
    assert!(!failed.counts, "the history itself gives it no effect");
}

#[test]
fn every_changed_byte_fails_and_names_a_place() {
    let (scene, _, bytes) = told_case();
    let given = given(&scene);
    let mut places = std::collections::BTreeSet::new();
    // The first line, type and length of each section, and bytes inside them; the bit wanders.
    let heads: Vec<usize> =
        sections(&bytes).iter().flat_map(|(_, range)| [range.start, range.start + 4]).collect();
    let inside = (0..bytes.len()).step_by(53);
    for at in (0..MAGIC.len()).chain(heads).chain(inside) {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        let (verdict, report) = verdict(&changed, &given);
        assert_eq!(verdict, Verdict::TotalFailed, "byte {at}: {:?}", report.headline());
        places.insert(report.headline().unwrap().place.clone());
    }
    for place in
        ["record 0", "record 6", "manifest", "service", "registry", "receipts 1", "certificate 1", "CRL 1"]
    {
        assert!(places.contains(place), "{place} of {places:?}");
    }
}

#[test]
fn a_cut_capsule_fails_wherever_it_is_cut() {
    let (scene, _, bytes) = told_case();
    let given = given(&scene);
    let ends: Vec<usize> = sections(&bytes).iter().map(|(_, range)| range.start).collect();
    for end in (0..bytes.len()).step_by(997).chain(ends) {
        assert_eq!(verdict(&bytes[..end], &given).0, Verdict::TotalFailed, "cut to {end}");
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    assert_eq!(verdict(&longer, &given).0, Verdict::TotalFailed);
}

#[test]
fn sections_that_are_dropped_swapped_or_doubled_are_missed() {
    let (scene, _, bytes) = told_case();
    let given = given(&scene);
    let parts = sections(&bytes);
    for nth in 0..parts.len() {
        let kept = parts.iter().enumerate().filter(|(at, _)| *at != nth);
        let dropped: Vec<u8> =
            MAGIC.iter().copied().chain(kept.flat_map(|(_, (_, r))| bytes[r.clone()].to_vec())).collect();
        assert_eq!(verdict(&dropped, &given).0, Verdict::TotalFailed, "section {nth} dropped");
        let doubled = [&bytes[..parts[nth].1.end], &bytes[parts[nth].1.start..]].concat();
        assert_eq!(verdict(&doubled, &given).0, Verdict::TotalFailed, "section {nth} doubled");
        if let Some((_, next)) = parts.get(nth + 1) {
            let this = parts[nth].1.clone();
            let swapped =
                [&bytes[..this.start], &bytes[next.clone()], &bytes[this], &bytes[next.end..]].concat();
            assert_eq!(verdict(&swapped, &given).0, Verdict::TotalFailed, "section {nth} swapped");
        }
    }
}

#[test]
fn trust_is_the_readers_alone() {
    let (scene, _, bytes) = told_case();
    let (without, _) = verdict(&bytes, &Given::default());
    assert_eq!(without, Verdict::Indeterminate, "nothing is trusted because a capsule carries it");
    // The same names under another root: whole in itself, and of nobody that the reader knows.
    let mut stranger = Federation::new(99, START);
    for name in ["transport", "health"] {
        stranger.signer(&format!("ogic://{name}.gov.example/seal"));
    }
    let registry = Arc::new(stranger.registry());
    let strange = Given { pinned: Some((registry.clone(), stranger.pin())), ..Given::default() };
    let (verdict_of_strange, report) = verdict(&bytes, &strange);
    assert_eq!(verdict_of_strange, Verdict::Indeterminate, "{:?}", report.headline());
    // A registry and a pin that do not belong together decide nothing.
    let mixed = Given { pinned: Some((registry, scene.federation.pin())), ..Given::default() };
    assert_ne!(verdict(&bytes, &mixed).0, Verdict::TotalPassed);
}

/// Whoever stole a seal that was revoked since makes a capsule of an earlier date with it: nothing in the file tells it
/// from one that the home made then.
#[test]
fn a_seal_that_is_revoked_now_decides_nothing_under_an_earlier_date() {
    let (mut scene, _, bytes) = told_case();
    let before = scene.now;
    scene.now = scene.now.plus_ms(3_600_000);
    let seal = scene.parties["transport"].settings.seal.certificate().clone();
    scene.federation.revoke(&seal, scene.now);
    scene.federation.set_now(scene.now.plus_ms(1_000));
    let list = scene.federation.crl();
    let with = |at, now| Given { crls: vec![list.clone()], at, now, ..given(&scene) };
    let later = scene.now.plus_ms(60_000);
    for (name, given, expected) in [
        ("without the newer list nobody knows", Given { now: Some(later), ..given(&scene) }, None),
        ("the reader has the newer list", with(None, Some(later)), Some(SubIndication::RevokedNoPoe)),
        ("a reader without a clock", with(None, None), Some(SubIndication::RevokedNoPoe)),
        ("asked for a time before", with(Some(before), Some(later)), None),
        ("asked for a time after", with(Some(later), None), Some(SubIndication::RevokedNoPoe)),
    ] {
        let (verdict, report) = verdict(&bytes, &given);
        let headline = report.headline().unwrap();
        match expected {
            None => assert_eq!(verdict, Verdict::TotalPassed, "{name}: {headline:?}"),
            Some(_) => {
                assert_eq!((verdict, headline.judgement.sub), (Verdict::Indeterminate, expected), "{name}");
                assert_eq!(headline.place, "manifest");
                let settles = headline.problem.as_ref().and_then(|problem| problem.expected.clone());
                assert!(settles.is_some_and(|settles| settles.contains("signed anew")), "{name}");
                let receipts =
                    report.findings.iter().filter(|f| f.place == "receipts 1" && !f.judgement.passed());
                assert_eq!(receipts.map(|f| f.judgement.sub).collect::<Vec<_>>(), [expected], "{name}");
            }
        }
    }
    let until = |given: &Given| verdict(&bytes, given).1.lists;
    assert!(until(&with(None, None)) > until(&given(&scene)) && until(&given(&scene)).is_some());
}

#[test]
fn documents_are_carried_and_held_against_their_names() {
    let (mut scene, case, _) = told_case();
    let named = scene.desk("transport").documents_of(&case).unwrap();
    assert_eq!(named.len(), 2);
    let strange = export(&mut scene, case, vec![b"bytes of no document here".to_vec()]);
    assert_eq!(verdict(&strange, &given(&scene)).0, Verdict::TotalFailed);
}

/// A note that brings a document, and the document that is carried has another root than the note of health says.
#[test]
fn a_misnamed_document_counts_where_its_event_took_effect() {
    let bytes = b"a paper".to_vec();
    let mut hasher = DocumentHasher::new();
    hasher.update(&bytes);
    let id = hasher.finish();
    let right = DocumentRef { sha256: id.sha256, root: id.root, bytes: id.bytes, ..document("paper") };
    let wrong = DocumentRef { root: Digest::of(b"root"), ..right.clone() };
    for (name, judged, named_rightly, expected) in [
        ("it has no effect", true, true, Verdict::TotalPassed),
        ("it took effect", false, true, Verdict::TotalFailed),
        ("nobody names what is carried", true, false, Verdict::TotalFailed),
    ] {
        let mut scene = Scene::new();
        let (case, _) = scene.shared_case();
        let note = |scene: &mut Scene, document: &DocumentRef| {
            let body = Body { documents: vec![document.clone()], ..Body::of(Detail::None) };
            scene.plain(Some(case), Kind::Note, Some("medical"), &body)
        };
        if named_rightly {
            let note = note(&mut scene, &right);
            scene.act("transport", "right", &note).unwrap();
        }
        let note = note(&mut scene, &wrong);
        let event = event_of(&scene.act("health", "wrong", &note).unwrap());
        scene.deliver("health", "transport");
        scene.commit("transport").unwrap();
        if judged {
            assert_eq!(std::mem::take(&mut scene.party("transport").to_judge), [(case, event)]);
            let own = judgement_of(&Problem::new(Code::DigestMismatch, "document root"));
            let work =
                Work::Judged { event, case, own: own.clone(), evidence: None, certificates: Vec::new() };
            scene.desk("transport").offer(work);
            scene.settle();
            // Without a third party, and told to the author.
            assert_eq!(scene.desk("health").book().sent[&event.0].judgement, Some(own));
        }
        scene.settle();
        let capsule = export(&mut scene, case, vec![bytes.clone()]);
        let (verdict, report) = verdict(&capsule, &given(&scene));
        assert_eq!(verdict, expected, "{name}: {:?}", report.headline());
        let told = report.findings.iter().any(|finding| {
            finding.step == Step::Document && finding.place.starts_with("record") && finding.problem.is_some()
        });
        assert!(told, "{name}");
    }
}

#[test]
fn a_capsule_carries_no_anchor() {
    let (scene, _, bytes) = told_case();
    let root = scene.federation.root().digest();
    for (kind, range) in sections(&bytes) {
        if kind == 2 {
            let certificate = Certificate::from_der(&bytes[range.start + 5..range.end]).unwrap();
            assert_ne!(certificate.digest(), root);
        }
    }
}
