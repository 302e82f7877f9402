//! Validates JSON against a document of the API, more strictly than clients do: fields that the
//! document does not name are errors.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use jsonschema::Validator;
use serde_json::{Value, json};

pub(crate) struct Strict {
    pub(crate) document: Value,
    components: Value,
    compiled: Mutex<HashMap<String, Arc<Validator>>>,
}

impl Strict {
    pub(crate) fn new(document: &[u8]) -> Self {
        let document: Value = serde_json::from_slice(document).unwrap();
        let mut schemas = document["components"]["schemas"].clone();
        for schema in schemas.as_object_mut().unwrap().values_mut() {
            close_parts(schema);
        }
        let components = json!({"schemas": schemas});
        Self { document, components, compiled: Mutex::default() }
    }

    /// The differences between `value` and the schema at `pointer`.
    pub(crate) fn errors(&self, pointer: &str, value: &Value) -> Vec<String> {
        let validator = self.validator(pointer);
        let describe = |error: jsonschema::ValidationError<'_>| {
            format!("{} (at {:?} of {pointer})", error, error.instance_path().to_string())
        };
        validator.iter_errors(value).map(describe).collect()
    }

    fn validator(&self, pointer: &str) -> Arc<Validator> {
        let mut compiled = self.compiled.lock().unwrap();
        let compile = || {
            let mut schema = self.document.pointer(pointer).expect("a schema is there").clone();
            close(&mut schema);
            schema["components"] = self.components.clone();
            let options = jsonschema::draft202012::options().should_validate_formats(true);
            Arc::new(options.build(&schema).expect("the document holds schemas"))
        };
        Arc::clone(compiled.entry(pointer.to_owned()).or_insert_with(compile))
    }
}

/// Allows only the properties that the schema or its parts name.
fn close(schema: &mut Value) {
    close_parts(schema);
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("unevaluatedProperties".to_owned(), json!(false));
    }
}

/// Closes the schemas inside it.
fn close_parts(schema: &mut Value) {
    for (keyword, part) in schema.as_object_mut().into_iter().flatten() {
        match (keyword.as_str(), part) {
            ("properties", Value::Object(properties)) => properties.values_mut().for_each(close),
            ("items", items) => close(items),
            ("allOf" | "oneOf" | "anyOf", Value::Array(parts)) => {
                parts.iter_mut().for_each(close_parts);
            }
            _ => {}
        }
    }
}
