//! Tokens as JWT (RFC 7519) with HS256.

mod hs256;

use std::fmt;
use std::time::Duration;

use application::ports::{
    Audience, BackendError, Claims, PresentedToken, TokenError, TokenKind, TokenSigner,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Timestamp, TokenId, UserId};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Validation};
use serde::Serialize;
use serde_json::{Map, Value};

/// `{"alg":"HS256","typ":"JWT"}`, encoded as the reference does.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// Never printed.
#[derive(Clone)]
pub struct SigningKey {
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl SigningKey {
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(hidden)")
    }
}

#[derive(Debug, Clone)]
pub struct JwtSigner {
    key: SigningKey,
    signature_only: Validation,
}

impl JwtSigner {
    #[must_use]
    pub fn new(key: SigningKey) -> Self {
        hs256::install();
        let mut signature_only = Validation::new(Algorithm::HS256);
        signature_only.required_spec_claims.clear();
        signature_only.validate_aud = false;
        // The library would use the system clock; the caller passes its own time.
        signature_only.validate_exp = false;
        signature_only.validate_nbf = false;
        Self { key, signature_only }
    }
}

impl TokenSigner for JwtSigner {
    fn sign(&self, claims: &Claims) -> Result<String, BackendError> {
        let failed = |error| BackendError::new("sign a token", error);
        let payload = Payload {
            token_type: match claims.kind {
                TokenKind::Access => "access",
                TokenKind::Refresh => "refresh",
            },
            exp: claims.expires_at.seconds(),
            iat: claims.issued_at.seconds(),
            jti: claims.id.as_str(),
            user_id: claims.user.get(),
            username: claims.username.as_str(),
            iss: (claims.audience == Audience::V1).then_some(ISSUER),
            aud: (claims.audience == Audience::V1).then_some(V1_AUDIENCE),
        };
        let payload = serde_json::to_vec(&payload).map_err(|error| failed(error.into()))?;
        let message = format!("{HEADER}.{}", URL_SAFE_NO_PAD.encode(payload));
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &self.key.encoding, Algorithm::HS256)
                .map_err(failed)?;
        Ok(format!("{message}.{signature}"))
    }

    fn read(&self, token: &str, now: Timestamp) -> Result<PresentedToken, TokenError> {
        let token = jsonwebtoken::decode::<Map<String, Value>>(
            token,
            &self.key.decoding,
            &self.signature_only,
        )
        // Clients cannot act on the cause.
        .map_err(|_| TokenError::Invalid)?;
        read_claims(&token.claims, now)
    }
}

/// `iss` of access tokens for v1.
const ISSUER: &str = "online-chat";
/// `aud` of access tokens for v1.
const V1_AUDIENCE: &str = "/api/v1";

/// How far the clocks of nodes may differ.
const LEEWAY: Duration = Duration::from_secs(5);

/// The start of the year 10000, in seconds. Later times are not plausible.
const MAX_SECONDS: f64 = 253_402_300_800.0;

/// The claims as they are signed, in the order of the reference.
#[derive(Serialize)]
struct Payload<'a> {
    token_type: &'static str,
    exp: i64,
    iat: i64,
    jti: &'a str,
    user_id: i64,
    username: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'static str>,
}

/// Checks the times of a correctly signed token. Its other claims may have any value.
fn read_claims(claims: &Map<String, Value>, now: Timestamp) -> Result<PresentedToken, TokenError> {
    let expires_at = timestamp(claims.get("exp").ok_or(TokenError::NoExpiry)?)?;
    let not_before = claims.get("nbf").map(timestamp).transpose()?;
    let issued_at = claims.get("iat").map(timestamp).transpose()?;
    let has_begun = [not_before, issued_at].into_iter().flatten().all(|at| at <= now.after(LEEWAY));
    if !has_begun || now >= expires_at {
        return Err(TokenError::Invalid);
    }
    Ok(PresentedToken {
        kind: claims.get("token_type").map(kind),
        expires_at: round_up(expires_at),
        issued_at: issued_at.map(|at| Timestamp::from_seconds(at.seconds())),
        id: claims.get("jti").and_then(Value::as_str).and_then(TokenId::parse),
        names_user: claims.contains_key("user_id"),
        user: claims.get("user_id").and_then(user),
        audience: audience(claims),
    })
}

