//! What happened in a simulation, counted: so that nobody takes a quiet schedule for a passed test.

use std::fmt;
use std::ops::AddAssign;

use crate::case::Custody;
use crate::desk::Desk;
use crate::log::Disk;
use crate::store::Store;

macro_rules! counters {
    ($($name:ident $doc:literal,)+) => {
        /// Counts of one run or of several.
        #[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
        pub struct Report {
            $(#[doc = $doc] pub $name: u64,)+
        }

        impl Report {
            /// Every counter with its name.
            pub const fn counters(&self) -> [(&'static str, u64); [$(stringify!($name)),+].len()] {
                [$((stringify!($name), self.$name)),+]
            }
        }

        impl AddAssign for Report {
            fn add_assign(&mut self, other: Self) {
                $(self.$name += other.$name;)+
            }
        }
    };
}

counters! {
    seeds "Runs.",
    steps "Steps of the scheduler.",
    acts "Acts and looks that clients asked for.",
    acknowledged "Acts that were acknowledged.",
    refused "Acts and looks that were refused.",
    records "Records in all histories.",
    receipts "Receipts that were taken.",
    evidence "Evidence that was recorded.",
    reads "Looks that were answered.",
    moves "Cases that changed their home.",
    declines "Offers that were declined.",
    parked "Messages that were refused for good.",
    repeats "Commands that were repeated.",
    crashes "Power cuts.",
    kills "Processes that were killed.",
    ended_offering "Cases that were offered when their home's process ended.",
    ended_holding "Cases that were offered and held when their target's process ended.",
    ended_released "Cases that were released and not known as taken when their old home's process ended.",
    ended_taken "Cases that had been taken when their home's process ended.",
    deaths "Processes that died within a call of the disk.",
    restarts "Processes that were started again.",
    lost_writes "Writes, lengths and names that a power cut lost.",
    torn_writes "Writes that a power cut tore.",
    failed_syncs "Syncs that failed.",
    full_disks "Calls that found no room.",
    cuts "Connections that were cut.",
    cut_pieces "Pieces that were on their way when their connection was cut.",
    delays "Pieces that were held up.",
    reorders "Pieces that one of another stream overtook.",
    lost_answers "Answers that their caller did not hear.",
    partitions "Times during which two agencies could not reach each other.",
    store_rollbacks "Restarts over an older store or none.",
    clock_skews "Clocks that went wrong, and steps of clocks.",
    third_party_absences "Times during which the third party was away.",
    revocations "Certificates that were revoked.",
}

impl Report {
    /// Counts at which points of the custody of its cases a process ends.
    pub(super) fn note_custody<D: Disk, S: Store>(&mut self, desk: &Desk<D, S>) {
        for case in desk.cases().unwrap_or_default() {
            match &case.custody {
                Some(Custody::Offered(_) | Custody::Accepted { .. }) => self.ended_offering += 1,
                Some(Custody::Released { .. }) => self.ended_released += 1,
                None if !case.moves.is_empty() => self.ended_taken += 1,
                None => {}
            }
        }
        let held = desk.book().custody.keys().filter(|case| desk.held(case).is_some());
        self.ended_holding += held.count() as u64;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (name, count)) in self.counters().into_iter().enumerate() {
            let end = if i % 6 == 5 { "\n" } else { "  " };
            write!(f, "{} {count}{end}", name.replace('_', " "))?;
        }
        Ok(())
    }
}
