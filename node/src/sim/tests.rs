//! Stories, and a few schedules; many of them run in `tests/simulation.rs`.

use super::*;

#[test]
fn a_handover_survives_a_crash() {
    let mut net = Net::seeded(7).agencies(["mvd", "fns"]);
    let case = net.open("mvd", "passport");
    net.hand_over("mvd", "fns", case).steps(20).crash("fns").restart("fns").until_idle();
    net.work("fns", case, "first").until_idle();
    net.assert_one_history(case);
}

#[test]
fn work_goes_on_when_the_home_loses_its_power_and_its_connections() {
    let mut net = Net::seeded(11).agencies(["mvd", "fns", "health"]);
    let case = net.open("mvd", "passport");
    net.hand_over("mvd", "fns", case).hand_over("mvd", "health", case).until_idle();
    for _ in 0..4 {
        net.note("fns", case).note("health", case).steps(12).cut("mvd", "fns").steps(6);
        net.crash("mvd").restart("mvd").steps(9);
    }
    net.until_idle();
    net.assert_one_history(case);
}

#[test]
fn a_rush_larger_than_the_window_is_not_held_up() {
    let mut net = Net::seeded(13).agencies(["mvd", "fns"]);
    let case = net.open("mvd", "passport");
    net.hand_over("mvd", "fns", case).until_idle();
    let before = net.elapsed_ms();
    for _ in 0..150 {
        net.note("fns", case);
    }
    net.until_idle();
    assert!(net.elapsed_ms() - before < 5_000, "{} ms", net.elapsed_ms() - before);
    net.assert_one_history(case);
}

#[test]
fn a_home_that_tells_two_stories_is_found_out_by_whoever_hears_both() {
    const SEEDS: u64 = 20;
    let (mut found_out, mut unaware) = (0, 0);
    for seed in 0..SEEDS {
        let mut net = Net::seeded(seed).agencies(["mvd", "fns", "health", "labour"]);
        // Labour has no business there.
        let case = net.open("mvd", "passport");
        net.hand_over("mvd", "fns", case).hand_over("mvd", "health", case).until_idle();
        net.forge("mvd");
        let mut chance = Random::new(seed);
        for story in 0..3 {
            for _ in 0..chance.between(1, 6) {
                let teller = if story == 0 { ["mvd", "fns", "health"][chance.index(3)] } else { "mvd" };
                net.note(teller, case).steps(chance.between(1, 60) as usize);
            }
            // Who reads what is chance: not everybody hears two stories.
            net.read(["fns", "health"][chance.index(2)], case).steps(300);
            if story < 2 {
                net.retell().steps(100);
            }
        }
        let alarmed = net.assert_found_out();
        assert!(!alarmed.contains(&"labour".to_owned()), "seed {seed}");
        found_out += alarmed.len();
        unaware += 2 - alarmed.len();
    }
    assert!(found_out > 5 && unaware > 5, "{found_out} found it out, {unaware} did not");
}

#[test]
fn one_seed_is_one_run() {
    let plan = Plan { acts: 12, ..Plan::default() };
    let (first, second) = (run(5, &plan).unwrap(), run(5, &plan).unwrap());
    assert_eq!(first, second);
    assert_ne!(first, run(6, &plan).unwrap());
}
