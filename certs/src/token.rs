//! One-time enrolment tokens, and the enrolment request and answer.
//!
//! A token's text is all that a newcomer needs: where the authority is, how to know it, and the secret that lets him in once.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use zeroize::Zeroizing;

use crate::cbor::{self, Fields, Limits, Value};
use crate::{AgencyId, Code, Digest, Problem, Result, Role};

/// Every token's text begins so.
pub const PREFIX: &str = "ogic1-";
/// Bytes of the secret: 128 bits.
pub const SECRET_BYTES: usize = 16;
/// Most roles, and so most certificate requests, of one token.
pub const ROLES_MAX: usize = 4;

/// A one-time token. Its `Debug` shows everything but the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// Random; the authority keeps its SHA-256 only.
    pub secret: Zeroizing<[u8; SECRET_BYTES]>,
    /// Where the authority answers, `ip:port`.
    pub address: String,
    /// The authority's agency id.
    pub authority: AgencyId,
    /// SHA-256 of the root certificate.
    pub root: Digest,
    /// The lowest registry version that the newcomer may accept.
    pub version_min: u64,
    /// For which agency.
    pub agency: AgencyId,
    /// For which roles; one certificate request each, in this order.
    pub roles: Vec<Role>,
}

impl Token {
    /// The text that is handed over.
    pub fn to_text(&self) -> Zeroizing<String> {
        let bytes = Zeroizing::new(cbor::encode(&cbor::map([
            (1, self.secret.as_slice().into()),
            (2, self.address.as_str().into()),
            (3, (&self.authority).into()),
            (4, self.root.into()),
            (5, self.version_min.into()),
            (6, (&self.agency).into()),
            (7, cbor::array(self.roles.iter().map(Role::to_string))),
        ])));
        Zeroizing::new(format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&bytes)))
    }

    /// Reads a token's text, surrounding white space aside. Errors never repeat the text: it is a secret.
    pub fn from_text(text: &str) -> Result<Self> {
        let malformed =
            || Problem::new(Code::Malformed, "token").expected("ogic1-, then base64url, as printed");
        let encoded = text.trim().strip_prefix(PREFIX).ok_or_else(malformed)?;
        let bytes = Zeroizing::new(BASE64URL_NOPAD.decode(encoded.as_bytes()).map_err(|_| malformed())?);
        let mut fields = Fields::of(cbor::decode(&bytes, &Limits::HEADER, "token")?, "token")?;
        let token = Self {
            secret: secret(&fields.take(1, "secret")?)?,
            address: fields.take(2, "address")?.as_text("address")?.to_owned(),
            authority: fields.take(3, "authority")?.as_agency("authority")?,
            root: fields.take(4, "root")?.as_digest("root")?,
            version_min: fields.take(5, "version")?.as_uint("version")?,
            agency: fields.take(6, "agency")?.as_agency("agency")?,
            roles: fields
                .take(7, "roles")?
                .as_array("roles")?
                .iter()
                .map(|v| Role::parse(v.as_text("roles")?, "roles"))
                .collect::<Result<_>>()?,
        };
        fields.finish()?;
        if token.roles.is_empty() || token.roles.len() > ROLES_MAX {
            return Err(malformed().found(format!("{} roles", token.roles.len())));
        }
        Ok(token)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({} {:?} at {} of {})", self.agency, self.roles, self.address, self.authority)
    }
}

/// What a newcomer sends over `ogic-enrol/1`.
#[derive(Clone, PartialEq, Eq)]
pub struct EnrolRequest {
    /// The token's secret.
    pub secret: Zeroizing<[u8; SECRET_BYTES]>,
    /// PKCS#10 requests, DER, in the order of the token's roles.
    pub requests: Vec<Vec<u8>>,
}

impl EnrolRequest {
    /// The bytes on the wire.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(cbor::encode(&cbor::map([
            (1, self.secret.as_slice().into()),
            (2, cbor::array(self.requests.iter().map(Vec::as_slice))),
        ])))
    }

    /// Reads such bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let limits = Limits { bytes_max: 64 << 10, depth_max: 4, items_max: 32 };
        let mut fields = Fields::of(cbor::decode(bytes, &limits, "enrol request")?, "enrol request")?;
        let request = Self {
            secret: secret(&fields.take(1, "secret")?)?,
            requests: ders(&fields.take(2, "requests")?, "requests", ROLES_MAX)?,
        };
        fields.finish()?;
        Ok(request)
    }
}

