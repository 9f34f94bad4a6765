//! Looking at cases: those of this agency, and those that it has a right to.

use std::collections::HashSet;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use ogic_certs::event::TEXT_BYTES_MAX;
use ogic_certs::{CaseId, Code, Digest, Problem, Result, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Answer;
use super::shown::CaseShown;
use super::views::{AccessView, CaseListed, RawEntry, ReferenceView, base64};
use crate::case::{Case, case_unknown};
use crate::daemon::{Handle, NodeDesk};
use crate::desk::{Fact, Held};
use crate::local::{Asked, Named, raw};

/// What a look without a stated purpose is registered as.
const PURPOSE: &str = "own work";
/// What the look of an export is registered as.
const PURPOSE_EXPORT: &str = "export";
/// What a look at raw bytes is registered as.
const PURPOSE_HISTORY: &str = "history export";

/// `GET /v1/cases`.
pub(super) async fn list(State(handle): State<Handle>) -> Answer<Json<Value>> {
    let now = handle.now();
    let cases = handle.ask(move |desk| -> Result<Vec<CaseListed>> {
        let cases = desk.cases()?;
        let ours = |case: &&Case| case.is_ordered_by(desk.agency());
        let mut listed: Vec<CaseListed> =
            cases.iter().filter(ours).map(|case| listed_at_home(desk, case)).collect();
        let mut known: HashSet<CaseId> = cases.iter().filter(ours).map(|case| case.id).collect();
        let references = desk.book().references.values().filter_map(|held| held.last());
        for held in references.filter(|held| !known.contains(&held.reference.case)).collect::<Vec<_>>() {
            known.insert(held.reference.case);
            listed.push(listed_elsewhere(desk, held, now));
        }
        // What was given away, and gave no right in return.
        let former = cases.iter().filter(|case| !known.contains(&case.id));
        listed.extend(former.map(|case| CaseListed {
            role: "former-home",
            home: desk.book().home_of(&case.id).unwrap_or(&case.home).to_string(),
            next_steps: Vec::new(),
            ..listed_at_home(desk, case)
        }));
        Ok(listed)
    });
    Ok(Json(json!({ "cases": cases.await?? })))
}

fn listed_at_home(desk: &NodeDesk, case: &Case) -> CaseListed {
    CaseListed {
        case: case.id.to_string(),
        role: "home",
        home: case.home.to_string(),
        service: service_name(desk, &case.service),
        title: Some((&case.title).into()),
        status: Some(case.status.as_str()),
        head_seq: case.head.seq,
        next_steps: case.next_steps().map(|step| step.id().to_owned()).collect(),
        grant: None,
        ended: None,
    }
}

/// What the newest reference says of a case; its home alone knows how it stands.
fn listed_elsewhere(desk: &NodeDesk, held: &Held, now: Timestamp) -> CaseListed {
    let reference = &held.reference;
    let title = desk.book().services.get(&reference.service).map(|held| (&held.service.title).into());
    let head = desk.book().heads.get(&reference.case).map_or(reference.head, |seen| seen.head);
    let ended = match desk.book().ended.get(&reference.grant) {
        Some(Code::GrantRevoked) => Some("revoked"),
        Some(_) => Some("expired"),
        None => (reference.terms.expires <= now).then_some("expired"),
    };
    CaseListed {
        case: reference.case.to_string(),
        role: if is_offered(desk, &reference.case) { "offered" } else { "performer" },
        home: desk.book().home_of(&reference.case).unwrap_or(&reference.home).to_string(),
        service: service_name(desk, &reference.service),
        title,
        status: None,
        head_seq: head.seq,
        next_steps: if ended.is_some() { Vec::new() } else { reference.terms.steps.clone() },
        grant: Some(reference.grant.to_string()),
        ended,
    }
}

/// Whether a case is offered to us, and not answered.
fn is_offered(desk: &NodeDesk, case: &CaseId) -> bool {
    desk.book().custody.get(case).is_some_and(|known| {
        known.offered.as_ref().is_some_and(|offered| known.declined != Some(offered.offer))
    })
}

/// The name of a service; its digest if the definition is not at hand.
fn service_name(desk: &NodeDesk, digest: &Digest) -> String {
    desk.book().services.get(digest).map_or_else(|| digest.to_string(), |held| held.service.id.clone())
}

/// Why a case is looked at.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Purpose {
    #[serde(default)]
    purpose: Option<String>,
}

