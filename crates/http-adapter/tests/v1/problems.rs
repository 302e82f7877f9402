//! Error responses.

use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE};
use actix_web::test::TestRequest;
use serde_json::json;

use crate::client::Client;
use crate::world::{ORIGIN, World};

#[actix_web::test]
async fn protected_operations_need_a_token() {
    let world = World::new();
    let protected = [
        (Method::DELETE, "/sessions/current"),
        (Method::GET, "/sessions"),
        (Method::DELETE, "/sessions"),
        (Method::DELETE, "/sessions/0000000000000000"),
        (Method::GET, "/me"),
        (Method::PATCH, "/me"),
        (Method::PUT, "/me/password"),
        (Method::GET, "/me/blocks"),
        (Method::PUT, "/me/blocks/1"),
        (Method::DELETE, "/me/blocks/1"),
        (Method::GET, "/users?username=ann"),
        (Method::GET, "/users?ids=1"),
        (Method::GET, "/users/1"),
        (Method::GET, "/moderation-log"),
        (Method::GET, "/conversations"),
        (Method::POST, "/conversations"),
        (Method::PUT, "/direct/1"),
        (Method::GET, "/conversations/1"),
        (Method::PATCH, "/conversations/1"),
        (Method::DELETE, "/conversations/1"),
        (Method::PUT, "/conversations/1/read"),
        (Method::PUT, "/conversations/1/mute"),
        (Method::DELETE, "/conversations/1/mute"),
        (Method::GET, "/conversations/1/changes"),
        (Method::GET, "/conversations/1/cursor"),
        (Method::GET, "/conversations/1/messages"),
        (Method::POST, "/conversations/1/messages"),
        (Method::GET, "/conversations/1/messages/search?q=x"),
        (Method::GET, "/messages/search?q=x"),
        (Method::GET, "/conversations/1/export"),
        (Method::GET, "/conversations/1/messages/1"),
        (Method::PATCH, "/conversations/1/messages/1"),
        (Method::DELETE, "/conversations/1/messages/1"),
        (Method::PUT, "/conversations/1/messages/1/reactions/:x:"),
        (Method::DELETE, "/conversations/1/messages/1/reactions/:x:"),
        (Method::DELETE, "/conversations/1/messages/1/reactions/:x:/1"),
        (Method::PUT, "/conversations/1/messages/1/pin"),
        (Method::DELETE, "/conversations/1/messages/1/pin"),
        (Method::GET, "/conversations/1/pins"),
        (Method::GET, "/conversations/1/members"),
        (Method::POST, "/conversations/1/members"),
        (Method::PATCH, "/conversations/1/members/1"),
        (Method::DELETE, "/conversations/1/members/1"),
        (Method::PUT, "/conversations/1/members/1/ban"),
        (Method::DELETE, "/conversations/1/members/1/ban"),
        (Method::PUT, "/conversations/1/members/1/silence"),
        (Method::DELETE, "/conversations/1/members/1/silence"),
        (Method::PUT, "/conversations/1/owner"),
        (Method::GET, "/conversations/1/invites"),
        (Method::POST, "/conversations/1/invites"),
        (Method::DELETE, "/conversations/1/invites/00000000000000000000000000000000"),
        (Method::GET, "/invites/00000000000000000000000000000000"),
        (Method::POST, "/invites/00000000000000000000000000000000/join"),
    ];

    for (method, path) in protected {
        let answer = world.request(method.clone(), &format!("/api/v1{path}"), None).await;

        assert_eq!((answer.status, answer.problem().as_str()), (401, "unauthenticated"), "{path}");
        let wrong = TestRequest::with_uri(&format!("/api/v1{path}"))
            .method(method)
            .insert_header((AUTHORIZATION, "Bearer nonsense"));
        assert_eq!(world.send(wrong).await.problem(), "unauthenticated", "{path}");
    }
}

#[actix_web::test]
async fn invalid_bodies_are_reported_by_field_and_rule() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let long = "x".repeat(4_001);
    let cases = [
        (json!({}), "body", "required"),
        (json!({"body": 1}), "body", "type"),
        (json!({"body": " \n"}), "body", "blank"),
        (json!({"body": "\u{200b}\u{3164}\u{2800}\u{301}"}), "body", "blank"),
        (json!({"body": "a\u{0}b"}), "body", "nul"),
        (json!({"body": long}), "body", "max_length"),
        (json!({"body": "x", "client_id": "7"}), "client_id", "uuid"),
        (json!({"body": "x", "author": 7}), "author", "unknown"),
        (json!({"body": "x", "reply_to": "x"}), "reply_to", "type"),
    ];

    for (body, field, rule) in cases {
        let answer = ann.post("/conversations/1/messages", &body).await;

        assert_eq!((answer.status, answer.problem().as_str()), (400, "invalid-request"));
        assert_eq!(answer.errors(), [(field.to_owned(), rule.to_owned())], "{}", answer.body);
    }
}

