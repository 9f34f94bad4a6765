//! Capsules: one file with a case's history, proofs, evidence and certificates.
