//! Conversations: listing, reading, following and blocking.

use serde_json::{Value, json};

use crate::client::Client;
use crate::world::World;

#[actix_web::test]
async fn both_users_open_the_same_direct_conversation() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let bob = Client::new(&world, "bob").await;

    let first = ann.put(&format!("/direct/{}", bob.id()), &json!({})).await.is(201);
    let again = ann.put(&format!("/direct/{}", bob.id()), &json!({})).await.is(200);
    let other = bob.put(&format!("/direct/{}", ann.id()), &json!({})).await.is(200);

    assert_eq!(first["kind"], "direct");
    assert_eq!(first["other"], json!({"id": bob.id(), "username": "bob"}));
    assert_eq!(other["other"], json!({"id": ann.id(), "username": "ann"}));
    assert_eq!([&first["id"], &first["id"]], [&again["id"], &other["id"]]);
    assert_eq!(ann.put(&format!("/direct/{}", ann.id()), &json!({})).await.problem(), "forbidden");
    assert_eq!(ann.put("/direct/999", &json!({})).await.problem(), "not-found");
}

#[actix_web::test]
async fn a_direct_conversation_is_listed_from_its_first_message_on() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let bob = Client::new(&world, "bob").await;
    let ids = async |who: &Client<'_>| -> Vec<i64> {
        let list = who.get("/conversations").await.is(200);
        list["items"].as_array().unwrap().iter().map(|item| item["id"].as_i64().unwrap()).collect()
    };

    let direct = ann.put(&format!("/direct/{}", bob.id()), &json!({})).await.is(201);
    let direct = direct["id"].as_i64().unwrap();
    assert_eq!((ids(&ann).await, ids(&bob).await), (vec![1], vec![1]));
    ann.get(&format!("/conversations/{direct}")).await.is(200);
    ann.send_message(direct, "hello").await;

    assert_eq!((ids(&ann).await, ids(&bob).await), (vec![direct, 1], vec![direct, 1]));
    assert_eq!(bob.get("/conversations").await.is(200)["items"][0]["unread"], 1);
}

#[actix_web::test]
async fn a_repeated_creation_returns_the_first_group() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let bob = Client::new(&world, "bob").await;
    let id = "0190d1f0-0000-7abc-8def-0123456789ab";
    let body = json!({"title": "Lunch", "members": [bob.id()], "client_id": id});
    let create = async |body: Value| ann.post("/conversations", &body).await;

    let (first, second) = tokio::join!(create(body.clone()), create(body.clone()));
    bob.put(&format!("/me/blocks/{}", ann.id()), &json!({})).await.is(204);
    let third = create(body.clone()).await;
    let other = create(json!({"title": "Dinner", "client_id": id})).await;
    let wrong = create(json!({"client_id": "7"})).await;

    let group = third.is(200);
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 201]);
    for answer in [&first, &second, &third] {
        assert_eq!(answer.value()["id"], group["id"]);
        let location = format!("/api/v1/conversations/{}", group["id"]);
        assert_eq!(answer.header("location"), Some(location.as_str()));
    }
    assert_eq!((other.status, other.problem().as_str()), (409, "client-id-reused"));
    assert_eq!(wrong.errors(), [("client_id".to_owned(), "uuid".to_owned())]);
    let list = bob.get("/conversations").await.is(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
}

#[actix_web::test]
async fn the_list_is_ordered_by_activity_and_counts_unread() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let bob = Client::new(&world, "bob").await;
    let groups = [ann.group(&[&bob]).await, ann.group(&[&bob]).await, ann.group(&[&bob]).await];
    ann.send_message(groups[1], "one").await;
    ann.send_message(groups[1], "two @bob").await;
    for text in ["three", "four", "five"] {
        ann.send_message(groups[0], text).await;
    }

    let list = bob.get("/conversations?limit=2").await.is(200);
    let next = list["next"].as_str().unwrap();
    let rest = bob.get(&format!("/conversations?limit=2&before={next}")).await.is(200);

    let ids = |list: &Value| -> Vec<i64> {
        list["items"].as_array().unwrap().iter().map(|item| item["id"].as_i64().unwrap()).collect()
    };
    let ids = [ids(&list), ids(&rest)].concat();
    assert_eq!(ids, [groups[0], groups[1], groups[2], 1]);
    assert_eq!(rest["next"], Value::Null);
    let second = &list["items"][1];
    assert_eq!((second["unread"].as_i64(), second["unread_mentions"].as_i64()), (Some(2), Some(1)));
    assert_eq!(ann.get(&format!("/conversations/{}", groups[1])).await.is(200)["unread"], 0);
}

