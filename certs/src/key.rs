//! Keys: signing keys that are wiped when dropped, and public keys that were checked before they count.
//!
//! One acceptance rule everywhere: ring's single verification. Nothing here reads a file or chooses randomness,
//! but for ECDSA, where ring takes its own alone (see [`SigningKey::generate_p256`]).

mod public;
mod signing;

pub use public::PublicKey;
pub use signing::SigningKey;

/// A COSE signature algorithm that this project verifies (RFC 9053 2, RFC 8230 2); nothing else is allowed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CoseAlg {
    /// Ed25519 (RFC 9053 2.2): the default.
    EdDsa = -8,
    /// ECDSA with SHA-256, here with P-256 only, `r ‖ s` of 64 bytes: the choice for HSMs.
    Es256 = -7,
    /// ECDSA with SHA-384, here with P-384 only, `r ‖ s` of 96 bytes. Verified, never written.
    Es384 = -35,
    /// RSASSA-PSS with SHA-256, salt of 32 bytes, keys of 2048 to 8192 bits. Verified, never written.
    Ps256 = -37,
    /// RSASSA-PSS with SHA-384, salt of 48 bytes. Verified, never written.
    Ps384 = -38,
    /// RSASSA-PSS with SHA-512, salt of 64 bytes. Verified, never written.
    Ps512 = -39,
}

impl CoseAlg {
    const ALL: [Self; 6] = [Self::EdDsa, Self::Es256, Self::Es384, Self::Ps256, Self::Ps384, Self::Ps512];

    /// The number in the protected header.
    pub const fn number(self) -> i64 {
        self as i64
    }

    /// The algorithm of a number, if it is allowed here.
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|alg| alg.number() == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_trip_and_others_are_unknown() {
        for alg in CoseAlg::ALL {
            assert_eq!(CoseAlg::from_number(alg.number()), Some(alg));
        }
        // RS1, HMAC and none of the registry's other numbers.
        for number in [-65535, -257, -36, 0, 4, 5, i64::MIN, i64::MAX] {
            assert_eq!(CoseAlg::from_number(number), None);
        }
    }
}
