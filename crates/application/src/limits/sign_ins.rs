//! Guessing passwords.

use domain::{Timestamp, UserId};

use super::{ClientAddress, Enforced, Limits, keys};
use crate::ports::{BackendError, LimitKey, LimitScope, RetryAfter};

/// An attempt to sign in, which may go on.
#[derive(Debug, Clone, Copy)]
pub struct SignInAttempt(Option<Counted>);

#[derive(Debug, Clone, Copy)]
struct Counted {
    attempts: LimitKey,
    address: ClientAddress,
    known_until: Option<Timestamp>,
}

/// Why nobody may try to sign in.
#[derive(Debug, thiserror::Error)]
pub enum SignInAttemptError {
    /// There were too many failures.
    #[error(transparent)]
    Limited(#[from] RetryAfter),
    /// It could not be found out whether the account knows the address.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

impl Limits {
    /// A client tries to sign in as `username`, which may be anything, or that of
    /// the account `user`. It counts as a failure until [`Limits::signed_in`] says
    /// otherwise, so that many attempts at once are as slow as many in a row.
    ///
    /// Attempts from addresses that the account knows are counted by address,
    /// all others together. So a stranger's failures never slow somebody down
    /// who signs in from where they did before.
    ///
    /// # Errors
    ///
    /// [`SignInAttemptError`]; when its store failed, nothing was counted.
    pub async fn sign_in(
        &self,
        address: ClientAddress,
        username: &str,
        user: Option<UserId>,
    ) -> Result<SignInAttempt, SignInAttemptError> {
        let Some(Enforced { limiter, known_addresses, rules, .. }) = self.0.as_deref() else {
            return Ok(SignInAttempt(None));
        };
        let known_until = match user {
            Some(user) => known_addresses.until(user, address).await?,
            None => None,
        };
        let attempts = if known_until.is_some() {
            let subject = keys::account_at(username, address);
            LimitKey { scope: LimitScope::SignInsByAccountAndAddress, subject }
        } else {
            LimitKey { scope: LimitScope::SignInsByAccount, subject: keys::account(username) }
        };
        limiter.attempt(attempts, rules.failed_sign_ins).await?;
        Ok(SignInAttempt(Some(Counted { attempts, address, known_until })))
    }

    /// It was the right password, of this account.
    pub async fn signed_in(&self, turn: SignInAttempt, user: UserId) {
        if let (Some(enforced), Some(counted)) = (self.0.as_deref(), turn.0) {
            let Counted { attempts, address, known_until } = counted;
            enforced.seen(user, address, known_until).await;
            enforced.limiter.forget(attempts).await;
        }
    }

    /// Whoever made the account `user` is at `address`.
    pub async fn registered(&self, address: ClientAddress, user: UserId) {
        if let Some(enforced) = self.0.as_deref() {
            enforced.seen(user, address, None).await;
        }
    }
}

impl Enforced {
    async fn seen(&self, user: UserId, address: ClientAddress, known: Option<Timestamp>) {
        self.known_addresses.seen(user, address, known, self.rules.known_address).await;
    }
}
