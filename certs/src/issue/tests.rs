//! Profiles by role, requests that ask for too much, and what OpenSSL-made neighbours would send (by rcgen).

use rcgen::{
    Attribute, BasicConstraints, CertificateParams, CustomExtension, DistinguishedName as Dn, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, PKCS_ED25519, SanType,
};

use super::*;
use crate::Role;
use crate::certificate::{GeneralName, Usage};

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs_clamped(secs)
}

fn agency(text: &str) -> AgencyId {
    AgencyId::parse(text, "t").unwrap()
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32]).unwrap()
}

fn root_of(key: &SigningKey) -> Certificate {
    let der = root(key, &agency("gov.example"), [1; 16], at(1000), at(9000)).unwrap();
    Certificate::from_der(&der).unwrap()
}

#[test]
fn every_role_has_its_profile_under_both_algorithms() {
    for root_key in [key(1), SigningKey::generate_p256().unwrap()] {
        let root = root_of(&root_key);
        assert!(root.is_ca() && root.is_self_issued());
        assert_eq!(root.verify_signed_by(root_key.public()), Ok(()));
        assert_eq!(root.identity().unwrap_err().code, Code::NameRefused);
        let issuer = Issuer { certificate: &root, key: &root_key };
        for (role, usages) in [
            ("node", vec![Usage::ServerAuth, Usage::ClientAuth]),
            ("seal", vec![Usage::DocumentSigning]),
            ("official/licensing-1", vec![Usage::DocumentSigning]),
            ("registry", vec![Usage::DocumentSigning]),
            ("authority", vec![Usage::DocumentSigning]),
            ("ttp", vec![Usage::Dvcs]),
            ("tsa", vec![Usage::TimeStamping]),
            ("ocsp", vec![Usage::OcspSigning]),
        ] {
            let identity =
                Identity { agency: agency("transport.gov.example"), role: Role::parse(role, "t").unwrap() };
            let public_key = key(2).public().clone();
            let der = leaf(&issuer, &identity, &public_key, [0xff; 16], at(2000), at(3000)).unwrap();
            let certificate = Certificate::from_der(&der).unwrap();
            assert_eq!(certificate.identity(), Ok(&identity));
            assert_eq!(certificate.verify_signed_by(root_key.public()), Ok(()));
            assert_eq!(certificate.public_key(), &public_key);
            assert_eq!((certificate.not_before(), certificate.not_after()), (at(2000), at(3000)));
            assert_eq!(certificate.serial(), serial_number([0xff; 16]));
            assert_eq!(certificate.issuer(), root.subject());
            let extensions = certificate.extensions();
            assert!(!certificate.is_ca() && extensions.unknown_critical.is_empty());
            assert_eq!(extensions.key_usage, Some(KeyUsage::DIGITAL_SIGNATURE));
            assert_eq!(extensions.extended_key_usage, Some(usages), "{role}");
            assert_eq!(extensions.authority_key_id, root.extensions().subject_key_id);
            assert_eq!(Certificate::from_pem(&certificate.to_pem()).unwrap(), certificate);
        }
    }
}

#[test]
fn a_constrained_authority_says_so_critically() {
    let root_key = key(1);
    let root = root_of(&root_key);
    let issuer = Issuer { certificate: &root, key: &root_key };
    let ca_key = key(2);
    let host = agency("region.gov.example");
    let der = constrained_ca(&issuer, &host, ca_key.public(), [3; 16], at(2000), at(3000)).unwrap();
    let ca = Certificate::from_der(&der).unwrap();
    let extensions = ca.extensions();
    assert_eq!(extensions.basic_constraints.unwrap().path_len, Some(0));
    let constraints = extensions.name_constraints.clone().unwrap();
    let uri = |text: &str| GeneralName::Uri(text.to_owned());
    assert_eq!(constraints.permitted, [uri("region.gov.example"), uri(".region.gov.example")]);
    let forms: Vec<u8> = constraints.excluded.iter().map(GeneralName::form).collect();
    assert_eq!(forms, [1, 2, 4, 7, 7]);

    let issuer = Issuer { certificate: &ca, key: &ca_key };
    let identity = Identity { agency: host, role: Role::Seal };
    let der = leaf(&issuer, &identity, key(4).public(), [5; 16], at(2000), at(3000)).unwrap();
    assert!(Certificate::from_der(&der).unwrap().subject().is_empty());
}

