//! Receipts, checkpoints, evidence and other objects, each alone and as an extract.

use ogic_certs::announcement::Announcement;
use ogic_certs::checkpoint::Origin;
use ogic_certs::cose::{Signed, Signer};
use ogic_certs::event::HeadAt;
use ogic_certs::evidence::Judgement;
use ogic_certs::record::Leaf;
use ogic_certs::refusal::Refusal;
use ogic_certs::testing::{Federation, agency};
use ogic_certs::{Code, Digest, EventId};

use crate::files::Files;
use crate::story::{DAY_MS, NOW, Proof, Story, failed};

/// Receipts, checkpoints, evidence, each alone.
pub(crate) fn rows(files: &mut Files) {
    let story = Story::whole();
    let mut proofs = |name: &str, edit: &dyn Fn(&mut Proof)| {
        let proven = story.proof(|proof| edit(proof));
        files.add(format!("checkpoint: {name}"), proven.checkpoint.bytes());
        files.add(format!("receipt of one: {name}"), &proven.receipt(&proven.places[2..3]));
        files.add(format!("receipt of all: {name}"), &proven.receipt(&proven.places));
        files.add(format!("receipt of a notice: {name}"), &proven.receipt(&[0]));
        files.add(format!("extract of a receipt: {name}"), &story.extract(&proven.receipt(&proven.places)));
    };
    proofs("as it is", &|_| {});
    proofs("by another agency", &|proof| proof.seal = story.health.clone());
    proofs("by an official", &|proof| proof.seal = story.official.clone());
    proofs("of another's log", &|proof| proof.origin.agency = agency("health.gov.example"));
    proofs("an older head", &|proof| proof.heads[0].seq -= 1);
    proofs("a newer head", &|proof| proof.heads[0].seq += 1);
    proofs("a newer head later", &|proof| {
        proof.heads[0].seq += 1;
        proof.heads[0].index += 1;
        proof.leaves.push(proof.leaves[0]);
    });
    proofs("a head at another place", &|proof| proof.heads[0].index -= 1);
    proofs("a head beyond the log", &|proof| proof.heads[0].index += 9);
    proofs("a head of another record", &|proof| proof.heads[0].record = Digest::of(b"x"));
    for (name, bend) in [
        ("another prev", (|record| record.prev = Digest::of(b"x")) as fn(&mut ogic_certs::record::Record)),
        ("a record once more", |record| record.seq -= 1),
        ("a gap", |record| record.seq += 1),
        ("another case", |record| record.case.0 = Digest::of(b"x")),
    ] {
        proofs(name, &|proof| {
            let place = proof.places[4] as usize;
            if let Leaf::Record(record) = &mut proof.leaves[place] {
                bend(record);
            }
        });
    }
    for (name, signer, edit) in [
        ("as it is", &story.ttp, (|_| {}) as fn(&mut ogic_certs::evidence::Evidence)),
        ("by a seal", &story.seal, |_| {}),
        ("a failed one", &story.ttp, |said| said.judgement = failed()),
        ("about another", &story.ttp, |said| said.event = EventId(Digest::of(b"x"))),
        ("before the certificate", &story.ttp, |said| said.at = NOW.minus_ms(2 * DAY_MS)),
        ("an input of other bytes", &story.ttp, |said| said.inputs[0].digest = Digest::of(b"x")),
        ("an input that is named", &story.ttp, |said| said.inputs[0].bytes = None),
        ("a long name of a source", &story.ttp, |said| said.time_source = "x".repeat(1025)),
        ("by another policy", &story.ttp, |said| said.policy = Digest::of(b"x")),
        ("without its event", &story.ttp, |said| said.inputs.retain(|input| input.kind != "event")),
        ("its event twice", &story.ttp, |said| said.inputs.push(said.inputs[0].clone())),
        ("without its approval", &story.ttp, |said| said.inputs.retain(|input| input.kind != "approval")),
        ("without certificates", &story.ttp, |said| said.inputs.retain(|input| input.kind != "certificate")),
        ("without lists", &story.ttp, |said| said.inputs.retain(|input| input.kind != "crl")),
        ("without its registry", &story.ttp, |said| said.inputs.retain(|input| input.kind != "registry")),
        ("all inputs named alone", &story.ttp, |said| {
            said.inputs.iter_mut().for_each(|input| input.bytes = None);
        }),
        ("the approval named as none", &story.ttp, |said| said.approval = None),
        ("for nobody's mandate", &story.ttp, |said| said.mandate = None),
        ("for another's mandate", &story.ttp, |said| {
            said.mandate = Some((agency("health.gov.example"), ogic_certs::Role::Seal));
        }),
        ("at another time", &story.ttp, |said| said.at = NOW.plus_ms(5 * DAY_MS)),
    ] {
        for (nth, what) in [(0, "an opening"), (2, "a step"), (4, "a failed note")] {
            if nth == 4 && name == "at another time" {
                // The verdict is the same then, and the checks tell another time: those are compared by their own release.
                continue;
            }
            let judgement = if nth == 4 { failed() } else { Judgement::PASSED };
            let said = story.evidence(nth, judgement, edit);
            let said = Signed::sign(said, signer).unwrap();
            files.add(format!("evidence about {what}: {name}"), said.bytes());
            files.add(format!("extract of evidence about {what}: {name}"), &story.extract(said.bytes()));
        }
    }
    let mut federation = Federation::new(9162, NOW);
    for _ in 0..6 {
        federation.signer("ogic://transport.gov.example/seal");
    }
    let unlisted = federation.signer("ogic://ttp.gov.example/ttp");
    let said = story.evidence(2, Judgement::PASSED, |_| {});
    files.add("evidence: by a key at hand for nobody", Signed::sign(said, &unlisted).unwrap().bytes());
    files.add("extract of nothing", &story.extract(b""));
    files.add("extract of text", &story.extract(b"a letter"));
    files.add("extract of a registry", &story.extract(story.registry.bytes()));
    files.add("extract of an extract", &story.extract(&story.extract(story.service.bytes())));
    files.add("extract's first line", b"ogic extract 1\n");
    files.add("registry", story.registry.bytes());
    files.add("another federation's registry", Story::elsewhere().registry.bytes());
    files.add("definition", story.service.bytes());
    files.add("event header", story.told[2].1.header.bytes());
    files.add("approval", story.told[2].1.approval.as_ref().unwrap().bytes());
    notices(files, &story);
    files.add("nothing", b"");
    files.add("text", b"a letter");
    files.add("a tag alone", &[0xd2]);
}

