//! Which authorities stand above a certificate, of all that happen to be at hand: by name and by signature.
//!
//! What peers send is not kept for having been sent: only what a signature rests on is. Nothing is judged here.

use crate::certificate::Certificate;

/// Most authorities that are found above one certificate: two signers with theirs fit into a request to a third party.
pub const ISSUERS_MAX: usize = 7;
/// Most certificates above one another (PROTOCOL.md, "Limits").
const DEPTH_MAX: usize = 8;
/// Signatures that one search verifies: whoever sends many authorities of one name pays for it with the one that counts.
const VERIFICATIONS_MAX: usize = 64;

/// The authorities of `pool` from which a path may lead to `certificate`, nearest first, at most [`ISSUERS_MAX`]. Anchors,
/// which are self-issued, are not among them: they are the registry's to bring.
pub fn issuers<'a>(
    certificate: &Certificate,
    pool: impl Iterator<Item = &'a Certificate> + Clone,
) -> Vec<Certificate> {
    let mut found: Vec<Certificate> = Vec::new();
    let mut level = vec![certificate.clone()];
    let mut verified = 0;
    for _ in 0..DEPTH_MAX {
        let mut above = Vec::new();
        for one in &level {
            let named = pool
                .clone()
                .filter(|other| other.is_ca() && !other.is_self_issued() && other.subject() == one.issuer());
            for issuer in named {
                if found.len() + above.len() >= ISSUERS_MAX || verified >= VERIFICATIONS_MAX {
                    break;
                }
                let known = |other: &Certificate| other.digest() == issuer.digest();
                if found.iter().chain(&above).any(known) {
                    continue;
                }
                verified += 1;
                if one.verify_signed_by(issuer.public_key()).is_ok() {
                    above.push(issuer.clone());
                }
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
