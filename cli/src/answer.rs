//! Reads the local API's JSON for people. Never fails: what a daemon of another release leaves out is shown as `-`.

use ogic_certs::Timestamp;
use serde_json::Value;

use crate::text::Text;

/// What stands for nothing.
pub(crate) const NOTHING: &str = "-";

/// The value at a JSON pointer as text; numbers and truth values too, lists joined.
pub(crate) fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Value::Null) => NOTHING.to_owned(),
        Some(found) => plain(found),
    }
}

/// The time in milliseconds at a JSON pointer, in RFC 3339.
pub(crate) fn time(value: &Value, pointer: &str) -> String {
    value
        .pointer(pointer)
        .and_then(Value::as_u64)
        .map_or_else(|| NOTHING.to_owned(), |ms| Timestamp::from_ms_clamped(ms).to_string())
}

/// The list at a JSON pointer; empty if there is none.
pub(crate) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The `{"en","ru"}` pair at a JSON pointer, in the language of the texts.
pub(crate) fn title(value: &Value, pointer: &str, texts: &Text) -> String {
    let pair = value.pointer(pointer).unwrap_or(&Value::Null);
    let (en, ru) = (text(pair, "/en"), text(pair, "/ru"));
    let chosen = texts.choose(&en, &ru);
    if chosen == NOTHING { en } else { chosen.to_owned() }
}

/// A problem as the API tells it, on one line: its code and the sentence in the language of the texts.
pub(crate) fn problem(value: &Value, pointer: &str, texts: &Text) -> String {
    match value.pointer(pointer) {
        Some(error @ Value::Object(_)) => {
            let problem = crate::client::failure_of(error).problem;
            let field =
                if problem.field.is_empty() { String::new() } else { format!(" ({})", problem.field) };
            format!("{} {}{field}", problem.code, texts.sentence(problem.code))
        }
        Some(Value::String(code)) => match crate::parse::code(code) {
            Ok(code) => format!("{code} {}", texts.sentence(code)),
            Err(_) => code.clone(),
        },
        _ => NOTHING.to_owned(),
    }
}

/// Every value of an object by the path to it, such as `log size`.
pub(crate) fn flat(value: &Value) -> Vec<(String, Value)> {
    fn walk(prefix: &str, value: &Value, out: &mut Vec<(String, Value)>) {
        match value {
            // A problem is one value, which is told in a sentence.
            Value::Object(entries) if !entries.is_empty() && !entries.contains_key("sentence") => {
                for (key, value) in entries {
                    walk(
                        &if prefix.is_empty() { key.clone() } else { format!("{prefix} {key}") },
                        value,
                        out,
                    );
                }
            }
            other => out.push((prefix.to_owned(), other.clone())),
        }
    }
    let mut out = Vec::new();
    walk("", value, &mut out);
    out
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => NOTHING.to_owned(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Null => NOTHING.to_owned(),
        other => other.to_string(),
    }
}

/// A value of [`flat`] as text: the words that name a time say how milliseconds are to be read.
pub(crate) fn shown(path: &str, value: &Value, texts: &Text) -> String {
    if value.is_object() {
        return problem(value, "", texts);
    }
    let last = path.rsplit(' ').next().unwrap_or(path);
    let is_time = matches!(last, "expires" | "since" | "at" | "next_update" | "created" | "received")
        || last.ends_with("_at")
        || path == "registry issued";
    match value.as_u64() {
        Some(ms) if is_time => Timestamp::from_ms_clamped(ms).to_string(),
        _ => plain(value),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::text::Language;

    #[test]
    fn what_is_there_is_shown_and_what_is_not_is_a_dash() {
        let texts = Text::in_language(Language::Russian);
        let value = json!({"a": {"b": 3, "t": 0, "l": ["x", 1], "e": []}, "title": {"en": "Licence", "ru": "Права"},
            "only": {"en": "Licence"}, "code": "OGIC-3003", "problem": {"code": "OGIC-4001", "field": "peer"}});
        assert_eq!(text(&value, "/a/b"), "3");
        assert_eq!(text(&value, "/a/l"), "x, 1");
        assert_eq!(text(&value, "/a/e"), NOTHING);
        assert_eq!(text(&value, "/a/none"), NOTHING);
        assert_eq!(time(&value, "/a/t"), "1970-01-01T00:00:00.000Z");
        assert_eq!(time(&value, "/a/l"), NOTHING);
        assert_eq!(title(&value, "/title", &texts), "Права");
        assert_eq!(title(&value, "/only", &texts), "Licence");
        assert_eq!(problem(&value, "/code", &texts), "OGIC-3003 право на это дело отозвано");
        assert_eq!(problem(&value, "/problem", &texts), "OGIC-4001 другой узел недоступен (peer)");
        assert_eq!(flat(&value["a"])[0], ("b".to_owned(), json!(3)));
        assert_eq!(shown("registry expires", &json!(0), &texts), "1970-01-01T00:00:00.000Z");
        assert_eq!(shown("log size", &json!(0), &texts), "0");
        // A count is no time, though its name is that of one elsewhere.
        assert_eq!(shown("issued", &json!(7), &texts), "7");
        assert_eq!(shown("registry issued", &json!(0), &texts), "1970-01-01T00:00:00.000Z");
        let problem = json!({"problem": {"code": "OGIC-4001", "field": "peer", "sentence": "s"}});
        let rows = flat(&problem);
        assert_eq!(rows.len(), 1);
        assert_eq!(shown("problem", &rows[0].1, &texts), "OGIC-4001 другой узел недоступен (peer)");
    }
}
