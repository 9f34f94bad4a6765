//! Refusals and verdict notices: what a home signs when it says no.
