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
fn one_seed_is_one_run() {
    let plan = Plan { acts: 12, ..Plan::default() };
    let (first, second) = (run(5, &plan).unwrap(), run(5, &plan).unwrap());
    assert_eq!(first, second);
    assert_ne!(first, run(6, &plan).unwrap());
}
