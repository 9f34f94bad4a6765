//! Requests between simulated agencies, each on a stream of its own, and what is done with their answers.

use ogic_certs::checkpoint::Checkpoint;
use ogic_certs::cose::Signed;
use ogic_certs::receipt::ReceiptFrame;
use ogic_certs::record::Record;
use ogic_certs::reference::Reference;
use ogic_certs::service::ServiceText;
use ogic_certs::{CaseId, Code, Digest, Problem, Result};

use super::agency::{Asked, Waiter};
use super::client::says_nothing;
use super::disk::FaultyDisk;
use super::net::Net;
use super::oracle::{Outcome, Shown, Task};
use super::schedule::Step;
use crate::case::Service;
use crate::desk::check::{self, Bag};
use crate::desk::{Answer, Read, Wanted, Work};
use crate::exchange::request::{Answer as PeerAnswer, Page, Request};

impl<D: FaultyDisk> Net<D> {
    /// Asks the home of a case for its history; nothing happens without a connection, and the client comes again.
    pub(super) fn ask_home(&mut self, index: usize, errand: usize, reference: &Reference) {
        let Some(process) = &self.agencies[index].process else { return };
        let home = process.desk.book().home_of(&reference.case).cloned();
        let Some(home) = home.and_then(|home| self.index_of(&home)) else { return };
        let request = Request::History {
            case: reference.case,
            grant: Some(reference.grant),
            from: 0,
            purpose: "a look".to_owned(),
        };
        self.ask(index, home, &request, Asked::Look(errand), errand);
    }

    /// Asks for what is not held yet of a case that was offered.
    pub(super) fn fetch_offered(&mut self, index: usize, errand: usize, case: CaseId) {
        let Some(process) = &self.agencies[index].process else { return };
        let Some(offered) = process.desk.book().custody.get(&case).and_then(|known| known.offered.clone())
        else {
            // It was accepted already, or is no more: the desk says which.
            let tries = self.oracle.errands[errand].tries;
            return self.offer_act(index, errand, tries);
        };
        let from = process.desk.held(&case).map_or(0, |held| held.records);
        let Some(home) = self.index_of(&offered.from) else { return };
        let grant = Some(offered.offer);
        let request = Request::History { case, grant, from, purpose: "custody".to_owned() };
        self.ask(index, home, &request, Asked::Custody(errand), errand);
    }

    /// Asks for the definitions that are missing, of peers that are connected.
    pub(super) fn fetch_services(&mut self, index: usize) {
        let Some(process) = &mut self.agencies[index].process else { return };
        if process.services.is_empty() {
            return;
        }
        let book = process.desk.book();
        process.services.retain(|(_, digest)| !book.services.contains_key(digest));
        let wanted: Vec<_> = process
            .services
            .iter()
            .copied()
            .filter(|(peer, digest)| {
                process.links.get(peer).is_some_and(|link| {
                    link.session.is_ready() && !link.asked.values().any(|a| *a == Asked::Service(*digest))
                })
            })
            .collect();
        for (peer, digest) in wanted {
            self.ask(index, peer, &Request::Service(digest), Asked::Service(digest), usize::MAX);
        }
    }

    fn ask(&mut self, index: usize, peer: usize, request: &Request, asked: Asked, errand: usize) {
        let number = self.random.next();
        let delay = self.delay();
        let Some(process) = &mut self.agencies[index].process else { return };
        let Some(link) = process.links.get_mut(&peer).filter(|link| link.session.is_ready()) else { return };
        link.asked.insert(number, asked);
        let wire = link.connection;
        self.due(delay, Step::Ask { wire, to: peer, request: number, errand, bytes: request.encode() });
    }

    /// The end of a wire, if it still reaches `to`: the other end's index.
    fn other_end(&self, wire: u64, to: usize) -> Option<usize> {
        let line = self.wires.get(&wire)?;
        let end = usize::from(line.ends[1] == to);
        line.reaches[end].then_some(line.ends[1 - end])
    }

