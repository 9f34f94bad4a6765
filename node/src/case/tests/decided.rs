//! Each refusal has its row: an act that is allowed, and the one edit that makes it refused.

use ogic_certs::event::{Detail, FieldValue, HeadAt, Kind};
use ogic_certs::evidence::Judgement;
use ogic_certs::{Code, Digest, EventId};

use super::{
    DAY_MS, Draft, Scene, agency, evidence_bytes, failed, health, home, licence, opening, undecided,
};
use crate::case::decide::{Act, decide_open};
use crate::case::service::Service;

type Row = (&'static str, fn(&Scene, &mut Draft), Result<(), (Code, &'static str)>);

/// Decides `draft` after each row's edit, after having seen that it is allowed without.
fn check(scene: &Scene, draft: &Draft, rows: &[Row]) {
    scene.decide(draft).unwrap();
    for (name, edit, outcome) in rows {
        let mut edited = draft.clone();
        edit(scene, &mut edited);
        let decided = scene.decide(&edited).map_err(|problem| (problem.code, problem.field));
        let outcome = (*outcome).map_err(|(code, field)| (code, field.to_owned()));
        assert_eq!(decided, outcome, "{name}");
    }
}

fn unknown() -> Digest {
    Digest::of(b"unknown")
}

#[test]
fn any_act_of_the_home() {
    let (scene, grant) = Scene::shared();
    let rows: [Row; 8] = [
        ("note_on_a_step", |_, d| d.header.step = Some("decision".into()), Ok(())),
        ("unknown_step", |_, d| d.header.step = Some("x".into()), Err((Code::StepUnknown, "step"))),
        (
            "older_head",
            |s, d| d.header.head = Some(HeadAt { seq: 0, record: s.history[0].record.digest() }),
            Ok(()),
        ),
        ("no_head", |_, d| d.header.head = None, Err((Code::HeadUnknown, "head"))),
        (
            "head_to_come",
            |_, d| d.header.head = Some(HeadAt { seq: 2, record: unknown() }),
            Err((Code::HeadUnknown, "head")),
        ),
        (
            "head_of_another_history",
            |_, d| d.header.head = Some(HeadAt { seq: 1, record: unknown() }),
            Err((Code::HeadUnknown, "head")),
        ),
        (
            "detail_of_another_kind",
            |_, d| d.body.detail = Detail::Close { reason: String::new() },
            Err((Code::Malformed, "detail")),
        ),
        ("second_opening", |_, d| d.header.kind = Kind::Open, Err((Code::KindNotAllowed, "kind"))),
    ];
    let draft = scene.draft(&home(), Kind::Note, None);
    check(&scene, &draft, &rows);

    let mut under_a_grant = draft.clone();
    under_a_grant.header.grant = Some(grant);
    assert_eq!(scene.decide(&under_a_grant).unwrap_err().code, Code::ValueRefused);
    for kind in Kind::ALL.iter().filter(|kind| kind.is_reserved()) {
        let mut reserved = draft.clone();
        reserved.header.kind = *kind;
        assert_eq!(scene.decide(&reserved).unwrap_err().code, Code::KindNotAllowed, "{}", kind.as_str());
    }
}

#[test]
fn own_approval() {
    let (scene, _) = Scene::judged();
    let rows: [Row; 4] = [
        ("failed", |_, d| d.verdict = Some(failed()), Err((Code::ApprovalInvalid, "approval"))),
        ("undecided", |_, d| d.verdict = Some(undecided()), Err((Code::ApprovalInvalid, "approval"))),
        ("not_judged", |_, d| d.verdict = None, Err((Code::ApprovalInvalid, "approval"))),
        (
            "none_at_all",
            |_, d| {
                d.header.approval = None;
                d.verdict = None;
            },
            Ok(()),
        ),
    ];
    check(&scene, &scene.draft(&home(), Kind::Step, Some("decision")).with_code(1).approved(), &rows);
}

