//! The custody of a case changes hands: at every point one home or, between release and taking, none; never two.

use super::*;
use crate::case::Custody;
use ogic_certs::capsule;
use ogic_certs::certificate::Certificate;
use ogic_certs::custody::CustodyNotice;
use ogic_certs::event::Event;
use ogic_certs::event::Header;
use ogic_certs::record::Record;

const NAMES: [&str; 3] = ["transport", "health", "labour"];

impl Scene {
    pub(super) fn offer(&mut self, from: &str, to: &str, case: CaseId) -> Result<EventId> {
        let terms = Terms { steps: Vec::new(), purpose: "moved house".to_owned(), ..self.terms(to) };
        let act = self.plain(Some(case), Kind::Offer, None, &Body::of(Detail::Offer(terms)));
        let act = self.approved(from, act);
        let key = format!("offer {}", self.tickets);
        self.act(from, &key, &act).map(|answer| event_of(&answer))
    }

    /// `to` fetches the history of `home`, verifies it, and holds it.
    fn hold(&mut self, home: &str, to: &str, case: CaseId) -> Result<()> {
        let entries = self.fetch(home, to, case)?;
        if entries.is_empty() {
            return Ok(());
        }
        let ticket = self.ticket();
        self.desk(to).offer(Work::Hold { ticket, case, entries });
        drop(self.commit(to));
        self.reply(to, ticket).map(drop)
    }

    /// What `to` does not hold of it yet, verified.
    pub(super) fn fetch(
        &mut self,
        home: &str,
        to: &str,
        case: CaseId,
    ) -> Result<Vec<(Record, CheckedEvent)>> {
        let offered = self.desk(to).book().custody[&case].offered.clone().expect("an offer");
        let from = self.desk(to).held(&case).map_or(0, |held| held.records);
        let ticket = self.ticket();
        let read = Read {
            who: id(to),
            case,
            grant: Some(offered.offer),
            purpose: "custody".to_owned(),
            wanted: Wanted::History(from),
        };
        self.desk(home).offer(Work::Read { ticket, read });
        self.commit(home)?;
        let page = match self.reply(home, ticket) {
            Ok(Answer::Page(page)) => page,
            // Nothing is new.
            Err(problem) if problem.code == Code::ValueRefused => return Ok(Vec::new()),
            other => panic!("{other:?}"),
        };
        let service = self.service;
        let service = self.desk(home).book().services[&service].signed.clone();
        let signed = Signed::<ogic_certs::service::ServiceText>::parse(&service).unwrap();
        let chain: Vec<_> = self.parties["transport"].settings.seal.chain().cloned().collect();
        let service = Box::new(Service::parse(signed.value().as_bytes()).unwrap());
        let signed = Box::new(self.trust.open(signed, &chain, self.now).unwrap());
        let certificates = chain.clone();
        self.desk(to).offer(Work::Service { ticket: None, key: None, signed, certificates, service });
        self.commit(to)?;
        let bag: Bag = page.certificates.iter().map(|der| Certificate::from_der(der).unwrap()).collect();
        Ok(page
            .entries
            .iter()
            .map(|entry| {
                let record = Record::from_bytes(&entry.record).unwrap();
                let event = entry.event.parse().unwrap();
                (record, check::check_event(&self.trust, event, &bag, record.received).unwrap())
            })
            .collect())
    }

    fn answer(&mut self, who: &str, case: CaseId, kind: Kind) -> Result<EventId> {
        let detail = match kind {
            Kind::Decline => Detail::Decline { reason: "not our district".to_owned() },
            _ => Detail::None,
        };
        let act = self.plain(Some(case), kind, None, &Body::of(detail));
        let act = self.approved(who, act);
        let key = format!("answer {}", self.tickets);
        self.act(who, &key, &act).map(|answer| event_of(&answer))
    }

