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
    from: SignInOrigin,
}

/// The address of a client that signs in to an account.
#[derive(Debug, Clone, Copy)]
pub struct SignInOrigin {
    address: ClientAddress,
    known_until: Option<Timestamp>,
}

impl SignInOrigin {
    /// Whether the account knows the address.
    #[must_use]
    pub fn is_known(self) -> bool {
        self.known_until.is_some()
    }
}

impl Limits {
    /// Returns from where a sign-in to this account comes.
    pub async fn sign_in_from(
        &self,
        address: ClientAddress,
        user: Option<UserId>,
    ) -> Result<SignInOrigin, BackendError> {
        let known_until = match (self.0.as_deref(), user) {
            (Some(enforced), Some(user)) => enforced.known_addresses.until(user, address).await?,
            _ => None,
        };
        Ok(SignInOrigin { address, known_until })
    }

    /// Counts a sign-in attempt as `username`, which may be any text. The attempt counts as failed
    /// until [`Limits::signed_in`] says otherwise, so that parallel attempts are as slow as
    /// sequential ones.
    ///
    /// Attempts from addresses that the account knows count per address, all others together. So
    /// a stranger's failures never slow down a user who signs in from a known address.
    pub async fn sign_in(
        &self,
        from: SignInOrigin,
        username: &str,
    ) -> Result<SignInAttempt, RetryAfter> {
        let Some(Enforced { limiter, rules, .. }) = self.0.as_deref() else {
            return Ok(SignInAttempt(None));
        };
        let attempts = if from.is_known() {
            let subject = account_at(username, from.address);
            LimitKey { scope: LimitScope::SignInsByAccountAndAddress, subject }
        } else {
            LimitKey { scope: LimitScope::SignInsByAccount, subject: account(username) }
        };
        limiter.attempt(attempts, rules.failed_sign_ins).await?;
        Ok(SignInAttempt(Some(Counted { attempts, from })))
    }

    /// The password was right and belongs to this account.
    pub async fn signed_in(&self, attempt: SignInAttempt, user: UserId) {
        if let (Some(enforced), Some(counted)) = (self.0.as_deref(), attempt.0) {
            let Counted { attempts, from: SignInOrigin { address, known_until } } = counted;
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
