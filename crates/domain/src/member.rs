//! Members of a conversation, their roles and status.

use crate::{ConversationId, MsgNo, Seq, Timestamp, UserId, Username};

/// A user's row in a conversation. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub conversation: ConversationId,
    pub user: UserId,
    pub username: Username,
    pub role: Role,
    pub status: MemberStatus,
    pub silenced_until: Option<Timestamp>,
    /// Messages up to here are hidden, unless the conversation shows all.
    pub visible_after: MsgNo,
    /// Rises when the member may see something else than before, as after joining again.
    pub view_version: i64,
    pub seq_last: Seq,
}

impl Member {
    /// An active member that no change has touched.
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
            status: MemberStatus::Active,
            silenced_until: None,
            visible_after: MsgNo::ZERO,
            view_version: 0,
            seq_last: Seq::ZERO,
        }
    }

    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == MemberStatus::Active
    }

    #[must_use]
    pub fn is_active_owner(&self) -> bool {
        self.is_active() && self.role == Role::Owner
    }
}

/// From least to most power.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads.
    Reader,
    /// Reads and writes.
    Member,
    /// Manages members and messages.
    Admin,
    /// Does everything; a group always has one.
    Owner,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MemberStatus {
    Active,
    /// Left, or was removed.
    Left,
    Banned,
}
