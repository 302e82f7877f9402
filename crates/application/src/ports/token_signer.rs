//! Signing and reading tokens.

use domain::{Timestamp, TokenId, UserId, Username};

/// Signs tokens and reads them back: JWT (RFC 7519), HS256 only.
pub trait TokenSigner: Send + Sync {
    /// The token of these claims; the same claims make the same token.
    fn sign(&self, claims: &Claims) -> Result<String, super::BackendError>;

    /// What a token says, once its signature is found good and `now` lies
    /// within its time. The claims beyond signature and time are checked by
    /// [`PresentedToken`]'s methods, in the order that the contract wants.
    ///
    /// # Errors
    ///
    /// [`TokenError::Invalid`] or [`TokenError::NoExpiry`].
    fn read(&self, token: &str, now: Timestamp) -> Result<PresentedToken, TokenError>;
}

/// What we put into a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// `token_type`.
    pub kind: TokenKind,
    /// `exp`, whole seconds.
    pub expires_at: Timestamp,
    /// `iat`, whole seconds.
    pub issued_at: Timestamp,
    /// `jti`.
    pub id: TokenId,
    /// `user_id`.
    pub user: UserId,
    /// `username`.
    pub username: Username,
}

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Requests and sockets.
    Access,
    /// Getting the next pair.
    Refresh,
}

/// A token with a good signature, whose other claims may still be nonsense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentedToken {
    /// `token_type`; `None` if absent.
    pub kind: Option<String>,
    /// `exp`, rounded up to whole seconds.
    pub expires_at: Timestamp,
    /// `iat`, if it is a number.
    pub issued_at: Option<Timestamp>,
    /// `jti`, if it is one; see [`TokenId::parse`].
    pub id: Option<TokenId>,
    /// Whether there is a `user_id` at all.
    pub names_user: bool,
    /// `user_id`, if it is a whole number or the decimal text of one.
    pub user: Option<UserId>,
}

impl PresentedToken {
    /// Checks `jti`, then `token_type`.
    ///
    /// # Errors
    ///
    /// [`TokenError::NoId`], then [`TokenError::NoType`] or [`TokenError::WrongType`].
    pub fn expect(&self, kind: TokenKind) -> Result<&TokenId, TokenError> {
        let wanted = match kind {
            TokenKind::Access => "access",
            TokenKind::Refresh => "refresh",
        };
        let id = self.id.as_ref().ok_or(TokenError::NoId)?;
        match self.kind.as_deref() {
            None => Err(TokenError::NoType),
            Some(kind) if kind != wanted => Err(TokenError::WrongType),
            Some(_) => Ok(id),
        }
    }
}

/// Why a token is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a token, not signed by us, or out of its time.
    #[error("Token is invalid or expired")]
    Invalid,
    /// Without `exp`.
    #[error("Token has no 'exp' claim")]
    NoExpiry,
    /// Without `token_type`.
    #[error("Token has no type")]
    NoType,
    /// An access token where a refresh token is wanted, or the other way round.
    #[error("Token has wrong type")]
    WrongType,
    /// Without `jti`.
    #[error("Token has no id")]
    NoId,
}
