//! Error responses: RFC 9457, Problem Details for HTTP APIs.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use application::ChatError;
use application::accounts::AuthenticateError;
use application::ports::{BackendError, RetryAfter, with_causes};
use domain::{Refusal, policy};
use serde::Serialize;
use utoipa::ToSchema;

use crate::collect::CollectError;
use crate::path::V1_ROOT;
use crate::websocket::UPGRADE_REQUIRED;

macro_rules! kinds {
    ($($kind:ident = $name:literal, $status:literal, $title:literal;)+) => {
        /// The kinds of problems. Each has a stable name, a status and a title.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
        pub(crate) enum Kind {
            $(#[serde(rename = $name)] $kind,)+
        }

        impl Kind {
            pub(crate) const ALL: &[Self] = &[$(Self::$kind),+];

            /// Its name, status and title.
            pub(crate) fn about(self) -> (&'static str, u16, &'static str) {
                match self {
                    $(Self::$kind => ($name, $status, $title),)+
                }
            }
        }
    };
}

kinds! {
    InvalidRequest = "invalid-request", 400, "The request is invalid.";
    Unauthenticated = "unauthenticated", 401, "A valid access token is required.";
    WrongCredentials = "wrong-credentials", 401, "No active account has these credentials.";
    SpentToken = "spent-token", 401, "The refresh token is not valid.";
    Forbidden = "forbidden", 403, "You do not have permission to do this.";
    Banned = "banned", 403, "You are banned from this conversation.";
    Silenced = "silenced", 403, "You are silenced in this conversation.";
    Blocked = "blocked", 403, "This user blocks you.";
    ReceiptsHidden = "receipts-hidden", 403, "This conversation does not show read receipts.";
    NotFound = "not-found", 404, "The resource does not exist, or you may not see it.";
    MethodNotAllowed = "method-not-allowed", 405, "The resource does not support this method.";
    Timeout = "timeout", 408, "The request took too long to arrive.";
    Taken = "taken", 409, "This name or address is already in use.";
    ClientIdReused = "client-id-reused", 409, "This client_id belongs to another message or group.";
    AlreadyMember = "already-member", 409, "This user is already a member.";
    LastOwner = "last-owner", 409, "A group must keep at least one owner.";
    Full = "full", 409, "The limit for this is reached.";
    Cancelled = "cancelled", 409, "A later frame of yours cancelled this one.";
    Outdated = "outdated", 412, "The message was edited in the meantime.";
    TooLarge = "too-large", 413, "The request body is too large.";
    UnsupportedMediaType = "unsupported-media-type", 415, "The request body must be plain JSON.";
    UpgradeRequired = "upgrade-required", 426, "Ask for an upgrade to WebSocket, version 13.";
    TooManyRequests = "too-many-requests", 429, "Too many requests.";
    Internal = "internal", 500, "The server failed to handle the request.";
    Unavailable = "unavailable", 503, "The server is temporarily unavailable.";
}

impl Kind {
    pub(crate) fn status(self) -> StatusCode {
        StatusCode::from_u16(self.about().1).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The stable address of the kind's description.
    pub(crate) fn uri(self) -> String {
        format!("{V1_ROOT}/problems/{}", self.about().0)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) kind: Kind,
    detail: Option<Cow<'static, str>>,
    errors: Vec<FieldError>,
    retry_after_s: Option<u64>,
}

/// An error in one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(examples(json!({
    "field": "body", "rule": "max_length", "detail": "has at most 4000 characters"
})))]
pub(crate) struct FieldError {
    /// The name of the field; nested names are joined by dots. Of a longer name, the first 64
    /// characters and `…`.
    pub(crate) field: Cow<'static, str>,
    /// The broken rule, for programs.
    pub(crate) rule: &'static str,
    /// The broken rule, for people.
    pub(crate) detail: Cow<'static, str>,
}

