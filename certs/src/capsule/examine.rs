//! The checks of a capsule that need no case model, in the steps of PROTOCOL.md, "Verification of a capsule".

use std::collections::HashMap;
use std::sync::Arc;

use super::frame::{self, Frame};
use super::judge::{Judge, no_certificate};
use super::report::{Report, Step, failed, open};
use super::{Manifest, Part, chain, places, proofs};
use crate::certificate::Certificate;
use crate::cose::Signed;
use crate::crl::Crl;
use crate::event::{Body, Header};
use crate::evidence::Judgement;
use crate::record::Record;
use crate::registry::{Pin, Registry};
use crate::service::ServiceText;
use crate::verdict::SubIndication;
use crate::{AgencyId, Code, Digest, EventId, Identity, Problem, Result, Timestamp};

/// What the reader brings: trust comes from here alone.
#[derive(Clone, Default, Debug)]
pub struct Given {
    /// The registry that the reader goes by, and what was pinned by another channel. The caller has checked that the
    /// registry is of the pin.
    pub pinned: Option<(Arc<Signed<Registry>>, Pin)>,
    /// Revocation lists besides those that the capsule carries.
    pub crls: Vec<Crl>,
    /// For which time the capsule's own seal and checkpoint are judged; by default when it says that it was made.
    pub at: Option<Timestamp>,
    /// The reader's clock: by `at`, or else by then, neither may be known to be revoked, whatever time the capsule tells.
    /// Without either every revocation that is known counts.
    pub now: Option<Timestamp>,
}

/// What [`examine`] found, and what there is to fold.
#[derive(Clone, Debug)]
pub struct Examined {
    /// The checks.
    pub report: Report,
    /// The parts, if every one could be read and the chain of records holds.
    pub contents: Option<Contents>,
}

/// The readable parts of a capsule.
#[derive(Clone, Debug)]
pub struct Contents {
    /// The manifest.
    pub manifest: Manifest,
    /// The service definition.
    pub service: Signed<ServiceText>,
    /// The records, in order of sequence.
    pub records: Vec<Recorded>,
    /// What genuine evidence says of events, the first of each event.
    pub evidence: HashMap<EventId, Judgement>,
    /// Events that name a document which is carried by its SHA-256, with another chunk root or length than it has. It is for
    /// the history to say whether that counts.
    pub misnamed: HashMap<EventId, Problem>,
}

/// A record with its event, as far as the capsule shows it.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The record.
    pub record: Record,
    /// The header.
    pub header: Signed<Header>,
    /// The body, unless it was withheld.
    pub body: Option<Body>,
    /// The agency whose seal signed the header; none if the signature is not by a certificate that is carried.
    pub author: Option<AgencyId>,
    /// What came of the official's approval, if the header names one. It is for the history to say whether it counts.
    pub approval: Option<Approved>,
}

/// An official's approval, judged.
#[derive(Clone, Debug)]
pub struct Approved {
    /// The official, if the certificate is carried and the signature by its key.
    pub official: Option<Identity>,
    /// The judgement as of the record's received time.
    pub judgement: Judgement,
    /// What was found and expected, if it did not pass.
    pub problem: Option<Problem>,
}

/// Runs every check of steps 1 to 9 and 12 on the bytes of a capsule, and judges the approvals (step 10).
///
/// The report's verdict does not count approvals: whether an event that fails took effect, the fold of
/// [`Contents::records`] tells. Never fails otherwise, and never panics, whatever the bytes are.
pub fn examine(bytes: &[u8], given: &Given) -> Examined {
    let mut report = Report::default();
    let frame = frame::read(bytes);
    let manifest = read_manifest(&frame, &mut report);
    if let Some(manifest) = &manifest {
        let said = manifest.value();
        (report.case, report.home, report.made) = (Some(said.case), Some(said.home.clone()), Some(said.at));
    }
    let parts = Parts::read(&frame, &mut report);
    let mut judge = judge(given, &parts, &mut report);
    report.lists = judge.lists_until();
    let at = given.at.or(report.made);
    if let (Some(manifest), Some(at)) = (&manifest, at) {
        signer(manifest, &judge, at, &mut report);
    }
    registry(&parts, &mut judge, &mut report);

    let records = chain::records(&parts.records, &judge, &mut report);
    let service = parts.one(Part::Service).and_then(|bytes| service(bytes, &records, &judge, &mut report));
    let at = at.or_else(|| records.last().map(|last| last.record.received)).unwrap_or(Timestamp::EARLIEST);
    proofs::receipts(&parts.receipts, &records, &judge, at, &mut report);
    let evidence = proofs::evidence(&records, &judge, &mut report);
    let misnamed = proofs::documents(&parts.documents, &records, &mut report);

    let whole = records.len() == parts.records.len() && chain::holds(&report);
    let contents = match (manifest, service, whole) {
        (Some(manifest), Some(service), true) => {
            Some(Contents { manifest: manifest.value().clone(), service, records, evidence, misnamed })
        }
        _ => None,
    };
    Examined { report, contents }
}

