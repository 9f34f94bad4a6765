//! `ogic bench store`: rows that follow a journal, in sled and in memory, and the journal alone. The rows are such as a
//! node makes; nothing is decided or signed here.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use ogic_certs::{CaseId, Digest, EventId};
use ogic_node::store::{Batch, CaseRow, MemoryStore, Position, RecordRow, SledStore, Store};
use serde_json::{Value, json};

use super::baseline::{self, Rate};
use super::exchange::rounded;
use super::report::Report;
use super::{Place, at_most, journal};
use crate::invocation::Invocation;
use crate::output::{Failure, Outcome};
use crate::parse;

/// Records of one batch: as many as the node lets its store take at once.
const BATCH_RECORDS: usize = 4096;
/// Bytes of a folded case, about what a case of a few steps takes.
const STATE_BYTES: usize = 600;
/// Cases that are looked up.
const LOOKS: usize = 10_000;
const ORIGIN: &str = "ogic bench store";

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[arg(long, value_name = "NUMBER", value_parser = parse::count, default_value = "1000")]
    cases: usize,
    #[arg(long, value_name = "NUMBER", value_parser = parse::count, default_value = "200000")]
    records: usize,
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, run: &Invocation) -> Outcome {
    let place = Place::new(arguments.dir.as_deref())?;
    let mut report = Report::new("store", &place.folder);
    let mut appends = Rate::default();
    let batches = batches(arguments.cases, arguments.records);
    baseline::appends(&place.folder, &mut appends)?;

    run.console.talk("bench-store", [("store", "sled".into()), ("records", arguments.records.into())]);
    report.row(sled(&place.folder.join("sled"), &batches)?);
    run.console.talk("bench-store", [("store", "memory".into()), ("records", arguments.records.into())]);
    report.row(memory(&batches)?);
    for batch in journal::BATCHES {
        baseline::appends(&place.folder, &mut appends)?;
        run.console.talk("bench-journal", [("batch", batch.into())]);
        report.row(journal::measure(
            &place.folder.join(format!("journal-{batch}")),
            batch,
            arguments.records,
        )?);
    }
    baseline::appends(&place.folder, &mut appends)?;
    report.baseline("append_sync_per_s", appends.per_s().round());
    place.leave()?;
    run.console.result(&report.json(), |text| report.store(text))
}

fn sled(folder: &Path, batches: &[Batch]) -> Outcome<Value> {
    let mut store = SledStore::open(folder, ORIGIN)?.store;
    let applied = apply(&mut store, batches)?;
    let looks = looks(&store, batches)?;
    store.close()?;
    let bytes = bytes_under(folder)?;
    let begun = Instant::now();
    let mut store = SledStore::open(folder, ORIGIN)?.store;
    let kept = store.watermark()?;
    let reopened = begun.elapsed();
    let begun = Instant::now();
    store.clear()?;
    apply(&mut store, batches)?;
    let rebuilt = begun.elapsed();
    store.close()?;
    let mut row = row("sled", batches, applied, looks);
    row["bytes"] = bytes.into();
    row["reopen_ms"] = millis(reopened);
    row["rebuild_ms"] = millis(rebuilt);
    row["kept"] = (kept == watermark(batches)).into();
    Ok(row)
}

fn memory(batches: &[Batch]) -> Outcome<Value> {
    let mut store = MemoryStore::new();
    let applied = apply(&mut store, batches)?;
    let looks = looks(&store, batches)?;
    let begun = Instant::now();
    store.clear()?;
    apply(&mut store, batches)?;
    let rebuilt = begun.elapsed();
    let mut row = row("memory", batches, applied, looks);
    // Nothing lies on a disk, and nothing is there to be opened again.
    row["bytes"] = 0.into();
    row["reopen_ms"] = Value::Null;
    row["rebuild_ms"] = millis(rebuilt);
    row["kept"] = false.into();
    Ok(row)
}

