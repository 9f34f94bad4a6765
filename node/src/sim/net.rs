//! The simulated federation: its agencies, what lies between them, and what is due when.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::Arc;

use ogic_certs::checkpoint::Origin;
use ogic_certs::cose::Signer;
use ogic_certs::testing::{Federation, agency};
use ogic_certs::trust::Trust;
use ogic_certs::{AgencyId, Timestamp};

use super::agency::{Agency, START};
use super::disk::FaultyDisk;
use super::forger::Forger;
use super::oracle::{Oracle, Task};
use super::plan::Plan;
use super::random::Random;
use super::report::Report;
use super::schedule::Due;
use super::shelf::Shelf;
use super::third_party::ThirdParty;
use super::trace::Trace;
use super::wire::{Pair, Wire};
use crate::case::{Case, Policy};
use crate::desk::Settings;
use crate::exchange::outbox::ItemState;
use crate::log::SimDisk;

/// A federation, driven by one seed. A story reads
/// `Net::seeded(7).agencies(["mvd", "fns"])`, then [`Net::open`], [`Net::hand_over`], [`Net::crash`], …, [`Net::until_idle`], and
/// ends with [`Net::assert_one_history`].
#[derive(Debug)]
pub struct Net<D: FaultyDisk = SimDisk> {
    pub(super) seed: u64,
    pub(super) plan: Plan,
    pub(super) random: Random,
    /// Virtual time, ms.
    pub(super) now: u64,
    pub(super) queue: BinaryHeap<Reverse<Due>>,
    pub(super) next_order: u64,
    pub(super) federation: Federation,
    /// Every version of trust that the authority gave out.
    pub(super) trusts: Vec<Arc<Trust>>,
    pub(super) third_party: ThirdParty,
    pub(super) agencies: Vec<Agency<D>>,
    pub(super) wires: BTreeMap<u64, Wire>,
    pub(super) pairs: BTreeMap<(usize, usize), Pair>,
    pub(super) next_wire: u64,
    pub(super) next_ticket: u64,
    pub(super) oracle: Oracle,
    /// What somebody is about to do next.
    pub(super) in_mind: VecDeque<(usize, Task)>,
    pub(super) trace: Trace,
    pub(super) report: Report,
    /// The planted home that tells two stories.
    pub(super) forger: Option<Forger>,
    /// Whether things go wrong by themselves.
    pub(super) chaos: bool,
    /// What was found wrong on the way.
    pub(super) violations: Vec<String>,
}
impl Net<SimDisk> {
    /// A federation whose every chance follows from `seed`, without agencies yet.
    pub fn seeded(seed: u64) -> Self {
        Self::over(seed)
    }
}

impl<D: FaultyDisk> Net<D> {
    /// As [`Net::seeded`], over another kind of disk.
    pub fn over(seed: u64) -> Self {
        let mut federation = Federation::new(seed, START);
        let signer = federation.signer("ogic://ttp.gov.example/ttp");
        let trust = trust_of(&mut federation);
        Self {
            seed,
            plan: Plan::default(),
            random: Random::new(seed),
            now: 0,
            queue: BinaryHeap::new(),
            next_order: 0,
            federation,
            trusts: vec![Arc::clone(&trust)],
            third_party: ThirdParty { signer, trust, away_until: 0 },
            agencies: Vec::new(),
            wires: BTreeMap::new(),
            pairs: BTreeMap::new(),
            next_wire: 0,
            next_ticket: 0,
            oracle: Oracle::default(),
            in_mind: VecDeque::new(),
            trace: Trace::default(),
            report: Report { seeds: 1, ..Report::default() },
            forger: None,
            chaos: false,
            violations: Vec::new(),
        }
    }

