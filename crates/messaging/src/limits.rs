//! Limits that all nodes share.

mod breaker;
mod leases;
mod scripts;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use application::ports::{
    Backoff, Clock, HeldCount, LimitKey, LimitScope, NodeId, Quota, RateLimiter, RetryAfter,
};
use async_trait::async_trait;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{FromRedisValue, RedisError as Failure};
use tokio::runtime::Handle;
use tokio::time::timeout;

use self::breaker::Breaker;
use self::leases::{Leases, lease};
use self::scripts::{Scripts, Step};
use crate::link::{self, RedisError, RedisLink};

/// How long Redis may take, before this node decides by itself.
const PATIENCE: Duration = Duration::from_millis(50);

/// Counts in Redis; while that is away or slow, on this node alone.
///
/// From a bucket that refills fast a node takes some ahead, for a second at
/// most: so it asks about once a second for a key, however much there is to
/// count, and all nodes together give at most that second's worth too much.
///
/// The time is this node's. See [`application::ports::CLOCK_SLACK`].
pub struct RedisLimiter {
    shared: Arc<Shared>,
    node: NodeId,
    clock: Arc<dyn Clock>,
    here: Arc<dyn RateLimiter>,
    leases: Mutex<Leases>,
}

impl RedisLimiter {
    /// At the Redis of `link`, over a connection of its own that is made when it
    /// is needed. `here` counts while Redis does not.
    ///
    /// To be called on the main runtime, which outlives all workers.
    ///
    /// # Errors
    ///
    /// [`RedisError::Address`] when the link's address cannot be used for this.
    pub fn new(
        link: &RedisLink,
        clock: Arc<dyn Clock>,
        here: Arc<dyn RateLimiter>,
    ) -> Result<Self, RedisError> {
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_connection_timeout(Some(link::PATIENCE))
            .set_response_timeout(Some(link::PATIENCE));
        let connection =
            ConnectionManager::new_lazy_with_config(link.shared.client.clone(), config)
                .map_err(|error| RedisError::Address { reason: error.to_string() })?;
        let shared = Shared {
            connection,
            runtime: Handle::current(),
            scripts: Scripts::new(),
            breaker: Breaker::default(),
            said_since: AtomicU64::new(0),
        };
        let shared = Arc::new(shared);
        Ok(Self { shared, node: link.shared.node, clock, here, leases: Mutex::default() })
    }

    fn leases(&self) -> MutexGuard<'_, Leases> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl RateLimiter for RedisLimiter {
    async fn take(&self, key: LimitKey, quota: Quota) -> Result<(), RetryAfter> {
        let now = self.clock.now();
        let known = self.leases().take(key, now);
        if let Some(known) = known {
            return known;
        }
        let ahead = lease(quota);
        let step = self.shared.scripts.take(&name(key), quota, ahead, now);
        let Some((given, wait)) = self.shared.ask::<(u32, u64)>(step).await else {
            return self.here.take(key, quota).await;
        };
        let Some(rest) = given.checked_sub(1) else {
            let wait = RetryAfter(Duration::from_micros(wait));
            self.leases().refused(key, wait, now);
            return Err(wait);
        };
        self.leases().given(key, rest, quota, now);
        Ok(())
    }

    async fn attempt(&self, key: LimitKey, backoff: Backoff) -> Result<(), RetryAfter> {
        let step = self.shared.scripts.attempt(&name(key), backoff, self.clock.now());
        match self.shared.ask::<u64>(step).await {
            Some(0) => Ok(()),
            Some(wait) => Err(RetryAfter(Duration::from_micros(wait))),
            None => self.here.attempt(key, backoff).await,
        }
    }

    async fn forget(&self, key: LimitKey) {
        self.here.forget(key).await;
        self.shared.ask::<()>(Scripts::forget(&name(key))).await;
    }

    async fn hold(&self, key: LimitKey, held: HeldCount) -> u64 {
        self.shared.say(name(key), self.node, held).await
    }

    fn release(&self, key: LimitKey, held: HeldCount) {
        let (shared, node) = (Arc::clone(&self.shared), self.node);
        self.shared.runtime.spawn(async move { shared.say(name(key), node, held).await });
    }
}

fn name(key: LimitKey) -> String {
    format!("chat:limit:{}:{:032x}", word(key.scope), key.subject)
}

fn word(scope: LimitScope) -> &'static str {
    match scope {
        LimitScope::CredentialsByAddress => "credentials",
        LimitScope::SignInsByAccount => "sign-ins",
        LimitScope::SignInsByAccountAndAddress => "sign-ins-at",
        LimitScope::RegistrationsByAddress => "registrations",
        LimitScope::HandshakesByAddress => "handshakes",
        LimitScope::MessagesByAccount => "messages",
        LimitScope::MessagesByConversation => "messages-in",
        LimitScope::SocketsByAddress => "sockets-at",
        LimitScope::SocketsByAccount => "sockets",
    }
}

/// The Redis that is shared.
struct Shared {
    /// Carries many questions at once, and connects again by itself.
    connection: ConnectionManager,
    /// Of the connection: it must not be opened, and so ended, with a worker.
    runtime: Handle,
    scripts: Scripts,
    breaker: Breaker,
    /// The first of this node's turns from which on Redis was told all of them.
    said_since: AtomicU64,
}

impl Shared {
    /// The answer; none when there is none to be had soon.
    async fn ask<T: FromRedisValue + Send + 'static>(&self, step: Step) -> Option<T> {
        if self.breaker.is_open() {
            return None;
        }
        let mut connection = self.connection.clone();
        let answer = self
            .runtime
            .spawn(async move { timeout(PATIENCE, step.run::<T>(&mut connection)).await });
        match answer.await {
            Ok(Ok(Ok(answer))) => {
                self.breaker.answered();
                Some(answer)
            }
            Ok(Ok(Err(error))) => self.away(Some(&error)),
            // Too slow, or the runtime is ending.
            Ok(Err(_)) | Err(_) => self.away(None),
        }
    }

    /// What other nodes hold. What Redis missed makes void all that this node
    /// said before: nobody may be kept out by sockets that are gone.
    async fn say(&self, key: String, node: NodeId, held: HeldCount) -> u64 {
        let since = self.said_since.load(Ordering::Relaxed);
        let step = self.scripts.hold(&key, node, held, since);
        let others = self.ask::<u64>(step).await;
        if others.is_none() {
            self.said_since.fetch_max(held.turn.saturating_add(1), Ordering::Relaxed);
        }
        others.unwrap_or(0)
    }

    fn away<T>(&self, error: Option<&Failure>) -> Option<T> {
        self.breaker.failed(error.map(|error| error as &(dyn std::error::Error + 'static)));
        None
    }
}
