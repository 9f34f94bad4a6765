//! The shell around a simulated desk: it starts and ends, commits when it is its turn, and does what the desk asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ogic_certs::trust::Trust;
use ogic_certs::{CaseId, Code, EventId};

use super::agency::{Agency, Process, START};
use super::client::says_nothing;
use super::disk::FaultyDisk;
use super::net::Net;
use super::schedule::Step;
use crate::desk::{Desk, Output};

impl<D: FaultyDisk> Net<D> {
    /// The process is started, if it is not running.
    pub(super) fn start(&mut self, index: usize) {
        if self.agencies[index].process.is_some() {
            return;
        }
        self.choose_store(index);
        let agency = &mut self.agencies[index];
        agency.life += 1;
        agency.deaths = agency.disk.sim().faults().deaths;
        let opened = Desk::open(agency.disk.clone(), agency.shelf.clone(), agency.settings.clone(), None);
        match opened {
            Ok(desk) => {
                self.report.restarts += u64::from(agency.life > 1);
                agency.process = Some(Process {
                    desk,
                    links: BTreeMap::new(),
                    waiting: BTreeMap::new(),
                    woken: BTreeSet::new(),
                    services: BTreeSet::new(),
                    committing: false,
                    timer: None,
                    ending: false,
                });
                self.note_down(index, "starts");
                for pair in self.pairs_of(index) {
                    self.dial_soon(pair, true);
                }
                self.turn(index);
            }
            // The disk was broken once more while it was read.
            Err(problem) if matches!(problem.code, Code::DiskFailed | Code::DiskFull) => {
                agency.disk.sim().kill();
                self.note_down(index, format!("does not start: {problem}"));
                let delay = self.random.between(100, 2_000);
                self.due(delay, Step::Start { agency: index });
            }
            Err(problem) => {
                let name = &agency.name;
                self.violations.push(format!("{name} does not start: {problem}"));
            }
        }
    }

    /// The process ends as it stands; with the power, if so.
    pub(super) fn end(&mut self, index: usize, power: bool) {
        let agency = &mut self.agencies[index];
        let Some(process) = agency.process.take() else { return };
        self.report.note_custody(&process.desk);
        if power {
            agency.disk.sim().crash();
        } else {
            agency.disk.sim().kill();
            self.report.kills += 1;
        }
        self.note_down(index, if power { "loses its power" } else { "is killed" });
        for (peer, link) in process.links {
            self.abandon(link.connection, index, peer);
        }
    }

    /// Whatever was given to an agency: its process may have died of it; what it says is done, what it has to send is sent.
    pub(super) fn turn(&mut self, index: usize) {
        let agency = &self.agencies[index];
        if agency.process.is_some() && agency.disk.sim().faults().deaths > agency.deaths {
            // It died within a call of the disk: of what it would have said next nothing was said.
            let power = self.random.chance(500);
            let life = self.agencies[index].life;
            self.note_down(index, "dies in a call of its disk");
            return self.ended(index, life, power);
        }
        let mut outputs = Vec::new();
        if let Some(process) = &mut self.agencies[index].process {
            while let Some(output) = process.desk.poll_output() {
                outputs.push(output);
            }
        }
        for output in outputs {
            self.output(index, output);
        }
        self.fetch_services(index);
        self.pump(index);
        let now = self.now;
        let agency = &mut self.agencies[index];
        let clock = agency.clock(now);
        let Some(process) = &mut agency.process else { return };
        let life = agency.life;
        if process.desk.waiting() > 0 && !process.committing {
            process.committing = true;
            // What comes in the meantime is taken along.
            let delay = self.random.below(12);
            self.due(delay, Step::Commit { agency: index, life });
        }
        let agency = &mut self.agencies[index];
        let Some(process) = &mut agency.process else { return };
        let sessions = process.links.values().filter_map(|link| link.session.next_timeout());
        if let Some(due) = sessions.chain(process.desk.next_timeout()).min() {
            let at = now + due.since_ms(clock).max(1);
            if process.timer.is_none_or(|timer| timer <= now || timer > at) {
                process.timer = Some(at);
                self.due(at - now, Step::Timer { agency: index, life });
            }
        }
    }

    fn ended(&mut self, index: usize, life: u64, power: bool) {
        if self.lives(index, life) {
            self.end(index, power);
            let delay = self.random.between(20, 3_000);
            self.due(delay, Step::Start { agency: index });
        }
    }

    fn output(&mut self, index: usize, output: Output) {
        match output {
            Output::Reply(ticket, answer) => self.reply(index, ticket, answer),
            Output::Wake(peer) => {
                let peer = self.index_of(&peer);
                if let (Some(peer), Some(process)) = (peer, &mut self.agencies[index].process) {
                    process.woken.insert(peer);
                }
            }
            Output::Judge { case, event } => {
                let delay = self.random.between(5, 300);
                let life = self.agencies[index].life;
                self.due(delay, Step::Evidence { agency: index, life, case, event, tries: 0 });
            }
            Output::NeedService { peer, digest } => {
                let peer = self.index_of(&peer);
                if let (Some(peer), Some(process)) = (peer, &mut self.agencies[index].process) {
                    process.services.insert((peer, digest));
                }
            }
            Output::Alarm(problem) => {
                let name = self.agencies[index].name.clone();
                self.violations.push(format!("{name} is alarmed: {problem}"));
            }
            // Documents are not simulated; whoever wants to know what was settled asks the book.
            Output::Settled(_) => {}
        }
    }

