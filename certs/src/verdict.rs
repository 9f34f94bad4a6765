//! Verdicts and sub-indications by the names of EN 319 102-1.
//!
//! One deviation, on purpose: a path that breaks RFC 5280 in a way that no further data could mend is TOTAL-FAILED
//! with CHAIN_CONSTRAINTS_FAILURE, where the standard says INDETERMINATE. Here INDETERMINATE is a promise that
//! something would settle it, and what rests on it waits.

/// What a validation says. Ordered so that the greatest is the worst: of several checks the worst verdict wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Verdict {
    /// Every check held.
    TotalPassed = 0,
    /// It cannot be decided with what is at hand; the report says what would settle it.
    Indeterminate = 1,
    /// A check failed, and nothing will mend it.
    TotalFailed = 2,
}

impl Verdict {
    /// The number on the wire.
    pub const fn number(self) -> u64 {
        self as u64
    }

    /// The verdict of a number.
    pub const fn from_number(number: u64) -> Option<Self> {
        match number {
            0 => Some(Self::TotalPassed),
            1 => Some(Self::Indeterminate),
            2 => Some(Self::TotalFailed),
            _ => None,
        }
    }

    /// The name of EN 319 102-1, table 5.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TotalPassed => "TOTAL-PASSED",
            Self::Indeterminate => "INDETERMINATE",
            Self::TotalFailed => "TOTAL-FAILED",
        }
    }
}

macro_rules! sub_indications {
    ($($(#[$doc:meta])* $name:ident $text:literal;)+) => {
        /// Why a verdict is not TOTAL-PASSED: EN 319 102-1, table 6.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum SubIndication {
            $($(#[$doc])* $name,)+
        }

        impl SubIndication {
            /// Every sub-indication that is used here.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The name of the standard.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            /// The sub-indication of a name.
            pub fn parse(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$name),)+
                    _ => None,
                }
            }
        }
    };
}

sub_indications! {
    /// The signed object is not of its format.
    FormatFailure "FORMAT_FAILURE";
    /// The bytes are not those that the signature commits to.
    HashFailure "HASH_FAILURE";
    /// The signature does not verify with the signer's key.
    SigCryptoFailure "SIG_CRYPTO_FAILURE";
    /// The signer's certificate or one above it was revoked at the time.
    Revoked "REVOKED";
    /// The time lies after the certificate's notAfter.
    Expired "EXPIRED";
    /// The time lies before the certificate's notBefore.
    NotYetValid "NOT_YET_VALID";
    /// The signature breaks a constraint of the policy: wrong role, wrong agency, wrong attributes.
    SigConstraintsFailure "SIG_CONSTRAINTS_FAILURE";
    /// The path breaks RFC 5280 or a constraint of the policy.
    ChainConstraintsFailure "CHAIN_CONSTRAINTS_FAILURE";
    /// The set of certificates could not be judged: a limit was met.
    CertificateChainGeneralFailure "CERTIFICATE_CHAIN_GENERAL_FAILURE";
    /// An algorithm or a key's size is not allowed.
    CryptoConstraintsFailure "CRYPTO_CONSTRAINTS_FAILURE";
    /// The policy asks for more than can be processed here.
    PolicyProcessingError "POLICY_PROCESSING_ERROR";
    /// The policy is not at hand.
    SignaturePolicyNotAvailable "SIGNATURE_POLICY_NOT_AVAILABLE";
    /// The times of the signature and its time-stamps contradict each other.
    TimestampOrderFailure "TIMESTAMP_ORDER_FAILURE";
    /// The signer's certificate is not at hand.
    NoSigningCertificateFound "NO_SIGNING_CERTIFICATE_FOUND";
    /// No path to a trusted anchor could be built.
    NoCertificateChainFound "NO_CERTIFICATE_CHAIN_FOUND";
    /// Revoked now, and no proof that the signature is older.
    RevokedNoPoe "REVOKED_NO_POE";
    /// An authority above was revoked, and no proof that the signature is older.
    RevokedCaNoPoe "REVOKED_CA_NO_POE";
    /// Outside of the certificate's validity, and no proof of an earlier time.
    OutOfBoundsNoPoe "OUT_OF_BOUNDS_NO_POE";
    /// An algorithm is no longer allowed, and no proof of an earlier time.
    CryptoConstraintsFailureNoPoe "CRYPTO_CONSTRAINTS_FAILURE_NO_POE";
    /// A proof of existence is missing.
    NoPoe "NO_POE";
    /// Revocation data is missing or stale; later it may be at hand.
    TryLater "TRY_LATER";
    /// The signed bytes are not at hand.
    SignedDataNotFound "SIGNED_DATA_NOT_FOUND";
    /// Anything else.
    Generic "GENERIC";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_is_the_greatest() {
        let worst = [Verdict::Indeterminate, Verdict::TotalFailed, Verdict::TotalPassed].into_iter().max();
        assert_eq!(worst, Some(Verdict::TotalFailed));
        assert_eq!(Verdict::TotalPassed.max(Verdict::Indeterminate), Verdict::Indeterminate);
    }

    #[test]
    fn numbers_and_names_round_trip() {
        for number in 0..3 {
            assert_eq!(Verdict::from_number(number).map(Verdict::number), Some(number));
        }
        assert_eq!(Verdict::from_number(3), None);
        for sub in SubIndication::ALL {
            assert_eq!(SubIndication::parse(sub.as_str()), Some(*sub));
        }
        assert_eq!(SubIndication::parse("revoked"), None);
    }
}
