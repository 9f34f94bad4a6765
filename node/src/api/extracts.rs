//! Extracts for strangers: a receipt, a piece of evidence, the newest checkpoint, each as a file that `ogic verify`
//! judges on its own.

use axum::extract::State;
use axum::response::Response;
use ogic_certs::{CaseId, Code, EventId, Problem, Result};

use super::Answer;
use super::trace::{CASES_PER_LOOK, likely_cases};
use crate::daemon::{Handle, NodeDesk};
use crate::local::{Named, raw};

/// The media type of an extract.
const MEDIA_TYPE: &str = "application/octet-stream";

/// `GET /v1/events/{event}/receipt`: of an event that we sent, what its home gave us; of one in a case of ours, its record.
pub(super) async fn receipt(State(handle): State<Handle>, Named(event): Named) -> Answer<Response> {
    let event = EventId::from_hex(&event, "event")?;
    let trust = handle.trust();
    let sent = handle.ask(move |desk| desk.receipt_of_sent(&event, &trust)).await??;
    let extract = match sent {
        Some(extract) => extract,
        None => {
            let trust = handle.trust();
            let look = move |desk: &mut NodeDesk, case| desk.receipt_of_recorded(&case, event, &trust);
            at_home(&handle, event, "receipt", look).await?
        }
    };
    Ok(raw(MEDIA_TYPE, extract))
}

/// `GET /v1/events/{event}/evidence`: the newest in the history of a case of ours.
pub(super) async fn evidence(State(handle): State<Handle>, Named(event): Named) -> Answer<Response> {
    let event = EventId::from_hex(&event, "event")?;
    let trust = handle.trust();
    let look = move |desk: &mut NodeDesk, case| desk.evidence_about(&case, event, &trust);
    Ok(raw(MEDIA_TYPE, at_home(&handle, event, "evidence", look).await?))
}

/// `GET /v1/checkpoint`.
pub(super) async fn checkpoint(State(handle): State<Handle>) -> Answer<Response> {
    let trust = handle.trust();
    Ok(raw(MEDIA_TYPE, handle.ask(move |desk| desk.checkpoint_extract(&trust)).await??))
}

/// Looks through the home cases that may hold the event, and lets the writer have its turn between them.
async fn at_home(
    handle: &Handle,
    event: EventId,
    what: &'static str,
    look: impl Fn(&mut NodeDesk, CaseId) -> Result<Option<Vec<u8>>> + Clone + Send + 'static,
) -> Answer<Vec<u8>> {
    let candidates = handle.ask(move |desk| likely_cases(desk, event)).await??;
    for some in candidates.chunks(CASES_PER_LOOK) {
        let (some, look) = (some.to_vec(), look.clone());
        let found =
            handle.ask(move |desk| some.into_iter().find_map(|case| look(desk, case).transpose())).await?;
        if let Some(extract) = found {
            return Ok(extract?);
        }
    }
    Err(Problem::new(Code::NotFound, what)
        .found(event.to_string())
        .expected("an event of a case of this agency, or one that it sent")
        .into())
}
