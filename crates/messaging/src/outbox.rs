//! What waits to be published.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Messages that may wait, and their bytes; what comes after is dropped.
const MESSAGES: usize = 4096;
const BYTES: usize = 4 * 1024 * 1024;

/// A message and its channel.
pub(crate) type Outgoing = (String, Vec<u8>);

/// A bounded queue that is emptied as a whole.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    // HeldCount for a push, or to take everything.
    waiting: Mutex<Waiting>,
    arrival: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    messages: Vec<Outgoing>,
    bytes: usize,
}

impl Outbox {
    pub(crate) fn push(&self, channel: String, payload: Vec<u8>) {
        let mut waiting = self.waiting();
        if waiting.messages.len() >= MESSAGES || waiting.bytes + payload.len() > BYTES {
            return;
        }
        waiting.bytes += payload.len();
        waiting.messages.push((channel, payload));
        drop(waiting);
        self.arrival.notify_one();
    }

    /// The same for what gives way to everything else.
    pub(crate) fn push_ephemeral(&self, channel: String, payload: Vec<u8>) {
        let has_room = self.waiting().messages.len() < MESSAGES / 2;
        if has_room {
            self.push(channel, payload);
        }
    }

    /// Everything that waits, and at least one message. Cancel-safe.
    pub(crate) async fn next(&self) -> Vec<Outgoing> {
        loop {
            // Holds a permit if something arrives after the look.
            let arrival = self.arrival.notified();
            let messages = self.take();
            if !messages.is_empty() {
                return messages;
            }
            arrival.await;
        }
    }

    /// Everything that waits.
    pub(crate) fn take(&self) -> Vec<Outgoing> {
        std::mem::take(&mut *self.waiting()).messages
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
