//! Guessing passwords.

use super::{ClientAddress, Enforced, Limits, keys};
use crate::ports::{LimitKey, LimitScope, RetryAfter};

/// An attempt to sign in, which may go on.
#[derive(Debug, Clone, Copy)]
pub struct SignInTurn(Option<Counted>);

#[derive(Debug, Clone, Copy)]
struct Counted {
    attempts: LimitKey,
    known: LimitKey,
}

impl Limits {
    /// A client tries to sign in as `username`, which may be anything. It
    /// counts as a failure until [`Limits::signed_in`] says otherwise, so that
    /// many attempts at once are as slow as many in a row.
    ///
    /// Attempts from addresses that the account knows are counted by address,
    /// all others together. So a stranger's failures never slow somebody down
    /// who signs in from where they did before.
    ///
    /// # Errors
    ///
    /// [`RetryAfter`] when there were too many failures.
    pub async fn sign_in(
        &self,
        address: ClientAddress,
        username: &str,
    ) -> Result<SignInTurn, RetryAfter> {
        let Some(Enforced { limiter, rules, .. }) = self.0.as_deref() else {
            return Ok(SignInTurn(None));
        };
        let pair = keys::account_at(username, address);
        let known = LimitKey { scope: LimitScope::KnownAddress, subject: pair };
        let attempts = if limiter.is_marked(known).await {
            LimitKey { scope: LimitScope::SignInsByAccountAndAddress, subject: pair }
        } else {
            LimitKey { scope: LimitScope::SignInsByAccount, subject: keys::account(username) }
        };
        limiter.attempt(attempts, rules.failed_sign_ins).await?;
        Ok(SignInTurn(Some(Counted { attempts, known })))
    }

    /// It was the right password.
    pub async fn signed_in(&self, turn: SignInTurn) {
        if let (Some(enforced), Some(counted)) = (self.0.as_deref(), turn.0) {
            enforced.limiter.mark(counted.known, enforced.rules.known_address).await;
            enforced.limiter.forget(counted.attempts).await;
        }
    }

    /// Whoever has the account `username` is at `address`, without a doubt.
    pub async fn seen_at(&self, address: ClientAddress, username: &str) {
        if let Some(Enforced { limiter, rules, .. }) = self.0.as_deref() {
            let subject = keys::account_at(username, address);
            let known = LimitKey { scope: LimitScope::KnownAddress, subject };
            limiter.mark(known, rules.known_address).await;
        }
    }
}
