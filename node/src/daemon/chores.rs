//! What the desk asks for and cannot do itself: fetch a document, fetch a definition, judge an event and have it judged.
//!
//! Each chore is a task of its own that tries until it is done; none survives the process, since the desk asks again when it
//! is opened.

use std::time::Duration;

use ogic_certs::certificate::Certificate;
use ogic_certs::cose::Signed;
use ogic_certs::event::{DocumentRef, Event};
use ogic_certs::evidence::{Evidence, Judgement, VerifyRequest};
use ogic_certs::record::Record;
use ogic_certs::trust::{Verified, judgement_of};
use ogic_certs::verdict::{SubIndication, Verdict};
use ogic_certs::{AgencyId, CaseId, Code, Digest, EventId, Problem, Result, Role};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::mpsc;

use super::documents::DOCUMENT_BYTES_MAX;
use super::node::Handle;
use super::writer::Order;
use crate::desk::Work;
use crate::desk::check::{self, Bag};
use crate::exchange::request::{Answer, Request};

/// How long a peer is waited for in one try.
const REACH_MS: u64 = 5_000;
/// Longest pause between two tries.
const PAUSE_MS_MAX: u64 = 30_000;
/// Tries of a judgement that stays INDETERMINATE for want of data, before it is recorded as such.
const UNDECIDED_TRIES_MAX: u32 = 20;
const PIECE_BYTES: usize = 256 << 10;

/// One thing to be done beside the writer.
#[derive(Debug)]
pub(super) enum Chore {
    /// Judge a pending event, have it judged, and bring the evidence.
    Judge {
        /// Its case.
        case: CaseId,
        /// The event.
        event: EventId,
    },
    /// Fetch a service definition that a reference names.
    Service {
        /// The home, which has it.
        peer: AgencyId,
        /// Digest of its COSE bytes.
        digest: Digest,
    },
}

/// Starts each chore as a task.
pub(super) async fn run(handle: Handle, mut chores: mpsc::UnboundedReceiver<Chore>) {
    while let Some(chore) = chores.recv().await {
        tokio::spawn(until_done(handle.clone(), chore));
    }
}

async fn until_done(handle: Handle, chore: Chore) {
    let mut tries = 0;
    let mut pause = 50;
    loop {
        let done = match &chore {
            Chore::Judge { case, event } => judge(&handle, *case, *event, tries).await,
            Chore::Service { peer, digest } => service(&handle, peer, *digest).await,
        };
        match done {
            Ok(()) => return,
            // That this node is ending its own writer says, whatever a peer may call its refusal.
            Err(_) if handle.ask(|_| ()).await.is_err() => return,
            Err(problem) => tracing::info!(?chore, %problem, "to be tried again"),
        }
        tries += 1;
        tokio::time::sleep(Duration::from_millis(pause)).await;
        pause = (pause * 2).min(PAUSE_MS_MAX);
    }
}

async fn service(handle: &Handle, peer: &AgencyId, digest: Digest) -> Result<()> {
    let link = handle.endpoint().reach(peer, REACH_MS).await?;
    handle.service_from(&link, digest).await.map(|_| ())
}