#[test]
fn work_of_another_agency() {
    let (scene, grant) = Scene::shared();
    let rows: [Row; 15] = [
        ("approval_failed_is_recorded_all_the_same", |_, d| d.verdict = Some(failed()), Ok(())),
        ("not_judged_yet", |_, d| d.verdict = None, Ok(())),
        (
            "going_on_needs_no_form",
            |_, d| {
                d.header.code = 0;
                d.body.fields.clear();
                d.body.documents.clear();
            },
            Ok(()),
        ),
        (
            "not_possible_needs_no_form",
            |_, d| {
                d.header.code = 2;
                d.body.fields.clear();
            },
            Ok(()),
        ),
        ("field_beyond_the_form", |_, d| *d = d.clone().with_field("z", FieldValue::Int(1)), Ok(())),
        ("required_field_missing", |_, d| d.body.fields.clear(), Err((Code::ValueRefused, "field fit"))),
        (
            "field_of_another_type",
            |_, d| d.body.fields[0].1 = FieldValue::Text("yes".into()),
            Err((Code::ValueRefused, "field fit")),
        ),
        (
            "optional_field_of_another_type",
            |_, d| *d = d.clone().with_field("remarks", FieldValue::Int(1)),
            Err((Code::ValueRefused, "field remarks")),
        ),
        ("document_missing", |_, d| d.body.documents.clear(), Err((Code::ValueRefused, "documents"))),
        (
            "document_of_another_label",
            |_, d| d.body.documents[0].label = "certificate".into(),
            Err((Code::ValueRefused, "documents")),
        ),
        (
            "another_step",
            |_, d| d.header.step = Some("decision".into()),
            Err((Code::GrantTooNarrow, "grant")),
        ),
        ("unknown_step", |_, d| d.header.step = Some("x".into()), Err((Code::GrantTooNarrow, "grant"))),
        ("no_grant", |_, d| d.header.grant = None, Err((Code::GrantMissing, "grant"))),
        (
            "unknown_grant",
            |_, d| d.header.grant = Some(EventId(unknown())),
            Err((Code::GrantMissing, "grant")),
        ),
        ("stranger", |_, d| d.author = agency("justice"), Err((Code::CaseUnknown, "case"))),
    ];
    check(&scene, &scene.medical(grant), &rows);

    let others = [
        scene.share(&agency("justice")),
        scene.unshare(grant),
        scene.close(3),
        scene.evidence(EventId(unknown()), &failed(), None),
        scene.draft(&health(), Kind::Offer, None),
        scene.draft(&health(), Kind::Open, None),
    ];
    for mut draft in others {
        draft.author = health();
        draft.header.grant = Some(grant);
        let problem = scene.decide(&draft).unwrap_err();
        assert_eq!(problem.code, Code::KindNotAllowed, "{}", draft.header.kind.as_str());
    }
}

#[test]
fn notes_of_another_agency() {
    let (scene, grant) = Scene::shared();
    let rows: [Row; 3] = [
        ("about_its_step", |_, d| d.header.step = Some("medical".into()), Ok(())),
        (
            "about_another_step",
            |_, d| d.header.step = Some("decision".into()),
            Err((Code::GrantTooNarrow, "grant")),
        ),
        ("stranger", |_, d| d.author = agency("justice"), Err((Code::CaseUnknown, "case"))),
    ];
    check(&scene, &scene.note(grant), &rows);
}

#[test]
fn steps_in_their_order() {
    let step = |scene: &Scene, id: &str| {
        let draft = scene.draft(&home(), Kind::Step, Some(id)).with_code(1);
        scene.decide(&draft).map_err(|problem| problem.code)
    };
    assert_eq!(step(&Scene::open(), "application"), Err(Code::StepNotOpen), "done by the opening");
    assert_eq!(step(&Scene::open(), "decision"), Err(Code::StepNotOpen), "medical is not done");
    assert_eq!(step(&Scene::open(), "x"), Err(Code::StepUnknown));
    assert_eq!(step(&Scene::waiting().0, "decision"), Err(Code::PendingBase), "medical is pending");
    assert_eq!(step(&Scene::judged().0, "decision"), Ok(()));
    assert_eq!(step(&Scene::decided().0, "decision"), Err(Code::StepNotOpen), "done");

    let (scene, grant, _) = Scene::waiting();
    assert_eq!(scene.decide(&scene.medical(grant)), Ok(()), "it is not done yet: a second event may come");
    let (scene, grant) = Scene::judged();
    assert_eq!(scene.decide(&scene.medical(grant)).unwrap_err().code, Code::StepNotOpen);
}

