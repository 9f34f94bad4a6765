//! Where a node's time goes: processor and wall time by part of the work, and how long messages waited for their receipt.
//!
//! Counters that only grow, cheap enough to be always on: a few clocks a commit. Nothing is decided by them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ogic_certs::Digest;
use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::desk::Phase;

/// Most messages whose receipt is waited for by the clock; further ones are sent and not timed.
const TIMED_MAX: usize = 8192;
/// Buckets of one power of two: a figure is at most 1/64 off.
const BUCKETS: usize = 64;

macro_rules! parts {
    ($($name:ident $word:literal $doc:literal;)+) => {
        /// A part of a node's work.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Part {
            $(#[doc = $doc] $name,)+
        }

        impl Part {
            /// Every part.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The word in the API.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }
        }
    };
}

parts! {
    Verify "verify" "What came is parsed and its signatures and paths are checked, on several threads.";
    Wait "wait" "The writer has nothing to do.";
    Take "take" "The writer takes orders and answers questions between commits.";
    Decide "decide" "Work is decided and staged.";
    Write "write" "A commit's frame is built and written.";
    Sync "sync" "It is made durable: fdatasync.";
    Publish "publish" "What is durable becomes visible.";
    Sign "sign" "The checkpoint is signed.";
    Receipt "receipt" "Receipts are proven and packed.";
    Answer "answer" "Who waits is answered.";
    Deliver "deliver" "Messages are read from the journal and queued for peers.";
    Follow "follow" "The store follows.";
}

impl From<Phase> for Part {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Decide => Self::Decide,
            Phase::Write => Self::Write,
            Phase::Sync => Self::Sync,
            Phase::Publish => Self::Publish,
            Phase::Sign => Self::Sign,
            Phase::Receipt => Self::Receipt,
            Phase::Rest => Self::Take,
        }
    }
}

/// What a part has taken.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Spent {
    /// How often it began.
    pub times: u64,
    /// Wall time, in microseconds.
    pub wall_us: u64,
    /// Time of a processor, in microseconds.
    pub cpu_us: u64,
}

/// How long messages of ours waited, from being sent to being settled: receipt verified and durable, or refused.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Settlements {
    /// How many were settled.
    pub count: u64,
    /// Half of them took at most so long, in microseconds.
    pub p50_us: u64,
    /// 99 of 100 took at most so long.
    pub p99_us: u64,
    /// The one that took longest.
    pub max_us: u64,
    /// From the first that was sent to the last that was settled.
    pub span_us: u64,
}

/// The counters of one node.
#[derive(Debug)]
pub struct Timing {
    cells: [Cell; Part::ALL.len()],
    letters: Mutex<Letters>,
    /// Processor time until the node was ready, in microseconds.
    ready_cpu_us: AtomicU64,
}

#[derive(Debug, Default)]
struct Cell {
    times: AtomicU64,
    wall_ns: AtomicU64,
    cpu_ns: AtomicU64,
}

/// Messages on their way, and how long those that were settled took.
#[derive(Debug, Default)]
struct Letters {
    sent: HashMap<Digest, Instant>,
    first: Option<Instant>,
    last: Option<Instant>,
    count: u64,
    max_us: u64,
    /// By [`bucket`], grown as far as is needed.
    buckets: Vec<u64>,
}

impl Timing {
    pub(super) fn new() -> Self {
        Self {
            cells: std::array::from_fn(|_| Cell::default()),
            letters: Mutex::default(),
            ready_cpu_us: AtomicU64::new(0),
        }
    }

