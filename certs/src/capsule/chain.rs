//! The history in a capsule: each record follows the one before, each event is what its record says, each seal holds.

use super::Part;
use super::examine::{Approved, Recorded, expect_agency};
use super::judge::Judge;
use super::record::{RecordSection, same};
use super::report::{Report, Step, failed, open};
use crate::cose::Signed;
use crate::custody::{CustodyNotice, Told};
use crate::event::{Detail, Kind};
use crate::evidence::Judgement;
use crate::verdict::{SubIndication, Verdict};
use crate::{CaseId, Code, Digest, Problem, Result, Timestamp};

/// Steps 6 and 7, and the judging of step 10, for every record that can be read.
pub(super) fn records(sections: &[&[u8]], judge: &Judge, report: &mut Report) -> Vec<Recorded> {
    let mut records: Vec<Recorded> = Vec::with_capacity(sections.len());
    // What follows a record that cannot be read is held against the manifest's case and its own neighbours.
    let mut chain = Chain { case: report.case, until: report.made, before: None, shown: Vec::new() };
    for (nth, bytes) in sections.iter().enumerate() {
        let place = Part::Record.place(nth);
        let section = match RecordSection::decode(bytes) {
            Ok(section) => section,
            Err(problem) => {
                report.check_hard(Step::Chain, &place, "the record and its event", Err(problem));
                chain.skip();
                continue;
            }
        };
        let result = chain.take(nth as u64, &section);
        report.check_hard(Step::Chain, &place, "the record follows the one before", result);
        records.push(seal(section, &place, judge, report));
    }
    custody(&records, judge, report);
    records
}

/// The home opened the case, or each home released it to the next: what it signed to tell of the release stands in the next
/// one's event of taking, and names the record before it.
fn custody(records: &[Recorded], judge: &Judge, report: &mut Report) {
    let Some(mut home) = records.first().and_then(|opening| opening.author.clone()) else { return };
    let mut first = true;
    for pair in records.windows(2) {
        let [before, recorded] = pair else { continue };
        let Some(Detail::Taken { release, .. }) = recorded.body.as_ref().map(|body| &body.detail) else {
            continue;
        };
        let place = Part::Record.place(usize::try_from(recorded.record.seq).unwrap_or(usize::MAX));
        let told =
            Signed::<CustodyNotice>::parse(release).and_then(|notice| match notice.value().read()? {
                Told::Released(told) => Ok((notice, told)),
                _ => Err(Problem::new(Code::KindMismatch, "release").expected("the notice of a release")),
            });
        match told {
            Err(problem) => {
                report.check_hard(Step::Seal, &place, "the notice of the release", Err(problem));
            }
            Ok((notice, told)) => {
                let judged = judge.judge(&notice, told.record.received);
                let signer = judged.identity.map(|identity| identity.agency);
                let what = format!("{home} signed the release to {}", told.to);
                report.check(Step::Seal, &place, what, judged.outcome);
                let held = same("release", told.record.digest(), before.record.digest())
                    .and_then(|()| {
                        signer.as_ref().map_or(Ok(()), |s| expect_agency("release's signer", s, &home))
                    })
                    .and_then(|()| {
                        let author = recorded.author.as_ref();
                        author.map_or(Ok(()), |author| expect_agency("author", author, &told.to))
                    });
                report.check_hard(Step::Seal, &place, "the home that was released to takes the case", held);
                home = told.to;
            }
        }
        first = false;
    }
    if let Some(said) = report.home.clone() {
        let last = records.last().map_or(0, |last| last.record.seq);
        let place = if first {
            Part::Record.place(0)
        } else {
            Part::Record.place(usize::try_from(last).unwrap_or(usize::MAX))
        };
        let what = if first { "the home opened the case" } else { "the home is the last that took the case" };
        report.check_hard(Step::Seal, &place, what, expect_agency("home", &said, &home));
    }
}

/// Whether nothing that the fold rests on was found broken.
pub(super) fn holds(report: &Report) -> bool {
    let rests = |step| matches!(step, Step::Frame | Step::Chain);
    let broken = |verdict| verdict == Verdict::TotalFailed;
    !report.findings.iter().any(|finding| rests(finding.step) && broken(finding.judgement.verdict))
}

