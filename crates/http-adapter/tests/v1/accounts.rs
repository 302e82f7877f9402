//! Signing up and in, refreshing tokens and signing out.

use serde_json::json;

use crate::client::Client;
use crate::world::{User, World};

#[actix_web::test]
async fn sign_up_sign_in_refresh_and_sign_out_work() {
    let world = World::new();
    let new = json!({"username": "ann", "email": "ann@example.com", "password": "s3cret"});

    let first = world.post("/api/v1/accounts", &new).await.is(201);
    let credentials = json!({"username": "ann", "password": "s3cret"});
    let second = world.post("/api/v1/sessions", &credentials).await.is(201);
    let refresh = json!({"refresh": second["refresh"]});
    let third = world.post("/api/v1/sessions/refresh", &refresh).await.is(200);

    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let with = |access| User { id: 1, access, refresh: String::new() };
    for tokens in [&first, &second, &third] {
        let client = Client { world: &world, user: with(text(&tokens["access"])) };
        let me = client.get("/me").await.is(200);
        assert_eq!(
            (me["username"].as_str(), me["superuser"].as_bool()),
            (Some("ann"), Some(false))
        );
    }
    let client = Client { world: &world, user: with(text(&third["access"])) };
    assert_eq!(client.delete("/sessions/current").await.status, 204);
    assert_eq!(client.get("/me").await.problem(), "unauthenticated");
    let spent = world.post("/api/v1/sessions/refresh", &json!({"refresh": third["refresh"]})).await;
    assert_eq!((spent.status, spent.problem().as_str()), (401, "spent-token"));
    let other = Client { world: &world, user: with(text(&first["access"])) };
    other.get("/me").await.is(200);
}

#[actix_web::test]
async fn sign_up_reports_all_errors_by_field_and_rule() {
    let world = World::new();
    world.user("ann").await;

    let wrong = json!({"username": "a b", "email": "nowhere", "password": "x"});
    let wrong = world.post("/api/v1/accounts", &wrong).await;
    let taken = json!({"username": "ann", "email": "ann@example.com", "password": "s3cret"});
    let taken = world.post("/api/v1/accounts", &taken).await;

    let pair = |field: &str, rule: &str| (field.to_owned(), rule.to_owned());
    assert_eq!((wrong.status, wrong.problem().as_str()), (400, "invalid-request"));
    assert_eq!(
        wrong.errors(),
        [pair("username", "characters"), pair("email", "email"), pair("password", "min_length")]
    );
    assert_eq!((taken.status, taken.problem().as_str()), (409, "taken"));
    assert_eq!(taken.errors(), [pair("username", "taken"), pair("email", "taken")]);
}

#[actix_web::test]
async fn wrong_passwords_and_unknown_users_look_the_same() {
    let world = World::new();
    world.user("ann").await;

    for name in ["ann", "nobody"] {
        let credentials = json!({"username": name, "password": "wrong"});
        let answer = world.post("/api/v1/sessions", &credentials).await;

        assert_eq!((answer.status, answer.problem().as_str()), (401, "wrong-credentials"));
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
}
