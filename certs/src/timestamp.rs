//! Points in time: milliseconds since 1970-01-01T00:00:00Z, within a sane window.

use std::fmt;

use crate::{Code, Problem};

/// Milliseconds since the Unix epoch, UTC, without leap seconds.
///
/// Constructed only inside [`Timestamp::EARLIEST`]..=[`Timestamp::LATEST`], so that arithmetic on what a
/// peer sent cannot overflow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// 1970-01-01: certificates of test suites begin here.
    pub const EARLIEST: Self = Self(0);
    /// 9999-12-31T23:59:59Z, RFC 5280 4.1.2.5's "no well-defined expiration date".
    pub const LATEST: Self = Self(253_402_300_799_000);

    /// From milliseconds; `field` names the place in the error.
    pub fn from_ms(ms: u64, field: &'static str) -> Result<Self, Problem> {
        if ms <= Self::LATEST.0 {
            Ok(Self(ms))
        } else {
            Err(Problem::new(Code::ValueRefused, field)
                .found(ms.to_string())
                .expected("milliseconds before the year 10000"))
        }
    }

    /// From seconds since the epoch, cut to the window.
    pub const fn from_secs_clamped(seconds: i64) -> Self {
        if seconds <= 0 {
            return Self::EARLIEST;
        }
        let seconds = seconds.unsigned_abs();
        if seconds > Self::LATEST.0 / 1000 { Self::LATEST } else { Self(seconds * 1000) }
    }

    /// From milliseconds since the epoch, cut to the window.
    pub const fn from_ms_clamped(ms: u64) -> Self {
        if ms > Self::LATEST.0 { Self::LATEST } else { Self(ms) }
    }

    /// Milliseconds since the epoch.
    pub const fn ms(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch.
    pub const fn secs(self) -> u64 {
        self.0 / 1000
    }

    /// This time plus `ms` milliseconds, at most [`Timestamp::LATEST`].
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self::from_ms_clamped(self.0.saturating_add(ms))
    }

    /// This time minus `ms` milliseconds, at least [`Timestamp::EARLIEST`].
    #[must_use]
    pub const fn minus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_sub(ms))
    }

    /// Milliseconds from `earlier` to this; 0 if it lies later.
    pub const fn since_ms(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with milliseconds: `2026-11-25T03:20:03.000Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, ms) = (self.0 / 86_400_000, self.0 % 86_400_000);
        let (year, month, day) = civil_from_days(days);
        let (hour, minute) = (ms / 3_600_000, ms / 60_000 % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}.{:03}Z",
            ms / 1000 % 60,
            ms % 1000
        )
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Days since 1970-01-01 to a Gregorian date, counted in 400-year eras that begin on 1 March of year 0.
const fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + if month <= 2 { 1 } else { 0 }, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_rfc_3339() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_795_576_803_007, "2026-11-25T03:20:03.007Z"),
            (253_402_300_799_000, "9999-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(Timestamp::from_ms(ms, "t").unwrap().to_string(), text);
        }
    }

    #[test]
    fn arithmetic_stays_in_the_window() {
        assert_eq!(Timestamp::LATEST.plus_ms(u64::MAX), Timestamp::LATEST);
        assert_eq!(Timestamp::EARLIEST.minus_ms(1), Timestamp::EARLIEST);
        assert_eq!(Timestamp::from_secs_clamped(-5), Timestamp::EARLIEST);
        assert!(Timestamp::from_ms(u64::MAX, "t").is_err());
    }
}
