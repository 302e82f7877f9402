//! JSON Schemas of the types that are read and written.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::v1::views::Page;

/// Schemas by name, each made of its type.
#[derive(Debug, Default)]
pub(super) struct Schemas(BTreeMap<String, Value>);

impl Schemas {
    /// A reference to the schema of a type.
    pub(super) fn of<T: ToSchema>(&mut self) -> Value {
        self.add::<T>(T::name().into_owned())
    }

    /// A reference to the schema of a page of such things.
    pub(super) fn page_of<T: ToSchema>(&mut self) -> Value {
        self.of::<T>();
        self.add::<Page<T>>(format!("{}Page", T::name()))
    }

    fn add<T: ToSchema>(&mut self, name: String) -> Value {
        let reference = json!({"$ref": format!("#/components/schemas/{name}")});
        self.0.insert(name, value(&T::schema()));
        let mut parts = Vec::new();
        T::schemas(&mut parts);
        self.0.extend(parts.into_iter().map(|(name, schema)| (name, value(&schema))));
        reference
    }

    /// All that were referred to.
    pub(super) fn finish(self) -> Value {
        Value::Object(self.0.into_iter().collect::<Map<_, _>>())
    }
}

/// What something looks like as JSON; these types are never refused.
pub(super) fn value(part: &impl Serialize) -> Value {
    serde_json::to_value(part).unwrap_or_default()
}

/// The example that a type gives of itself.
pub(super) fn example<T: ToSchema>() -> Value {
    value(&T::schema()).pointer("/examples/0").cloned().unwrap_or_default()
}
