//! What an argument's text means: ids, names, times, fields. Never reads files or clocks. Each function is clap's
//! value parser for its kind of argument.

use std::net::SocketAddr;

use ogic_certs::event::FieldValue;
use ogic_certs::{AgencyId, CaseId, Code, Digest, EventId, Problem, Role, Timestamp};
use ogic_node::exchange::outbox::WINDOW_ITEMS_MAX;

const DAY_MS: u64 = 86_400_000;

pub(crate) fn case(text: &str) -> Result<CaseId, Problem> {
    CaseId::from_hex(text, "case")
}

pub(crate) fn event(text: &str) -> Result<EventId, Problem> {
    EventId::from_hex(text, "event")
}

pub(crate) fn digest(text: &str) -> Result<Digest, Problem> {
    Digest::from_hex(text, "digest")
}

pub(crate) fn agency(text: &str) -> Result<AgencyId, Problem> {
    AgencyId::parse(text, "agency")
}

/// A role that a token is made for: the seal comes with the node, the rest is the authority's own.
pub(crate) fn role(text: &str) -> Result<Role, Problem> {
    match Role::parse(text, "role") {
        Ok(role @ (Role::Node | Role::Ttp | Role::Official(_))) => Ok(role),
        _ => {
            Err(Problem::new(Code::NameRefused, "role").found(text).expected("node, ttp or official/<name>"))
        }
    }
}

/// An address to bind or to dial.
pub(crate) fn endpoint(text: &str) -> Result<SocketAddr, Problem> {
    text.parse().map_err(|_| {
        Problem::new(Code::ValueRefused, "address")
            .found(text)
            .expected("an address such as 192.0.2.1:4720 or [2001:db8::1]:4720")
    })
}

/// How many of something: at least one.
pub(crate) fn count(text: &str) -> Result<usize, Problem> {
    digits(text).and_then(|count| usize::try_from(count).ok()).filter(|count| *count > 0).ok_or_else(|| {
        Problem::new(Code::ValueRefused, "number").found(text).expected("a whole number from 1")
    })
}

/// How many messages may be on their way to one peer.
pub(crate) fn window(text: &str) -> Result<usize, Problem> {
    text.parse().ok().filter(|items| (1..=WINDOW_ITEMS_MAX).contains(items)).ok_or_else(|| {
        Problem::new(Code::ValueRefused, "window")
            .found(text)
            .expected(format!("a number from 1 to {WINDOW_ITEMS_MAX}"))
    })
}

/// A code as `OGIC-3003` or `3003`.
pub(crate) fn code(text: &str) -> Result<Code, Problem> {
    let digits = text.strip_prefix("OGIC-").or_else(|| text.strip_prefix("ogic-")).unwrap_or(text);
    digits
        .parse()
        .ok()
        .and_then(Code::from_number)
        .ok_or_else(|| Problem::new(Code::NotFound, "code").found(text).expected("a code such as OGIC-3003"))
}

/// A point in time: RFC 3339 with `Z` or an offset, or a date alone, which means its end in UTC, so that
/// "due on 1 December" is met on that day.
pub(crate) fn time(text: &str) -> Result<Timestamp, Problem> {
    let refused = || {
        Problem::new(Code::ValueRefused, "time")
            .found(text)
            .expected("a date such as 2026-12-01, or RFC 3339 such as 2026-12-01T15:00:00+03:00")
    };
    let (date, clock) = match text.split_once(['T', 't', ' ']) {
        Some((date, clock)) => (date, Some(clock)),
        None => (text, None),
    };
    let day_ms = days(date).ok_or_else(refused)? * DAY_MS;
    let ms = match clock {
        None => day_ms + (DAY_MS - 1),
        Some(clock) => clock_ms(clock)
            .and_then(|(of_day, offset)| i64::try_from(day_ms + of_day).ok()?.checked_sub(offset))
            .and_then(|ms| u64::try_from(ms).ok())
            .ok_or_else(refused)?,
    };
    Timestamp::from_ms(ms, "time").map_err(|_| refused())
}

/// A point in time that still comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum When {
    At(Timestamp),
    /// So many milliseconds from when the command runs.
    In(u64),
}

impl When {
    /// The time that it means for a command that runs now.
    pub(crate) fn from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::In(ms) => now.plus_ms(ms),
        }
    }
}

/// A point in time that still comes: as [`time`] has it, or a span from now, such as `14d`.
pub(crate) fn when(text: &str) -> Result<When, Problem> {
    if let Ok(ms) = span_ms(text) {
        return Ok(When::In(ms));
    }
    time(text).map(When::At).map_err(|problem| {
        problem.expected("a span from now such as 14d, a date such as 2026-12-01, or RFC 3339 such as 2026-12-01T15:00:00+03:00")
    })
}

