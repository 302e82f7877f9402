//! [`RateLimiter`] over Redis: limits that all nodes share.

mod scripts;

use std::collections::HashMap;
use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use application::ports::{
    Backoff, Clock, HeldCount, LimitKey, NodeId, Quota, RateLimiter, RetryAfter, with_causes,
};
use async_trait::async_trait;
use domain::Timestamp;
use redis::FromRedisValue;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};

use self::scripts::Request;
use crate::redis_link::{REDIS_TIMEOUT, RedisError, RedisLink};

/// A caller waits no longer than this for Redis; then this node decides alone.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(50);
/// After a failure, the node does not ask Redis for this long.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);
/// A node takes tokens for at most this time in advance.
const PREFETCH: Duration = Duration::from_secs(1);
/// Beyond this number of keys, the cache is cleared.
const MAX_CACHED_KEYS: usize = 100_000;

/// Counts in Redis, and on this node alone while Redis is down or slow.
///
/// For buckets that refill fast, each node takes one second's worth of tokens
/// in advance: it asks for a key about once a second, and all nodes together
/// grant at most that second's worth too much.
///
/// Times are those of this node. See [`application::ports::CLOCK_SLACK`].
pub struct RedisLimiter {
    shared: Arc<Shared>,
    node: NodeId,
    clock: Arc<dyn Clock>,
    fallback: Arc<dyn RateLimiter>,
    // Held for one look-up or change, never across an await.
    token_cache: Mutex<TokenCache>,
}

impl RedisLimiter {
    /// Connects on first use. `fallback` counts while Redis does not answer.
    ///
    /// Call it on the main runtime: the connection has to outlive all workers.
    pub fn new(
        link: &RedisLink,
        clock: Arc<dyn Clock>,
        fallback: Arc<dyn RateLimiter>,
    ) -> Result<Self, RedisError> {
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_connection_timeout(Some(REDIS_TIMEOUT))
            .set_response_timeout(Some(REDIS_TIMEOUT));
        let connection =
            ConnectionManager::new_lazy_with_config(link.shared.client.clone(), config)
                .map_err(|error| RedisError::Address { reason: error.to_string() })?;
        let shared = Shared {
            connection,
            runtime: Handle::current(),
            paused_until: Mutex::default(),
            valid_from: AtomicU64::new(0),
        };
        let shared = Arc::new(shared);
        let token_cache = Mutex::default();
        Ok(Self { shared, node: link.shared.node, clock, fallback, token_cache })
    }

