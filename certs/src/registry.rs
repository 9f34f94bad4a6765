//! The registry: the signed, versioned, expiring list of who is who.
