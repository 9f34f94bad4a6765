//! The export of a home case as a capsule: all that the journal holds of it, with what its signatures rest on.
//!
//! The caller commits a read of the case first, which registers the look. Documents lie beside the journal: the caller
//! brings their bytes.

use std::collections::BTreeSet;

use ogic_certs::capsule::Builder;
use ogic_certs::cose::{Payload, Sign1};
use ogic_certs::event::{Body, Detail, Header};
use ogic_certs::trust::Trust;
use ogic_certs::{CaseId, Digest, Result, Timestamp};

use super::custody::release_signers;
use super::fact::EventFact;
use super::{Desk, case_unknown};
use crate::log::Disk;
use crate::store::Store;

/// Records that are read at a time.
const PAGE: usize = 256;

impl<D: Disk, S: Store> Desk<D, S> {
    /// The capsule of a home case as of `now`, with the registry and lists of `trust` and those `documents`, which are
    /// some of those that [`Desk::documents_of`] names.
    ///
    /// Signs one checkpoint that shows the case's head. `CaseUnknown`; `BehindPeers` or `StoreReadOnly` while the node must not
    /// sign; `TooLarge` naming what does not fit.
    pub fn export(
        &mut self,
        id: &CaseId,
        trust: &Trust,
        documents: Vec<Vec<u8>>,
        now: Timestamp,
    ) -> Result<Vec<u8>> {
        let case = self.case(id)?.ok_or_else(case_unknown)?;
        if let Some(problem) = self.stopped() {
            return Err(problem);
        }
        self.sign(std::iter::once(*id))?;
        let mut builder =
            Builder::new(*id, self.settings.agency.clone(), &self.book.service(&case.service)?.signed);
        let mut received = Timestamp::EARLIEST;
        let mut signed_by = BTreeSet::new();
        self.each_event(id, |fact| {
            received = fact.record.received;
            signed_by.extend(signers(fact)?);
            builder.record(&fact.record, &fact.header, Some(&fact.body), fact.approval.as_deref());
            Ok(())
        })?;
        let certificates = self.book.certificates_of(signed_by, received);
        certificates.iter().for_each(|certificate| builder.certificate(certificate));
        trust.crls().iter().for_each(|crl| builder.crl(crl));
        builder.registry(trust.signed_registry());
        self.proofs(id)?.iter().for_each(|frame| builder.receipts(frame));
        documents.into_iter().for_each(|document| builder.document(document));
        // The clock may have been set back since the newest record; what is signed never goes back.
        builder.finish(now.max(received), &self.settings.seal)
    }

    fn each_event(&self, id: &CaseId, mut take: impl FnMut(&EventFact) -> Result<()>) -> Result<()> {
        let mut from = 0;
        loop {
            let entries = self.history(id, from, PAGE)?;
            for (_, fact) in &entries {
                take(fact)?;
            }
            match entries.last() {
                Some((_, fact)) if entries.len() == PAGE => from = fact.record.seq + 1,
                _ => return Ok(()),
            }
        }
    }
}

pub(super) fn read(fact: &EventFact) -> Result<(Sign1, Body)> {
    let header = Sign1::parse_any(&fact.header)?;
    let kind = Header::decode(header.payload())?.kind;
    Ok((header, Body::from_blob(&fact.body, kind)?))
}

/// Whoever signed what the event holds: its seal, its official, and the third party whose evidence it carries.
fn signers(fact: &EventFact) -> Result<Vec<Digest>> {
    let (header, body) = read(fact)?;
    let mut signers = vec![header.signer()];
    if let Some(approval) = &fact.approval {
        signers.push(Sign1::parse_any(approval)?.signer());
    }
    if let Detail::Evidence { evidence: Some(evidence), .. } = &body.detail {
        signers.push(Sign1::parse_any(evidence)?.signer());
    }
    if let Detail::Taken { release, .. } = &body.detail {
        signers.extend(release_signers(release)?);
    }
    Ok(signers)
}