/// The records so far.
struct Chain {
    case: Option<CaseId>,
    /// When the capsule was made: nothing in it is younger.
    until: Option<Timestamp>,
    before: Option<(Digest, Timestamp)>,
    /// Digests by sequence; none for a record that could not be read.
    shown: Vec<Option<Digest>>,
}

impl Chain {
    fn skip(&mut self) {
        self.before = None;
        self.shown.push(None);
    }

    /// Checks one record against the ones before it, and takes it as the newest.
    fn take(&mut self, seq: u64, section: &RecordSection) -> Result<()> {
        let result = self.check(seq, section);
        let record = &section.record;
        self.before = Some((record.digest(), record.received));
        self.shown.push(Some(record.digest()));
        result
    }

    fn check(&self, seq: u64, section: &RecordSection) -> Result<()> {
        let (record, header) = (&section.record, section.header.value());
        if record.seq != seq {
            return Err(Problem::new(Code::ValueRefused, "seq")
                .found(record.seq.to_string())
                .expected(seq.to_string()));
        }
        if let Some(case) = self.case {
            same("case", record.case.0, case.0)?;
        }
        if seq == 0 {
            same("case", record.case.0, CaseId::opened_by(record.event).0)?;
            if header.kind != Kind::Open {
                return Err(Problem::new(Code::KindMismatch, "kind")
                    .found(header.kind.as_str())
                    .expected("open"));
            }
        } else {
            same("header's case", header.case.map_or(Digest::ZERO, |case| case.0), record.case.0)?;
        }
        let mut not_before = Timestamp::EARLIEST;
        if let Some((digest, received)) = self.before {
            same("prev", record.prev, digest)?;
            not_before = received;
        }
        let until = self.until.unwrap_or(record.received);
        if record.received < not_before || record.received > until {
            return Err(Problem::new(Code::ValueRefused, "received")
                .found(record.received.to_string())
                .expected(format!("{not_before} to {until}")));
        }
        match header.head {
            None => Ok(()),
            Some(head) => {
                let shown = usize::try_from(head.seq).ok().and_then(|seq| self.shown.get(seq));
                match shown {
                    Some(Some(digest)) => same("head", head.record, *digest),
                    Some(None) => Ok(()),
                    None => Err(Problem::new(Code::HeadUnknown, "head")
                        .found(head.seq.to_string())
                        .expected(format!("below {seq}"))),
                }
            }
        }
    }
}

/// Judges the seal and the approval of an event as of when the home received it.
fn seal(section: RecordSection, place: &str, judge: &Judge, report: &mut Report) -> Recorded {
    let at = section.record.received;
    let judged = judge.judge(&section.header, at);
    let author = judged.identity.map(|identity| identity.agency);
    let by = author.as_ref().map_or_else(|| "nobody known".to_owned(), ToString::to_string);
    report.check(Step::Seal, place, format!("the seal of {by} as of {at}"), judged.outcome);
    let withheld = |field: &str| {
        let problem = Problem::new(Code::TrustUndecidable, field).found("withheld").expected("its bytes");
        open(SubIndication::SignedDataNotFound, problem)
    };
    if section.body.is_none() {
        report.check(Step::Chain, place, "the body is shown", Err(withheld("body")));
    }
    let approval = section.header.value().approval.map(|_| {
        let Some(approval) = &section.approval else {
            let (judgement, problem) = withheld("approval");
            return Approved { official: None, judgement, problem: Some(problem) };
        };
        let judged = judge.judge(approval, at);
        let official = judged.identity;
        let outcome = judged.outcome.and_then(|()| match (&official, &author) {
            (Some(official), Some(author)) => {
                let result = expect_agency("official", &official.agency, author);
                result.map_err(|problem| (failed(&problem), problem))
            }
            _ => Ok(()),
        });
        let (judgement, problem) = match outcome {
            Ok(()) => (Judgement::PASSED, None),
            Err((judgement, problem)) => (judgement, Some(problem)),
        };
        Approved { official, judgement, problem }
    });
    let RecordSection { record, header, body, .. } = section;
    Recorded { record, header, body, author, approval }
}
