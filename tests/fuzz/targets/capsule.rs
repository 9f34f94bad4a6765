//! A case's history in one file: what passes is what its manifest lists, and its meaning survives being stored.

use ogic_certs::capsule::{Given, MAGIC, Manifest, Part};
use ogic_certs::cbor::{self, Limits};
use ogic_certs::checkpoint::{Checkpoint, HeadsTree, Origin};
use ogic_certs::cose::Signed;
use ogic_certs::merkle::Tree;
use ogic_certs::receipt::ReceiptFrame;
use ogic_certs::record::{HeadLeaf, Leaf, Record};
use ogic_certs::verdict::Verdict;
use ogic_certs::{Digest, EventId};
use ogic_node::case::{Case, capsule as whole};

use super::{fine, held, signed};
use crate::ground::GROUND;

/// A capsule that passes is whole: what lies in it is what its manifest lists, which its home signed.
pub(super) fn run(bytes: &[u8]) -> bool {
    let verified = whole::verify(bytes, &GROUND.given);
    let verdict = verified.report.verdict();
    if verdict == Verdict::TotalPassed {
        let mut sections = sections(bytes).expect("a frame that passed");
        let (kind, manifest) = sections.pop().expect("a capsule that passed has a manifest");
        assert_eq!(kind, Part::Manifest.number(), "something after the manifest");
        let manifest = signed::object::<Manifest>(manifest).expect("a manifest that passed");
        let listed = manifest.value().sections.iter().map(|(part, digest)| (part.number(), *digest));
        let found = sections.iter().map(|(kind, content)| (*kind, Digest::of(content)));
        assert!(found.eq(listed), "other sections than the manifest lists");
        let seal = [&GROUND.whole.seal, &GROUND.whole.health].map(|signer| signer.certificate().digest());
        assert!(seal.contains(&manifest.envelope().signer()), "sealed by nobody who could");
    }
    if let Some(case) = &verified.case {
        // As far as the fold.
        held(bytes);
        let row = case.to_row();
        assert_eq!(fine(Case::from_row(&row)).expect("a row that was just made").to_row(), row);
    }
    let trusting_nobody = whole::verify(bytes, &Given::default()).report.verdict();
    assert_ne!(trusting_nobody, Verdict::TotalPassed, "trust that the capsule brings itself");
    verdict != Verdict::TotalFailed
}

fn sections(bytes: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    let (mut rest, mut sections) = (bytes.strip_prefix(MAGIC)?, Vec::new());
    while !rest.is_empty() {
        let (&[kind, ref length @ ..], after) = rest.split_first_chunk::<5>()?;
        let (content, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        sections.push((kind, content));
        rest = after;
    }
    Some(sections)
}

/// Chains the records, proves them in a log of their own, and lists and seals what there is, as a home would that records
/// whatever it likes: so that a changed history is read as a history.
pub(super) fn mend(bytes: &mut Vec<u8>) {
    if let Some(mended) = sections(bytes).and_then(sealed_anew) {
        *bytes = mended;
    }
}

fn sealed_anew(mut sections: Vec<(u8, &[u8])>) -> Option<Vec<u8>> {
    let (_, manifest) = sections.pop()?;
    let manifest = Signed::<Manifest>::parse(manifest).ok()?;
    let seal = GROUND.keys.signer(manifest.envelope().signer())?;
    let mut records: Vec<Record> = Vec::new();
    let mut parts: Vec<(Part, Vec<u8>)> = Vec::new();
    for (kind, content) in sections {
        match Part::from_number(kind.into())? {
            Part::Record => {
                let (record, event) = content.split_first_chunk::<{ Record::BYTES }>()?;
                let mut record = Record::from_bytes(record).ok()?;
                let of_event = cbor::decode(event, &Limits::FRAME, "event").ok()?;
                let [header, _, _] = of_event.as_tuple::<3>("event").ok()?;
                record.event = EventId::of(header.as_bytes("header").ok()?);
                record.prev = records.last().map_or(Digest::ZERO, Record::digest);
                parts.push((Part::Record, [record.to_bytes().as_slice(), event].concat()));
                records.push(record);
            }
            Part::Receipts | Part::Manifest => {}
            part => parts.push((part, content.to_vec())),
        }
    }
    let mut manifest = manifest.value().clone();
    let tree: Tree = records.iter().map(Record::digest).collect();
    let leaves = (0..).zip(records.iter().copied().map(Leaf::Record)).collect();
    let last = records.last()?;
    let (seq, index) = (last.seq, tree.size() - 1);
    let heads = HeadsTree::new(vec![HeadLeaf { case: last.case, seq, record: last.digest(), index }]).ok()?;
    let origin = Origin { agency: manifest.home.clone(), log: [7; 16], generation: 1 };
    let checkpoint = Checkpoint { origin, size: tree.size(), root: tree.root(), heads: heads.heads() };
    let checkpoint = Signed::sign(checkpoint, seal).ok()?.bytes().to_vec();
    let receipt = ReceiptFrame::build(&tree, tree.size(), checkpoint, leaves, &heads, &[last.case]).ok()?;
    parts.push((Part::Receipts, receipt.encode()));
    parts.sort_by_key(|(part, _)| *part);
    manifest.sections = parts.iter().map(|(part, content)| (*part, Digest::of(content))).collect();
    parts.push((Part::Manifest, Signed::sign(manifest, seal).ok()?.bytes().to_vec()));
    let mut out = MAGIC.to_vec();
    for (part, content) in parts {
        out.push(part.number());
        out.extend_from_slice(&u32::try_from(content.len()).ok()?.to_be_bytes());
        out.extend(content);
    }
    Some(out)
}
