//! The trusted third party of a simulation: the real judgement, by its own trust, answered at once or not at all.

use std::sync::Arc;

use ogic_certs::certificate::Certificate;
use ogic_certs::cose::{Signed, Signer};
use ogic_certs::evidence::VerifyRequest;
use ogic_certs::trust::Trust;
use ogic_certs::{CaseId, EventId, Problem, Result, Timestamp};

use crate::desk::check::{self, Bag};
use crate::desk::{Desk, Work};
use crate::log::Disk;
use crate::store::Store;
use crate::ttp;

/// The third party.
#[derive(Debug)]
pub(super) struct ThirdParty {
    pub(super) signer: Signer,
    pub(super) trust: Arc<Trust>,
    /// Until when it does not answer, virtual ms.
    pub(super) away_until: u64,
}

impl ThirdParty {
    /// Judges a pending event for its home, which judges it too; none if it is not pending any more. `now` is the third
    /// party's clock, `home_now` the home's.
    pub(super) fn judge<D: Disk, S: Store>(
        &self,
        desk: &Desk<D, S>,
        trust: &Trust,
        (case, event): (CaseId, EventId),
        nonce: [u8; 16],
        (now, home_now): (Timestamp, Timestamp),
    ) -> Result<Option<Work>> {
        if desk.case(&case)?.is_none_or(|case| case.pending(&event).is_none()) {
            return Ok(None);
        }
        let Some((record, recorded)) = desk.recorded(&case, event)? else { return Ok(None) };
        let bag: Bag = desk.book().certificates.values().cloned().collect();
        let own = check::judge_event(trust, &recorded, &bag, record.received);
        let signers = [Some(recorded.header.envelope()), recorded.approval.as_ref().map(Signed::envelope)];
        let certificates: Vec<Certificate> = signers
            .into_iter()
            .flatten()
            .flat_map(|envelope| check::resting(trust, &bag, envelope.signer(), record.received))
            .collect();
        let request = VerifyRequest {
            nonce,
            header: recorded.header.bytes().to_vec(),
            approval: recorded.approval.as_ref().map(|approval| approval.bytes().to_vec()),
            documents: recorded.read_body()?.documents,
            certificates: certificates.iter().map(|certificate| certificate.der().to_vec()).collect(),
        };
        let evidence = Signed::sign(ttp::judge(&request, desk.agency(), &self.trust, now), &self.signer)?;
        let certificates = vec![self.signer.certificate().clone()];
        let evidence = trust.open(evidence, &certificates, home_now)?;
        if evidence.value().nonce != nonce || evidence.value().requester != *desk.agency() {
            return Err(Problem::new(ogic_certs::Code::EvidenceInvalid, "nonce"));
        }
        Ok(Some(Work::Judged { event, case, own, evidence: Some(Box::new(evidence)), certificates }))
    }
}