#[test]
fn shares() {
    let scene = Scene::open();
    let rows: [Row; 17] = [
        ("to_the_home", |_, d| d.terms().grantee = home(), Err((Code::TermsRefused, "grantee"))),
        ("reading_alone", |_, d| d.terms().steps.clear(), Ok(())),
        ("appending_alone", |_, d| d.terms().read = false, Ok(())),
        (
            "nothing",
            |_, d| {
                d.terms().read = false;
                d.terms().steps.clear();
            },
            Err((Code::TermsRefused, "steps")),
        ),
        ("unknown_step", |_, d| d.terms().steps.push("x".into()), Err((Code::TermsRefused, "steps"))),
        (
            "a_step_of_the_home",
            |_, d| d.terms().steps.push("decision".into()),
            Err((Code::TermsRefused, "steps")),
        ),
        ("no_purpose", |_, d| d.terms().purpose = " ".into(), Err((Code::TermsRefused, "purpose"))),
        ("no_ground", |_, d| d.terms().ground.clear(), Err((Code::TermsRefused, "ground"))),
        ("expired", |s, d| d.terms().expires = s.now, Err((Code::TermsRefused, "expires"))),
        ("for_a_moment", |s, d| d.terms().expires = s.now.plus_ms(1), Ok(())),
        ("two_years", |s, d| d.terms().expires = s.now.plus_ms(731 * DAY_MS), Ok(())),
        (
            "more_than_two_years",
            |s, d| d.terms().expires = s.now.plus_ms(731 * DAY_MS + 1),
            Err((Code::TermsRefused, "expires")),
        ),
        ("deadline", |s, d| d.terms().deadline = Some(s.now.plus_ms(DAY_MS)), Ok(())),
        ("deadline_past", |s, d| d.terms().deadline = Some(s.now), Err((Code::TermsRefused, "deadline"))),
        (
            "deadline_after_the_end",
            |_, d| d.terms().deadline = Some(d.terms().expires.plus_ms(1)),
            Err((Code::TermsRefused, "deadline")),
        ),
        (
            "unknown_step_in_the_header",
            |_, d| d.header.step = Some("x".into()),
            Err((Code::StepUnknown, "step")),
        ),
        ("no_detail", |_, d| d.body.detail = Detail::None, Err((Code::Malformed, "detail"))),
    ];
    check(&scene, &scene.share(&health()), &rows);
}

#[test]
fn unshares() {
    let (mut scene, grant) = Scene::shared();
    let unknown_grant: fn(&Scene, &mut Draft) = |_, d| {
        d.body.detail = Detail::Unshare { grant: EventId(unknown()), reason: String::new() };
    };
    let rows: [Row; 1] = [("unknown_grant", unknown_grant, Err((Code::GrantMissing, "grant")))];
    check(&scene, &scene.unshare(grant), &rows);
    scene.add_held(scene.unshare(grant));
    assert_eq!(scene.decide(&scene.unshare(grant)).unwrap_err().code, Code::GrantRevoked);
}

#[test]
fn evidence() {
    let (scene, _, event) = Scene::waiting();
    let rows: [Row; 7] = [
        (
            "of_the_home_alone",
            |_, d| evidence_of(d).1.clone_from(&None),
            Err((Code::EvidenceInvalid, "evidence")),
        ),
        (
            "of_the_home_alone_when_it_failed",
            |_, d| {
                *evidence_of(d).0 = failed();
                *evidence_of(d).1 = None;
            },
            Ok(()),
        ),
        ("garbage", |_, d| *evidence_of(d).1 = Some(vec![1, 2, 3]), Err((Code::EvidenceInvalid, "evidence"))),
        (
            "of_another_event",
            |_, d| {
                let other = EventId(unknown());
                let approval = Some(Digest::of(b"approval"));
                *evidence_of(d).1 = Some(evidence_bytes(other, approval, &health(), &Judgement::PASSED));
            },
            Err((Code::EvidenceInvalid, "evidence")),
        ),
        (
            "of_another_approval",
            |s, d| {
                let event = s.case.pending[0].event;
                let approval = Some(unknown());
                *evidence_of(d).1 = Some(evidence_bytes(event, approval, &health(), &Judgement::PASSED));
            },
            Err((Code::EvidenceInvalid, "evidence")),
        ),
        (
            "with_a_mandate_for_another_agency",
            |s, d| {
                let pending = &s.case.pending[0];
                let other = agency("justice");
                *evidence_of(d).1 =
                    Some(evidence_bytes(pending.event, pending.approval, &other, &Judgement::PASSED));
            },
            Err((Code::EvidenceInvalid, "evidence")),
        ),
        (
            "about_what_is_not_pending",
            |s, d| {
                let event = s.case.grants[0].id;
                d.body.detail = Detail::Evidence { event, own: failed(), evidence: None };
            },
            Err((Code::ValueRefused, "event")),
        ),
    ];
    let draft = scene.evidence(event, &Judgement::PASSED, Some(&Judgement::PASSED));
    check(&scene, &draft, &rows);

    let mut scene = scene;
    scene.add_held(draft);
    let again = scene.evidence(event, &Judgement::PASSED, Some(&Judgement::PASSED));
    assert_eq!(scene.decide(&again).unwrap_err().code, Code::ValueRefused, "it is judged already");
}

fn evidence_of(draft: &mut Draft) -> (&mut Judgement, &mut Option<Vec<u8>>) {
    match &mut draft.body.detail {
        Detail::Evidence { own, evidence, .. } => (own, evidence),
        other => panic!("no evidence: {other:?}"),
    }
}

