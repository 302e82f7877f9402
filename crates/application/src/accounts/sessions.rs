//! Sessions: issuing and refreshing their tokens, listing them, and signing out.

use std::fmt;

use domain::{
    Account, ExchangeRules, RefreshToken, Session, SessionId, Successor, Timestamp, TokenId,
};

use super::authenticate::NEVER;
use super::{Accounts, Caller, SignInError};
use crate::ports::{
    ActiveSession, Audience, BackendError, Claims, NewSession, Rotation, SessionCursor, TokenError,
    TokenKind,
};
use crate::security_log;

/// The tokens of a client. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenPair {
    pub access: String,
    pub refresh: String,
}

impl fmt::Debug for TokenPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenPair(hidden)")
    }
}

impl Accounts {
    /// A new access token, and the successor of a refresh token, which a replay within the
    /// grace gets again. A well-signed token of an unknown session opens a new one.
    pub async fn refresh(
        &self,
        token: &str,
        audience: Audience,
    ) -> Result<TokenPair, RefreshError> {
        let now = self.ports.clock.now();
        let presented = self.ports.signer.read(token, now)?;
        let id = presented.expect(TokenKind::Refresh)?.clone();
        let user = presented.user.ok_or(RefreshError::NoAccount)?;
        let issued_at = presented.issued_at.unwrap_or(NEVER);
        let spent = RefreshToken { id, issued_at, expires_at: presented.expires_at };
        let next = self.successor(issued_at, now);
        let rules = ExchangeRules { replay: self.rules.replay, lifetime: self.rules.session_ttl };
        let rotation = self.ports.sessions.rotate(user, spent, next, now, rules).await;
        match rotation.map_err(BackendError::from)? {
            Rotation::Rotated(account, refresh) | Rotation::Replayed(account, refresh) => {
                let session = refresh.id.session().ok_or_else(|| {
                    BackendError::new("refresh a session", "another server issued its token")
                })?;
                Ok(self.sign(&account, session, &refresh, (now, audience))?)
            }
            Rotation::Stolen => {
                security_log::refresh_token_reused(user);
                Err(RefreshError::Spent)
            }
            Rotation::Spent => Err(RefreshError::Spent),
            Rotation::NoAccount => Err(RefreshError::NoAccount),
        }
    }

    /// Opens a session, and returns its first pair.
    pub(super) async fn open_session(
        &self,
        account: &Account,
        audience: Audience,
    ) -> Result<TokenPair, SignInError> {
        let now = self.ports.clock.now();
        let new = self.new_session(now, account.valid_from);
        // Signed first, so that a failure to sign leaves no session behind.
        let pair = self.sign(account, new.session, &new.first, (now, audience))?;
        self.ports.sessions.open(account, new).await?;
        Ok(pair)
    }

    pub(super) fn new_session(&self, now: Timestamp, not_before: Timestamp) -> NewSession {
        let session = self.ports.ids.session();
        let issued_at = issue_time(now, not_before);
        let first = RefreshToken {
            id: TokenId::of(session, self.ports.ids.token()),
            issued_at,
            expires_at: issued_at
                .after(self.rules.refresh_ttl)
                .min(Session::end(now, self.rules.session_ttl)),
        };
        NewSession { session, first, opened_at: now }
    }

    /// Returns the successor of a refresh token that was issued at `previous`.
    fn successor(&self, previous: Timestamp, now: Timestamp) -> Successor {
        let issued_at = issue_time(now, previous);
        Successor {
            session: self.ports.ids.session(),
            random: self.ports.ids.token(),
            issued_at,
            expires_at: issued_at.after(self.rules.refresh_ttl),
        }
    }

    /// Signs a refresh token, the same every time, and a new access token.
    pub(super) fn sign(
        &self,
        account: &Account,
        session: SessionId,
        refresh: &RefreshToken,
        (now, audience): (Timestamp, Audience),
    ) -> Result<TokenPair, BackendError> {
        let issued_at = issue_time(now, account.valid_from);
        let access = Claims {
            kind: TokenKind::Access,
            // A session may end before the access token would.
            expires_at: issued_at.after(self.rules.access_ttl).min(refresh.expires_at),
            issued_at,
            id: TokenId::of(session, self.ports.ids.token()),
            user: account.id,
            username: account.username.clone(),
            audience,
        };
        let refresh = Claims {
            kind: TokenKind::Refresh,
            expires_at: refresh.expires_at,
            issued_at: refresh.issued_at,
            id: refresh.id.clone(),
            user: account.id,
            username: account.username.clone(),
            audience: Audience::Compat,
        };
        let sign = |claims| self.ports.signer.sign(claims);
        Ok(TokenPair { access: sign(&access)?, refresh: sign(&refresh)? })
    }

    /// The caller's active sessions, the most recently used first.
    pub async fn sessions(
        &self,
        caller: &Caller,
        before: Option<SessionCursor>,
        limit: usize,
    ) -> Result<Vec<ActiveSession>, BackendError> {
        let (user, now) = (caller.account.id, self.ports.clock.now());
        let mut found = self.ports.sessions.active_sessions(user, before, now, limit).await?;
        for session in &mut found {
            let end = Session::end(session.opened_at, self.rules.session_ttl);
            session.expires_at = session.expires_at.min(end);
        }
        Ok(found)
    }

    /// Ends the caller's session and its sockets. A token of another server has none.
    pub async fn sign_out(&self, caller: &Caller) -> Result<(), BackendError> {
        if let Some(session) = caller.session {
            self.end_session(caller, session).await?;
        }
        Ok(())
    }

    /// Ends a session of the caller's and its sockets; returns whether there was one.
    pub async fn end_session(
        &self,
        caller: &Caller,
        session: SessionId,
    ) -> Result<bool, BackendError> {
        let ended = self.ports.sessions.revoke(caller.account.id, session).await?;
        self.hub.rights_changed(caller.account.id).await;
        Ok(ended)
    }

    /// Ends every session of the caller's, its sockets, and its tokens of other servers.
    pub async fn sign_out_everywhere(&self, caller: &Caller) -> Result<(), BackendError> {
        self.ports.sessions.revoke_all(caller.account.id).await?;
        self.hub.rights_changed(caller.account.id).await;
        Ok(())
    }
}

/// `iat` counts whole seconds. A new password sets `valid_from` to the next second: tokens of the
/// second before must not outlive the old password, and tokens for the new password must not be
/// refused.
fn issue_time(now: Timestamp, not_before: Timestamp) -> Timestamp {
    Timestamp::from_seconds(now.seconds().max(not_before.seconds()))
}

#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// No valid refresh token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Exchanged before, or of a session that has ended.
    #[error("token is spent")]
    Spent,
    /// It names no active account, or was issued before that account's `valid_from`.
    #[error("token names no active account")]
    NoAccount,
    #[error(transparent)]
    Backend(#[from] BackendError),
}
