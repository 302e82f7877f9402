//! JSON Schemas of the request and response types.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

#[derive(Debug, Default)]
pub(super) struct Schemas(BTreeMap<String, Value>);

impl Schemas {
    /// Adds the schema of a type and of all types that it refers to.
    pub(super) fn of<T: ToSchema>(&mut self) {
        let mut parts = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut parts);
        self.0.extend(parts.into_iter().map(|(name, schema)| (name, value(&schema))));
    }

    pub(super) fn finish(self) -> Map<String, Value> {
        self.0.into_iter().collect()
    }
}

/// Converts a part of a document to JSON. Serializing these types cannot fail.
pub(super) fn value(part: &impl Serialize) -> Value {
    serde_json::to_value(part).unwrap_or_default()
}
