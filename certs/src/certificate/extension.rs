//! What the extensions of a certificate say (RFC 5280 4.2), read strictly; an extension that is not read here and is
//! critical is remembered, so that path validation refuses it.

use super::{GeneralName, NameConstraints};
use crate::der::{self, Reader, tag};
use crate::{Code, Identity, Problem, Result};

/// Extensions in one certificate, CRL or CRL entry: RFC 5280 defines 17 for certificates.
const EXTENSIONS_MAX: usize = 64;

/// One extension before its value is read: identifier and value as content octets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extension<'a> {
    pub(crate) oid: &'a [u8],
    pub(crate) critical: bool,
    pub(crate) value: &'a [u8],
}

/// Reads `Extensions`, a SEQUENCE of at least one, none twice (RFC 5280 4.2).
pub(crate) fn read_extensions<'a>(bytes: &'a [u8], field: &'static str) -> Result<Vec<Extension<'a>>> {
    let mut list = Reader::whole_sequence(bytes, field)?;
    let mut extensions: Vec<Extension<'a>> = Vec::new();
    while !list.is_empty() {
        let mut one = list.sequence()?;
        let oid = one.read(tag::OID)?;
        let critical = one.boolean_default_false()?;
        let value = one.read(tag::OCTET_STRING)?;
        one.end()?;
        if extensions.len() == EXTENSIONS_MAX || extensions.iter().any(|other| other.oid == oid) {
            return Err(list.malformed("at most 64 extensions, none twice").found(der::dotted(oid)));
        }
        extensions.push(Extension { oid, critical, value });
    }
    if extensions.is_empty() {
        return Err(list.malformed("at least one extension"));
    }
    Ok(extensions)
}

/// Identifiers of extensions, as content octets.
pub(crate) mod id {
    const fn ce(number: u8) -> [u8; 3] {
        [0x55, 0x1d, number]
    }
    pub(crate) const SUBJECT_KEY_ID: [u8; 3] = ce(14);
    pub(crate) const KEY_USAGE: [u8; 3] = ce(15);
    pub(crate) const SUBJECT_ALT_NAME: [u8; 3] = ce(17);
    pub(crate) const ISSUER_ALT_NAME: [u8; 3] = ce(18);
    pub(crate) const BASIC_CONSTRAINTS: [u8; 3] = ce(19);
    pub(crate) const CRL_NUMBER: [u8; 3] = ce(20);
    pub(crate) const REASON_CODE: [u8; 3] = ce(21);
    pub(crate) const INVALIDITY_DATE: [u8; 3] = ce(24);
    pub(crate) const NAME_CONSTRAINTS: [u8; 3] = ce(30);
    pub(crate) const CRL_DISTRIBUTION_POINTS: [u8; 3] = ce(31);
    pub(crate) const CERTIFICATE_POLICIES: [u8; 3] = ce(32);
    pub(crate) const AUTHORITY_KEY_ID: [u8; 3] = ce(35);
    pub(crate) const POLICY_CONSTRAINTS: [u8; 3] = ce(36);
    pub(crate) const EXTENDED_KEY_USAGE: [u8; 3] = ce(37);
    pub(crate) const INHIBIT_ANY_POLICY: [u8; 3] = ce(54);
}

/// The extensions of a certificate that path validation rests on. Absent ones are `None` or empty.
#[derive(Clone, Default, Debug)]
pub struct Extensions {
    /// Basic constraints, 4.2.1.9.
    pub basic_constraints: Option<BasicConstraints>,
    /// Key usage, 4.2.1.3.
    pub key_usage: Option<KeyUsage>,
    /// Extended key usage, 4.2.1.12.
    pub extended_key_usage: Option<Vec<Usage>>,
    /// Subject alternative names, 4.2.1.6.
    pub subject_alt_names: Vec<GeneralName>,
    /// Name constraints, 4.2.1.10.
    pub name_constraints: Option<NameConstraints>,
    /// Subject key identifier, 4.2.1.2.
    pub subject_key_id: Option<Vec<u8>>,
    /// The key identifier of the authority key identifier, 4.2.1.1.
    pub authority_key_id: Option<Vec<u8>>,
    /// Critical extensions that are not processed here, dotted: RFC 5280 4.2 demands to refuse the certificate.
    pub unknown_critical: Vec<String>,
    /// Where the extensions break RFC 5280's profile for authorities though they can be read, with the section.
    pub breaches: Vec<&'static str>,
}

