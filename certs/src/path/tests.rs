//! One valid path, and every refusal as an edit of it.

mod forge;
mod issuers;
mod rows;

use forge::{List, Spec, World, at, uri};

use super::*;
use crate::certificate::Certificate;
use crate::crl::{Crl, Reason};
use crate::verdict::{SubIndication, Verdict};
use crate::{AgencyId, Code, Identity, Role, issue};

#[test]
fn the_valid_path_passes_and_says_what_was_checked() {
    let report = World::valid().report();
    assert_eq!(report.verdict, Verdict::TotalPassed, "{report:#?}");
    assert_eq!((report.path.len(), report.stale, report.sub), (3, false, None));
    assert!(report.decisions.iter().all(|decision| decision.ok));
    for section in [
        "RFC 5280 6.1.3 (a)(1)",
        "RFC 5280 6.1.3 (a)(2)",
        "RFC 5280 6.1.3 (a)(3), 6.3.3",
        "RFC 5280 6.1.3 (b), (c)",
        "RFC 5280 6.1.4 (k)",
        "RFC 5280 6.1.4 (n)",
        "RFC 5280 6.1.5 (f)",
    ] {
        assert!(report.decisions.iter().any(|decision| decision.section == section), "{section}");
    }
    assert!(report.passed().is_ok());
}

/// All checks run: a path with two faults tells of both, and the weightier is the verdict's reason.
#[test]
fn every_fault_is_in_the_report() {
    let mut world = World::valid();
    world.leaf.validity = (1000, 4500);
    world.leaf.extended = None;
    world.lists[1].entries = vec![(3, 4000, Reason::KeyCompromise, None)];
    let report = world.report();
    let failed: Vec<&str> = report.decisions.iter().filter(|d| !d.ok).map(|d| d.section).collect();
    assert_eq!(
        failed,
        ["RFC 5280 6.1.3 (a)(2)", "RFC 5280 6.1.3 (a)(3), 6.3.3", "RFC 5280 4.2.1.3, 4.2.1.12"]
    );
    assert_eq!((report.verdict, report.sub), (Verdict::TotalFailed, Some(SubIndication::Revoked)));
    assert_eq!(report.passed().unwrap_err().code, Code::CertificateRevoked);
}

/// RUSTSEC-2023-0052 and KNOWN-FAULTS 11: 64 authorities of one name and 64 keys, signing each other, in either order,
/// without key identifiers to help.
#[test]
fn many_intermediates_of_one_name_stay_within_budget() {
    let mut world = World::valid();
    world.middle =
        (10..74).map(|key| Spec::authority("middle", key, "middle", 10 + (key - 9) % 64)).collect();
    world.middle.push(Spec::authority("middle", 2, "root", 1));
    for spec in &mut world.middle {
        spec.with_key_ids = false;
    }
    world.leaf.with_key_ids = false;
    for reversed in [false, true] {
        if reversed {
            world.middle.reverse();
        }
        assert_eq!(world.report().verdict, Verdict::TotalPassed);
    }

    // None of them leads to the root: undecided within the budget.
    world.middle.retain(|spec| spec.issuer == "middle");
    world.leaf.signer = 10;
    let report = world.report();
    assert_eq!(report.verdict, Verdict::Indeterminate);
    assert_eq!(report.sub, Some(SubIndication::CertificateChainGeneralFailure));
}

/// Authorities that all cross-certify each other make factorially many paths, none of which passes.
#[test]
fn a_mesh_of_cross_certificates_stays_within_budget() {
    let names = ["m0", "m1", "m2", "m3", "m4", "m5"];
    let mut world = World::valid();
    world.middle.clear();
    for (i, subject) in (0_u8..).zip(names) {
        for (j, issuer) in (0_u8..).zip(names) {
            if i != j {
                world.middle.push(Spec::authority(subject, 20 + i, issuer, 20 + j));
            }
        }
        // Each of them reaches the root too, by a path that is refused.
        let mut expired = Spec::authority(subject, 20 + i, "root", 1);
        expired.validity = (1000, 2000);
        world.middle.push(expired);
    }
    world.leaf = Spec::seal(3, "m0", 20);
    let report = world.report();
    assert_ne!(report.verdict, Verdict::TotalPassed);
}

#[test]
fn too_many_candidates_are_refused_unread() {
    let mut world = World::valid();
    world.middle = vec![world.middle[0].clone(); 257];
    let report = world.report();
    assert_eq!(report.sub, Some(SubIndication::CertificateChainGeneralFailure));
    assert!(report.settle.is_some());
}

