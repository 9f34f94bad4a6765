//! How old trust data are, and what that still admits. Decides nothing else, and reads no clock.

use crate::Timestamp;

/// How long after its end the last good registry and CRL still count for what was known: seven days.
pub const GRACE_MS: u64 = 7 * 86_400_000;

/// How old the registry and revocation data are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Freshness {
    /// Within their stated life.
    Fresh,
    /// Past it and within the grace: what was known goes on, nothing new is taken.
    Stale,
    /// Past the grace: nothing is decided.
    Refused,
}

impl Freshness {
    /// How old data that end at `end` are at `now`.
    pub fn of(end: Timestamp, now: Timestamp) -> Self {
        if now <= end {
            Self::Fresh
        } else if now <= end.plus_ms(GRACE_MS) {
            Self::Stale
        } else {
            Self::Refused
        }
    }

    /// Whether a signer whose certificate begins at `not_before` counts: on stale data only one that could be known by their
    /// end.
    pub fn admits(self, end: Timestamp, not_before: Timestamp) -> bool {
        match self {
            Self::Fresh => true,
            Self::Stale => not_before <= end,
            Self::Refused => false,
        }
    }

    /// The word in `status`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Refused => "refused",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_ms_clamped(1_795_576_800_000);

    #[test]
    fn each_age_admits_what_it_may() {
        use Freshness::{Fresh, Refused, Stale};
        let (end, over) = (NOW, NOW.plus_ms(GRACE_MS));
        let rows = [
            ("before the end", NOW.minus_ms(1), Fresh, true, true),
            ("at the end", end, Fresh, true, true),
            ("just past it", end.plus_ms(1), Stale, true, false),
            ("at the end of the grace", over, Stale, true, false),
            ("past the grace", over.plus_ms(1), Refused, false, false),
        ];
        for (name, now, age, old, new) in rows {
            let freshness = Freshness::of(end, now);
            assert_eq!(freshness, age, "{name}");
            assert_eq!(freshness.admits(end, end), old, "{name}: a certificate from before the end");
            assert_eq!(freshness.admits(end, end.plus_ms(1)), new, "{name}: a newer certificate");
        }
    }
}
