//! Acts one and three: the federation comes up, the city opens a case; and transport, once it is the home, hands the medical
//! step to health by a signed reference.

use std::path::Path;

use ogic_certs::event::{Body, Detail, FieldValue, Kind, Terms};
use ogic_certs::{Code, Digest, Problem};
use serde_json::{Value, json};

use super::SERVICE;
use super::check::{equal, holds};
use super::papers;
use super::report::Facts;
use super::stage::Stage;
use crate::answer;
use crate::case::act::Act;
use crate::client::Key;
use crate::document;
use crate::federation::{now, until};
use crate::output::{Failure, Outcome};

const DAY_MS: u64 = 86_400_000;

/// The case of the play.
#[derive(Debug)]
pub(super) struct Opened {
    /// Its id.
    pub(super) case: ogic_certs::CaseId,
    /// The citizen's pseudonym at the home.
    pub(super) citizen: String,
    /// The service definition's digest.
    pub(super) service: Digest,
}

/// A right that was given.
#[derive(Debug)]
pub(super) struct Granted {
    /// The share event's id.
    pub(super) grant: ogic_certs::EventId,
}

/// Five processes, found by each other from the registry alone.
pub(super) async fn federation(stage: &mut Stage) -> Outcome<((), Facts)> {
    stage.raise().await?;
    let members = stage.authority.get("/v1/members").await?;
    let members = answer::list(&members, "/members").len();
    equal("authority: members", members, 5)?;
    // What health was told of transport came in the registry: neither its files of configuration nor its pin name it.
    let pin = std::fs::read_to_string(stage.health.folder.join("pin.toml"))
        .map_err(|error| Failure::file(&stage.health.folder, &error))?;
    holds("health: no peer's address in its pin", !pin.contains(&stage.transport.endpoint))?;
    let status = stage.transport.get("/v1/status").await?;
    let facts = json!({
        "members": members,
        "registry": status.pointer("/registry/version"),
        "city": stage.city.endpoint,
        "transport": stage.transport.endpoint,
        "health": stage.health.endpoint,
        "ttp": stage.ttp.endpoint,
        "authority": stage.authority.endpoint,
    });
    Ok(((), facts))
}

/// The city publishes the service, and opens a case with a citizen's application.
pub(super) async fn open(stage: &Stage, seed: u64) -> Outcome<(Opened, Facts)> {
    let key = Key::random()?;
    let client = stage.city.client();
    let published = client.post_raw("/v1/services", "application/toml", SERVICE.to_owned(), &key).await?;
    let service = Digest::from_hex(&answer::text(&published, "/digest"), "digest")?;
    let citizen =
        format!("p-{}", &Digest::of_parts(&[b"ogic demo citizen", &seed.to_be_bytes()]).to_string()[..8]);
    let lines =
        [format!("citizen: {citizen}"), "category: B".to_owned(), "received by: official/clerk-1".to_owned()];
    let file = stage.at("application.pdf");
    write(&file, &papers::page("Application for a driving licence", &lines))?;
    let paper = document::describe(&file, Some("application")).await?;

    let body = Body::of(Detail::Open { service, citizen: citizen.clone() });
    let mut act = Act::new(None, Kind::Open, body);
    act.body.fields = vec![("category".to_owned(), FieldValue::Text("B".to_owned()))];
    act.body.documents = vec![paper.clone()];
    act.files = vec![file];
    let answer = stage.city.act("/v1/cases", act, &stage.clerk).await?;
    let case = ogic_certs::CaseId::from_hex(&answer::text(&answer, "/case"), "case")?;

    let shown = stage.city.get(&format!("/v1/cases/{case}?purpose=opening")).await?;
    for (pointer, expected) in [
        ("/status", "open"),
        ("/citizen", citizen.as_str()),
        ("/service", "driving-licence"),
        ("/head/seq", "0"),
        ("/history/0/kind", "open"),
        ("/history/0/effect", "held"),
        ("/history/0/approved_by", "official/clerk-1"),
        ("/history/0/documents/0/sha256", &paper.sha256.to_string()),
        ("/plan/0/step", "application"),
        ("/plan/0/state", "done"),
        ("/plan/1/step", "medical"),
        ("/plan/1/state", "open"),
        ("/plan/2/state", "planned"),
    ] {
        equal(&format!("city: case {pointer}"), answer::text(&shown, pointer), expected)?;
    }
    let facts = json!({
        "case": case.to_string(), "short": format!("{}…", &case.to_string()[..8]), "citizen": citizen, "official": "official/clerk-1",
        "document": paper.sha256.to_string(), "bytes": paper.bytes, "service": service.to_string(),
    });
    Ok((Opened { case, citizen, service }, facts))
}

