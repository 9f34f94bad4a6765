//! What is on its way to other agencies, and what was sent to them.

use axum::Json;
use axum::extract::State;
use ogic_certs::cose::{Kind, Sign1};
use ogic_certs::{AgencyId, CaseId, Code, Digest, Problem, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Answer;
use super::views::{ItemShown, SentView, base64};
use crate::daemon::{Handle, NodeDesk};
use crate::desk::{Fact, Parcel, Sent, SentState};
use crate::exchange::outbox::{ItemState, ItemView};
use crate::local::{Asked, Content, IdempotencyKey, Named, json as read, problem_json, refusal_json};

/// Most messages that a list shows, oldest first: what holds up the others is among them.
const LIST_MAX: usize = 1000;

/// `GET /v1/outbox`.
pub(super) async fn list(State(handle): State<Handle>) -> Answer<Json<Value>> {
    let items = handle.ask(|desk| -> Result<Vec<(AgencyId, ItemShown)>> {
        let items = desk.outbox().items().into_iter().take(LIST_MAX);
        items
            .map(|view| {
                let shown = ItemShown {
                    id: view.item.id.to_string(),
                    peer: view.item.peer.to_string(),
                    case: view.item.case.map(|case| case.to_string()),
                    kind: kind(desk, &view.item.id)?,
                    state: view.state.as_str(),
                    tries: view.tries,
                    next_try: view.next_try.map(|at| at.ms()),
                    problem: problem(desk, &view),
                };
                Ok((view.item.peer.clone(), shown))
            })
            .collect()
    });
    let items = items.await??.into_iter().map(|(peer, shown)| {
        let problem = shown.problem.or_else(|| Some(problem_json(&away(&handle, &peer)?)));
        ItemShown { problem, ..shown }
    });
    Ok(Json(json!({ "items": items.collect::<Vec<_>>() })))
}

/// Why what is for this agency waits, where the reason is that the agency is away.
fn away(handle: &Handle, peer: &AgencyId) -> Option<Problem> {
    if handle.endpoint().link(peer).is_some() {
        return None;
    }
    let known = handle.endpoint().problem(peer);
    Some(known.unwrap_or_else(|| {
        Problem::new(Code::PeerUnreachable, peer.as_str()).found("not connected").expected("connected")
    }))
}

/// Why a message has not arrived. What could not be read here is parked here alone; all else was said by its receiver, or is
/// about it.
pub(super) fn problem(desk: &NodeDesk, view: &ItemView<'_>) -> Option<Value> {
    let problem = view.problem?;
    let refused =
        desk.book().sent.get(&view.item.id).is_some_and(|sent| !matches!(sent.state, SentState::Waiting));
    let ours = problem.code == Code::PeerTimeout || (view.state == ItemState::Parked && !refused);
    Some(if ours { problem_json(problem) } else { refusal_json(problem) })
}

/// What a message is, in a word.
fn kind(desk: &NodeDesk, id: &Digest) -> Result<&'static str> {
    let Some(sent) = desk.book().sent.get(id) else { return Ok("notice") };
    if sent.is_event {
        return Ok("event");
    }
    let Parcel::Notice(signed) = parcel(desk, sent)? else { return Ok("notice") };
    Ok(match Sign1::parse_any(&signed)?.kind() {
        Kind::Reference => "reference",
        Kind::Verdict => "verdict",
        _ => "notice",
    })
}

fn parcel(desk: &NodeDesk, sent: &Sent) -> Result<Parcel> {
    let (kind, bytes) = desk.log().read(sent.position)?;
    match Fact::from_entry(kind, &bytes)? {
        Fact::Put(put) => Ok(put.parcel),
        _ => Err(Problem::new(Code::StoreDamaged, "message").found("an entry of another kind")),
    }
}

/// What a retry or a drop asks beside the id: nothing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// `POST /v1/outbox/{id}/retry`. A message that waits already is left waiting; the same key has the same answer, delivered or not.
pub(super) async fn retry(
    State(handle): State<Handle>,
    Named(id): Named,
    key: IdempotencyKey,
    Content(body): Content,
) -> Answer<Json<Value>> {
    let Nothing {} = read(&body)?;
    let id = Digest::from_hex(&id, "id")?;
    handle.retry(key.0, id).await?;
    tracing::info!(id = %id, "to be sent again");
    Ok(Json(json!({"id": id.to_string(), "state": "waiting"})))
}

/// `POST /v1/outbox/{id}/drop`. A message that was dropped already stays so; the same key has the same answer.
pub(super) async fn give_up(
    State(handle): State<Handle>,
    Named(id): Named,
    key: IdempotencyKey,
    Content(body): Content,
) -> Answer<Json<Value>> {
    let Nothing {} = read(&body)?;
    let id = Digest::from_hex(&id, "id")?;
    handle.give_up(key.0, id).await?;
    tracing::info!(id = %id, "given up");
    Ok(Json(json!({"id": id.to_string(), "state": "dropped"})))
}

/// Of which case the events that were sent are wanted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Of {
    case: String,
}

/// `GET /v1/sent?case=`: the bytes of every event that was sent for a case, with its receipt.
pub(super) async fn sent(State(handle): State<Handle>, Asked(of): Asked<Of>) -> Answer<Json<Value>> {
    let case = CaseId::from_hex(&of.case, "case")?;
    let sent = handle.ask(move |desk| -> Result<Vec<SentView>> {
        let book = desk.book();
        let events = book.sent_order.iter().filter_map(|id| Some((id, book.sent.get(id)?)));
        events
            .filter(|(_, sent)| sent.is_event && sent.case == case)
            .map(|(id, sent)| sent_view(desk, id, sent))
            .collect()
    });
    Ok(Json(json!({ "sent": sent.await?? })))
}

fn sent_view(desk: &NodeDesk, id: &Digest, sent: &Sent) -> Result<SentView> {
    let Parcel::Event { header, body, .. } = parcel(desk, sent)? else {
        return Err(Problem::new(Code::StoreDamaged, "message").found("a notice"));
    };
    let (receipt, place) = match &sent.state {
        SentState::Done { receipt, place } => (Some(receipt_at(desk, *receipt)?), *place),
        SentState::Waiting | SentState::Parked(_) | SentState::Dropped(_) => (None, None),
    };
    Ok(SentView {
        event: id.to_string(),
        header: base64(&header),
        body: base64(&body),
        receipt,
        seq: place.map(|place| place.seq),
        record: place.map(|place| place.record.to_string()),
    })
}

fn receipt_at(desk: &NodeDesk, position: crate::log::Position) -> Result<String> {
    let (kind, bytes) = desk.log().read(position)?;
    match Fact::from_entry(kind, &bytes)? {
        Fact::PeerReceipt { frame, .. } => Ok(base64(&frame)),
        _ => Err(Problem::new(Code::StoreDamaged, "receipt").found("an entry of another kind")),
    }
}
