//! Limits costly requests to one at a time per account.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::UserId;

use crate::ports::RetryAfter;

/// `Retry-After` of a refused request.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// The accounts with a running request. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct PerUserGuards(Arc<Mutex<HashSet<UserId>>>);

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

    /// Never held across an await.
    fn users(&self) -> MutexGuard<'_, HashSet<UserId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PerUserGuard {
    fn drop(&mut self) {
        self.guards.users().remove(&self.user);
    }
}
