mod backoff;
mod quota;

use std::time::Duration;

use async_trait::async_trait;

pub use backoff::{Attempts, Backoff};
pub use quota::Quota;

/// Counts what clients do, by key. Counts may be lost: clients may then exceed their limits a
/// little.
///
/// Never fails: an adapter without its backend decides locally. Its memory is bounded for any
/// number of keys.
///
/// Every adapter passes `testkit::rate_limiter_contract!`.
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Takes one token from the bucket of `key`.
    ///
    /// # Errors
    ///
    /// [`RetryAfter`] when the bucket is empty; nothing was taken.
    async fn take(&self, key: LimitKey, quota: Quota) -> Result<(), RetryAfter>;

    /// Counts an attempt at `key` before its result is known. Checking and counting are one
    /// atomic step.
    ///
    /// # Errors
    ///
    /// [`RetryAfter`] when [`Backoff`] requires a longer wait; the attempt was not counted and
    /// must not be made.
    async fn attempt(&self, key: LimitKey, backoff: Backoff) -> Result<(), RetryAfter>;

    async fn forget(&self, key: LimitKey);

    /// Publishes how much of `key` this node holds, and returns how much the other nodes hold, or
    /// 0 while that is unknown. The count disappears when the node stops.
    async fn hold(&self, key: LimitKey, held: HeldCount) -> u64;

    /// Like [`RateLimiter::hold`], without a result; never waits.
    fn release(&self, key: LimitKey, held: HeldCount);
}

/// How far the clocks of nodes may differ. A stored time further in the future than a rule allows
/// was written before a clock went back. It is discarded, so that nothing stays blocked until
/// then.
pub const CLOCK_SLACK: Duration = Duration::from_mins(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldCount {
    pub count: u64,
    /// Ascends over all counts of a node, so that late updates can be discarded.
    pub version: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LimitKey {
    pub scope: LimitScope,
    /// An id, an address, or a digest.
    pub subject: u128,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LimitScope {
    /// Requests that try credentials.
    CredentialsByAddress,
    /// Sign-ins from addresses that the account does not know.
    SignInsByAccount,
    /// Sign-ins from one address that the account knows.
    SignInsByAccountAndAddress,
    /// Accounts registered from an address.
    RegistrationsByAddress,
    /// Sockets opened from an address.
    HandshakesByAddress,
    MessagesByAccount,
    MessagesByConversation,
    /// Sockets open at the same time.
    SocketsByAddress,
    /// Sockets open at the same time.
    SocketsByAccount,
}

impl LimitScope {
    pub const ALL: [Self; 9] = [
        Self::CredentialsByAddress,
        Self::SignInsByAccount,
        Self::SignInsByAccountAndAddress,
        Self::RegistrationsByAddress,
        Self::HandshakesByAddress,
        Self::MessagesByAccount,
        Self::MessagesByConversation,
        Self::SocketsByAddress,
        Self::SocketsByAccount,
    ];
}

/// The rate is exceeded; a retry may succeed after this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("too many attempts; try again in {0:?}")]
pub struct RetryAfter(pub Duration);
