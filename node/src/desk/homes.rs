//! Who is the home of a case: whoever opened it, or whom the last release names. Nobody is it by his own word.
//!
//! References and custody notices carry the opening, so that the first of them that comes proves as much as the last.

use ogic_certs::custody::{CustodyNotice, Told};
use ogic_certs::event::HeadAt;
use ogic_certs::{AgencyId, CaseId, Code, EventId, Problem, Result};

use super::fact::{EventFact, Fact};
use super::stage::Staging;
use super::work::ReferenceTold;
use super::{Book, Desk};
use crate::log::{Disk, Position};
use crate::store::Store;

/// A change of the home that a commit is the first to tell of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct StagedMove {
    pub(super) case: CaseId,
    pub(super) from: AgencyId,
    pub(super) to: AgencyId,
    pub(super) offer: EventId,
    pub(super) release: HeadAt,
}

impl StagedMove {
    /// The change that a notice tells of, which `peer` signed; none if it tells of another thing.
    pub(super) fn of(notice: &CustodyNotice, peer: &AgencyId) -> Result<Option<Self>> {
        let (from, release) = match notice.read()? {
            Told::Released(release) => (peer.clone(), release),
            Told::Taken { from, release, .. } => (from, release),
            Told::Offered { .. } | Told::Declined { .. } => return Ok(None),
        };
        let place = release.place();
        Ok(Some(Self { case: notice.case, from, to: release.to, offer: release.offer, release: place }))
    }
}

/// The offer that a notice declines.
pub(super) fn declined(notice: &CustodyNotice) -> Option<EventId> {
    match notice.read() {
        Ok(Told::Declined { offer, .. }) => Some(offer),
        _ => None,
    }
}

/// Whether this release of `case` is known, or told of in this commit.
pub(super) fn is_known(book: &Book, staging: &Staging, case: &CaseId, release: HeadAt) -> bool {
    let known = book.custody.get(case);
    known.is_some_and(|known| known.moves.iter().any(|moved| moved.release == release))
        || staging.moves.iter().any(|moved| moved.case == *case && moved.release == release)
}

/// The home of `case`, which `opener` opened.
pub(super) fn home<'a>(
    book: &'a Book,
    staging: &'a Staging,
    case: &CaseId,
    opener: &'a AgencyId,
) -> &'a AgencyId {
    // What was staged follows what was known, else it would have been refused.
    let staged = staging.moves.iter().rev().find(|moved| moved.case == *case).map(|moved| &moved.to);
    let known = || book.custody.get(case)?.moves.last().map(|moved| &moved.to);
    staged.or_else(known).unwrap_or(opener)
}

/// Whether `peer` may tell of a right to `case`. A former home's reference may be late: the grant has moved along.
pub(super) fn may_refer(book: &Book, staging: &Staging, peer: &AgencyId, told: &ReferenceTold) -> bool {
    let case = &told.reference.value().case;
    let gave = |moved: &StagedMove| moved.case == *case && moved.from == *peer;
    home(book, staging, case, &told.opener) == peer
        || book.was_home(peer, case)
        || staging.moves.iter().any(gave)
}

/// That this agency holds the case is not proven yet to whoever knows another home; it may be, once that one is heard.
pub(super) fn unproven(peer: &AgencyId) -> Problem {
    Problem::new(Code::TrustUndecidable, "home")
        .found(peer.to_string())
        .expected("the agency that opened the case, or the one to which its last home released it")
}

impl Staging {
    /// Notes who the home of a case is that this commit was told of.
    pub(super) fn tell_home(&mut self, book: &Book, case: &CaseId, opener: &AgencyId) {
        let proven = home(book, self, case, opener).clone();
        self.homes.insert(*case, proven);
    }
}

impl<D: Disk, S: Store> Desk<D, S> {
    /// The header that opened a case of ours, or one that is held here.
    pub(super) fn opening_of(&self, staging: &Staging, case: &CaseId) -> Result<Vec<u8>> {
        Ok(self.event_of(staging, case, 0)?.header)
    }

    /// The event of a record of a case of ours, or of one that is held here, as staged or as published.
    pub(super) fn event_of(&self, staging: &Staging, case: &CaseId, seq: u64) -> Result<EventFact> {
        if let Some(position) = self.position_of(case, seq)? {
            return self.event_at(position);
        }
        let staged = staging.facts.iter().find_map(|fact| match fact {
            Fact::Event(fact) | Fact::Held(fact) if fact.record.case == *case && fact.record.seq == seq => {
                Some(fact.clone())
            }
            _ => None,
        });
        staged.ok_or_else(|| {
            Problem::new(Code::StoreDamaged, "store").found(format!("no record {seq} of case {case}"))
        })
    }

    fn position_of(&self, case: &CaseId, seq: u64) -> Result<Option<Position>> {
        let held = self.held.get(case).and_then(|held| held.rows.iter().find(|row| row.seq == seq).copied());
        Ok(match held {
            Some(row) => Some(row.position),
            None => self.row(case, seq)?.map(|row| row.position),
        })
    }
}