    /// Who orders the case now: never two.
    fn homes(&mut self, case: CaseId) -> Vec<&'static str> {
        let alive = NAMES.into_iter().filter(|name| self.parties[name].desk.is_some()).collect::<Vec<_>>();
        let orders = |scene: &mut Self, name: &&'static str| {
            let held = scene.desk(name).case(&case).unwrap();
            held.is_some_and(|held| held.is_ordered_by(&id(name)))
        };
        let homes: Vec<_> = alive.into_iter().filter(|name| orders(self, name)).collect();
        assert!(homes.len() < 2, "two homes: {homes:?}");
        homes
    }

    /// Offer, history, acceptance, release, taken.
    fn hand_over(&mut self, from: &str, to: &str, case: CaseId) {
        self.offer(from, to, case).unwrap();
        self.settle();
        self.hold(from, to, case).unwrap();
        self.answer(to, case, Kind::Accept).unwrap();
        self.settle();
        assert_eq!(self.homes(case), [to]);
    }

    fn kinds(&mut self, name: &str, case: CaseId) -> Vec<Kind> {
        let history = self.desk(name).history(&case, 0, 1000).unwrap();
        let kind = |fact: &EventFact| {
            Event::parse(&fact.header, &fact.body, fact.approval.as_deref()).unwrap().header.value().kind
        };
        history.iter().map(|(_, fact)| kind(fact)).collect()
    }
}

#[test]
fn the_chain_goes_on_under_the_new_home() {
    let mut scene = Scene::new();
    let case = scene.open_case();
    let terms = scene.terms("labour");
    scene.share(case, terms).unwrap();
    scene.settle();
    scene.hand_over("transport", "health", case);

    // The old home orders nothing any more, and says where the case went.
    let note = scene.note(case, "medical", "too late");
    let problem = scene.act("transport", "late", &note).unwrap_err();
    assert_eq!((problem.code, problem.field), (Code::CaseMoved, id("health").to_string()));
    // A performer whose right moved along finds the new home by itself.
    let note = scene.note(case, "medical", "from labour");
    let event = event_of(&scene.act("labour", "note", &note).unwrap());
    scene.settle();
    assert!(matches!(scene.sent("labour", event), SentState::Done { .. }));
    assert_eq!(
        scene.kinds("health", case),
        [Kind::Open, Kind::Share, Kind::Offer, Kind::Accept, Kind::Release, Kind::Taken, Kind::Note]
    );
    assert_eq!(scene.desk("health").case(&case).unwrap().unwrap().moves.len(), 1);
    let known = scene.desk("transport").book().custody[&case].moves[0].clone();
    assert!(known.taken.is_some(), "the old home knows that its case has a home");
    // Everybody's folded case is what its journal gives.
    for name in NAMES {
        scene.kill(name, true);
        scene.start(name, MemoryStore::new());
    }
    assert_eq!(scene.homes(case), ["health"]);
    assert_eq!(scene.kinds("health", case).len(), 7);
    // What is exported there proves the whole chain to a stranger.
    let (now, trust) = (scene.now.plus_ms(1), scene.trust.clone());
    let capsule = scene.desk("health").export(&case, &trust, Vec::new(), now).unwrap();
    let given = capsule::Given::default();
    let examined = capsule::examine(&capsule, &given);
    let broken =
        examined.report.findings.iter().filter(|finding| finding.judgement.verdict == Verdict::TotalFailed);
    assert_eq!(broken.count(), 0, "{:#?}", examined.report.findings);
}

#[test]
fn who_asks_for_a_case_on_its_way_is_told_so_if_it_may_know() {
    let mut scene = Scene::new();
    let case = scene.open_case();
    let terms = scene.terms("labour");
    let grant = scene.share(case, terms).unwrap();
    scene.offer("transport", "health", case).unwrap();
    scene.settle();
    scene.hold("transport", "health", case).unwrap();
    scene.answer("health", case, Kind::Accept).unwrap();
    scene.deliver("health", "transport");
    scene.commit("transport").unwrap();
    // Labour hears of the release first, and asks health, which has not heard of it.
    scene.deliver("transport", "labour");
    scene.commit("labour").unwrap();
    assert_eq!(scene.desk("labour").book().home_of(&case), Some(&id("health")));
    let problem = scene.read("health", "labour", case, Some(grant)).unwrap_err();
    assert_eq!(
        (problem.code, problem.field),
        (Code::CaseMoved, id("health").to_string()),
        "it is to ask again"
    );
    let problem = scene.read("health", "ttp", case, Some(grant)).unwrap_err();
    assert_eq!(problem.code, Code::CaseUnknown, "a stranger is told nothing");
    scene.settle();
    assert!(matches!(scene.read("health", "labour", case, Some(grant)), Ok(Answer::Page(_))));
}

