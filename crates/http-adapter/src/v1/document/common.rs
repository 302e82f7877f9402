//! Completes the OpenAPI document with the common parts of all operations: path parameters,
//! security, problems, and examples.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::openapi::content::{Content, ContentBuilder};
use utoipa::openapi::example::{Example, ExampleBuilder};
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{
    AllOfBuilder, KnownFormat, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    OpenApi, Ref, RefOr, Required, Response, ResponseBuilder, SecurityRequirement,
};
use utoipa::{Modify, ToSchema as _};

use crate::v1::problem::{Kind, Problem, ProblemResponse};
use crate::v1::responses::MessageResponse;

/// The name of the security scheme.
const TOKEN: &str = "token";
/// The extension that lists the problems specific to an operation.
const PROBLEMS: &str = "x-problems";

pub(in crate::v1) struct Common;

impl Modify for Common {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_default();
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
        let bearer = bearer.description(Some("An access token.")).build();
        components.security_schemes.insert(TOKEN.to_owned(), SecurityScheme::Http(bearer).into());
        for &kind in Kind::ALL {
            let (name, _, title) = kind.about();
            let example = ExampleBuilder::new().summary(title).value(Some(example(kind)));
            components.examples.insert(name.to_owned(), example.into());
        }
        let examples = Examples(
            components
                .schemas
                .iter()
                .filter_map(|(name, schema)| {
                    let schema = serde_json::to_value(schema).ok()?;
                    Some((
                        format!("#/components/schemas/{name}"),
                        schema.pointer("/examples/0")?.clone(),
                    ))
                })
                .collect(),
        );
        for (path, item) in &mut document.paths.paths {
            for operation in operations(item) {
                complete(path, operation, &examples);
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    [get, put, post, delete, patch].into_iter().flatten()
}

fn complete(path: &str, operation: &mut Operation, examples: &Examples) {
    let mut kinds = vec![Kind::Internal, Kind::Unavailable];
    if operation.security.is_none() {
        operation.security = Some(vec![SecurityRequirement::new(TOKEN, [""; 0])]);
        kinds.push(Kind::Unauthenticated);
    }
    if path.contains('{') {
        kinds.extend([Kind::InvalidRequest, Kind::NotFound]);
    }
    if path.contains("{conversation}") {
        kinds.push(Kind::Banned);
    }
    let parameters = operation.parameters.get_or_insert_default();
    if !parameters.is_empty() {
        kinds.push(Kind::InvalidRequest);
    }
    parameters.iter_mut().for_each(remove_null);
    parameters.splice(..0, path_parameters(path));
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        kinds.extend([
            Kind::InvalidRequest,
            Kind::Timeout,
            Kind::TooLarge,
            Kind::UnsupportedMediaType,
        ]);
        body.content.values_mut().for_each(|content| examples.add_to(content));
    }
    let named = operation.extensions.take().and_then(|mut named| named.remove(PROBLEMS));
    let named = named.unwrap_or_default();
    let is_named = |kind: &Kind| {
        named.as_array().is_some_and(|named| named.iter().any(|name| name == kind.about().0))
    };
    kinds.extend(Kind::ALL.iter().filter(|kind| is_named(kind)));

    for response in operation.responses.responses.values_mut() {
        let RefOr::T(response) = response else { continue };
        response.content.values_mut().for_each(|content| examples.add_to(content));
        if response.content.values().any(is_message) {
            let etag = header(Type::String, "The number of edits, in quotes.");
            response.headers.insert("ETag".to_owned(), etag.into());
        }
    }
    for (status, kinds) in by_status(&kinds) {
        operation.responses.responses.insert(status.to_string(), problem(status, &kinds).into());
    }
    for response in operation.responses.responses.values_mut() {
        let RefOr::T(response) = response else { continue };
        for header in response.headers.values_mut() {
            // `Header` lacks this field, but serializes extensions as fields.
            let RefOr::T(header) = header else { continue };
            header.extensions = Some(Extensions::from_iter([("required", true)]));
        }
    }
}

fn is_message(content: &RefOr<Content>) -> bool {
    let message = Ref::from_schema_name(MessageResponse::name());
    matches!(content, RefOr::T(Content { schema: Some(RefOr::Ref(schema)), .. }) if *schema == message)
}

/// The examples of all schemas, by reference.
struct Examples(BTreeMap<String, Value>);

impl Examples {
    fn add_to(&self, content: &mut RefOr<Content>) {
        if let RefOr::T(content) = content
            && let Some(RefOr::Ref(schema)) = &content.schema
        {
            content.example = self.0.get(&schema.ref_location).cloned();
        }
    }
}

fn by_status(kinds: &[Kind]) -> BTreeMap<u16, Vec<Kind>> {
    let mut sorted: BTreeMap<u16, Vec<Kind>> = BTreeMap::new();
    for &kind in Kind::ALL.iter().filter(|kind| kinds.contains(kind)) {
        sorted.entry(kind.status().as_u16()).or_default().push(kind);
    }
    sorted
}

/// The response with the problems of one status. Its schema lists the kinds.
fn problem(status: u16, kinds: &[Kind]) -> Response {
    let types = kinds.iter().map(|kind| kind.uri());
    let types = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(types));
    let status_schema = ObjectBuilder::new().schema_type(Type::Integer);
    let status_schema = status_schema.enum_values(Some([status]));
    let narrowed = ObjectBuilder::new().property("type", types).property("status", status_schema);
    let schema =
        AllOfBuilder::new().item(Ref::from_schema_name(ProblemResponse::name())).item(narrowed);
    let names = kinds.iter().map(|kind| kind.about().0);
    let examples = names.map(|name| {
        (name, RefOr::<Example>::Ref(Ref::new(format!("#/components/examples/{name}"))))
    });
    let content = ContentBuilder::new().schema(Some(schema)).examples_from_iter(examples).build();
    let titles: Vec<&str> = kinds.iter().map(|kind| kind.about().2).collect();
    let response = ResponseBuilder::new()
        .description(titles.join(" "))
        .content("application/problem+json", content);
    match status {
        401 => response.header("WWW-Authenticate", header(Type::String, "`Bearer`.")),
        429 | 503 => response.header("Retry-After", header(Type::Integer, "Seconds to wait.")),
        _ => response,
    }
    .build()
}

