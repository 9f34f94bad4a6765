//! The store: where an agency's cases are looked up. Follows the journal, never leads it.
