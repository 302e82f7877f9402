//! Whether a client is still there.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use crate::websocket::{Backlog, Outbox};

/// How long a client may do nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeartbeatSettings {
    /// A silent client is pinged this often.
    pub(crate) ping_interval: Duration,
    /// A client that leaves a ping unanswered for so long is given up.
    pub(crate) pong_timeout: Duration,
    /// A client that reads nothing for so long is given up.
    pub(crate) stall_timeout: Duration,
}

/// Pings a client that is silent, and notices when it is gone.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    heard: Rc<Cell<Instant>>,
    /// The pings since it was last heard: the first, and the newest.
    pings: Cell<Option<(Instant, Instant)>>,
}

impl Heartbeat {
    /// `heard` is when anything last came from the client.
    pub(crate) fn new(heard: Rc<Cell<Instant>>) -> Self {
        Self { heard, pings: Cell::new(None) }
    }

    /// It cannot say anything while it is not heard, and so is not silent.
    pub(crate) fn left_unheard(&self) {
        self.heard.set(Instant::now());
    }

    /// Pings a silent client, and gives up one that does not answer or read.
    pub(crate) fn check(&self, outbox: &Outbox, now: Instant, limits: HeartbeatSettings) {
        if outbox.is_stalled(now, limits.stall_timeout) {
            outbox.close(Some(1013), Backlog::Discard);
            return;
        }
        let heard = self.heard.get();
        let pings = self.pings.get().filter(|(_, newest)| *newest > heard);
        let (first, newest) = pings.unzip();
        if first.is_some_and(|first| now.duration_since(first) >= limits.pong_timeout) {
            outbox.close(Some(1001), Backlog::Discard);
        } else if now.duration_since(newest.unwrap_or(heard)) >= limits.ping_interval {
            outbox.ping();
            self.pings.set(Some((first.unwrap_or(now), now)));
        } else {
            self.pings.set(pings);
        }
    }
}
