//! Receipts: records with their inclusion proof under one checkpoint.
