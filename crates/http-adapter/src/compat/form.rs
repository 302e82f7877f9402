//! The rules of fields. Collects all errors, so that the client gets them in one response.

use domain::UserId;
use domain::text::trim;

use super::body::Fields;
use super::failure::{Failure, Text};
use super::input::Input;

const REQUIRED: &str = "This field is required.";
const NULL: &str = "This field may not be null.";
const BLANK: &str = "This field may not be blank.";
const NUL: &str = "Null characters are not allowed.";

#[derive(Debug)]
pub(crate) struct Form {
    fields: Fields,
    errors: Vec<(&'static str, Vec<Text>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    Optional,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pk {
    /// `None` if it does not fit in 64 bits.
    pub(crate) id: Option<UserId>,
    pub(crate) sent: String,
}

impl Form {
    pub(crate) fn new(fields: Fields) -> Self {
        Self { fields, errors: Vec::new() }
    }

    /// Takes a text: trimmed, not blank, without U+0000, and accepted by `check`.
    pub(crate) fn text<T>(
        &mut self,
        name: &'static str,
        presence: Presence,
        check: impl FnOnce(&str) -> Result<T, Vec<Text>>,
    ) -> Option<T> {
        self.text_or(name, presence, "Not a valid string.", check)
    }

    /// Like [`Form::text`], with another error for values of a wrong type.
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

    /// Takes the key of an account. The caller must check that the account exists.
    pub(crate) fn pk(&mut self, name: &'static str, presence: Presence) -> Option<Pk> {
        match self.take(name, presence)? {
            Input::Number(number) => {
                Some(Pk { id: number.truncated().map(UserId::new), sent: number.text })
            }
            Input::Text(text) if text.is_empty() => self.refuse(name, vec![NULL.into()]),
            Input::Text(text) if is_whole_number(trim(&text)) => {
                Some(Pk { id: trim(&text).parse().ok().map(UserId::new), sent: text })
            }
            other => {
                let kind = other.type_name();
                let text = format!("Incorrect type. Expected pk value, received {kind}.");
                self.refuse(name, vec![text.into()])
            }
        }
    }

    /// Takes a boolean in one of its spellings. An unticked box of a form is also `None`.
    pub(crate) fn boolean(&mut self, name: &'static str) -> Option<bool> {
        let input = self.take(name, Presence::Optional)?;
        let value = match &input {
            Input::Bool(value) => Some(*value),
            Input::Number(number) => match number.text.as_str() {
                "0" | "0.0" | "-0.0" => Some(false),
                "1" | "1.0" => Some(true),
                _ => None,
            },
            Input::Text(text) if text.is_empty() && self.fields.is_form => return None,
            Input::Text(text) => spelled_boolean(text),
            Input::Null | Input::Surrogate(_) | Input::List | Input::Dict | Input::File => None,
        };
        if value.is_none() {
            return self.refuse(name, vec!["Must be a valid boolean.".into()]);
        }
        value
    }

    /// Records the errors of a field. Responses list fields in the order of these calls.
    pub(crate) fn refuse<T>(&mut self, name: &'static str, texts: Vec<Text>) -> Option<T> {
        self.errors.push((name, texts));
        None
    }

    /// Returns the value, or all errors.
    pub(crate) fn finish<T>(self, value: Option<T>) -> Result<T, Failure> {
        value.filter(|_| self.errors.is_empty()).ok_or(Failure::Fields(self.errors))
    }

