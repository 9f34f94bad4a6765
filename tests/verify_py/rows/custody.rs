//! Changes of the home.

use ogic_certs::event::{Body, Detail, Kind};
use ogic_certs::testing::agency;

use crate::files::Files;
use crate::story::{Act, NOW, Story};

/// Cases whose home changes, each as the old home and as the new one exports it.
pub(crate) fn rows(files: &mut Files) {
    let released = || {
        let mut story = Story::new(9162);
        story.opens(|_| {});
        story.offers();
        story.accepts();
        story.releases();
        story
    };
    let taken = || {
        let mut story = released();
        let notice = story.notice(|_| {}, &story.seal);
        story.takes(notice);
        story
    };
    let mut row = |name: &str, edit: &dyn Fn() -> Story| {
        let story = edit();
        files.add(format!("moved, by the old home: {name}"), &story.capsule());
        files.add(format!("moved, by the new home: {name}"), &story.capsule_of_health());
    };
    row("released", &released);
    row("taken", &taken);
    row("taken by a notice of nobody's seal", &|| {
        let mut story = released();
        let notice = story.notice(|_| {}, &story.health);
        story.takes(notice);
        story
    });
    row("taken by a notice of another record", &|| {
        let mut story = released();
        let notice = story.notice(|notice| notice.records[1].received = NOW, &story.seal);
        story.takes(notice);
        story
    });
    row("taken by a notice of another body", &|| {
        let mut story = released();
        let notice = story.notice(|notice| notice.body.push(0), &story.seal);
        story.takes(notice);
        story
    });
    row("taken by no notice", &|| {
        let mut story = released();
        story.takes(vec![0xd2]);
        story
    });
    // An approval that failed tells whether its event had effect: beside the verdict, or against the capsule.
    let dismissed = |story: &mut Story, at_home: bool| {
        let (home, health, official) = (story.seal.clone(), story.health.clone(), story.dismissed.clone());
        let (kind, body) = (Kind::Note, Body::of(Detail::None));
        let seal = if at_home { &home } else { &health };
        story.tell(Act { seal, official: Some(&official), kind, step: None, code: 0, body }, |_| {});
    };
    row("the old home acts after the release", &|| {
        let mut story = released();
        dismissed(&mut story, true);
        story
    });
    row("the new home acts before it takes", &|| {
        let mut story = released();
        dismissed(&mut story, false);
        story
    });
    row("the new home acts", &|| {
        let mut story = taken();
        dismissed(&mut story, false);
        story
    });
    row("the old home acts after it was taken", &|| {
        let mut story = taken();
        dismissed(&mut story, true);
        story
    });
    row("declined, and the old home acts", &|| {
        let mut story = released();
        let reason = "the applicant lives elsewhere".to_owned();
        story.answers(Kind::Decline, Detail::Decline { reason }, story.grant);
        dismissed(&mut story, true);
        story
    });
    row("declined without a reason", &|| {
        let mut story = released();
        story.answers(Kind::Decline, Detail::Decline { reason: " ".to_owned() }, story.grant);
        dismissed(&mut story, true);
        story
    });
    row("released after another record", &|| {
        let mut story = Story::new(9162);
        story.opens(|_| {});
        story.offers();
        story.accepts();
        let accept = story.told.last().unwrap().0.event;
        story.noted(None);
        let (to, offer) = (agency("health.gov.example"), story.grant.unwrap());
        story.at_home(Kind::Release, Body::of(Detail::Release { to, offer, accept }));
        dismissed(&mut story, true);
        story
    });
    row("accepted after the offer was taken back", &|| {
        let mut story = Story::new(9162);
        story.opens(|_| {});
        story.offers();
        story.unshares();
        story.accepts();
        story.releases();
        dismissed(&mut story, true);
        story
    });
    row("offered twice", &|| {
        let mut story = Story::new(9162);
        story.opens(|_| {});
        story.offers();
        let first = story.grant;
        story.offers();
        story.grant = first;
        story.accepts();
        story.releases();
        dismissed(&mut story, true);
        story
    });
}
