use std::sync::Arc;

use actix_web::http::{Method, StatusCode};
use actix_web::test::TestRequest;
use application::ports::{BackendError, PasswordHasher, Verdict};
use async_trait::async_trait;
use domain::{Password, PasswordHash};
use serde_json::json;
use testkit::Fault;
use testkit::values::wide_limits;

use crate::world::{LOGIN, MESSAGES, REGISTER, World, detail, signup};

const ORIGIN: (&str, &str) = ("origin", "http://localhost:3000");

#[actix_web::test]
async fn preflights_succeed_on_any_path() {
    let world = World::new();

    for path in
        ["/accounts/api/token/", "/accounts/api/token", "/chat/api/messages/1/", "/nope/", "/"]
    {
        let request = TestRequest::with_uri(path)
            .method(Method::OPTIONS)
            .insert_header(ORIGIN)
            .insert_header(("access-control-request-method", "PATCH"));
        let answer = world.send(request).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{path}");
        let header = |name: &str| answer.header(name).unwrap_or_default().to_owned();
        assert_eq!(header("access-control-allow-origin"), "*");
        assert_eq!(
            header("access-control-allow-methods"),
            "DELETE, GET, OPTIONS, PATCH, POST, PUT"
        );
        assert_eq!(
            header("access-control-allow-headers"),
            "accept, accept-encoding, authorization, content-type, dnt, origin, user-agent, \
             x-csrftoken, x-requested-with"
        );
        assert_eq!(header("access-control-max-age"), "86400");
        assert_eq!(answer.header("access-control-allow-credentials"), None);
        assert!(header("vary").contains("Origin"));
    }
}

#[actix_web::test]
async fn every_response_allows_the_origin() {
    let world = World::new();
    let cases = [
        ("GET", "/chat/api/", 200),
        ("GET", "/chat/api", 301),
        ("POST", LOGIN, 400),
        ("GET", MESSAGES, 401),
        ("GET", "/nope/", 404),
        ("GET", LOGIN, 405),
        ("GET", "/chat/", 200),
        ("GET", "/static/icon.svg", 200),
    ];

    for (method, path, status) in cases {
        let request = || TestRequest::with_uri(path).method(method.parse().unwrap());
        let foreign = world.send(request().insert_header(ORIGIN)).await;
        let own = world.send(request()).await;
        assert_eq!(foreign.status, status, "{path}");
        assert_eq!(foreign.header("access-control-allow-origin"), Some("*"), "{path}");
        assert_eq!(own.header("access-control-allow-origin"), None, "{path}");
        assert!(own.header("vary").unwrap().contains("Origin"), "{path}");
    }
}

#[actix_web::test]
async fn missing_final_slashes_are_redirected_without_a_body() {
    let world = World::new();
    let paths = [
        "/chat",
        "/chat/kitchen",
        "/chat/api",
        "/chat/api/messages",
        "/chat/api/messages/1",
        "/accounts/api/register",
        "/accounts/api/token/refresh",
    ];

    for path in paths {
        let answer = world.get(&format!("{path}?a=b&c=%20d")).await;
        let location = format!("{path}/?a=b&c=%20d");
        assert_eq!((answer.status, answer.header("location")), (301, Some(location.as_str())));
    }
    for path in ["/nope", "/accounts", "/chat/api/nope/x"] {
        assert_eq!(world.get(path).await.status, 404, "{path}");
    }
}

#[actix_web::test]
async fn writes_without_the_final_slash_work() {
    let world = World::new();
    let ann = world.user("ann").await;
    let message = world.message(&ann, "x").await;
    let path = detail(&message);

    let registered = world.post("/accounts/api/register", &signup("bob")).await;
    let body = json!({"content": "y"});
    let edited = world.json(Method::PATCH, path.trim_end_matches('/'), Some(&ann), &body).await;

    assert_eq!(registered.status, 201);
    assert_eq!((edited.status, &edited.value()["content"]), (200, &json!("y")));
}

#[actix_web::test]
async fn every_response_has_security_headers_and_an_id() {
    let world = World::new();

    let paths = ["/chat/api/", "/nope/", "/", "/static/icon.svg", "/health/live", MESSAGES];
    for path in [&paths[..], &["/api/v1/me", "/api/v1/nope", "/api/v1/%zz"]].concat() {
        let answer = world.get(path).await;
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; "), "{path}: {policy}");
        assert!(policy.ends_with("frame-ancestors 'none'"), "{path}: {policy}");
        assert_eq!(answer.header("strict-transport-security"), None);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        assert_eq!(answer.header("referrer-policy"), Some("same-origin"));
        assert_eq!(answer.header("cross-origin-opener-policy"), Some("same-origin"));
        assert_eq!(answer.header("x-request-id").unwrap().len(), 16);
    }
}

