//! Looking up whose an id is.

use std::sync::Arc;

use domain::{Account, UserId};

use crate::ports::{AccountStore, BackendError};

/// Tells to whom an id belongs. Cheap to clone.
#[derive(Clone)]
pub struct FindAccount {
    accounts: Arc<dyn AccountStore>,
}

impl FindAccount {
    /// Over a store.
    #[must_use]
    pub fn new(accounts: Arc<dyn AccountStore>) -> Self {
        Self { accounts }
    }

    /// The account of this id, active or not.
    pub async fn execute(&self, id: UserId) -> Result<Option<Account>, BackendError> {
        self.accounts.by_id(id).await
    }
}
