//! Act two: the city's service centre took the application; the case itself moves up to transport, with all that belongs to
//! it. The release is the one point at which its home changes.

use ogic_certs::event::{Body, Detail, Kind, Terms};
use serde_json::{Value, json};

use super::begin::Opened;
use super::check::{equal, holds};
use super::report::Facts;
use super::stage::Stage;
use crate::answer;
use crate::case::act::{Act, WAIT_MS_MAX};
use crate::federation::{now, until};
use crate::output::Outcome;

const DAY_MS: u64 = 86_400_000;

/// The city offers the case, transport fetches and verifies all of it and accepts, the city releases, transport takes.
pub(super) async fn play(stage: &Stage, opened: &Opened) -> Outcome<((), Facts)> {
    let case = opened.case;
    let path = format!("/v1/cases/{case}/events");
    let terms = Terms {
        grantee: stage.transport.agency.clone(),
        read: true,
        steps: Vec::new(),
        purpose: "the decision is the federal agency's".to_owned(),
        ground: "Road Traffic Act, section 4".to_owned(),
        performer: "official/licensing-1".to_owned(),
        deadline: None,
        expires: now().plus_ms(14 * DAY_MS),
    };
    let offer = Act::new(Some(case), Kind::Offer, Body::of(Detail::Offer(terms)));
    let offered = stage.city.act(&path, offer, &stage.clerk).await?;
    let offer = answer::text(&offered, "/event");
    until("transport: the offer", async || {
        let status = stage.transport.get("/v1/status").await?;
        let offers = answer::list(&status["custody"], "/offered");
        Ok(offers.iter().any(|offer| offer["case"] == case.to_string()).then_some(()))
    })
    .await?;
    let accept = Act::new(Some(case), Kind::Accept, Body::of(Detail::None));
    let waiting = format!("{path}?wait={WAIT_MS_MAX}");
    let accepted = stage.transport.act(&waiting, accept, &stage.licensing).await?;
    equal("transport: the case", answer::text(&accepted, "/state"), "taken")?;

    let shown = stage.transport.get(&format!("/v1/cases/{case}?purpose=custody")).await?;
    let kinds: Vec<String> =
        answer::list(&shown, "/history").iter().map(|entry| answer::text(entry, "/kind")).collect();
    equal("transport: history", kinds.join(" "), "open offer accept release taken")?;
    for (pointer, expected) in [
        ("/home", stage.transport.agency.as_str()),
        ("/moves/0/from", stage.city.agency.as_str()),
        ("/history/0/approved_by", "official/clerk-1"),
        ("/history/2/approved_by", "official/licensing-1"),
    ] {
        equal(&format!("transport: case {pointer}"), answer::text(&shown, pointer), expected)?;
    }
    // The city orders nothing any more, says where the case went, and knows that it has a home.
    let note = Act::new(Some(case), Kind::Close, Body::of(Detail::Close { reason: "too late".to_owned() }));
    let late = stage.city.act(&path, Act { code: Some("withdrawn"), ..note }, &stage.clerk).await;
    let code = late.as_ref().err().map(|failure| failure.problem.code.to_string()).unwrap_or_default();
    equal("city: an act after the release", code.as_str(), "OGIC-3020")?;
    until("city: the case is taken", async || {
        let status = stage.city.get("/v1/status").await?;
        Ok(answer::list(&status["custody"], "/released").is_empty().then_some(()))
    })
    .await?;
    let release = last_of(&shown, "release");
    holds("transport: the release is approved by nobody: the city's node made it", release.is_some())?;
    let facts = json!({
        "from": stage.city.agency.as_str(), "to": stage.transport.agency.as_str(), "offer": offer,
        "release": release, "seq": answer::text(&shown, "/head/seq"), "code": code,
    });
    Ok(((), facts))
}

/// The event of a kind that came last.
fn last_of(shown: &Value, kind: &str) -> Option<String> {
    let found = answer::list(shown, "/history").iter().rev().find(|entry| entry["kind"] == kind);
    found.map(|entry| answer::text(entry, "/event"))
}
