use std::time::Duration;

use async_trait::async_trait;
use domain::Timestamp;

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
    async fn take(&self, key: LimitKey, quota: Quota) -> Result<(), RetryAfter> {
        self.take_many(key, quota, 1).await
    }

    /// Like [`Self::take`], for so many tokens; for the whole bucket if it has room for fewer.
    async fn take_many(&self, key: LimitKey, quota: Quota, count: u32) -> Result<(), RetryAfter>;

    /// Gives one token back to the bucket of `key`. Other nodes may notice only once they would
    /// have waited long enough anyway.
    async fn give_back(&self, key: LimitKey, quota: Quota);

    /// Counts an attempt at `key` before its result is known. Checking and counting are one
    /// atomic step.
    ///
    /// # Errors
    ///
    /// [`RetryAfter`] when [`Backoff`] requires a longer wait; the attempt was not counted and
    /// must not be made.
    async fn attempt(&self, key: LimitKey, backoff: Backoff) -> Result<(), RetryAfter>;

    /// Forgets the attempts at `key`, or fills its bucket.
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
    /// Sign-ins to a waiting account, from addresses without a failure of their own there.
    SignInsFromNewAddresses,
    /// Whether an address that the account does not know has failed there.
    FailuresByAccountAndAddress,
    /// Accounts registered from an address.
    RegistrationsByAddress,
    /// Sockets opened from an address.
    HandshakesByAddress,
    ReadsByAccount,
    ReadsByAddress,
    MessagesByAccount,
    MessagesByConversation,
    /// KiB of text written.
    TextByAccount,
    /// KiB of text written in a day.
    DailyTextByAccount,
    /// Sockets open at the same time.
    SocketsByAddress,
    /// Sockets open at the same time.
    SocketsByAccount,
}

impl LimitScope {
    pub const ALL: [Self; 15] = [
        Self::CredentialsByAddress,
        Self::SignInsByAccount,
        Self::SignInsByAccountAndAddress,
        Self::SignInsFromNewAddresses,
        Self::FailuresByAccountAndAddress,
        Self::RegistrationsByAddress,
        Self::HandshakesByAddress,
        Self::ReadsByAccount,
        Self::ReadsByAddress,
        Self::MessagesByAccount,
        Self::MessagesByConversation,
        Self::TextByAccount,
        Self::DailyTextByAccount,
        Self::SocketsByAddress,
        Self::SocketsByAccount,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CredentialsByAddress => "credentials_by_address",
            Self::SignInsByAccount => "sign_ins_by_account",
            Self::SignInsByAccountAndAddress => "sign_ins_by_account_and_address",
            Self::SignInsFromNewAddresses => "sign_ins_from_new_addresses",
            Self::FailuresByAccountAndAddress => "failures_by_account_and_address",
            Self::RegistrationsByAddress => "registrations_by_address",
            Self::HandshakesByAddress => "handshakes_by_address",
            Self::ReadsByAccount => "reads_by_account",
            Self::ReadsByAddress => "reads_by_address",
            Self::MessagesByAccount => "messages_by_account",
            Self::MessagesByConversation => "messages_by_conversation",
            Self::TextByAccount => "text_by_account",
            Self::DailyTextByAccount => "daily_text_by_account",
            Self::SocketsByAddress => "sockets_by_address",
            Self::SocketsByAccount => "sockets_by_account",
        }
    }
}

/// The rate is exceeded; a retry may succeed after this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("too many attempts; try again in {0:?}")]
pub struct RetryAfter(pub Duration);

/// A token bucket of size `burst` that regains one token every `interval`.
///
/// A bucket's state is the moment at which it will be full again (GCRA, the "generic cell rate
/// algorithm").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    burst: u32,
    /// In microseconds.
    interval: u64,
}

impl Quota {
    /// Allows `count` per `span`, and up to `burst` at once. Both are at least 1.
    #[must_use]
    pub fn new(count: u32, span: Duration, burst: u32) -> Self {
        let interval = (span / count.max(1)).as_micros().max(1);
        Self { burst: burst.max(1), interval: u64::try_from(interval).unwrap_or(u64::MAX) }
    }

    /// So many times the tokens, and refilled so many times as fast.
    #[must_use]
    pub fn times(self, factor: u32) -> Self {
        let interval = (self.interval / u64::from(factor.max(1))).max(1);
        Self { burst: self.burst.saturating_mul(factor.max(1)), interval }
    }

    #[must_use]
    pub fn burst(self) -> u32 {
        self.burst
    }

    #[must_use]
    pub fn interval(self) -> Duration {
        Duration::from_micros(self.interval)
    }

