//! The linter of service definitions: a definition that could leave a citizen without an answer is refused.
//!
//! Every rule names the step at fault. The first problem is reported; nothing is repaired.

use std::collections::BTreeSet;

use ogic_certs::event::{LABEL_BYTES_MAX, NAME_BYTES_MAX, TEXT_BYTES_MAX};
use ogic_certs::{Code, Problem, Result};

use super::service::{
    DEADLINE_WORKING_DAYS_MAX, DOCUMENTS_MAX, INPUTS_MAX, Performer, STEPS_MAX, Service, Step, Title,
};

/// Checks the whole definition.
pub(super) fn check(service: &Service) -> Result<()> {
    name(&service.id, "id")?;
    if service.version == 0 {
        return Err(refused("version", "0", "a version from 1"));
    }
    title(&service.title, "title")?;
    if let Some(appeal) = &service.appeal {
        title(appeal, "appeal")?;
    }
    counted(service.steps.len(), 1, STEPS_MAX, "step")?;
    let mut seen = BTreeSet::new();
    for step in &service.steps {
        let place = format!("step {}", step.id);
        if !seen.insert(step.id.as_str()) {
            return Err(refused("id", "two steps of this id", "one step an id").within(place));
        }
        alone(step).and_then(|()| among(step, service)).map_err(|problem| problem.within(place))?;
    }
    opening(service)?;
    cycle(service)
}

/// What must hold for a step by itself.
fn alone(step: &Step) -> Result<()> {
    name(&step.id, "id")?;
    title(&step.title, "title")?;
    name(step.performer.as_str(), "performer")?;
    if step.deadline_working_days == 0 || step.deadline_working_days > DEADLINE_WORKING_DAYS_MAX {
        let expected = format!("1 to {DEADLINE_WORKING_DAYS_MAX} working days");
        return Err(refused("deadline_working_days", &step.deadline_working_days.to_string(), &expected));
    }
    counted(step.inputs.len(), 0, INPUTS_MAX, "inputs")?;
    for input in &step.inputs {
        name(&input.name, "inputs")?;
    }
    distinct(step.inputs.iter().map(|input| input.name.as_str()), "inputs")?;
    counted(step.documents.len(), 0, DOCUMENTS_MAX, "documents")?;
    for label in &step.documents {
        text(label, LABEL_BYTES_MAX, "documents")?;
    }
    distinct(step.documents.iter().map(String::as_str), "documents")?;
    distinct(step.visible_to.iter(), "visible_to")
}

/// What must hold for a step among the others.
fn among(step: &Step, service: &Service) -> Result<()> {
    distinct(step.after.iter().map(String::as_str), "after")?;
    for before in &step.after {
        let Some(before) = service.steps.iter().find(|other| other.id == *before) else {
            return Err(refused("after", before, "a step of this definition"));
        };
        if before.optional && !step.optional {
            // Left out, the optional step would keep this one shut for ever.
            return Err(refused(
                "after",
                &before.id,
                "no optional step, or this step would be dead without it",
            ));
        }
    }
    if step.refuses && service.appeal.is_none() {
        return Err(refused("appeal", "a step that may refuse, and no appeal", "the definition's appeal"));
    }
    Ok(())
}

/// At most one step is done by the opening event, and it is one that the home can do at once.
fn opening(service: &Service) -> Result<()> {
    let mut opening = service.steps.iter().filter(|step| step.opening);
    let Some(first) = opening.next() else { return Ok(()) };
    let place = format!("step {}", first.id);
    if let Some(second) = opening.next() {
        return Err(refused("opening", &second.id, "one opening step").within(place));
    }
    if first.performer != Performer::Home || !first.after.is_empty() {
        return Err(refused(
            "opening",
            "a step that cannot be done at once",
            "performer home, after nothing",
        )
        .within(place));
    }
    Ok(())
}

