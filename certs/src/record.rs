//! The fixed-width leaves of a log: records, access entries, notices and heads.
//!
//! No CBOR: a prefix that names kind and version, then fields of fixed width, integers big-endian. A leaf has
//! one spelling, so its bytes can be rebuilt from its fields at any time; nothing here is signed by itself.

use crate::merkle::leaf_hash;
use crate::{CaseId, Code, Digest, EventId, Problem, Result, Timestamp};

/// An event's place in its case's history, given by the home.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Record {
    /// The case.
    pub case: CaseId,
    /// The place: 0 for the opening event, then one more each.
    pub seq: u64,
    /// [`Record::digest`] of the record before; [`Digest::ZERO`] at seq 0 and nowhere else.
    pub prev: Digest,
    /// When the home received the event; serves deadlines, proves nothing to a third party.
    pub received: Timestamp,
    /// The event.
    pub event: EventId,
}

impl Record {
    /// Length of the bytes: prefix 13, case 32, seq 8, prev 32, received 8, event id 32.
    pub const BYTES: usize = 125;
    const PREFIX: &'static [u8] = b"ogic record 1";

    /// The leaf's bytes.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        concat(&[
            Self::PREFIX,
            self.case.as_bytes(),
            &self.seq.to_be_bytes(),
            self.prev.as_bytes(),
            &self.received.ms().to_be_bytes(),
            self.event.as_bytes(),
        ])
    }

    /// Reads exactly one record. `Malformed` by prefix or length, `ValueRefused` for a time outside of
    /// [`Timestamp`]'s window or a `prev` that does not fit the sequence.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut fields = Fields::of(bytes, Self::PREFIX, Self::BYTES, "record")?;
        let record = Self {
            case: CaseId(fields.digest()?),
            seq: fields.integer()?,
            prev: fields.digest()?,
            received: Timestamp::from_ms(fields.integer()?, "received")?,
            event: EventId(fields.digest()?),
        };
        if (record.seq == 0) == (record.prev == Digest::ZERO) {
            Ok(record)
        } else {
            Err(Problem::new(Code::ValueRefused, "prev")
                .found(format!("{} at seq {}", record.prev, record.seq))
                .expected("zeroes at seq 0 and nowhere else"))
        }
    }

    /// The record's digest, everywhere: the leaf hash (RFC 9162 2.1.1) of its bytes.
    pub fn digest(&self) -> Digest {
        leaf_hash(&self.to_bytes())
    }
}

/// An entry of the access log: that someone looked at a case, or tried to. What it says lies beside, under
/// the commitment.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct AccessLeaf {
    /// The case.
    pub case: CaseId,
    /// When.
    pub at: Timestamp,
    /// Salted digest of the access entry.
    pub commitment: Digest,
}

impl AccessLeaf {
    /// Length of the bytes: prefix 13, case 32, at 8, commitment 32.
    pub const BYTES: usize = 85;
    const PREFIX: &'static [u8] = b"ogic access 1";

    /// The leaf's bytes.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        concat(&[Self::PREFIX, self.case.as_bytes(), &self.at.ms().to_be_bytes(), self.commitment.as_bytes()])
    }

    /// Reads exactly one access leaf. `Malformed` by prefix or length, `ValueRefused` for a wild time.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut fields = Fields::of(bytes, Self::PREFIX, Self::BYTES, "access leaf")?;
        Ok(Self {
            case: CaseId(fields.digest()?),
            at: Timestamp::from_ms(fields.integer()?, "at")?,
            commitment: fields.digest()?,
        })
    }

    /// The leaf hash (RFC 9162 2.1.1) of the bytes.
    pub fn digest(&self) -> Digest {
        leaf_hash(&self.to_bytes())
    }
}

/// A signed notice (a reference, a verdict) was received and is durable.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct NoticeLeaf {
    /// SHA-256 of the notice's COSE bytes as they were received.
    pub digest: Digest,
    /// When it was received.
    pub received: Timestamp,
}

impl NoticeLeaf {
    /// Length of the bytes: prefix 13, digest 32, received 8.
    pub const BYTES: usize = 53;
    const PREFIX: &'static [u8] = b"ogic notice 1";

    /// The leaf's bytes.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        concat(&[Self::PREFIX, self.digest.as_bytes(), &self.received.ms().to_be_bytes()])
    }

    /// Reads exactly one notice leaf. `Malformed` by prefix or length, `ValueRefused` for a wild time.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut fields = Fields::of(bytes, Self::PREFIX, Self::BYTES, "notice leaf")?;
        Ok(Self { digest: fields.digest()?, received: Timestamp::from_ms(fields.integer()?, "received")? })
    }

    /// The leaf hash (RFC 9162 2.1.1) of the bytes: not `self.digest`, which names the notice.
    pub fn leaf_digest(&self) -> Digest {
        leaf_hash(&self.to_bytes())
    }
}

