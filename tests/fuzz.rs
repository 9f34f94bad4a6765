//! Decoders and verifiers fed with damaged bytes, from one seed: none panics, takes memory or time without bound, or accepts
//! what it must not.
//!
//! A run tries a fixed number of inputs a target; `OGIC_FUZZ_SECONDS=600 cargo test -p ogic --test fuzz` tries for so long each.
//! `OGIC_FUZZ_SEED` gives other inputs. What is found lies in the target folder; put into `tests/fuzz/found` it is tried first for
//! ever after. The targets are plain functions (`tests/fuzz/targets`), for any driver.

#[path = "documents/diagnostic.rs"]
#[allow(dead_code, reason = "examples can be shown; here they are only damaged")]
mod diagnostic;
#[path = "fuzz/dice.rs"]
mod dice;
#[path = "documents/examples/mod.rs"]
#[allow(dead_code, reason = "likewise")]
mod examples;
#[path = "fuzz/ground.rs"]
mod ground;
#[path = "fuzz/hunt.rs"]
mod hunt;
#[path = "fuzz/keys.rs"]
mod keys;
#[path = "fuzz/mutate.rs"]
mod mutate;
#[path = "fuzz/seeds.rs"]
mod seeds;
#[path = "verify_py/story.rs"]
#[allow(dead_code, reason = "the verifiers bend more of the story than is needed here")]
mod story;
#[path = "fuzz/targets/mod.rs"]
mod targets;
#[path = "fuzz/tree.rs"]
mod tree;

macro_rules! hunts {
    ($($name:ident)+) => {
        $(#[test]
        fn $name() {
            hunt::hunt(targets::TARGETS.iter().find(|target| target.name == stringify!($name)).unwrap());
        })+

        #[test]
        fn every_target_is_hunted() {
            let names = targets::TARGETS.map(|target| target.name);
            assert_eq!(names, [$(stringify!($name)),+]);
        }
    };
}

hunts! {
    cbor cose event registry frame exchange receipt evidence custody certificate capsule extract token service stored journal
}

/// Reading bytes as structures and writing them again changes nothing, so that what is changed was meant.
#[test]
fn structures_of_seeds_are_written_as_they_were_read() {
    for target in &targets::TARGETS {
        for (nth, seed) in (target.seeds)().iter().enumerate() {
            let mut nodes = tree::parse(seed);
            assert_eq!(tree::encode(&nodes), *seed, "{} {nth}", target.name);
            tree::note_digests(&mut nodes);
            assert_eq!(
                tree::encode_in_earnest(&mut nodes, &ground::GROUND.keys),
                *seed,
                "{} {nth}",
                target.name
            );
        }
    }
}
