//! What must be true when everything has come to rest: the power is cut everywhere once more, and each journal is read from
//! its first byte; what was told outside is compared with what is there.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ogic_certs::checkpoint::Checkpoint;
use ogic_certs::cose::Signed;
use ogic_certs::event::{Event, HeadAt};
use ogic_certs::receipt::ReceiptFrame;
use ogic_certs::{CaseId, Digest, EventId, Result};

use super::disk::FaultyDisk;
use super::net::Net;
use super::office::marker_of;
use super::oracle::{Outcome, Task};
use super::shelf::Shelf;
use crate::case::Case;
use crate::desk::{Desk, Fact, Parcel, SentState};
use crate::store::{CaseRow, MemoryStore, RecordRow, Store};

/// Records of one case that a simulation makes at most.
const RECORDS_MAX: usize = 100_000;

/// A record as it lies in a journal.
#[derive(Clone, Debug)]
struct Found {
    /// Every agency that is, or was, the home of its case with this record in it.
    homes: BTreeSet<usize>,
    case: CaseId,
    author: usize,
    at: HeadAt,
    header: Vec<u8>,
    body: Vec<u8>,
    marker: Option<String>,
}

/// Everything that lies in the journals.
#[derive(Debug, Default)]
struct Findings {
    /// By event id; more than one is a violation.
    records: HashMap<EventId, Vec<Found>>,
    cases: Vec<CaseId>,
    /// How often their homes changed.
    moves: u64,
    wrong: Vec<String>,
}

impl<D: FaultyDisk> Net<D> {
    /// Cuts the power everywhere, reads every journal, and adds to the violations what does not hold. Gives every case at
    /// its home.
    pub(super) fn audit(&mut self) -> Vec<CaseId> {
        let mut findings = Findings::default();
        let mut desks = Vec::new();
        for index in 0..self.agencies.len() {
            match self.reread(index, &mut findings) {
                Ok(desk) => desks.push(desk),
                Err(problem) => {
                    let name = &self.agencies[index].name;
                    findings.wrong.push(format!("{name} cannot be read again: {problem}"));
                }
            }
        }
        if desks.len() == self.agencies.len() {
            for (index, desk) in desks.iter().enumerate() {
                if let Err(problem) = self.histories(index, desk, &mut findings) {
                    findings.wrong.push(format!("histories of {}: {problem}", self.agencies[index].name));
                }
            }
            for (index, desk) in desks.iter().enumerate() {
                if let Err(problem) = self.deliveries(index, desk, &mut findings) {
                    findings.wrong.push(format!("deliveries of {}: {problem}", self.agencies[index].name));
                }
                if let Err(problem) = self.looks(index, desk, &mut findings) {
                    findings.wrong.push(format!("looks at {}: {problem}", self.agencies[index].name));
                }
            }
            self.acknowledgements(&desks, &mut findings);
            for (_, case) in self.oracle.cases() {
                let homes = findings.cases.iter().filter(|held| **held == case).count();
                if homes != 1 {
                    findings.wrong.push(format!("case {case} has {homes} homes"));
                }
            }
            self.checkpoints(&desks, &mut findings);
        }
        self.violations.append(&mut findings.wrong);
        self.report.records += findings.records.len() as u64;
        self.report.moves += findings.moves;
        let declined = |errand: &&super::oracle::Errand| {
            matches!((&errand.task, &errand.outcome), (Task::Decline(_), Outcome::Done { .. }))
        };
        self.report.declines += self.oracle.errands.iter().filter(declined).count() as u64;
        findings.cases
    }

