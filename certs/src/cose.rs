//! COSE_Sign1 (RFC 9052 4.2): the one signed envelope, with a content type a kind.
