//! What a random schedule does: how many agencies and acts, and how often what goes wrong.

/// The sizes and chances of one run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Fewest agencies.
    pub agencies_min: u64,
    /// Most agencies.
    pub agencies_max: u64,
    /// Acts and looks of clients.
    pub acts: usize,
    /// Mean time between two things that go wrong, ms of virtual time.
    pub fault_every_ms: u64,
    /// In how many of thousand answers the caller hears nothing.
    pub answers_lost: u64,
    /// Of thousand pieces on their way how many are held up for seconds.
    pub pieces_delayed: u64,
    /// What a caller does who repeats a command.
    pub keys: Keys,
}

/// How callers that repeat a command name it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Keys {
    /// By the same idempotency key, as every program of ours does.
    #[default]
    Kept,
    /// By a new one. This is a planted fault: the auditor must find what was done twice.
    Forgotten,
}

impl Default for Plan {
    /// Two to four agencies, 28 acts, something wrong every 600 ms.
    fn default() -> Self {
        Self {
            agencies_min: 2,
            agencies_max: 4,
            acts: 28,
            fault_every_ms: 600,
            answers_lost: 120,
            pieces_delayed: 40,
            keys: Keys::Kept,
        }
    }
}