impl Extensions {
    pub(super) fn from_list(list: &[Extension<'_>]) -> Result<Self> {
        let mut all = Self::default();
        for Extension { oid, critical, value } in list {
            all.breaches.extend(wrong_criticality(oid, *critical));
            match <[u8; 3]>::try_from(*oid) {
                Ok(id::BASIC_CONSTRAINTS) => all.basic_constraints = Some(BasicConstraints::read(value)?),
                Ok(id::KEY_USAGE) => all.key_usage = Some(KeyUsage::read(value)?),
                Ok(id::EXTENDED_KEY_USAGE) => all.extended_key_usage = Some(Usage::read_list(value)?),
                Ok(id::SUBJECT_ALT_NAME) => {
                    all.subject_alt_names = GeneralName::read_list(value, "subject alternative name")?;
                }
                Ok(id::NAME_CONSTRAINTS) => all.name_constraints = Some(NameConstraints::read(value)?),
                Ok(id::SUBJECT_KEY_ID) => {
                    let mut reader = Reader::new(value, "subject key identifier");
                    all.subject_key_id = Some(reader.read(tag::OCTET_STRING)?.to_vec());
                    reader.end()?;
                }
                Ok(id::AUTHORITY_KEY_ID) => all.authority_key_id = read_authority_key_id(value)?,
                // Nothing in 6.1 depends on these three: other names of the issuer, where CRLs may be fetched, and
                // policies as long as none is demanded (see `path::PolicyInputs`).
                Ok(id::ISSUER_ALT_NAME | id::CRL_DISTRIBUTION_POINTS | id::CERTIFICATE_POLICIES) => {}
                _ if *critical => all.unknown_critical.push(der::dotted(oid)),
                _ => {}
            }
        }
        all.check_authority();
        Ok(all)
    }

    /// What only an authority may have. (That its basic constraints are critical, 4.2.1.9, binds authorities; PKITS
    /// 4.6.4 accepts it otherwise, and it has one meaning.)
    fn check_authority(&mut self) {
        let signs = self.key_usage.is_some_and(|usage| usage.has(KeyUsage::KEY_CERT_SIGN));
        match self.basic_constraints {
            Some(BasicConstraints { ca: true, .. }) => {}
            Some(BasicConstraints { path_len: Some(_), .. }) => {
                self.breaches.push("4.2.1.9: only an authority has a path length");
            }
            _ if signs => self.breaches.push("4.2.1.9: only an authority has keyCertSign"),
            _ if self.name_constraints.is_some() => {
                self.breaches.push("4.2.1.10: only an authority has name constraints");
            }
            _ => {}
        }
    }

    /// See [`super::Certificate::identity`].
    pub(super) fn identity(&self) -> Result<Identity> {
        match self.subject_alt_names.as_slice() {
            [GeneralName::Uri(uri)] => Identity::parse(uri),
            names => Err(Problem::new(Code::NameRefused, "identity")
                .found(format!("{} alternative names", names.len()))
                .expected("exactly one, which is a canonical ogic:// URI")),
        }
    }
}

/// Criticality that RFC 5280 fixes, broken.
fn wrong_criticality(oid: &[u8], critical: bool) -> Option<&'static str> {
    match (<[u8; 3]>::try_from(oid).ok()?, critical) {
        (id::AUTHORITY_KEY_ID, true) => Some("4.2.1.1: the authority key identifier is not critical"),
        (id::SUBJECT_KEY_ID, true) => Some("4.2.1.2: the subject key identifier is not critical"),
        (id::NAME_CONSTRAINTS, false) => Some("4.2.1.10: name constraints are critical"),
        (id::POLICY_CONSTRAINTS, false) => Some("4.2.1.11: policy constraints are critical"),
        (id::INHIBIT_ANY_POLICY, false) => Some("4.2.1.14: inhibitAnyPolicy is critical"),
        _ => None,
    }
}

/// Whether the subject is an authority, and how many intermediates may follow it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BasicConstraints {
    /// The subject may issue certificates.
    pub ca: bool,
    /// At most so many intermediates that are not self-issued may follow.
    pub path_len: Option<u64>,
}

