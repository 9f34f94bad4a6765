//! Gives the commands their texts, and turns what clap refuses into failures of ours. Never defines a flag: that is
//! [`crate::args`].

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command};
use ogic_certs::{Code, Problem};

use crate::output::Failure;
use crate::text::Text;

/// The command with the texts of a language: about, examples, and one sentence for each argument.
pub(crate) fn localised(command: Command, text: &Text) -> Command {
    let headings = Headings {
        commands: lasting(text.word("help-commands")),
        command: lasting(text.word("help-command")),
        options: lasting(text.word("help-options")),
        arguments: lasting(text.word("help-arguments")),
    };
    localise(command, text, &headings, "cmd")
}

/// Clap keeps headings for the life of the process; they are made once in it.
fn lasting(text: String) -> &'static str {
    text.leak()
}

struct Headings {
    commands: &'static str,
    command: &'static str,
    options: &'static str,
    arguments: &'static str,
}

fn localise(command: Command, text: &Text, headings: &Headings, key: &str) -> Command {
    let usage = text.word("help-usage");
    let mut command = command
        .about(text.word(key))
        .disable_help_flag(true)
        .help_template(format!("{{about-with-newline}}\n{usage} {{usage}}\n\n{{all-args}}{{after-help}}"))
        .subcommand_help_heading(headings.commands)
        .subcommand_value_name(headings.command)
        .arg(Arg::new("help").short('h').long("help").action(ArgAction::Help));
    if key == "cmd" {
        command = command
            .disable_version_flag(true)
            .arg(Arg::new("version").short('V').long("version").action(ArgAction::Version));
    }
    if let Some(examples) = text.attribute(key, "examples") {
        let indented: String = examples.lines().map(|line| format!("\n  {line}")).collect();
        command = command.after_help(format!("{}{indented}", text.word("help-examples")));
    }
    if key == "cmd" {
        let codes = (0..=10).map(|code| format!("\n  {}", text.word_for("exit", &code.to_string())));
        command = command.after_help(format!("{}{}", text.word("help-exits"), codes.collect::<String>()));
    }
    let command = command.mut_args(|arg| {
        let heading = if arg.is_positional() { headings.arguments } else { headings.options };
        let sentence = argument_text(text, key, arg.get_id().as_str());
        let values = arg.get_action().takes_values();
        let shared = ["data", "json", "lang", "help", "version"].iter().position(|id| arg.get_id() == id);
        let arg = arg.help(sentence).help_heading(heading);
        // What every command has comes after what this one has.
        let arg = match shared {
            Some(at) => arg.display_order(900 + at),
            None => arg,
        };
        // The sentence names values and defaults itself.
        if values { arg.hide_possible_values(true).hide_default_value(true) } else { arg }
    });
    command.mut_subcommands(|sub| {
        let key = format!("{key}-{}", sub.get_name());
        localise(sub, text, headings, &key)
    })
}

/// A command's own sentence about an argument, else the one that all commands share.
fn argument_text(text: &Text, key: &str, id: &str) -> String {
    text.attribute(key, id).unwrap_or_else(|| text.word(&format!("arg-{id}")))
}

/// The failure that a refusal of clap means; `words` are what was typed, for the hint.
pub(crate) fn usage_failure(error: &clap::Error, words: &[String], root: &Command, text: &Text) -> Failure {
    let said = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(list)) => Some(list.join(", ")),
        Some(ContextValue::StyledStr(text)) => Some(text.to_string()),
        Some(ContextValue::StyledStrs(list)) => {
            Some(list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        }
        _ => None,
    };
    let argument = said(ContextKind::InvalidArg).unwrap_or_else(|| text.word("usage-command"));
    let problem = std::error::Error::source(error).and_then(|source| source.downcast_ref::<Problem>());
    let failure: Failure = match (error.kind(), problem) {
        (ErrorKind::ValueValidation, Some(problem)) => {
            let mut problem = problem.clone();
            problem.field = argument;
            problem.into()
        }
        (ErrorKind::InvalidValue | ErrorKind::ValueValidation, _) => {
            let found = said(ContextKind::InvalidValue).filter(|v| !v.is_empty());
            let expected = said(ContextKind::ValidValue).unwrap_or_else(|| text.word("usage-value"));
            Failure::usage(&argument, &found.unwrap_or_else(|| text.word("usage-nothing")), &expected)
        }
        (ErrorKind::InvalidSubcommand, _) => {
            let found = said(ContextKind::InvalidSubcommand).unwrap_or_default();
            let expected = said(ContextKind::SuggestedSubcommand)
                .unwrap_or_else(|| names(command_of(words, root).0).join(", "));
            Failure::usage(&text.word("usage-command"), &found, &expected)
        }
        (ErrorKind::MissingSubcommand, _) => Failure::usage(
            &text.word("usage-command"),
            &text.word("usage-nothing"),
            &names(command_of(words, root).0).join(", "),
        ),
        (ErrorKind::MissingRequiredArgument, _) => {
            Failure::usage(&text.word("usage-arguments"), &text.word("usage-nothing"), &argument)
        }
        (ErrorKind::ArgumentConflict, _) => {
            let other = said(ContextKind::PriorArg).unwrap_or_default();
            Failure::usage(
                &argument,
                &text.say("usage-beside", [("other", other.into())]),
                &text.word("usage-one"),
            )
        }
        (ErrorKind::UnknownArgument, _) => {
            let expected = said(ContextKind::SuggestedArg).unwrap_or_else(|| text.word("usage-known"));
            Failure::usage(&text.word("usage-arguments"), &argument, &expected)
        }
        _ => Problem::new(Code::Usage, argument).into(),
    };
    let (_, path) = command_of(words, root);
    failure.hint(text.say("usage-hint", [("command", path.into())]))
}