impl Problem {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, detail: None, errors: Vec::new(), retry_after_s: None }
    }

    pub(crate) fn with_detail(self, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    /// 400 for one field.
    pub(crate) fn field(
        field: impl Into<Cow<'static, str>>,
        rule: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::fields(vec![FieldError { field: field.into(), rule, detail: detail.into() }])
    }

    /// 400 for several fields.
    pub(crate) fn fields(errors: Vec<FieldError>) -> Self {
        Self::new(Kind::InvalidRequest).with_errors(errors)
    }

    pub(crate) fn with_errors(self, errors: Vec<FieldError>) -> Self {
        Self { errors, ..self }
    }

    /// 500 for something that cannot happen. The reason goes to the log, not to the client.
    pub(crate) fn internal(operation: &'static str, reason: &'static str) -> Self {
        Self::new(Kind::Internal).logged(&BackendError::new(operation, reason))
    }

    fn logged(self, cause: &BackendError) -> Self {
        tracing::error!(error = with_causes(cause), problem = %self, "a backend failed");
        self
    }

    pub(crate) fn unavailable() -> Self {
        Self { retry_after_s: Some(1), ..Self::new(Kind::Unavailable) }
    }

    /// The refusal of a request with a user or a time in this field of its body.
    pub(crate) fn naming(field: &'static str, error: ChatError) -> Self {
        match error {
            ChatError::Refused(Refusal::UnknownUser) => {
                Self::field(field, "unknown", "is not the id of a user")
            }
            ChatError::Refused(Refusal::NotInFuture) => {
                Self::field(field, "future", "must be in the future")
            }
            error => error.into(),
        }
    }

    /// Asserts that this is a short 400, which names fields or else says what is wrong.
    #[cfg(test)]
    pub(crate) fn assert_specific(&self) {
        let json = serde_json::to_value(self.view()).unwrap();
        assert_eq!(json["status"], 400, "{json}");
        assert!(self.detail.is_some() || !self.errors.is_empty(), "{json}");
        assert!(self.errors.iter().all(|error| !error.detail.is_empty()), "{json}");
        assert!(json.to_string().len() < 2_000, "{json}");
    }

    /// Asserts in addition that each named field is one of the object, or is missing in it.
    #[cfg(test)]
    pub(crate) fn assert_about(&self, object: &serde_json::Map<String, serde_json::Value>) {
        self.assert_specific();
        let is_named = |key: &str, field: &str| {
            field == key
                || field.starts_with(&format!("{key}["))
                || field.strip_suffix('…').is_some_and(|beginning| key.starts_with(beginning))
        };
        for FieldError { field, rule, .. } in &self.errors {
            let is_there = object.keys().any(|key| is_named(key, field));
            let is_missing = *rule == "required" && !object.contains_key(&**field);
            assert!(is_there || is_missing, "{self:?}");
        }
    }

    /// The object for responses and socket frames.
    pub(crate) fn view(&self) -> ProblemResponse<'_> {
        let (_, status, title) = self.kind.about();
        ProblemResponse {
            kind: self.kind.uri(),
            title,
            status,
            detail: self.detail.as_deref(),
            retry_after_s: self.retry_after_s,
            errors: &self.errors,
        }
    }
}

/// An error, as RFC 9457 describes it, with `errors` and `retry_after_s` added.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Problem, examples(json!({
    "type": "/api/v1/problems/invalid-request", "title": "The request is invalid.", "status": 400,
    "errors": [{"field": "body", "rule": "max_length", "detail": "has at most 4000 characters"}]
})))]
pub(crate) struct ProblemResponse<'a> {
    /// The kind of the problem: a stable address, which describes it.
    #[serde(rename = "type")]
    kind: String,
    /// The meaning of the kind.
    title: &'static str,
    /// The status of the response.
    status: u16,
    /// More about this occurrence.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    detail: Option<&'a str>,
    /// Seconds to wait before you retry, as in the header `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    retry_after_s: Option<u64>,
    /// All fields with errors.
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    errors: &'a [FieldError],
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.about().0)
    }
}

