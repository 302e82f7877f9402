//! Attempts that slow each other down.

use std::time::Duration;

use application::ports::{Backoff, RetryAfter};
use tokio::task::JoinSet;

use super::{Counted, key};

const BACKOFF: Backoff =
    Backoff { free: 3, longest: Duration::from_secs(10), forgotten_after: Duration::from_mins(10) };

impl Counted {
    async fn attempt(&self, subject: u128) -> Result<(), RetryAfter> {
        self.limiter.attempt(key(subject), BACKOFF).await
    }

    /// How long each of the next attempts had to wait, in seconds.
    async fn waits(&self, subject: u128, attempts: usize) -> Vec<u64> {
        let mut waits = Vec::new();
        for _ in 0..attempts {
            let mut waited = 0;
            while let Err(RetryAfter(wait)) = self.attempt(subject).await {
                assert!(waited == 0, "it was said how long");
                waited = wait.as_secs();
                self.clock.advance(wait);
            }
            waits.push(waited);
        }
        waits
    }
}

/// Up to the longest wait.
pub async fn attempts_beyond_the_free_ones_wait_twice_as_long_each_time(counted: Counted) {
    assert_eq!(counted.waits(1, 9).await, [0, 0, 0, 1, 2, 4, 8, 10, 10]);
}

/// Neither does it make the wait longer.
pub async fn an_attempt_that_came_too_early_is_not_counted(counted: Counted) {
    counted.waits(1, 4).await;
    let half = Duration::from_secs(1);

    assert_eq!(counted.attempt(1).await, Err(RetryAfter(half * 2)));
    counted.clock.advance(half);
    for _ in 0..20 {
        assert_eq!(counted.attempt(1).await, Err(RetryAfter(half)));
    }
    counted.clock.advance(half);

    assert_eq!(counted.attempt(1).await, Ok(()));
    assert_eq!(counted.attempt(1).await, Err(RetryAfter(Duration::from_secs(4))));
}

/// As if there had been none.
pub async fn attempts_are_forgotten_when_told_to(counted: Counted) {
    counted.waits(1, 6).await;
    counted.limiter.forget(key(1)).await;
    counted.limiter.forget(key(2)).await;

    assert_eq!(counted.waits(1, 5).await, [0, 0, 0, 1, 2]);
}

/// Counted from the end of the last wait.
pub async fn attempts_are_forgotten_when_it_was_quiet_for_long(counted: Counted) {
    counted.waits(1, 5).await;
    counted.clock.advance(Duration::from_secs(599));
    assert_eq!(counted.waits(1, 1).await, [0]);
    assert_eq!(counted.waits(1, 1).await, [8]);

    counted.clock.advance(Duration::from_secs(10 + 600));

    assert_eq!(counted.waits(1, 4).await, [0, 0, 0, 1]);
}

/// Each subject has its own.
pub async fn attempts_at_one_key_slow_no_other(counted: Counted) {
    counted.waits(1, 6).await;

    assert_eq!(counted.waits(2, 3).await, [0, 0, 0]);
}

/// Asking and counting are one step.
pub async fn of_parallel_attempts_only_the_free_ones_are_made(counted: Counted) {
    let mut attempts = JoinSet::new();
    for _ in 0..20 {
        let limiter = counted.limiter.clone();
        attempts.spawn(async move { limiter.attempt(key(1), BACKOFF).await.is_ok() });
    }

    let made = attempts.join_all().await;

    assert_eq!(made.iter().filter(|made| **made).count(), 3);
}
