//! The hunt without a guide: a number of inputs from one seed, or as many as a time allows.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

use crate::dice::Dice;
use crate::ground::GROUND;
use crate::mutate;
use crate::targets::{Target, held_so_far};

/// Most memory of the process, all targets together: what an input makes a decoder take is far below.
const MEMORY_BYTES_MAX: u64 = 2 << 30;
/// Most processor time that one input may take, unoptimised: a hundred times what the slowest takes.
const INPUT_MAX: Duration = Duration::from_secs(5);
/// What never ends is no panic that could be caught: the process is ended, at the latest after twice this time.
const STUCK_MAX: Duration = Duration::from_secs(120);
/// Most bytes of an input that is changed further.
const KEPT_BYTES_MAX: usize = 32 << 10;

/// Seeds must be accepted, what was found once must not come back, and then damaged inputs.
pub(crate) fn hunt(target: &Target) {
    limit_memory();
    let mut corpus = (target.seeds)();
    let seeds = corpus.len();
    assert!(seeds > 0, "{} has no seeds", target.name);
    for (nth, seed) in corpus.iter().enumerate() {
        assert!(checked(target, seed).0, "{}: seed {nth} is not accepted", target.name);
    }
    for input in found(target) {
        checked(target, &input);
    }
    let of_seeds = held_so_far();
    let mut dice = Dice::new(number("OGIC_FUZZ_SEED").unwrap_or(4));
    // A stack that overflows, memory that is refused or an input without an end ends the process: what was tried then is in
    // this file.
    let last = at(&format!("{}-last.bin", target.name));
    let file = File::create(&last).expect("a writable folder");
    let (tries, mut accepted, mut slowest) = (AtomicU64::new(0), 0_u64, Duration::ZERO);
    let (begun, time) = (Instant::now(), number("OGIC_FUZZ_SECONDS").map(Duration::from_secs));
    let goes_on = || match time {
        Some(time) => begun.elapsed() < time,
        None => tries.load(Relaxed) < u64::from(target.tries),
    };
    let mut work = || {
        while goes_on() {
            let mut input = mutate::change(&corpus, &GROUND.keys, &mut dice);
            if let Some(mend) = target.mend.filter(|_| !dice.once_in(3)) {
                mend(&mut input);
            }
            let written = file.write_all_at(&input, 0).and_then(|()| file.set_len(input.len() as u64));
            written.expect("a writable file");
            let (good, took) = checked(target, &input);
            slowest = slowest.max(took);
            assert!(took < INPUT_MAX, "{}: {took:?} for {}", target.name, kept(target, &input).display());
            tries.fetch_add(1, Relaxed);
            accepted += u64::from(good);
            // What was accepted is changed further: as many as there are seeds.
            if good && input.len() <= KEPT_BYTES_MAX {
                if corpus.len() < 2 * seeds {
                    corpus.push(input);
                } else {
                    corpus[seeds + dice.below(seeds)] = input;
                }
            }
        }
    };
    match time {
        Some(_) => watched(&tries, &last, work),
        None => work(),
    }
    let (tries, took) = (tries.into_inner(), begun.elapsed().as_secs_f64());
    let held = held_so_far();
    println!(
        "{}: {tries} inputs, {accepted} of them accepted, {held} new that hold beside {of_seeds} of the seeds, {:.0} a second, \
         the slowest {slowest:?}",
        target.name,
        tries as f64 / took
    );
    assert!(of_seeds == 0 || held > 0 || tries < 1_000, "{}: no change comes past a signature", target.name);
}

/// Does the work, and ends the process when it stands still.
fn watched(tries: &AtomicU64, last: &Path, work: impl FnOnce()) {
    std::thread::scope(|scope| {
        let (done, ended) = channel::<()>();
        scope.spawn(move || {
            let mut before = None;
            while ended.recv_timeout(STUCK_MAX) == Err(RecvTimeoutError::Timeout) {
                let now = Some(tries.load(Relaxed));
                if before == now {
                    eprintln!("no end of {}", last.display());
                    std::process::abort();
                }
                before = now;
            }
        });
        work();
        drop(done);
    });
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

/// A file in the target folder.
fn at(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Runs the target, and how much processor time that took; whatever makes it panic is kept as a file.
fn checked(target: &Target, input: &[u8]) -> (bool, Duration) {
    let started = processor_time();
    match catch_unwind(AssertUnwindSafe(|| (target.run)(input))) {
        Ok(accepted) => (accepted, processor_time().saturating_sub(started)),
        Err(_) => panic!("{}: {}", target.name, kept(target, input).display()),
    }
}

/// What this thread has used: a busy machine does not count.
fn processor_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}

/// Writes the input where it can be looked at, and from where it may go to `tests/fuzz/found`.
fn kept(target: &Target, input: &[u8]) -> PathBuf {
    let name = ogic_certs::Digest::of(input).to_string();
    let path = at(&format!("{}-{}.bin", target.name, &name[..8]));
    std::fs::write(&path, input).expect("a writable target folder");
    path
}

/// Inputs that were findings once: `tests/fuzz/found/<target>-<digest>.bin`.
fn found(target: &Target) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/found");
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.expect("a readable folder").path());
    let prefix = format!("{}-", target.name);
    let is_of =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix));
    paths.filter(is_of).map(|path| std::fs::read(path).expect("a readable file")).collect()
}

fn limit_memory() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let maximum = getrlimit(Resource::Data).maximum;
        let current = Some(maximum.map_or(MEMORY_BYTES_MAX, |maximum| maximum.min(MEMORY_BYTES_MAX)));
        setrlimit(Resource::Data, Rlimit { current, maximum }).expect("a lower limit is always granted");
    });
}
