//! The one seam behind which files live: a folder with flat names, and what is durable when.
//!
//! Nothing here knows what the bytes mean. Begin with [`Disk`]; [`RealDisk`] is a folder of the machine, [`SimDisk`]
//! one that loses, tears and fails on demand.

use std::fmt;
use std::io;

use ogic_certs::{Code, Problem, Result};

mod platter;
mod real;
mod sim;

pub use real::RealDisk;
pub use sim::{Failure, Op, SimDisk, SimFigures, SimFile};

/// One folder of files.
///
/// **Names** are labels, never paths (see [`label`]); there are no folders inside.
///
/// **Durable when?** What [`Disk::write_at`], [`Disk::preallocate`] and [`Disk::truncate`] did to a file is durable once
/// [`Disk::sync_data`] of that file has returned `Ok`; before, a power cut keeps any part of it, down to a prefix or
/// some sectors of one write. A sector of 512 bytes is written whole or not at all. What [`Disk::create`],
/// [`Disk::rename`] and [`Disk::remove`] did to names is durable once [`Disk::sync_folder`] has returned `Ok`; before, a
/// power cut keeps a prefix of it.
///
/// **Errors.** `DiskFull`: there is no room (ENOSPC, EDQUOT); `NotFound`: no such name; `ValueRefused`: the name is no
/// label; `DiskFailed`: everything else. After an error of a write any part of it may be there. After an error of a
/// sync nothing is known of what was written since the last good one, *and the next sync may return `Ok` without having
/// written it* (Linux forgets pages whose write-back failed): whoever sees one stops writing, and only what is read
/// again after [`Disk::forget_cached`] counts.
pub trait Disk: Send + Sync {
    /// An open file, for reading and writing.
    type File: Send + Sync + fmt::Debug;

    /// The names of all files, sorted. What is not a label is not ours and is left out.
    fn names(&self) -> Result<Vec<String>>;

    /// Opens a file that exists.
    fn open(&self, name: &str) -> Result<Self::File>;

    /// Creates an empty file; a name that exists is an error (`DiskFailed`).
    fn create(&self, name: &str) -> Result<Self::File>;

    /// The file's length in bytes, preallocated ones included.
    fn len(&self, file: &Self::File) -> Result<u64>;

    /// Fills `buffer` from `offset`; an end of file within is an error (`DiskFailed`).
    fn read_at(&self, file: &Self::File, offset: u64, buffer: &mut [u8]) -> Result<()>;

    /// Writes all of `bytes` at `offset`, in one call where the system takes it.
    fn write_at(&self, file: &Self::File, offset: u64, bytes: &[u8]) -> Result<()>;

    /// Reserves room up to a length of `bytes`, read as zeroes; never shortens.
    fn preallocate(&self, file: &Self::File, bytes: u64) -> Result<()>;

    /// Cuts the file to `bytes`; what a later growth shows there is zeroes.
    fn truncate(&self, file: &Self::File, bytes: u64) -> Result<()>;

    /// Makes the file's bytes and length durable (fdatasync).
    fn sync_data(&self, file: &Self::File) -> Result<()>;

    /// Makes names durable (fsync of the folder).
    fn sync_folder(&self) -> Result<()>;

    /// Gives a file another name; a file that has it is replaced.
    fn rename(&self, from: &str, to: &str) -> Result<()>;

    /// Removes a name.
    fn remove(&self, name: &str) -> Result<()>;

    /// Drops the system's clean copies of the file's bytes, so that the next read comes from the device. An
    /// advice: where the system does not take it, reads are as before.
    fn forget_cached(&self, file: &Self::File) -> Result<()>;

    /// Sixteen bytes that nobody outside can foresee (see [`crate::log`]: they bind frames to their journal).
    fn salt(&self) -> Result<[u8; 16]>;

    /// What was done so far.
    fn figures(&self) -> DiskFigures;
}

/// Counts of a disk's work since it was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DiskFigures {
    /// Calls of [`Disk::sync_data`].
    pub syncs: u64,
    /// Calls of [`Disk::sync_folder`].
    pub folder_syncs: u64,
    /// Calls of [`Disk::write_at`].
    pub writes: u64,
    /// Bytes given to [`Disk::write_at`].
    pub bytes_written: u64,
    /// Bytes that [`Disk::read_at`] gave.
    pub bytes_read: u64,
}

/// Longest label, in bytes.
pub const LABEL_BYTES_MAX: usize = 100;

/// Checks that `name` is a label: 1–100 of `a-z 0-9 . _ -`, the first not a dot. So no name leads out of the
/// folder, and no two differ by case or normal form alone.
pub fn label(name: &str) -> Result<&str> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
    if name.is_empty() || name.len() > LABEL_BYTES_MAX || name.starts_with('.') || !name.bytes().all(plain) {
        return Err(Problem::new(Code::ValueRefused, "file name")
            .found(name)
            .expected("1-100 of a-z 0-9 . _ -, not beginning with a dot"));
    }
    Ok(name)
}

/// An error of the system about the file `place`, by whose turn it is to act.
fn failed(error: &io::Error, place: &str) -> Problem {
    let code = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Code::DiskFull,
        io::ErrorKind::NotFound => Code::NotFound,
        _ => Code::DiskFailed,
    };
    Problem::new(code, place).found(error.to_string())
}
