//! Limits that nodes share through Redis, and keep alone without it.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{
    Backoff, HeldCount, LimitKey, LimitScope, NodeId, Quota, RateLimiter, RetryAfter, Roster,
    RosterExchange as _,
};
use async_trait::async_trait;
use memory::InProcessLimiter;
use messaging::{RedisLimiter, RedisLink, RedisRosters};
use testkit::contracts::rate_limiter::Nodes;
use testkit::{ManualClock, RedisServer, TEST_TIMEOUT};
use tokio::time::{Instant, interval, timeout};

const SECOND: Duration = Duration::from_secs(1);
const KEY: LimitKey = LimitKey { scope: LimitScope::MessagesByConversation, subject: 1 };

fn limiter(redis: &RedisServer, clock: &Arc<ManualClock>) -> RedisLimiter {
    let fallback = Arc::new(InProcessLimiter::new(clock.clone()));
    let (link, _task) = RedisLink::new(&redis.url(), NodeId(1)).unwrap();
    RedisLimiter::new(&link, clock.clone(), fallback).unwrap()
}

/// The number of script calls that Redis has counted.
async fn script_calls(redis: &RedisServer) -> u64 {
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let stats: String =
        redis::cmd("INFO").arg("commandstats").query_async(&mut connection).await.unwrap();
    let line = stats.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
    line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
}

/// A limiter together with the lease and the Redis that it uses.
struct WithRedis {
    limiter: RedisLimiter,
    _rosters: RedisRosters,
    _redis: Arc<RedisServer>,
}

#[async_trait]
impl RateLimiter for WithRedis {
    async fn take_many(&self, key: LimitKey, quota: Quota, count: u32) -> Result<(), RetryAfter> {
        self.limiter.take_many(key, quota, count).await
    }

    async fn give_back(&self, key: LimitKey, quota: Quota) {
        self.limiter.give_back(key, quota).await;
    }

    async fn attempt(&self, key: LimitKey, backoff: Backoff) -> Result<(), RetryAfter> {
        self.limiter.attempt(key, backoff).await
    }

    async fn forget(&self, key: LimitKey) {
        self.limiter.forget(key).await;
    }

    async fn hold(&self, key: LimitKey, held: HeldCount) -> u64 {
        self.limiter.hold(key, held).await
    }

    fn release(&self, key: LimitKey, held: HeldCount) {
        self.limiter.release(key, held);
    }
}

async fn fresh() -> Nodes {
    let clock = Arc::<ManualClock>::default();
    let redis = Arc::new(RedisServer::start().await);
    let mut nodes = Vec::new();
    for id in [1, 2] {
        let (limiter, rosters) = leased(&redis, id, &clock).await;
        let limiter = WithRedis { limiter, _rosters: rosters, _redis: Arc::clone(&redis) };
        nodes.push(Arc::new(limiter) as Arc<dyn RateLimiter>);
    }
    Nodes { other: nodes.pop(), limiter: nodes.remove(0), clock }
}

testkit::rate_limiter_contract!(fresh);

