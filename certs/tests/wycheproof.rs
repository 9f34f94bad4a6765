//! Wycheproof's signatures (C2SP), whole: Ed25519, ECDSA in DER and in COSE's form, RSA PKCS#1 and PSS.
//!
//! A valid signature must verify unless its key or algorithm is refused as such; none that is invalid may verify.

mod suite;

use data_encoding::HEXLOWER;
use ogic_certs::Code;
use ogic_certs::key::{CoseAlg, PublicKey};
use serde_json::Value;

enum How {
    Cose(CoseAlg),
    X509(&'static [u8]),
}

fn hex(value: &Value) -> Vec<u8> {
    HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

/// How a group's signatures are verified here, if at all.
fn how(file: &str, group: &Value) -> Option<How> {
    let sha = group["sha"].as_str().unwrap_or_default();
    Some(match group["type"].as_str().unwrap() {
        "EddsaVerify" => How::Cose(CoseAlg::EdDsa),
        "EcdsaP1363Verify" if file.contains("secp256r1") => How::Cose(CoseAlg::Es256),
        "EcdsaP1363Verify" => How::Cose(CoseAlg::Es384),
        "EcdsaVerify" if sha == "SHA-256" => How::X509(b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"),
        "EcdsaVerify" if sha == "SHA-384" => How::X509(b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03"),
        "RsassaPkcs1Verify" if sha == "SHA-256" => {
            How::X509(b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00")
        }
        "RsassaPssVerify" if group["mgfSha"].as_str() == Some(sha) => {
            match (sha, group["sLen"].as_u64().unwrap()) {
                ("SHA-256", 32) => How::Cose(CoseAlg::Ps256),
                ("SHA-384", 48) => How::Cose(CoseAlg::Ps384),
                ("SHA-512", 64) => How::Cose(CoseAlg::Ps512),
                _ => return None,
            }
        }
        _ => return None,
    })
}

/// (verified, refused as they should, valid but refused by key or algorithm, not supported here)
fn run(file: &str) -> Option<(usize, usize, usize, usize)> {
    let json = suite::json(&format!("wycheproof/{file}.json"))?;
    let mut counts = (0, 0, 0, 0);
    for group in json["testGroups"].as_array().unwrap() {
        let tests = group["tests"].as_array().unwrap();
        let Some(how) = how(file, group) else {
            counts.3 += tests.len();
            continue;
        };
        let spki = group.get("publicKeyDer").or_else(|| group.get("publicKeyAsn")).map(hex).unwrap();
        let key = PublicKey::from_spki_der(&spki);
        for test in tests {
            let name = format!("{file} {}: {}", test["tcId"], test["comment"]);
            let (message, signature) = (hex(&test["msg"]), hex(&test["sig"]));
            let outcome = key.clone().and_then(|key| match how {
                How::Cose(alg) => key.verify_cose(alg, &message, &signature),
                How::X509(algorithm) => key.verify_x509(algorithm, &message, &signature),
            });
            match (test["result"].as_str().unwrap(), outcome) {
                ("valid", Ok(())) => counts.0 += 1,
                ("valid", Err(problem)) if problem.code != Code::SignatureInvalid => counts.2 += 1,
                ("valid", Err(problem)) => panic!("{name}: {problem}"),
                ("invalid", Ok(())) => panic!("{name}: an invalid signature verified"),
                _ => counts.1 += 1,
            }
        }
    }
    println!("{file}: {counts:?}");
    Some(counts)
}

#[test]
fn every_suite_agrees() {
    for file in [
        "ed25519_test",
        "ecdsa_secp256r1_sha256_test",
        "ecdsa_secp256r1_sha256_p1363_test",
        "ecdsa_secp384r1_sha256_test",
        "ecdsa_secp384r1_sha384_test",
        "ecdsa_secp384r1_sha384_p1363_test",
        "rsa_signature_2048_sha256_test",
        "rsa_signature_3072_sha256_test",
        "rsa_signature_4096_sha256_test",
        "rsa_pss_2048_sha256_mgf1_32_test",
        "rsa_pss_3072_sha256_mgf1_32_test",
        "rsa_pss_4096_sha384_mgf1_48_test",
        "rsa_pss_misc_test",
    ] {
        let Some((verified, refused, _, _)) = run(file) else { continue };
        assert!(verified > 0 || file == "rsa_pss_misc_test", "{file} verified nothing");
        assert!(refused > 0 || file == "rsa_pss_misc_test", "{file} refused nothing");
    }
}
