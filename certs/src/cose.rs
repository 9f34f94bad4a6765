//! COSE_Sign1 (RFC 9052 4.2): the one signed envelope, with a content type a kind.
//!
//! Only the protected header counts and only it may hold anything. The received bytes are kept, and are what is
//! verified, hashed and forwarded. Begin with [`Signed`]; who may sign what is decided in [`crate::trust`].

use std::fmt;
use std::sync::Arc;

use crate::cbor::{self, Limits, Value};
use crate::certificate::Certificate;
use crate::key::{CoseAlg, PublicKey, SigningKey};
use crate::{Code, Digest, Problem, Result};

/// The kinds of signed objects; each has its own content type, so that none can be replayed as another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// An event's header.
    Event,
    /// An official's approval of an event.
    Approval,
    /// A log's tree head.
    Checkpoint,
    /// The paper that tells of a grant.
    Reference,
    /// A home's or receiver's signed no.
    Refusal,
    /// What became of an event that was judged.
    Verdict,
    /// A trusted third party's answer.
    Evidence,
    /// The federation's registry.
    Registry,
    /// A published service definition.
    Service,
    /// A node's endpoints, told to the authority.
    Announcement,
    /// The manifest that closes a capsule.
    Capsule,
    /// What a home tells of the custody of a case.
    Custody,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::Event,
        Self::Approval,
        Self::Checkpoint,
        Self::Reference,
        Self::Refusal,
        Self::Verdict,
        Self::Evidence,
        Self::Registry,
        Self::Service,
        Self::Announcement,
        Self::Capsule,
        Self::Custody,
    ];

    /// The content type in the protected header (RFC 9052 3.1, label 3).
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Event => "application/vnd.ogic.event+cbor",
            Self::Approval => "application/vnd.ogic.approval+cbor",
            Self::Checkpoint => "application/vnd.ogic.checkpoint",
            Self::Reference => "application/vnd.ogic.reference+cbor",
            Self::Refusal => "application/vnd.ogic.refusal+cbor",
            Self::Verdict => "application/vnd.ogic.verdict+cbor",
            Self::Evidence => "application/vnd.ogic.evidence+cbor",
            Self::Registry => "application/vnd.ogic.registry+cbor",
            Self::Service => "application/vnd.ogic.service+toml",
            Self::Announcement => "application/vnd.ogic.announcement+cbor",
            Self::Capsule => "application/vnd.ogic.capsule+cbor",
            Self::Custody => "application/vnd.ogic.custody+cbor",
        }
    }

    /// The most bytes that an object of this kind may have.
    pub const fn bytes_max(self) -> usize {
        match self {
            Self::Registry | Self::Capsule => 4 << 20,
            Self::Evidence => 60 << 10,
            Self::Service | Self::Verdict => 64 << 10,
            Self::Custody => 16 << 10,
            _ => 4 << 10,
        }
    }

    /// Whether the signer's chain travels inside: only where the receiver may never have met the signer.
    pub const fn carries_chain(self) -> bool {
        matches!(self, Self::Registry | Self::Service)
    }
}

/// Longest x5chain (RFC 9360 2): signer, and the CAs above.
pub const CHAIN_CERTIFICATES_MAX: usize = 8;

const TAG_SIGN1: u8 = 0xd2;
const HEADER_ALG: u64 = 1;
const HEADER_CONTENT_TYPE: u64 = 3;
const HEADER_X5CHAIN: u64 = 33;
const HEADER_X5T: u64 = 34;
/// COSE's number of SHA-256 (RFC 9054 2.1): -16, as serde sees it.
const HASH_SHA_256: i64 = -16;