#[actix_web::test]
async fn only_requests_over_https_make_browsers_stay_with_it() {
    let world = World::limited(&Arc::default(), wide_limits());
    let cases = [
        ("10.0.0.1:80", "https", Some("max-age=31536000")),
        ("10.0.0.1:80", "http", None),
        ("192.0.2.9:80", "https", None),
    ];

    for (peer, proto, want) in cases {
        for path in ["/", "/nope/", "/health/live", MESSAGES, "/api/v1/me"] {
            let request = TestRequest::get().uri(path).peer_addr(peer.parse().unwrap());
            let answer = world.send(request.insert_header(("x-forwarded-proto", proto))).await;
            assert_eq!(answer.header("strict-transport-security"), want, "{peer} {proto} {path}");
        }
    }
}

#[actix_web::test]
async fn plain_request_ids_are_kept_and_others_replaced() {
    let world = World::new();
    let long = "x".repeat(65);
    let cases = [
        ("a.B_c-9", true),
        ("with blank", false),
        ("a\"b", false),
        (long.as_str(), false),
        ("", false),
    ];

    for (id, kept) in cases {
        let request = TestRequest::get().uri("/chat/api/").insert_header(("x-request-id", id));
        let answer = world.send(request).await;
        assert_eq!(answer.header("x-request-id") == Some(id), kept, "{id}");
    }
}

#[actix_web::test]
async fn liveness_and_readiness_differ() {
    let world = World::new();
    world.get("/health/live").await.expect(StatusCode::OK, &json!({"status": "live"}));
    world.get("/health/ready").await.expect(StatusCode::OK, &json!({"status": "ready"}));

    world.store.outage(Some(Fault::Unreachable));
    let away = json!({"status": "store unavailable"});
    world.get("/health/ready").await.expect(StatusCode::SERVICE_UNAVAILABLE, &away);
    world.store.outage(None);

    world.state.readiness.stop();
    let stopping = json!({"status": "stopping"});
    world.get("/health/ready").await.expect(StatusCode::SERVICE_UNAVAILABLE, &stopping);
    assert_eq!(world.get("/health/live").await.status, 200);
}

#[actix_web::test]
async fn an_outage_is_a_503() {
    let world = World::new();
    let ann = world.user("ann").await;
    world.store.outage(Some(Fault::Unreachable));
    let want = json!({"detail": "Service temporarily unavailable, try again later."});

    let listed = world.request(Method::GET, MESSAGES, Some(&ann)).await;
    let read = world.request(Method::GET, "/chat/api/messages/1/", Some(&ann)).await;

    listed.expect(StatusCode::SERVICE_UNAVAILABLE, &want);
    read.expect(StatusCode::SERVICE_UNAVAILABLE, &want);
}

struct PanickingHasher;

#[async_trait]
impl PasswordHasher for PanickingHasher {
    async fn hash(&self, _password: Password) -> Result<PasswordHash, BackendError> {
        panic!("a defect");
    }

    async fn verify(
        &self,
        _password: Password,
        _hash: Option<PasswordHash>,
    ) -> Result<Verdict, BackendError> {
        Err(BackendError::new("verify", "the hasher is gone"))
    }
}

#[actix_web::test]
async fn a_panic_is_one_500() {
    let world = World::hashing_with(Arc::new(PanickingHasher));
    let request = TestRequest::post().uri(REGISTER).insert_header(ORIGIN).set_json(signup("ann"));

    let answer = world.send(request).await;

    let want = json!({"detail": "Internal server error."});
    answer.expect(StatusCode::INTERNAL_SERVER_ERROR, &want);
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert!(answer.header("x-request-id").is_some());
}

#[actix_web::test]
async fn a_failing_port_is_a_503_without_its_cause() {
    let world = World::hashing_with(Arc::new(PanickingHasher));

    let answer = world.post(LOGIN, &json!({"username": "ann", "password": "s3cret"})).await;

    let want = json!({"detail": "Service temporarily unavailable, try again later."});
    answer.expect(StatusCode::SERVICE_UNAVAILABLE, &want);
}

#[actix_web::test]
async fn links_use_the_requested_host() {
    let world = World::new();

    for (host, want) in [("chat.example", "chat.example"), ("", "localhost:8080")] {
        let answer = world.send(TestRequest::with_uri("/chat/api/").insert_header(("host", host)));

        let want = format!("http://{want}/chat/api/messages/");
        assert_eq!(answer.await.value()["messages"], json!(want));
    }
}