/// Tokens for other services, which may share the key, count as those of the reference.
fn audience(claims: &Map<String, Value>) -> Option<Audience> {
    let is_v1 = |aud: &Value| aud == V1_AUDIENCE;
    let is_for_v1 = match claims.get("aud") {
        Some(Value::Array(all)) => all.iter().any(is_v1),
        Some(aud) => is_v1(aud),
        None => false,
    };
    if !is_for_v1 {
        return Some(Audience::Compat);
    }
    claims.get("iss").is_some_and(|iss| iss == ISSUER).then_some(Audience::V1)
}

/// Parses seconds, which may have a fraction.
fn timestamp(claim: &Value) -> Result<Timestamp, TokenError> {
    let seconds = claim.as_f64().filter(|seconds| seconds.abs() < MAX_SECONDS);
    let micros = seconds.ok_or(TokenError::Invalid)? * 1e6;
    #[expect(clippy::cast_possible_truncation, reason = "below 2^58, and no fraction of interest")]
    Ok(Timestamp::from_micros(micros.round() as i64))
}

fn round_up(at: Timestamp) -> Timestamp {
    let whole = Timestamp::from_seconds(at.seconds());
    if whole == at { at } else { whole.after(Duration::from_secs(1)) }
}

/// A claim that is not a string counts as an unknown kind.
fn kind(claim: &Value) -> String {
    claim.as_str().unwrap_or_default().to_owned()
}

fn user(claim: &Value) -> Option<UserId> {
    let id = match claim {
        Value::Number(id) => id.as_i64(),
        Value::String(id) => id.parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    id.map(UserId::new)
}

#[cfg(test)]
mod tests {
    use application::ports::{Audience, Claims, TokenError, TokenKind, TokenSigner as _};
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use domain::{SessionId, Timestamp, TokenId, UserId, Username};
    use jsonwebtoken::Algorithm;
    use serde_json::{Value, from_slice};

    use super::{HEADER, JwtSigner, LEEWAY, SigningKey};

    const NOW: Timestamp = Timestamp::from_seconds(1_767_225_600);

    fn signed(signer: &JwtSigner, message: String) -> String {
        let key = &signer.key.encoding;
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, Algorithm::HS256);
        message + "." + &signature.unwrap()
    }

    #[test]
    fn fuzz_tokens() {
        let signer = JwtSigner::new(SigningKey::new(b"a key of thirty-two bytes, or so!"));
        let claims = Claims {
            kind: TokenKind::Access,
            expires_at: Timestamp::from_seconds(NOW.seconds() + 1_800),
            issued_at: NOW,
            id: TokenId::of(SessionId::new(7), 7),
            user: UserId::new(42),
            username: Username::parse("beetle").unwrap(),
            audience: Audience::V1,
        };
        let ours = signer.sign(&claims).unwrap();
        let payload = ours.split('.').nth(1).unwrap();
        bolero::check!(name = "tokens").with_iterations(256).for_each(|input: &[u8]| {
            let encoded = URL_SAFE_NO_PAD.encode(input);

            let text = String::from_utf8_lossy(input);
            assert_eq!(signer.read(&text, NOW), Err(TokenError::Invalid), "not signed");

            if let [at, byte, ..] = *input {
                let mut changed = ours.clone().into_bytes();
                let at = usize::from(at) * changed.len() / 256;
                changed[at] = byte;
                let changed = String::from_utf8_lossy(&changed);
                assert_eq!(signer.read(&changed, NOW).is_ok(), changed == ours, "{changed}");
            }

            let other_header = signed(&signer, format!("{encoded}.{payload}"));
            if signer.read(&other_header, NOW).is_ok() {
                assert_eq!(from_slice::<Value>(input).unwrap()["alg"], "HS256");
            }

            let other_payload = signed(&signer, format!("{HEADER}.{encoded}"));
            if let Ok(token) = signer.read(&other_payload, NOW) {
                let claims: Value = from_slice(input).unwrap();
                assert!(token.expires_at > NOW && claims["exp"].is_number());
                assert!(token.issued_at.is_none_or(|at| at <= NOW.after(LEEWAY)));
                assert_eq!(token.names_user, claims.get("user_id").is_some());
                assert!(token.user.is_none() || token.names_user);
                assert!(token.id.is_none() || claims["jti"].is_string());
                assert_eq!(token.kind.is_some(), claims.get("token_type").is_some());
            }
        });
    }
}