/// Step 1, and of step 2 what concerns bytes: the frame, the manifest's form and signature, and the list of sections.
fn read_manifest(frame: &Frame<'_>, report: &mut Report) -> Option<Signed<Manifest>> {
    let parsed = frame.manifest.map(Signed::<Manifest>::parse);
    let manifest = parsed.as_ref().and_then(|parsed| parsed.as_ref().ok());
    let found = places(frame.sections.iter().map(|section| section.part));
    let listed = manifest.map(|manifest| places(manifest.value().sections.iter().map(|(part, _)| *part)));
    let differs = manifest.and_then(|manifest| first_difference(frame, manifest.value()));

    match &frame.broken {
        None => drop(report.check_hard(Step::Frame, "capsule", "sections and their order", Ok(()))),
        Some((place, problem)) => {
            // Bytes that shifted are noticed later than where they changed: the manifest's list knows better.
            let known = differs.and_then(|at| listed.as_ref()?.get(at));
            let place = known.filter(|_| place.starts_with("section")).unwrap_or(place);
            report.check_hard(Step::Frame, place, "sections and their order", Err(problem.clone()));
        }
    }
    let certificate = manifest.and_then(|manifest| {
        let signer = manifest.envelope().signer();
        let mut carried = frame.sections.iter().filter(|section| section.part == Part::Certificate);
        carried.find(|section| Digest::of(section.bytes) == signer)
    });
    let certificate = certificate.and_then(|section| Certificate::from_der(section.bytes).ok());
    const SIGNATURE: &str = "the manifest's signature";
    let place = Part::Manifest.place(0);
    match (&parsed, manifest, &certificate) {
        (None, ..) => {
            let problem =
                Problem::new(Code::Malformed, "manifest").found("none").expected("the last section");
            report.check_hard(Step::Manifest, &place, "the manifest", Err(problem));
        }
        (Some(Err(problem)), ..) => {
            report.check_hard(Step::Manifest, &place, "the manifest's form", Err(problem.clone()));
        }
        (_, Some(manifest), Some(certificate)) => {
            report.check_hard(Step::Manifest, &place, SIGNATURE, manifest.verify_with(certificate));
        }
        // Said below, after the section that is damaged.
        _ => {}
    }
    if let Some(manifest) = manifest {
        let said = manifest.value();
        if same_kinds(frame, said) {
            for ((section, (_, digest)), place) in frame.sections.iter().zip(&said.sections).zip(&found) {
                if let Err(problem) = super::record::same("section", Digest::of(section.bytes), *digest) {
                    let what = "the section is the one that the manifest lists";
                    report.check_hard(Step::Manifest, place, what, Err(problem));
                }
            }
        }
        if differs.is_none() {
            let what = format!("{} sections are those that the manifest lists", found.len());
            report.check_hard(Step::Manifest, &place, what, Ok(()));
        } else if !same_kinds(frame, said) {
            let at = differs.unwrap_or_default();
            let place = listed.as_ref().and_then(|listed| listed.get(at)).or_else(|| found.get(at));
            let problem = Problem::new(Code::DigestMismatch, "sections")
                .found(format!("{} sections", found.len()))
                .expected(format!("the {} that the manifest lists", said.sections.len()));
            let place = place.map_or("capsule", String::as_str);
            report.check_hard(Step::Manifest, place, "the sections that the manifest lists", Err(problem));
        }
        if certificate.is_none() {
            let (_, problem) = no_certificate(manifest.envelope().signer());
            report.check_hard(Step::Manifest, &place, SIGNATURE, Err(problem));
        }
    }
    parsed.and_then(Result::ok)
}

