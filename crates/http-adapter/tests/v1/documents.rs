//! The documents of the API. Every response of these tests is checked against them.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use actix_web::test::TestRequest;
use serde_json::Value;

use crate::strict::Strict;
use crate::world::{Answer, World};

static OPENAPI: LazyLock<Strict> = LazyLock::new(|| Strict::new(http_adapter::openapi_document()));
static ASYNCAPI: LazyLock<Strict> =
    LazyLock::new(|| Strict::new(http_adapter::asyncapi_document()));

/// Fails unless the document describes the response and, if the request succeeded, its body.
#[track_caller]
pub(crate) fn hold(method: &str, path: &str, body: Option<&Value>, answer: &Answer) {
    let Some((path, methods)) = documented(path) else {
        assert_eq!(answer.status, 404, "{method} {path} is not documented");
        return;
    };
    let method = method.to_lowercase();
    if methods.get(&method).is_none() {
        assert_eq!(answer.status, 405, "{method} {path} is not documented");
        return;
    }
    let at = format!("/paths/{}/{method}", path.replace('~', "~0").replace('/', "~1"));
    let operation = OPENAPI.document.pointer(&at).unwrap();
    let response = &operation["responses"][answer.status.to_string()];
    assert!(
        response.is_object(),
        "{method} {path} returned the undocumented status {}",
        answer.status
    );
    let kind = answer.header("content-type");
    match response["content"].as_object().and_then(|content| content.keys().next()) {
        Some(documented) => {
            assert_eq!(kind, Some(documented.as_str()), "{method} {path}");
            let at = format!(
                "{at}/responses/{}/content/{}/schema",
                answer.status,
                documented.replace('/', "~1")
            );
            let is_json = documented.ends_with("json");
            let body = if is_json { answer.value() } else { answer.body.clone().into() };
            assert_valid(&OPENAPI, &at, &body);
        }
        None => assert_eq!((kind, answer.body.as_str()), (None, ""), "{method} {path}"),
    }
    for (name, header) in response["headers"].as_object().into_iter().flatten() {
        assert_eq!(header["required"], true, "{name}");
        assert!(answer.header(name).is_some(), "the response to {method} {path} has no {name}");
    }
    let takes_body = operation.get("requestBody").is_some();
    if let Some(body) = body.filter(|_| takes_body && answer.status < 300) {
        assert_valid(&OPENAPI, &format!("{at}/requestBody/content/application~1json/schema"), body);
    }
}

#[track_caller]
fn assert_valid(document: &Strict, pointer: &str, value: &Value) {
    let errors = document.errors(pointer, value);
    assert!(errors.is_empty(), "{errors:#?} in {value}");
}

/// The documented path that matches `path`, and its methods.
fn documented(path: &str) -> Option<(&'static str, &'static Value)> {
    let path = path.split('?').next().unwrap();
    let is_of = |template: &str| {
        let (template, path) = (template.split('/'), path.split('/'));
        template.clone().count() == path.clone().count()
            && template.zip(path).all(|(t, p)| t.starts_with('{') || t == p)
    };
    let paths = OPENAPI.document["paths"].as_object().unwrap();
    let mut found: Vec<_> = paths.iter().filter(|(template, _)| is_of(template)).collect();
    found.sort_by_key(|(template, _)| template.matches('{').count());
    found.first().map(|(path, methods)| (path.as_str(), *methods))
}

#[actix_web::test]
async fn documents_need_no_token() {
    let world = World::new();

    for (path, version) in [("openapi", "3.1.0"), ("asyncapi", "3.0.0")] {
        let answer = world.get(&format!("/api/v1/{path}.json")).await;

        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.is(200)[path], version);
    }
}

#[actix_web::test]
async fn every_schema_has_a_description_and_a_valid_example() {
    for document in [&*OPENAPI, &*ASYNCAPI] {
        let schemas = document.document["components"]["schemas"].as_object().unwrap();
        for (name, schema) in schemas {
            let at = format!("/components/schemas/{name}");
            assert!(schema["description"].is_string(), "{name} has no description");
            let is_composed = name.ends_with("Page") || schema.get("oneOf").is_some();
            let examples = schema["examples"].as_array().map_or(&[][..], Vec::as_slice);
            assert!(is_composed || !examples.is_empty(), "{name} gives no example");
            for example in examples {
                assert_valid(document, &at, example);
            }
            check_properties(name, schema);
        }
    }
}

