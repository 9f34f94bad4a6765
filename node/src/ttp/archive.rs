//! The archive of evidence: an append-only log, and where in it each answer lies. Every answer is durable before it is
//! given, and a request that comes again gets the answer that was given.
//!
//! Holds some 150 bytes a piece of evidence in memory; the bytes stay in the journal.

use std::collections::BTreeMap;

use ogic_certs::cose::Signed;
use ogic_certs::evidence::{Evidence, VerifyRequest};
use ogic_certs::verdict::Verdict;
use ogic_certs::{AgencyId, Code, Digest, EventId, Problem, Result, Timestamp};

use crate::log::{Disk, Entry, EntryKind, Log, Options, Position};

/// Most evidence that one commit takes.
pub const BATCH_MAX: usize = 256;

/// Evidence as it is given and kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// The COSE bytes.
    pub evidence: Vec<u8>,
}

/// The archive over a disk.
#[derive(Debug)]
pub struct Archive<D: Disk> {
    log: Log<D>,
    index: Index,
}

impl<D: Disk> Archive<D> {
    /// Opens the log `origin` on `disk`. Errors: the log's, and `StoreDamaged` for what is no evidence.
    pub fn open(disk: D, origin: &str) -> Result<Self> {
        let mut index = Index::default();
        let log = Log::open_with(disk, &Options::new(origin), |position, kind, bytes, _| {
            if kind != EntryKind::Evidence {
                return Err(damaged(&format!("an entry of kind {kind:?}")));
            }
            let signed = Signed::<Evidence>::parse(bytes).map_err(|problem| damaged(&problem.to_string()))?;
            index.add(position, signed.value());
            Ok(())
        })?;
        Ok(Self { log, index })
    }

    /// The answer that `requester` got to this request. `KeyConflict` if it asked something else under the same nonce.
    pub fn answered(&self, requester: &AgencyId, request: &VerifyRequest) -> Result<Option<Kept>> {
        let Some(position) = self.index.answers.get(&key(requester, &request.nonce)) else {
            return Ok(None);
        };
        let kept = self.read(*position)?;
        let given = Signed::<Evidence>::parse(&kept.evidence)?;
        let same = given.value().event == EventId::of(&request.header)
            && given.value().approval == request.approval.as_deref().map(Digest::of);
        if same { Ok(Some(kept)) } else { Err(Problem::new(Code::KeyConflict, "nonce")) }
    }

    /// Keeps evidence for good, in one commit, and gives for each what is to be answered: the first that was kept for its
    /// requester and nonce, which another task may have brought meanwhile.
    pub fn keep(&mut self, batch: &[Signed<Evidence>]) -> Result<Vec<Kept>> {
        let mut fresh: Vec<&Signed<Evidence>> = Vec::new();
        for signed in batch {
            let known = |other: &Signed<Evidence>| key_of(other.value()) == key_of(signed.value());
            if !self.index.answers.contains_key(&key_of(signed.value()))
                && !fresh.iter().any(|other| known(other))
            {
                fresh.push(signed);
            }
        }
        if !fresh.is_empty() {
            let entries: Vec<Entry> = fresh
                .iter()
                .map(|signed| Entry::plain(EntryKind::Evidence, signed.bytes().to_vec()))
                .collect::<Result<_>>()?;
            let committed = self.log.commit(&entries)?;
            for (signed, place) in fresh.iter().zip(committed.places) {
                self.index.add(place.position, signed.value());
            }
        }
        batch
            .iter()
            .map(|signed| {
                let position = self.index.answers.get(&key_of(signed.value())).copied();
                self.read(position.ok_or_else(|| Problem::new(Code::Internal, "archive"))?)
            })
            .collect()
    }

    /// The newest evidence about an event.
    pub fn about(&self, event: &EventId) -> Result<Option<Kept>> {
        let newest = self.index.events.get(event).and_then(|positions| positions.last());
        newest.map(|position| self.read(*position)).transpose()
    }

    /// The `count` newest, newest first.
    pub fn newest(&self, count: usize) -> Result<Vec<Evidence>> {
        let positions = self.index.order.iter().rev().take(count);
        positions
            .map(|position| Ok(Signed::<Evidence>::parse(&self.read(*position)?.evidence)?.value().clone()))
            .collect()
    }

    /// How many of each verdict were given.
    pub const fn verdicts(&self) -> &BTreeMap<Verdict, u64> {
        &self.index.verdicts
    }

    /// How many were given.
    pub const fn len(&self) -> usize {
        self.index.order.len()
    }

    /// Whether none was given.
    pub const fn is_empty(&self) -> bool {
        self.index.order.is_empty()
    }

    /// The latest time that stands in evidence: what is signed next is not earlier.
    pub fn latest(&self) -> Timestamp {
        self.index.latest.unwrap_or(Timestamp::EARLIEST)
    }

    /// Whether a failed write has made the log read-only until a restart.
    pub fn is_read_only(&self) -> bool {
        self.log.is_read_only()
    }

    fn read(&self, position: Position) -> Result<Kept> {
        match self.log.read(position)? {
            (EntryKind::Evidence, evidence) => Ok(Kept { evidence }),
            (kind, _) => Err(damaged(&format!("an entry of kind {kind:?}"))),
        }
    }
}

/// Where each answer lies.
#[derive(Default, Debug)]
struct Index {
    /// By requester and nonce.
    answers: BTreeMap<Digest, Position>,
    /// By event, the newest last.
    events: BTreeMap<EventId, Vec<Position>>,
    order: Vec<Position>,
    verdicts: BTreeMap<Verdict, u64>,
    latest: Option<Timestamp>,
}

impl Index {
    fn add(&mut self, position: Position, evidence: &Evidence) {
        self.answers.insert(key_of(evidence), position);
        self.events.entry(evidence.event).or_default().push(position);
        self.order.push(position);
        *self.verdicts.entry(evidence.judgement.verdict).or_default() += 1;
        self.latest = self.latest.max(Some(evidence.at));
    }
}

fn key_of(evidence: &Evidence) -> Digest {
    key(&evidence.requester, &evidence.nonce)
}

fn key(requester: &AgencyId, nonce: &[u8; 16]) -> Digest {
    Digest::of_parts(&[b"ogic evidence 1", nonce, requester.as_str().as_bytes()])
}

fn damaged(what: &str) -> Problem {
    Problem::new(Code::StoreDamaged, "journal of evidence").found(what)
}

#[cfg(test)]
mod tests;
