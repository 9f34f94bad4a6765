//! What two nodes show each other when they meet, and what a node concludes from it about itself.

use ogic_certs::checkpoint::Checkpoint;
use ogic_certs::cose::Signed;
use ogic_certs::{AgencyId, Code, Problem, Result, Timestamp};

use super::{Desk, Output};
use crate::exchange::message::Hello;
use crate::log::Disk;
use crate::store::Store;

impl<D: Disk, S: Store> Desk<D, S> {
    /// What we show `peer`: our log, and the highest checkpoint that we hold of its.
    pub fn hello(&self, peer: &AgencyId, registry: u64, now: Timestamp) -> Hello {
        Hello {
            agency: self.settings.agency.clone(),
            origin: self.settings.origin.to_string(),
            size: self.log.size(),
            checkpoint: self.book.seen.get(peer).map(|seen| seen.checkpoint.clone()),
            registry,
            features: Vec::new(),
            clock: now,
        }
    }

    /// A peer is there, and showed this. What it holds of our log is compared with what we hold: a node that was restored from
    /// an old copy must not sign the same places again.
    pub fn connected(&mut self, peer: &AgencyId, hello: &Hello, now: Timestamp) {
        self.post.connected(peer);
        if let Some(bytes) = &hello.checkpoint
            && let Err(problem) = self.compare(bytes)
        {
            self.outputs.push_back(Output::Alarm(problem.clone().within(peer)));
            if matches!(problem.code, Code::BehindPeers | Code::ForkDetected) {
                self.fence = Some(problem);
            }
        }
        self.outbox.connected(peer, now);
        self.outputs.push_back(Output::Wake(peer.clone()));
    }

    /// The connection is gone; what was not acknowledged is sent again.
    pub fn disconnected(&mut self, peer: &AgencyId, now: Timestamp) {
        self.post.disconnected(peer);
        self.outbox.disconnected(peer, now);
    }

    /// Compares a checkpoint of ours, as a peer holds it, with our log.
    fn compare(&self, bytes: &[u8]) -> Result<()> {
        let shown = Signed::<Checkpoint>::parse(bytes)?;
        let checkpoint = shown.value();
        if checkpoint.origin != self.settings.origin {
            return Ok(());
        }
        // Only what our own seal signed counts: a peer's invention must not stop this node.
        let signer = shown.envelope().signer();
        let ours = self.settings.seal.chain().find(|certificate| certificate.digest() == signer);
        let Some(certificate) = ours.or_else(|| self.book.certificates.get(&signer)) else { return Ok(()) };
        let is_ours = certificate.identity().is_ok_and(|identity| {
            identity.agency == self.settings.agency && identity.role == ogic_certs::Role::Seal
        });
        if !is_ours {
            return Ok(());
        }
        shown.verify_with(certificate)?;
        match self.log.tree().root_at(checkpoint.size) {
            None => Err(Problem::new(Code::BehindPeers, "log")
                .found(format!("{} leaves", self.log.size()))
                .expected(format!("{} leaves, as this node once signed", checkpoint.size))),
            Some(root) if root != checkpoint.root => Err(Problem::new(Code::ForkDetected, "log")
                .found(format!("root {root} at {} leaves", checkpoint.size))
                .expected(format!("root {}, as this node once signed", checkpoint.root))),
            Some(_) => Ok(()),
        }
    }
}
