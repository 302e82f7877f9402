//! Sending, listing, editing and reacting.

use actix_web::http::Method;
use actix_web::http::header::IF_MATCH;
use actix_web::test::TestRequest;
use application::ports::ConversationStore as _;
use domain::{Action, ConversationId, UserId};
use serde_json::{Value, json};
use testkit::values;

use crate::client::Client;
use crate::world::{World, signed_v1};

#[actix_web::test]
async fn a_retry_returns_the_first_message() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let body = json!({"body": "hi", "client_id": "0190d1f0-0000-7abc-8def-0123456789ab"});

    let first = ann.post("/conversations/1/messages", &body).await;
    let again = ann.post("/conversations/1/messages", &body).await;
    let other = json!({"body": "ho", "client_id": body["client_id"]});
    let other = ann.post("/conversations/1/messages", &other).await;

    assert_eq!(first.is(201), again.is(200));
    let message = first.value();
    assert_eq!(message["author"], json!({"id": ann.id(), "username": "ann"}));
    assert_eq!((message["msg_no"].as_i64(), message["seq"].as_i64()), (Some(1), Some(1)));
    assert_eq!(message["client_id"], body["client_id"]);
    assert_eq!((other.status, other.problem().as_str()), (409, "client-id-reused"));
}

#[actix_web::test]
async fn messages_of_one_api_appear_in_the_other() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;

    ann.send_message(1, "from v1").await;
    world.message(&ann.user, "from the other").await;

    let page = ann.get("/conversations/1/messages").await.is(200);
    let bodies: Vec<_> = page["items"].as_array().unwrap().iter().map(|m| &m["body"]).collect();
    assert_eq!(bodies, ["from v1", "from the other"]);
    assert_eq!(page["items"][1]["seq"], 2);
}

#[actix_web::test]
async fn pages_lead_from_newest_to_oldest_and_back() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    for n in 1..=5 {
        ann.send_message(1, &n.to_string()).await;
    }
    let bodies = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["body"].as_str().unwrap().to_owned()).collect()
    };
    let path = |query: &str| format!("/conversations/1/messages?limit=2{query}");

    let newest = ann.get(&path("")).await.is(200);
    let before = |page: &Value| path(&format!("&before={}", page["before"].as_str().unwrap()));
    let middle = ann.get(&before(&newest)).await.is(200);
    let oldest = ann.get(&before(&middle)).await.is(200);
    let after = path(&format!("&after={}", oldest["after"].as_str().unwrap()));
    let back = ann.get(&after).await.is(200);

    assert_eq!(
        [bodies(&newest), bodies(&middle), bodies(&oldest)].concat(),
        ["4", "5", "2", "3", "1"]
    );
    assert_eq!(bodies(&back), ["2", "3"]);
    assert_eq!((&newest["after"], &oldest["before"]), (&Value::Null, &Value::Null));
    assert_eq!((newest["seq"].as_i64(), newest["msg_no"].as_i64()), (Some(5), Some(5)));
}