/// Every step must open once all others are done; what never opens lies on a cycle or behind one.
fn cycle(service: &Service) -> Result<()> {
    let mut reached = BTreeSet::new();
    while let Some(step) = service.steps.iter().find(|step| {
        !reached.contains(step.id.as_str())
            && step.after.iter().all(|before| reached.contains(before.as_str()))
    }) {
        reached.insert(step.id.as_str());
    }
    let unreached = |id: &str| service.steps.iter().find(|step| step.id == id && !reached.contains(id));
    let Some(mut step) = service.steps.iter().find(|step| !reached.contains(step.id.as_str())) else {
        return Ok(());
    };
    // An unreached step waits for an unreached one, so that the walk can only end by coming back.
    let mut walk: Vec<&str> = Vec::new();
    while !walk.contains(&step.id.as_str()) {
        walk.push(&step.id);
        match step.after.iter().find_map(|before| unreached(before)) {
            Some(before) => step = before,
            None => break,
        }
    }
    walk.push(&step.id);
    Err(refused("after", &walk.join(" after "), "no cycle").within(format!("step {}", step.id)))
}

/// Lower-case letters, digits and hyphens: names stand in events, commands and file names.
fn name(text: &str, field: &'static str) -> Result<()> {
    let fits = (1..=NAME_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-');
    if fits {
        Ok(())
    } else {
        Err(refused(field, text, "lower-case letters, digits and hyphens, at most 64"))
    }
}

fn title(title: &Title, field: &'static str) -> Result<()> {
    text(&title.en, TEXT_BYTES_MAX, field)?;
    text(&title.ru, TEXT_BYTES_MAX, field)
}

/// One line of visible text.
fn text(text: &str, bytes_max: usize, field: &'static str) -> Result<()> {
    let fits = text.len() <= bytes_max && !text.trim().is_empty() && !text.chars().any(char::is_control);
    if fits {
        Ok(())
    } else {
        Err(refused(field, text, &format!("one line of text, at most {bytes_max} bytes")))
    }
}

fn counted(count: usize, min: usize, max: usize, field: &'static str) -> Result<()> {
    if (min..=max).contains(&count) {
        Ok(())
    } else {
        Err(refused(field, &count.to_string(), &format!("{min} to {max}")))
    }
}

fn distinct<T: Ord + std::fmt::Debug>(items: impl Iterator<Item = T>, field: &'static str) -> Result<()> {
    let mut seen = BTreeSet::new();
    for item in items {
        if seen.contains(&item) {
            return Err(refused(field, &format!("{item:?} twice"), "each once"));
        }
        seen.insert(item);
    }
    Ok(())
}

fn refused(field: &'static str, found: &str, expected: &str) -> Problem {
    Problem::new(Code::ValueRefused, field).found(found).expected(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
id = "permit"
version = 1
title = { en = "Permit", ru = "Разрешение" }
appeal = { en = "Appeal.", ru = "Жалоба." }
[[step]]
id = "apply"
title = { en = "Apply", ru = "Заявить" }
performer = "home"
opening = true
deadline_working_days = 1
[[step]]
id = "check"
title = { en = "Check", ru = "Проверить" }
performer = "medical"
after = ["apply"]
inputs = [{ name = "fit", type = "bool", required = true }]
documents = ["certificate"]
deadline_working_days = 10
[[step]]
id = "decide"
title = { en = "Decide", ru = "Решить" }
performer = "home"
after = ["check"]
deadline_working_days = 5
refuses = true
"#;

    #[test]
    fn a_definition_is_refused_by_one_edit() {
        let service = Service::parse(GOOD.as_bytes()).unwrap();
        assert_eq!(service.steps.len(), 3);
        assert_eq!(service.opening_step().map(|step| step.id.as_str()), Some("apply"));
        let too_many = "deadline_working_days = 5\n[[step]]\nid = \"x\"".repeat(40);
        let rows: [(&str, &str, &str, &str); 25] = [
            ("no step at all", &GOOD[GOOD.find("[[step]]").unwrap()..], "", "step"),
            ("a duplicate step", "id = \"check\"", "id = \"apply\"", "step apply: id"),
            ("an unknown step before", "after = [\"check\"]", "after = [\"chek\"]", "step decide: after"),
            (
                "a cycle",
                "performer = \"medical\"\nafter = [\"apply\"]",
                "performer = \"medical\"\nafter = [\"decide\"]",
                "step check: after",
            ),
            ("a step after itself", "after = [\"check\"]", "after = [\"decide\"]", "step decide: after"),
            (
                "the same step twice before",
                "after = [\"check\"]",
                "after = [\"check\", \"check\"]",
                "step decide: after",
            ),
            (
                "dead behind an optional step",
                "documents = [\"certificate\"]",
                "optional = true",
                "step decide: after",
            ),
            ("no deadline", "deadline_working_days = 10", "", "step check: deadline_working_days"),
            (
                "a deadline of no days",
                "deadline_working_days = 10",
                "deadline_working_days = 0",
                "step check: deadline_working_days",
            ),
            (
                "a deadline of ages",
                "deadline_working_days = 10",
                "deadline_working_days = 521",
                "step check: deadline_working_days",
            ),
            (
                "a refusal without appeal",
                "appeal = { en = \"Appeal.\", ru = \"Жалоба.\" }",
                "",
                "step decide: appeal",
            ),
            ("an empty appeal", "ru = \"Жалоба.\"", "ru = \" \"", "appeal"),
            ("a title of two lines", "ru = \"Решить\"", "ru = \"Ре\\nшить\"", "step decide: title"),
            ("a name with a capital", "id = \"decide\"", "id = \"Decide\"", "step Decide: id"),
            ("a path as a name", "id = \"permit\"", "id = \"../permit\"", "id"),
            ("version 0", "version = 1", "version = 0", "version"),
            ("an unknown key", "version = 1", "version = 1\nprice = 3", "service definition"),
            ("an unknown key in a step", "refuses = true", "guard = \"cost > 3\"", "service definition"),
            ("an unknown type", "type = \"bool\"", "type = \"float\"", "service definition"),
            ("an unknown silence", "refuses = true", "on_silence = \"forget\"", "service definition"),
            (
                "two fields of a name",
                "inputs = [",
                "inputs = [{ name = \"fit\", type = \"int\" }, ",
                "step check: inputs",
            ),
            ("an empty label", "[\"certificate\"]", "[\"\"]", "step check: documents"),
            ("two opening steps", "refuses = true", "opening = true", "step apply: opening"),
            (
                "another agency opens",
                "performer = \"home\"\nopening",
                "performer = \"medical\"\nopening",
                "step apply: opening",
            ),
            ("an empty performer", "performer = \"medical\"", "performer = \"\"", "step check: performer"),
        ];
        for (name, old, new, field) in rows {
            assert!(GOOD.contains(old), "{name}: the edit must apply");
            let problem = Service::parse(GOOD.replace(old, new).as_bytes()).expect_err(name);
            assert_eq!(problem.field, field, "{name}: {problem}");
        }
        let problem = Service::parse(GOOD.replace("deadline_working_days = 5", &too_many).as_bytes());
        assert!(problem.is_err(), "forty steps");
    }

    #[test]
    fn what_is_no_definition_is_refused() {
        let rows: [(&str, Vec<u8>, Code); 4] = [
            ("empty", Vec::new(), Code::Malformed),
            ("no UTF-8", vec![0xff; 9], Code::Malformed),
            ("too large", vec![b'#'; ogic_certs::service::SERVICE_BYTES_MAX + 1], Code::TooLarge),
            ("deep nesting", [b"a = ".to_vec(), vec![b'['; 50_000]].concat(), Code::Malformed),
        ];
        for (name, bytes, code) in rows {
            assert_eq!(Service::parse(&bytes).unwrap_err().code, code, "{name}");
        }
    }

    #[test]
    fn the_sample_of_the_repository_is_sound() {
        let service =
            Service::parse(include_bytes!("../../../config/services/driving-licence.toml")).unwrap();
        let steps: Vec<_> = service.steps.iter().map(|step| step.id.as_str()).collect();
        assert_eq!(steps, ["application", "medical", "decision"]);
    }
}
