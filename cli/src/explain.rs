//! `ogic explain`: what a code means and what to do about it, from the table of codes alone.

use clap::Args;
use ogic_certs::Code;
use serde_json::{Value, json};

use crate::invocation::Invocation;
use crate::output::{Outcome, facts, side};
use crate::text::Text;

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Arguments {
    #[arg(value_name = "CODE", value_parser = crate::parse::code)]
    code: Option<Code>,
    #[arg(long)]
    all: bool,
}

pub(crate) fn run(arguments: &Arguments, run: &Invocation) -> Outcome {
    let codes = arguments.code.as_slice();
    let codes = if arguments.all { Code::ALL } else { codes };
    let value = match codes {
        [code] if !arguments.all => described(*code),
        _ => json!({"codes": codes.iter().map(|code| described(*code)).collect::<Vec<_>>()}),
    };
    run.console
        .result(&value, |text| codes.iter().map(|code| explained(*code, text)).collect::<Vec<_>>().join("\n"))
}

fn described(code: Code) -> Value {
    json!({
        "code": code.to_string(),
        "name": format!("{code:?}"),
        "side": code.side().as_str(),
        "http": code.http(),
        "exit": code.exit(),
        "sentence": {"en": code.sentence_en(), "ru": code.sentence_ru()},
        "hint": {"en": code.hint_en(), "ru": code.hint_ru()},
    })
}

fn explained(code: Code, text: &Text) -> String {
    let rows = [
        ("explain-what", text.sentence(code).to_owned()),
        ("explain-do", text.hint(code).to_owned()),
        ("explain-side", side(text, code.side())),
        ("explain-exit", text.word_for("exit", &code.exit().to_string())),
        ("explain-http", code.http().to_string()),
    ];
    format!("{code} {code:?}\n{}", facts(&rows.map(|(key, value)| (format!("  {}", text.word(key)), value))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Language;

    #[test]
    fn a_code_is_explained_in_both_languages() {
        assert_eq!(
            explained(Code::AnswerLost, &Text::in_language(Language::English)),
            "OGIC-4004 AnswerLost\n\
             \x20 what        the answer was lost; whether the change was made is not known\n\
             \x20 what to do  repeat the same command with the same --idempotency-key: the change is made once, however often it is asked for\n\
             \x20 side        on our own side\n\
             \x20 exit code   7 (peer or authority unreachable: a retry makes sense)\n\
             \x20 HTTP        503\n"
        );
        assert_eq!(
            explained(Code::GrantRevoked, &Text::in_language(Language::Russian)),
            "OGIC-3003 GrantRevoked\n\
             \x20 что произошло  право на это дело отозвано\n\
             \x20 что делать     спросите у ведомства-держателя о причине; снова открыть дело может только новое право (ogic case share)\n\
             \x20 сторона        на стороне вызывающего\n\
             \x20 код выхода     4 (отказано по правилам)\n\
             \x20 HTTP           403\n"
        );
    }

    #[test]
    fn the_json_holds_both_languages() {
        let value = described(Code::GrantRevoked);
        assert_eq!(value["code"], "OGIC-3003");
        assert_eq!(value["exit"], 4);
        assert_eq!(value["sentence"]["ru"], "право на это дело отозвано");
        assert_eq!(value.as_object().map(serde_json::Map::len), Some(7));
    }

    #[test]
    fn every_exit_code_of_the_table_is_explained() {
        for language in [Language::English, Language::Russian] {
            let text = Text::in_language(language);
            for code in Code::ALL {
                assert!(text.word_for("exit", &code.exit().to_string()).contains('('), "{code}");
                assert!(side(&text, code.side()) != code.side().as_str(), "{code}");
            }
        }
    }
}