async fn drain(node: &impl RateLimiter, quota: Quota) -> usize {
    let mut taken = 0;
    while node.take(KEY, quota).await.is_ok() {
        taken += 1;
        assert!(taken <= 100_000, "the bucket never empties");
    }
    taken
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_share_buckets_and_attempts() {
    let (redis, clock) = (RedisServer::start().await, Arc::default());
    let (one, other) = (limiter(&redis, &clock), limiter(&redis, &clock));
    let quota = Quota::new(1, 10 * SECOND, 3);
    let backoff = Backoff { free: 2, longest: 60 * SECOND, forgotten_after: 60 * SECOND };

    assert_eq!(one.take(KEY, quota).await, Ok(()));
    assert_eq!(drain(&other, quota).await, 2);
    assert_eq!(one.take(KEY, quota).await, Err(RetryAfter(10 * SECOND)));

    let sign_ins = LimitKey { scope: LimitScope::SignInsByAccount, subject: 1 };
    assert_eq!(one.attempt(sign_ins, backoff).await, Ok(()));
    assert_eq!(other.attempt(sign_ins, backoff).await, Ok(()));
    assert_eq!(one.attempt(sign_ins, backoff).await, Err(RetryAfter(SECOND)));
    other.forget(sign_ins).await;
    assert_eq!(one.attempt(sign_ins, backoff).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn fast_buckets_are_shared_without_a_round_trip_per_token() {
    let (redis, clock) = (RedisServer::start().await, Arc::<ManualClock>::default());
    let nodes = (limiter(&redis, &clock), limiter(&redis, &clock));
    let quota = Quota::new(200, SECOND, 400);

    let mut given = 0;
    for n in 0..2_000 {
        given += usize::from(
            (if n % 2 == 0 { &nodes.0 } else { &nodes.1 }).take(KEY, quota).await.is_ok(),
        );
    }

    assert_eq!(given, 400);
    let calls = script_calls(&redis).await;
    assert!(calls <= 8, "{calls} round trips");
    clock.advance(SECOND);
    assert_eq!(drain(&nodes.0, quota).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_node_counts_alone_while_redis_is_down() {
    let (mut redis, clock) = (RedisServer::start().await, Arc::default());
    let (one, other) = (limiter(&redis, &clock), limiter(&redis, &clock));
    let quota = Quota::new(1, 10 * SECOND, 3);
    assert_eq!(drain(&one, quota).await, 3);
    redis.kill();

    assert_eq!(drain(&other, quota).await, 3);

    redis.restart().await;
    let shared = async {
        let mut attempts = interval(Duration::from_millis(20));
        let single = Quota::new(1, 10 * SECOND, 1);
        for subject in 2.. {
            attempts.tick().await;
            let key = LimitKey { subject, ..KEY };
            assert_eq!(one.take(key, single).await, Ok(()));
            if other.take(key, single).await.is_err() {
                break;
            }
        }
    };
    timeout(TEST_TIMEOUT, shared).await.expect("limits were not shared again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_redis_delays_only_the_first_request() {
    let (redis, clock) = (RedisServer::start().await, Arc::default());
    let slow = limiter(&redis, &clock);
    let quota = Quota::new(1, 10 * SECOND, 100);
    assert_eq!(slow.take(KEY, quota).await, Ok(()));
    redis.suspend(true);

    let began = Instant::now();
    let taken = drain(&slow, quota).await;

    assert_eq!(taken, 100, "what this node grants alone");
    assert!(began.elapsed() < SECOND, "{:?}", began.elapsed());
}

const SOCKETS: LimitKey = LimitKey { scope: LimitScope::SocketsByAccount, subject: 1 };

/// A limiter of a node whose roster lease is held, as socket counts require.
async fn leased(
    redis: &RedisServer,
    id: u64,
    clock: &Arc<ManualClock>,
) -> (RedisLimiter, RedisRosters) {
    let fallback = Arc::new(InProcessLimiter::new(clock.clone()));
    let (link, _task) = RedisLink::new(&redis.url(), NodeId(id)).unwrap();
    let limiter = RedisLimiter::new(&link, clock.clone(), fallback).unwrap();
    let rosters = RedisRosters::new(link);
    rosters.renew(&Roster::default()).await.unwrap();
    (limiter, rosters)
}

fn held(count: u64, version: u64) -> HeldCount {
    HeldCount { count, version }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_node_holds_nothing() {
    let (redis, clock) = (RedisServer::start().await, Arc::default());
    let (one, lease_of_one) = leased(&redis, 1, &clock).await;
    let (other, _lease_of_other) = leased(&redis, 2, &clock).await;
    assert_eq!(one.hold(SOCKETS, held(3, 1)).await, 0);
    assert_eq!(other.hold(SOCKETS, held(1, 1)).await, 3);

    lease_of_one.withdraw().await;

    assert_eq!(other.hold(SOCKETS, held(1, 2)).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_redis_missed_keeps_no_user_out() {
    let (redis, clock) = (RedisServer::start().await, Arc::default());
    let (one, _lease_of_one) = leased(&redis, 1, &clock).await;
    let (other, _lease_of_other) = leased(&redis, 2, &clock).await;
    assert_eq!(one.hold(SOCKETS, held(20, 1)).await, 0);
    assert_eq!(other.hold(SOCKETS, held(1, 1)).await, 20);

    redis.suspend(true);
    assert_eq!(one.hold(SOCKETS, held(0, 2)).await, 0);
    redis.suspend(false);

    let another = LimitKey { subject: 2, ..SOCKETS };
    let corrected = async {
        let mut attempts = interval(Duration::from_millis(20));
        for version in 3.. {
            attempts.tick().await;
            one.hold(another, held(1, version)).await;
            if other.hold(SOCKETS, held(1, version)).await == 0 {
                break;
            }
        }
    };
    timeout(TEST_TIMEOUT, corrected).await.expect("released sockets are still counted");
}
