//! Act seven: the case is closed as granted and exported, and every daemon is stopped.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use ogic_certs::event::{Body, Detail, FieldValue, Kind, Outcome as Ending};
use serde_json::{Value, json};

use super::begin::{Opened, write};
use super::check::equal;
use super::crash::Crash;
use super::report::{Facts, Report};
use super::stage::Stage;
use crate::answer;
use crate::case::act::Act;
use crate::output::{Failure, Outcome};

/// The exported case.
#[derive(Debug)]
pub(super) struct Capsule {
    /// The file.
    pub(super) file: PathBuf,
    /// Its length.
    pub(super) bytes: u64,
    /// Its records.
    pub(super) records: u64,
}

/// Transport decides, closes the case as granted, and exports it.
pub(super) async fn close(stage: &Stage, opened: &Opened) -> Outcome<(Capsule, Facts)> {
    let path = format!("/v1/cases/{}/events", opened.case);
    let mut act = Act::new(Some(opened.case), Kind::Step, Body::of(Detail::None));
    act.step = Some("decision".to_owned());
    act.code = Some("done");
    act.body.fields = vec![("licence".to_owned(), FieldValue::Text("category B".to_owned()))];
    stage.transport.act(&path, act, &stage.licensing).await?;
    let body = Body::of(Detail::Close { reason: "all steps are done".to_owned() });
    let mut act = Act::new(Some(opened.case), Kind::Close, body);
    act.code = Some(Ending::Granted.as_str());
    let closed = stage.transport.act(&path, act, &stage.licensing).await?;
    let shown = stage.transport.get(&format!("/v1/cases/{}?purpose=demo", opened.case)).await?;
    for (pointer, expected) in [("/status", "closed"), ("/outcome", "granted")] {
        equal(&format!("transport: case {pointer}"), answer::text(&shown, pointer), expected)?;
    }
    for step in answer::list(&shown, "/plan") {
        equal("transport: step of the plan", answer::text(step, "/state"), "done")?;
    }
    let file = stage.at("case.ogic");
    write(&file, &stage.transport.bytes(&format!("/v1/cases/{}/export", opened.case)).await?)?;
    let bytes = std::fs::metadata(&file).map_err(|error| Failure::file(&file, &error))?.len();
    let records = closed["seq"].as_u64().unwrap_or_default() + 1;
    let facts = json!({
        "case": opened.case.to_string(), "records": records, "bytes": bytes, "outcome": "granted",
        "file": file.display().to_string(),
    });
    Ok((Capsule { file, bytes, records }, facts))
}

/// What the daemons have counted, for the table.
pub(super) async fn figures(stage: &Stage, crash: &Crash, report: &mut Report<'_>) -> Outcome {
    let transport = stage.transport.get("/v1/status").await?["counters"].clone();
    let health = stage.health.get("/v1/status").await?["counters"].clone();
    let city = stage.city.get("/v1/status").await?["counters"].clone();
    // Health counts anew since it was killed; what it had counted was asked before.
    for counters in [&city, &transport, &health, &crash.before] {
        for (name, value) in counters.as_object().into_iter().flatten() {
            report.add(name, value.as_u64().unwrap_or_default());
        }
    }
    let ttp = stage.ttp.get("/v1/status").await?;
    report.figure("evidence", ttp["evidence"].as_u64().unwrap_or_default());
    Ok(())
}

/// Ends every daemon as an operator does.
pub(super) async fn stop(stage: &mut Stage, keep: bool) -> Outcome<((), Facts)> {
    // What verification needs is copied while it is public: the registry, as anybody may have it.
    write(&stage.at("registry.cose"), &stage.authority.bytes("/v1/registry").await?)?;
    write(&stage.at("authority.crl"), &stage.authority.bytes("/v1/crl").await?)?;
    let mut stopped = 0;
    for party in stage.parties() {
        party.alive()?;
        party.stop().await?;
        stopped += 1;
    }
    Ok(((), json!({"daemons": stopped, "keep": if keep { "yes" } else { "no" }})))
}

/// The words of `ogic verify` for a capsule, trusting the registry that was fetched under the pin that health made when it
/// joined.
pub(super) fn verification(stage: &Stage, file: &Path) -> [OsString; 6] {
    let pin = stage.health.folder.join("pin.toml");
    let registry = stage.at("registry.cose");
    ["verify".into(), file.into(), "--trust".into(), registry.into(), "--pin".into(), pin.into()]
}

/// Starts the daemons again, to be left running, and says how to talk to them.
pub(super) async fn keep(stage: &mut Stage, opened: &Opened) -> Outcome<Value> {
    let exe = stage.exe.clone();
    let mut parties = stage.parties();
    parties.reverse();
    let mut commands = Vec::new();
    let mut processes = Vec::new();
    let ogic = quoted(&exe);
    for party in parties {
        party.leave(&exe).await?;
        processes.extend(party.process().map(|id| id.to_string()));
        commands.push(format!("{ogic} status --data {}", quoted(&party.folder)));
    }
    stage.met().await?;
    let home = quoted(&stage.transport.folder);
    commands.push(format!("{ogic} case show {} --data {home}", opened.case));
    commands.push(format!("{ogic} case access {} --data {home}", opened.case));
    commands.push(format!("{ogic} peers --data {}", quoted(&stage.health.folder)));
    commands.push(format!("{ogic} ttp evidence --data {}", quoted(&stage.ttp.folder)));
    let verify = verification(stage, &stage.at("case.ogic"));
    let verify = verify.iter().map(|word| crate::change::quoted(&word.to_string_lossy()));
    commands.push(format!("{ogic} {}", verify.collect::<Vec<_>>().join(" ")));
    commands.push(format!("kill {}", processes.join(" ")));
    Ok(json!({"folder": stage.folder.display().to_string(), "processes": processes, "commands": commands}))
}

fn quoted(path: &Path) -> String {
    crate::change::quoted(&path.display().to_string())
}
