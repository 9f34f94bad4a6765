//! Step 1 of a commit: what a peer sent is verified, in parallel and without a lock, before the writer sees it.
//!
//! Pure: bytes and a snapshot of trust in, work out. A message that fails becomes a signed refusal ([`Work::Unfit`]); one that
//! no honest peer sends is an error, which closes the connection.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ogic_certs::certificate::Certificate;
use ogic_certs::checkpoint::Checkpoint;
use ogic_certs::cose::{Kind, Sign1, Signed};
use ogic_certs::custody::{CustodyNotice, Told, open_release};
use ogic_certs::event::{Approval, Event};
use ogic_certs::evidence::Judgement;
use ogic_certs::path::issuers;
use ogic_certs::receipt::ReceiptFrame;
use ogic_certs::reference::Reference;
use ogic_certs::refusal::VerdictNotice;
use ogic_certs::trust::{Trust, judgement_of};
use ogic_certs::{AgencyId, Code, Digest, EventId, Problem, Result, Timestamp};

use super::work::{CheckedEvent, Claim, CustodyTold, ReferenceTold, Work};
use crate::exchange::message::{Carried, Message};

/// Most certificates that one connection brings.
pub const BAG_MAX: usize = 1024;

/// The certificates that a connection has brought, or that a request gave. Cheap to copy.
#[derive(Clone, Default, Debug)]
pub struct Bag {
    inner: Arc<Inner>,
}

#[derive(Default, Debug)]
struct Inner {
    by_digest: HashMap<Digest, Certificate>,
    /// Those of authorities, in the order in which they came.
    authorities: Vec<Digest>,
    /// What was found above a signer: asked for every message that it signed.
    found: Mutex<HashMap<Digest, Found>>,
}

/// A signer and what is above it, in the order that is right as long as no authority in the bag begins or ends.
#[derive(Debug)]
struct Found {
    from: Timestamp,
    until: Timestamp,
    certificates: Vec<Certificate>,
}

impl Clone for Inner {
    /// What was found above a signer may be more in the copy.
    fn clone(&self) -> Self {
        Self {
            by_digest: self.by_digest.clone(),
            authorities: self.authorities.clone(),
            found: Mutex::default(),
        }
    }
}

impl Bag {
    /// Takes a certificate, DER. Errors: what the certificate's form says; `LimitReached`.
    pub fn add(&mut self, der: &[u8]) -> Result<()> {
        if self.inner.by_digest.contains_key(&Digest::of(der)) {
            return Ok(());
        }
        let certificate = Certificate::from_der(der)?;
        if self.inner.by_digest.len() >= BAG_MAX {
            return Err(
                Problem::new(Code::LimitReached, "certificates").expected(format!("at most {BAG_MAX}"))
            );
        }
        self.take(certificate);
        Ok(())
    }

    fn take(&mut self, certificate: Certificate) {
        let digest = certificate.digest();
        // Others may still read what this bag was: it is copied only then.
        let inner = Arc::make_mut(&mut self.inner);
        if certificate.is_ca() {
            inner.authorities.push(digest);
        }
        inner.by_digest.insert(digest, certificate);
        inner.found.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The certificate of this digest.
    pub fn certificate(&self, digest: &Digest) -> Option<&Certificate> {
        self.inner.by_digest.get(digest)
    }

    /// The signer's certificate, if it is here, and the authorities above it: what a path to it at `at` can be made of. What of
    /// it is worth keeping is what the path was then found to rest on.
    pub fn candidates(&self, signer: Digest, at: Timestamp) -> Vec<Certificate> {
        let Some(certificate) = self.inner.by_digest.get(&signer) else { return Vec::new() };
        // The map holds finished answers only, so that a panic elsewhere cannot have left it half-written.
        let mut found = self.inner.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = found.get(&signer).filter(|known| known.from <= at && at < known.until) {
            return known.certificates.clone();
        }
        let pool = self.inner.authorities.iter().filter_map(|digest| self.inner.by_digest.get(digest));
        let (from, until) = steady(pool.clone(), at);
        let certificates: Vec<Certificate> =
            std::iter::once(certificate.clone()).chain(issuers(certificate, pool, at)).collect();
        found.insert(signer, Found { from, until, certificates: certificates.clone() });
        certificates
    }
}

/// The time around `at`, its end aside, in which none of these begins or ends.
fn steady<'a>(pool: impl Iterator<Item = &'a Certificate>, at: Timestamp) -> (Timestamp, Timestamp) {
    // notAfter names a whole second.
    let edges = pool.flat_map(|one| [one.not_before(), one.not_after().plus_ms(1000)]);
    edges.fold((Timestamp::EARLIEST, Timestamp::LATEST), |(from, until), edge| {
        if edge <= at { (from.max(edge), until) } else { (from, until.min(edge)) }
    })
}

