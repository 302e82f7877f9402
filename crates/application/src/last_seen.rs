//! Records when users were last seen.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{Timestamp, UserId};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use crate::ports::{AccountStore, Clock, with_causes};

/// How long departures are collected before a write.
const COLLECT_TIME: Duration = Duration::from_secs(5);
/// Departures that may wait to be written; further ones are lost.
const MAX_WAITING: usize = 65_536;

/// Collects departures and writes them in batches. Cheap to clone.
#[derive(Clone)]
pub struct LastSeen {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Arc<dyn Clock>,
    // Locked for a look-up only.
    gone: Mutex<BTreeMap<UserId, Timestamp>>,
    noted: Notify,
    closed: watch::Sender<bool>,
}

impl LastSeen {
    /// Also returns the task that the caller must run.
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

    /// The user's last connection to this node closed.
    pub fn left(&self, user: UserId) {
        let now = self.shared.clock.now();
        let mut gone = self.shared.gone();
        if gone.len() < MAX_WAITING || gone.contains_key(&user) {
            gone.insert(user, now);
        }
        drop(gone);
        self.shared.noted.notify_one();
    }

    /// Ends the task after it has written everything.
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
        // Each call makes a single change, so a poisoned lock is harmless.
        self.gone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn closing(&self) {
        // `self` holds the sender, so this ends only when the value is true.
        drop(self.closed.subscribe().wait_for(|closed| *closed).await);
    }
}

/// The task behind [`LastSeen`].
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
            // Wait for more departures to write together.
            drop(timeout(COLLECT_TIME, self.shared.closing()).await);
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
                error = with_causes(&error),
                "failed to store last-seen times"
            );
            let mut gone = self.shared.gone();
            let free = MAX_WAITING.saturating_sub(gone.len());
            for (user, at) in moments.into_iter().take(free) {
                // A user who left again meanwhile has a later time.
                gone.entry(user).or_insert(at);
            }
            drop(gone);
            self.shared.noted.notify_one();
        }
    }
}
