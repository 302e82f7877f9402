//! Error responses: their status and their JSON.

use std::borrow::Cow;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ContentType, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use application::ChatError;
use application::accounts::AuthenticateError;
use application::ports::{BackendError, RetryAfter, TokenError, with_causes};
use domain::Refusal;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::json_text;
use crate::collect::CollectError;

/// The `Retry-After` of a 503.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("1");

#[derive(Debug)]
pub(crate) enum Failure {
    /// 400: a list of texts for each field.
    Fields(Vec<(&'static str, Vec<Text>)>),
    Detail {
        status: StatusCode,
        detail: Text,
        /// The machine-readable error code.
        code: Option<&'static str>,
    },
    /// 401: the bearer token is invalid.
    AccessToken(TokenError),
    /// 429.
    Limited(RetryAfter),
}

pub(crate) type Text = Cow<'static, str>;

impl Failure {
    pub(crate) fn detail(status: StatusCode, detail: impl Into<Text>) -> Self {
        Self::Detail { status, detail: detail.into(), code: None }
    }

    pub(crate) fn unauthorized(detail: &'static str, code: &'static str) -> Self {
        Self::Detail { status: StatusCode::UNAUTHORIZED, detail: detail.into(), code: Some(code) }
    }

    /// 401 for a token in a body.
    pub(crate) fn token(error: TokenError) -> Self {
        Self::Detail {
            status: StatusCode::UNAUTHORIZED,
            detail: error.to_string().into(),
            code: Some("token_not_valid"),
        }
    }

    /// 400 about the body as a whole.
    pub(crate) fn non_field(text: impl Into<Text>) -> Self {
        Self::Fields(vec![("non_field_errors", vec![text.into()])])
    }

    /// 401 without a token.
    pub(crate) fn no_token() -> Self {
        let detail = "Authentication credentials were not provided.";
        Self::detail(StatusCode::UNAUTHORIZED, detail)
    }

    pub(crate) fn not_found() -> Self {
        Self::detail(StatusCode::NOT_FOUND, "Not found.")
    }

    pub(crate) fn forbidden() -> Self {
        let detail = "You do not have permission to perform this action.";
        Self::detail(StatusCode::FORBIDDEN, detail)
    }

    fn refused(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound | Refusal::UnknownUser | Refusal::UnknownReply => Self::not_found(),
            Refusal::NoAccount => Self::unauthorized("User is inactive", "user_inactive"),
            Refusal::ClientIdReused => Self::detail(
                StatusCode::CONFLICT,
                "This message was sent before, with another text.",
            ),
            Refusal::Forbidden
            | Refusal::Banned
            | Refusal::Silenced { .. }
            | Refusal::Blocked
            | Refusal::Outdated
            | Refusal::AlreadyMember
            | Refusal::Full
            | Refusal::LastOwner
            | Refusal::NotInFuture
            | Refusal::ReceiptsHidden => Self::forbidden(),
        }
    }

    fn logged(self, cause: &BackendError) -> Self {
        tracing::error!(
            error = with_causes(cause),
            http.status = self.status().as_u16(),
            "a backend failed"
        );
        self
    }

    pub(crate) fn unavailable() -> Self {
        let detail = "Service temporarily unavailable, try again later.";
        Self::detail(StatusCode::SERVICE_UNAVAILABLE, detail)
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Fields(_) => StatusCode::BAD_REQUEST,
            Self::Detail { status, .. } => *status,
            Self::AccessToken(_) => StatusCode::UNAUTHORIZED,
            Self::Limited(_) => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    pub(crate) fn response(&self) -> HttpResponse {
        let mut builder = HttpResponse::build(self.status());
        if self.status() == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"api\"");
            builder.insert_header((WWW_AUTHENTICATE, challenge));
        }
        if self.status() == StatusCode::SERVICE_UNAVAILABLE {
            builder.insert_header((RETRY_AFTER, RETRY_SECONDS));
        }
        if let Self::Limited(wait) = self {
            builder.insert_header((RETRY_AFTER, whole_seconds(*wait)));
        }
        builder.insert_header(ContentType::json()).body(json_text::to_vec(self))
    }

    #[cfg(test)]
    pub(crate) fn json(&self) -> String {
        String::from_utf8(json_text::to_vec(self)).unwrap_or_default()
    }
}

pub(crate) fn too_many(wait: RetryAfter) -> Text {
    let (count, unit) = match whole_seconds(wait) {
        seconds @ ..120 => (seconds, "second"),
        seconds => (seconds.div_ceil(60), "minute"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("Too many attempts. Try again in {count} {unit}{plural}.").into()
}

/// Rounds up, to at least one second.
fn whole_seconds(RetryAfter(wait): RetryAfter) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
}

impl Serialize for Failure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(None)?;
        match self {
            Self::Fields(fields) => {
                for (name, texts) in fields {
                    object.serialize_entry(name, texts)?;
                }
            }
            Self::Detail { detail, code, .. } => {
                object.serialize_entry("detail", detail)?;
                if let Some(code) = code {
                    object.serialize_entry("code", code)?;
                }
            }
            Self::AccessToken(error) => {
                object.serialize_entry("detail", "Given token not valid for any token type")?;
                object.serialize_entry("code", "token_not_valid")?;
                object.serialize_entry("messages", &[TokenMessage { error: *error }])?;
            }
            Self::Limited(wait) => object.serialize_entry("detail", &too_many(*wait))?,
        }
        object.end()
    }
}

struct TokenMessage {
    error: TokenError,
}

impl Serialize for TokenMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(3))?;
        object.serialize_entry("token_class", "AccessToken")?;
        object.serialize_entry("token_type", "access")?;
        object.serialize_entry("message", &self.error.to_string())?;
        object.end()
    }
}

impl From<CollectError> for Failure {
    fn from(error: CollectError) -> Self {
        match error {
            CollectError::TooLarge(limit) => Self::detail(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("Request body too large. At most {limit} bytes are accepted."),
            ),
            CollectError::Encoded => Self::detail(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Unsupported content encoding in request.",
            ),
            CollectError::Broken => Self::detail(
                StatusCode::BAD_REQUEST,
                "The request body ended too early or is malformed.",
            ),
            CollectError::TimedOut => {
                Self::detail(StatusCode::REQUEST_TIMEOUT, "The request body took too long.")
            }
            CollectError::Overloaded => Self::unavailable(),
        }
    }
}

impl From<AuthenticateError> for Failure {
    fn from(error: AuthenticateError) -> Self {
        match error {
            AuthenticateError::Token(error) => Self::AccessToken(error),
            AuthenticateError::NoUser => Self::unauthorized(
                "Token contained no recognizable user identification",
                "token_not_valid",
            ),
            AuthenticateError::UnknownUser => {
                Self::unauthorized("User not found", "user_not_found")
            }
            AuthenticateError::Inactive => Self::unauthorized("User is inactive", "user_inactive"),
            AuthenticateError::Backend(cause) => cause.into(),
        }
    }
}

impl From<ChatError> for Failure {
    fn from(error: ChatError) -> Self {
        match error {
            ChatError::Refused(refusal) => Self::refused(refusal),
            ChatError::Limited(wait) => Self::Limited(wait),
            ChatError::Unavailable(cause) => cause.into(),
            ChatError::Failed(cause) => {
                Self::detail(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error.")
                    .logged(&cause)
            }
        }
    }
}

/// 503. The cause goes to the log, not to the client.
impl From<BackendError> for Failure {
    fn from(cause: BackendError) -> Self {
        Self::unavailable().logged(&cause)
    }
}