#[test]
fn closes() {
    let (scene, _) = Scene::decided();
    let rows: [Row; 4] = [
        ("refused", |_, d| d.header.code = 2, Ok(())),
        (
            "refused_without_a_reason",
            |_, d| {
                d.header.code = 2;
                d.body.detail = Detail::Close { reason: " ".into() };
            },
            Err((Code::ValueRefused, "reason")),
        ),
        (
            "not_the_newest_head",
            |s, d| d.header.head = Some(HeadAt { seq: 0, record: s.history[0].record.digest() }),
            Err((Code::HeadMoved, "head")),
        ),
        ("no_outcome", |_, d| d.header.code = 0, Err((Code::Malformed, "detail"))),
    ];
    check(&scene, &scene.close(1), &rows);

    let close = |scene: &Scene, outcome| scene.decide(&scene.close(outcome)).map_err(|problem| problem.code);
    assert_eq!(close(&Scene::judged().0, 1), Err(Code::StepNotOpen), "granted before the decision");
    assert_eq!(close(&Scene::waiting().0, 1), Err(Code::PendingBase), "granted on a pending certificate");
    assert_eq!(close(&Scene::waiting().0, 2), Err(Code::PendingBase), "refused on a pending certificate");
    assert_eq!(close(&Scene::waiting().0, 3), Ok(()), "withdrawn whatever is pending");
    let mut scene = Scene::open();
    scene.case.appeal = None;
    assert_eq!(close(&scene, 2), Err(Code::ValueRefused), "refused without a way to appeal");
}

#[test]
fn a_closed_case_takes_nothing() {
    let (mut scene, grant) = Scene::decided();
    scene.add_held(scene.close(1));
    let drafts = [
        scene.draft(&home(), Kind::Note, None),
        scene.draft(&home(), Kind::Step, Some("decision")),
        scene.share(&health()),
        scene.unshare(grant),
        scene.evidence(grant, &failed(), None),
        scene.close(1),
        scene.medical(grant),
        scene.note(grant),
    ];
    for draft in drafts {
        let (author, kind) = (&draft.author, draft.header.kind.as_str());
        assert_eq!(scene.decide(&draft).unwrap_err().code, Code::CaseClosed, "{kind} of {author}");
    }
}

#[test]
fn what_one_case_may_hold_is_bounded() {
    let (mut scene, grant, _) = Scene::waiting();
    scene.policy.pending_max = 1;
    assert_eq!(scene.decide(&scene.medical(grant)).unwrap_err().code, Code::LimitReached);
    assert_eq!(scene.decide(&scene.note(grant)), Ok(()), "what need not wait goes on");
    scene.policy.grants_max = 1;
    assert_eq!(scene.decide(&scene.share(&agency("justice"))).unwrap_err().code, Code::LimitReached);
}

#[test]
fn openings() {
    type Row = (&'static str, fn(&mut Draft), Result<(), Code>);
    let rows: [Row; 12] = [
        ("complete", |_| {}, Ok(())),
        ("naming_the_opening_step", |d| d.header.step = Some("application".into()), Ok(())),
        ("naming_another_step", |d| d.header.step = Some("medical".into()), Err(Code::StepUnknown)),
        ("of_another_agency", |d| d.author = health(), Err(Code::KindNotAllowed)),
        ("of_another_kind", |d| d.header.kind = Kind::Note, Err(Code::KindNotAllowed)),
        ("under_a_grant", |d| d.header.grant = Some(EventId(unknown())), Err(Code::ValueRefused)),
        ("approval_failed", |d| d.verdict = Some(failed()), Err(Code::ApprovalInvalid)),
        ("approval_not_judged", |d| d.verdict = None, Err(Code::ApprovalInvalid)),
        ("no_detail", |d| d.body.detail = Detail::None, Err(Code::Malformed)),
        (
            "nobodys",
            |d| d.body.detail = Detail::Open { service: unknown(), citizen: "".into() },
            Err(Code::ValueRefused),
        ),
        ("without_category", |d| d.body.fields.clear(), Err(Code::ValueRefused)),
        ("without_application", |d| d.body.documents.clear(), Err(Code::ValueRefused)),
    ];
    for (name, edit, outcome) in rows {
        let mut draft = opening();
        edit(&mut draft);
        let act: Act<'_> = draft.act(EventId(unknown()));
        let decided = decide_open(&home(), &act, &licence());
        assert_eq!(decided.map_err(|problem| problem.code), outcome, "{name}");
    }

    let text = String::from_utf8(include_bytes!("../../../../config/services/driving-licence.toml").to_vec());
    let plain = Service::parse(text.unwrap().replace("opening = true", "").as_bytes()).unwrap();
    let mut bare = opening();
    bare.body.fields.clear();
    bare.body.documents.clear();
    assert_eq!(decide_open(&home(), &bare.act(EventId(unknown())), &plain), Ok(()), "no step is done by it");
}
