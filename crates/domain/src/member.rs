//! Who takes part in a conversation, and as what.

use crate::{ConversationId, Seq, UserId};

/// An account's part in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Where.
    pub conversation: ConversationId,
    /// Who.
    pub user: UserId,
    /// As what.
    pub role: Role,
    /// Whether still.
    pub standing: Standing,
    /// The change that made it so.
    pub seq_last: Seq,
}

impl Member {
    /// Takes part now.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.standing == Standing::Active
    }

    /// Takes part now, as an owner.
    #[must_use]
    pub fn is_active_owner(&self) -> bool {
        self.is_active() && self.role == Role::Owner
    }
}

/// What a member may do, from most to least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Everything, and there is always one.
    Owner,
    /// Manages members and messages.
    Admin,
    /// Reads and writes.
    Member,
    /// Reads.
    Reader,
}

/// Whether a member takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Takes part.
    Active,
    /// Has left.
    Left,
    /// Was shut out.
    Banned,
}
