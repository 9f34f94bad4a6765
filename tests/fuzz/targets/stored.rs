//! Files that people hand over, and what a daemon finds in its own store.

use ogic_certs::certificate::Certificate;
use ogic_certs::cose::Signed;
use ogic_certs::crl::Crl;
use ogic_certs::extract::Extract;
use ogic_certs::key::PublicKey;
use ogic_certs::path::{Purpose, RoleKind};
use ogic_certs::trust::Trust;
use ogic_certs::verdict::Verdict;
use ogic_certs::{Role, issue};
use ogic_node::case::{Case, Service};
use ogic_node::desk::Fact;
use ogic_node::log::EntryKind;
use ogic_node::{authority, log};

use super::{fine, held, signed};
use crate::ground::GROUND;
use crate::story::NOW;

pub(super) fn extract(bytes: &[u8]) -> bool {
    let Some(extract) = fine(Extract::decode(bytes)) else { return false };
    assert!(extract.encode().expect("what was read is within the limits") == bytes, "another spelling");
    signed::cose(&extract.object);
    signed::receipt(&extract.object);
    // What it carries convinces nobody by itself.
    let root = GROUND.whole.federation.root().public_key();
    let known = |one: &Certificate| GROUND.certificates.contains(one) || one.verify_signed_by(root).is_ok();
    for one in extract.certificates.iter().filter(|one| !known(one)) {
        let report = GROUND.trust.path(one, &extract.certificates, Purpose::Any, NOW);
        assert_ne!(report.verdict, Verdict::TotalPassed, "a stranger's certificate");
    }
    true
}

/// A certificate that the root did not sign has no path, and one that it did is of its time and of a member's role; neither
/// it nor a stranger's list takes away anybody else's.
pub(super) fn certificate(bytes: &[u8]) -> bool {
    let mut accepted = false;
    let node = GROUND.node.certificate();
    let root = GROUND.whole.federation.root().public_key();
    if let Some(one) = fine(Certificate::from_der(bytes)) {
        assert!(one.der() == bytes, "other bytes than came");
        fine(one.identity());
        let issued = GROUND.certificates.contains(&one) || one.verify_signed_by(root).is_ok();
        let report = GROUND.trust.path(&one, &GROUND.certificates, Purpose::Any, NOW);
        if report.verdict == Verdict::TotalPassed {
            assert!(issued, "a stranger's certificate has a path");
            assert!(one.not_before() <= NOW && NOW <= one.not_after(), "a path at another time");
            held(bytes);
        }
        if let Some(identity) = fine(GROUND.trust.channel(&[one.clone(), node.clone()], NOW)) {
            assert!(issued, "a stranger's certificate opens a channel");
            assert_eq!(identity.role, Role::Node);
            assert!(GROUND.trust.registry().member(&identity.agency).is_some(), "a channel for no member");
        }
        let privileged = GROUND.trust.path(&one, &[], Purpose::Signing(&[RoleKind::Ttp]), NOW);
        let is_listed = one.public_key() == GROUND.whole.ttp.certificate().public_key();
        assert!(is_listed || privileged.verdict != Verdict::TotalPassed, "a third party that nobody listed");
        let beside = GROUND.trust.path(node, &[one], Purpose::Channel, NOW);
        assert_eq!(beside.verdict, Verdict::TotalPassed, "a stranger's certificate in the way");
        accepted = true;
    }
    if let Some(list) = fine(Crl::from_der(bytes)) {
        assert!(list.der() == bytes, "other bytes than came");
        fine(list.usable());
        let issued = list.verify_signed_by(root).is_ok();
        if issued {
            held(bytes);
        }
        let lists = vec![GROUND.whole.crl.clone(), list];
        let registry = GROUND.trust.signed_registry().clone();
        let trust =
            Trust::new(registry, lists, GROUND.trust.pin().clone()).expect("a registry that was good");
        let (of_node, of_dismissed) = (
            trust.path(node, &[], Purpose::Channel, NOW).verdict,
            trust.path(GROUND.whole.dismissed.certificate(), &[], Purpose::Any, NOW).verdict,
        );
        // The root may revoke whom it wants, and take a revocation back.
        assert!(issued || of_node == Verdict::TotalPassed, "a stranger's list in the way");
        assert!(issued || of_dismissed == Verdict::TotalFailed, "a stranger's list hides a revocation");
        accepted = true;
    }
    if let Some(key) = fine(PublicKey::from_spki_der(bytes)) {
        assert!(key.spki_der() == bytes, "other bytes than came");
        accepted = true;
    }
    accepted |= fine(issue::read_csr(bytes)).is_some();
    if let Ok(text) = std::str::from_utf8(bytes) {
        accepted |= fine(Certificate::from_pem_many(text)).is_some_and(|many| !many.is_empty());
        drop(ogic_certs::key::SigningKey::from_pem(text));
    }
    accepted
}

pub(super) fn service(bytes: &[u8]) -> bool {
    let Some(service) = fine(Service::parse(bytes)) else { return false };
    assert!(service.steps.iter().filter(|step| step.opening).count() <= 1, "two beginnings");
    assert!(service.opening_step().is_none_or(|step| step.after.is_empty()), "a beginning that waits");
    assert!(!service.steps.is_empty() && Service::parse(bytes).as_ref() == Ok(&service));
    true
}

/// Entries as each kind, and rows of cases: what is read is written again.
pub(super) fn stored(bytes: &[u8]) -> bool {
    let mut accepted = false;
    let whole = |entry: &log::Entry| match entry.leaf() {
        Some(leaf) => [&(leaf.len() as u16).to_be_bytes()[..], leaf, entry.body()].concat(),
        None => entry.body().to_vec(),
    };
    for kind in EntryKind::ALL.iter().copied() {
        // The bytes as they stand, and behind a leaf of an empty kind.
        if let Some(fact) = fine(Fact::from_entry(kind, bytes)) {
            let entry = fact.to_entry().expect("what was read can be written");
            assert!((entry.kind(), whole(&entry)) == (kind, bytes.to_vec()), "another spelling of {kind:?}");
            // A definition is kept as whatever it is.
            accepted |= kind != EntryKind::Service;
        }
        if let Some(fact) = fine(authority::Entry::from_log(kind, bytes)) {
            let entry = fact.to_log().expect("what was read can be written");
            assert_eq!(entry.kind(), kind);
            assert!(kind == EntryKind::Notice || whole(&entry) == bytes, "{kind:?}");
            accepted = true;
        }
    }
    if let Some(case) = fine(Case::from_row(bytes)) {
        let row = case.to_row();
        assert_eq!(fine(Case::from_row(&row)).expect("a row that was just made").to_row(), row);
        accepted = true;
    }
    let signed = fine(Signed::<ogic_certs::service::ServiceText>::parse(bytes));
    accepted | signed.is_some()
}
