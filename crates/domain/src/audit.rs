//! What was done by the power of a superuser.

use crate::{ConversationId, MessageId, Timestamp, UserId};

/// An entry of the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: UserId,
    /// Where.
    pub conversation: ConversationId,
    /// What.
    pub act: AuditedAction,
}

/// What a superuser may do where it is nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditedAction {
    /// Removed somebody's message.
    DeleteMessage(MessageId),
    /// Shut somebody out.
    Ban(UserId),
    /// Let somebody in again.
    Unban(UserId),
    /// Took somebody's word, until then; or gave it back.
    Silence(UserId, Option<Timestamp>),
}
