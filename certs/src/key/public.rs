//! Public keys, refused when weak, and the verification of signatures by them.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use data_encoding::HEXLOWER;
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use rustls_pki_types::alg_id;

use super::CoseAlg;
use crate::der::{self, Reader};
use crate::{Code, Digest, Problem, Result};

/// Largest SubjectPublicKeyInfo: RSA of 8192 bits takes 1062 bytes.
const SPKI_BYTES_MAX: usize = 2048;
/// Smallest RSA modulus (SOG-IS Agreed Cryptographic Mechanisms 1.3, 4.1: legacy; DESIGN's "Trust").
const RSA_BITS_MIN: usize = 2048;
/// Largest RSA modulus that ring verifies.
const RSA_BITS_MAX: usize = 8192;

/// A checked public key: Ed25519, ECDSA P-256 or P-384, RSA of 2048 to 8192 bits. Cheap to clone; equal when the
/// SubjectPublicKeyInfo is equal byte for byte.
#[derive(Clone)]
pub struct PublicKey(Arc<Inner>);

struct Inner {
    spki: Vec<u8>,
    digest: Digest,
    kind: Kind,
    /// The subjectPublicKey as ring takes it.
    raw: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Ed25519,
    P256,
    P384,
    Rsa,
}

impl PublicKey {
    /// Reads a SubjectPublicKeyInfo (RFC 5280 4.1.2.7, RFC 8410, RFC 5480, RFC 3279): exact algorithm identifiers, one
    /// encoding. [`Code::AlgorithmRefused`] for another algorithm or curve, [`Code::KeyRefused`] for a weak or
    /// malformed key.
    pub fn from_spki_der(spki: &[u8]) -> Result<Self> {
        if spki.len() > SPKI_BYTES_MAX {
            return Err(Problem::new(Code::TooLarge, "public key")
                .found(format!("{} bytes", spki.len()))
                .expected(format!("at most {SPKI_BYTES_MAX}")));
        }
        let mut reader = Reader::whole_sequence(spki, "public key")?;
        let algorithm = reader.read(der::tag::SEQUENCE)?;
        let raw = reader.octets_of_bits()?;
        reader.end()?;
        let kind = match algorithm {
            a if a == alg_id::ED25519.as_ref() => Kind::Ed25519,
            a if a == alg_id::ECDSA_P256.as_ref() => Kind::P256,
            a if a == alg_id::ECDSA_P384.as_ref() => Kind::P384,
            a if a == alg_id::RSA_ENCRYPTION.as_ref() => Kind::Rsa,
            other => {
                return Err(Problem::new(Code::AlgorithmRefused, "public key")
                    .found(HEXLOWER.encode(other))
                    .expected("Ed25519, ECDSA P-256 or P-384, or RSA"));
            }
        };
        match kind {
            Kind::Ed25519 => check_ed25519(raw)?,
            Kind::P256 => check_point(raw, 32)?,
            Kind::P384 => check_point(raw, 48)?,
            Kind::Rsa => check_rsa(raw)?,
        }
        Ok(Self(Arc::new(Inner { spki: spki.to_vec(), digest: Digest::of(spki), kind, raw: raw.to_vec() })))
    }

    /// The key that ring derived from a private key of ours.
    pub(super) fn from_raw(algorithm: &[u8], raw: &[u8]) -> Result<Self> {
        let algorithm = der::sequence(&[algorithm]);
        Self::from_spki_der(&der::sequence(&[&algorithm, &der::bit_string(raw)]))
    }

    /// The SubjectPublicKeyInfo, DER.
    pub fn spki_der(&self) -> &[u8] {
        &self.0.spki
    }

