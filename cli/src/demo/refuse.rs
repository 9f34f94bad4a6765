//! Act four: an official whose certificate the authority has revoked. The agency's seal holds, so that his act is recorded
//! and receipted; his signature fails at the home and at the third party, it has no effect, and both sides are told why.

use ogic_certs::EventId;
use ogic_certs::event::{Body, Detail, FieldValue, Kind};
use serde_json::json;

use super::begin::Opened;
use super::check::{self, equal};
use super::examine::{effect_of, proofs};
use super::report::Facts;
use super::stage::Stage;
use crate::answer;
use crate::case::act::Act;
use crate::federation::until;
use crate::output::Outcome;

const OFFICIAL: &str = "official/physician-2";

pub(super) async fn play(stage: &Stage, opened: &Opened) -> Outcome<((), Facts)> {
    let identity = format!("ogic://{}/{OFFICIAL}", stage.health.agency);
    let body = json!({"identity": identity, "reason": "cessation-of-operation"});
    let revoked = stage.authority.post("/v1/revocations", &body).await?;
    let newest = stage.authority.get("/v1/status").await?;
    let newest = newest.pointer("/registry/version").and_then(serde_json::Value::as_u64).unwrap_or(u64::MAX);
    for party in [&stage.transport, &stage.ttp] {
        until(&format!("{}: the new list", party.agency), async || {
            let status = party.get("/v1/status").await?;
            let held = status.pointer("/registry/version").and_then(serde_json::Value::as_u64);
            Ok(held.filter(|held| *held >= newest))
        })
        .await?;
    }

    let before = stage.transport.get(&format!("/v1/cases/{}?purpose=demo", opened.case)).await?;
    let mut act = Act::new(Some(opened.case), Kind::Note, Body::of(Detail::None));
    act.body.fields = vec![("text".to_owned(), FieldValue::Text("second opinion: unfit".to_owned()))];
    let path = format!("/v1/cases/{}/events?wait=45000", opened.case);
    let place = stage.health.act(&path, act, &stage.physician_2).await?;
    equal("health: state of its event", answer::text(&place, "/state"), "receipted")?;
    let event = EventId::from_hex(&answer::text(&place, "/event"), "event")?;

    equal("transport: effect", effect_of(stage, opened, event).await?, "none")?;
    let proof = proofs(stage, opened, event, &place).await?;
    equal("home: its own verdict", check::words(&proof.own), check::REVOKED)?;
    equal("third party: its verdict", check::words(&proof.evidence.judgement), check::REVOKED)?;

    let home = stage.transport.get(&format!("/v1/cases/{}?purpose=demo", opened.case)).await?;
    let entry = answer::list(&home, "/history").iter().find(|entry| entry["event"] == event.to_string());
    let shown = entry.map_or_else(|| answer::NOTHING.to_owned(), judgement);
    equal("transport: told", shown, check::REVOKED)?;
    equal("transport: plan as before", home["plan"].to_string(), before["plan"].to_string())?;
    let told = until("health: verdict", async || {
        let told = stage.health.get(&format!("/v1/events/{event}")).await?;
        Ok((!told["judgement"].is_null()).then_some(told))
    })
    .await?;
    equal("health: told", judgement(&told), check::REVOKED)?;
    equal("health: code", answer::text(&told, "/judgement/code"), "OGIC-2005")?;
    let facts = json!({
        "event": event.to_string(), "seq": place["seq"], "official": OFFICIAL,
        "crl": revoked["crl_number"], "registry": newest, "effect": "none",
        "home": check::words(&proof.own), "ttp": check::words(&proof.evidence.judgement),
        "code": told["judgement"]["code"],
    });
    Ok(((), facts))
}

fn judgement(value: &serde_json::Value) -> String {
    format!("{} {}", answer::text(value, "/judgement/verdict"), answer::text(value, "/judgement/sub"))
}
