//! Receipts: leaves of a log, and heads of cases, with their proofs under one checkpoint.
//!
//! One frame a commit and peer shares the upper path among all its leaves. It carries the checkpoint's
//! COSE_Sign1 as opaque bytes: the caller opens it, checks signer and origin, and hands the payload to
//! [`ReceiptFrame::verify`].

mod agreement;

use crate::cbor::{self, Limits, Value};
use crate::checkpoint::{Checkpoint, HeadsTree};
use crate::merkle::{LEAVES_MAX, Tree, verify_many};
use crate::record::{HeadLeaf, Leaf, Record};
use crate::{CaseId, Code, Digest, EventId, Problem, Result};

/// Longest receipt frame, so that it and its envelope fit into one frame of the exchange.
pub const RECEIPT_BYTES_MAX: usize = 255 << 10;
/// Longest signed checkpoint in a receipt frame.
pub const CHECKPOINT_COSE_BYTES_MAX: usize = 4 << 10;

/// `[checkpoint, [+ [index, leaf]], [* digest], [* [index, head leaf]], [* digest]]` in deterministic CBOR.
///
/// The leaves' indices are places in the log, the heads' are places in the commit's small tree of heads.
/// Decoding proves nothing; [`ReceiptFrame::verify`] does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReceiptFrame {
    checkpoint: Vec<u8>,
    leaves: Vec<(u64, Leaf)>,
    proof: Vec<Digest>,
    heads: Vec<(u64, HeadLeaf)>,
    heads_proof: Vec<Digest>,
}

impl ReceiptFrame {
    /// Proves `leaves` (index and leaf, in any order) in the tree of `size` leaves, and the heads of `cases`.
    ///
    /// `size` and `heads` are those that `checkpoint_cose` signs. `Internal` if a leaf is not what the tree
    /// holds at its index or a case has no head in the commit: a proof that fails at the peer is not sent.
    /// `ValueRefused` if the tree has not reached `size` or the leaves are none or more than [`LEAVES_MAX`];
    /// `TooLarge` if the frame would be (then make two).
    pub fn build(
        tree: &Tree,
        size: u64,
        checkpoint_cose: Vec<u8>,
        mut leaves: Vec<(u64, Leaf)>,
        heads: &HeadsTree,
        cases: &[CaseId],
    ) -> Result<Self> {
        leaves.sort_unstable_by_key(|(index, _)| *index);
        leaves.dedup();
        if let Some((index, _)) = leaves.iter().find(|(index, leaf)| tree.leaf(*index) != Some(leaf.digest()))
        {
            return Err(Problem::new(Code::Internal, "leaf").found(format!("another leaf at {index}")));
        }
        let mut shown = Vec::new();
        for case in cases {
            let (place, head) = heads
                .head_of(*case)
                .ok_or_else(|| Problem::new(Code::Internal, "heads").found(format!("none of case {case}")))?;
            shown.push((place, *head));
        }
        shown.sort_unstable_by_key(|(place, _)| *place);
        shown.dedup();
        let frame = Self {
            proof: tree.prove(&indices(&leaves), size)?,
            heads_proof: heads.prove(&indices(&shown))?,
            checkpoint: checkpoint_cose,
            leaves,
            heads: shown,
        };
        check_bytes(frame.checkpoint.len(), CHECKPOINT_COSE_BYTES_MAX, "checkpoint")?;
        check_bytes(frame.encode().len(), RECEIPT_BYTES_MAX, "receipt frame")?;
        Ok(frame)
    }

