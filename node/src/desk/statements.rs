//! What other agencies' signed statements say of their logs and cases, and which two of them contradict each other.
//!
//! It holds what was seen and compares; that a statement is signed, and proven under what was signed, was checked before. What
//! one commit stages is compared with what it staged before, too ([`Shown`]): the book knows of it only afterwards.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use ogic_certs::checkpoint::Checkpoint;
use ogic_certs::cose::{Kind, Payload, Sign1, Signed};
use ogic_certs::event::HeadAt;
use ogic_certs::receipt::ReceiptFrame;
use ogic_certs::record::HeadLeaf;
use ogic_certs::reference::Reference;
use ogic_certs::refusal::VerdictNotice;
use ogic_certs::{AgencyId, CaseId, Code, Digest, Problem, Result};

use super::Book;
use crate::log::Position;

/// Logs of one peer that are kept: each is a change that a person must see.
const LOGS_PER_PEER_MAX: usize = 8;
/// Sizes of one log whose roots are kept, the newest.
const SIZES_PER_LOG_MAX: usize = 64;
/// Contradictions of one peer that are kept with both sides.
const ALARMS_PER_PEER_MAX: usize = 32;

/// The highest that we saw of a peer's log.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The checkpoint's COSE bytes.
    pub checkpoint: Vec<u8>,
    /// Its size.
    pub size: u64,
    /// Its root.
    pub root: Digest,
    /// The log's origin.
    pub origin: String,
}

/// A log of a peer: the highest that was seen of it, and the roots of its newest sizes, each with the entry that shows it.
#[derive(Clone, Debug)]
pub(super) struct LogSeen {
    highest: Seen,
    sizes: VecDeque<(u64, Digest, Position)>,
}

/// The highest head that we saw of another home's case, with the signed statement that says so.
#[derive(Clone, Debug)]
pub struct HeadSeen {
    /// The head.
    pub head: HeadAt,
    /// The entry of the journal that holds the statement: a receipt frame, or a notice.
    pub told: Position,
    /// Whether it is a frame, which proves the head under a checkpoint.
    pub proven: bool,
}

/// The other side of a contradiction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Other {
    /// A checkpoint, COSE bytes.
    Checkpoint(Vec<u8>),
    /// The statement in this entry of the journal.
    At(Position),
    /// The statement in this fact of the commit that is being staged.
    Fact(usize),
}

/// What the commit that is being staged has been shown.
#[derive(Default, Debug)]
pub(super) struct Shown {
    heads: HashMap<CaseId, (HeadAt, usize)>,
    logs: HashMap<(AgencyId, String), BTreeMap<u64, (Digest, usize)>>,
    /// Contradictions that it keeps.
    pub(super) contradictions: HashSet<Digest>,
}

impl Shown {
    /// Another record at a place of a case than was shown before.
    pub(super) fn contradicts(&self, case: &CaseId, place: HeadAt) -> Option<Other> {
        let (head, fact) = self.heads.get(case)?;
        (head.seq == place.seq && head.record != place.record).then_some(Other::Fact(*fact))
    }

    /// Another root of a log at its size than was shown before.
    pub(super) fn forks(&self, peer: &AgencyId, checkpoint: &Checkpoint) -> Option<Other> {
        let log = self.logs.get(&(peer.clone(), checkpoint.origin.to_string()))?;
        let (root, fact) = log.get(&checkpoint.size)?;
        (*root != checkpoint.root).then_some(Other::Fact(*fact))
    }

    /// Keeps the higher head of a case; `fact` shows it.
    pub(super) fn see_head(&mut self, case: CaseId, head: HeadAt, fact: usize) {
        if self.heads.get(&case).is_none_or(|(seen, _)| seen.seq < head.seq) {
            self.heads.insert(case, (head, fact));
        }
    }

    /// Keeps a log's root at its size; `fact` shows it.
    pub(super) fn see(&mut self, peer: &AgencyId, checkpoint: &Checkpoint, fact: usize) {
        let log = self.logs.entry((peer.clone(), checkpoint.origin.to_string())).or_default();
        log.entry(checkpoint.size).or_insert((checkpoint.root, fact));
    }
}

