//! Everybody's keys: damaged objects are signed anew by whom they name, so that what lies behind a signature is reached.

use std::collections::HashMap;
use std::sync::Mutex;

use ogic_certs::cbor::{self, Value};
use ogic_certs::cose::Signer;
use ogic_certs::{Digest, key::SigningKey};

/// Most signatures that are remembered.
const MEMO_MAX: usize = 4096;

pub(crate) struct Keys {
    signers: HashMap<Digest, Signer>,
    /// The root's key, and the identifier by which certificates and lists name it.
    root: (SigningKey, Vec<u8>),
    /// Signatures by what they sign: most parts of an input are those of its seed.
    memo: Mutex<HashMap<Digest, Vec<u8>>>,
}

impl Keys {
    pub(crate) fn new(signers: impl IntoIterator<Item = Signer>, root: (SigningKey, Vec<u8>)) -> Self {
        let signers = signers.into_iter().map(|signer| (signer.certificate().digest(), signer)).collect();
        Self { signers, root, memo: Mutex::default() }
    }

    /// The signer with this certificate.
    pub(crate) fn signer(&self, certificate: Digest) -> Option<&Signer> {
        self.signers.get(&certificate)
    }

    /// The signature of whom the protected header names, if his key is here: x5t is the last thing in it.
    pub(crate) fn sign(&self, protected: &[u8], payload: &[u8]) -> Option<Vec<u8>> {
        let named = Digest::from_slice(protected.last_chunk::<32>()?, "x5t").ok()?;
        let key: &SigningKey = self.signer(named)?.key();
        let signed: [Value; 4] = ["Signature1".into(), protected.into(), Vec::new().into(), payload.into()];
        self.signed(key, cbor::encode(&Value::Array(signed.to_vec())))
    }

    /// The root's signature of what is to be in a certificate or list, if that names the root's key as its issuer's.
    pub(crate) fn issue(&self, content: &[u8]) -> Option<Vec<u8>> {
        let (key, id) = &self.root;
        let names_it = content.windows(id.len()).any(|part| part == id);
        names_it.then(|| self.signed(key, content.to_vec())).flatten()
    }

    fn signed(&self, key: &SigningKey, bytes: Vec<u8>) -> Option<Vec<u8>> {
        let what = Digest::of_parts(&[key.public().digest().as_bytes(), &bytes]);
        let mut memo = self.memo.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(signature) = memo.get(&what) {
            return Some(signature.clone());
        }
        let signature = key.sign(&bytes).ok()?;
        if memo.len() == MEMO_MAX {
            memo.clear();
        }
        memo.insert(what, signature.clone());
        Some(signature)
    }
}
