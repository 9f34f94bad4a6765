//! Act six: health's node is killed at a seeded moment while it sends, and restarted. What was acknowledged stands in the
//! oracle, outside of both nodes, and is then held against their histories byte for byte: nothing lost, nothing twice.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ogic_certs::event::{Body, Detail, FieldValue, Kind};
use ogic_certs::{Code, Digest};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::begin::{Opened, grant};
use super::check::{self, equal, holds};
use super::oracle::{self, Line, Oracle, Place};
use super::report::Facts;
use super::stage::Stage;
use crate::answer;
use crate::case::act::Act;
use crate::client::{Client, Key, random};
use crate::federation::{now, until};
use crate::output::{Failure, Outcome};

/// Events that are sent.
const NOTES: usize = 200;
/// Events that are asked for at once.
const IN_FLIGHT: usize = 16;

/// The longest time from the drawn acknowledgement to the kill, in microseconds: about two commits.
const PHASE_US_MAX: u64 = 8_000;

/// What the table says of the act.
#[derive(Debug)]
pub(super) struct Crash {
    /// Milliseconds from asking to the receipt, of the events that the kill did not cut: the median.
    pub(super) p50_ms: u64,
    /// The 99th percentile.
    pub(super) p99_ms: u64,
    /// Health's counters just before the kill.
    pub(super) before: Value,
}

/// One event to be sent, whole: however often it is asked for, it is asked for under one key with the same bytes.
#[derive(Clone, Debug)]
struct Note {
    number: usize,
    key: Key,
    request: Value,
    body: Digest,
}

/// What the senders share.
#[derive(Debug)]
struct Sending {
    client: Client,
    path: String,
    waiting: Mutex<VecDeque<Note>>,
    unanswered: Mutex<Vec<Note>>,
    oracle: Mutex<Oracle>,
    /// Milliseconds to each receipt.
    times: Mutex<Vec<u64>>,
    /// Told when so many lines are in the oracle.
    kill_at: usize,
    kill: Mutex<Option<oneshot::Sender<()>>>,
}

pub(super) async fn play(stage: &mut Stage, opened: &Opened, seed: u64) -> Outcome<(Crash, Facts)> {
    // The right was taken back: sending needs a new one.
    grant(stage, opened, "demo-2").await?;
    let first = head(stage, opened).await? + 1;
    let path = stage.at("oracle.jsonl");
    let (killer, killed) = oneshot::channel();
    // Not among the first and not among the last, so that both sides have work on their hands.
    let kill_at = NOTES / 10 + usize::try_from(drawn(seed, 0) % (NOTES as u64 * 7 / 10)).unwrap_or_default();
    let sending = Arc::new(Sending {
        client: stage.health.client(),
        path: format!("/v1/cases/{}/events?wait=45000", opened.case),
        waiting: Mutex::new(notes(opened, seed)?),
        unanswered: Mutex::default(),
        oracle: Mutex::new(Oracle::create(&path)?),
        times: Mutex::default(),
        kill_at,
        kill: Mutex::new(Some(killer)),
    });
    let before = stage.health.get("/v1/status").await?["counters"].clone();

    let mut senders = send(&sending);
    let acted = tokio::select! {
        told = killed => told.is_ok(),
        () = ended(&mut senders) => false,
    };
    holds("health: killed while it sends", acted)?;
    // Answers come in bursts, one a commit: a moment later the node is somewhere between two of them.
    tokio::time::sleep(Duration::from_micros(drawn(seed, u64::MAX) % PHASE_US_MAX)).await;
    let cut = Instant::now();
    stage.health.kill().await?;
    ended(&mut senders).await;
    let acknowledged = lock(&sending.oracle).lines;
    let old = stage.health.endpoint.clone();
    let exe = stage.exe.clone();
    stage.health.start(&exe).await?;
    let back_ms = u64::try_from(cut.elapsed().as_millis()).unwrap_or(u64::MAX);
    holds("health: another port", stage.health.endpoint != old)?;

    // Those whose answer was lost are asked for again, under the same keys; then the others.
    let repeated = std::mem::take(&mut *lock(&sending.unanswered));
    let lost = repeated.len();
    holds("health: requests cut by the kill", lost > 0)?;
    for note in repeated.into_iter().rev() {
        lock(&sending.waiting).push_front(note);
    }
    let mut senders = send(&sending);
    ended(&mut senders).await;
    equal("health: unanswered after the restart", lock(&sending.unanswered).len(), 0)?;
    until("health: outbox", async || {
        let status = stage.health.get("/v1/status").await?;
        Ok((answer::text(&status, "/outbox/waiting") == "0").then_some(()))
    })
    .await?;

    let compared = compare(stage, opened, &path, first).await?;
    let (p50_ms, p99_ms) = percentiles(&mut lock(&sending.times));
    let facts = json!({
        "sent": NOTES, "killed_after": kill_at, "acknowledged_before": acknowledged, "repeated": lost,
        "back_ms": back_ms, "compared": compared,
        "p50_ms": p50_ms, "p99_ms": p99_ms,
    });
    Ok((Crash { p50_ms, p99_ms, before }, facts))
}

