//! Broadcasts presence to the local sockets.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::Shared;
use super::state::{Counts, Pending};
use crate::ports::{Delivery, LocalBroadcast, PresenceUpdate};

/// Shortest time between two lists, when coalescing.
const LIST_INTERVAL: Duration = Duration::from_millis(100);
/// Bandwidth that lists may use in total, when coalescing.
const LIST_BYTES_PER_SECOND: u64 = 20_000_000;

pub(super) struct Broadcaster {
    shared: Arc<Shared>,
    local_broadcast: Arc<dyn LocalBroadcast>,
    /// The state as last broadcast, when not coalescing.
    published: Counts,
}

impl Broadcaster {
    pub(super) fn new(shared: Arc<Shared>, local_broadcast: Arc<dyn LocalBroadcast>) -> Self {
        Self { shared, local_broadcast, published: Counts::default() }
    }

    pub(super) async fn run(mut self) {
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
        let (online, sockets) = (state.names(), state.connections_here() as u64);
        drop(state);
        let bytes: u64 = online.iter().map(|name| name.as_str().len() as u64 + 3).sum();
        let afforded = Duration::from_micros(
            bytes.saturating_mul(sockets).saturating_mul(1_000_000) / LIST_BYTES_PER_SECOND,
        );
        Some((PresenceUpdate { moves, online }, afforded.max(LIST_INTERVAL)))
    }
}
