//! Every answer of v1 that is no success: RFC 9457, Problem Details for HTTP APIs.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use application::ChatError;
use application::accounts::AuthenticateError;
use application::ports::RetryAfter;
use domain::{Refusal, policy};
use serde::Serialize;
use utoipa::ToSchema;

use crate::collect::CollectError;

/// The kinds of problems: each with a stable name, a status, and a title.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    InvalidRequest,
    Unauthenticated,
    WrongCredentials,
    SpentToken,
    Forbidden,
    Banned,
    Silenced,
    Blocked,
    ReceiptsHidden,
    NotFound,
    MethodNotAllowed,
    Timeout,
    Taken,
    ClientIdReused,
    AlreadyMember,
    LastOwner,
    Full,
    Outdated,
    TooLarge,
    UnsupportedMediaType,
    TooManyRequests,
    Internal,
    Unavailable,
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Self; 23] = [
        Self::InvalidRequest,
        Self::Unauthenticated,
        Self::WrongCredentials,
        Self::SpentToken,
        Self::Forbidden,
        Self::Banned,
        Self::Silenced,
        Self::Blocked,
        Self::ReceiptsHidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Timeout,
        Self::Taken,
        Self::ClientIdReused,
        Self::AlreadyMember,
        Self::LastOwner,
        Self::Full,
        Self::Outdated,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::TooManyRequests,
        Self::Internal,
        Self::Unavailable,
    ];

    /// Its name, status and title.
    pub(crate) fn about(self) -> (&'static str, u16, &'static str) {
        match self {
            Self::InvalidRequest => ("invalid-request", 400, "The request breaks a rule."),
            Self::Unauthenticated => ("unauthenticated", 401, "A valid access token is needed."),
            Self::WrongCredentials => {
                ("wrong-credentials", 401, "No active account has these credentials.")
            }
            Self::SpentToken => ("spent-token", 401, "The refresh token is worth nothing."),
            Self::Forbidden => ("forbidden", 403, "You may not do this."),
            Self::Banned => ("banned", 403, "You were shut out of this conversation."),
            Self::Silenced => ("silenced", 403, "You may only read here for a time."),
            Self::Blocked => ("blocked", 403, "They do not want to hear from you."),
            Self::ReceiptsHidden => {
                ("markers-hidden", 403, "Who has read how far is not shown here.")
            }
            Self::NotFound => ("not-found", 404, "There is no such thing, or you may not see it."),
            Self::MethodNotAllowed => ("method-not-allowed", 405, "This cannot be done with it."),
            Self::Timeout => ("timeout", 408, "The request took too long to arrive."),
            Self::Taken => ("taken", 409, "Somebody has this already."),
            Self::ClientIdReused => {
                ("client-id-reused", 409, "This client id was used for another text.")
            }
            Self::AlreadyMember => ("already-member", 409, "They take part already."),
            Self::LastOwner => ("last-owner", 409, "A group keeps at least one owner."),
            Self::Full => ("full", 409, "There is no room for more of this."),
            Self::Outdated => ("outdated", 412, "The message was edited meanwhile."),
            Self::TooLarge => ("too-large", 413, "The request body is too large."),
            Self::UnsupportedMediaType => {
                ("unsupported-media-type", 415, "The request body has to be JSON.")
            }
            Self::TooManyRequests => ("too-many-requests", 429, "Too much, too fast."),
            Self::Internal => ("internal", 500, "Something went wrong here."),
            Self::Unavailable => ("unavailable", 503, "Try again in a moment."),
        }
    }

    pub(crate) fn status(self) -> StatusCode {
        StatusCode::from_u16(self.about().1).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The stable address of its description.
    pub(crate) fn uri(self) -> String {
        format!("/api/v1/problems/{}", self.about().0)
    }
}

/// A problem, as the client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) kind: Kind,
    detail: Option<Cow<'static, str>>,
    errors: Vec<FieldError>,
    retry_after: Option<u64>,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(examples(json!({
    "field": "body", "rule": "max_length", "detail": "holds at most 4000 characters"
})))]
pub(crate) struct FieldError {
    /// Its name; of one within another, with dots.
    pub(crate) field: Cow<'static, str>,
    /// The rule it breaks, for machines.
    pub(crate) rule: &'static str,
    /// The rule it breaks, for people.
    pub(crate) detail: Cow<'static, str>,
}