    /// Ends the process with the power, and opens its journal with an empty store: what it was and what it is again are alike.
    fn reread(&mut self, index: usize, findings: &mut Findings) -> Result<Desk<D, Shelf>> {
        let mut before = None;
        let agency = &mut self.agencies[index];
        if let Some(process) = &mut agency.process {
            while process.desk.follow()? {}
            before = Some((process.desk.cases()?, agency.shelf.copy(), process.desk.log().size()));
        }
        self.end(index, true);
        let agency = &self.agencies[index];
        let shelf = Shelf::default();
        let mut desk = Desk::open(agency.disk.clone(), shelf.clone(), agency.settings.clone(), None)?;
        while desk.follow()? {}
        if let Some((cases, rows, size)) = before {
            let name = &agency.name;
            if desk.log().size() != size {
                let now = desk.log().size();
                findings.wrong.push(format!("{name} had {size} leaves, and {now} after a power cut"));
            }
            if desk.cases()? != cases {
                findings.wrong.push(format!("the cases of {name} are folded otherwise from its journal"));
            }
            if rows_of(&rows)? != rows_of(&shelf.copy())? {
                findings.wrong.push(format!("the store of {name} is not what its journal gives"));
            }
        }
        Ok(desk)
    }

    /// Each case is one chain, and the log holds it.
    fn histories(&self, index: usize, desk: &Desk<D, Shelf>, findings: &mut Findings) -> Result<()> {
        let name = &self.agencies[index].name;
        for case in desk.cases()? {
            let ordered = case.is_ordered_by(desk.agency());
            if ordered {
                findings.cases.push(case.id);
                findings.moves += case.moves.len() as u64;
            }
            let mut prev = Digest::ZERO;
            let history = desk.history(&case.id, 0, RECORDS_MAX)?;
            for (seq, (leaf, fact)) in (0..).zip(&history) {
                let record = &fact.record;
                let event = Event::parse(&fact.header, &fact.body, fact.approval.as_deref())?;
                let linked = record.seq == seq && record.prev == prev && record.case == case.id;
                if !linked || event.id() != record.event || event.case() != case.id {
                    findings.wrong.push(format!("{name}: record {seq} of {} is not in its chain", case.id));
                }
                if desk.log().tree().leaf(*leaf) != Some(record.digest()) {
                    findings.wrong.push(format!("{name}: record {seq} of {} is not in the log", case.id));
                }
                prev = record.digest();
                let at = HeadAt { seq: record.seq, record: prev };
                let places = findings.records.entry(record.event).or_default();
                if let Some(same) = places.iter_mut().find(|found| found.at == at) {
                    same.homes.insert(index);
                    continue;
                }
                places.push(Found {
                    homes: BTreeSet::from([index]),
                    case: case.id,
                    author: self.index_of(&fact.author).unwrap_or(usize::MAX),
                    at,
                    header: fact.header.clone(),
                    body: fact.body.clone(),
                    marker: marker_of(&event.read_body()?),
                });
            }
            if case.head.record != prev || case.records != history.len() as u64 {
                findings.wrong.push(format!("{name}: the head of {} is not its last record", case.id));
            }
            if ordered && !case.pending.is_empty() {
                findings.wrong.push(format!("{name}: {} waits for evidence", case.id));
            }
        }
        for (event, found) in &findings.records {
            if found.len() != 1 {
                findings.wrong.push(format!("event {event} was recorded {} times", found.len()));
            }
        }
        Ok(())
    }

