//! Recovery: a desk is what its journal says. The same facts, applied in the same way as when they were new.

use std::collections::{BTreeMap, HashMap, VecDeque};

use ogic_certs::{CaseId, Code, EventId, Problem, Result, Timestamp};

use super::custody::{folded, take_held};
use super::fact::{EventFact, Fact};
use super::meter::Meter;
use super::post::Post;
use super::recent::Recent;
use super::rows::TailCase;
use super::{Book, Desk, Figures, Output, SentState, Settings};
use crate::case::Case;
use crate::exchange::outbox::{Item, Outbox};
use crate::log::{Disk, Log, Options, Position};
use crate::store::{Batch, CaseRow, Follower, RecordRow, Store};

impl<D: Disk, S: Store> Desk<D, S> {
    /// Opens the desk over its disk: reads the journal, folds what the store has not followed, and takes up what was under way.
    ///
    /// `known_size` is a size of this log that somebody else is known to hold. What the store has followed was durable, so
    /// that a journal which ends before it is damaged, and is left as it is. Errors: what the log says; `StoreNewer`.
    pub fn open(disk: D, store: S, settings: Settings, known_size: Option<u64>) -> Result<Self> {
        let watermark = store.watermark()?;
        let mut recovery = Recovery {
            store: &store,
            settings: &settings,
            watermark,
            book: Book::new(settings.agency.clone()),
            tail: BTreeMap::new(),
            held: BTreeMap::new(),
            floor: Timestamp::EARLIEST,
        };
        let known_size = known_size.max((watermark > 0).then_some(watermark));
        let options = Options { known_size, ..Options::new(settings.origin.to_string()) };
        let log = Log::open_with(disk, &options, |position, kind, bytes, leaf| {
            recovery.take(&Fact::from_entry(kind, bytes)?, position, leaf)
        })?;
        let Recovery { book, tail, held, floor, .. } = recovery;
        let outbox = Outbox::new(settings.jitter_seed);
        let mut desk = Self {
            settings,
            log,
            follower: Follower::new(watermark),
            store,
            tail,
            held,
            book,
            outbox,
            post: Post::default(),
            queue: VecDeque::new(),
            outputs: VecDeque::new(),
            tries: HashMap::new(),
            looks: HashMap::new(),
            refused: HashMap::new(),
            floor,
            fence: None,
            behind_journal: None,
            checkpoint: None,
            documents: HashMap::new(),
            figures: Figures::default(),
            meter: Meter::default(),
            recent: Recent::default(),
        };
        desk.resume()?;
        Ok(desk)
    }

    /// Empties the store and opens the desk again over its journal: what is left to do when the store has failed, or when
    /// memory lacks what the journal has. What memory alone held goes on: work that waits, who is connected, tries that are
    /// counted.
    ///
    /// Errors: what clearing the store and [`Desk::open`] say; `StoreReadOnly`, since what the disk then holds is for the
    /// next start to find out. Nothing is left after one but the journal, which has all.
    pub fn reopen(self) -> Result<Self> {
        if self.log.is_read_only() {
            return Err(Problem::new(Code::StoreReadOnly, "journal"));
        }
        let Self { settings, log, mut store, mut outbox, post, queue, mut outputs, tries, refused, .. } =
            self;
        let Self { floor, fence, figures, meter, behind_journal, .. } = self;
        store.clear()?;
        let size = log.size();
        let mut fresh = Self::open(log.into_disk(), store, settings, Some(size))?;
        // What the fresh one would ask for was asked for when this one was opened, or since; but for what it lacked.
        if behind_journal.is_some() {
            fresh.outbox.set_window(outbox.window());
            post.connected_peers().for_each(|peer| fresh.outbox.connected(peer, floor));
            outputs.extend(post.connected_peers().cloned().map(Output::Wake));
            outputs.append(&mut fresh.outputs);
            std::mem::swap(&mut outbox, &mut fresh.outbox);
        }
        Ok(Self { outbox, post, queue, outputs, tries, refused, floor, fence, figures, meter, ..fresh })
    }

