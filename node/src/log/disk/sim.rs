//! A disk in memory that does what disks do when things go wrong, from one seed: it loses what was not synced,
//! tears writes, forgets names, fails the call it was told to fail, and after a failed sync shows bytes that it
//! does not hold. It never loses what its contract calls durable.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ogic_certs::{Code, Problem, Result};

use super::platter::{Change, Inode, NameChange, below, next};
use super::{Disk, DiskFigures, label};

/// A simulated disk. Clones are handles to the same disk, as after a restart of the process.
#[derive(Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

/// An open file of a [`SimDisk`]. Dies with the process that opened it: see [`SimDisk::crash`], [`SimDisk::kill`].
#[derive(Debug)]
pub struct SimFile {
    inode: u64,
    life: u64,
}

/// A kind of call of [`Disk`], to arm a fault at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each is the call of that name")]
pub enum Op {
    Names,
    Open,
    Create,
    Len,
    ReadAt,
    WriteAt,
    Preallocate,
    Truncate,
    SyncData,
    SyncFolder,
    Rename,
    Remove,
    ForgetCached,
    Salt,
}

/// How an armed call fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// EIO, nothing done. A sync that fails so has written any part, and will not try the rest again.
    Io,
    /// ENOSPC, nothing done.
    Full,
    /// ENOSPC after a part of the write; for other calls as [`Failure::Full`].
    Short,
    /// The process dies in this call, which has its effect in the system's cache; nothing works until
    /// [`SimDisk::crash`] or [`SimDisk::kill`].
    Death,
}

/// What really happened to a [`SimDisk`], so that a simulation can show that its faults were no paper.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SimFigures {
    pub crashes: u64,
    pub kills: u64,
    pub deaths: u64,
    pub writes_lost: u64,
    pub writes_torn: u64,
    pub lengths_lost: u64,
    pub names_lost: u64,
    pub calls_failed: u64,
    pub calls_full: u64,
    pub writes_short: u64,
    pub syncs_failed: u64,
    pub pages_forgotten: u64,
    pub bits_flipped: u64,
}

#[derive(Default)]
struct State {
    random: u64,
    life: u64,
    dead: bool,
    calls: u64,
    armed: Vec<(Option<Op>, u64, Failure)>,
    next_inode: u64,
    inodes: BTreeMap<u64, Inode>,
    /// What the process sees.
    names: BTreeMap<String, u64>,
    /// What a power cut leaves.
    names_durable: BTreeMap<String, u64>,
    names_pending: Vec<NameChange>,
    work: DiskFigures,
    figures: SimFigures,
}