    /// Each message is receipted or parked; what is receipted lies at its home, as the receipt says, in the sender's order.
    fn deliveries(&mut self, index: usize, desk: &Desk<D, Shelf>, findings: &mut Findings) -> Result<()> {
        let name = self.agencies[index].name.clone();
        let mut last: BTreeMap<CaseId, u64> = BTreeMap::new();
        for id in &desk.book().sent_order {
            let Some(sent) = desk.book().sent.get(id) else { continue };
            let found = findings.records.get(&EventId(*id)).and_then(|found| found.first()).cloned();
            match &sent.state {
                SentState::Waiting => findings.wrong.push(format!("{name}: {id} was never answered")),
                SentState::Dropped(_) => findings.wrong.push(format!("{name}: {id} was given up by nobody")),
                SentState::Parked(problem) => {
                    self.report.parked += 1;
                    if sent.is_event && found.is_some() {
                        findings.wrong.push(format!("{name}: {id} was refused ({problem}) and recorded"));
                    }
                    if !sent.is_event {
                        findings.wrong.push(format!("{name}: the notice {id} was refused: {problem}"));
                    }
                }
                SentState::Done { receipt, place } => {
                    self.report.receipts += 1;
                    self.check_receipt(desk, id, sent.is_event, *receipt, findings)?;
                    if !sent.is_event {
                        continue;
                    }
                    let (kind, bytes) = desk.log().read(sent.position)?;
                    let Fact::Put(put) = Fact::from_entry(kind, &bytes)? else { continue };
                    let Parcel::Event { header, body, .. } = &put.parcel else { continue };
                    match found {
                        Some(found)
                            if found.header == *header
                                && found.body == *body
                                && Some(found.at) == *place
                                && found.author == index
                                && self
                                    .index_of(&sent.peer)
                                    .is_some_and(|peer| found.homes.contains(&peer)) =>
                        {
                            let before = last.insert(found.case, found.at.seq);
                            if before.is_some_and(|before| before >= found.at.seq) {
                                findings.wrong.push(format!("{name}: {id} overtook one of its case"));
                            }
                        }
                        found => findings.wrong.push(format!(
                            "{name} holds a receipt for {id} at {place:?}, and its home has {:?}",
                            found.map(|found| (found.homes, found.at))
                        )),
                    }
                }
            }
        }
        self.report.evidence += evidence_of(desk)?;
        if let Some(alarm) = desk.book().alarms.first() {
            findings.wrong.push(format!("{name} is alarmed: {alarm}"));
        }
        Ok(())
    }

    /// A receipt proves itself from the bytes that were kept.
    fn check_receipt(
        &self,
        desk: &Desk<D, Shelf>,
        id: &Digest,
        is_event: bool,
        at: crate::log::Position,
        findings: &mut Findings,
    ) -> Result<()> {
        let (kind, bytes) = desk.log().read(at)?;
        let Fact::PeerReceipt { peer, frame, .. } = Fact::from_entry(kind, &bytes)? else {
            findings.wrong.push(format!("there is no receipt of {id} where it should lie"));
            return Ok(());
        };
        let frame = ReceiptFrame::decode(&frame)?;
        let checkpoint = Signed::<Checkpoint>::parse(frame.checkpoint_cose())?;
        if let Some(home) = self.index_of(&peer) {
            checkpoint.verify_with(self.agencies[home].settings.seal.certificate())?;
        }
        frame.verify(checkpoint.value())?;
        let shown = if is_event {
            frame.leaf_for_event(EventId(*id)).is_some()
        } else {
            frame.leaf_for_notice(*id).is_some()
        };
        if !shown {
            findings.wrong.push(format!("the receipt of {id} does not show it"));
        }
        Ok(())
    }

    /// Each look that was answered has its entry; a refused one has one at least, and no more were counted than there were.
    fn looks(&self, index: usize, desk: &Desk<D, Shelf>, findings: &mut Findings) -> Result<()> {
        for ((home, who, case), looks) in &self.oracle.looks {
            if *home != index {
                continue;
            }
            let (mut answered, mut refused) = (0, 0);
            for position in desk.book().access.get(case).into_iter().flatten() {
                let (kind, bytes) = desk.log().read(*position)?;
                match Fact::from_entry(kind, &bytes)? {
                    Fact::Access(access) if access.who == *who && access.case == *case => match access.code {
                        None => answered += access.tries,
                        Some(_) => refused += access.tries,
                    },
                    _ => {}
                }
            }
            let name = &self.agencies[index].name;
            if answered < looks.answered || answered > looks.asked {
                findings.wrong.push(format!(
                    "{name}: {who} looked {} times at {case}, of {} tries, and {answered} are registered",
                    looks.answered, looks.asked
                ));
            }
            if looks.refused > 0 && refused == 0 {
                findings.wrong.push(format!("{name}: refused tries of {who} at {case} are not registered"));
            }
        }
        Ok(())
    }

