//! Checkpoints: a log's tree head in the form of a C2SP tlog-checkpoint, with the commit's tree of heads.
//!
//! This is the payload that a seal signs. Signature and certificate are the caller's to check, and that the
//! signer is the agency which the origin names.

use std::fmt;

use data_encoding::{BASE64, HEXLOWER};

use crate::cose::{Kind, Payload};
use crate::merkle::{Tree, empty_root, verify_consistency};
use crate::record::HeadLeaf;
use crate::{AgencyId, CaseId, Code, Digest, Problem, Result};

/// Longest checkpoint: an origin of 311 bytes, two numbers of 20 digits, two roots of 44 characters, the word
/// `heads`, its two spaces and four line ends.
pub const CHECKPOINT_BYTES_MAX: usize = 450;

/// What a log's tree was at one size, and which heads its last commit stated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// Which log.
    pub origin: Origin,
    /// How many leaves.
    pub size: u64,
    /// The RFC 9162 root over them.
    pub root: Digest,
    /// The small tree of heads.
    pub heads: Heads,
}

impl Checkpoint {
    /// The signed bytes: origin, size, root and the extension line `heads <count> <root>`, each ended by a
    /// line feed; roots in standard padded base64 (C2SP tlog-checkpoint, "Note text").
    pub fn body(&self) -> String {
        format!(
            "{}\n{}\n{}\nheads {} {}\n",
            self.origin,
            self.size,
            BASE64.encode(self.root.as_bytes()),
            self.heads.count,
            BASE64.encode(self.heads.root.as_bytes()),
        )
    }

    /// Reads what [`Checkpoint::body`] writes and no other spelling of it. `TooLarge` beyond
    /// [`CHECKPOINT_BYTES_MAX`], else `Malformed`.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > CHECKPOINT_BYTES_MAX {
            return Err(Problem::new(Code::TooLarge, "checkpoint")
                .found(format!("{} bytes", bytes.len()))
                .expected(format!("at most {CHECKPOINT_BYTES_MAX} bytes")));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| malformed("checkpoint", "no UTF-8", "UTF-8"))?;
        let lines: Vec<&str> = text.strip_suffix('\n').unwrap_or_default().split('\n').collect();
        let [origin, size, root, heads] = lines.as_slice() else {
            return Err(malformed("checkpoint", text, "four lines, each ended"));
        };
        let heads_words: Vec<&str> = heads.split(' ').collect();
        let ["heads", count, heads_root] = heads_words.as_slice() else {
            return Err(malformed("heads", heads, "heads <count> <root>"));
        };
        let checkpoint = Self {
            origin: Origin::parse(origin, "origin")?,
            size: decimal(size, "size")?,
            root: base64(root, "root")?,
            heads: Heads { count: decimal(count, "heads")?, root: base64(heads_root, "heads")? },
        };
        // The root of nothing is known, so another one there would be a second spelling.
        check_empty(checkpoint.size, &checkpoint.root, "root")?;
        check_empty(checkpoint.heads.count, &checkpoint.heads.root, "heads")?;
        Ok(checkpoint)
    }

    /// Checks that `older`, of the same log, is a beginning of this one (RFC 9162 2.1.4.2).
    ///
    /// `ForkDetected` if both have one size and different roots: both signed sides are then evidence.
    /// `ProofInvalid` if the proof fails or this is the smaller one, `IdentityMismatch` for another log.
    pub fn verify_extends(&self, older: &Self, proof: &[Digest]) -> Result<()> {
        if self.origin != older.origin {
            return Err(Problem::new(Code::IdentityMismatch, "origin")
                .found(self.origin.to_string())
                .expected(older.origin.to_string()));
        }
        if self.size == older.size && self.root != older.root {
            return Err(Problem::new(Code::ForkDetected, "root")
                .found(self.root.to_string())
                .expected(format!("{} at size {}", older.root, older.size)));
        }
        verify_consistency(older.size, self.size, &older.root, &self.root, proof)
    }
}

/// A log's id: `<agency>/log/<32 hex digits>/<generation>`, listed in the registry.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// Whose seal signs the log's checkpoints.
    pub agency: AgencyId,
    /// 16 random bytes drawn when the store was made.
    pub log: [u8; 16],
    /// Rises when the log begins anew.
    pub generation: u64,
}

