//! How a capsule is put together: sections, signers, registries and lists.

use ogic_certs::Digest;
use ogic_certs::cose::Signed;
use ogic_certs::record::HeadLeaf;
use ogic_certs::service::ServiceText;
use ogic_certs::testing::{Federation, agency};

use crate::files::Files;
use crate::story::{Capsule, DAY_MS, MINUTE_MS, NOW, SERVICE, Story};

/// Capsules of the whole history, bent where they are put together.
pub(crate) fn rows(files: &mut Files) {
    let story = Story::whole();
    let proven = story.proof(|_| {});
    let mut row = |name: &str, edit: &dyn Fn(&mut Capsule)| {
        files.add(format!("capsule: {name}"), &story.capsule_with(&proven, |capsule| edit(capsule)));
    };
    row("without lists", &|capsule| capsule.crls.clear());
    row("without documents", &|capsule| capsule.documents.clear());
    row("with a document of nobody", &|capsule| capsule.documents.push(b"x".to_vec()));
    row("with a document twice", &|capsule| capsule.documents.push(capsule.documents[0].clone()));
    row("sealed by another agency", &|capsule| capsule.seal = story.health.clone());
    row("sealed by an official", &|capsule| capsule.seal = story.official.clone());
    row("of another home", &|capsule| capsule.home = "health.gov.example".to_owned());
    row("of another case", &|capsule| capsule.case.0 = Digest::of(b"x"));
    row("made before its records", &|capsule| capsule.at = NOW.minus_ms(55 * MINUTE_MS));
    row("made when the seal has ended", &|capsule| capsule.at = NOW.plus_ms(70 * DAY_MS));
    row("without the receipts of the end", &|capsule| drop(capsule.receipts.pop()));
    row("with a receipt twice", &|capsule| capsule.receipts.push(capsule.receipts[0].clone()));
    row("with another definition", &|capsule| {
        let other = ServiceText::new(format!("{SERVICE}# more\n")).unwrap();
        capsule.service = Signed::sign(other, &story.seal).unwrap().bytes().to_vec();
    });
    for nth in 0..6 {
        row(&format!("without certificate {nth}"), &|capsule| drop(capsule.carried.remove(nth)));
    }
    let mut places = proven.places.clone();
    places.push(0);
    places.sort_unstable();
    row("with a leaf that is no record", &|capsule| capsule.receipts = vec![proven.receipt(&places)]);
    row("with one receipt for all", &|capsule| capsule.receipts = vec![proven.receipt(&proven.places)]);
    let later = story.proof(|proof| proof.leaves.push(proof.leaves[0]));
    row("with receipts under two checkpoints", &|capsule| {
        capsule.receipts[1] = later.receipt(&later.places[4..]);
    });
    let by_health = story.proof(|proof| proof.seal = story.health.clone());
    row("with a checkpoint by another agency", &|capsule| {
        capsule.receipts = vec![by_health.receipt(&proven.places)];
    });
    let of_health = story.proof(|proof| proof.origin.agency = agency("health.gov.example"));
    row("with a checkpoint of another's log", &|capsule| {
        capsule.receipts = vec![of_health.receipt(&proven.places)];
    });
    for (name, bend) in [
        ("an older head", (|head| head.seq -= 1) as fn(&mut HeadLeaf)),
        ("a newer head", |head| head.seq += 1),
        ("a head at another place", |head| head.index -= 1),
        ("a head beyond the log", |head| head.index += 9),
        ("a head of another record", |head| head.record = Digest::of(b"x")),
    ] {
        let bent = story.proof(|proof| bend(&mut proof.heads[0]));
        row(&format!("with {name}"), &|capsule| capsule.receipts = vec![bent.receipt(&proven.places)]);
    }

    // Registries: another of the same version, a newer one, one of another federation.
    let mut federation = Federation::new(9162, NOW);
    federation.signer("ogic://transport.gov.example/seal");
    let twin = federation.registry();
    row("with another registry of the same version", &|capsule| capsule.registry = twin.clone());
    let newer = federation.registry();
    row("with a registry of another version", &|capsule| capsule.registry = newer.clone());
    let foreign = Story::elsewhere().registry;
    row("with another federation's registry", &|capsule| capsule.registry = foreign.clone());
    let foreign = Story::elsewhere().crl;
    row("with another federation's list", &|capsule| capsule.crls = vec![foreign.clone()]);
    let mut federation = Federation::new(9162, NOW);
    federation.set_now(NOW.minus_ms(20 * DAY_MS));
    let old = federation.crl();
    row("with a list long past its life", &|capsule| capsule.crls = vec![old.clone()]);
    federation.set_now(NOW.minus_ms(3 * DAY_MS));
    let stale = federation.crl();
    row("with a list past its life", &|capsule| capsule.crls = vec![stale.clone()]);
    for (name, signer, ago) in [
        ("the seal, revoked before it all", &story.seal, 90),
        ("the seal, revoked after the opening", &story.seal, 58),
        ("the seal, revoked when the capsule was made", &story.seal, 0),
        ("the physician, revoked before his approval", &story.physician, 70),
        ("the physician, revoked after his approval", &story.physician, 50),
        ("the third party, revoked after its evidence", &story.ttp, 1),
    ] {
        federation.set_now(NOW);
        federation.revoke(signer.certificate(), NOW.minus_ms(ago * MINUTE_MS));
        let list = federation.crl();
        row(&format!("with a list of {name}"), &|capsule| capsule.crls = vec![list.clone()]);
    }
}
