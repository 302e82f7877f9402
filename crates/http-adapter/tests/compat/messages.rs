use actix_web::http::{Method, StatusCode};
use domain::UserId;
use serde_json::{Value, json};
use testkit::values;

use crate::world::{MESSAGE_BYTES, MESSAGES, World, detail};

const REQUIRED: &str = "This field is required.";
const NULL: &str = "This field may not be null.";

#[actix_web::test]
async fn a_message_is_created_and_read_back() {
    let world = World::new();
    let (ann, bob) = (world.user("ann").await, world.user("bob").await);
    let body = json!({"content": "  hi\u{2028} ", "author": ann.id.to_string(), "id": 99});

    let created = world.json(Method::POST, MESSAGES, Some(&ann), &body).await;
    let message = created.value();
    let read = world.request(Method::GET, &detail(&message), Some(&bob)).await;
    let listed = world.request(Method::GET, MESSAGES, Some(&bob)).await;

    assert_eq!(created.status, 201);
    assert_eq!(
        message,
        json!({
            "id": 1,
            "content": "hi",
            "created_at": message["created_at"],
            "author": ann.id,
            "author_username": "ann",
            "is_modified": false,
        })
    );
    let at = message["created_at"].as_str().unwrap();
    assert!(at.starts_with("2026-01-01T03:00:0") && at.ends_with("+03:00"), "{at}");
    assert_eq!((read.status, &read.body), (200, &created.body));
    assert_eq!((listed.status, listed.body.clone()), (200, format!("[{}]", created.body)));
    assert_eq!(listed.header("content-type"), Some("application/json"));
}

#[actix_web::test]
async fn creation_reports_the_errors_of_each_field() {
    struct Case {
        body: Value,
        want: Value,
    }
    let world = World::new();
    let (ann, bob) = (world.user("ann").await, world.user("bob").await);
    let unknown = "Invalid pk \"2000000000\" - object does not exist.";
    let beyond = "Invalid pk \"99999999999999999999999\" - object does not exist.";
    let text = |content: Value| json!({"content": content, "author": ann.id});
    let cases = [
        Case { body: json!({}), want: json!({"content": [REQUIRED], "author": [REQUIRED]}) },
        Case { body: json!({"content": "x"}), want: json!({"author": [REQUIRED]}) },
        Case {
            body: text(json!(" \n")),
            want: json!({"content": ["This field may not be blank."]}),
        },
        Case { body: text(json!([])), want: json!({"content": ["Not a valid string."]}) },
        Case {
            body: text(json!("a\u{0}")),
            want: json!({"content": ["Null characters are not allowed."]}),
        },
        Case {
            body: text(json!("x".repeat(MESSAGE_BYTES + 1))),
            want: json!({"content": ["Ensure this field has no more than 100000 bytes."]}),
        },
        Case {
            body: json!({"content": "x", "author": 2_000_000_000}),
            want: json!({"author": [unknown]}),
        },
        Case {
            body: json!({"content": "x", "author": "99999999999999999999999"}),
            want: json!({"author": [beyond]}),
        },
        Case {
            body: json!({"content": "x", "author": bob.id}),
            want: json!({"author": ["You can only write in your own name."]}),
        },
        Case {
            body: json!({"content": null, "author": "abc", "is_modified": "maybe"}),
            want: json!({
                "content": [NULL],
                "author": ["Incorrect type. Expected pk value, received str."],
                "is_modified": ["Must be a valid boolean."],
            }),
        },
    ];

    for Case { body, want } in cases {
        let answer = world.json(Method::POST, MESSAGES, Some(&ann), &body).await;
        answer.expect(StatusCode::BAD_REQUEST, &want);
    }
    assert_eq!(world.request(Method::GET, MESSAGES, Some(&ann)).await.body, "[]");
}

#[actix_web::test]
async fn updates_mark_the_message_and_change_only_its_text() {
    let world = World::new();
    let (ann, bob) = (world.user("ann").await, world.user("bob").await);
    let message = world.message(&ann, "first").await;
    let cases = [
        (Method::PATCH, json!({}), "first"),
        (
            Method::PATCH,
            json!({"is_modified": false, "id": 9, "created_at": "2000-01-01"}),
            "first",
        ),
        (Method::PATCH, json!({"content": " second "}), "second"),
        (Method::PUT, json!({"content": "third", "author": ann.id}), "third"),
        (Method::PATCH, json!({"content": "fourth", "author": bob.id}), "fourth"),
    ];

    for (method, body, content) in cases {
        let answer = world.json(method, &detail(&message), Some(&ann), &body).await;
        let mut want = message.clone();
        want["content"] = json!(content);
        want["is_modified"] = json!(true);
        answer.expect(StatusCode::OK, &want);
        let read = world.request(Method::GET, &detail(&message), Some(&bob)).await;
        assert_eq!(read.value(), want);
    }
}

