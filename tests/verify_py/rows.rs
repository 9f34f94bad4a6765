//! Rows `(name, how it is made)`: what is right, and what is wrong in a way that no bit flip finds, signed all the same.

use ogic_certs::certificate::Certificate;
use ogic_certs::cose::{Signed, Signer};
use ogic_certs::event::{Body, Detail, FieldValue, Header, Kind};
use ogic_certs::evidence::Judgement;
use ogic_certs::issue::{self, Issuer};
use ogic_certs::key::SigningKey;
use ogic_certs::record::{HeadLeaf, Leaf};
use ogic_certs::service::ServiceText;
use ogic_certs::testing::{Federation, agency};
use ogic_certs::{Digest, EventId, Identity};

use crate::files::Files;
use crate::story::{Act, Capsule, DAY_MS, MINUTE_MS, NOW, Proof, SERVICE, Story, failed, undecided};

pub(crate) fn files() -> Files {
    let mut files = Files::new();
    histories(&mut files);
    moved(&mut files);
    capsules(&mut files);
    definitions(&mut files);
    constrained(&mut files);
    objects(&mut files);
    files
}

/// Histories, each from its beginning.
fn histories(files: &mut Files) {
    let opened = || {
        let mut story = Story::new(9162);
        story.opens(|_| {});
        story
    };
    let shared = || {
        let mut story = opened();
        story.shares(|_| {});
        story
    };
    let worked = || {
        let mut story = shared();
        story.medical(|_| {});
        story
    };
    let mut row = |name: &str, story: Story| files.add(name, &story.capsule());
    let with = |mut story: Story, edit: &dyn Fn(&mut Story)| {
        edit(&mut story);
        story
    };
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
    row(
        "a header of another case",
        with(opened(), &|story| {
            story.shares(|_| {});
            story.medical(|header| header.case = Some(ogic_certs::CaseId(Digest::of(b"other"))));
        }),
    );
    row(
        "a head that never was",
        with(shared(), &|story| {
            story.medical(|header| {
                if let Some(head) = &mut header.head {
                    head.record = Digest::of(b"x");
                }
            });
        }),
    );
    row(
        "a head to come",
        with(shared(), &|story| {
            story.medical(|header| {
                if let Some(head) = &mut header.head {
                    head.seq = 9;
                }
            });
        }),
    );
    row(
        "an older head",
        with(worked(), &|story| {
            let old = story.told[1].0;
            story.medical(|header| {
                header.head = Some(ogic_certs::event::HeadAt { seq: 1, record: old.digest() });
            });
        }),
    );
    row(
        "a close that names an older head",
        with(worked(), &|story| {
            let (seal, old) = (story.seal.clone(), story.told[0].0);
            let body = Body::of(Detail::Close { reason: "x".to_owned() });
            let head = Some(ogic_certs::event::HeadAt { seq: 0, record: old.digest() });
            story.tell(
                Act { seal: &seal, official: None, kind: Kind::Close, step: None, code: 3, body },
                |header: &mut Header| header.head = head,
            );
            let dismissed = story.dismissed.clone();
            story.noted(Some(&dismissed));
        }),
    );
    for (name, bend) in [
        ("a gap in the sequence", (|record| record.seq += 1) as fn(&mut ogic_certs::record::Record)),
        ("another prev", |record| record.prev = Digest::of(b"x")),
        ("a record of another case", |record| record.case.0 = Digest::of(b"x")),
        ("a record of another event", |record| record.event.0 = Digest::of(b"x")),
        ("received before the last", |record| record.received = record.received.minus_ms(5 * MINUTE_MS)),
        ("received after the capsule", |record| record.received = NOW.plus_ms(1)),
    ] {
        row(
            name,
            with(worked(), &|story| {
                let mut last = story.told.last().unwrap().0;
                bend(&mut last);
                story.told.last_mut().unwrap().0 = last;
            }),
        );
    }
    for (name, nth, is_body) in [
        ("a body that is withheld", 2, true),
        ("the opening's body withheld", 0, true),
        ("an approval that is withheld", 2, false),
        ("the dismissed official's approval withheld", 4, false),
    ] {
        row(name, with(Story::whole(), &|story| story.withheld.push((nth, is_body))));
        row(
            &format!("{name}, without documents"),
            with(Story::whole(), &|story| {
                story.withheld.push((nth, is_body));
                story.documents.clear();
            }),
        );
    }
    row(
        "an approval withheld while the event waits",
        with(worked(), &|story| story.withheld.push((2, false))),
    );
}

