//! The AsyncAPI document of the socket.

use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema as _, ToSchema as _};

use crate::path::V1_ROOT;
use crate::v1::socket::{REFERENCE_BYTES, ServerFrame, client_frames};

const DESCRIPTION: &str = "JSON in text frames. Authenticate with the header Authorization, or \
    with an `auth` frame within 5 s. Every client frame has a `type` and a `ref`, which its answer \
    repeats. Clients must ignore unknown fields and frames; new ones may be added at any time.";

pub(super) fn document() -> Value {
    let mut document = Frames::default();
    let mut operations = Map::new();
    for (kind, answers, schema) in client_frames() {
        document.add("client", kind, value(&with_head(kind, schema)));
        let answers: Vec<Value> = answers
            .iter()
            .chain(&["error"])
            .map(|kind| in_channel(&message_name("server", kind)))
            .collect();
        operations.insert(
            kind.to_owned(),
            json!({
                "action": "receive",
                "channel": {"$ref": "#/channels/socket"},
                "messages": [in_channel(&message_name("client", kind))],
                "reply": {"channel": {"$ref": "#/channels/socket"}, "messages": answers},
            }),
        );
    }
    let mut sent = Vec::new();
    for (kind, schema) in server_frames() {
        sent.push(in_channel(&message_name("server", &kind)));
        document.add("server", &kind, schema);
    }
    operations.insert(
        "send_frame".to_owned(),
        json!({"action": "send", "channel": {"$ref": "#/channels/socket"}, "messages": sent}),
    );
    let Frames { messages, schemas: frames } = document;
    let mut parts = vec![(ServerFrame::name().into_owned(), ServerFrame::schema())];
    ServerFrame::schemas(&mut parts);
    let mut all: Map<_, _> =
        parts.into_iter().map(|(name, schema)| (name, value(&schema))).collect();
    for (side, about) in
        [("client", "Any frame of a client."), ("server", "Any frame of the server.")]
    {
        all.insert(schema_name(side, ""), union(about, side, &frames));
    }
    all.extend(frames);
    let in_components =
        |name: &String| (name.clone(), json!({"$ref": format!("#/components/messages/{name}")}));
    let of_channel: Map<String, Value> = messages.keys().map(in_components).collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Online Chat, the socket",
            "version": "1",
            "description": DESCRIPTION,
            "license": {"name": env!("CARGO_PKG_LICENSE"), "url": "https://spdx.org/licenses/MIT"},
        },
        "defaultContentType": "application/json",
        "channels": {
            "socket": {
                "address": format!("{V1_ROOT}/ws"),
                "messages": of_channel,
                "bindings": {"ws": {"method": "GET"}},
            },
        },
        "operations": operations,
        "components": {"messages": messages, "schemas": all},
    })
}

/// The messages of both sides, and the schemas of their payloads.
#[derive(Default)]
struct Frames {
    messages: Map<String, Value>,
    schemas: Map<String, Value>,
}

impl Frames {
    fn add(&mut self, side: &str, kind: &str, mut schema: Value) {
        // In a composed schema, one part holds the examples.
        let examples = typed(&schema).get("examples").cloned().unwrap_or_default();
        let payloads: Vec<Value> =
            items(&examples).map(|payload| json!({"payload": payload})).collect();
        let description = typed(&schema).get("description").cloned().unwrap_or_default();
        let summary = schema.get("description").cloned().unwrap_or(description);
        if let Some(schema) = schema.as_object_mut() {
            schema.entry("examples").or_insert(examples);
            schema.entry("description").or_insert_with(|| summary.clone());
        }
        let name = schema_name(side, kind);
        let message = json!({
            "name": kind,
            "summary": summary,
            "payload": {"$ref": format!("#/components/schemas/{name}")},
            "examples": payloads,
        });
        self.messages.insert(message_name(side, kind), message);
        self.schemas.insert(name, schema);
    }
}

/// The union of the frames of one side, discriminated by `type`.
fn union(description: &str, side: &str, frames: &Map<String, Value>) -> Value {
    let prefix = schema_name(side, "");
    let prefix = prefix.trim_end_matches("Frame");
    let refs: Vec<Value> = frames
        .keys()
        .filter(|name| name.starts_with(prefix))
        .map(|name| json!({"$ref": format!("#/components/schemas/{name}")}))
        .collect();
    json!({"description": description, "oneOf": refs, "discriminator": "type"})
}

fn message_name(side: &str, kind: &str) -> String {
    format!("{side}_{kind}")
}

/// A name such as `ClientSubscribeFrame`, or without a kind the union of that side.
fn schema_name(side: &str, kind: &str) -> String {
    let capitalised = |word: &str| {
        let mut chars = word.chars();
        chars.next().into_iter().flat_map(char::to_uppercase).chain(chars).collect::<String>()
    };
    format!("{}{}Frame", capitalised(side), capitalised(kind))
}

fn in_channel(name: &str) -> Value {
    json!({"$ref": format!("#/channels/socket/messages/{name}")})
}

/// The fields of a client frame, with its `type` and `ref`.
fn with_head(kind: &str, schema: RefOr<Schema>) -> RefOr<Schema> {
    let RefOr::T(Schema::Object(mut fields)) = schema else { return schema };
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let kind = text().enum_values(Some([kind])).description(Some("The type of the frame."));
    let about =
        format!("An id that you choose; the answer repeats it. 1 to {REFERENCE_BYTES} bytes.");
    let reference = text().min_length(Some(1)).max_length(Some(REFERENCE_BYTES));
    let reference = reference.description(Some(about));
    for (name, part) in [("type", kind), ("ref", reference)] {
        fields.properties.insert(name.to_owned(), part.into());
        fields.required.push(name.to_owned());
    }
    fields.into()
}

/// The frames of the server, by type.
fn server_frames() -> Vec<(String, Value)> {
    let frames = value(&ServerFrame::schema());
    let kind = |frame: &Value| typed(frame).pointer(TYPE)?.as_str().map(str::to_owned);
    frames
        .get("oneOf")
        .map(items)
        .into_iter()
        .flatten()
        .filter_map(|frame| Some((kind(frame)?, frame.clone())))
        .collect()
}

/// The path of the type in the schema of a server frame.
const TYPE: &str = "/properties/type/enum/0";

/// The part of a schema that names the type.
fn typed(schema: &Value) -> &Value {
    let mut parts = schema.get("allOf").map(items).into_iter().flatten();
    parts.find(|part| part.pointer(TYPE).is_some()).unwrap_or(schema)
}

/// Converts a part of a document to JSON. Serializing these types cannot fail.
fn value(part: &impl Serialize) -> Value {
    serde_json::to_value(part).unwrap_or_default()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
