//! Certificates and lists that no authority should issue, for tests: every field can be chosen.

use crate::certificate::{Certificate, KeyUsage, Usage, id};
use crate::crl::{Crl, Reason};
use crate::der::{self, tag};
use crate::issue::extension;
use crate::key::SigningKey;
use crate::path::{
    AnchorRoles, PathReport, PathRequest, PrivilegedKey, Purpose, Revocation, RoleKind, TrustAnchor,
};
use crate::{AgencyId, Identity, Timestamp};

pub(super) fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs_clamped(secs)
}

pub(super) fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32]).unwrap()
}

/// A general name by its tag and content.
pub(super) type Name = (u8, Vec<u8>);

pub(super) fn uri(text: &str) -> Name {
    (tag::primitive(6), text.as_bytes().to_vec())
}

pub(super) fn dns(text: &str) -> Name {
    (tag::primitive(2), text.as_bytes().to_vec())
}

/// A certificate to be.
#[derive(Clone)]
pub(super) struct Spec {
    pub(super) subject: &'static str,
    pub(super) issuer: &'static str,
    pub(super) key: u8,
    pub(super) signer: u8,
    pub(super) serial: u8,
    pub(super) validity: (i64, i64),
    pub(super) basic: Option<(bool, Option<u8>)>,
    pub(super) usage: Option<u16>,
    pub(super) extended: Option<Vec<Usage>>,
    pub(super) san: Vec<Name>,
    pub(super) constraints: Option<(Vec<Name>, Vec<Name>)>,
    pub(super) extra: Vec<(Vec<u8>, bool, Vec<u8>)>,
    pub(super) with_key_ids: bool,
}

const AUTHORITY: u16 = KeyUsage::KEY_CERT_SIGN.0 | KeyUsage::CRL_SIGN.0;

impl Spec {
    pub(super) fn authority(subject: &'static str, key: u8, issuer: &'static str, signer: u8) -> Self {
        Self {
            subject,
            issuer,
            key,
            signer,
            serial: key,
            validity: (1000, 9000),
            basic: Some((true, None)),
            usage: Some(AUTHORITY),
            extended: None,
            san: Vec::new(),
            constraints: None,
            extra: Vec::new(),
            with_key_ids: true,
        }
    }

    pub(super) fn seal(key: u8, issuer: &'static str, signer: u8) -> Self {
        Self {
            basic: Some((false, None)),
            usage: Some(KeyUsage::DIGITAL_SIGNATURE.0),
            extended: Some(vec![Usage::DocumentSigning]),
            san: vec![uri("ogic://transport.gov.example/seal")],
            ..Self::authority("seal", key, issuer, signer)
        }
    }

    pub(super) fn certificate(&self) -> Certificate {
        let mut list: Vec<u8> = Vec::new();
        let mut add = |oid: &[u8], critical, value: &[u8]| list.extend(extension(oid, critical, value));
        if let Some((ca, path_len)) = self.basic {
            let ca = if ca { der::element(tag::BOOLEAN, &[&[0xff]]) } else { Vec::new() };
            let path_len = path_len.map(|len| der::integer(&[len])).unwrap_or_default();
            add(&id::BASIC_CONSTRAINTS, true, &der::sequence(&[&ca, &path_len]));
        }
        if let Some(usage) = self.usage {
            add(&id::KEY_USAGE, true, &der::named_bits(usage));
        }
        if let Some(usages) = &self.extended {
            let oids: Vec<u8> = usages.iter().flat_map(|u| der::element(tag::OID, &[&u.oid()])).collect();
            add(&id::EXTENDED_KEY_USAGE, false, &der::sequence(&[&oids]));
        }
        if !self.san.is_empty() {
            let names: Vec<u8> =
                self.san.iter().flat_map(|(tag, text)| der::element(*tag, &[text])).collect();
            add(&id::SUBJECT_ALT_NAME, false, &der::sequence(&[&names]));
        }
        if let Some((permitted, excluded)) = &self.constraints {
            let subtrees = |number, names: &Vec<Name>| -> Vec<u8> {
                let all: Vec<u8> = names
                    .iter()
                    .flat_map(|(tag, base)| der::sequence(&[&der::element(*tag, &[base])]))
                    .collect();
                if all.is_empty() { all } else { der::element(tag::constructed(number), &[&all]) }
            };
            add(
                &id::NAME_CONSTRAINTS,
                true,
                &der::sequence(&[&subtrees(0, permitted), &subtrees(1, excluded)]),
            );
        }
        if self.with_key_ids {
            add(&id::SUBJECT_KEY_ID, false, &der::element(tag::OCTET_STRING, &[&[self.key; 20]]));
            let key_id = der::element(tag::primitive(0), &[&[self.signer; 20]]);
            add(&id::AUTHORITY_KEY_ID, false, &der::sequence(&[&key_id]));
        }
        for (oid, critical, value) in &self.extra {
            add(oid, *critical, value);
        }
        let signer = key(self.signer);
        let tbs = der::sequence(&[
            &der::element(tag::constructed(0), &[&der::integer(&[2])]),
            &der::integer(&[self.serial]),
            &der::sequence(&[signer.x509_algorithm()]),
            &distinguished(self.issuer),
            &der::sequence(&[&der::time(at(self.validity.0)), &der::time(at(self.validity.1))]),
            &distinguished(self.subject),
            key(self.key).public().spki_der(),
            &der::element(tag::constructed(3), &[&der::sequence(&[&list])]),
        ]);
        Certificate::from_der(&signed(&tbs, &signer)).unwrap()
    }
}

