//! Whatever is recorded in whatever order: the fold is deterministic and total, and a row is its case.

use ogic_certs::event::Kind;
use ogic_certs::evidence::Judgement;
use ogic_certs::{Digest, EventId};
use proptest::prelude::*;

use super::{Draft, Scene, agency, failed, health, home, undecided};
use crate::case::model::{Case, Effect};

/// A draft from two bytes: mostly sensible, sometimes not.
fn draft(scene: &Scene, what: u8, how: u8) -> Draft {
    let pick = usize::from(how);
    let grant = scene
        .case
        .grants
        .get(pick % scene.case.grants.len().max(1))
        .map_or_else(|| EventId(Digest::of(b"nowhere")), |grant| grant.id);
    let waiting = scene
        .case
        .pending
        .get(pick % scene.case.pending.len().max(1))
        .map_or_else(|| EventId(Digest::of(b"nothing")), |pending| pending.event);
    let verdict = [Judgement::PASSED, Judgement::PASSED, undecided(), failed()][pick % 4].clone();
    match what % 10 {
        0 => scene.share(&[health(), agency("justice"), home()][pick % 3]),
        1 => scene.unshare(grant),
        2 | 3 => scene.medical(grant).with_code(u64::from(how % 3)),
        4 => scene.note(grant),
        5 | 6 => scene.evidence(waiting, &Judgement::PASSED, (how % 8 != 7).then_some(&verdict)),
        7 => {
            let step = ["medical", "decision", "application", "nothing"][pick % 4];
            scene.draft(&home(), Kind::Step, Some(step)).with_code(u64::from(how % 3))
        }
        8 => scene.draft(&home(), Kind::ALL[pick % Kind::ALL.len()], None),
        _ if how.is_multiple_of(4) => scene.close(u64::from(how / 4 % 6)),
        _ => scene.draft(&home(), Kind::Note, None),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_fold_is_deterministic_and_total(script in prop::collection::vec(any::<(u8, u8)>(), 0..60)) {
        let mut scene = Scene::open();
        for (what, how) in script {
            let draft = draft(&scene, what, how);
            let (decided, before) = (scene.decide(&draft), scene.case.clone());
            let (event, applied) = scene.add(draft);
            // What is decided is what is folded.
            match decided {
                Ok(()) => prop_assert!(!matches!(applied.effect, Effect::None(_)), "{:?}", applied),
                Err(problem) => {
                    let code = applied.effect.judgement().and_then(|judgement| judgement.code);
                    prop_assert_eq!(code, Some(problem.code));
                    let unchanged = Case { head: scene.case.head, records: scene.case.records, ..before.clone() };
                    prop_assert_eq!(&scene.case, &unchanged, "no effect means no change");
                }
            }
            if before.is_closed() {
                prop_assert_eq!(before.status, scene.case.status);
                prop_assert!(matches!(applied.effect, Effect::None(_)));
            }
            prop_assert_eq!(applied.effect == Effect::Pending, scene.case.pending(&event).is_some());
            for (settled, effect) in &applied.settled {
                prop_assert!(before.pending(settled).is_some() && *effect != Effect::Pending);
            }
        }
        let row = scene.case.to_row();
        prop_assert_eq!(&Case::from_row(&row).unwrap(), &scene.case);
        let (case, effects) = scene.replay().into_parts();
        prop_assert_eq!(&case, &scene.case);
        prop_assert_eq!(case.to_row(), row);
        prop_assert_eq!(effects.len() as u64, case.records);
        let pending = effects.iter().filter(|effect| **effect == Effect::Pending).count();
        prop_assert_eq!(pending, case.pending.len());
    }

    #[test]
    fn no_row_panics(bytes in prop::collection::vec(any::<u8>(), 0..80), at in any::<prop::sample::Index>()) {
        prop_assert!(Case::from_row(&bytes).is_err());
        let mut row = Scene::waiting().0.case.to_row();
        let at = at.index(row.len());
        row[at] ^= bytes.first().copied().unwrap_or(1) | 1;
        // A flipped byte of a text may still read: what matters is that reading ends.
        let _ = Case::from_row(&row);
    }
}