#[actix_web::test]
async fn read_markers_move_forward_up_to_the_newest_message() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let bob = Client::new(&world, "bob").await;
    let group = ann.group(&[&bob]).await;
    for text in ["a", "b @bob", "c"] {
        ann.send_message(group, text).await;
    }
    let read = async |no: i64| {
        let path = format!("/conversations/{group}/read");
        bob.put(&path, &json!({"msg_no": no})).await.is(200)["read_no"].as_i64().unwrap()
    };

    assert_eq!([read(2).await, read(1).await, read(99).await], [2, 2, 3]);
    let entry = bob.get(&format!("/conversations/{group}")).await.is(200);
    assert_eq!((entry["unread"].as_i64(), entry["unread_mentions"].as_i64()), (Some(0), Some(0)));
    assert_eq!(bob.put(&format!("/conversations/{group}/mute"), &json!({})).await.status, 204);
    assert_eq!(bob.get(&format!("/conversations/{group}")).await.is(200)["muted"], true);
    assert_eq!(ann.get(&format!("/conversations/{group}")).await.is(200)["muted"], false);
}

#[actix_web::test]
async fn small_groups_show_read_receipts() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let bob = Client::new(&world, "bob").await;
    let eve = Client::new(&world, "eve").await;
    let group = ann.group(&[&bob, &eve]).await;
    let path = format!("/conversations/{group}/read-receipts");
    for text in ["a", "b"] {
        ann.send_message(group, text).await;
    }
    let up_to = json!({"msg_no": 1});
    bob.put(&format!("/conversations/{group}/read"), &up_to).await.is(200);
    eve.put(&format!("/me/blocks/{}", bob.id()), &json!({})).await.is(204);
    let marker = |who: &Client<'_>, name: &str, no: i64| json!({"user": {"id": who.id(), "username": name}, "read_no": no});

    let [of_ann, of_bob, of_eve] =
        [marker(&ann, "ann", 2), marker(&bob, "bob", 1), marker(&eve, "eve", 0)];
    let seen = async |who: &Client<'_>| who.get(&path).await.is(200);
    assert_eq!(seen(&bob).await, json!({"items": [of_ann, of_bob, of_eve], "next": null}));
    assert_eq!(seen(&eve).await, json!({"items": [of_ann, of_eve], "next": null}));
}

#[actix_web::test]
async fn large_groups_and_the_lobby_hide_read_receipts() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let mut others = Vec::new();
    for n in 1..=50 {
        others.push(Client::new(&world, &format!("user{n}")).await);
    }
    let group = ann.group(&others.iter().collect::<Vec<_>>()).await;
    let readers = async |id: i64| ann.get(&format!("/conversations/{id}/read-receipts")).await;

    for id in [group, 1] {
        let refused = readers(id).await;
        assert_eq!((refused.status, refused.problem().as_str()), (403, "receipts-hidden"));
        let detail = "Direct conversations and groups of at most 50 members show them.";
        assert_eq!(refused.value()["detail"], detail);
    }
    let left = others.pop().unwrap();
    left.delete(&format!("/conversations/{group}/members/me")).await.is(204);
    let page = readers(group).await.is(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 50);
}