    fn token_cache(&self) -> MutexGuard<'_, TokenCache> {
        self.token_cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl RateLimiter for RedisLimiter {
    async fn take_many(&self, key: LimitKey, quota: Quota, count: u32) -> Result<(), RetryAfter> {
        let count = count.clamp(1, quota.burst());
        let now = self.clock.now();
        let cached = self.token_cache().take(key, count, now);
        if let Some(cached) = cached {
            return cached;
        }
        let request = scripts::take(key_name(key), quota, (count, batch_size(quota)), now);
        let Some((taken, wait)) = self.shared.send::<(u32, u64)>(request).await else {
            return self.fallback.take_many(key, quota, count).await;
        };
        let Some(in_advance) = taken.checked_sub(count) else {
            let retry = RetryAfter(Duration::from_micros(wait));
            if count == 1 {
                self.token_cache().store_refusal(key, retry, now);
            }
            return Err(retry);
        };
        self.token_cache().store(key, in_advance, quota, now);
        Ok(())
    }

    async fn give_back(&self, key: LimitKey, quota: Quota) {
        self.token_cache().forget_refusal(key);
        // Either of the two may have given the token; a full bucket gets no more.
        self.fallback.give_back(key, quota).await;
        let request = scripts::give_back(key_name(key), quota, self.clock.now());
        self.shared.send::<()>(request).await;
    }

    async fn attempt(&self, key: LimitKey, backoff: Backoff) -> Result<(), RetryAfter> {
        let request = scripts::attempt(key_name(key), backoff, self.clock.now());
        match self.shared.send::<u64>(request).await {
            Some(0) => Ok(()),
            Some(wait) => Err(RetryAfter(Duration::from_micros(wait))),
            None => self.fallback.attempt(key, backoff).await,
        }
    }

    async fn forget(&self, key: LimitKey) {
        self.token_cache().forget_refusal(key);
        self.fallback.forget(key).await;
        self.shared.send::<()>(scripts::forget(key_name(key))).await;
    }

    async fn hold(&self, key: LimitKey, held: HeldCount) -> u64 {
        self.shared.hold(key_name(key), self.node, held).await
    }

    fn release(&self, key: LimitKey, held: HeldCount) {
        let (shared, node) = (Arc::clone(&self.shared), self.node);
        self.shared.runtime.spawn(async move { shared.hold(key_name(key), node, held).await });
    }
}

fn key_name(key: LimitKey) -> String {
    format!("chat:limit:{}:{:032x}", key.scope.name(), key.subject)
}

struct Shared {
    /// Carries many requests at once and reconnects by itself.
    connection: ConnectionManager,
    /// Opens the connection, which would end with the worker that opened it.
    runtime: Handle,
    /// Set after a failure, until Redis answers again.
    paused_until: Mutex<Option<Instant>>,
    /// The first version of this node since which Redis got all reports.
    valid_from: AtomicU64,
}

impl Shared {
    /// Returns the answer of Redis, or none if it does not answer soon.
    async fn send<T: FromRedisValue + Send + 'static>(&self, request: Request) -> Option<T> {
        if self.paused_until().is_some_and(|until| Instant::now() < until) {
            return None;
        }
        let mut connection = self.connection.clone();
        let answer = self.runtime.spawn(async move {
            timeout(ANSWER_TIMEOUT, request.send::<T>(&mut connection)).await
        });
        match answer.await {
            Ok(Ok(Ok(answer))) => {
                if self.paused_until().take().is_some() {
                    tracing::info!("Redis answers again: rate limits are shared by all nodes");
                }
                Some(answer)
            }
            Ok(Ok(Err(error))) => self.pause(Some(&error)),
            // Too slow, or the runtime is shutting down.
            Ok(Err(_)) | Err(_) => self.pause(None),
        }
    }

