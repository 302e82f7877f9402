//! Limits what clients may do, by address, account and conversation. `docs/limits.md` lists the
//! limits.

mod address;
mod keys;
mod known_addresses;
mod messages;
mod sign_ins;
mod sockets;

use std::sync::Arc;
use std::time::Duration;

use crate::ports::{Backoff, LimitKey, LimitScope, Quota, RateLimiter, RetryAfter};

pub use address::ClientAddress;
pub use known_addresses::KnownAddresses;
pub use sign_ins::{SignInAttempt, SignInAttemptError};
pub use sockets::{SocketPermit, TooManySockets};

use sockets::SocketCounts;

/// Cheap to clone; all clones count together.
#[derive(Clone)]
pub struct Limits(Option<Arc<Enforced>>);

struct Enforced {
    limiter: Arc<dyn RateLimiter>,
    known_addresses: KnownAddresses,
    rules: LimitRules,
    sockets: SocketCounts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitRules {
    /// Sign-ins, and registrations, which reveal whether a name is in use.
    pub credentials_by_address: Quota,
    /// Unsuccessful sign-ins to an account.
    pub failed_sign_ins: Backoff,
    /// How long an account knows an address after a sign-in from there.
    pub known_address: Duration,
    pub registrations_by_address: Quota,
    pub handshakes_by_address: Quota,
    /// At the same time.
    pub sockets_by_address: usize,
    /// At the same time.
    pub sockets_by_account: usize,
    /// Sends, edits and deletions.
    pub messages_by_account: Quota,
    /// Sends, edits and deletions.
    pub messages_by_conversation: Quota,
}

impl Limits {
    #[must_use]
    pub fn new(
        limiter: Arc<dyn RateLimiter>,
        known_addresses: KnownAddresses,
        rules: LimitRules,
    ) -> Self {
        let sockets = SocketCounts::default();
        Self(Some(Arc::new(Enforced { limiter, known_addresses, rules, sockets })))
    }

    /// Allows everything.
    #[must_use]
    pub fn off() -> Self {
        Self(None)
    }

    pub(crate) fn are_on(&self) -> bool {
        self.0.is_some()
    }

    /// A client tries credentials, its own or others'. Call this before anything is looked up or
    /// hashed.
    ///
    /// # Errors
    ///
    /// [`RetryAfter`] when the address exceeds its rate. The same holds below.
    pub async fn credentials(&self, address: ClientAddress) -> Result<(), RetryAfter> {
        let take = |rules: &LimitRules| rules.credentials_by_address;
        self.take(LimitScope::CredentialsByAddress, address.number(), take).await
    }

    /// A client registers an account. Call this before a password is hashed.
    pub async fn registration(&self, address: ClientAddress) -> Result<(), RetryAfter> {
        let take = |rules: &LimitRules| rules.registrations_by_address;
        self.take(LimitScope::RegistrationsByAddress, address.number(), take).await
    }

    /// A client opens a socket.
    pub async fn handshake(&self, address: ClientAddress) -> Result<(), RetryAfter> {
        let take = |rules: &LimitRules| rules.handshakes_by_address;
        self.take(LimitScope::HandshakesByAddress, address.number(), take).await
    }

    async fn take(
        &self,
        scope: LimitScope,
        subject: u128,
        quota: impl FnOnce(&LimitRules) -> Quota,
    ) -> Result<(), RetryAfter> {
        let Some(Enforced { limiter, rules, .. }) = self.0.as_deref() else { return Ok(()) };
        limiter.take(LimitKey { scope, subject }, quota(rules)).await
    }
}
