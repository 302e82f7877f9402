//! JSON bodies, parsed like in Python: integers keep all their digits, and an unpaired surrogate
//! is an error of its field, not of the body.

use std::fmt;

use actix_web::http::StatusCode;
use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Fields;
use crate::compat::failure::Failure;
use crate::compat::input::{Input, Number};

/// Takes the `known` fields from a JSON object.
pub(super) fn decode(body: &[u8], known: &[&'static str]) -> Result<Fields, Failure> {
    let text = std::str::from_utf8(body).map_err(|error| malformed(&error))?;
    let whole: &RawValue = serde_json::from_str(text).map_err(|error| malformed(&error))?;
    if whole.get().starts_with('{') {
        let mut json = serde_json::Deserializer::from_str(whole.get());
        return json.deserialize_map(ObjectOf { known }).map_err(|error| malformed(&error));
    }
    Err(match input(whole.get()) {
        Input::Null => Failure::non_field("No data provided"),
        other => {
            let kind = other.type_name();
            Failure::non_field(format!("Invalid data. Expected a dictionary, but got {kind}."))
        }
    })
}

fn malformed(cause: &dyn std::error::Error) -> Failure {
    Failure::detail(StatusCode::BAD_REQUEST, format!("JSON parse error - {cause}"))
}

struct ObjectOf<'a> {
    known: &'a [&'static str],
}

impl<'de> Visitor<'de> for ObjectOf<'_> {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Fields::default();
        while let Some(name) = map.next_key::<String>()? {
            if self.known.contains(&name.as_str()) {
                let value: &RawValue = map.next_value()?;
                fields.put(self.known, &name, input(value.get()));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(fields)
    }
}

/// The value of a valid JSON text.
fn input(raw: &str) -> Input {
    match raw.as_bytes().first() {
        Some(b'"') => serde_json::from_str(raw)
            .map_or_else(|_| Input::Surrogate(first_lone_surrogate(raw)), Input::Text),
        Some(b'[') => Input::List,
        Some(b'{') => Input::Dict,
        Some(b't') => Input::Bool(true),
        Some(b'f') => Input::Bool(false),
        Some(b'n') => Input::Null,
        _ => Input::Number(Number::parse(raw)),
    }
}

/// The first unpaired surrogate of a JSON string that has one.
fn first_lone_surrogate(raw: &str) -> u16 {
    let mut high = None;
    let mut rest = raw;
    while let Some((before, escape)) = rest.split_once('\\') {
        if let Some(lone) = high.filter(|_| !before.is_empty()) {
            return lone;
        }
        let unit = escape
            .strip_prefix('u')
            .and_then(|escape| u16::from_str_radix(escape.get(..4)?, 16).ok());
        match (high, unit) {
            (None, Some(unit @ 0xd800..=0xdbff)) => high = Some(unit),
            (Some(_), Some(0xdc00..=0xdfff)) => high = None,
            (None, Some(unit @ 0xdc00..=0xdfff)) => return unit,
            (Some(lone), _) => return lone,
            (None, _) => {}
        }
        let escaped = if unit.is_some() { 5 } else { 1 };
        rest = escape.get(escaped..).unwrap_or_default();
    }
    high.unwrap_or(0xd800)
}

#[cfg(test)]
mod tests {
    use super::decode;
    use crate::compat::input::Input;

    fn value_of(raw: &str) -> Input {
        let body = format!(r#" {{"x": [{{}}], "a": {raw} }} "#);
        decode(body.as_bytes(), &["a"]).unwrap().take("a").unwrap()
    }

    #[test]
    fn each_json_value_has_its_type() {
        assert_eq!(value_of("null"), Input::Null);
        assert_eq!(value_of("true"), Input::Bool(true));
        assert_eq!(value_of("false"), Input::Bool(false));
        assert_eq!(value_of("[1,[2]]"), Input::List);
        assert_eq!(value_of(r#"{"a":1}"#), Input::Dict);
        assert_eq!(value_of(r#""a\u0000\ud83d\ude00""#), Input::Text("a\0😀".into()));
        assert!(matches!(value_of("-12"), Input::Number(n) if n.integral && n.text == "-12"));
        assert!(matches!(value_of("1.5"), Input::Number(n) if !n.integral && n.text == "1.5"));
    }

    #[test]
    fn unpaired_surrogates_are_reported() {
        let cases = [
            (r#""\ud800""#, 0xd800),
            (r#""\\\uDFFFx""#, 0xdfff),
            (r#""\ud83d\ude00\ud801""#, 0xd801),
            (r#""\ud801x\ude00""#, 0xd801),
            (r#""\ud801\n""#, 0xd801),
            (r#""\ud801\ud802\udc00""#, 0xd801),
            (r#""\\ud800\udc01""#, 0xdc01),
        ];

        for (raw, want) in cases {
            assert_eq!(value_of(raw), Input::Surrogate(want), "{raw}");
        }
    }

    #[test]
    fn malformed_bodies_are_parse_errors() {
        let cases: [&[u8]; 12] = [
            b"{",
            b"nope",
            b"{\"a\": }",
            b"{\"a\": 1} trailing",
            b"\xef\xbb\xbf{}",
            b"{\"a\": NaN}",
            b"{\"a\": Infinity}",
            b"{\"a\": -Infinity}",
            b"{\"a\": \"\xff\"}",
            b"{\"\\ud800\": 1}",
            b"{'a': 1}",
            b" ",
        ];

        for body in cases {
            let failure = decode(body, &["a"]).unwrap_err();
            assert_eq!(failure.status(), 400);
            let json = failure.json();
            assert!(json.starts_with(r#"{"detail":"JSON parse error - "#), "{json}");
        }
    }

    #[test]
    fn bodies_that_are_not_objects_are_refused_by_type() {
        let cases = [
            ("[]", "list"),
            (r#""text""#, "str"),
            (r#""\ud800""#, "str"),
            ("12", "int"),
            ("1.5", "float"),
            ("true", "bool"),
        ];

        for (body, kind) in cases {
            let want = format!(
                r#"{{"non_field_errors":["Invalid data. Expected a dictionary, but got {kind}."]}}"#
            );
            assert_eq!(decode(body.as_bytes(), &["a"]).unwrap_err().json(), want);
        }
        let null = decode(b"null", &["a"]).unwrap_err();
        assert_eq!(null.json(), r#"{"non_field_errors":["No data provided"]}"#);
    }

    #[test]
    fn deep_nesting_is_harmless() {
        let deep = format!(r#"{{"b": {}{}, "a": "x"}}"#, "[".repeat(100_000), "]".repeat(100_000));

        let outcome = decode(deep.as_bytes(), &["a"]);

        assert_eq!(outcome.unwrap().take("a"), Some(Input::Text("x".into())));
    }
}