/// The first section, by number from 0, in which file and manifest differ.
fn first_difference(frame: &Frame<'_>, manifest: &Manifest) -> Option<usize> {
    let both = frame.sections.iter().zip(&manifest.sections);
    let differs = |(section, (part, digest)): (&frame::Section<'_>, &(Part, Digest))| {
        section.part != *part || Digest::of(section.bytes) != *digest
    };
    let shared = frame.sections.len().min(manifest.sections.len());
    let equal_length = frame.sections.len() == manifest.sections.len();
    both.map(differs).position(|differs| differs).or_else(|| (!equal_length).then_some(shared))
}

/// Whether file and manifest have the same kinds of sections in the same order.
fn same_kinds(frame: &Frame<'_>, manifest: &Manifest) -> bool {
    let found = frame.sections.iter().map(|section| section.part);
    found.eq(manifest.sections.iter().map(|(part, _)| *part))
}

/// The sections by kind.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    certificates: Vec<Certificate>,
    crls: Vec<Crl>,
    single: Vec<(Part, &'a [u8])>,
    records: Vec<&'a [u8]>,
    receipts: Vec<&'a [u8]>,
    documents: Vec<&'a [u8]>,
}

impl<'a> Parts<'a> {
    /// Reads certificates and lists, and checks that a whole capsule's sections are there.
    fn read(frame: &Frame<'a>, report: &mut Report) -> Self {
        let of = |part: Part| {
            let wanted = frame.sections.iter().filter(move |section| section.part == part);
            wanted.map(|section| section.bytes).collect::<Vec<_>>()
        };
        let mut parts = Self {
            certificates: Vec::new(),
            crls: Vec::new(),
            single: Vec::new(),
            records: of(Part::Record),
            receipts: of(Part::Receipts),
            documents: of(Part::Document),
        };
        for (nth, der) in of(Part::Certificate).into_iter().enumerate() {
            match Certificate::from_der(der) {
                Ok(certificate) => parts.certificates.push(certificate),
                Err(problem) => {
                    let place = Part::Certificate.place(nth);
                    report.check_hard(Step::Frame, &place, "the certificate's form", Err(problem));
                }
            }
        }
        for (nth, der) in of(Part::Crl).into_iter().enumerate() {
            match Crl::from_der(der) {
                Ok(crl) => parts.crls.push(crl),
                Err(problem) => {
                    let place = Part::Crl.place(nth);
                    report.check_hard(Step::Frame, &place, "the list's form", Err(problem));
                }
            }
        }
        for part in [Part::Service, Part::Registry] {
            let found = of(part);
            match found.as_slice() {
                [one] => parts.single.push((part, one)),
                _ => parts.missing(part, found.len(), "exactly one", report),
            }
        }
        for (part, count) in [(Part::Record, parts.records.len()), (Part::Receipts, parts.receipts.len())] {
            if count == 0 {
                parts.missing(part, 0, "at least one", report);
            }
        }
        (report.records, report.documents) = (parts.records.len(), parts.documents.len());
        parts
    }

    fn missing(&self, part: Part, found: usize, expected: &str, report: &mut Report) {
        let problem = Problem::new(Code::Malformed, "sections").found(found.to_string()).expected(expected);
        report.check_hard(Step::Frame, &part.place(0), "the section is there", Err(problem));
    }

    fn one(&self, part: Part) -> Option<&'a [u8]> {
        self.single.iter().find(|(one, _)| *one == part).map(|(_, bytes)| *bytes)
    }
}

fn judge(given: &Given, parts: &Parts<'_>, report: &mut Report) -> Judge {
    let with = |given: &Given| Judge::new(given, parts.certificates.clone(), parts.crls.clone());
    with(given).unwrap_or_else(|problem| {
        let result = Err(open(SubIndication::NoCertificateChainFound, problem));
        report.check(Step::Signer, "trust", "the reader's registry is of the pin", result);
        Judge::without_trust(parts.certificates.clone())
    })
}

