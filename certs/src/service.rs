//! Service definitions as signed by their publisher.
//!
//! Only the envelope's payload: text of bounded size. What the text says is read by the case model, so that a
//! definition can travel, be stored and be named by digest without being understood.

use crate::cose::{Kind, Payload};
use crate::{Code, Problem, Result};

/// Most bytes of a definition's text: with its signature and chain it must fit the envelope's 64 KiB.
pub const SERVICE_BYTES_MAX: usize = 60 << 10;

/// The TOML text of a service definition. The SHA-256 of its COSE bytes names it in a case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServiceText(Vec<u8>);

impl ServiceText {
    /// Takes UTF-8 text of at most [`SERVICE_BYTES_MAX`] bytes; `TooLarge` or `Malformed` otherwise.
    pub fn new(text: impl Into<Vec<u8>>) -> Result<Self> {
        let text = text.into();
        if text.len() > SERVICE_BYTES_MAX {
            return Err(Problem::new(Code::TooLarge, "service definition")
                .found(format!("{} bytes", text.len()))
                .expected(format!("at most {SERVICE_BYTES_MAX} bytes")));
        }
        match std::str::from_utf8(&text) {
            Ok(_) => Ok(Self(text)),
            Err(error) => Err(Problem::new(Code::Malformed, "service definition")
                .found(error.to_string())
                .expected("UTF-8 text")),
        }
    }

    /// The text's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Payload for ServiceText {
    const KIND: Kind = Kind::Service;

    fn encode(&self) -> Vec<u8> {
        self.0.clone()
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        Self::new(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bounded_text_is_a_definition() {
        assert_eq!(ServiceText::decode(b"id = \"x\"").unwrap().encode(), b"id = \"x\"");
        assert!(ServiceText::new(vec![b'#'; SERVICE_BYTES_MAX]).is_ok());
        let rows: [(&str, Vec<u8>, Code); 2] = [
            ("one byte too many", vec![b'#'; SERVICE_BYTES_MAX + 1], Code::TooLarge),
            ("no UTF-8", vec![0xff], Code::Malformed),
        ];
        for (name, bytes, code) in rows {
            assert_eq!(ServiceText::decode(&bytes).unwrap_err().code, code, "{name}");
        }
    }
}
