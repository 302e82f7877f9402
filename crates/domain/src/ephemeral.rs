use crate::{ConversationId, MsgNo, UserId, Username};

/// An event shown to the other members for a moment. It is not stored and may be lost.
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
