//! The case: plan, history and rights as pure functions, without I/O or clock.