    /// SHA-256 of the SubjectPublicKeyInfo: by this a registry lists a key.
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// The name of the algorithm, for people.
    pub fn algorithm(&self) -> &'static str {
        match self.0.kind {
            Kind::Ed25519 => "Ed25519",
            Kind::P256 => "ECDSA P-256",
            Kind::P384 => "ECDSA P-384",
            Kind::Rsa => "RSA",
        }
    }

    /// Verifies a COSE signature over `message` (RFC 9053 2). `alg` must be the key's own algorithm
    /// ([`Code::AlgorithmRefused`]); a signature that does not hold is [`Code::SignatureInvalid`].
    pub fn verify_cose(&self, alg: CoseAlg, message: &[u8], signature: &[u8]) -> Result<()> {
        let algorithm: &'static dyn VerificationAlgorithm = match (self.0.kind, alg) {
            (Kind::Ed25519, CoseAlg::EdDsa) => &signature::ED25519,
            (Kind::P256, CoseAlg::Es256) => &signature::ECDSA_P256_SHA256_FIXED,
            (Kind::P384, CoseAlg::Es384) => &signature::ECDSA_P384_SHA384_FIXED,
            (Kind::Rsa, CoseAlg::Ps256) => &signature::RSA_PSS_2048_8192_SHA256,
            (Kind::Rsa, CoseAlg::Ps384) => &signature::RSA_PSS_2048_8192_SHA384,
            (Kind::Rsa, CoseAlg::Ps512) => &signature::RSA_PSS_2048_8192_SHA512,
            _ => return Err(self.not_the_keys(&alg.number().to_string())),
        };
        self.verify(algorithm, message, signature)
    }

    /// Verifies the signature of a certificate, CSR, CRL or other X.509 object. `algorithm` is the content of its
    /// AlgorithmIdentifier, compared byte for byte with the encodings that RFC 8410, 5758, 4055 and 8017 give, so that
    /// parameters can say nothing else. Errors as [`PublicKey::verify_cose`].
    pub fn verify_x509(&self, algorithm: &[u8], message: &[u8], signature: &[u8]) -> Result<()> {
        let algorithm = x509_algorithm(self.0.kind, algorithm)
            .ok_or_else(|| self.not_the_keys(&HEXLOWER.encode(algorithm)))?;
        self.verify(algorithm, message, signature)
    }

    fn verify(
        &self,
        algorithm: &'static dyn VerificationAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        UnparsedPublicKey::new(algorithm, &self.0.raw)
            .verify(message, signature)
            .map_err(|_| Problem::new(Code::SignatureInvalid, "signature"))
    }

    fn not_the_keys(&self, found: &str) -> Problem {
        Problem::new(Code::AlgorithmRefused, "signature algorithm")
            .found(found)
            .expected(format!("an allowed algorithm of the {} key", self.algorithm()))
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.spki == other.0.spki
    }
}

impl Eq for PublicKey {}

impl Hash for PublicKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.digest.hash(state);
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.algorithm(), self.0.digest)
    }
}

/// The x-coordinate-blind y-coordinates of the 8 points of small order, in canonical form (edwards25519 is of cofactor
/// 8: y = 0, 1, -1 and the two of order 8). Table of libsodium's `ge25519_has_small_order`, crypto_core/ed25519/ref10;
/// "Taming the many EdDSAs" (Chalkias, Garillot, Nikolaenko 2020), table 1. Both signs of x are meant. The
/// non-canonical encodings of these points are refused with all others that are not canonical.
const SMALL_ORDER_Y: [[u8; 32]; 5] = [
    [0; 32],
    [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
    ],
];

/// The field's prime 2^255 - 19, little-endian: y must be below it (RFC 8032 5.1.3).
const PRIME: [u8; 32] = [
    0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
];

/// A point of small order verifies signatures over any message; a second encoding is a second name for one key.
fn check_ed25519(raw: &[u8]) -> Result<()> {
    let mut y = <[u8; 32]>::try_from(raw).map_err(|_| refused("an Ed25519 key of 32 bytes"))?;
    y[31] &= 0x7f;
    if y.iter().rev().ge(PRIME.iter().rev()) {
        return Err(refused("the canonical encoding of an Ed25519 point"));
    }
    if SMALL_ORDER_Y.contains(&y) {
        return Err(refused("an Ed25519 point that is not of small order"));
    }
    Ok(())
}

/// RFC 5480 2.2 with uncompressed points alone; ring refuses a point off the curve at every verification.
fn check_point(raw: &[u8], coordinate_bytes: usize) -> Result<()> {
    if raw.len() == 1 + 2 * coordinate_bytes && raw.first() == Some(&4) {
        Ok(())
    } else {
        Err(refused("an uncompressed point of the curve"))
    }
}

/// RFC 8017 A.1.1, with a modulus of 2048 to 8192 bits, and an odd exponent from 3 to 2^33 - 1, which is ring's bound.
fn check_rsa(raw: &[u8]) -> Result<()> {
    let mut reader = Reader::whole_sequence(raw, "public key")?;
    let modulus = reader.unsigned()?;
    let exponent = reader.unsigned()?;
    reader.end()?;
    let bits = modulus.first().map_or(0, |first| modulus.len() * 8 - first.leading_zeros() as usize);
    let odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
    if !(RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) || !odd(modulus) {
        return Err(refused("an odd RSA modulus of 2048 to 8192 bits").found(format!("{bits} bits")));
    }
    if !odd(exponent) || !der::big_endian(exponent).is_some_and(|e| (3..1 << 33).contains(&e)) {
        return Err(refused("an odd RSA exponent of at least 3").found(HEXLOWER.encode(exponent)));
    }
    Ok(())
}

