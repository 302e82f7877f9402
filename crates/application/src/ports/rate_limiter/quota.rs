//! How a bucket fills.

use std::time::Duration;

use domain::Timestamp;

use super::{CLOCK_SLACK, RetryAfter};

/// How many at once, and how many over time: a bucket of `burst`, which gets
/// one more every `interval` until it is full.
///
/// A bucket is one moment, that at which it will be full again (GCRA, the
/// "generic cell rate algorithm").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    burst: u32,
    interval: Duration,
}

impl Quota {
    /// `count` in every `span`, and up to `burst` at once. Each is at least one.
    #[must_use]
    pub fn new(count: u32, span: Duration, burst: u32) -> Self {
        let interval = (span / count.max(1)).max(Duration::from_micros(1));
        Self { burst: burst.max(1), interval }
    }

    /// How many at once.
    #[must_use]
    pub fn burst(self) -> u32 {
        self.burst
    }

    /// How long one takes to come back.
    #[must_use]
    pub fn interval(self) -> Duration {
        self.interval
    }

    /// How long an empty bucket takes to fill.
    #[must_use]
    pub fn span(self) -> Duration {
        self.interval.saturating_mul(self.burst)
    }

    /// When a bucket will be full once one more is taken from it; `full_at` is
    /// when it would be without, if anything is known of it.
    ///
    /// # Errors
    ///
    /// [`RetryAfter`] when there is none to take.
    pub fn take(self, full_at: Option<Timestamp>, now: Timestamp) -> Result<Timestamp, RetryAfter> {
        let latest = now.after(self.span());
        let full_at = full_at.filter(|at| *at <= latest.after(CLOCK_SLACK));
        let full_at = full_at.map_or(now, |at| at.max(now)).after(self.interval);
        if full_at <= latest { Ok(full_at) } else { Err(RetryAfter(full_at.since(latest))) }
    }
}