/// A parsed envelope beside its received bytes. Parsing proves form only, never the signature.
#[derive(Clone)]
pub struct Sign1 {
    bytes: Arc<[u8]>,
    kind: Kind,
    alg: CoseAlg,
    signer: Digest,
    chain: Vec<Vec<u8>>,
    protected: Vec<u8>,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl Sign1 {
    /// Reads a tagged COSE_Sign1 of exactly this `kind`.
    pub fn parse(bytes: &[u8], kind: Kind) -> Result<Self> {
        let parsed = Self::parse_any(bytes)?;
        if parsed.kind == kind {
            Ok(parsed)
        } else {
            Err(Problem::new(Code::KindMismatch, "content type")
                .found(parsed.kind.content_type())
                .expected(kind.content_type()))
        }
    }

    /// Reads a tagged COSE_Sign1 of whichever kind it says it is.
    pub fn parse_any(bytes: &[u8]) -> Result<Self> {
        const LIMITS: Limits = Limits { bytes_max: 4 << 20, depth_max: 4, items_max: 64 };
        let Some((&TAG_SIGN1, untagged)) = bytes.split_first() else {
            return Err(malformed("signed object")
                .found(bytes.first().map_or_else(|| "nothing".to_owned(), |b| format!("first byte {b:#04x}")))
                .expected("a COSE_Sign1 tagged 18 (d2)"));
        };
        let value = cbor::decode(untagged, &LIMITS, "signed object")?;
        let [protected, unprotected, payload, signature] = value.as_tuple::<4>("signed object")?;
        if *unprotected != Value::Map(Vec::new()) {
            return Err(malformed("unprotected header").found("entries").expected("an empty map"));
        }
        let protected = protected.as_bytes("protected header")?.to_vec();
        let header = Header::parse(&protected)?;
        if bytes.len() > header.kind.bytes_max() {
            return Err(Problem::new(Code::TooLarge, header.kind.content_type())
                .found(format!("{} bytes", bytes.len()))
                .expected(format!("at most {} bytes", header.kind.bytes_max())));
        }
        Ok(Self {
            bytes: bytes.into(),
            kind: header.kind,
            alg: header.alg,
            signer: header.signer,
            chain: header.chain,
            protected,
            payload: payload.as_bytes("payload")?.to_vec(),
            signature: signature.as_bytes("signature")?.to_vec(),
        })
    }

    /// Signs `payload` as `kind`.
    pub fn sign(kind: Kind, payload: &[u8], signer: &Signer) -> Result<Self> {
        let chain: Vec<Vec<u8>> = if kind.carries_chain() {
            signer.chain().map(|certificate| certificate.der().to_vec()).collect()
        } else {
            Vec::new()
        };
        let header = Header { kind, alg: signer.key.cose_alg(), signer: signer.certificate.digest(), chain };
        let protected = header.encode();
        let signature = signer.key.sign(&signature_structure(&protected, payload))?;
        let body = cbor::encode(&Value::Array(vec![
            protected.as_slice().into(),
            Value::Map(Vec::new()),
            payload.into(),
            signature.as_slice().into(),
        ]));
        let bytes = [&[TAG_SIGN1], body.as_slice()].concat();
        if bytes.len() > kind.bytes_max() {
            return Err(Problem::new(Code::TooLarge, kind.content_type())
                .found(format!("{} bytes", bytes.len()))
                .expected(format!("at most {} bytes", kind.bytes_max())));
        }
        Ok(Self {
            bytes: bytes.into(),
            kind,
            alg: header.alg,
            signer: header.signer,
            chain: header.chain,
            protected,
            payload: payload.to_vec(),
            signature,
        })
    }

    /// Checks the signature with `key`, whose algorithm must be the header's (RFC 9052 4.4).
    pub fn verify(&self, key: &PublicKey) -> Result<()> {
        key.verify_cose(self.alg, &signature_structure(&self.protected, &self.payload), &self.signature)
            .map_err(|problem| problem.within(self.kind.content_type()))
    }

    /// The bytes as they were received or made.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes, shared.
    pub fn shared_bytes(&self) -> Arc<[u8]> {
        Arc::clone(&self.bytes)
    }

    /// SHA-256 of the bytes.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }

    /// The kind.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// SHA-256 of the certificate that the signer names (x5t, RFC 9360 2).
    pub const fn signer(&self) -> Digest {
        self.signer
    }

    /// The certificates that travel inside, signer first; empty for most kinds.
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// The payload's bytes.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }
}

impl fmt::Debug for Sign1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sign1({:?}, {} bytes, signer {:?})", self.kind, self.bytes.len(), self.signer)
    }
}

/// A protected header: exactly alg, content type, x5t, and x5chain for the kinds that carry it.
struct Header {
    kind: Kind,
    alg: CoseAlg,
    signer: Digest,
    chain: Vec<Vec<u8>>,
}

impl Header {
    fn parse(bytes: &[u8]) -> Result<Self> {
        const LIMITS: Limits = Limits { bytes_max: 256 << 10, depth_max: 4, items_max: 32 };
        let mut fields =
            cbor::Fields::of(cbor::decode(bytes, &LIMITS, "protected header")?, "protected header")?;
        let alg = match fields.take(HEADER_ALG, "alg")? {
            Value::Nint(number) => CoseAlg::from_number(number),
            _ => None,
        };
        let alg = alg.ok_or_else(|| {
            Problem::new(Code::AlgorithmRefused, "alg")
                .found("no number of an allowed algorithm")
                .expected("-8 (EdDSA) or -7 (ES256)")
        })?;
        let content_type = fields.take(HEADER_CONTENT_TYPE, "content type")?;
        let content_type = content_type.as_text("content type")?;
        let kind =
            Kind::ALL.into_iter().find(|kind| kind.content_type() == content_type).ok_or_else(|| {
                Problem::new(Code::KindMismatch, "content type")
                    .found(content_type)
                    .expected("a kind of Ogic")
            })?;
        let x5t = fields.take(HEADER_X5T, "x5t")?;
        let [hash, signer] = x5t.as_tuple::<2>("x5t")?;
        if *hash != Value::Nint(HASH_SHA_256) {
            return Err(malformed("x5t").found("another hash").expected("SHA-256 (-16)"));
        }
        let signer = signer.as_digest("x5t")?;
        let mut chain = Vec::new();
        if kind.carries_chain() {
            for der in fields.take(HEADER_X5CHAIN, "x5chain")?.as_array("x5chain")? {
                chain.push(der.as_bytes("x5chain")?.to_vec());
            }
            if chain.len() > CHAIN_CERTIFICATES_MAX
                || chain.first().map(|der| Digest::of(der)) != Some(signer)
            {
                return Err(malformed("x5chain")
                    .found(format!("{} certificates", chain.len()))
                    .expected("one to eight, the first being that of x5t"));
            }
        }
        // `crit` (2) lands here too: no critical header is known beyond these, so that each is refused.
        fields.finish()?;
        Ok(Self { kind, alg, signer, chain })
    }

