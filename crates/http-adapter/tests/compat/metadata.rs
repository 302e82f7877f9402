use actix_web::http::Method;
use serde_json::{Value, json};

use crate::world::{LOGIN, MESSAGES, REFRESH, REGISTER, VERIFY, World, detail};

fn names(fields: &Value) -> Vec<&str> {
    fields.as_object().unwrap().keys().map(String::as_str).collect()
}

#[actix_web::test]
async fn options_describes_each_endpoint() {
    let world = World::new();
    let ann = world.user("ann").await;
    let message = ["author", "author_username", "content", "created_at", "id", "is_modified"];
    let cases: [(&str, &str, &[&str]); 5] = [
        (REGISTER, "Register", &["email", "id", "password", "username"]),
        (LOGIN, "Custom Token Obtain Pair", &["password", "username"]),
        (REFRESH, "Token Refresh", &["access", "refresh"]),
        (VERIFY, "Token Verify", &["token"]),
        (MESSAGES, "Message List", &message),
    ];

    for (path, name, fields) in cases {
        let answer = world.request(Method::OPTIONS, path, Some(&ann)).await;
        let body = answer.value();
        assert_eq!((answer.status, &body["name"]), (200, &json!(name)));
        let mut described = names(&body["actions"]["POST"]);
        described.sort_unstable();
        assert_eq!(described, fields);
    }
    let username = json!({
        "type": "string", "required": true, "read_only": false, "label": "Username", "max_length": 150,
        "help_text": "Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.",
    });
    let register = world.request(Method::OPTIONS, REGISTER, None).await.value();
    assert_eq!(register["actions"]["POST"]["username"], username);
    let root = world.request(Method::OPTIONS, "/chat/api/", None).await.value();
    assert_eq!(root["name"], json!("Api Root"));
    assert_eq!(root.get("actions"), None);
}

#[actix_web::test]
async fn options_describes_updates_only_to_the_author() {
    let world = World::new();
    let (ann, bob) = (world.user("ann").await, world.user("bob").await);
    let path = detail(&world.message(&ann, "hers").await);

    let author = world.request(Method::OPTIONS, &path, Some(&ann)).await.value();
    let reader = world.request(Method::OPTIONS, &path, Some(&bob)).await.value();
    let unknown = world.request(Method::OPTIONS, "/chat/api/messages/77/", Some(&ann)).await;

    assert_eq!(author["name"], json!("Message Instance"));
    assert_eq!(names(&author["actions"]), ["PUT"]);
    let content =
        json!({"type": "string", "required": true, "read_only": false, "label": "Content"});
    assert_eq!(author["actions"]["PUT"]["content"], content);
    assert_eq!(reader.get("actions"), None);
    assert_eq!((unknown.status, unknown.value().get("actions")), (200, None));
    assert_eq!(world.request(Method::OPTIONS, &path, None).await.status, 401);
}