/// The certificates that a judgement of `signer` at `at` rests on, of all that the bag holds: [`Trust::rests_on`].
pub fn resting(trust: &Trust, bag: &Bag, signer: Digest, at: Timestamp) -> Vec<Certificate> {
    let candidates = bag.candidates(signer, at);
    candidates.first().map_or_else(Vec::new, |certificate| trust.rests_on(certificate, &candidates, at))
}

impl FromIterator<Certificate> for Bag {
    fn from_iter<I: IntoIterator<Item = Certificate>>(certificates: I) -> Self {
        let mut inner = Inner::default();
        for certificate in certificates {
            let digest = certificate.digest();
            if certificate.is_ca() && !inner.by_digest.contains_key(&digest) {
                inner.authorities.push(digest);
            }
            inner.by_digest.insert(digest, certificate);
        }
        Self { inner: Arc::new(inner) }
    }
}

/// Checks one message of `peer`; none if it asks nothing of the writer. Errors close the connection: `ProtocolViolation`,
/// `Malformed`, an unsigned or badly signed receipt or refusal.
pub fn message(
    trust: &Trust,
    peer: &AgencyId,
    message: &Message,
    bag: &mut Bag,
    now: Timestamp,
) -> Result<Option<Work>> {
    match message {
        Message::Hello(_) => Err(Problem::new(Code::ProtocolViolation, "hello").found("a second one")),
        Message::Certificates(certificates) => {
            certificates.iter().try_for_each(|der| bag.add(der)).map(|()| None)
        }
        Message::Event(carried) => Ok(Some(event(trust, peer, carried, bag, now))),
        Message::Notice(bytes) => notice(trust, peer, bytes, bag, now).map(Some),
        Message::Receipts(bytes) => receipts(trust, peer, bytes, bag, now).map(Some),
        Message::Refusal(bytes) => {
            let signed = Signed::parse(bytes)?;
            let refusal = Box::new(trust.open(signed, &certificates_of(bag, bytes, now)?, now)?);
            Ok(Some(Work::Refused { peer: peer.clone(), refusal }))
        }
    }
}

/// An event: its form, its bonds, its seal, and our own judgement of its approval.
fn event(trust: &Trust, peer: &AgencyId, carried: &Carried, bag: &Bag, now: Timestamp) -> Work {
    // Even bytes that are no event have a digest by which the sender knows what was refused.
    let unfit = |claim, problem| {
        let subject = EventId::of(&carried.header).0;
        Work::Unfit { peer: peer.clone(), subject, claim, problem }
    };
    let event = match carried.parse() {
        Ok(event) => event,
        Err(problem) => return unfit(None, problem),
    };
    let claim = Claim::of(&event);
    match check_event(trust, event, bag, now) {
        Ok(event) => Work::Event { peer: peer.clone(), event: Box::new(event) },
        Err(problem) => unfit(Some(claim), problem),
    }
}

/// Verifies the seal of `event` and judges its approval.
pub fn check_event(trust: &Trust, event: Event, bag: &Bag, now: Timestamp) -> Result<CheckedEvent> {
    let certificates = bag.candidates(event.header.envelope().signer(), now);
    let verified = trust.open(event.header.clone(), &certificates, now)?;
    let author = verified.identity().agency.clone();
    let judge = |approval: &Signed<Approval>| {
        let signers = bag.candidates(approval.envelope().signer(), now);
        trust.judge_approval(approval, &signers, now, &author)
    };
    Ok(checked(event, verified.rests_on().to_vec(), &author, judge))
}

