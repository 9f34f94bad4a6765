//! The simulated federation: its agencies, what is due when, and the steps that a story or a schedule lets happen.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::sync::Arc;

use ogic_certs::checkpoint::Origin;
use ogic_certs::cose::Signer;
use ogic_certs::event::HeadAt;
use ogic_certs::testing::{Federation, agency};
use ogic_certs::trust::Trust;
use ogic_certs::{AgencyId, CaseId, Code, EventId, Timestamp};

use super::agency::{Agency, Process, START, Waiter};
use super::disk::FaultyDisk;
use super::office;
use super::oracle::{Errand, Oracle, Outcome, Task};
use super::plan::{Keys, Plan};
use super::random::Random;
use super::report::Report;
use super::shelf::Shelf;
use super::third_party::ThirdParty;
use super::trace::Trace;
use super::wire::{Pair, Wire};
use crate::case::{Policy, Service};
use crate::desk::{Answer, Desk, Output, Read, Settings, Ticket, Wanted, Work};
use crate::exchange::session::StreamKind;
use crate::log::SimDisk;

/// How long a client waits before it repeats a command.
const PATIENCE_MS: u64 = 4_000;
/// Virtual time in which a federation without faults comes to rest.
const REST_MS_MAX: u64 = 6 * 3_600_000;
/// Steps that this takes at most.
const REST_STEPS_MAX: u64 = 400_000;

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
    queue: BinaryHeap<Reverse<Due>>,
    next_order: u64,
    pub(super) federation: Federation,
    /// Every version of trust that the authority gave out.
    pub(super) trusts: Vec<Arc<Trust>>,
    pub(super) third_party: ThirdParty,
    pub(super) agencies: Vec<Agency<D>>,
    pub(super) wires: BTreeMap<u64, Wire>,
    pub(super) pairs: BTreeMap<(usize, usize), Pair>,
    pub(super) next_wire: u64,
    next_ticket: u64,
    pub(super) oracle: Oracle,
    /// What somebody is about to do next.
    pub(super) in_mind: VecDeque<(usize, Task)>,
    pub(super) trace: Trace,
    pub(super) report: Report,
    /// Whether things go wrong by themselves.
    pub(super) chaos: bool,
    /// What was found wrong on the way.
    pub(super) violations: Vec<String>,
}

/// Something that happens at a time.
#[derive(Debug)]
struct Due {
    at: u64,
    order: u64,
    step: Step,
}

/// What happens.
#[derive(Debug)]
pub(super) enum Step {
    /// Bytes of a stream arrive.
    Piece { wire: u64, to: usize, kind: StreamKind, order: u64, bytes: Vec<u8> },
    /// A request arrives on a stream of its own.
    Ask { wire: u64, to: usize, request: u64, errand: usize, bytes: Vec<u8> },
    /// Its answer arrives.
    Tell { wire: u64, to: usize, request: u64, question: Vec<u8>, bytes: Vec<u8> },
    /// One side notices that its connection is gone.
    Lost { wire: u64, at: usize },
    /// A connection is tried.
    Dial { pair: (usize, usize) },
    /// The writer's turn.
    Commit { agency: usize, life: u64 },
    /// Something is due by time alone.
    Timer { agency: usize, life: u64 },
    /// The store follows.
    Follow { agency: usize, life: u64 },
    /// The third party answers.
    Evidence { agency: usize, life: u64, case: CaseId, event: EventId, tries: u32 },
    /// The process ends; with the power, if so.
    End { agency: usize, life: u64, power: bool },
    /// It is started again.
    Start { agency: usize },
    /// A client calls, or calls again if he was not answered.
    Call { errand: usize, tries: u32 },
    /// Somebody comes up with something to do.
    Think,
    /// Something goes wrong.
    Fault,
    /// An agency or the third party (the last index) takes a newer trust.
    Learn { who: usize, version: usize },
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

    // The story's verbs.

