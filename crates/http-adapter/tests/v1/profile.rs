//! Profiles of users.

use application::ports::AccountStore as _;
use domain::UserId;
use serde_json::{Value, json};
use testkit::values::{at, username};

use crate::client::Client;
use crate::world::World;

fn person(client: &Client<'_>, name: &str) -> Value {
    json!({
        "id": client.id(), "username": name, "display_name": null, "about": null,
        "online": false, "last_seen_at": null,
    })
}

#[actix_web::test]
async fn users_are_found_by_name_or_ids() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let bob = Client::new(&world, "bob").await;

    let by_id = ann.get(&format!("/users/{}", bob.id())).await.is(200);
    let by_name = ann.get("/users?username=bob").await.is(200);
    let equal = ann.get("/users?username=BOB").await.is(200);
    let none = ann.get("/users?username=bo").await.is(200);
    let ids = format!("/users?ids={},999,{},{}", bob.id(), ann.id(), bob.id());
    let many = ann.get(&ids).await.is(200);

    assert_eq!(by_id, person(&bob, "bob"));
    assert_eq!(by_name, json!({"items": [by_id]}));
    assert_eq!(equal, by_name);
    assert_eq!(none, json!({"items": []}));
    assert_eq!(many, json!({"items": [by_id, person(&ann, "ann")]}));
    assert_eq!(ann.get("/users/999").await.problem(), "not-found");
}

/// By id and by name, in every place that takes a user.
#[actix_web::test]
async fn disabled_users_are_answered_like_unknown_ones() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let bob = Client::new(&world, "bob").await;
    let group = ann.group(&[&bob]).await;
    ann.put(&format!("/direct/{}", bob.id()), &json!({})).await.is(201);
    world.chat.set_active(UserId::new(bob.id()), false).await.unwrap();
    let other = ann.group(&[]).await;

    for id in [bob.id(), 999] {
        assert_eq!(ann.get(&format!("/users/{id}")).await.problem(), "not-found", "{id}");
        assert_eq!(ann.get(&format!("/users?ids={id}")).await.is(200), json!({"items": []}));
        let direct = ann.put(&format!("/direct/{id}"), &json!({})).await;
        assert_eq!(direct.problem(), "not-found", "{id}");
        let block = ann.put(&format!("/me/blocks/{id}"), &json!({})).await;
        assert_eq!(block.problem(), "not-found", "{id}");
        assert_eq!(ann.delete(&format!("/me/blocks/{id}")).await.status, 204, "{id}");
        let unknown = [("user".to_owned(), "unknown".to_owned())];
        let members = format!("/conversations/{other}/members");
        assert_eq!(ann.post(&members, &json!({"user": id})).await.errors(), unknown, "{id}");
        let new = ann.post("/conversations", &json!({"members": [id]})).await;
        assert_eq!(new.errors(), [("members".to_owned(), "unknown".to_owned())], "{id}");
    }
    assert_eq!(ann.get("/users?username=bob").await.is(200), json!({"items": []}));
    let mention = ann.send_message(group, "hello @bob").await;
    assert_eq!(mention["mentions"], json!([]));
    let members = ann.get(&format!("/conversations/{group}/members")).await.is(200);
    assert_eq!(members["items"][1]["user"]["username"], "bob", "its rows keep the name");
}

#[actix_web::test]
async fn user_look_ups_take_one_name_or_several_ids() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let many = |count: usize| vec!["1"; count].join(",");
    let cases = [
        ("/users".to_owned(), "username", "required"),
        ("/users?username=ann&ids=1".to_owned(), "ids", "alone"),
        ("/users?ids=".to_owned(), "ids", "ids"),
        ("/users?ids=1,x".to_owned(), "ids", "ids"),
        ("/users?ids=1,,2".to_owned(), "ids", "ids"),
        ("/users?ids=99999999999999999999".to_owned(), "ids", "ids"),
        (format!("/users?ids={}", many(101)), "ids", "max_length"),
    ];

    for (path, field, rule) in cases {
        let answer = ann.get(&path).await;

        assert_eq!(answer.problem(), "invalid-request", "{path}");
        assert_eq!(answer.errors(), [(field.to_owned(), rule.to_owned())], "{path}");
    }
    ann.get(&format!("/users?ids={}", many(100))).await.is(200);
}

#[actix_web::test]
async fn profile_changes_are_partial_and_visible_to_others() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let bob = Client::new(&world, "bob").await;
    let whole = json!({
        "display_name": " Ann \u{1f980} ", "about": "one\ntwo", "added_by": "nobody",
    });

    let altered = ann.patch("/me", &whole).await.is(200);
    let seen = bob.get("/users?username=ann").await.is(200);
    let cleared = ann.patch("/me", &json!({"display_name": null})).await.is(200);

    let want = json!({
        "id": ann.id(), "username": "ann", "email": "ann@example.com", "superuser": false,
        "display_name": "Ann \u{1f980}", "about": "one\ntwo", "hide_presence": false,
        "added_by": "nobody",
        "last_seen_at": null,
    });
    assert_eq!(altered, want);
    assert_eq!(seen["items"][0]["display_name"], "Ann \u{1f980}");
    assert_eq!(seen["items"][0]["about"], "one\ntwo");
    assert_eq!((&cleared["display_name"], &cleared["about"]), (&Value::Null, &json!("one\ntwo")));
    assert_eq!(ann.get("/me").await.is(200), cleared);
    assert_eq!(ann.patch("/me", &json!({})).await.is(200), cleared);
}