/// JSON writes six bytes for each of these characters.
#[actix_web::test]
async fn pages_are_bounded_by_their_size_in_json() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let group = ann.group(&[]).await;
    let text = format!("needle {}", "\u{1}".repeat(100_000));
    let (conversation, user) = (ConversationId::new(group), UserId::new(ann.id()));
    for n in 0..6 {
        let sent = world.chat.commit(vec![values::send(conversation, user, n, &text)]).await;
        let message = sent.unwrap().pop().unwrap().unwrap().message().unwrap().id;
        let pin = Action::Pin { message, pinned: true };
        let pin = values::intent(conversation, user, pin);
        assert!(world.chat.commit(vec![pin]).await.unwrap().pop().unwrap().is_ok());
    }
    let cursor = ann.get(&format!("/conversations/{group}/cursor")).await.is(200);
    let epoch = cursor["epoch"].as_str().unwrap();
    let version = &cursor["view_version"];
    let newest = ann.get(&format!("/conversations/{group}/messages")).await.is(200);
    let before = newest["before"].as_str().unwrap();
    let older = format!("messages?before={before}");
    let page = ann.get(&format!("/conversations/{group}/{older}")).await.is(200);
    let after = page["before"].as_str().unwrap();
    let lists = [
        ("messages".to_owned(), "items", "before"),
        (older, "items", "before"),
        (format!("messages?after={after}"), "items", "after"),
        ("pins".to_owned(), "items", "next"),
        (format!("changes?since=0&epoch={epoch}&view_version={version}"), "changes", "more"),
        ("messages/search?q=needle".to_owned(), "items", "next"),
    ];

    for (path, items, more) in lists {
        let page = ann.get(&format!("/conversations/{group}/{path}")).await.is(200);
        let length = page[items].as_array().unwrap().len();
        assert_eq!(length, 2, "{path}");
        assert!(page[more] != Value::Null && page[more] != json!(false), "{path}");
    }
}

#[actix_web::test]
async fn if_match_refuses_a_newer_text() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let message = ann.send_message(1, "one").await;
    let path = format!("/conversations/1/messages/{}", message["id"]);
    let ask = async |method: Method, text: &str, tag: &str| {
        let request = TestRequest::with_uri(&format!("/api/v1{path}")).method(method);
        let request = request.insert_header((IF_MATCH, tag)).set_json(json!({"body": text}));
        world.send(signed_v1(request, Some(&ann.user))).await
    };
    let edit = async |text: &str, tag: &str| ask(Method::PATCH, text, tag).await;
    assert_eq!(ann.get(&path).await.header("etag"), Some("\"0\""));

    let first = edit("two", "\"0\"").await;
    let late = edit("three", "\"0\"").await;
    let forced = edit("four", "*").await;
    // A proxy that compresses makes tags weak.
    let weak = edit("five", "W/\"2\"").await;
    let listed = edit("six", "\"0\", \"3\"").await;
    let foreign = edit("seven", "\"04\"").await;
    let malformed = edit("eight", "4").await;

    assert_eq!((first.status, first.header("etag")), (200, Some("\"1\"")));
    assert_eq!((late.status, late.problem().as_str()), (412, "outdated"));
    assert_eq!(
        (forced.value()["body"].as_str(), forced.value()["edits"].as_i64()),
        (Some("four"), Some(2))
    );
    assert_eq!(
        (weak.is(200)["edits"].as_i64(), listed.is(200)["edits"].as_i64()),
        (Some(3), Some(4))
    );
    assert_eq!(foreign.problem(), "outdated");
    assert_eq!(malformed.errors(), [("If-Match".to_owned(), "etag".to_owned())]);
    let kept = ask(Method::DELETE, "", "\"3\"").await;
    assert_eq!((kept.status, kept.problem().as_str()), (412, "outdated"));
    assert_eq!(ask(Method::DELETE, "", "\"4\"").await.status, 204);
}

#[actix_web::test]
async fn reactions_pins_and_deletions_are_shown() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let bob = Client::new(&world, "bob").await;
    let direct = ann.put(&format!("/direct/{}", bob.id()), &json!({})).await.is(201);
    let id = direct["id"].as_i64().unwrap();
    let message = ann.send_message(id, "look").await;
    let path = format!("/conversations/{id}/messages/{}", message["id"]);

    bob.put(&format!("{path}/reactions/%F0%9F%91%8D"), &json!({})).await.is(200);
    let both = ann.put(&format!("{path}/reactions/%F0%9F%91%8D"), &json!({})).await.is(200);
    let one = ann.delete(&format!("{path}/reactions/%F0%9F%91%8D")).await.is(200);
    bob.put(&format!("{path}/pin"), &json!({})).await.is(200);
    let pins = ann.get(&format!("/conversations/{id}/pins")).await.is(200);
    assert_eq!(bob.delete(&path).await.problem(), "forbidden");
    assert_eq!(ann.delete(&path).await.status, 204);

    assert_eq!(both["reactions"], json!([{"emoji": "👍", "users": [bob.id(), ann.id()]}]));
    assert_eq!(one["reactions"], json!([{"emoji": "👍", "users": [bob.id()]}]));
    assert_eq!(pins["items"][0]["id"], message["id"]);
    assert_eq!(ann.get(&path).await.problem(), "not-found");
    let left = ann.get(&format!("/conversations/{id}/pins")).await.is(200);
    assert_eq!(left["items"], json!([]));
}

