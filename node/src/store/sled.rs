//! The store over sled: one tree, few large rows, and nothing that could not be rebuilt.
//!
//! It never lets sled decide whether its rows are whole: a mark beside them does (see [`super::mark`]), and whatever
//! sled answers with an error or a panic ends the use of these rows.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::ops::Bound;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{fmt, io, mem, thread};

use ogic_certs::{CaseId, Code, Digest, Problem, Result};
use rustix::fs::FlockOperation;
use rustix::io::Errno;

use super::block::{self, BLOCK_RECORDS, CASE_PREFIX, WATERMARK_KEY};
use super::mark::{Boot, Expected, Mark, Reason, State};
use super::{Batch, CaseRow, Change, RecordRow, Store, changes};

/// Rows that sled keeps in memory, by its own reckoning.
const CACHE_BYTES: u64 = 64 << 20;
/// Bytes applied after which sled is told to write: so much, and its buffer, is followed again after a kill.
const FLUSH_BYTES: usize = 1 << 20;
/// Commits applied after which it is told so too.
const FLUSH_COMMITS: u64 = 1024;
/// How long a sled that is ending may still hold its file, in tries of 20 ms.
const RELEASE_TRIES: usize = 100;
const RELEASE_PAUSE: Duration = Duration::from_millis(20);

const LOCK: &str = "lock";
const ROWS: &str = "rows";
const ROWS_OLD: &str = "rows.old";

/// The store over sled, in a folder of its own.
///
/// Dropped, it is left as after a kill; [`SledStore::close`] leaves it so that it can be trusted after a restart of the
/// system.
pub struct SledStore {
    root: PathBuf,
    origin: Digest,
    boot: Boot,
    /// None only while the rows are replaced, and for good if that fails.
    rows: Option<sled::Db>,
    /// sled failed or panicked, or a row was not ours: nothing more is asked of these rows.
    trouble: AtomicBool,
    unflushed: usize,
    flushed_at: u64,
    /// Holds the flock; declared last, so that the rows go first.
    _lock: File,
}

/// A store, and whether it had to be begun anew.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub store: SledStore,
    /// Why its rows were given up: it is empty now. None if they were kept, or there were none ever.
    pub rebuilt: Option<Reason>,
}

impl SledStore {
    /// Opens the store that follows the log `origin` in the folder `root`, which is created (mode 0700), as are its
    /// parents.
    ///
    /// Rows that cannot be trusted or opened are removed. Errors: `StoreLocked`, `DiskFull`, `DiskFailed`;
    /// `StoreDamaged` if sled cannot even begin anew.
    pub fn open(root: &Path, origin: &str) -> Result<Opened> {
        Self::open_in_boot(root, origin, Boot::current())
    }

    pub(super) fn open_in_boot(root: &Path, origin: &str, boot: Boot) -> Result<Opened> {
        DirBuilder::new().recursive(true).mode(0o700).create(root).map_err(|e| failed(&e, root))?;
        let lock = lock(root)?;
        remove(&root.join(ROWS_OLD))?;
        let origin = Digest::of(origin.as_bytes());
        let rows = root.join(ROWS);
        let (expected, mut rebuilt) = match (Mark::read(root), rows.exists()) {
            (Ok(None), false) => (None, None),
            (Ok(None), true) => (None, Some(Reason::NoMark)),
            (Ok(Some(_)), false) => (None, Some(Reason::NoRows)),
            (Ok(Some(mark)), true) => match mark.judge(&origin, &boot) {
                Ok(expected) => (Some(expected), None),
                Err(reason) => (None, Some(reason)),
            },
            (Err(reason), _) => (None, Some(reason)),
        };
        let mut store = Self {
            root: root.to_owned(),
            origin,
            boot,
            rows: None,
            trouble: AtomicBool::new(false),
            unflushed: 0,
            flushed_at: 0,
            _lock: lock,
        };
        if let Some(expected) = expected {
            rebuilt = store.reopen(expected)?.err();
        }
        if store.rows.is_none() {
            store.begin_anew()?;
        }
        Ok(Opened { store, rebuilt })
    }