    /// Opens a case at `agency` under the service `service`, and lets time pass until it is acknowledged.
    pub fn open(&mut self, agency: &str, service: &str) -> CaseId {
        let agency = self.index(agency);
        let errand = self.errand(agency, Task::Open(service.to_owned()));
        while self.oracle.errands[errand].is_waiting() && self.step() {}
        match &self.oracle.errands[errand].outcome {
            Outcome::Done { case, .. } => *case,
            other => panic!("{}", self.tell(&format!("the case was not opened: {other:?}"))),
        }
    }

    /// Lets `from` hand all steps of others in its case to `to`, by a reference.
    pub fn hand_over(&mut self, from: &str, to: &str, case: CaseId) -> &mut Self {
        let (from, to) = (self.index(from), self.index(to));
        let terms = self.terms_for(from, to);
        self.errand(from, Task::Share(case, terms));
        self
    }

    /// Lets somebody at `agency` do a step of a case, approved by an official.
    pub fn work(&mut self, agency: &str, case: CaseId, step: &'static str) -> &mut Self {
        let agency = self.index(agency);
        let code = ogic_certs::event::StepCode::Done;
        self.errand(agency, Task::Step { case, step, code, official: Some(0), document: false });
        self
    }

    /// Lets somebody at `agency` write a note to a case.
    pub fn note(&mut self, agency: &str, case: CaseId) -> &mut Self {
        let agency = self.index(agency);
        self.errand(agency, Task::Note(case, "first"));
        self
    }

    /// Cuts the power of `agency`. It stays down until [`Net::restart`].
    pub fn crash(&mut self, agency: &str) -> &mut Self {
        let agency = self.index(agency);
        self.end(agency, true);
        self
    }

    /// Starts `agency` again over what its disk kept.
    pub fn restart(&mut self, agency: &str) -> &mut Self {
        let agency = self.index(agency);
        self.start(agency);
        self
    }

    /// Cuts every connection between two agencies; they dial again.
    pub fn cut(&mut self, a: &str, b: &str) -> &mut Self {
        let (a, b) = (self.index(a), self.index(b));
        self.cut_pair((a.min(b), a.max(b)));
        self
    }

    /// Virtual time since the beginning, ms.
    pub const fn elapsed_ms(&self) -> u64 {
        self.now
    }

    /// Lets `steps` steps happen.
    pub fn steps(&mut self, steps: usize) -> &mut Self {
        for _ in 0..steps {
            if !self.step() {
                break;
            }
        }
        self
    }

    /// Lets time pass until everything that was asked for is answered, delivered, judged and receipted.
    pub fn until_idle(&mut self) -> &mut Self {
        let (latest, most) = (self.now + REST_MS_MAX, self.report.steps + REST_STEPS_MAX);
        let mut looked = 0;
        loop {
            looked += 1;
            if looked % 16 == 0 && self.unrest().is_none() {
                return self;
            }
            if !self.violations.is_empty() {
                return self;
            }
            if self.now > latest || self.report.steps > most || !self.step() {
                if let Some(unrest) = self.unrest() {
                    self.violations.push(format!("the federation does not come to rest: {unrest}"));
                }
                return self;
            }
        }
    }

    /// Holds every rule over all agencies, and that `case` has one history.
    ///
    /// # Panics
    /// With the seed, what is wrong and the last steps, if anything is.
    pub fn assert_one_history(&mut self, case: CaseId) {
        let homes = self.audit();
        let count = homes.iter().filter(|held| **held == case).count();
        if count != 1 {
            self.violations.push(format!("case {case} has {count} homes"));
        }
        if !self.violations.is_empty() {
            let told = self.tell(&self.violations.join("\n  "));
            panic!("{told}");
        }
    }

    /// A failure as a person wants to read it.
    pub(super) fn tell(&self, what: &str) -> String {
        format!("seed {}: {what}\nthe last steps:\n  {}", self.seed, self.trace.lines().join("\n  "))
    }

    // The scheduler.

    pub(super) fn index(&self, name: &str) -> usize {
        self.agencies.iter().position(|agency| agency.name == name).expect("an agency of this federation")
    }

