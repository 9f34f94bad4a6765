//! The third party's local API: what it judged. It changes nothing.

use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use ogic_certs::{Code, EventId, Problem};
use serde_json::{Map, Value, json};

use super::face::Bench;
use crate::local::{Failure, Named, problem_json, raw};
use crate::refresh::Refresher;

/// Most evidence that a list shows, newest first.
const LIST_MAX: usize = 1000;

/// What the routes stand on.
#[derive(Clone, Debug)]
pub struct Desk {
    /// The bench.
    pub bench: Bench,
    /// How fresh its registry is.
    pub refresher: Refresher,
    /// Where it answers.
    pub endpoint: String,
}

/// The routes, for [`crate::local::serve`].
pub fn routes(desk: Desk) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/evidence", get(list))
        .route("/v1/evidence/{event}", get(evidence))
        .route("/v1/evidence/{event}/extract", get(extract))
        .with_state(desk)
}

async fn status(State(desk): State<Desk>) -> Json<Value> {
    let (trust, now) = (desk.bench.trust().current(), desk.bench.now());
    let (count, read_only, verdicts) = desk.bench.look(|archive| {
        let verdicts: Map<String, Value> =
            archive.verdicts().iter().map(|(verdict, n)| (verdict.as_str().to_owned(), json!(n))).collect();
        (archive.len(), archive.is_read_only(), verdicts)
    });
    let state = desk.refresher.state();
    Json(json!({
        "agency": crate::exchange::face::Face::agency(&desk.bench).as_str(),
        "version": env!("CARGO_PKG_VERSION"),
        "endpoint": desk.endpoint,
        "evidence": count,
        "verdicts": verdicts,
        "registry": {"version": trust.registry().version, "expires": trust.registry().expires.ms()},
        "trust": trust.freshness(now).as_str(),
        "refreshed": {
            "at": state.answered.map(|at| at.ms()),
            "from": state.from.as_ref().map(|agency| agency.as_str()),
            "problem": state.problem.as_ref().map(problem_json),
        },
        "read_only": read_only,
    }))
}

async fn list(State(desk): State<Desk>) -> Result<Json<Value>, Failure> {
    let newest = desk.bench.look(|archive| archive.newest(LIST_MAX))?;
    let list: Vec<Value> = newest
        .iter()
        .map(|evidence| {
            json!({
                "event": evidence.event.to_string(),
                "requester": evidence.requester.as_str(),
                "at": evidence.at.ms(),
                "verdict": evidence.judgement.verdict.as_str(),
                "sub": evidence.judgement.sub.map(|sub| sub.as_str()),
                "code": evidence.judgement.code.map(|code| code.to_string()),
            })
        })
        .collect();
    Ok(Json(json!({ "evidence": list })))
}

async fn evidence(State(desk): State<Desk>, Named(event): Named) -> Result<Response, Failure> {
    let event = EventId::from_hex(&event, "event")?;
    let kept = desk.bench.look(|archive| archive.about(&event))?;
    let kept = kept.ok_or_else(|| Problem::new(Code::NotFound, "evidence").found(event.to_string()))?;
    Ok(raw("application/cose; cose-type=\"cose-sign1\"", kept.evidence))
}

/// The evidence as a file for strangers, with our certificate and lists.
async fn extract(State(desk): State<Desk>, Named(event): Named) -> Result<Response, Failure> {
    let event = EventId::from_hex(&event, "event")?;
    let kept = desk.bench.look(|archive| archive.about(&event))?;
    let kept = kept.ok_or_else(|| Problem::new(Code::NotFound, "evidence").found(event.to_string()))?;
    Ok(raw("application/octet-stream", desk.bench.extract(kept.evidence)?))
}