    /// Ends the use of the store: syncs every file, then marks it clean. Without it the store is rebuilt after the
    /// system's next start. Errors: `DiskFull`, `DiskFailed`, `StoreDamaged`; nothing is lost that the journal has not.
    pub fn close(mut self) -> Result<()> {
        let watermark = self.watermark()?;
        self.ask(|db| db.flush())?;
        self.end_rows();
        if *self.trouble.get_mut() {
            return Err(damaged("sled panicked at its end"));
        }
        sync_folder(&self.root.join(ROWS)).map_err(|e| failed(&e, &self.root))?;
        Mark { origin: self.origin, state: State::Clean { watermark } }.write(&self.root)
    }

    /// From here on it is as after an error of sled.
    #[cfg(test)]
    pub(crate) fn fail(&self) {
        self.trouble.store(true, Ordering::Relaxed);
    }

    /// Opens the rows that are there, and keeps them if they are what is expected.
    ///
    /// Until rows that are not have been removed, the mark goes on telling what was expected of them.
    fn reopen(&mut self, expected: Expected) -> Result<Result<(), Reason>> {
        let (Expected::Exactly(floor) | Expected::AtLeast(floor)) = expected;
        self.mark_open(floor)?;
        let found = open_rows(&self.root.join(ROWS)).and_then(|db| {
            self.rows = Some(db);
            self.watermark()
        });
        let reason = match (found, expected) {
            (Ok(found), Expected::Exactly(_)) if found != floor => Reason::OtherRows(found, floor),
            (Ok(found), _) if found < floor => Reason::OtherRows(found, floor),
            (Ok(found), _) => {
                self.flushed_at = found;
                return Ok(Ok(()));
            }
            (Err(problem), _) => Reason::Trouble(problem),
        };
        self.end_rows();
        Ok(Err(reason))
    }

    /// Removes the rows, and opens empty ones. Rows without trust are gone before the mark says that these are in use.
    fn begin_anew(&mut self) -> Result<()> {
        self.end_rows();
        give_up(&self.root)?;
        self.mark_open(0)?;
        self.rows = Some(open_rows(&self.root.join(ROWS))?);
        *self.trouble.get_mut() = false;
        (self.unflushed, self.flushed_at) = (0, 0);
        Ok(())
    }

    fn mark_open(&self, floor: u64) -> Result<()> {
        let state = State::Open { boot: self.boot.clone(), floor };
        Mark { origin: self.origin, state }.write(&self.root)
    }

    /// Lets go of the rows. After trouble sled's own end could wait for a write that never comes, so that its memory is
    /// rather left behind.
    fn end_rows(&mut self) {
        let Some(db) = self.rows.take() else { return };
        if *self.trouble.get_mut() {
            mem::forget(db);
        } else if catch_unwind(AssertUnwindSafe(|| drop(db))).is_err() {
            *self.trouble.get_mut() = true;
        }
    }

    /// Asks sled; an error or a panic is the last that it is asked.
    fn ask<T>(&self, question: impl FnOnce(&sled::Db) -> sled::Result<T>) -> Result<T> {
        let db = self.rows.as_ref().filter(|_| !self.trouble.load(Ordering::Relaxed));
        let db = db.ok_or_else(|| damaged("it failed before").expected("to be cleared"))?;
        caught(|| question(db)).inspect_err(|_| self.trouble.store(true, Ordering::Relaxed))
    }

    fn value(&self, key: &[u8]) -> Result<Option<sled::IVec>> {
        self.ask(|db| db.get(key))
    }