/// `GET /v1/cases/{case}`.
pub(super) async fn show(
    State(handle): State<Handle>,
    Named(case): Named,
    Asked(asked): Asked<Purpose>,
) -> Answer<Json<CaseShown>> {
    let case = CaseId::from_hex(&case, "case")?;
    let purpose = asked.purpose.unwrap_or_else(|| PURPOSE.to_owned());
    if purpose.len() > TEXT_BYTES_MAX {
        return Err(Problem::new(Code::TooLarge, "purpose")
            .found(format!("{} bytes", purpose.len()))
            .expected(format!("at most {TEXT_BYTES_MAX} bytes"))
            .into());
    }
    let view = match handle.read(case, &purpose).await {
        Ok(view) => view,
        Err(problem) => {
            handle.note_ended(case, problem.code).await?;
            return Err(problem.into());
        }
    };
    let service = view.case.service;
    let service = handle.ask(move |desk| service_name(desk, &service)).await?;
    Ok(Json(CaseShown::new(&view, service)))
}

/// `GET /v1/cases/{case}/access`.
pub(super) async fn access(State(handle): State<Handle>, Named(case): Named) -> Answer<Json<Value>> {
    let case = CaseId::from_hex(&case, "case")?;
    let access = handle.ask(move |desk| -> Result<Vec<AccessView>> {
        home_only(desk, &case)?;
        let positions = desk.book().access.get(&case).map_or(&[][..], Vec::as_slice);
        positions.iter().map(|position| access_at(desk, *position)).collect()
    });
    Ok(Json(json!({ "access": access.await?? })))
}

fn access_at(desk: &NodeDesk, position: crate::log::Position) -> Result<AccessView> {
    let (kind, bytes) = desk.log().read(position)?;
    let Fact::Access(fact) = Fact::from_entry(kind, &bytes)? else {
        return Err(Problem::new(Code::StoreDamaged, "access").found("an entry of another kind"));
    };
    Ok(AccessView {
        at: fact.at.ms(),
        who: fact.who.to_string(),
        grant: fact.grant.map(|grant| grant.to_string()),
        purpose: fact.purpose,
        code: fact.code.map(|code| code.to_string()),
        tries: fact.tries,
    })
}

/// What only the home can tell is refused elsewhere: `NotHome` where the case is known by reference, else `CaseUnknown`.
fn home_only(desk: &NodeDesk, case: &CaseId) -> Result<()> {
    if desk.case(case)?.is_some() {
        return Ok(());
    }
    Err(match desk.book().right(case, None) {
        Some(held) => {
            let home = desk.book().home_of(case).unwrap_or(&held.reference.home);
            Problem::new(Code::NotHome, "case").expected(home.to_string())
        }
        None => case_unknown(),
    })
}

/// Where a page of raw history begins.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct From {
    #[serde(default)]
    from: u64,
}

/// `GET /v1/cases/{case}/history`: nothing past the newest record, else a page from there on.
pub(super) async fn history(
    State(handle): State<Handle>,
    Named(case): Named,
    Asked(From { from }): Asked<From>,
) -> Answer<Json<Value>> {
    let case = CaseId::from_hex(&case, "case")?;
    handle.ask(move |desk| home_only(desk, &case)).await??;
    let entries = match handle.page(case, from, PURPOSE_HISTORY).await {
        Ok(page) => page.entries,
        Err(problem) if problem.code == Code::ValueRefused && problem.field == "from" => Vec::new(),
        Err(problem) => return Err(problem.into()),
    };
    let entries: Vec<RawEntry> = entries
        .iter()
        .map(|entry| RawEntry {
            index: entry.index,
            record: base64(&entry.record),
            header: base64(&entry.event.header),
            body: Some(base64(&entry.event.body)),
            approval: entry.event.approval.as_deref().map(base64),
        })
        .collect();
    Ok(Json(json!({ "entries": entries })))
}

/// `GET /v1/references`: every right that was given, the newest of a case last.
pub(super) async fn references(State(handle): State<Handle>) -> Answer<Json<Value>> {
    let references = handle.ask(|desk| -> Vec<ReferenceView> {
        let held = desk.book().references.values().flatten();
        held.map(|held| ReferenceView {
            case: held.reference.case.to_string(),
            home: held.reference.home.to_string(),
            grant: held.reference.grant.to_string(),
            service: held.reference.service.to_string(),
            received: held.received.ms(),
            terms: (&held.reference.terms).into(),
        })
        .collect()
    });
    Ok(Json(json!({ "references": references.await? })))
}

/// `GET /v1/cases/{case}/export`: the capsule of a case of ours.
pub(super) async fn export(State(handle): State<Handle>, Named(case): Named) -> Answer<Response> {
    let case = CaseId::from_hex(&case, "case")?;
    handle.ask(move |desk| home_only(desk, &case)).await??;
    Ok(raw("application/octet-stream", handle.export(case, PURPOSE_EXPORT).await?))
}
