//! Private keys. They never leave their holder; they are written as PKCS#8 and printed by their public digest alone.

use std::fmt;

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use rustls_pki_types::alg_id;
use zeroize::Zeroizing;

use super::{CoseAlg, PublicKey};
use crate::{Code, Problem, Result, der, pem};

/// PKCS#8 version 1 of an Ed25519 seed, without its 32 bytes (RFC 8410 7).
const ED25519_PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// A private key, Ed25519 or ECDSA P-256. Its PKCS#8 is wiped when dropped; ring's own expanded copy is not, since
/// ring offers no way to it.
pub struct SigningKey {
    pkcs8: Zeroizing<Vec<u8>>,
    pair: Pair,
    public: PublicKey,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
}

impl SigningKey {
    /// The Ed25519 key of a seed of 32 random bytes (RFC 8032 5.1.5).
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self> {
        let mut pkcs8 = Zeroizing::new(Vec::with_capacity(48));
        pkcs8.extend_from_slice(&ED25519_PKCS8_PREFIX);
        pkcs8.extend_from_slice(seed);
        Self::from_pkcs8(pkcs8)
    }

    /// A fresh ECDSA P-256 key. The one place, with signing by such a key, where this crate uses randomness of its own:
    /// ring's ECDSA takes only the system's.
    pub fn generate_p256() -> Result<Self> {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .map_err(|_| refused("randomness of the system"))?;
        Self::from_pkcs8(Zeroizing::new(document.as_ref().to_vec()))
    }

    /// Reads an unencrypted PKCS#8 private key in DER (RFC 5958), Ed25519 or ECDSA P-256. If the public key is inside,
    /// it must be the private key's.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self> {
        Self::from_pkcs8(Zeroizing::new(der.to_vec()))
    }

    /// Reads one block `PRIVATE KEY`; see [`SigningKey::from_pkcs8_der`].
    pub fn from_pem(text: &str) -> Result<Self> {
        let mut blocks = pem::decode(text, "PRIVATE KEY", "private key")?;
        match (blocks.pop(), blocks.is_empty()) {
            (Some(pkcs8), true) => Self::from_pkcs8(pkcs8),
            _ => Err(Problem::new(Code::Malformed, "private key").expected("one block PRIVATE KEY")),
        }
    }

    fn from_pkcs8(pkcs8: Zeroizing<Vec<u8>>) -> Result<Self> {
        if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&pkcs8) {
            let public = PublicKey::from_raw(&alg_id::ED25519, pair.public_key().as_ref())?;
            return Ok(Self { pkcs8, pair: Pair::Ed25519(pair), public });
        }
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8, &SystemRandom::new())
            .map_err(|_| refused("PKCS#8 of an Ed25519 or ECDSA P-256 key"))?;
        let public = PublicKey::from_raw(&alg_id::ECDSA_P256, pair.public_key().as_ref())?;
        Ok(Self { pkcs8, pair: Pair::P256(pair), public })
    }

    /// One block `PRIVATE KEY`. The caller keeps it from others' eyes.
    pub fn to_pem(&self) -> Zeroizing<String> {
        pem::encode(&self.pkcs8, "PRIVATE KEY")
    }

    /// The PKCS#8, for rustls.
    pub fn pkcs8_der(&self) -> Zeroizing<Vec<u8>> {
        self.pkcs8.clone()
    }

    /// The public key.
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The algorithm of [`SigningKey::sign`].
    pub const fn cose_alg(&self) -> CoseAlg {
        match self.pair {
            Pair::Ed25519(_) => CoseAlg::EdDsa,
            Pair::P256(_) => CoseAlg::Es256,
        }
    }

    /// Signs as COSE does: 64 bytes, `R ‖ S` of Ed25519 or `r ‖ s` of ECDSA (RFC 9053 2.1).
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        match &self.pair {
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Pair::P256(pair) => pair
                .sign(&SystemRandom::new(), message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| refused("randomness of the system")),
        }
    }

    /// Signs as X.509 does: the content of the AlgorithmIdentifier, and the content of the BIT STRING.
    pub(crate) fn sign_x509(&self, message: &[u8]) -> Result<(&'static [u8], Vec<u8>)> {
        let signature = self.sign(message)?;
        match &self.pair {
            Pair::Ed25519(_) => Ok((ED25519, signature)),
            Pair::P256(_) => {
                // Ecdsa-Sig-Value of RFC 5480: a SEQUENCE of the two numbers.
                let (r, s) =
                    signature.split_at_checked(32).ok_or_else(|| refused("64 bytes of signature"))?;
                Ok((ECDSA_SHA256, der::sequence(&[&der::integer(r), &der::integer(s)])))
            }
        }
    }

    /// The content of the AlgorithmIdentifier that [`SigningKey::sign_x509`] will use.
    pub(crate) const fn x509_algorithm(&self) -> &'static [u8] {
        match self.pair {
            Pair::Ed25519(_) => ED25519,
            Pair::P256(_) => ECDSA_SHA256,
        }
    }
}

/// id-Ed25519 (RFC 8410 3).
const ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];
/// ecdsa-with-SHA256 (RFC 5758 3.2).
const ECDSA_SHA256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];

fn refused(expected: &str) -> Problem {
    Problem::new(Code::KeyRefused, "private key").expected(expected)
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({:?})", self.public)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answer_of_rfc_8032_7_1() {
        let seed = data_encoding::HEXLOWER
            .decode(b"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
            .unwrap();
        let key = SigningKey::from_seed(&seed.try_into().unwrap()).unwrap();
        let spki = key.public().spki_der();
        assert_eq!(
            data_encoding::HEXLOWER.encode(&spki[spki.len() - 32..]),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        );
        assert_eq!(
            data_encoding::HEXLOWER.encode(&key.sign(b"").unwrap()),
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        );
    }

    #[test]
    fn pem_round_trips_for_both_algorithms() {
        for key in [SigningKey::from_seed(&[3; 32]).unwrap(), SigningKey::generate_p256().unwrap()] {
            let again = SigningKey::from_pem(&key.to_pem()).unwrap();
            assert_eq!(again.public(), key.public());
            let signature = again.sign(b"m").unwrap();
            assert_eq!(key.public().verify_cose(key.cose_alg(), b"m", &signature), Ok(()));
            assert_eq!(again.sign_x509(b"m").unwrap().0, key.x509_algorithm());
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let pem = SigningKey::from_seed(&[3; 32]).unwrap().to_pem();
        let twice = format!("{}{}", &*pem, &*pem);
        for (text, code) in [
            ("", Code::Malformed),
            (twice.as_str(), Code::Malformed),
            (&pem.replace("PRIVATE", "EC PRIVATE"), Code::Malformed),
            (&pem::encode(b"\x30\x00", "PRIVATE KEY"), Code::KeyRefused),
        ] {
            assert_eq!(SigningKey::from_pem(text).unwrap_err().code, code);
        }
    }

    #[test]
    fn debug_prints_no_secret() {
        let key = SigningKey::from_seed(&[0xab; 32]).unwrap();
        let text = format!("{key:?}");
        assert!(!text.contains("abab") && !text.contains("171, 171"), "{text}");
        assert!(text.starts_with("SigningKey(Ed25519 "), "{text}");
    }
}
