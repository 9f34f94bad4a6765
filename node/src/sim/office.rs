//! The people of the simulated agencies: what they want done, and the acts that their programs make of it.

use ogic_certs::cose::{Signed, Signer};
use ogic_certs::event::{
    Approval, Body, Detail, DocumentRef, FieldValue, Kind, Outcome as CaseOutcome, SALT_BYTES, StepCode,
    StepTimes, Terms,
};
use ogic_certs::service::ServiceText;
use ogic_certs::{CaseId, Digest, Result, Timestamp};

use super::agency::Agency;
use super::disk::FaultyDisk;
use super::net::Net;
use super::oracle::{Errand, Task};
use super::random::Random;
use crate::desk::Act;
use crate::desk::check::{self, Bag};

const DAY_MS: u64 = 86_400_000;
/// Steps of the simulated service that another agency may do.
const OTHERS_STEPS: [&str; 3] = ["first", "second", "opinion"];
/// Cases that one agency opens.
const CASES_MAX: usize = 3;

/// The definition of the service `name`, as the agency publishes it: always the same bytes.
pub(super) fn service(name: &str, seal: &Signer) -> Result<Signed<ServiceText>> {
    let text = include_str!("service.toml").replace("NAME", name);
    Signed::sign(ServiceText::new(text)?, seal)
}

impl<D: FaultyDisk> Net<D> {
    /// What somebody comes up with next, and at which agency.
    pub(super) fn think(&mut self) -> (usize, Task) {
        if let Some(next) = self.in_mind.pop_front() {
            return next;
        }
        let agency = self.random.index(self.agencies.len());
        let cases = self.oracle.cases();
        let mut own: Vec<CaseId> =
            cases.iter().filter(|(home, _)| *home == agency).map(|(_, case)| *case).collect();
        if let Some(process) = &self.agencies[agency].process
            && self.random.chance(900)
        {
            // Mostly of what is at home now; now and then somebody has not heard that a case has moved.
            let (desk, id) = (&process.desk, self.agencies[agency].id());
            let ordered = |case: &CaseId| {
                cases.iter().any(|(_, opened)| opened == case)
                    && desk.case(case).is_ok_and(|held| held.is_some_and(|held| held.is_ordered_by(id)))
            };
            own = cases.iter().map(|(_, case)| *case).filter(ordered).collect();
            let offered: Vec<CaseId> = desk
                .book()
                .custody
                .iter()
                .filter(|(_, known)| {
                    known.offered.as_ref().is_some_and(|offered| known.declined != Some(offered.offer))
                })
                .map(|(case, _)| *case)
                .collect();
            if !offered.is_empty() && self.random.chance(600) {
                let case = offered[self.random.index(offered.len())];
                let task = if self.random.chance(850) { Task::Accept(case) } else { Task::Decline(case) };
                return (agency, task);
            }
        }
        let foreign: Vec<CaseId> = match &self.agencies[agency].process {
            Some(process) => process.desk.book().references.keys().copied().collect(),
            None => Vec::new(),
        };
        let random = &mut self.random;
        let at_home = !own.is_empty() && (foreign.is_empty() || random.chance(450));
        let step = OTHERS_STEPS[random.index(OTHERS_STEPS.len())];
        let official = random.index(2);
        let code = if random.chance(850) { StepCode::Done } else { StepCode::NotPossible };
        let document = random.chance(300);
        let dice = random.below(100);
        let task = if at_home {
            let case = own[random.index(own.len())];
            let grants = self.oracle.grants(case);
            match dice {
                0..10 if own.len() < CASES_MAX => Task::Open("matter".to_owned()),
                0..30 => Task::Note(case, "application"),
                30..72 => Task::Share(case, self.terms(agency)),
                72..80 if !grants.is_empty() => Task::Unshare(case, grants[self.random.index(grants.len())]),
                80..83 => Task::Step { case, step: "decision", code, official: Some(official), document },
                83..85 => Task::Close(case, CaseOutcome::Withdrawn),
                85..95 => {
                    let terms = self.offer_terms(agency);
                    if let Some(to) = self.index_of(&terms.grantee) {
                        self.in_mind.push_back((to, Task::Accept(case)));
                    }
                    Task::Offer(case, terms)
                }
                _ => Task::Look(case),
            }
        } else if let Some(case) = foreign.get(random.index(foreign.len())).copied() {
            match dice {
                0..34 => Task::Note(case, step),
                34..46 => {
                    // All at once, each upon the last, whose evidence is still to come.
                    let done = |step| Task::Step {
                        case,
                        step,
                        code: StepCode::Done,
                        official: Some(0),
                        document: false,
                    };
                    let notes = [Task::Note(case, "opinion"), Task::Note(case, "second")];
                    self.in_mind.extend([done("second")].into_iter().chain(notes).map(|task| (agency, task)));
                    done("first")
                }
                46..80 => {
                    let official = random.chance(850).then_some(official);
                    Task::Step { case, step, code, official, document }
                }
                _ => Task::Look(case),
            }
        } else {
            Task::Open("matter".to_owned())
        };
        (agency, task)
    }