#[test]
fn an_issuer_must_be_one() {
    let (root_key, leaf_key) = (key(1), key(2));
    let root = root_of(&root_key);
    let issuer = Issuer { certificate: &root, key: &root_key };
    let identity = Identity { agency: agency("a.gov.example"), role: Role::Seal };
    let public = leaf_key.public();
    let issue = |issuer: &Issuer<'_>, key: &PublicKey, last| {
        leaf(issuer, &identity, key, [1; 16], at(2000), last).map_err(|problem| problem.code)
    };
    let seal = Certificate::from_der(&issue(&issuer, public, at(3000)).unwrap()).unwrap();
    for (name, issuer, key, last, code) in [
        ("a leaf", Issuer { certificate: &seal, key: &leaf_key }, key(3), at(3000), Code::ValueRefused),
        ("another key", Issuer { certificate: &root, key: &leaf_key }, key(3), at(3000), Code::KeyRefused),
        ("its own key", issuer, key(1), at(3000), Code::KeyRefused),
        ("no time", issuer, key(3), at(2000), Code::ValueRefused),
    ] {
        assert_eq!(issue(&issuer, key.public(), last), Err(code), "{name}");
    }
    let crl = |first, last| crl(&issuer, 1, first, last, &[]).map_err(|problem| problem.code);
    assert!(crl(at(1), at(2)).is_ok());
    assert_eq!(crl(at(2), at(2)), Err(Code::ValueRefused));
}

#[test]
fn a_request_gives_the_key_alone() {
    for key in [key(9), SigningKey::generate_p256().unwrap()] {
        let request = csr(&key).unwrap();
        assert_eq!(read_csr(&request).unwrap(), *key.public());
        let last = request.len() - 1;
        for (name, edit, code) in [
            ("signature", [&request[..last], &[request[last] ^ 1]].concat(), Code::SignatureInvalid),
            ("trailing byte", [&request[..], &[0]].concat(), Code::Malformed),
            ("cut", request[..last].to_vec(), Code::Malformed),
            ("too large", vec![0; CSR_BYTES_MAX + 1], Code::TooLarge),
        ] {
            assert_eq!(read_csr(&edit).unwrap_err().code, code, "{name}");
        }
    }
}

/// KNOWN-FAULTS 3: whatever is asked beyond the key is refused by name, whoever wrote the request.
#[test]
fn a_request_that_asks_for_more_is_refused_by_name() {
    let plain = || {
        let mut params = CertificateParams::default();
        params.distinguished_name = Dn::new();
        params
    };
    type Edit = fn(&mut CertificateParams);
    let rows: [(&str, Edit, Option<&str>); 8] = [
        ("nothing", |_| {}, None),
        ("subject", |p| p.distinguished_name.push(DnType::CommonName, "x"), Some("subject CN=x")),
        ("CA:TRUE", |p| p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained), Some("2.5.29.19")),
        ("CA:FALSE", |p| p.is_ca = IsCa::ExplicitNoCa, Some("2.5.29.19")),
        ("keyCertSign", |p| p.key_usages = vec![KeyUsagePurpose::KeyCertSign], Some("2.5.29.15")),
        ("usage", |p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth], Some("2.5.29.37")),
        (
            "a foreign name",
            |p| {
                let uri = "ogic://mvd.gov.example/seal".try_into().unwrap();
                p.subject_alt_names = vec![SanType::URI(uri)];
            },
            Some("2.5.29.17"),
        ),
        (
            "an unknown critical extension",
            |p| {
                let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
                extension.set_criticality(true);
                p.custom_extensions = vec![extension];
            },
            Some("1.2.3.4"),
        ),
    ];
    for alg in [&PKCS_ED25519, &rcgen::PKCS_ECDSA_P256_SHA256] {
        let key = KeyPair::generate_for(alg).unwrap();
        for (name, edit, asked) in rows {
            let mut params = plain();
            edit(&mut params);
            let request = params.serialize_request(&key).unwrap();
            match (read_csr(request.der()), asked) {
                (Ok(_), None) => {}
                (Err(problem), Some(asked)) => {
                    assert_eq!(problem.code, Code::RequestRefused, "{name}");
                    assert!(problem.found.as_deref().unwrap().contains(asked), "{name}: {problem}");
                }
                (other, _) => panic!("{name}: {other:?}"),
            }
        }
        let attribute = Attribute { oid: &[1, 2, 840, 113_549, 1, 9, 7], values: vec![0x31, 2, 0x05, 0] };
        let request = plain().serialize_request_with_attributes(&key, vec![attribute]).unwrap();
        let problem = read_csr(request.der()).unwrap_err();
        assert_eq!(problem.found.as_deref(), Some("the attribute 1.2.840.113549.1.9.7"));
    }
}
