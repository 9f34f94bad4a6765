//! Pages of a history: consecutive records with their events, and the proof that the log holds them.

use std::collections::BTreeMap;

use ogic_certs::certificate::Certificate;
use ogic_certs::cose::Sign1;
use ogic_certs::event::Event;
use ogic_certs::record::{Leaf, Record};
use ogic_certs::{CaseId, Code, Digest, Problem, Result};

use super::fact::{EventFact, Fact};
use super::work::Answer;
use super::{Desk, case_unknown};
use crate::exchange::message::{CERTIFICATES_MAX, Carried};
use crate::exchange::request::{ENTRIES_MAX, Entry, PAGE_BYTES, Page};
use crate::log::{Disk, Position};
use crate::store::Store;

/// Records of one page: with their proofs the receipt frame stays within a message.
const RECORDS_MAX: usize = if ENTRIES_MAX < 256 { ENTRIES_MAX } else { 256 };

impl<D: Disk, S: Store> Desk<D, S> {
    /// A further page of a look whose first page was registered and answered: of our own people's look, which is one.
    pub fn further_page(&mut self, id: &CaseId, from: u64) -> Result<Page> {
        if let Some(problem) = self.stopped() {
            return Err(problem);
        }
        self.sign(std::iter::once(*id))?;
        match self.page(id, from)? {
            Answer::Page(page) => Ok(*page),
            _ => Err(Problem::new(Code::Internal, "answer")),
        }
    }

    /// The page of a home case that begins at `from`, under the newest checkpoint.
    pub(super) fn page(&self, id: &CaseId, from: u64) -> Result<Answer> {
        let case = self.case(id)?.ok_or_else(case_unknown)?;
        let mut entries = Vec::new();
        let mut leaves = Vec::new();
        let mut certificates: BTreeMap<Digest, Certificate> =
            self.seal_certificates().into_iter().map(|c| (c.digest(), c)).collect();
        let mut bytes = 0;
        for row in self.rows(id, from, RECORDS_MAX)? {
            let fact = self.event_at(row.position)?;
            let entry = Entry {
                index: row.leaf,
                record: fact.record.to_bytes().to_vec(),
                event: Carried {
                    header: fact.header.clone(),
                    body: fact.body.clone(),
                    approval: fact.approval.clone(),
                },
            };
            bytes += entry.bytes();
            let mut signers = Vec::new();
            for signed in std::iter::once(&fact.header).chain(&fact.approval) {
                let signer = Sign1::parse_any(signed)?.signer();
                if !certificates.contains_key(&signer) {
                    signers.push(signer);
                }
            }
            let mut new = self.book.certificates_of(signers, fact.record.received);
            new.retain(|certificate| !certificates.contains_key(&certificate.digest()));
            let is_full = bytes > PAGE_BYTES || certificates.len() + new.len() > CERTIFICATES_MAX;
            if is_full && !entries.is_empty() {
                break;
            }
            certificates.extend(new.into_iter().map(|certificate| (certificate.digest(), certificate)));
            leaves.push((row.leaf, Leaf::Record(fact.record)));
            entries.push(entry);
        }
        if entries.is_empty() {
            return Err(Problem::new(Code::ValueRefused, "from")
                .found(from.to_string())
                .expected(format!("at most {}", case.head.seq)));
        }
        let receipt = self.frame(leaves, &[*id])?.encode();
        let certificates = certificates.into_values().map(|c| c.der().to_vec()).collect();
        Ok(Answer::Page(Box::new(Page { certificates, entries, receipt, head_seq: case.head.seq })))
    }

    /// The event whose entry lies at `position`; its record's digest is compared by whoever holds it.
    pub fn event_at(&self, position: Position) -> Result<EventFact> {
        let (kind, bytes) = self.log.read(position)?;
        match Fact::from_entry(kind, &bytes)? {
            Fact::Event(fact) | Fact::Held(fact) => Ok(fact),
            _ => Err(Problem::new(Code::StoreDamaged, "record").found("an entry of another kind")),
        }
    }

    /// Every record of a home case from `from` on, at most `max`, with its leaf's index.
    pub fn history(&self, id: &CaseId, from: u64, max: usize) -> Result<Vec<(u64, EventFact)>> {
        self.rows(id, from, max)?
            .into_iter()
            .map(|row| Ok((row.leaf, self.event_at(row.position)?)))
            .collect()
    }

    /// The event of a pending or recorded id in a home case, with its record.
    pub fn recorded(&self, case: &CaseId, event: ogic_certs::EventId) -> Result<Option<(Record, Event)>> {
        let Some(row) = self.find_after(case, None, event)? else { return Ok(None) };
        let fact = self.event_at(row.position)?;
        Ok(Some((fact.record, Event::parse(&fact.header, &fact.body, fact.approval.as_deref())?)))
    }

    /// A receipt frame over the whole history of a home case, in as many parts as it takes: for a capsule, which
    /// signs a checkpoint that shows its head first.
    pub fn proofs(&self, id: &CaseId) -> Result<Vec<Vec<u8>>> {
        let mut frames = Vec::new();
        let mut from = 0;
        loop {
            let entries = self.history(id, from, RECORDS_MAX)?;
            let Some((_, last)) = entries.last() else { break };
            from = last.record.seq + 1;
            let leaves =
                entries.into_iter().map(|(index, fact)| (index, Leaf::Record(fact.record))).collect();
            frames.push(self.frame(leaves, &[*id])?.encode());
        }
        Ok(frames)
    }
}
