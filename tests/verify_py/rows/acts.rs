//! What is done in a case and by whom: evidence, rights, steps, the end, the opening.

use ogic_certs::cose::Signed;
use ogic_certs::event::{Body, Detail, FieldValue, Kind};
use ogic_certs::evidence::Judgement;
use ogic_certs::testing::agency;
use ogic_certs::{Digest, EventId};

use super::{opened, shared, with, worked};
use crate::files::Files;
use crate::story::{Act, DAY_MS, MINUTE_MS, NOW, Story, failed, undecided};

/// Each from its beginning.
pub(crate) fn rows(files: &mut Files) {
    let mut row = |name: &str, story: Story| files.add(name, &story.capsule());
    row("a whole history", Story::whole());
    row("an opening alone", opened());
    row("a step that is pending", worked());
    row("a step that was judged undecided", with(worked(), &|story| story.judged(2, undecided(), |_| {})));
    row("a step that failed", with(worked(), &|story| story.judged(2, failed(), |_| {})));
    row("a verdict of the home alone", with(worked(), &|story| story.settles(2, failed(), None)));
    row(
        "a passed verdict without evidence",
        with(worked(), &|story| story.settles(2, Judgement::PASSED, None)),
    );
    row(
        "evidence about nothing pending",
        with(shared(), &|story| story.judged(1, Judgement::PASSED, |_| {})),
    );
    row(
        "evidence of another event",
        with(worked(), &|story| {
            story.judged(2, Judgement::PASSED, |said| said.event = EventId(Digest::of(b"x")));
        }),
    );
    row(
        "evidence with another approval",
        with(worked(), &|story| story.judged(2, Judgement::PASSED, |said| said.approval = None)),
    );
    row(
        "evidence with a mandate of another agency",
        with(worked(), &|story| {
            story.judged(2, Judgement::PASSED, |said| {
                if let Some((who, _)) = &mut said.mandate {
                    *who = agency("other.gov.example");
                }
            });
        }),
    );
    row(
        "evidence by a seal",
        with(worked(), &|story| {
            let said = story.evidence(2, Judgement::PASSED, |_| {});
            let by_seal = Signed::sign(said, &story.seal).unwrap();
            story.settles(2, Judgement::PASSED, Some(by_seal.bytes().to_vec()));
        }),
    );
    row(
        "evidence by a third party that the registry does not list",
        with(worked(), &|story| {
            let other = story.federation.signer("ogic://ttp.gov.example/ttp");
            let said = story.evidence(2, Judgement::PASSED, |_| {});
            let said = Signed::sign(said, &other).unwrap();
            story.authorities.push(other.certificate().clone());
            story.settles(2, Judgement::PASSED, Some(said.bytes().to_vec()));
        }),
    );
    row(
        "evidence that is no evidence",
        with(worked(), &|story| story.settles(2, failed(), Some(vec![0xd2, 0x80]))),
    );
    row(
        "a dismissed official's note by evidence passed",
        with(shared(), &|story| {
            let dismissed = story.dismissed.clone();
            story.noted(Some(&dismissed));
            story.judged(2, Judgement::PASSED, |_| {});
        }),
    );
    row(
        "a dismissed official's note that waits",
        with(shared(), &|story| {
            let dismissed = story.dismissed.clone();
            story.noted(Some(&dismissed));
        }),
    );
    row("a note without approval", with(shared(), &|story| story.noted(None)));
    row(
        "a note of an agency without a right",
        with(opened(), &|story| {
            story.grant = None;
            let physician = story.physician.clone();
            story.noted(Some(&physician));
        }),
    );
    row(
        "an approval of another agency's official",
        with(shared(), &|story| {
            let official = story.official.clone();
            story.noted(Some(&official));
            story.judged(2, Judgement::PASSED, |_| {});
        }),
    );
    row(
        "the home's own step by another agency's official",
        with(opened(), &|story| {
            let (seal, physician) = (story.seal.clone(), story.physician.clone());
            let (kind, step) = (Kind::Note, None);
            story.tell(
                Act {
                    seal: &seal,
                    official: Some(&physician),
                    kind,
                    step,
                    code: 0,
                    body: Body::of(Detail::None),
                },
                |_| {},
            );
        }),
    );
    row("a step under no grant", with(shared(), &|story| story.medical(|header| header.grant = None)));
    row(
        "a step not named in the grant",
        with(opened(), &|story| {
            story.shares(|terms| terms.steps.clear());
            story.medical(|_| {});
            story.judged(2, Judgement::PASSED, |_| {});
        }),
    );
    row(
        "a grant that has ended",
        with(opened(), &|story| {
            story.shares(|terms| {
                terms.expires = NOW.minus_ms(58 * MINUTE_MS + 1);
                terms.deadline = None;
            });
            story.noted(None);
            story.medical(|_| {});
        }),
    );
    row(
        "a grant too long",
        with(opened(), &|story| {
            story.shares(|terms| terms.expires = NOW.plus_ms(800 * DAY_MS));
            story.medical(|_| {});
            let dismissed = story.dismissed.clone();
            story.noted(Some(&dismissed));
        }),
    );
    row(
        "a grant to the home",
        with(opened(), &|story| {
            story.shares(|terms| terms.grantee = agency("transport.gov.example"));
        }),
    );
    row(
        "a grant of the home's own step",
        with(opened(), &|story| {
            story.shares(|terms| terms.steps.push("decision".to_owned()));
            let dismissed = story.dismissed.clone();
            story.noted(Some(&dismissed));
            story.judged(2, Judgement::PASSED, |_| {});
        }),
    );
    row(
        "a right taken back between act and verdict",
        with(worked(), &|story| {
            story.unshares();
            story.judged(2, Judgement::PASSED, |_| {});
        }),
    );
    row(
        "a decision before the examination",
        with(shared(), &|story| {
            let dismissed = story.federation.signer("ogic://transport.gov.example/official/clerk-2");
            story.official = dismissed;
            story.decides();
        }),
    );
    row("a case granted with an open step", with(shared(), &|story| story.closes(1)));
    row("a case refused", with(shared(), &|story| story.closes(2)));
    row(
        "a case closed while a step waits",
        with(worked(), &|story| {
            story.closes(3);
            story.judged(2, Judgement::PASSED, |_| {});
        }),
    );
    row(
        "a step after the end",
        with(shared(), &|story| {
            story.closes(3);
            story.medical(|_| {});
        }),
    );
    row(
        "an event of a reserved kind",
        with(opened(), &|story| story.at_home(Kind::Suspend, Body::of(Detail::None))),
    );
    row(
        "a step that the plan has not",
        with(shared(), &|story| {
            story.medical(|header| header.step = Some("x".to_owned()));
        }),
    );
    row(
        "a form with a wrong type",
        with(shared(), &|story| {
            let (seal, physician, grant) = (story.health.clone(), story.dismissed.clone(), story.grant);
            let fields = vec![("fit".to_owned(), FieldValue::Int(-1))];
            let body = Body { fields, ..Body::of(Detail::None) };
            let (kind, step) = (Kind::Step, Some("medical"));
            story.tell(Act { seal: &seal, official: Some(&physician), kind, step, code: 1, body }, |h| {
                h.grant = grant;
            });
        }),
    );
    row(
        "a step that is not possible, then done",
        with(shared(), &|story| {
            story.medical(|header| header.code = 2);
            story.judged(2, Judgement::PASSED, |_| {});
            story.medical(|_| {});
            story.judged(4, Judgement::PASSED, |_| {});
            story.decides();
            story.closes(1);
        }),
    );
    row(
        "an opening without an application",
        with(Story::new(9162), &|story| {
            let seal = story.seal.clone();
            let detail = Detail::Open { service: story.service.digest(), citizen: "c-1".to_owned() };
            let act = Act {
                seal: &seal,
                official: None,
                kind: Kind::Open,
                step: None,
                code: 0,
                body: Body::of(detail),
            };
            story.tell(act, |_| {});
        }),
    );
    row(
        "an opening of nobody",
        with(Story::new(9162), &|story| {
            let seal = story.seal.clone();
            let detail = Detail::Open { service: story.service.digest(), citizen: " ".to_owned() };
            let act = Act {
                seal: &seal,
                official: None,
                kind: Kind::Open,
                step: None,
                code: 0,
                body: Body::of(detail),
            };
            story.tell(act, |_| {});
        }),
    );
    row(
        "an opening under a grant",
        with(Story::new(9162), &|story| {
            story.opens(|header| header.grant = Some(EventId(Digest::of(b"g"))));
        }),
    );
    row(
        "an opening that names its step",
        with(Story::new(9162), &|story| {
            story.opens(|header| header.step = Some("application".to_owned()));
        }),
    );
    row(
        "an opening that names another step",
        with(Story::new(9162), &|story| {
            story.opens(|header| header.step = Some("medical".to_owned()));
        }),
    );
    row(
        "an opening by another agency",
        with(Story::new(9162), &|story| {
            story.seal = story.health.clone();
            story.official = story.physician.clone();
            story.opens(|_| {});
        }),
    );
}