    fn encode(&self) -> Vec<u8> {
        let mut entries = vec![
            (Value::Uint(HEADER_ALG), Value::Nint(self.alg.number())),
            (Value::Uint(HEADER_CONTENT_TYPE), self.kind.content_type().into()),
            (Value::Uint(HEADER_X5T), Value::Array(vec![Value::Nint(HASH_SHA_256), self.signer.into()])),
        ];
        if self.kind.carries_chain() {
            entries.push((Value::Uint(HEADER_X5CHAIN), cbor::array(self.chain.iter().map(Vec::as_slice))));
        }
        cbor::encode(&Value::Map(entries))
    }
}

/// The bytes that are signed: Sig_structure of RFC 9052 4.4 with an empty external_aad.
fn signature_structure(protected: &[u8], payload: &[u8]) -> Vec<u8> {
    cbor::encode(&Value::Array(vec![
        "Signature1".into(),
        protected.into(),
        Value::Bytes(Vec::new()),
        payload.into(),
    ]))
}

fn malformed(field: &'static str) -> Problem {
    Problem::new(Code::Malformed, field)
}

/// A key with the certificate it signs under, and the CAs above that certificate.
#[derive(Clone, Debug)]
pub struct Signer {
    key: Arc<SigningKey>,
    certificate: Certificate,
    above: Vec<Certificate>,
}

impl Signer {
    /// Refuses a key that is not the certificate's.
    pub fn new(key: SigningKey, certificate: Certificate, above: Vec<Certificate>) -> Result<Self> {
        if key.public() == certificate.public_key() {
            Ok(Self { key: Arc::new(key), certificate, above })
        } else {
            Err(Problem::new(Code::KeyRefused, "signer")
                .found("a certificate of another key")
                .expected("the certificate of this key"))
        }
    }

    /// The key.
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// The certificate.
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The certificate and those above it, signer first.
    pub fn chain(&self) -> impl Iterator<Item = &Certificate> {
        std::iter::once(&self.certificate).chain(&self.above)
    }
}

/// What a signed object says, and how it is read and written.
pub trait Payload: Sized {
    /// The kind of envelope it travels in.
    const KIND: Kind;

    /// Its bytes.
    fn encode(&self) -> Vec<u8>;

    /// Reads exactly such bytes.
    fn decode(bytes: &[u8]) -> Result<Self>;
}

/// A payload beside the envelope it came in. Form is proven; for the signer see [`crate::trust::Verified`].
#[derive(Clone, Debug)]
pub struct Signed<T> {
    envelope: Sign1,
    value: T,
}

impl<T: Payload> Signed<T> {
    /// Reads the envelope and the payload.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let envelope = Sign1::parse(bytes, T::KIND)?;
        let value = T::decode(envelope.payload())?;
        Ok(Self { envelope, value })
    }

    /// Signs `value`.
    pub fn sign(value: T, signer: &Signer) -> Result<Self> {
        let envelope = Sign1::sign(T::KIND, &value.encode(), signer)?;
        Ok(Self { envelope, value })
    }

    /// Checks that `certificate` is the one named, and the signature by its key. Says nothing about its path.
    pub fn verify_with(&self, certificate: &Certificate) -> Result<()> {
        if certificate.digest() != self.envelope.signer() {
            return Err(Problem::new(Code::CertificateUnknown, "x5t")
                .found(certificate.digest().to_string())
                .expected(self.envelope.signer().to_string()));
        }
        self.envelope.verify(certificate.public_key())
    }
}

impl<T> Signed<T> {
    /// What it says.
    pub const fn value(&self) -> &T {
        &self.value
    }

    /// The envelope.
    pub const fn envelope(&self) -> &Sign1 {
        &self.envelope
    }

    /// The bytes as received.
    pub fn bytes(&self) -> &[u8] {
        self.envelope.bytes()
    }

    /// SHA-256 of the bytes.
    pub fn digest(&self) -> Digest {
        self.envelope.digest()
    }
}
