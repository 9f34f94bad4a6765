//! SHA-256 digests, and the identifiers that are one.

use std::fmt;

use data_encoding::HEXLOWER;

use crate::{Code, Problem};

/// A SHA-256 digest (FIPS 180-4), 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// All zeroes: the `prev` of a case's first record, never the digest of anything known.
    pub const ZERO: Self = Self([0; 32]);

    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self::of_parts(&[bytes])
    }

    /// The digest of the concatenation of `parts`, none of which is copied.
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
        for part in parts {
            hash.update(part);
        }
        Self::from_ring(&hash.finish())
    }

    /// Takes a finished ring digest; SHA-256 gives 32 bytes, any other algorithm is our bug.
    pub fn from_ring(digest: &ring::digest::Digest) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest.as_ref());
        Self(bytes)
    }

    /// A digest from exactly 32 received bytes; `field` names the place in the error.
    pub fn from_slice(bytes: &[u8], field: &'static str) -> Result<Self, Problem> {
        match <[u8; 32]>::try_from(bytes) {
            Ok(bytes) => Ok(Self(bytes)),
            Err(_) => Err(Problem::new(Code::Malformed, field)
                .found(format!("{} bytes", bytes.len()))
                .expected("32 bytes")),
        }
    }

    /// A digest from 64 lower-case hex digits, as `sha256sum` prints them.
    pub fn from_hex(text: &str, field: &'static str) -> Result<Self, Problem> {
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| {
            Problem::new(Code::Malformed, field).found(text.to_owned()).expected("64 lower-case hex digits")
        })?;
        Self::from_slice(&bytes, field)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Digest {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", HEXLOWER.encode(&self.0[..6]))
    }
}

/// Declares an identifier that is a SHA-256 digest, so that one cannot be passed for another.
macro_rules! digest_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Digest);

        impl $name {
            /// The 32 bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                self.0.as_bytes()
            }

            /// From 64 lower-case hex digits; `field` names the place in the error.
            pub fn from_hex(text: &str, field: &'static str) -> Result<Self, Problem> {
                Digest::from_hex(text, field).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), self.0)
            }
        }
    };
}

digest_id! {
    /// An event's id: the SHA-256 of its header's COSE bytes as they were received.
    EventId
}

impl EventId {
    /// The id of the event whose header travels as `header_cose`.
    pub fn of(header_cose: &[u8]) -> Self {
        Self(Digest::of(header_cose))
    }
}

digest_id! {
    /// A case's id: derived from its opening event, so that nobody can choose one.
    CaseId
}

impl CaseId {
    /// SHA-256 of `"ogic case 1"` followed by the opening event's id.
    pub fn opened_by(event: EventId) -> Self {
        Self(Digest::of_parts(&[b"ogic case 1", event.as_bytes()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answer_of_fips_180() {
        assert_eq!(
            Digest::of(b"abc").to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(Digest::of_parts(&[b"a", b"", b"bc"]), Digest::of(b"abc"));
    }

    #[test]
    fn hex_is_strict() {
        let text = Digest::of(b"abc").to_string();
        assert_eq!(Digest::from_hex(&text, "digest").unwrap(), Digest::of(b"abc"));
        for bad in ["", "00", &text.to_uppercase(), &text[1..], &format!("{text}00")] {
            assert_eq!(Digest::from_hex(bad, "digest").unwrap_err().code, Code::Malformed, "{bad}");
        }
    }
}
