//! The OpenAPI document of the operations.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::operation::{Access, Answer, Content, Operation};
use super::schemas::{Schemas, value};
use super::{info, operations};
use crate::v1::ROOT;
use crate::v1::problem::{Kind, Problem, ProblemResponse};

const ABOUT: &str = "Accounts, conversations, messages. Every answer that is no success is a \
    problem as RFC 9457 describes it. Cursors are opaque. Of what it does not know in an answer, \
    a client takes no notice: more may come. What happens is told by the socket, which \
    asyncapi.json describes.";
/// How the bearer token is called here.
const TOKEN: &str = "token";

pub(super) fn document() -> Value {
    let mut schemas = Schemas::default();
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for operation in operations::all() {
        let described = describe(&operation, &mut schemas);
        paths.entry(operation.path).or_default().insert(operation.method.to_owned(), described);
    }
    json!({
        "openapi": "3.1.0",
        "info": info("Online Chat", ABOUT),
        "servers": [{"url": ROOT, "description": "This server"}],
        "paths": paths,
        "components": {
            "schemas": schemas.finish(),
            "examples": examples(),
            "securitySchemes": {
                TOKEN: {"type": "http", "scheme": "bearer", "description": "An access token."},
            },
        },
    })
}

fn describe(operation: &Operation, schemas: &mut Schemas) -> Value {
    let parameters: Vec<Value> =
        path_parameters(operation.path).chain(operation.parameters.iter().cloned()).collect();
    let mut responses = Map::new();
    for answer in &operation.answers {
        responses.insert(answer.status.to_string(), success(answer, schemas));
    }
    for (status, kinds) in by_status(&operation.kinds) {
        responses.insert(status.to_string(), refusal(status, &kinds, schemas));
    }
    let security = match operation.access {
        Access::Authenticated => json!([{TOKEN: []}]),
        Access::Open => json!([]),
        Access::Either => json!([{}, {TOKEN: []}]),
    };
    let mut described = json!({
        "operationId": operation.id,
        "tags": [tag(operation.path)],
        "summary": operation.summary,
        "parameters": parameters,
        "responses": responses,
        "security": security,
    });
    if let (Some(body), Value::Object(described)) = (&operation.body, &mut described) {
        let body = json!({"required": true, "content": content(body, schemas)});
        described.insert("requestBody".to_owned(), body);
    }
    described
}

/// The noun that a path is about.
fn tag(path: &str) -> &str {
    let parts = path.split('/').filter(|part| !part.is_empty() && !part.starts_with('{'));
    match parts.take(2).collect::<Vec<_>>().as_slice() {
        ["conversations", part @ ("messages" | "members" | "invites")] => part,
        [first, ..] => first,
        [] => "",
    }
}

fn content(content: &Content, schemas: &mut Schemas) -> Value {
    let schema = (content.schema)(schemas);
    json!({content.media: {"schema": schema, "example": content.example}})
}

fn success(answer: &Answer, schemas: &mut Schemas) -> Value {
    let headers = answer.headers.iter().map(|(name, about)| header(name, about)).collect();
    let mut described = Map::new();
    described.insert("description".to_owned(), json!(answer.description));
    described.insert("headers".to_owned(), Value::Object(headers));
    if let Some(told) = &answer.content {
        described.insert("content".to_owned(), content(told, schemas));
    }
    Value::Object(described)
}

fn header(name: &str, description: &str) -> (String, Value) {
    let schema = if name == "Retry-After" { "integer" } else { "string" };
    let header = json!({"description": description, "schema": {"type": schema}, "required": true});
    (name.to_owned(), header)
}

fn by_status(kinds: &[Kind]) -> BTreeMap<u16, Vec<Kind>> {
    let mut sorted: BTreeMap<u16, Vec<Kind>> = BTreeMap::new();
    for kind in Kind::ALL.into_iter().filter(|kind| kinds.contains(kind)) {
        sorted.entry(kind.status().as_u16()).or_default().push(kind);
    }
    sorted
}

/// Problems of one status: the schema says which kinds there are.
fn refusal(status: u16, kinds: &[Kind], schemas: &mut Schemas) -> Value {
    let problem = schemas.of::<ProblemResponse<'_>>();
    let types: Vec<String> = kinds.iter().map(|kind| kind.uri()).collect();
    let narrowed = json!({"properties": {"type": {"enum": types}, "status": {"const": status}}});
    let listed = |kind: &Kind| {
        let name = kind.about().0;
        (name.to_owned(), json!({"$ref": format!("#/components/examples/{name}")}))
    };
    let examples: Map<String, Value> = kinds.iter().map(listed).collect();
    let titles: Vec<&str> = kinds.iter().map(|kind| kind.about().2).collect();
    let headers: Map<String, Value> = match status {
        401 => [header("WWW-Authenticate", "`Bearer`.")].into_iter().collect(),
        429 | 503 => [header("Retry-After", "Seconds to wait.")].into_iter().collect(),
        _ => Map::new(),
    };
    json!({
        "description": titles.join(" "),
        "headers": headers,
        "content": {"application/problem+json": {
            "schema": {"allOf": [problem, narrowed]},
            "examples": examples,
        }},
    })
}

/// A problem of each kind.
fn examples() -> Map<String, Value> {
    let example = |kind: Kind| {
        let (name, _, title) = kind.about();
        (name.to_owned(), json!({"summary": title, "value": value(&example(kind).view())}))
    };
    Kind::ALL.into_iter().map(example).collect()
}

fn example(kind: Kind) -> Problem {
    match kind {
        Kind::InvalidRequest => Problem::field("limit", "range", "must be from 1 to 100"),
        Kind::Taken => {
            let wrong = crate::v1::input::wrong("username", "taken", "somebody has this already");
            Problem::new(kind).with_errors(vec![wrong])
        }
        kind => Problem::new(kind),
    }
}

/// What stands in braces in a path.
fn path_parameters(path: &str) -> impl Iterator<Item = Value> {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    names.map(move |name| {
        let (schema, description, example) = about_parameter(path, name);
        json!({
            "name": name, "in": "path", "required": true, "description": description,
            "schema": schema, "example": example,
        })
    })
}

fn about_parameter(path: &str, name: &str) -> (Value, &'static str, Value) {
    let id = json!({"type": "integer", "format": "int64"});
    match name {
        "conversation" => (id, "The id of a conversation; 1 is the lobby.", json!(1)),
        "message" => (id, "The id of a message.", json!(4211)),
        "user" if path.ends_with("/members/{user}") => {
            let either = json!({"oneOf": [id, {"const": "me"}]});
            (either, "The id of an account; `me` is one's own.", json!(8))
        }
        "user" => (id, "The id of an account.", json!(8)),
        "session" => {
            let session = json!({"type": "string", "pattern": "^[0-9a-f]{16}$"});
            (session, "The id of a session.", json!("00f0e1d2c3b4a596"))
        }
        "emoji" => (json!({"type": "string", "minLength": 1}), "What to react with.", json!("👍")),
        "code" => {
            let code = json!({"type": "string", "pattern": "^[0-9a-fA-F]{32}$"});
            (code, "The code of an invitation.", json!("0190d1f000007abc8def0123456789ab"))
        }
        _ => (json!({"type": "string"}), "The name of a kind.", json!("last-owner")),
    }
}