    /// Takes up what was under way when the node stopped.
    fn resume(&mut self) -> Result<()> {
        let mut batch = Batch { watermark: self.log.size(), ..Batch::default() };
        for (id, tail) in &self.tail {
            let case = &tail.case;
            batch.cases.push(CaseRow { case: *id, state: case.to_row(), records: case.records });
            batch.records.extend(tail.rows.iter().map(|row| (*id, *row)));
        }
        if !batch.cases.is_empty() {
            self.follow_later(batch);
        }
        for case in self.cases()?.iter().filter(|case| case.is_ordered_by(&self.settings.agency)) {
            for pending in &case.pending {
                self.outputs.push_back(Output::Judge { case: case.id, event: pending.event });
            }
        }
        for id in &self.book.sent_order {
            let Some(sent) = self.book.sent.get(id) else { continue };
            let item = Item { id: *id, peer: sent.peer.clone(), case: Some(sent.case), bytes: sent.bytes };
            match &sent.state {
                SentState::Waiting => {
                    self.outbox.put(item);
                }
                SentState::Parked(problem) => {
                    self.outbox.put(item);
                    self.outbox.park(id, problem.clone());
                }
                SentState::Done { .. } | SentState::Dropped(_) => {}
            }
        }
        self.resume_ended()?;
        let missing: Vec<_> = self
            .book
            .references
            .values()
            .flatten()
            .map(|held| (held.reference.home.clone(), held.reference.service))
            .filter(|(_, digest)| !self.book.services.contains_key(digest))
            .collect();
        for (peer, digest) in missing {
            self.outputs.push_back(Output::NeedService { peer, digest });
        }
        // What the last commit before the stop did not get to: receipts are asked for again, under this checkpoint.
        self.sign(std::iter::empty())
    }
}

/// The fold of a journal.
struct Recovery<'a, S> {
    store: &'a S,
    settings: &'a Settings,
    watermark: u64,
    book: Book,
    tail: BTreeMap<CaseId, TailCase>,
    held: BTreeMap<CaseId, TailCase>,
    floor: Timestamp,
}

impl<S: Store> Recovery<'_, S> {
    fn take(&mut self, fact: &Fact, position: Position, leaf: Option<u64>) -> Result<()> {
        self.book.apply(fact, position, leaf)?;
        let at = match fact {
            Fact::Event(event) => Some(event.record.received),
            Fact::Access(access) => Some(access.at),
            Fact::Notice { leaf, .. } => Some(leaf.received),
            _ => None,
        };
        self.floor = self.floor.max(at.unwrap_or(Timestamp::EARLIEST));
        match (fact, leaf) {
            (Fact::Event(event), Some(leaf)) if leaf >= self.watermark => self.fold(event, position, leaf),
            // The store has the case that was taken, with all that was held of it.
            (Fact::Event(event), _) => {
                self.held.remove(&event.record.case);
                Ok(())
            }
            (Fact::Held(event), Some(leaf)) => self.hold(event, position, leaf),
            _ => Ok(()),
        }
    }

    /// Folds a record that the store has not followed.
    fn fold(&mut self, fact: &EventFact, position: Position, leaf: u64) -> Result<()> {
        let record = &fact.record;
        let id = record.case;
        let (before, mut rows, mut taken) = match self.tail.remove(&id) {
            Some(tail) => (Some(tail.case), tail.rows, tail.taken),
            None => (self.stored(&id)?, Vec::new(), 0),
        };
        let before = match self.held.remove(&id) {
            // The case was taken by this record: what was held of it is its history.
            Some(held) if held.case.records == record.seq => {
                rows.extend(held.rows);
                taken = leaf + 1;
                Some(held.case)
            }
            _ => before,
        };
        let case = folded(&self.book, &self.settings.policy, before, fact)?;
        rows.push(RecordRow {
            seq: record.seq,
            record: record.digest(),
            event: EventId::of(&fact.header),
            leaf,
            position,
        });
        self.tail.insert(id, TailCase { case, rows, taken });
        Ok(())
    }

    fn hold(&mut self, fact: &EventFact, position: Position, leaf: u64) -> Result<()> {
        let id = &fact.record.case;
        let base = match self.tail.get(id) {
            _ if self.held.contains_key(id) => None,
            Some(tail) => Some(tail.case.clone()),
            None => self.stored(id)?,
        };
        let known = (&self.book, &self.settings.policy);
        take_held(&mut self.held, base, known, fact, (position, leaf))
    }

    fn stored(&self, id: &CaseId) -> Result<Option<Case>> {
        self.store.case(id)?.map(|row| Case::from_row(&row.state)).transpose()
    }
}