/// The home's statement that this is the newest record of the case in its log: a leaf of the commit's small
/// tree of heads, never of the log.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct HeadLeaf {
    /// The case.
    pub case: CaseId,
    /// The newest record's place in the case.
    pub seq: u64,
    /// The newest record's [`Record::digest`].
    pub record: Digest,
    /// The newest record's place in the log.
    pub index: u64,
}

impl HeadLeaf {
    /// Length of the bytes: prefix 11, case 32, seq 8, record 32, index 8.
    pub const BYTES: usize = 91;
    const PREFIX: &'static [u8] = b"ogic head 1";

    /// The leaf's bytes.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        concat(&[
            Self::PREFIX,
            self.case.as_bytes(),
            &self.seq.to_be_bytes(),
            self.record.as_bytes(),
            &self.index.to_be_bytes(),
        ])
    }

    /// Reads exactly one head leaf. `Malformed` by prefix or length.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut fields = Fields::of(bytes, Self::PREFIX, Self::BYTES, "head leaf")?;
        Ok(Self {
            case: CaseId(fields.digest()?),
            seq: fields.integer()?,
            record: fields.digest()?,
            index: fields.integer()?,
        })
    }

    /// The leaf hash (RFC 9162 2.1.1) of the bytes.
    pub fn digest(&self) -> Digest {
        leaf_hash(&self.to_bytes())
    }
}

/// What may stand in a log.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Leaf {
    /// A record of a case held here.
    Record(Record),
    /// A look at a case, or a refused try.
    Access(AccessLeaf),
    /// A notice of another agency or the TTP.
    Notice(NoticeLeaf),
}

impl Leaf {
    /// The leaf's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Record(record) => record.to_bytes().to_vec(),
            Self::Access(access) => access.to_bytes().to_vec(),
            Self::Notice(notice) => notice.to_bytes().to_vec(),
        }
    }

    /// Reads one leaf, told by its prefix. `Malformed` if the prefix is none of a log's leaves or the length
    /// is not the kind's.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        if bytes.starts_with(Record::PREFIX) {
            Record::from_bytes(bytes).map(Self::Record)
        } else if bytes.starts_with(AccessLeaf::PREFIX) {
            AccessLeaf::from_bytes(bytes).map(Self::Access)
        } else if bytes.starts_with(NoticeLeaf::PREFIX) {
            NoticeLeaf::from_bytes(bytes).map(Self::Notice)
        } else {
            Err(Problem::new(Code::Malformed, "leaf")
                .found(format!("{} bytes of another kind", bytes.len()))
                .expected("a record, an access leaf or a notice leaf"))
        }
    }

    /// The leaf hash (RFC 9162 2.1.1) of the bytes.
    pub fn digest(&self) -> Digest {
        match self {
            Self::Record(record) => record.digest(),
            Self::Access(access) => access.digest(),
            Self::Notice(notice) => notice.leaf_digest(),
        }
    }

    /// The case concerned, if the leaf is of one.
    pub const fn case(&self) -> Option<CaseId> {
        match self {
            Self::Record(record) => Some(record.case),
            Self::Access(access) => Some(access.case),
            Self::Notice(_) => None,
        }
    }
}

/// What is left of a leaf whose prefix and length have been checked.
struct Fields<'a> {
    rest: &'a [u8],
    leaf: &'static str,
}

impl<'a> Fields<'a> {
    fn of(bytes: &'a [u8], prefix: &[u8], length: usize, leaf: &'static str) -> Result<Self> {
        match bytes.strip_prefix(prefix) {
            Some(rest) if bytes.len() == length => Ok(Self { rest, leaf }),
            Some(_) => Err(Problem::new(Code::Malformed, leaf)
                .found(format!("{} bytes", bytes.len()))
                .expected(format!("{length} bytes"))),
            None => Err(Problem::new(Code::Malformed, leaf)
                .found("another prefix")
                .expected(String::from_utf8_lossy(prefix))),
        }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) =
            self.rest.split_first_chunk().ok_or_else(|| Problem::new(Code::Malformed, self.leaf))?;
        self.rest = rest;
        Ok(*taken)
    }

    fn digest(&mut self) -> Result<Digest> {
        self.take().map(Digest::from)
    }

    fn integer(&mut self) -> Result<u64> {
        self.take().map(u64::from_be_bytes)
    }
}

