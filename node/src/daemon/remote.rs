//! Reading a case whose home is another agency: page by page over the link, nothing taken on the home's word.

use std::collections::{HashMap, HashSet};

use ogic_certs::cose::Signed;
use ogic_certs::event::{Body, Event, HeadAt};
use ogic_certs::receipt::ReceiptFrame;
use ogic_certs::record::Record;
use ogic_certs::reference::Reference;
use ogic_certs::service::ServiceText;
use ogic_certs::{AgencyId, CaseId, Code, Digest, EventId, Problem, Result};
use tokio::io::AsyncReadExt;

use super::node::Handle;
use crate::case::{Case, Effect, Replay, Service};
use crate::desk::check::{self, Bag};
use crate::desk::{Answer as DeskAnswer, CheckedEvent, Named, Read, Wanted, Work};
use crate::exchange::link::Link;
use crate::exchange::request::{Answer, Entry as PageEntry, Page, Request};

/// How long a home is waited for.
pub(super) const REACH_MS: u64 = 5_000;

/// Most bytes of records that one look at another home's case brings.
const READ_BYTES_MAX: usize = 256 << 20;

/// Most bytes of documents that a capsule carries; the others are named by digest alone.
const EXPORTED_DOCUMENTS_BYTES_MAX: u64 = 64 << 20;

/// A case as it was read and verified, at home or from another.
#[derive(Debug)]
pub struct CaseView {
    /// The case as folded here.
    pub case: Case,
    /// Each record with its event, its author, and what it did.
    pub history: Vec<Entry>,
}

/// One record of a [`CaseView`].
#[derive(Debug)]
pub struct Entry {
    /// The place.
    pub record: Record,
    /// By whom.
    pub author: AgencyId,
    /// The event.
    pub event: Event,
    /// Its body.
    pub body: Body,
    /// The office whose approval it carries, if its certificate is at hand.
    pub approved_by: Option<String>,
    /// What it did.
    pub effect: Effect,
}

impl Handle {
    /// Reads a case under a reference. The home decides at once whether we still may; its refusal is the error.
    pub async fn read_remote(&self, case: CaseId, purpose: &str) -> Result<CaseView> {
        let reference = self.reference(case).await?;
        let home = self.home_of(case).await?;
        let link = self.endpoint().reach(&home, REACH_MS).await?;
        let service = self.service_from(&link, reference.service).await?;
        self.read_pages(&link, &home, case, reference.grant, purpose).await?.fold(&service)
    }

    /// Reads a whole history from its home, page by page, and compares its head with the highest that was known.
    pub(super) async fn read_pages(
        &self,
        link: &Link,
        home: &AgencyId,
        case: CaseId,
        grant: EventId,
        purpose: &str,
    ) -> Result<Reading> {
        let mut reading = Reading::new(case, home.clone());
        // What was known before the first page: a receipt that comes in between may know more than the pages.
        let known = self.head_seen(case).await?;
        loop {
            let (grant, from) = (Some(grant), reading.next_seq());
            let request = Request::History { case, grant, from, purpose: purpose.to_owned() };
            let (Answer::History(page), _) = link.request(request).await? else { return Err(unexpected()) };
            reading.take(self, &page).await?;
            if reading.next_seq() > page.head_seq {
                break;
            }
        }
        let head = reading.head()?;
        self.compare_head(home, known, &reading, head).await?;
        Ok(reading)
    }

    /// The highest head of another agency's case that was seen, with the frame that shows it.
    async fn head_seen(&self, case: CaseId) -> Result<Option<(HeadAt, Option<Vec<u8>>)>> {
        self.ask(move |desk| {
            let seen = desk.book().heads.get(&case)?.head;
            Some((seen, desk.statement_of_head(&case)))
        })
        .await
    }

    /// The home of another agency's case, as far as we were told: it may not be the one that gave us our right.
    pub async fn home_of(&self, case: CaseId) -> Result<AgencyId> {
        let home = self.ask(move |desk| desk.book().home_of(&case).cloned()).await?;
        home.ok_or_else(crate::case::case_unknown)
    }

    /// The newest right that this agency was given to a case of another home.
    pub async fn reference(&self, case: CaseId) -> Result<Reference> {
        self.ask(move |desk| desk.book().right(&case, None).map(|held| held.reference.clone()))
            .await?
            .ok_or_else(crate::case::case_unknown)
    }

    /// A service definition: at hand, or from the peer, checked against its digest and its publisher's seal.
    pub async fn service_from(&self, link: &Link, digest: Digest) -> Result<Service> {
        let held =
            self.ask(move |desk| desk.book().service(&digest).ok().map(|held| held.service.clone())).await?;
        if let Some(service) = held {
            return Ok(service);
        }
        let (answer, _) = link.request(Request::Service(digest)).await?;
        let Answer::Service(bytes) = answer else { return Err(unexpected()) };
        if Digest::of(&bytes) != digest {
            return Err(Problem::new(Code::DigestMismatch, "service")
                .found(Digest::of(&bytes).to_string())
                .expected(digest.to_string()));
        }
        self.hold_service(&bytes).await
    }

