//! Pings and idle time.

use std::cell::Cell;
use std::rc::Rc;

use tokio::time::{Duration, Instant};

use super::SocketTimeouts;
use crate::websocket::{Backlog, CloseCode, Outbox};

/// Pings a silent client, and closes it if it is gone.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    last_received: Rc<Cell<Instant>>,
    /// The times of the first and the newest ping since the last received bytes.
    pings: Cell<Option<(Instant, Instant)>>,
}

impl Heartbeat {
    pub(super) fn new(last_received: Rc<Cell<Instant>>) -> Self {
        Self { last_received, pings: Cell::new(None) }
    }

    /// Restarts the idle time. Called while the server does not read from the client.
    pub(crate) fn suspend(&self) {
        self.last_received.set(Instant::now());
    }

    pub(super) fn check(
        &self,
        outbox: &Outbox,
        now: Instant,
        ping_interval: Duration,
        timeouts: SocketTimeouts,
    ) {
        if outbox.is_stalled(now, timeouts.stall) {
            outbox.close(CloseCode::TryAgainLater, Backlog::Discard);
            return;
        }
        let last_received = self.last_received.get();
        let pings = self.pings.get().filter(|(_, newest)| *newest > last_received);
        let (first, newest) = pings.unzip();
        if first.is_some_and(|first| now.duration_since(first) >= timeouts.pong) {
            outbox.close(CloseCode::GoingAway, Backlog::Discard);
        } else if now.duration_since(newest.unwrap_or(last_received)) >= ping_interval {
            outbox.ping(&[]);
            self.pings.set(Some((first.unwrap_or(now), now)));
        } else {
            self.pings.set(pings);
        }
    }
}
