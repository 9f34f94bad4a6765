//! Which authorities may stand above a certificate, of all that happen to be at hand, by name and by signature; and in which
//! order candidates are tried.
//!
//! The order of the pool never counts. Nothing is judged here: the path that is found to hold tells what was worth having.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::certificate::Certificate;
use crate::{Digest, Timestamp};

/// Most authorities of one level, so that all levels fit into the budget of one validation: reissues and copies of one
/// authority, of which whoever brings them can bring many.
const LEVEL_MAX: usize = 32;
/// Levels of authorities below the anchor: PROTOCOL's chain depth without the target.
const LEVELS_MAX: usize = 7;
/// Signatures that one search verifies, each pair of certificate and key once: whoever sends many authorities of one name pays
/// for it with the one that counts.
const VERIFICATIONS_MAX: usize = 64;

/// The authorities of `pool` from which a path may lead to `certificate` at `at`, nearest first, on each level in the order
/// of preference. Self-signed ones are not among them: anchors are the registry's to bring.
pub fn issuers<'a>(
    certificate: &Certificate,
    pool: impl Iterator<Item = &'a Certificate> + Clone,
    at: Timestamp,
) -> Vec<Certificate> {
    let mut found: Vec<Certificate> = Vec::new();
    let mut level = vec![certificate.clone()];
    let mut left = VERIFICATIONS_MAX;
    for _ in 0..LEVELS_MAX {
        let mut above: Vec<Certificate> = Vec::new();
        for one in &level {
            let mut tried: HashMap<Digest, bool> = HashMap::new();
            let named = pool.clone().filter(|other| other.is_ca() && other.subject() == one.issuer());
            for issuer in preferred(one, named, |issuer| issuer, at) {
                if above.len() >= LEVEL_MAX {
                    break;
                }
                if found.iter().chain(&above).any(|known| known == issuer) {
                    continue;
                }
                let key = issuer.public_key();
                let signed = match tried.get(&key.digest()) {
                    Some(signed) => *signed,
                    None if left == 0 => continue,
                    None => {
                        left -= 1;
                        let signed = one.verify_signed_by(key).is_ok();
                        tried.insert(key.digest(), signed);
                        signed
                    }
                };
                if !signed {
                    continue;
                }
                if issuer.is_self_issued() {
                    let Some(rest) = left.checked_sub(1) else { continue };
                    left = rest;
                    if issuer.is_self_signed() {
                        continue;
                    }
                }
                above.push(issuer.clone());
            }
        }
        if above.is_empty() {
            break;
        }
        found.extend(above.iter().cloned());
        level = above;
    }
    found
}

/// Candidates for the place above `tip`, the likeliest first: those that are valid at `at`, then those with the key identifier
/// that `tip` names (RFC 5280 4.2.1.1: a hint, not a condition), then the newest, then by their bytes.
pub(super) fn preferred<'a, T>(
    tip: &Certificate,
    candidates: impl Iterator<Item = &'a T>,
    certificate: impl Fn(&T) -> &Certificate,
    at: Timestamp,
) -> Vec<&'a T> {
    let named = tip.extensions().authority_key_id.as_ref();
    let rank = |candidate: &T| {
        let one = certificate(candidate);
        let fits = named.is_some() && one.extensions().subject_key_id.as_ref() == named;
        (!one.is_valid_at(at), !fits, Reverse(one.not_before()))
    };
    let mut candidates: Vec<&T> = candidates.collect();
    candidates
        .sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| certificate(a).der().cmp(certificate(b).der())));
    candidates
}
