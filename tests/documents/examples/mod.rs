//! The examples of PROTOCOL.md: each with its bytes, how they are shown, and what must hold for the bytes of the page.
//!
//! One story, told from one seed ([`story`]), so that every byte can be made again.

mod signed;
mod stored;
mod story;
mod wire;

use std::sync::Arc;

use data_encoding::HEXLOWER;
use ogic_certs::cose::{Payload, Signed, Signer};
use ogic_certs::crl::Crl;
use ogic_certs::event::SALT_BYTES;
use ogic_certs::trust::Trust;

use crate::diagnostic;

/// What must hold for the bytes of the page.
pub(super) type Decode = Box<dyn Fn(&[u8])>;

/// One example: its name in the page, its bytes, how they are shown, and what must hold for the bytes of the page.
pub(crate) struct Example {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) form: Form,
    pub(crate) decode: Decode,
}

/// A field of fixed width: name, bytes (0 for the rest), and how it is read.
pub(super) type Field = (&'static str, usize, As);

/// How bytes are shown beside their hex.
pub(crate) enum Form {
    /// One CBOR item.
    Cbor,
    /// 32 bytes of salt, then one CBOR item.
    Salted,
    /// A line of text, then one CBOR item.
    Lined,
    /// A length of four bytes, then one CBOR item.
    Framed,
    /// Fields of fixed width.
    Fields(&'static [Field]),
}

#[derive(Clone, Copy)]
pub(crate) enum As {
    Text,
    Number,
    Bytes,
}

impl Form {
    /// The first word of the block's info string.
    pub(crate) fn word(&self) -> &'static str {
        if matches!(self, Self::Fields(_)) { "fields" } else { "diag" }
    }

    /// The CBOR within, if there is any.
    pub(crate) fn item<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        match self {
            Self::Cbor => Some(bytes),
            Self::Salted => bytes.get(SALT_BYTES..),
            Self::Lined => bytes.iter().position(|byte| *byte == b'\n').and_then(|end| bytes.get(end + 1..)),
            Self::Framed => bytes.get(4..),
            Self::Fields(_) => None,
        }
    }

    pub(crate) fn show(&self, bytes: &[u8]) -> String {
        match self {
            Self::Cbor => diagnostic::print(bytes),
            Self::Salted => {
                let (salt, body) = bytes.split_at(SALT_BYTES);
                format!("h'{}' / the salt, then /\n{}", HEXLOWER.encode(salt), diagnostic::print(body))
            }
            Self::Lined => {
                let item = self.item(bytes).expect("a line");
                let line = std::str::from_utf8(&bytes[..bytes.len() - item.len()]).expect("text");
                format!("{line:?} / the first line, then /\n{}", diagnostic::print(item))
            }
            Self::Framed => {
                let (length, item) = bytes.split_at(4);
                format!(
                    "h'{}' / {} bytes follow /\n{}",
                    HEXLOWER.encode(length),
                    item.len(),
                    diagnostic::print(item)
                )
            }
            Self::Fields(fields) => {
                let mut at = 0;
                let lines = fields.iter().map(|(name, width, read)| {
                    let width = if *width == 0 { bytes.len() - at } else { *width };
                    let field = &bytes[at..at + width];
                    let value = match read {
                        As::Text => format!("{:?}", std::str::from_utf8(field).expect("text")),
                        As::Number => {
                            field.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte)).to_string()
                        }
                        As::Bytes => format!("h'{}'", HEXLOWER.encode(field)),
                    };
                    let line = format!("{at:>4} {width:>3}  {name:<22} {value}\n");
                    at += width;
                    line
                });
                lines.collect()
            }
        }
    }
}

/// The event header of the examples: what others may spoil.
pub(crate) fn event_header() -> Vec<u8> {
    story::STORY.step.header.bytes().to_vec()
}

/// Who signs in the examples, and how they are judged: for what others do to them.
#[allow(dead_code, reason = "documents.rs only compares; fuzz.rs signs anew and judges")]
pub(crate) fn signers() -> Vec<Signer> {
    let story = &*story::STORY;
    [&story.transport, &story.transport_official, &story.health, &story.physician, &story.ttp]
        .map(Signer::clone)
        .into()
}

/// The trust of a member in the examples.
#[allow(dead_code, reason = "as above")]
pub(crate) fn trust() -> Trust {
    let story = &*story::STORY;
    let crl = Crl::from_der(&story.crl).expect("a list");
    Trust::new(Arc::new(story.registry.clone()), vec![crl], story.pin.clone()).expect("a registry")
}

/// All of them, in the page's order.
pub(crate) fn all() -> Vec<Example> {
    let mut examples = Vec::new();
    examples.extend(signed::signed_objects());
    examples.extend(signed::bodies());
    examples.extend(signed::leaves());
    examples.extend(wire::enrolment());
    examples.extend(wire::messages());
    examples.extend(wire::requests());
    examples.extend(wire::answers());
    examples.extend(stored::journal());
    examples
}

/// A signed object: it verifies with its signer's certificate, and its payload has one encoding.
pub(super) fn signed<T: Payload + 'static>(
    name: &'static str,
    object: &Signed<T>,
    signer: &Signer,
) -> Example {
    let certificate = signer.certificate().clone();
    Example {
        name,
        bytes: object.bytes().to_vec(),
        form: Form::Cbor,
        decode: Box::new(move |bytes| {
            let signed = Signed::<T>::parse(bytes).unwrap_or_else(|problem| panic!("{name}: {problem}"));
            signed.verify_with(&certificate).unwrap_or_else(|problem| panic!("{name}: {problem}"));
            assert_eq!(signed.value().encode(), signed.envelope().payload(), "{name}");
        }),
    }
}

/// Unsigned bytes: what `again` reads, it writes again.
pub(super) fn plain(
    name: &'static str,
    bytes: Vec<u8>,
    form: Form,
    again: impl Fn(&[u8]) -> ogic_certs::Result<Vec<u8>> + 'static,
) -> Example {
    let decode = move |bytes: &[u8]| {
        let written = again(bytes).unwrap_or_else(|problem| panic!("{name}: {problem}"));
        assert_eq!(written, bytes, "{name}");
    };
    Example { name, bytes, form, decode: Box::new(decode) }
}