/// As [`check_event`], of an event that its home has recorded as received at `at`: who was a member then may have left since.
pub fn check_recorded(trust: &Trust, event: Event, bag: &Bag, at: Timestamp) -> Result<CheckedEvent> {
    let certificates = bag.candidates(event.header.envelope().signer(), at);
    let verified = trust.open_recorded(event.header.clone(), &certificates, at)?;
    let author = verified.identity().agency.clone();
    let judge = |approval: &Signed<Approval>| {
        let signers = bag.candidates(approval.envelope().signer(), at);
        trust.judge_recorded_approval(approval, &signers, at, &author)
    };
    Ok(checked(event, verified.rests_on().to_vec(), &author, judge))
}

fn checked(
    event: Event,
    mut certificates: Vec<Certificate>,
    author: &AgencyId,
    judge: impl Fn(&Signed<Approval>) -> (Judgement, Vec<Certificate>),
) -> CheckedEvent {
    let approval = event.approval.as_ref().map(|approval| {
        let (judgement, rests_on) = judge(approval);
        certificates.extend(rests_on);
        judgement
    });
    CheckedEvent { event, author: author.clone(), certificates, approval }
}

/// Our own judgement of a recorded event as of `at`: its seal's path and its approval's, the worse of the two.
pub fn judge_event(trust: &Trust, event: &Event, bag: &Bag, at: Timestamp) -> Judgement {
    match check_recorded(trust, event.clone(), bag, at) {
        Ok(checked) => checked.approval.unwrap_or(Judgement::PASSED),
        Err(problem) => judgement_of(&problem),
    }
}

/// An official's approval as one of our own people gives it, with our own judgement.
pub fn approval(
    trust: &Trust,
    agency: &AgencyId,
    bytes: &[u8],
    bag: &Bag,
    now: Timestamp,
) -> Result<(Signed<Approval>, Judgement)> {
    let signed = Signed::<Approval>::parse(bytes)?;
    let signers = bag.candidates(signed.envelope().signer(), now);
    let (judgement, _) = trust.judge_approval(&signed, &signers, now, agency);
    Ok((signed, judgement))
}

fn notice(trust: &Trust, peer: &AgencyId, bytes: &[u8], bag: &Bag, now: Timestamp) -> Result<Work> {
    let kind = Sign1::parse_any(bytes)?.kind();
    let certificates = certificates_of(bag, bytes, now)?;
    let unfit =
        |problem| Work::Unfit { peer: peer.clone(), subject: Digest::of(bytes), claim: None, problem };
    Ok(match kind {
        // A reference tells of a new grant, and none is taken on data past their life: the home tries again later.
        Kind::Reference => match trust.takes_grants(now).and_then(|()| reference(trust, bytes, bag, now)) {
            Ok(told) => Work::Reference { peer: peer.clone(), told: Box::new(told) },
            Err(problem) => unfit(problem),
        },
        Kind::Verdict => match verdict(trust, bytes, &certificates, now) {
            Ok(notice) => Work::Verdict {
                peer: peer.clone(),
                certificates: notice.rests_on().to_vec(),
                notice: Box::new(notice),
            },
            Err(problem) => unfit(problem),
        },
        Kind::Custody => match custody(trust, bytes, bag, now) {
            Ok(told) => Work::Custody { peer: peer.clone(), told: Box::new(told) },
            Err(problem) => unfit(problem),
        },
        other => {
            return Err(Problem::new(Code::KindMismatch, "notice")
                .found(other.content_type())
                .expected("a reference, a verdict or a custody notice"));
        }
    })
}

fn verdict(
    trust: &Trust,
    bytes: &[u8],
    certificates: &[Certificate],
    now: Timestamp,
) -> Result<ogic_certs::trust::Verified<VerdictNotice>> {
    trust.open(Signed::parse(bytes)?, certificates, now)
}

/// What is told of a grant: the reference's seal, and that of the opening, which says whose case it was first.
fn reference(trust: &Trust, bytes: &[u8], bag: &Bag, now: Timestamp) -> Result<ReferenceTold> {
    let signed = Signed::<Reference>::parse(bytes)?;
    let opening = signed.value().opening()?;
    let opening = opening.open(trust, &certificates_of(bag, &signed.value().opening, now)?, now)?;
    let reference = trust.open(signed, &certificates_of(bag, bytes, now)?, now)?;
    let certificates = [reference.rests_on(), opening.rests_on()].into_iter().flatten().cloned().collect();
    Ok(ReferenceTold { reference, opener: opening.identity().agency.clone(), certificates })
}

