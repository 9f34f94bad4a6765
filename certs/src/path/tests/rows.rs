//! The table: an edit of the valid world and what it must come to.

use super::forge::{List, Spec, World, dns, uri};
use crate::Code::{self, *};
use crate::certificate::Usage;
use crate::crl::Reason;
use crate::path::{AnchorRoles, Purpose, Revocation, RoleKind};
use crate::verdict::SubIndication::{self, *};
use crate::verdict::Verdict::{self, *};

type Edit = fn(&mut World);
type Expected = (Verdict, Option<SubIndication>, Option<Code>);

const PASSED: Expected = (TotalPassed, None, None);
const fn broken(code: Code) -> Expected {
    (TotalFailed, Some(ChainConstraintsFailure), Some(code))
}
const NO_PATH: Expected = (Indeterminate, Some(NoCertificateChainFound), Some(TrustUndecidable));
const REVOKED: Expected = (TotalFailed, Some(Revoked), Some(CertificateRevoked));
const EXPIRED: Expected = (TotalFailed, Some(Expired), Some(CertificateExpired));
const NOT_YET: Expected = (TotalFailed, Some(NotYetValid), Some(CertificateExpired));
const NO_LIST: Expected = (Indeterminate, Some(TryLater), Some(TrustUndecidable));
const STALE: Expected = (Indeterminate, Some(TryLater), Some(RevocationStale));

fn run(rows: &[(&str, Edit, Expected)]) {
    for (name, edit, expected) in rows {
        let mut world = World::valid();
        edit(&mut world);
        let report = world.report();
        let found = (report.verdict, report.sub, report.problem.as_ref().map(|problem| problem.code));
        assert_eq!(found, *expected, "{name}: {report:#?}");
        // Whoever must wait is told for what.
        assert_eq!(report.settle.is_some(), report.verdict == Indeterminate, "{name}");
    }
}

/// 1.2.3.4, which nobody knows.
const UNKNOWN: &[u8] = &[0x2a, 0x03, 0x04];
const NULL: &[u8] = &[0x05, 0x00];

#[test]
fn times() {
    run(&[
        ("first moment", |w| w.leaf.validity = (5000, 9000), PASSED),
        ("before the first moment", |w| w.leaf.validity = (5001, 9000), NOT_YET),
        ("last second", |w| w.leaf.validity = (1000, 5000), PASSED),
        ("after the last second", |w| w.leaf.validity = (1000, 4999), EXPIRED),
        ("issuer expired", |w| w.middle[0].validity = (1000, 4999), EXPIRED),
        ("issuer not yet", |w| w.middle[0].validity = (5001, 9000), NOT_YET),
        ("anchor expired", |w| w.root.validity = (1000, 4999), EXPIRED),
    ]);
}

#[test]
fn authorities() {
    run(&[
        (
            "no authority, though with keyCertSign",
            |w| w.middle[0].basic = Some((false, None)),
            broken(PathInvalid),
        ),
        ("no basic constraints", |w| w.middle[0].basic = None, broken(PathInvalid)),
        ("no keyCertSign", |w| w.middle[0].usage = Some(1 << 6), broken(PathInvalid)),
        ("no key usage at all", |w| w.middle[0].usage = None, PASSED),
        ("anchor no authority", |w| w.root.basic = Some((false, None)), broken(PathInvalid)),
        ("anchor without keyCertSign", |w| w.root.usage = Some(1 << 6), broken(PathInvalid)),
        ("path length 0 above the leaf", |w| w.middle[0].basic = Some((true, Some(0))), PASSED),
        ("path length 0 above an authority", |w| w.root.basic = Some((true, Some(0))), broken(PathInvalid)),
        ("path length 1", |w| w.root.basic = Some((true, Some(1))), PASSED),
        (
            "path length 0 above a self-issued authority",
            |w| {
                w.middle[0].basic = Some((true, Some(0)));
                w.middle.push(Spec::authority("middle", 9, "middle", 2));
                w.leaf.signer = 9;
                w.lists.push(List::of("middle", 9));
            },
            PASSED,
        ),
        (
            "issuer's usage for another purpose",
            |w| w.middle[0].extended = Some(vec![Usage::ServerAuth]),
            broken(PathInvalid),
        ),
        (
            "issuer's usage for this purpose",
            |w| w.middle[0].extended = Some(vec![Usage::DocumentSigning]),
            PASSED,
        ),
        (
            "a leaf as the issuer",
            |w| w.middle[0] = Spec { subject: "middle", ..Spec::seal(2, "root", 1) },
            broken(PathInvalid),
        ),
    ]);
}

