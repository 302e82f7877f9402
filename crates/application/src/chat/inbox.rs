//! A user's inbox, read markers and blocks.

use domain::{Account, ConversationId, EphemeralKind, MsgNo, Refusal, UserId, Username};

use super::{Chat, ChatError};
use crate::ports::{InboxCursor, InboxPage};

/// Blocked accounts per user.
const MAX_BLOCKS: usize = 1_000;

impl Chat {
    /// Returns the caller's conversations, most recently active first.
    pub async fn conversations(
        &self,
        caller: &Account,
        before: Option<InboxCursor>,
        limit: usize,
    ) -> Result<InboxPage, ChatError> {
        Ok(self.ports.inbox.conversations(caller.id, before, limit).await?)
    }

    /// Moves the caller's read marker, never backwards, and returns its position. Sends a read
    /// receipt where permitted.
    pub async fn mark_read(
        &self,
        caller: &Account,
        conversation: ConversationId,
        up_to: MsgNo,
    ) -> Result<MsgNo, ChatError> {
        self.limits.message_by(caller.id).await?;
        let marking = self.ports.inbox.mark_read(caller.id, conversation, up_to).await?;
        let marking = marking.ok_or(Refusal::NotFound)?;
        if marking.has_moved {
            self.hub.inbox_changed(caller.id).await;
        }
        if marking.is_shown {
            self.publish_ephemeral(caller, conversation, EphemeralKind::Receipt(marking.read_no));
        }
        Ok(marking.read_no)
    }

    pub async fn set_muted(
        &self,
        caller: &Account,
        conversation: ConversationId,
        muted: bool,
    ) -> Result<(), ChatError> {
        self.limits.message_by(caller.id).await?;
        let is_there = self.ports.inbox.set_muted(caller.id, conversation, muted).await?;
        self.hub.inbox_changed(caller.id).await;
        if is_there { Ok(()) } else { Err(Refusal::NotFound.into()) }
    }

    /// Blocks or unblocks a user. Idempotent.
    ///
    /// # Errors
    ///
    /// [`ChatError`]: users cannot block themselves, or more than 1,000 accounts.
    pub async fn set_blocked(
        &self,
        caller: &Account,
        user: UserId,
        present: bool,
    ) -> Result<(), ChatError> {
        self.limits.message_by(caller.id).await?;
        if user == caller.id {
            return Err(Refusal::Forbidden.into());
        }
        if self.ports.accounts.by_id(user).await?.is_none() {
            return Err(Refusal::NotFound.into());
        }
        // Every page read checks all of them, so their number is bounded.
        let blocked = self.ports.inbox.blocked_by(caller.id).await?;
        if present && blocked.len() >= MAX_BLOCKS && !blocked.iter().any(|(id, _)| *id == user) {
            return Err(Refusal::Full.into());
        }
        self.ports.inbox.set_blocked(caller.id, user, present).await?;
        self.hub.inbox_changed(caller.id).await;
        Ok(())
    }

    pub async fn blocked(&self, caller: &Account) -> Result<Vec<(UserId, Username)>, ChatError> {
        Ok(self.ports.inbox.blocked_by(caller.id).await?)
    }
}
