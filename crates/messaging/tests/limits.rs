//! The limits over Redis keep their contract, are shared, and are there when Redis is not.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test reports")]

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use application::ports::{Backoff, LimitKey, LimitScope, Quota, RateLimiter, RetryAfter};
use async_trait::async_trait;
use memory::InProcessLimiter;
use messaging::RedisLimiter;
use redis::aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection};
use tempfile::TempDir;
use testkit::contracts::rate_limiter::Counted;
use testkit::{ManualClock, PATIENCE};
use tokio::time::{Instant, interval, timeout};

const SECOND: Duration = Duration::from_secs(1);
const KEY: LimitKey = LimitKey { scope: LimitScope::MessagesByConversation, subject: 1 };

/// A Redis of its own, on a socket in a folder, killed in the end.
struct Redis {
    process: Child,
    folder: TempDir,
}

impl Redis {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let redis = Self { process: serve(&folder), folder };
        redis.connection().await;
        redis
    }

    fn client(&self) -> redis::Client {
        redis::Client::open(format!("redis+unix://{}", socket(&self.folder).display())).unwrap()
    }

    /// As soon as it answers.
    async fn connection(&self) -> MultiplexedConnection {
        let connecting = async {
            let mut glances = interval(Duration::from_millis(5));
            loop {
                glances.tick().await;
                if let Ok(connection) = self.client().get_multiplexed_async_connection().await {
                    return connection;
                }
            }
        };
        timeout(PATIENCE, connecting).await.expect("redis-server does not answer")
    }

    fn node(&self, clock: &Arc<ManualClock>) -> RedisLimiter<ConnectionManager> {
        let config = ConnectionManagerConfig::new().set_number_of_retries(1);
        let manager = ConnectionManager::new_lazy_with_config(self.client(), config).unwrap();
        let here = Arc::new(InProcessLimiter::new(clock.clone()));
        RedisLimiter::new(manager, "chat:", clock.clone(), here)
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    async fn start_again(&mut self) {
        self.process = serve(&self.folder);
        self.connection().await;
    }

    /// How often scripts were called.
    async fn calls(&self) -> u64 {
        let mut connection = self.connection().await;
        let stats: String =
            redis::cmd("INFO").arg("commandstats").query_async(&mut connection).await.unwrap();
        let line = stats.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
        line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
    }
}

fn socket(folder: &TempDir) -> PathBuf {
    folder.path().join("redis")
}

fn serve(folder: &TempDir) -> Child {
    Command::new("redis-server")
        .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
        .arg(socket(folder))
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("these tests need redis-server")
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A limiter and the Redis that goes with it.
struct Owned(RedisLimiter<ConnectionManager>, #[expect(dead_code, reason = "dropped")] Redis);

#[async_trait]
impl RateLimiter for Owned {
    async fn take(&self, key: LimitKey, quota: Quota) -> Result<(), RetryAfter> {
        self.0.take(key, quota).await
    }

    async fn attempt(&self, key: LimitKey, backoff: Backoff) -> Result<(), RetryAfter> {
        self.0.attempt(key, backoff).await
    }

    async fn forget(&self, key: LimitKey) {
        self.0.forget(key).await;
    }

    async fn mark(&self, key: LimitKey, span: Duration) {
        self.0.mark(key, span).await;
    }

    async fn is_marked(&self, key: LimitKey) -> bool {
        self.0.is_marked(key).await
    }
}

async fn fresh() -> Counted {
    let clock = Arc::<ManualClock>::default();
    let redis = Redis::start().await;
    Counted { limiter: Arc::new(Owned(redis.node(&clock), redis)), clock }
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
    let (redis, clock) = (Redis::start().await, Arc::default());
    let (one, other) = (redis.node(&clock), redis.node(&clock));
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

    let known = LimitKey { scope: LimitScope::KnownAddress, subject: 1 };
    one.mark(known, SECOND).await;
    assert!(other.is_marked(known).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_do_not_cost_a_round_trip_each_and_are_still_counted_together() {
    let (redis, clock) = (Redis::start().await, Arc::<ManualClock>::default());
    let nodes = (redis.node(&clock), redis.node(&clock));
    let quota = Quota::new(200, SECOND, 400);

    let mut given = 0;
    for n in 0..2_000 {
        given += usize::from(
            (if n % 2 == 0 { &nodes.0 } else { &nodes.1 }).take(KEY, quota).await.is_ok(),
        );
    }

    assert_eq!(given, 400);
    let calls = redis.calls().await;
    assert!(calls <= 8, "{calls} round trips");
    clock.advance(SECOND);
    assert_eq!(drain(&nodes.0, quota).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_away_each_node_counts_alone_and_knows_whom_it_knew() {
    let (mut redis, clock) = (Redis::start().await, Arc::default());
    let (one, other) = (redis.node(&clock), redis.node(&clock));
    let quota = Quota::new(1, 10 * SECOND, 3);
    let known = LimitKey { scope: LimitScope::KnownAddress, subject: 1 };
    one.mark(known, SECOND).await;
    assert_eq!(drain(&one, quota).await, 3);
    redis.kill();

    assert_eq!(drain(&other, quota).await, 3);
    assert!(one.is_marked(known).await);
    assert!(!other.is_marked(known).await);

    redis.start_again().await;
    let shared = async {
        let mut glances = interval(Duration::from_millis(20));
        loop {
            glances.tick().await;
            one.mark(known, SECOND).await;
            if other.is_marked(known).await {
                break;
            }
        }
    };
    timeout(PATIENCE, shared).await.expect("they never shared again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_redis_is_waited_for_once() {
    let (redis, clock) = (Redis::start().await, Arc::default());
    let node = redis.node(&clock);
    let quota = Quota::new(1, 10 * SECOND, 100);
    assert_eq!(node.take(KEY, quota).await, Ok(()));
    let mut connection = redis.connection().await;
    let pause = redis::cmd("CLIENT").arg("PAUSE").arg(60_000).take();
    pause.query_async::<()>(&mut connection).await.unwrap();

    let began = Instant::now();
    let taken = drain(&node, quota).await;

    assert_eq!(taken, 100, "as many as this node gives alone");
    assert!(began.elapsed() < SECOND, "{:?}", began.elapsed());
}