impl SimDisk {
    /// An empty disk whose every chance comes from `seed`.
    pub fn new(seed: u64) -> Self {
        let state = State { random: seed, ..State::default() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Cuts the power: of what was not synced some writes are lost, some torn, some kept; of the names a prefix
    /// of the changes is kept. Open files die; armed faults are disarmed.
    pub fn crash(&self) {
        let mut state = self.lock();
        let state = &mut *state;
        state.figures.crashes += 1;
        state.restart();
        let kept = state.below(state.names_pending.len() as u64 + 1) as usize;
        state.figures.names_lost += (state.names_pending.len() - kept) as u64;
        for change in std::mem::take(&mut state.names_pending).into_iter().take(kept) {
            change.apply(&mut state.names_durable);
        }
        state.names.clone_from(&state.names_durable);
        let mut random = state.random;
        for inode in state.inodes.values_mut() {
            inode.settle(&mut random, &mut state.figures);
            inode.cache.clone_from(&inode.durable);
        }
        state.random = random;
        state.sweep();
    }

    /// Ends the process alone (SIGKILL): what was written stays in the system's cache, durable or not. Open files
    /// die; armed faults are disarmed.
    pub fn kill(&self) {
        let mut state = self.lock();
        state.figures.kills += 1;
        state.restart();
    }

    /// Lets the `nth` call from now (1 is the next) fail, of all calls or of one kind.
    pub fn arm(&self, op: Option<Op>, nth: u64, failure: Failure) {
        self.lock().armed.push((op, nth, failure));
    }

    /// Disarms every fault that has not happened yet.
    pub fn disarm(&self) {
        self.lock().armed.clear();
    }

    /// Calls so far, refused ones included: the places at which a process can die.
    pub fn calls(&self) -> u64 {
        self.lock().calls
    }

    /// Faults that happened.
    pub fn faults(&self) -> SimFigures {
        self.lock().figures
    }

    /// Flips one bit of a file on the device and in the cache; false if there is no such byte.
    pub fn flip(&self, name: &str, offset: usize, bit: u8) -> bool {
        let mut state = self.lock();
        let Some(inode) = state.names.get(name).copied().and_then(|id| state.inodes.get_mut(&id)) else {
            return false;
        };
        let mut flipped = false;
        for bytes in [&mut inode.cache, &mut inode.durable] {
            if let Some(byte) = bytes.get_mut(offset) {
                *byte ^= 1 << (bit % 8);
                flipped = true;
            }
        }
        state.figures.bits_flipped += u64::from(flipped);
        flipped
    }

    /// What a process sees of a file, for checkers: no call, no fault.
    pub fn contents(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.lock();
        state.names.get(name).and_then(|id| state.inodes.get(id)).map(|inode| inode.cache.clone())
    }

    /// Puts a file there, durable, for tests that edit a closed store.
    pub fn put(&self, name: &str, bytes: Vec<u8>) {
        let mut state = self.lock();
        state.next_inode += 1;
        let id = state.next_inode;
        state.inodes.insert(id, Inode { cache: bytes.clone(), durable: bytes, pending: Vec::new() });
        state.names.insert(name.to_owned(), id);
        state.names_durable.insert(name.to_owned(), id);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A test that panicked elsewhere leaves the state whole: no call breaks off in the middle.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call, and says whether and how it fails.
    fn enter(&self, op: Op) -> Result<(MutexGuard<'_, State>, Option<Failure>)> {
        let mut state = self.lock();
        state.calls += 1;
        if state.dead {
            return Err(io("the process is dead"));
        }
        let mut failure = None;
        state.armed.retain_mut(|(armed, nth, how)| {
            if armed.is_none_or(|armed| armed == op) {
                *nth = nth.saturating_sub(1);
                if *nth == 0 {
                    failure = Some(*how);
                }
            }
            *nth > 0
        });
        match failure {
            Some(Failure::Io) => state.figures.calls_failed += 1,
            Some(Failure::Full) => state.figures.calls_full += 1,
            Some(Failure::Short) if op != Op::WriteAt => state.figures.calls_full += 1,
            Some(Failure::Death) => {
                state.figures.deaths += 1;
                state.dead = true;
            }
            Some(Failure::Short) | None => {}
        }
        Ok((state, failure))
    }

    /// A call that reads or changes at once: it fails with nothing done, or has its effect.
    fn call<T>(&self, op: Op, effect: impl FnOnce(&mut State) -> Result<T>) -> Result<T> {
        let (mut state, failure) = self.enter(op)?;
        match failure {
            None => effect(&mut state),
            Some(Failure::Death) => effect(&mut state).and(Err(io("the process died"))),
            Some(failure) => Err(failure.problem()),
        }
    }
}

impl Disk for SimDisk {
    type File = SimFile;

    fn names(&self) -> Result<Vec<String>> {
        self.call(Op::Names, |state| Ok(state.names.keys().cloned().collect()))
    }

    fn open(&self, name: &str) -> Result<SimFile> {
        label(name)?;
        self.call(Op::Open, |state| match state.names.get(name) {
            Some(inode) => Ok(SimFile { inode: *inode, life: state.life }),
            None => Err(Problem::new(Code::NotFound, name)),
        })
    }

    fn create(&self, name: &str) -> Result<SimFile> {
        label(name)?;
        self.call(Op::Create, |state| {
            if state.names.contains_key(name) {
                return Err(io("file exists"));
            }
            state.next_inode += 1;
            let inode = state.next_inode;
            state.inodes.insert(inode, Inode::default());
            state.rename_with(NameChange::Create(name.to_owned(), inode));
            Ok(SimFile { inode, life: state.life })
        })
    }

    fn len(&self, file: &SimFile) -> Result<u64> {
        self.call(Op::Len, |state| Ok(state.inode(file)?.cache.len() as u64))
    }

    fn read_at(&self, file: &SimFile, offset: u64, buffer: &mut [u8]) -> Result<()> {
        self.call(Op::ReadAt, |state| {
            let start = usize::try_from(offset).map_err(|_| io("end of file"))?;
            let end = start.checked_add(buffer.len()).ok_or_else(|| io("end of file"))?;
            let bytes = state.inode(file)?.cache.get(start..end).ok_or_else(|| io("end of file"))?;
            buffer.copy_from_slice(bytes);
            state.work.bytes_read += buffer.len() as u64;
            Ok(())
        })
    }

    fn write_at(&self, file: &SimFile, offset: u64, bytes: &[u8]) -> Result<()> {
        let (mut state, failure) = self.enter(Op::WriteAt)?;
        state.work.writes += 1;
        state.work.bytes_written += bytes.len() as u64;
        let kept = match failure {
            None | Some(Failure::Death) => bytes.len(),
            Some(Failure::Short) => {
                state.figures.writes_short += 1;
                state.below(bytes.len() as u64) as usize
            }
            Some(Failure::Io | Failure::Full) => 0,
        };
        if kept > 0 {
            let start = usize::try_from(offset).map_err(|_| io("file too large"))?;
            let part = bytes.get(..kept).unwrap_or(bytes).to_vec();
            state.inode(file)?.change(Change::Write(start, part));
        }
        failure.map_or(Ok(()), |failure| Err(failure.problem()))
    }

    fn preallocate(&self, file: &SimFile, bytes: u64) -> Result<()> {
        self.call(Op::Preallocate, |state| {
            let inode = state.inode(file)?;
            let bytes = usize::try_from(bytes).map_err(|_| io("file too large"))?;
            if inode.cache.len() < bytes {
                inode.change(Change::Length(bytes));
            }
            Ok(())
        })
    }

    fn truncate(&self, file: &SimFile, bytes: u64) -> Result<()> {
        self.call(Op::Truncate, |state| {
            let bytes = usize::try_from(bytes).map_err(|_| io("file too large"))?;
            state.inode(file)?.change(Change::Length(bytes));
            Ok(())
        })
    }

    fn sync_data(&self, file: &SimFile) -> Result<()> {
        let (mut state, failure) = self.enter(Op::SyncData)?;
        state.work.syncs += 1;
        let state = &mut *state;
        let mut random = state.random;
        match failure {
            None => state.inode(file)?.flush(),
            Some(failure) => {
                // Some of it reached the device; the rest is in the cache alone, and no later sync writes it. A process
                // that dies in a sync leaves the system to go on with what was not written yet.
                state.figures.syncs_failed += u64::from(failure != Failure::Death);
                let mut lost = SimFigures::default();
                if failure != Failure::Death {
                    state.inode(file)?.settle(&mut random, &mut lost);
                }
                state.figures.pages_forgotten += lost.writes_lost + lost.writes_torn + lost.lengths_lost;
            }
        }
        state.random = random;
        failure.map_or(Ok(()), |failure| Err(failure.problem()))
    }

    fn sync_folder(&self) -> Result<()> {
        let (mut state, failure) = self.enter(Op::SyncFolder)?;
        state.work.folder_syncs += 1;
        if let Some(failure) = failure {
            state.figures.syncs_failed += u64::from(failure != Failure::Death);
            return Err(failure.problem());
        }
        state.names_durable = state.names.clone();
        state.names_pending.clear();
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        label(from).and_then(|_| label(to))?;
        self.call(Op::Rename, |state| {
            if !state.names.contains_key(from) {
                return Err(Problem::new(Code::NotFound, from));
            }
            state.rename_with(NameChange::Rename(from.to_owned(), to.to_owned()));
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> Result<()> {
        label(name)?;
        self.call(Op::Remove, |state| {
            if !state.names.contains_key(name) {
                return Err(Problem::new(Code::NotFound, name));
            }
            state.rename_with(NameChange::Remove(name.to_owned()));
            Ok(())
        })
    }

    fn forget_cached(&self, file: &SimFile) -> Result<()> {
        self.call(Op::ForgetCached, |state| {
            let inode = state.inode(file)?;
            let mut seen = inode.durable.clone();
            for change in &inode.pending {
                change.apply(&mut seen);
            }
            inode.cache = seen;
            Ok(())
        })
    }

    fn salt(&self) -> Result<[u8; 16]> {
        self.call(Op::Salt, |state| {
            let mut salt = [0; 16];
            for half in salt.chunks_mut(8) {
                half.copy_from_slice(&next(&mut state.random).to_be_bytes());
            }
            Ok(salt)
        })
    }

    fn figures(&self) -> DiskFigures {
        self.lock().work
    }
}

impl State {
    fn restart(&mut self) {
        self.life += 1;
        self.dead = false;
        self.armed.clear();
    }

    fn inode(&mut self, file: &SimFile) -> Result<&mut Inode> {
        if file.life != self.life {
            return Err(io("the file was opened by a process that is dead"));
        }
        self.inodes.get_mut(&file.inode).ok_or_else(|| io("no such inode"))
    }

    fn rename_with(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.names_pending.push(change);
    }

    /// Frees files that no name leads to any more.
    fn sweep(&mut self) {
        let named: Vec<u64> = self.names.values().copied().collect();
        self.inodes.retain(|id, _| named.contains(id));
    }

    fn below(&mut self, bound: u64) -> u64 {
        below(&mut self.random, bound)
    }
}

impl Failure {
    fn problem(self) -> Problem {
        match self {
            Self::Io => io("input/output error"),
            Self::Full | Self::Short => Problem::new(Code::DiskFull, "disk").found("no space left on device"),
            Self::Death => io("the process died"),
        }
    }
}

fn io(what: &str) -> Problem {
    Problem::new(Code::DiskFailed, "disk").found(what)
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("SimDisk")
            .field("calls", &state.calls)
            .field("faults", &state.figures)
            .finish_non_exhaustive()
    }
}
