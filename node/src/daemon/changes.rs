//! Connections that came and went since the writer last looked, in that order.
//!
//! They have a queue of their own, since their tellers must not block, and must not be overtaken: were the end of a
//! connection heard before its beginning, the desk would take a peer for connected who is not, and keep what it has for
//! it.

use std::collections::VecDeque;
use std::sync::Mutex;

use ogic_certs::AgencyId;

use super::board::lock;
use crate::exchange::link::LinkId;

/// The queue. Bounded by the connections that there are: one that came and went unseen leaves nothing.
#[derive(Debug)]
pub(super) struct Changes<T>(Mutex<VecDeque<Change<T>>>);

/// What became of a connection.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Change<T> {
    Connected(AgencyId, LinkId, T),
    Disconnected(AgencyId, LinkId),
}

impl<T> Changes<T> {
    /// A connection is there.
    pub(super) fn connected(&self, peer: AgencyId, link: LinkId, with: T) {
        lock(&self.0).push_back(Change::Connected(peer, link, with));
    }

    /// A connection is gone.
    pub(super) fn disconnected(&self, peer: AgencyId, link: LinkId) {
        let mut changes = lock(&self.0);
        let unseen =
            changes.iter().position(|change| matches!(change, Change::Connected(_, l, _) if *l == link));
        match unseen {
            Some(at) => drop(changes.remove(at)),
            None => changes.push_back(Change::Disconnected(peer, link)),
        }
    }

    /// The oldest change that was not looked at.
    pub(super) fn next(&self) -> Option<Change<T>> {
        lock(&self.0).pop_front()
    }
}

impl<T> Default for Changes<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

#[cfg(test)]
mod tests {
    use ogic_certs::testing::agency;

    use super::Change::{Connected, Disconnected};
    use super::*;

    #[test]
    fn changes_keep_their_order_and_what_nobody_saw_leaves_nothing() {
        let (a, b) = (agency("a.example"), agency("b.example"));
        let changes = Changes::default();
        for n in 0..10_000 {
            changes.connected(a.clone(), LinkId(n), n);
            changes.disconnected(a.clone(), LinkId(n));
        }
        assert_eq!(changes.next(), None);
        changes.connected(a.clone(), LinkId(1), 1);
        assert_eq!(changes.next(), Some(Connected(a.clone(), LinkId(1), 1)));
        // Seen already: its end must be told, and before the one that comes after.
        changes.connected(b.clone(), LinkId(2), 2);
        changes.disconnected(a.clone(), LinkId(1));
        changes.connected(a.clone(), LinkId(3), 3);
        let all: Vec<_> = std::iter::from_fn(|| changes.next()).collect();
        assert_eq!(
            all,
            [Connected(b, LinkId(2), 2), Disconnected(a.clone(), LinkId(1)), Connected(a, LinkId(3), 3),]
        );
    }
}