impl Origin {
    /// Reads the canonical form only; `field` names the place in the error. `Malformed` otherwise.
    pub fn parse(text: &str, field: &'static str) -> Result<Self> {
        let refused = || malformed(field, text, "<agency>/log/<32 hex digits>/<generation>");
        let parts: Vec<&str> = text.splitn(5, '/').collect();
        let [agency, "log", log, generation] = parts.as_slice() else {
            return Err(refused());
        };
        let log = HEXLOWER.decode(log.as_bytes()).map_err(|_| refused())?;
        Ok(Self {
            agency: AgencyId::parse(agency, field).map_err(|_| refused())?,
            log: log.try_into().map_err(|_| refused())?,
            generation: decimal(generation, field).map_err(|_| refused())?,
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/log/{}/{}", self.agency, HEXLOWER.encode(&self.log), self.generation)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Count and root of a commit's small tree of heads, one leaf for each case touched or read in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Heads {
    /// How many heads.
    pub count: u64,
    /// The RFC 9162 root over the head leaves in order of case; SHA-256 of nothing for none.
    pub root: Digest,
}

impl Heads {
    /// A commit that states no head.
    pub fn none() -> Self {
        Self { count: 0, root: empty_root() }
    }
}

/// A commit's heads in order of case, able to prove each of them.
#[derive(Clone, Default, Debug)]
pub struct HeadsTree {
    leaves: Vec<HeadLeaf>,
    tree: Tree,
}

impl HeadsTree {
    /// Puts the heads in order. `Internal` if a case has two, which would be stating a fork.
    pub fn new(mut leaves: Vec<HeadLeaf>) -> Result<Self> {
        leaves.sort_unstable_by_key(|head| head.case);
        if let Some(pair) = leaves.windows(2).find(|pair| pair[0].case == pair[1].case) {
            return Err(Problem::new(Code::Internal, "heads").found(format!("two of case {}", pair[0].case)));
        }
        let tree = leaves.iter().map(HeadLeaf::digest).collect();
        Ok(Self { leaves, tree })
    }

    /// What the checkpoint states of them.
    pub fn heads(&self) -> Heads {
        Heads { count: self.tree.size(), root: self.tree.root() }
    }

    /// The head of a case and its place in the small tree.
    pub fn head_of(&self, case: CaseId) -> Option<(u64, &HeadLeaf)> {
        let place = self.leaves.binary_search_by_key(&case, |head| head.case).ok()?;
        Some((place as u64, self.leaves.get(place)?))
    }

    /// All heads in order of case.
    pub fn leaves(&self) -> &[HeadLeaf] {
        &self.leaves
    }

    /// The digests that prove the heads at these places, as [`crate::merkle::verify_many`] takes them; none
    /// for no place.
    pub fn prove(&self, places: &[u64]) -> Result<Vec<Digest>> {
        if places.is_empty() { Ok(Vec::new()) } else { self.tree.prove(places, self.tree.size()) }
    }
}

/// A decimal number as Rust prints it: no sign, no leading zero.
fn decimal(text: &str, field: &'static str) -> Result<u64> {
    text.parse()
        .ok()
        .filter(|number: &u64| number.to_string() == text)
        .ok_or_else(|| malformed(field, text, "a decimal number without sign or leading zeros"))
}

/// Standard base64 with padding and without stray bits, of 32 bytes.
fn base64(text: &str, field: &'static str) -> Result<Digest> {
    let bytes = BASE64
        .decode(text.as_bytes())
        .map_err(|_| malformed(field, text, "44 characters of canonical base64"))?;
    Digest::from_slice(&bytes, field)
}

fn check_empty(count: u64, root: &Digest, field: &'static str) -> Result<()> {
    if count > 0 || *root == empty_root() {
        Ok(())
    } else {
        Err(malformed(field, &root.to_string(), "the root of nothing, SHA-256 of nothing"))
    }
}

fn malformed(field: &'static str, found: &str, expected: &'static str) -> Problem {
    Problem::new(Code::Malformed, field).found(found).expected(expected)
}

impl Payload for Checkpoint {
    const KIND: Kind = Kind::Checkpoint;

    fn encode(&self) -> Vec<u8> {
        self.body().into_bytes()
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        Self::parse(bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "transport.gov.example/log/000102030405060708090a0b0c0d0e0f/1\n\
        42\n\
        ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs=\n\
        heads 1 PiPoFgA5WUoziU9lZOGxNIu9egCI1CxKy3PurtWcAJ0=\n";

    #[test]
    fn the_body_is_the_tlog_checkpoint_of_its_fields() {
        let checkpoint = Checkpoint {
            origin: Origin {
                agency: AgencyId::parse("transport.gov.example", "id").unwrap(),
                log: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
                generation: 1,
            },
            size: 42,
            root: Digest::of(b"a"),
            heads: Heads { count: 1, root: Digest::of(b"b") },
        };
        assert_eq!(checkpoint.body(), GOOD);
        assert_eq!(Checkpoint::parse(GOOD.as_bytes()).unwrap(), checkpoint);
    }

    #[test]
    fn the_longest_checkpoint_has_the_length_of_the_limit() {
        let label = "a".repeat(63);
        let agency = format!("{label}.{label}.{label}.{}", "a".repeat(61));
        let checkpoint = Checkpoint {
            origin: Origin {
                agency: AgencyId::parse(&agency, "id").unwrap(),
                log: [255; 16],
                generation: u64::MAX,
            },
            size: u64::MAX,
            root: Digest::ZERO,
            heads: Heads { count: u64::MAX, root: Digest::ZERO },
        };
        let body = checkpoint.body();
        assert_eq!(body.len(), CHECKPOINT_BYTES_MAX);
        assert_eq!(Checkpoint::parse(body.as_bytes()).unwrap(), checkpoint);
        let longer = format!("{body}\n");
        assert_eq!(Checkpoint::parse(longer.as_bytes()).unwrap_err().code, Code::TooLarge);
    }

    #[test]
    fn second_spellings_are_refused() {
        for (name, from, to) in [
            ("no last line end", "AJ0=\n", "AJ0="),
            ("an empty line after", "AJ0=\n", "AJ0=\n\n"),
            ("a signature line", "AJ0=\n", "AJ0=\n\n— transport.gov.example AAAA\n"),
            ("another extension", "AJ0=\n", "AJ0=\nmore\n"),
            ("no extension", "heads 1 PiPoFgA5WUoziU9lZOGxNIu9egCI1CxKy3PurtWcAJ0=\n", ""),
            ("carriage returns", "\n", "\r\n"),
            ("a leading line end", "transport", "\ntransport"),
            ("upper case agency", "transport", "Transport"),
            ("a Cyrillic agency", "transport", "тransport"),
            ("a relative agency", "transport.gov.example", "transport"),
            ("another word than log", "/log/", "/Log/"),
            ("a fifth part", "/1\n", "/1/2\n"),
            ("a log id of 15 bytes", "0e0f/1", "0e/1"),
            ("a log id in upper case", "0e0f/1", "0E0F/1"),
            ("a generation with a leading zero", "/1\n", "/01\n"),
            ("no generation", "/1\n", "/\n"),
            ("a size with a leading zero", "\n42\n", "\n042\n"),
            ("a size with a sign", "\n42\n", "\n+42\n"),
            ("a negative size", "\n42\n", "\n-42\n"),
            ("a size with a space", "\n42\n", "\n42 \n"),
            ("a size beyond u64", "\n42\n", "\n18446744073709551616\n"),
            ("a size in other digits", "\n42\n", "\n٤٢\n"),
            ("no size", "\n42\n", "\n\n"),
            ("size 0 with a root", "\n42\n", "\n0\n"),
            ("a root without padding", "SLs=\n", "SLs\n"),
            ("a root with stray bits", "SLs=\n", "SLt=\n"),
            ("a root in base64url", "G7/gU", "G7_gU"),
            ("a root of 33 bytes", "SLs=\n", "SLsA\n"),
            ("a root with a space", "ypeB", " ypeB"),
            ("two spaces", "heads 1", "heads  1"),
            ("a tab", "heads 1", "heads\t1"),
            ("upper case heads", "heads 1", "Heads 1"),
            ("a fourth word", "AJ0=\n", "AJ0= 1\n"),
            ("a count with a leading zero", "heads 1", "heads 01"),
            ("no heads with a root", "heads 1", "heads 0"),
            ("heads with stray bits", "AJ0=\n", "AJ1=\n"),
        ] {
            let text = GOOD.replace(from, to);
            assert_ne!(text, GOOD, "{name}");
            assert_eq!(Checkpoint::parse(text.as_bytes()).unwrap_err().code, Code::Malformed, "{name}");
        }
        for bytes in [&b""[..], b"\n", b"\n\n\n\n", b"\xff\n\n\n\n"] {
            assert_eq!(Checkpoint::parse(bytes).unwrap_err().code, Code::Malformed, "{bytes:?}");
        }
    }

    #[test]
    fn an_empty_log_has_the_root_of_nothing() {
        let mut checkpoint = Checkpoint::parse(GOOD.as_bytes()).unwrap();
        checkpoint.size = 0;
        checkpoint.root = empty_root();
        checkpoint.heads = Heads::none();
        assert_eq!(HeadsTree::default().heads(), Heads::none());
        assert_eq!(Checkpoint::parse(checkpoint.body().as_bytes()).unwrap(), checkpoint);
    }

    #[test]
    fn a_later_checkpoint_extends_an_earlier_one_or_convicts() {
        let tree: Tree = (0..9_u8).map(|i| Digest::of(&[i])).collect();
        let at = |size| Checkpoint {
            size,
            root: tree.root_at(size).unwrap(),
            ..Checkpoint::parse(GOOD.as_bytes()).unwrap()
        };
        let proof = tree.consistency(5, 9).unwrap();
        at(9).verify_extends(&at(5), &proof).unwrap();
        at(5).verify_extends(&at(5), &[]).unwrap();
        let forked = Checkpoint { root: Digest::of(b"fork"), ..at(5) };
        let other = Checkpoint { origin: Origin { generation: 2, ..at(9).origin }, ..at(9) };
        for (name, newer, older, proof, code) in [
            ("same size, other root", &forked, &at(5), &[][..], Code::ForkDetected),
            ("a fork below", &at(9), &forked, &proof, Code::ProofInvalid),
            ("backwards", &at(5), &at(9), &proof, Code::ProofInvalid),
            ("no proof", &at(9), &at(5), &[], Code::ProofInvalid),
            ("another log", &other, &at(5), &proof, Code::IdentityMismatch),
        ] {
            assert_eq!(newer.verify_extends(older, proof).unwrap_err().code, code, "{name}");
        }
    }

    #[test]
    fn heads_stand_in_order_of_case_and_once() {
        let head = |byte: u8, seq| HeadLeaf {
            case: CaseId(Digest::from([byte; 32])),
            seq,
            record: Digest::of(&[byte]),
            index: seq,
        };
        let tree = HeadsTree::new(vec![head(3, 1), head(1, 2), head(2, 3)]).unwrap();
        assert_eq!(tree.leaves(), [head(1, 2), head(2, 3), head(3, 1)]);
        assert_eq!(tree.head_of(head(2, 0).case), Some((1, &head(2, 3))));
        assert_eq!(tree.head_of(head(4, 0).case), None);
        assert_eq!(tree.prove(&[]).unwrap(), []);
        let twice = HeadsTree::new(vec![head(1, 1), head(2, 1), head(1, 2)]);
        assert_eq!(twice.unwrap_err().code, Code::Internal);
    }

    proptest! {
        #[test]
        fn checkpoints_round_trip(
            agency in "[a-z0-9]{1,9}(\\.[a-z0-9]{1,9}){1,3}",
            log in any::<[u8; 16]>(),
            generation in any::<u64>(),
            size in 1..=u64::MAX,
            count in 1..=u64::MAX,
            roots in any::<[[u8; 32]; 2]>(),
        ) {
            let checkpoint = Checkpoint {
                origin: Origin { agency: AgencyId::parse(&agency, "id").unwrap(), log, generation },
                size,
                root: Digest::from(roots[0]),
                heads: Heads { count, root: Digest::from(roots[1]) },
            };
            prop_assert_eq!(Checkpoint::parse(checkpoint.body().as_bytes()).unwrap(), checkpoint);
        }

        #[test]
        fn a_changed_byte_changes_the_checkpoint_or_is_refused(at in 0..GOOD.len(), byte in any::<u8>()) {
            let mut bytes = GOOD.as_bytes().to_vec();
            bytes[at] = byte;
            if let Ok(checkpoint) = Checkpoint::parse(&bytes) {
                prop_assert_eq!(checkpoint.body().into_bytes(), bytes);
            }
        }
    }
}
