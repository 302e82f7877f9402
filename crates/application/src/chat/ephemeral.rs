//! Typing notifications and read receipts.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::{
    Account, ConversationId, ConversationKind, EphemeralEvent, EphemeralKind, Refusal, Timestamp,
    UserId, policy,
};

use super::{Chat, ChatError};
use crate::ports::ReadMarker;

/// An account shows as typing in a conversation at most once per interval.
const TYPING_INTERVAL: Duration = Duration::from_secs(2);
/// Users shown as typing per conversation and interval; a longer list would not be readable.
const MAX_TYPING: usize = 8;

impl Chat {
    /// Shows the others that the caller is typing, unless they saw it just before.
    ///
    /// # Errors
    ///
    /// [`ChatError`]: only users who may send a message can type.
    pub async fn show_typing(
        &self,
        caller: &Account,
        conversation: ConversationId,
    ) -> Result<(), ChatError> {
        self.limits.message_by(caller.id).await?;
        let now = self.ports.clock.now();
        if self.typing_throttle.has(conversation, caller.id, now) {
            return Ok(());
        }
        let (view, _) = self.view(caller, conversation).await?;
        let is_blocked = match view.conversation.kind {
            ConversationKind::Direct(pair) => {
                let other = pair.other_than(caller.id);
                let status = self.ports.inbox.contact_statuses(caller.id, &[other]).await?;
                status.iter().any(|status| status.blocks)
            }
            ConversationKind::Lobby | ConversationKind::Group => false,
        };
        policy::may_type(&view.conversation, view.member.as_ref(), is_blocked, now)?;
        if self.typing_throttle.admit(conversation, caller.id, now) {
            self.publish_ephemeral(caller, conversation, EphemeralKind::Typing);
        }
        Ok(())
    }

    /// Returns the members' read markers, except of members whom the caller blocks.
    ///
    /// # Errors
    ///
    /// [`ChatError`], unless [`policy::shows_read_receipts`] allows it.
    pub async fn read_markers(
        &self,
        caller: &Account,
        conversation: ConversationId,
    ) -> Result<Vec<ReadMarker>, ChatError> {
        let (view, _) = self.view(caller, conversation).await?;
        let enough = policy::SMALL_GROUP.saturating_add(1);
        let mut markers = self.ports.inbox.markers(conversation, enough).await?;
        if !policy::shows_read_receipts(view.conversation.kind, markers.len()) {
            return Err(Refusal::ReceiptsHidden.into());
        }
        markers.retain(|marker| !view.blocked.contains(&marker.user));
        Ok(markers)
    }

    pub(super) fn publish_ephemeral(
        &self,
        caller: &Account,
        conversation: ConversationId,
        kind: EphemeralKind,
    ) {
        let (user, username) = (caller.id, caller.username.clone());
        self.hub.publish_ephemeral(EphemeralEvent { conversation, user, username, kind });
    }
}

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
    at <= now && now.since(at) < TYPING_INTERVAL
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
        let typists = TypingThrottle::default();
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
            let is_known = typists.has(conversation, user, at(millis));
            let is_shown = typists.admit(conversation, user, at(millis));

            assert_eq!((is_known, is_shown), (!want, want), "{user} in {conversation} at {millis}");
        }
    }

    #[test]
    fn typing_users_are_bounded_and_old_entries_purged() {
        let typists = TypingThrottle::default();
        let all = |now| (0..100).filter(|n| typists.admit(HERE, UserId::new(*n), now)).count();

        assert_eq!(all(at(0)), MAX_TYPING);
        for n in 0..1_000 {
            typists.admit(ConversationId::new(n), UserId::new(n), at(1));
        }
        assert_eq!(all(at(3_000)), MAX_TYPING);

        let remembered = typists.with(|recent| recent.typing.len());
        assert_eq!(remembered, 1);
    }
}