/// Cases whose home changes, each as the old home and as the new one exports it.
fn moved(files: &mut Files) {
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

/// Capsules of the whole history, bent where they are put together.
fn capsules(files: &mut Files) {
    let story = Story::whole();
    let proven = story.proof(|_| {});
    let mut row = |name: &str, edit: &dyn Fn(&mut Capsule)| {
        files.add(format!("capsule: {name}"), &story.capsule_with(&proven, |capsule| edit(capsule)));
    };
    row("without lists", &|capsule| capsule.crls.clear());
    row("without documents", &|capsule| capsule.documents.clear());
    row("with a document of nobody", &|capsule| capsule.documents.push(b"x".to_vec()));
    row("with a document twice", &|capsule| capsule.documents.push(capsule.documents[0].clone()));
    row("sealed by another agency", &|capsule| capsule.seal = story.health.clone());
    row("sealed by an official", &|capsule| capsule.seal = story.official.clone());
    row("of another home", &|capsule| capsule.home = "health.gov.example".to_owned());
    row("of another case", &|capsule| capsule.case.0 = Digest::of(b"x"));
    row("made before its records", &|capsule| capsule.at = NOW.minus_ms(55 * MINUTE_MS));
    row("made when the seal has ended", &|capsule| capsule.at = NOW.plus_ms(70 * DAY_MS));
    row("without the receipts of the end", &|capsule| drop(capsule.receipts.pop()));
    row("with a receipt twice", &|capsule| capsule.receipts.push(capsule.receipts[0].clone()));
    row("with another definition", &|capsule| {
        let other = ServiceText::new(format!("{SERVICE}# more\n")).unwrap();
        capsule.service = Signed::sign(other, &story.seal).unwrap().bytes().to_vec();
    });
    for nth in 0..6 {
        row(&format!("without certificate {nth}"), &|capsule| drop(capsule.carried.remove(nth)));
    }
    let mut places = proven.places.clone();
    places.push(0);
    places.sort_unstable();
    row("with a leaf that is no record", &|capsule| capsule.receipts = vec![proven.receipt(&places)]);
    row("with one receipt for all", &|capsule| capsule.receipts = vec![proven.receipt(&proven.places)]);
    let later = story.proof(|proof| proof.leaves.push(proof.leaves[0]));
    row("with receipts under two checkpoints", &|capsule| {
        capsule.receipts[1] = later.receipt(&later.places[4..]);
    });
    let by_health = story.proof(|proof| proof.seal = story.health.clone());
    row("with a checkpoint by another agency", &|capsule| {
        capsule.receipts = vec![by_health.receipt(&proven.places)];
    });
    let of_health = story.proof(|proof| proof.origin.agency = agency("health.gov.example"));
    row("with a checkpoint of another's log", &|capsule| {
        capsule.receipts = vec![of_health.receipt(&proven.places)];
    });
    for (name, bend) in [
        ("an older head", (|head| head.seq -= 1) as fn(&mut HeadLeaf)),
        ("a newer head", |head| head.seq += 1),
        ("a head at another place", |head| head.index -= 1),
        ("a head beyond the log", |head| head.index += 9),
        ("a head of another record", |head| head.record = Digest::of(b"x")),
    ] {
        let bent = story.proof(|proof| bend(&mut proof.heads[0]));
        row(&format!("with {name}"), &|capsule| capsule.receipts = vec![bent.receipt(&proven.places)]);
    }

    // Registries: another of the same version, a newer one, one of another federation.
    let mut federation = Federation::new(9162, NOW);
    federation.signer("ogic://transport.gov.example/seal");
    let twin = federation.registry();
    row("with another registry of the same version", &|capsule| capsule.registry = twin.clone());
    let newer = federation.registry();
    row("with a registry of another version", &|capsule| capsule.registry = newer.clone());
    let foreign = Story::elsewhere().registry;
    row("with another federation's registry", &|capsule| capsule.registry = foreign.clone());
    let foreign = Story::elsewhere().crl;
    row("with another federation's list", &|capsule| capsule.crls = vec![foreign.clone()]);
    let mut federation = Federation::new(9162, NOW);
    federation.set_now(NOW.minus_ms(20 * DAY_MS));
    let old = federation.crl();
    row("with a list long past its life", &|capsule| capsule.crls = vec![old.clone()]);
    federation.set_now(NOW.minus_ms(3 * DAY_MS));
    let stale = federation.crl();
    row("with a list past its life", &|capsule| capsule.crls = vec![stale.clone()]);
    for (name, signer, ago) in [
        ("the seal, revoked before it all", &story.seal, 90),
        ("the seal, revoked after the opening", &story.seal, 58),
        ("the seal, revoked when the capsule was made", &story.seal, 0),
        ("the physician, revoked before his approval", &story.physician, 70),
        ("the physician, revoked after his approval", &story.physician, 50),
        ("the third party, revoked after its evidence", &story.ttp, 1),
    ] {
        federation.set_now(NOW);
        federation.revoke(signer.certificate(), NOW.minus_ms(ago * MINUTE_MS));
        let list = federation.crl();
        row(&format!("with a list of {name}"), &|capsule| capsule.crls = vec![list.clone()]);
    }
}

/// A case by a definition that the linter refuses, sealed all the same; and some that it takes.
fn definitions(files: &mut Files) {
    for (name, from, to) in [
        ("as it is", "version = 1", "version = 1"),
        ("not TOML", "version = 1", "version = "),
        ("version 0", "version = 1", "version = 0"),
        ("no version", "version = 1\n", ""),
        ("a version that is text", "version = 1", "version = \"1\""),
        ("an unknown word", "version = 1", "version = 1\ncolour = 1"),
        ("an empty title", "en = \"Driving licence\"", "en = \" \""),
        ("a title of two lines", "en = \"Driving licence\"", "en = \"Driving\\nlicence\""),
        ("an id with capitals", "id = \"medical\"", "id = \"Medical\""),
        ("after a step that is not there", "after = [\"medical\"]", "after = [\"x\"]"),
        ("after a step twice", "after = [\"medical\"]", "after = [\"medical\", \"medical\"]"),
        ("a cycle", "after = [\"application\"]", "after = [\"decision\"]"),
        ("no deadline", "deadline_working_days = 5\n", ""),
        ("a deadline of three years", "deadline_working_days = 5", "deadline_working_days = 800"),
        ("an opening by another", "performer = \"home\"\nopening", "performer = \"medical\"\nopening"),
        ("two openings", "refuses = true", "refuses = true\nopening = true"),
        (
            "an optional step before another",
            "inputs = [{ name = \"fit\"",
            "optional = true\ninputs = [{ name = \"fit\"",
        ),
        ("an unknown silence", "on_silence = \"remind\"", "on_silence = \"sleep\""),
        ("an input twice", "name = \"remarks\"", "name = \"fit\""),
        ("an input of another type", "type = \"bool\"", "type = \"float\""),
        ("a document asked for that is not brought", "[\"application\"]\ndeadline", "[\"photo\"]\ndeadline"),
        ("a field asked for that is not brought", "name = \"category\"", "name = \"class\""),
        ("no appeal", "[appeal]", "[other]"),
        ("a last step that is optional", "refuses = true", "refuses = true\noptional = true"),
    ] {
        let mut story = Story::new(9162);
        assert!(SERVICE.contains(from), "{name}");
        let text = ServiceText::new(SERVICE.replacen(from, to, 1)).unwrap();
        story.service = Signed::sign(text, &story.seal).unwrap();
        story.opens(|_| {});
        files.add(format!("definition: {name}"), &story.capsule());
    }
    let mut story = Story::new(9162);
    story.service = Signed::sign(ServiceText::new(SERVICE).unwrap(), &story.health).unwrap();
    story.opens(|_| {});
    files.add("definition: another publisher", &story.capsule());
    let mut story = Story::new(9162);
    story.service = Signed::sign(ServiceText::new(SERVICE).unwrap(), &story.official).unwrap();
    story.opens(|_| {});
    files.add("definition: published by an official", &story.capsule());
}

/// Seals under an authority that is bound to health.
fn constrained(files: &mut Files) {
    let key = || SigningKey::from_seed(&[41; 32]).unwrap();
    let (from, to) = (NOW.minus_ms(DAY_MS), NOW.plus_ms(60 * DAY_MS));
    let host = agency("health.gov.example");
    // The same name and key without the bounds, so that the library issues what the bounds forbid.
    let unbound = issue::root(&key(), &host, [2; 16], from, to).unwrap();
    let unbound = Certificate::from_der(&unbound).unwrap();
    for (name, agency_id, is_bound_issuer, has_list) in [
        ("its own agency", "health.gov.example", true, true),
        ("an agency below", "clinic.health.gov.example", true, true),
        ("an agency beside", "unhealth.gov.example", false, true),
        ("another agency", "transport.gov.example", false, true),
        ("its own agency by a name", "health.gov.example", false, true),
        ("its own agency without its list", "health.gov.example", true, false),
    ] {
        let mut story = Story::new(9162);
        let bound = story.federation.with_issuer(|root| {
            issue::constrained_ca(root, &host, key().public(), [3; 16], from, to).unwrap()
        });
        let bound = Certificate::from_der(&bound).unwrap();
        let issuer_key = key();
        let issuer =
            Issuer { certificate: if is_bound_issuer { &bound } else { &unbound }, key: &issuer_key };
        let subject = SigningKey::from_seed(&[42; 32]).unwrap();
        let identity = Identity::parse(&format!("ogic://{agency_id}/seal")).unwrap();
        let leaf = issue::leaf(&issuer, &identity, subject.public(), [4; 16], from, to).unwrap();
        let leaf = Certificate::from_der(&leaf).unwrap();
        story.health = Signer::new(subject, leaf, vec![bound.clone()]).unwrap();
        let list = issue::crl(&issuer, 1, NOW, NOW.plus_ms(DAY_MS), &[]).unwrap();
        let list = ogic_certs::crl::Crl::from_der(&list).unwrap();
        story.federation.add_member(&agency(agency_id), ogic_certs::registry::Level::Regional);
        story.authorities.push(bound);
        story.opens(|_| {});
        story.shares(|terms| terms.grantee = agency(agency_id));
        story.noted(None);
        let proven = story.proof(|_| {});
        let bytes =
            story.capsule_with(&proven, |capsule| capsule.crls.extend(has_list.then(|| list.clone())));
        files.add(format!("authority bound to health: {name}"), &bytes);
    }
}

/// Receipts, checkpoints, evidence, each alone.
fn objects(files: &mut Files) {
    let story = Story::whole();
    let mut proofs = |name: &str, edit: &dyn Fn(&mut Proof)| {
        let proven = story.proof(|proof| edit(proof));
        files.add(format!("checkpoint: {name}"), proven.checkpoint.bytes());
        files.add(format!("receipt of one: {name}"), &proven.receipt(&proven.places[2..3]));
        files.add(format!("receipt of all: {name}"), &proven.receipt(&proven.places));
        files.add(format!("receipt of a notice: {name}"), &proven.receipt(&[0]));
        files.add(format!("extract of a receipt: {name}"), &story.extract(&proven.receipt(&proven.places)));
    };
    proofs("as it is", &|_| {});
    proofs("by another agency", &|proof| proof.seal = story.health.clone());
    proofs("by an official", &|proof| proof.seal = story.official.clone());
    proofs("of another's log", &|proof| proof.origin.agency = agency("health.gov.example"));
    proofs("an older head", &|proof| proof.heads[0].seq -= 1);
    proofs("a newer head", &|proof| proof.heads[0].seq += 1);
    proofs("a newer head later", &|proof| {
        proof.heads[0].seq += 1;
        proof.heads[0].index += 1;
        proof.leaves.push(proof.leaves[0]);
    });
    proofs("a head at another place", &|proof| proof.heads[0].index -= 1);
    proofs("a head beyond the log", &|proof| proof.heads[0].index += 9);
    proofs("a head of another record", &|proof| proof.heads[0].record = Digest::of(b"x"));
    for (name, bend) in [
        ("another prev", (|record| record.prev = Digest::of(b"x")) as fn(&mut ogic_certs::record::Record)),
        ("a record once more", |record| record.seq -= 1),
        ("a gap", |record| record.seq += 1),
        ("another case", |record| record.case.0 = Digest::of(b"x")),
    ] {
        proofs(name, &|proof| {
            let place = proof.places[4] as usize;
            if let Leaf::Record(record) = &mut proof.leaves[place] {
                bend(record);
            }
        });
    }
    for (name, signer, edit) in [
        ("as it is", &story.ttp, (|_| {}) as fn(&mut ogic_certs::evidence::Evidence)),
        ("by a seal", &story.seal, |_| {}),
        ("a failed one", &story.ttp, |said| said.judgement = failed()),
        ("about another", &story.ttp, |said| said.event = EventId(Digest::of(b"x"))),
        ("before the certificate", &story.ttp, |said| said.at = NOW.minus_ms(2 * DAY_MS)),
        ("an input of other bytes", &story.ttp, |said| said.inputs[0].digest = Digest::of(b"x")),
        ("an input that is named", &story.ttp, |said| said.inputs[0].bytes = None),
        ("a long name of a source", &story.ttp, |said| said.time_source = "x".repeat(1025)),
        ("by another policy", &story.ttp, |said| said.policy = Digest::of(b"x")),
        ("without its event", &story.ttp, |said| said.inputs.retain(|input| input.kind != "event")),
        ("its event twice", &story.ttp, |said| said.inputs.push(said.inputs[0].clone())),
        ("without its approval", &story.ttp, |said| said.inputs.retain(|input| input.kind != "approval")),
        ("without certificates", &story.ttp, |said| said.inputs.retain(|input| input.kind != "certificate")),
        ("without lists", &story.ttp, |said| said.inputs.retain(|input| input.kind != "crl")),
        ("without its registry", &story.ttp, |said| said.inputs.retain(|input| input.kind != "registry")),
        ("all inputs named alone", &story.ttp, |said| {
            said.inputs.iter_mut().for_each(|input| input.bytes = None);
        }),
        ("the approval named as none", &story.ttp, |said| said.approval = None),
        ("for nobody's mandate", &story.ttp, |said| said.mandate = None),
        ("for another's mandate", &story.ttp, |said| {
            said.mandate = Some((agency("health.gov.example"), ogic_certs::Role::Seal));
        }),
        ("at another time", &story.ttp, |said| said.at = NOW.plus_ms(5 * DAY_MS)),
    ] {
        for (nth, what) in [(0, "an opening"), (2, "a step"), (4, "a failed note")] {
            if nth == 4 && name == "at another time" {
                // The verdict is the same then, and the checks tell another time: those are compared by their own release.
                continue;
            }
            let judgement = if nth == 4 { failed() } else { Judgement::PASSED };
            let said = story.evidence(nth, judgement, edit);
            let said = Signed::sign(said, signer).unwrap();
            files.add(format!("evidence about {what}: {name}"), said.bytes());
            files.add(format!("extract of evidence about {what}: {name}"), &story.extract(said.bytes()));
        }
    }
    let mut federation = Federation::new(9162, NOW);
    for _ in 0..6 {
        federation.signer("ogic://transport.gov.example/seal");
    }
    let unlisted = federation.signer("ogic://ttp.gov.example/ttp");
    let said = story.evidence(2, Judgement::PASSED, |_| {});
    files.add("evidence: by a key at hand for nobody", Signed::sign(said, &unlisted).unwrap().bytes());
    files.add("extract of nothing", &story.extract(b""));
    files.add("extract of text", &story.extract(b"a letter"));
    files.add("extract of a registry", &story.extract(story.registry.bytes()));
    files.add("extract of an extract", &story.extract(&story.extract(story.service.bytes())));
    files.add("extract's first line", b"ogic extract 1\n");
    files.add("registry", story.registry.bytes());
    files.add("another federation's registry", Story::elsewhere().registry.bytes());
    files.add("definition", story.service.bytes());
    files.add("event header", story.told[2].1.header.bytes());
    files.add("approval", story.told[2].1.approval.as_ref().unwrap().bytes());
    files.add("nothing", b"");
    files.add("text", b"a letter");
    files.add("a tag alone", &[0xd2]);
}
