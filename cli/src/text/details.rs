//! What an error's `found` and `expected` say, in Russian: those that people meet in their ordinary work, with lists of
//! values in them. What is not listed is looked for in [`super::phrase`], and else stays English, as `--json` has it.

/// Pairs of English and Russian; a `{}` stands for a part that is kept as it is, in the same order.
const RUSSIAN: &[(&str, &str)] = &[
    ("none", "ничего"),
    ("nothing", "ничего"),
    ("empty text", "пустой текст"),
    ("text", "текст"),
    ("no", "нет"),
    ("no terminal to ask on", "нет терминала для вопроса"),
    ("yes", "да"),
    ("{} bytes", "байтов: {}"),
    ("at most {} bytes", "не более {} байтов"),
    ("at most {}", "не более {}"),
    ("not connected", "нет соединения"),
    ("connected", "соединение"),
    ("{} on their way", "в пути: {}"),
    ("on its way", "в пути"),
    ("a receipt", "квитанция о приёме"),
    ("pending", "ожидает проверки"),
    ("the third party's evidence", "квитанция ДТС"),
    ("version {}", "версия {}"),
    ("a number below {}", "число меньше {}"),
    ("no further name", "без дальнейшего имени"),
    ("a running daemon", "работающий демон"),
    ("no answer within {} s", "нет ответа за {} с"),
    ("an answer of the daemon", "ответ демона"),
    ("No such file or directory (os error {})", "нет такого файла или папки (ошибка ОС {})"),
    ("Connection refused (os error {})", "соединение отклонено (ошибка ОС {})"),
    ("Permission denied (os error {})", "доступ запрещён (ошибка ОС {})"),
    ("64 lower-case hex digits", "64 строчные шестнадцатеричные цифры"),
    (
        "a fully qualified name of lower-case letters, digits and hyphens",
        "полное имя из строчных латинских букв, цифр и дефисов",
    ),
    (
        "a span from now such as 14d, a date such as 2026-12-01, or RFC 3339 such as 2026-12-01T15:00:00+03:00",
        "срок от настоящего времени, например 14d, дата, например 2026-12-01, или RFC 3339, например 2026-12-01T15:00:00+03:00",
    ),
    (
        "a date such as 2026-12-01, or RFC 3339 such as 2026-12-01T15:00:00+03:00",
        "дата, например 2026-12-01, или RFC 3339, например 2026-12-01T15:00:00+03:00",
    ),
    ("a span such as 30s, 15m, 24h or 7d", "длительность, например 30s, 15m, 24h или 7d"),
    (
        "an address such as 192.0.2.1:4720 or [2001:db8::1]:4720",
        "адрес, например 192.0.2.1:4720 или [2001:db8::1]:4720",
    ),
    ("a code such as OGIC-3003", "код, например OGIC-3003"),
    ("a whole number such as 7", "целое число, например 7"),
    ("name=text, name:=42, name:=true or name:=false", "имя=текст, имя:=42, имя:=true или имя:=false"),
    ("SEQ:RECORD as ogic case show prints it", "SEQ:RECORD, как печатает ogic case show"),
    ("--data DIR or OGIC_DATA", "--data DIR или OGIC_DATA"),
    ("the step of the plan that is worked on", "шаг плана, над которым идёт работа"),
    ("at least one right", "хотя бы одно право"),
    ("with --kind note", "вместе с --kind note"),
    ("{} twice", "{} дважды"),
    ("each name once", "каждое имя один раз"),
    ("text, {}=… (required)", "текст, {}=… (обязательно)"),
    ("text, {}=… (optional)", "текст, {}=… (необязательно)"),
    ("a whole number, {}:=42 (required)", "целое число, {}:=42 (обязательно)"),
    ("a whole number, {}:=42 (optional)", "целое число, {}:=42 (необязательно)"),
    ("a truth value, {}:=true or {}:=false (required)", "да или нет, {}:=true или {}:=false (обязательно)"),
    ("a truth value, {}:=true or {}:=false (optional)", "да или нет, {}:=true или {}:=false (необязательно)"),
    ("no document", "ни одного документа"),
    ("1 document with another label", "1 документ с другим названием"),
    ("{} documents with other labels", "документов с другими названиями: {}"),
    ("a document labelled {}", "документ с названием {}"),
    (
        "a field that is not empty, such as text=…, or a document",
        "непустое поле, например text=…, или документ",
    ),
    ("a pseudonym", "псевдоним"),
    ("{}, done", "{}, выполнен"),
    ("an open step; this one comes after {}", "открытый шаг; этот следует после {}"),
    ("done, before the case is granted", "выполнен, прежде чем дело будет решено положительно"),
    ("why it is refused", "причина отказа"),
    ("a record of this case", "запись этого дела"),
    ("record {} with digest {}", "запись {} с хешем {}"),
    ("seq {}", "запись {}"),
    ("the newest record, seq {}", "последняя запись {}"),
    ("a member of the registry", "участник реестра"),
    (
        "an agency: services of the federation work on no cases",
        "ведомство: службы федерации не работают с делами",
    ),
    ("another agency than the home", "другое ведомство, не держатель"),
    ("steps of the plan", "шаги плана"),
    ("steps that the home need not do itself", "шаги, которые держатель не обязан выполнять сам"),
    ("after {}, at most {}", "позже {}, не позднее {}"),
    ("other terms, or another agency", "другие условия или другое ведомство"),
    ("revoked at {} already", "уже отозвано {}"),
    ("revoked at {}", "отозвано {}"),
    ("before {}", "раньше {}"),
    ("an official of {}, which acts", "должностное лицо ведомства {}, которое действует"),
    ("an identity with the role official/<name>", "идентичность с ролью official/<имя>"),
    ("node, ttp or official/<name>", "node, ttp или official/<имя>"),
    ("a parked message", "отложенное сообщение"),
    ("the folder of an authority", "папка удостоверяющего центра"),
    ("the folder of a third party", "папка ДТС"),
    ("the folder of a node", "папка узла"),
    ("a token for {}", "токен для {}"),
    ("a text that does not begin with ogic1-", "текст, который не начинается с ogic1-"),
    ("{} characters that are no whole token", "не целый токен, символов: {}"),
    (
        "the whole token, as ogic authority token printed it",
        "токен целиком, как его вывела ogic authority token",
    ),
    ("a digest, or a name of ogic service list", "хеш или имя из ogic service list"),
    (
        "the address by which others reach this one, as --listen names all of them",
        "адрес, по которому другие достигают этого демона, так как --listen называет все сразу",
    ),
    (
        "the SHA-256 of the root, 64 hex digits, or a pin.toml that exists",
        "SHA-256 корня, 64 шестнадцатеричные цифры, или существующий pin.toml",
    ),
    ("process {}", "процесс {}"),
    ("a folder", "папка"),
    ("mode {}", "права {}"),
    ("a new or empty folder", "новая или пустая папка"),
    ("what join makes", "то, что создаёт присоединение"),
];

