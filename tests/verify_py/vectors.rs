//! The published vectors: files for other teams' verifiers, each with the verdict that it must have and why it is there.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use ogic_certs::Digest;
use ogic_certs::cose::Signed;
use ogic_certs::evidence::Judgement;

use crate::files::Files;
use crate::judges::Reader;
use crate::story::{MINUTE_MS, NOW, Story, failed};

struct Vector {
    name: &'static str,
    bytes: Vec<u8>,
    exit: i64,
    why: &'static str,
}

/// Writes the folder anew under `OGIC_BLESS`; else it must be what the story makes.
pub(crate) fn bless_or_compare() {
    let vectors = vectors();
    let story = Story::whole();
    let mut files: Vec<(String, Vec<u8>)> =
        vectors.iter().map(|vector| (vector.name.to_owned(), vector.bytes.clone())).collect();
    files.push(("trust/registry.cose".to_owned(), story.registry.bytes().to_vec()));
    files.push(("trust/list.crl".to_owned(), story.crl.der().to_vec()));
    files.push(("trust/certificates.pem".to_owned(), story.certificates().into_bytes()));
    files.push(("README.md".to_owned(), index(&vectors, &story).into_bytes()));
    if std::env::var_os("OGIC_BLESS").is_some() {
        std::fs::create_dir_all(folder().join("trust")).unwrap();
        files.iter().for_each(|(name, bytes)| std::fs::write(folder().join(name), bytes).unwrap());
        return;
    }
    for (name, bytes) in &files {
        let found = std::fs::read(folder().join(name)).unwrap_or_default();
        assert!(
            found == *bytes,
            "tests/vectors/{name} is not what the story makes: OGIC_BLESS=1 writes it anew"
        );
    }
    let there = std::fs::read_dir(folder()).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_file());
    assert_eq!(there.count(), vectors.len() + 1, "files that nothing makes");
}

/// The files as they lie in the folder, who judges them, and how each must end.
pub(crate) fn published() -> (Files, Reader, Vec<i64>) {
    let (mut files, vectors) = (Files::new(), vectors());
    for vector in &vectors {
        files.add(vector.name, &std::fs::read(folder().join(vector.name)).unwrap());
    }
    let reader = Reader::of("the published vectors", &Story::whole());
    (files, reader, vectors.iter().map(|vector| vector.exit).collect())
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors")
}

