use actix_web::http::{Method, StatusCode};
use actix_web::test::TestRequest;
use application::ports::AccountStore as _;
use domain::UserId;
use serde_json::{Value, json};

use crate::world::{MESSAGES, World};

fn not_valid(message: &str) -> Value {
    json!({
        "detail": "Given token not valid for any token type",
        "code": "token_not_valid",
        "messages": [
            {"token_class": "AccessToken", "token_type": "access", "message": message}
        ],
    })
}

#[actix_web::test]
async fn protected_endpoints_explain_why_a_token_is_refused() {
    let world = World::new();
    let ann = world.user("ann").await;
    let not_provided = json!({"detail": "Authentication credentials were not provided."});
    let malformed = json!({
        "detail": "Authorization header must contain two space-delimited values",
        "code": "bad_authorization_header",
    });
    let cases = [
        (None, not_provided.clone()),
        (Some(String::new()), not_provided.clone()),
        (Some(format!("bearer {}", ann.access)), not_provided.clone()),
        (Some(format!("JWT {}", ann.access)), not_provided.clone()),
        (Some(ann.access.clone()), not_provided),
        (Some("Bearer".into()), malformed.clone()),
        (Some("Bearer one two".into()), malformed),
        (Some("Bearer garbage".into()), not_valid("Token is invalid or expired")),
        (Some(format!("Bearer {}", ann.refresh)), not_valid("Token has wrong type")),
    ];

    for (header, want) in cases {
        let mut request = TestRequest::get().uri(MESSAGES);
        if let Some(header) = &header {
            request = request.insert_header(("authorization", header.as_str()));
        }
        let answer = world.send(request).await;
        answer.expect(StatusCode::UNAUTHORIZED, &want);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"api\""));
        assert_eq!(answer.header("allow"), Some("GET, POST, HEAD, OPTIONS"));
    }
}

#[actix_web::test]
async fn disabled_accounts_are_refused() {
    let world = World::new();
    let ann = world.user("ann").await;
    world.chat.set_active(UserId::new(ann.id), false).await.unwrap();
    let header = ("authorization", format!("Bearer  {} ", ann.access));

    let answer = world.send(TestRequest::get().uri(MESSAGES).insert_header(header)).await;

    let want = json!({"detail": "User is inactive", "code": "user_inactive"});
    answer.expect(StatusCode::UNAUTHORIZED, &want);
}

#[actix_web::test]
async fn enabling_a_disabled_account_revives_no_token() {
    let world = World::new();
    let ann = world.user("ann").await;

    world.chat.set_active(UserId::new(ann.id), false).await.unwrap();
    world.chat.set_active(UserId::new(ann.id), true).await.unwrap();

    let answer = world.request(Method::GET, MESSAGES, Some(&ann)).await;
    answer.expect(StatusCode::UNAUTHORIZED, &not_valid("Token is invalid or expired"));
    let refresh = json!({"refresh": ann.refresh});
    assert_eq!(world.post("/accounts/api/token/refresh/", &refresh).await.status, 401);
}

#[actix_web::test]
async fn the_root_is_public_but_refuses_invalid_tokens() {
    let world = World::new();
    let bad = TestRequest::get().uri("/chat/api/").insert_header(("authorization", "Bearer x"));

    let public =
        world.send(TestRequest::get().uri("/chat/api/").insert_header(("host", "h:1"))).await;
    let refused = world.send(bad).await;

    public.expect(StatusCode::OK, &json!({"messages": "http://h:1/chat/api/messages/"}));
    refused.expect(StatusCode::UNAUTHORIZED, &not_valid("Token is invalid or expired"));
}

#[actix_web::test]
async fn checks_run_in_the_expected_order() {
    struct Case {
        name: &'static str,
        method: &'static str,
        path: String,
        accept: &'static str,
        signed_in: bool,
        status: u16,
    }
    let world = World::new();
    let (ann, bob) = (world.user("ann").await, world.user("bob").await);
    let foreign = crate::world::detail(&world.message(&bob, "hers").await);
    let json = "application/json";
    let case = |name, method, path: &str, accept, signed_in, status| Case {
        name,
        method,
        path: path.to_owned(),
        accept,
        signed_in,
        status,
    };
    let cases = [
        case("format before accept", "DELETE", "/chat/api/messages.xml", "image/png", false, 404),
        case("406 before 401", "DELETE", MESSAGES, "image/png", false, 406),
        case("401 before 405", "DELETE", MESSAGES, json, false, 401),
        case("405 before the body", "DELETE", MESSAGES, json, true, 405),
        case("404 before the body", "PATCH", "/chat/api/messages/77/", json, true, 404),
        case("403 before the body", "PATCH", &foreign, json, true, 403),
        case("then the body", "POST", MESSAGES, json, true, 415),
    ];

    for Case { name, method, path, accept, signed_in, status } in cases {
        let request = TestRequest::with_uri(&path)
            .method(method.parse().unwrap())
            .insert_header(("accept", accept))
            .insert_header(("content-type", "text/plain"))
            .set_payload("no json");
        let user = signed_in.then_some(&ann);
        let answer = world.send(crate::world::signed(request, user)).await;
        assert_eq!(answer.status, status, "{name}: {}", answer.body);
        assert_eq!(answer.header("vary"), Some("Accept, Origin"), "{name}");
        assert!(answer.header("allow").is_some(), "{name}");
    }
}