fn row(store: &str, batches: &[Batch], applied: Duration, looks: Vec<Duration>) -> Value {
    let records: usize = batches.iter().map(|batch| batch.records.len()).sum();
    let us = |percent| rounded(at_most(&looks, percent).as_secs_f64() * 1e6, 10.0);
    json!({
        "part": "store",
        "store": store,
        "cases": batches.first().map_or(0, |batch| batch.cases.len()),
        "records": records,
        "batches": batches.len(),
        "records_per_s": rounded(records as f64 / applied.as_secs_f64().max(1e-6), 1.0),
        "looks": looks.len(),
        "case_p50_us": us(50),
        "case_p99_us": us(99),
    })
}

/// Rows as a node that works on all its cases in turn makes them.
fn batches(cases: usize, records: usize) -> Vec<Batch> {
    let ids: Vec<CaseId> = (0..cases as u64).map(|n| CaseId(Digest::of(&n.to_be_bytes()))).collect();
    let mut next = vec![0; ids.len()];
    let mut batches = Vec::new();
    let mut leaf = 0;
    // In the first batch each case is there, with records or without.
    let mut touched: Vec<usize> = (0..ids.len()).collect();
    let mut made = Vec::new();
    for number in 0..records {
        let at = number % ids.len().max(1);
        if let (Some(case), Some(seq)) = (ids.get(at), next.get_mut(at)) {
            let digest = Digest::of_parts(&[b"record", &(number as u64).to_be_bytes()]);
            let position =
                Position { segment: 1 + leaf / 8_192, offset: (leaf % 8_192) as u32 * 600, bytes: 600 };
            made.push((
                *case,
                RecordRow { seq: *seq, record: digest, event: EventId(digest), leaf, position },
            ));
            *seq += 1;
            leaf += 1;
            touched.push(at);
        }
        if made.len() == BATCH_RECORDS || number + 1 == records {
            touched.sort_unstable();
            touched.dedup();
            let rows = touched.drain(..).filter_map(|at| {
                Some(CaseRow {
                    case: *ids.get(at)?,
                    state: vec![at as u8; STATE_BYTES],
                    records: *next.get(at)?,
                })
            });
            batches.push(Batch {
                watermark: leaf,
                cases: rows.collect(),
                records: std::mem::take(&mut made),
            });
        }
    }
    batches
}

fn watermark(batches: &[Batch]) -> u64 {
    batches.last().map_or(0, |batch| batch.watermark)
}

fn apply(store: &mut impl Store, batches: &[Batch]) -> Outcome<Duration> {
    let begun = Instant::now();
    for batch in batches {
        store.apply(batch)?;
    }
    Ok(begun.elapsed())
}

/// How long each of many looks at a case took, sorted; the cases come in an order without pattern.
fn looks(store: &impl Store, batches: &[Batch]) -> Outcome<Vec<Duration>> {
    let ids: Vec<CaseId> =
        batches.iter().take(1).flat_map(|batch| &batch.cases).map(|row| row.case).collect();
    let mut took = Vec::with_capacity(LOOKS);
    // A stride that shares no factor with the number of cases comes to each of them.
    for at in (0..LOOKS).map(|look| look.wrapping_mul(7_919) % ids.len().max(1)) {
        let Some(id) = ids.get(at) else { break };
        let begun = Instant::now();
        std::hint::black_box(store.case(id)?);
        took.push(begun.elapsed());
    }
    took.sort_unstable();
    Ok(took)
}

fn bytes_under(folder: &Path) -> Outcome<u64> {
    let failed = |error: std::io::Error| Failure::file(folder, &error);
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let about = entry.metadata().map_err(failed)?;
        bytes += if about.is_dir() { bytes_under(&entry.path())? } else { about.len() };
    }
    Ok(bytes)
}

pub(super) fn millis(took: Duration) -> Value {
    rounded(took.as_secs_f64() * 1e3, 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_continue_each_other_and_a_store_takes_them_all() {
        for (cases, records) in [(1, 1), (3, 10_000), (1000, 50), (7, 8192)] {
            let batches = batches(cases, records);
            let mut store = MemoryStore::new();
            apply(&mut store, &batches).unwrap();
            assert_eq!(store.watermark().unwrap(), records as u64);
            let rows = store.cases(None, usize::MAX).unwrap();
            assert_eq!(rows.len(), cases, "{cases} {records}");
            assert_eq!(rows.iter().map(|row| row.records).sum::<u64>(), records as u64);
            assert_eq!(looks(&store, &batches).unwrap().len(), LOOKS);
        }
    }
}
