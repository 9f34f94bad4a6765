//! Making a capsule: parts in, bytes out. It decides nothing about them; the order of sections is its own.

use std::collections::BTreeSet;

use super::frame::HEADER_BYTES;
use super::{CAPSULE_BYTES_MAX, MAGIC, Manifest, Part, SECTIONS_MAX, record};
use crate::certificate::Certificate;
use crate::cose::{Signed, Signer};
use crate::crl::Crl;
use crate::record::Record;
use crate::registry::Registry;
use crate::{AgencyId, CaseId, Code, Digest, Problem, Result, Timestamp};

/// Gathers a capsule's parts.
#[derive(Debug)]
pub struct Builder {
    case: CaseId,
    home: AgencyId,
    sections: Vec<(Part, Vec<u8>)>,
    /// Certificates and lists that are in already: each is carried once.
    carried: BTreeSet<Digest>,
}

impl Builder {
    /// A capsule of `case`, held by `home`, under the service definition of these COSE bytes.
    pub fn new(case: CaseId, home: AgencyId, service: &[u8]) -> Self {
        let sections = vec![(Part::Service, service.to_vec())];
        Self { case, home, sections, carried: BTreeSet::new() }
    }

    /// A certificate that a signature or a path in it rests on. Self-signed ones are left out: trust is the reader's.
    pub fn certificate(&mut self, certificate: &Certificate) {
        if !certificate.is_self_signed() && self.carried.insert(certificate.digest()) {
            self.sections.push((Part::Certificate, certificate.der().to_vec()));
        }
    }

    /// A revocation list.
    pub fn crl(&mut self, crl: &Crl) {
        if self.carried.insert(crl.digest()) {
            self.sections.push((Part::Crl, crl.der().to_vec()));
        }
    }

    /// The registry that the home goes by.
    pub fn registry(&mut self, registry: &Signed<Registry>) {
        self.sections.push((Part::Registry, registry.bytes().to_vec()));
    }

    /// The next record in order of sequence, with its event; body and approval may be withheld.
    pub fn record(&mut self, record: &Record, header: &[u8], body: Option<&[u8]>, approval: Option<&[u8]>) {
        self.sections.push((Part::Record, record::encode(record, header, body, approval)));
    }

    /// A receipt frame over some of the records, with the case's head.
    pub fn receipts(&mut self, frame: &[u8]) {
        self.sections.push((Part::Receipts, frame.to_vec()));
    }

    /// A document's bytes.
    pub fn document(&mut self, bytes: Vec<u8>) {
        self.sections.push((Part::Document, bytes));
    }

    /// Puts the sections in order and closes them with the manifest, signed by the home's `seal`, whose chain is carried.
    /// `TooLarge` naming the section or the whole that is beyond its limit.
    pub fn finish(mut self, at: Timestamp, seal: &Signer) -> Result<Vec<u8>> {
        for certificate in seal.chain() {
            self.certificate(certificate);
        }
        // Stable: sections of one kind keep the order in which they were given.
        self.sections.sort_by_key(|(part, _)| *part);
        if self.sections.len() > SECTIONS_MAX {
            return Err(too_large("sections", self.sections.len(), SECTIONS_MAX));
        }
        for (part, bytes) in &self.sections {
            part.check_bytes(bytes.len())?;
        }
        let sections = self.sections.iter().map(|(part, bytes)| (*part, Digest::of(bytes))).collect();
        let manifest = Manifest { case: self.case, home: self.home, at, sections };
        let manifest = Signed::sign(manifest, seal)?;
        let contents = self.sections.iter().map(|(_, bytes)| HEADER_BYTES + bytes.len()).sum::<usize>();
        let total = MAGIC.len() + contents + HEADER_BYTES + manifest.bytes().len();
        if total > CAPSULE_BYTES_MAX {
            return Err(too_large("capsule", total, CAPSULE_BYTES_MAX));
        }
        let mut out = Vec::with_capacity(total);
        out.extend_from_slice(MAGIC);
        let sections = self.sections.iter().map(|(part, bytes)| (*part, bytes.as_slice()));
        for (part, bytes) in sections.chain([(Part::Manifest, manifest.bytes())]) {
            let length = u32::try_from(bytes.len()).map_err(|_| Problem::new(Code::TooLarge, "section"))?;
            out.push(part.number());
            out.extend_from_slice(&length.to_be_bytes());
            out.extend_from_slice(bytes);
        }
        Ok(out)
    }
}

fn too_large(field: &str, found: usize, most: usize) -> Problem {
    Problem::new(Code::TooLarge, field).found(found.to_string()).expected(format!("at most {most}"))
}
