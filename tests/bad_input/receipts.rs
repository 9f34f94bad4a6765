//! Rows of a receiver that lies: receipts and refusals that it never gave by its seal, or gave for another. The home's
//! message stays in the outbox under each of them, until an honest receipt comes.

use ogic_certs::checkpoint::{Checkpoint, Heads, HeadsTree, Origin};
use ogic_certs::cose::{Signed, Signer};
use ogic_certs::merkle::Tree;
use ogic_certs::receipt::ReceiptFrame;
use ogic_certs::record::{Leaf, NoticeLeaf};
use ogic_certs::refusal::Refusal;
use ogic_certs::{Code, Digest};
use ogic_node::exchange::message::Message;
use ogic_node::exchange::session::StreamKind::{Control, Events};

use crate::federation::forge::{Envelope, Root, agency, flipped, now};
use crate::federation::peer::Told;
use crate::federation::{HEALTH, PATIENCE, until};
use crate::stage::{ROGUE, Stage};
use crate::{Input, Row};

/// The reference that the home has for the attacker, as it comes on the attacker's connection.
pub(crate) async fn reference_of(stage: &Stage) -> Vec<u8> {
    let peer = stage.home().connected(stage).await;
    let heard = peer.hear(|message| match message {
        Message::Notice(bytes) => Some(bytes),
        _ => None,
    });
    heard.await.unwrap()
}

/// A log of the attacker that holds the notice and nothing else.
struct Log {
    leaf: NoticeLeaf,
    checkpoint: Checkpoint,
    tree: Tree,
}

impl Log {
    fn of(owner: &str, notice: &[u8]) -> Self {
        let leaf = NoticeLeaf { digest: Digest::of(notice), received: now() };
        let tree: Tree = [leaf.leaf_digest()].into_iter().collect();
        let origin = Origin { agency: agency(owner), log: [5; 16], generation: 1 };
        let checkpoint = Checkpoint { origin, size: 1, root: tree.root(), heads: Heads::none() };
        Self { leaf, checkpoint, tree }
    }

    fn signed(&self, seal: &Signer) -> Vec<u8> {
        Signed::sign(self.checkpoint.clone(), seal).unwrap().bytes().to_vec()
    }

    /// A receipt under whatever stands for the signed checkpoint.
    fn receipt(&self, checkpoint: Vec<u8>) -> Message {
        let leaves = vec![(0, Leaf::Notice(self.leaf))];
        let heads = HeadsTree::new(Vec::new()).unwrap();
        Message::Receipts(
            ReceiptFrame::build(&self.tree, 1, checkpoint, leaves, &heads, &[]).unwrap().encode(),
        )
    }
}

fn refused(refusal: Refusal, signer: &Signer) -> Message {
    Message::Refusal(Signed::sign(refusal, signer).unwrap().bytes().to_vec())
}

pub(crate) fn rows(stage: &Stage, notice: &[u8]) -> Vec<Row> {
    let log = Log::of(ROGUE, notice);
    let closes = |name, message, code| Row::closed(name, Input::Messages(Control, vec![message]), code);
    let refusal = || Refusal {
        subject: Digest::of(notice),
        code: Code::IdentityMismatch,
        field: "notice".to_owned(),
        head: None,
        at: now(),
    };
    let seal = format!("ogic://{ROGUE}/seal");
    let of_health = stage.root.signer(&format!("ogic://{HEALTH}/seal"), -1..1);
    // Certificates travel before what they sign.
    let with = |signer: &Signer, message: Message| {
        let chain = signer.chain().map(|certificate| certificate.der().to_vec()).collect();
        Input::Messages(Control, vec![Message::Certificates(chain), message])
    };
    let shown = |name, signer: &Signer, message, code| Row::closed(name, with(signer, message), code);
    let passed = |name, signer: &Signer, message| Row::new(name, with(signer, message), Told::Taken);
    let unsigned = Envelope::of(&log.checkpoint, &stage.seal);
    let other = Log {
        checkpoint: Checkpoint { root: Digest::of(b"root"), ..log.checkpoint.clone() },
        ..Log::of(ROGUE, notice)
    };
    let larger =
        Log { checkpoint: Checkpoint { size: 2, ..log.checkpoint.clone() }, ..Log::of(ROGUE, notice) };
    vec![
        closes(
            "a receipt without a signature",
            log.receipt(unsigned.close(&[0; 64])),
            Code::SignatureInvalid,
        ),
        closes(
            "a receipt with one bit changed",
            log.receipt(flipped(&Signed::sign(log.checkpoint.clone(), &stage.seal).unwrap())),
            Code::SignatureInvalid,
        ),
        closes("a receipt without a checkpoint", log.receipt(b"checkpoint".to_vec()), Code::Malformed),
        closes(
            "a refusal for a receipt's checkpoint",
            log.receipt(Signed::sign(refusal(), &stage.seal).unwrap().bytes().to_vec()),
            Code::KindMismatch,
        ),
        closes("a receipt under another root", log.receipt(other.signed(&stage.seal)), Code::ProofInvalid),
        closes("a receipt of another size", log.receipt(larger.signed(&stage.seal)), Code::ProofInvalid),
        closes(
            "a receipt by a seal that never came",
            log.receipt(log.signed(&stage.root.signer(&seal, -2..2))),
            Code::CertificateUnknown,
        ),
        shown(
            "a receipt by a node's key",
            &stage.node,
            log.receipt(log.signed(&stage.node)),
            Code::RoleNotAllowed,
        ),
        shown(
            "a receipt by a self-signed seal",
            &Root::self_signed(&seal),
            log.receipt(log.signed(&Root::self_signed(&seal))),
            Code::TrustUndecidable,
        ),
        shown(
            "a receipt by a revoked seal",
            &stage.revoked.1,
            log.receipt(log.signed(&stage.revoked.1)),
            Code::CertificateRevoked,
        ),
        closes(
            "a receipt of another agency's log",
            log.receipt(Log::of(HEALTH, notice).signed(&stage.seal)),
            Code::IdentityMismatch,
        ),
        // Rightly signed, by whom the message was not for: it says nothing, and a person is told.
        passed("another agency's receipt", &of_health, {
            let log = Log::of(HEALTH, notice);
            log.receipt(log.signed(&of_health))
        }),
        passed("another agency's refusal", &of_health, refused(refusal(), &of_health)),
        closes(
            "a refusal without a signature",
            Message::Refusal(Envelope::of(&refusal(), &stage.seal).close(&[0; 64])),
            Code::SignatureInvalid,
        ),
        shown(
            "a refusal by a node's key",
            &stage.node,
            refused(refusal(), &stage.node),
            Code::RoleNotAllowed,
        ),
        passed(
            "a refusal of something else",
            &stage.seal,
            refused(Refusal { subject: Digest::of(b"else"), ..refusal() }, &stage.seal),
        ),
    ]
}

/// The honest receipt, by which the message is done.
pub(crate) async fn acknowledge(stage: &Stage, notice: &[u8]) {
    let peer = stage.home().honest(stage).await;
    let log = Log::of(ROGUE, notice);
    peer.send(Events, &[Message::Certificates(vec![stage.seal.certificate().der().to_vec()])]).await;
    peer.send(Control, &[log.receipt(log.signed(&stage.seal))]).await;
    until("the reference is delivered", PATIENCE, || (!stage.outbox_holds(Digest::of(notice))).then_some(()));
}
