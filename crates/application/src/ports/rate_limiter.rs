//! Counting what clients do, so that none does too much of it.

mod backoff;
mod quota;

use std::time::Duration;

use async_trait::async_trait;

pub use backoff::{Attempts, Backoff};
pub use quota::Quota;

/// Keeps buckets and counts of attempts by key. All of it may be
/// lost: then clients may do a little more than they should.
///
/// It never fails: an adapter whose backend is away decides by itself for
/// this node alone. What it keeps is bounded, however many keys there are.
///
/// Every adapter passes `testkit::rate_limiter_contract!`.
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Takes one from the bucket of `key`, which a [`Quota`] fills.
    ///
    /// # Errors
    ///
    /// [`RetryAfter`] when the bucket is empty; nothing was taken.
    async fn take(&self, key: LimitKey, quota: Quota) -> Result<(), RetryAfter>;

    /// Counts an attempt at `key`, before it is known whether it succeeds.
    /// Asking and counting are one step.
    ///
    /// # Errors
    ///
    /// [`RetryAfter`] when the one before is too close, as [`Backoff`] has it;
    /// this one was not counted, and must not be made.
    async fn attempt(&self, key: LimitKey, backoff: Backoff) -> Result<(), RetryAfter>;

    /// Forgets the attempts at `key`.
    async fn forget(&self, key: LimitKey);

    /// Tells the other nodes how much of `key` this one holds from now on, and
    /// says how much they hold; 0 while that is not known. What a node holds
    /// ends with it.
    async fn hold(&self, key: LimitKey, held: HeldCount) -> u64;

    /// As [`RateLimiter::hold`], without an answer; never waits.
    fn release(&self, key: LimitKey, held: HeldCount);
}

/// How far the clocks of nodes may be apart. What lies further in the future
/// than a rule can have put it was written before a clock was set back: it is
/// forgotten, so that nobody is shut out until that time comes again.
pub const CLOCK_SLACK: Duration = Duration::from_mins(1);

/// How much a node holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldCount {
    /// That much.
    pub count: u64,
    /// Rises with all that a node says of any key: what comes late is old.
    pub turn: u64,
}

/// What is counted, and of whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LimitKey {
    /// What is counted.
    pub scope: LimitScope,
    /// Of whom, as a number: an id, an address, or a digest.
    pub subject: u128,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LimitScope {
    /// Requests of an address that try credentials.
    CredentialsByAddress,
    /// Sign-ins to an account from addresses that it does not know.
    SignInsByAccount,
    /// Sign-ins to an account from one address that it knows.
    SignInsByAccountAndAddress,
    /// Accounts made from an address.
    RegistrationsByAddress,
    /// Sockets opened from an address.
    HandshakesByAddress,
    /// What an account writes.
    MessagesByAccount,
    /// What is written in a conversation.
    MessagesByConversation,
    /// Sockets that an address holds.
    SocketsByAddress,
    /// Sockets that an account holds.
    SocketsByAccount,
}

impl LimitScope {
    /// All of them.
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

/// Too much, too fast: it may be tried again after this time, and not before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("too many attempts; try again in {0:?}")]
pub struct RetryAfter(pub Duration);
