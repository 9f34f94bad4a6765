//! What an attacker makes: certificates that the authority would never issue, though by its key, and envelopes whose parts
//! do not belong together.

use std::path::Path;
use std::time::SystemTime;

use ogic_certs::cbor::{self, Value};
use ogic_certs::certificate::Certificate;
use ogic_certs::cose::{Kind, Payload, Sign1, Signed, Signer};
use ogic_certs::issue::{self, Issuer};
use ogic_certs::key::SigningKey;
use ogic_certs::{AgencyId, Digest, Identity, Timestamp};
use ogic_node::folder::Folder;

const DAY_MS: u64 = 86_400_000;

/// Now.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Timestamp::from_ms_clamped(u64::try_from(since.as_millis()).unwrap())
}

pub(crate) fn agency(text: &str) -> AgencyId {
    AgencyId::parse(text, "agency").unwrap()
}

/// A key from a word.
pub(crate) fn key(word: &str) -> SigningKey {
    SigningKey::from_seed(Digest::of(word.as_bytes()).as_bytes()).unwrap()
}

fn serial(word: &str) -> [u8; 16] {
    Digest::of(word.as_bytes()).as_bytes()[..16].try_into().unwrap()
}

/// A root's key, to issue what should not be.
pub(crate) struct Root {
    certificate: Certificate,
    key: SigningKey,
}

impl Root {
    /// The stolen key of a federation's authority.
    pub(crate) fn stolen(authority: &Path) -> Self {
        let folder = Folder::open(authority).unwrap();
        let certificate = folder.chain("root").unwrap().remove(0);
        Self { certificate, key: folder.key("root").unwrap().unwrap() }
    }

    /// A root of the same name that nobody trusts.
    pub(crate) fn stranger() -> Self {
        let key = key("stranger's root");
        let (from, to) = (now().minus_ms(DAY_MS), now().plus_ms(3650 * DAY_MS));
        let der = issue::root(&key, &agency("gov.example"), serial("root"), from, to).unwrap();
        Self { certificate: Certificate::from_der(&der).unwrap(), key }
    }

    /// A signer for `identity` whose certificate is good for `days` from today; a past span if negative.
    pub(crate) fn signer(&self, identity: &str, days: std::ops::Range<i64>) -> Signer {
        let at = |days: i64| {
            let ms = days.unsigned_abs() * DAY_MS;
            if days < 0 { now().minus_ms(ms) } else { now().plus_ms(ms) }
        };
        let word = format!("{identity} {days:?}");
        let subject_key = key(&word);
        let issuer = Issuer { certificate: &self.certificate, key: &self.key };
        let uri = Identity::parse(identity).unwrap();
        let (from, to) = (at(days.start), at(days.end));
        let der = issue::leaf(&issuer, &uri, subject_key.public(), serial(&word), from, to).unwrap();
        let certificate = Certificate::from_der(&der).unwrap();
        Signer::new(subject_key, certificate, vec![self.certificate.clone()]).unwrap()
    }

    /// A certificate that signs itself, for an agency's identity.
    pub(crate) fn self_signed(identity: &str) -> Signer {
        // A leaf under its own key is refused by the library, so that the key issues under another name's certificate.
        let word = format!("self-signed {identity}");
        let own = Self { certificate: Self::stranger().certificate, key: key("stranger's root") };
        let subject_key = key(&word);
        let issuer = Issuer { certificate: &own.certificate, key: &own.key };
        let uri = Identity::parse(identity).unwrap();
        let (from, to) = (now().minus_ms(DAY_MS), now().plus_ms(DAY_MS));
        let der = issue::leaf(&issuer, &uri, subject_key.public(), serial(&word), from, to).unwrap();
        Signer::new(subject_key, Certificate::from_der(&der).unwrap(), Vec::new()).unwrap()
    }
}

/// The signer of a role that a folder holds.
pub(crate) fn held(data: &Path, role: &str) -> Signer {
    Folder::open(data).unwrap().signer(role).unwrap()
}

/// A COSE_Sign1 whose every part a test may change before it is signed.
#[derive(Clone)]
pub(crate) struct Envelope {
    pub(crate) tag: u8,
    pub(crate) header: Vec<(Value, Value)>,
    pub(crate) unprotected: Value,
    pub(crate) payload: Value,
}

impl Envelope {
    /// The parts that `signer` would sign for a payload of this kind.
    pub(crate) fn of<T: Payload>(payload: &T, signer: &Signer) -> Self {
        Self::raw(T::KIND, &payload.encode(), signer)
    }

    pub(crate) fn raw(kind: Kind, payload: &[u8], signer: &Signer) -> Self {
        let x5t = Value::Array(vec![Value::Nint(-16), signer.certificate().digest().into()]);
        Self {
            tag: 0xd2,
            header: vec![
                (Value::Uint(1), Value::Nint(-8)),
                (Value::Uint(3), kind.content_type().into()),
                (Value::Uint(34), x5t),
            ],
            unprotected: Value::Map(Vec::new()),
            payload: payload.into(),
        }
    }

    pub(crate) fn without(mut self, label: u64) -> Self {
        self.header.retain(|(key, _)| *key != Value::Uint(label));
        self
    }

    pub(crate) fn with(self, label: u64, value: Value) -> Self {
        let mut changed = self.without(label);
        changed.header.push((Value::Uint(label), value));
        changed
    }

    pub(crate) fn change(mut self, edit: impl FnOnce(&mut Self)) -> Self {
        edit(&mut self);
        self
    }

    /// Signs what it has become.
    pub(crate) fn sign(&self, signer: &Signer) -> Vec<u8> {
        let protected = cbor::encode(&Value::Map(self.header.clone()));
        let payload = match &self.payload {
            Value::Bytes(bytes) => bytes.clone(),
            _ => Vec::new(),
        };
        let signed = Value::Array(vec![
            "Signature1".into(),
            protected.as_slice().into(),
            Value::Bytes(Vec::new()),
            payload.into(),
        ]);
        let signature = signer.key().sign(&cbor::encode(&signed)).unwrap();
        self.close(&signature)
    }

    /// Closes it with whatever stands for a signature.
    pub(crate) fn close(&self, signature: &[u8]) -> Vec<u8> {
        let body = cbor::encode(&Value::Array(vec![
            cbor::encode(&Value::Map(self.header.clone())).into(),
            self.unprotected.clone(),
            self.payload.clone(),
            signature.into(),
        ]));
        [&[self.tag], body.as_slice()].concat()
    }
}

/// A signed object with one bit of its signature changed.
pub(crate) fn flipped<T>(signed: &Signed<T>) -> Vec<u8> {
    flipped_bytes(signed.bytes())
}

/// The bytes of a signed object with one bit of its signature changed.
pub(crate) fn flipped_bytes(signed: &[u8]) -> Vec<u8> {
    let mut bytes = signed.to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    bytes
}

/// The kind of what was signed.
pub(crate) fn kind_of(bytes: &[u8]) -> Kind {
    Sign1::parse_any(bytes).unwrap().kind()
}
