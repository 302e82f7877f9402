//! A password hasher and a token signer without cryptography.

use std::sync::atomic::{AtomicU64, Ordering};

use application::ports::{
    Audience, BackendError, Claims, PasswordHasher, PresentedToken, TokenError, TokenKind,
    TokenSigner, Verdict,
};
use async_trait::async_trait;
use domain::{Password, PasswordHash, Timestamp, TokenId, UserId};

/// Stores passwords in plain text, as `instant$<salt>$<password>`, and takes no time.
#[derive(Debug, Default)]
pub struct InstantHasher {
    hashed: AtomicU64,
}

impl InstantHasher {
    /// A hash as made with older settings: it matches as outdated.
    #[must_use]
    pub fn outdated(password: &str) -> PasswordHash {
        PasswordHash::new(format!("outdated$0${password}"))
    }

    /// The number of hashes made so far.
    #[must_use]
    pub fn hashed(&self) -> u64 {
        self.hashed.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl PasswordHasher for InstantHasher {
    async fn hash(&self, password: Password) -> Result<PasswordHash, BackendError> {
        let salt = self.hashed.fetch_add(1, Ordering::SeqCst) + 1;
        Ok(PasswordHash::new(format!("instant${salt}${}", password.expose())))
    }

    async fn verify(
        &self,
        password: Password,
        hash: Option<PasswordHash>,
    ) -> Result<Verdict, BackendError> {
        let Some(hash) = hash else { return Ok(Verdict::Mismatch) };
        let mut parts = hash.as_str().splitn(3, '$');
        let (kind, _, stored) = (parts.next(), parts.next(), parts.next());
        let is_prepared = stored == Some(password.expose());
        let is_typed = stored.is_some() && stored == password.expose_typed();
        Ok(match kind {
            Some("instant") if is_prepared => Verdict::Match,
            Some("instant" | "outdated") if is_prepared || is_typed => Verdict::MatchOutdated,
            _ => Verdict::Mismatch,
        })
    }
}

/// Writes the claims as `plain:<kind>:<exp>:<iat>:<user>:<jti>:<username>:<sum>`, with `v1-access` as the
/// kind of an access token for v1.
/// The sum detects damage, not forgery.
#[derive(Debug, Default, Clone, Copy)]
pub struct PlainSigner;

impl PlainSigner {
    /// A token may have been issued this far ahead of `now`.
    const LEEWAY_SECONDS: i64 = 5;

    /// The same access token for v1.
    #[must_use]
    pub fn for_v1(token: &str) -> String {
        let text = token.rsplit_once(':').map_or(token, |(text, _)| text);
        let text = text.replacen(":access:", ":v1-access:", 1);
        format!("{text}:{}", checksum(&text))
    }
}

impl TokenSigner for PlainSigner {
    fn sign(&self, claims: &Claims) -> Result<String, BackendError> {
        let kind = match (claims.kind, claims.audience) {
            (TokenKind::Access, Audience::Compat) => "access",
            (TokenKind::Access, Audience::V1) => "v1-access",
            (TokenKind::Refresh, Audience::Compat) => "refresh",
            (TokenKind::Refresh, Audience::V1) => "v1-refresh",
        };
        let text = format!(
            "plain:{kind}:{}:{}:{}:{}:{}",
            claims.expires_at.seconds(),
            claims.issued_at.seconds(),
            claims.user,
            claims.id.as_str(),
            claims.username.as_str(),
        );
        let checksum = checksum(&text);
        Ok(format!("{text}:{checksum}"))
    }

    fn read(&self, token: &str, now: Timestamp) -> Result<PresentedToken, TokenError> {
        let presented = parse(token).ok_or(TokenError::Invalid)?;
        let latest_issue = Timestamp::from_seconds(now.seconds() + Self::LEEWAY_SECONDS);
        let is_valid_now =
            now < presented.expires_at && presented.issued_at.is_none_or(|at| at <= latest_issue);
        if is_valid_now { Ok(presented) } else { Err(TokenError::Invalid) }
    }
}

fn parse(token: &str) -> Option<PresentedToken> {
    let (text, presented) = token.rsplit_once(':')?;
    if presented != checksum(text).to_string() {
        return None;
    }
    let (claims, _username) = text.strip_prefix("plain:")?.rsplit_once(':')?;
    let mut parts = claims.splitn(5, ':');
    let kind = parts.next()?;
    let (kind, audience) = match kind.strip_prefix("v1-") {
        Some(kind) => (kind.to_owned(), Audience::V1),
        None => (kind.to_owned(), Audience::Compat),
    };
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
        audience: Some(audience),
    })
}

/// FNV-1a, 64 bits.
fn checksum(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
