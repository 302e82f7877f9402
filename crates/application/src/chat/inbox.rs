//! A user's inbox and read markers.

use domain::{Account, ConversationId, EphemeralKind, MsgNo, Refusal};

use super::{Chat, ChatError};
use crate::ports::{InboxCursor, InboxPage};

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
}