    /// The frame's bytes.
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode(&Value::Array(vec![
            self.checkpoint.as_slice().into(),
            placed(&self.leaves, Leaf::to_bytes),
            cbor::array(self.proof.iter().copied()),
            placed(&self.heads, |head| head.to_bytes().to_vec()),
            cbor::array(self.heads_proof.iter().copied()),
        ]))
    }

    /// Reads a frame. `TooLarge` beyond [`RECEIPT_BYTES_MAX`], [`CHECKPOINT_COSE_BYTES_MAX`] or
    /// [`LEAVES_MAX`] leaves or heads; `Malformed` for what is not the structure, has no leaf, or has indices
    /// that are not strictly ascending.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let limits = Limits { bytes_max: RECEIPT_BYTES_MAX, ..Limits::FRAME };
        let frame = cbor::decode(bytes, &limits, "receipt frame")?;
        let [checkpoint, leaves, proof, heads, heads_proof] = frame.as_tuple("receipt frame")?;
        let checkpoint = checkpoint.as_bytes("checkpoint")?;
        check_bytes(checkpoint.len(), CHECKPOINT_COSE_BYTES_MAX, "checkpoint")?;
        let leaves = unplaced(leaves, "leaves", Leaf::from_bytes)?;
        if leaves.is_empty() {
            return Err(Problem::new(Code::Malformed, "leaves").found("none").expected("at least one leaf"));
        }
        Ok(Self {
            checkpoint: checkpoint.to_vec(),
            leaves,
            proof: digests(proof, "proof")?,
            heads: unplaced(heads, "heads", HeadLeaf::from_bytes)?,
            heads_proof: digests(heads_proof, "heads proof")?,
        })
    }

    /// Checks every leaf under the checkpoint's size and root, and every head under its heads.
    ///
    /// `ProofInvalid` if one does not hold. `ForkDetected` if all hold and yet contradict one another (two
    /// records of a case at one sequence, a broken chain, a record after the head): then this frame, whole,
    /// convicts its signer and must be kept.
    pub fn verify(&self, checkpoint: &Checkpoint) -> Result<()> {
        let leaves: Vec<_> = self.leaves.iter().map(|(index, leaf)| (*index, leaf.digest())).collect();
        verify_many(&leaves, checkpoint.size, &checkpoint.root, &self.proof)?;
        let heads: Vec<_> = self.heads.iter().map(|(place, head)| (*place, head.digest())).collect();
        if !heads.is_empty() {
            verify_many(&heads, checkpoint.heads.count, &checkpoint.heads.root, &self.heads_proof)
                .map_err(|problem| problem.within("heads"))?;
        } else if !self.heads_proof.is_empty() {
            return Err(
                Problem::new(Code::ProofInvalid, "heads proof").expected("nothing, as no head is shown")
            );
        }
        self.check_agreement(checkpoint.size)
    }

    /// The signed checkpoint as it was received.
    pub fn checkpoint_cose(&self) -> &[u8] {
        &self.checkpoint
    }

    /// The leaves and their places in the log, ascending.
    pub fn leaves(&self) -> &[(u64, Leaf)] {
        &self.leaves
    }

    /// The heads and their places in the small tree, ascending.
    pub fn heads(&self) -> &[(u64, HeadLeaf)] {
        &self.heads
    }

    /// The records among the leaves, with their places in the log.
    pub fn records(&self) -> impl Iterator<Item = (u64, &Record)> {
        self.leaves.iter().filter_map(|(index, leaf)| match leaf {
            Leaf::Record(record) => Some((*index, record)),
            Leaf::Access(_) | Leaf::Notice(_) => None,
        })
    }

    /// The record of an event and its place in the log.
    pub fn leaf_for_event(&self, event: EventId) -> Option<(u64, &Record)> {
        self.records().find(|(_, record)| record.event == event)
    }

    /// The place in the log at which the notice with this SHA-256 is durable.
    pub fn leaf_for_notice(&self, digest: Digest) -> Option<u64> {
        let found = self
            .leaves
            .iter()
            .find(|(_, leaf)| matches!(leaf, Leaf::Notice(notice) if notice.digest == digest));
        found.map(|(index, _)| *index)
    }

    /// The head of a case.
    pub fn head_of(&self, case: CaseId) -> Option<&HeadLeaf> {
        self.heads.iter().map(|(_, head)| head).find(|head| head.case == case)
    }
}

fn indices<T>(placed: &[(u64, T)]) -> Vec<u64> {
    placed.iter().map(|(index, _)| *index).collect()
}

fn placed<T>(leaves: &[(u64, T)], to_bytes: impl Fn(&T) -> Vec<u8>) -> Value {
    let pair = |(index, leaf): &(u64, T)| Value::Array(vec![(*index).into(), to_bytes(leaf).into()]);
    Value::Array(leaves.iter().map(pair).collect())
}

