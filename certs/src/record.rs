//! The fixed-width leaves of a log: records, access entries, notices and heads.
