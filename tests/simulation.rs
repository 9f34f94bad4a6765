//! Federations from many seeds: agencies, a third party, and whatever can go wrong, in virtual time. The counters are part of
//! the test: a fault that never happened was not tested. `OGIC_SIM_SEEDS` overrides how many seeds there are, `OGIC_SIM_FIRST`
//! which is the first, `OGIC_SIM_ACTS` how much is asked for in each.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use ogic_certs::Result;
use ogic_node::log::disk::{DiskFigures, SimFile};
use ogic_node::log::{Disk, SimDisk};
use ogic_node::sim::{Failure, FaultyDisk, Keys, Plan, Report, run, run_over};

/// Seeds in CI.
const SEEDS: u64 = 500;

fn from_environment(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Runs the seeds from `first` on, two at a time.
fn run_all(
    first: u64,
    count: u64,
    stop_at_failure: bool,
    play: impl Fn(u64) -> Result<Report, Box<Failure>> + Sync,
) -> (Report, Vec<Failure>) {
    let (next, total, failures) =
        (AtomicU64::new(first), Mutex::new(Report::default()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count || (stop_at_failure && !failures.lock().unwrap().is_empty()) {
                        break;
                    }
                    match play(seed) {
                        Ok(report) => *total.lock().unwrap() += report,
                        Err(failure) => failures.lock().unwrap().push(*failure),
                    }
                }
            });
        }
    });
    (total.into_inner().unwrap(), failures.into_inner().unwrap())
}

#[test]
fn every_rule_holds_under_every_fault() {
    let (first, seeds) = (from_environment("OGIC_SIM_FIRST", 0), from_environment("OGIC_SIM_SEEDS", SEEDS));
    let started = Instant::now();
    let plan = Plan { acts: from_environment("OGIC_SIM_ACTS", 28) as usize, ..Plan::default() };
    let (total, failures) = run_all(first, seeds, false, |seed| run(seed, &plan));
    println!("{seeds} seeds in {} ms:\n{total}", started.elapsed().as_millis());
    if let Some(failure) = failures.first() {
        let others: Vec<u64> = failures.iter().map(|failure| failure.seed).collect();
        panic!("{} of {seeds} seeds fail: {others:?}\n{failure}", failures.len());
    }
    assert_eq!(total.seeds, seeds);
    if seeds >= SEEDS {
        for (name, count) in total.counters() {
            assert!(count > 0, "no {name} in {seeds} seeds");
        }
    }
}

/// A disk that says of every `one_in`-th sync that it is done, and does nothing.
#[derive(Clone)]
struct LyingDisk<const ONE_IN: u64> {
    disk: SimDisk,
}

impl<const ONE_IN: u64> FaultyDisk for LyingDisk<ONE_IN> {
    fn blank(seed: u64) -> Self {
        Self { disk: SimDisk::blank(seed) }
    }

    fn sim(&self) -> &SimDisk {
        &self.disk
    }
}

impl<const ONE_IN: u64> Disk for LyingDisk<ONE_IN> {
    type File = SimFile;

    fn names(&self) -> Result<Vec<String>> {
        self.disk.names()
    }

    fn open(&self, name: &str) -> Result<SimFile> {
        self.disk.open(name)
    }

    fn create(&self, name: &str) -> Result<SimFile> {
        self.disk.create(name)
    }

    fn len(&self, file: &SimFile) -> Result<u64> {
        self.disk.len(file)
    }

    fn read_at(&self, file: &SimFile, offset: u64, buffer: &mut [u8]) -> Result<()> {
        self.disk.read_at(file, offset, buffer)
    }

    fn write_at(&self, file: &SimFile, offset: u64, bytes: &[u8]) -> Result<()> {
        self.disk.write_at(file, offset, bytes)
    }

    fn preallocate(&self, file: &SimFile, bytes: u64) -> Result<()> {
        self.disk.preallocate(file, bytes)
    }

    fn truncate(&self, file: &SimFile, bytes: u64) -> Result<()> {
        self.disk.truncate(file, bytes)
    }

    fn sync_data(&self, file: &SimFile) -> Result<()> {
        if self.disk.calls().is_multiple_of(ONE_IN) {
            // The lie: the call was made and nothing is durable.
            return self.disk.len(file).map(drop);
        }
        self.disk.sync_data(file)
    }

    fn sync_folder(&self) -> Result<()> {
        self.disk.sync_folder()
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> Result<()> {
        self.disk.remove(name)
    }

    fn forget_cached(&self, file: &SimFile) -> Result<()> {
        self.disk.forget_cached(file)
    }

    fn salt(&self) -> Result<[u8; 16]> {
        self.disk.salt()
    }

    fn figures(&self) -> DiskFigures {
        self.disk.figures()
    }
}

/// How many seeds it took to find a planted fault.
fn found_after(name: &str, play: impl Fn(u64) -> Result<Report, Box<Failure>> + Sync) {
    let (total, failures) = run_all(0, SEEDS, true, play);
    let failure =
        failures.first().unwrap_or_else(|| panic!("{name} was not found in {SEEDS} seeds:\n{total}"));
    let what = failure.violations.first().map_or("", String::as_str);
    println!("{name}: found after {} good seeds, by seed {}: {what}", total.seeds, failure.seed);
}

#[test]
fn an_acknowledgement_before_the_sync_is_found() {
    found_after("every sync lies", |seed| run_over::<LyingDisk<1>>(seed, &Plan::default()));
    found_after("a sync in seven lies", |seed| run_over::<LyingDisk<7>>(seed, &Plan::default()));
}

#[test]
fn a_command_that_is_done_twice_is_found() {
    let plan = Plan { keys: Keys::Forgotten, ..Plan::default() };
    found_after("keys are forgotten", |seed| run(seed, &plan));
}
