//! The table of codes: number, whose side is at fault, HTTP status, exit code, sentence and hint in English and
//! Russian. Everything that maps an error to somewhere reads this table and nothing else.

use std::fmt;

/// Whose turn it is to act.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// This node, its operator, its disk.
    Ours,
    /// The agency at the other end.
    Peer,
    /// The certificate authority.
    Authority,
    /// The trusted third party.
    Ttp,
    /// Whoever made the request.
    Caller,
}

impl Side {
    /// The word used in `--json` and in the local API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Peer => "peer",
            Self::Authority => "authority",
            Self::Ttp => "ttp",
            Self::Caller => "caller",
        }
    }
}

macro_rules! codes {
    ($($number:literal $name:ident $side:ident $http:literal $exit:literal
        $en:literal $ru:literal $hint_en:literal $hint_ru:literal;)+) => {
        /// A stable code, printed as `OGIC-` and four digits. Numbers are never reused.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Code {
            $(#[doc = $en] $name = $number,)+
        }

        impl Code {
            /// Every code in order of number.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The number on the wire.
            pub const fn number(self) -> u64 {
                self as u64
            }

            /// The code of a number, if this release knows it.
            pub const fn from_number(number: u64) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)+
                    _ => None,
                }
            }

            /// Whose turn it is to act.
            pub const fn side(self) -> Side {
                match self {
                    $(Self::$name => Side::$side,)+
                }
            }

            /// The HTTP status of the local API.
            pub const fn http(self) -> u16 {
                match self {
                    $(Self::$name => $http,)+
                }
            }

            /// The exit code of the command.
            pub const fn exit(self) -> u8 {
                match self {
                    $(Self::$name => $exit,)+
                }
            }

            /// What happened, in English.
            pub const fn sentence_en(self) -> &'static str {
                match self {
                    $(Self::$name => $en,)+
                }
            }

            /// What happened, in Russian.
            pub const fn sentence_ru(self) -> &'static str {
                match self {
                    $(Self::$name => $ru,)+
                }
            }

            /// What to do next, in English.
            pub const fn hint_en(self) -> &'static str {
                match self {
                    $(Self::$name => $hint_en,)+
                }
            }

            /// What to do next, in Russian.
            pub const fn hint_ru(self) -> &'static str {
                match self {
                    $(Self::$name => $hint_ru,)+
                }
            }
        }
    };
}

