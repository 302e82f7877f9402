//! The AsyncAPI document of the socket.

use serde_json::{Map, Value, json};
use utoipa::PartialSchema as _;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};

use super::info;
use super::schemas::{Schemas, value};
use crate::path::V1_ROOT;
use crate::v1::socket::{REFERENCE_BYTES, ServerFrame, client_frames};

const ABOUT: &str = "What is said on the socket: JSON in text frames. With the header \
    Authorization, or with auth as the first frame, within 5 s. Every frame of the client has a \
    type and a ref, by which it is answered. Of frames and fields that it does not know, a client \
    takes no notice: more may come.";

pub(super) fn document() -> Value {
    let mut schemas = Schemas::default();
    let mut messages = Map::new();
    let mut operations = Map::new();
    for (kind, answers, schema) in client_frames() {
        messages.insert(said(kind), message(kind, &value(&enveloped(kind, schema))));
        let answers: Vec<Value> =
            answers.iter().chain(&["error"]).map(|kind| in_channel(&told(kind))).collect();
        operations.insert(
            kind.to_owned(),
            json!({
                "action": "receive",
                "channel": {"$ref": "#/channels/socket"},
                "messages": [in_channel(&said(kind))],
                "reply": {"channel": {"$ref": "#/channels/socket"}, "messages": answers},
            }),
        );
    }
    let frames = frames(&mut schemas);
    let all: Vec<Value> = frames.iter().map(|(kind, _)| in_channel(&told(kind))).collect();
    operations.insert(
        "tell".to_owned(),
        json!({"action": "send", "channel": {"$ref": "#/channels/socket"}, "messages": all}),
    );
    for (kind, schema) in frames {
        messages.insert(told(&kind), message(&kind, &schema));
    }
    let listed =
        |name: &String| (name.clone(), json!({"$ref": format!("#/components/messages/{name}")}));
    let of_channel: Map<String, Value> = messages.keys().map(listed).collect();
    json!({
        "asyncapi": "3.0.0",
        "info": info("Online Chat, the socket", ABOUT),
        "defaultContentType": "application/json",
        "channels": {
            "socket": {
                "address": format!("{V1_ROOT}/ws"),
                "messages": of_channel,
                "bindings": {"ws": {"method": "GET"}},
            },
        },
        "operations": operations,
        "components": {"messages": messages, "schemas": schemas.finish()},
    })
}

/// The message of a client's frame.
fn said(kind: &str) -> String {
    format!("client_{kind}")
}

/// The message of a frame of the server.
fn told(kind: &str) -> String {
    format!("server_{kind}")
}

fn in_channel(name: &str) -> Value {
    json!({"$ref": format!("#/channels/socket/messages/{name}")})
}

fn message(kind: &str, schema: &Value) -> Value {
    let example = |payload| json!({"payload": payload});
    let examples: Vec<Value> = list(typed(schema), "examples").map(example).collect();
    let summary = schema.get("description");
    json!({"name": kind, "summary": summary, "payload": schema, "examples": examples})
}

/// The words of an envelope, with its type and its reference.
fn enveloped(kind: &str, schema: RefOr<Schema>) -> RefOr<Schema> {
    let RefOr::T(Schema::Object(mut words)) = schema else { return schema };
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let kind = text().enum_values(Some([kind])).description(Some("What is wished."));
    let about = format!("By which it is answered: 1 to {REFERENCE_BYTES} bytes.");
    let reference = text().min_length(Some(1)).max_length(Some(REFERENCE_BYTES));
    let reference = reference.description(Some(about));
    for (name, part) in [("type", kind), ("ref", reference)] {
        words.properties.insert(name.to_owned(), part.into());
        words.required.push(name.to_owned());
    }
    words.into()
}

/// What the server says, by type.
fn frames(schemas: &mut Schemas) -> Vec<(String, Value)> {
    let frames = value(&ServerFrame::schema());
    schemas.of::<ServerFrame<'_>>();
    let kind = |frame: &Value| typed(frame).pointer(TYPE)?.as_str().map(str::to_owned);
    list(&frames, "oneOf").filter_map(|frame| Some((kind(frame)?, frame.clone()))).collect()
}

/// Where the schema of a frame of the server names its type.
const TYPE: &str = "/properties/type/enum/0";

/// The part of a schema that names the type, and holds the examples: itself, or
/// one of those that it is made of.
fn typed(schema: &Value) -> &Value {
    list(schema, "allOf").find(|part| part.pointer(TYPE).is_some()).unwrap_or(schema)
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}