impl BasicConstraints {
    fn read(value: &[u8]) -> Result<Self> {
        let mut reader = Reader::whole_sequence(value, "basic constraints")?;
        let ca = reader.boolean_default_false()?;
        let path_len = if reader.is_empty() { None } else { Some(reader.u64()?) };
        reader.end()?;
        Ok(Self { ca, path_len })
    }
}

/// The bits of key usage; bit 0 is digitalSignature.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyUsage(pub u16);

impl KeyUsage {
    /// digitalSignature: signatures other than on certificates and CRLs.
    pub const DIGITAL_SIGNATURE: Self = Self(1);
    /// nonRepudiation, contentCommitment since X.509 of 2000.
    pub const CONTENT_COMMITMENT: Self = Self(1 << 1);
    /// keyCertSign.
    pub const KEY_CERT_SIGN: Self = Self(1 << 5);
    /// cRLSign.
    pub const CRL_SIGN: Self = Self(1 << 6);

    /// Whether any bit of `wanted` is set.
    pub const fn has(self, wanted: Self) -> bool {
        self.0 & wanted.0 != 0
    }

    fn read(value: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(value, "key usage");
        let bits = reader.named_bits()?;
        reader.end()?;
        Ok(Self(bits))
    }
}

/// A purpose of extended key usage.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Usage {
    /// anyExtendedKeyUsage. It is never enough for a purpose of ours.
    Any,
    /// id-kp-serverAuth.
    ServerAuth,
    /// id-kp-clientAuth.
    ClientAuth,
    /// id-kp-timeStamping (RFC 3161).
    TimeStamping,
    /// id-kp-OCSPSigning (RFC 6960).
    OcspSigning,
    /// id-kp-dvcs (RFC 3029): data validation and certification.
    Dvcs,
    /// id-kp-documentSigning (RFC 9336).
    DocumentSigning,
    /// Another, as the content octets of its identifier.
    Other(Vec<u8>),
}

impl Usage {
    /// id-kp, 1.3.6.1.5.5.7.3, and the last arc.
    const KP: [u8; 7] = [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03];
    const ANY: [u8; 4] = [0x55, 0x1d, 0x25, 0x00];

    fn from_oid(oid: &[u8]) -> Self {
        match oid.strip_prefix(&Self::KP) {
            Some([1]) => Self::ServerAuth,
            Some([2]) => Self::ClientAuth,
            Some([8]) => Self::TimeStamping,
            Some([9]) => Self::OcspSigning,
            Some([10]) => Self::Dvcs,
            Some([36]) => Self::DocumentSigning,
            _ if oid == Self::ANY => Self::Any,
            _ => Self::Other(oid.to_vec()),
        }
    }

    /// The content octets of the identifier.
    pub fn oid(&self) -> Vec<u8> {
        let kp = |arc| [&Self::KP[..], &[arc]].concat();
        match self {
            Self::Any => Self::ANY.to_vec(),
            Self::ServerAuth => kp(1),
            Self::ClientAuth => kp(2),
            Self::TimeStamping => kp(8),
            Self::OcspSigning => kp(9),
            Self::Dvcs => kp(10),
            Self::DocumentSigning => kp(36),
            Self::Other(oid) => oid.clone(),
        }
    }

    fn read_list(value: &[u8]) -> Result<Vec<Self>> {
        let mut reader = Reader::whole_sequence(value, "extended key usage")?;
        let mut usages = vec![Self::from_oid(reader.read(tag::OID)?)];
        while !reader.is_empty() {
            usages.push(Self::from_oid(reader.read(tag::OID)?));
        }
        Ok(usages)
    }
}

/// AuthorityKeyIdentifier: the key identifier counts, issuer and serial are only looked over.
fn read_authority_key_id(value: &[u8]) -> Result<Option<Vec<u8>>> {
    let mut reader = Reader::whole_sequence(value, "authority key identifier")?;
    let key_id = reader.optional(tag::primitive(0))?;
    reader.optional(tag::constructed(1))?;
    reader.optional(tag::primitive(2))?;
    reader.end()?;
    Ok(key_id.map(<[u8]>::to_vec))
}
