//! What became of one event: of ours at another home, or of anybody's at ours.

use axum::Json;
use axum::extract::State;
use ogic_certs::cose::{Payload, Sign1};
use ogic_certs::event::{Body, Header};
use ogic_certs::{CaseId, Code, EventId, Problem, Result};
use serde::Deserialize;

use super::Answer;
use super::views::Traced;
use crate::case::Policy;
use crate::daemon::{Handle, NodeDesk};
use crate::desk::{Fact, Parcel, Sent, SentState};
use crate::exchange::outbox::ItemState;
use crate::local::{Asked, Named, refusal_json};

/// Cases that are looked through for one event before the writer gets its turn again.
pub(super) const CASES_PER_LOOK: usize = 64;

/// Where an event is to be looked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Where {
    #[serde(default)]
    case: Option<String>,
}

/// `GET /v1/events/{event}`.
pub(super) async fn trace(
    State(handle): State<Handle>,
    Named(event): Named,
    Asked(asked): Asked<Where>,
) -> Answer<Json<Traced>> {
    let event = EventId::from_hex(&event, "event")?;
    let case = asked.case.as_deref().map(|case| CaseId::from_hex(case, "case")).transpose()?;
    if let Some(traced) = handle.ask(move |desk| sent(desk, event)).await?? {
        return Ok(Json(traced));
    }
    let candidates = match case {
        Some(case) => vec![case],
        None => handle.ask(move |desk| likely_cases(desk, event)).await??,
    };
    for some in candidates.chunks(CASES_PER_LOOK) {
        let some = some.to_vec();
        let found = handle.ask(move |desk| some.iter().find_map(|case| at_home(desk, *case, event)));
        if let Some(traced) = found.await? {
            return Ok(Json(traced?));
        }
    }
    Err(Problem::new(Code::NotFound, "event").found(event.to_string()).into())
}

/// An event that we sent to another home.
fn sent(desk: &mut NodeDesk, event: EventId) -> Result<Option<Traced>> {
    let Some(sent) = desk.book().sent.get(&event.0).filter(|sent| sent.is_event) else { return Ok(None) };
    let item = desk.outbox().item(&event.0);
    let (state, seq, problem) = match &sent.state {
        SentState::Done { place, .. } => ("receipted", place.map(|place| place.seq), None),
        SentState::Parked(problem) => ("refused", None, Some(refusal_json(problem))),
        SentState::Dropped(problem) => ("dropped", None, Some(refusal_json(problem))),
        SentState::Waiting => {
            let parked = item.as_ref().is_some_and(|item| item.state == ItemState::Parked);
            let problem = item.and_then(|item| super::outbox::problem(desk, &item));
            (if parked { "parked" } else { "waiting" }, None, problem)
        }
    };
    let receipted = matches!(sent.state, SentState::Done { .. });
    Ok(Some(Traced {
        event: event.to_string(),
        case: sent.case.to_string(),
        state,
        seq,
        pending: receipted && sent.judgement.is_none() && waits_for_evidence(desk, sent)?,
        judgement: sent.judgement.as_ref().map(Into::into),
        problem,
    }))
}

/// Whether an event of ours has no effect at its home before the third party's evidence.
fn waits_for_evidence(desk: &NodeDesk, sent: &Sent) -> Result<bool> {
    let (kind, bytes) = desk.log().read(sent.position)?;
    let Fact::Put(put) = Fact::from_entry(kind, &bytes)? else { return Ok(false) };
    let Parcel::Event { header, body, .. } = put.parcel else { return Ok(false) };
    let header = Header::decode(Sign1::parse_any(&header)?.payload())?;
    let body = Body::from_blob(&body, header.kind)?;
    Ok(Policy::default().needs_evidence(&sent.peer, desk.agency(), &header, &body))
}

/// The home cases that may hold the event, the likeliest first: there is no index of events, so that none can be wrong.
pub(super) fn likely_cases(desk: &mut NodeDesk, event: EventId) -> Result<Vec<CaseId>> {
    let own = desk.book().outcomes.values().find(|outcome| outcome.event == event);
    if let Some(outcome) = own {
        return Ok(vec![outcome.case]);
    }
    let (mut likely, mut rest) = (Vec::new(), Vec::new());
    for case in desk.cases()? {
        if case.effect_of(&event).is_some() { likely.push(case.id) } else { rest.push(case.id) }
    }
    likely.append(&mut rest);
    Ok(likely)
}

fn at_home(desk: &mut NodeDesk, case: CaseId, event: EventId) -> Option<Result<Traced>> {
    let look = || -> Result<Option<Traced>> {
        let Some(folded) = desk.case(&case)? else { return Ok(None) };
        let Some((record, _)) = desk.recorded(&case, event)? else { return Ok(None) };
        Ok(Some(Traced::at_home(&folded, event, record.seq)))
    };
    look().transpose()
}