    /// The time in which an empty bucket fills.
    #[must_use]
    pub fn span(self) -> Duration {
        self.interval().saturating_mul(self.burst)
    }

    /// Takes so many tokens, but at most a whole bucket, and returns when the bucket will be full
    /// again. `full_at` is the stored state, if any.
    ///
    /// # Errors
    ///
    /// [`RetryAfter`] when the bucket has fewer.
    pub fn take(
        self,
        full_at: Option<Timestamp>,
        now: Timestamp,
        count: u32,
    ) -> Result<Timestamp, RetryAfter> {
        let latest = now.after(self.span());
        let full_at = full_at.filter(|at| *at <= latest.after(CLOCK_SLACK));
        let cost = self.interval().saturating_mul(count.clamp(1, self.burst));
        let full_at = full_at.map_or(now, |at| at.max(now)).after(cost);
        if full_at <= latest { Ok(full_at) } else { Err(RetryAfter(full_at.since(latest))) }
    }

    /// Gives one token back, and returns when the bucket will be full.
    #[must_use]
    pub fn give_back(self, full_at: Timestamp, now: Timestamp) -> Timestamp {
        now.after(full_at.since(now).saturating_sub(self.interval()))
    }
}

/// After some free attempts, each further one must wait twice as long as the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Attempts without a wait, at least one.
    pub free: u32,
    pub longest: Duration,
    /// Attempts are forgotten this long after the last wait ended.
    pub forgotten_after: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempts {
    pub count: u32,
    /// When the next attempt is allowed.
    pub next_at: Timestamp,
}

impl Backoff {
    /// The wait after the last free attempt; it doubles with each further one.
    pub const FIRST: Duration = Duration::from_secs(1);

    /// Counts one more attempt after the `known` ones.
    ///
    /// # Errors
    ///
    /// [`RetryAfter`] when the attempt is too early.
    pub fn attempt(self, known: Option<Attempts>, now: Timestamp) -> Result<Attempts, RetryAfter> {
        let latest = now.after(self.longest).after(CLOCK_SLACK);
        let known = known
            .filter(|known| self.forgotten_at(*known) > now)
            .filter(|known| known.next_at <= latest);
        if let Some(Attempts { next_at, .. }) = known
            && next_at > now
        {
            return Err(RetryAfter(next_at.since(now)));
        }
        let count = known.map_or(0, |known| known.count).saturating_add(1);
        Ok(Attempts { count, next_at: now.after(self.wait_after(count)) })
    }

    /// How long after an attempt it is forgotten at the latest.
    #[must_use]
    pub fn longest_memory(self) -> Duration {
        self.longest.saturating_add(self.forgotten_after)
    }

    #[must_use]
    pub fn forgotten_at(self, attempts: Attempts) -> Timestamp {
        attempts.next_at.after(self.forgotten_after)
    }

    fn wait_after(self, count: u32) -> Duration {
        let Some(doublings) = count.checked_sub(self.free.max(1)) else { return Duration::ZERO };
        let factor = 1_u32.checked_shl(doublings).filter(|_| doublings < u32::BITS);
        factor
            .and_then(|factor| Self::FIRST.checked_mul(factor))
            .map_or(self.longest, |wait| wait.min(self.longest))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::Timestamp;

    use super::{Attempts, Backoff};

    const RULE: Backoff = Backoff {
        free: 3,
        longest: Duration::from_mins(15),
        forgotten_after: Duration::from_hours(1),
    };

    #[test]
    fn waits_double_up_to_the_longest() {
        let now = Timestamp::from_seconds(1_000);
        let cases = [
            (1, 0),
            (2, 0),
            (3, 1),
            (4, 2),
            (5, 4),
            (12, 512),
            (13, 900),
            (34, 900),
            (35, 900),
            (u32::MAX, 900),
        ];
        for (count, want) in cases {
            let known = Attempts { count: count - 1, next_at: now };

            let got = RULE.attempt(Some(known), now).unwrap();

            let want = Attempts { count, next_at: now.after(Duration::from_secs(want)) };
            assert_eq!(got, want);
        }
    }

    #[test]
    fn attempts_are_forgotten_after_a_large_clock_reset() {
        let now = Timestamp::from_seconds(1_000_000);
        let cases = [
            (Duration::from_secs(30), Err(RULE.longest + Duration::from_secs(30))),
            (Duration::from_hours(1), Ok(1)),
        ];
        for (back, want) in cases {
            let known = Attempts { count: 20, next_at: now.after(RULE.longest).after(back) };

            let got = RULE.attempt(Some(known), now);

            assert_eq!(got.map(|made| made.count).map_err(|wait| wait.0), want);
        }
    }
}
