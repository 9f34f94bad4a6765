//! What the desk is at, told to whoever measures it: the desk has no clock, and does the same with and without.

use std::fmt;

/// What the desk is at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Work is decided and staged.
    Decide,
    /// A commit's frame is built and written.
    Write,
    /// It is made durable.
    Sync,
    /// What is durable becomes visible.
    Publish,
    /// A checkpoint is signed.
    Sign,
    /// Receipts are proven and packed.
    Receipt,
    /// Nothing of these any more.
    Rest,
}

/// Who is told, if anybody.
#[derive(Default)]
pub(super) struct Meter(Option<Box<dyn FnMut(Phase) + Send>>);

impl Meter {
    /// From now on `told` is told.
    pub(super) fn set(&mut self, told: impl FnMut(Phase) + Send + 'static) {
        self.0 = Some(Box::new(told));
    }

    /// The desk begins with `phase`, and has ended what it was at.
    pub(super) fn at(&mut self, phase: Phase) {
        if let Some(told) = &mut self.0 {
            told(phase);
        }
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Meter({})", self.0.is_some())
    }
}