#[test]
fn signatures_and_building() {
    run(&[
        ("leaf signed by another key", |w| w.leaf.signer = 8, NO_PATH),
        ("issuer signed by another key", |w| w.middle[0].signer = 8, NO_PATH),
        ("issuer of another name", |w| w.leaf.issuer = "other", NO_PATH),
        ("no intermediates", |w| w.middle.clear(), NO_PATH),
        ("no anchors", |w| w.anchors = 0, NO_PATH),
        ("another root of the same name", |w| w.root = Spec::authority("root", 8, "root", 8), NO_PATH),
        ("wrong key identifiers are a hint only", |w| w.leaf.with_key_ids = false, PASSED),
        ("names compare without case", |w| w.leaf.issuer = "MIDDLE", PASSED),
        (
            "straight below the anchor",
            |w| {
                w.middle.clear();
                w.leaf.issuer = "root";
                w.leaf.signer = 1;
            },
            PASSED,
        ),
        ("the anchor among the intermediates", |w| w.middle.push(w.root.clone()), PASSED),
        (
            "an explicit policy is demanded",
            |w| w.require_policy = true,
            (Indeterminate, Some(PolicyProcessingError), Some(TrustUndecidable)),
        ),
    ]);
}

#[test]
fn extensions() {
    run(&[
        (
            "unknown critical in the leaf",
            |w| w.leaf.extra = vec![(UNKNOWN.to_vec(), true, NULL.to_vec())],
            broken(PathInvalid),
        ),
        ("unknown in the leaf", |w| w.leaf.extra = vec![(UNKNOWN.to_vec(), false, NULL.to_vec())], PASSED),
        (
            "unknown critical in the issuer",
            |w| w.middle[0].extra = vec![(UNKNOWN.to_vec(), true, NULL.to_vec())],
            broken(PathInvalid),
        ),
        (
            "unknown critical in the anchor",
            |w| w.root.extra = vec![(UNKNOWN.to_vec(), true, NULL.to_vec())],
            broken(PathInvalid),
        ),
        (
            "policy constraints, until they are evaluated",
            |w| w.middle[0].extra = vec![(vec![0x55, 0x1d, 36], true, vec![0x30, 3, 0x80, 1, 0])],
            broken(PathInvalid),
        ),
    ]);
}

#[test]
fn profile() {
    const KEY_ID: &[u8] = &[0x30, 0];
    run(&[
        (
            "critical key identifier",
            |w| {
                w.leaf.with_key_ids = false;
                w.leaf.extra = vec![(vec![0x55, 0x1d, 35], true, KEY_ID.to_vec())];
            },
            broken(PathInvalid),
        ),
        ("keyCertSign of a leaf", |w| w.leaf.usage = Some(1 | 1 << 5), broken(PathInvalid)),
        (
            "constraints of a leaf",
            |w| w.leaf.constraints = Some((vec![uri(".gov.example")], vec![])),
            broken(PathInvalid),
        ),
        ("path length of a leaf", |w| w.leaf.basic = Some((false, Some(0))), broken(PathInvalid)),
        (
            "policy constraints that are not critical",
            |w| {
                w.middle[0].extra = vec![(vec![0x55, 0x1d, 36], false, vec![0x30, 3, 0x80, 1, 0])];
            },
            broken(PathInvalid),
        ),
        ("a leaf without basic constraints", |w| w.leaf.basic = None, PASSED),
    ]);
}

