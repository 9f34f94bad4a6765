//! References: the signed, revocable paper that tells of a grant.
