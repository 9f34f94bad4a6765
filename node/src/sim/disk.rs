//! The disk under a simulated agency: one that the simulation can break, or a wrapper around it that has a fault of its own.

use crate::log::{Disk, SimDisk};

/// A disk that a simulation breaks. A test may wrap [`SimDisk`] in one that breaks its contract, to see it found.
pub trait FaultyDisk: Disk + Clone {
    /// An empty disk whose every chance follows from `seed`.
    fn blank(seed: u64) -> Self;

    /// The disk to cut the power of, and to arm.
    fn sim(&self) -> &SimDisk;
}

impl FaultyDisk for SimDisk {
    fn blank(seed: u64) -> Self {
        Self::new(seed)
    }

    fn sim(&self) -> &SimDisk {
        self
    }
}
