//! The journal alone: commits of so many records, each written and made durable, and how long it takes to read it again.

use std::path::Path;
use std::time::{Duration, Instant};

use ogic_certs::Digest;
use ogic_certs::record::Record;
use ogic_node::log::{Entry, EntryKind, Log, RealDisk};
use serde_json::{Value, json};

use super::at_most;
use super::exchange::rounded;
use super::store::millis;
use crate::output::Outcome;

/// Records in one commit: alone, as many as one peer has on their way, as many as a commit takes.
pub(super) const BATCHES: [usize; 3] = [1, 64, 512];
/// Most commits of a row.
const COMMITS_MAX: usize = 2_000;
/// Bytes of an event beside its record.
const BODY_BYTES: usize = 500;
const ORIGIN: &str = "ogic bench store";

/// One row: `records` in commits of `batch` each.
pub(super) fn measure(folder: &Path, batch: usize, records: usize) -> Outcome<Value> {
    let commits = records.div_ceil(batch).min(COMMITS_MAX);
    let mut log = Log::open(RealDisk::open(folder)?, ORIGIN, None, |_, _, _, _| Ok(()))?;
    let mut syncs: Vec<Duration> = Vec::with_capacity(commits);
    let mut took = Duration::ZERO;
    for commit in 0..commits {
        let entries = entries(commit, batch)?;
        let begun = Instant::now();
        let staged = log.begin(&entries)?;
        let written = log.write(staged)?;
        let syncing = Instant::now();
        let durable = log.sync(written)?;
        syncs.push(syncing.elapsed());
        log.publish(durable);
        took += begun.elapsed();
    }
    syncs.sort_unstable();
    let (size, figures) = (log.size(), log.figures());
    drop(log);
    let begun = Instant::now();
    let log = Log::open(RealDisk::open(folder)?, ORIGIN, Some(size), |_, _, _, _| Ok(()))?;
    let reopened = begun.elapsed();
    let per_s = |count: u64| rounded(count as f64 / took.as_secs_f64().max(1e-6), 1.0);
    let us = |percent| rounded(at_most(&syncs, percent).as_secs_f64() * 1e6, 1.0);
    Ok(json!({
        "part": "journal",
        "batch": batch,
        "commits": figures.commits,
        "records": log.size(),
        "bytes": figures.disk.bytes_written,
        "commits_per_s": per_s(figures.commits),
        "records_per_s": per_s(log.size()),
        "sync_p50_us": us(50),
        "sync_p99_us": us(99),
        "reopen_ms": millis(reopened),
    }))
}

/// Entries as events make them, no two alike.
fn entries(commit: usize, batch: usize) -> Outcome<Vec<Entry>> {
    (0..batch)
        .map(|number| {
            let seed = Digest::of_parts(&[&(commit as u64).to_be_bytes(), &(number as u64).to_be_bytes()]);
            let bytes = |count: usize| seed.as_bytes().iter().copied().cycle().take(count).collect();
            Ok(Entry::with_leaf(EntryKind::Event, bytes(Record::BYTES), bytes(BODY_BYTES))?)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_committed_is_there_when_it_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let row = measure(&folder.path().join("journal"), 64, 100).unwrap();
        assert_eq!((&row["commits"], &row["records"]), (&json!(2), &json!(128)));
    }
}
