use actix_web::http::{Method, StatusCode};
use application::ports::AccountStore as _;
use serde_json::{Value, json};

use crate::world::{LOGIN, MESSAGES, REFRESH, REGISTER, VERIFY, World, signup};

const BAD_USERNAME: &str = "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.";
const BAD_EMAIL: &str = "Enter a valid email address.";
const NUL: &str = "Null characters are not allowed.";

#[actix_web::test]
async fn registration_returns_exactly_a_pair_of_tokens() {
    let world = World::new();

    let answer = world.post(REGISTER, &signup("ann")).await;

    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("allow"), Some("POST, OPTIONS"));
    let pair = answer.value();
    assert_eq!(pair.as_object().unwrap().len(), 2);
    assert!(pair["access"].is_string() && pair["refresh"].is_string());
}

#[actix_web::test]
async fn registration_reports_all_errors_at_once() {
    let world = World::new();
    world.user("taken").await;
    let required = "This field is required.";
    let long = "x".repeat(151);
    let cases = [
        (json!({}), json!({"username": [required], "email": [required], "password": [required]})),
        (
            json!({"username": "a b", "email": "x", "password": "1"}),
            json!({
                "username": [BAD_USERNAME],
                "email": [BAD_EMAIL],
                "password": ["Password must be at least 6 characters."],
            }),
        ),
        (
            json!({"username": format!("{long} \u{0}y"), "email": true, "password": "secret\u{0}"}),
            json!({
                "username": [
                    BAD_USERNAME,
                    "Ensure this field has no more than 150 characters.",
                    NUL,
                ],
                "email": [BAD_EMAIL],
                "password": [NUL],
            }),
        ),
        (
            json!({"username": "b", "email": format!("{}@example.com", "x".repeat(300)), "password": "s3cret"}),
            json!({"email": ["Ensure this field has no more than 254 characters."]}),
        ),
        (
            json!({"username": "taken", "email": "x", "password": "1"}),
            json!({
                "username": ["A user with that username already exists."],
                "email": [BAD_EMAIL],
                "password": ["Password must be at least 6 characters."],
            }),
        ),
        (
            signup("taken"),
            json!({
                "username": ["A user with that username already exists."],
                "email": ["This email is already in use."],
            }),
        ),
        (
            json!({"username": "taken", "email": "new@example.com", "password": "s3cret"}),
            json!({"username": ["A user with that username already exists."]}),
        ),
    ];

    for (body, want) in cases {
        world.post(REGISTER, &body).await.expect(StatusCode::BAD_REQUEST, &want);
    }
}

#[actix_web::test]
async fn numbers_are_accepted_as_texts() {
    let world = World::new();
    let body = json!({"username": 123, "email": "n@example.com", "password": 123_456});
    assert_eq!(world.post(REGISTER, &body).await.status, 201);

    let answer = world.post(LOGIN, &json!({"username": " 123 ", "password": "123456"})).await;

    assert_eq!(answer.status, 200);
}

#[actix_web::test]
async fn a_lone_surrogate_is_an_error_of_its_field() {
    let world = World::new();
    let body = r#"{"username": "a\ud800", "email": "a@example.com", "password": "s3cret"}"#;
    let request = actix_web::test::TestRequest::post()
        .uri(REGISTER)
        .insert_header(("content-type", "application/json"))
        .set_payload(body);

    let answer = world.send(request).await;

    let want = json!({"username": ["Surrogate characters are not allowed: U+D800."]});
    answer.expect(StatusCode::BAD_REQUEST, &want);
}

#[actix_web::test]
async fn sign_in_needs_the_credentials_of_an_active_account() {
    let world = World::new();
    world.user("ann").await;
    world.user("gone").await;
    let gone = world.chat.by_username("gone").await.unwrap().unwrap().account.id;
    world.chat.set_active(gone, false).await.unwrap();

    let good = world.post(LOGIN, &json!({"username": "ann", "password": "s3cret"})).await;
    assert_eq!(good.status, 200, "{}", good.body);
    let want = json!({"detail": "No active account found with the given credentials"});
    for (name, password) in
        [("ann", "wrong!"), ("nobody", "s3cret"), ("ann@example.com", "s3cret"), ("gone", "s3cret")]
    {
        let answer = world.post(LOGIN, &json!({"username": name, "password": password})).await;
        answer.expect(StatusCode::UNAUTHORIZED, &want);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"api\""));
    }
}

#[actix_web::test]
async fn a_refresh_token_is_exchanged_once() {
    let world = World::new();
    let ann = world.user("ann").await;

    let first = world.post(REFRESH, &json!({"refresh": ann.refresh})).await;
    let second = world.post(REFRESH, &json!({"refresh": ann.refresh})).await;
    let verified = world.post(VERIFY, &json!({"token": ann.refresh})).await;

    assert_eq!(first.status, 200);
    assert_ne!(first.value()["refresh"], json!(ann.refresh));
    let spent = json!({"detail": "Token is blacklisted", "code": "token_not_valid"});
    second.expect(StatusCode::UNAUTHORIZED, &spent);
    let spent = json!({"non_field_errors": ["Token is blacklisted"]});
    verified.expect(StatusCode::BAD_REQUEST, &spent);
}

