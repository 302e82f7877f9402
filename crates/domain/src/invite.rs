//! Invitations: a code lets any user join a group.

use std::fmt;

use crate::{ConversationId, Role, Timestamp, UserId};

/// The secret code of an invitation. Never printed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InviteCode(u128);

impl InviteCode {
    /// Wraps 128 random bits.
    #[must_use]
    pub const fn new(raw: u128) -> Self {
        Self(raw)
    }

    #[must_use]
    pub const fn get(self) -> u128 {
        self.0
    }
}

impl fmt::Debug for InviteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InviteCode(..)")
    }
}

/// An invitation to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invite {
    pub code: InviteCode,
    pub conversation: ConversationId,
    pub created_by: UserId,
    pub created_at: Timestamp,
    pub role: Role,
    /// `None` if it never expires.
    pub expires_at: Option<Timestamp>,
    /// `None` if unlimited.
    pub max_uses: Option<u32>,
    pub uses: u32,
    pub revoked: bool,
}

impl Invite {
    /// Returns whether the invitation may be used once more.
    #[must_use]
    pub fn is_good(&self, now: Timestamp) -> bool {
        !self.revoked
            && self.expires_at.is_none_or(|end| now < end)
            && self.max_uses.is_none_or(|most| self.uses < most)
    }
}