/// Step 3: the manifest is the home's own.
fn signer(manifest: &Signed<Manifest>, judge: &Judge, at: Timestamp, report: &mut Report) {
    let place = Part::Manifest.place(0);
    let judged = judge.judge_own(manifest, manifest.value().at, at);
    let home = &manifest.value().home;
    if let Some(identity) = &judged.identity {
        let result = expect_agency("manifest's signer", &identity.agency, home);
        report.check_hard(Step::Signer, &place, format!("sealed by the home, {home}"), result);
    }
    let what = format!("the seal's path as of {at}");
    if report.check(Step::Signer, &place, what, judged.outcome) {
        judge.check_stands(manifest, Step::Signer, &place, report);
    }
}

/// Step 4: the registry that the home went by is of the pinned federation.
fn registry(parts: &Parts<'_>, judge: &mut Judge, report: &mut Report) {
    let Some(bytes) = parts.one(Part::Registry) else { return };
    let place = Part::Registry.place(0);
    let read = Signed::<Registry>::parse(bytes).and_then(|registry| {
        let (signer, above) = certificates_of(registry.envelope().chain())?;
        Ok((registry, signer, above))
    });
    let (registry, signer, above) = match read {
        Ok(read) => read,
        Err(problem) => {
            report.check_hard(Step::Registry, &place, "the registry's form", Err(problem));
            return;
        }
    };
    let said = registry.value();
    let judged = judge.judge_by(&registry, &signer, &above, said.issued);
    let what = format!("version {} is signed under the pinned root", said.version);
    let genuine = report.check(Step::Registry, &place, what, judged.outcome);
    if let Some(pinned) = judge.pinned().map(|trust| trust.signed_registry())
        && genuine
        && pinned.value().version == said.version
        && pinned.digest() != registry.digest()
    {
        let problem = Problem::new(Code::ForkDetected, "registry")
            .found(registry.digest().to_string())
            .expected(format!("{} for version {}", pinned.digest(), said.version));
        report.check_hard(Step::Registry, &place, "one version has one content", Err(problem));
        return;
    }
    if genuine {
        judge.admit(registry);
    }
}

/// Step 5: the definition is its publisher's, and the one that the opening event names.
fn service(
    bytes: &[u8],
    records: &[Recorded],
    judge: &Judge,
    report: &mut Report,
) -> Option<Signed<ServiceText>> {
    let place = Part::Service.place(0);
    let read = Signed::<ServiceText>::parse(bytes).and_then(|service| {
        let (signer, above) = certificates_of(service.envelope().chain())?;
        Ok((service, signer, above))
    });
    let (service, signer, above) = match read {
        Ok(read) => read,
        Err(problem) => {
            report.check_hard(Step::Service, &place, "the definition's form", Err(problem));
            return None;
        }
    };
    let opening = records.first()?;
    if let Some(crate::event::Detail::Open { service: named, .. }) =
        opening.body.as_ref().map(|body| &body.detail)
    {
        let result = super::record::same("service", service.digest(), *named);
        report.check_hard(Step::Service, &place, "the definition that the opening event names", result);
    }
    // The opening event commits to the signature, which is therefore not younger; a seal may have ended since it was used.
    let at = opening.record.received.min(signer.not_after());
    let judged = judge.judge_by(&service, &signer, &above, at);
    report.check(Step::Service, &place, format!("the publisher's seal as of {at}"), judged.outcome);
    Some(service)
}

/// A signer's certificate and those above it, of an envelope that carries its chain.
fn certificates_of(chain: &[Vec<u8>]) -> Result<(Certificate, Vec<Certificate>)> {
    let mut chain = chain.iter().map(|der| Certificate::from_der(der)).collect::<Result<Vec<_>>>()?;
    if chain.is_empty() {
        return Err(Problem::new(Code::Malformed, "x5chain")
            .found("none")
            .expected("the signer's certificate"));
    }
    let signer = chain.remove(0);
    Ok((signer, chain))
}

pub(super) fn expect_agency(field: &str, found: &AgencyId, expected: &AgencyId) -> Result<()> {
    if found == expected {
        Ok(())
    } else {
        Err(Problem::new(Code::IdentityMismatch, field)
            .found(found.to_string())
            .expected(expected.to_string()))
    }
}

/// A check that nothing will mend, as [`Report::check`] takes it.
pub(super) fn hard(problem: Problem) -> (Judgement, Problem) {
    (failed(&problem), problem)
}
