//! Act five: transport takes the right back, and health, which knows nothing of it, is refused by the home at once. The
//! looks before and the refused try stand in the access log, which is records of the same journal.

use std::ffi::OsStr;

use ogic_certs::event::{Body, Detail, Kind};
use serde_json::{Value, json};

use super::begin::{Granted, Opened};
use super::check::{equal, holds};
use super::report::Facts;
use super::stage::Stage;
use crate::answer;
use crate::case::act::Act;
use crate::federation::party::ogic;
use crate::output::Outcome;

pub(super) async fn play(stage: &Stage, opened: &Opened, granted: &Granted) -> Outcome<((), Facts)> {
    let detail = Detail::Unshare { grant: granted.grant, reason: "examination is finished".to_owned() };
    let act = Act::new(Some(opened.case), Kind::Unshare, Body::of(detail));
    stage.transport.act(&format!("/v1/cases/{}/events", opened.case), act, &stage.licensing).await?;
    let leaves = size(stage).await?;

    // As a person at health would: by the command, whose exit code a script goes by.
    let case = opened.case.to_string();
    let words = ["case", "show", &case, "--purpose", "curiosity", "--data"].map(OsStr::new);
    let words = words.into_iter().chain([stage.health.folder.as_os_str()]).collect::<Vec<_>>();
    let (exit, code) = ogic(&stage.exe, &words, None).await?.refused();
    equal("health: exit code of case show", exit, 4)?;
    equal("health: code of case show", code.as_str(), "OGIC-3003")?;
    let after = size(stage).await?;
    equal("transport: log entries of the refused try", after, leaves + 1)?;

    let access = stage.transport.get(&format!("/v1/cases/{case}/access")).await?;
    let of_health: Vec<&Value> = answer::list(&access, "/access")
        .iter()
        .filter(|entry| entry["who"] == stage.health.agency.as_str())
        .collect();
    let looks = of_health.iter().filter(|entry| entry["code"].is_null());
    let looks = looks.filter(|entry| entry["purpose"] == "medical examination").count();
    holds("transport: health's looks in the access log", looks >= 1)?;
    let refused: Vec<&&Value> = of_health.iter().filter(|entry| entry["code"] == "OGIC-3003").collect();
    equal("transport: refused tries in the access log", refused.len(), 1)?;
    let purpose = refused.first().map(|entry| answer::text(entry, "/purpose")).unwrap_or_default();
    equal("transport: purpose of the refused try", purpose.as_str(), "curiosity")?;
    let facts = json!({
        "grant": granted.grant.to_string(), "code": code, "exit": exit,
        "looks": looks, "refused": refused.len(), "log_size": after,
    });
    Ok(((), facts))
}

async fn size(stage: &Stage) -> Outcome<u64> {
    let status = stage.transport.get("/v1/status").await?;
    Ok(status.pointer("/log/size").and_then(Value::as_u64).unwrap_or_default())
}
