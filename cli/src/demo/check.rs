//! What the play checks, and how a check that does not hold is told: at whom, what was found, what was expected.
//! Nothing here asks a daemon's opinion: proofs are verified from their bytes.

use std::fmt::Display;

use data_encoding::BASE64;
use ogic_certs::certificate::Certificate;
use ogic_certs::checkpoint::Checkpoint;
use ogic_certs::cose::Signed;
use ogic_certs::event::{Body, Detail, Event};
use ogic_certs::evidence::{Evidence, Judgement};
use ogic_certs::receipt::ReceiptFrame;
use ogic_certs::record::Record;
use ogic_certs::trust::Trust;
use ogic_certs::verdict::Verdict;
use ogic_certs::{AgencyId, Code, EventId, Identity, Problem, Role, Timestamp};
use ogic_node::ttp::replay;
use serde_json::Value;

use crate::answer;
use crate::federation::party::Party;
use crate::output::Outcome;

/// A fact of the play: if it does not hold, the demo fails.
pub(super) fn equal<A: PartialEq<B> + Display, B: Display>(what: &str, found: A, expected: B) -> Outcome {
    if found == expected {
        Ok(())
    } else {
        Err(Problem::new(Code::Internal, what).found(found.to_string()).expected(expected.to_string()).into())
    }
}

/// A fact of the play that is true or not.
pub(super) fn holds(what: &str, fact: bool) -> Outcome {
    equal(what, fact, true)
}

/// The bytes at a JSON pointer.
pub(super) fn bytes(value: &Value, pointer: &str) -> Outcome<Vec<u8>> {
    let text = value.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    match BASE64.decode(text.as_bytes()) {
        Ok(bytes) if !bytes.is_empty() => Ok(bytes),
        _ => Err(Problem::new(Code::Malformed, pointer).found(answer::text(value, pointer)).into()),
    }
}

/// One record of a history, as raw bytes.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its place in the home's log.
    pub(super) index: u64,
    /// Its place in the case.
    pub(super) record: Record,
    /// What it records.
    pub(super) event: Event,
}

/// The history of a case at its home, every byte of it, from `from` on; each record follows the one before.
pub(super) async fn history(home: &Party, case: &str, from: u64) -> Outcome<Vec<Entry>> {
    let shown = home.get(&format!("/v1/cases/{case}?purpose=demo")).await?;
    let head = shown.pointer("/head/seq").and_then(Value::as_u64).unwrap_or_default();
    let mut entries: Vec<Entry> = Vec::new();
    let mut next = from;
    while next <= head {
        let page = home.get(&format!("/v1/cases/{case}/history?from={next}")).await?;
        let listed = answer::list(&page, "/entries");
        holds("history: a page that is not empty", !listed.is_empty())?;
        for value in listed {
            let entry = entry(value)?;
            equal("history: sequence", entry.record.seq, next)?;
            if let Some(before) = entries.last() {
                equal("history: chain", entry.record.prev, before.record.digest())?;
            }
            next += 1;
            entries.push(entry);
        }
    }
    Ok(entries)
}

fn entry(value: &Value) -> Outcome<Entry> {
    let record = Record::from_bytes(&bytes(value, "/record")?)?;
    let approval = if value["approval"].is_null() { None } else { Some(bytes(value, "/approval")?) };
    let event = Event::parse(&bytes(value, "/header")?, &bytes(value, "/body")?, approval.as_deref())?;
    equal("history: event of the record", record.event, event.id())?;
    Ok(Entry { index: value["index"].as_u64().unwrap_or_default(), record, event })
}

/// The record that carries the verdict about `event`.
#[derive(Debug)]
pub(super) struct Verdicts {
    /// Where it stands in the case.
    pub(super) seq: u64,
    /// What the home found by itself.
    pub(super) own: Judgement,
    /// What the third party signed.
    pub(super) evidence: Vec<u8>,
}

/// Finds the verdict about `event` in a history.
pub(super) fn verdicts(history: &[Entry], event: EventId) -> Outcome<Option<Verdicts>> {
    for entry in history {
        let Body { detail, .. } = entry.event.read_body()?;
        if let Detail::Evidence { event: judged, own, evidence } = detail
            && judged == event
        {
            let evidence = evidence
                .ok_or_else(|| Problem::new(Code::Internal, "evidence").found("the home's word alone"))?;
            return Ok(Some(Verdicts { seq: entry.record.seq, own, evidence }));
        }
    }
    Ok(None)
}

/// Verifies evidence offline: the third party's signature by the key that the registry lists, that it is about `event` and for
/// `requester`, and its verdict recomputed from the bytes that it carries.
pub(super) fn evidence(
    cose: &[u8],
    trust: &Trust,
    chain: &[Certificate],
    event: EventId,
    requester: &AgencyId,
    at: Timestamp,
) -> Outcome<Evidence> {
    let opened = trust.open(Signed::<Evidence>::parse(cose)?, chain, at)?;
    equal("evidence: signer's role", opened.identity().role.to_string(), Role::Ttp.to_string())?;
    let leaf = chain.first().ok_or_else(|| Problem::new(Code::CertificateUnknown, "certificates"))?;
    let key = leaf.public_key().digest();
    holds("evidence: the registry lists the signer's key", trust.registry().lists(opened.identity(), &key))?;
    let said = opened.value().clone();
    equal("evidence: event", said.event, event)?;
    equal("evidence: requester", said.requester.as_str(), requester.as_str())?;
    let again = replay(&said, &trust.pin().root, |_| None)?;
    holds("evidence: the same verdict when it is recomputed", again == said.judgement)?;
    Ok(said)
}

/// A judgement as it is compared and shown.
pub(super) fn words(judgement: &Judgement) -> String {
    let sub = judgement.sub.map_or("-", |sub| sub.as_str());
    format!("{} {sub}", judgement.verdict.as_str())
}

/// What a revoked certificate comes to.
pub(super) const REVOKED: &str = "TOTAL-FAILED REVOKED";
/// What a sound signature comes to.
pub(super) const PASSED: Verdict = Verdict::TotalPassed;

/// Verifies a receipt for `event` offline: the checkpoint is signed by the home's seal, and the record lies under its root.
pub(super) fn receipt(
    frame: &[u8],
    trust: &Trust,
    seal: &[Certificate],
    home: &AgencyId,
    at: Timestamp,
) -> Outcome<ReceiptFrame> {
    let frame = ReceiptFrame::decode(frame)?;
    let checkpoint = trust.open(Signed::<Checkpoint>::parse(frame.checkpoint_cose())?, seal, at)?;
    let signer = Identity { agency: home.clone(), role: Role::Seal };
    equal("receipt: signer", checkpoint.identity().to_string(), signer.to_string())?;
    equal("receipt: log", checkpoint.value().origin.agency.as_str(), home.as_str())?;
    frame.verify(checkpoint.value())?;
    Ok(frame)
}

/// The entry of `/v1/sent` for an event.
pub(super) fn sent<'a>(list: &'a Value, event: &str) -> Outcome<&'a Value> {
    let mut found = answer::list(list, "/sent").iter().filter(|sent| sent["event"] == event);
    match (found.next(), found.next()) {
        (Some(sent), None) => Ok(sent),
        (None, _) => Err(Problem::new(Code::NotFound, "sent").found(event).into()),
        _ => Err(Problem::new(Code::Internal, "sent").found(format!("{event} twice")).into()),
    }
}