    /// Verifies a service definition by its publisher's seal, and keeps it.
    pub async fn hold_service(&self, bytes: &[u8]) -> Result<Service> {
        self.hold_service_for(None, bytes).await.map(|(_, service)| service)
    }

    /// As [`Handle::hold_service`], under the key of whoever publishes it here; the digest is of what his key led to.
    pub(super) async fn hold_service_for(
        &self,
        key: Option<(String, Digest)>,
        bytes: &[u8],
    ) -> Result<(Digest, Service)> {
        let signed = Signed::<ServiceText>::parse(bytes)?;
        let mut bag = Bag::default();
        signed.envelope().chain().iter().try_for_each(|der| bag.add(der))?;
        let signers = bag.candidates(signed.envelope().signer(), self.now());
        let verified = self
            .trust()
            .open(signed, &signers, self.now())
            .map_err(|problem| Problem::new(Code::ServiceUntrusted, "service").found(problem.to_string()))?;
        let service = Service::parse(verified.value().as_bytes())?;
        let work = |ticket| Work::Service {
            ticket: Some(ticket),
            key,
            certificates: verified.rests_on().to_vec(),
            signed: Box::new(verified),
            service: Box::new(service.clone()),
        };
        match self.writer().call(work).await? {
            DeskAnswer::Service(digest) => Ok((digest, service)),
            _ => Err(unexpected()),
        }
    }

    /// A page of a case of ours as it lies in the journal, from record `from` on. The look is registered.
    pub async fn page(&self, case: CaseId, from: u64, purpose: &str) -> Result<Page> {
        match self.look(case, purpose, Wanted::History(from)).await? {
            DeskAnswer::Page(page) => Ok(*page),
            _ => Err(unexpected()),
        }
    }

    /// Looks at a document of a case of ours, which is here for this case. The look is registered. `DocumentMissing` if no
    /// event names it, or whoever names it has not brought it.
    pub async fn document_of(&self, case: CaseId, sha256: Digest, purpose: &str) -> Result<()> {
        let DeskAnswer::Document(by) = self.look(case, purpose, Wanted::Document(sha256)).await? else {
            return Err(unexpected());
        };
        if self.documents().is_of(case, self.agency(), &by, &sha256) {
            return Ok(());
        }
        Err(Problem::new(Code::DocumentMissing, "document")
            .found(sha256.to_string())
            .expected("a document that was brought for this case"))
    }

    /// Whether a document of a case of another home is here for it: brought from there, or sent there by us.
    pub async fn has_brought(&self, case: CaseId, sha256: Digest) -> Result<bool> {
        let home = self.home_of(case).await?;
        if self.documents().came(case, &home, &sha256) {
            return Ok(true);
        }
        let ours = self.ask(move |desk| desk.book().brings(&home, case, sha256)).await?;
        Ok(ours && self.documents().has(&sha256))
    }

    async fn look(&self, case: CaseId, purpose: &str, wanted: Wanted) -> Result<DeskAnswer> {
        let (who, purpose) = (self.agency().clone(), purpose.to_owned());
        let read = Read { who, case, grant: None, purpose, wanted };
        self.writer().call(|ticket| Work::Read { ticket, read }).await
    }