/// The command that the words lead to, and how it is called.
fn command_of<'a>(words: &[String], root: &'a Command) -> (&'a Command, String) {
    let (mut at, mut path) = (root, "ogic".to_owned());
    for word in words {
        if let Some(next) = at.find_subcommand(word) {
            at = next;
            path = format!("{path} {word}");
        }
    }
    (at, path)
}

fn names(command: &Command) -> Vec<String> {
    command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::Cli;
    use crate::text::Language;

    /// Commands and arguments without a text, and texts of commands without examples.
    fn gaps(command: &Command, text: &Text, key: &str, found: &mut Vec<String>) {
        if text.word(key) == key {
            found.push(key.to_owned());
        }
        let leaf = command.get_subcommands().next().is_none();
        if leaf && text.attribute(key, "examples").is_none() {
            found.push(format!("{key}.examples"));
        }
        for arg in command.get_arguments() {
            let id = arg.get_id().as_str();
            if argument_text(text, key, id) == format!("arg-{id}") {
                found.push(format!("{key}.{id}"));
            }
        }
        for sub in command.get_subcommands() {
            gaps(sub, text, &format!("{key}-{}", sub.get_name()), found);
        }
    }

    #[test]
    fn every_command_and_argument_has_its_text_in_both_languages() {
        for language in [Language::English, Language::Russian] {
            let text = Text::in_language(language);
            let command = localised(Cli::command(), &text);
            command.clone().debug_assert();
            let mut found = Vec::new();
            gaps(&command, &text, "cmd", &mut found);
            assert_eq!(found, Vec::<String>::new(), "{language:?}");
        }
    }

    #[test]
    fn examples_can_be_typed() {
        let text = Text::in_language(Language::English);
        fn check(command: &Command, text: &Text, key: &str, root: &Command) {
            for line in text.attribute(key, "examples").unwrap_or_default().lines() {
                // Every second part between quotes is one word, whatever it holds.
                let mut words = vec![String::new()];
                for (at, part) in line.split('\'').enumerate() {
                    for (nth, piece) in part.split(if at % 2 == 0 { ' ' } else { '\0' }).enumerate() {
                        if nth > 0 {
                            words.push(String::new());
                        }
                        words.last_mut().unwrap().push_str(piece);
                    }
                }
                let words = words.into_iter().map(|word| match word.as_str() {
                    "CASE" | "EVENT" | "DIGEST" | "GRANT" => "ab".repeat(32),
                    _ => word,
                });
                let outcome = root.clone().try_get_matches_from(words);
                assert!(outcome.is_ok(), "{line}: {}", outcome.unwrap_err());
            }
            for sub in command.get_subcommands() {
                check(sub, text, &format!("{key}-{}", sub.get_name()), root);
            }
        }
        let root = localised(Cli::command(), &text);
        check(&root, &text, "cmd", &root);
        let ru = Text::in_language(Language::Russian);
        assert_eq!(text.attribute("cmd-case-share", "examples"), ru.attribute("cmd-case-share", "examples"));
    }

    #[test]
    fn what_is_typed_wrongly_is_said_in_our_words() {
        let text = Text::in_language(Language::English);
        let root = localised(Cli::command(), &text);
        for (line, code, field, found, expected, hint) in [
            ("ogic stats", Code::Usage, "command", "stats", "status", "see ogic --help"),
            ("ogic case show", Code::Usage, "arguments", "none", "<CASE>", "see ogic case show --help"),
            (
                "ogic case show xyz",
                Code::Malformed,
                "<CASE>",
                "xyz",
                "64 lower-case hex digits",
                "see ogic case show --help",
            ),
            ("ogic peers --jsn", Code::Usage, "arguments", "--jsn", "--json", "see ogic peers --help"),
            ("ogic explain", Code::Usage, "arguments", "none", "<CODE|--all>", "see ogic explain --help"),
        ] {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let error = root.clone().try_get_matches_from(&words).unwrap_err();
            let failure = usage_failure(&error, &words[1..], &root, &text);
            assert_eq!(failure.problem.code, code, "{line}");
            assert_eq!(failure.problem.field, field, "{line}");
            assert_eq!(failure.problem.found.as_deref(), Some(found), "{line}");
            assert_eq!(failure.problem.expected.as_deref(), Some(expected), "{line}");
            assert!(
                failure.hint.as_deref().unwrap_or_default().starts_with(hint),
                "{line}: {:?}",
                failure.hint
            );
        }
    }
}