impl Book {
    /// Keeps the higher checkpoint of a peer's log, which the entry at this position shows.
    pub(super) fn see(&mut self, peer: &AgencyId, signed: &[u8], at: Position) -> Result<()> {
        let checkpoint = Signed::<Checkpoint>::parse(signed)?;
        let value = checkpoint.value();
        let origin = value.origin.to_string();
        let seen = Seen { checkpoint: signed.to_vec(), size: value.size, root: value.root, origin };
        let key = (peer.clone(), seen.origin.clone());
        let is_new = !self.logs.contains_key(&key);
        let log =
            self.logs.entry(key).or_insert_with(|| LogSeen { highest: seen.clone(), sizes: VecDeque::new() });
        // Of one size the first statement stays: another root is an alarm, and does not take its place.
        if !log.sizes.iter().any(|(size, ..)| *size == seen.size) {
            if log.sizes.len() == SIZES_PER_LOG_MAX {
                log.sizes.pop_front();
            }
            log.sizes.push_back((seen.size, seen.root, at));
        }
        if log.highest.size > seen.size || (log.highest.size == seen.size && log.highest.root != seen.root) {
            return Ok(());
        }
        log.highest = seen.clone();
        // A statement of an older log does not make it the present one again.
        if is_new || self.seen.get(peer).is_none_or(|current| current.origin == seen.origin) {
            self.seen.insert(peer.clone(), seen);
        }
        Ok(())
    }

    /// Keeps the higher head of another home's case.
    pub(super) fn see_head(&mut self, case: CaseId, head: HeadAt, told: Position, proven: bool) {
        let higher = self.heads.get(&case).is_none_or(|seen| {
            // The same head with its proof is more than the head alone.
            seen.head.seq < head.seq || (seen.head == head && !seen.proven && proven)
        });
        if higher {
            self.heads.insert(case, HeadSeen { head, told, proven });
        }
    }

    /// Another record at a place of a case than was seen there.
    pub(super) fn contradicts(&self, case: &CaseId, place: HeadAt) -> Option<Other> {
        let seen = self.heads.get(case)?;
        (seen.head.seq == place.seq && seen.head.record != place.record).then_some(Other::At(seen.told))
    }

    /// Another root of a log at its size than was seen.
    pub(super) fn forks(&self, peer: &AgencyId, checkpoint: &Checkpoint) -> Option<Other> {
        let log = self.log_of(peer, checkpoint)?;
        if log.highest.size == checkpoint.size {
            let forked = log.highest.root != checkpoint.root;
            return forked.then(|| Other::Checkpoint(log.highest.checkpoint.clone()));
        }
        let (_, root, at) = log.sizes.iter().find(|(size, ..)| *size == checkpoint.size)?;
        (*root != checkpoint.root).then_some(Other::At(*at))
    }

    /// Whether a checkpoint says something new of its log.
    pub(super) fn is_higher(&self, peer: &AgencyId, checkpoint: &Checkpoint) -> bool {
        self.log_of(peer, checkpoint).is_none_or(|log| log.highest.size < checkpoint.size)
    }

    fn log_of(&self, peer: &AgencyId, checkpoint: &Checkpoint) -> Option<&LogSeen> {
        self.logs.get(&(peer.clone(), checkpoint.origin.to_string()))
    }

    /// Whether a frame of `peer` shows more of its cases than was kept with its proof.
    pub(super) fn shows_more(&self, peer: &AgencyId, frame: &ReceiptFrame) -> bool {
        frame.heads().iter().any(|(_, head)| {
            self.home_of(&head.case) == Some(peer)
                && self.heads.get(&head.case).is_none_or(|seen| {
                    seen.head.seq < head.seq || (!seen.proven && seen.head.seq == head.seq)
                })
        })
    }

    /// Whether a checkpoint is of a log of `peer` that was never seen, while another was. `LimitReached` when it has had so
    /// many that they are not kept any more.
    pub(super) fn changes_log(&self, peer: &AgencyId, checkpoint: &Checkpoint) -> Result<bool> {
        if self.log_of(peer, checkpoint).is_some() || !self.seen.contains_key(peer) {
            return Ok(false);
        }
        let logs = self.logs.keys().filter(|(agency, _)| agency == peer).count();
        if logs < LOGS_PER_PEER_MAX {
            return Ok(true);
        }
        Err(Problem::new(Code::LimitReached, "origin")
            .found(checkpoint.origin.to_string())
            .expected(format!("one of the {LOGS_PER_PEER_MAX} logs that this agency has had")))
    }

