//! Act seven: the case is closed as granted and exported, every daemon is stopped, and the capsule is verified offline,
//! whole and with single bytes changed.

use std::ffi::OsStr;
use std::path::PathBuf;

use ogic_certs::Digest;
use ogic_certs::event::{Body, Detail, FieldValue, Kind, Outcome as Ending};
use serde_json::{Value, json};

use super::begin::{Opened, write};
use super::check::{equal, holds};
use super::crash::Crash;
use super::party::{Ran, ogic};
use super::report::{Facts, Report};
use super::stage::Stage;
use crate::answer;
use crate::case::act::Act;
use crate::output::{Failure, Outcome};

/// Places of the capsule at which a byte is changed.
const FLIPS: u64 = 64;

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
    // What verification needs is copied while it is public: the registry, as anybody may have it.
    write(&stage.at("registry.cose"), &stage.authority.bytes("/v1/registry").await?)?;
    write(&stage.at("authority.crl"), &stage.authority.bytes("/v1/crl").await?)?;
    let mut stopped = 0;
    for party in stage.parties() {
        party.alive()?;
        party.stop().await?;
        stopped += 1;
    }
    Ok(((), json!({"daemons": stopped})))
}

/// Runs `ogic verify` on a capsule, trusting what health pinned when it joined.
pub(super) async fn verified(stage: &Stage, file: &std::path::Path) -> Outcome<Ran> {
    let pin = stage.health.folder.join("pin.toml");
    let registry = stage.at("registry.cose");
    let words: [&OsStr; 6] = [
        "verify".as_ref(),
        file.as_os_str(),
        "--trust".as_ref(),
        registry.as_os_str(),
        "--pin".as_ref(),
        pin.as_os_str(),
    ];
    ogic(&stage.exe, &words, None).await
}

/// The capsule as it is, and with one byte changed at many places.
pub(super) async fn verify(stage: &Stage, capsule: &Capsule, seed: u64) -> Outcome<((), Facts)> {
    let said = verified(stage, &capsule.file).await?.done()?;
    let bytes = std::fs::read(&capsule.file).map_err(|error| Failure::file(&capsule.file, &error))?;
    let changed = stage.at("changed.ogic");
    let mut named = std::collections::BTreeSet::new();
    for flip in 0..FLIPS {
        let draw = Digest::of_parts(&[b"ogic demo flip", &seed.to_be_bytes(), &flip.to_be_bytes()]);
        let number =
            draw.as_bytes().iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let place = usize::try_from(number % capsule.bytes).unwrap_or_default();
        let bit = draw.as_bytes().last().copied().unwrap_or_default() % 8;
        let mut copy = bytes.clone();
        if let Some(byte) = copy.get_mut(place) {
            *byte ^= 1 << bit;
        }
        write(&changed, &copy)?;
        let ran = verified(stage, &changed).await?;
        equal(&format!("capsule with byte {place} changed: exit code"), ran.exit, 5)?;
        let field = answer::text(&ran.said, "/error/field");
        holds(&format!("capsule with byte {place} changed: a place is named"), field != answer::NOTHING)?;
        named.insert(field);
    }
    std::fs::remove_file(&changed).map_err(|error| Failure::file(&changed, &error))?;
    let facts = json!({
        "records": capsule.records, "verdict": said["verdict"], "flips": FLIPS, "exit": 5,
        "places": named.len(),
    });
    Ok(((), facts))
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
