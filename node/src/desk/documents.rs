//! Which documents the events of a home case name, and whose events they are.
//!
//! An index of a case grows with its history as it is asked for, so that nobody's request makes the writer read the same
//! records again. Whether the bytes came from those who name them, whoever keeps documents knows; the desk does not.

use std::collections::HashMap;

use ogic_certs::event::DocumentRef;
use ogic_certs::{AgencyId, CaseId, Code, Digest, Problem, Result};

use super::Desk;
use super::export::read;
use crate::log::Disk;
use crate::store::Store;

/// Cases whose documents are remembered; beyond that all are read anew.
const CASES_MAX: usize = 256;
/// Records that are read at a time.
const PAGE: usize = 256;

/// A document as an event of a case names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Named {
    /// Whose event it is.
    pub by: AgencyId,
    /// What it says of the document.
    pub document: DocumentRef,
}

/// The documents of one case, up to a record.
#[derive(Debug, Default)]
pub(super) struct CaseDocuments {
    next_seq: u64,
    /// In order of their records; of one author and content each once.
    named: Vec<Named>,
    by_digest: HashMap<Digest, Vec<usize>>,
}

impl CaseDocuments {
    fn take(&mut self, by: &AgencyId, document: DocumentRef) {
        let places = self.by_digest.entry(document.sha256).or_default();
        let known = places.iter().filter_map(|place| self.named.get(*place)).any(|named| {
            named.by == *by && named.document.root == document.root && named.document.bytes == document.bytes
        });
        if !known {
            places.push(self.named.len());
            self.named.push(Named { by: by.clone(), document });
        }
    }
}

impl<D: Disk, S: Store> Desk<D, S> {
    /// What the events of a home case name as its documents, in order of their records.
    pub fn documents_of(&mut self, id: &CaseId) -> Result<Vec<Named>> {
        Ok(self.indexed(id)?.named.clone())
    }

    /// Whose events in a home case name the document. `DocumentMissing` if nobody's does.
    pub(super) fn authors_of(&mut self, id: &CaseId, sha256: &Digest) -> Result<Vec<AgencyId>> {
        let documents = self.indexed(id)?;
        let places = documents.by_digest.get(sha256).into_iter().flatten();
        let mut authors: Vec<AgencyId> = Vec::new();
        for named in places.filter_map(|place| documents.named.get(*place)) {
            if !authors.contains(&named.by) {
                authors.push(named.by.clone());
            }
        }
        if authors.is_empty() {
            return Err(Problem::new(Code::DocumentMissing, "document")
                .found(sha256.to_string())
                .expected("a document of this case"));
        }
        Ok(authors)
    }

    /// The index of a case, up to its newest published record.
    fn indexed(&mut self, id: &CaseId) -> Result<&CaseDocuments> {
        // It goes back into the map only when nothing failed.
        let mut documents = self.documents.remove(id).unwrap_or_default();
        loop {
            let entries = self.history(id, documents.next_seq, PAGE)?;
            for (_, fact) in &entries {
                for document in read(fact)?.1.documents {
                    documents.take(&fact.author, document);
                }
                documents.next_seq = fact.record.seq + 1;
            }
            if entries.len() < PAGE {
                break;
            }
        }
        if self.documents.len() >= CASES_MAX {
            self.documents.clear();
        }
        Ok(self.documents.entry(*id).or_insert(documents))
    }
}
