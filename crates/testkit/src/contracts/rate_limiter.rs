//! The contract of [`application::ports::RateLimiter`].

use std::sync::Arc;
use std::time::Duration;

use application::ports::{
    Backoff, HeldCount, LimitKey, LimitScope, Quota, RateLimiter, RetryAfter,
};
use domain::Timestamp;
use futures_util::future::join_all;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

use crate::{ManualClock, TEST_TIMEOUT};

/// The limiters of two nodes and the clock that they use.
pub struct Nodes {
    pub limiter: Arc<dyn RateLimiter>,
    /// None for an adapter of a single node.
    pub other: Option<Arc<dyn RateLimiter>>,
    pub clock: Arc<ManualClock>,
}

/// Runs every case of the contract as its own test.
///
/// `$fresh` is an `async fn() -> testkit::contracts::rate_limiter::Nodes`.
#[macro_export]
macro_rules! rate_limiter_contract {
    ($fresh:ident) => {
        $crate::contract_cases! { rate_limiter, $fresh,
            an_empty_bucket_says_how_long_to_wait,
            a_refusal_takes_no_token,
            a_bucket_refills_up_to_its_burst,
            many_tokens_are_taken_together_or_not_at_all,
            buckets_are_independent,
            no_more_tokens_are_given_than_were_refilled,
            a_token_given_back_is_taken_again,
            a_full_bucket_takes_nothing_back,
            a_forgotten_bucket_is_full,
            parallel_takers_get_no_more_than_the_burst,
            a_clock_set_back_locks_no_client_out,
            the_largest_and_the_smallest_quota_work,
            each_attempt_beyond_the_free_ones_doubles_the_wait,
            an_attempt_that_comes_too_early_is_not_counted,
            attempts_are_forgotten_on_request,
            attempts_are_forgotten_after_a_quiet_time,
            attempts_at_one_key_delay_no_other,
            only_the_free_ones_of_parallel_attempts_are_allowed,
            a_node_learns_what_others_hold_without_its_own,
            a_late_report_is_ignored,
            held_counts_of_different_keys_are_separate,
            a_release_takes_effect_soon,
            the_newest_of_parallel_holds_counts,
        }
    };
}

const fn key(subject: u128) -> LimitKey {
    LimitKey { scope: LimitScope::SignInsByAccount, subject }
}

const TEN_SECONDS: Duration = Duration::from_secs(10);

/// One token in ten seconds, and a burst of three.
fn quota() -> Quota {
    Quota::new(1, TEN_SECONDS, 3)
}

impl Nodes {
    async fn take(&self, subject: u128) -> Result<(), RetryAfter> {
        self.limiter.take(key(subject), quota()).await
    }

    async fn drain(&self, subject: u128) -> usize {
        let mut taken = 0;
        while self.take(subject).await.is_ok() {
            taken += 1;
            assert!(taken <= 10, "the bucket never empties");
        }
        taken
    }
}

/// Exact to the microsecond.
pub async fn an_empty_bucket_says_how_long_to_wait(nodes: Nodes) {
    assert_eq!(nodes.drain(1).await, 3);

    assert_eq!(nodes.take(1).await, Err(RetryAfter(TEN_SECONDS)));
    nodes.clock.advance(Duration::from_millis(2_500));
    assert_eq!(nodes.take(1).await, Err(RetryAfter(Duration::from_millis(7_500))));
}

/// Refused attempts do not delay the next token.
pub async fn a_refusal_takes_no_token(nodes: Nodes) {
    nodes.drain(1).await;

    for _ in 0..20 {
        assert!(nodes.take(1).await.is_err());
    }

    nodes.clock.advance(TEN_SECONDS);
    assert_eq!(nodes.drain(1).await, 1);
}

pub async fn a_bucket_refills_up_to_its_burst(nodes: Nodes) {
    for (seconds, want) in [(0, 3), (9, 0), (1, 1), (25, 2), (5, 1), (3_600, 3), (86_400 * 30, 3)] {
        nodes.clock.advance(Duration::from_secs(seconds));

        assert_eq!(nodes.drain(1).await, want, "after {seconds} s more");
    }
}

/// More than a whole bucket counts as a whole one.
pub async fn many_tokens_are_taken_together_or_not_at_all(nodes: Nodes) {
    let take = |count| nodes.limiter.take_many(key(1), quota(), count);
    assert_eq!(take(2).await, Ok(()));
    assert_eq!(take(2).await, Err(RetryAfter(TEN_SECONDS)));
    assert_eq!(nodes.take(1).await, Ok(()));

    assert_eq!(take(5).await, Err(RetryAfter(3 * TEN_SECONDS)));
    nodes.clock.advance(3 * TEN_SECONDS);
    assert_eq!(take(5).await, Ok(()));
    assert_eq!(nodes.take(1).await, Err(RetryAfter(TEN_SECONDS)));
}

