//! Tracks the users online on all nodes, and broadcasts joins and leaves.

mod broadcaster;
mod exchange;
mod other_nodes;
mod state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::Username;
use tokio::sync::{Notify, watch};

use crate::ports::{LocalBroadcast, RosterExchange};
use broadcaster::Broadcaster;
use exchange::Exchanger;
use state::PresenceState;

/// When joins and leaves are broadcast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PresenceTiming {
    /// Each at once, with the list at that moment.
    OneByOne,
    /// Together, as often as the size of the list permits; beyond 8 moves only the list.
    Coalesced,
}

/// Counts the connections of each online user. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Presence {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    // Locked for a look-up or a copy of the list.
    state: Mutex<PresenceState>,
    /// Wakes the broadcast to local sockets.
    moved: Notify,
    /// Wakes the announcement to other nodes.
    moved_here: Notify,
    closed: watch::Sender<bool>,
}

impl Presence {
    /// Also returns the task that the caller must run.
    #[must_use]
    pub fn new(
        local_broadcast: Arc<dyn LocalBroadcast>,
        exchange: Arc<dyn RosterExchange>,
        timing: PresenceTiming,
    ) -> (Self, PresenceTask) {
        let shared = Arc::new(Shared {
            state: Mutex::new(PresenceState::new(timing)),
            moved: Notify::new(),
            moved_here: Notify::new(),
            closed: watch::Sender::new(false),
        });
        let broadcaster = Broadcaster::new(Arc::clone(&shared), local_broadcast);
        let exchanger = Exchanger::new(Arc::clone(&shared), exchange);
        (Self { shared }, PresenceTask { broadcaster, exchanger })
    }

    /// Records a new connection of this user to this node.
    pub fn enter(&self, user: &Username) {
        self.shared.state().enter_here(user);
        self.shared.notify_all();
    }

    /// Records that such a connection closed.
    pub fn leave(&self, user: &Username) {
        if self.shared.state().leave_here(user) {
            self.shared.notify_all();
        }
    }

    /// Returns the user's number of connections on all nodes.
    #[must_use]
    pub fn connections(&self, user: &Username) -> usize {
        self.shared.state().connections(user)
    }

    /// Returns everyone online, each once, sorted by code point.
    #[must_use]
    pub fn online(&self) -> Vec<Username> {
        self.shared.state().names()
    }

    /// Ends the task after it has broadcast everything.
    pub fn close(&self) {
        self.shared.closed.send_replace(true);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, PresenceState> {
        // Counts change together, so a poisoned lock is harmless.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn notify_all(&self) {
        self.moved.notify_one();
        self.moved_here.notify_one();
    }

    fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    async fn closing(&self) {
        // `self` holds the sender, so this ends only when the value is true.
        drop(self.closed.subscribe().wait_for(|closed| *closed).await);
    }
}

/// The task behind [`Presence`].
pub struct PresenceTask {
    broadcaster: Broadcaster,
    exchanger: Exchanger,
}

impl PresenceTask {
    /// Runs until [`Presence::close`].
    pub async fn run(self) {
        tokio::join!(self.broadcaster.run(), self.exchanger.run());
    }
}
