//! What goes wrong by itself: disks, power, processes, connections, clocks, the third party, stores that forget.

use super::agency::Agency;
use super::disk::FaultyDisk;
use super::net::{Net, authority_clock, trust_of};
use super::schedule::Step;
use crate::log::disk::{Failure, Op};
use crate::store::MemoryStore;

/// Farthest that a clock is wrong, ms.
const SKEW_MS_MAX: u64 = 180_000;

impl<D: FaultyDisk> Net<D> {
    /// One thing goes wrong, and the next is scheduled.
    pub(super) fn fault(&mut self) {
        if !self.chaos {
            return;
        }
        let next = self.random.between(self.plan.fault_every_ms / 3, self.plan.fault_every_ms * 5 / 3);
        self.due(next, Step::Fault);
        let index = self.random.index(self.agencies.len());
        match self.random.below(100) {
            0..14 => self.power_cut(index),
            14..22 => {
                let life = self.agencies[index].life;
                self.due(0, Step::End { agency: index, life, power: false });
            }
            22..36 => self.break_disk(index),
            36..60 => self.cut_some(),
            60..68 => self.partition(),
            68..78 => self.turn_clock(index),
            78..86 => {
                self.report.third_party_absences += 1;
                self.third_party.away_until = self.now + self.random.between(500, 20_000);
            }
            86..90 => self.revoke(index),
            _ => self.learn_late(index),
        }
    }

    fn power_cut(&mut self, index: usize) {
        let life = self.agencies[index].life;
        self.due(0, Step::End { agency: index, life, power: true });
    }

    /// One of the next calls of the disk fails, or is the last of its process.
    fn break_disk(&mut self, index: usize) {
        let nth = self.random.between(1, 3);
        let (op, nth, failure) = match self.random.below(8) {
            0 | 1 => (None, self.random.between(1, 12), Failure::Death),
            // Between the write and its sync: with the power gone too, any part of it may be there.
            6 | 7 => (Some(Op::SyncData), nth, Failure::Death),
            2 => (Some(Op::SyncData), nth, Failure::Io),
            3 => (Some(Op::WriteAt), nth, Failure::Io),
            4 => (Some(Op::WriteAt), nth, Failure::Full),
            _ => (Some(Op::WriteAt), nth, Failure::Short),
        };
        self.agencies[index].disk.sim().arm(op, nth, failure);
        self.note_down(index, format!("its disk will do {failure:?} in call {nth} of {op:?}"));
    }

    fn cut_some(&mut self) {
        let pairs: Vec<_> = self.pairs.keys().copied().collect();
        if let Some(pair) = self.random.pick(&pairs).copied() {
            self.cut_pair(pair);
        }
    }

    fn partition(&mut self) {
        let pairs: Vec<_> = self.pairs.keys().copied().collect();
        let Some(key) = self.random.pick(&pairs).copied() else { return };
        let until = self.now + self.random.between(500, 30_000);
        if let Some(pair) = self.pairs.get_mut(&key) {
            pair.blocked_until = until;
            self.report.partitions += 1;
        }
        self.cut_pair(key);
    }

    /// A clock is set, forwards or backwards.
    fn turn_clock(&mut self, index: usize) {
        self.agencies[index].skew_ms = self.skew();
        self.report.clock_skews += 1;
        let skew = self.agencies[index].skew_ms;
        self.note_down(index, format!("its clock is now {skew} ms ahead"));
        // What was due by the old clock is looked at again by the new one.
        if let Some(process) = &mut self.agencies[index].process {
            process.timer = None;
        }
        self.turn(index);
    }

    pub(super) fn skew(&mut self) -> i64 {
        let skew = self.random.below(2 * SKEW_MS_MAX + 1);
        i64::try_from(skew).unwrap_or(0) - i64::try_from(SKEW_MS_MAX).unwrap_or(0)
    }

    /// An official's certificate is revoked; everybody learns it in his time.
    fn revoke(&mut self, index: usize) {
        let Some(official) = self.agencies[index].officials.get(1) else { return };
        let certificate = official.certificate().clone();
        let now = authority_clock(self.now);
        self.federation.set_now(now);
        self.federation.revoke(&certificate, now);
        self.report.revocations += 1;
        let trust = trust_of(&mut self.federation);
        self.trusts.push(trust);
        let version = self.trusts.len() - 1;
        for who in 0..=self.agencies.len() {
            let delay = self.random.below(6_000);
            self.due(delay, Step::Learn { who, version });
        }
        self.note_down(index, "an official's certificate is revoked");
    }

    fn learn_late(&mut self, index: usize) {
        let version = self.trusts.len() - 1;
        self.due(0, Step::Learn { who: index, version });
    }

    /// Which rows a process finds that is started: what it left, older ones, or none.
    pub(super) fn choose_store(&mut self, index: usize) {
        if !self.chaos || !self.random.chance(300) {
            return;
        }
        let older = self.random.chance(600);
        let agency: &mut Agency<D> = &mut self.agencies[index];
        let store = match agency.older_stores.first() {
            Some(_) if older => {
                let at = self.random.index(agency.older_stores.len());
                agency.older_stores.swap_remove(at)
            }
            _ => MemoryStore::new(),
        };
        if store != agency.shelf.copy() {
            self.report.store_rollbacks += 1;
            agency.shelf.put(store);
        }
    }

    /// Nothing goes wrong any more, and what was broken is mended.
    pub(super) fn heal(&mut self) {
        self.chaos = false;
        self.third_party.away_until = self.now;
        let version = self.trusts.len() - 1;
        for who in 0..=self.agencies.len() {
            self.due(0, Step::Learn { who, version });
        }
        for pair in self.pairs.values_mut() {
            pair.blocked_until = self.now;
        }
        for index in 0..self.agencies.len() {
            self.agencies[index].disk.sim().disarm();
            let running = self.agencies[index].process.as_ref();
            if running.is_none() {
                self.due(10, Step::Start { agency: index });
            }
        }
        for pair in self.pairs.keys().copied().collect::<Vec<_>>() {
            self.dial_soon(pair, true);
        }
    }
}
