mod recent;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use application::ports::{
    Attempts, Backoff, Clock, HeldCount, LimitKey, LimitScope, Quota, RateLimiter, RetryAfter,
};
use async_trait::async_trait;
use domain::Timestamp;

use self::recent::{Lasting, Recent};

/// Rate limits within this process.
pub struct InProcessLimiter {
    clock: Arc<dyn Clock>,
    /// One map per scope, so that a flood of keys in one scope evicts no others.
    scopes: HashMap<LimitScope, Mutex<Recent<Kept>>>,
}

/// The state of a key; all keys of a scope have the same kind.
#[derive(Debug, Clone, Copy)]
enum Kept {
    Bucket { full_at: Timestamp },
    Attempts { made: Attempts, until: Timestamp },
}

impl Lasting for Kept {
    fn until(&self) -> Timestamp {
        match *self {
            Self::Bucket { full_at } => full_at,
            Self::Attempts { until, .. } => until,
        }
    }
}

impl InProcessLimiter {
    /// Keys per [`LimitScope`]; beyond it, the least recently used keys are forgotten.
    pub const CAPACITY: usize = 100_000;

    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let scopes = LimitScope::ALL.map(|scope| (scope, Mutex::new(Recent::new(Self::CAPACITY))));
        Self { clock, scopes: scopes.into() }
    }

    /// The number of stored keys of a scope; for tests.
    #[must_use]
    pub fn kept(&self, scope: LimitScope) -> usize {
        self.scope(scope).map_or(0, |kept| kept.len())
    }

    fn scope(&self, scope: LimitScope) -> Option<MutexGuard<'_, Recent<Kept>>> {
        let kept = self.scopes.get(&scope)?;
        Some(kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl RateLimiter for InProcessLimiter {
    async fn take(&self, key: LimitKey, quota: Quota) -> Result<(), RetryAfter> {
        let now = self.clock.now();
        let Some(mut buckets) = self.scope(key.scope) else { return Ok(()) };
        let full_at = match buckets.get(key.subject) {
            Some(Kept::Bucket { full_at }) => Some(full_at),
            _ => None,
        };
        let full_at = quota.take(full_at, now)?;
        buckets.put(key.subject, Kept::Bucket { full_at }, now);
        Ok(())
    }

    async fn attempt(&self, key: LimitKey, backoff: Backoff) -> Result<(), RetryAfter> {
        let now = self.clock.now();
        let Some(mut attempts) = self.scope(key.scope) else { return Ok(()) };
        let known = match attempts.get(key.subject) {
            Some(Kept::Attempts { made, .. }) => Some(made),
            _ => None,
        };
        let made = backoff.attempt(known, now)?;
        let until = backoff.forgotten_at(made);
        attempts.put(key.subject, Kept::Attempts { made, until }, now);
        Ok(())
    }

    async fn forget(&self, key: LimitKey) {
        if let Some(mut kept) = self.scope(key.scope) {
            kept.remove(key.subject);
        }
    }

    async fn hold(&self, _key: LimitKey, _held: HeldCount) -> u64 {
        0
    }

    fn release(&self, _key: LimitKey, _held: HeldCount) {}
}
