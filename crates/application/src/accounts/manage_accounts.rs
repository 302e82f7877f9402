//! Account management for administrators.

use std::sync::Arc;

use domain::{Account, Email, NameRule, Password, UserId, Username};

use super::{RegisterError, by_name};
use crate::ports::{AccountStore, BackendError, Clock, NewAccount, PasswordHasher};
use crate::security_log::administered;

/// The account commands of the command line.
#[derive(Clone)]
pub struct ManageAccounts {
    accounts: Arc<dyn AccountStore>,
    hasher: Arc<dyn PasswordHasher>,
    clock: Arc<dyn Clock>,
    names: NameRule,
}

impl ManageAccounts {
    #[must_use]
    pub fn new(
        accounts: Arc<dyn AccountStore>,
        hasher: Arc<dyn PasswordHasher>,
        clock: Arc<dyn Clock>,
        names: NameRule,
    ) -> Self {
        Self { accounts, hasher, clock, names }
    }

    /// Registers a superuser without a session.
    pub async fn create_superuser(
        &self,
        username: Username,
        email: Option<Email>,
        password: Password,
    ) -> Result<Account, RegisterError> {
        let password = self.hasher.hash(password).await?;
        let new = NewAccount {
            username,
            email,
            password,
            superuser: true,
            valid_from: self.clock.now(),
            names: self.names,
            first_session: None,
        };
        let account = self.accounts.create(new).await?;
        administered("superuser_created", account.id);
        Ok(account)
    }

    /// Sets a new password, and signs the account out everywhere.
    pub async fn set_password(
        &self,
        username: &str,
        password: Password,
    ) -> Result<(), ManageAccountsError> {
        let user = self.find(username).await?;
        let password = self.hasher.hash(password).await?;
        self.accounts.set_password(user, password).await.map_err(BackendError::from)?;
        administered("password_set", user);
        Ok(())
    }

    pub async fn set_active(
        &self,
        username: &str,
        active: bool,
    ) -> Result<(), ManageAccountsError> {
        let user = self.find(username).await?;
        self.accounts.set_active(user, active).await.map_err(BackendError::from)?;
        administered(if active { "account_enabled" } else { "account_disabled" }, user);
        Ok(())
    }

    async fn find(&self, username: &str) -> Result<UserId, ManageAccountsError> {
        let stored = by_name(&*self.accounts, username, self.names).await?;
        stored.map(|stored| stored.account.id).ok_or(ManageAccountsError::UnknownUser)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ManageAccountsError {
    #[error("no user of this name")]
    UnknownUser,
    #[error(transparent)]
    Backend(#[from] BackendError),
}
