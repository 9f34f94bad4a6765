//! Extracts of what the desk holds: one receipt, one piece of evidence, the newest checkpoint, each with the
//! certificates and lists by which a stranger judges it. They tell nothing of a citizen, and no look is registered.

use ogic_certs::certificate::Certificate;
use ogic_certs::cose::Sign1;
use ogic_certs::event::Detail;
use ogic_certs::extract::Extract;
use ogic_certs::receipt::ReceiptFrame;
use ogic_certs::record::Leaf;
use ogic_certs::trust::Trust;
use ogic_certs::{CaseId, Code, EventId, Problem, Result};

use super::export::read;
use super::{Desk, Fact, SentState};
use crate::log::Disk;
use crate::store::Store;

/// Records that are read at a time.
const PAGE: usize = 256;

impl<D: Disk, S: Store> Desk<D, S> {
    /// The receipt that another home gave us for an event of ours; none if the event is not one that we sent.
    ///
    /// `NotFound` while there is none yet.
    pub fn receipt_of_sent(&self, event: &EventId, trust: &Trust) -> Result<Option<Vec<u8>>> {
        let Some(sent) = self.book().sent.get(&event.0).filter(|sent| sent.is_event) else { return Ok(None) };
        let SentState::Done { receipt, .. } = &sent.state else {
            return Err(Problem::new(Code::NotFound, "receipt")
                .found("none yet")
                .expected(event.to_string()));
        };
        let (kind, bytes) = self.log().read(*receipt)?;
        match Fact::from_entry(kind, &bytes)? {
            Fact::PeerReceipt { frame, .. } => self.receipt_extract(frame, trust).map(Some),
            _ => Err(Problem::new(Code::StoreDamaged, "receipt").found("an entry of another kind")),
        }
    }

    /// The receipt of an event in a home case: its record with the case's head, under a checkpoint that is signed now.
    /// None if the case or the event is not here.
    pub fn receipt_of_recorded(
        &mut self,
        case: &CaseId,
        event: EventId,
        trust: &Trust,
    ) -> Result<Option<Vec<u8>>> {
        if self.case(case)?.is_none() {
            return Ok(None);
        }
        let Some(row) = self.find_after(case, None, event)? else { return Ok(None) };
        if let Some(problem) = self.stopped() {
            return Err(problem);
        }
        self.sign(std::iter::once(*case))?;
        let record = self.event_at(row.position)?.record;
        let frame = self.frame(vec![(row.leaf, Leaf::Record(record))], &[*case])?;
        self.receipt_extract(frame.encode(), trust).map(Some)
    }

    /// The newest evidence about an event in a home case's history. None if the case is not here.
    pub fn evidence_about(&self, case: &CaseId, event: EventId, trust: &Trust) -> Result<Option<Vec<u8>>> {
        if self.case(case)?.is_none() {
            return Ok(None);
        }
        let (mut from, mut newest) = (0, None);
        loop {
            let entries = self.history(case, from, PAGE)?;
            for (_, fact) in &entries {
                let (_, body) = read(fact)?;
                if let Detail::Evidence { event: about, evidence: Some(evidence), .. } = body.detail
                    && about == event
                {
                    newest = Some(evidence);
                }
            }
            match entries.last() {
                Some((_, fact)) if entries.len() == PAGE => from = fact.record.seq + 1,
                _ => break,
            }
        }
        let Some(evidence) = newest else { return Ok(None) };
        let signer = Sign1::parse_any(&evidence)?.signer();
        self.extract(evidence, self.book().certificates.get(&signer), trust).map(Some)
    }

    /// The newest checkpoint of our log; signed now if none was since the node started.
    pub fn checkpoint_extract(&mut self, trust: &Trust) -> Result<Vec<u8>> {
        if self.checkpoint.is_none() {
            if let Some(problem) = self.stopped() {
                return Err(problem);
            }
            self.sign(std::iter::empty())?;
        }
        let cose = self.checkpoint.as_ref().map(|signed| signed.cose.clone());
        let cose = cose.ok_or_else(|| Problem::new(Code::Internal, "checkpoint"))?;
        self.extract(cose, None, trust)
    }

    fn receipt_extract(&self, frame: Vec<u8>, trust: &Trust) -> Result<Vec<u8>> {
        let signer = Sign1::parse_any(ReceiptFrame::decode(&frame)?.checkpoint_cose())?.signer();
        self.extract(frame, self.book().certificates.get(&signer), trust)
    }

    /// With the signer's certificate, our own seal's if it is of us, and those of the authorities above it.
    fn extract(&self, object: Vec<u8>, signer: Option<&Certificate>, trust: &Trust) -> Result<Vec<u8>> {
        let above = signer.map(|signer| {
            // What counted when the signer began has led to an anchor.
            self.book().certificates_of([signer.digest()], signer.not_before())
        });
        let above = above.unwrap_or_default();
        let own = signer.is_none().then(|| self.settings.seal.chain()).into_iter().flatten();
        Extract::new(object, own.chain(&above), trust.crls()).encode()
    }
}