#[actix_web::test]
async fn invalid_tokens_get_distinct_errors() {
    struct Case {
        path: &'static str,
        body: Value,
        want: (StatusCode, Value),
    }
    let world = World::new();
    let ann = world.user("ann").await;
    let unauthorized = |detail: &str| {
        (StatusCode::UNAUTHORIZED, json!({"detail": detail, "code": "token_not_valid"}))
    };
    let bad = |body| (StatusCode::BAD_REQUEST, body);
    let cases = [
        Case {
            path: REFRESH,
            body: json!({"refresh": "garbage"}),
            want: unauthorized("Token is invalid or expired"),
        },
        Case {
            path: REFRESH,
            body: json!({"refresh": ann.access}),
            want: unauthorized("Token has wrong type"),
        },
        Case {
            path: REFRESH,
            body: json!({"refresh": null}),
            want: bad(json!({"refresh": ["This field may not be null."]})),
        },
        Case {
            path: REFRESH,
            body: json!({}),
            want: bad(json!({"refresh": ["This field is required."]})),
        },
        Case {
            path: VERIFY,
            body: json!({"token": null}),
            want: bad(json!({"token": ["This field may not be null."]})),
        },
        Case {
            path: VERIFY,
            body: json!({"token": "x"}),
            want: unauthorized("Token is invalid or expired"),
        },
        Case {
            path: VERIFY,
            body: json!({"token": ann.access}),
            want: (StatusCode::OK, json!({})),
        },
        Case {
            path: VERIFY,
            body: json!({"token": ann.refresh}),
            want: (StatusCode::OK, json!({})),
        },
    ];

    for Case { path, body, want: (status, want) } in cases {
        world.post(path, &body).await.expect(status, &want);
    }
}

#[actix_web::test]
async fn a_foreign_token_from_before_the_account_is_refused() {
    let world = World::new();
    world.user("ann").await;

    for (seconds, status) in [(-1, 401), (0, 200)] {
        let ann = world.foreign("ann", seconds).await;
        let verified = world.post(VERIFY, &json!({"token": ann.access})).await;
        let read = world.request(Method::GET, MESSAGES, Some(&ann)).await;
        assert_eq!((verified.status, read.status), (status, status), "{seconds} s");
    }
}

#[actix_web::test]
async fn only_register_looks_at_the_authorization_header() {
    let world = World::new();
    let bad = ("authorization", "Bearer garbage");
    let post = |path: &str, body: &Value| {
        actix_web::test::TestRequest::post().uri(path).insert_header(bad).set_json(body)
    };

    let register = world.send(post(REGISTER, &signup("ann"))).await;
    let login = world.send(post(LOGIN, &json!({}))).await;

    assert_eq!((register.status, &register.value()["code"]), (401, &json!("token_not_valid")));
    assert_eq!(login.status, 400);
}

#[actix_web::test]
async fn account_endpoints_accept_only_post() {
    let world = World::new();

    for path in [REGISTER, LOGIN, REFRESH, VERIFY] {
        for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
            let answer = world.request(method.clone(), path, None).await;
            let want = json!({"detail": format!("Method \"{method}\" not allowed.")});
            answer.expect(StatusCode::METHOD_NOT_ALLOWED, &want);
            assert_eq!(answer.header("allow"), Some("POST, OPTIONS"));
        }
        assert_eq!(world.request(Method::HEAD, path, None).await.status, 405);
    }
}

#[actix_web::test]
async fn names_and_addresses_are_unique_in_every_case_and_form() {
    let world = World::new();
    let first = world.post(REGISTER, &register_as("Zoe\u{308}", "zoe@example.com")).await;
    assert_eq!(first.status, 201, "{}", first.body);

    let same = world.post(REGISTER, &register_as("ZO\u{cb}", "ZOE@example.com")).await;
    let reserved = world.post(REGISTER, &register_as("Everyone", "new@example.com")).await;

    let taken = json!({
        "username": ["A user with that username already exists."],
        "email": ["This email is already in use."],
    });
    assert_eq!((same.status, same.value()), (400, taken));
    let want = json!({"username": ["This username is reserved."]});
    assert_eq!((reserved.status, reserved.value()), (400, want));
    for name in ["Zo\u{eb}", "zo\u{eb}", "ZOE\u{308}"] {
        let credentials = json!({"username": name, "password": "s3cret"});
        assert_eq!(world.post(LOGIN, &credentials).await.status, 200, "{name}");
    }
}

fn register_as(name: &str, address: &str) -> Value {
    json!({"username": name, "email": address, "password": "s3cret"})
}
