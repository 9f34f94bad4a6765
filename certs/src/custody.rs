//! Custody: what a home tells others of an offer, of a release, and of having taken a case; and what each proves.
//!
//! The event that tells it is sealed by its author, and the notice by the home that gave it its record. So the release is
//! provable by itself: whoever knows the old home needs nobody's word for the new one. PROTOCOL.md, "Custody".

use crate::cbor::{self, Fields, Limits, Value};
use crate::certificate::Certificate;
use crate::cose::{Kind as Envelope, Payload, Signed};
use crate::event::{BODY_BYTES_MAX, Detail, Event, HeadAt, Header, Terms};
use crate::opening::Opening;
use crate::record::Record;
use crate::trust::Trust;
use crate::{AgencyId, CaseId, Code, Digest, EventId, Problem, Result, Timestamp};

/// Most records that a notice shows: an acceptance and the release that follows it.
pub const CUSTODY_RECORDS_MAX: usize = 2;

/// What a home signs to tell of an offer, of a release, of one that was declined, or that it has taken the case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CustodyNotice {
    /// The case.
    pub case: CaseId,
    /// The event's header, COSE bytes: kind offer, release, decline or taken.
    pub header: Vec<u8>,
    /// The event's body blob.
    pub body: Vec<u8>,
    /// Of an offer, a decline and of taken the event's record; of a release the acceptance's record, and its own.
    pub records: Vec<Record>,
    /// When.
    pub at: Timestamp,
    /// Whom it tells.
    pub told_to: AgencyId,
    /// The header that opened the case, COSE bytes; see [`Opening`].
    pub opening: Vec<u8>,
}

impl Payload for CustodyNotice {
    const KIND: Envelope = Envelope::Custody;

    fn encode(&self) -> Vec<u8> {
        cbor::encode(&cbor::map([
            (1, self.case.into()),
            (2, self.header.as_slice().into()),
            (3, self.body.as_slice().into()),
            (4, Value::Array(self.records.iter().map(|record| record.to_bytes().to_vec().into()).collect())),
            (5, self.at.into()),
            (6, (&self.told_to).into()),
            (7, self.opening.as_slice().into()),
        ]))
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        let limits = Limits { bytes_max: Envelope::Custody.bytes_max(), ..Limits::BODY };
        let mut fields = Fields::of(cbor::decode(bytes, &limits, "custody notice")?, "custody notice")?;
        let case = CaseId(fields.take(1, "case")?.as_digest("case")?);
        let header = fields.take(2, "header")?.as_bytes("header")?.to_vec();
        let body = fields.take(3, "body")?.as_bytes("body")?.to_vec();
        let records = fields.take(4, "records")?;
        let records = records.as_array("records")?;
        if records.is_empty() || records.len() > CUSTODY_RECORDS_MAX {
            return Err(Problem::new(Code::Malformed, "records")
                .found(records.len().to_string())
                .expected("one record, or two"));
        }
        let records = records
            .iter()
            .map(|record| Record::from_bytes(record.as_bytes("records")?))
            .collect::<Result<Vec<_>>>()?;
        let at = fields.take(5, "time")?.as_time("time")?;
        let told_to = fields.take(6, "told to")?.as_agency("told to")?;
        let opening = fields.take(7, "opening")?.as_bytes("opening")?.to_vec();
        fields.finish()?;
        if body.len() > BODY_BYTES_MAX {
            return Err(Problem::new(Code::TooLarge, "body").found(body.len().to_string()));
        }
        Ok(Self { case, header, body, records, at, told_to, opening })
    }
}

/// What a custody notice tells, its own bonds proven.
#[derive(Clone, Debug)]
pub enum Told {
    /// The case is offered.
    Offered {
        /// The offer: the event's id.
        offer: EventId,
        /// To whom and on what terms.
        terms: Terms,
        /// The offer's record.
        place: HeadAt,
    },
    /// The case is released.
    Released(Box<Release>),
    /// The case was released and will not be taken: its home is as before.
    Declined {
        /// The offer that is declined.
        offer: EventId,
        /// The record of declining.
        place: HeadAt,
    },
    /// The case is taken.
    Taken {
        /// Who was the home, as the new one says; [`open_release`] proves it.
        from: AgencyId,
        /// The release that it rests on.
        release: Box<Release>,
        /// What the old home signed to tell of it, COSE bytes.
        proof: Signed<CustodyNotice>,
        /// The record of taking, which follows that of the release.
        place: HeadAt,
    },
}

/// A release: the one point at which a case changes its home.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Release {
    /// The case.
    pub case: CaseId,
    /// Who becomes the home.
    pub to: AgencyId,
    /// The offer.
    pub offer: EventId,
    /// The acceptance's event.
    pub accept: EventId,
    /// The acceptance's record.
    pub accepted: Record,
    /// The release's own record.
    pub record: Record,
    /// When it was told.
    pub at: Timestamp,
}

impl Release {
    /// The release's record as a head.
    pub fn place(&self) -> HeadAt {
        HeadAt { seq: self.record.seq, record: self.record.digest() }
    }
}

