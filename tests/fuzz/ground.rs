//! What every target stands on: two stories of the in-memory federation, who trusts whom in them, and all their keys.

use std::sync::{Arc, LazyLock};

use ogic_certs::Digest;
use ogic_certs::capsule::Given;
use ogic_certs::certificate::Certificate;
use ogic_certs::cose::{Signed, Signer};
use ogic_certs::event::Kind;
use ogic_certs::issue;
use ogic_certs::key::SigningKey;
use ogic_certs::testing::agency;
use ogic_certs::trust::Trust;
use ogic_node::desk::check::Bag;

use crate::examples;
use crate::keys::Keys;
use crate::story::{DAY_MS, NOW, Story};

pub(crate) static GROUND: LazyLock<Ground> = LazyLock::new(Ground::lay);

/// Of both stories.
const SEED: u64 = 9162;

pub(crate) struct Ground {
    /// A case from its opening to its close.
    pub(crate) whole: Story,
    /// A case that changed its home.
    pub(crate) moved: Story,
    /// The notice of that.
    pub(crate) released: Vec<u8>,
    pub(crate) node: Signer,
    pub(crate) trust: Trust,
    /// What a reader of a capsule brings.
    pub(crate) given: Given,
    pub(crate) bag: Bag,
    pub(crate) certificates: Vec<Certificate>,
    /// Of PROTOCOL's examples.
    pub(crate) examples: Trust,
    pub(crate) keys: Keys,
}

impl Ground {
    fn lay() -> Self {
        let mut whole = Story::whole();
        let node = whole.federation.signer("ogic://transport.gov.example/node");
        let authority = whole.federation.with_issuer(|issuer| {
            let key = SigningKey::from_seed(&[7; 32]).unwrap();
            let (from, to) = (NOW.minus_ms(DAY_MS), NOW.plus_ms(90 * DAY_MS));
            let host = agency("health.gov.example");
            let der = issue::constrained_ca(issuer, &host, key.public(), [9; 16], from, to).unwrap();
            Certificate::from_der(&der).unwrap()
        });
        let mut moved = Story::new(SEED);
        moved.opens(|_| {});
        moved.offers();
        moved.accepts();
        moved.releases();
        let released = moved.notice(|_| {}, &moved.seal);
        moved.takes(released.clone());

        let registry = Arc::new(whole.registry.clone());
        let trust = Trust::new(Arc::clone(&registry), vec![whole.crl.clone()], whole.pin.clone()).unwrap();
        let given = Given {
            pinned: Some((registry, whole.pin.clone())),
            crls: vec![whole.crl.clone()],
            at: None,
            now: Some(NOW),
        };
        let of_whole = [
            &whole.seal,
            &whole.official,
            &whole.health,
            &whole.physician,
            &whole.dismissed,
            &whole.ttp,
            &node,
        ];
        let registrar = Certificate::from_der(&whole.registry.envelope().chain()[0]).unwrap();
        let mut certificates: Vec<_> = of_whole.iter().map(|signer| signer.certificate().clone()).collect();
        certificates.extend([whole.federation.root().clone(), authority, registrar.clone()]);
        // As the federation makes them: the first two keys of its seed.
        let [root_key, registry_key] = [0_u64, 1].map(|number| {
            let seed = Digest::of_parts(&[b"ogic test key", &SEED.to_be_bytes(), &number.to_be_bytes()]);
            SigningKey::from_seed(seed.as_bytes()).unwrap()
        });
        let root = whole.federation.root();
        let registry_signer = Signer::new(registry_key, registrar, vec![root.clone()]).unwrap();
        let root_id = root.extensions().subject_key_id.clone().unwrap();
        let keys = of_whole.into_iter().cloned().chain(examples::signers()).chain([registry_signer]);
        Self {
            keys: Keys::new(keys, (root_key, root_id)),
            examples: examples::trust(),
            bag: certificates.iter().cloned().collect(),
            certificates,
            given,
            trust,
            node,
            released,
            moved,
            whole,
        }
    }

    /// Receipts of the whole case, of one record and of all, and the signed checkpoint.
    pub(crate) fn receipts(&self) -> [Vec<u8>; 3] {
        let proven = self.whole.proof(|_| {});
        let one = proven.receipt(&proven.places[2..3]);
        [one, proven.receipt(&proven.places), proven.checkpoint.bytes().to_vec()]
    }

    /// The third party's evidence about the medical step.
    pub(crate) fn evidence(&self) -> Vec<u8> {
        let evidence = self.whole.evidence(2, ogic_certs::evidence::Judgement::PASSED, |_| {});
        Signed::sign(evidence, &self.whole.ttp).unwrap().bytes().to_vec()
    }

    /// The notice by which the new home tells that it took the case.
    pub(crate) fn taken(&self) -> Vec<u8> {
        let (record, event) = self.moved.told.last().unwrap();
        assert_eq!(event.header.value().kind, Kind::Taken);
        let told_to = agency("transport.gov.example");
        let opening = self.moved.told[0].1.header.bytes().to_vec();
        let notice = ogic_certs::custody::CustodyNotice::of(event, vec![*record], opening, told_to, NOW);
        Signed::sign(notice, &self.moved.health).unwrap().bytes().to_vec()
    }
}