/// Of two paths the one that passes counts, whichever comes first; what fails on the other does no harm.
#[test]
fn another_path_saves_a_bad_one() {
    let mut world = World::valid();
    let mut expired = world.middle[0].clone();
    expired.validity = (1000, 2000);
    expired.serial = 77;
    world.middle.insert(0, expired);
    assert_eq!(world.report().verdict, Verdict::TotalPassed);
    world.middle.reverse();
    assert_eq!(world.report().verdict, Verdict::TotalPassed);
}

#[test]
fn depth_is_bounded_at_eight() {
    let names = ["c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8"];
    for (count, passes) in [(7, true), (8, false)] {
        let mut world = World::valid();
        world.middle.clear();
        let (mut issuer, mut signer) = ("root", 1);
        for (number, name) in (0_u8..).zip(names.iter().take(count)) {
            world.middle.push(Spec::authority(name, 20 + number, issuer, signer));
            world.lists.push(List::of(name, 20 + number));
            (issuer, signer) = (name, 20 + number);
        }
        world.leaf = Spec::seal(3, issuer, signer);
        let report = world.report();
        assert_eq!(report.verdict == Verdict::TotalPassed, passes, "{count}: {report:?}");
    }
}

/// What `issue` writes, `validate` accepts, under both algorithms and the constrained authority too.
#[test]
fn what_we_issue_is_valid() {
    let host = AgencyId::parse("region.gov.example", "t").unwrap();
    for root_key in [forge::key(1), crate::key::SigningKey::generate_p256().unwrap()] {
        let federation = AgencyId::parse("gov.example", "t").unwrap();
        let root = issue::root(&root_key, &federation, [1; 16], at(0), at(9000)).unwrap();
        let root = Certificate::from_der(&root).unwrap();
        let issuer = issue::Issuer { certificate: &root, key: &root_key };
        let ca_key = forge::key(2);
        let ca = issue::constrained_ca(&issuer, &host, ca_key.public(), [2; 16], at(0), at(9000)).unwrap();
        let ca = Certificate::from_der(&ca).unwrap();
        let below = issue::Issuer { certificate: &ca, key: &ca_key };
        let crls = [
            issue::crl(&issuer, 1, at(4000), at(6000), &[]).unwrap(),
            issue::crl(&below, 1, at(4000), at(6000), &[]).unwrap(),
        ]
        .map(|der| Crl::from_der(&der).unwrap());
        let anchors = [TrustAnchor {
            certificate: root.clone(),
            speaks_for: Some(vec![federation]),
            roles: AnchorRoles::Members,
        }];
        let intermediates = [ca.clone()];
        for (issuer, agency, passes) in [
            (&issuer, "transport.gov.example", true),
            (&below, "region.gov.example", true),
            (&below, "a.region.gov.example", true),
            (&below, "transport.gov.example", false),
            (&below, "xregion.gov.example", false),
        ] {
            for role in ["node", "seal", "official/licensing-1"] {
                let agency = AgencyId::parse(agency, "t").unwrap();
                let identity = Identity { agency, role: Role::parse(role, "t").unwrap() };
                let leaf = issue::leaf(issuer, &identity, forge::key(3).public(), [3; 16], at(0), at(9000));
                if !passes {
                    assert_eq!(leaf.unwrap_err().code, Code::PathInvalid, "{identity}");
                    continue;
                }
                let leaf = Certificate::from_der(&leaf.unwrap()).unwrap();
                let purpose = match role {
                    "node" => Purpose::Channel,
                    "seal" => Purpose::Signing(&[RoleKind::Seal]),
                    _ => Purpose::Signing(&[RoleKind::Seal, RoleKind::Official]),
                };
                let mut request = PathRequest::new(&leaf, &anchors, at(5000), purpose);
                request.intermediates = &intermediates;
                request.crls = &crls;
                request.expected = Some(&identity);
                let report = validate(&request);
                assert_eq!(report.verdict, Verdict::TotalPassed, "{identity} {report:#?}");
            }
        }
    }
}

/// A constrained authority that issues another agency's name, past our own issuing: refused by its constraints.
#[test]
fn a_constrained_authority_cannot_speak_for_another() {
    let mut world = World::valid();
    world.middle[0].constraints =
        Some((vec![uri("region.gov.example"), uri(".region.gov.example")], vec![(0x82, Vec::new())]));
    for (name, passes) in [
        ("ogic://region.gov.example/seal", true),
        ("ogic://a.region.gov.example/seal", true),
        ("ogic://transport.gov.example/seal", false),
        ("ogic://xregion.gov.example/seal", false),
    ] {
        world.leaf.san = vec![uri(name)];
        let report = world.report();
        assert_eq!(report.verdict == Verdict::TotalPassed, passes, "{name} {report:?}");
        if !passes {
            assert_eq!(report.problem.unwrap().code, Code::PathInvalid);
        }
    }
}
