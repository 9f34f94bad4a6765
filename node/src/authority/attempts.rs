//! Failed tries at enrolment, counted a source. A right secret always passes: no flood of wrong ones, from wherever it
//! comes, can lock out an agency's next token. What is bounded is the work and the log lines that wrong ones cost.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ogic_certs::{Code, Problem, Result, Timestamp};

/// Wrong tries of one source within [`WINDOW_MS`] before it is answered without being looked at.
pub const TRIES_MAX: u32 = 10;
/// Length of the window in which wrong tries count, in milliseconds.
pub const WINDOW_MS: u64 = 60_000;
/// Most sources remembered; beyond, the one whose window began first is forgotten.
pub const SOURCES_MAX: usize = 4096;

/// The sources of wrong tries.
#[derive(Clone, Default, Debug)]
pub struct Attempts {
    sources: BTreeMap<IpAddr, Window>,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    since: Timestamp,
    tries: u32,
}

impl Attempts {
    /// Counts a wrong try of `source` at `now`; `problem` is what it would be told. Above the limit it learns
    /// [`Code::LimitReached`] instead.
    pub fn wrong(&mut self, source: IpAddr, now: Timestamp, problem: Problem) -> Problem {
        match self.count(source, now) {
            Ok(()) => problem,
            Err(limit) => limit,
        }
    }

    fn count(&mut self, source: IpAddr, now: Timestamp) -> Result<()> {
        let source = block(source);
        self.sources.retain(|_, window| now.since_ms(window.since) < WINDOW_MS);
        if !self.sources.contains_key(&source) && self.sources.len() >= SOURCES_MAX {
            let oldest = self.sources.iter().min_by_key(|(_, window)| window.since).map(|(ip, _)| *ip);
            if let Some(oldest) = oldest {
                self.sources.remove(&oldest);
            }
        }
        let window = self.sources.entry(source).or_insert(Window { since: now, tries: 0 });
        window.tries = window.tries.saturating_add(1);
        if window.tries <= TRIES_MAX {
            return Ok(());
        }
        Err(Problem::new(Code::LimitReached, "enrolment")
            .found(format!("{} wrong tries", window.tries))
            .expected(format!("at most {TRIES_MAX} a minute")))
    }
}

/// Whoever has one IPv6 address has 2^64 of them: the first 64 bits are the source (RFC 6177 2).
fn block(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => IpAddr::V6((ip.to_bits() >> 64 << 64).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_limited_and_others_are_not() {
        let wrong = || Problem::new(Code::TokenRefused, "token");
        let (mut attempts, now) = (Attempts::default(), Timestamp::from_ms_clamped(1_000_000));
        let source = IpAddr::from([192, 0, 2, 1]);
        for _ in 0..TRIES_MAX {
            assert_eq!(attempts.wrong(source, now, wrong()).code, Code::TokenRefused);
        }
        assert_eq!(attempts.wrong(source, now, wrong()).code, Code::LimitReached);
        assert_eq!(attempts.wrong(IpAddr::from([192, 0, 2, 2]), now, wrong()).code, Code::TokenRefused);
        assert_eq!(attempts.wrong(source, now.plus_ms(WINDOW_MS), wrong()).code, Code::TokenRefused);
    }

    #[test]
    fn memory_is_bounded() {
        let (mut attempts, now) = (Attempts::default(), Timestamp::from_ms_clamped(1_000_000));
        for n in 0..SOURCES_MAX as u32 + 50 {
            attempts.wrong(IpAddr::from(n.to_be_bytes()), now, Problem::new(Code::TokenRefused, "token"));
        }
        assert_eq!(attempts.sources.len(), SOURCES_MAX);
    }
}
