//! A folder of the machine. Held by one process at a time, closed to other users, and never led out of itself by a
//! link: every file is opened relative to the folder's descriptor without following the last component.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use ogic_certs::{Code, Problem, Result};
use ring::rand::{SecureRandom, SystemRandom};
use rustix::fs::{Advice, AtFlags, Dir, FallocateFlags, FileType, FlockOperation, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::{Disk, DiskFigures, failed, label};

/// The lock file. Begins with a dot and so is no label: no [`Disk`] call reaches it.
const LOCK_NAME: &str = ".lock";
const FOLDER_MODE: Mode = Mode::RWXU;
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);

/// A folder of the machine, locked for as long as this value lives.
#[derive(Debug)]
pub struct RealDisk {
    path: PathBuf,
    folder: OwnedFd,
    /// Holds the flock; the system lets it go when the process ends, however it ends.
    _lock: File,
    syncs: AtomicU64,
    folder_syncs: AtomicU64,
    writes: AtomicU64,
    bytes_written: AtomicU64,
    bytes_read: AtomicU64,
}

impl RealDisk {
    /// Opens the folder at `path`, creating it (mode 0700) and its parents, and locks it.
    ///
    /// A folder that other users could enter is closed to them. Errors: `StoreLocked` naming the process that holds it,
    /// `DiskFailed` (a last component that is a link included), `DiskFull`.
    pub fn open(path: &Path) -> Result<Self> {
        let place = path.display().to_string();
        create_folder(path).map_err(|e| failed(&e, &place))?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| failed(&e.into(), &place))?;
        let mode =
            Mode::from_raw_mode(rustix::fs::fstat(&folder).map_err(|e| failed(&e.into(), &place))?.st_mode);
        if mode.intersects(Mode::RWXG | Mode::RWXO) {
            rustix::fs::fchmod(&folder, FOLDER_MODE).map_err(|e| failed(&e.into(), &place))?;
        }
        let lock = lock(&folder, &place)?;
        Ok(Self {
            path: path.to_owned(),
            folder,
            _lock: lock,
            syncs: AtomicU64::new(0),
            folder_syncs: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            bytes_written: AtomicU64::new(0),
            bytes_read: AtomicU64::new(0),
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn open_with(&self, name: &str, flags: OFlags) -> Result<File> {
        let (name, flags) = (label(name)?, flags | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC);
        retry_on_intr(|| rustix::fs::openat(&self.folder, name, flags, FILE_MODE))
            .map(File::from)
            .map_err(|e| failed(&e.into(), name))
    }
}

impl Disk for RealDisk {
    type File = File;

    fn names(&self) -> Result<Vec<String>> {
        let listing = |e: Errno| failed(&e.into(), "folder");
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.folder).map_err(listing)? {
            let entry = entry.map_err(listing)?;
            // Some file systems do not tell the type; opening a folder as a file fails later, by name.
            let file = matches!(entry.file_type(), FileType::RegularFile | FileType::Unknown);
            if let (true, Ok(name)) = (file, entry.file_name().to_str())
                && label(name).is_ok()
            {
                names.push(name.to_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn open(&self, name: &str) -> Result<File> {
        self.open_with(name, OFlags::empty())
    }

    fn create(&self, name: &str) -> Result<File> {
        self.open_with(name, OFlags::CREATE | OFlags::EXCL)
    }

    fn len(&self, file: &File) -> Result<u64> {
        file.metadata().map(|m| m.len()).map_err(|e| failed(&e, "length"))
    }

    fn read_at(&self, file: &File, offset: u64, buffer: &mut [u8]) -> Result<()> {
        self.bytes_read.fetch_add(buffer.len() as u64, Ordering::Relaxed);
        file.read_exact_at(buffer, offset).map_err(|e| failed(&e, "read"))
    }

    fn write_at(&self, file: &File, offset: u64, bytes: &[u8]) -> Result<()> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.bytes_written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        file.write_all_at(bytes, offset).map_err(|e| failed(&e, "write"))
    }

    fn preallocate(&self, file: &File, bytes: u64) -> Result<()> {
        match retry_on_intr(|| rustix::fs::fallocate(file, FallocateFlags::empty(), 0, bytes)) {
            Ok(()) => Ok(()),
            // Then the length alone is set: a full disk shows itself at the write instead of here.
            Err(Errno::OPNOTSUPP) if self.len(file)? < bytes => self.truncate(file, bytes),
            Err(Errno::OPNOTSUPP) => Ok(()),
            Err(e) => Err(failed(&e.into(), "preallocate")),
        }
    }

    fn truncate(&self, file: &File, bytes: u64) -> Result<()> {
        file.set_len(bytes).map_err(|e| failed(&e, "truncate"))
    }

    fn sync_data(&self, file: &File) -> Result<()> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        // Not retried when it fails: see the contract of `Disk`.
        file.sync_data().map_err(|e| failed(&e, "sync"))
    }

    fn sync_folder(&self) -> Result<()> {
        self.folder_syncs.fetch_add(1, Ordering::Relaxed);
        rustix::fs::fsync(&self.folder).map_err(|e| failed(&e.into(), "sync of the folder"))
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        rustix::fs::renameat(&self.folder, label(from)?, &self.folder, label(to)?)
            .map_err(|e| failed(&e.into(), from))
    }

    fn remove(&self, name: &str) -> Result<()> {
        rustix::fs::unlinkat(&self.folder, label(name)?, AtFlags::empty())
            .map_err(|e| failed(&e.into(), name))
    }

    fn forget_cached(&self, file: &File) -> Result<()> {
        // Dirty pages stay, so whoever wants the device's bytes syncs first.
        match rustix::fs::fadvise(file, 0, None, Advice::DontNeed) {
            Ok(()) | Err(Errno::NOSYS | Errno::INVAL) => Ok(()),
            Err(e) => Err(failed(&e.into(), "fadvise")),
        }
    }

    fn salt(&self) -> Result<[u8; 16]> {
        let mut salt = [0; 16];
        SystemRandom::new()
            .fill(&mut salt)
            .map_err(|_| Problem::new(Code::DiskFailed, "salt").found("the system gives no random bytes"))?;
        Ok(salt)
    }

    fn figures(&self) -> DiskFigures {
        DiskFigures {
            syncs: self.syncs.load(Ordering::Relaxed),
            folder_syncs: self.folder_syncs.load(Ordering::Relaxed),
            writes: self.writes.load(Ordering::Relaxed),
            bytes_written: self.bytes_written.load(Ordering::Relaxed),
            bytes_read: self.bytes_read.load(Ordering::Relaxed),
        }
    }
}

/// Creates `path` and what is missing above it, each made durable in its parent.
fn create_folder(path: &Path) -> io::Result<()> {
    if path.symlink_metadata().is_ok() {
        return Ok(());
    }
    let parent = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return Ok(()),
    };
    create_folder(parent)?;
    match rustix::fs::mkdir(path, FOLDER_MODE) {
        Ok(()) | Err(Errno::EXIST) => File::open(parent)?.sync_all(),
        Err(e) => Err(e.into()),
    }
}

/// Takes the folder's lock, or says who has it.
fn lock(folder: &OwnedFd, place: &str) -> Result<File> {
    let flags = OFlags::CREATE | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = rustix::fs::openat(folder, LOCK_NAME, flags, FILE_MODE)
        .map(File::from)
        .map_err(|e| failed(&e.into(), LOCK_NAME))?;
    match retry_on_intr(|| rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => {
            let mut holder = String::new();
            // The holder's number is a help to the reader, no more: absent is fine.
            let _ = (&file).take(20).read_to_string(&mut holder);
            let holder = if holder.is_empty() { "unknown" } else { holder.trim() };
            return Err(Problem::new(Code::StoreLocked, place).found(format!("process {holder}")));
        }
        Err(e) => return Err(failed(&e.into(), LOCK_NAME)),
    }
    // A full disk must not keep its owner out: the lock is the flock, not the number.
    let _ = file.set_len(0).and_then(|()| file.write_all(std::process::id().to_string().as_bytes()));
    Ok(file)
}