/// What is told on the way, signed by whoever may and by others.
fn notices(files: &mut Files, story: &Story) {
    let told_by = |name: &str, signer: &Signer, files: &mut Files| {
        files.add(format!("announcement by {name}"), &announced(signer));
        let (subject, head) = (Digest::of(b"x"), Some(HeadAt { seq: 3, record: Digest::of(b"head") }));
        let refusal = Refusal { subject, code: Code::HeadMoved, field: "head".to_owned(), head, at: NOW };
        files.add(format!("refusal by {name}"), Signed::sign(refusal, signer).unwrap().bytes());
        let mut moving = Story::new(9162);
        moving.opens(|_| {});
        moving.offers();
        moving.accepts();
        moving.releases();
        files.add(format!("custody notice by {name}"), &moving.notice(|_| {}, signer));
        let empty = moving.notice(|notice| notice.records.clear(), signer);
        files.add(format!("custody notice without records by {name}"), &empty);
    };
    told_by("a seal", &story.seal, files);
    told_by("a third party", &story.ttp, files);
    told_by("an official", &story.official, files);
}

/// Where a third party listens.
pub(crate) fn announced(signer: &Signer) -> Vec<u8> {
    let log = Origin { agency: agency("ttp.gov.example"), log: [7; 16], generation: 1 };
    let endpoints = vec!["192.0.2.7:4433".parse().unwrap(), "[2001:db8::7]:4433".parse().unwrap()];
    Signed::sign(Announcement { endpoints, log, at: NOW }, signer).unwrap().bytes().to_vec()
}
