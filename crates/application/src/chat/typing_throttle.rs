//! Limits typing notifications.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::{ConversationId, Timestamp, UserId};

/// An account shows as typing in a conversation at most once per interval.
const INTERVAL: Duration = Duration::from_secs(2);
/// Users shown as typing per conversation and interval; a longer list would not be readable.
const MAX_TYPING: usize = 8;

/// The recent typing notifications of this node.
#[derive(Debug, Default)]
pub(super) struct TypingThrottle {
    // Locked for a look-up, and once per interval for a scan of all entries.
    recent: Mutex<Recent>,
}

#[derive(Debug, Default)]
struct Recent {
    typing: HashMap<ConversationId, Vec<(UserId, Timestamp)>>,
    /// When expired entries were last dropped.
    purged_at: Option<Timestamp>,
}

impl TypingThrottle {
    /// Returns whether the user showed as typing within the interval.
    pub(super) fn has(&self, conversation: ConversationId, user: UserId, now: Timestamp) -> bool {
        self.with(|recent| {
            let typing = recent.typing.get(&conversation).into_iter().flatten();
            typing.into_iter().any(|(known, at)| *known == user && is_recent(*at, now))
        })
    }

    /// Returns whether the user may show as typing now.
    pub(super) fn admit(&self, conversation: ConversationId, user: UserId, now: Timestamp) -> bool {
        self.with(|recent| {
            if recent.purged_at.is_none_or(|at| !is_recent(at, now)) {
                recent.typing.retain(|_, typing| typing.iter().any(|(_, at)| is_recent(*at, now)));
                recent.purged_at = Some(now);
            }
            let typing = recent.typing.entry(conversation).or_default();
            typing.retain(|(_, at)| is_recent(*at, now));
            if typing.len() >= MAX_TYPING || typing.iter().any(|(known, _)| *known == user) {
                return false;
            }
            typing.push((user, now));
            true
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Recent) -> T) -> T {
        // Entries expire within moments, so a poisoned lock is harmless.
        work(&mut self.recent.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Entries in the future do not count, in case the clock goes back.
fn is_recent(at: Timestamp, now: Timestamp) -> bool {
    at <= now && now.since(at) < INTERVAL
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: ConversationId = ConversationId::new(7);

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_micros(1_000_000_000 + 1_000 * millis)
    }

    #[test]
    fn users_show_as_typing_once_per_interval_and_conversation() {
        let throttle = TypingThrottle::default();
        let (ann, bob, there) = (UserId::new(1), UserId::new(2), ConversationId::new(8));
        let cases = [
            (HERE, ann, 0, true),
            (HERE, ann, 1_999, false),
            (HERE, bob, 1_999, true),
            (there, ann, 1_999, true),
            (HERE, ann, 2_000, true),
            (HERE, ann, -5_000, true),
        ];

        for (conversation, user, millis, want) in cases {
            let is_known = throttle.has(conversation, user, at(millis));
            let is_shown = throttle.admit(conversation, user, at(millis));

            assert_eq!((is_known, is_shown), (!want, want), "{user} in {conversation} at {millis}");
        }
    }

    #[test]
    fn typing_users_are_bounded_and_old_entries_purged() {
        let throttle = TypingThrottle::default();
        let all = |now| (0..100).filter(|n| throttle.admit(HERE, UserId::new(*n), now)).count();

        assert_eq!(all(at(0)), MAX_TYPING);
        for n in 0..1_000 {
            throttle.admit(ConversationId::new(n), UserId::new(n), at(1));
        }
        assert_eq!(all(at(3_000)), MAX_TYPING);

        let remembered = throttle.with(|recent| recent.typing.len());
        assert_eq!(remembered, 1);
    }
}