/// The Russian for an English detail, if it is listed.
pub(super) fn russian(detail: &str) -> Option<String> {
    RUSSIAN.iter().find_map(|(en, ru)| parts(en, detail).map(|parts| filled(ru, &parts)))
}

/// What stands for the `{}` of a pattern, if the text is of it: values, or lists of them, and no sentences.
fn parts<'a>(pattern: &str, text: &'a str) -> Option<Vec<&'a str>> {
    let mut pieces = pattern.split("{}");
    let mut rest = text.strip_prefix(pieces.next()?)?;
    let mut parts = Vec::new();
    let mut pieces = pieces.peekable();
    while let Some(piece) = pieces.next() {
        let at = match (piece, pieces.peek()) {
            ("", None) => rest.len(),
            (piece, None) => rest.len().checked_sub(piece.len()).filter(|_| rest.ends_with(piece))?,
            (piece, Some(_)) => rest.find(piece)?,
        };
        let part = rest.get(..at)?;
        // A part is a value or a list of them; a part of several words would hide a sentence of another meaning.
        if part.split(", ").any(|item| item.contains(' ')) {
            return None;
        }
        parts.push(part);
        rest = rest.get(at + piece.len()..)?;
    }
    rest.is_empty().then_some(parts)
}

fn filled(pattern: &str, parts: &[&str]) -> String {
    let mut pieces = pattern.split("{}");
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for (piece, part) in pieces.zip(parts) {
        out.push_str(part);
        out.push_str(piece);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_has_as_many_parts_on_both_sides_and_stands_once() {
        let mut seen = std::collections::BTreeSet::new();
        for (en, ru) in RUSSIAN {
            assert_eq!(en.matches("{}").count(), ru.matches("{}").count(), "{en}");
            assert!(seen.insert(*en), "{en}");
            assert!(
                ru.chars().any(|c| ('\u{400}'..='\u{4ff}').contains(&c)) || *ru == "--data DIR или OGIC_DATA",
                "{ru}"
            );
        }
    }

    #[test]
    fn parts_are_kept_and_what_is_not_known_stays() {
        for (en, ru) in [
            ("none", "ничего"),
            ("65537 bytes", "байтов: 65537"),
            ("at most 1024 bytes", "не более 1024 байтов"),
            (
                "a truth value, fit:=true or fit:=false (required)",
                "да или нет, fit:=true или fit:=false (обязательно)",
            ),
            ("after 2026-12-01, at most 2027-12-01", "позже 2026-12-01, не позднее 2027-12-01"),
            ("transport.gov.example", "transport.gov.example"),
            ("at most 32 documents in one event", "at most 32 documents in one event"),
            ("a token for node, seal", "токен для node, seal"),
            ("", ""),
        ] {
            assert_eq!(russian(en).as_deref().unwrap_or(en), ru);
        }
    }
}