    pub(super) fn commit(&mut self, index: usize) {
        let now = self.now;
        let local = self.agencies[index].clock(now);
        let random = &mut self.random;
        let Some(process) = &mut self.agencies[index].process else { return };
        process.committing = false;
        let work = process.desk.waiting();
        let committed = process.desk.commit(local, &mut |bytes| random.fill(bytes));
        let size = process.desk.log().size();
        match committed {
            Ok(true) => {
                self.note_down(index, format!("commits {work} works, {size} leaves"));
                self.check_homes(index);
                let (delay, life) = (self.random.between(1, 400), self.agencies[index].life);
                self.due(delay, Step::Follow { agency: index, life });
            }
            Ok(false) => {}
            Err(problem) if says_nothing(problem.code) && problem.code != Code::Internal => {
                self.note_down(index, format!("does not commit: {problem}"));
                if !process_ending(&mut self.agencies[index]) {
                    // An operator sees it and restarts the node, in whatever way.
                    let (delay, power) = (self.random.between(100, 3_000), self.random.chance(300));
                    let life = self.agencies[index].life;
                    self.due(delay, Step::End { agency: index, life, power });
                }
            }
            Err(problem) => {
                let name = &self.agencies[index].name;
                self.violations.push(format!("{name} cannot commit: {problem}"));
            }
        }
        self.turn(index);
    }

    /// At no point two agencies order one case, whatever is on its way and whoever has crashed.
    fn check_homes(&mut self, index: usize) {
        let Some(process) = &self.agencies[index].process else { return };
        let us = process.desk.agency();
        let Ok(cases) = process.desk.cases() else { return };
        for case in cases.iter().filter(|case| !case.moves.is_empty() && case.is_ordered_by(us)) {
            for other in self.agencies.iter().filter(|other| other.id() != us) {
                let Some(process) = &other.process else { continue };
                let held = process.desk.case(&case.id).ok().flatten();
                if held.is_some_and(|held| held.is_ordered_by(other.id())) {
                    self.violations.push(format!("{us} and {} are both the home of {}", other.name, case.id));
                }
            }
        }
    }

    pub(super) fn timer(&mut self, index: usize) {
        let local = self.agencies[index].clock(self.now);
        let Some(process) = &mut self.agencies[index].process else { return };
        process.timer = None;
        process.desk.handle_timeout(local);
        let late: Vec<u64> = process
            .links
            .values_mut()
            .filter_map(|link| link.session.handle_timeout(local).is_err().then_some(link.connection))
            .collect();
        for wire in late {
            self.lost(wire, index);
        }
        // Refused tries that were counted become an entry by a commit without work.
        self.commit(index);
    }

    pub(super) fn follow(&mut self, index: usize) {
        let keep = self.random.chance(400);
        let agency = &mut self.agencies[index];
        let Some(process) = &mut agency.process else { return };
        match process.desk.follow() {
            Ok(true) if keep && agency.older_stores.len() < 4 => {
                agency.older_stores.push(agency.shelf.copy());
            }
            Ok(_) => {}
            Err(problem) => {
                let name = &agency.name;
                self.violations.push(format!("the store of {name} does not follow: {problem}"));
            }
        }
    }

    /// The third party's answer, if it is there.
    pub(super) fn evidence(&mut self, index: usize, (case, event): (CaseId, EventId), tries: u32) {
        let life = self.agencies[index].life;
        if self.now < self.third_party.away_until {
            let delay = self.third_party.away_until - self.now + self.random.between(1, 2_000);
            return self.due(delay, Step::Evidence { agency: index, life, case, event, tries: tries + 1 });
        }
        let mut nonce = [0; 16];
        self.random.fill(&mut nonce);
        let agency = &mut self.agencies[index];
        let clocks = (START.plus_ms(self.now), agency.clock(self.now));
        let Some(process) = &mut agency.process else { return };
        match self.third_party.judge(&process.desk, &agency.trust, (case, event), nonce, clocks) {
            Ok(Some(work)) => {
                process.desk.offer(work);
                self.note_down(index, format!("gets evidence of {event}"));
                self.turn(index);
            }
            Ok(None) => {}
            // The disk may have been told to fail.
            Err(_) if tries < 20 => {
                self.due(500, Step::Evidence { agency: index, life, case, event, tries: tries + 1 });
                self.turn(index);
            }
            Err(problem) => self.violations.push(format!("no evidence of {event}: {problem}")),
        }
    }

    pub(super) fn learn(&mut self, who: usize, version: usize) {
        let trust = Arc::clone(&self.trusts[version]);
        let newer = |held: &Arc<Trust>| held.registry().version < trust.registry().version;
        if let Some(agency) = self.agencies.get_mut(who) {
            if newer(&agency.trust) {
                agency.trust = trust;
            }
        } else if newer(&self.third_party.trust) {
            self.third_party.trust = trust;
        }
    }
}

fn process_ending<D: FaultyDisk>(agency: &mut Agency<D>) -> bool {
    agency.process.as_mut().is_none_or(|process| std::mem::replace(&mut process.ending, true))
}
