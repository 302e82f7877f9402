//! Signing in.

use std::sync::Arc;

use domain::{Account, Password, PasswordHash, UserId};

use super::{TokenPair, TokenPairs};
use crate::ports::{
    AccountStore, BackendError, Clock, OpenSessionError, PasswordHasher, RetryAfter, StoredAccount,
    Verdict,
};
use crate::{ClientAddress, Limits, SignInAttempt, SignInAttemptError};

/// Exchanges a name and a password for tokens.
#[derive(Clone)]
pub struct SignIn {
    accounts: Arc<dyn AccountStore>,
    hasher: Arc<dyn PasswordHasher>,
    tokens: TokenPairs,
    clock: Arc<dyn Clock>,
    limits: Limits,
}

/// Who claims to be whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInCommand {
    /// Any text; compared as it is.
    pub username: String,
    /// Outer white space taken off.
    pub password: Password,
    /// Where it is claimed.
    pub address: ClientAddress,
}

/// That somebody is who it claims to be.
pub(super) struct Proof {
    pub(super) account: Account,
    /// Of the password that it has.
    pub(super) hash: PasswordHash,
    is_outdated: bool,
    pub(super) turn: SignInAttempt,
}

impl SignIn {
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

    /// The first pair of tokens of a new session. An outdated hash of the
    /// password is replaced.
    ///
    /// # Errors
    ///
    /// - [`SignInError::NoActiveAccount`] for an unknown name, a wrong password and a
    ///   disabled account alike, each after one comparison; and when the account was
    ///   changed meanwhile.
    /// - [`SignInError::Limited`] when the address tried too often, or the account
    ///   was tried too often; nothing was compared.
    /// - [`SignInError::Backend`] when a port failed.
    pub async fn execute(&self, command: SignInCommand) -> Result<TokenPair, SignInError> {
        let password = command.password.clone();
        let Proof { account, hash, is_outdated, turn } = self.prove(command).await?;
        if is_outdated && let Err(error) = self.rehash(account.id, &hash, password).await {
            // The old hash still does; the next sign-in tries again.
            tracing::warn!(
                user.id = account.id.get(),
                error = &error as &dyn std::error::Error,
                "an outdated password hash could not be replaced"
            );
        }
        let pair = self.open(&account).await?;
        self.signed_in(turn, account.id).await;
        Ok(pair)
    }

    /// Whether somebody is who it claims to be; a failure until [`Self::signed_in`].
    pub(super) async fn prove(&self, command: SignInCommand) -> Result<Proof, SignInError> {
        let SignInCommand { username, password, address } = command;
        self.limits.credentials(address).await?;
        let stored = self.accounts.by_username(&username).await?;
        // After the look-up: while the store is away, nothing counts as a failure.
        let user = stored.as_ref().map(|stored| stored.account.id);
        let turn = self.limits.sign_in(address, &username, user).await?;
        let Some(StoredAccount { account, password: hash }) = stored else {
            self.hasher.verify(password, None).await?;
            return Err(SignInError::NoActiveAccount);
        };
        let verdict = self.hasher.verify(password, Some(hash.clone())).await?;
        if verdict == Verdict::Mismatch || !account.active {
            return Err(SignInError::NoActiveAccount);
        }
        Ok(Proof { account, hash, is_outdated: verdict == Verdict::MatchOutdated, turn })
    }

    /// The first pair of a new session.
    pub(super) async fn open(&self, account: &Account) -> Result<TokenPair, SignInError> {
        self.tokens.open(account, self.clock.now()).await
    }

    pub(super) async fn signed_in(&self, turn: SignInAttempt, user: UserId) {
        self.limits.signed_in(turn, user).await;
    }

    async fn rehash(
        &self,
        user: UserId,
        old: &PasswordHash,
        password: Password,
    ) -> Result<(), BackendError> {
        let new = self.hasher.hash(password).await?;
        // Not replaced means that another password was set meanwhile: that one counts.
        self.accounts.rehash(user, old, new).await?;
        Ok(())
    }
}

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// No active account has this name and this password.
    #[error("no active account with these credentials")]
    NoActiveAccount,
    /// Too many attempts.
    #[error(transparent)]
    Limited(#[from] RetryAfter),
    /// A port failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

impl From<SignInAttemptError> for SignInError {
    fn from(error: SignInAttemptError) -> Self {
        match error {
            SignInAttemptError::Limited(wait) => Self::Limited(wait),
            SignInAttemptError::Backend(error) => Self::Backend(error),
        }
    }
}

impl From<OpenSessionError> for SignInError {
    fn from(error: OpenSessionError) -> Self {
        match error {
            OpenSessionError::AccountChanged => Self::NoActiveAccount,
            OpenSessionError::Store(error) => Self::Backend(error.into()),
        }
    }
}
