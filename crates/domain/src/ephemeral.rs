use crate::{ConversationId, MsgNo, UserId, Username};

/// An event for a moment. It is not stored and may be lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EphemeralEvent {
    pub conversation: ConversationId,
    pub user: UserId,
    pub username: Username,
    pub kind: EphemeralKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EphemeralKind {
    /// For the other members.
    Typing,
    /// For the other members: the user has read up to this message.
    Receipt(MsgNo),
    /// For the user alone: a change was refused, which a client may show already.
    ChangeRefused,
}
