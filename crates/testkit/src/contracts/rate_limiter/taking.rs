//! Buckets.

use std::time::Duration;

use application::ports::{LimitKey, LimitScope, Quota, RetryAfter};
use domain::Timestamp;
use tokio::task::JoinSet;

use super::{Counted, key};

const TEN_SECONDS: Duration = Duration::from_secs(10);

/// One in ten seconds, three at once.
fn quota() -> Quota {
    Quota::new(1, TEN_SECONDS, 3)
}

impl Counted {
    async fn take(&self, subject: u128) -> Result<(), RetryAfter> {
        self.limiter.take(key(subject), quota()).await
    }

    async fn drain(&self, subject: u128) -> usize {
        let mut taken = 0;
        while self.take(subject).await.is_ok() {
            taken += 1;
            assert!(taken <= 10, "the bucket has no bottom");
        }
        taken
    }
}

/// To the microsecond.
pub async fn a_bucket_holds_its_burst_and_then_says_how_long(counted: Counted) {
    assert_eq!(counted.drain(1).await, 3);

    assert_eq!(counted.take(1).await, Err(RetryAfter(TEN_SECONDS)));
    counted.clock.advance(Duration::from_millis(2_500));
    assert_eq!(counted.take(1).await, Err(RetryAfter(Duration::from_millis(7_500))));
}

/// However often it was asked, the next one comes at the time that was said.
pub async fn what_was_refused_was_not_taken(counted: Counted) {
    counted.drain(1).await;

    for _ in 0..20 {
        assert!(counted.take(1).await.is_err());
    }

    counted.clock.advance(TEN_SECONDS);
    assert_eq!(counted.drain(1).await, 1);
}

/// One by one, up to the burst.
pub async fn a_bucket_fills_again_and_never_past_its_burst(counted: Counted) {
    for (seconds, want) in [(0, 3), (9, 0), (1, 1), (25, 2), (5, 1), (3_600, 3), (86_400 * 30, 3)] {
        counted.clock.advance(Duration::from_secs(seconds));

        assert_eq!(counted.drain(1).await, want, "after {seconds} s more");
    }
}

/// Neither by subject nor by scope.
pub async fn buckets_do_not_know_of_each_other(counted: Counted) {
    counted.drain(1).await;

    assert_eq!(counted.drain(2).await, 3);
    assert_eq!(counted.drain(u128::MAX).await, 3);
    for scope in [LimitScope::CredentialsByAddress, LimitScope::MessagesByAccount] {
        let taken = counted.limiter.take(LimitKey { scope, subject: 1 }, quota()).await;
        assert_eq!(taken, Ok(()));
    }
}

/// The burst, and what came since.
pub async fn over_any_time_no_more_is_given_than_was_there(counted: Counted) {
    let mut given = 0_u64;
    for step in 0..200_u64 {
        let pause = (step * 7_919) % 13_000;
        counted.clock.advance(Duration::from_millis(pause));
        given += counted.drain(1).await as u64;
    }

    let passed = (0..200_u64).map(|step| (step * 7_919) % 13_000).sum::<u64>() / 10_000;
    assert!((passed..=passed + 3).contains(&given), "{given} in {passed} intervals");
}

/// A burst is a burst.
pub async fn of_parallel_takers_only_so_many_get_one(counted: Counted) {
    let mut takers = JoinSet::new();
    for _ in 0..20 {
        let limiter = counted.limiter.clone();
        takers.spawn(async move { limiter.take(key(1), quota()).await.is_ok() });
    }

    let got = takers.join_all().await;

    assert_eq!(got.iter().filter(|got| **got).count(), 3);
}

/// What was taken in a future that is none counts no more.
pub async fn a_clock_set_back_shuts_nobody_out_for_long(counted: Counted) {
    let now = Timestamp::from_seconds(1_767_225_600);
    counted.clock.set(now.after(Duration::from_hours(24)));
    counted.drain(1).await;

    counted.clock.set(now);

    assert_eq!(counted.drain(1).await, 3);
}

/// From one in a month to a million in a second.
pub async fn the_largest_quota_and_the_smallest_work(counted: Counted) {
    let month = Duration::from_hours(30 * 24);
    let rare = Quota::new(1, month, 1);
    assert_eq!(counted.limiter.take(key(1), rare).await, Ok(()));
    assert_eq!(counted.limiter.take(key(1), rare).await, Err(RetryAfter(month)));

    let often = Quota::new(1_000_000, Duration::from_secs(1), 1_000_000);
    for _ in 0..1_000 {
        assert_eq!(counted.limiter.take(key(2), often).await, Ok(()));
    }

    let never = Quota::new(0, Duration::ZERO, 0);
    assert_eq!(counted.limiter.take(key(3), never).await, Ok(()));
}
