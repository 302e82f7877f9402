//! Limits that nodes share, which are there when Redis is not.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{
    Backoff, HeldCount, LimitKey, LimitScope, NodeId, Quota, RateLimiter, RetryAfter, Roster,
    RosterExchange as _,
};
use async_trait::async_trait;
use memory::InProcessLimiter;
use messaging::{RedisLimiter, RedisLink, RedisRosters};
use testkit::contracts::rate_limiter::Counted;
use testkit::{ManualClock, PATIENCE, RedisServer};
use tokio::time::{Instant, interval, timeout};

const SECOND: Duration = Duration::from_secs(1);
const KEY: LimitKey = LimitKey { scope: LimitScope::MessagesByConversation, subject: 1 };

fn node(redis: &RedisServer, clock: &Arc<ManualClock>) -> RedisLimiter {
    let here = Arc::new(InProcessLimiter::new(clock.clone()));
    let (link, _task) = RedisLink::new(&redis.url(), NodeId(1)).unwrap();
    RedisLimiter::new(&link, clock.clone(), here).unwrap()
}

/// How often scripts were called.
async fn calls(redis: &RedisServer) -> u64 {
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let stats: String =
        redis::cmd("INFO").arg("commandstats").query_async(&mut connection).await.unwrap();
    let line = stats.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
    line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
}

/// A limiter that keeps its Redis for as long as it is there.
struct Kept {
    limiter: RedisLimiter,
    _rosters: RedisRosters,
    _redis: Arc<RedisServer>,
}

#[async_trait]
impl RateLimiter for Kept {
    async fn take(&self, key: LimitKey, quota: Quota) -> Result<(), RetryAfter> {
        self.limiter.take(key, quota).await
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

async fn fresh() -> Counted {
    let clock = Arc::<ManualClock>::default();
    let redis = Arc::new(RedisServer::start().await);
    let mut nodes = Vec::new();
    for id in [1, 2] {
        let (limiter, rosters) = living(&redis, id, &clock).await;
        let kept = Kept { limiter, _rosters: rosters, _redis: Arc::clone(&redis) };
        nodes.push(Arc::new(kept) as Arc<dyn RateLimiter>);
    }
    Counted { other: nodes.pop(), limiter: nodes.remove(0), clock }
}

testkit::rate_limiter_contract!(fresh);

async fn drain(node: &impl RateLimiter, quota: Quota) -> usize {
    let mut taken = 0;
    while node.take(KEY, quota).await.is_ok() {
        taken += 1;
        assert!(taken <= 100_000, "the bucket has no bottom");
    }
    taken
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_count_together() {
    let (redis, clock) = (RedisServer::start().await, Arc::default());
    let (one, other) = (node(&redis, &clock), node(&redis, &clock));
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
async fn messages_do_not_cost_a_round_trip_each_and_are_still_counted_together() {
    let (redis, clock) = (RedisServer::start().await, Arc::<ManualClock>::default());
    let nodes = (node(&redis, &clock), node(&redis, &clock));
    let quota = Quota::new(200, SECOND, 400);

    let mut given = 0;
    for n in 0..2_000 {
        given += usize::from(
            (if n % 2 == 0 { &nodes.0 } else { &nodes.1 }).take(KEY, quota).await.is_ok(),
        );
    }

    assert_eq!(given, 400);
    let calls = calls(&redis).await;
    assert!(calls <= 8, "{calls} round trips");
    clock.advance(SECOND);
    assert_eq!(drain(&nodes.0, quota).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_away_each_node_counts_alone() {
    let (mut redis, clock) = (RedisServer::start().await, Arc::default());
    let (one, other) = (node(&redis, &clock), node(&redis, &clock));
    let quota = Quota::new(1, 10 * SECOND, 3);
    assert_eq!(drain(&one, quota).await, 3);
    redis.kill();

    assert_eq!(drain(&other, quota).await, 3);

    redis.start_again().await;
    let shared = async {
        let mut glances = interval(Duration::from_millis(20));
        let single = Quota::new(1, 10 * SECOND, 1);
        for subject in 2.. {
            glances.tick().await;
            let key = LimitKey { subject, ..KEY };
            assert_eq!(one.take(key, single).await, Ok(()));
            if other.take(key, single).await.is_err() {
                break;
            }
        }
    };
    timeout(PATIENCE, shared).await.expect("they never shared again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_redis_is_waited_for_once() {
    let (redis, clock) = (RedisServer::start().await, Arc::default());
    let slow = node(&redis, &clock);
    let quota = Quota::new(1, 10 * SECOND, 100);
    assert_eq!(slow.take(KEY, quota).await, Ok(()));
    redis.stand_still(true);

    let began = Instant::now();
    let taken = drain(&slow, quota).await;

    assert_eq!(taken, 100, "as many as this node gives alone");
    assert!(began.elapsed() < SECOND, "{:?}", began.elapsed());
}

const SOCKETS: LimitKey = LimitKey { scope: LimitScope::SocketsByAccount, subject: 1 };

/// A node with a roster.
async fn living(
    redis: &RedisServer,
    id: u64,
    clock: &Arc<ManualClock>,
) -> (RedisLimiter, RedisRosters) {
    let here = Arc::new(InProcessLimiter::new(clock.clone()));
    let (link, _task) = RedisLink::new(&redis.url(), NodeId(id)).unwrap();
    let limiter = RedisLimiter::new(&link, clock.clone(), here).unwrap();
    let rosters = RedisRosters::new(link);
    rosters.renew(&Roster::default()).await.unwrap();
    (limiter, rosters)
}

fn held(count: u64, turn: u64) -> HeldCount {
    HeldCount { count, turn }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_holds_ends_with_it() {
    let (redis, clock) = (RedisServer::start().await, Arc::default());
    let (one, of_one) = living(&redis, 1, &clock).await;
    let (other, _of_other) = living(&redis, 2, &clock).await;
    assert_eq!(one.hold(SOCKETS, held(3, 1)).await, 0);
    assert_eq!(other.hold(SOCKETS, held(1, 1)).await, 3);

    of_one.withdraw().await;

    assert_eq!(other.hold(SOCKETS, held(1, 2)).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_kept_out_by_what_redis_was_not_told_to_be_gone() {
    let (redis, clock) = (RedisServer::start().await, Arc::default());
    let (one, _of_one) = living(&redis, 1, &clock).await;
    let (other, _of_other) = living(&redis, 2, &clock).await;
    assert_eq!(one.hold(SOCKETS, held(20, 1)).await, 0);
    assert_eq!(other.hold(SOCKETS, held(1, 1)).await, 20);

    redis.stand_still(true);
    assert_eq!(one.hold(SOCKETS, held(0, 2)).await, 0);
    redis.stand_still(false);

    let another = LimitKey { subject: 2, ..SOCKETS };
    let forgotten = async {
        let mut glances = interval(Duration::from_millis(20));
        for turn in 3.. {
            glances.tick().await;
            one.hold(another, held(1, turn)).await;
            if other.hold(SOCKETS, held(1, turn)).await == 0 {
                break;
            }
        }
    };
    timeout(PATIENCE, forgotten).await.expect("what is gone is still counted");
}
