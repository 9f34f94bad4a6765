//! Act three: health reads the case under the reference, and brings its medical certificate as a signed event. Transport
//! verifies for itself, the third party by its own data; its evidence stands in the history, and health holds a receipt.

use ogic_certs::event::{Body, Detail, FieldValue, Kind, StepTimes};
use ogic_certs::{Digest, EventId};
use serde_json::{Value, json};

use super::begin::{Opened, step_state, write};
use super::check::{self, equal, holds};
use super::papers;
use super::report::Facts;
use super::stage::Stage;
use crate::answer;
use crate::case::act::Act;
use crate::document;
use crate::federation::{now, until};
use crate::output::Outcome;

pub(super) async fn play(stage: &Stage, opened: &Opened, seed: u64) -> Outcome<((), Facts)> {
    let path = format!("/v1/cases/{}", opened.case);
    let read = stage.health.get(&format!("{path}?purpose=medical%20examination")).await?;
    let home = stage.transport.get(&format!("{path}?purpose=demo")).await?;
    equal("health: head", answer::text(&read, "/head/record"), answer::text(&home, "/head/record"))?;
    equal("health: medical step", step_state(&read, "medical")?, "open")?;
    // The definition came with the case, by digest and under its publisher's seal.
    let services = stage.health.get("/v1/services").await?;
    let held = answer::list(&services, "/services").iter().any(|s| s["digest"] == opened.service.to_string());
    holds("health: service definition", held)?;

    let (event, paper, place) = bring(stage, opened, seed).await?;
    let effect = effect_of(stage, opened, event).await?;
    equal("transport: effect of the medical event", effect, "held")?;
    let home = stage.transport.get(&format!("{path}?purpose=demo")).await?;
    equal("transport: medical step", step_state(&home, "medical")?, "done")?;
    equal("transport: decision step", step_state(&home, "decision")?, "open")?;

    let proof = proofs(stage, opened, event, &place).await?;
    holds("home: its own verdict", proof.own.passed())?;
    holds("third party: verdict", proof.evidence.judgement.verdict == check::PASSED)?;
    let theirs = stage.ttp.bytes(&format!("/v1/evidence/{event}")).await?;
    holds("third party: the same evidence in its archive", theirs == proof.bytes)?;

    let copy = stage.transport.bytes(&format!("/v1/documents/{}?case={}", paper.sha256, opened.case)).await?;
    equal("transport: document", Digest::of(&copy).to_string(), paper.sha256.to_string())?;
    let facts = json!({
        "event": event.to_string(), "seq": place["seq"], "official": "official/physician-1",
        "document": paper.sha256.to_string(), "bytes": paper.bytes,
        "verdict": proof.evidence.judgement.verdict.as_str(), "checks": proof.evidence.checks.len(),
        "evidence_seq": proof.seq, "log_size": proof.log_size,
    });
    Ok(((), facts))
}

/// Health's event, with its certificate of more than one chunk.
async fn bring(
    stage: &Stage,
    opened: &Opened,
    seed: u64,
) -> Outcome<(EventId, ogic_certs::event::DocumentRef, Value)> {
    let lines = [
        format!("citizen: {}", opened.citizen),
        "fit to drive, category B".to_owned(),
        "issued by: official/physician-1".to_owned(),
    ];
    let file = stage.at("medical-certificate.pdf");
    write(&file, &papers::scanned("Medical certificate", &lines, seed))?;
    let paper = document::describe(&file, Some("medical-certificate")).await?;
    let mut act = Act::new(Some(opened.case), Kind::Step, Body::of(Detail::None));
    act.step = Some("medical".to_owned());
    act.code = Some("done");
    let ended = now();
    act.times = StepTimes { received: Some(ended), started: Some(ended), ended: Some(ended) };
    act.body.fields = vec![("fit".to_owned(), FieldValue::Bool(true))];
    act.body.documents = vec![paper.clone()];
    act.files = vec![file];
    let path = format!("/v1/cases/{}/events?wait=45000", opened.case);
    let place = stage.health.act(&path, act, &stage.physician).await?;
    equal("health: state of its event", answer::text(&place, "/state"), "receipted")?;
    let event = EventId::from_hex(&answer::text(&place, "/event"), "event")?;
    Ok((event, paper, place))
}

/// Waits until an event of the case is no longer pending, and says what it did.
pub(super) async fn effect_of(stage: &Stage, opened: &Opened, event: EventId) -> Outcome<String> {
    until("transport: evidence", async || {
        let state = stage.transport.get(&format!("/v1/events/{event}?case={}", opened.case)).await?;
        Ok((state["pending"] == false).then_some(()))
    })
    .await?;
    let shown = stage.transport.get(&format!("/v1/cases/{}?purpose=demo", opened.case)).await?;
    let entry = answer::list(&shown, "/history").iter().find(|entry| entry["event"] == event.to_string());
    Ok(entry.map_or_else(|| answer::NOTHING.to_owned(), |entry| answer::text(entry, "/effect")))
}

/// What stands in the home's history and in health's hands about one event, verified offline.
#[derive(Debug)]
pub(super) struct Proofs {
    /// The home's own judgement.
    pub(super) own: ogic_certs::evidence::Judgement,
    /// The third party's evidence.
    pub(super) evidence: ogic_certs::evidence::Evidence,
    /// Its bytes.
    pub(super) bytes: Vec<u8>,
    /// The record that carries it.
    pub(super) seq: u64,
    /// The size of the home's log under which health holds its receipt.
    pub(super) log_size: u64,
}

/// Verifies evidence and receipt of an event of health; `place` is where health was told that it stands.
pub(super) async fn proofs(stage: &Stage, opened: &Opened, event: EventId, place: &Value) -> Outcome<Proofs> {
    let case = opened.case.to_string();
    let trust = stage.trust_of(&stage.health)?;
    let history = check::history(&stage.transport, &case, 0).await?;
    let entry = history.iter().find(|entry| entry.event.id() == event);
    let record = entry.map(|entry| entry.record);
    holds("transport: the record of the event", record.is_some())?;
    let Some(verdicts) = check::verdicts(&history, event)? else {
        holds("transport: the record of the evidence", false)?;
        return Err(ogic_certs::Problem::new(ogic_certs::Code::NotFound, "evidence").into());
    };
    let chain = stage.ttp.chain("ttp")?;
    let home = &stage.transport.agency;
    let evidence = check::evidence(&verdicts.evidence, &trust, &chain, event, home, now())?;

    let sent = stage.health.get(&format!("/v1/sent?case={case}")).await?;
    let sent = check::sent(&sent, &event.to_string())?;
    let seal = stage.transport.chain("seal")?;
    let frame = check::receipt(&check::bytes(sent, "/receipt")?, &trust, &seal, home, now())?;
    let proven = frame.leaf_for_event(event).map(|(_, record)| *record);
    holds("health: the receipt proves the home's record", proven.is_some() && proven == record)?;
    if let Some(record) = record {
        equal("health: place", answer::text(place, "/seq"), record.seq.to_string())?;
        equal("health: record", answer::text(place, "/record"), record.digest().to_string())?;
    }
    let checkpoint =
        ogic_certs::cose::Signed::<ogic_certs::checkpoint::Checkpoint>::parse(frame.checkpoint_cose())?;
    let log_size = checkpoint.value().size;
    Ok(Proofs { own: verdicts.own, evidence, bytes: verdicts.evidence, seq: verdicts.seq, log_size })
}
