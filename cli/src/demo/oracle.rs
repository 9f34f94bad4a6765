//! The oracle: a file outside of every node that holds what was acknowledged, a line an event, each synced before the next
//! thing happens. It outlives what the demo kills.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::Path;

use ogic_certs::{Digest, EventId};
use serde::{Deserialize, Serialize};

use crate::output::{Failure, Outcome};

/// One acknowledged event.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    /// Which of the play's events it is.
    pub(super) note: usize,
    /// The event's id, which is the SHA-256 of the header's bytes.
    pub(super) event: String,
    /// SHA-256 of the body that was given to the node.
    pub(super) body: String,
    /// Where the home put it, as the receipt says; none if the node only promised to deliver it.
    pub(super) place: Option<Place>,
}

/// A place in the case.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    pub(super) seq: u64,
    /// The record's digest.
    pub(super) record: String,
}

impl Line {
    /// The event.
    pub(super) fn id(&self) -> Outcome<EventId> {
        Ok(EventId::from_hex(&self.event, "oracle: event")?)
    }

    /// The body's digest.
    pub(super) fn body(&self) -> Outcome<Digest> {
        Ok(Digest::from_hex(&self.body, "oracle: body")?)
    }
}

/// The file while it is written.
#[derive(Debug)]
pub(super) struct Oracle {
    file: File,
    /// How many lines it holds.
    pub(super) lines: usize,
}

impl Oracle {
    /// A new file at `path`.
    pub(super) fn create(path: &Path) -> Outcome<Self> {
        let file = File::create_new(path).map_err(|error| Failure::file(path, &error))?;
        Ok(Self { file, lines: 0 })
    }

    /// Adds a line; durable when it returns.
    pub(super) fn add(&mut self, line: &Line) -> Outcome {
        let mut text = serde_json::to_string(line).unwrap_or_default();
        text.push('\n');
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|error| Failure::file(Path::new("oracle"), &error))?;
        self.lines += 1;
        Ok(())
    }
}

/// Reads the file back: what it says is all that is known about the nodes.
pub(super) fn read(path: &Path) -> Outcome<Vec<Line>> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?;
    let lines: Result<Vec<Line>, _> = text.lines().map(serde_json::from_str).collect();
    let lines = lines.map_err(|error| Failure::usage("oracle", &error.to_string(), "a line an event"))?;
    let events: BTreeSet<&str> = lines.iter().map(|line| line.event.as_str()).collect();
    super::check::equal("oracle: different events", events.len(), lines.len())?;
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(note: usize) -> Line {
        let place = Some(Place { seq: 3, record: Digest::of(b"r").to_string() });
        Line { note, event: Digest::of(&[1]).to_string(), body: Digest::of(b"b").to_string(), place }
    }

    #[test]
    fn what_was_added_is_read_back_and_an_event_stands_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("oracle");
        let mut oracle = Oracle::create(&path).unwrap();
        oracle.add(&line(0)).unwrap();
        assert_eq!(read(&path).unwrap(), [line(0)]);
        oracle.add(&line(1)).unwrap();
        assert_eq!(oracle.lines, 2);
        let twice = read(&path).unwrap_err().problem;
        assert_eq!((twice.found.as_deref(), twice.expected.as_deref()), (Some("1"), Some("2")));
        assert!(Oracle::create(&path).is_err());
    }
}