    pub(super) fn index_of(&self, id: &AgencyId) -> Option<usize> {
        self.agencies.iter().position(|agency| agency.id() == id)
    }

    pub(super) fn due(&mut self, delay_ms: u64, step: Step) {
        let order = self.next_order;
        self.next_order += 1;
        self.queue.push(Reverse(Due { at: self.now + delay_ms, order, step }));
    }

    /// Lets the next step happen; false if nothing is due ever again.
    pub(super) fn step(&mut self) -> bool {
        let Some(Reverse(due)) = self.queue.pop() else { return false };
        self.now = due.at;
        self.report.steps += 1;
        match due.step {
            Step::Piece { wire, to, kind, order, bytes } => self.arrive(wire, to, kind, order, &bytes),
            Step::Ask { wire, to, request, errand, bytes } => self.asked(wire, to, request, errand, &bytes),
            Step::Tell { wire, to, request, question, bytes } => {
                self.told(wire, to, request, &question, &bytes);
            }
            Step::Lost { wire, at } => self.lost(wire, at),
            Step::Dial { pair } => self.dial(pair),
            Step::Commit { agency, life } if self.lives(agency, life) => self.commit(agency),
            Step::Timer { agency, life } if self.lives(agency, life) => self.timer(agency),
            Step::Follow { agency, life } if self.lives(agency, life) => self.follow(agency),
            Step::Evidence { agency, life, case, event, tries } if self.lives(agency, life) => {
                self.evidence(agency, (case, event), tries);
            }
            Step::End { agency, life, power } if self.lives(agency, life) => {
                self.end(agency, power);
                let delay = self.random.between(20, 3_000);
                self.due(delay, Step::Start { agency });
            }
            Step::Start { agency } => self.start(agency),
            Step::Call { errand, tries } => self.call(errand, tries),
            Step::Think => self.thought(),
            Step::Fault => self.fault(),
            Step::Learn { who, version } => self.learn(who, version),
            // What was scheduled for a process that is dead.
            _ => {}
        }
        true
    }

    pub(super) fn lives(&self, agency: usize, life: u64) -> bool {
        self.agencies[agency].life == life && self.agencies[agency].process.is_some()
    }

    pub(super) fn note_down(&mut self, agency: usize, what: impl AsRef<str>) {
        let line = format!("{:<10} {}", self.agencies[agency].name, what.as_ref());
        self.trace.add(self.now, line);
    }

    /// Why the federation is not at rest, if so.
    fn unrest(&self) -> Option<String> {
        if let Some(errand) = self.oracle.errands.iter().find(|errand| errand.is_waiting()) {
            return Some(format!("nobody answered {:?} ({})", errand.task, errand.marker));
        }
        for agency in &self.agencies {
            let Some(process) = &agency.process else { return Some(format!("{} is down", agency.name)) };
            let desk = &process.desk;
            let counts = desk.outbox().counts();
            if counts.waiting + counts.in_flight > 0 {
                let first = desk.outbox().items().first().map(|view| format!("{view:?}"));
                return Some(format!("{} has to deliver {counts:?}: {first:?}", agency.name));
            }
            if desk.waiting() > 0 || desk.next_timeout().is_some() {
                return Some(format!("{} has work", agency.name));
            }
            let pending = |case: &crate::case::Case| !case.pending.is_empty();
            if desk.cases().is_ok_and(|cases| cases.iter().any(pending)) {
                return Some(format!("{} waits for evidence", agency.name));
            }
        }
        None
    }

    // Clients.

    /// A client at `agency` sets out to get something done.
    pub(super) fn errand(&mut self, agency: usize, task: Task) -> usize {
        let number = self.oracle.errands.len();
        let marker = format!("errand-{number}");
        self.oracle.errands.push(Errand { agency, task, marker, tries: 0, outcome: Outcome::Waiting });
        self.report.acts += 1;
        self.due(0, Step::Call { errand: number, tries: 0 });
        number
    }

