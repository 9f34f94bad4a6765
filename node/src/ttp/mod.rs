//! The trusted third party: verifies for others and answers with signed evidence.
