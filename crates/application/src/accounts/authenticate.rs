//! Who is asking.

use std::sync::Arc;
use std::time::Duration;

use domain::{Account, SessionId, Timestamp, UserId};

use crate::ports::{
    AccountStore, BackendError, Clock, SessionState, TokenError, TokenKind, TokenSigner,
};

/// Finds out whom an access token names, and whether it still counts.
#[derive(Clone)]
pub struct Authenticate {
    accounts: Arc<dyn AccountStore>,
    signer: Arc<dyn TokenSigner>,
    clock: Arc<dyn Clock>,
}

/// Whom a valid access token names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account as it was when it was last looked at.
    pub account: Account,
    /// The session of the token; none if its `jti` is not of our making.
    pub session: Option<SessionId>,
    /// `iat`; the epoch if the token has none.
    pub issued_at: Timestamp,
    /// `exp`: the token is worth nothing from then on.
    pub expires_at: Timestamp,
}

impl Authenticate {
    /// Over these ports.
    #[must_use]
    pub fn new(
        accounts: Arc<dyn AccountStore>,
        signer: Arc<dyn TokenSigner>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { accounts, signer, clock }
    }

    /// The caller who holds `token`.
    ///
    /// # Errors
    ///
    /// See [`AuthenticateError`]; the first that applies, in its order, but a
    /// token that was ended early is [`AuthenticateError::Token`] and comes last.
    pub async fn execute(&self, token: &str) -> Result<Caller, AuthenticateError> {
        let presented = self.signer.read(token, self.clock.now())?;
        let id = presented.expect(TokenKind::Access)?;
        if !presented.names_user {
            return Err(AuthenticateError::NoUser);
        }
        let user = presented.user.ok_or(AuthenticateError::UnknownUser)?;
        let issued_at = presented.issued_at.unwrap_or(NEVER);
        let account = self.standing(user, id.session(), issued_at).await?;
        let (session, expires_at) = (id.session(), presented.expires_at);
        Ok(Caller { account, session, issued_at, expires_at })
    }

    /// Whether a caller still may what it could, without its token, which it
    /// may outlive.
    pub async fn recheck(&self, caller: &Caller) -> Result<Caller, AuthenticateError> {
        let user = caller.account.id;
        let account = self.standing(user, caller.session, caller.issued_at).await?;
        Ok(Caller { account, ..*caller })
    }

    /// How long the token of a caller is still good.
    #[must_use]
    pub fn time_left(&self, caller: &Caller) -> Duration {
        let left = caller.expires_at.micros().saturating_sub(self.clock.now().micros());
        Duration::from_micros(u64::try_from(left).unwrap_or(0))
    }

    async fn standing(
        &self,
        user: UserId,
        session: Option<SessionId>,
        issued_at: Timestamp,
    ) -> Result<Account, AuthenticateError> {
        let Some((account, state)) = self.accounts.standing(user, session).await? else {
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
}

/// `iat` of a token without one: before any [`Account::valid_from`] that was ever set.
pub(super) const NEVER: Timestamp = Timestamp::from_seconds(0);

/// Whether a token was made worthless before its time: by a new password,
/// signing out, or theft.
pub(super) fn is_ended(account: &Account, state: SessionState, issued_at: Timestamp) -> bool {
    state == SessionState::Revoked || issued_at.seconds() < account.valid_from.seconds()
}

/// Why a token does not let anybody in.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticateError {
    /// Not a good access token, or ended early.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// It has no `user_id`.
    #[error("token names no user")]
    NoUser,
    /// It names no account of ours.
    #[error("token names an unknown user")]
    UnknownUser,
    /// It names a disabled account.
    #[error("user is inactive")]
    Inactive,
    /// The store failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
}