/// Transport hands the medical step to health: read, and append to that step.
pub(super) async fn share(stage: &Stage, opened: &Opened, ground: &str) -> Outcome<(Granted, Facts)> {
    let (granted, reference) = grant(stage, opened, ground).await?;
    let day = |pointer: &str| answer::time(&reference, pointer).chars().take(10).collect::<String>();
    let facts = json!({
        "due": day("/deadline"), "until": day("/expires"),
        "grant": granted.grant.to_string(),
        "to": stage.health.agency.as_str(),
        "purpose": reference["purpose"], "ground": reference["ground"], "performer": reference["performer"],
        "steps": answer::text(&reference, "/steps"),
        "deadline": answer::time(&reference, "/deadline"), "expires": answer::time(&reference, "/expires"),
    });
    Ok((granted, facts))
}

/// Gives the right, and waits until health has verified and kept the reference.
pub(super) async fn grant(stage: &Stage, opened: &Opened, ground: &str) -> Outcome<(Granted, Value)> {
    let terms = Terms {
        grantee: stage.health.agency.clone(),
        read: true,
        steps: vec!["medical".to_owned()],
        purpose: "medical examination of a driver".to_owned(),
        ground: format!("referral {ground}"),
        performer: "official/physician-1".to_owned(),
        deadline: Some(now().plus_ms(10 * DAY_MS)),
        expires: now().plus_ms(14 * DAY_MS),
    };
    let act = Act::new(Some(opened.case), Kind::Share, Body::of(Detail::Share(terms.clone())));
    let path = format!("/v1/cases/{}/events", opened.case);
    let answer = stage.transport.act(&path, act, &stage.licensing).await?;
    let grant = ogic_certs::EventId::from_hex(&answer::text(&answer, "/event"), "event")?;
    let reference = until("health: reference", async || {
        let references = stage.health.get("/v1/references").await?;
        let found = answer::list(&references, "/references").iter().find(|r| r["grant"] == grant.to_string());
        Ok(found.cloned())
    })
    .await?;
    for (pointer, expected) in [
        ("/case", opened.case.to_string()),
        ("/home", stage.transport.agency.to_string()),
        ("/service", opened.service.to_string()),
        ("/purpose", terms.purpose.clone()),
        ("/ground", terms.ground.clone()),
        ("/performer", terms.performer.clone()),
        ("/steps", "medical".to_owned()),
        ("/expires", terms.expires.ms().to_string()),
    ] {
        equal(&format!("health: reference {pointer}"), answer::text(&reference, pointer), expected)?;
    }
    Ok((Granted { grant }, reference))
}

/// Writes a new file.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Outcome {
    std::fs::write(path, bytes).map_err(|error| Failure::file(path, &error))
}

/// The step of a plan.
pub(super) fn step_state(case: &Value, step: &str) -> Outcome<String> {
    let found = answer::list(case, "/plan").iter().find(|planned| planned["step"] == step);
    match found {
        Some(planned) => Ok(answer::text(planned, "/state")),
        None => Err(Problem::new(Code::StepUnknown, "plan").found(step).into()),
    }
}
