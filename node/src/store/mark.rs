//! The mark beside sled's folder: whose rows these are, and whether they were left in a state that may be trusted.
//!
//! sled's `flush` is no fsync on Linux, so that rows can be trusted only while the system that wrote them still runs, or
//! after a stop that synced every file. The mark says which of the two may be the case.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::{fmt, str};

use ogic_certs::{Digest, Problem, Result};

use super::sled::failed;

/// The first line of a mark: its number changes with the bytes of the rows.
const FORMAT: &str = "ogic store 1";
const FORMAT_ANY: &str = "ogic store ";
const MARK: &str = "mark";
const MARK_NEW: &str = "mark.new";
/// Longest mark that is read; ours have 150 bytes.
const MARK_BYTES_MAX: u64 = 512;
/// Longest boot id; the kernel's has 36 characters.
const BOOT_BYTES_MAX: usize = 64;

/// What the rows belong to and how they were left.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Mark {
    /// Digest of the origin of the log that was followed.
    pub(super) origin: Digest,
    pub(super) state: State,
}

/// How the rows were left.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum State {
    /// Closed: every file was synced at this watermark.
    Clean { watermark: u64 },
    /// Opened in this boot of the system, with at least this watermark.
    Open { boot: Boot, floor: u64 },
}

/// Which run of the system's kernel this is; an unknown one equals none, itself included.
#[derive(Clone, Debug)]
pub(super) struct Boot(Option<String>);

/// What the rows must show when they are opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Expected {
    Exactly(u64),
    AtLeast(u64),
}

/// Why a store was given up and begins empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reason {
    /// There were rows without a mark.
    NoMark,
    /// The mark cannot be read, or says what no release of ours writes.
    MarkUnreadable,
    /// The rows were written in another format.
    OtherFormat,
    /// The rows follow another log.
    OtherLog,
    /// The system was started anew, and the store had not been closed: what sled wrote may be lost in part.
    OtherBoot,
    /// There was a mark, and no rows.
    NoRows,
    /// The rows are not those of the mark: their watermark, and the mark's.
    OtherRows(u64, u64),
    /// sled could not open them.
    Trouble(Problem),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMark => f.write_str("there were rows without a mark"),
            Self::MarkUnreadable => f.write_str("the mark beside the rows cannot be read"),
            Self::OtherFormat => f.write_str("the rows were written in another format"),
            Self::OtherLog => f.write_str("the rows follow another log"),
            Self::OtherBoot => f.write_str("the system was restarted before the store had been closed"),
            Self::NoRows => f.write_str("the rows were gone"),
            Self::OtherRows(found, marked) => {
                write!(f, "the rows end at commit {found}, and the mark says {marked}")
            }
            Self::Trouble(problem) => write!(f, "the rows cannot be opened: {problem}"),
        }
    }
}

impl Mark {
    /// The mark in the folder `root`, if there is one.
    pub(super) fn read(root: &Path) -> Result<Option<Self>, Reason> {
        let mut text = Vec::new();
        match File::open(root.join(MARK)).and_then(|file| file.take(MARK_BYTES_MAX).read_to_end(&mut text)) {
            Ok(_) => Self::parse(&text).map(Some),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(_) => Err(Reason::MarkUnreadable),
        }
    }

    /// Replaces the mark in the folder `root`, and returns when the new one is durable.
    pub(super) fn write(&self, root: &Path) -> Result<()> {
        let (new, mark) = (root.join(MARK_NEW), root.join(MARK));
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)
            .and_then(|mut file| file.write_all(self.to_string().as_bytes()).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&new, &mark))
            .and_then(|()| File::open(root)?.sync_all());
        written.map_err(|e| failed(&e, &mark))
    }

    /// Whether rows under this mark can be used for the log `origin` in this boot, and what they must show.
    pub(super) fn judge(&self, origin: &Digest, boot: &Boot) -> Result<Expected, Reason> {
        if self.origin != *origin {
            return Err(Reason::OtherLog);
        }
        match &self.state {
            State::Clean { watermark } => Ok(Expected::Exactly(*watermark)),
            State::Open { boot: then, floor } if then == boot => Ok(Expected::AtLeast(*floor)),
            State::Open { .. } => Err(Reason::OtherBoot),
        }
    }

    fn parse(text: &[u8]) -> Result<Self, Reason> {
        let text = str::from_utf8(text).map_err(|_| Reason::MarkUnreadable)?;
        let mut lines = text.strip_suffix('\n').ok_or(Reason::MarkUnreadable)?.split('\n');
        match lines.next() {
            Some(FORMAT) => {}
            Some(line) if line.starts_with(FORMAT_ANY) => return Err(Reason::OtherFormat),
            _ => return Err(Reason::MarkUnreadable),
        }
        let mut mark = || {
            let origin = Digest::from_hex(lines.next()?.strip_prefix("origin ")?, "origin").ok()?;
            let words: Vec<&str> = lines.next()?.split(' ').collect();
            let state = match words[..] {
                ["clean", watermark] => State::Clean { watermark: watermark.parse().ok()? },
                ["open", boot, floor] => State::Open { boot: Boot::new(boot), floor: floor.parse().ok()? },
                _ => return None,
            };
            lines.next().is_none().then_some(Self { origin, state })
        };
        // The bytes that we would have written, or none of ours.
        mark().filter(|mark| mark.to_string() == text).ok_or(Reason::MarkUnreadable)
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{FORMAT}\norigin {}\n", self.origin)?;
        match &self.state {
            State::Clean { watermark } => writeln!(f, "clean {watermark}"),
            State::Open { boot, floor } => writeln!(f, "open {} {floor}", boot.0.as_deref().unwrap_or("-")),
        }
    }
}

