//! Reads JSON objects: the bodies of requests, and the frames of sockets.

use std::cell::RefCell;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::problem::{Kind, Problem};

/// Ids and counters stay below this, so that every client can represent them (2^53).
const INTEGER_LIMIT: f64 = 9_007_199_254_740_992.0;

/// Problems quote no more of the name of a field.
const MAX_NAME_CHARS: usize = 64;

/// Parses a JSON object with the fields of `T`. The problem names the invalid field.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    from_object(parse_object(bytes)?)
}

/// Parses a JSON object. `T` itself would also accept an array of its fields.
pub(crate) fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, Problem> {
    let field = RefCell::new(None);
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let object = json.deserialize_map(Object { field: &field });
    let object = object.and_then(|object| json.end().map(|()| object));
    object.map_err(|error| match field.take() {
        None => not_an_object(&error),
        Some(name) => invalid_value(&name, &error),
    })
}

/// Reads the fields of `T` from an object.
pub(crate) fn from_object<T: DeserializeOwned>(object: Map<String, Value>) -> Result<T, Problem> {
    serde_path_to_error::deserialize(Value::Object(object))
        .map_err(|error| field_problem(&error.path().to_string(), &error.into_inner().to_string()))
}

/// Reads an object, and remembers the field that it is reading.
struct Object<'a> {
    field: &'a RefCell<Option<String>>,
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            self.field.replace(Some(name.clone()));
            let value = whole_numbers(map.next_value()?);
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("duplicate field"));
            }
            self.field.take();
        }
        Ok(object)
    }
}

/// Turns `1.0` into `1`: JSON has one kind of number.
fn whole_numbers(value: Value) -> Value {
    match value {
        Value::Number(number) => Value::Number(whole_number(number)),
        Value::Array(items) => items.into_iter().map(whole_numbers).collect(),
        other => other,
    }
}

fn whole_number(number: Number) -> Number {
    match number.as_f64().filter(|_| number.is_f64()) {
        #[expect(clippy::cast_possible_truncation, reason = "it has no fraction and fits")]
        Some(float) if float.fract() == 0.0 && float.abs() < INTEGER_LIMIT => (float as i64).into(),
        _ => number,
    }
}

fn not_an_object(error: &serde_json::Error) -> Problem {
    let detail = if error.is_data() {
        "The JSON value must be an object.".to_owned()
    } else {
        malformed(error)
    };
    Problem::new(Kind::InvalidRequest).with_detail(detail)
}

fn malformed(error: &serde_json::Error) -> String {
    format!("The JSON is malformed: see line {}, column {}.", error.line(), error.column())
}

/// The problem of a field whose value cannot be read. Some values are well-formed JSON all the same.
fn invalid_value(field: &str, error: &serde_json::Error) -> Problem {
    let field = quoted(field);
    let message = error.to_string();
    match without_position(&message) {
        "duplicate field" => Problem::field(field, "duplicate", "is there more than once"),
        "number out of range" => Problem::field(field, "range", "is a number out of range"),
        "recursion limit exceeded" => Problem::field(field, "depth", "is nested too deeply"),
        "lone leading surrogate in hex escape" | "unexpected end of hex escape" => {
            Problem::field(field, "unicode", "must not contain an unpaired surrogate")
        }
        _ => Problem::new(Kind::InvalidRequest).with_detail(malformed(error)),
    }
}

fn without_position(message: &str) -> &str {
    message.split(" at line ").next().unwrap_or(message)
}

/// The beginning of a name that a client chose, because a problem must be short.
fn quoted(name: &str) -> String {
    match name.char_indices().nth(MAX_NAME_CHARS) {
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or_default()),
        None => name.to_owned(),
    }
}

/// Converts serde's message about the value at `path` to a problem of a field.
pub(crate) fn field_problem(path: &str, message: &str) -> Problem {
    // Only names of ours, because the message quotes the client's texts as they are.
    let named = || message.split('`').nth(1).unwrap_or_default();
    let within = |name: &str| match path {
        "." | "" => name.to_owned(),
        path => format!("{path}.{name}"),
    };
    if message.starts_with("missing field") {
        return Problem::field(within(named()), "required", "is required");
    }
    if message.starts_with("duplicate field") {
        return Problem::field(within(named()), "duplicate", "is there more than once");
    }
    let field = quoted(path);
    if message.starts_with("unknown field") {
        return Problem::field(field, "unknown", "is not a known field");
    }
    if message.starts_with("unknown variant") {
        // The variant itself is empty: see `Role`.
        let variants: Vec<&str> = message.split('`').skip(3).step_by(2).collect();
        return Problem::field(field, "enum", format!("must be {}", variants.join(" or ")));
    }
    let expected = match message.rsplit_once("expected ").map_or(message, |(_, expected)| expected)
    {
        "i64" => "an integer",
        "a sequence" => "an array",
        other => other,
    };
    Problem::field(field, "type", format!("must be {expected}"))
}

