use std::time::Duration;

use domain::Timestamp;

use super::{CLOCK_SLACK, RetryAfter};

/// A token bucket of size `burst` that regains one token every `interval`.
///
/// A bucket's state is the moment at which it will be full again (GCRA, the "generic cell rate
/// algorithm").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    burst: u32,
    interval: Duration,
}

impl Quota {
    /// Allows `count` per `span`, and up to `burst` at once. Both are at least 1.
    #[must_use]
    pub fn new(count: u32, span: Duration, burst: u32) -> Self {
        let interval = (span / count.max(1)).max(Duration::from_micros(1));
        Self { burst: burst.max(1), interval }
    }

    #[must_use]
    pub fn burst(self) -> u32 {
        self.burst
    }

    #[must_use]
    pub fn interval(self) -> Duration {
        self.interval
    }

    /// The time in which an empty bucket fills.
    #[must_use]
    pub fn span(self) -> Duration {
        self.interval.saturating_mul(self.burst)
    }

    /// Takes one token, and returns when the bucket will be full again. `full_at` is the stored
    /// state, if any.
    ///
    /// # Errors
    ///
    /// [`RetryAfter`] when the bucket is empty.
    pub fn take(self, full_at: Option<Timestamp>, now: Timestamp) -> Result<Timestamp, RetryAfter> {
        let latest = now.after(self.span());
        let full_at = full_at.filter(|at| *at <= latest.after(CLOCK_SLACK));
        let full_at = full_at.map_or(now, |at| at.max(now)).after(self.interval);
        if full_at <= latest { Ok(full_at) } else { Err(RetryAfter(full_at.since(latest))) }
    }
}
