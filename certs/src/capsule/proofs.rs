//! What proves a capsule's history: receipts under the home's checkpoint, evidence, and the documents' digests.

use std::collections::{HashMap, HashSet};

use super::Part;
use super::examine::{Recorded, expect_agency, hard};
use super::judge::Judge;
use super::record::same;
use super::report::{Report, Step};
use crate::checkpoint::Checkpoint;
use crate::cose::Signed;
use crate::event::{Detail, DocumentRef};
use crate::evidence::{Evidence, Judgement};
use crate::merkle::{DocumentHasher, DocumentId};
use crate::receipt::ReceiptFrame;
use crate::record::{HeadLeaf, Leaf};
use crate::{Code, Digest, EventId, Problem, Result, Timestamp};

/// Step 8: every record and nothing else is shown in the home's log, and the newest is the case's head there.
pub(super) fn receipts(
    sections: &[&[u8]],
    records: &[Recorded],
    judge: &Judge,
    at: Timestamp,
    report: &mut Report,
) {
    let mut shown = Shown::default();
    for (nth, bytes) in sections.iter().enumerate() {
        let place = Part::Receipts.place(nth);
        let frame = match ReceiptFrame::decode(bytes) {
            Ok(frame) => frame,
            Err(problem) => {
                report.check_hard(Step::Receipts, &place, "the receipt frame's form", Err(problem));
                continue;
            }
        };
        match Signed::<Checkpoint>::parse(frame.checkpoint_cose()) {
            Err(problem) => drop(report.check_hard(Step::Receipts, &place, "the checkpoint", Err(problem))),
            Ok(checkpoint) => {
                let judged = judge.judge_own(&checkpoint, report.made.unwrap_or(at), at);
                let home = report.home.clone();
                if let (Some(identity), Some(home)) = (&judged.identity, &home) {
                    let own = expect_agency("checkpoint's signer", &identity.agency, home)
                        .and_then(|()| expect_agency("origin", &checkpoint.value().origin.agency, home));
                    report.check_hard(Step::Receipts, &place, "the checkpoint is of the home's log", own);
                }
                let what = format!("the checkpoint's seal as of {at}");
                if report.check(Step::Receipts, &place, what, judged.outcome) {
                    judge.check_stands(&checkpoint, Step::Receipts, &place, report);
                }
                let proven = frame.verify(checkpoint.value());
                let what = format!("inclusion under {} leaves", checkpoint.value().size);
                report.check_hard(Step::Receipts, &place, what, proven);
            }
        }
        let result = shown.take(&frame);
        report.check_hard(Step::Receipts, &place, "one checkpoint, and leaves in order", result);
    }
    if sections.is_empty() {
        return;
    }
    for recorded in records {
        let record = &recorded.record;
        let result = match shown.leaves.get(&record.digest()) {
            Some(_) => Ok(()),
            None => Err(Problem::new(Code::ProofInvalid, "receipts")
                .found("no leaf of this record")
                .expected("its inclusion in the home's log")),
        };
        let place = Part::Record.place(usize::try_from(record.seq).unwrap_or(usize::MAX));
        report.check_hard(Step::Receipts, &place, "the record is in the home's log", result);
    }
    let place = Part::Receipts.place(sections.len() - 1);
    let result = shown.nothing_else(records).and_then(|()| shown.ends(records));
    report.check_hard(Step::Receipts, &place, "no other leaf, and the head is the last record", result);
}

/// What the frames show together.
#[derive(Default)]
struct Shown {
    checkpoint: Option<Digest>,
    /// Leaf hash and index.
    leaves: HashMap<Digest, u64>,
    heads: Vec<HeadLeaf>,
}

impl Shown {
    fn take(&mut self, frame: &ReceiptFrame) -> Result<()> {
        let mut result = Ok(());
        let checkpoint = Digest::of(frame.checkpoint_cose());
        if *self.checkpoint.get_or_insert(checkpoint) != checkpoint {
            result = Err(Problem::new(Code::ProofInvalid, "checkpoint")
                .found("another one")
                .expected("that of the first receipts"));
        }
        for (index, leaf) in frame.leaves() {
            if !matches!(leaf, Leaf::Record(_)) || self.leaves.insert(leaf.digest(), *index).is_some() {
                result = Err(Problem::new(Code::ProofInvalid, "leaf")
                    .found(format!("leaf {index}"))
                    .expected("records of this case, each once"));
            }
        }
        self.heads.extend(frame.heads().iter().map(|(_, head)| *head));
        result
    }

    fn nothing_else(&self, records: &[Recorded]) -> Result<()> {
        let known: HashSet<Digest> = records.iter().map(|recorded| recorded.record.digest()).collect();
        match self.leaves.iter().find(|(leaf, _)| !known.contains(*leaf)) {
            None => Ok(()),
            Some((_, index)) => Err(Problem::new(Code::ProofInvalid, "leaf")
                .found(format!("leaf {index}"))
                .expected("records of this capsule alone")),
        }
    }

