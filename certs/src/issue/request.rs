//! Certificate requests (PKCS#10, RFC 2986): a key and the proof that it is held, and nothing else.

use crate::certificate::{DistinguishedName, read_extensions};
use crate::der::{self, Reader, tag};
use crate::key::{PublicKey, SigningKey};
use crate::{Code, Problem, Result};

/// Largest request: an RSA key of 8192 bits and its signature take 2.2 KiB.
pub const CSR_BYTES_MAX: usize = 4096;

/// pkcs-9-at-extensionRequest, 1.2.840.113549.1.9.14 (RFC 2985 5.4.2).
const EXTENSION_REQUEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e];

/// A request for `key`, without a subject and without attributes: the profile decides those.
pub fn csr(key: &SigningKey) -> Result<Vec<u8>> {
    let info = der::sequence(&[
        &der::integer(&[0]),
        DistinguishedName::empty().der(),
        key.public().spki_der(),
        &der::element(tag::constructed(0), &[]),
    ]);
    super::signed(&info, key)
}

/// Reads a request and verifies that its sender holds the key. A request that asks for a subject, an extension or any
/// other attribute is [`Code::RequestRefused`], naming what it asked for: dropping it silently would leave the sender in
/// the belief that it was granted.
pub fn read_csr(bytes: &[u8]) -> Result<PublicKey> {
    const FIELD: &str = "certificate request";
    if bytes.len() > CSR_BYTES_MAX {
        return Err(Problem::new(Code::TooLarge, FIELD)
            .found(format!("{} bytes", bytes.len()))
            .expected(format!("at most {CSR_BYTES_MAX}")));
    }
    let mut outer = Reader::whole_sequence(bytes, FIELD)?;
    let info_element = outer.element(tag::SEQUENCE)?;
    let algorithm = outer.read(tag::SEQUENCE)?;
    let signature = outer.octets_of_bits()?;
    outer.end()?;

    let mut info = Reader::new(info_element.content, FIELD);
    if info.u64()? != 0 {
        return Err(info.malformed("version 1"));
    }
    let subject = DistinguishedName::from_element(info.element(tag::SEQUENCE)?)?;
    let key = PublicKey::from_spki_der(info.element(tag::SEQUENCE)?.whole)?;
    let attributes = info.open(tag::constructed(0))?;
    info.end()?;

    key.verify_x509(algorithm, info_element.whole, signature).map_err(|problem| problem.within(FIELD))?;

    let asks = |what: String| {
        Err(Problem::new(Code::RequestRefused, FIELD).found(what).expected("a key and nothing else"))
    };
    if !subject.is_empty() {
        return asks(format!("the subject {subject}"));
    }
    if !attributes.is_empty() {
        return asks(asked_for(attributes)?);
    }
    Ok(key)
}

/// What the first attribute asks for, in words.
fn asked_for(mut attributes: Reader<'_>) -> Result<String> {
    let mut attribute = attributes.sequence()?;
    let kind = attribute.read(tag::OID)?;
    if kind != EXTENSION_REQUEST {
        return Ok(format!("the attribute {}", der::dotted(kind)));
    }
    let extensions = read_extensions(attribute.read(tag::SET)?, "certificate request")?;
    let oids: Vec<String> = extensions.iter().map(|extension| der::dotted(extension.oid)).collect();
    Ok(format!("the extensions {}", oids.join(", ")))
}
