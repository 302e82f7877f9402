//! Events that are not stored and may be lost.

use crate::{ConversationId, MsgNo, UserId, Username};

/// Something that the other members see for a moment: no change, not stored, may be lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EphemeralEvent {
    pub conversation: ConversationId,
    pub user: UserId,
    pub username: Username,
    pub kind: EphemeralKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EphemeralKind {
    Typing,
    /// The user has read up to this message.
    Receipt(MsgNo),
}