    /// What a client was told is so, once.
    fn acknowledgements(&self, desks: &[Desk<D, Shelf>], findings: &mut Findings) {
        let mut by_marker: HashMap<&str, Vec<(EventId, &Found)>> = HashMap::new();
        for (event, found) in &findings.records {
            for found in found {
                if let Some(marker) = &found.marker {
                    by_marker.entry(marker).or_default().push((*event, found));
                }
            }
        }
        let mut wrong = Vec::new();
        for errand in &self.oracle.errands {
            let mut there = by_marker.get(errand.marker.as_str()).cloned().unwrap_or_default();
            if let (Task::Accept(_), Outcome::Done { event, .. }) = (&errand.task, &errand.outcome) {
                // An acceptance has no room for a marker.
                there =
                    findings.records.get(event).into_iter().flatten().map(|found| (*event, found)).collect();
            }
            let what =
                format!("{} ({:?} at {})", errand.marker, errand.task, self.agencies[errand.agency].name);
            match &errand.outcome {
                Outcome::Waiting => wrong.push(format!("{what} was never answered")),
                Outcome::Looked => {}
                Outcome::Refused(_) if there.is_empty() => {}
                Outcome::Refused(code) => wrong.push(format!("{what} was refused ({code}) and recorded")),
                Outcome::Done { case, event, place } => {
                    let sent = desks[errand.agency].book().sent.get(&event.0);
                    let parked = sent.is_some_and(|sent| matches!(sent.state, SentState::Parked(_)));
                    match there.as_slice() {
                        [] if place.is_none() && parked => {}
                        [(id, found)]
                            if id == event
                                && found.case == *case
                                && place.is_none_or(|place| place == found.at) => {}
                        [] => wrong.push(format!("{what} was acknowledged and is lost")),
                        [(_, found)] => {
                            wrong.push(format!("{what} was told {place:?} and is {:?}", found.at));
                        }
                        more => wrong.push(format!("{what} was done {} times", more.len())),
                    }
                    // Whoever has not heard that the case has moved asks its home to share it, and is refused.
                    if !parked {
                        self.check_grant(errand, *event, desks, &mut wrong);
                    }
                }
            }
        }
        findings.wrong.append(&mut wrong);
    }

    /// Whoever was given a right holds its reference, once.
    fn check_grant(
        &self,
        errand: &super::oracle::Errand,
        event: EventId,
        desks: &[Desk<D, Shelf>],
        wrong: &mut Vec<String>,
    ) {
        let Task::Share(case, terms) = &errand.task else { return };
        let Some(grantee) = self.index_of(&terms.grantee) else { return };
        let held = desks[grantee]
            .book()
            .references
            .get(case)
            .map_or(0, |held| held.iter().filter(|held| held.reference.grant == event).count());
        if held != 1 {
            wrong.push(format!(
                "{} holds {held} references of {}",
                self.agencies[grantee].name, errand.marker
            ));
        }
    }

    /// Every checkpoint that anybody was shown is a beginning of the log as it is.
    fn checkpoints(&self, desks: &[Desk<D, Shelf>], findings: &mut Findings) {
        let held = desks.iter().flat_map(|desk| desk.book().seen.iter());
        let held = held.filter_map(|(peer, seen)| Some((self.index_of(peer)?, seen.size, seen.root)));
        let shown = self.oracle.shown.iter().map(|shown| (shown.of, shown.size, shown.root));
        for (of, size, root) in held.chain(shown) {
            if desks[of].log().tree().root_at(size) != Some(root) {
                let name = &self.agencies[of].name;
                findings.wrong.push(format!("{name} once showed {size} leaves that its log does not have"));
            }
        }
    }
}

type Rows = Vec<(CaseRow, Vec<RecordRow>)>;

fn rows_of(store: &MemoryStore) -> Result<Rows> {
    let cases = store.cases(None, usize::MAX)?;
    cases.into_iter().map(|row| Ok((row.clone(), store.records(&row.case, 0, RECORDS_MAX)?))).collect()
}

fn evidence_of<D: FaultyDisk>(desk: &Desk<D, Shelf>) -> Result<u64> {
    let judged = |case: &Case| case.judged.len() as u64;
    Ok(desk.cases()?.iter().map(judged).sum())
}
