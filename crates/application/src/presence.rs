//! Tracks the users online on all nodes, and broadcasts joins and leaves.

mod exchange;
mod state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::Username;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout_at};

use crate::ports::{Delivery, LocalBroadcast, PresenceUpdate, RosterExchange};
use exchange::Exchanger;
use state::{Counts, Pending, PresenceState};

/// Shortest time between two lists, when coalescing.
const LIST_INTERVAL: Duration = Duration::from_millis(100);
/// Bandwidth that lists may use in total, when coalescing.
const LIST_BYTES_PER_SECOND: u64 = 20_000_000;

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
        self.shared.state().move_here((user.clone(), true));
        self.shared.notify_all();
    }

    /// Records that such a connection closed.
    pub fn leave(&self, user: &Username) {
        if self.shared.state().move_here((user.clone(), false)) {
            self.shared.notify_all();
        }
    }

    /// Returns the user's number of connections on all nodes.
    #[must_use]
    pub fn connections(&self, user: &Username) -> usize {
        self.shared.state().online.get(user)
    }

    /// Returns everyone online, each once, sorted by code point.
    #[must_use]
    pub fn online(&self) -> Vec<Username> {
        self.shared.state().online.names()
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

struct Broadcaster {
    shared: Arc<Shared>,
    local_broadcast: Arc<dyn LocalBroadcast>,
    /// The state as last broadcast, when not coalescing.
    published: Counts,
}

impl Broadcaster {
    fn new(shared: Arc<Shared>, local_broadcast: Arc<dyn LocalBroadcast>) -> Self {
        Self { shared, local_broadcast, published: Counts::default() }
    }

    async fn run(mut self) {
        loop {
            tokio::select! {
                () = self.shared.moved.notified() => {}
                () = self.shared.closing() => {}
            }
            while let Some((update, pause)) = self.take() {
                let next = Instant::now() + pause;
                self.local_broadcast.deliver(Delivery::Presence(Arc::new(update))).await;
                // On shutdown the rest is broadcast immediately.
                drop(timeout_at(next, self.shared.closing()).await);
            }
            if self.shared.is_closed() {
                return;
            }
        }
    }

    /// Returns the next update, and the minimum wait after it.
    fn take(&mut self) -> Option<(PresenceUpdate, Duration)> {
        let mut state = self.shared.state();
        let moves = match state.take_pending() {
            Pending::Nothing => return None,
            Pending::One(step) => {
                drop(state);
                self.published.apply(&(step.user.clone(), step.joined));
                let update = PresenceUpdate { moves: vec![step], online: self.published.names() };
                return Some((update, Duration::ZERO));
            }
            Pending::TooMany(online) => {
                self.published = online;
                Vec::new()
            }
            Pending::Together(moves) => moves,
        };
        let (online, sockets) = (state.online.names(), state.connections_here as u64);
        drop(state);
        let bytes: u64 = online.iter().map(|name| name.as_str().len() as u64 + 3).sum();
        let afforded = Duration::from_micros(
            bytes.saturating_mul(sockets).saturating_mul(1_000_000) / LIST_BYTES_PER_SECOND,
        );
        Some((PresenceUpdate { moves, online }, afforded.max(LIST_INTERVAL)))
    }
}
