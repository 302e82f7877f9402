//! Invitations: who has the code may join.

use std::fmt;

use crate::{ConversationId, Role, Timestamp, UserId};

/// The secret of an invitation. Never printed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InviteCode(u128);

impl InviteCode {
    /// Wraps 128 random bits.
    #[must_use]
    pub const fn new(raw: u128) -> Self {
        Self(raw)
    }

    /// The 128 bits.
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
    /// Its secret.
    pub code: InviteCode,
    /// Where to.
    pub conversation: ConversationId,
    /// Who made it.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// What those who use it become.
    pub role: Role,
    /// When it ends by itself, if it does.
    pub expires_at: Option<Timestamp>,
    /// How often it may be used in all, if that is bounded.
    pub max_uses: Option<u32>,
    /// How often it was.
    pub uses: u32,
    /// Whether it was taken back.
    pub revoked: bool,
}

impl Invite {
    /// Whether one more may use it.
    #[must_use]
    pub fn is_good(&self, now: Timestamp) -> bool {
        !self.revoked
            && self.expires_at.is_none_or(|end| now < end)
            && self.max_uses.is_none_or(|most| self.uses < most)
    }
}
