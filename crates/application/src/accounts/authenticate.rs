//! Access tokens, and whether they still count.

use std::time::Duration;

use domain::{Account, Session, SessionId, Timestamp, TokenId, UserId};

use super::Accounts;
use crate::ports::{Audience, BackendError, PresentedToken, SessionState, TokenError};

/// The holder of a valid access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// As it was when the token was checked last.
    pub account: Account,
    /// `None` if another server issued the token.
    pub session: Option<SessionId>,
    /// `iat`; the epoch if the token has none.
    pub issued_at: Timestamp,
    /// `exp`.
    pub expires_at: Timestamp,
    /// When the session expires unless it is used, or ends even if it is. The session of a token of another server is
    /// unknown, and counts as one that began with the token.
    pub session_expires_at: Timestamp,
}

impl Accounts {
    /// Returns the holder of an access token. Of several errors it returns the first in the
    /// order of [`AuthenticateError`], but a token that was ended early comes last.
    pub async fn authenticate(
        &self,
        token: &str,
        audience: Audience,
    ) -> Result<Caller, AuthenticateError> {
        let presented = self.ports.signer.read(token, self.ports.clock.now())?;
        let id = presented.expect_access(audience)?;
        if !presented.names_user {
            return Err(AuthenticateError::NoUser);
        }
        let user = presented.user.ok_or(AuthenticateError::UnknownUser)?;
        let issued_at = presented.issued_at.unwrap_or(NEVER);
        let (session, expires_at) = (id.session(), presented.expires_at);
        let times = (issued_at, expires_at);
        let (account, session_expires_at) = self.active_account(user, session, times).await?;
        Ok(Caller { account, session, issued_at, expires_at, session_expires_at })
    }

    /// Checks that a caller still has its rights, and its session has not ended. Its token may have
    /// expired meanwhile.
    pub async fn recheck(&self, caller: &Caller) -> Result<Caller, AuthenticateError> {
        let times = (caller.issued_at, caller.expires_at);
        let user = caller.account.id;
        let (account, session_expires_at) =
            self.active_account(user, caller.session, times).await?;
        Ok(Caller { account, session_expires_at, ..*caller })
    }

    /// The time until the token expires.
    #[must_use]
    pub fn time_left(&self, caller: &Caller) -> Duration {
        self.until(caller.expires_at)
    }

    /// The time until the session expires unless it is used.
    #[must_use]
    pub fn session_time_left(&self, caller: &Caller) -> Duration {
        self.until(caller.session_expires_at)
    }

    fn until(&self, end: Timestamp) -> Duration {
        end.since(self.ports.clock.now())
    }

    /// Returns the account, and when its session expires. `times` are `iat` and `exp`.
    async fn active_account(
        &self,
        user: UserId,
        session: Option<SessionId>,
        times: (Timestamp, Timestamp),
    ) -> Result<(Account, Timestamp), AuthenticateError> {
        let Some((account, state)) = self.ports.accounts.by_id_with_session(user, session).await?
        else {
            return Err(AuthenticateError::UnknownUser);
        };
        if !account.active {
            return Err(AuthenticateError::Inactive);
        }
        let end = self.session_end(&account, state, times);
        Ok((account, end.ok_or(AuthenticateError::Token(TokenError::Invalid))?))
    }

    /// Returns when the session of a token expires; `None` if a new password, signing out, theft or
    /// time has ended it.
    fn session_end(
        &self,
        account: &Account,
        state: SessionState,
        (issued_at, expires_at): (Timestamp, Timestamp),
    ) -> Option<Timestamp> {
        let is_void = issued_at.seconds() < account.valid_from.seconds();
        let (opened_at, end) = match state {
            SessionState::Revoked => return None,
            SessionState::Live { opened_at, expires_at } => (opened_at, expires_at),
            SessionState::Unknown => {
                (issued_at, expires_at.max(issued_at.after(self.rules.refresh_ttl)))
            }
        };
        // The setting may have been lowered since the tokens were issued.
        let end = end.min(Session::end(opened_at, self.rules.session_ttl));
        (!is_void && self.ports.clock.now() < end).then_some(end)
    }

    /// Checks whether compat would accept a token of either kind: checks signature, times and
    /// `jti`, and that it was neither spent nor ended. Its type and user do not matter.
    pub async fn verify(&self, token: &str) -> Result<(), VerifyError> {
        let presented = self.ports.signer.read(token, self.ports.clock.now())?;
        let id = presented.id.as_ref().ok_or(TokenError::NoId)?;
        let is_refresh = presented.kind.as_deref() == Some("refresh");
        if !is_refresh && presented.audience != Some(Audience::Compat) {
            return Err(VerifyError::Token(TokenError::Invalid));
        }
        if is_refresh && self.ports.sessions.is_spent(id).await? {
            return Err(VerifyError::Spent);
        }
        if self.is_ended_early(&presented, id).await? {
            return Err(VerifyError::Token(TokenError::Invalid));
        }
        Ok(())
    }

    /// Clients do not refresh a token that looks valid, so a token that every other endpoint
    /// refuses must fail here too.
    async fn is_ended_early(
        &self,
        presented: &PresentedToken,
        id: &TokenId,
    ) -> Result<bool, BackendError> {
        let Some(user) = presented.user else { return Ok(false) };
        let times = (presented.issued_at.unwrap_or(NEVER), presented.expires_at);
        let found = self.ports.accounts.by_id_with_session(user, id.session()).await?;
        let ended = |(account, state)| self.session_end(&account, state, times).is_none();
        Ok(found.is_some_and(ended))
    }
}

/// `iat` of a token without one: before every [`Account::valid_from`].
pub(super) const NEVER: Timestamp = Timestamp::from_seconds(0);

#[derive(Debug, thiserror::Error)]
pub enum AuthenticateError {
    /// No valid access token, or ended early.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The token has no `user_id`.
    #[error("token names no user")]
    NoUser,
    #[error("token names an unknown user")]
    UnknownUser,
    #[error("user is inactive")]
    Inactive,
    #[error(transparent)]
    Backend(#[from] BackendError),
}

#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// No valid token, or ended early.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// A refresh token that was exchanged, or whose session has ended.
    #[error("token is spent")]
    Spent,
    #[error(transparent)]
    Backend(#[from] BackendError),
}
