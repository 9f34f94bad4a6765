//! A random schedule: acts and faults for a while, then peace, then the audit.

use std::fmt;

use super::disk::FaultyDisk;
use super::net::Net;
use super::plan::Plan;
use super::report::Report;
use super::schedule::Step;
use crate::log::SimDisk;

/// Names of agencies, as many as a plan may ask for.
const NAMES: [&str; 6] = ["mvd", "fns", "health", "transport", "labour", "education"];

/// A run that broke a rule.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Run it again with this.
    pub seed: u64,
    /// What does not hold.
    pub violations: Vec<String>,
    /// The last steps before.
    pub trace: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}:", self.seed)?;
        self.violations.iter().take(12).try_for_each(|violation| writeln!(f, "  {violation}"))?;
        writeln!(f, "the last steps:")?;
        self.trace.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}

/// Plays the schedule of `seed`.
pub fn run(seed: u64, plan: &Plan) -> Result<Report, Box<Failure>> {
    run_over::<SimDisk>(seed, plan)
}

/// As [`run`], over another kind of disk.
pub fn run_over<D: FaultyDisk>(seed: u64, plan: &Plan) -> Result<Report, Box<Failure>> {
    let mut net = Net::<D>::over(seed);
    net.plan = plan.clone();
    let count = net.random.between(plan.agencies_min, plan.agencies_max) as usize;
    let mut net = net.agencies(NAMES.into_iter().take(count));
    for index in 0..net.agencies.len() {
        net.agencies[index].skew_ms = net.skew();
        net.report.clock_skews += 1;
    }
    net.chaos = true;
    net.due(0, Step::Think);
    net.due(plan.fault_every_ms, Step::Fault);
    while net.oracle.errands.len() < plan.acts && net.violations.is_empty() && net.step() {}
    // Trouble goes on for a while after the last act.
    let until = net.now + 3_000;
    while net.now < until && net.violations.is_empty() && net.step() {}
    net.heal();
    net.until_idle();
    if net.violations.is_empty() {
        net.audit();
    }
    net.close()
}

impl<D: FaultyDisk> Net<D> {
    /// Somebody comes up with something to do.
    pub(super) fn thought(&mut self) {
        if self.oracle.errands.len() >= self.plan.acts {
            return;
        }
        let (agency, task) = self.think();
        self.errand(agency, task);
        // Now a rush, now a pause.
        let delay = if !self.in_mind.is_empty() || self.random.chance(500) {
            self.random.below(30)
        } else {
            self.random.below(900)
        };
        self.due(delay, Step::Think);
    }

    fn close(mut self) -> Result<Report, Box<Failure>> {
        for agency in &self.agencies {
            let faults = agency.disk.sim().faults();
            // The auditor's own power cut is none of the schedule's.
            self.report.crashes += faults.crashes.saturating_sub(1);
            self.report.deaths += faults.deaths;
            self.report.lost_writes += faults.writes_lost + faults.lengths_lost + faults.names_lost;
            self.report.torn_writes += faults.writes_torn;
            self.report.failed_syncs += faults.syncs_failed;
            self.report.full_disks += faults.calls_full + faults.writes_short;
        }
        if self.violations.is_empty() {
            return Ok(self.report);
        }
        let trace = self.trace.lines();
        Err(Box::new(Failure { seed: self.seed, violations: self.violations, trace }))
    }
}