#[actix_web::test]
async fn invalid_queries_are_reported_by_field_and_rule() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let cases = [
        ("/conversations?limit=0", "limit", "range"),
        ("/conversations?limit=101", "limit", "range"),
        ("/conversations?limit=x", "limit", "type"),
        ("/conversations?page=2", "page", "unknown"),
        ("/conversations?before=x", "before", "cursor"),
        ("/conversations/1/messages?before=x", "before", "cursor"),
        ("/conversations/1/pins?after=x", "after", "unknown"),
        ("/conversations/1/changes?epoch=x&view_version=0", "since", "required"),
        ("/conversations/1/changes?since=0&epoch=x&view_version=0", "epoch", "uuid"),
        ("/users", "username", "required"),
    ];

    for (path, field, rule) in cases {
        let answer = ann.get(path).await;

        assert_eq!(answer.status, 400, "{path}: {}", answer.body);
        assert_eq!(answer.errors(), [(field.to_owned(), rule.to_owned())], "{path}");
    }
}

#[actix_web::test]
async fn malformed_requests_and_unknown_paths_are_problems() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let to = |body: &'static str, kind: &'static str| {
        let request = TestRequest::post().uri("/api/v1/sessions");
        request.insert_header((CONTENT_TYPE, kind)).set_payload(body)
    };

    let json = "application/json; charset=utf-8";
    assert_eq!(world.send(to("{", json)).await.problem(), "invalid-request");
    assert_eq!(world.send(to("", json)).await.problem(), "invalid-request");
    assert_eq!(world.send(to("{} {}", json)).await.problem(), "invalid-request");
    assert_eq!(world.send(to("{}", "text/plain")).await.problem(), "unsupported-media-type");
    let large = format!("\"{}\"", "x".repeat(300 * 1024));
    let large = TestRequest::post().uri("/api/v1/sessions").set_payload(large);
    let large = large.insert_header((CONTENT_TYPE, json));
    assert_eq!(world.send(large).await.problem(), "too-large");
    assert_eq!(ann.get("/nowhere").await.problem(), "not-found");
    assert_eq!(ann.get("/conversations/x").await.problem(), "not-found");
    let other = ann.send(Method::PATCH, "/conversations").await;
    assert_eq!(other.problem(), "method-not-allowed");
    assert_eq!(other.header("allow"), Some("GET, HEAD, POST"));
}

#[actix_web::test]
async fn each_problem_kind_is_described_at_its_address() {
    let world = World::new();

    let answer = world.get("/api/v1/problems/last-owner").await.is(200);

    assert_eq!(answer["type"], "/api/v1/problems/last-owner");
    assert_eq!(answer["status"], 409);
    assert_eq!(world.get("/api/v1/problems/none").await.problem(), "not-found");
}

#[actix_web::test]
async fn only_allowed_origins_may_use_v1() {
    let world = World::new();
    let ask = async |method: Method, path: &str, origin: &str| {
        let request = TestRequest::with_uri(path).method(method);
        let request = request.insert_header(("Origin", origin));
        world.send(request.insert_header(("Access-Control-Request-Method", "PUT"))).await
    };
    let allowed = |answer: &crate::world::Answer| {
        answer.header("access-control-allow-origin").map(str::to_owned)
    };

    let ours = ask(Method::OPTIONS, "/api/v1/me", ORIGIN).await;
    let foreign = ask(Method::OPTIONS, "/api/v1/me", "https://evil.example.com").await;
    let answer = ask(Method::GET, "/api/v1/me", ORIGIN).await;
    let compat = ask(Method::OPTIONS, "/chat/api/messages/", "https://evil.example.com").await;

    assert_eq!((ours.status, allowed(&ours).as_deref()), (200, Some(ORIGIN)));
    assert!(ours.header("access-control-allow-headers").unwrap().contains("if-match"));
    assert_eq!(allowed(&foreign), None);
    assert_eq!(foreign.header("access-control-allow-methods"), None);
    assert_eq!((answer.status, allowed(&answer).as_deref()), (401, Some(ORIGIN)));
    assert!(answer.header("access-control-expose-headers").unwrap().contains("etag"));
    assert_eq!(allowed(&compat).as_deref(), Some("*"));
}
