//! Which documents a case names and whose events they are: asked once, asked again, and after a restart.

use super::*;

fn look(scene: &mut Scene, who: &str, case: CaseId, grant: Option<EventId>, label: &str) -> Result<Answer> {
    let ticket = scene.ticket();
    let wanted = Wanted::Document(document(label).sha256);
    let read = Read { who: id(who), case, grant, purpose: "a test".to_owned(), wanted };
    scene.desk("transport").offer(Work::Read { ticket, read });
    scene.commit("transport").unwrap();
    scene.reply("transport", ticket)
}

fn authors(answer: Result<Answer>) -> std::result::Result<Vec<AgencyId>, Code> {
    match answer {
        Ok(Answer::Document(by)) => Ok(by),
        Ok(other) => panic!("{other:?}"),
        Err(problem) => Err(problem.code),
    }
}

#[test]
fn a_document_is_told_with_those_who_name_it() {
    let mut scene = Scene::new();
    let (case, grant) = scene.shared_case();
    let asked = |scene: &mut Scene, label: &str| authors(look(scene, "health", case, Some(grant), label));
    assert_eq!(asked(&mut scene, "application"), Ok(vec![id("transport")]));
    assert_eq!(asked(&mut scene, "medical-certificate"), Err(Code::DocumentMissing));
    // What comes after the first look is found by the next.
    let medical = scene.medical("health", case);
    scene.act("health", "medical", &medical).unwrap();
    scene.settle();
    assert_eq!(asked(&mut scene, "medical-certificate"), Ok(vec![id("health")]));
    let body = Body {
        documents: vec![document("application"), document("medical-certificate")],
        ..Body::of(Detail::None)
    };
    for who in ["health", "transport", "health"] {
        let note = scene.plain(Some(case), Kind::Note, Some("medical"), &body);
        let key = format!("{who} {}", scene.tickets);
        scene.act(who, &key, &note).unwrap();
        scene.settle();
    }
    assert_eq!(asked(&mut scene, "application"), Ok(vec![id("transport"), id("health")]));
    assert_eq!(asked(&mut scene, "medical-certificate"), Ok(vec![id("health"), id("transport")]));
    assert_eq!(scene.desk("transport").documents_of(&case).unwrap().len(), 4);
    // Rights come first.
    let stranger = authors(look(&mut scene, "labour", case, None, "application"));
    assert_eq!(stranger, authors(look(&mut scene, "labour", case, None, "never seen")));
    assert_eq!(stranger, Err(Code::CaseUnknown));
    // A restarted desk reads the same from its journal.
    scene.kill("transport", false);
    scene.start("transport", MemoryStore::new());
    assert_eq!(asked(&mut scene, "medical-certificate"), Ok(vec![id("health"), id("transport")]));
}

#[test]
fn a_sender_knows_what_its_events_bring_and_to_whom() {
    let mut scene = Scene::new();
    let (case, _) = scene.shared_case();
    let sha256 = document("medical-certificate").sha256;
    assert!(!scene.desk("health").book().brings(&id("transport"), case, sha256));
    let medical = scene.medical("health", case);
    scene.act("health", "medical", &medical).unwrap();
    scene.settle();
    for restarted in [false, true] {
        if restarted {
            scene.kill("health", false);
            scene.start("health", MemoryStore::new());
        }
        let book = scene.desk("health").book();
        for (name, home, case, sha256, brings) in [
            ("as it was sent", "transport", case, sha256, true),
            ("to another agency", "labour", case, sha256, false),
            ("to another case", "transport", CaseId(Digest::ZERO), sha256, false),
            ("another document", "transport", case, document("application").sha256, false),
        ] {
            assert_eq!(book.brings(&id(home), case, sha256), brings, "{name}, restarted: {restarted}");
        }
    }
}