    /// What each part has taken.
    pub fn parts(&self) -> impl Iterator<Item = (Part, Spent)> + '_ {
        let us = |ns: &AtomicU64| ns.load(Ordering::Relaxed) / 1_000;
        Part::ALL.iter().zip(&self.cells).map(move |(part, cell)| {
            let times = cell.times.load(Ordering::Relaxed);
            (*part, Spent { times, wall_us: us(&cell.wall_ns), cpu_us: us(&cell.cpu_ns) })
        })
    }

    /// How long messages waited.
    pub fn settlements(&self) -> Settlements {
        let letters = self.letters();
        let span = letters.first.zip(letters.last).map_or(Duration::ZERO, |(first, last)| last - first);
        Settlements {
            count: letters.count,
            p50_us: letters.at_most(50),
            p99_us: letters.at_most(99),
            max_us: letters.max_us,
            span_us: us(span),
        }
    }

    /// Processor time of the process so far, in microseconds, and until it was ready.
    pub fn cpu_us(&self) -> (u64, u64) {
        let so_far = ns(clock_gettime(ClockId::ProcessCPUTime)) / 1_000;
        (so_far, self.ready_cpu_us.load(Ordering::Relaxed))
    }

    /// The node is ready.
    pub(super) fn ready(&self) {
        self.ready_cpu_us.store(self.cpu_us().0, Ordering::Relaxed);
    }

    /// Runs `work` as part of `part`, on any thread.
    pub(super) fn during<T>(&self, part: Part, work: impl FnOnce() -> T) -> T {
        let (wall, cpu) = (Instant::now(), thread_ns());
        let done = work();
        self.add(part, wall.elapsed(), thread_ns().saturating_sub(cpu));
        done
    }

    fn add(&self, part: Part, wall: Duration, cpu_ns: u64) {
        let Some((_, cell)) = Part::ALL.iter().zip(&self.cells).find(|(known, _)| **known == part) else {
            return;
        };
        cell.times.fetch_add(1, Ordering::Relaxed);
        cell.wall_ns.fetch_add(u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        cell.cpu_ns.fetch_add(cpu_ns, Ordering::Relaxed);
    }

    /// Messages of ours go out; one that goes again has waited since it first did.
    pub(super) fn sent(&self, ids: impl Iterator<Item = Digest>) {
        let now = Instant::now();
        let mut letters = self.letters();
        for id in ids {
            letters.first.get_or_insert(now);
            if letters.sent.len() < TIMED_MAX {
                letters.sent.entry(id).or_insert(now);
            }
        }
    }

    /// A message of ours is settled.
    pub(super) fn settled(&self, id: &Digest) {
        let mut letters = self.letters();
        if let Some(sent) = letters.sent.remove(id) {
            let now = Instant::now();
            letters.last = Some(now);
            letters.count(us(now - sent));
        }
    }

    fn letters(&self) -> std::sync::MutexGuard<'_, Letters> {
        // Counters are whole after every statement that matters.
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Letters {
    fn count(&mut self, us: u64) {
        let at = bucket(us);
        if self.buckets.len() <= at {
            self.buckets.resize(at + 1, 0);
        }
        if let Some(bucket) = self.buckets.get_mut(at) {
            *bucket += 1;
        }
        self.count += 1;
        self.max_us = self.max_us.max(us);
    }

    /// The time that so many of a hundred did not exceed.
    fn at_most(&self, percent: u64) -> u64 {
        let wanted = (self.count * percent).div_ceil(100);
        let mut seen = 0;
        for (at, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted && seen > 0 {
                return bucket_end(at).min(self.max_us);
            }
        }
        0
    }
}

/// Which bucket counts `us`: one a microsecond at first, then [`BUCKETS`] for each power of two.
fn bucket(us: u64) -> usize {
    let shift = (u64::BITS - us.leading_zeros()).saturating_sub(BUCKETS.ilog2() + 1);
    // At most 2 * BUCKETS - 1 is left after the shift.
    shift as usize * BUCKETS + (us >> shift) as usize
}

/// The longest time that a bucket counts.
fn bucket_end(at: usize) -> u64 {
    let shift = (at / BUCKETS).saturating_sub(1);
    let place = (at - shift * BUCKETS) as u64;
    (place << shift) | ((1 << shift) - 1)
}

/// What one thread is at: every moment of it belongs to one part.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    timing: Arc<Timing>,
    /// Shared between the writer and its desk, which are on one thread.
    mark: Arc<Mutex<Option<(Part, Instant, u64)>>>,
}

impl Watch {
    pub(super) fn new(timing: Arc<Timing>) -> Self {
        Self { timing, mark: Arc::default() }
    }

    /// The counters.
    pub(super) fn timing(&self) -> &Timing {
        &self.timing
    }

    /// The thread begins with `part`, and has ended what it was at.
    pub(super) fn at(&self, part: Part) {
        let (wall, cpu) = (Instant::now(), thread_ns());
        let mut mark = self.mark.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((before, since, had)) = mark.replace((part, wall, cpu)) {
            self.timing.add(before, wall - since, cpu.saturating_sub(had));
        }
    }
}

fn thread_ns() -> u64 {
    ns(clock_gettime(ClockId::ThreadCPUTime))
}

fn ns(time: Timespec) -> u64 {
    let part = |number: i64| u64::try_from(number).unwrap_or_default();
    part(time.tv_sec).saturating_mul(1_000_000_000).saturating_add(part(time.tv_nsec))
}

fn us(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_in_order_without_gaps_and_at_most_a_64th_wide() {
        let mut last = 0;
        for us in (0..10_000).chain([1 << 20, (1 << 20) + 1, u64::MAX >> 1, u64::MAX]) {
            let at = bucket(us);
            assert!(at >= last, "{us}");
            last = at;
            let end = bucket_end(at);
            assert!(end >= us && end - us <= us / 64, "{us}: {end}");
            assert_eq!(bucket(end), at, "{us}");
        }
        assert_eq!((bucket(127), bucket(128)), (127, 128));
    }

    #[test]
    fn percentiles_are_of_what_was_settled_and_a_message_waits_once() {
        let timing = Timing::new();
        assert_eq!(timing.settlements(), Settlements::default());
        let id = |n: u8| Digest::of(&[n]);
        timing.sent([id(1), id(2), id(1)].into_iter());
        timing.settled(&id(1));
        timing.settled(&id(1));
        timing.settled(&id(3));
        let settled = timing.settlements();
        assert_eq!((settled.count, settled.p50_us), (1, settled.max_us));
        let mut letters = Letters::default();
        (1..=100).for_each(|us| letters.count(us));
        assert_eq!((letters.at_most(50), letters.at_most(99), letters.max_us), (50, 99, 100));
    }

    #[test]
    fn every_moment_of_a_watched_thread_belongs_to_one_part() {
        let timing = Arc::new(Timing::new());
        let watch = Watch::new(Arc::clone(&timing));
        for part in [Part::Decide, Part::Sync, Part::Decide, Part::Wait] {
            watch.at(part);
        }
        let done = timing.during(Part::Verify, || 7);
        let times: Vec<_> = timing
            .parts()
            .filter(|(_, spent)| spent.times > 0)
            .map(|(part, spent)| (part, spent.times))
            .collect();
        assert_eq!(times, [(Part::Verify, 1), (Part::Decide, 2), (Part::Sync, 1)]);
        assert_eq!(done, 7);
    }
}
