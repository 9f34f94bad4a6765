//! A planted home that tells two stories: its disk is set back to an earlier copy, and it goes on signing, whatever others hold
//! of it. Whoever was shown both stories must be alarmed and keep both sides, and nobody else is accused.

use std::collections::{BTreeMap, HashMap};

use ogic_certs::checkpoint::Checkpoint;
use ogic_certs::cose::Signed;
use ogic_certs::receipt::ReceiptFrame;
use ogic_certs::{CaseId, Digest, Result};

use super::disk::FaultyDisk;
use super::net::Net;
use super::shelf::Shelf;
use crate::desk::Fact;
use crate::log::{Disk as _, Log, Options};

/// The forger, and what it showed.
#[derive(Debug)]
pub(super) struct Forger {
    pub(super) index: usize,
    /// Its disk as its second story finds it.
    copy: Vec<(String, Vec<u8>)>,
    /// The receipt frames that it showed, and to whom, in the order in which they came.
    shown: Vec<(usize, Vec<u8>)>,
}

/// What statements say: the record at a place of a case, and the root of the log at a size.
type Said = BTreeMap<(Option<CaseId>, u64), Digest>;

impl<D: FaultyDisk> Net<D> {
    /// `agency` will tell another story from here on: see [`Net::retell`].
    pub fn forge(&mut self, agency: &str) -> &mut Self {
        let index = self.index(agency);
        let disk = self.agencies[index].disk.sim();
        let names = disk.names().expect("a disk without faults");
        let copy = names.into_iter().filter_map(|name| Some((name.clone(), disk.contents(&name)?))).collect();
        self.forger = Some(Forger { index, copy, shown: Vec::new() });
        self
    }

    /// The forger forgets what it did since, and does not care who remembers.
    pub fn retell(&mut self) -> &mut Self {
        let Some(forger) = &self.forger else { return self };
        let (index, copy) = (forger.index, forger.copy.clone());
        self.end(index, false);
        let agency = &mut self.agencies[index];
        agency.disk = D::blank(self.seed);
        for (name, bytes) in copy {
            agency.disk.sim().put(&name, bytes);
        }
        agency.shelf = Shelf::default();
        agency.older_stores.clear();
        self.start(index);
        self
    }

    /// A frame that `of` showed to `to`, if it is the forger's.
    pub(super) fn note_shown(&mut self, of: usize, to: usize, frame: &[u8]) {
        if let Some(forger) = self.forger.as_mut().filter(|forger| forger.index == of) {
            forger.shown.push((to, frame.to_vec()));
        }
    }

    /// Who is alarmed, by the journals. Panics if a node was shown both stories at one place and is not, or keeps anything but
    /// both sides of a contradiction of the forger.
    pub fn assert_found_out(&mut self) -> Vec<String> {
        let Some(forger) = self.forger.take() else { return Vec::new() };
        let accused = self.agencies[forger.index].id().clone();
        let mut alarmed = Vec::new();
        for index in (0..self.agencies.len()).filter(|index| *index != forger.index) {
            let frames = forger.shown.iter().filter(|(to, _)| *to == index).map(|(_, frame)| frame);
            let must = was_shown_both(frames).expect("frames that were verified");
            self.end(index, false);
            let agency = &self.agencies[index];
            let name = agency.name.clone();
            let mut kept = 0;
            let options = Options::new(agency.settings.origin.to_string());
            Log::open_with(agency.disk.clone(), &options, |_, kind, bytes, _| {
                if let Fact::Alarm { peer, sides, .. } = Fact::from_entry(kind, bytes)? {
                    assert_eq!(peer, accused, "{name} accuses another");
                    let [one, other] = &sides[..] else { panic!("{name} keeps {} sides", sides.len()) };
                    let (one, other) = (said(one)?, said(other)?);
                    let forked =
                        one.iter().any(|(of, value)| other.get(of).is_some_and(|other| other != value));
                    assert!(forked, "{name} keeps what is no contradiction");
                    kept += 1;
                }
                Ok(())
            })
            .expect("a journal");
            assert!(
                kept > 0 || !must,
                "seed {}: {name} was shown both stories and is not alarmed",
                self.seed
            );
            if kept > 0 {
                alarmed.push(name);
            }
        }
        alarmed
    }
}

/// Whether frames, in this order, show two records at a head that was the highest, or two roots of the size that was.
fn was_shown_both<'f>(frames: impl Iterator<Item = &'f Vec<u8>>) -> Result<bool> {
    let mut heads: HashMap<Option<CaseId>, (u64, Digest)> = HashMap::new();
    for frame in frames {
        let said = said(frame)?;
        let forked = |(of, value): (&(Option<CaseId>, u64), &Digest)| {
            heads.get(&of.0).is_some_and(|(seq, seen)| *seq == of.1 && seen != value)
        };
        if said.iter().any(forked) {
            return Ok(true);
        }
        let shown = ReceiptFrame::decode(frame)?;
        let is_head = |of: Option<CaseId>| of.is_none_or(|case| shown.head_of(case).is_some());
        for ((of, seq), value) in said.into_iter().filter(|((of, _), _)| is_head(*of)) {
            if heads.get(&of).is_none_or(|(seen, _)| *seen < seq) {
                heads.insert(of, (seq, value));
            }
        }
    }
    Ok(false)
}

fn said(statement: &[u8]) -> Result<Said> {
    let mut said = Said::new();
    let checkpoint = match ReceiptFrame::decode(statement) {
        Ok(frame) => {
            said.extend(frame.heads().iter().map(|(_, head)| ((Some(head.case), head.seq), head.record)));
            said.extend(
                frame.records().map(|(_, record)| ((Some(record.case), record.seq), record.digest())),
            );
            Signed::<Checkpoint>::parse(frame.checkpoint_cose())?
        }
        Err(_) => Signed::<Checkpoint>::parse(statement)?,
    };
    said.insert((None, checkpoint.value().size), checkpoint.value().root);
    Ok(said)
}