    /// A row that is not ours is trouble like any other.
    fn ours<T>(&self, row: Option<T>, what: impl fmt::Display) -> Result<T> {
        row.ok_or_else(|| {
            self.trouble.store(true, Ordering::Relaxed);
            damaged(format!("{what} is not what was written"))
        })
    }

    fn stored_records(&self, case: &CaseId) -> Result<u64> {
        match self.value(&block::case_key(case))? {
            Some(bytes) => self.ours(block::case_records(&bytes), format_args!("the row of case {case}")),
            None => Ok(0),
        }
    }

    /// The records of a block of a case that has `records` in all.
    fn block(&self, case: &CaseId, block: u64, records: u64) -> Result<Vec<RecordRow>> {
        let count = records.saturating_sub(block.saturating_mul(BLOCK_RECORDS)).min(BLOCK_RECORDS);
        let bytes = self.value(&block::block_key(case, block))?;
        let rows = bytes.and_then(|bytes| block::block_records(&bytes, block, count));
        self.ours(rows, format_args!("row {block} of case {case}"))
    }

    /// The rows that `change` writes: the case's own, and each block that begins or grows.
    fn write(&self, case: &CaseId, change: &Change<'_>, batch: &mut sled::Batch) -> Result<usize> {
        let row = block::case_bytes(change.row);
        let mut bytes = row.len();
        batch.insert(block::case_key(case).as_slice(), row);
        let mut records = change.records.as_slice();
        let mut number = change.before / BLOCK_RECORDS;
        let mut grown = Vec::new();
        if !records.is_empty() && !change.before.is_multiple_of(BLOCK_RECORDS) {
            for row in self.block(case, number, change.before)? {
                block::push_record(&mut grown, &row);
            }
        }
        let mut room = (BLOCK_RECORDS - change.before % BLOCK_RECORDS) as usize;
        while !records.is_empty() {
            let (now, later) = records.split_at(room.min(records.len()));
            now.iter().for_each(|row| block::push_record(&mut grown, row));
            bytes += grown.len();
            batch.insert(block::block_key(case, number).as_slice(), mem::take(&mut grown));
            (records, number, room) = (later, number + 1, BLOCK_RECORDS as usize);
        }
        Ok(bytes)
    }
}

impl Store for SledStore {
    fn watermark(&self) -> Result<u64> {
        match self.value(&WATERMARK_KEY)? {
            Some(bytes) => self.ours(block::watermark(&bytes), "the watermark"),
            None => Ok(0),
        }
    }

    fn case(&self, case: &CaseId) -> Result<Option<CaseRow>> {
        let key = block::case_key(case);
        self.value(&key)?
            .map(|bytes| self.ours(block::case_row(&key, &bytes), format_args!("the row of case {case}")))
            .transpose()
    }

    fn cases(&self, after: Option<CaseId>, max: usize) -> Result<Vec<CaseRow>> {
        let after = after.map(|case| block::case_key(&case));
        let start = after.as_ref().map_or(Bound::Included(&CASE_PREFIX[..]), |key| Bound::Excluded(&key[..]));
        let end = [CASE_PREFIX[0] + 1];
        let range = (start, Bound::Excluded(&end[..]));
        let rows: Vec<_> = self.ask(|db| db.range::<&[u8], _>(range).take(max).collect())?;
        rows.iter().map(|(key, bytes)| self.ours(block::case_row(key, bytes), "the row of a case")).collect()
    }

    fn records(&self, case: &CaseId, from_seq: u64, max: usize) -> Result<Vec<RecordRow>> {
        let stored = self.stored_records(case)?;
        let mut rows = Vec::new();
        let mut next = from_seq;
        while next < stored && rows.len() < max {
            let block = self.block(case, next / BLOCK_RECORDS, stored)?;
            rows.extend(block.into_iter().skip((next % BLOCK_RECORDS) as usize).take(max - rows.len()));
            next = (next / BLOCK_RECORDS + 1).saturating_mul(BLOCK_RECORDS);
        }
        Ok(rows)
    }

