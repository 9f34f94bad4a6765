//! Sentences that the library makes in English, such as the name of a check or what was found, in the reader's
//! language. The English sentence is its own key, without what varies in it. Never guesses: what has no translation
//! stays as it is.

use fluent_bundle::FluentArgs;

use super::{Language, Text};

/// The Russian sentences.
pub(super) const RU: &str = include_str!("phrases.ru.ftl");

impl Text {
    /// An English sentence of the library in the language of the texts. What is joined by colons, as fields within fields
    /// are, is taken part by part where the whole has no translation.
    pub(crate) fn phrase(&self, english: &str) -> String {
        if self.language == Language::English {
            return english.to_owned();
        }
        let whole = self.translated(english);
        let parts = || {
            let parts =
                english.split(": ").map(|part| self.translated(part).unwrap_or_else(|| part.to_owned()));
            parts.collect::<Vec<_>>().join(": ")
        };
        whole.unwrap_or_else(parts)
    }

    fn translated(&self, english: &str) -> Option<String> {
        if let Some((what, place)) = english.rsplit_once(" at byte ")
            && let Some(what) = self.translated(what)
        {
            return Some(format!("{what}, {} {place}", self.word("at-byte")));
        }
        let (key, values) = key_of(english);
        let mut args = FluentArgs::new();
        for (nth, value) in values.iter().enumerate() {
            args.set(format!("x{}", nth + 1), (*value).to_owned());
        }
        self.lookup(&key, None, Some(&args))
    }
}

/// The key of a sentence: its words, with `x` for each that varies; and those. A word varies if it has a digit, is a name
/// with dots, slashes or the like inside, or has capitals inside, as the names of reasons have.
fn key_of(english: &str) -> (String, Vec<&str>) {
    let mut key = "phrase".to_owned();
    let mut values = Vec::new();
    for token in english.split_whitespace() {
        let core = token.trim_matches(|c: char| !c.is_alphanumeric());
        if core.is_empty() {
            continue;
        }
        key.push('-');
        if varies(core) {
            key.push('x');
            values.push(core);
        } else {
            key.extend(core.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()));
        }
    }
    (key, values)
}

fn varies(word: &str) -> bool {
    let inside = word.chars().skip(1).any(|c| c.is_uppercase()) && word.chars().any(char::is_lowercase);
    inside
        || word.contains(|c: char| c.is_ascii_digit() || matches!(c, '.' | '/' | '=' | ':') || !c.is_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_english_sentence_is_the_key() {
        for (english, key, values) in [
            ("the manifest's signature", "phrase-the-manifests-signature", vec![]),
            ("record 12", "phrase-record-x", vec!["12"]),
            ("CRL 1", "phrase-crl-x", vec!["1"]),
            (
                "revoked since 2026-11-25T07:42:35.000Z, KeyCompromise",
                "phrase-revoked-since-x-x",
                vec!["2026-11-25T07:42:35.000Z", "KeyCompromise"],
            ),
            (
                "sealed by the home, health.gov.example",
                "phrase-sealed-by-the-home-x",
                vec!["health.gov.example"],
            ),
        ] {
            assert_eq!(key_of(english), (key.to_owned(), values), "{english}");
        }
    }

    #[test]
    fn every_check_of_a_capsule_has_a_russian_name() {
        let text = Text::in_language(Language::Russian);
        let at = "2026-11-25T07:42:35.000Z";
        let official = "ogic://health.gov.example/official/physician-1";
        let mut checks: Vec<String> = [
            "capsule 1",
            "capsule 12",
            "capsule",
            "service",
            "registry",
            "manifest",
            "trust",
            "record 3",
            "receipts 1",
            "certificate 2",
            "CRL 1",
            "document 1",
            "section 4",
            "sections and their order",
            "the manifest's signature",
            "the manifest",
            "the manifest's form",
            "the section is the one that the manifest lists",
            "12 sections are those that the manifest lists",
            "the sections that the manifest lists",
            "the certificate's form",
            "the list's form",
            "the section is there",
            "the reader's registry is of the pin",
            "sealed by the home, transport.gov.example",
            "the registry's form",
            "version 3 is signed under the pinned root",
            "one version has one content",
            "the definition's form",
            "the definition's text",
            "the definition that the opening event names",
            "the seal is not known to be revoked",
            "the record and its event",
            "the record follows the one before",
            "the home opened the case",
            "the body is shown",
            "the receipt frame's form",
            "the checkpoint",
            "the checkpoint is of the home's log",
            "inclusion under 12 leaves",
            "one checkpoint, and leaves in order",
            "the record is in the home's log",
            "no other leaf, and the head is the last record",
            "the evidence's form",
            "the evidence is about the event",
            "the document that an event brings",
            "the documents are what the event calls them",
            "the documents are what the event calls them; the event has no effect",
            "the history can be folded",
            "7 records folded into the case",
            "the event took effect",
            "the event waits for evidence",
            "the event has no effect, as the history says",
        ]
        .map(str::to_owned)
        .to_vec();
        for check in [
            "the seal's path as of",
            "the publisher's seal as of",
            "the seal is not known to be revoked at",
            "the seal of transport.gov.example as of",
            "the seal of nobody known as of",
            "the checkpoint's seal as of",
            "the evidence of ttp.gov.example as of",
            "the evidence as of",
        ] {
            checks.push(format!("{check} {at}"));
        }
        for who in [official, "an official"] {
            for by in ["", ", by the evidence"] {
                for beside in ["", "; the event has no effect"] {
                    checks.push(format!("the approval of {who}{by}{beside}"));
                }
            }
        }
        for check in checks {
            let said = text.phrase(&check);
            assert_ne!(said, check);
            let (_, values) = key_of(&check);
            let rest = values.iter().fold(said.clone(), |said, value| said.replace(value, ""));
            assert!(!rest.contains(|c: char| c.is_ascii_alphabetic()), "{check}: {said}");
        }
    }

    #[test]
    fn every_translation_is_of_the_form_of_a_key() {
        let parsed = fluent_bundle::FluentResource::try_new(RU.to_owned());
        assert!(parsed.is_ok(), "{:?}", parsed.err().map(|(_, errors)| errors));
        let mut seen = std::collections::BTreeSet::new();
        for line in RU.lines().filter(|line| line.starts_with("phrase-")) {
            let (key, said) = line.split_once(" = ").unwrap();
            assert!(seen.insert(key), "{key} stands twice");
            let varying = key.split('-').filter(|word| *word == "x").count();
            for nth in 1..=9 {
                assert_eq!(said.contains(&format!("$x{nth} ")), nth <= varying, "{line}");
            }
        }
    }

    #[test]
    fn what_has_no_translation_stays_as_it_is() {
        let sentence = "nothing that anybody says";
        assert_eq!(Text::in_language(Language::Russian).phrase(sentence), sentence);
        assert_eq!(Text::in_language(Language::English).phrase("record 1"), "record 1");
        let cut = Text::in_language(Language::Russian).phrase("a reserved initial byte at byte 8030");
        assert_eq!(cut, "зарезервированный первый байт, байт 8030");
        let within =
            Text::in_language(Language::Russian).phrase("registry signer: certificate path: x.example");
        assert_eq!(within, "подписавший реестр: цепочка сертификатов: x.example");
    }
}
