//! Extracts: one signed object or receipt frame, saved for a stranger with the certificates and lists that it takes to
//! judge it.
//!
//! Signed objects name their signer by digest and do not carry it. An extract does, beside them and unsigned: what it
//! carries is looked up by digest or judged like any other, and never trusted.

use crate::cbor::{self, Limits, Value};
use crate::certificate::{CERTIFICATE_BYTES_MAX, Certificate};
use crate::crl::{CRL_BYTES_MAX, Crl};
use crate::receipt::RECEIPT_BYTES_MAX;
use crate::{Code, Problem, Result};

/// How every extract begins.
pub const MAGIC: &[u8; 15] = b"ogic extract 1\n";
/// Most bytes of an extract.
pub const EXTRACT_BYTES_MAX: usize = 16 << 20;
/// Most certificates of an extract.
pub const CERTIFICATES_MAX: usize = 64;
/// Most revocation lists of an extract.
pub const CRLS_MAX: usize = 16;

/// One object with what its signatures rest on.
#[derive(Clone, Debug)]
pub struct Extract {
    /// A signed object's COSE bytes, or a receipt frame.
    pub object: Vec<u8>,
    /// Certificates of the signer and of those above; none that trusts itself.
    pub certificates: Vec<Certificate>,
    /// Revocation lists.
    pub crls: Vec<Crl>,
}

impl Extract {
    /// An extract of `object`. Self-signed certificates are left out: trust is the reader's.
    pub fn new<'a>(
        object: Vec<u8>,
        certificates: impl IntoIterator<Item = &'a Certificate>,
        crls: impl IntoIterator<Item = &'a Crl>,
    ) -> Self {
        let mut kept: Vec<Certificate> = Vec::new();
        for certificate in certificates {
            if !certificate.is_self_signed() && !kept.contains(certificate) {
                kept.push(certificate.clone());
            }
        }
        Self { object, certificates: kept, crls: crls.into_iter().cloned().collect() }
    }

    /// Whether bytes are meant as an extract.
    pub fn is_meant(bytes: &[u8]) -> bool {
        bytes.starts_with(MAGIC)
    }

    /// The file's bytes. `TooLarge` naming what is beyond its limit.
    pub fn encode(&self) -> Result<Vec<u8>> {
        check("certificates", self.certificates.len(), CERTIFICATES_MAX)?;
        check("lists", self.crls.len(), CRLS_MAX)?;
        let value = Value::Array(vec![
            self.object.as_slice().into(),
            cbor::array(self.certificates.iter().map(Certificate::der)),
            cbor::array(self.crls.iter().map(Crl::der)),
        ]);
        let bytes = [MAGIC.as_slice(), &cbor::encode(&value)].concat();
        check("extract", bytes.len(), EXTRACT_BYTES_MAX)?;
        Ok(bytes)
    }

    /// Reads an extract. Nothing in it is judged.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        const LIMITS: Limits =
            Limits { bytes_max: EXTRACT_BYTES_MAX, depth_max: 2, items_max: CERTIFICATES_MAX + CRLS_MAX + 8 };
        let Some(rest) = bytes.strip_prefix(MAGIC) else {
            return Err(Problem::new(Code::Malformed, "magic").expected("\"ogic extract 1\" and a line feed"));
        };
        let value = cbor::decode(rest, &LIMITS, "extract")?;
        let [object, certificates, crls] = value.as_tuple::<3>("extract")?;
        let object = object.as_bytes("object")?;
        check("object", object.len(), RECEIPT_BYTES_MAX.max(4 << 20))?;
        let certificates = certificates.as_array("certificates")?;
        check("certificates", certificates.len(), CERTIFICATES_MAX)?;
        let crls = crls.as_array("lists")?;
        check("lists", crls.len(), CRLS_MAX)?;
        let certificate = |value: &Value| {
            let der = value.as_bytes("certificate")?;
            check("certificate", der.len(), CERTIFICATE_BYTES_MAX)?;
            Certificate::from_der(der)
        };
        let crl = |value: &Value| {
            let der = value.as_bytes("list")?;
            check("list", der.len(), CRL_BYTES_MAX)?;
            Crl::from_der(der)
        };
        Ok(Self {
            object: object.to_vec(),
            certificates: certificates.iter().map(certificate).collect::<Result<_>>()?,
            crls: crls.iter().map(crl).collect::<Result<_>>()?,
        })
    }
}

fn check(field: &str, found: usize, most: usize) -> Result<()> {
    if found <= most {
        return Ok(());
    }
    Err(Problem::new(Code::TooLarge, field).found(found.to_string()).expected(format!("at most {most}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::testing::Federation;

    #[test]
    fn an_extract_reads_as_it_was_written_and_carries_no_anchor() {
        let mut federation = Federation::new(1, Timestamp::from_ms_clamped(1_795_576_800_000));
        let seal = federation.signer("ogic://transport.gov.example/seal");
        let crl = federation.crl();
        let bytes = Extract::new(b"object".to_vec(), seal.chain(), [&crl]).encode().unwrap();
        let read = Extract::decode(&bytes).unwrap();
        assert_eq!(read.object, b"object");
        assert_eq!(read.certificates, [seal.certificate().clone()], "the root is left out");
        assert_eq!(read.crls.len(), 1);
        assert_eq!(read.encode().unwrap(), bytes);
        for (name, edited, code) in [
            ("cut", bytes[..bytes.len() - 1].to_vec(), Code::Malformed),
            ("longer", [bytes.as_slice(), &[0]].concat(), Code::Malformed),
            ("another magic", [b"ogic extract 2\n", &bytes[MAGIC.len()..]].concat(), Code::Malformed),
            ("the first line alone", MAGIC.to_vec(), Code::Malformed),
        ] {
            assert_eq!(Extract::decode(&edited).unwrap_err().code, code, "{name}");
        }
        let many = vec![crl; CRLS_MAX + 1];
        assert_eq!(Extract::new(Vec::new(), [], &many).encode().unwrap_err().code, Code::TooLarge);
    }
}
