//! Issuing tokens.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use domain::{Account, RefreshToken, SessionId, Successor, Timestamp, TokenId};

use super::SignInError;
use crate::ports::{
    BackendError, Claims, IdSource, NewSession, SessionStore, TokenKind, TokenSigner,
};

/// What a client gets to prove who it is. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenPair {
    /// For requests and sockets.
    pub access: String,
    /// For the next pair.
    pub refresh: String,
}

impl fmt::Debug for TokenPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenPair(hidden)")
    }
}

/// How long tokens live, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenTimes {
    /// Of an access token.
    pub access_ttl: Duration,
    /// Of a refresh token, and so of a session that is not used.
    pub refresh_ttl: Duration,
}

/// Issues the tokens of registration, sign-in and refresh. Cheap to clone.
#[derive(Clone)]
pub struct TokenPairs {
    sessions: Arc<dyn SessionStore>,
    signer: Arc<dyn TokenSigner>,
    ids: Arc<dyn IdSource>,
    times: TokenTimes,
}

impl TokenPairs {
    /// An issuer of tokens that live as `times` says.
    #[must_use]
    pub fn new(
        sessions: Arc<dyn SessionStore>,
        signer: Arc<dyn TokenSigner>,
        ids: Arc<dyn IdSource>,
        times: TokenTimes,
    ) -> Self {
        Self { sessions, signer, ids, times }
    }

    /// A session to be opened with a new account.
    pub(super) fn first(&self, now: Timestamp) -> NewSession {
        self.session(now, now)
    }

    /// The first pair of a new session.
    pub(super) async fn open(
        &self,
        account: &Account,
        now: Timestamp,
    ) -> Result<TokenPair, SignInError> {
        let new = self.session(now, account.valid_from);
        // Signed first: a session whose tokens nobody got need not be kept.
        let pair = self.sign(account, new.session, &new.first, now)?;
        self.sessions.open(account, new).await?;
        Ok(pair)
    }

    fn session(&self, now: Timestamp, not_before: Timestamp) -> NewSession {
        let session = self.ids.session();
        let issued_at = issue_time(now, not_before);
        let first = RefreshToken {
            id: TokenId::of(session, self.ids.token()),
            issued_at,
            expires_at: issued_at.after(self.times.refresh_ttl),
        };
        NewSession { session, first, opened_at: now }
    }

    /// What a refresh token issued at `previous` may be exchanged for at `now`.
    pub(super) fn successor(&self, previous: Timestamp, now: Timestamp) -> Successor {
        let issued_at = issue_time(now, previous);
        Successor {
            session: self.ids.session(),
            random: self.ids.token(),
            issued_at,
            expires_at: issued_at.after(self.times.refresh_ttl),
        }
    }

    /// The token of `refresh`, the same every time, and a new access token beside it.
    pub(super) fn renewed(
        &self,
        account: &Account,
        refresh: &RefreshToken,
        now: Timestamp,
    ) -> Result<TokenPair, BackendError> {
        let session = refresh.id.session().ok_or_else(|| {
            BackendError::new("renew a session", "its refresh token is not of our making")
        })?;
        self.sign(account, session, refresh, now)
    }

    /// The pair of this refresh token of `session`.
    pub(super) fn sign(
        &self,
        account: &Account,
        session: SessionId,
        refresh: &RefreshToken,
        now: Timestamp,
    ) -> Result<TokenPair, BackendError> {
        let issued_at = issue_time(now, account.valid_from);
        let access = Claims {
            kind: TokenKind::Access,
            expires_at: issued_at.after(self.times.access_ttl),
            issued_at,
            id: TokenId::of(session, self.ids.token()),
            user: account.id,
            username: account.username.clone(),
        };
        let refresh = Claims {
            kind: TokenKind::Refresh,
            expires_at: refresh.expires_at,
            issued_at: refresh.issued_at,
            id: refresh.id.clone(),
            user: account.id,
            username: account.username.clone(),
        };
        Ok(TokenPair { access: self.signer.sign(&access)?, refresh: self.signer.sign(&refresh)? })
    }
}

/// `iat` counts whole seconds. After a new password `valid_from` is the second
/// to come: a token of the second before it must not outlive the old password,
/// and one that the new password gets must not be refused.
fn issue_time(now: Timestamp, not_before: Timestamp) -> Timestamp {
    Timestamp::from_seconds(now.seconds().max(not_before.seconds()))
}
