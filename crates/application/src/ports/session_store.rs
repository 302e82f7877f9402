use async_trait::async_trait;
use domain::{
    Account, ExchangeRules, RefreshToken, SessionId, Successor, Timestamp, TokenId, UserId,
};

use super::{BackendError, StoreError};

/// Stores sessions by their token ids, never tokens. [`domain::Session`] defines the rules.
///
/// Every adapter passes `testkit::session_store_contract!`.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Stores a new session if the account still has the given `auth_version`, and deletes some
    /// expired sessions.
    ///
    /// Atomic: a concurrent change of the version, such as a new password, either prevents the
    /// session or revokes it.
    async fn open(&self, account: &Account, session: NewSession) -> Result<(), OpenSessionError>;

    /// Exchanges a refresh token: loads the account and the session, applies
    /// [`domain::Session::exchange`] and saves the result.
    ///
    /// Atomic: of concurrent exchanges of one token, one is [`Rotation::Rotated`]. A stolen token
    /// also increments the account's `auth_version`. Deletes some expired sessions like
    /// [`Self::open`].
    async fn rotate(
        &self,
        user: UserId,
        presented: RefreshToken,
        next: Successor,
        now: Timestamp,
        rules: ExchangeRules,
    ) -> Result<Rotation, StoreError>;

    /// Returns whether a refresh token is spent or revoked; unknown tokens are not.
    async fn is_spent(&self, id: &TokenId) -> Result<bool, BackendError>;

    /// Returns the account's sessions that are neither revoked nor expired at `now`, most
    /// recently used first, below `before` if given. At most `limit`.
    async fn active_sessions(
        &self,
        user: UserId,
        before: Option<SessionCursor>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<ActiveSession>, BackendError>;

    /// Revokes a session of this account and increments its `auth_version`. Returns whether it
    /// did: of concurrent calls, one gets `true`.
    async fn revoke(&self, user: UserId, session: SessionId) -> Result<bool, StoreError>;

    /// Revokes all sessions of the account, and all its tokens issued by other servers by moving
    /// `valid_from` like [`AccountStore::set_password`](super::AccountStore::set_password).
    /// Atomic: a session opened concurrently is prevented or revoked.
    async fn revoke_all(&self, user: UserId) -> Result<(), StoreError>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionCursor {
    pub used_at: Timestamp,
    /// Breaks ties.
    pub session: SessionId,
}

/// A session that is neither revoked nor expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActiveSession {
    pub session: SessionId,
    pub opened_at: Timestamp,
    /// When its current refresh token was issued.
    pub used_at: Timestamp,
    /// When it expires unless it is used.
    pub expires_at: Timestamp,
}

impl ActiveSession {
    #[must_use]
    pub fn cursor(&self) -> SessionCursor {
        SessionCursor { used_at: self.used_at, session: self.session }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// First half of the `jti` of its tokens.
    pub session: SessionId,
    pub first: RefreshToken,
    /// Sessions that expired before this time may be deleted.
    pub opened_at: Timestamp,
}

#[derive(Debug, thiserror::Error)]
pub enum OpenSessionError {
    /// The account is gone or has a new `auth_version`.
    #[error("the account has changed")]
    AccountChanged,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The result of [`SessionStore::rotate`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    Rotated(Account, RefreshToken),
    /// The token was exchanged within the grace period; this is the session's current token.
    Replayed(Account, RefreshToken),
    /// The token was exchanged before the grace period, so that its session has ended now.
    Stolen,
    /// The token was refused, and its session may have ended before.
    Spent,
    /// The account is unknown or inactive, or its `valid_from` is later than the token.
    NoAccount,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionState {
    /// No session was given, or the token was issued by a server that did not store its sessions.
    Unknown,
    Live {
        opened_at: Timestamp,
        /// When it expires unless it is used.
        expires_at: Timestamp,
    },
    Revoked,
}