fn refused(expected: &str) -> Problem {
    Problem::new(Code::KeyRefused, "public key").expected(expected)
}

/// The contents of sha256-, sha384- and sha512WithRSAEncryption without parameters: RFC 4055 5 asks verifiers to
/// accept them absent as well as NULL.
const RSA_SHA256_ABSENT: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b];
const RSA_SHA384_ABSENT: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c];
const RSA_SHA512_ABSENT: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d];

/// Which signature algorithm of X.509 goes with which key, and how ring calls it. SHA-1 is not in it.
fn x509_algorithm(kind: Kind, algorithm: &[u8]) -> Option<&'static dyn VerificationAlgorithm> {
    let table: [(Kind, &[u8], &'static dyn VerificationAlgorithm); 14] = [
        (Kind::Ed25519, &alg_id::ED25519, &signature::ED25519),
        (Kind::P256, &alg_id::ECDSA_SHA256, &signature::ECDSA_P256_SHA256_ASN1),
        (Kind::P256, &alg_id::ECDSA_SHA384, &signature::ECDSA_P256_SHA384_ASN1),
        (Kind::P384, &alg_id::ECDSA_SHA256, &signature::ECDSA_P384_SHA256_ASN1),
        (Kind::P384, &alg_id::ECDSA_SHA384, &signature::ECDSA_P384_SHA384_ASN1),
        (Kind::Rsa, &alg_id::RSA_PKCS1_SHA256, &signature::RSA_PKCS1_2048_8192_SHA256),
        (Kind::Rsa, &alg_id::RSA_PKCS1_SHA384, &signature::RSA_PKCS1_2048_8192_SHA384),
        (Kind::Rsa, &alg_id::RSA_PKCS1_SHA512, &signature::RSA_PKCS1_2048_8192_SHA512),
        (Kind::Rsa, RSA_SHA256_ABSENT, &signature::RSA_PKCS1_2048_8192_SHA256),
        (Kind::Rsa, RSA_SHA384_ABSENT, &signature::RSA_PKCS1_2048_8192_SHA384),
        (Kind::Rsa, RSA_SHA512_ABSENT, &signature::RSA_PKCS1_2048_8192_SHA512),
        (Kind::Rsa, &alg_id::RSA_PSS_SHA256, &signature::RSA_PSS_2048_8192_SHA256),
        (Kind::Rsa, &alg_id::RSA_PSS_SHA384, &signature::RSA_PSS_2048_8192_SHA384),
        (Kind::Rsa, &alg_id::RSA_PSS_SHA512, &signature::RSA_PSS_2048_8192_SHA512),
    ];
    table.iter().find(|(of, id, _)| *of == kind && *id == algorithm).map(|(_, _, ring)| *ring)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::key::SigningKey;

    fn ed25519_spki(raw: &[u8]) -> Vec<u8> {
        der::sequence(&[&der::sequence(&[&alg_id::ED25519]), &der::bit_string(raw)])
    }

    #[test]
    fn every_encoding_of_a_small_order_point_is_refused() {
        let mut encodings = Vec::new();
        for y in SMALL_ORDER_Y {
            encodings.push(y);
            // y + p fits in 255 bits for 0 and 1 alone.
            if y[1..] == [0; 31] {
                let mut above = PRIME;
                above[0] += y[0];
                encodings.push(above);
            }
        }
        for mut encoding in encodings {
            for sign in [0, 0x80] {
                encoding[31] = encoding[31] & 0x7f | sign;
                let code = PublicKey::from_spki_der(&ed25519_spki(&encoding)).unwrap_err().code;
                assert_eq!(code, Code::KeyRefused, "{encoding:02x?}");
            }
        }
        // The two of order 8 are each other's negative, so their sum is p.
        let mut carry = 0_u16;
        for (i, prime) in PRIME.iter().enumerate() {
            let sum = u16::from(SMALL_ORDER_Y[2][i]) + u16::from(SMALL_ORDER_Y[3][i]) + carry;
            assert_eq!(sum as u8, *prime);
            carry = sum >> 8;
        }
    }

    #[test]
    fn weak_and_unknown_keys_are_refused() {
        let key = SigningKey::from_seed(&[7; 32]).unwrap();
        let good = key.public().spki_der().to_vec();
        assert_eq!(PublicKey::from_spki_der(&good).unwrap(), *key.public());
        let point = |algorithm: &[u8], raw: &[u8]| {
            der::sequence(&[&der::sequence(&[algorithm]), &der::bit_string(raw)])
        };
        let rsa = |modulus: &[u8], exponent: &[u8]| {
            let key = der::sequence(&[&der::integer(modulus), &der::integer(exponent)]);
            point(&alg_id::RSA_ENCRYPTION, &key)
        };
        let modulus = [0xff; 256];
        assert!(PublicKey::from_spki_der(&rsa(&modulus, &[1, 0, 1])).is_ok());
        assert!(PublicKey::from_spki_der(&rsa(&modulus, &[3])).is_ok());
        let mut even = modulus;
        even[255] = 0xfe;
        let unused_bits = der::sequence(&[
            &der::sequence(&[&alg_id::ED25519]),
            &der::element(der::tag::BIT_STRING, &[&[1], &[2; 32]]),
        ]);
        let parameters =
            der::sequence(&[&der::sequence(&[&alg_id::ED25519, &[0x05, 0]]), &der::bit_string(&[2; 32])]);
        for (name, spki, code) in [
            ("31 bytes", ed25519_spki(&[2; 31]), Code::KeyRefused),
            ("33 bytes", ed25519_spki(&[2; 33]), Code::KeyRefused),
            ("not canonical", ed25519_spki(&[0xff; 32]), Code::KeyRefused),
            ("parameters of Ed25519", parameters, Code::AlgorithmRefused),
            ("unused bits", unused_bits, Code::Malformed),
            ("trailing byte", [&good[..], &[0]].concat(), Code::Malformed),
            ("curve of Bitcoin", point(&alg_id::ECDSA_P256K1, &[4; 65]), Code::AlgorithmRefused),
            ("P-521", point(&alg_id::ECDSA_P521, &[4; 133]), Code::AlgorithmRefused),
            ("compressed point", point(&alg_id::ECDSA_P256, &[2; 33]), Code::KeyRefused),
            ("point at infinity", point(&alg_id::ECDSA_P256, &[0]), Code::KeyRefused),
            ("P-256 point as P-384", point(&alg_id::ECDSA_P384, &[4; 65]), Code::KeyRefused),
            ("RSA 2047", rsa(&[&[0x7f][..], &[0xff; 255]].concat(), &[3]), Code::KeyRefused),
            ("RSA 1024", rsa(&[0xff; 128], &[1, 0, 1]), Code::KeyRefused),
            ("RSA 8200", rsa(&[0xff; 1025], &[1, 0, 1]), Code::KeyRefused),
            ("even modulus", rsa(&even, &[1, 0, 1]), Code::KeyRefused),
            ("exponent 1", rsa(&modulus, &[1]), Code::KeyRefused),
            ("exponent 2", rsa(&modulus, &[2]), Code::KeyRefused),
            ("exponent of 40 bits", rsa(&modulus, &[0xff; 5]), Code::KeyRefused),
            ("too large", vec![0x30; SPKI_BYTES_MAX + 1], Code::TooLarge),
        ] {
            assert_eq!(PublicKey::from_spki_der(&spki).unwrap_err().code, code, "{name}");
        }
    }

    #[test]
    fn the_algorithm_must_be_the_keys() {
        let ed25519 = SigningKey::from_seed(&[1; 32]).unwrap();
        let p256 = SigningKey::generate_p256().unwrap();
        for (key, alg, other) in
            [(&ed25519, CoseAlg::EdDsa, CoseAlg::Es256), (&p256, CoseAlg::Es256, CoseAlg::EdDsa)]
        {
            let signature = key.sign(b"message").unwrap();
            let public = key.public();
            assert_eq!(signature.len(), 64);
            assert_eq!(public.verify_cose(alg, b"message", &signature), Ok(()));
            let code = |alg, message: &[u8], signature: &[u8]| {
                public.verify_cose(alg, message, signature).unwrap_err().code
            };
            assert_eq!(code(other, b"message", &signature), Code::AlgorithmRefused);
            assert_eq!(code(CoseAlg::Ps256, b"message", &signature), Code::AlgorithmRefused);
            assert_eq!(code(alg, b"massage", &signature), Code::SignatureInvalid);
            assert_eq!(code(alg, b"message", &signature[1..]), Code::SignatureInvalid);
            assert_eq!(code(alg, b"message", &[]), Code::SignatureInvalid);

            let (algorithm, signature) = key.sign_x509(b"tbs").unwrap();
            assert_eq!(public.verify_x509(algorithm, b"tbs", &signature), Ok(()));
            assert_eq!(
                public.verify_x509(&alg_id::RSA_PKCS1_SHA256, b"tbs", &signature).unwrap_err().code,
                Code::AlgorithmRefused
            );
            let with_null = [algorithm, &[0x05, 0]].concat();
            assert_eq!(
                public.verify_x509(&with_null, b"tbs", &signature).unwrap_err().code,
                Code::AlgorithmRefused
            );
        }
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..128)) {
            let _ = PublicKey::from_spki_der(&bytes);
        }
    }
}
