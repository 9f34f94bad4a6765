//! The desk over a simulated disk: every decision by tables, crashes between any two steps.

use std::net::IpAddr;

use ogic_certs::certificate::Certificate;
use ogic_certs::cose::Signer;
use ogic_certs::issue::{self, Issuer};
use ogic_certs::key::SigningKey;
use ogic_certs::registry::Registry;
use ogic_certs::testing::agency;
use ogic_certs::token::{EnrolAnswer, EnrolRequest, Token};
use ogic_certs::{Code, Digest, Identity, Result, Role, Timestamp};

use super::book::Charter;
use super::founding;
use super::office::{Call, Keys, Office, TokenKey};
use super::redeem::{Ask, TTL_MS};
use super::revoke::Target;
use crate::log::SimDisk;

mod enrol;
mod register;
mod revoke;

const NOW: Timestamp = Timestamp::from_ms_clamped(1_795_576_803_007);
const ORIGIN: &str = "authority.gov.example/log/00000000000000000000000000000001/1";
const DAY_MS: u64 = 86_400_000;
const SOURCE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

/// Random bytes that are none: a counter, hashed.
fn drawer(seed: u64) -> impl FnMut(&mut [u8]) -> Result<()> {
    let mut count = seed << 32;
    move |bytes: &mut [u8]| {
        for chunk in bytes.chunks_mut(32) {
            count += 1;
            chunk.copy_from_slice(&Digest::of(&count.to_be_bytes()).as_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

fn serials(seed: u64) -> impl FnMut() -> Result<[u8; 16]> {
    let mut draw = drawer(seed);
    move || {
        let mut serial = [0; 16];
        draw(&mut serial).map(|()| serial)
    }
}

/// The same keys whenever the process starts.
fn charter_and_keys() -> (Charter, Keys, Vec<Certificate>) {
    let (mut draw, id) = (drawer(1), agency("authority.gov.example"));
    let (root, certificate) = founding::root(&agency("gov.example"), NOW, &mut draw).unwrap();
    let issuer = Issuer { certificate: &certificate, key: &root };
    let mut own = |role| {
        let key = founding::key(&mut draw).unwrap();
        founding::own(&issuer, &id, role, key, NOW, &mut draw).unwrap()
    };
    let (node, registry) = (own(Role::Node), own(Role::Registry));
    let certificates = vec![node.certificate().clone(), registry.certificate().clone()];
    let charter = Charter {
        federation: agency("gov.example"),
        authority: id,
        name_en: "Authority".to_owned(),
        name_ru: "Удостоверяющий центр".to_owned(),
        root: certificate,
        endpoints: vec!["192.0.2.1:4433".to_owned()],
        certificate_life_ms: 60 * DAY_MS,
        registry_life_ms: DAY_MS,
        crl_life_ms: DAY_MS,
    };
    (charter, Keys { root, registry, tokens: TokenKey::new(&[9; 32]) }, certificates)
}

fn open(disk: &SimDisk) -> Result<Office<SimDisk>> {
    let (charter, keys, own) = charter_and_keys();
    let mut office = Office::open(disk.clone(), ORIGIN, charter, keys)?;
    if office.book().registry().is_none() {
        office.found(own, NOW)?;
    }
    Ok(office)
}

fn office() -> Office<SimDisk> {
    open(&SimDisk::new(1)).unwrap()
}

fn ask(id: &str, role: Role) -> Ask {
    Ask { agency: agency(id), role, names: None, level: None, parent: None, ttl_ms: TTL_MS }
}

fn call(key: &str) -> Call<'_> {
    Call { key, request: Digest::of(key.as_bytes()) }
}

fn token(office: &mut Office<SimDisk>, id: &str, role: Role) -> Token {
    let key = format!("token-{id}-{role}");
    office.token(call(&key), &ask(id, role), NOW).unwrap()
}

fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(Digest::of(name.as_bytes()).as_bytes()).unwrap()
}

fn requests(names: &[&str]) -> Vec<Vec<u8>> {
    names.iter().map(|name| issue::csr(&key(name)).unwrap()).collect()
}

fn enrol(office: &mut Office<SimDisk>, token: &Token, names: &[&str], at: Timestamp) -> Result<EnrolAnswer> {
    let request = EnrolRequest { secret: token.secret.clone(), requests: requests(names) };
    office.enrol(SOURCE, &request, at, serials(7))
}

/// A member whose keys are `<id> node` and `<id> seal`.
fn join(office: &mut Office<SimDisk>, id: &str) -> Vec<Signer> {
    let token = token(office, id, Role::Node);
    let names = [format!("{id} node"), format!("{id} seal")];
    let answer = enrol(office, &token, &[&names[0], &names[1]], NOW).unwrap();
    let certificates = answer.certificates.iter().map(|der| Certificate::from_der(der).unwrap());
    let root = Certificate::from_der(&answer.root).unwrap();
    names
        .iter()
        .zip(certificates)
        .map(|(name, c)| Signer::new(key(name), c, vec![root.clone()]).unwrap())
        .collect()
}

fn registry(office: &Office<SimDisk>) -> &Registry {
    office.registry().unwrap().value()
}

fn issued(office: &Office<SimDisk>) -> usize {
    office.book().issued().count()
}
