//! The case: plan, history and rights as pure functions, without I/O, clock or randomness.
//!
//! A case is what a fold over its history gives, and nothing else: the same records give the same case at the home, at a
//! performer that fetched them, and in a capsule years later. Begin with [`model`] and [`fold`]; who may do what is
//! [`grant`] and [`mod@decide`]; [`service`] is the definition that the plan comes from.

pub mod capsule;
pub mod custody;
pub mod decide;
pub mod fold;
mod form;
pub mod grant;
mod judge;
mod lint;
pub mod model;
pub mod plan;
pub mod policy;
mod row;
pub mod service;

#[cfg(test)]
mod tests;

pub use custody::{Custody, Moved, Offer};
pub use decide::{Act, check_form, decide, decide_open, head_moved};
pub use fold::{Applied, Entry, Replay};
pub use grant::{case_unknown, may_append, may_read};
pub use model::{Case, Effect, Grant, Pending, Status, Work};
pub use plan::{Handover, PlanStep, StepState};
pub use policy::Policy;
pub use service::{Service, Step, Title};