impl Boot {
    /// A boot id; what does not look like one is unknown.
    pub(super) fn new(id: &str) -> Self {
        let plain = id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        Self((plain && id.len() <= BOOT_BYTES_MAX && id.len() > 1).then(|| id.to_owned()))
    }

    /// The boot that this process runs in, as Linux names it.
    pub(super) fn current() -> Self {
        fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .map_or(Self(None), |id| Self::new(id.trim_end()))
    }
}

impl PartialEq for Boot {
    fn eq(&self, other: &Self) -> bool {
        self.0.is_some() && self.0 == other.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOT: &str = "6d3c0b6e-7f0d-4c2e-9a42-1d1f1a2b3c4d";

    fn open(boot: &str) -> Mark {
        let state = State::Open { boot: Boot::new(boot), floor: 12 };
        Mark { origin: Digest::of(b"log"), state }
    }

    fn clean() -> Mark {
        Mark { origin: Digest::of(b"log"), state: State::Clean { watermark: 12 } }
    }

    #[test]
    fn what_is_written_is_read_and_anything_else_is_not_a_mark() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Mark::read(folder.path()), Ok(None));
        for mark in [open(BOOT), clean()] {
            mark.write(folder.path()).unwrap();
            assert_eq!(Mark::read(folder.path()), Ok(Some(mark)));
        }

        let text = clean().to_string();
        for (name, edited, reason) in [
            ("empty", String::new(), Reason::MarkUnreadable),
            ("cut", text[..text.len() - 1].to_owned(), Reason::MarkUnreadable),
            ("another format", text.replace("store 1", "store 2"), Reason::OtherFormat),
            ("no format", text.replace("ogic", "cigo"), Reason::MarkUnreadable),
            ("another word", text.replace("clean", "dirty"), Reason::MarkUnreadable),
            ("a leading zero", text.replace("12", "012"), Reason::MarkUnreadable),
            ("a number beyond u64", text.replace("12\n", "99999999999999999999\n"), Reason::MarkUnreadable),
            ("another line", format!("{text}\n"), Reason::MarkUnreadable),
            ("a short origin", text.replace("origin ", "origin 00"), Reason::MarkUnreadable),
        ] {
            assert_eq!(Mark::parse(edited.as_bytes()), Err(reason), "{name}");
        }
        assert_eq!(Mark::parse(&[0xff; 40]), Err(Reason::MarkUnreadable));
    }

    #[test]
    fn rows_are_trusted_in_the_same_boot_or_after_a_clean_stop() {
        let (log, boot) = (Digest::of(b"log"), Boot::new(BOOT));
        let other = Boot::new("0c7d1a52-0000-4c2e-9a42-1d1f1a2b3c4d");
        for (name, mark, origin, boot, outcome) in [
            ("same boot", open(BOOT), log, &boot, Ok(Expected::AtLeast(12))),
            ("other boot", open(BOOT), log, &other, Err(Reason::OtherBoot)),
            ("boot unknown then", open(""), log, &boot, Err(Reason::OtherBoot)),
            ("boot unknown now", open(BOOT), log, &Boot::new("\n"), Err(Reason::OtherBoot)),
            ("boot never known", open("-"), log, &Boot::new("-"), Err(Reason::OtherBoot)),
            ("clean, same boot", clean(), log, &boot, Ok(Expected::Exactly(12))),
            ("clean, other boot", clean(), log, &other, Ok(Expected::Exactly(12))),
            ("clean, other log", clean(), Digest::of(b"other"), &boot, Err(Reason::OtherLog)),
            ("same boot, other log", open(BOOT), Digest::of(b"other"), &boot, Err(Reason::OtherLog)),
        ] {
            assert_eq!(mark.judge(&origin, boot), outcome, "{name}");
        }
    }

    #[test]
    fn this_system_has_a_boot_id() {
        assert_eq!(Boot::current(), Boot::current());
    }
}
