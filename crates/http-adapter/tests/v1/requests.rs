//! The form of requests: bodies, ids, paths and headers.

use actix_web::http::Method;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use actix_web::test::TestRequest;
use serde_json::json;

use crate::client::Client;
use crate::world::{Answer, User, World, signed_v1};

impl World {
    /// Sends this text as a JSON body.
    async fn raw(&self, method: Method, path: &str, user: &User, body: &str) -> Answer {
        let request = TestRequest::with_uri(&format!("/api/v1{path}")).method(method);
        let request = request.insert_header((CONTENT_TYPE, "application/json"));
        self.send(signed_v1(request.set_payload(body.to_owned()), Some(user))).await
    }
}

#[actix_web::test]
async fn an_array_is_not_an_object() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let bob = Client::new(&world, "bob").await;
    let group = ann.group(&[&bob]).await;
    let message = ann.send_message(group, "x").await;
    // Each array holds the fields of the body in the order of its type.
    let bodies = [
        (Method::POST, "/accounts".to_owned(), r#"["eve","eve@example.com","correct horse 7"]"#),
        (Method::POST, "/sessions".to_owned(), r#"["ann","s3cret"]"#),
        (Method::POST, "/sessions/refresh".to_owned(), r#"["token"]"#),
        (Method::PATCH, "/me".to_owned(), r#"["Ann",null,false]"#),
        (Method::PUT, "/me/password".to_owned(), r#"["s3cret","another 7"]"#),
        (Method::POST, "/conversations".to_owned(), r#"["T",null,null,[]]"#),
        (Method::PATCH, format!("/conversations/{group}"), r#"["T"]"#),
        (Method::PUT, format!("/conversations/{group}/read"), "[1]"),
        (Method::POST, format!("/conversations/{group}/messages"), r#"["x",null,null]"#),
        (Method::PATCH, format!("/conversations/{group}/messages/{}", message["id"]), r#"["y"]"#),
        (Method::POST, format!("/conversations/{group}/members"), r#"[1,"member"]"#),
        (Method::PATCH, format!("/conversations/{group}/members/{}", bob.id()), r#"["admin"]"#),
        (
            Method::PUT,
            format!("/conversations/{group}/members/{}/silence", bob.id()),
            r#"["2030-01-01T00:00:00Z"]"#,
        ),
        (Method::PUT, format!("/conversations/{group}/owner"), "[1]"),
        (Method::POST, format!("/conversations/{group}/invites"), r#"["member",null,null]"#),
    ];

    for (method, path, body) in bodies {
        let answer = world.raw(method, &path, &ann.user, body).await;

        assert_eq!((answer.status, answer.problem().as_str()), (400, "invalid-request"), "{path}");
        assert_eq!(answer.value()["detail"], "The JSON value must be an object.", "{path}");
    }
}

#[actix_web::test]
async fn a_whole_number_may_be_written_with_a_fraction() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let bob = Client::new(&world, "bob").await;
    let body = format!(r#"{{"members": [{}.0]}}"#, bob.id());
    let group =
        world.raw(Method::POST, "/conversations", &ann.user, &body).await.is(201)["id"].clone();
    let path = format!("/conversations/{group}");
    let id = ann.send_message(group.as_i64().unwrap(), "x").await["id"].clone();

    let reply = format!(r#"{{"body": "re", "reply_to": {id}.0}}"#);
    let reply = world.raw(Method::POST, &format!("{path}/messages"), &ann.user, &reply).await;
    let read = r#"{"msg_no": 2e0}"#;
    let read = world.raw(Method::PUT, &format!("{path}/read"), &bob.user, read).await;
    let half = r#"{"msg_no": 1.5}"#;
    let half = world.raw(Method::PUT, &format!("{path}/read"), &bob.user, half).await;

    assert_eq!(reply.is(201)["reply_to"], id);
    assert_eq!(read.is(200)["read_no"], 2);
    assert_eq!(half.errors(), [("msg_no".to_owned(), "type".to_owned())]);
    assert_eq!(half.value()["errors"][0]["detail"], "must be an integer");
}

#[actix_web::test]
async fn an_id_has_one_form() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    ann.send_message(1, "x").await;
    for path in [
        "/conversations/01",
        "/conversations/+1",
        "/conversations/%2B1",
        "/conversations/1.0",
        "/conversations/1/messages/01",
        "/users/01",
    ] {
        assert_eq!(ann.get(path).await.problem(), "not-found", "{path}");
    }
    let epoch = "00000000-0000-0000-0000-000000000000";
    let changes = |since: &str| {
        format!("/conversations/1/changes?since={since}&epoch={epoch}&view_version=0")
    };
    let queries = [
        ("/users?ids=01".to_owned(), "ids"),
        ("/users?ids=%2B1".to_owned(), "ids"),
        ("/conversations?limit=01".to_owned(), "limit"),
        ("/conversations?limit=%2B1".to_owned(), "limit"),
        (changes("00"), "since"),
        (changes("1.0"), "since"),
    ];

    for (path, field) in queries {
        let answer = ann.get(&path).await;
        assert_eq!((answer.status, answer.errors()[0].0.as_str()), (400, field), "{path}");
    }
    ann.get("/users?ids=1").await.is(200);
    assert_eq!(ann.get("/conversations/1").await.is(200)["id"], json!(1));
}

#[actix_web::test]
async fn path_segments_are_decoded_once_and_wholly() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let message = ann.send_message(1, "x").await;
    let path = format!("/conversations/1/messages/{}/reactions", message["id"]);

    for emoji in ["%F0%9F%91%8D", "%3A%2B1%3A", ":+1:"] {
        let set = ann.put(&format!("{path}/{emoji}"), &json!({})).await.is(200);
        assert_eq!(set["reactions"].as_array().unwrap().len(), 1, "{emoji}: {set}");
        let removed = ann.delete(&format!("{path}/{emoji}")).await.is(200);
        assert_eq!(removed["reactions"], json!([]), "{emoji}");
    }
    for (segment, decoded) in [("%3A%2B1%3A", ":+1:"), (":%2b1:", ":+1:"), ("%3A+1:", ":+1:")] {
        let set = ann.put(&format!("{path}/{segment}"), &json!({})).await.is(200);
        assert_eq!(set["reactions"][0]["emoji"], decoded, "{segment}");
    }
}

#[actix_web::test]
async fn a_malformed_path_is_refused() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let message = ann.send_message(1, "x").await;
    let path = format!("/conversations/1/messages/{}/reactions", message["id"]);

    for segment in ["%FF", "%F0%9F", "%ED%A0%80", "%", "%zz", "%2"] {
        let answer = ann.put(&format!("{path}/{segment}"), &json!({})).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (400, "invalid-request"),
            "{segment}"
        );
        assert_eq!(answer.errors(), [("path".to_owned(), "encoding".to_owned())], "{segment}");
    }
}

#[actix_web::test]
async fn head_works_wherever_get_does() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let message = ann.send_message(1, "x").await;
    let message = format!("/conversations/1/messages/{}", message["id"]);
    let paths = [
        "/me",
        "/me/blocks",
        "/sessions",
        "/users?ids=1",
        "/users/1",
        "/conversations",
        "/conversations/1",
        "/conversations/1/cursor",
        "/conversations/1/members",
        "/conversations/1/messages",
        "/conversations/1/messages/search?q=x",
        "/messages/search?q=x",
        "/conversations/1/pins",
        "/conversations/99",
        "/moderation-log",
        "/conversations/1/export",
        "/problems/full",
        "/openapi.json",
        "/asyncapi.json",
        "/docs/",
        "/docs",
        "/nowhere",
        "/ws",
        &message,
    ];

    for path in paths {
        let ask =
            async |method| world.request(method, &format!("/api/v1{path}"), Some(&ann.user)).await;
        let (get, head) = (ask(Method::GET).await, ask(Method::HEAD).await);

        assert_eq!(head.status, get.status, "{path}");
        for name in ["content-type", "etag", "cache-control", "content-disposition"] {
            assert_eq!(head.header(name), get.header(name), "{path} {name}");
        }
    }
    let signing_in = world.request(Method::HEAD, "/api/v1/accounts", None).await;
    assert_eq!((signing_in.status, signing_in.header("allow")), (405, Some("POST")));
    let export = "/api/v1/conversations/1/export";
    assert_eq!(world.request(Method::HEAD, export, Some(&ann.user)).await.body, "");
}

#[actix_web::test]
async fn a_compressed_body_is_refused() {
    let world = World::new();
    let body = r#"{"username": "ann", "password": "s3cret"}"#;
    let sign_in = async |coding| {
        let request = TestRequest::post().uri("/api/v1/sessions").set_payload(body);
        let request = request.insert_header((CONTENT_TYPE, "application/json"));
        world.send(request.insert_header((CONTENT_ENCODING, coding))).await
    };
    Client::new(&world, "ann").await;

    for coding in ["gzip", "br", "identity, gzip", "x"] {
        let answer = sign_in(coding).await;
        assert_eq!((answer.status, answer.problem().as_str()), (415, "unsupported-media-type"));
        assert_eq!(answer.header("accept-encoding"), Some("identity"), "{coding}");
    }
    sign_in("Identity").await.is(201);
}

#[actix_web::test]
async fn no_cache_stores_private_answers() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let sign_in = json!({"username": "ann", "password": "s3cret"});

    let answers = [
        ann.post("/sessions", &sign_in).await,
        ann.post("/sessions/refresh", &json!({"refresh": ann.user.refresh})).await,
        ann.get("/me").await,
        ann.get("/conversations").await,
        ann.get("/conversations/99").await,
        ann.get("/conversations/1/export").await,
    ];

    for answer in &answers {
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{}", answer.body);
    }
    // The documents are the same for all users.
    assert_eq!(world.get("/api/v1/openapi.json").await.header("cache-control"), Some("no-cache"));
}
