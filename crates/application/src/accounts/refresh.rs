//! Staying signed in.

use std::sync::Arc;

use domain::{RefreshToken, ReplayRule};

use super::authenticate::NEVER;
use super::{TokenPair, TokenPairs};
use crate::ports::{
    BackendError, Clock, Rotation, SessionStore, TokenError, TokenKind, TokenSigner,
};

/// Exchanges a refresh token for the next pair.
#[derive(Clone)]
pub struct Refresh {
    sessions: Arc<dyn SessionStore>,
    signer: Arc<dyn TokenSigner>,
    tokens: TokenPairs,
    clock: Arc<dyn Clock>,
    rule: ReplayRule,
}

impl Refresh {
    /// Over these ports; `rule` says what a replayed token means.
    #[must_use]
    pub fn new(
        sessions: Arc<dyn SessionStore>,
        signer: Arc<dyn TokenSigner>,
        tokens: TokenPairs,
        clock: Arc<dyn Clock>,
        rule: ReplayRule,
    ) -> Self {
        Self { sessions, signer, tokens, clock, rule }
    }

    /// The next pair: a new access token, and the successor of `token`, which
    /// a replay within the grace gets again.
    ///
    /// A well-signed token of no known session is the first of a new one.
    pub async fn execute(&self, token: &str) -> Result<TokenPair, RefreshError> {
        let now = self.clock.now();
        let presented = self.signer.read(token, now)?;
        let id = presented.expect(TokenKind::Refresh)?.clone();
        let user = presented.user.ok_or(RefreshError::NoAccount)?;
        let issued_at = presented.issued_at.unwrap_or(NEVER);
        let spent = RefreshToken { id, issued_at, expires_at: presented.expires_at };
        let next = self.tokens.successor(issued_at, now);
        let exchange = self.sessions.rotate(user, spent, next, now, self.rule).await;
        match exchange.map_err(BackendError::from)? {
            Rotation::Rotated(account, refresh) | Rotation::Replayed(account, refresh) => {
                Ok(self.tokens.renewed(&account, &refresh, now)?)
            }
            Rotation::Spent => Err(RefreshError::Spent),
            Rotation::NoAccount => Err(RefreshError::NoAccount),
        }
    }
}

/// Why a refresh token was not exchanged.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// Not a good refresh token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Exchanged before, or of a session that has ended.
    #[error("token is spent")]
    Spent,
    /// It names no active account, or was issued before that account's tokens were ended.
    #[error("token names no active account")]
    NoAccount,
    /// A port failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
}
