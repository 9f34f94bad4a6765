//! NIST PKITS 1.0.1: 405 certificates, 173 lists, 246 questions. What disagrees must belong to a part of RFC 5280 that is
//! listed here as not yet there.

mod suite;

use std::path::Path;

use ogic_certs::certificate::Certificate;
use ogic_certs::crl::Crl;
use ogic_certs::path::{AnchorRoles, PathRequest, Purpose, Revocation, TrustAnchor, validate};
use ogic_certs::verdict::Verdict;
use ogic_certs::{Result, Timestamp};
use serde_json::Value;

/// 2022-05-01T00:00:00Z, as the suite's notes ask.
const AT_SECS: i64 = 1_651_363_200;

/// Rows that are not judged right yet, by the beginning of their number, and why. One without a wrong row is stale.
const NOT_YET: [(&str, &str); 17] = [
    ("40104", "DSA is not allowed"),
    ("40105", "DSA is not allowed"),
    ("40419", "a list signed by another key of the issuer"),
    ("40501", "a list signed by another key of the issuer"),
    ("40503", "a list signed by another key of the issuer"),
    ("40504", "a list signed by another key of the issuer"),
    ("40506", "a list signed by another key of the issuer"),
    ("40615", "a list signed by another key of the issuer"),
    ("40617", "a list signed by another key of the issuer"),
    ("41319", "a list signed by another key of the issuer"),
    ("408", "the policy graph: certificate policies"),
    ("409", "the policy graph: explicit policy"),
    ("410", "the policy graph: mappings"),
    ("411", "the policy graph: inhibited mappings"),
    ("412", "the policy graph: inhibited any-policy"),
    ("414", "lists of distribution points, and indirect ones"),
    ("415", "delta lists"),
];

fn names(row: &Value, key: &str) -> Vec<String> {
    let list = row[key].as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

fn passes(folder: &Path, row: &Value) -> Result<()> {
    let certificate = |name: &str| {
        Certificate::from_der(&std::fs::read(folder.join("certs").join(name)).unwrap())
            .map_err(|problem| problem.within(name))
    };
    let list = |name: &str| {
        Crl::from_der(&std::fs::read(folder.join("crls").join(name)).unwrap())
            .map_err(|problem| problem.within(name))
    };
    let anchor = TrustAnchor {
        certificate: certificate("TrustAnchorRootCertificate.crt")?,
        speaks_for: None,
        roles: AnchorRoles::Members,
    };
    let anchors = [anchor];
    let target = certificate(row["cert"].as_str().unwrap())?;
    // What cannot be read cannot be used; a path that needs it is then refused.
    let intermediates: Vec<_> =
        names(row, "other_certs").iter().filter_map(|name| certificate(name).ok()).collect();
    let mut lists = names(row, "crls");
    lists.push("TrustAnchorRootCRL.crl".to_owned());
    let crls: Vec<_> = lists.iter().filter_map(|name| list(name).ok()).collect();
    let mut request =
        PathRequest::new(&target, &anchors, Timestamp::from_secs_clamped(AT_SECS), Purpose::Any);
    request.intermediates = &intermediates;
    request.crls = &crls;
    if row["revocation"] == false {
        request.revocation = Revocation::BestEffort;
    }
    let params = &row["params"];
    let flag = |name: &str| params[name].as_bool().unwrap_or(false);
    request.policies.require_explicit = flag("initial_explicit_policy");
    request.policies.inhibit_mapping = flag("initial_policy_mapping_inhibit");
    request.policies.inhibit_any = flag("initial_any_policy_inhibit");
    if let Some(set) = params["user_initial_policy_set"].as_array() {
        request.policies.acceptable = set.iter().map(|_| vec![0x2a]).collect();
    }
    let report = validate(&request);
    assert_eq!(report.verdict == Verdict::TotalPassed, report.problem.is_none());
    report.passed().map(|_| ())
}

#[test]
fn only_what_is_listed_disagrees() {
    let Some(rows) = suite::json("pkits/pkits.json") else { return };
    let folder = suite::path("pkits").unwrap();
    let (mut agree, mut excused, mut wrong) = (0, [0; NOT_YET.len()], Vec::new());
    for row in rows.as_array().unwrap() {
        let (id, name) = (row["id"].as_str().unwrap(), row["name"].as_str().unwrap());
        let must_fail = row.get("error").is_some();
        let outcome = passes(&folder, row);
        if outcome.is_err() == must_fail {
            agree += 1;
        } else if let Some(place) = NOT_YET.iter().position(|(begin, _)| id.starts_with(begin)) {
            excused[place] += 1;
        } else {
            wrong.push(format!("{id} {name}: {outcome:?}"));
        }
    }
    println!("PKITS: {agree} agree, {} not yet, {} wrong", excused.iter().sum::<usize>(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for ((begin, why), count) in NOT_YET.iter().zip(excused) {
        assert!(count > 0, "{begin} ({why}) is stale: all its rows agree");
    }
}
