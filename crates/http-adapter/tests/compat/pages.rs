use actix_web::http::Method;
use actix_web::test::TestRequest;

use crate::world::World;

#[actix_web::test]
async fn pages_are_html_under_a_strict_policy() {
    let world = World::new();
    let cases = [
        ("/", "<title>"),
        ("/chat/", "<title>Chat Rooms</title>"),
        ("/chat/kitchen/", "<title>Chat Room</title>"),
    ];

    for (path, text) in cases {
        let answer = world.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
        assert!(answer.body.contains(text), "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert!(policy.contains("connect-src 'self';"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
    }
}

#[actix_web::test]
async fn a_room_name_cannot_inject_markup() {
    let world = World::new();
    let cases = [
        ("/chat/kitchen/", r#"<script id="room-name" type="application/json">"kitchen"</script>"#),
        ("/chat/%3Cimg%3E%26/", r#""\u003Cimg\u003E\u0026""#),
        ("/chat/%D0%BA%22/", r#""\u043A\"""#),
    ];

    for (path, text) in cases {
        let answer = world.get(path).await;
        assert!(answer.body.contains(text), "{path}: {}", answer.body);
        assert!(!answer.body.contains("<img>"), "{path}");
    }
}

#[actix_web::test]
async fn assets_are_sent_once_and_then_revalidated() {
    let world = World::new();

    let first = world.get("/static/icon.svg").await;
    let tag = first.header("etag").unwrap().to_owned();
    let again = TestRequest::get().uri("/static/icon.svg").insert_header(("if-none-match", tag));
    let second = world.send(again).await;

    assert_eq!((first.status, first.header("content-type")), (200, Some("image/svg+xml")));
    assert_eq!(first.header("cache-control"), Some("no-cache"));
    assert_eq!((second.status, second.body.as_str()), (304, ""));
}

#[actix_web::test]
async fn unknown_pages_are_not_found() {
    let world = World::new();
    let paths = [
        "/nope/",
        "/chat/a/b/",
        "/chat/a%2Fb/",
        "/static/",
        "/static/nope.js",
        "/static/../start.html",
        "/static/%2e%2e/start.html",
        "/static/..%2f..%2fCargo.toml",
        "/static//etc/passwd",
        "/start.html",
    ];

    for path in paths {
        assert_eq!(world.get(path).await.status, 404, "{path}");
    }
}

#[actix_web::test]
async fn pages_accept_only_get_and_head() {
    let world = World::new();

    for path in ["/", "/chat/", "/chat/kitchen/", "/static/icon.svg"] {
        let answer = world.request(Method::POST, path, None).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{path}");
        assert_eq!(world.request(Method::HEAD, path, None).await.status, 200, "{path}");
    }
}