/// References and constants need no description.
fn check_properties(name: &str, schema: &Value) {
    for (property, part) in schema["properties"].as_object().into_iter().flatten() {
        let is_constant = part["enum"].as_array().is_some_and(|values| values.len() == 1);
        let is_plain = part.get("$ref").is_some() || is_constant;
        let description = part.get("description").or(part.pointer("/oneOf/0/description"));
        let is_described = description.is_some() || is_plain;
        assert!(is_described, "{name}.{property} has no description");
    }
    for part in ["allOf", "oneOf"].iter().filter_map(|key| schema[key].as_array()).flatten() {
        check_properties(name, part);
    }
}

#[actix_web::test]
async fn every_operation_has_a_unique_id_and_valid_examples() {
    let mut names = BTreeSet::new();
    for (path, methods) in OPENAPI.document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name), "two operations are called {name}");
            assert!(operation["summary"].is_string(), "{name}");
            let at = format!("/paths/{}/{method}", path.replace('/', "~1"));
            check_contents(&format!("{at}/requestBody"), &operation["requestBody"]);
            for (status, response) in operation["responses"].as_object().unwrap() {
                check_contents(&format!("{at}/responses/{status}"), response);
            }
            for parameter in operation["parameters"].as_array().unwrap() {
                assert!(parameter["description"].is_string(), "{name} {parameter}");
            }
        }
    }
}

fn check_contents(at: &str, part: &Value) {
    for (kind, content) in part["content"].as_object().into_iter().flatten() {
        let at = format!("{at}/content/{}/schema", kind.replace('/', "~1"));
        let referred = |example: &Value| {
            let pointer = example["$ref"].as_str().unwrap().strip_prefix('#').unwrap();
            OPENAPI.document.pointer(&format!("{pointer}/value"))
        };
        let several = content["examples"].as_object().into_iter().flatten();
        let examples: Vec<_> = several
            .filter_map(|(_, example)| referred(example))
            .chain(content.get("example"))
            .collect();
        assert!(!examples.is_empty(), "{at} has no example");
        if !content["schema"].as_object().unwrap().contains_key("type") {
            for example in examples {
                assert_valid(&OPENAPI, &at, example);
            }
        }
    }
}

#[actix_web::test]
async fn every_frame_has_a_summary_and_a_valid_example() {
    for (name, message) in ASYNCAPI.document["components"]["messages"].as_object().unwrap() {
        let at = format!("/components/messages/{name}/payload");
        assert!(message["summary"].is_string(), "{name}");
        let examples = message["examples"].as_array().unwrap();
        assert!(!examples.is_empty(), "{name} gives no example");
        for example in examples {
            assert_valid(&ASYNCAPI, &at, &example["payload"]);
        }
        check_properties(name, &message["payload"]);
    }
}

#[actix_web::test]
async fn undocumented_fields_are_noticed() {
    let at = "/components/schemas/Conversation";
    let mut entry = OPENAPI.document.pointer(&format!("{at}/examples/0")).unwrap().clone();
    assert_eq!(OPENAPI.errors(at, &entry), Vec::<String>::new());

    entry["other"] = serde_json::json!({"id": 7, "username": "ann", "email": "ann@example.com"});
    assert_ne!(OPENAPI.errors(at, &entry), Vec::<String>::new());
    entry["other"] = Value::Null;
    assert_eq!(OPENAPI.errors(at, &entry), Vec::<String>::new());
    entry["secret"] = Value::Bool(true);
    assert_ne!(OPENAPI.errors(at, &entry), Vec::<String>::new());
}

#[actix_web::test]
async fn swagger_ui_needs_no_other_server() {
    let world = World::new();

    let bare = world.get("/api/v1/docs").await;
    let page = world.get("/api/v1/docs/").await;

    assert_eq!((bare.status, bare.header("location")), (308, Some("docs/")));
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html")));
    assert!(!page.body.contains("://"), "{}", page.body);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("http"), "{policy}");
    for part in ["swagger-ui.css", "swagger-ui-bundle.js", "swagger-initializer.js"] {
        assert!(page.body.contains(part));
        let request = TestRequest::with_uri(&format!("/api/v1/docs/{part}"));
        assert_eq!(world.send(request).await.status, 200, "{part}");
    }
    let start = world.get("/api/v1/docs/swagger-initializer.js").await;
    assert!(start.body.contains("../openapi.json"), "{}", start.body);
    assert_eq!(world.get("/api/v1/docs/none.js").await.problem(), "not-found");
}
