//! A signer without a secret.

use application::ports::{
    BackendError, Claims, PresentedToken, TokenError, TokenKind, TokenSigner,
};
use domain::{Timestamp, TokenId, UserId};

/// Writes the claims down: `plain:<kind>:<exp>:<iat>:<user>:<jti>:<username>:<sum>`.
/// Keeps honest clients honest and nobody else.
#[derive(Debug, Default, Clone, Copy)]
pub struct PlainSigner;

impl PlainSigner {
    /// How far ahead of `now` a token may have been issued.
    const LEEWAY_SECONDS: i64 = 5;
}

impl TokenSigner for PlainSigner {
    fn sign(&self, claims: &Claims) -> Result<String, BackendError> {
        let kind = match claims.kind {
            TokenKind::Access => "access",
            TokenKind::Refresh => "refresh",
        };
        let text = format!(
            "plain:{kind}:{}:{}:{}:{}:{}",
            claims.expires_at.seconds(),
            claims.issued_at.seconds(),
            claims.user,
            claims.id.as_str(),
            claims.username.as_str(),
        );
        let sum = sum(&text);
        Ok(format!("{text}:{sum}"))
    }

    fn read(&self, token: &str, now: Timestamp) -> Result<PresentedToken, TokenError> {
        let presented = parse(token).ok_or(TokenError::Invalid)?;
        let issued_by = Timestamp::from_seconds(now.seconds() + Self::LEEWAY_SECONDS);
        let is_timely =
            now < presented.expires_at && presented.issued_at.is_none_or(|at| at <= issued_by);
        if is_timely { Ok(presented) } else { Err(TokenError::Invalid) }
    }
}

fn parse(token: &str) -> Option<PresentedToken> {
    let (text, claimed) = token.rsplit_once(':')?;
    if claimed != sum(text).to_string() {
        return None;
    }
    let (claims, _username) = text.strip_prefix("plain:")?.rsplit_once(':')?;
    let mut parts = claims.splitn(5, ':');
    let kind = parts.next()?.to_owned();
    let expires_at = Timestamp::from_seconds(parts.next()?.parse().ok()?);
    let issued_at = Timestamp::from_seconds(parts.next()?.parse().ok()?);
    let user = UserId::new(parts.next()?.parse().ok()?);
    let id = TokenId::parse(parts.next()?)?;
    Some(PresentedToken {
        kind: Some(kind),
        expires_at,
        issued_at: Some(issued_at),
        id: Some(id),
        names_user: true,
        user: Some(user),
    })
}

/// FNV-1a, 64 bits.
fn sum(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
