//! What records do to a case.

use ogic_certs::event::{Detail, Kind, Outcome};
use ogic_certs::evidence::Judgement;
use ogic_certs::record::Record;
use ogic_certs::{CaseId, Code, Digest, EventId, Timestamp};

use super::{DAY_MS, Draft, Scene, agency, failed, health, home, licence, monday, opening, undecided};
use crate::case::model::{Case, Effect, JUDGED_MAX, Status};
use crate::case::plan::working_days_after;

#[test]
fn opening_does_the_opening_step_and_opens_the_next() {
    let scene = Scene::open();
    let case = &scene.case;
    assert_eq!((case.home.clone(), case.opened, case.records), (home(), monday(), 1));
    assert_eq!((case.citizen.as_str(), case.title.en.as_str()), ("citizen-1", "Driving licence"));
    assert_eq!(
        ["application", "medical", "decision"].map(|step| scene.state(step)),
        ["done", "open", "planned"]
    );
    assert_eq!(case.next_steps().map(|step| step.id()).collect::<Vec<_>>(), ["medical"]);
    assert_eq!(case.step("medical").unwrap().due(), Some(working_days_after(monday(), 10)));
    assert_eq!(case.step("decision").unwrap().due(), None);
}

#[test]
fn what_does_not_open_a_case_is_refused() {
    type Row = (&'static str, fn(&mut Record, &mut Draft), Code);
    let rows: [Row; 5] = [
        ("another_case", |r, _| r.case = CaseId(Digest::of(b"x")), Code::DigestMismatch),
        ("not_the_first_record", |r, _| r.seq = 1, Code::ValueRefused),
        ("a_prev", |r, _| r.prev = Digest::of(b"x"), Code::DigestMismatch),
        ("another_kind", |_, d| d.header.kind = Kind::Note, Code::ValueRefused),
        ("another_detail", |_, d| d.body.detail = Detail::None, Code::KindMismatch),
    ];
    for (name, edit, code) in rows {
        let (mut record, mut draft) = (Scene::open().history[0].record, opening());
        edit(&mut record, &mut draft);
        let opened = Case::open(&record, &draft.author, &draft.header, &draft.body, &licence());
        assert_eq!(opened.unwrap_err().code, code, "{name}");
    }
}

#[test]
fn what_is_not_the_next_record_is_refused_and_changes_nothing() {
    type Row = (&'static str, fn(&mut Record, &mut Draft), Code);
    let rows: [Row; 6] = [
        ("gap", |r, _| r.seq += 1, Code::ValueRefused),
        ("repeated", |r, _| r.seq -= 1, Code::ValueRefused),
        ("another_prev", |r, _| r.prev = Digest::of(b"x"), Code::DigestMismatch),
        ("another_case", |r, _| r.case = CaseId(Digest::of(b"x")), Code::DigestMismatch),
        (
            "event_of_another_case",
            |_, d| d.header.case = Some(CaseId(Digest::of(b"x"))),
            Code::DigestMismatch,
        ),
        ("event_of_no_case", |_, d| d.header.case = None, Code::ValueRefused),
    ];
    for (name, edit, code) in rows {
        let mut scene = Scene::open();
        let mut draft = scene.draft(&home(), Kind::Note, None);
        let mut record = Record {
            case: scene.case.id,
            seq: 1,
            prev: scene.case.head.record,
            received: scene.now,
            event: scene.next_event(),
        };
        edit(&mut record, &mut draft);
        let before = scene.case.clone();
        let applied = scene.case.apply(&record, &draft.author, &draft.header, &draft.body, &scene.policy);
        assert_eq!(applied.unwrap_err().code, code, "{name}");
        assert_eq!(scene.case, before, "{name}");
    }
}

#[test]
fn a_share_hands_the_step_over_until_it_is_revoked() {
    let mut scene = Scene::open();
    let mut draft = scene.share(&health());
    let deadline = scene.now.plus_ms(3 * DAY_MS);
    draft.terms().deadline = Some(deadline);
    let grant = scene.add_held(draft);
    let step = scene.case.step("medical").unwrap();
    assert_eq!(step.handed_to.as_ref().map(|to| (&to.to, to.grant)), Some((&health(), grant)));
    assert_eq!(step.due(), Some(deadline));

    let at = scene.now;
    scene.add_held(scene.unshare(grant));
    assert_eq!(scene.case.grant(&grant).unwrap().revoked, Some(at));
    let step = scene.case.step("medical").unwrap();
    assert_eq!((&step.handed_to, step.state.as_str()), (&None, "open"));
    assert_eq!(scene.decide(&scene.medical(grant)).unwrap_err().code, Code::GrantRevoked, "at once");
}

#[test]
fn a_pending_event_takes_effect_at_its_evidence() {
    let (mut scene, _, event) = Scene::waiting();
    assert_eq!(scene.state("medical"), "open", "pending work changes no step");
    assert_eq!(scene.case.effect_of(&event), Some(&Effect::Pending));
    scene.add_held(scene.draft(&home(), Kind::Note, None));

    let at = scene.now;
    let evidence = scene.evidence(event, &Judgement::PASSED, Some(&Judgement::PASSED));
    let (_, applied) = scene.add(evidence);
    assert_eq!((applied.effect, applied.settled), (Effect::Held, vec![(event, Effect::Held)]));
    assert_eq!(scene.case.effect_of(&event), Some(&Effect::Held));
    assert!(scene.case.pending.is_empty());
    let done = scene.case.step("medical").unwrap().done().unwrap();
    assert_eq!((done.at, &done.by, done.event), (at, &health(), event));
    assert_eq!(scene.case.step("decision").unwrap().due(), Some(working_days_after(at, 5)));
}

#[test]
fn the_worse_verdict_decides() {
    let passed = Judgement::PASSED;
    let rows = [
        ("both_failed", failed(), Some(failed()), failed()),
        ("own_failed", failed(), Some(passed.clone()), failed()),
        ("own_failed_and_none_asked", failed(), None, failed()),
        ("ttp_failed", passed.clone(), Some(failed()), failed()),
        ("ttp_undecided", passed.clone(), Some(undecided()), undecided()),
        ("own_undecided_ttp_failed", undecided(), Some(failed()), failed()),
    ];
    for (name, own, ttp, worst) in rows {
        let (mut scene, _, event) = Scene::waiting();
        let (_, applied) = scene.add(scene.evidence(event, &own, ttp.as_ref()));
        assert_eq!(applied.effect, Effect::Held, "{name}: the evidence itself");
        assert_eq!(applied.settled, [(event, Effect::None(worst))], "{name}");
        assert_eq!((scene.state("medical"), scene.state("decision")), ("open", "planned"), "{name}");
        assert!(scene.case.pending.is_empty(), "{name}");
    }
}

#[test]
fn evidence_that_proves_nothing_leaves_the_event_pending() {
    let (mut scene, _, event) = Scene::waiting();
    let (_, applied) = scene.add(scene.evidence(event, &Judgement::PASSED, None));
    assert_eq!(applied.effect.judgement().and_then(|judgement| judgement.code), Some(Code::EvidenceInvalid));
    let mut foreign = scene.evidence(event, &Judgement::PASSED, Some(&Judgement::PASSED));
    foreign.author = health();
    let (_, applied) = scene.add(foreign);
    assert_eq!(applied.effect.as_str(), "none");
    assert_eq!(scene.case.effect_of(&event), Some(&Effect::Pending));
}

#[test]
fn an_act_that_no_longer_stands_has_no_effect_whatever_the_evidence() {
    let code_of = |effect: &Effect| effect.judgement().and_then(|judgement| judgement.code);
    let passed = Judgement::PASSED;

    let (mut scene, grant, event) = Scene::waiting();
    scene.add_held(scene.unshare(grant));
    let (_, applied) = scene.add(scene.evidence(event, &passed, Some(&passed)));
    assert_eq!(code_of(&applied.settled[0].1), Some(Code::GrantRevoked));

    let (mut scene, grant, first) = Scene::waiting();
    let (second, _) = scene.add(scene.medical(grant));
    scene.add_held(scene.evidence(second, &passed, Some(&passed)));
    let (_, applied) = scene.add(scene.evidence(first, &passed, Some(&passed)));
    assert_eq!(code_of(&applied.settled[0].1), Some(Code::StepNotOpen), "the second came first");
    assert_eq!(scene.case.step("medical").unwrap().done().unwrap().event, second);

    let (mut scene, _, event) = Scene::waiting();
    scene.now = scene.now.plus_ms(40 * DAY_MS);
    let (_, applied) = scene.add(scene.evidence(event, &passed, Some(&passed)));
    assert_eq!(code_of(&applied.settled[0].1), Some(Code::GrantExpired));

    let (mut scene, _, event) = Scene::waiting();
    let (_, applied) = scene.add(scene.close(3));
    assert_eq!(applied.settled.len(), 1);
    assert_eq!(code_of(&applied.settled[0].1), Some(Code::CaseClosed));
    assert_eq!(scene.case.effect_of(&event).and_then(code_of), Some(Code::CaseClosed));
}

#[test]
fn work_without_approval_and_documents_holds_at_once() {
    let (mut scene, grant) = Scene::shared();
    let mut draft = scene.medical(grant).with_code(2);
    draft.header.approval = None;
    draft.body.documents.clear();
    scene.add_held(draft);
    assert_eq!(scene.state("medical"), "not-possible");
    assert_eq!(scene.decide(&scene.medical(grant)), Ok(()), "which may still be mended");
    scene.add_held(scene.note(grant));
}

#[test]
fn closing_ends_the_case() {
    let (mut scene, _) = Scene::decided();
    let at = scene.now;
    scene.add_held(scene.close(1));
    assert_eq!(scene.case.status, Status::Closed { outcome: Outcome::Granted, at });
    assert_eq!(scene.case.next_steps().count(), 0);
    let (_, applied) = scene.add(scene.draft(&home(), Kind::Note, None));
    assert_eq!(applied.effect.judgement().and_then(|judgement| judgement.code), Some(Code::CaseClosed));
}

#[test]
fn a_replay_knows_what_every_event_did_in_the_end() {
    let (mut scene, grant, event) = Scene::waiting();
    let (late, _) = scene.add(scene.medical(grant));
    scene.add_held(scene.evidence(event, &Judgement::PASSED, Some(&Judgement::PASSED)));
    scene.add(scene.share(&home()));
    scene.add_held(scene.close(3));
    let (case, effects) = scene.replay().into_parts();
    assert_eq!(case, scene.case);
    let words: Vec<_> = effects.iter().map(Effect::as_str).collect();
    assert_eq!(words, ["held", "held", "held", "none", "held", "none", "held"]);
    assert_eq!(case.effect_of(&late).map(Effect::as_str), Some("none"));
}

#[test]
fn what_is_remembered_is_bounded() {
    let (mut scene, grant) = Scene::shared();
    let mut first = None;
    for _ in 0..JUDGED_MAX + 1 {
        let (event, _) = scene.add(scene.note(grant).approved());
        first.get_or_insert(event);
        scene.add_held(scene.evidence(event, &failed(), None));
    }
    assert_eq!(scene.case.judged.len(), JUDGED_MAX);
    assert_eq!(scene.case.effect_of(&first.unwrap()), None);
}

#[test]
fn a_row_that_is_none_is_damage() {
    let good = Scene::waiting().0.case.to_row();
    assert_eq!(Case::from_row(&good).unwrap(), Scene::waiting().0.case);
    let text = String::from_utf8(good[1..].to_vec()).unwrap();
    let row = |text: String| [&[1], text.as_bytes()].concat();
    let rows = [
        ("empty", Vec::new(), Code::StoreDamaged),
        ("version_0", [&[0], text.as_bytes()].concat(), Code::StoreDamaged),
        ("version_2", [&[2], text.as_bytes()].concat(), Code::StoreNewer),
        ("cut", good[..good.len() - 1].to_vec(), Code::StoreDamaged),
        ("longer", [good.as_slice(), b"{}"].concat(), Code::StoreDamaged),
        ("unknown_key", row(text.replacen('{', "{\"x\":1,", 1)), Code::StoreDamaged),
        ("wild_time", row(text.replace("\"opened\":", "\"opened\":9999999")), Code::StoreDamaged),
        ("a_name_that_is_none", row(text.replace("health.gov.example", "Health")), Code::StoreDamaged),
    ];
    for (name, bytes, code) in rows {
        assert_eq!(Case::from_row(&bytes).unwrap_err().code, code, "{name}");
    }
}

#[test]
fn times_of_others_are_not_believed() {
    let (mut scene, grant) = Scene::shared();
    let mut draft = scene.medical(grant);
    draft.header.created = Timestamp::LATEST;
    let (event, _) = scene.add(draft);
    let pending = scene.case.pending(&event).unwrap();
    assert!(pending.received < scene.now);
    assert_eq!(pending.event, EventId(Digest::of(&2_u64.to_be_bytes())));
    assert_ne!(agency("justice"), pending.author);
}