    /// Exports a case of ours as a capsule, with the documents that are here and fit. The look is registered.
    pub async fn export(&self, case: CaseId, purpose: &str) -> Result<Vec<u8>> {
        self.look(case, purpose, Wanted::History(0)).await?;
        let mut documents = Vec::new();
        let mut room = EXPORTED_DOCUMENTS_BYTES_MAX;
        let mut taken = HashSet::new();
        for Named { by, document } in self.ask(move |desk| desk.documents_of(&case)).await?? {
            let is_of =
                self.documents().is_of(case, self.agency(), std::slice::from_ref(&by), &document.sha256);
            if !is_of || document.bytes > room || taken.contains(&document.sha256) {
                continue;
            }
            let (length, mut file) = self.documents().read(&document.sha256, 0).await?;
            // What an event says of a document's length is its author's word; memory is bounded by the file's own.
            if length != document.bytes || self.documents().compare(&document).await.is_err() {
                continue;
            }
            room -= length;
            taken.insert(document.sha256);
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)
                .await
                .map_err(|error| Problem::new(Code::DiskFailed, "document").found(error.to_string()))?;
            documents.push(bytes);
        }
        let (trust, now) = (self.trust(), self.now());
        self.ask(move |desk| desk.export(&case, &trust, documents, now)).await?
    }

    /// Reads a case of ours. The look is registered, as anybody's is.
    pub async fn read_own(&self, case: CaseId, purpose: &str) -> Result<CaseView> {
        let mut reading = Reading::new(case, self.agency().clone());
        let mut from = 0;
        loop {
            // However long the case is, it is one look, and registered by its first page.
            let page = match from {
                0 => self.page(case, from, purpose).await?,
                _ => self.ask(move |desk| desk.further_page(&case, from)).await??,
            };
            let head_seq = page.head_seq;
            reading.take(self, &page).await?;
            from = reading.next_seq();
            if from > head_seq {
                break;
            }
        }
        let service = reading.service()?;
        let held =
            self.ask(move |desk| desk.book().service(&service).map(|held| held.service.clone())).await??;
        reading.fold(&held)
    }

    /// The head that a home showed us now, against the highest that was known before.
    async fn compare_head(
        &self,
        home: &AgencyId,
        known: Option<(HeadAt, Option<Vec<u8>>)>,
        reading: &Reading,
        head: HeadAt,
    ) -> Result<()> {
        let Some((seen, held)) = known else { return Ok(()) };
        // What was the newest record once is in the history for ever, at its place.
        if let Some((record, frame)) = reading.at(seen.seq)
            && record != seen.record
        {
            let sides = held.into_iter().chain([frame.to_vec()]).collect();
            self.writer()
                .order(super::writer::Order::Work(Work::Contradiction { peer: home.clone(), sides }))
                .await?;
            return Err(Problem::new(Code::ForkDetected, "head")
                .found(record.to_string())
                .expected(seen.record.to_string()));
        }
        if seen.seq <= head.seq {
            return Ok(());
        }
        Err(Problem::new(Code::ForkDetected, "head")
            .found(format!("record {} as the newest", head.seq))
            .expected("at least the record that this home showed before"))
    }
}

/// A history on its way in.
pub(super) struct Reading {
    case: CaseId,
    home: AgencyId,
    entries: Vec<(Record, CheckedEvent, Option<String>)>,
    names: HashMap<Digest, Option<String>>,
    /// The frame of each page, with the sequence after its last record.
    frames: Vec<(u64, Vec<u8>)>,
    /// Bytes of all its entries.
    bytes: usize,
    shown: Option<HeadAt>,
}

impl Reading {
    fn new(case: CaseId, home: AgencyId) -> Self {
        Self {
            case,
            home,
            entries: Vec::new(),
            names: HashMap::new(),
            frames: Vec::new(),
            bytes: 0,
            shown: None,
        }
    }

    /// The digest of the record at a place, with the frame that shows it.
    fn at(&self, seq: u64) -> Option<(Digest, &[u8])> {
        let (record, ..) = self.entries.get(usize::try_from(seq).ok()?)?;
        let (_, frame) = self.frames.iter().find(|(until, _)| seq < *until)?;
        Some((record.digest(), frame))
    }