fn unplaced<T>(
    value: &Value,
    field: &'static str,
    read: impl Fn(&[u8]) -> Result<T>,
) -> Result<Vec<(u64, T)>> {
    let values = value.as_array(field)?;
    if values.len() > LEAVES_MAX {
        return Err(Problem::new(Code::TooLarge, field)
            .found(values.len().to_string())
            .expected(format!("at most {LEAVES_MAX}")));
    }
    let mut leaves = Vec::with_capacity(values.len());
    let mut before = None;
    for value in values {
        let [index, leaf] = value.as_tuple(field)?;
        let index = index.as_uint(field)?;
        if before.replace(index) >= Some(index) {
            return Err(Problem::new(Code::Malformed, field)
                .found(index.to_string())
                .expected("strictly ascending indices"));
        }
        leaves.push((index, read(leaf.as_bytes(field)?).map_err(|problem| problem.within(field))?));
    }
    Ok(leaves)
}

fn digests(value: &Value, field: &'static str) -> Result<Vec<Digest>> {
    value.as_array(field)?.iter().map(|digest| digest.as_digest(field)).collect()
}

fn check_bytes(length: usize, most: usize, field: &'static str) -> Result<()> {
    if length <= most {
        Ok(())
    } else {
        Err(Problem::new(Code::TooLarge, field)
            .found(format!("{length} bytes"))
            .expected(format!("at most {most} bytes")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Timestamp;
    use crate::checkpoint::Heads;
    use crate::record::{AccessLeaf, NoticeLeaf};

    /// A log of two cases whose records alternate, with an access entry and a notice at its end.
    pub(super) struct Log {
        leaves: Vec<Leaf>,
        tree: Tree,
        heads: HeadsTree,
        pub(super) checkpoint: Checkpoint,
    }

    pub(super) fn case(number: u64) -> CaseId {
        CaseId(Digest::of(&[b"case", number.to_be_bytes().as_slice()].concat()))
    }

    fn event(number: u64) -> EventId {
        EventId::of(&number.to_be_bytes())
    }

    fn time() -> Timestamp {
        Timestamp::from_ms(1_795_576_803_000, "time").unwrap()
    }

    pub(super) fn leaves(records: u64) -> Vec<Leaf> {
        let mut prev = [Digest::ZERO; 2];
        let mut leaves = Vec::new();
        for number in 0..records {
            let which = usize::from(number % 2 == 1);
            let record = Record {
                case: case(number % 2),
                seq: number / 2,
                prev: prev[which],
                received: time(),
                event: event(number),
            };
            prev[which] = record.digest();
            leaves.push(Leaf::Record(record));
        }
        leaves.push(Leaf::Access(AccessLeaf {
            case: case(0),
            at: time(),
            commitment: Digest::of(b"access"),
        }));
        leaves.push(Leaf::Notice(NoticeLeaf { digest: Digest::of(b"notice"), received: time() }));
        leaves
    }

    pub(super) fn log_of(leaves: Vec<Leaf>, heads: Vec<HeadLeaf>) -> Log {
        let tree: Tree = leaves.iter().map(Leaf::digest).collect();
        let heads = HeadsTree::new(heads).unwrap();
        let origin = "a.example/log/000102030405060708090a0b0c0d0e0f/0";
        let checkpoint = Checkpoint {
            origin: crate::checkpoint::Origin::parse(origin, "origin").unwrap(),
            size: tree.size(),
            root: tree.root(),
            heads: heads.heads(),
        };
        Log { leaves, tree, heads, checkpoint }
    }

    pub(super) fn head_at(leaves: &[Leaf], index: u64) -> HeadLeaf {
        let Leaf::Record(record) = leaves[usize::try_from(index).unwrap()] else { unreachable!() };
        HeadLeaf { case: record.case, seq: record.seq, record: record.digest(), index }
    }

    fn log() -> Log {
        let leaves = leaves(20);
        let heads = vec![head_at(&leaves, 18), head_at(&leaves, 19)];
        log_of(leaves, heads)
    }

    pub(super) fn frame(log: &Log, indices: &[u64], cases: &[CaseId]) -> Result<ReceiptFrame> {
        let leaves = indices.iter().map(|i| (*i, log.leaves[usize::try_from(*i).unwrap()])).collect();
        ReceiptFrame::build(&log.tree, log.checkpoint.size, b"cose".to_vec(), leaves, &log.heads, cases)
    }

    #[test]
    fn a_frame_proves_what_it_shows() {
        let log = log();
        let frame = frame(&log, &[21, 4, 19, 20, 4], &[case(1), case(0)]).unwrap();
        frame.verify(&log.checkpoint).unwrap();
        let bytes = frame.encode();
        let again = ReceiptFrame::decode(&bytes).unwrap();
        assert_eq!(again, frame);
        assert_eq!(again.encode(), bytes);
        assert_eq!(again.checkpoint_cose(), b"cose");
        assert_eq!(indices(again.leaves()), [4, 19, 20, 21]);
        assert_eq!(again.leaf_for_event(event(4)).map(|(index, record)| (index, record.seq)), Some((4, 2)));
        assert_eq!(again.leaf_for_event(event(5)), None);
        assert_eq!(again.leaf_for_notice(Digest::of(b"notice")), Some(21));
        assert_eq!(again.leaf_for_notice(Digest::of(b"other")), None);
        assert_eq!(again.head_of(case(1)).map(|head| head.seq), Some(9));
        assert_eq!(again.head_of(case(2)), None);
    }

    #[test]
    fn receipts_of_an_earlier_size_and_without_heads_hold() {
        let log = log();
        let leaves = vec![(3, log.leaves[3])];
        let early =
            ReceiptFrame::build(&log.tree, 7, Vec::new(), leaves, &HeadsTree::default(), &[]).unwrap();
        let checkpoint = Checkpoint {
            size: 7,
            root: log.tree.root_at(7).unwrap(),
            heads: Heads::none(),
            ..log.checkpoint.clone()
        };
        early.verify(&checkpoint).unwrap();
        assert_eq!(early.verify(&log.checkpoint).unwrap_err().code, Code::ProofInvalid);
    }

    #[test]
    fn what_would_not_hold_is_not_built() {
        let log = log();
        let build = |leaves, cases: &[CaseId], size| {
            ReceiptFrame::build(&log.tree, size, Vec::new(), leaves, &log.heads, cases).unwrap_err().code
        };
        assert_eq!(build(vec![(3, log.leaves[4])], &[], 22), Code::Internal, "another leaf");
        assert_eq!(build(vec![(22, log.leaves[4])], &[], 22), Code::Internal, "no such leaf");
        assert_eq!(build(vec![(3, log.leaves[3])], &[case(2)], 22), Code::Internal, "no such head");
        assert_eq!(build(vec![(3, log.leaves[3])], &[], 3), Code::ValueRefused, "beyond the size");
        assert_eq!(build(vec![(3, log.leaves[3])], &[], 23), Code::ValueRefused, "not reached");
        assert_eq!(build(vec![], &[], 22), Code::ValueRefused, "nothing");
        let cose = vec![0; CHECKPOINT_COSE_BYTES_MAX + 1];
        let long = ReceiptFrame::build(&log.tree, 22, cose, vec![(3, log.leaves[3])], &log.heads, &[]);
        assert_eq!(long.unwrap_err().code, Code::TooLarge, "a long checkpoint");
    }

    #[test]
    fn a_forged_frame_proves_nothing() {
        type Edit = fn(&mut ReceiptFrame);
        let log = log();
        let edits: [(&str, Edit); 14] = [
            ("another record", |f| f.leaves[0].1 = leaves(20)[5]),
            ("another index", |f| f.leaves[0].0 = 5),
            ("a leaf less", |f| f.leaves.truncate(1)),
            ("a leaf more", |f| f.leaves.push((21, leaves(20)[21]))),
            ("an index at the size", |f| f.leaves.push((22, leaves(20)[0]))),
            ("descending", |f| f.leaves.reverse()),
            ("no leaf", |f| f.leaves.clear()),
            ("a digest less", |f| f.proof.truncate(1)),
            ("a digest more", |f| f.proof.push(Digest::ZERO)),
            ("digests swapped", |f| f.proof.swap(0, 1)),
            ("another head", |f| f.heads[0].1.seq += 1),
            ("a head at another place", |f| f.heads[0].0 ^= 1),
            ("heads' proof without heads", |f| f.heads.clear()),
            ("heads without proof", |f| f.heads_proof.clear()),
        ];
        for (name, edit) in edits {
            let mut forged = frame(&log, &[4, 19], &[case(1)]).unwrap();
            edit(&mut forged);
            assert_eq!(forged.verify(&log.checkpoint).unwrap_err().code, Code::ProofInvalid, "{name}");
        }
        let honest = frame(&log, &[4, 19], &[case(1)]).unwrap();
        for (name, checkpoint) in [
            ("a size of another shape", Checkpoint { size: 33, ..log.checkpoint.clone() }),
            ("another root", Checkpoint { root: Digest::ZERO, ..log.checkpoint.clone() }),
            ("no heads", Checkpoint { heads: Heads::none(), ..log.checkpoint.clone() }),
        ] {
            assert_eq!(honest.verify(&checkpoint).unwrap_err().code, Code::ProofInvalid, "{name}");
        }
    }

    #[test]
    fn what_is_not_a_frame_is_refused() {
        let log = log();
        let good =
            cbor::decode(&frame(&log, &[4, 19], &[case(1)]).unwrap().encode(), &Limits::FRAME, "f").unwrap();
        let Value::Array(good) = good else { unreachable!() };
        let leaf = log.leaves[4].to_bytes();
        let pair = |index: u64, leaf: &[u8]| Value::Array(vec![index.into(), leaf.into()]);
        let list = |pairs: Vec<Value>| Value::Array(pairs);
        let many = list((0..=LEAVES_MAX as u64).map(|i| pair(i, &leaf)).collect());
        for (name, at, value, code) in [
            ("a checkpoint in text", 0, "cose".into(), Code::Malformed),
            ("a long checkpoint", 0, vec![0_u8; CHECKPOINT_COSE_BYTES_MAX + 1].into(), Code::TooLarge),
            ("no leaves", 1, list(vec![]), Code::Malformed),
            ("leaves as null", 1, Value::Null, Code::Malformed),
            ("a leaf without index", 1, list(vec![leaf.as_slice().into()]), Code::Malformed),
            (
                "a pair of three",
                1,
                list(vec![list(vec![Value::Uint(0), Value::Uint(0), Value::Uint(0)])]),
                Code::Malformed,
            ),
            ("descending indices", 1, list(vec![pair(5, &leaf), pair(4, &leaf)]), Code::Malformed),
            ("an index twice", 1, list(vec![pair(4, &leaf), pair(4, &leaf)]), Code::Malformed),
            ("a short leaf", 1, list(vec![pair(4, &leaf[1..])]), Code::Malformed),
            (
                "a head among leaves",
                1,
                list(vec![pair(4, &head_at(&log.leaves, 4).to_bytes())]),
                Code::Malformed,
            ),
            ("too many leaves", 1, many.clone(), Code::TooLarge),
            ("a short digest", 2, list(vec![vec![0_u8; 31].into()]), Code::Malformed),
            ("a record among heads", 3, list(vec![pair(0, &leaf)]), Code::Malformed),
            ("too many heads", 3, many, Code::TooLarge),
            ("a number for a digest", 4, list(vec![Value::Uint(0)]), Code::Malformed),
        ] {
            let mut values = good.clone();
            values[at] = value;
            let outcome = ReceiptFrame::decode(&cbor::encode(&Value::Array(values)));
            assert_eq!(outcome.unwrap_err().code, code, "{name}");
        }
        let six = [good, vec![Value::Null]].concat();
        assert_eq!(
            ReceiptFrame::decode(&cbor::encode(&Value::Array(six))).unwrap_err().code,
            Code::Malformed
        );
        assert_eq!(ReceiptFrame::decode(&vec![0; RECEIPT_BYTES_MAX + 1]).unwrap_err().code, Code::TooLarge);
    }

    #[test]
    fn the_largest_frame_of_one_commit_fits() {
        let leaves = leaves(LEAVES_MAX as u64 - 2);
        let log = log_of(leaves, Vec::new());
        let every: Vec<u64> = (0..LEAVES_MAX as u64).collect();
        let frame = frame(&log, &every, &[]).unwrap();
        let bytes = frame.encode();
        assert!(bytes.len() < RECEIPT_BYTES_MAX / 2, "{}", bytes.len());
        ReceiptFrame::decode(&bytes).unwrap().verify(&log.checkpoint).unwrap();
    }

    proptest! {
        #[test]
        fn any_flipped_bit_is_found(position in any::<prop::sample::Index>(), bit in 0..8) {
            let log = log();
            let mut bytes = frame(&log, &[4, 19, 20], &[case(1)]).unwrap().encode();
            let start = bytes.windows(4).position(|window| window == b"cose").unwrap() + 4;
            let at = start + position.index(bytes.len() - start);
            bytes[at] ^= 1_u8 << bit;
            let outcome = ReceiptFrame::decode(&bytes).and_then(|frame| frame.verify(&log.checkpoint));
            prop_assert!(outcome.is_err(), "byte {at}");
        }

        #[test]
        fn nothing_from_outside_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(ReceiptFrame::decode(&bytes).is_err());
        }
    }
}