/// The parts one after the other. Each leaf's parts have the sum `N`, as the round trips below show.
fn concat<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut bytes = [0; N];
    let mut rest = bytes.as_mut_slice();
    for part in parts {
        let (here, after) = rest.split_at_mut(part.len());
        here.copy_from_slice(part);
        rest = after;
    }
    debug_assert!(rest.is_empty(), "a leaf's parts fill it");
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn digest(byte: u8) -> Digest {
        Digest::from([byte; 32])
    }

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_ms(ms, "at").unwrap()
    }

    fn record() -> Record {
        Record {
            case: CaseId(digest(1)),
            seq: 0x0102,
            prev: digest(2),
            received: at(0x0304),
            event: EventId(digest(3)),
        }
    }

    #[test]
    fn the_bytes_are_those_of_the_protocol() {
        let integer = |value: u16| [&[0; 6][..], &value.to_be_bytes()].concat();
        let expected =
            [b"ogic record 1", &[1; 32][..], &integer(0x0102), &[2; 32], &integer(0x0304), &[3; 32]].concat();
        assert_eq!(record().to_bytes().as_slice(), expected);
        assert_eq!(record().digest(), Digest::of(&[&[0], expected.as_slice()].concat()));

        let access = AccessLeaf { case: CaseId(digest(1)), at: at(5), commitment: digest(4) };
        let expected = [b"ogic access 1", &[1; 32][..], &integer(5), &[4; 32]].concat();
        assert_eq!(access.to_bytes().as_slice(), expected);

        let notice = NoticeLeaf { digest: digest(6), received: at(7) };
        let expected = [b"ogic notice 1", &[6; 32][..], &integer(7)].concat();
        assert_eq!(notice.to_bytes().as_slice(), expected);

        let head = HeadLeaf { case: CaseId(digest(1)), seq: 8, record: digest(9), index: 10 };
        let expected = [b"ogic head 1", &[1; 32][..], &integer(8), &[9; 32], &integer(10)].concat();
        assert_eq!(head.to_bytes().as_slice(), expected);
    }

    #[test]
    fn what_is_not_exactly_one_leaf_is_refused() {
        let good = record().to_bytes().to_vec();
        type Edit = fn(&mut Vec<u8>);
        let edits: [(&str, Edit, Code); 10] = [
            ("empty", Vec::clear, Code::Malformed),
            ("the prefix alone", |b| b.truncate(13), Code::Malformed),
            ("one byte short", |b| b.truncate(124), Code::Malformed),
            ("one byte long", |b| b.push(0), Code::Malformed),
            ("version 2", |b| b[12] = b'2', Code::Malformed),
            ("upper case", |b| b[0] = b'O', Code::Malformed),
            ("an access prefix", |b| b[..13].copy_from_slice(b"ogic access 1"), Code::Malformed),
            ("a wild time", |b| b[85] = 0xff, Code::ValueRefused),
            ("seq 0 with a prev", |b| b[45..53].fill(0), Code::ValueRefused),
            ("no prev at seq 258", |b| b[53..85].fill(0), Code::ValueRefused),
        ];
        for (name, edit, code) in edits {
            let mut bytes = good.clone();
            edit(&mut bytes);
            assert_eq!(Leaf::from_bytes(&bytes).unwrap_err().code, code, "{name}");
        }
        let head = HeadLeaf { case: CaseId(digest(1)), seq: 8, record: digest(9), index: 10 };
        assert_eq!(
            Leaf::from_bytes(&head.to_bytes()).unwrap_err().code,
            Code::Malformed,
            "a head is no log leaf"
        );
        assert_eq!(HeadLeaf::from_bytes(&good).unwrap_err().code, Code::Malformed);
        assert_eq!(HeadLeaf::from_bytes(&head.to_bytes()[..90]).unwrap_err().code, Code::Malformed);
    }

    #[test]
    fn the_first_record_has_no_prev() {
        let first = Record { seq: 0, prev: Digest::ZERO, ..record() };
        assert_eq!(Leaf::from_bytes(&first.to_bytes()).unwrap(), Leaf::Record(first));
    }

    proptest! {
        #[test]
        fn leaves_round_trip(
            a in any::<[u8; 32]>(),
            b in any::<[u8; 32]>(),
            c in any::<[u8; 32]>(),
            seq in 1..=u64::MAX,
            ms in 0..=Timestamp::LATEST.ms(),
        ) {
            let (a, b, c) = (Digest::from(a), Digest::from(b), Digest::from(c));
            prop_assume!(b != Digest::ZERO);
            for leaf in [
                Leaf::Record(Record { case: CaseId(a), seq, prev: b, received: at(ms), event: EventId(c) }),
                Leaf::Access(AccessLeaf { case: CaseId(a), at: at(ms), commitment: b }),
                Leaf::Notice(NoticeLeaf { digest: a, received: at(ms) }),
            ] {
                let bytes = leaf.to_bytes();
                prop_assert_eq!(Leaf::from_bytes(&bytes).unwrap(), leaf);
                prop_assert_eq!(leaf.digest(), leaf_hash(&bytes));
            }
            let head = HeadLeaf { case: CaseId(a), seq, record: b, index: ms };
            prop_assert_eq!(HeadLeaf::from_bytes(&head.to_bytes()).unwrap(), head);
            prop_assert_eq!(head.digest(), leaf_hash(&head.to_bytes()));
        }

        #[test]
        fn nothing_from_outside_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Leaf::from_bytes(&bytes).is_err());
            prop_assert!(HeadLeaf::from_bytes(&bytes).is_err());
        }
    }
}