// number name side HTTP exit · sentence en · sentence ru · hint en · hint ru
codes! {
    1001 Malformed Caller 400 2
        "the input is not well-formed"
        "the input is not well-formed"
        ""
        "";
    1002 TooLarge Caller 413 2
        "the input is larger than its limit"
        "the input is larger than its limit"
        ""
        "";
    1003 ValueRefused Caller 400 2
        "a value is outside of what is allowed here"
        "a value is outside of what is allowed here"
        ""
        "";
    1004 KindMismatch Caller 422 5
        "the signed object is of another kind than this place takes"
        "the signed object is of another kind than this place takes"
        ""
        "";
    1005 Usage Caller 400 2
        "the command or request cannot be understood"
        "the command or request cannot be understood"
        ""
        "";
    1006 NotFound Caller 404 3
        "there is no such thing here"
        "there is no such thing here"
        ""
        "";
    1007 KeyConflict Caller 409 9
        "the idempotency key was used for another request"
        "the idempotency key was used for another request"
        ""
        "";
    1008 CallerForbidden Caller 403 4
        "this local user may not use the node"
        "this local user may not use the node"
        ""
        "";
    1009 NameRefused Caller 400 2
        "a name is not in its canonical form"
        "a name is not in its canonical form"
        ""
        "";
    2001 SignatureInvalid Peer 422 5
        "the signature does not verify"
        "the signature does not verify"
        ""
        "";
    2002 CertificateUnknown Peer 422 6
        "the signer's certificate is not known here"
        "the signer's certificate is not known here"
        ""
        "";
    2003 PathInvalid Peer 422 5
        "the certificate's path does not lead to a trusted anchor as RFC 5280 demands"
        "the certificate's path does not lead to a trusted anchor as RFC 5280 demands"
        ""
        "";
    2004 CertificateExpired Peer 422 5
        "the certificate is outside of its validity"
        "the certificate is outside of its validity"
        ""
        "";
    2005 CertificateRevoked Peer 422 5
        "the certificate has been revoked"
        "the certificate has been revoked"
        ""
        "";
    2006 TrustUndecidable Ours 422 6
        "trust cannot be decided with what is at hand"
        "trust cannot be decided with what is at hand"
        ""
        "";
    2007 IdentityMismatch Peer 403 4
        "the sender speaks for another agency or role than its certificate does"
        "the sender speaks for another agency or role than its certificate does"
        ""
        "";
    2008 RoleNotAllowed Peer 403 4
        "the key's role does not allow this use"
        "the key's role does not allow this use"
        ""
        "";
    2009 AlgorithmRefused Peer 422 5
        "the signature algorithm is not allowed, or is not the key's"
        "the signature algorithm is not allowed, or is not the key's"
        ""
        "";
    2010 KeyRefused Peer 422 5
        "the key is weak, malformed or used for another role or agency"
        "the key is weak, malformed or used for another role or agency"
        ""
        "";
    2011 DigestMismatch Peer 422 5
        "the bytes are not those that the digest names"
        "the bytes are not those that the digest names"
        ""
        "";
    2012 ProofInvalid Peer 422 5
        "the proof does not lead to the checkpoint's root"
        "the proof does not lead to the checkpoint's root"
        ""
        "";
    2013 RegistryRollback Authority 409 5
        "the registry is older than, or differs from, the one known here"
        "the registry is older than, or differs from, the one known here"
        ""
        "";
    2014 RegistryExpired Authority 422 6
        "the registry is past its life"
        "the registry is past its life"
        ""
        "";
    2015 RegistrySignerUnknown Authority 422 5
        "the registry is signed by a key that was not pinned at join"
        "the registry is signed by a key that was not pinned at join"
        ""
        "";
    2016 ForkDetected Peer 409 5
        "two signed statements of one log or case contradict each other"
        "two signed statements of one log or case contradict each other"
        ""
        "";
    2017 AgencyUnknown Caller 403 4
        "the registry lists no such agency"
        "the registry lists no such agency"
        ""
        "";
    2018 RevocationStale Authority 422 6
        "the revocation data is past its life"
        "the revocation data is past its life"
        ""
        "";
    2019 EvidenceInvalid Ttp 422 5
        "the evidence does not hold"
        "the evidence does not hold"
        ""
        "";
    2020 ApprovalInvalid Peer 422 5
        "the official's approval does not hold for this event"
        "the official's approval does not hold for this event"
        ""
        "";
    3001 CaseUnknown Caller 404 3
        "there is no such case here"
        "there is no such case here"
        ""
        "";
    3002 GrantMissing Caller 403 4
        "no right to this case was granted"
        "no right to this case was granted"
        ""
        "";
    3003 GrantRevoked Caller 403 4
        "the right to this case was revoked"
        "the right to this case was revoked"
        ""
        "";
    3004 GrantExpired Caller 403 4
        "the right to this case has expired"
        "the right to this case has expired"
        ""
        "";
    3005 GrantTooNarrow Caller 403 4
        "the right to this case does not cover this act"
        "the right to this case does not cover this act"
        ""
        "";
    3006 StepUnknown Caller 422 4
        "the plan has no such step"
        "the plan has no such step"
        ""
        "";
    3007 StepNotOpen Caller 409 4
        "the step is not open for this act"
        "the step is not open for this act"
        ""
        "";
    3008 CaseClosed Caller 409 4
        "the case is closed"
        "the case is closed"
        ""
        "";
    3009 HeadUnknown Peer 409 9
        "the event names a head that is no record of this case"
        "the event names a head that is no record of this case"
        ""
        "";
    3010 HeadMoved Caller 409 9
        "the case has moved on since the head that the event names"
        "the case has moved on since the head that the event names"
        ""
        "";
    3011 KindNotAllowed Caller 403 4
        "this kind of event is not for this author"
        "this kind of event is not for this author"
        ""
        "";
    3012 ServiceUnknown Caller 404 3
        "no such service definition is at hand"
        "no such service definition is at hand"
        ""
        "";
    3013 ServiceUntrusted Authority 422 5
        "the service definition is not signed by a publisher that the registry lists"
        "the service definition is not signed by a publisher that the registry lists"
        ""
        "";
    3014 PendingBase Caller 409 4
        "the act rests on an event that is still pending"
        "the act rests on an event that is still pending"
        ""
        "";
    3015 CaseSuspended Caller 409 4
        "the case is suspended"
        "the case is suspended"
        ""
        "";
    3016 TermsRefused Caller 422 4
        "the terms of the right are not acceptable"
        "the terms of the right are not acceptable"
        ""
        "";
    3017 DocumentMissing Caller 404 3
        "the document is not held here"
        "the document is not held here"
        ""
        "";
    3018 NotHome Peer 421 4
        "this agency is not the home of the case"
        "this agency is not the home of the case"
        ""
        "";
    4001 PeerUnreachable Peer 503 7
        "the peer cannot be reached"
        "the peer cannot be reached"
        ""
        "";
    4002 PeerTimeout Peer 504 7
        "the peer did not answer in time"
        "the peer did not answer in time"
        ""
        "";
    4003 ProtocolViolation Peer 400 1
        "the peer broke the protocol"
        "the peer broke the protocol"
        ""
        "";
    4004 AnswerLost Ours 503 7
        "the answer was lost; whether the change was made is not known"
        "the answer was lost; whether the change was made is not known"
        ""
        "";
    4005 LimitReached Caller 429 7
        "a limit of the receiver is reached"
        "a limit of the receiver is reached"
        ""
        "";
    4006 HelloExpected Peer 400 1
        "the connection does not begin with a valid hello"
        "the connection does not begin with a valid hello"
        ""
        "";
    4007 NodeUnreachable Ours 503 7
        "the node's local socket does not answer"
        "the node's local socket does not answer"
        ""
        "";
    5001 StoreLocked Ours 409 8
        "another process works on this folder"
        "another process works on this folder"
        ""
        "";
    5002 StoreDamaged Ours 500 8
        "the store is damaged"
        "the store is damaged"
        ""
        "";
    5003 StoreReadOnly Ours 503 8
        "the store is read-only since a write failed"
        "the store is read-only since a write failed"
        ""
        "";
    5004 DiskFull Ours 507 8
        "the disk is full"
        "the disk is full"
        ""
        "";
    5005 DiskFailed Ours 500 8
        "the disk refused a read or a write"
        "the disk refused a read or a write"
        ""
        "";
    5006 StoreNewer Ours 500 8
        "the store was written by a newer release"
        "the store was written by a newer release"
        ""
        "";
    5007 KeyExposed Ours 500 8
        "a key file is readable by others"
        "a key file is readable by others"
        ""
        "";
    5008 BehindPeers Ours 503 8
        "this node is behind what others hold of its log and does not sign"
        "this node is behind what others hold of its log and does not sign"
        ""
        "";
    6001 TokenRefused Caller 403 4
        "the token is not valid for this request"
        "the token is not valid for this request"
        ""
        "";
    6002 TokenSpent Caller 403 4
        "the token has been used"
        "the token has been used"
        ""
        "";
    6003 TokenExpired Caller 403 4
        "the token has expired"
        "the token has expired"
        ""
        "";
    6004 RequestRefused Caller 422 4
        "the certificate request asks for what the profile does not give"
        "the certificate request asks for what the profile does not give"
        ""
        "";
    6005 NotYours Caller 403 4
        "the certificate belongs to somebody else"
        "the certificate belongs to somebody else"
        ""
        "";
    6006 AuthorityUnreachable Authority 503 7
        "the authority cannot be reached"
        "the authority cannot be reached"
        ""
        "";
    6007 TtpUnreachable Ttp 503 7
        "the trusted third party cannot be reached"
        "the trusted third party cannot be reached"
        ""
        "";
    9001 Internal Ours 500 1
        "an error of ours"
        "an error of ours"
        ""
        "";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OGIC-{:04}", self.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_names_its_code_and_all_are_sorted() {
        for pair in Code::ALL.windows(2) {
            assert!(pair[0].number() < pair[1].number());
        }
        for code in Code::ALL {
            assert_eq!(Code::from_number(code.number()), Some(*code));
            assert!(code.exit() <= 10 && (400..600).contains(&code.http()), "{code}");
        }
        assert_eq!(Code::from_number(0), None);
    }
}