    /// He calls, unless he was answered or has called again since.
    fn call(&mut self, number: usize, tries: u32) {
        let now = self.now;
        let errand = &mut self.oracle.errands[number];
        if !errand.is_waiting() || errand.tries != tries {
            return;
        }
        errand.tries += 1;
        self.report.repeats += u64::from(tries > 0);
        let (index, tries) = (errand.agency, errand.tries);
        let patience = PATIENCE_MS + self.random.below(1_000);
        self.due(patience, Step::Call { errand: number, tries });
        if self.agencies[index].process.is_none() {
            return;
        }
        self.trace.add(now, format!("{:<10} errand {number}, try {tries}", self.agencies[index].name));
        if let Task::Look(case) = self.oracle.errands[number].task {
            self.look(index, number, tries, case);
        } else {
            self.offer_act(index, number, tries);
        }
        self.turn(index);
    }

    fn offer_act(&mut self, index: usize, number: usize, tries: u32) {
        let (errand, agency) = (&self.oracle.errands[number], &self.agencies[index]);
        let local = agency.clock(self.now);
        let act = match office::act(agency, errand, &mut self.random, local) {
            Ok(Some(act)) => act,
            Ok(None) => return,
            Err(problem) => return self.violations.push(format!("an act cannot be made: {problem}")),
        };
        let key = match self.plan.keys {
            Keys::Kept => errand.marker.clone(),
            Keys::Forgotten => format!("{} try {tries}", errand.marker),
        };
        let service = match &errand.task {
            Task::Open(name) => Some(name.clone()),
            _ => None,
        };
        if let Some(name) = service {
            self.publish(index, &name);
        }
        let ticket = self.ticket();
        if let Some(process) = &mut self.agencies[index].process {
            process.waiting.insert(ticket, Waiter::Client(number, tries));
            process.desk.offer(Work::Act { ticket, key, act: Box::new(act) });
        }
    }

    /// Lets the agency hold the definition that its case will follow.
    fn publish(&mut self, index: usize, name: &str) {
        let agency = &mut self.agencies[index];
        let local = agency.clock(self.now);
        let chain: Vec<_> = agency.settings.seal.chain().cloned().collect();
        let opened = office::service(name, &agency.settings.seal).and_then(|signed| {
            let service = Box::new(Service::parse(signed.value().as_bytes())?);
            Ok((Box::new(agency.trust.open(signed, &chain, local)?), service))
        });
        match (opened, &mut agency.process) {
            (Ok((signed, service)), Some(process)) => {
                let certificates = vec![agency.settings.seal.certificate().clone()];
                process.desk.offer(Work::Service { ticket: None, signed, certificates, service });
            }
            (Ok(_), None) => {}
            (Err(problem), _) => self.violations.push(format!("a service cannot be published: {problem}")),
        }
    }

    /// A look at a case: at home through the desk, else by a request to the home.
    fn look(&mut self, index: usize, number: usize, tries: u32, case: CaseId) {
        let ticket = self.ticket();
        let who = self.agencies[index].id().clone();
        let Some(process) = &mut self.agencies[index].process else { return };
        let held = process.desk.book().right(&case, None).map(|held| held.reference.clone());
        match held {
            None => {
                let wanted = Wanted::History(0);
                let read = Read { who: who.clone(), case, grant: None, purpose: "a look".to_owned(), wanted };
                process.waiting.insert(ticket, Waiter::Client(number, tries));
                process.desk.offer(Work::Read { ticket, read });
                self.oracle.looks.entry((index, who, case)).or_default().asked += 1;
            }
            Some(reference) => self.ask_home(index, number, &reference),
        }
    }

