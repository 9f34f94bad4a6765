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
            let expected = if input.required { "required" } else { "optional" };
            Err(Problem::new(Code::ValueRefused, format!("field {}", input.name))
                .found(found)
                .expected(format!("{}, {expected}", input.kind.as_str())))
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
            .found(format!("{} documents", body.documents.len()))
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