    /// Terms for any other agency.
    fn terms(&mut self, home: usize) -> Terms {
        let other = (home + 1 + self.random.index(self.agencies.len() - 1)) % self.agencies.len();
        let mut terms = self.terms_for(home, other);
        if self.random.chance(250) {
            terms.steps = vec![OTHERS_STEPS[self.random.index(3)].to_owned()];
        }
        terms.read = self.random.chance(900);
        terms
    }

    /// The terms of an offer to any other agency.
    fn offer_terms(&mut self, home: usize) -> Terms {
        let other = (home + 1 + self.random.index(self.agencies.len() - 1)) % self.agencies.len();
        Terms { steps: Vec::new(), ..self.terms_for(home, other) }
    }

    /// Terms for all that another agency can do.
    pub(super) fn terms_for(&self, home: usize, other: usize) -> Terms {
        Terms {
            grantee: self.agencies[other].id().clone(),
            read: true,
            steps: OTHERS_STEPS.map(str::to_owned).to_vec(),
            // The marker takes its place.
            purpose: String::new(),
            ground: "a law".to_owned(),
            performer: "any office".to_owned(),
            deadline: None,
            expires: self.agencies[home].clock(self.now).plus_ms(30 * DAY_MS),
        }
    }
}

/// The act of an errand, made anew at every try, as a program does that was started again; none for a look.
pub(super) fn act<D: FaultyDisk>(
    agency: &Agency<D>,
    errand: &Errand,
    random: &mut Random,
    now: Timestamp,
) -> Result<Option<Act>> {
    let marker = errand.marker.clone();
    let plain = || Body {
        fields: vec![("marker".to_owned(), FieldValue::Text(marker.clone()))],
        ..Body::of(Detail::None)
    };
    let (case, kind, step, code, official, body) = match &errand.task {
        Task::Look(_) => return Ok(None),
        Task::Open(name) => {
            let service = service(name, &agency.settings.seal)?.digest();
            let detail = Detail::Open { service, citizen: marker.clone() };
            (None, Kind::Open, None, 0, None, Body::of(detail))
        }
        Task::Note(case, step) => (Some(*case), Kind::Note, Some(*step), 0, None, plain()),
        Task::Step { case, step, code, official, document } => {
            let mut body = plain();
            if *document {
                body.documents.push(document_of(&marker));
            }
            (Some(*case), Kind::Step, Some(*step), code.number(), *official, body)
        }
        Task::Share(case, terms) => {
            let terms = Terms { purpose: marker.clone(), ..terms.clone() };
            (Some(*case), Kind::Share, None, 0, None, Body::of(Detail::Share(terms)))
        }
        Task::Offer(case, terms) => {
            let terms = Terms { purpose: marker.clone(), ..terms.clone() };
            (Some(*case), Kind::Offer, None, 0, None, Body::of(Detail::Offer(terms)))
        }
        Task::Accept(case) => (Some(*case), Kind::Accept, None, 0, None, Body::of(Detail::None)),
        Task::Decline(case) => {
            let detail = Detail::Decline { reason: marker.clone() };
            (Some(*case), Kind::Decline, None, 0, None, Body::of(detail))
        }
        Task::Unshare(case, grant) => {
            let detail = Detail::Unshare { grant: *grant, reason: marker.clone() };
            (Some(*case), Kind::Unshare, None, 0, None, Body::of(detail))
        }
        Task::Close(case, outcome) => {
            let detail = Detail::Close { reason: marker.clone() };
            (Some(*case), Kind::Close, None, outcome.number(), None, Body::of(detail))
        }
    };
    let mut salt = [0; SALT_BYTES];
    random.fill(&mut salt);
    let mut act = Act {
        case,
        kind,
        step: step.map(str::to_owned),
        code,
        body: body.to_blob(&salt),
        approval: None,
        certificates: Vec::new(),
        created: now,
        times: StepTimes::default(),
        head: None,
    };
    if let Some(official) = official.and_then(|number| agency.officials.get(number)) {
        let approval = Approval {
            case: act.case,
            kind: act.kind,
            step: act.step.clone(),
            commitment: Digest::of(&act.body),
        };
        let signed = Signed::sign(approval, official)?;
        let bag: Bag = official.chain().cloned().collect();
        act.approval = Some(check::approval(&agency.trust, agency.id(), signed.bytes(), &bag, now)?);
        act.certificates = vec![official.certificate().clone()];
    }
    Ok(Some(act))
}

/// The marker that a body carries.
pub(super) fn marker_of(body: &Body) -> Option<String> {
    match &body.detail {
        Detail::Open { citizen, .. } => Some(citizen.clone()),
        Detail::Share(terms) | Detail::Offer(terms) => Some(terms.purpose.clone()),
        Detail::Unshare { reason, .. } | Detail::Close { reason } | Detail::Decline { reason } => {
            Some(reason.clone())
        }
        Detail::Evidence { .. } | Detail::Release { .. } | Detail::Taken { .. } => None,
        Detail::None => body.fields.iter().find_map(|(name, value)| match value {
            FieldValue::Text(text) if name == "marker" => Some(text.clone()),
            _ => None,
        }),
    }
}

fn document_of(marker: &str) -> DocumentRef {
    DocumentRef {
        sha256: Digest::of(marker.as_bytes()),
        root: Digest::of(b"root"),
        bytes: marker.len() as u64,
        label: "paper".to_owned(),
        media_type: "text/plain".to_owned(),
    }
}
