//! Slows down guessing passwords.

use domain::{Timestamp, UserId};
use sha2::{Digest as _, Sha256};

use super::{ClientAddress, Enforced, Limits};
use crate::ports::{BackendError, LimitKey, LimitScope, RetryAfter};

/// An allowed sign-in attempt.
#[derive(Debug, Clone, Copy)]
pub struct SignInAttempt(Option<Counted>);

#[derive(Debug, Clone, Copy)]
struct Counted {
    attempts: LimitKey,
    address: ClientAddress,
    known_until: Option<Timestamp>,
}

#[derive(Debug, thiserror::Error)]
pub enum SignInAttemptError {
    /// Too many attempts failed.
    #[error(transparent)]
    Limited(#[from] RetryAfter),
    /// The store failed, so it is unknown whether the account knows the address.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

impl Limits {
    /// Counts a sign-in attempt as `username`, which may be any text, or belong to the account
    /// `user`. The attempt counts as failed until [`Limits::signed_in`] says otherwise, so that
    /// parallel attempts are as slow as sequential ones.
    ///
    /// Attempts from addresses that the account knows count per address, all others together. So
    /// a stranger's failures never slow down a user who signs in from a known address.
    ///
    /// # Errors
    ///
    /// [`SignInAttemptError`]; when the store failed, nothing was counted.
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
            let subject = account_at(username, address);
            LimitKey { scope: LimitScope::SignInsByAccountAndAddress, subject }
        } else {
            LimitKey { scope: LimitScope::SignInsByAccount, subject: account(username) }
        };
        limiter.attempt(attempts, rules.failed_sign_ins).await?;
        Ok(SignInAttempt(Some(Counted { attempts, address, known_until })))
    }

    /// The password was right and belongs to this account.
    pub async fn signed_in(&self, attempt: SignInAttempt, user: UserId) {
        if let (Some(enforced), Some(counted)) = (self.0.as_deref(), attempt.0) {
            let Counted { attempts, address, known_until } = counted;
            enforced.seen(user, address, known_until).await;
            enforced.limiter.forget(attempts).await;
        }
    }

    /// The account `user` was registered from `address`.
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

/// Hashes a name that a client gave, existing or not: any text costs the same, and none can be
/// read back.
fn account(username: &str) -> u128 {
    digest(&[], username)
}

fn account_at(username: &str, address: ClientAddress) -> u128 {
    digest(&address.number().to_be_bytes(), username)
}

fn digest(head: &[u8], username: &str) -> u128 {
    let digest = Sha256::new().chain_update(head).chain_update(username).finalize();
    digest.first_chunk().map_or(0, |half| u128::from_be_bytes(*half))
}