    fn next_seq(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Checks a page: the checkpoint is of the home's log, every entry lies under it, follows the one before, and is sealed by
    /// its author.
    async fn take(&mut self, handle: &Handle, page: &Page) -> Result<()> {
        let (trust, now) = (handle.trust(), handle.now());
        let mut bag = Bag::default();
        page.certificates.iter().try_for_each(|der| bag.add(der))?;
        let frame = ReceiptFrame::decode(&page.receipt)?;
        let (checkpoint, certificates) = check::checkpoint(&trust, frame.checkpoint_cose(), &bag, now)?;
        if checkpoint.identity().agency != self.home {
            return Err(Problem::new(Code::IdentityMismatch, "checkpoint")
                .found(checkpoint.identity().to_string())
                .expected(self.home.to_string()));
        }
        if let Err(problem) = frame.verify(checkpoint.value()) {
            if problem.code == Code::ForkDetected && self.home != *handle.agency() {
                // The frame convicts its signer by itself.
                let work = Work::Contradiction { peer: self.home.clone(), sides: vec![page.receipt.clone()] };
                handle.writer().order(super::writer::Order::Work(work)).await?;
            }
            return Err(problem);
        }
        // A page brings something, and a history has an end: whoever promises more for ever is not listened to.
        self.bytes += page.entries.iter().map(PageEntry::bytes).sum::<usize>();
        if page.entries.is_empty() || self.bytes > READ_BYTES_MAX {
            return Err(Problem::new(Code::LimitReached, "history")
                .found(format!("{} bytes, {} records in this page", self.bytes, page.entries.len()))
                .expected(format!("a record a page, and at most {READ_BYTES_MAX} bytes")));
        }
        for entry in &page.entries {
            let record = Record::from_bytes(&entry.record)?;
            let place = || format!("record {}", record.seq);
            self.check_chain(&record).map_err(|problem| problem.within(place()))?;
            let proven = frame.leaves().iter().any(|(index, leaf)| {
                *index == entry.index && *leaf == ogic_certs::record::Leaf::Record(record)
            });
            if !proven {
                return Err(Problem::new(Code::ProofInvalid, place()).found("a record without its proof"));
            }
            let event = entry.event.parse().map_err(|problem| problem.within(place()))?;
            if event.id() != record.event {
                return Err(Problem::new(Code::DigestMismatch, place())
                    .found(event.id().to_string())
                    .expected(record.event.to_string()));
            }
            self.push(record, event, &trust, &bag)?;
        }
        self.shown = frame.head_of(self.case).map(|head| HeadAt { seq: head.seq, record: head.record });
        self.frames.push((self.next_seq(), page.receipt.clone()));
        if self.home != *handle.agency() {
            // The desk compares what is shown with all that it has seen, this read's earlier pages too, and keeps what is higher.
            let listed = check::is_listed(&trust, checkpoint.value());
            let (peer, frame, checkpoint) = (self.home.clone(), Box::new(frame), Box::new(checkpoint));
            let work = Work::Receipts { peer, frame, checkpoint, listed, certificates };
            handle.writer().order(super::writer::Order::Work(work)).await?;
        }
        Ok(())
    }

    fn push(
        &mut self,
        record: Record,
        event: Event,
        trust: &ogic_certs::trust::Trust,
        bag: &Bag,
    ) -> Result<()> {
        let checked = check::check_recorded(trust, event, bag, record.received)
            .map_err(|problem| problem.within(format!("record {}", record.seq)))?;
        let approved_by = checked.event.approval.as_ref().and_then(|approval| {
            let signer = approval.envelope().signer();
            let name = self.names.entry(signer).or_insert_with(|| {
                let certificate = bag.certificate(&signer)?;
                certificate.identity().ok().map(|identity| identity.role.to_string())
            });
            name.clone()
        });
        self.entries.push((record, checked, approved_by));
        Ok(())
    }

    fn check_chain(&self, record: &Record) -> Result<()> {
        let (seq, prev) = match self.entries.last() {
            Some((last, ..)) => (last.seq + 1, last.digest()),
            None => (0, Digest::ZERO),
        };
        if record.case == self.case && record.seq == seq && record.prev == prev {
            Ok(())
        } else {
            Err(Problem::new(Code::ForkDetected, "chain")
                .found(format!("record {} after {}", record.seq, record.prev))
                .expected(format!("record {seq} after {prev}")))
        }
    }

    /// The newest record, which must be the one that the home's signed head names.
    fn head(&self) -> Result<HeadAt> {
        let last =
            self.entries.last().map(|(record, ..)| HeadAt { seq: record.seq, record: record.digest() });
        match (last, self.shown) {
            (Some(last), Some(shown)) if last == shown => Ok(last),
            (last, shown) => Err(Problem::new(Code::ForkDetected, "head")
                .found(format!("{last:?}"))
                .expected(format!("{shown:?}"))),
        }
    }

    fn service(&self) -> Result<Digest> {
        let (_, checked, _) = self.entries.first().ok_or_else(crate::case::case_unknown)?;
        match checked.event.read_body()?.detail {
            ogic_certs::event::Detail::Open { service, .. } => Ok(service),
            _ => Err(Problem::new(Code::KindMismatch, "record 0").expected("an opening event")),
        }
    }

    /// Every record with its event, verified.
    pub(super) fn checked(&self) -> Vec<(Record, CheckedEvent)> {
        self.entries.iter().map(|(record, checked, _)| (*record, checked.clone())).collect()
    }

    pub(super) fn fold(self, service: &Service) -> Result<CaseView> {
        let policy = crate::case::Policy::default();
        let mut replay: Option<Replay> = None;
        let mut bodies = Vec::with_capacity(self.entries.len());
        for (record, CheckedEvent { author, event, .. }, _) in &self.entries {
            let body = event.read_body()?;
            let entry = crate::case::Entry { record, author, header: event.header.value(), body: &body };
            match &mut replay {
                Some(replay) => replay.push(&entry, &policy)?,
                None => replay = Some(Replay::open(&entry, service)?),
            }
            bodies.push(body);
        }
        let (case, effects) = replay.ok_or_else(crate::case::case_unknown)?.into_parts();
        let history = self
            .entries
            .into_iter()
            .zip(bodies)
            .zip(effects)
            .map(|(((record, CheckedEvent { author, event, .. }, approved_by), body), effect)| Entry {
                record,
                author,
                event,
                body,
                approved_by,
                effect,
            })
            .collect();
        Ok(CaseView { case, history })
    }
}

fn unexpected() -> Problem {
    Problem::new(Code::ProtocolViolation, "answer").found("an answer to another question")
}
