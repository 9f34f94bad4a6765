//! Back-off: how long to wait before the next try, growing, jittered and capped. Seeds come as arguments.

/// A small generator for jitter (splitmix64): spreads tries apart, decides nothing that must be unpredictable.
#[derive(Clone, Debug)]
pub struct Jitter(u64);

impl Jitter {
    /// A generator that gives the same numbers for the same seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number between half of `ms` and `ms`.
    pub const fn spread(&mut self, ms: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        ms - mixed % (ms / 2 + 1)
    }
}

/// `first_ms` doubled for every try after the first, at most `max_ms`.
pub const fn exponential(first_ms: u64, tries: u32, max_ms: u64) -> u64 {
    let doublings = if tries > 32 { 32 } else { tries.saturating_sub(1) };
    let ms = first_ms.saturating_mul(1 << doublings);
    if ms < max_ms { ms } else { max_ms }
}

/// When a peer is dialled again: at once, then after growing delays; from the beginning when it has been reached.
#[derive(Clone, Debug)]
pub struct Backoff {
    tries: u32,
    jitter: Jitter,
}

impl Backoff {
    /// The delay after the first failed try.
    pub const FIRST_MS: u64 = 250;
    /// The longest delay.
    pub const MAX_MS: u64 = 30_000;

    /// A schedule whose jitter comes from `seed`.
    pub const fn new(seed: u64) -> Self {
        Self { tries: 0, jitter: Jitter::new(seed) }
    }

    /// A try has failed: how long to wait before the next.
    pub const fn failed(&mut self) -> u64 {
        self.tries = self.tries.saturating_add(1);
        self.jitter.spread(exponential(Self::FIRST_MS, self.tries, Self::MAX_MS))
    }

    /// The peer was reached, came by itself, or has a new address: the next try is a first one.
    pub const fn reset(&mut self) {
        self.tries = 0;
    }

    /// Tries that have failed since the last reset.
    pub const fn tries(&self) -> u32 {
        self.tries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_the_cap_within_their_jitter() {
        let mut backoff = Backoff::new(7);
        for full in [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000] {
            let delay = backoff.failed();
            assert!((full / 2..=full).contains(&delay), "{delay} of {full}");
        }
        backoff.reset();
        assert!(backoff.failed() <= 250);
        assert_eq!(backoff.tries(), 1);
    }

    #[test]
    fn seeds_differ_and_repeat() {
        let delays = |seed| {
            let mut backoff = Backoff::new(seed);
            std::array::from_fn::<_, 8, _>(|_| backoff.failed())
        };
        assert_eq!(delays(1), delays(1));
        assert_ne!(delays(1), delays(2));
        assert_eq!(exponential(1, u32::MAX, u64::MAX), 1 << 32);
        assert_eq!(Jitter::new(3).spread(0), 0);
    }
}