#[test]
fn names_and_roles() {
    run(&[
        ("several names", |w| w.leaf.san.push(uri("ogic://health.gov.example/seal")), broken(NameRefused)),
        ("the name twice", |w| w.leaf.san.push(w.leaf.san[0].clone()), broken(NameRefused)),
        ("a DNS name beside it", |w| w.leaf.san.push(dns("transport.gov.example")), broken(NameRefused)),
        ("no name", |w| w.leaf.san.clear(), broken(NameRefused)),
        ("a DNS name alone", |w| w.leaf.san = vec![dns("transport.gov.example")], broken(NameRefused)),
        (
            "a name in the subject alone",
            |w| {
                w.leaf.san.clear();
                w.leaf.subject = "ogic://transport.gov.example/seal";
            },
            broken(NameRefused),
        ),
        (
            "not canonical",
            |w| w.leaf.san = vec![uri("ogic://Transport.gov.example/seal")],
            broken(NameRefused),
        ),
        ("the expected one", |w| w.expected = Some("ogic://transport.gov.example/seal"), PASSED),
        (
            "not the expected agency",
            |w| w.expected = Some("ogic://health.gov.example/seal"),
            broken(IdentityMismatch),
        ),
        (
            "not the expected role",
            |w| w.expected = Some("ogic://transport.gov.example/node"),
            broken(IdentityMismatch),
        ),
        ("a seal for a channel", |w| w.purpose = Purpose::Channel, broken(RoleNotAllowed)),
        (
            "a seal as an official",
            |w| w.purpose = Purpose::Signing(&[RoleKind::Official]),
            broken(RoleNotAllowed),
        ),
        (
            "a node for a seal",
            |w| {
                w.leaf.san = vec![uri("ogic://transport.gov.example/node")];
                w.leaf.extended = Some(vec![Usage::ServerAuth, Usage::ClientAuth]);
            },
            broken(RoleNotAllowed),
        ),
        (
            "a seal with a node's usage",
            |w| w.leaf.extended = Some(vec![Usage::ServerAuth]),
            broken(RoleNotAllowed),
        ),
        ("a seal with any usage", |w| w.leaf.extended = Some(vec![Usage::Any]), broken(RoleNotAllowed)),
        ("a seal without usage", |w| w.leaf.extended = None, broken(RoleNotAllowed)),
        ("key usage for encryption", |w| w.leaf.usage = Some(1 << 2), broken(RoleNotAllowed)),
        ("an authority as a seal", |w| w.leaf.basic = Some((true, None)), broken(RoleNotAllowed)),
        (
            "outside of the anchor's agencies",
            |w| w.speaks_for = Some(vec!["other.example"]),
            broken(PathInvalid),
        ),
        (
            "an anchor for a name that ends alike",
            |w| w.speaks_for = Some(vec!["ort.gov.example"]),
            broken(PathInvalid),
        ),
        ("an anchor for nobody", |w| w.speaks_for = Some(vec![]), broken(PathInvalid)),
        (
            "an anchor for the agency itself",
            |w| w.speaks_for = Some(vec!["a.b", "transport.gov.example"]),
            PASSED,
        ),
        (
            "any purpose asks for no name",
            |w| {
                w.leaf.san.clear();
                w.purpose = Purpose::Any;
            },
            PASSED,
        ),
        ("a usage alone", |w| w.purpose = Purpose::Usage(Usage::DocumentSigning), PASSED),
        (
            "a usage that is not there",
            |w| w.purpose = Purpose::Usage(Usage::ServerAuth),
            broken(RoleNotAllowed),
        ),
    ]);
}

#[test]
fn privileged_roles() {
    fn ttp(w: &mut World) {
        w.leaf.san = vec![uri("ogic://ttp.gov.example/ttp")];
        w.leaf.extended = Some(vec![Usage::Dvcs]);
        w.purpose = Purpose::Signing(&[RoleKind::Ttp]);
        w.roles = AnchorRoles::Privileged;
        w.privileged = vec![("ogic://ttp.gov.example/ttp", 3)];
    }
    run(&[
        ("listed", ttp, PASSED),
        (
            "not listed",
            |w| {
                ttp(w);
                w.privileged.clear();
            },
            broken(KeyRefused),
        ),
        (
            "another key is listed",
            |w| {
                ttp(w);
                w.privileged[0].1 = 4;
            },
            broken(KeyRefused),
        ),
        (
            "the key is listed for another",
            |w| {
                ttp(w);
                w.privileged[0].0 = "ogic://ttp2.gov.example/ttp";
            },
            broken(KeyRefused),
        ),
        (
            "under a member's anchor",
            |w| {
                ttp(w);
                w.roles = AnchorRoles::Members;
            },
            broken(RoleNotAllowed),
        ),
        (
            "a time-stamper as a TTP",
            |w| {
                ttp(w);
                w.leaf.san = vec![uri("ogic://ttp.gov.example/tsa")];
                w.leaf.extended = Some(vec![Usage::TimeStamping]);
            },
            broken(RoleNotAllowed),
        ),
        (
            "a time-stamper with a second usage",
            |w| {
                ttp(w);
                w.leaf.san = vec![uri("ogic://ttp.gov.example/tsa")];
                w.leaf.extended = Some(vec![Usage::TimeStamping, Usage::Dvcs]);
                w.purpose = Purpose::Signing(&[RoleKind::Tsa]);
                w.privileged = vec![("ogic://ttp.gov.example/tsa", 3)];
            },
            broken(RoleNotAllowed),
        ),
    ]);
}

