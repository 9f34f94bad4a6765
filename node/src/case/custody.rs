//! Custody: who may offer, accept, decline, release and take a case, and what each does to it.
//!
//! A case has one home at a time. The release is the one point at which it changes: before it the old home orders, after it
//! only the new one can, and in between nobody. Pure, like all of the fold; signatures were verified before.

use ogic_certs::cose::Signed;
use ogic_certs::custody::{CustodyNotice, Told};
use ogic_certs::event::{Body, Detail, HeadAt, Header, Kind};
use ogic_certs::record::Record;
use ogic_certs::{AgencyId, Code, EventId, Problem, Result, Timestamp};
use serde::{Deserialize, Serialize};

use super::decide::Act;
use super::grant::case_unknown;
use super::model::{Case, Grant};
use super::policy::Policy;
use super::row::{HeadAtRow, spelled, stamped};

/// An offer of the custody that was not answered or used up yet.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// The offer's event; also the id of the right to read that comes with it.
    #[serde(with = "spelled")]
    pub id: EventId,
    /// To whom.
    #[serde(with = "spelled")]
    pub to: AgencyId,
    /// When it was made.
    #[serde(with = "stamped")]
    pub at: Timestamp,
    /// When it ends by itself.
    #[serde(with = "stamped")]
    pub expires: Timestamp,
}

/// How the custody of a case stands while it is about to change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Custody {
    /// It is offered, and the home orders on.
    Offered(Offer),
    /// The offer is accepted at the newest record; whatever else comes next voids it.
    Accepted {
        /// The offer.
        offer: Offer,
        /// The acceptance's event.
        #[serde(with = "spelled")]
        accept: EventId,
    },
    /// It is released: the old home orders nothing any more.
    Released {
        /// The offer.
        offer: Offer,
        /// When.
        #[serde(with = "stamped")]
        at: Timestamp,
        /// The record of the release.
        #[serde(with = "HeadAtRow")]
        place: HeadAt,
    },
}

/// One change of the home.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moved {
    /// Who was the home.
    #[serde(with = "spelled")]
    pub from: AgencyId,
    /// Who became it.
    #[serde(with = "spelled")]
    pub to: AgencyId,
    /// When it was taken.
    #[serde(with = "stamped")]
    pub at: Timestamp,
    /// The record of taking.
    pub seq: u64,
}

impl Custody {
    /// The word in the API and in `--json`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Offered(_) => "offered",
            Self::Accepted { .. } => "accepted",
            Self::Released { .. } => "released",
        }
    }

    /// The offer that it rests on.
    pub const fn offer(&self) -> &Offer {
        match self {
            Self::Offered(offer) | Self::Accepted { offer, .. } | Self::Released { offer, .. } => offer,
        }
    }
}

impl Case {
    /// Who may become the home of this released case; none while its home orders it.
    pub const fn released_to(&self) -> Option<&AgencyId> {
        match &self.custody {
            Some(Custody::Released { offer, .. }) => Some(&offer.to),
            _ => None,
        }
    }

    /// Whether `agency` orders the history of this case now.
    pub fn is_ordered_by(&self, agency: &AgencyId) -> bool {
        self.home == *agency && self.released_to().is_none()
    }
}

/// Whether the kind is one by which the custody changes.
pub(super) const fn is_custody(kind: Kind) -> bool {
    is_answer(kind) || matches!(kind, Kind::Offer | Kind::Release)
}

/// Whether the kind is one by which another agency answers an offer.
pub(super) const fn is_answer(kind: Kind) -> bool {
    matches!(kind, Kind::Accept | Kind::Decline | Kind::Taken)
}

/// Whether `who` may answer with this kind at all: whoever was never offered the case learns nothing of it.
pub(super) fn may_answer(case: &Case, who: &AgencyId, header: &Header, now: Timestamp) -> Result<()> {
    if !case.grants.iter().any(|grant| grant.terms.grantee == *who) {
        return Err(case_unknown());
    }
    let Some(custody) = &case.custody else { return Err(refused("offer", "none", "an offer that stands")) };
    let offer = custody.offer();
    if offer.to != *who {
        return Err(refused("offer", "an offer to another agency", "an offer to this one"));
    }
    if header.kind == Kind::Taken {
        return Ok(());
    }
    if header.grant != Some(offer.id) {
        return Err(refused("grant", "another right", "the offer"));
    }
    if header.kind == Kind::Accept && now >= offer.expires {
        return Err(Problem::new(Code::GrantExpired, "offer")
            .found(now.to_string())
            .expected(format!("before {}", offer.expires)));
    }
    Ok(())
}

/// A released case takes nothing but the answer of the agency that it was released to. The field of the refusal names it:
/// so the old home says for ever where the case went.
pub(super) fn not_moved(case: &Case, author: &AgencyId, kind: Kind) -> Result<()> {
    match case.released_to() {
        Some(to) if !(to == author && matches!(kind, Kind::Taken | Kind::Decline)) => {
            Err(Problem::new(Code::CaseMoved, to.as_str()))
        }
        _ => Ok(()),
    }
}