    /// Whether a contradiction of `peer` is one more to be kept: each once, and of each peer a bounded number, which is proof
    /// enough.
    pub(super) fn is_news(&self, peer: &AgencyId, subject: &Digest) -> bool {
        let kept = self.alarms_of.get(peer).copied().unwrap_or_default();
        kept < ALARMS_PER_PEER_MAX && !self.contradictions.contains(subject)
    }
}

/// The places of its own cases that a frame of a home shows: heads and records.
pub(super) fn places(frame: &ReceiptFrame) -> impl Iterator<Item = (CaseId, HeadAt)> + '_ {
    let heads = frame
        .heads()
        .iter()
        .map(|(_, HeadLeaf { case, seq, record, .. })| (*case, HeadAt { seq: *seq, record: *record }));
    let record = |record: &ogic_certs::record::Record| {
        (record.case, HeadAt { seq: record.seq, record: record.digest() })
    };
    heads.chain(frame.records().map(move |(_, shown)| record(shown)))
}

/// What a contradiction is about, whatever statements show it: the case, the place in it and both records, or the log, the size
/// and both roots, or both logs. So the same fork under a newer checkpoint is the same fork.
pub(super) fn subject(sides: &[Vec<u8>]) -> Digest {
    let otherwise = || Digest::of_parts(&sides.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let [a, b] = sides else { return otherwise() };
    let (a, b) = (said(a), said(b));
    let fork = a.iter().filter_map(|(of, value)| {
        let other = b.get(of).filter(|other| *other != value)?;
        Some((of, value.min(other), value.max(other)))
    });
    match fork.min() {
        Some((of, low, high)) => Digest::of_parts(&[of, low.as_bytes(), high.as_bytes()]),
        None => match (log_in(&a), log_in(&b)) {
            (Some(a), Some(b)) if a != b => Digest::of_parts(&[a.min(b), a.max(b)]),
            _ => otherwise(),
        },
    }
}

/// By what a statement speaks of, what it says of it: of a place in a case the record, of a log and size the root.
type Said = BTreeMap<Vec<u8>, Digest>;

const CASE: u8 = b'c';
const LOG: u8 = b'l';

fn said(statement: &[u8]) -> Said {
    let of_place = |case: CaseId, place: HeadAt| {
        ([&[CASE], case.0.as_bytes().as_slice(), &place.seq.to_be_bytes()].concat(), place.record)
    };
    let of_log = |checkpoint: &Checkpoint| {
        let origin = checkpoint.origin.to_string();
        ([&[LOG], &checkpoint.size.to_be_bytes()[..], origin.as_bytes()].concat(), checkpoint.root)
    };
    if let Ok(frame) = ReceiptFrame::decode(statement) {
        let checkpoint = Signed::<Checkpoint>::parse(frame.checkpoint_cose()).ok();
        let log = checkpoint.iter().map(|checkpoint| of_log(checkpoint.value()));
        return places(&frame).map(|(case, place)| of_place(case, place)).chain(log).collect();
    }
    if let Ok(checkpoint) = Signed::<Checkpoint>::parse(statement) {
        return [of_log(checkpoint.value())].into();
    }
    told(statement).map(|(case, place)| of_place(case, place)).into_iter().collect()
}

/// The head that a notice of a home tells.
pub(super) fn told(notice: &[u8]) -> Option<(CaseId, HeadAt)> {
    let envelope = Sign1::parse_any(notice).ok()?;
    match envelope.kind() {
        Kind::Reference => {
            let reference = Reference::decode(envelope.payload()).ok()?;
            Some((reference.case, reference.head))
        }
        Kind::Verdict => {
            let verdict = VerdictNotice::decode(envelope.payload()).ok()?;
            Some((verdict.case, verdict.head))
        }
        _ => None,
    }
}

/// The log that a statement is of.
fn log_in(said: &Said) -> Option<&[u8]> {
    said.keys().rev().find(|of| of.first() == Some(&LOG)).and_then(|of| of.get(9..))
}
