//! Actions taken by superuser rights.

use crate::{ConversationId, MessageId, Timestamp, UserId};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditEntry {
    pub at: Timestamp,
    pub actor: UserId,
    pub conversation: ConversationId,
    pub act: AuditedAction,
}

/// Actions that a superuser may take without a role in the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditedAction {
    DeleteMessage(MessageId),
    /// Removed a reaction of this user.
    Unreact(MessageId, UserId),
    Ban(UserId),
    Unban(UserId),
    /// Silenced a user until the given time; `None` ended the silence.
    Silence(UserId, Option<Timestamp>),
    /// Made a member the owner of a group without one.
    AssignOwner(UserId),
}
