//! A compose file, as compose reads it: with merges done and variables put in.

use serde_json::{Map, Value};
use yaml_rust2::{Yaml, YamlLoader};

/// The file as JSON, after merges.
pub(crate) fn parse(text: &str) -> Value {
    let documents = YamlLoader::load_from_str(text).expect("the file is YAML");
    json(documents.first().expect("the file holds a document"))
}

fn json(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::String(text) => text.clone().into(),
        Yaml::Integer(number) => (*number).into(),
        Yaml::Boolean(flag) => (*flag).into(),
        Yaml::Array(items) => items.iter().map(json).collect(),
        Yaml::Hash(pairs) => {
            let mut merged = Map::new();
            let mut own = Map::new();
            for (key, value) in pairs {
                match (key.as_str().expect("keys are texts"), json(value)) {
                    ("<<", Value::Object(base)) => merged.extend(base),
                    (key, value) => drop(own.insert(key.to_owned(), value)),
                }
            }
            merged.extend(own);
            merged.into()
        }
        Yaml::Null => Value::Null,
        other => panic!("not expected in a compose file: {other:?}"),
    }
}

/// The keys of an object, in order of the alphabet.
pub(crate) fn keys(object: &Value) -> Vec<&str> {
    object.as_object().expect("an object").keys().map(String::as_str).collect()
}

/// The texts of a list.
pub(crate) fn texts(list: &Value) -> Vec<&str> {
    list.as_array().expect("a list").iter().map(|item| item.as_str().expect("a text")).collect()
}

/// The names behind `${`, and whether each must have a value.
pub(crate) fn variables(text: &str) -> Vec<(&str, bool)> {
    text.split("${")
        .skip(1)
        .map(|rest| {
            let (inside, _) = rest.split_once('}').expect("a `${` is closed");
            let end = inside.find(':').unwrap_or(inside.len());
            (&inside[..end], inside[end..].starts_with(":?"))
        })
        .collect()
}
