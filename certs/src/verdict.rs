//! Verdicts and sub-indications by the names of EN 319 102-1.