#[actix_web::test]
async fn changes_follow_any_cursor_and_foreign_cursors_are_reset() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let bob = Client::new(&world, "bob").await;
    let group = ann.group(&[&bob]).await;
    let at = bob.get(&format!("/conversations/{group}/cursor")).await.is(200);
    let message = ann.send_message(group, "x").await;
    let path = format!("/conversations/{group}/messages/{}", message["id"]);
    ann.patch(&path, &json!({"body": "y"})).await.is(200);
    ann.patch(&format!("/conversations/{group}"), &json!({"title": "New"})).await.is(200);
    let changes = async |position: &Value, since: i64| {
        let epoch = position["epoch"].as_str().unwrap();
        let view = &position["view_version"];
        let path = format!("/conversations/{group}/changes");
        bob.get(&format!("{path}?since={since}&epoch={epoch}&view_version={view}")).await.is(200)
    };

    let page = changes(&at, 0).await;
    let kinds: Vec<_> = page["changes"].as_array().unwrap().iter().map(|c| &c["kind"]).collect();
    assert_eq!(kinds, ["message", "conversation"]);
    assert_eq!(page["changes"][0]["data"]["body"], "y");
    assert_eq!((page["to"].as_i64(), page["reset"].as_bool()), (Some(3), Some(false)));
    assert_eq!(changes(&at, 99).await["reset"], true);
    let other = json!({"epoch": "00000000-0000-0000-0000-000000000000", "view_version": 0});
    assert_eq!(changes(&other, 0).await["reset"], true);
    ann.patch(&format!("/conversations/{group}"), &json!({"history": "all"})).await.is(200);
    assert_eq!(changes(&at, 3).await["reset"], true, "what ann may see has changed");
}

#[actix_web::test]
async fn blocked_users_cannot_write_directly_and_are_hidden_in_groups() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let eve = Client::new(&world, "eve").await;
    let joe = Client::new(&world, "joe").await;
    let direct = eve.put(&format!("/direct/{}", ann.id()), &json!({})).await.is(201);
    let direct = direct["id"].as_i64().unwrap();
    let group = joe.group(&[&ann, &eve]).await;

    assert_eq!(ann.put(&format!("/me/blocks/{}", eve.id()), &json!({})).await.status, 204);
    let path = format!("/conversations/{direct}/messages");
    assert_eq!(eve.post(&path, &json!({"body": "x"})).await.problem(), "blocked");
    assert_eq!(eve.put(&format!("/direct/{}", ann.id()), &json!({})).await.problem(), "blocked");
    let with_ann = json!({"members": [ann.id()]});
    assert_eq!(eve.post("/conversations", &with_ann).await.problem(), "blocked");
    eve.send_message(group, "unseen").await;
    joe.send_message(group, "seen").await;

    let seen = async |who: &Client<'_>| {
        let page = who.get(&format!("/conversations/{group}/messages")).await.is(200);
        page["items"].as_array().unwrap().len()
    };
    assert_eq!((seen(&ann).await, seen(&joe).await), (1, 2));
    let list = ann.get("/me/blocks").await.is(200);
    assert_eq!(list["items"], json!([{"id": eve.id(), "username": "eve"}]));
    assert_eq!(ann.delete(&format!("/me/blocks/{}", eve.id())).await.status, 204);
    assert_eq!(seen(&ann).await, 2);
    eve.send_message(direct, "again").await;
}

