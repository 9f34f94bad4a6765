//! Paths through an authority with name constraints.

use ogic_certs::Identity;
use ogic_certs::certificate::Certificate;
use ogic_certs::cose::Signer;
use ogic_certs::issue::{self, Issuer};
use ogic_certs::key::SigningKey;
use ogic_certs::testing::agency;

use crate::files::Files;
use crate::story::{DAY_MS, NOW, Story};

/// Seals under an authority that is bound to health.
pub(crate) fn rows(files: &mut Files) {
    let key = || SigningKey::from_seed(&[41; 32]).unwrap();
    let (from, to) = (NOW.minus_ms(DAY_MS), NOW.plus_ms(60 * DAY_MS));
    let host = agency("health.gov.example");
    // The same name and key without the bounds, so that the library issues what the bounds forbid.
    let unbound = issue::root(&key(), &host, [2; 16], from, to).unwrap();
    let unbound = Certificate::from_der(&unbound).unwrap();
    for (name, agency_id, is_bound_issuer, has_list) in [
        ("its own agency", "health.gov.example", true, true),
        ("an agency below", "clinic.health.gov.example", true, true),
        ("an agency beside", "unhealth.gov.example", false, true),
        ("another agency", "transport.gov.example", false, true),
        ("its own agency by a name", "health.gov.example", false, true),
        ("its own agency without its list", "health.gov.example", true, false),
    ] {
        let mut story = Story::new(9162);
        let bound = story.federation.with_issuer(|root| {
            issue::constrained_ca(root, &host, key().public(), [3; 16], from, to).unwrap()
        });
        let bound = Certificate::from_der(&bound).unwrap();
        let issuer_key = key();
        let issuer =
            Issuer { certificate: if is_bound_issuer { &bound } else { &unbound }, key: &issuer_key };
        let subject = SigningKey::from_seed(&[42; 32]).unwrap();
        let identity = Identity::parse(&format!("ogic://{agency_id}/seal")).unwrap();
        let leaf = issue::leaf(&issuer, &identity, subject.public(), [4; 16], from, to).unwrap();
        let leaf = Certificate::from_der(&leaf).unwrap();
        story.health = Signer::new(subject, leaf, vec![bound.clone()]).unwrap();
        let list = issue::crl(&issuer, 1, NOW, NOW.plus_ms(DAY_MS), &[]).unwrap();
        let list = ogic_certs::crl::Crl::from_der(&list).unwrap();
        story.federation.add_member(&agency(agency_id), ogic_certs::registry::Level::Regional);
        story.authorities.push(bound);
        story.opens(|_| {});
        story.shares(|terms| terms.grantee = agency(agency_id));
        story.noted(None);
        let proven = story.proof(|_| {});
        let bytes =
            story.capsule_with(&proven, |capsule| capsule.crls.extend(has_list.then(|| list.clone())));
        files.add(format!("authority bound to health: {name}"), &bytes);
    }
}