    pub(super) const fn ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        Ticket(self.next_ticket)
    }

    /// The client hears an answer.
    pub(super) fn answered(&mut self, number: usize, outcome: Outcome) {
        let errand = &mut self.oracle.errands[number];
        if !errand.is_waiting() {
            return;
        }
        match &outcome {
            Outcome::Done { .. } => self.report.acknowledged += 1,
            Outcome::Looked => {}
            Outcome::Refused(_) => self.report.refused += 1,
            Outcome::Waiting => {}
        }
        errand.outcome = outcome;
        let line = format!("client     errand {number}: {:?}", self.oracle.errands[number].outcome);
        self.trace.add(self.now, line);
    }

    // The node's shell.

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
            Output::Fetch { .. } | Output::Settled(_) => {}
        }
    }

    fn reply(&mut self, index: usize, ticket: Ticket, answer: ogic_certs::Result<Answer>) {
        let Some(process) = &mut self.agencies[index].process else { return };
        match process.waiting.remove(&ticket) {
            Some(Waiter::Client(number, _)) => {
                if let Task::Look(case) = self.oracle.errands[number].task {
                    let who = self.agencies[index].id().clone();
                    self.count_look(index, who, case, answer.as_ref().err());
                }
                if self.chaos && self.random.chance(self.plan.answers_lost) {
                    self.report.lost_answers += 1;
                    return self.note_down(index, format!("errand {number}: its answer is lost"));
                }
                match answer {
                    Ok(Answer::Recorded { case, event, place }) => {
                        self.answered(number, Outcome::Done { case, event, place: Some(place) });
                    }
                    Ok(Answer::Sent { case, event }) => {
                        self.answered(number, Outcome::Done { case, event, place: None });
                    }
                    Ok(_) => self.answered(number, Outcome::Looked),
                    Err(problem) if says_nothing(problem.code) => {
                        self.note_down(index, format!("errand {number}: {problem}"));
                    }
                    Err(problem) => self.answered(number, Outcome::Refused(problem.code)),
                }
            }
            Some(Waiter::Peer { peer, connection, request, errand }) => {
                if let Task::Look(case) = self.oracle.errands[errand].task {
                    let who = self.agencies[peer].id().clone();
                    self.count_look(index, who, case, answer.as_ref().err());
                }
                self.answer_peer(index, peer, connection, request, answer);
            }
            Some(Waiter::Service(_)) | None => {}
        }
    }

    /// What the home said to a look: said is said, whether it was heard or not.
    fn count_look(
        &mut self,
        home: usize,
        who: AgencyId,
        case: CaseId,
        refused: Option<&ogic_certs::Problem>,
    ) {
        let looks = self.oracle.looks.entry((home, who, case)).or_default();
        match refused {
            None => {
                looks.answered += 1;
                self.report.reads += 1;
            }
            Some(problem) if !says_nothing(problem.code) => looks.refused += 1,
            Some(_) => {}
        }
    }

    fn commit(&mut self, index: usize) {
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

    fn timer(&mut self, index: usize) {
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

    fn follow(&mut self, index: usize) {
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
    fn evidence(&mut self, index: usize, (case, event): (CaseId, EventId), tries: u32) {
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

    fn learn(&mut self, who: usize, version: usize) {
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

/// Whether an error leaves open what became of the request: it is repeated.
pub(super) const fn says_nothing(code: Code) -> bool {
    matches!(code, Code::StoreReadOnly | Code::DiskFull | Code::DiskFailed | Code::Internal)
}

fn process_ending<D: FaultyDisk>(agency: &mut Agency<D>) -> bool {
    agency.process.as_mut().is_none_or(|process| std::mem::replace(&mut process.ending, true))
}

/// What the authority gives out now.
pub(super) fn trust_of(federation: &mut Federation) -> Arc<Trust> {
    let (registry, crl) = (federation.registry(), federation.crl());
    Arc::new(Trust::new(registry.into(), vec![crl], federation.pin()).expect("our own federation is sound"))
}

/// The place that a record has in its history.
pub(super) const fn place(seq: u64, record: ogic_certs::Digest) -> HeadAt {
    HeadAt { seq, record }
}

/// The time that the federation's authority lives by.
pub(super) const fn authority_clock(now: u64) -> Timestamp {
    START.plus_ms(now)
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Due {}
