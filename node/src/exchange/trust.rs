//! The trust that every connection of a process shares, replaced whole when registry or revocation data change.

use std::sync::Arc;

use ogic_certs::trust::Trust;
use tokio::sync::watch;

/// A handle to the present [`Trust`]. Cheap to clone; all clones see a replacement at once.
#[derive(Clone, Debug)]
pub struct SharedTrust(Arc<watch::Sender<Arc<Trust>>>);

impl SharedTrust {
    /// Begins with `trust`.
    pub fn new(trust: Trust) -> Self {
        Self(Arc::new(watch::Sender::new(Arc::new(trust))))
    }

    /// The present snapshot.
    pub fn current(&self) -> Arc<Trust> {
        Arc::clone(&self.0.borrow())
    }

    /// Puts a newer snapshot in its place. Whoever calls has accepted and persisted what it holds.
    pub fn replace(&self, trust: Trust) {
        self.0.send_replace(Arc::new(trust));
    }

    /// Tells of replacements from now on.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Trust>> {
        self.0.subscribe()
    }
}