/// By subject and by scope.
pub async fn buckets_are_independent(nodes: Nodes) {
    nodes.drain(1).await;

    assert_eq!(nodes.drain(2).await, 3);
    assert_eq!(nodes.drain(u128::MAX).await, 3);
    for scope in [LimitScope::CredentialsByAddress, LimitScope::MessagesByAccount] {
        let taken = nodes.limiter.take(LimitKey { scope, subject: 1 }, quota()).await;
        assert_eq!(taken, Ok(()));
    }
}

/// The burst, and what was refilled since.
pub async fn no_more_tokens_are_given_than_were_refilled(nodes: Nodes) {
    let mut given = 0_u64;
    for step in 0..200_u64 {
        let pause = (step * 7_919) % 13_000;
        nodes.clock.advance(Duration::from_millis(pause));
        given += nodes.drain(1).await as u64;
    }

    let passed = (0..200_u64).map(|step| (step * 7_919) % 13_000).sum::<u64>() / 10_000;
    assert!((passed..=passed + 3).contains(&given), "{given} in {passed} intervals");
}

/// Even by a client that was refused before.
pub async fn a_token_given_back_is_taken_again(nodes: Nodes) {
    assert_eq!(nodes.drain(1).await, 3);

    for _ in 0..2 {
        nodes.limiter.give_back(key(1), quota()).await;
    }

    assert_eq!(nodes.drain(1).await, 2);
    assert_eq!(nodes.take(1).await, Err(RetryAfter(TEN_SECONDS)));
}

pub async fn a_full_bucket_takes_nothing_back(nodes: Nodes) {
    nodes.limiter.give_back(key(1), quota()).await;
    assert_eq!(nodes.take(1).await, Ok(()));
    for _ in 0..5 {
        nodes.limiter.give_back(key(1), quota()).await;
    }

    assert_eq!(nodes.drain(1).await, 3);
}

pub async fn a_forgotten_bucket_is_full(nodes: Nodes) {
    nodes.drain(1).await;

    nodes.limiter.forget(key(1)).await;

    assert_eq!(nodes.drain(1).await, 3);
}

pub async fn parallel_takers_get_no_more_than_the_burst(nodes: Nodes) {
    let mut takers = JoinSet::new();
    for _ in 0..20 {
        let limiter = nodes.limiter.clone();
        takers.spawn(async move { limiter.take(key(1), quota()).await.is_ok() });
    }

    let got = takers.join_all().await;

    assert_eq!(got.iter().filter(|got| **got).count(), 3);
}

/// Tokens taken in a future that is undone no longer count.
pub async fn a_clock_set_back_locks_no_client_out(nodes: Nodes) {
    let now = Timestamp::from_seconds(1_767_225_600);
    nodes.clock.set(now.after(Duration::from_hours(24)));
    nodes.drain(1).await;

    nodes.clock.set(now);

    assert_eq!(nodes.drain(1).await, 3);
}

/// From one in a month to a million in a second.
pub async fn the_largest_and_the_smallest_quota_work(nodes: Nodes) {
    let month = Duration::from_hours(30 * 24);
    let rare = Quota::new(1, month, 1);
    assert_eq!(nodes.limiter.take(key(1), rare).await, Ok(()));
    assert_eq!(nodes.limiter.take(key(1), rare).await, Err(RetryAfter(month)));

    let often = Quota::new(1_000_000, Duration::from_secs(1), 1_000_000);
    for _ in 0..1_000 {
        assert_eq!(nodes.limiter.take(key(2), often).await, Ok(()));
    }

    let never = Quota::new(0, Duration::ZERO, 0);
    assert_eq!(nodes.limiter.take(key(3), never).await, Ok(()));
}

const BACKOFF: Backoff =
    Backoff { free: 3, longest: Duration::from_secs(10), forgotten_after: Duration::from_mins(10) };

impl Nodes {
    async fn attempt(&self, subject: u128) -> Result<(), RetryAfter> {
        self.limiter.attempt(key(subject), BACKOFF).await
    }

    /// The waiting times of the next attempts, in seconds.
    async fn waits(&self, subject: u128, attempts: usize) -> Vec<u64> {
        let mut waits = Vec::new();
        for _ in 0..attempts {
            let mut waited = 0;
            while let Err(RetryAfter(wait)) = self.attempt(subject).await {
                assert!(waited == 0, "an attempt after the announced wait was refused");
                waited = wait.as_secs();
                self.clock.advance(wait);
            }
            waits.push(waited);
        }
        waits
    }
}

/// Up to the longest wait.
pub async fn each_attempt_beyond_the_free_ones_doubles_the_wait(nodes: Nodes) {
    assert_eq!(nodes.waits(1, 9).await, [0, 0, 0, 1, 2, 4, 8, 10, 10]);
}

