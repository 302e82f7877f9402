//! The limits of one node keep their contract, and their size.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::Duration;

use application::ports::{Backoff, LimitKey, LimitScope, Quota, RateLimiter as _};
use memory::InProcessLimiter;
use testkit::ManualClock;
use testkit::contracts::rate_limiter::Nodes;

fn fresh() -> Ready<Nodes> {
    let clock = Arc::new(ManualClock::default());
    ready(Nodes { limiter: Arc::new(InProcessLimiter::new(clock.clone())), other: None, clock })
}

testkit::rate_limiter_contract!(fresh);

#[tokio::test]
async fn the_number_of_keys_is_bounded_per_scope() {
    let limiter = InProcessLimiter::new(Arc::new(ManualClock::default()));
    let scope = LimitScope::CredentialsByAddress;
    let quota = Quota::new(1, Duration::from_mins(1), 2);
    let (known, account) = (
        LimitKey { scope, subject: 0 },
        LimitKey { scope: LimitScope::SignInsByAccount, subject: 0 },
    );
    let backoff = Backoff { free: 1, longest: quota.span(), forgotten_after: quota.span() };
    assert_eq!(limiter.attempt(account, backoff).await, Ok(()));
    assert_eq!(limiter.take(known, quota).await, Ok(()));
    assert_eq!(limiter.take(known, quota).await, Ok(()));

    for subject in 1..250_000_u128 {
        assert_eq!(limiter.take(LimitKey { scope, subject }, quota).await, Ok(()));
    }

    assert!(limiter.kept(scope) <= InProcessLimiter::CAPACITY);
    assert!(limiter.attempt(account, backoff).await.is_err());
}