#[test]
fn constraints() {
    run(&[
        ("permitted by the root", |w| w.root.constraints = Some((vec![uri(".gov.example")], vec![])), PASSED),
        (
            "not permitted by the root",
            |w| w.root.constraints = Some((vec![uri(".other.example")], vec![])),
            broken(PathInvalid),
        ),
        (
            "excluded",
            |w| w.middle[0].constraints = Some((vec![], vec![uri("transport.gov.example")])),
            broken(PathInvalid),
        ),
        (
            "excluded below",
            |w| w.middle[0].constraints = Some((vec![], vec![uri(".gov.example")])),
            broken(PathInvalid),
        ),
        (
            "another excluded",
            |w| w.middle[0].constraints = Some((vec![], vec![uri("health.gov.example")])),
            PASSED,
        ),
        (
            "permitted by one, not by the other",
            |w| {
                w.root.constraints = Some((vec![uri(".gov.example")], vec![]));
                w.middle[0].constraints = Some((vec![uri("health.gov.example")], vec![]));
            },
            broken(PathInvalid),
        ),
        (
            "a directory name that is excluded",
            |w| w.middle[0].constraints = Some((vec![], vec![(0xa4, vec![0x30, 0])])),
            broken(PathInvalid),
        ),
        (
            "constraints on absent forms",
            |w| w.middle[0].constraints = Some((vec![dns("a.b")], vec![(0x88, vec![1])])),
            PASSED,
        ),
        (
            "a form that is not understood",
            |w| {
                w.middle[0].constraints = Some((vec![], vec![(0x88, vec![1])]));
                w.leaf.san.push((0x88, vec![1]));
                w.purpose = Purpose::Any;
            },
            broken(PathInvalid),
        ),
        (
            "a URI without a host",
            |w| {
                w.middle[0].constraints = Some((vec![uri(".gov.example")], vec![]));
                w.leaf.san = vec![uri("urn:ogic:transport.gov.example")];
                w.purpose = Purpose::Any;
            },
            broken(PathInvalid),
        ),
        (
            "self-issued authorities are exempt",
            |w| {
                w.root.constraints = Some((vec![(0xa4, w.leaf_name())], vec![]));
                w.root.subject = "middle";
                w.root.issuer = "middle";
                w.middle[0] = Spec::authority("middle", 2, "middle", 1);
                w.lists[0].issuer = "middle";
            },
            PASSED,
        ),
    ]);
}

