//! Service definitions, right and wrong.

use ogic_certs::cose::Signed;
use ogic_certs::service::ServiceText;

use crate::files::Files;
use crate::story::{SERVICE, Story};

/// A case by a definition that the linter refuses, sealed all the same; and some that it takes.
pub(crate) fn rows(files: &mut Files) {
    for (name, from, to) in [
        ("as it is", "version = 1", "version = 1"),
        ("not TOML", "version = 1", "version = "),
        ("version 0", "version = 1", "version = 0"),
        ("no version", "version = 1\n", ""),
        ("a version that is text", "version = 1", "version = \"1\""),
        ("an unknown word", "version = 1", "version = 1\ncolour = 1"),
        ("an empty title", "en = \"Driving licence\"", "en = \" \""),
        ("a title of two lines", "en = \"Driving licence\"", "en = \"Driving\\nlicence\""),
        ("an id with capitals", "id = \"medical\"", "id = \"Medical\""),
        ("after a step that is not there", "after = [\"medical\"]", "after = [\"x\"]"),
        ("after a step twice", "after = [\"medical\"]", "after = [\"medical\", \"medical\"]"),
        ("a cycle", "after = [\"application\"]", "after = [\"decision\"]"),
        ("no deadline", "deadline_working_days = 5\n", ""),
        ("a deadline of three years", "deadline_working_days = 5", "deadline_working_days = 800"),
        ("an opening by another", "performer = \"home\"\nopening", "performer = \"medical\"\nopening"),
        ("two openings", "refuses = true", "refuses = true\nopening = true"),
        (
            "an optional step before another",
            "inputs = [{ name = \"fit\"",
            "optional = true\ninputs = [{ name = \"fit\"",
        ),
        ("an unknown silence", "on_silence = \"remind\"", "on_silence = \"sleep\""),
        ("an input twice", "name = \"remarks\"", "name = \"fit\""),
        ("an input of another type", "type = \"bool\"", "type = \"float\""),
        ("a document asked for that is not brought", "[\"application\"]\ndeadline", "[\"photo\"]\ndeadline"),
        ("a field asked for that is not brought", "name = \"category\"", "name = \"class\""),
        ("no appeal", "[appeal]", "[other]"),
        ("a last step that is optional", "refuses = true", "refuses = true\noptional = true"),
    ] {
        let mut story = Story::new(9162);
        assert!(SERVICE.contains(from), "{name}");
        let text = ServiceText::new(SERVICE.replacen(from, to, 1)).unwrap();
        story.service = Signed::sign(text, &story.seal).unwrap();
        story.opens(|_| {});
        files.add(format!("definition: {name}"), &story.capsule());
    }
    let mut story = Story::new(9162);
    story.service = Signed::sign(ServiceText::new(SERVICE).unwrap(), &story.health).unwrap();
    story.opens(|_| {});
    files.add("definition: another publisher", &story.capsule());
    let mut story = Story::new(9162);
    story.service = Signed::sign(ServiceText::new(SERVICE).unwrap(), &story.official).unwrap();
    story.opens(|_| {});
    files.add("definition: published by an official", &story.capsule());
}