#[test]
fn a_decline_that_overtakes_its_release_is_not_lost() {
    for together in [false, true] {
        let mut scene = Scene::new();
        let case = scene.open_case();
        let terms = scene.terms("labour");
        scene.share(case, terms).unwrap();
        scene.offer("transport", "health", case).unwrap();
        scene.settle();
        scene.hold("transport", "health", case).unwrap();
        scene.answer("health", case, Kind::Accept).unwrap();
        scene.deliver("health", "transport");
        scene.commit("transport").unwrap();
        let released = scene.take("transport", "labour");
        // Health declines after all, before it hears of the release.
        scene.answer("health", case, Kind::Decline).unwrap();
        scene.deliver("health", "transport");
        scene.commit("transport").unwrap();
        assert_eq!(scene.homes(case), ["transport"]);
        let declined = scene.take("transport", "labour");
        if together {
            scene.give("transport", "labour", &released);
            scene.give("transport", "labour", &declined);
        } else {
            scene.give("transport", "labour", &declined);
            scene.commit("labour").unwrap();
            scene.give("transport", "labour", &released);
        }
        scene.commit("labour").unwrap();
        for _ in 0..3 {
            scene.settle();
            scene.now = scene.now.plus_ms(10_000);
            let now = scene.now;
            scene.desk("transport").handle_timeout(now);
        }
        assert_eq!(scene.desk("labour").book().home_of(&case), Some(&id("transport")), "{together}");
        assert!(scene.desk("labour").book().custody[&case].moves.is_empty());
        let note = scene.note(case, "medical", "from labour");
        let event = event_of(&scene.act("labour", "note", &note).unwrap());
        scene.settle();
        assert!(matches!(scene.sent("labour", event), SentState::Done { .. }));
    }
}

#[test]
fn what_was_staged_half_is_taken_back() {
    let mut scene = Scene::new();
    let (case, _) = scene.shared_case();
    let (now, note) = (scene.now, scene.note(case, "application", "never recorded"));
    let before = scene.desk("transport").case(&case).unwrap();
    let desk = scene.desk("transport");
    let mut staging = Staging::default();
    for _ in 0..2 {
        let mark = staging.mark(case);
        desk.stage_own(&mut staging, note.clone(), now).unwrap();
        assert!(staging.cases[&case].records.len() == 1 && !staging.is_empty());
        staging.undo(mark);
        assert!(staging.is_empty() && staging.entries().is_empty() && staging.effects.is_empty());
        assert_eq!(Some(desk.staged_case(&mut staging, case).unwrap().case.clone()), before);
    }
}

#[test]
fn a_moved_head_voids_the_acceptance() {
    let mut scene = Scene::new();
    let case = scene.open_case();
    scene.offer("transport", "health", case).unwrap();
    scene.settle();
    scene.hold("transport", "health", case).unwrap();
    let note = scene.note(case, "application", "in between");
    scene.act("transport", "note", &note).unwrap();
    let accept = scene.answer("health", case, Kind::Accept).unwrap();
    scene.settle();
    assert!(matches!(scene.sent("health", accept), SentState::Parked(p) if p.code == Code::HeadMoved));
    assert_eq!(scene.homes(case), ["transport"]);
    // Reread and repeated, it holds.
    scene.hold("transport", "health", case).unwrap();
    scene.answer("health", case, Kind::Accept).unwrap();
    scene.settle();
    assert_eq!(scene.homes(case), ["health"]);
}

