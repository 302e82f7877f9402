use std::time::Duration;

use domain::Timestamp;

use super::{CLOCK_SLACK, RetryAfter};

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
