//! The texts of the command, from `en.ftl` and `ru.ftl`. Never holds the sentences of codes: those are
//! `ogic_certs::code`'s. Begin with [`Text::say`].

mod details;
mod phrase;

use std::fmt;

use fluent_bundle::{FluentArgs, FluentBundle, FluentResource, FluentValue};
use ogic_certs::Code;
use unic_langid::LanguageIdentifier;

const EN: &str = include_str!("en.ftl");
const RU: &str = include_str!("ru.ftl");

/// The languages there are texts in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Language {
    English,
    Russian,
}

impl Language {
    /// The first of the settings that is set and not empty decides (POSIX 8.2): `ru…` is Russian, all else, also
    /// `C` and languages without texts, is English.
    pub(crate) fn of(settings: &[Option<String>]) -> Self {
        let chosen = settings.iter().flatten().find(|value| !value.is_empty());
        if chosen.is_some_and(|value| value.starts_with("ru")) { Self::Russian } else { Self::English }
    }

    /// From `--lang` among `words`, else from the environment. Read before the arguments are parsed, because help
    /// and errors of parsing are texts too.
    pub(crate) fn of_process(words: &[String]) -> Self {
        let flag = words.iter().enumerate().find_map(|(at, word)| match word.strip_prefix("--lang") {
            Some("") => words.get(at + 1).cloned(),
            Some(rest) => rest.strip_prefix('=').map(str::to_owned),
            None => None,
        });
        let variable = |name| std::env::var(name).ok();
        let environment = ["OGIC_LANG", "LC_ALL", "LC_MESSAGES", "LANG"].map(variable);
        Self::of(&[&[flag], environment.as_slice()].concat())
    }
}

/// The texts of one language.
pub(crate) struct Text {
    language: Language,
    bundle: FluentBundle<FluentResource>,
}

impl Text {
    pub(crate) fn in_language(language: Language) -> Self {
        let (source, id) = match language {
            Language::English => (EN, "en"),
            Language::Russian => (RU, "ru"),
        };
        // A test proves that both files parse whole; should one not, the part that does is used.
        let resource = FluentResource::try_new(source.to_owned()).unwrap_or_else(|(partial, _)| partial);
        let mut bundle = FluentBundle::new(vec![id.parse::<LanguageIdentifier>().unwrap_or_default()]);
        // Marks of direction around values would stand in what people copy from the terminal.
        bundle.set_use_isolating(false);
        bundle.add_resource_overriding(resource);
        if language == Language::Russian {
            let phrases =
                FluentResource::try_new(phrase::RU.to_owned()).unwrap_or_else(|(partial, _)| partial);
            bundle.add_resource_overriding(phrases);
        }
        Self { language, bundle }
    }

    /// The language of the texts.
    pub(crate) const fn language(&self) -> Language {
        self.language
    }

    /// The text of `key` with its values filled in.
    pub(crate) fn say<const N: usize>(&self, key: &str, values: [(&str, FluentValue<'_>); N]) -> String {
        let mut args = FluentArgs::with_capacity(N);
        for (name, value) in values {
            args.set(name.to_owned(), value);
        }
        self.lookup(key, None, Some(&args)).unwrap_or_else(|| key.to_owned())
    }

    /// The text of `key` with the texts, numbers and truth values of a JSON object filled in by their names.
    pub(crate) fn tell(&self, key: &str, values: &serde_json::Value) -> String {
        let mut args = FluentArgs::new();
        for (name, value) in values.as_object().into_iter().flatten() {
            match value {
                serde_json::Value::String(text) => args.set(name.clone(), text.clone()),
                serde_json::Value::Number(number) => {
                    args.set(name.clone(), number.as_f64().unwrap_or_default());
                }
                other => args.set(name.clone(), other.to_string()),
            }
        }
        self.lookup(key, None, Some(&args)).unwrap_or_else(|| key.to_owned())
    }

    /// The text of `key`, which takes no values.
    pub(crate) fn word(&self, key: &str) -> String {
        self.lookup(key, None, None).unwrap_or_else(|| key.to_owned())
    }

    /// The text of `prefix-value`, or `value` itself if this release has no text for it: what a newer node says.
    pub(crate) fn word_for(&self, prefix: &str, value: &str) -> String {
        let key = format!("{prefix}-{}", value.to_lowercase().replace(['_', ' '], "-"));
        self.lookup(&key, None, None).unwrap_or_else(|| value.to_owned())
    }

    /// An attribute of `key`, such as a command's `examples`.
    pub(crate) fn attribute(&self, key: &str, name: &str) -> Option<String> {
        self.lookup(key, Some(name), None)
    }

    /// Of a pair in both languages, the one to show.
    pub(crate) fn choose<'a>(&self, en: &'a str, ru: &'a str) -> &'a str {
        match self.language {
            Language::English => en,
            Language::Russian => ru,
        }
    }

    /// What happened, of a code.
    pub(crate) fn sentence(&self, code: Code) -> &'static str {
        self.choose(code.sentence_en(), code.sentence_ru())
    }

    /// What to do next, of a code.
    pub(crate) fn hint(&self, code: Code) -> &'static str {
        self.choose(code.hint_en(), code.hint_ru())
    }