/// A list to be.
#[derive(Clone)]
pub(super) struct List {
    pub(super) issuer: &'static str,
    pub(super) signer: u8,
    pub(super) number: u8,
    pub(super) updates: (i64, Option<i64>),
    /// Serial, date, reason, invalidity date.
    pub(super) entries: Vec<(u8, i64, Reason, Option<i64>)>,
    pub(super) extra: Vec<(Vec<u8>, bool, Vec<u8>)>,
    pub(super) entry_extra: Vec<(Vec<u8>, bool, Vec<u8>)>,
}

impl List {
    pub(super) fn of(issuer: &'static str, signer: u8) -> Self {
        Self {
            issuer,
            signer,
            number: 1,
            updates: (4000, Some(6000)),
            entries: Vec::new(),
            extra: Vec::new(),
            entry_extra: Vec::new(),
        }
    }

    pub(super) fn der(&self) -> Vec<u8> {
        let entries: Vec<u8> = self.entries.iter().flat_map(|entry| self.entry(entry)).collect();
        let entries = if entries.is_empty() { entries } else { der::sequence(&[&entries]) };
        let mut list = extension(&id::CRL_NUMBER, false, &der::integer(&[self.number]));
        for (oid, critical, value) in &self.extra {
            list.extend(extension(oid, *critical, value));
        }
        let signer = key(self.signer);
        let tbs = der::sequence(&[
            &der::integer(&[1]),
            &der::sequence(&[signer.x509_algorithm()]),
            &distinguished(self.issuer),
            &der::time(at(self.updates.0)),
            &self.updates.1.map(|next| der::time(at(next))).unwrap_or_default(),
            &entries,
            &der::element(tag::constructed(0), &[&der::sequence(&[&list])]),
        ]);
        signed(&tbs, &signer)
    }

    fn entry(&self, (serial, date, reason, invalid): &(u8, i64, Reason, Option<i64>)) -> Vec<u8> {
        let reason = der::element(tag::ENUMERATED, &[&[reason.number()]]);
        let mut list = extension(&id::REASON_CODE, false, &reason);
        if let Some(invalid) = invalid {
            list.extend(extension(&id::INVALIDITY_DATE, false, &der::time(at(*invalid))));
        }
        for (oid, critical, value) in &self.entry_extra {
            list.extend(extension(oid, *critical, value));
        }
        der::sequence(&[&der::integer(&[*serial]), &der::time(at(*date)), &der::sequence(&[&list])])
    }
}

fn distinguished(text: &str) -> Vec<u8> {
    crate::certificate::DistinguishedName::common_name(text).unwrap().der().to_vec()
}

fn signed(tbs: &[u8], key: &SigningKey) -> Vec<u8> {
    let (algorithm, signature) = key.sign_x509(tbs).unwrap();
    der::sequence(&[tbs, &der::sequence(&[algorithm]), &der::bit_string(&signature)])
}

/// A root (key 1), an authority below it (key 2), a seal below that (key 3), their lists, and one question: all of it
/// valid until a row edits it.
#[derive(Clone)]
pub(super) struct World {
    pub(super) root: Spec,
    pub(super) middle: Vec<Spec>,
    pub(super) leaf: Spec,
    pub(super) lists: Vec<List>,
    pub(super) at: i64,
    pub(super) purpose: Purpose,
    pub(super) expected: Option<&'static str>,
    pub(super) speaks_for: Option<Vec<&'static str>>,
    pub(super) roles: AnchorRoles,
    pub(super) privileged: Vec<(&'static str, u8)>,
    pub(super) revocation: Revocation,
    pub(super) require_policy: bool,
    pub(super) anchors: usize,
}

impl World {
    pub(super) fn valid() -> Self {
        Self {
            root: Spec::authority("root", 1, "root", 1),
            middle: vec![Spec::authority("middle", 2, "root", 1)],
            leaf: Spec::seal(3, "middle", 2),
            lists: vec![List::of("root", 1), List::of("middle", 2)],
            at: 5000,
            purpose: Purpose::Signing(&[RoleKind::Seal]),
            expected: None,
            speaks_for: Some(vec!["gov.example"]),
            roles: AnchorRoles::Members,
            privileged: Vec::new(),
            revocation: Revocation::Required,
            require_policy: false,
            anchors: 1,
        }
    }

    /// The content of a directoryName that is the leaf's subject.
    pub(super) fn leaf_name(&self) -> Vec<u8> {
        distinguished(self.leaf.subject)
    }

    pub(super) fn report(&self) -> PathReport {
        let anchor = TrustAnchor {
            certificate: self.root.certificate(),
            speaks_for: self.speaks_for.as_ref().map(|agencies| {
                agencies.iter().map(|agency| AgencyId::parse(agency, "t").unwrap()).collect()
            }),
            roles: self.roles,
        };
        let anchors = vec![anchor; self.anchors];
        let target = self.leaf.certificate();
        let intermediates: Vec<Certificate> = self.middle.iter().map(Spec::certificate).collect();
        let crls: Vec<Crl> = self.lists.iter().map(|list| Crl::from_der(&list.der()).unwrap()).collect();
        let expected = self.expected.map(|identity| Identity::parse(identity).unwrap());
        let privileged: Vec<PrivilegedKey> = self
            .privileged
            .iter()
            .map(|(identity, seed)| PrivilegedKey {
                identity: Identity::parse(identity).unwrap(),
                key: key(*seed).public().digest(),
            })
            .collect();
        let mut request = PathRequest::new(&target, &anchors, at(self.at), self.purpose.clone());
        request.intermediates = &intermediates;
        request.crls = &crls;
        request.expected = expected.as_ref();
        request.privileged = &privileged;
        request.revocation = self.revocation;
        request.policies.require_explicit = self.require_policy;
        super::super::validate(&request)
    }
}