impl Problem {
    /// Of a kind that says it all.
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, detail: None, errors: Vec::new(), retry_after: None }
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

    /// 400 for some fields.
    pub(crate) fn fields(errors: Vec<FieldError>) -> Self {
        Self { errors, ..Self::new(Kind::InvalidRequest) }
    }

    /// With some fields at fault.
    pub(crate) fn with_errors(self, errors: Vec<FieldError>) -> Self {
        Self { errors, ..self }
    }

    /// 503, with its cause in the log.
    pub(crate) fn backend(cause: &(dyn Error + 'static)) -> Self {
        tracing::error!(error = cause, "a request was answered with 503");
        Self { retry_after: Some(1), ..Self::new(Kind::Unavailable) }
    }

    /// The object that is told, on whichever face.
    pub(crate) fn view(&self) -> ProblemResponse<'_> {
        let (_, status, title) = self.kind.about();
        ProblemResponse {
            kind: self.kind.uri(),
            title,
            status,
            detail: self.detail.as_deref(),
            retry_after_s: self.retry_after,
            errors: &self.errors,
        }
    }
}

/// RFC 9457's object, with `errors` and `retry_after_s` beside its own members.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(examples(json!({
    "type": "/api/v1/problems/invalid-request", "title": "The request breaks a rule.", "status": 400,
    "errors": [{"field": "body", "rule": "max_length", "detail": "holds at most 4000 characters"}]
})))]
pub(crate) struct ProblemResponse<'a> {
    /// Its kind: stable, and described at this address.
    #[serde(rename = "type")]
    kind: String,
    /// What the kind means.
    title: &'static str,
    /// As in the answer.
    status: u16,
    /// What it means this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    detail: Option<&'a str>,
    /// As in the header `Retry-After`, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    retry_after_s: Option<u64>,
    /// Every field at fault.
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    errors: &'a [FieldError],
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.about().0)
    }
}

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
        if let Some(seconds) = self.retry_after {
            builder.insert_header((RETRY_AFTER, seconds));
        }
        builder.body(serde_json::to_vec(&self.view()).unwrap_or_default())
    }
}

impl From<RetryAfter> for Problem {
    fn from(wait: RetryAfter) -> Self {
        let RetryAfter(span) = wait;
        let seconds = span.as_secs().saturating_add(u64::from(span.subsec_nanos() > 0)).max(1);
        Self { retry_after: Some(seconds), ..Self::new(Kind::TooManyRequests) }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal {
            Refusal::NoAccount => Kind::Unauthenticated,
            Refusal::NotFound | Refusal::UnknownUser => Kind::NotFound,
            Refusal::UnknownReply => {
                return Self::field("reply_to", "unknown", "is no message that one may see here");
            }
            Refusal::Forbidden => Kind::Forbidden,
            Refusal::Banned => Kind::Banned,
            Refusal::Silenced { .. } => Kind::Silenced,
            Refusal::Blocked => Kind::Blocked,
            Refusal::ClientIdReused => Kind::ClientIdReused,
            Refusal::Outdated => Kind::Outdated,
            Refusal::AlreadyMember => Kind::AlreadyMember,
            Refusal::Full => Kind::Full,
            Refusal::LastOwner => Kind::LastOwner,
            Refusal::ReceiptsHidden => Kind::ReceiptsHidden,
        };
        let problem = Self::new(kind);
        match refusal {
            Refusal::Silenced { until } => {
                problem.with_detail(format!("You may write again at {}.", super::time::text(until)))
            }
            Refusal::ReceiptsHidden => {
                let most = policy::SMALL_GROUP;
                problem.with_detail(format!(
                    "It is shown between two people, and in groups of at most {most} members."
                ))
            }
            _ => problem,
        }
    }
}

impl Problem {
    /// Of a request that names somebody in this field of its body.
    pub(crate) fn naming(field: &'static str, error: ChatError) -> Self {
        match error {
            ChatError::Refused(Refusal::UnknownUser) => {
                Self::field(field, "unknown", "there is no such user")
            }
            error => error.into(),
        }
    }
}

impl From<ChatError> for Problem {
    fn from(error: ChatError) -> Self {
        match error {
            ChatError::Refused(refusal) => refusal.into(),
            ChatError::Limited(wait) => wait.into(),
            ChatError::Unavailable => Self { retry_after: Some(1), ..Self::new(Kind::Unavailable) },
            ChatError::Failed => Self::new(Kind::Internal),
        }
    }
}

impl From<AuthenticateError> for Problem {
    fn from(error: AuthenticateError) -> Self {
        match error {
            AuthenticateError::Backend(error) => Self::backend(&error),
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
                Self::new(Kind::TooLarge).with_detail(format!("At most {limit} bytes are taken."))
            }
            CollectError::Broken => {
                Self::new(Kind::InvalidRequest).with_detail("The body ended too early.")
            }
            CollectError::TimedOut => Self::new(Kind::Timeout),
            CollectError::Overloaded => {
                Self { retry_after: Some(1), ..Self::new(Kind::Unavailable) }
            }
        }
    }
}
