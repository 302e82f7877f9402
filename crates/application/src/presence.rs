//! Who is in the lobby, and what the others are told of comings and goings.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::Username;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::ports::{Delivery, Outlet, PresenceUpdate};

/// Comings and goings of one update that are still told one by one, when coalescing.
const TOLD: usize = 8;
/// Comings and goings that may wait to be told one by one, when not.
const WAITING: usize = 16 * 1024;
/// Shortest time between two lists, when coalescing…
const LIST_INTERVAL: Duration = Duration::from_millis(100);
/// …and the bytes per second that lists may take in all.
const LIST_BYTES_PER_SECOND: u64 = 20_000_000;

/// How comings and goings are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PresenceTiming {
    /// Each with the list as it then was, at once.
    OneByOne,
    /// Together, and no more often than the lists can be afforded; past 8 of
    /// them the list alone.
    Coalesced,
}

/// Counts the connections of everyone in the lobby. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Presence {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    // Held for a look-up, or for a copy of the list.
    state: Mutex<State>,
    moved: Notify,
    closing: Notify,
    timing: PresenceTiming,
}

#[derive(Debug, Default)]
struct State {
    /// Connections per name.
    online: BTreeMap<Username, usize>,
    connections: usize,
    /// Comings (`true`) and goings that were not told yet.
    moves: VecDeque<(Username, bool)>,
    /// There were more of them than are told.
    overflown: bool,
    closed: bool,
}

impl Presence {
    /// The roster, and the task that has to be run for it.
    #[must_use]
    pub fn new(outlet: Arc<dyn Outlet>, timing: PresenceTiming) -> (Self, PresenceTask) {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            moved: Notify::new(),
            closing: Notify::new(),
            timing,
        });
        let task = PresenceTask { shared: Arc::clone(&shared), outlet, told: BTreeMap::new() };
        (Self { shared }, task)
    }

    /// A connection of this user has come.
    pub fn enter(&self, user: &Username) {
        let mut state = self.shared.state();
        *state.online.entry(user.clone()).or_default() += 1;
        state.connections += 1;
        self.shared.moved(&mut state, user, true);
    }

    /// A connection of this user, that had come, has gone.
    pub fn leave(&self, user: &Username) {
        let mut state = self.shared.state();
        let Some(count) = state.online.get_mut(user) else { return };
        *count -= 1;
        if *count == 0 {
            state.online.remove(user);
        }
        state.connections -= 1;
        self.shared.moved(&mut state, user, false);
    }

    /// How many connections this user has.
    #[must_use]
    pub fn connections(&self, user: &Username) -> usize {
        self.shared.state().online.get(user).copied().unwrap_or(0)
    }

    /// Everyone who is there, each once, sorted by code point.
    #[must_use]
    pub fn online(&self) -> Vec<Username> {
        self.shared.state().online.keys().cloned().collect()
    }

    /// Ends the task once everything has been told.
    pub fn close(&self) {
        self.shared.state().closed = true;
        self.shared.moved.notify_one();
        self.shared.closing.notify_one();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Counts change together, so a panic elsewhere does no harm.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn moved(&self, state: &mut State, user: &Username, came: bool) {
        let limit = match self.timing {
            PresenceTiming::OneByOne => WAITING,
            PresenceTiming::Coalesced => TOLD,
        };
        if !state.overflown && state.moves.len() < limit {
            state.moves.push_back((user.clone(), came));
        } else {
            state.overflown = true;
            state.moves.clear();
        }
        self.moved.notify_one();
    }
}

/// The telling side of [`Presence`].
pub struct PresenceTask {
    shared: Arc<Shared>,
    outlet: Arc<dyn Outlet>,
    /// What has been told so far, when telling one by one.
    told: BTreeMap<Username, usize>,
}

impl PresenceTask {
    /// Runs until [`Presence::close`].
    pub async fn run(mut self) {
        loop {
            self.shared.moved.notified().await;
            while let Some((update, pause)) = self.take() {
                let next = Instant::now() + pause;
                self.outlet.deliver(Delivery::Presence(Arc::new(update))).await;
                // What is left is told at once when it is to end.
                if !self.shared.state().closed {
                    drop(timeout_at(next, self.shared.closing.notified()).await);
                }
            }
            if self.shared.state().closed {
                return;
            }
        }
    }

    /// What is to be told now, and how long nothing may follow it.
    fn take(&mut self) -> Option<(PresenceUpdate, Duration)> {
        let mut state = self.shared.state();
        let overflown = std::mem::take(&mut state.overflown);
        if state.moves.is_empty() && !overflown {
            return None;
        }
        match self.shared.timing {
            PresenceTiming::OneByOne if overflown => self.told.clone_from(&state.online),
            PresenceTiming::OneByOne => {
                let next = state.moves.pop_front()?;
                drop(state);
                return Some((self.told_after(next), Duration::ZERO));
            }
            PresenceTiming::Coalesced => {}
        }
        let moves: Vec<_> = state.moves.drain(..).collect();
        let online: Vec<_> = state.online.keys().cloned().collect();
        let sockets = state.connections as u64;
        drop(state);
        let bytes: u64 = online.iter().map(|name| name.as_str().len() as u64 + 3).sum();
        let afforded = Duration::from_micros(
            bytes.saturating_mul(sockets).saturating_mul(1_000_000) / LIST_BYTES_PER_SECOND,
        );
        Some((PresenceUpdate { moves, online }, afforded.max(LIST_INTERVAL)))
    }

    fn told_after(&mut self, (user, came): (Username, bool)) -> PresenceUpdate {
        if came {
            *self.told.entry(user.clone()).or_default() += 1;
        } else if let Some(count) = self.told.get_mut(&user) {
            *count -= 1;
            if *count == 0 {
                self.told.remove(&user);
            }
        }
        PresenceUpdate { moves: vec![(user, came)], online: self.told.keys().cloned().collect() }
    }
}
