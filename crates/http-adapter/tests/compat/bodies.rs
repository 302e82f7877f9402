use actix_web::http::{Method, StatusCode};
use actix_web::test::TestRequest;
use serde_json::json;

use crate::world::{BODY_BYTES, LOGIN, MESSAGES, REFRESH, World, signed};

#[actix_web::test]
async fn forms_are_accepted_like_json() {
    let world = World::new();
    let ann = world.user("ann").await;
    let urlencoded = format!("content=+form%21+&author={}&is_modified=", ann.id);
    let multipart = format!(
        "--x\r\nContent-Disposition: form-data; name=\"content\"\r\n\r\n form! \r\n\
         --x\r\nContent-Disposition: form-data; name=\"author\"\r\n\r\n{}\r\n--x--\r\n",
        ann.id
    );
    let cases = [
        ("application/x-www-form-urlencoded", urlencoded),
        ("multipart/form-data; boundary=x", multipart),
    ];

    for (content_type, body) in cases {
        let request = TestRequest::post()
            .uri(MESSAGES)
            .insert_header(("content-type", content_type))
            .set_payload(body);
        let answer = world.send(signed(request, Some(&ann))).await;
        assert_eq!((answer.status, &answer.value()["content"]), (201, &json!("form!")));
        assert_eq!(answer.value()["is_modified"], json!(false));
    }
}

#[actix_web::test]
async fn uploaded_files_are_not_texts() {
    let world = World::new();
    let part = |name: &str, more: &str| {
        format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\nabc\r\n")
    };
    let file = part("username", "; filename=\"f\"");
    let body = format!("{file}{}--x--", part("password", ""));
    let request = TestRequest::post()
        .uri(LOGIN)
        .insert_header(("content-type", "multipart/form-data; boundary=x"))
        .set_payload(body);

    let answer = world.send(request).await;

    let want = json!({"username": ["Not a valid string."]});
    answer.expect(StatusCode::BAD_REQUEST, &want);
}

#[actix_web::test]
async fn a_body_over_the_limit_is_refused() {
    let world = World::new();
    let ann = world.user("ann").await;
    let fitting = "x".repeat(BODY_BYTES - 20);
    let cases = [(fitting.clone(), 400), (format!("{fitting}{fitting}"), 413)];

    for (content, status) in cases {
        let body = json!({"content": content});
        let answer = world.json(Method::POST, MESSAGES, Some(&ann), &body).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        assert!(status == 400 || answer.value()["detail"].is_string());
    }
}

#[actix_web::test]
async fn a_compressed_body_is_refused() {
    let world = World::new();
    let request = TestRequest::post().uri(LOGIN).set_json(json!({"username": "ann"}));

    let answer = world.send(request.insert_header(("content-encoding", "gzip"))).await;

    let want = json!({"detail": "Unsupported content encoding in request."});
    answer.expect(StatusCode::UNSUPPORTED_MEDIA_TYPE, &want);
    assert_eq!(answer.header("accept-encoding"), Some("identity"));
}

#[actix_web::test]
async fn no_cache_stores_tokens_or_messages() {
    let world = World::new();
    let ann = world.user("ann").await;
    let login = json!({"username": "ann", "password": "s3cret"});

    let answers = [
        world.post(LOGIN, &login).await,
        world.post(REFRESH, &json!({"refresh": ann.refresh})).await,
        world.request(Method::GET, MESSAGES, Some(&ann)).await,
        world.get(MESSAGES).await,
    ];

    assert_eq!(answers.each_ref().map(|answer| answer.status), [200, 200, 200, 401]);
    for answer in &answers {
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{}", answer.body);
    }
}
