//! Who somebody is to the server.

use crate::{Email, Profile, Timestamp, UserId, Username};

/// A registered user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Assigned by the store.
    pub id: UserId,
    /// Unique, case-sensitive.
    pub username: Username,
    /// Unique, case-sensitive; none for accounts made by an administrator.
    pub email: Option<Email>,
    /// May sign in, read and write.
    pub active: bool,
    /// May moderate the lobby and any group.
    pub superuser: bool,
    /// Tokens issued before this second are refused.
    pub valid_from: Timestamp,
    /// Goes up whenever live connections have to prove themselves again.
    pub auth_version: AuthVersion,
    /// What it shows of itself.
    pub profile: Profile,
    /// When its last connection to some node ended, as far as that is written down.
    pub last_seen_at: Option<Timestamp>,
}

/// Counts what may have ended an account's rights: disabling, a new password,
/// signing out everywhere, a revoked session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthVersion(i64);

impl AuthVersion {
    /// Of a new account.
    pub const FIRST: Self = Self(0);

    /// Wraps a number that the store keeps.
    #[must_use]
    pub const fn new(raw: i64) -> Self {
        Self(raw)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}