/// The events, each with its key and its bytes, in order.
fn notes(opened: &Opened, seed: u64) -> Outcome<VecDeque<Note>> {
    (0..NOTES)
        .map(|number| {
            let mut act = Act::new(Some(opened.case), Kind::Note, Body::of(Detail::None));
            let number_field = FieldValue::Int(i64::try_from(number).unwrap_or_default());
            let text = format!("observation {:016x}", drawn(seed, number as u64 + 1));
            act.body.fields =
                vec![("number".to_owned(), number_field), ("text".to_owned(), FieldValue::Text(text))];
            let blob = act.blob(&random()?)?;
            let request = act.request(&blob, None, now())?;
            Ok(Note { number, key: Key::random()?, request, body: Digest::of(&blob) })
        })
        .collect()
}

/// Starts the senders; each takes the next event as soon as it has an answer, and ends when an answer was lost.
fn send(sending: &Arc<Sending>) -> JoinSet<Outcome> {
    let mut senders = JoinSet::new();
    for _ in 0..IN_FLIGHT {
        let sending = Arc::clone(sending);
        senders.spawn(async move {
            while sending.next().await? {}
            Ok(())
        });
    }
    senders
}

/// Waits until every sender has ended; one that failed is told by the event that it left unanswered.
async fn ended(senders: &mut JoinSet<Outcome>) {
    while let Some(ended) = senders.join_next().await {
        if let Ok(Err(failure)) = ended {
            tracing::debug!(problem = %failure.problem, "sender");
        }
    }
}

impl Sending {
    /// Sends one event; false when there is none left or the node is gone.
    async fn next(&self) -> Outcome<bool> {
        let Some(note) = lock(&self.waiting).pop_front() else { return Ok(false) };
        let asked = Instant::now();
        match self.client.post(&self.path, &note.request, &note.key).await {
            Ok(answer) => {
                if answer["state"] == "receipted" {
                    lock(&self.times).push(u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX));
                }
                self.acknowledged(&note, &answer)?;
                Ok(true)
            }
            Err(failure) => {
                let lost = matches!(failure.problem.code, Code::AnswerLost | Code::NodeUnreachable);
                lock(&self.unanswered).push(note);
                if lost { Ok(false) } else { Err(failure) }
            }
        }
    }

    /// Writes down what the node has promised.
    fn acknowledged(&self, note: &Note, answer: &Value) -> Outcome {
        let place = answer["seq"].as_u64().map(|seq| Place { seq, record: answer::text(answer, "/record") });
        let event = answer::text(answer, "/event");
        let mut oracle = lock(&self.oracle);
        oracle.add(&Line { note: note.number, event, body: note.body.to_string(), place })?;
        if oracle.lines >= self.kill_at
            && let Some(kill) = lock(&self.kill).take()
        {
            // The play waits for exactly this.
            let _ = kill.send(());
        }
        Ok(())
    }
}

