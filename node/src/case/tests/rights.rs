//! Who may read and append.

use ogic_certs::{Code, Digest, EventId};

use super::{DAY_MS, Scene, agency, health, home};
use crate::case::grant::{case_unknown, may_append, may_read};

#[test]
fn rights_are_those_of_the_grant_as_it_stands() {
    let (mut scene, grant) = Scene::shared();
    let mut narrow = scene.share(&agency("insurance"));
    narrow.terms().read = false;
    let narrow = scene.add_held(narrow);
    let mut reading = scene.share(&agency("justice"));
    reading.terms().steps.clear();
    let reading = scene.add_held(reading);
    let revoked = scene.add_held(scene.share(&agency("police")));
    scene.add_held(scene.unshare(revoked));

    let nowhere = EventId(Digest::of(b"nowhere"));
    let (none, now) = (None, scene.now);
    let later = now.plus_ms(31 * DAY_MS);
    let ok = Ok(());
    // Who asks, under what, when; may it read, may it append to the medical step, to the decision, at all?
    let rows = [
        ("home", "transport", none, now, [ok, ok, ok, ok]),
        ("home_later", "transport", none, later, [ok, ok, ok, ok]),
        ("grantee", "health", Some(grant), now, [ok, ok, Err(Code::GrantTooNarrow), ok]),
        ("grantee_too_late", "health", Some(grant), later, [Err(Code::GrantExpired); 4]),
        ("grantee_without_naming_it", "health", none, now, [Err(Code::GrantMissing); 4]),
        ("grantee_naming_another_s", "health", Some(reading), now, [Err(Code::GrantMissing); 4]),
        ("grantee_naming_none_of_this_case", "health", Some(nowhere), now, [Err(Code::GrantMissing); 4]),
        (
            "appending_alone",
            "insurance",
            Some(narrow),
            now,
            [Err(Code::GrantTooNarrow), ok, Err(Code::GrantTooNarrow), ok],
        ),
        (
            "reading_alone",
            "justice",
            Some(reading),
            now,
            [ok, Err(Code::GrantTooNarrow), Err(Code::GrantTooNarrow), Err(Code::GrantTooNarrow)],
        ),
        ("revoked", "police", Some(revoked), now, [Err(Code::GrantRevoked); 4]),
        ("revoked_and_expired", "police", Some(revoked), later, [Err(Code::GrantRevoked); 4]),
        ("stranger", "tax", none, now, [Err(Code::CaseUnknown); 4]),
        ("stranger_naming_another_s", "tax", Some(grant), now, [Err(Code::CaseUnknown); 4]),
        ("stranger_naming_none_of_this_case", "tax", Some(nowhere), now, [Err(Code::CaseUnknown); 4]),
    ];
    for (name, who, grant, now, outcomes) in rows {
        let (case, who) = (&scene.case, agency(who));
        let answers = [
            may_read(case, &who, grant, now),
            may_append(case, &who, grant, Some("medical"), now),
            may_append(case, &who, grant, Some("decision"), now),
            may_append(case, &who, grant, None, now),
        ];
        assert_eq!(answers.map(|answer| answer.map_err(|problem| problem.code)), outcomes, "{name}");
    }
}

#[test]
fn another_s_grant_is_answered_as_one_that_is_not() {
    let (mut scene, grant) = Scene::shared();
    let other = scene.add_held(scene.share(&agency("justice")));
    let nowhere = EventId(Digest::of(b"nowhere"));
    let ask = |who: &str, grant| may_read(&scene.case, &agency(who), Some(grant), scene.now).unwrap_err();
    assert_eq!(ask("health", other), ask("health", nowhere));
    assert_eq!(ask("tax", grant), ask("tax", nowhere));
    assert_eq!(ask("tax", grant), case_unknown(), "as a case that is not here");
}

#[test]
fn a_grant_ends_at_the_very_moment() {
    let (scene, grant) = Scene::shared();
    let expires = scene.case.grant(&grant).unwrap().terms.expires;
    assert_eq!(may_read(&scene.case, &health(), Some(grant), expires.minus_ms(1)), Ok(()));
    assert!(may_read(&scene.case, &health(), Some(grant), expires).is_err());
    assert_eq!(may_read(&scene.case, &home(), None, expires), Ok(()));
}
