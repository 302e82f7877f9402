//! Looking somebody up.

use std::sync::Arc;

use domain::{Account, UserId};

use crate::ports::{AccountStore, BackendError};

/// Tells to whom an id or a name belongs. Cheap to clone.
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
    ///
    /// # Errors
    ///
    /// [`BackendError`] when the store itself failed.
    pub async fn execute(&self, id: UserId) -> Result<Option<Account>, BackendError> {
        self.accounts.by_id(id).await
    }

    /// The active account of exactly this name.
    ///
    /// # Errors
    ///
    /// [`BackendError`] when the store itself failed.
    pub async fn by_username(&self, name: &str) -> Result<Option<Account>, BackendError> {
        let stored = self.accounts.by_username(name).await?;
        Ok(stored.map(|stored| stored.account).filter(|account| account.active))
    }
}