#[test]
fn what_is_declined_or_revoked_stays() {
    let mut scene = Scene::new();
    let case = scene.open_case();
    scene.offer("transport", "health", case).unwrap();
    assert_eq!(scene.offer("transport", "labour", case).unwrap_err().code, Code::CustodyRefused);
    scene.settle();
    scene.answer("health", case, Kind::Decline).unwrap();
    scene.settle();
    assert_eq!(scene.homes(case), ["transport"]);
    assert_eq!(scene.desk("transport").case(&case).unwrap().unwrap().custody, None);
    assert_eq!(scene.answer("health", case, Kind::Accept).unwrap_err().code, Code::CustodyRefused);
    // A new offer, revoked before the acceptance comes.
    let offer = scene.offer("transport", "health", case).unwrap();
    scene.settle();
    scene.hold("transport", "health", case).unwrap();
    scene.unshare(case, offer);
    let accept = scene.answer("health", case, Kind::Accept).unwrap();
    scene.settle();
    assert!(matches!(scene.sent("health", accept), SentState::Parked(_)));
    assert_eq!(scene.homes(case), ["transport"]);
    // Whoever was offered nothing learns nothing.
    assert_eq!(scene.answer("labour", case, Kind::Accept).unwrap_err().code, Code::CustodyRefused);
}

#[test]
fn a_case_comes_back() {
    let mut scene = Scene::new();
    let case = scene.open_case();
    scene.hand_over("transport", "health", case);
    scene.hand_over("health", "labour", case);
    scene.hand_over("labour", "transport", case);
    let note = scene.note(case, "application", "home again");
    scene.act("transport", "again", &note).unwrap();
    let kinds = scene.kinds("transport", case);
    assert_eq!(kinds.iter().filter(|kind| **kind == Kind::Taken).count(), 3);
    while scene.desk("transport").follow().unwrap() {}
    assert_eq!(scene.kinds("transport", case), kinds);
    scene.kill("transport", true);
    scene.start("transport", MemoryStore::new());
    assert_eq!(scene.kinds("transport", case), kinds);
    assert_eq!(scene.homes(case), ["transport"]);
}

/// What waits for evidence is judged by the new home, and its author is told by it.
#[test]
fn pending_events_move_along() {
    let mut scene = Scene::new();
    let case = scene.open_case();
    let terms = scene.terms("labour");
    scene.share(case, terms).unwrap();
    scene.settle();
    let act = scene.medical("labour", case);
    let event = event_of(&scene.act("labour", "medical", &act).unwrap());
    while scene.deliver("labour", "transport") + scene.deliver("transport", "labour") > 0 {
        scene.commit("transport").unwrap();
        scene.commit("labour").unwrap();
    }
    // Nobody has judged it yet.
    scene.party("transport").to_judge.clear();
    scene.hand_over("transport", "health", case);
    scene.settle();
    let held = scene.desk("health").case(&case).unwrap().unwrap();
    assert!(held.pending.is_empty());
    assert_eq!(held.effect_of(&event), Some(&Effect::Held));
    let judgement = scene.desk("labour").book().sent[&event.0].judgement.clone();
    assert!(judgement.is_some_and(|judgement| judgement.passed()));
}

/// Each side is killed before and after each commit of the handover: it always ends with one home, and never had two.
#[test]
fn a_crash_anywhere_leaves_one_home_or_none() {
    for power in [false, true] {
        for point in 0..12 {
            for victim in ["transport", "health"] {
                crash_at(point, victim, power);
            }
        }
    }
}

fn crash_at(point: usize, victim: &'static str, power: bool) {
    let mut scene = Scene::new();
    let case = scene.open_case();
    let mut step = 0;
    let mut dies = |scene: &mut Scene| {
        if step == point {
            scene.kill(victim, power);
            scene.homes(case);
            scene.start(victim, MemoryStore::new());
        }
        step += 1;
        scene.homes(case);
    };
    scene.offer("transport", "health", case).unwrap();
    dies(&mut scene);
    scene.settle();
    dies(&mut scene);
    scene.hold("transport", "health", case).unwrap();
    dies(&mut scene);
    scene.answer("health", case, Kind::Accept).unwrap();
    for _ in 0..4 {
        dies(&mut scene);
        scene.deliver("health", "transport");
        dies(&mut scene);
        scene.commit("transport").unwrap();
        dies(&mut scene);
        scene.deliver("transport", "health");
        dies(&mut scene);
        scene.commit("health").unwrap();
    }
    dies(&mut scene);
    scene.settle();
    assert_eq!(scene.homes(case), ["health"], "point {point}, {victim}");
    assert_eq!(scene.kinds("health", case).len(), 5, "point {point}, {victim}");
    for name in NAMES {
        assert!(scene.party(name).alarms.is_empty(), "point {point}: {:?}", scene.party(name).alarms);
    }
}

