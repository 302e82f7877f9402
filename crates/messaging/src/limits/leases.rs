//! What this node need not ask for.

use std::collections::HashMap;
use std::time::Duration;

use application::ports::{LimitKey, Quota, RetryAfter};
use domain::Timestamp;

/// The time for which a node takes ahead.
const AHEAD: Duration = Duration::from_secs(1);
/// Keys of which something is known; past them all is forgotten, and asked for again.
const CAPACITY: usize = 100_000;

/// How many to take at once: what comes back in a second, and at most a
/// quarter of the bucket, so that other nodes find something in it.
pub(super) fn lease(quota: Quota) -> u32 {
    let per_second = AHEAD.as_micros() / quota.interval().as_micros().max(1);
    u32::try_from(per_second).unwrap_or(u32::MAX).min(quota.burst() / 4).max(1)
}

/// What is known of buckets elsewhere, for a while.
#[derive(Debug, Default)]
pub(super) struct Leases(HashMap<LimitKey, Lease>);

#[derive(Debug, Clone, Copy)]
struct Lease {
    since: Timestamp,
    until: Timestamp,
    left: u32,
}

impl Leases {
    /// What is to be answered; none if that has to be asked for.
    pub(super) fn take(&mut self, key: LimitKey, now: Timestamp) -> Option<Result<(), RetryAfter>> {
        let lease = self.0.get_mut(&key)?;
        if now < lease.since || now >= lease.until {
            self.0.remove(&key);
            return None;
        }
        match lease.left {
            // Nothing was left elsewhere either.
            0 => Some(Err(RetryAfter(lease.until.since(now)))),
            1 => {
                self.0.remove(&key);
                Some(Ok(()))
            }
            left => {
                lease.left = left.saturating_sub(1);
                Some(Ok(()))
            }
        }
    }

    /// So many more were given; they end when they would have come back.
    pub(super) fn given(&mut self, key: LimitKey, more: u32, quota: Quota, now: Timestamp) {
        // What another request was given meanwhile is lost to this node.
        self.0.remove(&key);
        if more > 0 {
            let until = now.after(quota.interval().saturating_mul(more));
            self.keep(key, Lease { since: now, until, left: more });
        }
    }

    /// There is nothing until then.
    pub(super) fn refused(&mut self, key: LimitKey, RetryAfter(wait): RetryAfter, now: Timestamp) {
        self.keep(key, Lease { since: now, until: now.after(wait), left: 0 });
    }

    fn keep(&mut self, key: LimitKey, lease: Lease) {
        if self.0.len() >= CAPACITY {
            self.0.clear();
        }
        self.0.insert(key, lease);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use application::ports::{LimitKey, LimitScope, Quota, RetryAfter};
    use domain::Timestamp;

    use super::{Leases, lease};

    const SECOND: Duration = Duration::from_secs(1);
    const KEY: LimitKey = LimitKey { scope: LimitScope::MessagesByAccount, subject: 1 };
    const NOW: Timestamp = Timestamp::from_seconds(1_000);

    #[test]
    fn a_node_takes_ahead_what_comes_back_in_a_second() {
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
            assert_eq!(lease(quota), want, "{name}");
        }
    }

    #[test]
    fn what_was_given_is_there_once_and_not_for_long() {
        let quota = Quota::new(10, SECOND, 40);
        let mut leases = Leases::default();
        leases.given(KEY, 2, quota, NOW);

        assert_eq!(leases.take(KEY, NOW), Some(Ok(())));
        assert_eq!(leases.take(KEY, NOW), Some(Ok(())));
        assert_eq!(leases.take(KEY, NOW), None);

        leases.given(KEY, 2, quota, NOW);
        assert_eq!(leases.take(KEY, NOW.after(SECOND / 5)), None);
    }

    #[test]
    fn a_refusal_is_known_until_it_ends() {
        let mut leases = Leases::default();
        leases.refused(KEY, RetryAfter(SECOND), NOW);

        let half = NOW.after(SECOND / 2);
        assert_eq!(leases.take(KEY, half), Some(Err(RetryAfter(SECOND / 2))));
        assert_eq!(leases.take(KEY, NOW.after(SECOND)), None);

        leases.refused(KEY, RetryAfter(SECOND), NOW);
        let before = Timestamp::from_seconds(0);
        assert_eq!(leases.take(KEY, before), None, "a clock that was set back");
    }
}
