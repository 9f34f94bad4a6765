//! What holds a history together: cases, heads, records, and what is withheld of it.

use ogic_certs::Digest;
use ogic_certs::event::{Body, Detail, Header, Kind};

use super::{opened, shared, with, worked};
use crate::files::Files;
use crate::story::{Act, MINUTE_MS, NOW, Story};

/// Each from its beginning.
pub(crate) fn rows(files: &mut Files) {
    let mut row = |name: &str, story: Story| files.add(name, &story.capsule());
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
