//! Rows of enrolment over `ogic-enrol/1`: tokens and requests that are not what they should be. The right token passes
//! after all of them, a flood of wrong ones included.

use std::time::Duration;

use ogic_certs::Code;
use ogic_certs::cbor::{self, Value};
use ogic_certs::issue;
use ogic_certs::key::SigningKey;
use ogic_certs::token::{EnrolRequest, Token};
use ogic_node::exchange::frame::framed;
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ED25519};
use zeroize::Zeroizing;

use crate::federation::forge::{held, key, now};
use crate::federation::peer::{Told, enrol, enrol_raw};
use crate::federation::{AUTHORITY, Kind, TRANSPORT, ogic, path, until};
use crate::stage::Stage;

fn csr(key: &SigningKey) -> Vec<u8> {
    issue::csr(key).unwrap()
}

/// A request as another program writes it.
fn foreign_csr(edit: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    edit(&mut params);
    let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    params.serialize_request(&key).unwrap().der().to_vec()
}

pub(crate) async fn play(stage: &Stage) {
    let face = stage.authority();
    let newcomer = "newcomer.gov.example";
    let token = |agency: &str| Token::from_text(&stage.federation.token(agency, Kind::Node)).unwrap();
    let fresh = token(newcomer);
    let (node, seal) = (key("newcomer's node"), key("newcomer's seal"));
    let honest = EnrolRequest { secret: fresh.secret.clone(), requests: vec![csr(&node), csr(&seal)] };
    let with = |requests: Vec<Vec<u8>>| EnrolRequest { requests, ..honest.clone() };

    // A token that was redeemed, and one whose time is over.
    let spent = token("spent.gov.example");
    let redeemed = EnrolRequest {
        secret: spent.secret.clone(),
        requests: vec![csr(&key("spent's node")), csr(&key("spent's seal"))],
    };
    enrol(&face.address, AUTHORITY, &redeemed).await.unwrap();
    let words = ["authority", "token", "late.gov.example", "--ttl", "1s"];
    let late = stage.federation.authority.ogic(&words).ok();
    let late = Token::from_text(late["token"].as_str().unwrap()).unwrap();
    let made = now();
    until("a second is over", Duration::from_secs(5), || (now().since_ms(made) > 1_000).then_some(()));

    let other_keys = vec![csr(&key("thief's node")), csr(&key("thief's seal"))];
    let home = held(&stage.federation.transport.data, "node");
    let root = SigningKey::from_pem(
        &std::fs::read_to_string(stage.federation.authority.data.join("keys/root.key")).unwrap(),
    );
    let mut broken = csr(&node);
    *broken.last_mut().unwrap() ^= 1;
    let rows: Vec<(&str, EnrolRequest, Code)> = vec![
        (
            "a secret that was never given",
            EnrolRequest { secret: Zeroizing::new([0; 16]), ..honest.clone() },
            Code::TokenRefused,
        ),
        (
            "a token that was used for other keys",
            EnrolRequest { secret: spent.secret.clone(), requests: other_keys },
            Code::TokenSpent,
        ),
        (
            "a token whose time is over",
            EnrolRequest { secret: late.secret.clone(), ..honest.clone() },
            Code::TokenExpired,
        ),
        ("one request for two roles", with(vec![csr(&node)]), Code::TokenRefused),
        (
            "three requests for two roles",
            with(vec![csr(&node), csr(&seal), csr(&key("x"))]),
            Code::TokenRefused,
        ),
        ("one key for two roles", with(vec![csr(&node), csr(&node)]), Code::KeyRefused),
        ("another agency's key", with(vec![csr(home.key()), csr(&seal)]), Code::KeyRefused),
        ("the root's own key", with(vec![csr(&root.unwrap()), csr(&seal)]), Code::KeyRefused),
        ("a request with one bit changed", with(vec![broken, csr(&seal)]), Code::SignatureInvalid),
        ("a request that is no DER", with(vec![b"request".to_vec(), csr(&seal)]), Code::Malformed),
        ("a request above its limit", with(vec![vec![0x30; 5000], csr(&seal)]), Code::TooLarge),
        (
            "a request with a subject",
            with(vec![
                foreign_csr(|params| params.distinguished_name.push(DnType::CommonName, TRANSPORT)),
                csr(&seal),
            ]),
            Code::RequestRefused,
        ),
        (
            "a request for a name",
            with(vec![
                foreign_csr(|params| {
                    let uri = format!("ogic://{TRANSPORT}/node").try_into().unwrap();
                    params.subject_alt_names = vec![rcgen::SanType::URI(uri)];
                }),
                csr(&seal),
            ]),
            Code::RequestRefused,
        ),
    ];
    let before = face.stored();
    for (name, request, code) in rows {
        let told = enrol(&face.address, AUTHORITY, &request).await;
        assert_eq!(told.err(), Some(Told::Refused(code)), "{name}");
        assert_eq!(face.stored(), before, "{name}");
    }
    let map = |entries: Vec<(Value, Value)>| framed(&cbor::encode(&Value::Map(entries))).unwrap();
    let raw_rows: Vec<(&str, Vec<u8>, Code)> = vec![
        ("no request", Vec::new(), Code::ProtocolViolation),
        ("a frame of 2^31 bytes", vec![0x80, 0, 0, 0, 0xa2], Code::TooLarge),
        ("text", framed(b"GET / HTTP/1.1\r\n\r\n").unwrap(), Code::Malformed),
        ("an empty map", map(Vec::new()), Code::Malformed),
        (
            "a secret of 15 bytes",
            map(vec![(1.into(), Value::Bytes(vec![0; 15])), (2.into(), Value::Array(Vec::new()))]),
            Code::Malformed,
        ),
        (
            "five requests",
            map(vec![
                (1.into(), Value::Bytes(vec![0; 16])),
                (2.into(), Value::Array(vec![Value::Bytes(vec![0x30]); 5])),
            ]),
            Code::TooLarge,
        ),
        (
            "two enrolments on one stream",
            [framed(&honest.encode()).unwrap(), framed(&honest.encode()).unwrap()].concat(),
            Code::ProtocolViolation,
        ),
    ];
    for (name, bytes, code) in raw_rows {
        let told = enrol_raw(&face.address, AUTHORITY, &bytes).await;
        assert_eq!(told.err(), Some(Told::Refused(code)), "{name}");
        assert_eq!(face.stored(), before, "{name}");
    }

    // Guessing is bounded, and locks out nobody who has a token.
    let guess = |n: u8| EnrolRequest { secret: Zeroizing::new([n; 16]), ..honest.clone() };
    let mut refused = Vec::new();
    for n in 1..=20 {
        refused.push(enrol(&face.address, AUTHORITY, &guess(n)).await.unwrap_err());
    }
    assert_eq!(refused.first(), Some(&Told::Refused(Code::TokenRefused)));
    assert_eq!(refused.last(), Some(&Told::Refused(Code::LimitReached)));
    let answer = enrol(&face.address, AUTHORITY, &honest).await.unwrap();
    assert_eq!(answer.certificates.len(), 2);
    // A lost answer costs nothing: the same keys get the same certificates.
    assert_eq!(enrol(&face.address, AUTHORITY, &honest).await.unwrap().certificates, answer.certificates);

    // The same by the command, where the folder is another agency's already, and where its daemon runs.
    let other = stage.federation.token("other.gov.example", Kind::Node);
    for (folder, exit, code) in
        [(stage.federation.at("rogue"), 2, "OGIC-1003"), (stage.federation.at("health"), 8, "OGIC-5001")]
    {
        let joined = ogic(&["node", "join", &other, "--data", path(&folder), "--json"]);
        assert_eq!((joined.exit, joined.code().as_str()), (exit, code), "{joined}");
    }
}