impl Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.kind.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut builder = HttpResponse::build(self.kind.status());
        builder.insert_header((CONTENT_TYPE, HeaderValue::from_static("application/problem+json")));
        if self.kind.status() == StatusCode::UNAUTHORIZED {
            builder.insert_header((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
        }
        if self.kind.status() == StatusCode::UPGRADE_REQUIRED {
            for header in UPGRADE_REQUIRED {
                builder.insert_header(header);
            }
        }
        if let Some(seconds) = self.retry_after_s {
            builder.insert_header((RETRY_AFTER, seconds));
        }
        builder.body(serde_json::to_vec(&self.view()).unwrap_or_default())
    }
}

impl From<RetryAfter> for Problem {
    fn from(wait: RetryAfter) -> Self {
        let RetryAfter(span) = wait;
        let seconds = span.as_secs().saturating_add(u64::from(span.subsec_nanos() > 0)).max(1);
        Self { retry_after_s: Some(seconds), ..Self::new(Kind::TooManyRequests) }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoAccount => Self::new(Kind::Unauthenticated),
            Refusal::NotFound | Refusal::UnknownUser => Self::new(Kind::NotFound),
            Refusal::UnknownReply => {
                Self::field("reply_to", "unknown", "is not a message that you can reply to")
            }
            Refusal::Forbidden => Self::new(Kind::Forbidden),
            Refusal::Banned => Self::new(Kind::Banned),
            Refusal::Silenced { until } => {
                let until = super::formats::time_text(until);
                Self::new(Kind::Silenced).with_detail(format!("You can write again at {until}."))
            }
            Refusal::Blocked => Self::new(Kind::Blocked),
            Refusal::ClientIdReused => Self::new(Kind::ClientIdReused),
            Refusal::Outdated => Self::new(Kind::Outdated),
            Refusal::AlreadyMember => Self::new(Kind::AlreadyMember),
            Refusal::Full => Self::new(Kind::Full),
            Refusal::LastOwner => Self::new(Kind::LastOwner),
            Refusal::NotInFuture => Self::new(Kind::InvalidRequest),
            Refusal::ReceiptsHidden => {
                let most = policy::SMALL_GROUP;
                Self::new(Kind::ReceiptsHidden).with_detail(format!(
                    "Direct conversations and groups of at most {most} members show them."
                ))
            }
        }
    }
}

impl From<ChatError> for Problem {
    fn from(error: ChatError) -> Self {
        match error {
            ChatError::Refused(refusal) => refusal.into(),
            ChatError::Limited(wait) => wait.into(),
            ChatError::Unavailable(cause) => cause.into(),
            ChatError::Failed(cause) => Self::new(Kind::Internal).logged(&cause),
        }
    }
}

/// 503. The cause goes to the log, not to the client.
impl From<BackendError> for Problem {
    fn from(cause: BackendError) -> Self {
        Self::unavailable().logged(&cause)
    }
}

impl From<AuthenticateError> for Problem {
    fn from(error: AuthenticateError) -> Self {
        match error {
            AuthenticateError::Backend(cause) => cause.into(),
            AuthenticateError::Token(error) => {
                Self::new(Kind::Unauthenticated).with_detail(error.to_string())
            }
            AuthenticateError::NoUser
            | AuthenticateError::UnknownUser
            | AuthenticateError::Inactive => Self::new(Kind::Unauthenticated),
        }
    }
}

impl From<CollectError> for Problem {
    fn from(error: CollectError) -> Self {
        match error {
            CollectError::TooLarge(limit) => {
                Self::new(Kind::TooLarge).with_detail(format!("The limit is {limit} bytes."))
            }
            CollectError::Encoded => Self::new(Kind::UnsupportedMediaType)
                .with_detail("Send the body without a Content-Encoding."),
            CollectError::Broken => {
                Self::new(Kind::InvalidRequest).with_detail("The body is incomplete.")
            }
            CollectError::TimedOut => Self::new(Kind::Timeout),
            CollectError::Overloaded => Self::unavailable(),
        }
    }
}