/// What is told of a custody: the seals of the notice, of the opening, of the event, and of a release that it rests on.
fn custody(trust: &Trust, bytes: &[u8], bag: &Bag, now: Timestamp) -> Result<CustodyTold> {
    let signed = Signed::<CustodyNotice>::parse(bytes)?;
    let (event, opening) = (signed.value().event()?, signed.value().opening()?);
    let mut certificates = Vec::new();
    let released_by = match signed.value().read()? {
        Told::Taken { release, proof, .. } => {
            let at = release.record.received;
            let mut signers = certificates_of(bag, proof.bytes(), at)?;
            signers.extend(certificates_of(bag, &proof.value().header, at)?);
            let released_by = open_release(trust, &proof, &signers, at)?;
            for sealed in [proof.bytes(), proof.value().header.as_slice()] {
                certificates.extend(resting(trust, bag, Sign1::parse_any(sealed)?.signer(), at));
            }
            Some(released_by)
        }
        _ => None,
    };
    let sealed = match signed.value().records.last() {
        // Whoever took the case may have given it on and left since: the present home tells of it.
        Some(record) if released_by.is_some() => {
            let at = record.received.min(now);
            let signers = certificates_of(bag, event.header.bytes(), at)?;
            trust.open_recorded(event.header, &signers, at)?
        }
        _ => {
            let signers = certificates_of(bag, event.header.bytes(), now)?;
            trust.open(event.header, &signers, now)?
        }
    };
    let opening = opening.open(trust, &certificates_of(bag, &signed.value().opening, now)?, now)?;
    let signers = certificates_of(bag, signed.bytes(), now)?;
    let notice = trust.open(signed, &signers, now)?;
    let rests_on = [sealed.rests_on(), opening.rests_on(), notice.rests_on()];
    certificates.extend(rests_on.into_iter().flatten().cloned());
    let (author, opener) = (sealed.identity().agency.clone(), opening.identity().agency.clone());
    Ok(CustodyTold { notice, author, opener, released_by, certificates })
}

/// Receipts: the checkpoint's signature, then every leaf and head under it. An unsigned or unproven receipt counts for nothing.
fn receipts(trust: &Trust, peer: &AgencyId, bytes: &[u8], bag: &Bag, now: Timestamp) -> Result<Work> {
    let frame = ReceiptFrame::decode(bytes)?;
    let (checkpoint, certificates) = checkpoint(trust, frame.checkpoint_cose(), bag, now)?;
    match frame.verify(checkpoint.value()) {
        Ok(()) => Ok(Work::Receipts {
            peer: peer.clone(),
            frame: Box::new(frame),
            listed: is_listed(trust, checkpoint.value()),
            checkpoint: Box::new(checkpoint),
            certificates,
        }),
        // Whoever relays what another agency signed is not accused of it.
        Err(problem) if problem.code == Code::ForkDetected && checkpoint.identity().agency == *peer => {
            Ok(Work::Contradiction { peer: peer.clone(), sides: vec![bytes.to_vec()] })
        }
        Err(problem) => Err(problem),
    }
}

/// Whether the registry lists the log of this checkpoint among those of its agency.
pub fn is_listed(trust: &Trust, checkpoint: &Checkpoint) -> bool {
    let origin = checkpoint.origin.to_string();
    let member = trust.registry().member(&checkpoint.origin.agency);
    member.is_some_and(|member| member.logs.contains(&origin))
}

/// Opens a checkpoint, whose origin must be of its signer's agency.
pub fn checkpoint(
    trust: &Trust,
    bytes: &[u8],
    bag: &Bag,
    now: Timestamp,
) -> Result<(ogic_certs::trust::Verified<Checkpoint>, Vec<Certificate>)> {
    let verified =
        trust.open(Signed::<Checkpoint>::parse(bytes)?, &certificates_of(bag, bytes, now)?, now)?;
    if verified.value().origin.agency == verified.identity().agency {
        let certificates = verified.rests_on().to_vec();
        Ok((verified, certificates))
    } else {
        Err(Problem::new(Code::IdentityMismatch, "origin")
            .found(verified.value().origin.to_string())
            .expected(verified.identity().agency.to_string()))
    }
}

fn certificates_of(bag: &Bag, signed: &[u8], at: Timestamp) -> Result<Vec<Certificate>> {
    Ok(bag.candidates(Sign1::parse_any(signed)?.signer(), at))
}