impl fmt::Debug for EnrolRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EnrolRequest({} requests)", self.requests.len())
    }
}

/// What the authority answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EnrolAnswer {
    /// Certificates, DER, in the order of the requests.
    pub certificates: Vec<Vec<u8>>,
    /// The root certificate, DER.
    pub root: Vec<u8>,
    /// The registry, COSE bytes.
    pub registry: Vec<u8>,
    /// The CRLs in force, DER.
    pub crls: Vec<Vec<u8>>,
}

impl EnrolAnswer {
    /// The bytes on the wire.
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode(&cbor::map([
            (1, cbor::array(self.certificates.iter().map(Vec::as_slice))),
            (2, self.root.as_slice().into()),
            (3, self.registry.as_slice().into()),
            (4, cbor::array(self.crls.iter().map(Vec::as_slice))),
        ]))
    }

    /// Reads such bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let limits = Limits { bytes_max: 8 << 20, depth_max: 4, items_max: 64 };
        let mut fields = Fields::of(cbor::decode(bytes, &limits, "enrol answer")?, "enrol answer")?;
        let answer = Self {
            certificates: ders(&fields.take(1, "certificates")?, "certificates", ROLES_MAX)?,
            root: fields.take(2, "root")?.as_bytes("root")?.to_vec(),
            registry: fields.take(3, "registry")?.as_bytes("registry")?.to_vec(),
            crls: ders(&fields.take(4, "crls")?, "crls", 16)?,
        };
        fields.finish()?;
        Ok(answer)
    }
}

fn secret(value: &Value) -> Result<Zeroizing<[u8; SECRET_BYTES]>> {
    let bytes = value.as_bytes("secret")?;
    bytes.try_into().map(Zeroizing::new).map_err(|_| {
        Problem::new(Code::Malformed, "secret").found(format!("{} bytes", bytes.len())).expected("16 bytes")
    })
}

fn ders(value: &Value, field: &'static str, max: usize) -> Result<Vec<Vec<u8>>> {
    let values = value.as_array(field)?;
    if values.len() > max {
        return Err(Problem::new(Code::TooLarge, field)
            .found(format!("{} elements", values.len()))
            .expected(format!("at most {max}")));
    }
    values.iter().map(|v| v.as_bytes(field).map(<[u8]>::to_vec)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> Token {
        let id = |text| AgencyId::parse(text, "id").unwrap();
        Token {
            secret: Zeroizing::new([7; SECRET_BYTES]),
            address: "127.0.0.1:4433".to_owned(),
            authority: id("authority.gov.example"),
            root: Digest::of(b"root"),
            version_min: 3,
            agency: id("transport.gov.example"),
            roles: vec![Role::Node, Role::Seal],
        }
    }

    #[test]
    fn text_round_trips() {
        let text = token().to_text();
        assert!(text.starts_with(PREFIX));
        assert_eq!(Token::from_text(&format!(" {}\n", *text)).unwrap(), token());
    }

    #[test]
    fn errors_and_debug_never_show_the_secret() {
        let text = token().to_text();
        let cut = &text[..text.len() - 3];
        let problem = Token::from_text(cut).unwrap_err();
        assert!(!format!("{problem}").contains(&cut[20..40]));
        assert!(!format!("{:?}", token()).contains("7, 7"));
    }

    #[test]
    fn enrolment_messages_round_trip() {
        let request = EnrolRequest { secret: Zeroizing::new([1; 16]), requests: vec![vec![1, 2], vec![3]] };
        assert_eq!(EnrolRequest::decode(&request.encode()).unwrap(), request);
        let many = EnrolRequest { secret: Zeroizing::new([1; 16]), requests: vec![vec![1]; ROLES_MAX + 1] };
        assert_eq!(EnrolRequest::decode(&many.encode()).unwrap_err().code, Code::TooLarge);
        let answer = EnrolAnswer {
            certificates: vec![vec![1]],
            root: vec![2],
            registry: vec![3],
            crls: vec![vec![4]],
        };
        assert_eq!(EnrolAnswer::decode(&answer.encode()).unwrap(), answer);
    }
}
