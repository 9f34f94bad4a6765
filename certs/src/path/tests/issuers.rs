//! Who may stand above a certificate, and that the order in which candidates are given never counts.

use proptest::prelude::*;

use super::super::issuers;
use super::forge::{List, Spec, World, at};
use crate::certificate::Certificate;
use crate::verdict::Verdict;

/// Copies of the authority in between, of one key and key identifier, that nobody above it signed, valid from `begin` on.
fn copies(count: u8, begin: i64) -> Vec<Spec> {
    let copy =
        |nth| Spec { serial: 100 + nth, validity: (begin, 9000), ..Spec::authority("middle", 2, "root", 99) };
    (0..count).map(copy).collect()
}

/// The authority again, as its issuer signed it at another time.
fn reissue(serial: u8, validity: (i64, i64)) -> Spec {
    Spec { serial, validity, ..Spec::authority("middle", 2, "root", 1) }
}

/// What is found above the leaf, as places in the pool, and the verdict with that alone.
fn asked(world: &World) -> (Vec<usize>, Verdict) {
    let pool: Vec<Certificate> = world.middle.iter().map(Spec::certificate).collect();
    let found = issuers(&world.leaf.certificate(), pool.iter(), at(world.at));
    let place = |one: &Certificate| pool.iter().position(|other| other == one).unwrap();
    let places: Vec<usize> = found.iter().map(place).collect();
    let mut alone = world.clone();
    alone.middle = places.iter().map(|place| world.middle[*place].clone()).collect();
    (places, alone.report().verdict)
}

#[test]
fn whoever_counts_is_found_among_many() {
    type Edit = fn(&mut World);
    let rows: &[(&str, Edit, usize, Verdict)] = &[
        ("one", |_| {}, 1, Verdict::TotalPassed),
        ("twenty newer copies", |w| w.middle.extend(copies(20, 4000)), 21, Verdict::TotalPassed),
        ("twenty older copies", |w| w.middle.extend(copies(20, 500)), 21, Verdict::TotalPassed),
        (
            "forty copies that are not valid yet",
            |w| w.middle.extend(copies(40, 7000)),
            32,
            Verdict::TotalPassed,
        ),
        (
            "more newer copies than one looks at",
            |w| w.middle.extend(copies(40, 4000)),
            32,
            Verdict::Indeterminate,
        ),
        (
            "a hundred of its name with other keys",
            |w| w.middle.extend((100..200).map(|key| Spec::authority("middle", key, "root", 99))),
            1,
            Verdict::TotalPassed,
        ),
        (
            "forty reissues that have ended",
            |w| w.middle.extend((100..140).map(|serial| reissue(serial, (1000, 2000)))),
            32,
            Verdict::TotalPassed,
        ),
        (
            "reissues of which only the oldest is valid",
            |w| {
                w.middle = (100..140).map(|serial| reissue(serial, (6000, 9000))).collect();
                w.middle.push(reissue(77, (1000, 9000)));
            },
            32,
            Verdict::TotalPassed,
        ),
        (
            "a link from the old key to the new one",
            |w| {
                w.middle[0].signer = 5;
                w.middle.push(Spec::authority("root", 5, "root", 1));
                w.lists.push(List::of("root", 5));
            },
            2,
            Verdict::TotalPassed,
        ),
        (
            "the root itself",
            |w| w.middle.push(Spec::authority("root", 1, "root", 1)),
            1,
            Verdict::TotalPassed,
        ),
        (
            "twenty copies on one level and what is above it",
            |w| {
                w.middle[0].issuer = "upper";
                w.middle[0].signer = 6;
                w.middle.push(Spec::authority("upper", 6, "root", 1));
                w.middle.extend(copies(20, 4000));
                w.lists.push(List::of("upper", 6));
            },
            22,
            Verdict::TotalPassed,
        ),
        ("nobody", |w| w.middle.clear(), 0, Verdict::Indeterminate),
    ];
    for (name, edit, count, verdict) in rows {
        let mut world = World::valid();
        edit(&mut world);
        for reversed in [false, true] {
            if reversed {
                world.middle.reverse();
            }
            let (found, answer) = asked(&world);
            assert_eq!((found.len(), answer), (*count, *verdict), "{name}, reversed: {reversed}");
        }
    }
}

/// Copies, reissues, strangers, a roll-over, another way up: several paths hold and more do not.
fn crowd() -> World {
    let mut world = World::valid();
    world.middle.extend(copies(20, 4000));
    world.middle.extend((100..110).map(|serial| reissue(serial, (1000, 2000))));
    world.middle.extend((110..115).map(|serial| reissue(serial, (1000, 9000))));
    world.middle.extend((120..130).map(|key| Spec::authority("middle", key, "root", 99)));
    world.middle.push(Spec::authority("root", 5, "root", 1));
    world.middle.push(Spec { serial: 90, ..Spec::authority("middle", 2, "root", 5) });
    world.middle.push(Spec { serial: 91, ..Spec::authority("middle", 2, "other", 8) });
    world.middle.push(Spec::authority("other", 8, "root", 1));
    world.lists.extend([List::of("root", 5), List::of("other", 8)]);
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever holds or not, the same is found and the same path is reported, with the same checks.
    #[test]
    fn the_order_of_the_pool_never_counts(
        order in Just((0..crowd().middle.len()).collect::<Vec<_>>()).prop_shuffle(),
        is_spoiled in any::<bool>(),
    ) {
        let spoil = |world: &mut World| {
            if is_spoiled {
                // No path holds now: the most telling one is reported.
                world.leaf.validity = (1000, 4500);
            }
        };
        let mut world = crowd();
        spoil(&mut world);
        let mut shuffled = world.clone();
        shuffled.middle = order.iter().map(|place| world.middle[*place].clone()).collect();
        let (found, verdict) = asked(&world);
        let (again, same) = asked(&shuffled);
        let again: Vec<usize> = again.into_iter().map(|place| order[place]).collect();
        prop_assert_eq!((found, verdict), (again, same));
        prop_assert_eq!(verdict == Verdict::TotalPassed, !is_spoiled);
        prop_assert_eq!(world.report(), shuffled.report());
    }
}
