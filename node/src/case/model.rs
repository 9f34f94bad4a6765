//! The case as its history makes it: status, plan, grants, what is pending, and its head.
//!
//! Only the fold changes a case; everybody else reads. Nothing here grows with the length of a history: records and
//! bodies stay in the journal, and the lists have the bounds that the policy names.

use std::collections::VecDeque;

use ogic_certs::event::{HeadAt, Outcome, StepCode, Terms};
use ogic_certs::evidence::Judgement;
use ogic_certs::{AgencyId, CaseId, Digest, EventId, Timestamp};
use serde::{Deserialize, Serialize};

use super::custody::{Custody, Moved};
use super::plan::PlanStep;
use super::row::{HeadAtRow, JudgementRow, TermsRow, spelled, spelled_optional, stamped, stamped_optional};
use super::service::Title;

/// Most judged events that are remembered with the state; what came of older ones, a replay of the history tells.
pub const JUDGED_MAX: usize = 64;

/// One citizen's matter under one service, folded from its history.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The case's id.
    #[serde(with = "spelled")]
    pub id: CaseId,
    /// The agency that holds it and alone orders its history.
    #[serde(with = "spelled")]
    pub home: AgencyId,
    /// Digest of the service definition's COSE bytes.
    #[serde(with = "spelled")]
    pub service: Digest,
    /// The service's title.
    pub title: Title,
    /// How the citizen may appeal against a refusal; without it the case cannot be refused.
    pub appeal: Option<Title>,
    /// The home's pseudonym of the citizen.
    pub citizen: String,
    /// When it was opened.
    #[serde(with = "stamped")]
    pub opened: Timestamp,
    /// Open, or how it ended.
    pub status: Status,
    /// The steps, in the order of the definition.
    pub plan: Vec<PlanStep>,
    /// The grants, in the order of their records, revoked ones included.
    pub grants: Vec<Grant>,
    /// The events that wait for evidence, in the order of their records.
    pub pending: Vec<Pending>,
    /// What became of the last [`JUDGED_MAX`] events that were pending, oldest first.
    pub judged: VecDeque<Judged>,
    /// How the custody stands, while it is about to change.
    #[serde(default)]
    pub custody: Option<Custody>,
    /// The changes of the home, oldest first.
    #[serde(default)]
    pub moves: Vec<Moved>,
    /// The newest record.
    #[serde(with = "HeadAtRow")]
    pub head: HeadAt,
    /// How many records the history has.
    pub records: u64,
}

/// Whether a case goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Status {
    /// It goes on.
    Open,
    /// It ended.
    Closed {
        /// How.
        #[serde(with = "spelled")]
        outcome: Outcome,
        /// When: the received time of the closing record.
        #[serde(with = "stamped")]
        at: Timestamp,
    },
}

impl Status {
    /// The word in the API and in `--json`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed { .. } => "closed",
        }
    }

    /// How the case ended, if it did.
    pub const fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::Open => None,
            Self::Closed { outcome, .. } => Some(*outcome),
        }
    }
}

/// The right of another agency at the home.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The id of the share event.
    #[serde(with = "spelled")]
    pub id: EventId,
    /// What it grants.
    #[serde(with = "TermsRow")]
    pub terms: Terms,
    /// Since when.
    #[serde(with = "stamped")]
    pub granted: Timestamp,
    /// When it was revoked, if it was.
    #[serde(with = "stamped_optional")]
    pub revoked: Option<Timestamp>,
}

/// An event that has its place and no effect yet, with all that its effect needs. Its form was judged when it was
/// recorded and cannot change, so that the body is not kept here.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pending {
    /// The event.
    #[serde(with = "spelled")]
    pub event: EventId,
    /// Its record's place in the history.
    pub seq: u64,
    /// When it was received: pending too long is an alarm.
    #[serde(with = "stamped")]
    pub received: Timestamp,
    /// Its author.
    #[serde(with = "spelled")]
    pub author: AgencyId,
    /// The grant that its author acts under.
    #[serde(with = "spelled_optional")]
    pub grant: Option<EventId>,
    /// SHA-256 of its approval's COSE bytes.
    #[serde(with = "spelled_optional")]
    pub approval: Option<Digest>,
    /// What it does.
    pub work: Work,
}

/// What an agency without the custody can do in a case.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Work {
    /// Works on a step.
    Step {
        /// The step.
        step: String,
        /// How the step then stands.
        #[serde(with = "spelled")]
        code: StepCode,
    },
    /// Adds a note, about a step or the whole case.
    Note {
        /// The step, if it is about one.
        step: Option<String>,
    },
}

impl Work {
    /// The step concerned.
    pub fn step(&self) -> Option<&str> {
        match self {
            Self::Step { step, .. } => Some(step),
            Self::Note { step } => step.as_deref(),
        }
    }
}

/// What an event did to its case.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// It took effect.
    Held,
    /// It has its place, and waits for evidence.
    Pending,
    /// It has its place and no effect, for ever. The judgement's code says why; beside a sound signature it is that of
    /// the rule that the act broke.
    None(#[serde(with = "JudgementRow")] Judgement),
}

impl Effect {
    /// The word in the API and in `--json`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Pending => "pending",
            Self::None(_) => "none",
        }
    }

    /// Why there is no effect.
    pub const fn judgement(&self) -> Option<&Judgement> {
        match self {
            Self::None(judgement) => Some(judgement),
            _ => None,
        }
    }
}

/// What became of an event that was pending.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judged {
    /// The event.
    #[serde(with = "spelled")]
    pub event: EventId,
    /// What it did.
    pub effect: Effect,
}

impl Case {
    /// Whether it has ended.
    pub const fn is_closed(&self) -> bool {
        matches!(self.status, Status::Closed { .. })
    }

    /// The step of a name.
    pub fn step(&self, id: &str) -> Option<&PlanStep> {
        self.plan.iter().find(|step| step.id() == id)
    }

    /// The steps that can be worked on now; none once the case is closed.
    pub fn next_steps(&self) -> impl Iterator<Item = &PlanStep> {
        self.plan.iter().filter(|step| !self.is_closed() && step.is_workable())
    }

    /// The grant of an id, whoever holds it. To answer an agency, ask [`super::grant`] instead.
    pub fn grant(&self, id: &EventId) -> Option<&Grant> {
        self.grants.iter().find(|grant| grant.id == *id)
    }

    /// The event, if it waits for evidence.
    pub fn pending(&self, event: &EventId) -> Option<&Pending> {
        self.pending.iter().find(|pending| pending.event == *event)
    }

    /// What became of an event that is or was pending, if it is remembered; an event that never was is not.
    pub fn effect_of(&self, event: &EventId) -> Option<&Effect> {
        if self.pending(event).is_some() {
            return Some(&Effect::Pending);
        }
        self.judged.iter().rev().find(|judged| judged.event == *event).map(|judged| &judged.effect)
    }

    /// Whether a pending event says that the step is done.
    pub(super) fn has_pending_end(&self, step: &str) -> bool {
        self.pending.iter().any(|pending| {
            matches!(&pending.work, Work::Step { step: worked, code: StepCode::Done } if worked == step)
        })
    }
}
