//! Signing up and in, refreshing tokens and signing out.

use serde_json::json;

use crate::client::Client;
use crate::world::{LOGIN, REGISTER, User, World};

#[actix_web::test]
async fn sign_up_sign_in_refresh_and_sign_out_work() {
    let world = World::new();
    let new = json!({"username": "ann", "email": "ann@example.com", "password": "s3cret-pw"});

    let first = world.post("/api/v1/accounts", &new).await.is(201);
    let credentials = json!({"username": "ann", "password": "s3cret-pw"});
    let second = world.post("/api/v1/sessions", &credentials).await.is(201);
    let refresh = json!({"refresh": second["refresh"]});
    let third = world.post("/api/v1/sessions/refresh", &refresh).await.is(200);

    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let with = |v1| User { id: 1, access: String::new(), v1, refresh: String::new() };
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
    let taken = json!({"username": "ann", "email": "ann@example.com", "password": "s3cret-pw"});
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

#[actix_web::test]
async fn names_and_addresses_are_unique_in_every_case_and_form() {
    let world = World::new();
    let sign_up = async |name: &str, address: &str| {
        let new = json!({"username": name, "email": address, "password": "s3cret-pw"});
        world.post("/api/v1/accounts", &new).await
    };

    sign_up("Zoe\u{308}", "zoe@example.com").await.is(201);
    let same = sign_up("ZO\u{cb}", "ZOE@example.com").await;
    let another = sign_up("Zoe", "zoe2@example.com").await;

    assert_eq!((same.status, same.problem().as_str()), (409, "taken"));
    let fields: Vec<_> = same.errors().into_iter().map(|(field, _)| field).collect();
    assert_eq!(fields, ["username", "email"]);
    another.is(201);
    for name in ["all", "HERE", "Everyone"] {
        let reserved = sign_up(name, "new@example.com").await;
        assert_eq!(reserved.errors(), [("username".to_owned(), "reserved".to_owned())], "{name}");
    }
    for (name, status) in [("Zo\u{eb}", 201), ("zo\u{eb}", 201), ("zoe\u{308}", 201), ("zoee", 401)]
    {
        let credentials = json!({"username": name, "password": "s3cret-pw"});
        assert_eq!(world.post("/api/v1/sessions", &credentials).await.status, status, "{name}");
    }
}

#[actix_web::test]
async fn a_password_of_one_api_signs_in_on_the_other() {
    let world = World::new();
    let new = |name: &str, password: &str| json!({"username": name, "email": format!("{name}@example.com"), "password": password});

    world.post("/api/v1/accounts", &new("ann", "  cafe\u{301} cr\u{e8}me \n")).await.is(201);
    world.post(REGISTER, &new("bob", "  cafe\u{301} cr\u{e8}me \n")).await.is(201);

    for name in ["ann", "bob"] {
        for password in
            ["caf\u{e9} cr\u{e8}me", " cafe\u{301} cre\u{300}me", "caf\u{e9}\u{a0}cr\u{e8}me"]
        {
            let credentials = json!({"username": name, "password": password});
            world.post("/api/v1/sessions", &credentials).await.is(201);
            world.post(LOGIN, &credentials).await.is(200);
        }
    }
}

#[actix_web::test]
async fn short_and_common_passwords_are_refused() {
    let world = World::new();
    let cases = [
        ("1234567", "min_length"),
        (" abcdefg ", "min_length"),
        ("password", "common"),
        ("Password1", "common"),
        ("12345678", "common"),
    ];

    for (password, rule) in cases {
        let new = json!({"username": "ann", "email": "a@example.com", "password": password});
        let answer = world.post("/api/v1/accounts", &new).await;
        assert_eq!(answer.errors(), [("password".to_owned(), rule.to_owned())], "{password}");
        let name = format!("user{}", password.trim());
        let new =
            json!({"username": name, "email": format!("{name}@example.com"), "password": password});
        world.post(REGISTER, &new).await.is(201);
    }
}