#[test]
fn nobody_becomes_the_home_by_his_own_word() {
    let mut scene = Scene::new();
    let (case, _) = scene.shared_case();
    scene.offer("transport", "labour", case).unwrap();
    scene.settle();
    scene.hold("transport", "labour", case).unwrap();
    scene.answer("labour", case, Kind::Accept).unwrap();
    scene.settle();
    assert_eq!(scene.homes(case), ["labour"]);
    // Health never got the old home's notice; the new home's proves the same.
    let known = scene.desk("health").book().home_of(&case).cloned();
    assert_eq!(known, Some(id("labour")));
    // A notice of taking that rests on nobody's release is refused.
    let seal = scene.parties["labour"].settings.seal.clone();
    let custody = scene.desk("labour").case(&case).unwrap().unwrap();
    assert!(!matches!(custody.custody, Some(Custody::Released { .. })));
    let opening = scene.header_of("transport", case);
    let forged = forged_taking(&scene, &opening, &id("transport"), &seal, &seal);
    scene.give("labour", "health", &[(StreamKind::Events, Message::Notice(forged))]);
    scene.commit("health").unwrap();
    assert_eq!(scene.desk("health").book().custody[&case].moves.len(), 1);
}

/// Two members who collude, one of whom releases what is not his and the other takes it, plant no home with whoever was told
/// nothing of the case yet: neither an offer nor a release nor a taking begins at anybody but the opener.
#[test]
fn nobody_plants_a_home_before_the_true_one_told_of_the_case() {
    let mut scene = Scene::new();
    let case = scene.open_case();
    let opening = scene.header_of("transport", case);
    let [transport, health, labour] = NAMES.map(|name| scene.parties[name].settings.seal.clone());
    let chain = [&transport, &health, &labour].map(|seal| seal.certificate().der().to_vec());
    let offer = {
        let terms = scene.terms("labour");
        let offer = sealed(
            &scene,
            case,
            Kind::Offer,
            HeadAt { seq: 9, record: Digest::ZERO },
            Detail::Offer(terms),
            &health,
        );
        let record = Record { case, seq: 10, prev: Digest::ZERO, received: scene.now, event: offer.id() };
        let notice = CustodyNotice::of(&offer, vec![record], opening.clone(), id("labour"), scene.now);
        Signed::sign(notice, &health).unwrap().bytes().to_vec()
    };
    let taking = forged_taking(&scene, &opening, &id("health"), &health, &labour);
    let rows = [("health", "labour", offer), ("labour", "health", taking)];
    for (from, to, notice) in rows {
        let certificates = Message::Certificates(chain.to_vec());
        let messages = [certificates, Message::Notice(notice)].map(|message| (StreamKind::Events, message));
        scene.give(from, to, &messages);
        scene.commit(to).unwrap();
        assert_eq!(scene.desk(to).book().home_of(&case), None, "{to}");
        assert!(scene.desk(to).book().custody.get(&case).is_none_or(|known| known.moves.is_empty()), "{to}");
    }
}

/// What is told of how a case came here is judged as of then: an agency that left since did open it, give it and take it.
#[test]
fn a_case_that_former_members_had_is_shared_with_newcomers() {
    let mut scene = Scene::new();
    let case = scene.open_case();
    scene.hand_over("transport", "health", case);
    scene.hand_over("health", "transport", case);
    scene.federation.remove_member(&id("health"));
    scene.trust = trust_of(&mut scene.federation);
    let terms = scene.terms("labour");
    scene.share(case, terms).unwrap();
    scene.deliver("transport", "labour");
    scene.commit("labour").unwrap();
    let labour = scene.desk("labour").book();
    assert_eq!(labour.home_of(&case), Some(&id("transport")));
    assert_eq!(labour.custody[&case].moves.len(), 2);
    assert_eq!(labour.references[&case].len(), 1);
}