#[actix_web::test]
async fn replies_must_name_a_visible_message() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let bob = Client::new(&world, "bob").await;
    let group = ann.group(&[]).await;
    let old = ann.send_message(group, "before bob").await;
    ann.post(&format!("/conversations/{group}/members"), &json!({"user": bob.id()})).await.is(201);
    let new = ann.send_message(group, "hello @bob").await;
    let path = format!("/conversations/{group}/messages");

    let fine = bob.post(&path, &json!({"body": "re", "reply_to": new["id"]})).await.is(201);
    let hidden = bob.post(&path, &json!({"body": "re", "reply_to": old["id"]})).await;

    assert_eq!(fine["reply_to"], new["id"]);
    assert_eq!(new["mentions"], json!([bob.id()]));
    assert_eq!(hidden.is(400)["errors"][0]["field"], "reply_to");
}

#[actix_web::test]
async fn a_reaction_is_an_emoji_in_one_form_or_a_short_code() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let message = ann.send_message(1, "look").await;
    let path = format!("/conversations/1/messages/{}/reactions", message["id"]);
    // A heart with and without the selector of its presentation.
    let (heart, red_heart) = ("%E2%9D%A4", "%E2%9D%A4%EF%B8%8F");

    ann.put(&format!("{path}/{heart}"), &json!({})).await.is(200);
    let once = ann.put(&format!("{path}/{red_heart}"), &json!({})).await.is(200);
    let two = ann.put(&format!("{path}/:ShipIt:"), &json!({})).await.is(200);
    let one = ann.delete(&format!("{path}/{heart}")).await.is(200);

    let reaction = |emoji: &str| json!({"emoji": emoji, "users": [ann.id()]});
    assert_eq!(once["reactions"], json!([reaction("\u{2764}\u{fe0f}")]));
    assert_eq!(two["reactions"], json!([reaction("\u{2764}\u{fe0f}"), reaction(":shipit:")]));
    assert_eq!(one["reactions"], json!([reaction(":shipit:")]));
    for other in ["ok", "8", "%E3%85%A4", "%F0%9F%91%8D%F0%9F%91%8D"] {
        let answer = ann.put(&format!("{path}/{other}"), &json!({})).await;
        assert_eq!(answer.errors(), [("emoji".to_owned(), "emoji".to_owned())], "{other}");
    }
}

#[actix_web::test]
async fn mentions_follow_their_grammar() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let bob = Client::new(&world, "bob").await;
    let group = ann.group(&[&bob]).await;
    let cases = [
        ("\u{8bf7}@BOB\u{770b}", true),
        ("_@bob_", true),
        ("@bob.", true),
        ("@bobby", false),
        ("`@bob`", false),
        ("> @bob", false),
        ("https://example.com/@bob", false),
        ("@bob@example.com", false),
    ];

    for (text, is_mentioned) in cases {
        let message = ann.send_message(group, text).await;
        let want = if is_mentioned { json!([bob.id()]) } else { json!([]) };
        assert_eq!(message["mentions"], want, "{text}");
    }
    assert_eq!(ann.send_message(group, "@ALL").await["mentions_all"], true);
    assert_eq!(bob.send_message(group, "@all").await["mentions_all"], false);
}
