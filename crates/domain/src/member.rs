use crate::named::named;
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
    /// Messages up to here are hidden, unless the conversation shows all history.
    pub visible_after: MsgNo,
    /// Increments when the member's view changes, for example after rejoining.
    pub view_version: i64,
    /// Set while the user is invited.
    pub invited_by: Option<UserId>,
    pub seq_last: Seq,
}

impl Member {
    /// A new active member without changes.
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
            invited_by: None,
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

named! {
    /// From least to most power.
    Role {
        /// May only read.
        Reader = "reader",
        Member = "member",
        /// Manages members and messages.
        Admin = "admin",
        /// May do everything; a group always has an owner.
        Owner = "owner",
    }
}

named! {
    MemberStatus {
        Active = "active",
        /// Was added, but wants to be asked: may accept or decline.
        Invited = "invited",
        /// Left, or was removed.
        Left = "left",
        Banned = "banned",
    }
}