#[cfg(test)]
mod tests {
    use domain::ClientId;
    use serde::Deserialize;
    use serde::de::DeserializeOwned;
    use serde_json::{Map, Value, json};

    use super::{from_object, parse, parse_object};
    use crate::v1::accounts::{SignUpRequest, UpdateMeRequest};
    use crate::v1::conversations::{CreateGroupRequest, MarkReadRequest, UpdateGroupRequest};
    use crate::v1::input::Role;
    use crate::v1::invites::CreateInviteRequest;
    use crate::v1::members::{AddMemberRequest, SetRoleRequest};
    use crate::v1::messages::SendMessageRequest;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        id: i64,
        #[serde(default)]
        text: Option<String>,
        #[serde(default)]
        ids: Vec<i64>,
        #[serde(default)]
        role: Option<Role>,
    }

    fn problem(json: &str) -> serde_json::Value {
        let problem = parse::<Sample>(json.as_bytes()).expect_err(json);
        serde_json::to_value(problem.view()).unwrap()
    }

    #[test]
    fn a_number_without_a_fraction_is_an_integer() {
        for json in ["1", "1.0", "1e0", "0.1e1", "10E-1"] {
            let sample: Sample =
                parse(format!(r#"{{"id":{json},"ids":[{json}]}}"#).as_bytes()).unwrap();
            assert_eq!((sample.id, sample.ids), (1, vec![1]), "{json}");
        }
        let sample: Sample = parse(br#"{"id": -0.0, "text": "1.0", "role": "owner"}"#).unwrap();
        assert_eq!((sample.id, sample.text.as_deref()), (0, Some("1.0")));
        assert!(matches!(sample.role, Some(Role::Owner)));
    }

    #[test]
    fn problems_name_the_field_and_its_rule() {
        let cases = [
            ("{}", "id", "required", "is required"),
            (r#"{"id": 1, "no": 2}"#, "no", "unknown", "is not a known field"),
            (r#"{"id": 1, "id": 2}"#, "id", "duplicate", "is there more than once"),
            (r#"{"id": "1"}"#, "id", "type", "must be an integer"),
            (r#"{"id": 1.5}"#, "id", "type", "must be an integer"),
            (r#"{"id": 1e300}"#, "id", "type", "must be an integer"),
            (r#"{"id": 9223372036854775808}"#, "id", "type", "must be an integer"),
            (r#"{"id": [1]}"#, "id", "type", "must be an integer"),
            (r#"{"id": 1e400}"#, "id", "range", "is a number out of range"),
            (r#"{"id": 1, "text": {}}"#, "text", "type", "must be a string"),
            (
                r#"{"id": 1, "text": "\ud800"}"#,
                "text",
                "unicode",
                "must not contain an unpaired surrogate",
            ),
            (
                r#"{"id": 1, "text": "\ud800\u0041"}"#,
                "text",
                "unicode",
                "must not contain an unpaired surrogate",
            ),
            (r#"{"id": 1, "ids": {}}"#, "ids", "type", "must be an array"),
            (r#"{"id": 1, "ids": [1, "2"]}"#, "ids[1]", "type", "must be an integer"),
            (
                r#"{"id": 1, "role": "x"}"#,
                "role",
                "enum",
                "must be owner or admin or member or reader",
            ),
            (r#"{"id": 1, "role": 1}"#, "role", "type", "must be a string"),
            (r#"{"id": 1, "role": {}}"#, "role", "type", "must be a string"),
            (r#"{"id": 1, "role": ["owner"]}"#, "role", "type", "must be a string"),
        ];

        for (json, field, rule, detail) in cases {
            let want = json!([{"field": field, "rule": rule, "detail": detail}]);
            assert_eq!(problem(json)["errors"], want, "{json}");
        }
    }

    #[test]
    fn a_value_of_another_type_is_not_malformed() {
        for json in ["[]", "[1]", r#"[1,"x",[],"owner"]"#, "null", "1", "1.5", "true", r#""{}""#] {
            assert_eq!(problem(json)["detail"], "The JSON value must be an object.", "{json}");
        }
        for json in ["", " ", "{", "{]", "nope", r#"{"id"}"#, r#"{"id":}"#, r#"{"id":01}"#, "{} {}"]
        {
            let detail = problem(json)["detail"].as_str().unwrap().to_owned();
            assert!(detail.starts_with("The JSON is malformed: see line "), "{json}: {detail}");
        }
    }

    #[test]
    fn texts_of_the_client_do_not_mislead_problems() {
        let roles = "must be owner or admin or member or reader";
        let long = "x".repeat(65);
        let cases = [
            (r#"{"id": 1, "role": "a`b`c"}"#, "role", "enum", roles),
            (r#"{"id": 1, "role": ", expected `a` or `b`"}"#, "role", "enum", roles),
            (r#"{"id": 1, "role": {"owner": null}}"#, "role", "type", "must be a string"),
            (r#"{"id": 1, "role": {"owner": 1}}"#, "role", "type", "must be a string"),
            (r#"{"id": 1, "role": {"a": 1, "b": 2}}"#, "role", "type", "must be a string"),
            (r#"{"id": 1, "a`b": 2}"#, "a`b", "unknown", "is not a known field"),
            (r#"{"id": 1, "b.id": 2}"#, "b.id", "unknown", "is not a known field"),
            (r#"{"id": 1, "": 2}"#, "", "unknown", "is not a known field"),
            (r#"{"": 1, "": 2}"#, "", "duplicate", "is there more than once"),
            (r#"{"id": " expected i64"}"#, "id", "type", "must be an integer"),
        ];
        for (json, field, rule, detail) in cases {
            let want = json!([{"field": field, "rule": rule, "detail": detail}]);
            assert_eq!(problem(json)["errors"], want, "{json}");
        }
        for json in [format!(r#"{{"{long}": 1}}"#), format!(r#"{{"{long}": 1e400}}"#)] {
            assert_eq!(problem(&json)["errors"][0]["field"], format!("{}…", &long[1..]), "{json}");
        }
        let long = format!(r#"{{"id": 1, "role": "{}"}}"#, "é".repeat(10_000));
        assert_eq!(problem(&long)["errors"][0]["detail"], roles);
    }

    /// Reads a body of this type. The names are those of fields with an enum.
    fn read<T: DeserializeOwned>(object: &Map<String, Value>, enums: &[&str]) {
        match from_object::<T>(object.clone()) {
            Ok(_) => {
                let mut values = enums.iter().filter_map(|name| object.get(*name));
                assert!(values.all(|value| value.is_string() || value.is_null()), "{object:?}");
            }
            Err(problem) => problem.assert_about(object),
        }
    }

    #[test]
    fn fuzz_json_bodies() {
        bolero::check!(name = "json_bodies").with_iterations(256).for_each(|input: &[u8]| {
            let object = match parse_object(input) {
                Ok(object) => object,
                Err(problem) => return problem.assert_specific(),
            };
            let any: Map<String, Value> = serde_json::from_slice(input).unwrap();
            assert!(any.keys().eq(object.keys()));
            let written = serde_json::to_vec(&object).unwrap();
            assert_eq!(parse_object(&written).as_ref(), Ok(&object));

            read::<Sample>(&object, &["role"]);
            read::<CreateGroupRequest>(&object, &["history"]);
            read::<UpdateGroupRequest>(&object, &["history"]);
            read::<AddMemberRequest>(&object, &["role"]);
            read::<SetRoleRequest>(&object, &["role"]);
            read::<CreateInviteRequest>(&object, &["role"]);
            read::<UpdateMeRequest>(&object, &["added_by"]);
            read::<SignUpRequest>(&object, &[]);
            read::<MarkReadRequest>(&object, &[]);
            match from_object::<SendMessageRequest>(object.clone()) {
                Ok(message) => {
                    if let Err(problem) = message.action(100, || ClientId::new(7)) {
                        problem.assert_about(&object);
                    }
                }
                Err(problem) => problem.assert_about(&object),
            }
        });
    }
}
