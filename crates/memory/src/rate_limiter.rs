use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use application::ports::{
    Attempts, Backoff, Clock, HeldCount, LimitKey, LimitScope, Quota, RateLimiter, RetryAfter,
};
use async_trait::async_trait;
use domain::Timestamp;

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
    async fn take_many(&self, key: LimitKey, quota: Quota, count: u32) -> Result<(), RetryAfter> {
        let now = self.clock.now();
        let Some(mut buckets) = self.scope(key.scope) else { return Ok(()) };
        let full_at = match buckets.get(key.subject) {
            Some(Kept::Bucket { full_at }) => Some(full_at),
            _ => None,
        };
        let full_at = quota.take(full_at, now, count)?;
        buckets.put(key.subject, Kept::Bucket { full_at }, now);
        Ok(())
    }

    async fn give_back(&self, key: LimitKey, quota: Quota) {
        let now = self.clock.now();
        let Some(mut buckets) = self.scope(key.scope) else { return };
        if let Some(Kept::Bucket { full_at }) = buckets.get(key.subject) {
            let full_at = quota.give_back(full_at, now);
            buckets.put(key.subject, Kept::Bucket { full_at }, now);
        }
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

/// A value that expires.
trait Lasting: Copy {
    fn until(&self) -> Timestamp;
}

/// Holds at most `capacity` values, in two halves. A write goes to the young half, which replaces
/// the old half once it is full.
#[derive(Debug)]
struct Recent<T> {
    half: usize,
    young: HashMap<u128, T>,
    old: HashMap<u128, T>,
}

impl<T: Lasting> Recent<T> {
    fn new(capacity: usize) -> Self {
        Self { half: (capacity / 2).max(1), young: HashMap::new(), old: HashMap::new() }
    }

    fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    fn get(&self, key: u128) -> Option<T> {
        self.young.get(&key).or_else(|| self.old.get(&key)).copied()
    }

    fn put(&mut self, key: u128, value: T, now: Timestamp) {
        self.old.remove(&key);
        if self.young.len() >= self.half && !self.young.contains_key(&key) {
            self.make_room(now);
        }
        self.young.insert(key, value);
    }

    fn remove(&mut self, key: u128) {
        self.young.remove(&key);
        self.old.remove(&key);
    }

    fn make_room(&mut self, now: Timestamp) {
        self.young.retain(|_, value| value.until() > now);
        // Otherwise the next sweep would come too soon.
        if self.young.len() > self.half / 2 {
            self.old = mem::take(&mut self.young);
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::{Lasting, Recent};

    impl Lasting for Timestamp {
        fn until(&self) -> Timestamp {
            *self
        }
    }

    const NOW: Timestamp = Timestamp::from_seconds(0);
    const LATER: Timestamp = Timestamp::from_seconds(1);

    #[test]
    fn the_least_recently_used_keys_are_evicted() {
        let mut recent = Recent::new(8);
        for key in 0..100 {
            recent.put(7, LATER, NOW);
            recent.put(1_000 + key, LATER, NOW);
            assert!(recent.len() <= 8);
        }

        assert_eq!(recent.get(7), Some(LATER));
        assert_eq!(recent.get(1_000), None);
        assert_eq!(recent.get(1_099), Some(LATER));
    }

    #[test]
    fn expired_keys_are_evicted_first() {
        let mut recent = Recent::new(8);
        recent.put(7, LATER, NOW);

        for key in 0..100 {
            recent.put(1_000 + key, NOW, NOW);
        }

        assert_eq!(recent.get(7), Some(LATER));
    }
}
