//! The rules of single fields. Errors are collected, and told all at once.

use domain::UserId;

use super::body::Fields;
use super::failure::{Failure, Text};
use super::input::{Input, trim};

const REQUIRED: &str = "This field is required.";
const NULL: &str = "This field may not be null.";
const BLANK: &str = "This field may not be blank.";
const NUL: &str = "Null characters are not allowed.";

/// The fields of a request under examination.
#[derive(Debug)]
pub(crate) struct Form {
    fields: Fields,
    errors: Vec<(&'static str, Vec<Text>)>,
}

/// Whether a field may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    /// It may not.
    Required,
    /// It may.
    Optional,
}

/// A primary key as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pk {
    /// The key, if it has 64 bits.
    pub(crate) id: Option<UserId>,
    /// As it was sent.
    pub(crate) sent: String,
}

impl Form {
    /// Begins with what was sent.
    pub(crate) fn new(fields: Fields) -> Self {
        Self { fields, errors: Vec::new() }
    }

    /// A text, trimmed, not blank, without U+0000, that passes `check`.
    pub(crate) fn text<T>(
        &mut self,
        name: &'static str,
        presence: Presence,
        check: impl FnOnce(&str) -> Result<T, Vec<Text>>,
    ) -> Option<T> {
        self.text_or(name, presence, "Not a valid string.", check)
    }

    /// Like [`Form::text`], with another error for what is no text.
    pub(crate) fn text_or<T>(
        &mut self,
        name: &'static str,
        presence: Presence,
        wrong_type: &'static str,
        check: impl FnOnce(&str) -> Result<T, Vec<Text>>,
    ) -> Option<T> {
        let raw = match self.take(name, presence)? {
            Input::Text(text) => text,
            Input::Number(number) => number.text,
            Input::Surrogate(unit) => {
                let text = format!("Surrogate characters are not allowed: U+{unit:X}.");
                return self.refuse(name, vec![text.into()]);
            }
            Input::Bool(_) | Input::List | Input::Dict | Input::File | Input::Null => {
                return self.refuse(name, vec![wrong_type.into()]);
            }
        };
        let text = trim(&raw);
        if text.is_empty() {
            return self.refuse(name, vec![BLANK.into()]);
        }
        let has_nul = text.contains('\0');
        match check(text) {
            Ok(value) if !has_nul => Some(value),
            Ok(_) => self.refuse(name, vec![NUL.into()]),
            Err(mut texts) => {
                if has_nul {
                    texts.push(NUL.into());
                }
                self.refuse(name, texts)
            }
        }
    }

    /// The key of an account; whether that exists is the caller's to check.
    pub(crate) fn pk(&mut self, name: &'static str, presence: Presence) -> Option<Pk> {
        let input = self.take(name, presence)?;
        let kind = input.type_name();
        let pk = match input {
            Input::Number(number) => {
                Some(Pk { id: number.truncated().map(UserId::new), sent: number.text })
            }
            Input::Text(text) if text.is_empty() => return self.refuse(name, vec![NULL.into()]),
            Input::Text(text) if is_whole_number(trim(&text)) => {
                Some(Pk { id: trim(&text).parse().ok().map(UserId::new), sent: text })
            }
            Input::Text(_)
            | Input::Surrogate(_)
            | Input::Null
            | Input::Bool(_)
            | Input::List
            | Input::Dict
            | Input::File => None,
        };
        if pk.is_none() {
            let text = format!("Incorrect type. Expected pk value, received {kind}.");
            return self.refuse(name, vec![text.into()]);
        }
        pk
    }

    /// A boolean in one of its spellings; an HTML form leaves out what is not ticked.
    pub(crate) fn boolean(&mut self, name: &'static str) -> Option<bool> {
        let input = self.take(name, Presence::Optional)?;
        let value = match &input {
            Input::Bool(value) => Some(*value),
            Input::Number(number) => match number.text.as_str() {
                "0" | "0.0" | "-0.0" => Some(false),
                "1" | "1.0" => Some(true),
                _ => None,
            },
            Input::Text(text) if text.is_empty() && self.fields.is_form() => return None,
            Input::Text(text) => spelled_boolean(text),
            Input::Null | Input::Surrogate(_) | Input::List | Input::Dict | Input::File => None,
        };
        if value.is_none() {
            return self.refuse(name, vec!["Must be a valid boolean.".into()]);
        }
        value
    }

    /// Notes the errors of a field, in the order in which fields are looked at.
    pub(crate) fn refuse<T>(&mut self, name: &'static str, texts: Vec<Text>) -> Option<T> {
        self.errors.push((name, texts));
        None
    }

    /// Ends the examination, with what came of it: `None` if something was refused.
    ///
    /// # Errors
    ///
    /// Everything that was refused.
    pub(crate) fn finish<T>(self, value: Option<T>) -> Result<T, Failure> {
        value.filter(|_| self.errors.is_empty()).ok_or(Failure::Fields(self.errors))
    }

    /// The value of a field, if there is one to look at.
    fn take(&mut self, name: &'static str, presence: Presence) -> Option<Input> {
        match (self.fields.take(name), presence) {
            (None, Presence::Required) => self.refuse(name, vec![REQUIRED.into()]),
            (None, Presence::Optional) => None,
            (Some(Input::Null), _) => self.refuse(name, vec![NULL.into()]),
            (some, _) => some,
        }
    }
}

fn is_whole_number(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

fn spelled_boolean(text: &str) -> Option<bool> {
    match text {
        "t" | "T" | "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On"
        | "ON" | "1" => Some(true),
        "f" | "F" | "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off"
        | "Off" | "OFF" | "0" => Some(false),
        _ => None,
    }
}

/// An error about a primary key that belongs to nobody.
pub(crate) fn no_such_pk(sent: &str) -> Vec<Text> {
    vec![format!("Invalid pk \"{sent}\" - object does not exist.").into()]
}

#[cfg(test)]
mod tests;
