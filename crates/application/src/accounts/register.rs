//! Signing up.

use std::sync::Arc;

use domain::{Email, Password, Username};

use super::{TokenPair, TokenPairs};
use crate::ports::{
    AccountStore, BackendError, Clock, CreateAccountError, NewAccount, PasswordHasher, RetryAfter,
    Taken,
};
use crate::{ClientAddress, Limits};

/// Registers an account and signs it in.
#[derive(Clone)]
pub struct Register {
    accounts: Arc<dyn AccountStore>,
    hasher: Arc<dyn PasswordHasher>,
    tokens: TokenPairs,
    clock: Arc<dyn Clock>,
    limits: Limits,
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
    /// Where it is wanted.
    pub address: ClientAddress,
}

impl Register {
    /// Over these ports.
    #[must_use]
    pub fn new(
        accounts: Arc<dyn AccountStore>,
        hasher: Arc<dyn PasswordHasher>,
        tokens: TokenPairs,
        clock: Arc<dyn Clock>,
        limits: Limits,
    ) -> Self {
        Self { accounts, hasher, tokens, clock, limits }
    }

    /// Which of these are in use, so that it can be told with whatever else is
    /// wrong, and no password is hashed for nothing.
    ///
    /// # Errors
    ///
    /// - [`RegisterError::Limited`] when the address asked too often.
    /// - [`RegisterError::Backend`] when the store itself failed.
    pub async fn taken(
        &self,
        address: ClientAddress,
        username: Option<&Username>,
        email: Option<&Email>,
    ) -> Result<Taken, RegisterError> {
        if username.is_none() && email.is_none() {
            return Ok(Taken::default());
        }
        self.limits.credentials(address).await?;
        Ok(self.accounts.taken(username, email).await?)
    }

    /// The first pair of tokens of a new account.
    ///
    /// # Errors
    ///
    /// - [`RegisterError::Taken`] when the name, the address or both are in use; nothing is stored.
    /// - [`RegisterError::Limited`] when too many were registered from the address.
    /// - [`RegisterError::Backend`] when a port failed; the account may be there, with a
    ///   session that nobody has.
    pub async fn execute(&self, command: RegisterCommand) -> Result<TokenPair, RegisterError> {
        let RegisterCommand { username, email, password, address } = command;
        self.limits.registration(address).await?;
        let password = self.hasher.hash(password).await?;
        let now = self.clock.now();
        let session = self.tokens.first(now);
        let first_session = Some(session.clone());
        let email = Some(email);
        let new = NewAccount { username, email, password, superuser: false, first_session };
        let account = self.accounts.create(new).await?;
        self.limits.registered(address, account.id).await;
        Ok(self.tokens.sign(&account, session.session, &session.first, now)?)
    }
}

/// Why nobody was registered.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// Somebody else has the name, the address, or both.
    #[error("username or e-mail address already in use")]
    Taken(Taken),
    /// Too many attempts.
    #[error(transparent)]
    Limited(#[from] RetryAfter),
    /// A port failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

impl From<CreateAccountError> for RegisterError {
    fn from(error: CreateAccountError) -> Self {
        match error {
            CreateAccountError::Taken(taken) => Self::Taken(taken),
            CreateAccountError::Store(error) => Self::Backend(error.into()),
        }
    }
}
