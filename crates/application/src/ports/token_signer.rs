use domain::{Timestamp, TokenId, UserId, Username};

/// Signs and verifies JWTs (RFC 7519), HS256 only.
pub trait TokenSigner: Send + Sync {
    /// Deterministic: the same claims make the same token.
    fn sign(&self, claims: &Claims) -> Result<String, super::BackendError>;

    /// Verifies the signature and that `now` lies within the token's validity.
    /// [`PresentedToken`]'s methods check the other claims, in the order that the contract
    /// requires.
    ///
    /// # Errors
    ///
    /// [`TokenError::Invalid`] or [`TokenError::NoExpiry`].
    fn read(&self, token: &str, now: Timestamp) -> Result<PresentedToken, TokenError>;
}

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
    pub username: Username,
    /// `iss` and `aud`. Every API accepts every refresh token, so these have [`Audience::Compat`].
    pub audience: Audience,
}

/// The API that accepts an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Has neither `iss` nor `aud`, like the tokens of the reference.
    Compat,
    V1,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    Access,
    Refresh,
}

/// A token with a valid signature; its other claims are unchecked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentedToken {
    /// `token_type`.
    pub kind: Option<String>,
    /// `exp`, rounded up to whole seconds.
    pub expires_at: Timestamp,
    /// `iat`, if it is a number.
    pub issued_at: Option<Timestamp>,
    /// `jti`, if valid; see [`TokenId::parse`].
    pub id: Option<TokenId>,
    /// Whether `user_id` is present.
    pub names_user: bool,
    /// `user_id`, if it is an integer or the decimal text of one.
    pub user: Option<UserId>,
    /// `None` if the token is for v1 by its `aud`, but not ours by its `iss`.
    pub audience: Option<Audience>,
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

    /// Checks that it is an access token for `audience`.
    ///
    /// # Errors
    ///
    /// Those of [`Self::expect`], then [`TokenError::Invalid`].
    pub fn expect_access(&self, audience: Audience) -> Result<&TokenId, TokenError> {
        let id = self.expect(TokenKind::Access)?;
        if self.audience == Some(audience) { Ok(id) } else { Err(TokenError::Invalid) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Malformed, not signed by this server, or outside its validity.
    #[error("Token is invalid or expired")]
    Invalid,
    #[error("Token has no 'exp' claim")]
    NoExpiry,
    #[error("Token has no type")]
    NoType,
    /// An access token where a refresh token is required, or the reverse.
    #[error("Token has wrong type")]
    WrongType,
    #[error("Token has no id")]
    NoId,
}
