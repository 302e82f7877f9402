//! Whether a token is any good.

use std::sync::Arc;

use super::authenticate::{NEVER, is_ended};
use crate::ports::{
    AccountStore, BackendError, Clock, PresentedToken, SessionStore, TokenError, TokenSigner,
};

/// Says whether a token, of either kind, is worth presenting.
#[derive(Clone)]
pub struct VerifyToken {
    accounts: Arc<dyn AccountStore>,
    sessions: Arc<dyn SessionStore>,
    signer: Arc<dyn TokenSigner>,
    clock: Arc<dyn Clock>,
}

impl VerifyToken {
    /// Over these ports.
    #[must_use]
    pub fn new(
        accounts: Arc<dyn AccountStore>,
        sessions: Arc<dyn SessionStore>,
        signer: Arc<dyn TokenSigner>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { accounts, sessions, signer, clock }
    }

    /// Checks signature, times, `jti`, and that the token has not been spent
    /// or ended. Neither its type nor who its user is matters.
    pub async fn execute(&self, token: &str) -> Result<(), VerifyError> {
        let presented = self.signer.read(token, self.clock.now())?;
        let id = presented.id.as_ref().ok_or(TokenError::NoId)?;
        if presented.kind.as_deref() == Some("refresh") && self.sessions.is_spent(id).await? {
            return Err(VerifyError::Spent);
        }
        if self.is_ended(&presented).await? {
            return Err(VerifyError::Token(TokenError::Invalid));
        }
        Ok(())
    }

    /// A client that is told "valid" does not refresh: it must not be told so
    /// of a token that every other endpoint refuses.
    async fn is_ended(&self, presented: &PresentedToken) -> Result<bool, BackendError> {
        let Some(user) = presented.user else { return Ok(false) };
        let session = presented.id.as_ref().and_then(domain::TokenId::session);
        let issued_at = presented.issued_at.unwrap_or(NEVER);
        let standing = self.accounts.standing(user, session).await?;
        Ok(standing.is_some_and(|(account, state)| is_ended(&account, state, issued_at)))
    }
}

/// Why a token is no good.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Not a good token, or ended early.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// A refresh token that was exchanged before, or whose session has ended.
    #[error("token is spent")]
    Spent,
    /// A port failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
}