/// A span such as `30s`, `15m`, `24h` or `7d`, in milliseconds.
pub(crate) fn span_ms(text: &str) -> Result<u64, Problem> {
    let refused = || {
        Problem::new(Code::ValueRefused, "span").found(text).expected("a span such as 30s, 15m, 24h or 7d")
    };
    let unit = text.chars().last().ok_or_else(refused)?;
    let unit_ms = match unit {
        's' => 1000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => DAY_MS,
        _ => return Err(refused()),
    };
    let count = digits(&text[..text.len() - 1]).filter(|count| *count > 0).ok_or_else(refused)?;
    count.checked_mul(unit_ms).ok_or_else(refused)
}

/// A form's field: `name=text`, or `name:=value` for a whole number, `true` or `false`.
pub(crate) fn field(text: &str) -> Result<(String, FieldValue), Problem> {
    let refused = || {
        Problem::new(Code::ValueRefused, "--field")
            .found(text)
            .expected("name=text, name:=42, name:=true or name:=false")
    };
    let (name, value) = text.split_once('=').ok_or_else(refused)?;
    let (name, value) = match name.strip_suffix(':') {
        None => (name, FieldValue::Text(value.to_owned())),
        Some(name) => match value {
            "true" => (name, FieldValue::Bool(true)),
            "false" => (name, FieldValue::Bool(false)),
            number => (name, FieldValue::Int(number.parse().map_err(|_| refused())?)),
        },
    };
    if name.is_empty() { Err(refused()) } else { Ok((name.to_owned(), value)) }
}

/// A whole number.
pub(crate) fn number(text: &str) -> Result<u64, Problem> {
    digits(text).ok_or_else(|| {
        Problem::new(Code::ValueRefused, "number").found(text).expected("a whole number such as 7")
    })
}

/// The media type that a file's ending tells; unknown endings are plain bytes.
pub(crate) fn media_type(file_name: &str) -> &'static str {
    let ending = file_name.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
    match ending.as_str() {
        "pdf" => "application/pdf",
        "xml" => "application/xml",
        "json" => "application/json",
        "txt" => "text/plain",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "tif" | "tiff" => "image/tiff",
        "p7s" => "application/pkcs7-signature",
        "p7m" => "application/pkcs7-mime",
        "zip" => "application/zip",
        "odt" => "application/vnd.oasis.opendocument.text",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        _ => "application/octet-stream",
    }
}

