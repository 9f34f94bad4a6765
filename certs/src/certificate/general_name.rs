//! General names and the constraints on them (RFC 5280 4.2.1.6, 4.2.1.10), read but not compared: that is
//! `path`'s.

use super::DistinguishedName;
use crate::Result;
use crate::der::{Element, Reader, tag};

/// A GeneralName (4.2.1.6). Text is IA5; nothing else of its form is judged here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GeneralName {
    /// otherName, unread.
    Other(Vec<u8>),
    /// rfc822Name.
    Rfc822(String),
    /// dNSName.
    Dns(String),
    /// x400Address, unread.
    X400(Vec<u8>),
    /// directoryName.
    Directory(DistinguishedName),
    /// ediPartyName, unread.
    EdiParty(Vec<u8>),
    /// uniformResourceIdentifier.
    Uri(String),
    /// iPAddress; in a constraint address and mask.
    Ip(Vec<u8>),
    /// registeredID.
    Registered(Vec<u8>),
}

impl GeneralName {
    /// The number of the name's form in its CHOICE: constraints speak of names of their own form alone.
    pub const fn form(&self) -> u8 {
        match self {
            Self::Other(_) => 0,
            Self::Rfc822(_) => 1,
            Self::Dns(_) => 2,
            Self::X400(_) => 3,
            Self::Directory(_) => 4,
            Self::EdiParty(_) => 5,
            Self::Uri(_) => 6,
            Self::Ip(_) => 7,
            Self::Registered(_) => 8,
        }
    }

    fn from_element(element: Element<'_>, reader: &Reader<'_>) -> Result<Self> {
        let Element { tag, content, .. } = element;
        let text = || match std::str::from_utf8(content) {
            Ok(text) if text.is_ascii() => Ok(text.to_owned()),
            _ => Err(reader.malformed("an IA5String")),
        };
        Ok(match tag {
            0xa0 => Self::Other(content.to_vec()),
            0x81 => Self::Rfc822(text()?),
            0x82 => Self::Dns(text()?),
            0xa3 => Self::X400(content.to_vec()),
            // Explicitly tagged, since Name is a CHOICE.
            0xa4 => Self::Directory(DistinguishedName::from_der(content)?),
            0xa5 => Self::EdiParty(content.to_vec()),
            0x86 => Self::Uri(text()?),
            0x87 => Self::Ip(content.to_vec()),
            0x88 => Self::Registered(content.to_vec()),
            _ => return Err(reader.malformed("a GeneralName")),
        })
    }

    pub(super) fn read_list(value: &[u8], field: &'static str) -> Result<Vec<Self>> {
        let mut reader = Reader::whole_sequence(value, field)?;
        let mut names = vec![Self::from_element(reader.any()?, &reader)?];
        while !reader.is_empty() {
            names.push(Self::from_element(reader.any()?, &reader)?);
        }
        Ok(names)
    }
}

/// The subtrees of names that an authority may, and may not, issue.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NameConstraints {
    /// A name of a form that stands here must lie in one of its subtrees.
    pub permitted: Vec<GeneralName>,
    /// No name may lie in one of these.
    pub excluded: Vec<GeneralName>,
}

impl NameConstraints {
    pub(super) fn read(value: &[u8]) -> Result<Self> {
        let mut reader = Reader::whole_sequence(value, "name constraints")?;
        if reader.is_empty() {
            return Err(reader.malformed("permitted or excluded subtrees"));
        }
        let mut subtrees = |number| match reader.optional(tag::constructed(number))? {
            Some(content) => Self::read_subtrees(content),
            None => Ok(Vec::new()),
        };
        let (permitted, excluded) = (subtrees(0)?, subtrees(1)?);
        reader.end()?;
        Ok(Self { permitted, excluded })
    }

    fn read_subtrees(content: &[u8]) -> Result<Vec<GeneralName>> {
        let mut reader = Reader::new(content, "name constraints");
        let mut bases = Vec::new();
        loop {
            let mut subtree = reader.sequence()?;
            bases.push(GeneralName::from_element(subtree.any()?, &subtree)?);
            // RFC 5280 4.2.1.10: minimum is 0, which DER leaves out, and maximum is absent.
            subtree.end()?;
            if reader.is_empty() {
                return Ok(bases);
            }
        }
    }
}
