//! Service definitions: the data that a case's plan comes from, read from TOML.
//!
//! [`Service::parse`] is the only door; what it lets in has passed the linter. Who published a definition, and whether
//! the publisher may, is decided where its envelope is verified.

use ogic_certs::service::SERVICE_BYTES_MAX;
use ogic_certs::{Code, Problem, Result};
use serde::{Deserialize, Serialize};

use super::lint;

/// Most steps of a service.
pub const STEPS_MAX: usize = 32;
/// Most fields of a step's form.
pub const INPUTS_MAX: usize = 32;
/// Most documents that a step asks for.
pub const DOCUMENTS_MAX: usize = 16;
/// Longest deadline, in working days: about two years.
pub const DEADLINE_WORKING_DAYS_MAX: u32 = 520;

/// A published public service: its steps, and what a refused citizen may do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Service {
    /// The service's name in commands and competences: lower-case letters, digits, hyphens.
    pub id: String,
    /// The version, from 1; a running case keeps its own.
    pub version: u64,
    /// What people call it.
    pub title: Title,
    /// The steps, in the order of the definition.
    pub steps: Vec<Step>,
    /// How to appeal against a refusal; there whenever a step may refuse.
    pub appeal: Option<Title>,
}

/// Text for people in both languages.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Title {
    /// English.
    pub en: String,
    /// Russian.
    pub ru: String,
}

/// One step of a service.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The step's name in events: lower-case letters, digits, hyphens.
    pub id: String,
    /// What people call it.
    pub title: Title,
    /// Who does it.
    pub performer: Performer,
    /// The steps that must be done before.
    pub after: Vec<String>,
    /// The form that doing it fills.
    pub inputs: Vec<Input>,
    /// The labels of the documents that doing it brings.
    pub documents: Vec<String>,
    /// The deadline, in working days from the step's opening.
    pub deadline_working_days: u32,
    /// What silence past the deadline means.
    pub on_silence: OnSilence,
    /// Who sees the step besides the home.
    pub visible_to: Vec<Viewer>,
    /// The case can be granted without it.
    pub optional: bool,
    /// The opening event does it: the opening body fills its form.
    pub opening: bool,
    /// Its outcome may be that the citizen is refused.
    pub refuses: bool,
}

/// Who does a step: `"home"`, or a word for the competence that the performing agency needs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Performer {
    /// The home alone.
    Home,
    /// An agency with this competence, under a grant.
    Competence(String),
}

impl Performer {
    /// The word in the definition.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Home => "home",
            Self::Competence(word) => word,
        }
    }
}

impl From<String> for Performer {
    fn from(word: String) -> Self {
        if word == "home" { Self::Home } else { Self::Competence(word) }
    }
}

impl From<Performer> for String {
    fn from(performer: Performer) -> Self {
        performer.as_str().to_owned()
    }
}

/// A field of a step's form.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The field's name in bodies.
    pub name: String,
    /// What it takes.
    #[serde(rename = "type")]
    pub kind: InputKind,
    /// The step is not done without it.
    #[serde(default)]
    pub required: bool,
}

/// What a field of a form takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputKind {
    /// Text.
    Text,
    /// A whole number.
    Int,
    /// Yes or no.
    Bool,
}

impl InputKind {
    /// The word in the definition.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Int => "int",
            Self::Bool => "bool",
        }
    }
}

/// What silence past a step's deadline means.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnSilence {
    /// The performer is reminded.
    #[default]
    Remind,
    /// Whoever stands above the performer is told.
    Escalate,
    /// The citizen gets what he asked for.
    Grants,
}

/// Who sees a step besides the home.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Viewer {
    /// The citizen whose case it is.
    Citizen,
    /// Every agency with a grant to read.
    Performers,
}

impl Service {
    /// Reads a definition and lints it. `TooLarge`, `Malformed` where it is no TOML of this shape, `ValueRefused`
    /// naming the step where the linter refuses it.
    pub fn parse(toml: &[u8]) -> Result<Self> {
        if toml.len() > SERVICE_BYTES_MAX {
            return Err(Problem::new(Code::TooLarge, "service definition")
                .found(format!("{} bytes", toml.len()))
                .expected(format!("at most {SERVICE_BYTES_MAX} bytes")));
        }
        let malformed = |found: String| {
            Problem::new(Code::Malformed, "service definition")
                .found(found)
                .expected("TOML of a service definition")
        };
        let text = std::str::from_utf8(toml).map_err(|error| malformed(error.to_string()))?;
        let draft: Draft = toml::from_str(text).map_err(|error| malformed(error.message().to_owned()))?;
        let steps = draft.steps.into_iter().map(DraftStep::into_step).collect::<Result<_>>()?;
        let service =
            Self { id: draft.id, version: draft.version, title: draft.title, steps, appeal: draft.appeal };
        lint::check(&service)?;
        Ok(service)
    }

    /// The step that the opening event does.
    pub fn opening_step(&self) -> Option<&Step> {
        self.steps.iter().find(|step| step.opening)
    }
}

/// A definition as it stands in the file, before what it leaves out has been judged.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Draft {
    id: String,
    version: u64,
    title: Title,
    #[serde(default, rename = "step")]
    steps: Vec<DraftStep>,
    appeal: Option<Title>,
}

/// A step as it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DraftStep {
    id: String,
    title: Title,
    performer: Performer,
    #[serde(default)]
    after: Vec<String>,
    #[serde(default)]
    inputs: Vec<Input>,
    #[serde(default)]
    documents: Vec<String>,
    /// Optional to the parser, so that the linter can name the step that lacks it.
    deadline_working_days: Option<u32>,
    #[serde(default)]
    on_silence: OnSilence,
    #[serde(default = "everybody")]
    visible_to: Vec<Viewer>,
    #[serde(default)]
    optional: bool,
    #[serde(default)]
    opening: bool,
    #[serde(default)]
    refuses: bool,
}

/// What a step that does not say is visible to: the citizen can see all of his case.
fn everybody() -> Vec<Viewer> {
    vec![Viewer::Citizen, Viewer::Performers]
}

impl DraftStep {
    fn into_step(self) -> Result<Step> {
        let Some(deadline_working_days) = self.deadline_working_days else {
            return Err(Problem::new(Code::ValueRefused, format!("step {}: deadline_working_days", self.id))
                .found("none")
                .expected("a deadline in working days"));
        };
        Ok(Step {
            id: self.id,
            title: self.title,
            performer: self.performer,
            after: self.after,
            inputs: self.inputs,
            documents: self.documents,
            deadline_working_days,
            on_silence: self.on_silence,
            visible_to: self.visible_to,
            optional: self.optional,
            opening: self.opening,
            refuses: self.refuses,
        })
    }
}
