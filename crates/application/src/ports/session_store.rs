//! Storage of sessions.

use async_trait::async_trait;
use domain::{Account, RefreshToken, ReplayRule, SessionId, Successor, Timestamp, TokenId, UserId};

use super::{BackendError, StoreError};

/// Stores sessions: never a token, only what it is made of. [`domain::Session`] has the rules.
///
/// Every adapter passes `testkit::session_store_contract!`.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Stores a new session of an account that still has the version that was read, and
    /// forgets some expired ones.
    ///
    /// Atomic: whatever raises the version, a new password say, either prevents the
    /// session or revokes it.
    async fn open(&self, account: &Account, session: NewSession) -> Result<(), OpenSessionError>;

    /// Exchanges a refresh token: loads the account and the token's session, and saves
    /// what [`domain::Session::exchange`] makes of them.
    ///
    /// Atomic: of exchanges that race with one token, one is [`Rotation::Rotated`].
    /// A stolen token also raises the account's `auth_version`. Forgets like [`Self::open`].
    async fn rotate(
        &self,
        user: UserId,
        presented: RefreshToken,
        next: Successor,
        now: Timestamp,
        rule: ReplayRule,
    ) -> Result<Rotation, StoreError>;

    /// Whether a refresh token is spent or revoked; unknown ones are not.
    async fn is_spent(&self, id: &TokenId) -> Result<bool, BackendError>;

    /// The sessions of an account that are neither revoked nor expired at `now`, the
    /// most recently used first, below `before` if that is given. At most `limit`.
    async fn living(
        &self,
        user: UserId,
        before: Option<SessionCursor>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<ActiveSession>, BackendError>;

    /// Revokes a session of this account, and raises its `auth_version`. Returns whether
    /// there was one to revoke: of calls that race, one gets `true`.
    async fn revoke(&self, user: UserId, session: SessionId) -> Result<bool, StoreError>;

    /// Revokes every session of this account and every token of other servers that it has:
    /// `valid_from` moves as [`AccountStore::set_password`](super::AccountStore::set_password)
    /// moves it. Atomic: a session that is opened meanwhile is prevented or revoked.
    async fn revoke_all(&self, user: UserId) -> Result<(), StoreError>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionCursor {
    pub used_at: Timestamp,
    /// Orders sessions of the same time.
    pub session: SessionId,
}

/// A session that is neither revoked nor expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActiveSession {
    pub session: SessionId,
    /// Unknown for sessions of programs that did not store it.
    pub opened_at: Option<Timestamp>,
    /// When its current refresh token was issued.
    pub used_at: Timestamp,
    /// When it ends unless it is used.
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
    /// Now: what expired until then may be forgotten.
    pub opened_at: Timestamp,
}

/// Why no session was stored.
#[derive(Debug, thiserror::Error)]
pub enum OpenSessionError {
    /// The account is gone, or has another `auth_version` by now.
    #[error("the account has changed")]
    AccountChanged,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The result of an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    /// The session's new current token, for this account.
    Rotated(Account, RefreshToken),
    /// The token was exchanged within the grace: the session's current one.
    Replayed(Account, RefreshToken),
    /// The token is refused.
    Spent,
    /// There is no active account of this id, or the token was issued before
    /// its `valid_from`.
    NoAccount,
}

/// What the store knows of the session of an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionState {
    /// Nothing: a token of a server that was replaced, or no session given.
    Unknown,
    Live,
    Revoked,
}
