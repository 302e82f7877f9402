//! Who takes part in a conversation, and as what.

use crate::{ConversationId, MsgNo, Seq, Timestamp, UserId, Username};

/// An account's part in a conversation. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Where.
    pub conversation: ConversationId,
    /// Who.
    pub user: UserId,
    /// By what name.
    pub username: Username,
    /// As what.
    pub role: Role,
    /// Whether still.
    pub standing: MemberStatus,
    /// May not write until then.
    pub silenced_until: Option<Timestamp>,
    /// What was said up to here is hidden, unless the conversation shows all.
    pub visible_after: MsgNo,
    /// Goes up when what it may see becomes another: by joining again, say.
    pub view_version: i64,
    /// The change that made it so.
    pub seq_last: Seq,
}

impl Member {
    /// One that takes part from the start, whom no change has touched.
    #[must_use]
    pub fn first(
        conversation: ConversationId,
        user: UserId,
        username: Username,
        role: Role,
    ) -> Self {
        Self {
            conversation,
            user,
            username,
            role,
            standing: MemberStatus::Active,
            silenced_until: None,
            visible_after: MsgNo::ZERO,
            view_version: 0,
            seq_last: Seq::ZERO,
        }
    }

    /// Takes part now.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.standing == MemberStatus::Active
    }

    /// Takes part now, as an owner.
    #[must_use]
    pub fn is_active_owner(&self) -> bool {
        self.is_active() && self.role == Role::Owner
    }
}

/// What a member may do, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads.
    Reader,
    /// Reads and writes.
    Member,
    /// Manages members and messages.
    Admin,
    /// Everything, and there is always one.
    Owner,
}

/// Whether a member takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MemberStatus {
    /// Takes part.
    Active,
    /// Has left, or was removed.
    Left,
    /// Was shut out.
    Banned,
}