/// Whether the act changes the custody as the case stands. The author's right to it was asked before.
pub(super) fn decide(case: &Case, act: &Act<'_>, policy: &Policy) -> Result<()> {
    let Body { fields, documents, detail } = act.body;
    if !fields.is_empty() || !documents.is_empty() || act.header.step.is_some() {
        return Err(Problem::new(Code::ValueRefused, "body")
            .found("fields, documents or a step")
            .expected("none of them in an act of custody"));
    }
    match (detail, &case.custody) {
        (Detail::Offer(terms), None) => {
            if !terms.read || !terms.steps.is_empty() {
                return Err(Problem::new(Code::TermsRefused, "steps").expected("reading, and no steps"));
            }
            if case.moves.len() >= policy.moves_max {
                return Err(Problem::new(Code::LimitReached, "moves")
                    .found(case.moves.len().to_string())
                    .expected(format!("fewer than {} changes of the home", policy.moves_max)));
            }
            Ok(())
        }
        (Detail::Offer(_), Some(custody)) => {
            let to = custody.offer().to.to_string();
            Err(refused(
                "offer",
                &format!("{} to {to}", custody.as_str()),
                "none that stands: revoke it first",
            ))
        }
        (Detail::None, Some(Custody::Offered(_))) if act.header.kind == Kind::Accept => Ok(()),
        (Detail::Decline { reason }, Some(_)) => {
            if reason.trim().is_empty() {
                return Err(Problem::new(Code::ValueRefused, "reason")
                    .found("empty text")
                    .expected("why it is declined"));
            }
            Ok(())
        }
        (
            Detail::Release { to, offer, accept },
            Some(Custody::Accepted { offer: made, accept: accepted }),
        ) if *to == made.to && *offer == made.id && accept == accepted => Ok(()),
        (Detail::Taken { from, release }, Some(Custody::Released { offer, place, .. })) => {
            let notice = Signed::<CustodyNotice>::parse(release)?;
            let Told::Released(told) = notice.value().read()? else {
                return Err(Problem::new(Code::KindMismatch, "release").expected("the notice of a release"));
            };
            if *from == case.home && told.case == case.id && told.offer == offer.id && told.place() == *place
            {
                Ok(())
            } else {
                Err(refused("release", "another one", "the release of this case by its home"))
            }
        }
        (_, custody) => {
            let found = custody.as_ref().map_or("no offer", Custody::as_str);
            Err(refused(
                "kind",
                &format!("{}, {found}", act.header.kind.as_str()),
                "offer, accept, release, taken",
            ))
        }
    }
}

/// What the act does to the case.
pub(super) fn take_effect(case: &mut Case, record: &Record, author: &AgencyId, body: &Body) {
    let (now, id) = (record.received, record.event);
    match (&body.detail, case.custody.take()) {
        (Detail::Offer(terms), _) => {
            case.grants.push(Grant { id, terms: terms.clone(), granted: now, revoked: None });
            let (to, expires) = (terms.grantee.clone(), terms.expires);
            case.custody = Some(Custody::Offered(Offer { id, to, at: now, expires }));
        }
        (Detail::None, Some(Custody::Offered(offer))) => {
            case.custody = Some(Custody::Accepted { offer, accept: id });
        }
        (Detail::Release { .. }, Some(Custody::Accepted { offer, .. })) => {
            let place = HeadAt { seq: record.seq, record: record.digest() };
            case.custody = Some(Custody::Released { offer, at: now, place });
        }
        (Detail::Decline { .. }, Some(custody)) => revoke(case, &custody.offer().id, now),
        (Detail::Taken { from, .. }, Some(custody)) => {
            revoke(case, &custody.offer().id, now);
            let (from, to) = (from.clone(), author.clone());
            case.moves.push(Moved { from, to: to.clone(), at: now, seq: record.seq });
            case.home = to;
        }
        // Nothing else passes `decide`.
        (_, custody) => case.custody = custody,
    }
}

/// Another record came after an acceptance: it is void, and the offer stands as before. A revoked offer is none.
pub(super) fn step_over(case: &mut Case, kind: Kind) {
    if let Some(Custody::Accepted { offer, .. }) = &case.custody
        && !matches!(kind, Kind::Release | Kind::Decline)
    {
        case.custody = Some(Custody::Offered(offer.clone()));
    }
}

/// The right of this id was revoked: if it was an offer, there is none.
pub(super) fn unshared(case: &mut Case, id: &EventId) {
    if case.custody.as_ref().is_some_and(|custody| custody.offer().id == *id) {
        case.custody = None;
    }
}

fn revoke(case: &mut Case, id: &EventId, now: Timestamp) {
    for grant in case.grants.iter_mut().filter(|grant| grant.id == *id) {
        grant.revoked = Some(now);
    }
}

fn refused(field: &'static str, found: &str, expected: &str) -> Problem {
    Problem::new(Code::CustodyRefused, field).found(found).expected(expected)
}