    fn pause<T>(&self, error: Option<&(dyn Error + 'static)>) -> Option<T> {
        let until = Instant::now() + PAUSE_AFTER_FAILURE;
        if self.paused_until().replace(until).is_none() {
            tracing::warn!(
                error = error.map(with_causes),
                "Redis does not answer: each node limits rates alone until it does"
            );
        }
        None
    }

    /// Reports how much this node holds, and returns how much the others hold. If Redis misses a
    /// report, all earlier ones become void, so that closed sockets do not keep a user out.
    async fn hold(&self, key: String, node: NodeId, held: HeldCount) -> u64 {
        let valid_from = self.valid_from.load(Ordering::Relaxed);
        let request = scripts::hold(key, node, held, valid_from);
        let others = self.send::<u64>(request).await;
        if others.is_none() {
            self.valid_from.fetch_max(held.version.saturating_add(1), Ordering::Relaxed);
        }
        others.unwrap_or(0)
    }

    fn paused_until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.paused_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns how many tokens to take at once: one second's worth, or a small part of a large bucket,
/// but at most a quarter of the bucket, so that some remain for other nodes.
fn batch_size(quota: Quota) -> u32 {
    let per_second = PREFETCH.as_micros() / quota.interval().as_micros().max(1);
    let per_second = u32::try_from(per_second).unwrap_or(u32::MAX);
    per_second.max(quota.burst() / 4096).min(quota.burst() / 4).max(1)
}

#[derive(Debug, Default)]
struct TokenCache(HashMap<LimitKey, Entry>);

#[derive(Debug, Clone, Copy)]
struct Entry {
    since: Timestamp,
    until: Timestamp,
    /// 0 means that the bucket in Redis is empty until `until`.
    tokens: u32,
}

impl TokenCache {
    /// Takes tokens. `None` if the caller must ask Redis.
    fn take(
        &mut self,
        key: LimitKey,
        count: u32,
        now: Timestamp,
    ) -> Option<Result<(), RetryAfter>> {
        let entry = self.0.get_mut(&key)?;
        if now < entry.since || now >= entry.until {
            self.0.remove(&key);
            return None;
        }
        match entry.tokens {
            0 => Some(Err(RetryAfter(entry.until.since(now)))),
            tokens if tokens > count => {
                entry.tokens = tokens - count;
                Some(Ok(()))
            }
            tokens => {
                self.0.remove(&key);
                (tokens == count).then_some(Ok(()))
            }
        }
    }

    /// Stores tokens taken in advance. They expire when the bucket would have
    /// refilled them. Tokens that a concurrent request stored are lost to this node.
    fn store(&mut self, key: LimitKey, tokens: u32, quota: Quota, now: Timestamp) {
        self.0.remove(&key);
        if tokens > 0 {
            let until = now.after(quota.interval().saturating_mul(tokens));
            self.insert(key, Entry { since: now, until, tokens });
        }
    }

    fn store_refusal(&mut self, key: LimitKey, retry: RetryAfter, now: Timestamp) {
        self.insert(key, Entry { since: now, until: now.after(retry.0), tokens: 0 });
    }

    fn forget_refusal(&mut self, key: LimitKey) {
        if self.0.get(&key).is_some_and(|entry| entry.tokens == 0) {
            self.0.remove(&key);
        }
    }

    fn insert(&mut self, key: LimitKey, entry: Entry) {
        if self.0.len() >= MAX_CACHED_KEYS {
            self.0.clear();
        }
        self.0.insert(key, entry);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use application::ports::{LimitKey, LimitScope, Quota, RetryAfter};
    use domain::Timestamp;

    use super::{TokenCache, batch_size};

    const SECOND: Duration = Duration::from_secs(1);
    const KEY: LimitKey = LimitKey { scope: LimitScope::MessagesByAccount, subject: 1 };
    const NOW: Timestamp = Timestamp::from_seconds(1_000);

    #[test]
    fn a_batch_is_what_the_bucket_refills_in_a_second() {
        let cases = [
            ("messages of an account", Quota::new(10, SECOND, 40), 10),
            ("in a conversation", Quota::new(200, SECOND, 400), 100),
            ("sign-ins", Quota::new(60, 60 * SECOND, 20), 1),
            ("registrations", Quota::new(30, 3_600 * SECOND, 30), 1),
            ("handshakes", Quota::new(300, 60 * SECOND, 500), 5),
            ("KiB of a day", Quota::new(262_144, 86_400 * SECOND, 262_144), 64),
            ("the most", Quota::new(1_000_000, SECOND, u32::MAX), 1_048_575),
            ("a small bucket", Quota::new(1_000_000, SECOND, 1), 1),
        ];
        for (name, quota, want) in cases {
            assert_eq!(batch_size(quota), want, "{name}");
        }
    }

    #[test]
    fn stored_tokens_are_taken_once_and_expire() {
        let quota = Quota::new(10, SECOND, 40);
        let mut cache = TokenCache::default();
        cache.store(KEY, 2, quota, NOW);

        assert_eq!(cache.take(KEY, 1, NOW), Some(Ok(())));
        assert_eq!(cache.take(KEY, 1, NOW), Some(Ok(())));
        assert_eq!(cache.take(KEY, 1, NOW), None);

        cache.store(KEY, 2, quota, NOW);
        assert_eq!(cache.take(KEY, 1, NOW.after(SECOND / 5)), None);

        cache.store(KEY, 5, quota, NOW);
        assert_eq!(cache.take(KEY, 3, NOW), Some(Ok(())));
        assert_eq!(cache.take(KEY, 3, NOW), None);
    }

    #[test]
    fn a_refusal_is_known_until_it_ends() {
        let mut cache = TokenCache::default();
        cache.store_refusal(KEY, RetryAfter(SECOND), NOW);

        let half = NOW.after(SECOND / 2);
        assert_eq!(cache.take(KEY, 1, half), Some(Err(RetryAfter(SECOND / 2))));
        assert_eq!(cache.take(KEY, 1, NOW.after(SECOND)), None);

        cache.store_refusal(KEY, RetryAfter(SECOND), NOW);
        let earlier = Timestamp::from_seconds(0);
        assert_eq!(cache.take(KEY, 1, earlier), None, "a clock that was set back");
    }
}
