//! Many at once: what has gathered shares one sync and one signature, within the bounds of a frame.

use super::*;

/// Most events of one peer on their way at once.
const WINDOW: usize = crate::exchange::outbox::WINDOW_ITEMS;

/// Makes `count` notes of health with bodies of about `bytes`, and takes them as they go over the wire.
fn notes(scene: &mut Scene, case: CaseId, count: usize, bytes: usize) -> Vec<(StreamKind, Message)> {
    let text = "x".repeat(bytes);
    let mut messages = Vec::new();
    for n in 0..count {
        let mut note = scene.note(case, "medical", "");
        let fields = (0..=bytes / 1000).map(|i| {
            let part = text.get(..1000.min(bytes)).unwrap_or_default().to_owned();
            (format!("f{i:03}"), FieldValue::Text(part))
        });
        let body = Body { fields: fields.collect(), ..Body::of(Detail::None) };
        note.body = body.to_blob(&[n as u8; SALT_BYTES]);
        scene.act("health", &format!("note {n}"), &note).unwrap();
    }
    let now = scene.now;
    for (id, sent) in scene.desk("health").book().sent.clone() {
        assert!(matches!(sent.state, SentState::Waiting), "{id}");
    }
    let order = scene.desk("health").book().sent_order.clone();
    for id in order {
        let Some(Parcel::Event { header, body, approval }) = scene.desk("health").parcel(&id).unwrap() else {
            continue;
        };
        let carried = crate::exchange::message::Carried { header, body, approval };
        messages.push((StreamKind::Events, Message::Event(carried)));
    }
    // The first that is really sent brings the certificates along.
    let real = scene.desk("health").poll_messages(&id("transport"), now, 1);
    messages
        .splice(0..0, real.into_iter().filter(|(_, message)| matches!(message, Message::Certificates(_))));
    messages
}

#[test]
fn appends_that_wait_share_syncs_and_signatures() {
    let mut scene = Scene::new();
    let (case, _) = scene.shared_case();
    let messages = notes(&mut scene, case, 256, 10);
    scene.give("health", "transport", &messages);
    assert_eq!(scene.desk("transport").waiting(), 256);
    let signed = scene.desk("transport").figures().signatures;
    let synced = scene.desk("transport").log().figures().disk.syncs;
    let mut commits = 0;
    while scene.desk("transport").waiting() > 0 {
        scene.commit("transport").unwrap();
        commits += 1;
    }
    assert_eq!(scene.history(case).len(), 2 + 256);
    let desk = scene.desk("transport");
    let (syncs, signatures) = (desk.log().figures().disk.syncs - synced, desk.figures().signatures - signed);
    assert!(syncs <= 32 && signatures <= 32, "{syncs} syncs, {signatures} signatures for 256 appends");
    assert_eq!(commits, 1);
    scene.settle();
    assert_eq!(scene.desk("health").outbox().counts(), crate::exchange::outbox::Counts::default());
    const { assert!(WINDOW < 256) };
}

#[test]
fn a_commit_stays_within_a_frame() {
    let mut scene = Scene::new();
    let (case, _) = scene.shared_case();
    let messages = notes(&mut scene, case, 100, 60_000);
    scene.give("health", "transport", &messages);
    let mut commits = 0;
    while scene.desk("transport").waiting() > 0 {
        scene.commit("transport").unwrap();
        commits += 1;
    }
    assert_eq!(scene.history(case).len(), 2 + 100);
    assert!((2..10).contains(&commits), "{commits}");
}

#[test]
fn a_long_look_is_one_entry_of_the_access_log() {
    let mut scene = Scene::new();
    let case = scene.open_case();
    for number in 0..300 {
        let act = scene.note(case, "application", &number.to_string());
        scene.act("transport", &format!("note {number}"), &act).unwrap();
    }
    let first = scene.read("transport", "transport", case, None).unwrap();
    let Answer::Page(first) = first else { panic!("{first:?}") };
    let next = first.entries.len() as u64;
    assert!(next < 301, "there is more than one page");
    let further = scene.desk("transport").further_page(&case, next).unwrap();
    assert_eq!(next as usize + further.entries.len(), 301);
    let frame = ogic_certs::receipt::ReceiptFrame::decode(&further.receipt).unwrap();
    assert_eq!(frame.head_of(case).map(|head| head.seq), Some(300));
    assert_eq!(scene.desk("transport").book().access[&case].len(), 1);
}