#[actix_web::test]
async fn blocking_hides_reactions_and_member_rows() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let eve = Client::new(&world, "eve").await;
    let joe = Client::new(&world, "joe").await;
    let group = ann.group(&[&eve, &joe]).await;
    let path = format!("/conversations/{group}");
    let message = ann.send_message(group, "look @eve").await;
    let reaction = format!("{path}/messages/{}/reactions/%F0%9F%91%8D", message["id"]);
    for who in [&eve, &joe] {
        who.put(&reaction, &json!({})).await.is(200);
    }
    ann.put(&format!("{path}/messages/{}/pin", message["id"]), &json!({})).await.is(200);

    ann.put(&format!("/me/blocks/{}", eve.id()), &json!({})).await.is(204);

    let cursor = ann.get(&format!("{path}/cursor")).await.is(200);
    let since = format!(
        "{path}/changes?since=0&epoch={}&view_version={}",
        cursor["epoch"].as_str().unwrap(),
        cursor["view_version"]
    );
    let users = json!([joe.id()]);
    let shown = async |path: &str, at: &str| {
        let body = ann.get(path).await.is(200);
        body.pointer(at).cloned().unwrap()
    };
    let one = format!("{path}/messages/{}", message["id"]);
    let (all, pins) = (format!("{path}/messages"), format!("{path}/pins"));
    let search = format!("{path}/messages/search?q=look");
    assert_eq!(shown(&one, "/reactions/0/users").await, users);
    assert_eq!(shown(&all, "/items/0/reactions/0/users").await, users);
    assert_eq!(shown(&pins, "/items/0/reactions/0/users").await, users);
    assert_eq!(shown(&search, "/items/0/reactions/0/users").await, users);
    assert_eq!(shown(&since, "/changes/0/data/reactions/0/users").await, users);
    let edited = ann.patch(&one, &json!({"body": "look again"})).await.is(200);
    assert_eq!(edited["reactions"][0]["users"], users);
    let export = ann.get(&format!("{path}/export")).await.body;
    let export: Value = serde_json::from_str(export.trim_end()).unwrap();
    assert_eq!(export["reactions"][0]["users"], users);
    let members = ann.get(&format!("{path}/members")).await.is(200);
    let names = members["items"].as_array().unwrap().iter();
    let names: Vec<_> = names.map(|member| &member["user"]["username"]).collect();
    assert_eq!(names, ["ann", "joe"]);
    let to_joe = joe.get(&one).await.is(200);
    assert_eq!(to_joe["reactions"][0]["users"], json!([eve.id(), joe.id()]));
}

#[actix_web::test]
async fn writing_to_a_message_of_a_blocked_user_answers_like_reading_it() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let eve = Client::new(&world, "eve").await;
    let group = ann.group(&[&eve]).await;
    let message = eve.send_message(group, "hidden").await;
    ann.put(&format!("/me/blocks/{}", eve.id()), &json!({})).await.is(204);
    let path = format!("/conversations/{group}/messages");
    let one = format!("{path}/{}", message["id"]);

    let answers = [
        ann.get(&one).await,
        ann.patch(&one, &json!({"body": "x"})).await,
        ann.put(&format!("{one}/reactions/:x:"), &json!({})).await,
        ann.put(&format!("{one}/pin"), &json!({})).await,
        ann.delete(&one).await,
    ];

    for answer in answers {
        assert_eq!(answer.problem(), "not-found");
    }
    let reply = ann.post(&path, &json!({"body": "x", "reply_to": message["id"]})).await;
    assert_eq!(reply.errors(), [("reply_to".to_owned(), "unknown".to_owned())]);
}

#[actix_web::test]
async fn deleted_groups_are_gone_for_all_members() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let bob = Client::new(&world, "bob").await;
    let group = ann.group(&[&bob]).await;
    let path = format!("/conversations/{group}");

    assert_eq!(bob.delete(&path).await.problem(), "forbidden");
    assert_eq!(ann.delete(&path).await.status, 204);

    for who in [&ann, &bob] {
        assert_eq!(who.get(&path).await.problem(), "not-found");
        assert_eq!(who.get("/conversations").await.is(200)["items"].as_array().unwrap().len(), 1);
        let send = who.post(&format!("{path}/messages"), &json!({"body": "x"})).await;
        assert_eq!(send.problem(), "not-found");
    }
}

#[actix_web::test]
async fn titles_and_topics_must_show_something() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let cases = [
        (json!({"title": "\u{200b}"}), "title", "blank"),
        (json!({"title": "\u{2800}\u{301}"}), "title", "blank"),
        (json!({"title": "a\u{2029}b"}), "title", "control"),
        (json!({"title": "a\u{202e}b"}), "title", "direction"),
        (json!({"title": "a", "topic": "\u{3164}"}), "topic", "blank"),
        (json!({"title": "a", "topic": "a\u{7}b"}), "topic", "control"),
    ];

    for (body, field, rule) in cases {
        let answer = ann.post("/conversations", &body).await;
        assert_eq!(answer.errors(), [(field.to_owned(), rule.to_owned())], "{}", answer.body);
    }
    let group = json!({"title": "a", "topic": "one\r\n\ttwo\u{2028}three"});
    let group = ann.post("/conversations", &group).await.is(201);
    assert_eq!(group["topic"], "one\n\ttwo\nthree");
}
