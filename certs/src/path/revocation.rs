//! Revocation by lists (RFC 5280 6.3): what the lists at hand say of one certificate at one time.
//!
//! A revocation that any genuine list tells of counts, however old the list; only a hold counts by the newest. That a
//! certificate is *not* revoked needs a list that is fresh at the time asked, or newer.

use std::fmt;

use super::budget::{Purse, Spent};
use super::report::Flaw;
use super::{PathRequest, Revocation};
use crate::certificate::{Certificate, KeyUsage};
use crate::crl::{Crl, Reason};
use crate::verdict::SubIndication;
use crate::{Code, Problem, Timestamp};

/// What the lists say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Status {
    /// Not revoked, by a list that is fresh at the time, or within the grace.
    Good { stale: bool },
    /// Revoked from then on.
    Revoked { since: Timestamp, reason: Reason },
    /// Nothing decides it.
    Unknown { why: String, past_life: bool, issuer: String, at: Timestamp },
}

/// Looks `certificate`, signed by `issuer`'s key, up in the lists of the request.
pub(super) fn status(
    request: &PathRequest<'_>,
    certificate: &Certificate,
    issuer: &Certificate,
    purse: &mut Purse,
) -> Result<Status, Spent> {
    let at = request.at;
    let unknown = |why: String, past_life| {
        Ok(Status::Unknown { why, past_life, issuer: certificate.issuer().to_string(), at })
    };
    if issuer.extensions().key_usage.is_some_and(|usage| !usage.has(KeyUsage::CRL_SIGN)) {
        return unknown("the issuer's key may not sign lists (RFC 5280 6.3.3 (f))".to_owned(), false);
    }
    let mut why = "no list of its issuer is at hand".to_owned();
    let mut lists: Vec<&Crl> = Vec::new();
    for crl in request.crls.iter().filter(|crl| crl.issuer() == certificate.issuer()) {
        let key = issuer.public_key();
        if !purse.signature(crl.digest(), key.digest(), || crl.verify_signed_by(key).is_ok())? {
            "a list of its issuer's name is not signed by its issuer's key".clone_into(&mut why);
        } else if let Err(problem) = crl.usable() {
            why = problem.to_string();
        } else {
            lists.push(crl);
        }
    }
    lists.sort_by_key(|crl| (crl.this_update(), crl.number()));
    if let Some((since, reason)) = earliest_revocation(&lists, certificate).filter(|(since, _)| *since <= at)
    {
        return Ok(Status::Revoked { since, reason });
    }

    // RFC 5280 3.3: an authority may drop an entry once its certificate has expired.
    let covering: Vec<&&Crl> =
        lists.iter().filter(|crl| crl.this_update() <= certificate.not_after()).collect();
    let grace_ms = match request.revocation {
        Revocation::Grace { stale_ms } => stale_ms,
        Revocation::Required | Revocation::BestEffort => 0,
    };
    let Some(best) = covering.iter().filter_map(|crl| crl.next_update()).max() else {
        let dropped = lists.iter().any(|crl| crl.next_update().is_some());
        let why =
            if dropped { "the lists at hand are younger than the certificate's end".to_owned() } else { why };
        return unknown(why, false);
    };
    if at <= best {
        return Ok(Status::Good { stale: false });
    }
    if at <= best.plus_ms(grace_ms) && certificate.not_before() <= best {
        return Ok(Status::Good { stale: true });
    }
    unknown(format!("the newest list was good until {best}"), true)
}

/// The earliest date from which a list tells that the certificate is revoked.
fn earliest_revocation(lists: &[&Crl], certificate: &Certificate) -> Option<(Timestamp, Reason)> {
    let newest = lists.len().checked_sub(1)?;
    lists
        .iter()
        .enumerate()
        .filter_map(|(place, crl)| crl.lookup(certificate.serial()).map(|entry| (place, entry)))
        .filter(|(place, (_, reason))| *reason != Reason::CertificateHold || *place == newest)
        .map(|(_, entry)| entry)
        .min_by_key(|(since, _)| *since)
}

impl Status {
    /// What the status means under a policy; `field` names the certificate.
    pub(super) fn judge(&self, policy: Revocation, field: &'static str) -> Result<(), Flaw> {
        match self {
            Self::Good { .. } => Ok(()),
            Self::Revoked { since, reason } => Err(Flaw::broken(
                SubIndication::Revoked,
                Problem::new(Code::CertificateRevoked, field)
                    .found(format!("revoked since {since}, {}", reason.as_str())),
            )),
            Self::Unknown { .. } if policy == Revocation::BestEffort => Ok(()),
            Self::Unknown { why, past_life, issuer, at } => {
                let code = if *past_life { Code::RevocationStale } else { Code::TrustUndecidable };
                let problem = Problem::new(code, format!("revocation of {field}")).found(why.clone());
                let settle = format!("a revocation list of {issuer} that is fresh at {at}");
                Err(Flaw::open(SubIndication::TryLater, problem.expected(settle.clone()), settle))
            }
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good { stale: false } => f.write_str("not revoked"),
            Self::Good { stale: true } => {
                f.write_str("not revoked by a list past its life, within the grace")
            }
            Self::Revoked { since, reason } => write!(f, "revoked since {since}, {reason:?}"),
            Self::Unknown { why, .. } => write!(f, "revocation unknown: {why}"),
        }
    }
}