    /// What an error found or expected, in the language of the texts as far as it is known there.
    pub(crate) fn detail(&self, detail: &str) -> String {
        match self.language {
            Language::English => detail.to_owned(),
            Language::Russian => details::russian(detail).unwrap_or_else(|| self.phrase(detail)),
        }
    }

    fn lookup(&self, key: &str, attribute: Option<&str>, args: Option<&FluentArgs<'_>>) -> Option<String> {
        let message = self.bundle.get_message(key)?;
        let pattern = match attribute {
            Some(name) => message.get_attribute(name)?.value(),
            None => message.value()?,
        };
        Some(self.bundle.format_pattern(pattern, args, &mut Vec::new()).into_owned())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({:?})", self.language)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Names of messages, and of attributes as `message.attribute`, in the order of the file.
    fn keys(source: &str) -> Vec<String> {
        let mut message = String::new();
        let mut keys = Vec::new();
        for line in source.lines() {
            if let Some((name, _)) = line.split_once(" =") {
                match name.trim_start().strip_prefix('.') {
                    Some(attribute) if !attribute.contains(' ') => {
                        keys.push(format!("{message}.{attribute}"));
                    }
                    None if !name.contains(' ') && !name.starts_with('#') => {
                        name.clone_into(&mut message);
                        keys.push(message.clone());
                    }
                    _ => {}
                }
            }
        }
        keys
    }

    /// Names of the values that a source uses, by `{ $name`.
    fn values(text: &str) -> BTreeSet<&str> {
        text.split('$')
            .skip(1)
            .filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next())
            .collect()
    }

    #[test]
    fn both_files_parse_and_have_the_same_keys_and_values() {
        for source in [EN, RU] {
            let parsed = FluentResource::try_new(source.to_owned());
            assert!(parsed.is_ok(), "{:?}", parsed.err().map(|(_, errors)| errors));
            let all = keys(source);
            assert_eq!(all.len(), all.iter().collect::<BTreeSet<_>>().len(), "a key stands twice");
            assert!(all.len() > 100);
        }
        assert_eq!(keys(EN), keys(RU));
        assert_eq!(values(EN), values(RU));
    }

    #[test]
    fn every_key_that_the_code_uses_exists() {
        fn sources(folder: &Path, found: &mut Vec<String>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    sources(&path, found);
                } else if path.extension().is_some_and(|e| e == "rs") {
                    found.push(fs::read_to_string(&path).unwrap());
                }
            }
        }
        let mut found = Vec::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
        let known: BTreeSet<String> = keys(EN).into_iter().collect();
        let mut used = 0;
        for source in &found {
            for call in [concat!(".say", "("), concat!(".word", "("), concat!(".talk", "(")] {
                for rest in source.split(call).skip(1) {
                    if let Some(key) = rest.trim_start().strip_prefix('"').and_then(|r| r.split('"').next()) {
                        used += 1;
                        assert!(known.contains(key), "{key}");
                    }
                }
            }
        }
        assert!(used > 20);
    }

    #[test]
    fn the_first_setting_that_is_set_decides() {
        let of = |settings: &[&str]| {
            Language::of(&settings.iter().map(|s| (*s != "-").then(|| (*s).to_owned())).collect::<Vec<_>>())
        };
        for (settings, language) in [
            (vec!["-", "-"], Language::English),
            (vec!["-", "C"], Language::English),
            (vec!["-", "ru_RU.UTF-8"], Language::Russian),
            (vec!["", "ru"], Language::Russian),
            (vec!["en", "ru"], Language::English),
            (vec!["de_DE", "ru"], Language::English),
            (vec!["ru", "C"], Language::Russian),
        ] {
            assert_eq!(of(&settings), language, "{settings:?}");
        }
    }

    #[test]
    fn plurals_follow_the_language() {
        let ru = Text::in_language(Language::Russian);
        let count = |n: i64| ru.say("outbox-count", [("count", n.into())]);
        assert!(
            count(1).starts_with("1 событие") && count(2).starts_with("2 события"),
            "{} {}",
            count(1),
            count(2)
        );
        assert!(count(5).starts_with("5 событий") && count(21).starts_with("21 событие"));
    }
}