/// Decimal digits only: `str::parse` would take a sign.
fn digits(text: &str) -> Option<u64> {
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// Days from 1970-01-01 to `YYYY-MM-DD`.
fn days(date: &str) -> Option<u64> {
    let mut parts = date.splitn(3, '-');
    let mut part = |width| parts.next().filter(|p| p.len() == width).and_then(digits);
    let (year, month, day) = (part(4)?, part(2)?, part(2)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let february = if leap { 29 } else { 28 };
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = *lengths.get(usize::try_from(month.checked_sub(1)?).ok()?)?;
    if year < 1970 || day == 0 || day > length {
        return None;
    }
    let before = year - 1;
    let to_year = before * 365 + before / 4 - before / 100 + before / 400;
    let to_month: u64 = lengths.iter().take(usize::try_from(month - 1).ok()?).sum();
    // 719 162 days lie between 0001-01-01 and 1970-01-01.
    Some(to_year + to_month + day - 1 - 719_162)
}

/// Milliseconds of the day, and the offset to subtract, of `HH:MM[:SS[.fff]]` and `Z`, `+HH:MM` or `-HH:MM`.
fn clock_ms(clock: &str) -> Option<(u64, i64)> {
    let zone_at = clock.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = clock.split_at(zone_at);
    let offset = match zone {
        "Z" | "z" => 0,
        _ => {
            let (sign, rest) = zone.split_at(1);
            let ms = i64::try_from(minutes(rest)? * 60_000).ok()?;
            if sign == "-" { -ms } else { ms }
        }
    };
    let (to_minute, seconds) = clock.split_at_checked(5)?;
    let seconds_ms = match seconds.strip_prefix(':') {
        None if seconds.is_empty() => 0,
        None => return None,
        Some(seconds) => {
            let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
            let thousandths = digits(fraction)
                .filter(|_| !fraction.is_empty())
                .and_then(|_| format!("{fraction:0<3}").get(..3).and_then(digits))?;
            digits(whole).filter(|s| whole.len() == 2 && *s < 60)? * 1000 + thousandths
        }
    };
    Some((minutes(to_minute)? * 60_000 + seconds_ms, offset))
}

/// Minutes of `HH:MM`.
fn minutes(text: &str) -> Option<u64> {
    let (hours, minutes) = text.split_once(':').filter(|(h, m)| h.len() == 2 && m.len() == 2)?;
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    if hours < 24 && minutes < 60 { Some(hours * 60 + minutes) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_operators() {
        for (text, meaning) in [
            ("2026-12-01", "2026-12-01T23:59:59.999Z"),
            ("2024-02-29", "2024-02-29T23:59:59.999Z"),
            ("2026-12-01T15:00:00Z", "2026-12-01T15:00:00.000Z"),
            ("2026-12-01T15:00Z", "2026-12-01T15:00:00.000Z"),
            ("2026-12-01t15:00:00.5z", "2026-12-01T15:00:00.500Z"),
            ("2026-12-01 01:00:00+03:00", "2026-11-30T22:00:00.000Z"),
            ("2026-12-31T23:30:00-01:00", "2027-01-01T00:30:00.000Z"),
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"),
            ("2000-03-01T00:00:00.123456789Z", "2000-03-01T00:00:00.123Z"),
        ] {
            assert_eq!(time(text).map(|t| t.to_string()), Ok(meaning.to_owned()), "{text}");
        }
        for bad in [
            "",
            "2026",
            "2026-13-01",
            "2026-00-01",
            "2026-02-29",
            "2026-12-1",
            "2026-12-01T",
            "2026-12-01T15:00:00",
            "2026-12-01T24:00:00Z",
            "2026-12-01T15:60:00Z",
            "2026-12-01T15:00:60Z",
            "2026-12-01T15:00:00+3",
            "2026-12-01T15:00:00.Z",
            "1969-12-31",
            "+026-12-01",
            "1970-01-01T00:00:00+01:00",
            "01.12.2026",
            "2026-12-01-",
        ] {
            assert_eq!(time(bad).unwrap_err().code, Code::ValueRefused, "{bad:?}");
        }
    }

    #[test]
    fn what_still_comes_is_a_time_or_a_span_from_now() {
        let now = Timestamp::from_ms(86_400_000, "t").unwrap();
        for (text, meaning) in [
            ("14d", "1970-01-16T00:00:00.000Z"),
            ("90s", "1970-01-02T00:01:30.000Z"),
            ("2026-12-01", "2026-12-01T23:59:59.999Z"),
            ("2026-12-01T15:00:00Z", "2026-12-01T15:00:00.000Z"),
        ] {
            assert_eq!(when(text).map(|when| when.from(now).to_string()), Ok(meaning.to_owned()), "{text}");
        }
        for bad in ["", "soon", "0d", "-1d", "14", "1w"] {
            let problem = when(bad).unwrap_err();
            assert_eq!(problem.code, Code::ValueRefused, "{bad:?}");
            assert!(problem.expected.unwrap().starts_with("a span from now such as 14d"), "{bad:?}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_is_counted_as_it_is_printed() {
        for day in (0..146_097).step_by(13) {
            let printed = Timestamp::from_ms(day * DAY_MS, "t").unwrap().to_string();
            assert_eq!(days(&printed[..10]), Some(day), "{printed}");
        }
    }

    #[test]
    fn spans_fields_and_codes() {
        assert_eq!(span_ms("15m"), Ok(900_000));
        assert_eq!(span_ms("7d"), Ok(7 * DAY_MS));
        for bad in ["", "m", "15", "-1h", "0h", "1w", "99999999999999999d", "1ч"] {
            assert!(span_ms(bad).is_err(), "{bad:?}");
        }
        assert_eq!(field("a=b=c").unwrap(), ("a".to_owned(), FieldValue::Text("b=c".to_owned())));
        assert_eq!(field("n:=-4").unwrap().1, FieldValue::Int(-4));
        assert_eq!(field("n:=true").unwrap().1, FieldValue::Bool(true));
        for bad in ["", "a", "=b", ":=1", "n:=1.5", "n:=x"] {
            assert!(field(bad).is_err(), "{bad:?}");
        }
        for spelling in ["OGIC-3003", "ogic-3003", "3003"] {
            assert_eq!(code(spelling), Ok(Code::GrantRevoked));
        }
        assert_eq!(code("9999").unwrap_err().code, Code::NotFound);
        assert_eq!(media_type("Заявление.PDF"), "application/pdf");
        assert_eq!(media_type("pdf"), "application/octet-stream");
    }
}