#[actix_web::test]
async fn invalid_profiles_are_reported_by_field_and_rule() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let cases = [
        (json!({"display_name": "x".repeat(65)}), "display_name", "max_length"),
        (json!({"display_name": "a\nb"}), "display_name", "control"),
        (json!({"display_name": "a\u{2028}b"}), "display_name", "control"),
        (json!({"display_name": "a\u{202e}b"}), "display_name", "direction"),
        (json!({"display_name": " "}), "display_name", "blank"),
        (json!({"display_name": "\u{3164}"}), "display_name", "blank"),
        (json!({"about": "x".repeat(501)}), "about", "max_length"),
        (json!({"about": "a\u{0}b"}), "about", "control"),
        (json!({"about": 7}), "about", "type"),
        (json!({"hide_presence": "yes"}), "hide_presence", "type"),
        (json!({"added_by": "friends"}), "added_by", "enum"),
        (json!({"username": "eve"}), "username", "unknown"),
    ];
    let before = ann.get("/me").await.is(200);

    for (body, field, rule) in cases {
        let answer = ann.patch("/me", &body).await;

        assert_eq!((answer.status, answer.problem().as_str()), (400, "invalid-request"));
        assert_eq!(answer.errors(), [(field.to_owned(), rule.to_owned())], "{}", answer.body);
    }
    assert_eq!(ann.get("/me").await.is(200), before);
}

#[actix_web::test]
async fn hidden_presence_shows_users_offline_to_others_only() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let bob = Client::new(&world, "bob").await;
    world.presence.enter(&username("ann"));
    world.chat.seen(&[(UserId::new(ann.id()), at(7))]).await.unwrap();
    let profile = async |client: &Client<'_>| {
        let path = format!("/users/{}", ann.id());
        let by_id = client.get(&path).await.is(200);
        let by_ids = client.get(&format!("/users?ids={}", ann.id())).await.is(200);
        let by_name = client.get("/users?username=ann").await.is(200);
        assert_eq!((&by_ids["items"][0], &by_name["items"][0]), (&by_id, &by_id));
        (by_id["online"].clone(), by_id["last_seen_at"].clone())
    };
    let seen = json!("1970-01-01T00:00:07.000000Z");

    let before = profile(&bob).await;
    ann.patch("/me", &json!({"hide_presence": true})).await.is(200);
    let hidden = profile(&bob).await;
    let to_herself = profile(&ann).await;
    let me = ann.get("/me").await.is(200);
    ann.patch("/me", &json!({"hide_presence": false})).await.is(200);

    assert_eq!(before, (json!(true), seen.clone()));
    assert_eq!(hidden, (json!(false), Value::Null));
    assert_eq!(to_herself, (json!(true), seen.clone()));
    assert_eq!(me["last_seen_at"], seen);
    assert_eq!(profile(&bob).await, before);
}

/// In both directions, whichever of the two blocks.
#[actix_web::test]
async fn a_block_hides_presence_and_last_seen() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let bob = Client::new(&world, "bob").await;
    let eve = Client::new(&world, "eve").await;
    world.presence.enter(&username("ann"));
    world.chat.seen(&[(UserId::new(ann.id()), at(50))]).await.unwrap();
    let seen_by = async |who: &Client<'_>, seen: &Client<'_>| {
        let by_id = who.get(&format!("/users/{}", seen.id())).await.is(200);
        let name = by_id["username"].as_str().unwrap();
        let by_name = who.get(&format!("/users?username={name}")).await.is(200);
        assert_eq!(by_name["items"][0], by_id);
        (by_id["online"].as_bool().unwrap(), !by_id["last_seen_at"].is_null())
    };
    assert_eq!(seen_by(&bob, &ann).await, (true, true));

    ann.put(&format!("/me/blocks/{}", bob.id()), &json!({})).await.is(204);
    eve.put(&format!("/me/blocks/{}", ann.id()), &json!({})).await.is(204);

    assert_eq!(seen_by(&bob, &ann).await, (false, false), "ann blocks bob");
    assert_eq!(seen_by(&eve, &ann).await, (false, false), "eve blocks ann");
    assert_eq!(seen_by(&ann, &ann).await, (true, true));
    ann.delete(&format!("/me/blocks/{}", bob.id())).await.is(204);
    assert_eq!(seen_by(&bob, &ann).await, (true, true));
}

#[actix_web::test]
async fn hidden_presence_hides_read_receipts() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let bob = Client::new(&world, "bob").await;
    let group = ann.group(&[&bob]).await;
    let path = format!("/conversations/{group}/read-receipts");
    let readers = async |who: &Client<'_>| -> Vec<i64> {
        let markers = who.get(&path).await.is(200);
        let markers = markers["items"].as_array().unwrap().iter();
        markers.map(|marker| marker["user"]["id"].as_i64().unwrap()).collect()
    };
    assert_eq!(readers(&ann).await, [ann.id(), bob.id()]);

    bob.patch("/me", &json!({"hide_presence": true})).await.is(200);

    assert_eq!(readers(&ann).await, [ann.id()]);
    assert_eq!(readers(&bob).await, [ann.id(), bob.id()]);
}
