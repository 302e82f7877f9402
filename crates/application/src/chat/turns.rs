//! What each account does once at a time.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::UserId;

use crate::ports::RetryAfter;

/// When to ask again.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who has a turn now. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Turns(Arc<Mutex<HashSet<UserId>>>);

/// The one turn of an account, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Turns,
    user: UserId,
}

impl Turns {
    pub(super) fn enter(&self, user: UserId) -> Result<Turn, RetryAfter> {
        if !self.users().insert(user) {
            return Err(RetryAfter(PATIENCE));
        }
        Ok(Turn { turns: self.clone(), user })
    }

    /// Never held across an await.
    fn users(&self) -> MutexGuard<'_, HashSet<UserId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.users().remove(&self.user);
    }
}