    /// A request arrives.
    pub(super) fn asked(&mut self, wire: u64, to: usize, request: u64, errand: usize, bytes: &[u8]) {
        let Some(peer) = self.other_end(wire, to) else { return };
        let who = self.agencies[peer].id().clone();
        let ticket = self.ticket();
        let Some(process) = &mut self.agencies[to].process else { return };
        match Request::decode(bytes) {
            Ok(Request::History { case, grant, from, purpose }) => {
                let read = Read { who: who.clone(), case, grant, purpose, wanted: Wanted::History(from) };
                process.waiting.insert(ticket, Waiter::Peer { peer, connection: wire, request, errand });
                process.desk.offer(Work::Read { ticket, read });
                self.oracle.looks.entry((to, who, case)).or_default().asked += 1;
            }
            Ok(Request::Service(digest)) => {
                let answer = match process.desk.book().service(&digest) {
                    Ok(held) => PeerAnswer::Service(held.signed.clone()),
                    Err(problem) => PeerAnswer::Refused(problem),
                };
                let question = bytes.to_vec();
                self.tell_peer(peer, wire, request, question, &answer);
            }
            Ok(other) => self.violations.push(format!("an unforeseen request: {other:?}")),
            Err(problem) => self.violations.push(format!("a request cannot be read: {problem}")),
        }
        self.turn(to);
    }

    /// The desk has answered a look of a peer.
    pub(super) fn answer_peer(&mut self, peer: usize, wire: u64, request: u64, answer: Result<Answer>) {
        let answer = match answer {
            Ok(Answer::Page(page)) => PeerAnswer::History(*page),
            Ok(other) => return self.violations.push(format!("an unforeseen answer: {other:?}")),
            Err(problem) => PeerAnswer::Refused(problem),
        };
        // Only the kind of the question is needed to read its answer.
        let question = Request::History {
            case: CaseId(Digest::ZERO),
            grant: None,
            from: 0,
            purpose: "a look".to_owned(),
        };
        self.tell_peer(peer, wire, request, question.encode(), &answer);
    }

    fn tell_peer(&mut self, to: usize, wire: u64, request: u64, question: Vec<u8>, answer: &PeerAnswer) {
        let delay = self.delay();
        self.due(delay, Step::Tell { wire, to, request, question, bytes: answer.encode() });
    }

    /// An answer arrives.
    pub(super) fn told(&mut self, wire: u64, to: usize, request: u64, question: &[u8], bytes: &[u8]) {
        let Some(peer) = self.other_end(wire, to) else { return };
        let Some(process) = &mut self.agencies[to].process else { return };
        let Some(link) = process.links.get_mut(&peer).filter(|link| link.connection == wire) else { return };
        let Some(asked) = link.asked.remove(&request) else { return };
        let answer = Request::decode(question).and_then(|question| question.read_answer(bytes));
        match (asked, answer) {
            (Asked::Look(errand), Ok(PeerAnswer::History(page))) => {
                if let Err(problem) = self.check_page(to, peer, &page) {
                    self.violations.push(format!("a page does not hold: {problem}"));
                }
                self.answered(errand, Outcome::Looked);
            }
            (Asked::Look(_), Err(problem)) if says_nothing(problem.code) => {}
            (Asked::Look(errand), Err(problem)) => {
                if matches!(self.oracle.errands[errand].task, Task::Look(_)) {
                    self.answered(errand, Outcome::Refused(problem.code));
                }
            }
            (Asked::Custody(errand), Ok(PeerAnswer::History(page))) => {
                if let Err(problem) = self.hold(to, peer, errand, &page) {
                    self.violations.push(format!("a page cannot be held: {problem}"));
                }
            }
            (Asked::Custody(_), Err(problem)) if says_nothing(problem.code) => {}
            // Nothing is new: all of it is held.
            (Asked::Custody(errand), Err(problem)) if problem.code == Code::ValueRefused => {
                let tries = self.oracle.errands[errand].tries;
                self.offer_act(to, errand, tries);
            }
            (Asked::Custody(errand), Err(problem)) => self.answered(errand, Outcome::Refused(problem.code)),
            (Asked::Service(digest), Ok(PeerAnswer::Service(signed))) => {
                if let Err(problem) = self.keep_service(to, digest, &signed) {
                    self.violations.push(format!("a definition does not hold: {problem}"));
                }
            }
            (Asked::Service(_), Err(_)) => {}
            (asked, answer) => self.violations.push(format!("{asked:?} was answered by {answer:?}")),
        }
        self.turn(to);
    }

