//! Where refresh families are kept.

use async_trait::async_trait;
use domain::{Account, RefreshToken, ReplayRule, SessionId, Timestamp, TokenId, UserId};

use super::{BackendError, StoreError};

/// Where refresh families are kept: never a token, only what it is made of.
///
/// Every adapter passes `testkit::session_store_contract!`.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Keeps a new family of an account that is still of the version that was read.
    /// Families that expired are forgotten, some at a time.
    ///
    /// Atomic: whatever raises the version, a new password say, either prevents the
    /// family or finds it there.
    ///
    /// # Errors
    ///
    /// [`OpenSessionError::AccountChanged`] when nothing was kept.
    async fn open(&self, account: &Account, session: NewSession) -> Result<(), OpenSessionError>;

    /// Exchanges a refresh token, as [`domain::Family::present`] judges it at `now`.
    ///
    /// Atomic: of exchanges that race with one token, one is [`Rotation::Rotated`].
    /// A token of no known family and no known session becomes the spent first of a new
    /// family, `next.family`, and is remembered until it expires. A theft revokes the
    /// family and raises the account's `auth_version`. Forgets like [`Self::open`].
    async fn rotate(
        &self,
        user: UserId,
        presented: RefreshToken,
        next: Successor,
        now: Timestamp,
        rule: ReplayRule,
    ) -> Result<Rotation, StoreError>;

    /// Whether a refresh token has been spent or revoked; unknown ones have not.
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

    /// Ends a session of this account: its tokens are worth nothing from now on, and
    /// the account's live connections have to prove themselves again. Says whether
    /// there was one to be ended; of several that race to end it, one is told so.
    async fn revoke(&self, user: UserId, session: SessionId) -> Result<bool, StoreError>;

    /// Ends every session of this account, and every token of other servers that was
    /// issued to it: `valid_from` moves as [`AccountStore::set_password`] moves it.
    /// Atomic: a session that is opened meanwhile is prevented or ended.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    ///
    /// [`AccountStore::set_password`]: super::AccountStore::set_password
    async fn revoke_all(&self, user: UserId) -> Result<(), StoreError>;
}

/// A place in the list of sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionCursor {
    /// When it was last used.
    pub used_at: Timestamp,
    /// Tells apart those of one moment.
    pub session: SessionId,
}

/// A session whose tokens are worth something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActiveSession {
    /// Which.
    pub session: SessionId,
    /// None for one that was opened by a program that does not write it down.
    pub opened_at: Option<Timestamp>,
    /// When its current refresh token was issued.
    pub used_at: Timestamp,
    /// When it ends if it is not used.
    pub expires_at: Timestamp,
}

impl ActiveSession {
    /// Its place in the list.
    #[must_use]
    pub fn cursor(&self) -> SessionCursor {
        SessionCursor { used_at: self.used_at, session: self.session }
    }
}

/// A family to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// First half of the `jti` of its tokens.
    pub session: SessionId,
    /// Its first refresh token.
    pub first: RefreshToken,
    /// Now: what expired until then may be forgotten.
    pub opened_at: Timestamp,
}

/// Why no family was kept.
#[derive(Debug, thiserror::Error)]
pub enum OpenSessionError {
    /// The account is gone, or has another `auth_version` by now.
    #[error("the account has changed")]
    AccountChanged,
    /// The store itself failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a presented token is to be exchanged for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Successor {
    /// The family to be opened if the token is of none.
    pub family: SessionId,
    /// Second half of the new `jti`.
    pub random: u64,
    /// `iat` of the new token.
    pub issued_at: Timestamp,
    /// `exp` of the new token.
    pub expires_at: Timestamp,
}

/// What came of an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    /// The family's new current token, for this account.
    Rotated(Account, RefreshToken),
    /// The token was exchanged a moment ago: the family's current one.
    Replayed(Account, RefreshToken),
    /// The token is worth nothing.
    Spent,
    /// There is no active account of this id, or the token was issued before
    /// its `valid_from`.
    NoAccount,
}

/// How the store knows the session of an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionState {
    /// Not at all: a token of a server that was replaced, or none given.
    Unknown,
    /// As a living one.
    Live,
    /// As a revoked one.
    Revoked,
}
