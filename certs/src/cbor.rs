//! Strict deterministic CBOR (RFC 8949 4.2): our own scan of the bytes, then serde_cbor.