fn vectors() -> Vec<Vector> {
    let story = Story::whole();
    let proven = story.proof(|_| {});
    let told = |nth, judgement| {
        Signed::sign(story.evidence(nth, judgement, |_| {}), &story.ttp).unwrap().bytes().to_vec()
    };
    let flipped = |bytes: &[u8], at: usize| {
        let mut bytes = bytes.to_vec();
        let at = if at < bytes.len() { at } else { bytes.len() - 1 };
        bytes[at] ^= 1;
        bytes
    };
    let withheld = |nth, is_body| {
        let mut story = Story::new(9162);
        story.opens(|_| {});
        story.shares(|_| {});
        story.medical(|_| {});
        story.withheld.push((nth, is_body));
        story.documents.clear();
        story.capsule()
    };
    let mut unknown = Story::whole();
    unknown.withheld.push((2, true));
    unknown.documents.clear();
    let mut waiting = Story::new(9162);
    waiting.opens(|_| {});
    waiting.shares(|_| {});
    waiting.medical(|_| {});
    let mut gap = Story::whole();
    gap.told.last_mut().unwrap().0.seq += 1;
    let mut dismissed = Story::new(9162);
    dismissed.opens(|_| {});
    dismissed.official = dismissed.dismissed.clone();
    let (seal, physician) = (dismissed.seal.clone(), dismissed.dismissed.clone());
    dismissed.tell(
        crate::story::Act {
            seal: &seal,
            official: Some(&physician),
            kind: ogic_certs::event::Kind::Note,
            step: None,
            code: 0,
            body: ogic_certs::event::Body::of(ogic_certs::event::Detail::None),
        },
        |_| {},
    );
    let whole = story.capsule();
    let fork = story.proof(|proof| proof.heads[0].record = Digest::of(b"another record"));
    let foreign =
        story.proof(|proof| proof.origin.agency = ogic_certs::testing::agency("health.gov.example"));
    let elsewhere = {
        let mut other = Story::elsewhere();
        other.opens(|_| {});
        other
    };
    let with =
        |edit: &dyn Fn(&mut crate::story::Capsule)| story.capsule_with(&proven, |capsule| edit(capsule));
    let row = |name, bytes, exit, why| Vector { name, bytes, exit, why };
    vec![
        row(
            "capsule-whole.bin",
            whole.clone(),
            0,
            "a case from opening to close; a dismissed official's note stands in it without effect",
        ),
        row(
            "capsule-waiting.bin",
            waiting.capsule(),
            0,
            "a step that still waits for evidence is no fault of the history",
        ),
        row(
            "capsule-body-withheld.bin",
            withheld(2, true),
            6,
            "a body is withheld: everything is proven but what it did",
        ),
        row(
            "capsule-effect-unknown.bin",
            unknown.capsule(),
            6,
            "a body is withheld: whether the note of the dismissed official took effect nobody can tell",
        ),
        row(
            "capsule-without-a-certificate.bin",
            with(&|capsule| drop(capsule.carried.remove(1))),
            6,
            "a signer's certificate is not carried: who approved cannot be decided",
        ),
        row(
            "capsule-elsewhere.bin",
            elsewhere.capsule(),
            6,
            "whole in itself, under a root that the reader did not pin",
        ),
        row("capsule-bit.bin", flipped(&whole, whole.len() / 2), 5, "one bit in the middle"),
        row("capsule-cut.bin", whole[..whole.len() - 1].to_vec(), 5, "the last byte is missing"),
        row("capsule-gap.bin", gap.capsule(), 5, "the home itself proves a record with a gap before it"),
        row(
            "capsule-sealed-by-another.bin",
            with(&|capsule| capsule.seal = story.health.clone()),
            5,
            "the manifest is sealed by another agency than the home",
        ),
        row(
            "capsule-made-too-early.bin",
            with(&|capsule| capsule.at = NOW.minus_ms(55 * MINUTE_MS)),
            5,
            "records are younger than the capsule says of itself",
        ),
        row(
            "capsule-approval-failed.bin",
            dismissed.capsule(),
            5,
            "the home let an approval of another agency's dismissed official take effect",
        ),
        row(
            "receipt-one.bin",
            proven.receipt(&proven.places[2..3]),
            0,
            "one record with its proof, and the head of its case",
        ),
        row(
            "receipt-many.bin",
            proven.receipt(&proven.places),
            0,
            "one proof for all records of a case, a look and a notice between them",
        ),
        row("receipt-bit.bin", flipped(&proven.receipt(&proven.places), 900), 5, "one bit changed in a leaf"),
        row(
            "receipt-fork.bin",
            fork.receipt(&fork.places),
            5,
            "the head is another record than that at its place: this file convicts its signer",
        ),
        row("checkpoint.bin", proven.checkpoint.bytes().to_vec(), 0, "a signed tree head"),
        row(
            "checkpoint-bit.bin",
            flipped(proven.checkpoint.bytes(), usize::MAX),
            5,
            "one bit of the signature",
        ),
        row(
            "checkpoint-of-another-log.bin",
            foreign.checkpoint.bytes().to_vec(),
            5,
            "the origin is not the signer's agency",
        ),
        row(
            "evidence-passed.bin",
            told(2, Judgement::PASSED),
            0,
            "a third party's statement that a step's signatures hold",
        ),
        row(
            "evidence-of-a-failure.bin",
            told(4, failed()),
            0,
            "genuine evidence of a failure: the evidence holds, what it tells of does not",
        ),
        row(
            "evidence-untrue.bin",
            told(2, failed()),
            5,
            "signed by the third party, and not what its own inputs lead to",
        ),
        row(
            "evidence-by-a-seal.bin",
            Signed::sign(story.evidence(2, Judgement::PASSED, |_| {}), &story.seal).unwrap().bytes().to_vec(),
            5,
            "a seal cannot sign evidence",
        ),
        row(
            "evidence-by-a-stranger.bin",
            Signed::sign(story.evidence(2, Judgement::PASSED, |_| {}), &elsewhere.ttp)
                .unwrap()
                .bytes()
                .to_vec(),
            6,
            "by a certificate that is not at hand",
        ),
    ]
}

fn index(vectors: &[Vector], story: &Story) -> String {
    let mut text = format!(
        "# Vectors\n\nFiles for verifiers of [the protocol](../../docs/PROTOCOL.md), made by `tests/verify_py/vectors.rs` \
         from fixed keys at a fixed\ntime. `ogic verify` and `tests/verify.py` must both end as the table says:\n\n```sh\n\
         cd tests/vectors\nogic verify --at {NOW} --pin {pin} \\\n  --trust trust/registry.cose \
         --crl trust/list.crl --certs trust/certificates.pem *.bin\n```\n\n| file | verdict | exit | why it is here |\n\
         |---|---|---|---|\n",
        pin = story.pin.root,
    );
    for Vector { name, exit, why, .. } in vectors {
        let verdict = match exit {
            0 => "TOTAL-PASSED",
            6 => "INDETERMINATE",
            _ => "TOTAL-FAILED",
        };
        writeln!(text, "| `{name}` | {verdict} | {exit} | {why} |").unwrap();
    }
    text
}