    /// Takes the value of a field, if it is present and not `null`.
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

pub(crate) fn no_such_pk(sent: &str) -> Vec<Text> {
    vec![format!("Invalid pk \"{sent}\" - object does not exist.").into()]
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
    use domain::UserId;
    use domain::text::trim;
    use futures_util::FutureExt as _;
    use serde_json::{Map, Value};

    use super::{Form, Pk, Presence};
    use crate::compat::body::{Fields, decode};
    use crate::compat::failure::Failure;

    fn form(json: &str) -> Form {
        let known = &["a"];
        let fields = Fields::from_json(json.as_bytes(), known).unwrap();
        Form::new(fields)
    }

    fn finished<T>(form: Form, value: Option<T>) -> Result<T, String> {
        form.finish(value).map_err(|failure: Failure| failure.json())
    }

    #[test]
    fn texts_are_trimmed_and_must_not_be_blank() {
        struct Case {
            json: &'static str,
            want: Result<&'static str, &'static str>,
        }
        let cases = [
            Case { json: r#"{"a":" x "}"#, want: Ok("x") },
            Case { json: r#"{"a":12}"#, want: Ok("12") },
            Case { json: r#"{"a":1.5}"#, want: Ok("1.5") },
            Case { json: "{}", want: Err("This field is required.") },
            Case { json: r#"{"a":null}"#, want: Err("This field may not be null.") },
            Case { json: r#"{"a":true}"#, want: Err("Not a valid string.") },
            Case { json: r#"{"a":[]}"#, want: Err("Not a valid string.") },
            Case { json: r#"{"a":{}}"#, want: Err("Not a valid string.") },
            Case { json: r#"{"a":""}"#, want: Err("This field may not be blank.") },
            Case {
                json: "{\"a\":\" \\u001f\u{3000}\"}",
                want: Err("This field may not be blank."),
            },
            Case { json: r#"{"a":"x\u0000"}"#, want: Err("Null characters are not allowed.") },
            Case {
                json: r#"{"a":"x\ud800"}"#,
                want: Err("Surrogate characters are not allowed: U+D800."),
            },
        ];

        for Case { json, want } in cases {
            let mut form = form(json);
            let value = form.text("a", Presence::Required, |text| Ok(text.to_owned()));
            let want = want.map(str::to_owned).map_err(|text| format!(r#"{{"a":["{text}"]}}"#));
            assert_eq!(finished(form, value), want, "{json}");
        }
    }

    #[test]
    fn null_characters_are_reported_after_other_errors() {
        let mut form = form(r#"{"a":"x\u0000"}"#);

        let value = form.text("a", Presence::Required, |_| Err::<(), _>(vec!["Too short.".into()]));

        let want = r#"{"a":["Too short.","Null characters are not allowed."]}"#;
        assert_eq!(finished(form, value), Err(want.to_owned()));
    }

    #[test]
    fn optional_texts_can_be_absent_but_not_blank() {
        let mut absent = form("{}");
        let value = absent.text("a", Presence::Optional, |text| Ok(text.to_owned()));
        assert_eq!(value, None);
        assert_eq!(finished(absent, Some(())), Ok(()));

        let mut blank = form(r#"{"a":" "}"#);
        blank.text("a", Presence::Optional, |text| Ok(text.to_owned()));
        assert!(finished(blank, Some(())).is_err());
    }

    #[test]
    fn primary_keys_are_numbers_or_numeric_texts() {
        struct Case {
            value: &'static str,
            want: Result<(Option<i64>, &'static str), &'static str>,
        }
        let cases = [
            Case { value: "7", want: Ok((Some(7), "7")) },
            Case { value: r#"" +07 ""#, want: Ok((Some(7), " +07 ")) },
            Case { value: "7.9", want: Ok((Some(7), "7.9")) },
            Case { value: "99999999999999999999", want: Ok((None, "99999999999999999999")) },
            Case { value: "1e400", want: Ok((None, "inf")) },
            Case { value: "null", want: Err("This field may not be null.") },
            Case { value: r#""""#, want: Err("This field may not be null.") },
            Case {
                value: r#""abc""#,
                want: Err("Incorrect type. Expected pk value, received str."),
            },
            Case { value: "true", want: Err("Incorrect type. Expected pk value, received bool.") },
            Case { value: "[]", want: Err("Incorrect type. Expected pk value, received list.") },
            Case { value: "{}", want: Err("Incorrect type. Expected pk value, received dict.") },
        ];

        for Case { value, want } in cases {
            let mut form = form(&format!(r#"{{"a":{value}}}"#));
            let pk = form.pk("a", Presence::Required).map(|pk| (pk.id.map(UserId::get), pk.sent));
            let want = want
                .map(|(id, sent)| (id, sent.to_owned()))
                .map_err(|text| format!(r#"{{"a":["{text}"]}}"#));
            assert_eq!(finished(form, pk), want, "{value}");
        }
    }

    #[test]
    fn booleans_have_many_spellings() {
        let invalid = Err(r#"{"a":["Must be a valid boolean."]}"#.to_owned());
        let null = Err(r#"{"a":["This field may not be null."]}"#.to_owned());
        let cases = [
            ("true", Ok(true)),
            (r#""yes""#, Ok(true)),
            (r#""on""#, Ok(true)),
            ("1", Ok(true)),
            ("1.0", Ok(true)),
            ("0", Ok(false)),
            (r#""False""#, Ok(false)),
            (r#""maybe""#, invalid.clone()),
            (r#""""#, invalid.clone()),
            ("2", invalid.clone()),
            ("[]", invalid),
            ("null", null),
        ];

        for (value, want) in cases {
            let mut form = form(&format!(r#"{{"a":{value}}}"#));
            let got = form.boolean("a");
            assert_eq!(finished(form, got), want, "{value}");
        }
    }

    /// The first line is the content type, the rest is the body.
    #[test]
    fn fuzz_forms() {
        bolero::check!(name = "forms").with_iterations(256).for_each(|input: &[u8]| {
            let mut lines = input.splitn(2, |byte| *byte == b'\n');
            let content_type = HeaderValue::from_bytes(lines.next().unwrap_or_default());
            let Ok(content_type) = content_type else { return };
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, content_type)]);
            let body = lines.next().unwrap_or_default().to_vec().into();
            let decoded = decode(&headers, &body, &["text", "pk", "flag"]);
            let fields = match decoded.now_or_never().unwrap() {
                Ok(fields) => fields,
                Err(failure) => return assert_object(&failure, &[400, 415]),
            };

            let mut form = Form::new(fields);
            let text = form.text("text", Presence::Required, |text| Ok(text.to_owned()));
            let pk = form.pk("pk", Presence::Optional);
            let flag = form.boolean("flag");
            if let Some(text) = &text {
                assert!(!text.is_empty() && trim(text) == text && !text.contains('\0'));
            }
            if let Some(Pk { id: Some(id), sent }) = &pk {
                let digits = id.get().unsigned_abs().to_string();
                assert!(sent.contains(&digits), "{sent} is not {digits}");
            }
            match form.finish(text.map(|text| (text, pk, flag))) {
                Ok(_) => {}
                Err(failure) => assert_object(&failure, &[400]),
            }
        });
    }

    fn assert_object(failure: &Failure, statuses: &[u16]) {
        let json = failure.json();
        let object: Map<String, Value> = serde_json::from_str(&json).unwrap();
        assert!(!object.is_empty() && statuses.contains(&failure.status().as_u16()), "{json}");
    }
}
