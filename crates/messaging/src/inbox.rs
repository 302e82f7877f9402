//! What came from other nodes, until somebody takes it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// A bounded queue; past its capacity all that waits is dropped.
#[derive(Debug)]
pub(crate) struct Inbox<T> {
    // HeldCount for a push or a pop.
    waiting: Mutex<VecDeque<T>>,
    arrival: Notify,
}

/// Things that may wait.
const CAPACITY: usize = 1024;

impl<T> Inbox<T> {
    pub(crate) fn new() -> Self {
        Self { waiting: Mutex::new(VecDeque::new()), arrival: Notify::new() }
    }

    /// Says whether everything that waited had to be dropped for it.
    pub(crate) fn push(&self, thing: T) -> bool {
        let mut waiting = self.waiting();
        let is_full = waiting.len() >= CAPACITY;
        if is_full {
            waiting.clear();
        }
        waiting.push_back(thing);
        drop(waiting);
        self.arrival.notify_one();
        is_full
    }

    /// The same for what gives way to everything else.
    pub(crate) fn push_ephemeral(&self, thing: T) {
        let has_room = self.waiting().len() < CAPACITY / 2;
        if has_room {
            self.push(thing);
        }
    }

    /// The next, for one taker at a time. Cancel-safe.
    pub(crate) async fn next(&self) -> T {
        loop {
            // Holds a permit if something arrives after the look.
            let arrival = self.arrival.notified();
            let thing = self.waiting().pop_front();
            if let Some(thing) = thing {
                return thing;
            }
            arrival.await;
        }
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