/// It does not make the wait longer either.
pub async fn an_attempt_that_comes_too_early_is_not_counted(nodes: Nodes) {
    nodes.waits(1, 4).await;
    let half = Duration::from_secs(1);

    assert_eq!(nodes.attempt(1).await, Err(RetryAfter(half * 2)));
    nodes.clock.advance(half);
    for _ in 0..20 {
        assert_eq!(nodes.attempt(1).await, Err(RetryAfter(half)));
    }
    nodes.clock.advance(half);

    assert_eq!(nodes.attempt(1).await, Ok(()));
    assert_eq!(nodes.attempt(1).await, Err(RetryAfter(Duration::from_secs(4))));
}

pub async fn attempts_are_forgotten_on_request(nodes: Nodes) {
    nodes.waits(1, 6).await;
    nodes.limiter.forget(key(1)).await;
    nodes.limiter.forget(key(2)).await;

    assert_eq!(nodes.waits(1, 5).await, [0, 0, 0, 1, 2]);
}

/// Counted from the end of the last wait.
pub async fn attempts_are_forgotten_after_a_quiet_time(nodes: Nodes) {
    nodes.waits(1, 5).await;
    nodes.clock.advance(Duration::from_secs(599));
    assert_eq!(nodes.waits(1, 1).await, [0]);
    assert_eq!(nodes.waits(1, 1).await, [8]);

    nodes.clock.advance(Duration::from_secs(10 + 600));

    assert_eq!(nodes.waits(1, 4).await, [0, 0, 0, 1]);
}

pub async fn attempts_at_one_key_delay_no_other(nodes: Nodes) {
    nodes.waits(1, 6).await;

    assert_eq!(nodes.waits(2, 3).await, [0, 0, 0]);
}

/// Checking and counting are one step.
pub async fn only_the_free_ones_of_parallel_attempts_are_allowed(nodes: Nodes) {
    let mut attempts = JoinSet::new();
    for _ in 0..20 {
        let limiter = nodes.limiter.clone();
        attempts.spawn(async move { limiter.attempt(key(1), BACKOFF).await.is_ok() });
    }

    let allowed = attempts.join_all().await;

    assert_eq!(allowed.iter().filter(|allowed| **allowed).count(), 3);
}

const SOCKETS: LimitKey = LimitKey { scope: LimitScope::SocketsByAccount, subject: 1 };
const POLL_INTERVAL: Duration = Duration::from_millis(10);

fn held(count: u64, version: u64) -> HeldCount {
    HeldCount { count, version }
}

impl Nodes {
    /// What the other node learns, or `default` if there is no other node.
    async fn seen_by_other(&self, key: LimitKey, version: u64, default: u64) -> u64 {
        match &self.other {
            Some(other) => other.hold(key, held(0, version)).await,
            None => default,
        }
    }
}

pub async fn a_node_learns_what_others_hold_without_its_own(nodes: Nodes) {
    for (version, count) in [(1, 3), (2, 5), (3, 0), (4, u64::from(u32::MAX))] {
        assert_eq!(nodes.limiter.hold(SOCKETS, held(count, version)).await, 0);
        assert_eq!(nodes.seen_by_other(SOCKETS, version, count).await, count);
    }
}

/// Whether it reports more or less.
pub async fn a_late_report_is_ignored(nodes: Nodes) {
    nodes.limiter.hold(SOCKETS, held(2, 7)).await;
    for (count, version) in [(9, 6), (0, 1)] {
        nodes.limiter.hold(SOCKETS, held(count, version)).await;
    }

    assert_eq!(nodes.seen_by_other(SOCKETS, 1, 2).await, 2);
}

/// By scope and by subject.
pub async fn held_counts_of_different_keys_are_separate(nodes: Nodes) {
    nodes.limiter.hold(SOCKETS, held(4, 1)).await;

    let other = LimitKey { subject: 2, ..SOCKETS };
    assert_eq!(nodes.seen_by_other(other, 1, 0).await, 0);
    let other = LimitKey { scope: LimitScope::SocketsByAddress, ..SOCKETS };
    assert_eq!(nodes.seen_by_other(other, 2, 0).await, 0);
}

/// `release` does not wait, so that it takes a moment.
pub async fn a_release_takes_effect_soon(nodes: Nodes) {
    nodes.limiter.hold(SOCKETS, held(4, 1)).await;

    nodes.limiter.release(SOCKETS, held(0, 2));

    let gone = async {
        let mut polls = interval(POLL_INTERVAL);
        for version in 1.. {
            polls.tick().await;
            if nodes.seen_by_other(SOCKETS, version, 0).await == 0 {
                break;
            }
        }
    };
    timeout(TEST_TIMEOUT, gone).await.expect("a released count is still held");
}

/// Whatever the order in which they arrive.
pub async fn the_newest_of_parallel_holds_counts(nodes: Nodes) {
    let holds = (1..=20).map(|version| nodes.limiter.hold(SOCKETS, held(version, version)));

    let answers = join_all(holds).await;

    assert!(answers.iter().all(|others| *others == 0), "{answers:?}");
    assert_eq!(nodes.seen_by_other(SOCKETS, 1, 20).await, 20);
}
