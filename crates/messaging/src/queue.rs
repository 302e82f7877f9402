//! A bounded queue between the ports, which never wait, and the Redis connections.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// When it is full, everything in it is dropped: all of it is best effort, and
/// the newest events make the reader look for what it missed.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    max_events: usize,
    max_bytes: usize,
    // Held for one push or pop, never across an await.
    queued: Mutex<Queued<T>>,
    arrival: Notify,
}

#[derive(Debug)]
struct Queued<T> {
    events: VecDeque<T>,
    bytes: usize,
}

impl<T> Queue<T> {
    pub(crate) fn new(max_events: usize, max_bytes: usize) -> Self {
        let queued = Mutex::new(Queued { events: VecDeque::new(), bytes: 0 });
        Self { max_events, max_bytes, queued, arrival: Notify::new() }
    }

    /// Returns whether older events were dropped. `bytes` counts until [`Queue::take`].
    pub(crate) fn push(&self, event: T, bytes: usize) -> bool {
        let mut queued = self.queued();
        let is_full =
            queued.events.len() >= self.max_events || queued.bytes + bytes > self.max_bytes;
        if is_full {
            queued.events.clear();
            queued.bytes = 0;
        }
        queued.bytes += bytes;
        queued.events.push_back(event);
        drop(queued);
        self.arrival.notify_one();
        is_full
    }

    /// Drops the event if the queue is half full.
    pub(crate) fn push_ephemeral(&self, event: T, bytes: usize) {
        let is_half_full = self.queued().events.len() >= self.max_events / 2;
        if !is_half_full {
            self.push(event, bytes);
        }
    }

    /// The next event, for one caller at a time. Cancel-safe.
    pub(crate) async fn next(&self) -> T {
        loop {
            // Created before the check, so that an arrival in between wakes it.
            let arrival = self.arrival.notified();
            let event = self.queued().events.pop_front();
            if let Some(event) = event {
                return event;
            }
            arrival.await;
        }
    }

    /// Takes everything.
    pub(crate) fn take(&self) -> VecDeque<T> {
        let mut queued = self.queued();
        queued.bytes = 0;
        std::mem::take(&mut queued.events)
    }

    fn queued(&self) -> MutexGuard<'_, Queued<T>> {
        self.queued.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
