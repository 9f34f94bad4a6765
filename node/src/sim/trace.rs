//! The last steps of a run, for whoever has to understand a failure.

use std::collections::VecDeque;

/// Steps that are kept.
const LINES_MAX: usize = 120;

/// The last lines.
#[derive(Debug, Default)]
pub(super) struct Trace {
    lines: VecDeque<String>,
}

impl Trace {
    pub(super) fn add(&mut self, now: u64, line: String) {
        if self.lines.len() == LINES_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(format!("{now:>8} ms  {line}"));
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.lines.iter().cloned().collect()
    }
}