fn header(kind: Type, description: &str) -> Header {
    let schema = ObjectBuilder::new().schema_type(kind);
    HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build()
}

fn example(kind: Kind) -> Value {
    let problem = match kind {
        Kind::InvalidRequest => Problem::field("limit", "range", "must be from 1 to 100"),
        Kind::Taken => {
            let taken = crate::v1::input::wrong("username", "taken", "is already in use");
            Problem::new(kind).with_errors(vec![taken])
        }
        kind => Problem::new(kind),
    };
    serde_json::to_value(problem.view()).unwrap_or_default()
}

/// Removes `null`, which a query or a header cannot express.
fn remove_null(parameter: &mut RefOr<Parameter>) {
    if let RefOr::T(Parameter { schema: Some(RefOr::T(Schema::Object(schema))), .. }) = parameter
        && let SchemaType::Array(types) = &schema.schema_type
        && let Some(first) = types.first()
    {
        schema.schema_type = SchemaType::Type(first.clone());
    }
}

fn path_parameters(path: &str) -> impl Iterator<Item = RefOr<Parameter>> {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    names.map(move |name| {
        let (schema, description, example) = describe_parameter(path, name);
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .description(Some(description))
            .schema(Some(schema))
            .example(Some(example));
        parameter.build().into()
    })
}

fn describe_parameter(path: &str, name: &str) -> (Schema, &'static str, Value) {
    let integer = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)));
    let text = ObjectBuilder::new().schema_type(Type::String);
    match name {
        "conversation" => (integer.into(), "The id of a conversation; the lobby is 1.", json!(1)),
        "message" => (integer.into(), "The id of a message.", json!(4211)),
        "user" if path.ends_with("/members/{user}") => {
            let me = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["me"]));
            let either = OneOfBuilder::new().item(integer).item(me);
            (either.into(), "The id of a user, or `me` for yourself.", json!(8))
        }
        "user" => (integer.into(), "The id of a user.", json!(8)),
        "session" => {
            let session = text.pattern(Some("^[0-9a-f]{16}$"));
            (session.into(), "The id of a session.", json!("00f0e1d2c3b4a596"))
        }
        "emoji" => (text.min_length(Some(1)).into(), "An emoji.", json!("👍")),
        "code" => {
            let code = text.pattern(Some("^[0-9a-fA-F]{32}$"));
            (code.into(), "The code of an invitation.", json!("0190d1f000007abc8def0123456789ab"))
        }
        _ => (text.into(), "The name of a kind of problem.", json!("last-owner")),
    }
}
