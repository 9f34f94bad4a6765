//! Merkle trees (RFC 9162 2.1): roots, inclusion, consistency and many leaves at once.
