//! Slows down guessing passwords.

use domain::{Timestamp, UserId};
use sha2::{Digest as _, Sha256};

use super::{ClientAddress, Enforced, Limits};
use crate::ports::{BackendError, LimitKey, LimitScope, Quota, RetryAfter};

/// One IPv6 network of this length counts as one new address. Many providers give it to each
/// customer, who could otherwise use 256 new addresses.
const FRESH_NETWORK: u32 = 56;

/// An allowed sign-in attempt.
#[derive(Debug, Clone, Copy)]
pub struct SignInAttempt(Option<Counted>);

#[derive(Debug, Clone, Copy)]
struct Counted {
    from: SignInOrigin,
    taken: Taken,
}

/// What an attempt took; a success gives it back.
#[derive(Debug, Clone, Copy)]
enum Taken {
    AtKnownAddress { attempts: LimitKey },
    AtAccount { attempts: LimitKey, failure: LimitKey },
    FromNewAddress { lane: LimitKey, failure: LimitKey },
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
    ///
    /// While the others wait, an address without a failure of its own at this account may still
    /// make one attempt, at a slow rate for all of them. So a stranger who keeps the account
    /// waiting does not keep its owner out of new addresses.
    pub async fn sign_in(
        &self,
        from: SignInOrigin,
        username: &str,
    ) -> Result<SignInAttempt, RetryAfter> {
        let Some(enforced) = self.0.as_deref() else { return Ok(SignInAttempt(None)) };
        let Enforced { limiter, rules, .. } = enforced;
        let taken = if from.is_known() {
            let subject = account_at(username, from.address.number());
            let attempts = LimitKey { scope: LimitScope::SignInsByAccountAndAddress, subject };
            limiter.attempt(attempts, rules.failed_sign_ins).await?;
            Taken::AtKnownAddress { attempts }
        } else {
            enforced.sign_in_from_unknown(username, from.address).await?
        };
        Ok(SignInAttempt(Some(Counted { from, taken })))
    }

    /// The password was right and belongs to this account.
    pub async fn signed_in(&self, attempt: SignInAttempt, user: UserId) {
        if let (Some(enforced), Some(counted)) = (self.0.as_deref(), attempt.0) {
            let Counted { from: SignInOrigin { address, known_until }, taken } = counted;
            enforced.seen(user, address, known_until).await;
            enforced.give_back(taken).await;
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
    async fn sign_in_from_unknown(
        &self,
        username: &str,
        address: ClientAddress,
    ) -> Result<Taken, RetryAfter> {
        let Self { limiter, rules, .. } = self;
        let key = |scope| LimitKey { scope, subject: account(username) };
        let failure = LimitKey {
            scope: LimitScope::FailuresByAccountAndAddress,
            subject: account_at(username, address.network(FRESH_NETWORK)),
        };
        // One token: an address without it has failed while the account remembers failures.
        let once = Quota::new(1, rules.failed_sign_ins.longest_memory(), 1);

        let attempts = key(LimitScope::SignInsByAccount);
        let Err(wait) = limiter.attempt(attempts, rules.failed_sign_ins).await else {
            if limiter.take(failure, once).await.is_err() {
                // The newest failure counts. If another attempt of this address takes the token
                // meanwhile, the address has failed all the same.
                limiter.forget(failure).await;
                limiter.take(failure, once).await.ok();
            }
            return Ok(Taken::AtAccount { attempts, failure });
        };
        // First, so that an address that may not use the lane takes nothing from it.
        limiter.take(failure, once).await.map_err(|_| wait)?;
        let lane = key(LimitScope::SignInsFromNewAddresses);
        if let Err(wait_for_lane) = limiter.take(lane, rules.sign_ins_from_new_addresses).await {
            limiter.forget(failure).await;
            return Err(wait.min(wait_for_lane));
        }
        Ok(Taken::FromNewAddress { lane, failure })
    }

    async fn give_back(&self, taken: Taken) {
        let Self { limiter, rules, .. } = self;
        match taken {
            Taken::AtKnownAddress { attempts } => limiter.forget(attempts).await,
            Taken::AtAccount { attempts, failure } => {
                limiter.forget(attempts).await;
                limiter.forget(failure).await;
            }
            // The account waits on: its owner, who is known here now, is not the one who fails.
            Taken::FromNewAddress { lane, failure } => {
                limiter.give_back(lane, rules.sign_ins_from_new_addresses).await;
                limiter.forget(failure).await;
            }
        }
    }

    async fn seen(&self, user: UserId, address: ClientAddress, known: Option<Timestamp>) {
        self.known_addresses.seen(user, address, known, self.rules.known_address).await;
    }
}

/// Hashes a name that a client gave, existing or not: any text costs the same, and none can be
/// read back.
fn account(username: &str) -> u128 {
    digest(&[], username)
}

fn account_at(username: &str, address: u128) -> u128 {
    digest(&address.to_be_bytes(), username)
}

fn digest(head: &[u8], username: &str) -> u128 {
    let digest = Sha256::new().chain_update(head).chain_update(username).finalize();
    digest.first_chunk().map_or(0, |half| u128::from_be_bytes(*half))
}
