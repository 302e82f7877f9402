//! Another password.

use std::sync::Arc;

use domain::Password;

use super::sign_in::Proof;
use super::{SignIn, SignInCommand, SignInError, TokenPair};
use crate::Hub;
use crate::ports::{AccountStore, BackendError, PasswordHasher, RetryAfter};

/// Exchanges somebody's password for another.
#[derive(Clone)]
pub struct ChangePassword {
    accounts: Arc<dyn AccountStore>,
    hasher: Arc<dyn PasswordHasher>,
    sign_in: SignIn,
    hub: Hub,
}

impl ChangePassword {
    /// Over these ports, as somebody signs in, and the hub that knows the sockets.
    #[must_use]
    pub fn new(
        accounts: Arc<dyn AccountStore>,
        hasher: Arc<dyn PasswordHasher>,
        sign_in: SignIn,
        hub: Hub,
    ) -> Self {
        Self { accounts, hasher, sign_in, hub }
    }

    /// Sets a new password for who could sign in with `current`, and ends every session
    /// of before with its sockets; the first pair of a new one.
    pub async fn execute(
        &self,
        current: SignInCommand,
        new: Password,
    ) -> Result<TokenPair, ChangePasswordError> {
        let Proof { account, hash, turn, .. } = self.sign_in.prove(current).await?;
        self.sign_in.signed_in(turn, account.id).await;
        let new = self.hasher.hash(new).await?;
        let changed = self.accounts.change_password(account.id, &hash, new).await;
        // Whoever set another one meanwhile has made the current one wrong.
        let changed = changed.map_err(BackendError::from)?;
        let account = changed.ok_or(ChangePasswordError::WrongPassword)?;
        self.hub.rights_changed(account.id).await;
        match self.sign_in.open(&account).await {
            Err(SignInError::NoActiveAccount) => Err(ChangePasswordError::AccountChanged),
            opened => Ok(opened?),
        }
    }
}

/// Why there is no new password, or nobody is signed in with it.
#[derive(Debug, thiserror::Error)]
pub enum ChangePasswordError {
    /// The current one is another.
    #[error("this is not the current password")]
    WrongPassword,
    /// It is set, and the rights of the account ended at once by something else.
    #[error("the account has changed")]
    AccountChanged,
    /// Too many attempts.
    #[error(transparent)]
    Limited(#[from] RetryAfter),
    /// A port failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

impl From<SignInError> for ChangePasswordError {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::NoActiveAccount => Self::WrongPassword,
            SignInError::Limited(wait) => Self::Limited(wait),
            SignInError::Backend(error) => Self::Backend(error),
        }
    }
}
