//! Limits costly requests to one at a time per account.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::UserId;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::ports::RetryAfter;

/// `Retry-After` of a refused request.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// The accounts with a running request. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct PerUserGuards {
    running: Arc<Mutex<HashSet<UserId>>>,
    /// Wakes those who wait whenever a request ends.
    ended: Arc<Notify>,
}

/// Marks a request of an account as running until it is dropped.
#[derive(Debug)]
pub(super) struct PerUserGuard {
    guards: PerUserGuards,
    user: UserId,
}

impl PerUserGuards {
    pub(super) fn enter(&self, user: UserId) -> Result<PerUserGuard, RetryAfter> {
        if !self.users().insert(user) {
            return Err(RetryAfter(RETRY_AFTER));
        }
        Ok(PerUserGuard { guards: self.clone(), user })
    }

    /// Waits while another request of the account runs, at most this long.
    pub(super) async fn enter_within(
        &self,
        most: Duration,
        user: UserId,
    ) -> Result<PerUserGuard, RetryAfter> {
        let entering = async {
            loop {
                // Created first, so that it sees a request that ends meanwhile.
                let ended = self.ended.notified();
                match self.enter(user) {
                    Ok(guard) => return guard,
                    Err(_) => ended.await,
                }
            }
        };
        timeout(most, entering).await.map_err(|_elapsed| RetryAfter(RETRY_AFTER))
    }

    /// Never held across an await.
    fn users(&self) -> MutexGuard<'_, HashSet<UserId>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PerUserGuard {
    fn drop(&mut self) {
        self.guards.users().remove(&self.user);
        self.guards.ended.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::UserId;
    use tokio::join;

    use super::PerUserGuards;

    const MOST: Duration = Duration::from_secs(5);

    #[tokio::test(start_paused = true)]
    async fn requests_of_one_user_wait_for_each_other_up_to_a_time() {
        let guards = PerUserGuards::default();
        let (ann, bob) = (UserId::new(1), UserId::new(2));
        let first = guards.enter_within(MOST, ann).await.unwrap();

        assert!(guards.enter_within(MOST, bob).await.is_ok());
        assert!(guards.enter_within(MOST, ann).await.is_err());
        let waiting = || async { guards.enter_within(MOST, ann).await.map(drop) };
        let (second, third, ()) = join!(waiting(), waiting(), async { drop(first) });

        assert_eq!((second, third), (Ok(()), Ok(())));
        assert!(guards.enter(ann).is_ok());
    }
}
