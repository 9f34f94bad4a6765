//! The plan: the steps still to come and those that are done, and when each is due.
//!
//! Never a clock: the times of steps are those of the records that opened and ended them.

use ogic_certs::{AgencyId, EventId, Timestamp};
use serde::{Deserialize, Serialize};

use super::row::{spelled, stamped, stamped_optional};
use super::service::{Performer, Service, Step, Title};

const DAY_MS: u64 = 86_400_000;

/// A step of a running case: its definition, and how it stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanStep {
    /// The step as the case's own version of the service defines it.
    pub definition: Step,
    /// How it stands.
    pub state: StepState,
    /// The agency that it was last handed to, while that grant stands.
    pub handed_to: Option<Handover>,
}

/// A step handed to another agency by a grant.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handover {
    /// The agency.
    #[serde(with = "spelled")]
    pub to: AgencyId,
    /// The grant: the id of the share event.
    #[serde(with = "spelled")]
    pub grant: EventId,
    /// Until when the grant asks for the work.
    #[serde(with = "stamped_optional")]
    pub deadline: Option<Timestamp>,
}

/// How a step stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum StepState {
    /// A step before it is not done yet.
    Planned,
    /// It can be worked on.
    Open {
        /// Since when.
        #[serde(with = "stamped")]
        since: Timestamp,
        /// Until when, by the definition.
        #[serde(with = "stamped")]
        due: Timestamp,
    },
    /// Its performer said that it cannot be done; a later event of the step may still mend that.
    NotPossible(Ended),
    /// It is done.
    Done(Ended),
}

/// How a step came to its end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ended {
    /// When: the received time of the record at whose place the effect happened.
    #[serde(with = "stamped")]
    pub at: Timestamp,
    /// By which agency.
    #[serde(with = "spelled")]
    pub by: AgencyId,
    /// By which event.
    #[serde(with = "spelled")]
    pub event: EventId,
}

impl StepState {
    /// The word in the API and in `--json`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Open { .. } => "open",
            Self::NotPossible(_) => "not-possible",
            Self::Done(_) => "done",
        }
    }
}

impl PlanStep {
    /// The step's name.
    pub fn id(&self) -> &str {
        &self.definition.id
    }

    /// What people call it.
    pub const fn title(&self) -> &Title {
        &self.definition.title
    }

    /// Who does it.
    pub const fn performer(&self) -> &Performer {
        &self.definition.performer
    }

    /// Until when it is due, if it is open: what the grant asks for, or else the definition's working days.
    pub fn due(&self) -> Option<Timestamp> {
        match &self.state {
            StepState::Open { due, .. } => {
                Some(self.handed_to.as_ref().and_then(|handover| handover.deadline).unwrap_or(*due))
            }
            _ => None,
        }
    }

    /// How it was done, if it is.
    pub const fn done(&self) -> Option<&Ended> {
        match &self.state {
            StepState::Done(ended) => Some(ended),
            _ => None,
        }
    }

    /// Whether it can be worked on: open, or said to be not possible so far.
    pub const fn is_workable(&self) -> bool {
        matches!(self.state, StepState::Open { .. } | StepState::NotPossible(_))
    }
}

/// The plan of a case opened at `now` by `opening`: the opening step is done by it, what follows is open.
pub fn plan_of(service: &Service, opening: &Ended) -> Vec<PlanStep> {
    let mut plan: Vec<_> = service
        .steps
        .iter()
        .map(|step| PlanStep {
            definition: step.clone(),
            state: if step.opening { StepState::Done(opening.clone()) } else { StepState::Planned },
            handed_to: None,
        })
        .collect();
    open_ready(&mut plan, opening.at);
    plan
}

/// Opens each planned step whose steps before are all done.
pub fn open_ready(plan: &mut [PlanStep], now: Timestamp) {
    let done: Vec<String> =
        plan.iter().filter(|step| step.done().is_some()).map(|step| step.id().to_owned()).collect();
    for step in plan {
        if step.state == StepState::Planned
            && step.definition.after.iter().all(|before| done.contains(before))
        {
            let due = working_days_after(now, step.definition.deadline_working_days);
            step.state = StepState::Open { since: now, due };
        }
    }
}

/// The same time of day, `days` working days (Monday to Friday, UTC) later. A deadline that begins on a weekend
/// counts from Monday, so that it never ends before people could have worked on it; public holidays are not known here.
pub fn working_days_after(from: Timestamp, days: u32) -> Timestamp {
    let (mut day, time_of_day) = (from.ms() / DAY_MS, from.ms() % DAY_MS);
    let mut left = days;
    while left > 0 && day < Timestamp::LATEST.ms() / DAY_MS {
        day += 1;
        if is_working_day(day) {
            left -= 1;
        }
    }
    Timestamp::from_ms_clamped(day * DAY_MS + time_of_day)
}

/// Whether a day since 1970-01-01, a Thursday, lies in Monday to Friday.
const fn is_working_day(day: u64) -> bool {
    (day + 3) % 7 < 5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_count_working_days() {
        // 2026-11-23 is a Monday.
        let monday = 1_795_392_000_000 + 9 * 3_600_000;
        let rows = [
            ("no days", 0, 0, 0),
            ("Monday to Tuesday", 0, 1, 1),
            ("Monday to Friday", 0, 4, 4),
            ("Monday over the weekend", 0, 5, 7),
            ("Friday to Monday", 4, 1, 7),
            ("Saturday counts from Monday", 5, 1, 7),
            ("Sunday counts from Monday", 6, 1, 7),
            ("two weeks", 2, 10, 16),
        ];
        for (name, weekday, days, expected) in rows {
            let from = Timestamp::from_ms_clamped(monday + weekday * DAY_MS);
            let due = working_days_after(from, days);
            assert_eq!(
                due,
                Timestamp::from_ms_clamped(monday + expected * DAY_MS),
                "{name}: {from} to {due}"
            );
        }
        assert!(Timestamp::from_ms_clamped(monday).to_string().starts_with("2026-11-23T09:00"));
        assert_eq!(working_days_after(Timestamp::LATEST, u32::MAX), Timestamp::LATEST);
    }
}