    /// A page proves itself: checkpoint, leaves, records.
    fn check_page(&mut self, to: usize, home: usize, page: &Page) -> Result<()> {
        let (trust, local) = (self.agencies[to].trust.clone(), self.agencies[to].clock(self.now));
        let mut bag = Bag::default();
        page.certificates.iter().try_for_each(|der| bag.add(der))?;
        let frame = ReceiptFrame::decode(&page.receipt)?;
        let (checkpoint, certificates) = check::checkpoint(&trust, frame.checkpoint_cose(), &bag, local)?;
        frame.verify(checkpoint.value())?;
        let mut prev = Digest::ZERO;
        for entry in &page.entries {
            let record = Record::from_bytes(&entry.record)?;
            let event = entry.event.parse()?;
            let shown = frame.leaf_for_event(event.id()).map(|(_, shown)| *shown);
            if shown != Some(record) || record.prev != prev {
                return Err(Problem::new(Code::ProofInvalid, "record").found(format!("{record:?}")));
            }
            prev = record.digest();
        }
        self.see(home, frame.checkpoint_cose())?;
        self.note_shown(home, to, &page.receipt);
        let peer = self.agencies[home].id().clone();
        if let Some(process) = &mut self.agencies[to].process {
            let listed = check::is_listed(&trust, checkpoint.value());
            let (frame, checkpoint) = (Box::new(frame), Box::new(checkpoint));
            process.desk.offer(Work::Receipts { peer, frame, checkpoint, listed, certificates });
        }
        Ok(())
    }

    /// What a page brings of an offered case is verified and held; without the definition, the client comes again.
    fn hold(&mut self, to: usize, home: usize, errand: usize, page: &Page) -> Result<()> {
        let Task::Accept(case) = self.oracle.errands[errand].task else { return Ok(()) };
        self.see(home, ReceiptFrame::decode(&page.receipt)?.checkpoint_cose())?;
        let trust = self.agencies[to].trust.clone();
        let mut bag = Bag::default();
        page.certificates.iter().try_for_each(|der| bag.add(der))?;
        let mut entries = Vec::new();
        for entry in &page.entries {
            let record = Record::from_bytes(&entry.record)?;
            entries.push((record, check::check_event(&trust, entry.event.parse()?, &bag, record.received)?));
        }
        let ticket = self.ticket();
        let Some(process) = &mut self.agencies[to].process else { return Ok(()) };
        let services = &process.desk.book().services;
        let known = process.desk.book().references.get(&case).into_iter().flatten();
        if known.map(|held| held.reference.service).any(|service| !services.contains_key(&service)) {
            return Ok(());
        }
        process.waiting.insert(ticket, Waiter::Hold(errand));
        process.desk.offer(Work::Hold { ticket, case, entries });
        Ok(())
    }

    fn keep_service(&mut self, to: usize, digest: Digest, bytes: &[u8]) -> Result<()> {
        let (trust, local) = (self.agencies[to].trust.clone(), self.agencies[to].clock(self.now));
        let signed = Signed::<ServiceText>::parse(bytes)?;
        if signed.digest() != digest {
            return Err(Problem::new(Code::DigestMismatch, "service"));
        }
        let mut bag = Bag::default();
        signed.envelope().chain().iter().try_for_each(|der| bag.add(der))?;
        let signers = bag.candidates(signed.envelope().signer(), local);
        let signed = trust.open(signed, &signers, local)?;
        let certificates = signed.rests_on().to_vec();
        let service = Box::new(Service::parse(signed.value().as_bytes())?);
        let ticket = self.ticket();
        if let Some(process) = &mut self.agencies[to].process {
            process.waiting.insert(ticket, Waiter::Service(digest));
            let signed = Box::new(signed);
            process.desk.offer(Work::Service {
                ticket: Some(ticket),
                key: None,
                signed,
                certificates,
                service,
            });
        }
        Ok(())
    }

    /// Notes a checkpoint that somebody was shown.
    pub(super) fn see(&mut self, of: usize, checkpoint: &[u8]) -> Result<()> {
        let signed = Signed::<Checkpoint>::parse(checkpoint)?;
        let value = signed.value();
        self.oracle.show(Shown { of, size: value.size, root: value.root });
        Ok(())
    }
}
