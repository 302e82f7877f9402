//! What this node knows of shared buckets, so that it need not ask Redis for every token.

use std::collections::HashMap;
use std::time::Duration;

use application::ports::{LimitKey, Quota, RetryAfter};
use domain::Timestamp;

/// A node takes tokens for at most this time in advance.
const PREFETCH: Duration = Duration::from_secs(1);
/// Past this number of keys the cache is emptied.
const CAPACITY: usize = 100_000;

/// How many tokens to take at once: what the bucket refills in a second, but at
/// most a quarter of it, so that other nodes still find some.
pub(super) fn batch_size(quota: Quota) -> u32 {
    let per_second = PREFETCH.as_micros() / quota.interval().as_micros().max(1);
    u32::try_from(per_second).unwrap_or(u32::MAX).min(quota.burst() / 4).max(1)
}

#[derive(Debug, Default)]
pub(super) struct TokenCache(HashMap<LimitKey, Entry>);

#[derive(Debug, Clone, Copy)]
struct Entry {
    since: Timestamp,
    until: Timestamp,
    /// 0 means that the bucket in Redis is empty until `until`.
    tokens: u32,
}

impl TokenCache {
    /// Takes a token. None if Redis has to be asked.
    pub(super) fn take(&mut self, key: LimitKey, now: Timestamp) -> Option<Result<(), RetryAfter>> {
        let entry = self.0.get_mut(&key)?;
        if now < entry.since || now >= entry.until {
            self.0.remove(&key);
            return None;
        }
        match entry.tokens {
            0 => Some(Err(RetryAfter(entry.until.since(now)))),
            1 => {
                self.0.remove(&key);
                Some(Ok(()))
            }
            tokens => {
                entry.tokens = tokens.saturating_sub(1);
                Some(Ok(()))
            }
        }
    }

    /// Stores tokens taken in advance. They expire when the bucket would have
    /// refilled them. Tokens that a concurrent request stored are lost to this node.
    pub(super) fn store(&mut self, key: LimitKey, tokens: u32, quota: Quota, now: Timestamp) {
        self.0.remove(&key);
        if tokens > 0 {
            let until = now.after(quota.interval().saturating_mul(tokens));
            self.insert(key, Entry { since: now, until, tokens });
        }
    }

    pub(super) fn store_refusal(&mut self, key: LimitKey, retry: RetryAfter, now: Timestamp) {
        self.insert(key, Entry { since: now, until: now.after(retry.0), tokens: 0 });
    }

    fn insert(&mut self, key: LimitKey, entry: Entry) {
        if self.0.len() >= CAPACITY {
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
            ("the most", Quota::new(1_000_000, SECOND, u32::MAX), 1_000_000),
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

        assert_eq!(cache.take(KEY, NOW), Some(Ok(())));
        assert_eq!(cache.take(KEY, NOW), Some(Ok(())));
        assert_eq!(cache.take(KEY, NOW), None);

        cache.store(KEY, 2, quota, NOW);
        assert_eq!(cache.take(KEY, NOW.after(SECOND / 5)), None);
    }

    #[test]
    fn a_refusal_is_known_until_it_ends() {
        let mut cache = TokenCache::default();
        cache.store_refusal(KEY, RetryAfter(SECOND), NOW);

        let half = NOW.after(SECOND / 2);
        assert_eq!(cache.take(KEY, half), Some(Err(RetryAfter(SECOND / 2))));
        assert_eq!(cache.take(KEY, NOW.after(SECOND)), None);

        cache.store_refusal(KEY, RetryAfter(SECOND), NOW);
        let earlier = Timestamp::from_seconds(0);
        assert_eq!(cache.take(KEY, earlier), None, "a clock that was set back");
    }
}
