//! Broadcasts presence to the local sockets.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::Shared;
use super::roll::{Counts, Untold};
use crate::ports::{Delivery, LocalBroadcast, PresenceUpdate};

/// Shortest time between two lists, when coalescing.
const LIST_INTERVAL: Duration = Duration::from_millis(100);
/// Bandwidth that lists may use in total, when coalescing.
const LIST_BYTES_PER_SECOND: u64 = 20_000_000;

pub(super) struct Teller {
    shared: Arc<Shared>,
    local_broadcast: Arc<dyn LocalBroadcast>,
    /// The state as last broadcast, when not coalescing.
    told: Counts,
}

impl Teller {
    pub(super) fn new(shared: Arc<Shared>, local_broadcast: Arc<dyn LocalBroadcast>) -> Self {
        Self { shared, local_broadcast, told: Counts::default() }
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
        let mut roll = self.shared.roll();
        let moves = match roll.take_untold() {
            Untold::Nothing => return None,
            Untold::One(step) => {
                drop(roll);
                self.told.apply(&step);
                let update = PresenceUpdate { moves: vec![step], online: self.told.names() };
                return Some((update, Duration::ZERO));
            }
            Untold::TooMany(online) => {
                self.told = online;
                Vec::new()
            }
            Untold::Together(moves) => moves,
        };
        let (online, sockets) = (roll.names(), roll.connections_here() as u64);
        drop(roll);
        let bytes: u64 = online.iter().map(|name| name.as_str().len() as u64 + 3).sum();
        let afforded = Duration::from_micros(
            bytes.saturating_mul(sockets).saturating_mul(1_000_000) / LIST_BYTES_PER_SECOND,
        );
        Some((PresenceUpdate { moves, online }, afforded.max(LIST_INTERVAL)))
    }
}