/// Documents first, then our own judgement, then the trusted third party's.
async fn judge(handle: &Handle, case: CaseId, event: EventId, tries: u32) -> Result<()> {
    let Some(Pending { author, record, event: recorded, certificates }) =
        pending(handle, case, event).await?
    else {
        return Ok(());
    };
    let documents = recorded.read_body()?.documents;
    let mut missing = None;
    for document in &documents {
        match fetch(handle, &author, case, recorded.header.value().grant, document).await {
            Ok(Fetched::Whole) => {}
            Ok(Fetched::Other(problem)) => {
                // Nothing that anybody could add would make it the document: our own no is the verdict.
                tracing::warn!(%problem, event = %event, "the author serves another document than its event names");
                let (own, certificates) = (judgement_of(&problem), Vec::new());
                let work = Work::Judged { event, case, own, evidence: None, certificates };
                return handle.writer().order(Order::Work(work)).await;
            }
            Err(problem) => missing = Some(problem),
        }
    }
    if let Some(problem) = missing {
        return Err(problem);
    }
    let bag: Bag = certificates.into_iter().collect();
    let signers = [Some(recorded.header.envelope()), recorded.approval.as_ref().map(Signed::envelope)];
    let mut certificates: Vec<Certificate> = Vec::new();
    for envelope in signers.into_iter().flatten() {
        for one in check::resting(&handle.trust(), &bag, envelope.signer(), record.received) {
            if !certificates.contains(&one) {
                certificates.push(one);
            }
        }
    }
    let own = check::judge_event(&handle.trust(), &recorded, &bag, record.received);
    let evidence = ask_ttp(handle, &recorded, documents, &certificates).await;
    let (evidence, more) = match evidence {
        Ok((evidence, certificates)) => (Some(evidence), certificates),
        // Our own no is enough to say so at once; our own yes is not.
        Err(problem) if own.verdict == Verdict::TotalFailed && tries > 3 => {
            tracing::warn!(%problem, event = %event, "judged without the trusted third party");
            (None, Vec::new())
        }
        Err(problem) => return Err(problem),
    };
    let undecided = |judgement: &Judgement| judgement.sub == Some(SubIndication::TryLater);
    let settles_later = undecided(&own) || evidence.as_ref().is_some_and(|e| undecided(&e.value().judgement));
    if settles_later && tries < UNDECIDED_TRIES_MAX {
        return Err(Problem::new(Code::TrustUndecidable, "evidence").expected("newer revocation data"));
    }
    let evidence = evidence.map(Box::new);
    let work = Work::Judged { event, case, own, evidence, certificates: more };
    handle.writer().order(Order::Work(work)).await
}

/// A pending event with what is needed to judge it.
struct Pending {
    author: AgencyId,
    record: Record,
    event: Event,
    certificates: Vec<Certificate>,
}

async fn pending(handle: &Handle, case: CaseId, event: EventId) -> Result<Option<Pending>> {
    let found = handle.ask(move |desk| -> Result<Option<Pending>> {
        let Some(folded) = desk.case(&case)? else { return Ok(None) };
        let Some(author) = folded.pending(&event).map(|pending| pending.author.clone()) else {
            return Ok(None);
        };
        let Some((record, recorded)) = desk.recorded(&case, event)? else { return Ok(None) };
        let signers = [Some(&recorded.header).map(|header| header.envelope().signer())]
            .into_iter()
            .flatten()
            .chain(recorded.approval.as_ref().map(|approval| approval.envelope().signer()));
        let certificates = desk.book().certificates_of(signers, record.received);
        Ok(Some(Pending { author, record, event: recorded, certificates }))
    });
    found.await?
}

/// Asks the trusted third parties that the registry lists, one after another.
async fn ask_ttp(
    handle: &Handle,
    event: &Event,
    documents: Vec<DocumentRef>,
    certificates: &[Certificate],
) -> Result<(Verified<Evidence>, Vec<Certificate>)> {
    let mut nonce = [0; 16];
    SystemRandom::new().fill(&mut nonce).map_err(|_| Problem::new(Code::Internal, "random"))?;
    let request = VerifyRequest {
        nonce,
        header: event.header.bytes().to_vec(),
        approval: event.approval.as_ref().map(|approval| approval.bytes().to_vec()),
        documents,
        certificates: certificates.iter().map(|certificate| certificate.der().to_vec()).collect(),
    };
    let trust = handle.trust();
    let mut last = Problem::new(Code::TtpUnreachable, "ttp").found("none in the registry");
    for ttp in trust.registry().holders(&Role::Ttp) {
        let asked = ask_one(handle, ttp, &request, event).await;
        match asked {
            Ok(answer) => return Ok(answer),
            Err(problem) => {
                last = Problem::new(Code::TtpUnreachable, ttp.as_str()).found(problem.to_string());
            }
        }
    }
    Err(last)
}