    fn apply(&mut self, batch: &Batch) -> Result<()> {
        let mut rows = sled::Batch::default();
        for (case, change) in changes(batch, self.watermark()?, |case| self.stored_records(case))? {
            self.unflushed += self.write(&case, &change, &mut rows)?;
        }
        rows.insert(&WATERMARK_KEY, &batch.watermark.to_be_bytes());
        self.ask(|db| db.apply_batch(rows))?;
        if self.unflushed >= FLUSH_BYTES || batch.watermark.saturating_sub(self.flushed_at) >= FLUSH_COMMITS {
            self.ask(|db| db.flush())?;
            (self.unflushed, self.flushed_at) = (0, batch.watermark);
        }
        Ok(())
    }

    fn clear(&mut self) -> Result<()> {
        self.begin_anew()
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        self.end_rows();
    }
}

/// sled's own would print every row.
impl fmt::Debug for SledStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SledStore")
            .field("root", &self.root)
            .field("trouble", &self.trouble)
            .finish_non_exhaustive()
    }
}

/// Opens sled's folder. We hold the store's lock, so that only a sled which is ending can hold sled's own.
fn open_rows(path: &Path) -> Result<sled::Db> {
    let config = sled::Config::new().path(path).cache_capacity(CACHE_BYTES).flush_every_ms(None);
    for _ in 0..RELEASE_TRIES {
        match caught(|| config.open()) {
            Err(problem) if problem.found.as_ref().is_some_and(|found| found.contains(SLED_LOCKED)) => {
                thread::sleep(RELEASE_PAUSE);
            }
            opened => return opened,
        }
    }
    Err(damaged("sled's own lock is not released"))
}

/// How sled says that its file is locked: it has no kind of error for it.
const SLED_LOCKED: &str = "could not acquire lock";

/// Runs sled, whose panics are errors like any other.
fn caught<T>(call: impl FnOnce() -> sled::Result<T>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(sled::Error::Io(e))) if no_room(&e) => {
            Err(Problem::new(Code::DiskFull, "store").found(e.to_string()))
        }
        Ok(Err(e)) => Err(damaged(e.to_string())),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Err(damaged(format!("sled panicked: {}", text.unwrap_or("without a word"))))
        }
    }
}

fn damaged(found: impl Into<String>) -> Problem {
    Problem::new(Code::StoreDamaged, "store").found(found)
}

/// The error of a file, as a problem that names it.
pub(super) fn failed(error: &io::Error, path: &Path) -> Problem {
    let code = if no_room(error) { Code::DiskFull } else { Code::DiskFailed };
    Problem::new(code, "store").found(format!("{}: {error}", path.display()))
}

fn no_room(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// The store's lock, let go of by the system however the process ends.
fn lock(root: &Path) -> Result<File> {
    let path = root.join(LOCK);
    let options = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = options.map_err(|e| failed(&e, &path))?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(Errno::WOULDBLOCK) => {
            Err(Problem::new(Code::StoreLocked, "store").found(root.display().to_string()))
        }
        Err(e) => Err(failed(&e.into(), &path)),
    }
}

/// Removes the rows: first out of sight in one step, then piece by piece.
fn give_up(root: &Path) -> Result<()> {
    let (rows, old) = (root.join(ROWS), root.join(ROWS_OLD));
    remove(&old)?;
    match fs::rename(&rows, &old).and_then(|()| File::open(root)?.sync_all()) {
        Ok(()) => remove(&old),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(failed(&e, &rows)),
    }
}

fn remove(path: &Path) -> Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(e) => Err(e),
    };
    match removed {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(failed(&e, path)),
        _ => Ok(()),
    }
}

/// Syncs every file of a folder and of those in it, and the folders themselves.
fn sync_folder(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folder(&entry.path())?;
        } else {
            File::open(entry.path())?.sync_all()?;
        }
    }
    File::open(path)?.sync_all()
}
