//! Distinguished names: kept as they came, compared as RFC 5280 7.1 asks.

use std::fmt;

use crate::Result;
use crate::der::{self, Element, Reader, tag};

/// A `Name` of X.501. Two are equal when their attributes are, letters and inner spaces of text aside, and whichever
/// string type carries them; the bytes serve what is issued under the name.
#[derive(Clone)]
pub struct DistinguishedName {
    der: Vec<u8>,
    /// Each relative name in the form in which it is compared.
    relative: Vec<Vec<u8>>,
    emails: Vec<String>,
}

impl DistinguishedName {
    /// Reads one `Name` and nothing after it.
    pub fn from_der(der: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(der, "name");
        let name = Self::from_element(reader.element(tag::SEQUENCE)?)?;
        reader.end()?;
        Ok(name)
    }

    pub(crate) fn from_element(element: Element<'_>) -> Result<Self> {
        let mut names = Reader::new(element.content, "name");
        let mut relative = Vec::new();
        let mut emails = Vec::new();
        while !names.is_empty() {
            let mut set = names.open(tag::SET)?;
            let mut attributes = Vec::new();
            while !set.is_empty() {
                let mut attribute = set.sequence()?;
                let kind = attribute.element(tag::OID)?;
                let value = attribute.any()?;
                attribute.end()?;
                if value.tag == tag::UTF8_STRING && std::str::from_utf8(value.content).is_err() {
                    return Err(set.malformed("text in UTF-8"));
                }
                if kind.content == EMAIL_ADDRESS {
                    emails.push(String::from_utf8_lossy(value.content).into_owned());
                }
                attributes.push(der::sequence(&[kind.whole, &comparable(value)]));
            }
            if attributes.is_empty() {
                return Err(set.malformed("an attribute in each relative name"));
            }
            attributes.sort_unstable();
            relative.push(attributes.concat());
        }
        Ok(Self { der: element.whole.to_vec(), relative, emails })
    }

    /// The name with one common name, for people; nothing reads it back.
    pub(crate) fn common_name(text: &str) -> Result<Self> {
        let value = der::element(tag::UTF8_STRING, &[text.as_bytes()]);
        let attribute = der::sequence(&[COMMON_NAME, &value]);
        Self::from_der(&der::sequence(&[&der::element(tag::SET, &[&attribute])]))
    }

    /// The name of no attributes, for a certificate that speaks by its SAN alone.
    pub(crate) fn empty() -> Self {
        Self { der: der::sequence(&[]), relative: Vec::new(), emails: Vec::new() }
    }

    /// The bytes as they were received.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The values of its emailAddress attributes: name constraints bind them (RFC 5280 4.2.1.10).
    pub fn emails(&self) -> &[String] {
        &self.emails
    }

    /// Whether it has no attribute at all.
    pub const fn is_empty(&self) -> bool {
        self.relative.is_empty()
    }

    /// Whether this name lies in the subtree of `base` (RFC 5280 4.2.1.10: by whole relative names from the root).
    pub fn is_within(&self, base: &Self) -> bool {
        self.relative.starts_with(&base.relative)
    }
}

impl PartialEq for DistinguishedName {
    fn eq(&self, other: &Self) -> bool {
        self.relative == other.relative
    }
}

impl Eq for DistinguishedName {}

impl fmt::Display for DistinguishedName {
    /// The text attributes alone, for logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use x509_parser::prelude::{FromDer, X509Name};
        match X509Name::from_der(&self.der) {
            Ok((_, name)) if !self.is_empty() => write!(f, "{name}"),
            _ => f.write_str("(no name)"),
        }
    }
}

impl fmt::Debug for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// emailAddress of PKCS#9, 1.2.840.113549.1.9.1, as content octets.
const EMAIL_ADDRESS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01];

/// id-at-commonName, 2.5.4.3, as a whole element.
const COMMON_NAME: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x03];

/// A text value in one string type, letters folded, spaces at the ends dropped and inner ones made one (RFC 5280 7.1,
/// the part of RFC 4518 that certificates meet in practice). Another value stays as it is.
fn comparable(value: Element<'_>) -> Vec<u8> {
    // UTF8String, NumericString, PrintableString, IA5String, VisibleString.
    let text = match value.tag {
        tag::UTF8_STRING | 0x12 | 0x13 | 0x16 | 0x1a => std::str::from_utf8(value.content).ok(),
        _ => None,
    };
    match text {
        Some(text) => {
            let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
            der::element(tag::UTF8_STRING, &[words.join(" ").as_bytes()])
        }
        None => value.whole.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(parts: &[(u8, &str)]) -> DistinguishedName {
        let relative: Vec<u8> = parts
            .iter()
            .flat_map(|(tag, text)| {
                let value = der::element(*tag, &[text.as_bytes()]);
                der::element(tag::SET, &[&der::sequence(&[COMMON_NAME, &value])])
            })
            .collect();
        DistinguishedName::from_der(&der::sequence(&[&relative])).unwrap()
    }

    #[test]
    fn text_compares_by_words() {
        let base = name(&[(tag::UTF8_STRING, "Good CA")]);
        assert_eq!(base, name(&[(0x13, "  good   ca ")]));
        assert_ne!(base, name(&[(0x13, "goodca")]));
        assert_ne!(base, name(&[(0x04, "Good CA")]));
        assert_eq!(base, DistinguishedName::common_name("GOOD CA").unwrap());
    }

    #[test]
    fn text_that_calls_itself_utf_8_is_utf_8() {
        for (text, is_name) in [("Gültig".as_bytes(), true), (b"\xff", false), (b"transport\xf8", false)] {
            let attribute = der::sequence(&[COMMON_NAME, &der::element(tag::UTF8_STRING, &[text])]);
            let name = der::sequence(&[&der::element(tag::SET, &[&attribute])]);
            assert_eq!(DistinguishedName::from_der(&name).is_ok(), is_name, "{text:?}");
        }
    }

    #[test]
    fn subtrees_are_whole_relative_names() {
        let base = name(&[(0x13, "a")]);
        assert!(name(&[(0x13, "a"), (0x13, "b")]).is_within(&base));
        assert!(!name(&[(0x13, "ab")]).is_within(&base));
        assert!(base.is_within(&DistinguishedName::empty()));
        assert!(!DistinguishedName::empty().is_within(&base));
    }

    #[test]
    fn an_empty_relative_name_is_malformed() {
        assert!(DistinguishedName::from_der(&[0x30, 0x02, 0x31, 0x00]).is_err());
        assert!(DistinguishedName::from_der(&[0x30, 0x00, 0x00]).is_err());
    }
}
