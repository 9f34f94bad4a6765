//! One-time enrolment tokens, and the enrolment request and answer.
