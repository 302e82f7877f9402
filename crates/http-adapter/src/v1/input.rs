//! Converts input to domain values. Every error names the field and the rule.

use std::borrow::Cow;

use domain::{
    Emoji, EmojiError, LabelError, MessageBody, MessageBodyError, SearchQuery, SearchQueryError,
    Timestamp, Update, text,
};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::formats::{parse_integer, parse_time, parse_uuid};
use super::problem::{FieldError, Problem};

/// Collects the errors of all fields, so that the client gets them in one response.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    errors: Vec<FieldError>,
}

impl Checks {
    /// Returns the value, or records its error.
    pub(crate) fn take<T>(&mut self, checked: Result<T, FieldError>) -> Option<T> {
        checked.map_err(|error| self.errors.push(error)).ok()
    }

    /// Like [`Self::take`], for a value that can break several rules.
    pub(crate) fn take_all<T, E>(
        &mut self,
        checked: Result<T, Vec<E>>,
        describe: impl Fn(E) -> FieldError,
    ) -> Option<T> {
        checked.map_err(|errors| self.errors.extend(errors.into_iter().map(describe))).ok()
    }

    pub(crate) fn label<T>(
        &mut self,
        field: &'static str,
        text: Option<&str>,
        parse: impl FnOnce(&str) -> Result<T, LabelError>,
    ) -> Option<T> {
        let parsed = parse(text?).map_err(|error| {
            let rule = match error {
                LabelError::Blank => "blank",
                LabelError::Control => "control",
                LabelError::Direction => "direction",
                LabelError::TooLong { .. } => "max_length",
            };
            wrong(field, rule, error.to_string())
        });
        self.take(parsed)
    }

    pub(crate) fn update_label<T>(
        &mut self,
        field: &'static str,
        update: &Update<String>,
        parse: impl FnOnce(&str) -> Result<T, LabelError>,
    ) -> Update<T> {
        match update {
            Update::Keep => Update::Keep,
            Update::Set(text) => Update::Set(self.label(field, text.as_deref(), parse)),
        }
    }

    /// Returns the values, or 400 with all errors.
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
    detail: impl Into<Cow<'static, str>>,
) -> FieldError {
    FieldError { field: field.into(), rule, detail: detail.into() }
}

impl From<FieldError> for Problem {
    fn from(error: FieldError) -> Self {
        Self::fields(vec![error])
    }
}

/// Parses the text of a message: it shows something, and has at most `max_chars` characters, without U+0000.
pub(crate) fn body(text: &str, max_chars: usize) -> Result<MessageBody, FieldError> {
    const FIELD: &str = "body";
    if text::is_blank(text) {
        return Err(wrong(FIELD, "blank", "must not be blank"));
    }
    if text.chars().count() > max_chars {
        let detail = format!("has at most {max_chars} characters");
        return Err(wrong(FIELD, "max_length", detail));
    }
    MessageBody::parse(text).map_err(|error| match error {
        MessageBodyError::Nul => wrong(FIELD, "nul", "must not contain U+0000"),
        MessageBodyError::TooLong => wrong(FIELD, "max_length", error.to_string()),
    })
}

pub(crate) fn uuid(field: &'static str, text: &str) -> Result<u128, FieldError> {
    parse_uuid(text).ok_or_else(|| wrong(field, "uuid", "must be a UUID"))
}

/// Parses an integer in a query.
pub(crate) fn integer(field: &'static str, text: &str) -> Result<i64, FieldError> {
    parse_integer(text).ok_or_else(|| wrong(field, "type", "must be an integer"))
}

pub(crate) fn not_negative(field: &'static str, number: i64) -> Result<i64, FieldError> {
    let negative = || wrong(field, "range", "must not be negative");
    (number >= 0).then_some(number).ok_or_else(negative)
}

/// Parses a reaction. Every stored one can be removed, whatever rule accepted it.
pub(crate) fn emoji(text: &str, present: bool) -> Result<Emoji, FieldError> {
    match Emoji::parse(text) {
        Ok(emoji) => Ok(emoji),
        Err(EmojiError::NotAnEmoji) if !present => Ok(Emoji::accepted(text)),
        Err(error) => Err(wrong("emoji", "emoji", error.to_string())),
    }
}

pub(crate) fn moment(field: &'static str, text: &str) -> Result<Timestamp, FieldError> {
    let detail = "must be a time such as 2026-11-24T09:15:32Z (RFC 3339)";
    parse_time(text).ok_or_else(|| wrong(field, "date_time", detail))
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

/// The form in requests and responses of an enum of the domain. Its names are tokens, because utoipa
/// ignores a literal that comes out of a macro.
macro_rules! named {
    ($(#[$about:meta])* $name:ident { $($variant:ident = $text:tt),+ }) => {
        #[derive(Debug, Clone, Copy, Serialize, ToSchema)]
        $(#[$about])*
        pub(crate) enum $name {
            $(#[serde(rename = $text)] $variant),+
        }

        impl<'de> Deserialize<'de> for $name {
            /// A derived implementation would also accept an object with the name of a variant, and
            /// quote any text in its error.
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                match String::deserialize(deserializer)?.as_str() {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(D::Error::unknown_variant("", &[$($text),+])),
                }
            }
        }

        impl From<$name> for domain::$name {
            fn from(value: $name) -> Self {
                match value {
                    $($name::$variant => Self::$variant),+
                }
            }
        }

        impl From<domain::$name> for $name {
            fn from(value: domain::$name) -> Self {
                match value {
                    $(domain::$name::$variant => Self::$variant),+
                }
            }
        }
    };
}

named! {
    /// What a member may do in a conversation.
    #[schema(examples("member"))]
    Role { Owner = "owner", Admin = "admin", Member = "member", Reader = "reader" }
}

named! {
    /// The messages that new members see: all, or those since they joined.
    #[schema(examples("since_joined"))]
    HistoryRule { SinceJoined = "since_joined", All = "all" }
}

named! {
    /// Whether a user is a member now.
    #[schema(examples("active"))]
    MemberStatus { Active = "active", Invited = "invited", Left = "left", Banned = "banned" }
}

named! {
    /// Whose additions to a group make you a member at once: everyone's, nobody's, or those of
    /// users who share a group with you or to whom you have written directly. Others' are
    /// invitations.
    #[schema(examples("everyone"))]
    AddedBy { Everyone = "everyone", Acquaintances = "acquaintances", Nobody = "nobody" }
}

/// Distinguishes `null`, which removes a value, from a field that is left out.
pub(crate) fn given<'de, T, D>(deserializer: D) -> Result<Update<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::<T>::deserialize(deserializer).map(Update::Set)
}
