//! What is over in a moment.

use crate::{ConversationId, MsgNo, UserId, Username};

/// Something that the others in a conversation are shown of somebody, for a
/// moment: it is no change, is kept nowhere, and may be lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EphemeralEvent {
    /// Where.
    pub conversation: ConversationId,
    /// Of whom.
    pub user: UserId,
    /// By what name.
    pub username: Username,
    /// What.
    pub kind: EphemeralKind,
}

/// What others are shown of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EphemeralKind {
    /// It is writing something.
    Typing,
    /// It has read up to this message.
    Receipt(MsgNo),
}