/// The oracle against both sides; says how many events were compared.
async fn compare(stage: &Stage, opened: &Opened, path: &std::path::Path, first: u64) -> Outcome<usize> {
    let lines = oracle::read(path)?;
    let numbers: BTreeSet<usize> = lines.iter().map(|line| line.note).collect();
    equal("oracle: acknowledged events", lines.len(), NOTES)?;
    equal("oracle: different notes", numbers.len(), NOTES)?;
    let case = opened.case.to_string();
    let history = check::history(&stage.transport, &case, first).await?;
    let recorded = history.iter().filter(|entry| entry.event.header.value().kind == Kind::Note);
    let recorded: BTreeMap<_, _> = recorded.map(|entry| (entry.event.id(), entry)).collect();
    let notes = history.iter().filter(|entry| entry.event.header.value().kind == Kind::Note).count();
    equal("transport: notes in the history", notes, NOTES)?;
    equal("transport: different notes in the history", recorded.len(), NOTES)?;
    let bodies: BTreeSet<Digest> = history.iter().map(|entry| Digest::of(&entry.event.body)).collect();
    equal("transport: different bodies in the history", bodies.len(), history.len())?;

    let sent = stage.health.get(&format!("/v1/sent?case={case}")).await?;
    let trust = stage.trust_of(&stage.health)?;
    let seal = stage.transport.chain("seal")?;
    let mut frames = BTreeMap::new();
    for line in &lines {
        let event = line.id()?;
        let at = |what: &str| format!("event {event}: {what}");
        let Some(entry) = recorded.get(&event) else { return Err(lost(&at("lost by transport"))) };
        let held = check::sent(&sent, &line.event)?;
        let (header, body) = (check::bytes(held, "/header")?, check::bytes(held, "/body")?);
        holds(&at("the same header on both sides"), header == entry.event.header.bytes())?;
        holds(&at("the same body on both sides"), body == entry.event.body)?;
        equal(&at("body"), Digest::of(&body).to_string(), line.body()?.to_string())?;
        equal(&at("header"), Digest::of(&header).to_string(), event.to_string())?;
        if let Some(place) = &line.place {
            equal(&at("place"), entry.record.seq, place.seq)?;
            equal(&at("record"), entry.record.digest().to_string(), place.record.clone())?;
        }
        let bytes = check::bytes(held, "/receipt")?;
        let digest = Digest::of(&bytes);
        if let std::collections::btree_map::Entry::Vacant(new) = frames.entry(digest) {
            new.insert(check::receipt(&bytes, &trust, &seal, &stage.transport.agency, now())?);
        }
        let proven = frames.get(&digest).and_then(|frame| frame.leaf_for_event(event));
        holds(&at("receipt"), proven == Some((entry.index, &entry.record)))?;
    }
    Ok(lines.len())
}

fn lost(what: &str) -> Failure {
    ogic_certs::Problem::new(Code::Internal, what).found("nothing").expected("the acknowledged event").into()
}

async fn head(stage: &Stage, opened: &Opened) -> Outcome<u64> {
    let shown = stage.transport.get(&format!("/v1/cases/{}?purpose=demo", opened.case)).await?;
    Ok(shown.pointer("/head/seq").and_then(Value::as_u64).unwrap_or_default())
}

/// The number at `place` of the sequence that `seed` begins.
fn drawn(seed: u64, place: u64) -> u64 {
    let digest = Digest::of_parts(&[b"ogic demo", &seed.to_be_bytes(), &place.to_be_bytes()]);
    digest.as_bytes().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn percentiles(times: &mut [u64]) -> (u64, u64) {
    times.sort_unstable();
    let at = |percent: usize| {
        let last = times.len().saturating_sub(1);
        times.get((times.len() * percent / 100).min(last)).copied().unwrap_or_default()
    };
    (at(50), at(99))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every holder leaves it whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_sorted_times() {
        assert_eq!(percentiles(&mut []), (0, 0));
        assert_eq!(percentiles(&mut [7]), (7, 7));
        let mut hundred: Vec<u64> = (0..100).rev().collect();
        assert_eq!(percentiles(&mut hundred), (50, 99));
    }

    #[test]
    fn a_seed_gives_one_sequence_and_another_seed_another() {
        assert_eq!(drawn(1, 0), drawn(1, 0));
        assert_ne!(drawn(1, 0), drawn(2, 0));
        assert_ne!(drawn(1, 0), drawn(1, 1));
    }
}
