//! Tokens: JWT (RFC 7519), HS256.

mod claims;
mod hs256;

use std::fmt;

use application::ports::{BackendError, Claims, PresentedToken, TokenError, TokenSigner};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Validation};
use serde_json::{Map, Value};

use claims::Payload;

/// `{"alg":"HS256","typ":"JWT"}`, as the reference writes it.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// What tokens are signed with. Never printed.
#[derive(Clone)]
pub struct SigningKey {
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl SigningKey {
    /// A key of these bytes.
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

/// Signs and reads tokens with one key.
#[derive(Debug, Clone)]
pub struct JwtSigner {
    key: SigningKey,
    signature_only: Validation,
}

impl JwtSigner {
    /// A signer with this key.
    #[must_use]
    pub fn new(key: SigningKey) -> Self {
        hs256::install();
        let mut signature_only = Validation::new(Algorithm::HS256);
        signature_only.required_spec_claims.clear();
        signature_only.validate_aud = false;
        // By a clock of its own; ours is the caller's.
        signature_only.validate_exp = false;
        signature_only.validate_nbf = false;
        Self { key, signature_only }
    }
}

impl TokenSigner for JwtSigner {
    fn sign(&self, claims: &Claims) -> Result<String, BackendError> {
        let failed = |error| BackendError::new("sign a token", error);
        let payload =
            serde_json::to_vec(&Payload::of(claims)).map_err(|error| failed(error.into()))?;
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
        // Whatever is wrong with it, its holder cannot make it better.
        .map_err(|_| TokenError::Invalid)?;
        claims::read(&token.claims, now)
    }
}