async fn ask_one(
    handle: &Handle,
    ttp: &AgencyId,
    request: &VerifyRequest,
    event: &Event,
) -> Result<(Verified<Evidence>, Vec<Certificate>)> {
    let link = handle.endpoint().reach(ttp, REACH_MS).await?;
    let (answer, _) = link.request(Request::Verify(request.clone())).await?;
    let Answer::Evidence { evidence, certificates } = answer else {
        return Err(Problem::new(Code::ProtocolViolation, "answer").expected("evidence"));
    };
    let signed = Signed::<Evidence>::parse(&evidence)?;
    let mut bag = Bag::default();
    certificates.iter().try_for_each(|der| bag.add(der))?;
    let signers = bag.candidates(signed.envelope().signer(), handle.now());
    let verified = handle.trust().open(signed, &signers, handle.now())?;
    let said = verified.value();
    let about_this = said.nonce == request.nonce
        && said.event == event.id()
        && said.approval == event.approval.as_ref().map(Signed::digest)
        && said.requester == *handle.agency()
        && verified.identity().agency == *ttp;
    if about_this {
        let rests_on = verified.rests_on().to_vec();
        Ok((verified, rests_on))
    } else {
        Err(Problem::new(Code::EvidenceInvalid, "evidence").expected("an answer to this very question"))
    }
}

/// What came of fetching a document.
enum Fetched {
    /// It is here, and every byte of it came from that agency for that case.
    Whole,
    /// The agency's document of this digest is not what the event names, in whole: asking again would change nothing.
    Other(Problem),
}

/// Brings a document that another agency's event names, from that agency, whether or not it is here: to name a digest is
/// not to have the document. At once if it came from there for this case before. Errors may pass.
async fn fetch(
    handle: &Handle,
    author: &AgencyId,
    case: CaseId,
    grant: Option<EventId>,
    document: &DocumentRef,
) -> Result<Fetched> {
    let documents = handle.documents();
    if documents.came(case, author, &document.sha256) {
        return fetched(documents.compare(document).await);
    }
    if document.bytes > DOCUMENT_BYTES_MAX {
        return Ok(Fetched::Other(
            Problem::new(Code::TooLarge, "document")
                .found(format!("{} bytes", document.bytes))
                .expected(format!("at most {DOCUMENT_BYTES_MAX} bytes")),
        ));
    }
    let link = handle.endpoint().reach(author, REACH_MS).await?;
    let Some(mut incoming) = documents.resume(document, case, author).await? else {
        return fetched(documents.compare(document).await);
    };
    let (sha256, offset) = (document.sha256, incoming.offset());
    let answer = match link.request(Request::Document { sha256, case, grant, offset }).await {
        Ok(answer) => answer,
        Err(problem) => {
            if offset > 0 && problem.code == Code::ValueRefused {
                // What is here of an earlier try is longer than what there is now.
                incoming.discard().await?;
            }
            return Err(problem);
        }
    };
    let (Answer::Document { bytes }, Some(mut body)) = answer else {
        return Err(Problem::new(Code::ProtocolViolation, "answer").expected("a document"));
    };
    if offset.checked_add(bytes) != Some(document.bytes) {
        incoming.discard().await?;
        return Ok(Fetched::Other(
            Problem::new(Code::DigestMismatch, "document bytes")
                .found(format!("{offset} + {bytes}"))
                .expected(document.bytes.to_string()),
        ));
    }
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let count = body.read(&mut piece).await?;
        let Some(bytes) = piece.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
        incoming.push(bytes).await?;
    }
    match incoming.finish().await {
        // What was taken up from an earlier try may have been damaged here: the next one begins anew.
        Err(problem) if offset > 0 => Err(problem),
        compared => fetched(compared),
    }
}

fn fetched(compared: Result<()>) -> Result<Fetched> {
    match compared {
        Ok(()) => Ok(Fetched::Whole),
        Err(problem) if problem.code == Code::DigestMismatch => Ok(Fetched::Other(problem)),
        Err(problem) => Err(problem),
    }
}

impl Handle {
    /// Brings a document of a case of another home, under the reference; at once if it was brought before.
    /// `DigestMismatch` if the home has another than the event names.
    pub async fn bring(&self, case: CaseId, document: &DocumentRef) -> Result<()> {
        let reference = self.reference(case).await?;
        let home = self.home_of(case).await?;
        self.bring_from(&home, case, Some(reference.grant), document).await
    }

    /// As [`Handle::bring`], from a home and under a right that the caller knows.
    pub(super) async fn bring_from(
        &self,
        home: &AgencyId,
        case: CaseId,
        grant: Option<EventId>,
        document: &DocumentRef,
    ) -> Result<()> {
        match fetch(self, home, case, grant, document).await? {
            Fetched::Whole => Ok(()),
            Fetched::Other(problem) => Err(problem),
        }
    }
}
