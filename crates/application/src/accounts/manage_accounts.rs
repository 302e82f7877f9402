//! What an administrator does with accounts.

use std::sync::Arc;

use domain::{Account, Email, Password, UserId, Username};

use super::RegisterError;
use crate::ports::{AccountStore, BackendError, NewAccount, PasswordHasher};

/// What an administrator does with accounts, from the command line.
#[derive(Clone)]
pub struct ManageAccounts {
    accounts: Arc<dyn AccountStore>,
    hasher: Arc<dyn PasswordHasher>,
}

impl ManageAccounts {
    /// Over these ports.
    #[must_use]
    pub fn new(accounts: Arc<dyn AccountStore>, hasher: Arc<dyn PasswordHasher>) -> Self {
        Self { accounts, hasher }
    }

    /// Registers an account that may moderate, signed in nowhere.
    pub async fn create_superuser(
        &self,
        username: Username,
        email: Option<Email>,
        password: Password,
    ) -> Result<Account, RegisterError> {
        let password = self.hasher.hash(password).await?;
        let new = NewAccount { username, email, password, superuser: true, first_session: None };
        Ok(self.accounts.create(new).await?)
    }

    /// Sets a new password, and signs the account out everywhere.
    pub async fn set_password(
        &self,
        username: &str,
        password: Password,
    ) -> Result<(), ManageAccountsError> {
        let user = self.find(username).await?;
        let password = self.hasher.hash(password).await?;
        Ok(self.accounts.set_password(user, password).await.map_err(BackendError::from)?)
    }

    /// Disables or enables an account.
    pub async fn set_active(
        &self,
        username: &str,
        active: bool,
    ) -> Result<(), ManageAccountsError> {
        let user = self.find(username).await?;
        Ok(self.accounts.set_active(user, active).await.map_err(BackendError::from)?)
    }

    async fn find(&self, username: &str) -> Result<UserId, ManageAccountsError> {
        let stored = self.accounts.by_username(username).await?;
        stored.map(|stored| stored.account.id).ok_or(ManageAccountsError::UnknownUser)
    }
}

/// Why an account was left as it was.
#[derive(Debug, thiserror::Error)]
pub enum ManageAccountsError {
    /// Nobody has this name.
    #[error("no user of this name")]
    UnknownUser,
    /// A port failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
}