    /// Founds the agencies, each `NAME.gov.example`, and starts their nodes.
    #[must_use]
    pub fn agencies<'n>(mut self, names: impl IntoIterator<Item = &'n str>) -> Self {
        for name in names {
            let id = agency(&format!("{name}.gov.example"));
            let mut signer = |role: &str| self.federation.signer(&format!("ogic://{id}/{role}"));
            let (seal, officials) =
                (signer("seal"), vec![signer("official/desk-1"), signer("official/desk-2")]);
            let found = self.found(name, id.clone(), seal, officials);
            self.agencies.push(found);
        }
        // Everybody is a member by now.
        let trust = trust_of(&mut self.federation);
        self.trusts.push(Arc::clone(&trust));
        self.third_party.trust = Arc::clone(&trust);
        for agency in 0..self.agencies.len() {
            self.agencies[agency].trust = Arc::clone(&trust);
            for other in agency + 1..self.agencies.len() {
                self.pairs.insert((agency, other), Pair::new(self.random.next()));
            }
        }
        for agency in 0..self.agencies.len() {
            self.start(agency);
        }
        self
    }

    fn found(&mut self, name: &str, id: AgencyId, seal: Signer, officials: Vec<Signer>) -> Agency<D> {
        let mut log = [0; 16];
        self.random.fill(&mut log);
        Agency {
            name: name.to_owned(),
            settings: Settings {
                agency: id.clone(),
                seal,
                origin: Origin { agency: id, log, generation: 1 },
                policy: Policy { pending_max: 3, ..Policy::default() },
                jitter_seed: self.random.next(),
            },
            officials,
            trust: Arc::clone(&self.trusts[0]),
            disk: D::blank(self.random.next()),
            shelf: Shelf::default(),
            older_stores: Vec::new(),
            skew_ms: 0,
            life: 0,
            deaths: 0,
            process: None,
        }
    }

    pub(super) fn index(&self, name: &str) -> usize {
        self.agencies.iter().position(|agency| agency.name == name).expect("an agency of this federation")
    }

    pub(super) fn index_of(&self, id: &AgencyId) -> Option<usize> {
        self.agencies.iter().position(|agency| agency.id() == id)
    }
    pub(super) fn lives(&self, agency: usize, life: u64) -> bool {
        self.agencies[agency].life == life && self.agencies[agency].process.is_some()
    }

    pub(super) fn note_down(&mut self, agency: usize, what: impl AsRef<str>) {
        let line = format!("{:<10} {}", self.agencies[agency].name, what.as_ref());
        self.trace.add(self.now, line);
    }

    /// Why the federation is not at rest, if so.
    pub(super) fn unrest(&self) -> Option<String> {
        if let Some(errand) = self.oracle.errands.iter().find(|errand| errand.is_waiting()) {
            return Some(format!("nobody answered {:?} ({})", errand.task, errand.marker));
        }
        for agency in &self.agencies {
            let Some(process) = &agency.process else { return Some(format!("{} is down", agency.name)) };
            let desk = &process.desk;
            let counts = desk.outbox().counts();
            if counts.waiting + counts.in_flight > 0 {
                let items = desk.outbox().items();
                let first = items.iter().find(|view| view.state != ItemState::Parked);
                let first = first.map(|view| format!("{view:?}"));
                return Some(format!("{} has to deliver {counts:?}: {first:?}", agency.name));
            }
            if desk.waiting() > 0 || desk.next_timeout().is_some() {
                return Some(format!("{} has work", agency.name));
            }
            let pending = |case: &Case| case.is_ordered_by(agency.id()) && !case.pending.is_empty();
            if desk.cases().is_ok_and(|cases| cases.iter().any(pending)) {
                return Some(format!("{} waits for evidence", agency.name));
            }
        }
        None
    }
}

/// What the authority gives out now.
pub(super) fn trust_of(federation: &mut Federation) -> Arc<Trust> {
    let (registry, crl) = (federation.registry(), federation.crl());
    Arc::new(Trust::new(registry.into(), vec![crl], federation.pin()).expect("our own federation is sound"))
}
/// The time that the federation's authority lives by.
pub(super) const fn authority_clock(now: u64) -> Timestamp {
    START.plus_ms(now)
}
