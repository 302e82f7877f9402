//! Signing up.

use std::sync::Arc;

use domain::{Email, Password, Username};

use super::{TokenPair, TokenPairs};
use crate::ports::{
    AccountStore, BackendError, Clock, CreateAccountError, NewAccount, PasswordHasher,
};

/// Registers an account and signs it in.
#[derive(Clone)]
pub struct Register {
    accounts: Arc<dyn AccountStore>,
    hasher: Arc<dyn PasswordHasher>,
    tokens: TokenPairs,
    clock: Arc<dyn Clock>,
}

/// Who wants an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterCommand {
    /// Must not be in use.
    pub username: Username,
    /// Must not be in use.
    pub email: Email,
    /// As it is to be, outer white space taken off.
    pub password: Password,
}

impl Register {
    /// Over these ports.
    #[must_use]
    pub fn new(
        accounts: Arc<dyn AccountStore>,
        hasher: Arc<dyn PasswordHasher>,
        tokens: TokenPairs,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { accounts, hasher, tokens, clock }
    }

    /// The first pair of tokens of a new account.
    ///
    /// # Errors
    ///
    /// - [`RegisterError::Taken`] when the name, the address or both are in use; nothing is stored.
    /// - [`RegisterError::Backend`] when a port failed; the account may be there.
    pub async fn execute(&self, command: RegisterCommand) -> Result<TokenPair, RegisterError> {
        let RegisterCommand { username, email, password } = command;
        let password = self.hasher.hash(password).await?;
        let new = NewAccount { username, email: Some(email), password, superuser: false };
        let account = self.accounts.create(new).await?;
        Ok(self.tokens.open(&account, self.clock.now()).await?)
    }
}

/// Why nobody was registered.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// Somebody else has the name, the address, or both; at least one is set.
    #[error("username or e-mail address already in use")]
    Taken {
        /// The name is in use.
        username: bool,
        /// The address is in use.
        email: bool,
    },
    /// A port failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

impl From<CreateAccountError> for RegisterError {
    fn from(error: CreateAccountError) -> Self {
        match error {
            CreateAccountError::Taken { username, email } => Self::Taken { username, email },
            CreateAccountError::Store(error) => Self::Backend(error.into()),
        }
    }
}
