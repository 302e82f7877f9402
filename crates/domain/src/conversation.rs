//! Where people talk.

use crate::{ConversationId, MsgNo, Role, Seq, Timestamp, UserId};

/// A conversation: its identity and what kind it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conversation {
    /// Assigned by the store.
    pub id: ConversationId,
    /// Decides who belongs to it.
    pub kind: ConversationKind,
}

/// Who belongs to a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConversationKind {
    /// Every active account, without a row; a row is an exception to that.
    Lobby,
    /// Those who were invited.
    Group,
}

/// A conversation to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewConversation {
    /// Decides who belongs to it.
    pub kind: ConversationKind,
    /// Its first members.
    pub members: Vec<(UserId, Role)>,
}

/// The counters of a conversation, taken under its lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Whose they are.
    pub conversation: ConversationId,
    /// Of the newest change.
    pub seq: Seq,
    /// Of the newest message.
    pub msg_no: MsgNo,
    /// When a message was last sent, edited or deleted; no later such change is
    /// earlier. What becomes of members leaves it as it is.
    pub last_at: Timestamp,
}

impl Head {
    /// Of a conversation in which nothing has happened.
    #[must_use]
    pub const fn new(conversation: ConversationId) -> Self {
        Self {
            conversation,
            seq: Seq::ZERO,
            msg_no: MsgNo::ZERO,
            last_at: Timestamp::from_micros(0),
        }
    }

    /// The time of the next change: the clock's, unless that has stood still
    /// or gone back. Order by time thus agrees with order by sequence.
    #[must_use]
    pub fn next_at(&self, clock: Timestamp) -> Timestamp {
        clock.max(self.last_at.next())
    }
}
