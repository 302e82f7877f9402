//! Access tokens, and whether they still count.

use std::time::Duration;

use domain::{Account, SessionId, Timestamp, TokenId, UserId};

use super::Accounts;
use crate::ports::{BackendError, PresentedToken, SessionState, TokenError, TokenKind};

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
}

impl Accounts {
    /// Returns the holder of an access token. Of several errors it returns the first in the
    /// order of [`AuthenticateError`], but a token that was ended early comes last.
    pub async fn authenticate(&self, token: &str) -> Result<Caller, AuthenticateError> {
        let presented = self.ports.signer.read(token, self.ports.clock.now())?;
        let id = presented.expect(TokenKind::Access)?;
        if !presented.names_user {
            return Err(AuthenticateError::NoUser);
        }
        let user = presented.user.ok_or(AuthenticateError::UnknownUser)?;
        let issued_at = presented.issued_at.unwrap_or(NEVER);
        let account = self.active_account(user, id.session(), issued_at).await?;
        let (session, expires_at) = (id.session(), presented.expires_at);
        Ok(Caller { account, session, issued_at, expires_at })
    }

    /// Checks that a caller still has its rights. Its token may have expired meanwhile.
    pub async fn recheck(&self, caller: &Caller) -> Result<Caller, AuthenticateError> {
        let user = caller.account.id;
        let account = self.active_account(user, caller.session, caller.issued_at).await?;
        Ok(Caller { account, ..*caller })
    }

    #[must_use]
    pub fn time_left(&self, caller: &Caller) -> Duration {
        let now = self.ports.clock.now().micros();
        let left = caller.expires_at.micros().saturating_sub(now);
        Duration::from_micros(u64::try_from(left).unwrap_or(0))
    }

    async fn active_account(
        &self,
        user: UserId,
        session: Option<SessionId>,
        issued_at: Timestamp,
    ) -> Result<Account, AuthenticateError> {
        let Some((account, state)) = self.ports.accounts.by_id_with_session(user, session).await?
        else {
            return Err(AuthenticateError::UnknownUser);
        };
        if !account.active {
            return Err(AuthenticateError::Inactive);
        }
        if is_ended(&account, state, issued_at) {
            return Err(AuthenticateError::Token(TokenError::Invalid));
        }
        Ok(account)
    }

    /// Checks whether a token of either kind would be accepted: checks signature, times and
    /// `jti`, and that it was neither spent nor ended. Its type and user do not matter.
    pub async fn verify(&self, token: &str) -> Result<(), VerifyError> {
        let presented = self.ports.signer.read(token, self.ports.clock.now())?;
        let id = presented.id.as_ref().ok_or(TokenError::NoId)?;
        let is_refresh = presented.kind.as_deref() == Some("refresh");
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
        let issued_at = presented.issued_at.unwrap_or(NEVER);
        let found = self.ports.accounts.by_id_with_session(user, id.session()).await?;
        Ok(found.is_some_and(|(account, state)| is_ended(&account, state, issued_at)))
    }
}

/// `iat` of a token without one: before every [`Account::valid_from`].
pub(super) const NEVER: Timestamp = Timestamp::from_seconds(0);

/// Returns whether a new password, signing out, or theft ended a token early.
fn is_ended(account: &Account, state: SessionState, issued_at: Timestamp) -> bool {
    state == SessionState::Revoked || issued_at.seconds() < account.valid_from.seconds()
}

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
