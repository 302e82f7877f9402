//! What a token says.

use std::time::Duration;

use application::ports::{Claims, PresentedToken, TokenError, TokenKind};
use domain::{Timestamp, TokenId, UserId};
use serde::Serialize;
use serde_json::{Map, Value};

/// How far the clocks of nodes may be apart.
const LEEWAY: Duration = Duration::from_secs(5);

/// The year 10000 begins: calendars fail, and no clock means it.
const END_OF_TIME: f64 = 253_402_300_800.0;

/// The claims as they are signed, in the order of the reference.
#[derive(Serialize)]
pub(super) struct Payload<'a> {
    token_type: &'static str,
    exp: i64,
    iat: i64,
    jti: &'a str,
    user_id: i64,
    username: &'a str,
}

impl<'a> Payload<'a> {
    pub(super) fn of(claims: &'a Claims) -> Self {
        Self {
            token_type: match claims.kind {
                TokenKind::Access => "access",
                TokenKind::Refresh => "refresh",
            },
            exp: claims.expires_at.seconds(),
            iat: claims.issued_at.seconds(),
            jti: claims.id.as_str(),
            user_id: claims.user.get(),
            username: claims.username.as_str(),
        }
    }
}

/// Checks the times of a token that is signed well; its other claims may be nonsense.
pub(super) fn read(
    claims: &Map<String, Value>,
    now: Timestamp,
) -> Result<PresentedToken, TokenError> {
    let expires_at = moment(claims.get("exp").ok_or(TokenError::NoExpiry)?)?;
    let not_before = claims.get("nbf").map(moment).transpose()?;
    let issued_at = claims.get("iat").map(moment).transpose()?;
    let has_begun = [not_before, issued_at].into_iter().flatten().all(|at| at <= now.after(LEEWAY));
    if !has_begun || now >= expires_at {
        return Err(TokenError::Invalid);
    }
    Ok(PresentedToken {
        kind: claims.get("token_type").map(kind),
        expires_at: rounded_up(expires_at),
        issued_at: issued_at.map(|at| Timestamp::from_seconds(at.seconds())),
        id: claims.get("jti").and_then(Value::as_str).and_then(TokenId::parse),
        names_user: claims.contains_key("user_id"),
        user: claims.get("user_id").and_then(user),
    })
}

/// A number of seconds, which may have a fraction.
fn moment(claim: &Value) -> Result<Timestamp, TokenError> {
    let seconds = claim.as_f64().filter(|seconds| seconds.abs() < END_OF_TIME);
    let micros = seconds.ok_or(TokenError::Invalid)? * 1e6;
    #[expect(clippy::cast_possible_truncation, reason = "below 2^58, and no fraction of interest")]
    Ok(Timestamp::from_micros(micros.round() as i64))
}

fn rounded_up(at: Timestamp) -> Timestamp {
    let whole = Timestamp::from_seconds(at.seconds());
    if whole == at { at } else { whole.after(Duration::from_secs(1)) }
}

/// Anything but a text is a type, if none that we know.
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
