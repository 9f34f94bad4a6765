//! Keys: signing keys that are wiped when dropped, and public keys that were checked.
