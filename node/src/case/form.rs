//! The form of a step: whether a body brings what the definition asks for.
//!
//! It depends on the body and the definition alone, so that what was judged once never needs the body again.

use ogic_certs::event::{Body, FieldValue};
use ogic_certs::{Code, Problem, Result};

use super::service::{InputKind, Step};

/// Checks the fields that the form knows by type; with `complete`, also that all that is required is there. Fields
/// beyond the form are free.
pub(super) fn check(step: &Step, body: &Body, complete: bool) -> Result<()> {
    for input in &step.inputs {
        let refused = |found: &str| {
            let name = &input.name;
            let value = match input.kind {
                InputKind::Text => format!("text, {name}=…"),
                InputKind::Int => format!("a whole number, {name}:=42"),
                InputKind::Bool => format!("a truth value, {name}:=true or {name}:=false"),
            };
            let demand = if input.required { "required" } else { "optional" };
            Err(Problem::new(Code::ValueRefused, format!("field {name}"))
                .found(found)
                .expected(format!("{value} ({demand})")))
        };
        match body.fields.iter().find(|(name, _)| *name == input.name) {
            None if input.required && complete => return refused("none"),
            None => {}
            Some((_, value)) if kind_of(value) != input.kind => return refused(kind_of(value).as_str()),
            Some((_, FieldValue::Text(text))) if input.required && complete && text.trim().is_empty() => {
                return refused("empty text");
            }
            Some(_) => {}
        }
    }
    let missing =
        step.documents.iter().find(|label| !body.documents.iter().any(|held| held.label == **label));
    match missing {
        Some(label) if complete => Err(Problem::new(Code::ValueRefused, "documents")
            .found(match body.documents.len() {
                0 => "no document".to_owned(),
                1 => "1 document with another label".to_owned(),
                many => format!("{many} documents with other labels"),
            })
            .expected(format!("a document labelled {label}"))),
        _ => Ok(()),
    }
}

const fn kind_of(value: &FieldValue) -> InputKind {
    match value {
        FieldValue::Text(_) => InputKind::Text,
        FieldValue::Int(_) => InputKind::Int,
        FieldValue::Bool(_) => InputKind::Bool,
    }
}