/// A caller's clock that is years off opens no case that nobody else can ever take for one.
#[test]
fn an_opening_is_never_dated_to_when_the_seal_did_not_hold() {
    let mut scene = Scene::new();
    let ours = scene.parties["transport"].settings.seal.certificate().not_before();
    for off in [Timestamp::EARLIEST, scene.now.plus_ms(400 * 86_400_000)] {
        let mut act = scene.opening();
        act.created = off;
        let key = format!("open {off}");
        let answer = scene.act("transport", &key, &act).unwrap();
        let Answer::Recorded { case, .. } = answer else { panic!("{answer:?}") };
        let header = scene.header_of("transport", case);
        let created = Signed::<Header>::parse(&header).unwrap().value().created;
        assert!(ours <= created && created <= scene.now, "{created}");
    }
}

impl Scene {
    /// The header that opened the case, as its home holds it.
    fn header_of(&mut self, home: &str, case: CaseId) -> Vec<u8> {
        self.desk(home).history(&case, 0, 1).unwrap()[0].1.header.clone()
    }
}

fn sealed(scene: &Scene, case: CaseId, kind: Kind, head: HeadAt, detail: Detail, seal: &Signer) -> Event {
    let body = Body::of(detail).to_blob(&[1; SALT_BYTES]);
    let header = Header {
        case: Some(case),
        head: Some(head),
        kind,
        step: None,
        created: scene.now,
        body_bytes: body.len() as u64,
        commitment: Digest::of(&body),
        approval: None,
        grant: None,
        code: 0,
        times: StepTimes::default(),
    };
    Event { header: Signed::sign(header, seal).unwrap(), body, approval: None }
}

/// Labour says that it took the case from `from` by a release that `old` signed.
fn forged_taking(scene: &Scene, opening: &[u8], from: &AgencyId, old: &Signer, labour: &Signer) -> Vec<u8> {
    let case = CaseId::opened_by(EventId::of(opening));
    let now = scene.now;
    let accept = EventId(Digest::of(b"accept"));
    let accepted = Record { case, seq: 50, prev: Digest::ZERO, received: now, event: accept };
    let at = |record: &Record| HeadAt { seq: record.seq, record: record.digest() };
    let detail = Detail::Release { to: id("labour"), offer: EventId(Digest::ZERO), accept };
    let release = sealed(scene, case, Kind::Release, at(&accepted), detail, old);
    let released = Record { case, seq: 51, prev: accepted.digest(), received: now, event: release.id() };
    let notice = CustodyNotice::of(&release, vec![accepted, released], opening.to_vec(), id("labour"), now);
    let notice = Signed::sign(notice, old).unwrap();
    let detail = Detail::Taken { from: from.clone(), release: notice.bytes().to_vec() };
    let taken = sealed(scene, case, Kind::Taken, at(&released), detail, labour);
    let record = Record { case, seq: 52, prev: released.digest(), received: now, event: taken.id() };
    let notice = CustodyNotice::of(&taken, vec![record], opening.to_vec(), id("health"), now);
    Signed::sign(notice, labour).unwrap().bytes().to_vec()
}

/// The old home's notice comes twice before the first is durable, as after a cut connection: the case is taken once.
#[test]
fn a_release_that_is_told_twice_in_one_commit_is_taken_once() {
    let mut scene = Scene::new();
    let case = scene.open_case();
    scene.offer("transport", "health", case).unwrap();
    scene.settle();
    scene.hold("transport", "health", case).unwrap();
    scene.answer("health", case, Kind::Accept).unwrap();
    scene.deliver("health", "transport");
    scene.commit("transport").unwrap();
    let told = scene.take("transport", "health");
    scene.give("transport", "health", &told);
    scene.give("transport", "health", &told);
    scene.commit("health").unwrap();
    scene.settle();
    assert_eq!(scene.kinds("health", case).iter().filter(|kind| **kind == Kind::Taken).count(), 1);
    scene.kill("health", true);
    scene.start("health", MemoryStore::new());
    assert_eq!(scene.homes(case), ["health"]);
    assert!(scene.party("health").alarms.is_empty());
}
