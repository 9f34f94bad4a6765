//! What went wrong, for whoever has to act: the one error type of the project.

use std::fmt;

use crate::code::{Code, Side};

/// A refusal or failure: which code, where, what was found, what was expected.
///
/// `found` and `expected` are for the operator of this node and for logs. A peer learns the code and the
/// field alone (see [`Problem::for_peer`]).
#[derive(Clone, PartialEq, Eq)]
pub struct Problem {
    /// The stable code; its table gives side, sentence, hint, HTTP status and exit code.
    pub code: Code,
    /// The field or structure concerned, in the words of PROTOCOL.md.
    pub field: String,
    /// What was there.
    pub found: Option<String>,
    /// What should have been there.
    pub expected: Option<String>,
}

/// Longest `found` that is kept: what a stranger sent must not fill a log.
const FOUND_CHARS_MAX: usize = 200;

impl Problem {
    /// A problem with `code` at `field`.
    pub fn new(code: Code, field: impl Into<String>) -> Self {
        Self { code, field: field.into(), found: None, expected: None }
    }

    /// Says what was found; control characters are escaped and long text is cut.
    #[must_use]
    pub fn found(mut self, found: impl Into<String>) -> Self {
        self.found = Some(plain(&found.into()));
        self
    }

    /// Says what was expected.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// Prefixes the field with the place it lies in: `case` becomes `record 12: case`.
    #[must_use]
    pub fn within(mut self, place: impl fmt::Display) -> Self {
        self.field = format!("{place}: {}", self.field);
        self
    }

    /// Whose turn it is to act.
    pub const fn side(&self) -> Side {
        self.code.side()
    }

    /// What a peer may learn: the code and the field, never our insides.
    #[must_use]
    pub fn for_peer(&self) -> Self {
        Self::new(self.code, self.field.clone())
    }
}

/// Text of a stranger cut to 200 characters and made [`visible`].
fn plain(text: &str) -> String {
    match text.char_indices().nth(FOUND_CHARS_MAX) {
        Some((cut, _)) => visible(&text[..cut]) + "…",
        None => visible(text),
    }
}

/// Text of a stranger made fit for a line of a log or terminal: control and bidirectional formatting characters
/// are escaped.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let hidden = c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        if hidden { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
    out
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.code, self.code.sentence_en(), self.field)?;
        if let Some(found) = &self.found {
            write!(f, "; found {found}")?;
        }
        if let Some(expected) = &self.expected {
            write!(f, "; expected {expected}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_text_cannot_break_a_line() {
        let problem = Problem::new(Code::NameRefused, "id").found("a\n\u{202e}b").expected("a name");
        assert_eq!(problem.found.as_deref(), Some("a\\u{a}\\u{202e}b"));
        let long = Problem::new(Code::NameRefused, "id").found("x".repeat(10_000));
        assert_eq!(long.found.map(|f| f.chars().count()), Some(FOUND_CHARS_MAX + 1));
    }

    #[test]
    fn a_peer_learns_no_insides() {
        let problem = Problem::new(Code::DiskFailed, "journal").found("/var/lib/ogic: EIO").for_peer();
        assert_eq!(problem.found, None);
    }
}
