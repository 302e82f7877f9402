//! Signing in, and changing a password.

use domain::{Account, NameRule, Password, PasswordHash, UserId, Username};

use super::hashing_queue::{HasherBusy, Place};
use super::{Accounts, TokenPair, by_name};
use crate::ports::{
    Audience, BackendError, OpenSessionError, RetryAfter, StoredAccount, Verdict, with_causes,
};
use crate::{ClientAddress, SignInAttempt};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInCommand {
    /// Any text.
    pub username: String,
    pub password: Password,
    pub address: ClientAddress,
    /// For which API the tokens are.
    pub audience: Audience,
}

/// The account whose password a client knows.
struct Authenticated {
    account: Account,
    hash: PasswordHash,
    is_outdated: bool,
    attempt: SignInAttempt,
    /// For one more hash.
    place: Place,
}

impl Accounts {
    /// Opens a session, and returns its first token pair. Replaces an outdated hash of the
    /// password.
    ///
    /// An unknown name, a wrong password and a disabled account all take one comparison,
    /// and are the same error.
    pub async fn sign_in(&self, command: SignInCommand) -> Result<TokenPair, SignInError> {
        let SignInCommand { password, address, audience, .. } = command.clone();
        let Authenticated { account, hash, is_outdated, attempt, place } =
            self.check_password(command).await?;
        if is_outdated && let Err(error) = self.rehash(account.id, &hash, password).await {
            tracing::warn!(
                user.id = account.id.get(),
                error = with_causes(&error),
                "an outdated password hash was not replaced; the next sign-in tries again"
            );
        }
        drop(place);
        let pair = self.open_session(&account, audience).await?;
        self.limits.signed_in(attempt, account.id).await;
        self.log.signed_in(account.id, address);
        Ok(pair)
    }

    /// Counts as a failed attempt until [`crate::Limits::signed_in`].
    async fn check_password(&self, command: SignInCommand) -> Result<Authenticated, SignInError> {
        let SignInCommand { username, password, address, .. } = command;
        self.limits.credentials(address).await?;
        let stored = by_name(&*self.ports.accounts, &username, self.names).await?;
        // After the look-up: an unreachable store is not a failed attempt.
        let user = stored.as_ref().map(|stored| stored.account.id);
        // All spellings of a name count together.
        let counted = match (&stored, self.names) {
            (Some(stored), _) => stored.account.username.as_str().to_owned(),
            (None, NameRule::Folded) => Username::key_of(&username).unwrap_or(username),
            (None, NameRule::Exact) => username,
        };
        let from = self.limits.sign_in_from(address, user).await?;
        // Before the attempt is counted: an attempt that finds no place costs nothing.
        let place = self.hashing.enter(address, from.is_known())?;
        let attempt = self.limits.sign_in(from, &counted).await;
        let attempt = attempt.inspect_err(|_| self.log.sign_in_delayed(user, address))?;
        // A match would be faster than a mismatch, and so tell whether a disabled account has this
        // password.
        let active = stored.filter(|stored| stored.account.active);
        let Some(StoredAccount { account, password: hash }) = active else {
            self.ports.hasher.verify(password, None).await?;
            self.log.sign_in_failed(user, address);
            return Err(SignInError::NoActiveAccount);
        };
        let verdict = self.ports.hasher.verify(password, Some(hash.clone())).await?;
        if verdict == Verdict::Mismatch {
            self.log.sign_in_failed(user, address);
            return Err(SignInError::NoActiveAccount);
        }
        let is_outdated = verdict == Verdict::MatchOutdated;
        Ok(Authenticated { account, hash, is_outdated, attempt, place })
    }

    async fn rehash(
        &self,
        user: UserId,
        old: &PasswordHash,
        password: Password,
    ) -> Result<(), BackendError> {
        let new = self.ports.hasher.hash(password).await?;
        // A password that was changed meanwhile stays.
        self.ports.accounts.rehash(user, old, new).await?;
        Ok(())
    }

    /// Sets a new password for a client that could sign in with `current`, ends every
    /// earlier session with its sockets, and opens a new one.
    pub async fn change_password(
        &self,
        current: SignInCommand,
        new: Password,
    ) -> Result<TokenPair, ChangePasswordError> {
        let SignInCommand { address, audience, .. } = current;
        let Authenticated { account, hash, attempt, place, .. } =
            self.check_password(current).await?;
        self.limits.signed_in(attempt, account.id).await;
        let new = self.ports.hasher.hash(new).await?;
        drop(place);
        let changed = self.ports.accounts.change_password(account.id, &hash, new).await;
        let changed = changed.map_err(BackendError::from)?;
        // Another call changed the password meanwhile, so `current` was wrong by then.
        let account = changed.ok_or(ChangePasswordError::WrongPassword)?;
        self.log.password_changed(account.id, address);
        self.hub.rights_changed(account.id).await;
        match self.open_session(&account, audience).await {
            Err(SignInError::NoActiveAccount) => Err(ChangePasswordError::AccountChanged),
            opened => Ok(opened?),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// No active account has this name and this password, or it was changed meanwhile.
    #[error("no active account with these credentials")]
    NoActiveAccount,
    /// The address or the account had too many attempts; no password was compared.
    #[error(transparent)]
    Limited(#[from] RetryAfter),
    #[error(transparent)]
    Busy(#[from] HasherBusy),
    #[error(transparent)]
    Backend(#[from] BackendError),
}

impl From<OpenSessionError> for SignInError {
    fn from(error: OpenSessionError) -> Self {
        match error {
            OpenSessionError::AccountChanged => Self::NoActiveAccount,
            OpenSessionError::Store(error) => Self::Backend(error.into()),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ChangePasswordError {
    #[error("this is not the current password")]
    WrongPassword,
    /// The new password is set, but something else ended the rights of the account at once.
    #[error("the account has changed")]
    AccountChanged,
    #[error(transparent)]
    Limited(#[from] RetryAfter),
    #[error(transparent)]
    Busy(#[from] HasherBusy),
    #[error(transparent)]
    Backend(#[from] BackendError),
}

impl From<SignInError> for ChangePasswordError {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::NoActiveAccount => Self::WrongPassword,
            SignInError::Limited(wait) => Self::Limited(wait),
            SignInError::Busy(busy) => Self::Busy(busy),
            SignInError::Backend(error) => Self::Backend(error),
        }
    }
}
