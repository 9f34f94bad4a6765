//! Budgets: what one validation may cost, whatever a stranger sends (RUSTSEC-2023-0052, CVE-2025-14831).

use std::collections::HashMap;

use crate::Digest;

/// Limits of one validation. The numbers are far above what lawful paths need, and keep a refusal below 50 ms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget {
    /// Signatures verified, of certificates and lists: 100, as rustls/webpki's `verify_cert.rs`.
    pub signatures: usize,
    /// Certificates below the anchor, the target included: 8, PROTOCOL's "chain depth".
    pub depth: usize,
    /// Comparisons of a name with a constraint: 250 000, as rustls/webpki's `verify_cert.rs`.
    pub name_comparisons: usize,
    /// Intermediates that are offered: 256; PKITS needs 8, a registry's bundle some dozens.
    pub certificates: usize,
    /// Lists that are offered: 256, one an authority.
    pub crls: usize,
    /// Steps of the search: 10 000 candidates looked at.
    pub steps: usize,
    /// Complete paths that are judged: 64.
    pub paths: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            signatures: 100,
            depth: 8,
            name_comparisons: 250_000,
            certificates: 256,
            crls: 256,
            steps: 10_000,
            paths: 64,
        }
    }
}

/// A limit was met; the validation ends undecided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Spent(pub(super) &'static str);

/// What is left of a budget, and the signatures that were verified: each pair costs once.
#[derive(Debug)]
pub(super) struct Purse {
    left: Budget,
    verified: HashMap<(Digest, Digest), bool>,
}

impl Purse {
    pub(super) fn new(budget: Budget) -> Self {
        Self { left: budget, verified: HashMap::new() }
    }

    pub(super) const fn depth(&self) -> usize {
        self.left.depth
    }

    pub(super) fn step(&mut self) -> Result<(), Spent> {
        take(&mut self.left.steps, "steps of the search")
    }

    pub(super) fn path(&mut self) -> Result<(), Spent> {
        take(&mut self.left.paths, "paths judged")
    }

    pub(super) fn name_comparison(&mut self) -> Result<(), Spent> {
        take(&mut self.left.name_comparisons, "name comparisons")
    }

    /// Whether `signed` verifies with `key`; `verify` is called at most once a pair.
    pub(super) fn signature(
        &mut self,
        signed: Digest,
        key: Digest,
        verify: impl FnOnce() -> bool,
    ) -> Result<bool, Spent> {
        if let Some(known) = self.verified.get(&(signed, key)) {
            return Ok(*known);
        }
        take(&mut self.left.signatures, "signature checks")?;
        let verified = verify();
        self.verified.insert((signed, key), verified);
        Ok(verified)
    }
}

fn take(left: &mut usize, name: &'static str) -> Result<(), Spent> {
    *left = left.checked_sub(1).ok_or(Spent(name))?;
    Ok(())
}
