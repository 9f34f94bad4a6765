//! The simulator: a whole federation in one thread, from one seed, in virtual time.
//!
//! Real desks, sessions, logs and judgements, over simulated disks, streams and clocks: whatever goes wrong follows from
//! the seed, and a failure tells the seed and the last steps that led to it. What it leaves out (packets, TLS, sled, threads)
//! has tests of its own. Begin with [`run()`] for a random schedule, or with [`Net`] to play a story.
//!
//! It never touches a file, a socket or a clock of the machine.

mod agency;
mod audit;
mod client;
mod disk;
mod faults;
mod forger;
mod net;
mod office;
mod oracle;
mod plan;
mod random;
mod report;
mod requests;
mod run;
mod schedule;
mod shelf;
mod shell;
mod story;
mod third_party;
mod trace;
mod wire;

#[cfg(test)]
mod tests;

pub use disk::FaultyDisk;
pub use net::Net;
pub use plan::{Keys, Plan};
pub use random::Random;
pub use report::Report;
pub use run::{Failure, run, run_over};
