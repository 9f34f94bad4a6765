//! How the node is, and who it is connected with.

use axum::Json;
use axum::extract::State;
use ogic_certs::{Code, Problem};
use serde_json::{Value, json};

use super::Answer;
use super::views::{PeerView, TitleView};
use crate::daemon::{Handle, NodeDesk};
use crate::local::problem_json;

/// Most alarms that a status shows, the newest.
const ALARMS_MAX: usize = 100;

/// `GET /v1/status`.
pub(super) async fn status(State(handle): State<Handle>) -> Answer<Json<Value>> {
    let mut status = handle.ask(|desk| desk_status(desk)).await?;
    let trust = handle.trust();
    let (registry, state) = (trust.registry(), handle.refresher().state());
    let more = [
        ("agency", json!(handle.agency().as_str())),
        ("version", json!(env!("CARGO_PKG_VERSION"))),
        ("endpoint", json!(handle.endpoint().local_addr()?.to_string())),
        ("registry", json!({"version": registry.version, "expires": registry.expires.ms()})),
        ("trust", json!(trust.freshness(handle.now()).as_str())),
        (
            "refreshed",
            json!({
                "at": state.answered.map(|at| at.ms()),
                "from": state.from.as_ref().map(|agency| agency.as_str()),
                "problem": state.problem.as_ref().map(problem_json),
            }),
        ),
        ("peers", json!(handle.endpoint().links().len())),
    ];
    for (key, value) in more {
        status[key] = value;
    }
    Ok(Json(status))
}

fn desk_status(desk: &NodeDesk) -> Value {
    let (figures, log, outbox) = (desk.figures(), desk.log().figures(), desk.outbox().counts());
    let read_only = Problem::new(Code::StoreReadOnly, "journal");
    let problem = if desk.log().is_read_only() { Some(&read_only) } else { desk.fence() };
    let alarms = &desk.book().alarms;
    let alarms: Vec<String> =
        alarms.iter().skip(alarms.len().saturating_sub(ALARMS_MAX)).map(ToString::to_string).collect();
    json!({
        "log": {
            "origin": desk.origin().to_string(),
            "size": desk.log().size(),
            "root": desk.log().root().to_string(),
        },
        "outbox": {"waiting": outbox.waiting, "in_flight": outbox.in_flight, "parked": outbox.parked},
        "read_only": problem.is_some(),
        "problem": problem.map(problem_json),
        "counters": {
            "events": figures.events,
            "receipts": figures.receipts_given,
            "receipts_taken": figures.receipts_taken,
            "evidence": figures.evidence,
            "commits": log.commits,
            "syncs": log.disk.syncs,
            "signatures": figures.signatures,
            "verified": figures.verified,
            "bytes": log.disk.bytes_written,
            "refused": figures.refused,
        },
        "custody": custody(desk),
        "alarms": alarms,
    })
}

/// What is about to change its home: offers to us that wait for an answer, and cases that we released and nobody has taken
/// yet, which have no home until then.
fn custody(desk: &NodeDesk) -> Value {
    let (mut offered, mut released) = (Vec::new(), Vec::new());
    for (case, known) in &desk.book().custody {
        if let Some(offer) = known.offered.as_ref().filter(|offer| known.declined != Some(offer.offer)) {
            offered.push(
                json!({"case": case.to_string(), "from": offer.from.as_str(), "since": offer.received.ms()}),
            );
        }
        let waits = known.moves.last().filter(|moved| moved.from == *desk.agency() && moved.taken.is_none());
        if let Some(moved) = waits {
            released.push(json!({"case": case.to_string(), "to": moved.to.as_str(), "since": moved.at.ms()}));
        }
    }
    json!({"offered": offered, "released": released})
}

/// `GET /v1/timing`: where the node's time went since it was started, for whoever measures it.
pub(super) async fn timing(State(handle): State<Handle>) -> Json<Value> {
    let timing = handle.timing();
    let parts: serde_json::Map<String, Value> = (timing.parts())
        .map(|(part, spent)| {
            let shown = json!({"times": spent.times, "wall_us": spent.wall_us, "cpu_us": spent.cpu_us});
            (part.as_str().to_owned(), shown)
        })
        .collect();
    let (settled, (cpu_us, ready_cpu_us)) = (timing.settlements(), timing.cpu_us());
    Json(json!({
        "cpu_us": cpu_us,
        "ready_cpu_us": ready_cpu_us,
        "parts": parts,
        "settled": {
            "count": settled.count,
            "p50_us": settled.p50_us,
            "p99_us": settled.p99_us,
            "max_us": settled.max_us,
            "span_us": settled.span_us,
        },
    }))
}

/// `GET /v1/peers`: every other member of the federation.
pub(super) async fn peers(State(handle): State<Handle>) -> Json<Value> {
    let trust = handle.trust();
    let others = trust.registry().members.iter().filter(|member| member.agency != *handle.agency());
    let peers: Vec<PeerView> = others
        .map(|member| {
            let link = handle.endpoint().link(&member.agency);
            let problem = if link.is_some() { None } else { handle.endpoint().problem(&member.agency) };
            PeerView {
                agency: member.agency.to_string(),
                level: member.level.as_str(),
                name: TitleView::new(&member.name_en, &member.name_ru),
                endpoints: member.endpoints.clone(),
                connected: link.is_some(),
                since: link.and_then(|link| link.since()).map(|at| at.ms()),
                problem: problem.as_ref().map(problem_json),
            }
        })
        .collect();
    Json(json!({ "peers": peers }))
}
