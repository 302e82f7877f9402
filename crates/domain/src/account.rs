use crate::{Email, Profile, Timestamp, UserId, Username};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Assigned by the store.
    pub id: UserId,
    /// Unique, case-sensitive.
    pub username: Username,
    /// Unique, case-sensitive; `None` for accounts made by an administrator.
    pub email: Option<Email>,
    /// Whether the account may sign in, read and write.
    pub active: bool,
    /// Whether the account may moderate the lobby and any group.
    pub superuser: bool,
    /// Tokens issued before this second are refused.
    pub valid_from: Timestamp,
    /// Increments when live connections must authenticate again.
    pub auth_version: AuthVersion,
    pub profile: Profile,
    /// When the account's last connection to a node closed, as far as that is recorded.
    pub last_seen_at: Option<Timestamp>,
}

/// Increments when an account may have lost rights: it was disabled, got a new password, signed
/// out everywhere, or had a session revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthVersion(i64);

impl AuthVersion {
    /// The version of a new account.
    pub const FIRST: Self = Self(0);

    #[must_use]
    pub const fn new(raw: i64) -> Self {
        Self(raw)
    }

    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}
