//! When people were last there.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{Timestamp, UserId};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use crate::ports::{AccountStore, Clock};

/// How long those who left are collected.
const GATHERING: Duration = Duration::from_secs(5);
/// Those who may wait to be written; of more it is not known when they left.
const MOST: usize = 65_536;

/// Notes when people left, and writes it down for many at once. Cheap to clone.
#[derive(Clone)]
pub struct LastSeen {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Arc<dyn Clock>,
    // HeldCount for a look-up.
    gone: Mutex<BTreeMap<UserId, Timestamp>>,
    noted: Notify,
    closed: watch::Sender<bool>,
}

impl LastSeen {
    /// The recorder, and the task that has to be run for it.
    #[must_use]
    pub fn new(accounts: Arc<dyn AccountStore>, clock: Arc<dyn Clock>) -> (Self, LastSeenTask) {
        let shared = Arc::new(Shared {
            clock,
            gone: Mutex::default(),
            noted: Notify::new(),
            closed: watch::Sender::new(false),
        });
        (Self { shared: Arc::clone(&shared) }, LastSeenTask { shared, accounts })
    }

    /// The last connection of somebody to this node has ended.
    pub fn left(&self, user: UserId) {
        let now = self.shared.clock.now();
        let mut gone = self.shared.gone();
        if gone.len() < MOST || gone.contains_key(&user) {
            gone.insert(user, now);
        }
        drop(gone);
        self.shared.noted.notify_one();
    }

    /// Ends the task once everything has been written.
    pub fn close(&self) {
        self.shared.closed.send_replace(true);
    }
}

impl fmt::Debug for LastSeen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LastSeen").finish_non_exhaustive()
    }
}

impl Shared {
    fn gone(&self) -> MutexGuard<'_, BTreeMap<UserId, Timestamp>> {
        // One call changes it at a time, so a panic elsewhere does no harm.
        self.gone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn closing(&self) {
        // The sender is here, so that this ends only by being true.
        drop(self.closed.subscribe().wait_for(|closed| *closed).await);
    }
}

/// The working side of [`LastSeen`].
pub struct LastSeenTask {
    shared: Arc<Shared>,
    accounts: Arc<dyn AccountStore>,
}

impl LastSeenTask {
    /// Runs until [`LastSeen::close`].
    pub async fn run(self) {
        loop {
            tokio::select! {
                () = self.shared.noted.notified() => {}
                () = self.shared.closing() => {}
            }
            // Others may leave soon after.
            drop(timeout(GATHERING, self.shared.closing()).await);
            let is_last = *self.shared.closed.borrow();
            self.write().await;
            if is_last {
                return;
            }
        }
    }

    async fn write(&self) {
        let gone = std::mem::take(&mut *self.shared.gone());
        if gone.is_empty() {
            return;
        }
        let moments: Vec<_> = gone.into_iter().collect();
        if let Err(error) = self.accounts.seen(&moments).await {
            tracing::warn!(
                users = moments.len(),
                error = &error as &dyn std::error::Error,
                "it could not be written down when they were last seen"
            );
            let mut gone = self.shared.gone();
            let room = MOST.saturating_sub(gone.len());
            for (user, at) in moments.into_iter().take(room) {
                // Whoever left again meanwhile did so later.
                gone.entry(user).or_insert(at);
            }
            drop(gone);
            self.shared.noted.notify_one();
        }
    }
}