#[actix_web::test]
async fn a_refused_update_changes_nothing() {
    let world = World::new();
    let ann = world.user("ann").await;
    let message = world.message(&ann, "kept").await;
    let cases = [
        (Method::PUT, json!({}), json!({"content": [REQUIRED], "author": [REQUIRED]})),
        (
            Method::PATCH,
            json!({"content": ""}),
            json!({"content": ["This field may not be blank."]}),
        ),
        (
            Method::PATCH,
            json!({"author": null}),
            json!({"author": ["This field may not be null."]}),
        ),
        (
            Method::PATCH,
            json!([]),
            json!({"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]}),
        ),
    ];

    for (method, body, want) in cases {
        let answer = world.json(method, &detail(&message), Some(&ann), &body).await;
        answer.expect(StatusCode::BAD_REQUEST, &want);
    }
    let read = world.request(Method::GET, &detail(&message), Some(&ann)).await;
    assert_eq!(read.value(), message);
}

#[actix_web::test]
async fn only_the_author_may_change_a_message() {
    let world = World::new();
    let (ann, bob) = (world.user("ann").await, world.user("bob").await);
    let message = world.message(&ann, "hers").await;
    let want = json!({"detail": "You do not have permission to perform this action."});

    for method in [Method::PUT, Method::PATCH, Method::DELETE] {
        let answer = world.json(method, &detail(&message), Some(&bob), &json!({})).await;
        answer.expect(StatusCode::FORBIDDEN, &want);
    }
}

#[actix_web::test]
async fn deleted_messages_are_not_found() {
    let world = World::new();
    let ann = world.user("ann").await;
    let message = world.message(&ann, "gone").await;

    let deleted = world.request(Method::DELETE, &detail(&message), Some(&ann)).await;
    let again = world.request(Method::DELETE, &detail(&message), Some(&ann)).await;

    assert_eq!((deleted.status, deleted.body.as_str()), (204, ""));
    again.expect(StatusCode::NOT_FOUND, &json!({"detail": "Not found."}));
    assert_eq!(world.request(Method::GET, MESSAGES, Some(&ann)).await.body, "[]");
}

#[actix_web::test]
async fn ids_are_read_as_python_reads_them() {
    let world = World::new();
    let ann = world.user("ann").await;
    world.message(&ann, "one").await;
    let ids = [
        ("1", 200),
        ("001", 200),
        ("+1", 200),
        ("%201%20", 200),
        ("0", 404),
        ("-1", 404),
        ("abc", 404),
        ("1.5", 404),
        ("1e0", 404),
        ("99999999999999999999999", 404),
    ];

    for (id, status) in ids {
        for method in [Method::GET, Method::PATCH] {
            let path = format!("{MESSAGES}{id}/");
            let answer = world.json(method, &path, Some(&ann), &json!({})).await;
            assert_eq!(answer.status, status, "{id}: {}", answer.body);
            assert!(status == 200 || answer.value() == json!({"detail": "Not found."}), "{id}");
        }
    }
}

#[actix_web::test]
async fn the_list_shows_the_newest_in_order() {
    let world = World::new();
    let ann = world.user("ann").await;
    for n in 1..=7 {
        world.message(&ann, &n.to_string()).await;
    }

    let listed = world.request(Method::GET, "/chat/api/messages.json?limit=1", Some(&ann)).await;

    let listed = listed.value();
    let texts: Vec<_> = listed.as_array().unwrap().iter().map(|m| m["content"].clone()).collect();
    assert_eq!(texts, ["3", "4", "5", "6", "7"]);
}

#[actix_web::test]
async fn paths_with_a_format_work_like_plain_paths() {
    let world = World::new();
    let ann = world.user("ann").await;
    let message = world.message(&ann, "x").await;
    let id = message["id"].as_i64().unwrap();

    for path in [format!("{MESSAGES}{id}.json"), format!("{MESSAGES}{id}/?format=json")] {
        let answer = world.json(Method::PATCH, &path, Some(&ann), &json!({"content": "y"})).await;
        assert_eq!((answer.status, &answer.value()["content"]), (200, &json!("y")), "{path}");
    }
    for path in
        ["/chat/api/messages.xml", "/chat/api/messages/?format=xml", "/chat/api/messages/1.xml"]
    {
        let answer = world.request(Method::GET, path, Some(&ann)).await;
        answer.expect(StatusCode::NOT_FOUND, &json!({"detail": "Not found."}));
    }
}

#[actix_web::test]
async fn banned_users_cannot_read_or_write() {
    let world = World::new();
    let ann = world.user("ann").await;
    let message = world.message(&ann, "before").await;
    let lobby = domain::ConversationId::LOBBY;
    let root = application::ports::NewAccount { superuser: true, ..values::new_account("root") };
    let root = application::ports::AccountStore::create(&*world.chat, root).await.unwrap();
    let ban = values::ban(lobby, root.id, UserId::new(ann.id));
    let outcome =
        application::ports::ConversationStore::commit(&*world.chat, vec![ban]).await.unwrap();
    assert!(outcome[0].is_ok());
    let body = json!({"content": "x", "author": ann.id});
    let cases = [
        (Method::GET, MESSAGES.to_owned()),
        (Method::POST, MESSAGES.to_owned()),
        (Method::GET, detail(&message)),
        (Method::PATCH, detail(&message)),
        (Method::DELETE, detail(&message)),
    ];

    for (method, path) in cases {
        assert_eq!(world.json(method, &path, Some(&ann), &body).await.status, 403, "{path}");
    }
}
