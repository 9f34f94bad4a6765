//! Certificates: the parsed DER beside its bytes, and the identity it speaks for.
