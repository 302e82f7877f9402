use actix_web::http::Method;
use actix_web::test::TestRequest;
use serde_json::{Value, json};
use testkit::{Fault, Operation};

use crate::captured::Log;
use crate::world::{LOGIN, MESSAGES, World, signed, signed_for};

#[actix_web::test]
async fn a_request_is_logged_in_one_line_without_secrets() {
    let world = World::new();
    let ann = world.user("ann").await;
    let log = Log::default();
    let watched = log.watch();

    let body = json!({"content": "private words", "author": ann.id});
    let path = format!("{MESSAGES}?access_token={}", ann.access);
    let request =
        TestRequest::post().uri(&path).set_json(&body).insert_header(("x-request-id", "r-1"));
    world.send(signed(request, Some(&ann))).await;
    world.post(LOGIN, &json!({"username": "ann", "password": "s3cret"})).await;
    drop(watched);

    let lines = log.lines();
    let requests = lines.iter().filter(|line| line.contains("http_adapter::access_log")).count();
    assert_eq!(requests, 2, "{lines:?}");
    for part in ["POST /chat/api/messages/ 201", "request.id=\"r-1\"", "duration_us=", "bytes="] {
        assert!(lines[0].contains(part), "{part}: {}", lines[0]);
    }
    for secret in ["plain:", "access_token", "private", "s3cret"] {
        assert!(lines.iter().all(|line| !line.contains(secret)), "{secret}: {lines:?}");
    }
}

#[actix_web::test]
async fn a_failed_request_logs_its_cause_once_and_never_shows_it() {
    let world = World::new();
    let ann = world.user("ann").await;
    let compat = json!({"content": "private", "author": ann.id});
    let v1 = json!({"body": "private"});
    let (v1_path, failed) = ("/api/v1/conversations/1/messages", Fault::Failed);
    let cases = [
        (Method::GET, "/chat/api/messages/", Value::Null, Operation::Newest, 503),
        (Method::GET, "/chat/api/messages/1/", Value::Null, Operation::Message, 503),
        (Method::POST, "/chat/api/messages/", compat, Operation::Commit, 500),
        (Method::GET, v1_path, Value::Null, Operation::Page, 503),
        (Method::POST, v1_path, v1, Operation::Commit, 500),
    ];

    for (method, path, body, operation, status) in cases {
        world.store.fail_next(operation, failed);
        let log = Log::default();
        let watched = log.watch();

        let request = TestRequest::with_uri(path).method(method.clone()).set_json(&body);
        let request = request.insert_header(("x-request-id", "r-2"));
        let answer = world.send(signed_for(path, request, Some(&ann))).await;
        drop(watched);

        assert_eq!(answer.status, status, "{method} {path}");
        let errors = log.errors();
        assert_eq!(errors.len(), 1, "{method} {path}: {errors:?}");
        for part in ["r-2", "inject a fault failed", "Failed"] {
            assert!(errors[0].contains(part), "{part}: {errors:?}");
        }
        assert!(!errors[0].contains("private"), "{errors:?}");
        assert!(!answer.body.contains("fault"), "{}", answer.body);
    }
}