    fn ends(&self, records: &[Recorded]) -> Result<()> {
        let Some(last) = records.last().map(|recorded| &recorded.record) else { return Ok(()) };
        let missing = |found: &str| {
            Problem::new(Code::ProofInvalid, "head").found(found).expected(format!("record {}", last.seq))
        };
        if self.heads.is_empty() {
            return Err(missing("none"));
        }
        for head in &self.heads {
            if head.case != last.case {
                return Err(missing("the head of another case"));
            }
            if (head.seq, head.record) != (last.seq, last.digest()) {
                return Err(missing(&format!("record {}", head.seq)));
            }
            if self.leaves.get(&head.record) != Some(&head.index) {
                return Err(missing(&format!("leaf {}", head.index)));
            }
        }
        Ok(())
    }
}

/// Step 9: each piece of evidence is a third party's that the registry lists, about an event of this history. Gives what the
/// genuine ones say, the first of each event.
pub(super) fn evidence(
    records: &[Recorded],
    judge: &Judge,
    report: &mut Report,
) -> HashMap<EventId, Judgement> {
    let mut genuine = HashMap::new();
    let mut earlier: HashMap<EventId, Option<Digest>> = HashMap::new();
    for recorded in records {
        let place = Part::Record.place(usize::try_from(recorded.record.seq).unwrap_or(usize::MAX));
        if let Some(Detail::Evidence { event, evidence: Some(bytes), .. }) =
            recorded.body.as_ref().map(|body| &body.detail)
        {
            report.evidence += 1;
            match Signed::<Evidence>::parse(bytes) {
                Err(problem) => {
                    report.check_hard(Step::Evidence, &place, "the evidence's form", Err(problem));
                }
                Ok(evidence) => {
                    let said = evidence.value();
                    let about = about(said, event, &earlier);
                    let bound =
                        report.check_hard(Step::Evidence, &place, "the evidence is about the event", about);
                    let judged = judge.judge(&evidence, said.at);
                    let who = judged.identity.map_or_else(String::new, |who| format!(" of {}", who.agency));
                    let what = format!("the evidence{who} as of {}", said.at);
                    let listed = report.check(Step::Evidence, &place, what, judged.outcome);
                    if bound && listed {
                        genuine.entry(*event).or_insert_with(|| said.judgement.clone());
                    }
                }
            }
        }
        earlier.insert(recorded.record.event, recorded.header.value().approval);
    }
    genuine
}

fn about(said: &Evidence, event: &EventId, earlier: &HashMap<EventId, Option<Digest>>) -> Result<()> {
    let invalid = |field: &str, found: String, expected: &str| {
        Err(Problem::new(Code::EvidenceInvalid, field).found(found).expected(expected))
    };
    if said.event != *event {
        return invalid("event", said.event.to_string(), "the event that the record judges");
    }
    match earlier.get(event) {
        None => invalid("event", event.to_string(), "an earlier event of this history"),
        Some(approval) if *approval != said.approval => {
            let found = said.approval.map_or_else(|| "none".to_owned(), |digest| digest.to_string());
            invalid("approval", found, "the approval that the event names")
        }
        Some(_) => Ok(()),
    }
}

/// Step 12: each document carried is one that an event brings, byte for byte. Gives the events that name one by its SHA-256
/// and call it something that it is not: whether that counts, the history tells.
pub(super) fn documents(
    sections: &[&[u8]],
    records: &[Recorded],
    report: &mut Report,
) -> HashMap<EventId, Problem> {
    let mut misnamed = HashMap::new();
    if sections.is_empty() {
        return misnamed;
    }
    let mut named: HashMap<Digest, Vec<(EventId, &DocumentRef)>> = HashMap::new();
    for recorded in records {
        for document in recorded.body.iter().flat_map(|body| &body.documents) {
            named.entry(document.sha256).or_default().push((recorded.record.event, document));
        }
    }
    // A document that is carried twice is compared once: a capsule must not cost sections times names.
    let mut found: HashMap<Digest, Result<()>> = HashMap::new();
    for (nth, bytes) in sections.iter().enumerate() {
        let digest = Digest::of(bytes);
        let result = found.entry(digest).or_insert_with(|| match named.get(&digest) {
            None => Err(Problem::new(Code::DigestMismatch, "document")
                .found(digest.to_string())
                .expected("a document that an event brings")),
            Some(named) => brought(bytes, named, &mut misnamed),
        });
        let result = result.clone().map_err(hard);
        report.check(Step::Document, &Part::Document.place(nth), "the document that an event brings", result);
    }
    misnamed
}

/// Whether one of those who name it calls the document what it is; the others go to `misnamed`.
fn brought(
    bytes: &[u8],
    named: &[(EventId, &DocumentRef)],
    misnamed: &mut HashMap<EventId, Problem>,
) -> Result<()> {
    let mut hasher = DocumentHasher::new();
    hasher.update(bytes);
    let id = hasher.finish();
    let mut brought = false;
    let mut first = None;
    for (event, document) in named {
        match is_named(&id, document) {
            Ok(()) => brought = true,
            Err(problem) => {
                first.get_or_insert_with(|| problem.clone());
                misnamed.entry(*event).or_insert(problem);
            }
        }
    }
    first.filter(|_| !brought).map_or(Ok(()), Err)
}

/// Whether a document of this SHA-256 is what an event calls it.
fn is_named(id: &DocumentId, document: &DocumentRef) -> Result<()> {
    same("chunk root", id.root, document.root)?;
    if id.bytes == document.bytes {
        return Ok(());
    }
    Err(Problem::new(Code::DigestMismatch, "document bytes")
        .found(id.bytes.to_string())
        .expected(document.bytes.to_string()))
}
