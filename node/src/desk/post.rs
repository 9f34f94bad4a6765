//! What is to be sent to connected peers at once: receipts, refusals, and what the outbox has due.
//!
//! Nothing here is durable: what a lost connection swallows is asked for again by whoever misses it.

use std::collections::{HashMap, HashSet, VecDeque};

use ogic_certs::certificate::Certificate;
use ogic_certs::cose::Sign1;
use ogic_certs::{AgencyId, Digest, Result, Timestamp};

use super::custody::notice_signers;
use super::fact::{Fact, Parcel};
use super::{Desk, SentState};
use crate::exchange::message::{CERTIFICATES_MAX, Carried, Message};
use crate::exchange::session::StreamKind;
use crate::log::Disk;
use crate::store::Store;

/// Most messages that wait for one connected peer; beyond that it reads too slowly, and will ask again.
const QUEUE_MAX: usize = 8192;

/// Outgoing messages by peer.
#[derive(Debug, Default)]
pub(super) struct Post {
    peers: HashMap<AgencyId, PeerPost>,
}

#[derive(Debug, Default)]
struct PeerPost {
    queue: VecDeque<Message>,
    /// Certificates travel once a connection and stream.
    shown: HashSet<(StreamKind, Digest)>,
}

impl Post {
    /// Queues a message for a peer; for one that is not connected it is dropped.
    pub(super) fn push(&mut self, peer: &AgencyId, message: Message) {
        if let Some(post) = self.peers.get_mut(peer)
            && post.queue.len() < QUEUE_MAX
        {
            post.queue.push_back(message);
        }
    }

    pub(super) fn connected(&mut self, peer: &AgencyId) {
        self.peers.insert(peer.clone(), PeerPost::default());
    }

    pub(super) fn disconnected(&mut self, peer: &AgencyId) {
        self.peers.remove(peer);
    }

    pub(super) fn connected_peers(&self) -> impl Iterator<Item = &AgencyId> {
        self.peers.keys()
    }

    pub(super) fn is_connected(&self, peer: &AgencyId) -> bool {
        self.peers.contains_key(peer)
    }

    /// Of `certificates` those that the peer was not shown yet on this stream.
    fn unshown(&mut self, peer: &AgencyId, kind: StreamKind, certificates: &[Certificate]) -> Vec<Message> {
        let Some(post) = self.peers.get_mut(peer) else { return Vec::new() };
        let new: Vec<Vec<u8>> = certificates
            .iter()
            .filter(|certificate| post.shown.insert((kind, certificate.digest())))
            .map(|certificate| certificate.der().to_vec())
            .collect();
        new.chunks(CERTIFICATES_MAX).map(|some| Message::Certificates(some.to_vec())).collect()
    }
}

impl<D: Disk, S: Store> Desk<D, S> {
    /// The next messages for a connected peer, at most about `max`, each with its stream.
    pub fn poll_messages(
        &mut self,
        peer: &AgencyId,
        now: Timestamp,
        max: usize,
    ) -> Vec<(StreamKind, Message)> {
        let mut messages = Vec::new();
        if !self.post.is_connected(peer) {
            return messages;
        }
        let seal = self.seal_certificates();
        while messages.len() < max {
            let next = self.post.peers.get_mut(peer).and_then(|post| post.queue.pop_front());
            let Some(message) = next else { break };
            let shown = self.post.unshown(peer, StreamKind::Control, &seal);
            messages.extend(shown.into_iter().map(|message| (StreamKind::Control, message)));
            messages.push((StreamKind::Control, message));
        }
        while messages.len() < max {
            let Some(id) = self.outbox.poll_send(peer, now) else { break };
            match self.parcel(&id) {
                Ok(Some(parcel)) => {
                    let mut certificates = seal.clone();
                    let signers = notice_signers(&parcel).into_iter().chain(approver(&parcel));
                    certificates.extend(self.book.certificates_of(signers, now));
                    let shown = self.post.unshown(peer, StreamKind::Events, &certificates);
                    messages.extend(shown.into_iter().map(|message| (StreamKind::Events, message)));
                    messages.push((StreamKind::Events, parcel_message(parcel)));
                }
                Ok(None) => drop(self.outbox.done(&id)),
                Err(problem) => {
                    self.outbox.park(&id, problem);
                }
            }
        }
        messages
    }

    /// The bytes of a message that is still to be delivered.
    pub(super) fn parcel(&self, id: &Digest) -> Result<Option<Parcel>> {
        let Some(sent) = self.book.sent.get(id) else { return Ok(None) };
        if matches!(sent.state, SentState::Done { .. }) {
            return Ok(None);
        }
        let (kind, bytes) = self.log.read(sent.position)?;
        Ok(match Fact::from_entry(kind, &bytes)? {
            Fact::Put(put) => Some(put.parcel),
            _ => None,
        })
    }

    /// Our seal's certificate and those above it; the anchor itself need not travel.
    pub(super) fn seal_certificates(&self) -> Vec<Certificate> {
        self.settings.seal.chain().filter(|certificate| !certificate.is_self_signed()).cloned().collect()
    }
}

/// Who signed the approval of an event.
fn approver(parcel: &Parcel) -> Option<Digest> {
    let Parcel::Event { approval: Some(approval), .. } = parcel else { return None };
    Some(Sign1::parse_any(approval).ok()?.signer())
}

fn parcel_message(parcel: Parcel) -> Message {
    match parcel {
        Parcel::Event { header, body, approval } => Message::Event(Carried { header, body, approval }),
        Parcel::Notice(signed) => Message::Notice(signed),
    }
}