#[test]
fn revocation() {
    run(&[
        ("leaf revoked", |w| w.lists[1].entries = vec![(3, 4000, Reason::KeyCompromise, None)], REVOKED),
        (
            "revoked at this very moment",
            |w| w.lists[1].entries = vec![(3, 5000, Reason::Superseded, None)],
            REVOKED,
        ),
        ("revoked later", |w| w.lists[1].entries = vec![(3, 5001, Reason::Superseded, None)], PASSED),
        (
            "revoked later, compromised before",
            |w| w.lists[1].entries = vec![(3, 5500, Reason::KeyCompromise, Some(4500))],
            REVOKED,
        ),
        (
            "revoked later, ceased before",
            |w| w.lists[1].entries = vec![(3, 5500, Reason::CessationOfOperation, Some(4500))],
            PASSED,
        ),
        ("another revoked", |w| w.lists[1].entries = vec![(4, 4000, Reason::KeyCompromise, None)], PASSED),
        ("issuer revoked", |w| w.lists[0].entries = vec![(2, 4000, Reason::CaCompromise, None)], REVOKED),
        (
            "its serial on another issuer's list",
            |w| w.lists[0].entries = vec![(3, 4000, Reason::KeyCompromise, None)],
            PASSED,
        ),
        ("list by another key", |w| w.lists[1].signer = 8, NO_LIST),
        ("list missing", |w| w.lists.truncate(1), NO_LIST),
        (
            "issuer's list missing",
            |w| {
                w.lists.remove(0);
            },
            NO_LIST,
        ),
        ("no lists", |w| w.lists.clear(), NO_LIST),
        (
            "no lists, best effort",
            |w| {
                w.lists.clear();
                w.revocation = Revocation::BestEffort;
            },
            PASSED,
        ),
        (
            "revoked, best effort",
            |w| {
                w.lists[1].entries = vec![(3, 4000, Reason::Unspecified, None)];
                w.revocation = Revocation::BestEffort;
            },
            REVOKED,
        ),
        ("last moment of the list", |w| w.lists[1].updates = (4000, Some(5000)), PASSED),
        ("stale list", |w| w.lists[1].updates = (4000, Some(4999)), STALE),
        (
            "stale list that knows of a revocation",
            |w| {
                w.lists[1].updates = (2000, Some(3000));
                w.lists[1].entries = vec![(3, 2000, Reason::Superseded, None)];
            },
            REVOKED,
        ),
        ("list from after the time asked", |w| w.lists[1].updates = (5500, Some(6000)), PASSED),
        ("list without an end", |w| w.lists[1].updates = (4000, None), NO_LIST),
        (
            "list from after the certificate's end",
            |w| {
                w.leaf.validity = (1000, 5100);
                w.lists[1].updates = (5500, Some(6000));
            },
            NO_LIST,
        ),
        (
            "unknown critical extension of the list",
            |w| w.lists[1].extra = vec![(UNKNOWN.to_vec(), true, NULL.to_vec())],
            NO_LIST,
        ),
        (
            "unknown extension of the list",
            |w| w.lists[1].extra = vec![(UNKNOWN.to_vec(), false, NULL.to_vec())],
            PASSED,
        ),
        (
            "a delta list alone",
            |w| w.lists[1].extra = vec![(vec![0x55, 0x1d, 27], true, vec![2, 1, 1])],
            NO_LIST,
        ),
        (
            "a list of a distribution point",
            |w| w.lists[1].extra = vec![(vec![0x55, 0x1d, 28], true, vec![0x30, 0])],
            NO_LIST,
        ),
        (
            "unknown critical extension of an entry",
            |w| {
                w.lists[1].entries = vec![(4, 4000, Reason::Superseded, None)];
                w.lists[1].entry_extra = vec![(UNKNOWN.to_vec(), true, NULL.to_vec())];
            },
            NO_LIST,
        ),
        ("issuer may not sign lists", |w| w.middle[0].usage = Some(1 << 5), NO_LIST),
        ("on hold", |w| w.lists[1].entries = vec![(3, 4000, Reason::CertificateHold, None)], REVOKED),
        (
            "no longer on hold",
            |w| {
                w.lists[1].entries = vec![(3, 4000, Reason::CertificateHold, None)];
                w.lists.push(List { updates: (4500, Some(6000)), ..List::of("middle", 2) });
            },
            PASSED,
        ),
        (
            "a revocation that a newer list forgot",
            |w| {
                w.lists[1].entries = vec![(3, 4000, Reason::Superseded, None)];
                w.lists.push(List { updates: (4500, Some(6000)), ..List::of("middle", 2) });
            },
            REVOKED,
        ),
    ]);
}

#[test]
fn grace() {
    const WEEK: Revocation = Revocation::Grace { stale_ms: 1_000_000 };
    run(&[
        (
            "stale within the grace",
            |w| {
                w.lists[1].updates = (4000, Some(4500));
                w.revocation = WEEK;
            },
            PASSED,
        ),
        (
            "stale beyond the grace",
            |w| {
                w.lists[1].updates = (3000, Some(3999));
                w.revocation = WEEK;
            },
            STALE,
        ),
        (
            "stale, and the certificate is younger than the list's end",
            |w| {
                w.lists[1].updates = (4000, Some(4500));
                w.leaf.validity = (4501, 9000);
                w.revocation = WEEK;
            },
            STALE,
        ),
        (
            "missing under grace",
            |w| {
                w.lists.truncate(1);
                w.revocation = WEEK;
            },
            NO_LIST,
        ),
    ]);
    let mut world = World::valid();
    world.lists[1].updates = (4000, Some(4500));
    world.revocation = WEEK;
    assert!(world.report().stale);
}
