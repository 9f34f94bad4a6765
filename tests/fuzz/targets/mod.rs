//! The targets: what is fed with damaged bytes, and what must hold whatever they are. Each is a plain function, for any
//! driver. A panic is a finding; nothing else is.

mod capsule;
pub(crate) mod journal;
mod signed;
mod stored;
mod told;

use std::cell::RefCell;
use std::collections::HashSet;

use ogic_certs::{Code, Digest, Result};

use crate::seeds;

/// One target.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    /// Valid inputs, which are damaged.
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
    /// Takes any bytes; says whether they were accepted as something. Panics if a rule is broken.
    pub(crate) run: fn(&[u8]) -> bool,
    /// Makes checksums and proofs right again, so that what lies behind them is reached.
    pub(crate) mend: Option<fn(&mut Vec<u8>)>,
    /// Inputs of a run without a clock: a second or two of an unoptimised build.
    pub(crate) tries: u32,
}

const fn target(
    name: &'static str,
    seeds: fn() -> Vec<Vec<u8>>,
    run: fn(&[u8]) -> bool,
    tries: u32,
) -> Target {
    Target { name, seeds, run, mend: None, tries }
}

pub(crate) const TARGETS: [Target; 16] = [
    target("cbor", seeds::cbor, signed::cbor, 2_000),
    target("cose", seeds::cose, signed::cose, 1_000),
    target("event", seeds::event, signed::event, 1_000),
    target("registry", seeds::registry, signed::registry, 300),
    target("frame", seeds::frame, told::frame, 500),
    target("exchange", seeds::exchange, told::exchange, 500),
    target("receipt", seeds::receipt, signed::receipt, 1_000),
    target("evidence", seeds::evidence, signed::evidence, 200),
    target("custody", seeds::custody, signed::custody, 500),
    target("certificate", seeds::certificate, stored::certificate, 1_000),
    Target { mend: Some(capsule::mend), ..target("capsule", seeds::capsule, capsule::run, 60) },
    target("extract", seeds::extract, stored::extract, 300),
    target("token", seeds::token, told::token, 1_000),
    target("service", seeds::service, stored::service, 500),
    target("stored", seeds::stored, stored::stored, 300),
    Target { mend: Some(journal::mend), ..target("journal", seeds::journal, journal::run, 500) },
];

/// What was made of the bytes. A refusal must be the sender's fault, never ours.
fn fine<T>(result: Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(problem) => {
            assert_ne!(problem.code, Code::Internal, "our own fault: {problem}");
            // Whoever reads it must be able to.
            assert!(problem.to_string().len() < 16 << 10, "a long problem");
            None
        }
    }
}

thread_local! {
    /// What held so far in this thread's target.
    static HELD: RefCell<HashSet<Digest>> = RefCell::default();
}

/// Notes that a signature over these bytes, or in them, held: how far the changed inputs come.
fn held(bytes: &[u8]) {
    HELD.with_borrow_mut(|held| held.insert(Digest::of(bytes)));
}

/// How many different bytes held; the count begins anew.
pub(crate) fn held_so_far() -> usize {
    HELD.take().len()
}
