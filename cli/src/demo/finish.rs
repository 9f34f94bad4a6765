//! Act seven: the case is closed as granted, and every daemon is stopped.

use ogic_certs::event::{Body, Detail, FieldValue, Kind, Outcome as Ending};
use serde_json::{Value, json};

use super::begin::Opened;
use super::check::equal;
use super::crash::Crash;
use super::report::{Facts, Report};
use super::stage::Stage;
use crate::answer;
use crate::case::act::Act;
use crate::output::Outcome;

/// Transport decides, closes the case as granted, and exports it.
pub(super) async fn close(stage: &Stage, opened: &Opened) -> Outcome<((), Facts)> {
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
    let records = closed["seq"].as_u64().unwrap_or_default() + 1;
    Ok(((), json!({"case": opened.case.to_string(), "records": records, "outcome": "granted"})))
}

/// What the daemons have counted, for the table.
pub(super) async fn figures(stage: &Stage, crash: &Crash, report: &mut Report<'_>) -> Outcome {
    let transport = stage.transport.get("/v1/status").await?["counters"].clone();
    let health = stage.health.get("/v1/status").await?["counters"].clone();
    // Health counts anew since it was killed; what it had counted was asked before.
    for counters in [&transport, &health, &crash.before] {
        for (name, value) in counters.as_object().into_iter().flatten() {
            report.add(name, value.as_u64().unwrap_or_default());
        }
    }
    let ttp = stage.ttp.get("/v1/status").await?;
    report.figure("evidence", ttp["evidence"].as_u64().unwrap_or_default());
    Ok(())
}

/// Ends every daemon as an operator does.
pub(super) async fn stop(stage: &mut Stage) -> Outcome<((), Facts)> {
    let mut stopped = 0;
    for party in stage.parties() {
        party.alive()?;
        party.stop().await?;
        stopped += 1;
    }
    Ok(((), json!({"daemons": stopped})))
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
    commands.push(format!("kill {}", processes.join(" ")));
    Ok(json!({"folder": stage.folder.display().to_string(), "processes": processes, "commands": commands}))
}

fn quoted(path: &std::path::Path) -> String {
    crate::change::quoted(&path.display().to_string())
}