impl CustodyNotice {
    /// Makes the notice to `told_to` of an event that was given `records`, in the case of this `opening`.
    pub fn of(
        event: &Event,
        records: Vec<Record>,
        opening: Vec<u8>,
        told_to: AgencyId,
        at: Timestamp,
    ) -> Self {
        let (header, body) = (event.header.bytes().to_vec(), event.body.clone());
        Self { case: event.case(), header, body, records, at, told_to, opening }
    }

    /// What opened the case.
    pub fn opening(&self) -> Result<Opening> {
        Opening::parse(&self.opening, self.case)
    }

    /// The event, whose header commits to its body. An approval that it names does not travel here: it is in the history.
    pub fn event(&self) -> Result<Event> {
        let header = Signed::<Header>::parse(&self.header)?;
        same("commitment", Digest::of(&self.body), header.value().commitment)?;
        Ok(Event { header, body: self.body.clone(), approval: None })
    }

    /// Reads what the notice tells and checks every bond within it: the opening and the event are of the case, the last record
    /// names the event, records follow one another, a release follows its acceptance, what was taken follows its release. Signatures
    /// are for [[`open_release`]]. `KindMismatch`, `DigestMismatch`, `HeadUnknown`, or what an event's form says.
    pub fn read(&self) -> Result<Told> {
        self.opening()?;
        let event = self.event()?;
        let header = event.header.value();
        let Some(record) = self.records.last() else {
            return Err(Problem::new(Code::Malformed, "records").found("none"));
        };
        same("case", event.case().0, self.case.0)?;
        same("record's event", record.event.0, event.id().0)?;
        for record in &self.records {
            same("record's case", record.case.0, self.case.0)?;
        }
        let place = HeadAt { seq: record.seq, record: record.digest() };
        match (event.read_body()?.detail, self.records.as_slice()) {
            (Detail::Offer(terms), [_]) => Ok(Told::Offered { offer: event.id(), terms, place }),
            (Detail::Decline { .. }, [_]) => {
                let offer =
                    header.grant.ok_or_else(|| Problem::new(Code::ValueRefused, "grant").found("none"))?;
                Ok(Told::Declined { offer, place })
            }
            (Detail::Release { to, offer, accept }, [accepted, released]) => {
                same("acceptance", accepted.event.0, accept.0)?;
                follows(released, accepted)?;
                names(header.head, accepted)?;
                Ok(Told::Released(Box::new(Release {
                    case: self.case,
                    to,
                    offer,
                    accept,
                    accepted: *accepted,
                    record: *released,
                    at: self.at,
                })))
            }
            (Detail::Taken { from, release }, [taken]) => {
                let proof = Signed::<Self>::parse(&release)?;
                // One level deep: what a release tells holds no notice itself.
                let Told::Released(release) = proof.value().read()? else {
                    return Err(
                        Problem::new(Code::KindMismatch, "release").expected("the notice of a release")
                    );
                };
                same("release's case", release.case.0, self.case.0)?;
                follows(taken, &release.record)?;
                names(header.head, &release.record)?;
                Ok(Told::Taken { from, release, proof, place })
            }
            _ => Err(Problem::new(Code::KindMismatch, "kind")
                .found(header.kind.as_str())
                .expected("offer, release, decline or taken, each with its records")),
        }
    }
}

/// Verifies the seals of a release as its old home signed it: the event's and the notice's, of one agency, as of the time of the
/// record: the agency may have left since. Gives it. Errors are those of [`Trust::open_recorded`], and `IdentityMismatch`.
pub fn open_release(
    trust: &Trust,
    notice: &Signed<CustodyNotice>,
    certificates: &[Certificate],
    at: Timestamp,
) -> Result<AgencyId> {
    let told = trust.open_recorded(notice.clone(), certificates, at)?;
    let event = trust.open_recorded(notice.value().event()?.header, certificates, at)?;
    let (told, event) = (&told.identity().agency, &event.identity().agency);
    if told == event {
        Ok(told.clone())
    } else {
        Err(Problem::new(Code::IdentityMismatch, "release")
            .found(event.to_string())
            .expected(told.to_string()))
    }
}

fn same(field: &'static str, found: Digest, expected: Digest) -> Result<()> {
    if found == expected {
        Ok(())
    } else {
        Err(Problem::new(Code::DigestMismatch, field).found(found.to_string()).expected(expected.to_string()))
    }
}

fn follows(record: &Record, before: &Record) -> Result<()> {
    same("prev", record.prev, before.digest())?;
    if before.seq.checked_add(1) == Some(record.seq) && before.received <= record.received {
        Ok(())
    } else {
        Err(Problem::new(Code::ValueRefused, "seq")
            .found(record.seq.to_string())
            .expected(format!("the record after {}", before.seq)))
    }
}

fn names(head: Option<HeadAt>, record: &Record) -> Result<()> {
    let expected = HeadAt { seq: record.seq, record: record.digest() };
    if head == Some(expected) {
        Ok(())
    } else {
        Err(Problem::new(Code::HeadUnknown, "head")
            .found(
                head.map_or_else(|| "none".to_owned(), |head| format!("{} at seq {}", head.record, head.seq)),
            )
            .expected(format!("{} at seq {}", expected.record, expected.seq)))
    }
}

#[cfg(test)]
mod tests;
