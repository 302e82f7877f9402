//! How much clients may do, and how fast: rates and counts, by address, by
//! account and by conversation. `docs/limits.md` has the table.

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

/// Says whether a client may go on. Cheap to clone; all clones count together.
#[derive(Clone)]
pub struct Limits(Option<Arc<Enforced>>);

struct Enforced {
    limiter: Arc<dyn RateLimiter>,
    known_addresses: KnownAddresses,
    rules: LimitRules,
    sockets: SocketCounts,
}

/// How much is too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitRules {
    /// Requests of an address that try credentials: sign-ins, and
    /// registrations, which tell whether a name is in use.
    pub credentials_by_address: Quota,
    /// Sign-ins to an account that did not succeed.
    pub failed_sign_ins: Backoff,
    /// How long an account knows an address from which somebody signed in to it.
    pub known_address: Duration,
    /// Accounts made from an address.
    pub registrations_by_address: Quota,
    /// Sockets opened from an address.
    pub handshakes_by_address: Quota,
    /// Sockets of an address at the same time.
    pub sockets_by_address: usize,
    /// Sockets of an account at the same time.
    pub sockets_by_account: usize,
    /// What an account writes, edits and deletes.
    pub messages_by_account: Quota,
    /// What is written, edited and deleted in a conversation.
    pub messages_by_conversation: Quota,
}

impl Limits {
    /// By these rules.
    #[must_use]
    pub fn new(
        limiter: Arc<dyn RateLimiter>,
        known_addresses: KnownAddresses,
        rules: LimitRules,
    ) -> Self {
        let sockets = SocketCounts::default();
        Self(Some(Arc::new(Enforced { limiter, known_addresses, rules, sockets })))
    }

    /// Nothing is too much.
    #[must_use]
    pub fn off() -> Self {
        Self(None)
    }

    /// Whether anything is.
    pub(crate) fn are_on(&self) -> bool {
        self.0.is_some()
    }

    /// A client tries credentials, its own or others'. To be asked before
    /// anything is looked up or hashed for it.
    ///
    /// # Errors
    ///
    /// [`RetryAfter`] when its address did so too often; likewise below.
    pub async fn credentials(&self, address: ClientAddress) -> Result<(), RetryAfter> {
        let take = |rules: &LimitRules| rules.credentials_by_address;
        self.take(LimitScope::CredentialsByAddress, address.number(), take).await
    }

    /// A client makes an account. To be asked before a password is hashed for it.
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
