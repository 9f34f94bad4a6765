//! The history in a capsule: each record follows the one before, each event is what its record says, each seal holds.

use super::Part;
use super::examine::{Approved, Recorded, expect_agency};
use super::judge::Judge;
use super::record::{RecordSection, same};
use super::report::{Report, Step, failed, open};
use crate::event::Kind;
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
        records.push(seal(section, nth == 0, &place, judge, report));
    }
    records
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
fn seal(
    section: RecordSection,
    is_opening: bool,
    place: &str,
    judge: &Judge,
    report: &mut Report,
) -> Recorded {
    let at = section.record.received;
    let judged = judge.judge(&section.header, at);
    let author = judged.identity.map(|identity| identity.agency);
    let by = author.as_ref().map_or_else(|| "nobody known".to_owned(), ToString::to_string);
    report.check(Step::Seal, place, format!("the seal of {by} as of {at}"), judged.outcome);
    if is_opening && let (Some(author), Some(home)) = (&author, report.home.clone()) {
        let result = expect_agency("author", author, &home);
        report.check_hard(Step::Seal, place, "the home opened the case", result);
    }
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
