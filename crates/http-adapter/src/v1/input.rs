//! From what clients write to values of the domain: every refusal names the field and the rule.

use domain::{
    About, ClientId, DisplayName, Emoji, HistoryRule, InviteCode, LabelError, MessageBody,
    MessageBodyError, MsgNo, Role, SearchQuery, SearchQueryError, Timestamp, Title, Topic, Update,
};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::problem::{FieldError, Problem};
use super::{time, views};

/// Collects what is wrong, so that a client is told all of it at once.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    errors: Vec<FieldError>,
}

impl Checks {
    /// The value, unless it breaks a rule.
    pub(crate) fn take<T>(&mut self, checked: Result<T, FieldError>) -> Option<T> {
        checked.map_err(|error| self.errors.push(error)).ok()
    }

    /// What is to become of something, unless that breaks a rule.
    pub(crate) fn update<T>(
        &mut self,
        update: Update<String>,
        check: impl FnOnce(&str) -> Result<T, FieldError>,
    ) -> Update<T> {
        match update {
            Update::Keep => Update::Keep,
            Update::Set(text) => Update::Set(text.and_then(|text| self.take(check(&text)))),
        }
    }

    /// Notes a broken rule.
    pub(crate) fn refuse(&mut self, error: FieldError) {
        self.errors.push(error);
    }

    /// The values, if nothing was wrong.
    ///
    /// # Errors
    ///
    /// 400, with all that was.
    pub(crate) fn finish<T>(self, values: Option<T>) -> Result<T, Problem> {
        match values {
            Some(values) if self.errors.is_empty() => Ok(values),
            _ => Err(Problem::fields(self.errors)),
        }
    }
}

pub(crate) fn wrong(
    field: &'static str,
    rule: &'static str,
    detail: impl Into<std::borrow::Cow<'static, str>>,
) -> FieldError {
    FieldError { field: field.into(), rule, detail: detail.into() }
}

impl From<FieldError> for Problem {
    fn from(error: FieldError) -> Self {
        Self::fields(vec![error])
    }
}

/// The text of a message: not blank, at most `max_chars`, without U+0000.
pub(crate) fn body(text: &str, max_chars: usize) -> Result<MessageBody, FieldError> {
    const FIELD: &str = "body";
    if text.trim().is_empty() {
        return Err(wrong(FIELD, "blank", "may not be blank"));
    }
    if text.chars().count() > max_chars {
        let detail = format!("holds at most {max_chars} characters");
        return Err(wrong(FIELD, "max_length", detail));
    }
    MessageBody::parse(text).map_err(|error| match error {
        MessageBodyError::Nul => wrong(FIELD, "nul", "may not hold U+0000"),
        MessageBodyError::TooLong => wrong(FIELD, "max_length", error.to_string()),
    })
}

pub(crate) fn client_id(text: &str) -> Result<ClientId, FieldError> {
    let id = views::parse_uuid(text).map(ClientId::new);
    id.ok_or_else(|| wrong("client_id", "uuid", "must be a UUID"))
}

pub(crate) fn msg_no(number: i64) -> Result<MsgNo, FieldError> {
    let is_number = number >= 0;
    let wrong = || wrong("msg_no", "range", "must not be negative");
    is_number.then_some(MsgNo::new(number)).ok_or_else(wrong)
}

pub(crate) fn emoji(text: &str) -> Result<Emoji, FieldError> {
    Emoji::parse(text).map_err(|error| wrong("emoji", "emoji", error.to_string()))
}

pub(crate) fn title(text: &str) -> Result<Title, FieldError> {
    Title::parse(text).map_err(|error| label("title", error))
}

pub(crate) fn topic(text: &str) -> Result<Topic, FieldError> {
    Topic::parse(text).map_err(|error| label("topic", error))
}

pub(crate) fn display_name(text: &str) -> Result<DisplayName, FieldError> {
    DisplayName::parse(text).map_err(|error| label("display_name", error))
}

pub(crate) fn about(text: &str) -> Result<About, FieldError> {
    About::parse(text).map_err(|error| label("about", error))
}

fn label(field: &'static str, error: LabelError) -> FieldError {
    let rule = match error {
        LabelError::Blank => "blank",
        LabelError::Control => "control",
        LabelError::TooLong { .. } => "max_length",
    };
    wrong(field, rule, error.to_string())
}

pub(crate) fn moment(field: &'static str, text: &str) -> Result<Timestamp, FieldError> {
    let detail = "must be a moment such as 2026-11-24T09:15:32Z (RFC 3339)";
    time::parse(text).ok_or_else(|| wrong(field, "date_time", detail))
}

pub(crate) fn search_query(text: &str) -> Result<SearchQuery, FieldError> {
    SearchQuery::parse(text).map_err(|error| {
        let rule = match error {
            SearchQueryError::NoWord => "blank",
            SearchQueryError::TooManyWords => "max_words",
            SearchQueryError::WordTooLong => "max_length",
        };
        wrong("q", rule, error.to_string())
    })
}

/// 404 is for the caller: a code that cannot be is of no invitation.
pub(crate) fn invite_code(text: &str) -> Option<InviteCode> {
    let is_code = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_code.then(|| u128::from_str_radix(text, 16).ok()).flatten().map(InviteCode::new)
}

/// What somebody is in a conversation.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Role, examples("member"))]
pub(crate) enum RoleRequest {
    Owner,
    Admin,
    Member,
    Reader,
}

impl From<RoleRequest> for Role {
    fn from(role: RoleRequest) -> Self {
        match role {
            RoleRequest::Owner => Self::Owner,
            RoleRequest::Admin => Self::Admin,
            RoleRequest::Member => Self::Member,
            RoleRequest::Reader => Self::Reader,
        }
    }
}

/// What those who join may see of what was said before.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = History, examples("since_joined"))]
pub(crate) enum HistoryRequest {
    SinceJoined,
    All,
}

impl From<HistoryRequest> for HistoryRule {
    fn from(rule: HistoryRequest) -> Self {
        match rule {
            HistoryRequest::SinceJoined => Self::SinceJoined,
            HistoryRequest::All => Self::All,
        }
    }
}

/// Tells `null` from nothing: `null` takes something away.
pub(crate) fn given<'de, T, D>(deserializer: D) -> Result<Update<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::<T>::deserialize(deserializer).map(Update::Set)
}
